//! The GMSA webhook: a review, the credential specs and the access that there is make a patch or a refusal.
//!
//! [`decide`] answers as the webhook of kubernetes-sigs/windows-gmsa does, at the same two endpoints: [`Endpoint::Mutate`]
//! writes the contents of the credential specs that a pod names into the pod, [`Endpoint::Validate`] sees to it that the
//! service account may use them and that the contents are theirs. Its message and code are the answer where it refuses; what
//! else is wrong stands beside it, each with its field. Beyond it, ephemeral containers are looked at as all others are, an
//! update may drop nothing, whoever is to run as somebody on its node has to be allowed to, and porthole's [`annotation`] is written and guarded. Every difference stands in
//! `docs/differences.md`.
//!
//! ```
//! use porthole_access::Access;
//! use porthole_admission::decide::{
//!     Around, CannotTell, Contents, CredentialSpecs, Endpoint, LIMITS, Namespaces, Review, SpecError, decide,
//! };
//! use porthole_admission::host_accounts::Policy;
//!
//! struct Known;
//! impl CredentialSpecs for Known {
//!     fn contents(&self, name: &str) -> Result<Contents, SpecError> {
//!         if name == "webapp1" { Ok(Contents::new("{}")) } else { Err(SpecError::Unknown) }
//!     }
//! }
//! impl Namespaces for Known {
//!     fn host_accounts(&self, _namespace: &str) -> Result<Policy, CannotTell> { Ok(Policy::default()) }
//! }
//!
//! let body = br#"{"request": {"uid": "1", "kind": {"kind": "Pod"}, "operation": "CREATE", "namespace": "shop", "object":
//!     {"spec": {"securityContext": {"windowsOptions": {"gmsaCredentialSpecName": "webapp1"}}}}}}"#;
//! let review = Review::read(body, &LIMITS)?;
//! let around = Around {
//!     specs: &Known, access: &Access::default(), namespaces: &Known, hostname: None, runtime_classes: &[],
//! };
//! let decision = decide(Endpoint::Mutate, &review, &around);
//! assert_eq!(
//!     decision.patch().expect("it is allowed").to_json(),
//!     r#"[{"op":"add","path":"/spec/securityContext/windowsOptions/gmsaCredentialSpec","value":"{}"}]"#,
//! );
//! # Ok::<(), porthole_admission::decide::ReviewError>(())
//! ```

mod access_review;
pub mod annotation;
mod contents;
mod denial;
mod host_accounts;
mod hostname;
mod lookup;
mod mutate;
mod patch;
mod pod;
mod response;
mod review;
mod validate;

use std::fmt;

pub use access_review::{access_answer, access_review};
pub use contents::Contents;
pub use denial::{Denial, MOST_PROBLEMS, Problem};
pub use host_accounts::Outcome;
pub use lookup::{
    AccessReviews, Answer, CannotTell, CredentialSpecs, Namespaces, SpecError, Usable, contents_of,
};
pub use patch::{Operation, Patch};
pub use response::{Decision, Verdict};
pub use review::{LIMITS, Review, ReviewError, TypeError};

use denial::Problems;
use host_accounts::Remarks;
use lookup::{Specs, Uses};
use mutate::Mutation;
use pod::Pod;
use validate::Judge;

/// Which of the webhook's two endpoints is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `/mutate`.
    Mutate,
    /// `/validate`.
    Validate,
}

/// What a review is decided by.
#[derive(Clone, Copy)]
pub struct Around<'a> {
    /// The credential specs.
    pub specs: &'a dyn CredentialSpecs,
    /// Who may use what. `/mutate` does not ask.
    pub access: &'a dyn AccessReviews,
    /// How strict namespaces are about host accounts. `/mutate` does not ask.
    pub namespaces: &'a dyn Namespaces,
    /// Random bits, fresh for each review, where pods with a gMSA are to have a random hostname.
    pub hostname: Option<[u8; 6]>,
    /// The names of the `RuntimeClass`es whose runtime is porthole's.
    pub runtime_classes: &'a [String],
}

