//! A cluster to ask, and reviews to ask with.

use std::cell::RefCell;

use porthole_access::User;
use porthole_admission::decide::{
    AccessReviews, Answer, Around, CannotTell, Contents, CredentialSpecs, Decision, Endpoint, LIMITS,
    Namespaces, Review, SpecError, Usable, contents_of, decide,
};
use porthole_admission::host_accounts::{Mode, Policy};
use serde_json::{Value, json};

/// What the spec `app` holds in a pod.
pub(crate) const APP: &str =
    r#"{"CmsPlugins":["ActiveDirectory"],"DomainJoinConfig":{"NetBiosName":"\u003cCORP\u003e"}}"#;
/// What the spec `other` holds.
pub(crate) const OTHER: &str = r#"{"CmsPlugins":["Other"]}"#;
/// How many bytes the spec `large` has in the JSON of a pod.
pub(crate) const LARGE: usize = 1 << 18;
const LARGE_REST: &str = r#""{\"CmsPlugins\":[\"\"]}""#;
/// The class of the pods that porthole runs on Linux.
pub(crate) const CLASS: &str = "porthole";

/// Specs `app` and `other`, `empty` without contents, `list` with a list, `large`, `away` that nobody can tell of. The service
/// account `web` of `shop` may use all of them but `secret`; of `unsure` nobody can tell. Host accounts are the same but for the
/// names.
#[derive(Default)]
pub(crate) struct Cluster {
    /// What it was asked, in that order.
    pub(crate) asked: RefCell<Vec<String>>,
    pub(crate) hostname: Option<[u8; 6]>,
    /// The label of `shop`, or that nobody can tell.
    pub(crate) label: Option<Result<&'static str, ()>>,
    /// What counts without a label.
    pub(crate) mode: Mode,
}

impl CredentialSpecs for Cluster {
    fn contents(&self, name: &str) -> Result<Contents, SpecError> {
        self.asked.borrow_mut().push(format!("get {name}"));
        let credspec = match name {
            "app" | "secret" | "unsure" => json!({
                "DomainJoinConfig": {"NetBiosName": "<CORP>"}, "CmsPlugins": ["ActiveDirectory"],
            }),
            "other" => json!({"CmsPlugins": ["Other"]}),
            "list" => json!([1]),
            "large" => json!({"CmsPlugins": ["x".repeat(LARGE - LARGE_REST.len())]}),
            "empty" => return contents_of(&json!({"metadata": {}})),
            "away" => return Err(CannotTell("etcdserver: request timed out".to_owned()).into()),
            _ => return Err(SpecError::Unknown),
        };
        contents_of(&json!({"kind": "GMSACredentialSpec", "credspec": credspec}))
    }
}

impl AccessReviews for Cluster {
    fn may_use(&self, user: &User, namespace: &str, what: Usable, name: &str) -> Result<Answer, CannotTell> {
        let question = match what {
            Usable::CredentialSpec => format!("use {name}"),
            Usable::HostAccount => format!("use account {name}"),
        };
        self.asked.borrow_mut().push(question);
        assert_eq!(user, &User::service_account("shop", "web"));
        assert_eq!(namespace, "shop");
        match name {
            "secret" | r"nt authority\system" | r"corp\secret" => {
                Ok(Answer::Refused("dummy reason".to_owned()))
            }
            "quiet" => Ok(Answer::Refused(String::new())),
            "unsure" | r"corp\unsure" => Err(CannotTell("connection refused".to_owned())),
            _ => Ok(Answer::Allowed),
        }
    }
}

impl Namespaces for Cluster {
    fn host_accounts(&self, namespace: &str) -> Result<Policy, CannotTell> {
        self.asked.borrow_mut().push(format!("namespace {namespace}"));
        match self.label.transpose() {
            Ok(label) => Ok(Policy::of(namespace, label, self.mode)),
            Err(()) => Err(CannotTell("connection refused".to_owned())),
        }
    }
}

impl Cluster {
    pub(crate) fn decide(&self, endpoint: Endpoint, review: &Value) -> Decision {
        let classes = [CLASS.to_owned()];
        let around = Around {
            specs: self,
            access: self,
            namespaces: self,
            hostname: self.hostname,
            runtime_classes: &classes,
        };
        let before = self.asked.take();
        let [decision, other] = both_ways(&review.to_string()).map(|review| {
            self.asked.borrow_mut().clear();
            (decide(endpoint, &review, &around), self.asked.borrow().clone())
        });
        assert_eq!(decision, other, "however it is read");
        self.asked.replace([before, decision.1].concat());
        decision.0
    }
}

