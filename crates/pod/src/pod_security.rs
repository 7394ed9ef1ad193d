//! Pod Security: what the API server's admission plugin `PodSecurity` says of pods, workloads and namespaces.
//!
//! [`evaluate`] asks the checks of one level of the Pod Security Standards, at one version of the standards, as the
//! server of one version of Kubernetes asks them. [`NamespacePolicy`] is what a namespace's labels ask for,
//! [`Configuration`] what the cluster's administrator set, and [`Configuration::admit`] the whole of it: the refusal, the
//! warnings and the annotations of the audit log. [`admit_namespace`](Configuration::admit_namespace) answers for a
//! namespace itself.
//!
//! Source: `k8s.io/pod-security-admission` of 1.22 to 1.37, whose minor versions are those of Kubernetes.

mod admission;
mod checks;
mod configuration;
mod evaluate;
mod exemptions;
mod fault;
mod level;
mod namespace;
mod offenders;
mod policy;
mod subject;
mod update;
mod violation;

use crate::rule::Rule;

pub use admission::{Judgement, Mode, Verdict};
pub use configuration::{Configuration, ConfigurationError};
pub use evaluate::evaluate;
pub use exemptions::{Exemption, Exemptions};
pub use level::{Level, LevelVersion, PolicyVersion};
pub use namespace::NamespaceVerdict;
pub use policy::{NamespacePolicy, Policy};
pub use update::is_significant_update;
pub use violation::{Place, Violation, detail_text, reason_text};

/// The rules of Pod Security, module by module.
pub(crate) static RULES: &[&[&Rule]] = &[
    checks::app_armor::RULES,
    checks::capabilities::RULES,
    checks::host::RULES,
    checks::host_process::RULES,
    checks::privilege::RULES,
    checks::probes::RULES,
    checks::proc_mount::RULES,
    checks::run_as::RULES,
    checks::se_linux::RULES,
    checks::seccomp::RULES,
    checks::sysctls::RULES,
    checks::volumes::RULES,
    policy::RULES,
    configuration::RULES,
];
