//! The verdict on a pod or a workload: what is refused, what is warned of, what the audit log tells.

use std::collections::BTreeMap;

use porthole_manifest::{PodTemplate, WorkloadKind};

use super::configuration::Configuration;
use super::evaluate::evaluate;
use super::exemptions::Exemption;
use super::fault::labels_text;
use super::level::{Level, LevelVersion};
use super::policy::{NamespacePolicy, PREFIX};
use super::violation::{Violation, detail_text};
use crate::options::Options;
use crate::report::text;
use crate::status::Status;
use crate::version::Version;

/// What comes of a violation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// The pod is refused.
    Enforce,
    /// The audit log tells it.
    Audit,
    /// Whoever creates the object is warned.
    Warn,
}

/// What a mode finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The mode.
    pub mode: Mode,
    /// What it asks.
    pub level_version: LevelVersion,
    /// What breaks it: at least one.
    pub violations: Vec<Violation>,
}

impl Judgement {
    /// What is said of it, by a server of that version: the error behind `… is forbidden: `, the annotation, the warning.
    #[must_use]
    pub fn text(&self, version: Version) -> String {
        let detail = detail_text(&self.violations);
        let LevelVersion { level, version: of } = self.level_version;
        match (self.mode, version.at_least(23)) {
            (Mode::Enforce, true) => format!("violates PodSecurity \"{level}:{of}\": {detail}"),
            (Mode::Audit | Mode::Warn, true) => {
                format!("would violate PodSecurity \"{level}:{of}\": {detail}")
            }
            (Mode::Warn, false) => {
                format!("would violate \"{of}\" version of \"{level}\" PodSecurity profile: {detail}")
            }
            (Mode::Enforce | Mode::Audit, false) => detail,
        }
    }
}

/// What Pod Security says of a pod or workload that is created or changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Why the object was not asked, where it was not.
    pub exemption: Option<Exemption>,
    /// What each mode finds, in the order enforce, audit, warn; only those that find something. A pod that is refused is not
    /// warned of.
    pub judgements: Vec<Judgement>,
    /// The API server's answer, where it refuses the pod.
    pub denied: Option<Status>,
    enforced: Option<LevelVersion>,
    label_error: Option<String>,
    version: Version,
}

impl Verdict {
    fn exempt(exemption: Exemption, options: &Options) -> Self {
        Self {
            exemption: Some(exemption),
            ..Self::silent(options)
        }
    }

    fn silent(options: &Options) -> Self {
        Self {
            version: options.kubernetes_version,
            ..Self::default()
        }
    }

    /// The judgement of a mode, where it finds something.
    #[must_use]
    pub fn judgement(&self, mode: Mode) -> Option<&Judgement> {
        self.judgements.iter().find(|judgement| judgement.mode == mode)
    }

    /// What the API server says beside its answer (`Warning:`).
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let warned = self.judgement(Mode::Warn);
        warned
            .map(|judgement| judgement.text(self.version))
            .into_iter()
            .collect()
    }

    /// The annotations in the audit log, by their whole keys.
    #[must_use]
    pub fn audit_annotations(&self) -> BTreeMap<String, String> {
        let since_1_23 = self.version.at_least(23);
        let exempt = self.exemption.map(Exemption::as_str).map(str::to_owned);
        let enforced = self.enforced.as_ref().map(ToString::to_string);
        let audited = self.judgement(Mode::Audit);
        let (violations, exempt, enforced) = if since_1_23 {
            ("audit-violations", exempt, enforced)
        } else {
            ("audit", None, None)
        };
        let error = self.label_error.clone();
        [
            ("exempt", exempt),
            ("enforce-policy", enforced),
            (violations, audited.map(|judgement| judgement.text(self.version))),
            ("error", error),
        ]
        .into_iter()
        .filter_map(|(key, value)| Some((format!("{PREFIX}{key}"), value?)))
        .collect()
    }
}

/// Whether the API server has the plugin: it was alpha in 1.22, and could be switched off up to 1.24.
pub(super) fn is_on(options: &Options) -> bool {
    options.at_least(28) || options.enabled("PodSecurity")
}

impl Configuration {
    /// What Pod Security says when `user` creates the object in the namespace of that name. Pods are refused, audited and
    /// warned of; workloads are audited and warned of for their template. A changed pod is only asked where
    /// [`is_significant_update`](super::is_significant_update) says so.
    #[must_use]
    pub fn admit(
        &self,
        template: &PodTemplate<'_>,
        namespace: &str,
        labels: &NamespacePolicy,
        user: Option<&str>,
        options: &Options,
    ) -> Verdict {
        let mut verdict = Verdict::silent(options);
        if !is_on(options) {
            return verdict;
        }
        let is_pod = template.kind == WorkloadKind::Pod;
        if self.exemptions.has_namespace(namespace) {
            return Verdict::exempt(Exemption::Namespace, options);
        }
        if user.is_some_and(|user| self.exemptions.has_user(user)) {
            return Verdict::exempt(Exemption::User, options);
        }
        let policy = &labels.policy;
        if labels.errors.is_empty() && is_pod && policy.is_fully_privileged() {
            verdict.enforced = Some(LevelVersion::PRIVILEGED);
            return verdict;
        }
        let quiet = policy.audit.level == Level::Privileged && policy.warn.level == Level::Privileged;
        // An object that holds no pod has nothing to ask.
        if !is_pod && (template.spec.is_none() || (labels.errors.is_empty() && quiet)) {
            return verdict;
        }
        if self.exemptions.has_runtime_class_of(template) {
            return Verdict::exempt(Exemption::RuntimeClass, options);
        }
        if !labels.errors.is_empty() {
            verdict.label_error = Some(format!(
                "Failed to parse policy: {}",
                labels_text(&labels.errors, options.at_least(23))
            ));
        }
        if is_pod {
            verdict.enforced = Some(policy.enforce);
        }
        let modes = [
            (Mode::Enforce, policy.enforce),
            (Mode::Audit, policy.audit),
            (Mode::Warn, policy.warn),
        ];
        let mut asked: Vec<(LevelVersion, Vec<Violation>)> = Vec::new();
        for (mode, level_version) in modes {
            let skipped = match mode {
                Mode::Enforce => !is_pod,
                Mode::Audit => false,
                Mode::Warn => verdict.denied.is_some(),
            };
            if skipped || level_version.level == Level::Privileged {
                continue;
            }
            let known = asked.iter().find(|(known, _)| *known == level_version);
            let violations = if let Some((_, violations)) = known {
                violations.clone()
            } else {
                let violations = evaluate(template, level_version, options);
                asked.push((level_version, violations.clone()));
                violations
            };
            if violations.is_empty() {
                continue;
            }
            let judgement = Judgement {
                mode,
                level_version,
                violations,
            };
            if mode == Mode::Enforce {
                verdict.denied = Some(refusal(template, &judgement, options.kubernetes_version));
            }
            verdict.judgements.push(judgement);
        }
        verdict
    }
}

/// The answer to a pod that is refused.
fn refusal(template: &PodTemplate<'_>, judgement: &Judgement, version: Version) -> Status {
    let error = judgement.text(version);
    // A generated name is known to the API server only: its beginning stands for it.
    let generated = || {
        let metadata = template.metadata.map(|metadata| text(metadata, "generateName"));
        metadata.unwrap_or_default()
    };
    let name = template
        .name
        .filter(|name| !name.is_empty())
        .unwrap_or_else(generated);
    let mut status = Status::forbidden("pods", name, &error);
    if !version.at_least(23) {
        status.message = error;
        status.reason = "Failure";
    }
    status
}