impl fmt::Debug for Around<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Around")
            .field("hostname", &self.hostname)
            .field("runtime_classes", &self.runtime_classes)
            .finish_non_exhaustive()
    }
}

/// Answers a review.
#[must_use]
pub fn decide(endpoint: Endpoint, review: &Review, around: &Around<'_>) -> Decision {
    let mut specs = Specs::new(around.specs);
    let mut problems = Problems::default();
    let Judged {
        mutation,
        remarks,
        name,
    } = match judge(endpoint, review, around, &mut specs, &mut problems) {
        Ok(answer) => answer,
        Err(problem) => {
            let denial = Denial::one(problem, review.name());
            return Decision::of(review.uid(), Verdict::Denied(denial));
        }
    };
    let verdict = match Denial::of(problems, name) {
        Some(denial) => Verdict::Denied(denial),
        None => Verdict::Allowed(mutation.patch),
    };
    let mut decision = Decision::of(review.uid(), verdict);
    let used = specs.found();
    if !used.is_empty() && decision.denial().is_none() {
        decision
            .audit_annotations
            .push(("credential-specs", used.join(",")));
    }
    decision.remark(remarks);
    decision.notes = mutation.notes;
    decision
}

/// Answers a body that is no review.
#[must_use]
pub fn refuse(error: &ReviewError) -> Decision {
    let problem = Problem::new("unreadable-review", 400, String::new(), error.to_string());
    Decision::of("", Verdict::Denied(Denial::one(problem, "")))
}

/// What is to be added to the object, what is told beside the answer, and what the object is called.
struct Judged<'r> {
    mutation: Mutation,
    remarks: Remarks,
    name: &'r str,
}

fn judge<'r>(
    endpoint: Endpoint,
    review: &'r Review,
    around: &Around<'r>,
    specs: &mut Specs<'r>,
    problems: &mut Problems,
) -> Result<Judged<'r>, Problem> {
    let mut remarks = Remarks::default();
    if review.kind() == "Binding" {
        if let Some(binding) = review.object() {
            annotation::check_binding(binding, problems);
        }
        return Ok(Judged {
            mutation: Mutation::default(),
            remarks,
            name: review.name(),
        });
    }
    if review.kind() != "Pod" {
        let text = format!("expected a Pod object, got a {}", review.kind());
        return Err(Problem::new("unexpected-kind", 400, String::new(), text));
    }
    let pod = Pod::read(review.object())?;
    let is_ephemeral = review.sub_resource() == "ephemeralcontainers";
    let account = pod.text("serviceAccountName");
    let mutation = match (review.operation(), endpoint) {
        ("CREATE", Endpoint::Mutate) => mutate::create(&pod, around, specs, problems),
        ("UPDATE", Endpoint::Mutate) => {
            let old = Pod::read(review.old_object())?;
            mutate::update(&pod, &old, is_ephemeral, around, specs, problems)
        }
        (operation @ ("CREATE" | "UPDATE"), Endpoint::Validate) => {
            let mut judge = Judge {
                specs,
                uses: Uses::new(around.access, account, review.namespace()),
            };
            let old = match operation {
                "CREATE" => None,
                _ => Some(Pod::read(review.old_object())?),
            };
            match &old {
                None => validate::create(&pod, around, &mut judge, problems),
                Some(old) => validate::update(&pod, old, is_ephemeral, around, &mut judge, problems),
            }
            let uses = &mut judge.uses;
            remarks = host_accounts::check(&pod, old.as_ref(), around.namespaces, uses, problems);
            Mutation::default()
        }
        (other, _) => {
            let text = format!("unpexpected operation {other}");
            return Err(Problem::new("unexpected-operation", 400, String::new(), text));
        }
    };
    Ok(Judged {
        mutation,
        remarks,
        name: pod.name(),
    })
}