/// The same review as it is read where it is plain JSON, of which not all is kept, and where it is not.
pub(crate) fn both_ways(body: &str) -> [Review; 2] {
    let doubled = body.replacen("\"request\":{", "\"request\":{\"uid\":\"another\",", 1);
    assert_ne!(doubled, body);
    [body, &doubled].map(|body| Review::read(body.as_bytes(), &LIMITS).expect("it is a review"))
}

/// A review of a pod in `shop` that comes.
pub(crate) fn create(pod: &Value) -> Value {
    review("CREATE", "", pod, &Value::Null)
}

/// A review of a pod that changes.
pub(crate) fn update(sub_resource: &str, old: &Value, new: &Value) -> Value {
    review("UPDATE", sub_resource, new, old)
}

pub(crate) fn review(operation: &str, sub_resource: &str, object: &Value, old: &Value) -> Value {
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "operation": operation, "subResource": sub_resource, "namespace": "shop", "name": "p",
        "userInfo": {"username": "alice", "groups": ["system:authenticated"]},
        "object": object, "oldObject": old, "dryRun": false,
    }})
}

/// A pod `p` of the service account `web`, with `spec` and one container, unless `spec` has its own.
pub(crate) fn pod(spec: &Value) -> Value {
    let mut whole = json!({"serviceAccountName": "web", "containers": [{"name": "c", "image": "i"}]});
    for (key, value) in spec.as_object().expect("a spec is an object") {
        whole[key] = value.clone();
    }
    json!({"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "p", "namespace": "shop"}, "spec": whole})
}

/// A `securityContext` with these `windowsOptions`.
pub(crate) fn windows(options: &Value) -> Value {
    json!({"windowsOptions": options})
}

/// The levels of a pod at which specs are named: the word for it, its field, and a pod with these `windowsOptions` there.
pub(crate) fn at_each_level(options: &Value) -> [(&'static str, &'static str, Value); 4] {
    let container = |name: &str| json!([{"name": name, "image": "i", "securityContext": windows(options)}]);
    [
        (
            "pod \"p\"",
            "spec",
            pod(&json!({"securityContext": windows(options)})),
        ),
        (
            "container \"x\"",
            "spec.containers[0]",
            pod(&json!({"containers": container("x")})),
        ),
        (
            "initContainer \"x\"",
            "spec.initContainers[0]",
            pod(&json!({"initContainers": container("x")})),
        ),
        (
            "ephemeralContainer \"x\"",
            "spec.ephemeralContainers[0]",
            pod(&json!({"ephemeralContainers": container("x")})),
        ),
    ]
}

/// The code and the message of a refusal.
pub(crate) fn refusal(decision: &Decision) -> Option<(u16, String)> {
    let denial = decision.denial()?;
    Some((denial.code(), denial.message().to_owned()))
}

/// Codes, fields and messages of all that is wrong.
pub(crate) fn problems(decision: &Decision) -> Vec<(u16, String, String)> {
    let denial = decision.denial().expect("it is refused");
    let problems = denial.problems().iter();
    problems
        .map(|problem| (problem.code, problem.field.clone(), problem.message.clone()))
        .collect()
}

/// Paths and values of the patch of what is admitted.
#[track_caller]
pub(crate) fn patch(decision: &Decision) -> Vec<(String, Value)> {
    let Some(patch) = decision.patch() else {
        panic!("refused: {:?}", refusal(decision));
    };
    let operations = patch.operations().iter();
    operations
        .map(|operation| {
            (
                operation.path.clone(),
                serde_json::from_str(&operation.value).expect("a value is JSON"),
            )
        })
        .collect()
}

/// Names of credential specs that cannot be had, and how that is told.
pub(crate) const CANNOT_BE_HAD: [(&str, u16, &str); 6] = [
    ("gone", 404, "cred spec gone does not exist"),
    ("empty", 417, "cred spec empty does not have a credspec key"),
    (
        "away",
        500,
        "unable to retrieve the contents of cred spec away: etcdserver: request timed out",
    ),
    (
        "",
        500,
        "unable to retrieve the contents of cred spec : name is required",
    ),
    (
        "50%",
        500,
        "unable to retrieve the contents of cred spec 50%: invalid resource name \"50%\": [may not contain '%']",
    ),
    (
        "a/b",
        500,
        "unable to retrieve the contents of cred spec a/b: invalid resource name \"a/b\": [may not contain '/']",
    ),
];
