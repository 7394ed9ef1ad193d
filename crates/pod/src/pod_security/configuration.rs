//! The plugin's configuration: `PodSecurityConfiguration`, by itself or in an `AdmissionConfiguration`.

use porthole_manifest::Node;

use super::exemptions::Exemptions;
use super::fault::{bracketed, fault};
use super::level::{Level, LevelVersion, PolicyVersion};
use super::policy::Policy;
use crate::finding::{ErrorKind, Finding};
use crate::options::Options;
use crate::path::Path;
use crate::report::text;
use crate::rule::rules;
use crate::status::aggregate;

rules! { PodSecurity:
    /// The configuration of the admission plugin `PodSecurity` names levels and versions that there are, and lists each
    /// exempt namespace, RuntimeClass and user once, by its exact name. The API server does not start with another.
    CONFIGURATION = "pod-security-configuration";
}

/// What a cluster's administrator set for Pod Security. By default nothing is asked and nobody exempt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Configuration {
    /// What namespaces without labels are held to.
    pub defaults: Policy,
    /// Who is not asked.
    pub exemptions: Exemptions,
}

/// Why there is no configuration to be had from a document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigurationError {
    /// Another kind of object.
    #[error(
        "read the configuration of Pod Security: this is {0}, neither a PodSecurityConfiguration nor an AdmissionConfiguration"
    )]
    OtherKind(String),
    /// The version of the API server does not know that version of the object.
    #[error("no kind \"{kind}\" is registered for version \"{api_version}\"")]
    UnknownVersion {
        /// The kind.
        kind: String,
        /// The version.
        api_version: String,
    },
    /// The configuration stands in another file, named relative to this one: read that.
    #[error("the configuration of Pod Security is in the file `{0}`")]
    Elsewhere(String),
    /// The API server does not start with it.
    #[error("{message}")]
    Invalid {
        /// What the API server says.
        message: String,
        /// What is wrong, one by one.
        findings: Vec<Finding>,
    },
}

const GROUP: &str = "pod-security.admission.config.k8s.io/";
const ADMISSION_VERSIONS: [&str; 3] = [
    "apiserver.config.k8s.io/v1",
    "apiserver.config.k8s.io/v1alpha1",
    "apiserver.k8s.io/v1alpha1",
];

impl Configuration {
    /// Reads the configuration from `object`, the root of a document.
    ///
    /// # Errors
    ///
    /// Where the document is another one, points to another one, or is one that the API server does not start with.
    pub fn read(object: Node<'_>, options: &Options) -> Result<Self, ConfigurationError> {
        let kind = text(object, "kind");
        let api_version = text(object, "apiVersion");
        let unknown = || ConfigurationError::UnknownVersion {
            kind: kind.to_owned(),
            api_version: api_version.to_owned(),
        };
        match kind {
            "PodSecurityConfiguration" => {
                let known = match api_version.strip_prefix(GROUP) {
                    Some("v1") => options.at_least(25),
                    Some("v1beta1") => options.at_least(23),
                    Some("v1alpha1") => true,
                    _ => false,
                };
                if known { Self::of(object) } else { Err(unknown()) }
            }
            "AdmissionConfiguration" if !ADMISSION_VERSIONS.contains(&api_version) => Err(unknown()),
            "AdmissionConfiguration" => Self::of_plugin(object, options),
            "" => Err(ConfigurationError::OtherKind(
                "an object without a kind".to_owned(),
            )),
            other => Err(ConfigurationError::OtherKind(format!("a {other}"))),
        }
    }

    /// The configuration of the plugin, where the list of plugins has it.
    fn of_plugin(object: Node<'_>, options: &Options) -> Result<Self, ConfigurationError> {
        let mut plugins = object.field("plugins").into_iter().flat_map(Node::items);
        let Some(plugin) = plugins.find(|plugin| text(*plugin, "name") == "PodSecurity") else {
            return Ok(Self::default());
        };
        if let Some(configuration) = plugin.field("configuration") {
            return Self::read(configuration, options);
        }
        match text(plugin, "path") {
            "" => Ok(Self::default()),
            path => Err(ConfigurationError::Elsewhere(path.to_owned())),
        }
    }

    fn of(object: Node<'_>) -> Result<Self, ConfigurationError> {
        let mut defaults = Defaults {
            node: object.field("defaults"),
            findings: Vec::new(),
        };
        // Validated in another order than the fields are completed in.
        let enforce = defaults.mode("enforce", "enforce-version");
        let warn = defaults.mode("warn", "warn-version");
        let audit = defaults.mode("audit", "audit-version");
        let mut findings = defaults.findings;
        if !findings.is_empty() {
            let message = completion_error(&findings);
            let (_, errors) = Exemptions::read(object.field("exemptions"), &CONFIGURATION);
            findings.extend(errors);
            return Err(ConfigurationError::Invalid { message, findings });
        }
        let (exemptions, findings) = Exemptions::read(object.field("exemptions"), &CONFIGURATION);
        if !findings.is_empty() {
            let message = format!("PodSecurity invalid: {}", aggregate(&findings));
            return Err(ConfigurationError::Invalid { message, findings });
        }
        let defaults = Policy { enforce, audit, warn };
        Ok(Self { defaults, exemptions })
    }
}

/// What the API server says of defaults that it cannot read: by the fields' bare names, in the order of completion.
fn completion_error(findings: &[Finding]) -> String {
    let said = |field: &&str| {
        let path = format!("defaults.{field}");
        let finding = findings.iter().find(|finding| finding.field == path)?;
        Some(format!("{field}: {}", finding.detail))
    };
    let texts: Vec<String> = [
        "enforce",
        "enforce-version",
        "audit",
        "audit-version",
        "warn",
        "warn-version",
    ]
    .iter()
    .filter_map(said)
    .collect();
    format!("PodSecurity configuration error: {}", bracketed(&texts))
}

/// Reads `defaults`, and keeps what is wrong with them.
struct Defaults<'a> {
    node: Option<Node<'a>>,
    findings: Vec<Finding>,
}

impl Defaults<'_> {
    fn mode(&mut self, level: &str, version: &str) -> LevelVersion {
        LevelVersion::new(
            self.value(level, Level::Privileged),
            self.value(version, PolicyVersion::Latest),
        )
    }

    /// A value; `default` where it is not set, or empty.
    fn value<T: std::str::FromStr<Err = &'static str>>(&mut self, key: &str, default: T) -> T {
        let Some(node) = self.node.and_then(|node| node.field(key)) else {
            return default;
        };
        let value = node.as_str().unwrap_or_default();
        if value.is_empty() {
            return default;
        }
        value.parse().unwrap_or_else(|detail: &str| {
            let defaults = Path::root("defaults");
            let field = defaults.child(key).to_string();
            self.findings
                .push(fault(&CONFIGURATION, ErrorKind::Invalid, field, node, detail));
            default
        })
    }
}
