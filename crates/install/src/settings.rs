//! What can be chosen of an installation.

use porthole_admission::host_accounts::Mode;
use porthole_pod::Version;
use serde_json::{Value, json};

/// What can be chosen of an installation.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The name of every object.
    pub name: String,
    /// The namespace of the server.
    pub namespace: String,
    /// The server's image, whose entrypoint is `porthole`.
    pub image: String,
    /// Secrets that the image is pulled with.
    pub image_pull_secrets: Vec<String>,
    /// How many servers there are.
    pub replicas: u32,
    /// The port that they listen at.
    pub port: u16,
    /// Where their certificates come from.
    pub certificates: Certificates,
    /// Who signs the certificates that the server makes, instead of an authority of its own.
    pub signer: Option<Signer>,
    /// The Secret with the server's certificate: one called after the installation, where none is named.
    pub secret: Option<String>,
    /// What is done about pods that run as accounts of the host, where a namespace says nothing.
    pub host_accounts: Mode,
    /// Whether pods with a gMSA get a random hostname.
    pub random_hostname: bool,
    /// `RuntimeClass`es whose runtime is porthole's.
    pub runtime_classes: Vec<String>,
    /// What the API server does with pods while no server answers.
    pub failure_policy: FailurePolicy,
    /// For how long the API server waits for an answer, in seconds.
    pub timeout: u8,
    /// Namespaces that are left alone, beside `kube-system` and the server's own.
    pub excluded_namespaces: Vec<String>,
    /// Labels that a namespace has to have for its pods to be looked at: none, and all namespaces are.
    pub namespace_labels: Vec<(String, String)>,
    /// What a server asks of its node.
    pub resources: Resources,
    /// Taints of nodes that servers run on all the same.
    pub tolerations: Vec<Toleration>,
    /// Labels of the nodes that servers run on, beside `kubernetes.io/os: linux`.
    pub node_labels: Vec<(String, String)>,
    /// The servers' priority class.
    pub priority_class: Option<String>,
    /// `text` or `json`.
    pub log_format: String,
    /// `info` and so on.
    pub log_level: String,
    /// The version of the cluster: older ones do not know everything.
    pub kubernetes: Version,
    /// Whether only the server's port can be reached.
    pub network_policy: bool,
    /// Whether whoever may view a namespace may read credential specs.
    pub viewer_role: bool,
}

/// A signer of the cluster, asked by a `CertificateSigningRequest`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// Its name, such as `example.com/serving`.
    pub name: String,
    /// Whether the server approves its own requests.
    pub approves: bool,
    /// The ConfigMap of the server's namespace whose `ca.crt` has the signer's authorities: without, they are those of the
    /// cluster itself.
    pub authority: Option<String>,
}

/// Where the server's certificate comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Certificates {
    /// The server makes its own.
    #[default]
    Own,
    /// cert-manager makes them.
    CertManager,
    /// They are in a Secret that somebody else keeps, with the keys `ca.crt`, `tls.crt` and `tls.key`.
    Secret,
}

/// What the API server does with pods while no server answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FailurePolicy {
    /// They are refused.
    #[default]
    Fail,
    /// They are let in unseen.
    Ignore,
}

/// What a server asks of its node, as Kubernetes writes quantities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resources {
    /// Processor time that it is sure of.
    pub cpu: String,
    /// Memory that it is sure of.
    pub memory: String,
    /// Memory that it never exceeds.
    pub memory_limit: String,
}

impl Default for Resources {
    fn default() -> Self {
        Self {
            cpu: "50m".to_owned(),
            memory: "32Mi".to_owned(),
            memory_limit: "256Mi".to_owned(),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            name: "porthole-webhook".to_owned(),
            namespace: "porthole-system".to_owned(),
            image: concat!("porthole:", env!("CARGO_PKG_VERSION")).to_owned(),
            image_pull_secrets: Vec::new(),
            replicas: 2,
            port: 8443,
            certificates: Certificates::default(),
            signer: None,
            secret: None,
            host_accounts: Mode::default(),
            random_hostname: false,
            runtime_classes: Vec::new(),
            failure_policy: FailurePolicy::default(),
            timeout: 10,
            excluded_namespaces: Vec::new(),
            namespace_labels: Vec::new(),
            resources: Resources::default(),
            tolerations: Vec::new(),
            node_labels: Vec::new(),
            priority_class: None,
            log_format: "json".to_owned(),
            log_level: "info".to_owned(),
            kubernetes: Version::default(),
            network_policy: true,
            viewer_role: true,
        }
    }
}

/// Namespaces that every cluster has, and others use.
const SHARED: [&str; 4] = ["default", "kube-system", "kube-public", "kube-node-lease"];

/// A setting that no cluster would take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// A name that none of the objects could have.
    #[error(
        "the {what} `{name}` is no name: lower case letters, digits and `-`, a letter first, at most {longest} characters"
    )]
    Name {
        /// Whose.
        what: &'static str,
        /// The name.
        name: String,
        /// How long it may be.
        longest: usize,
    },
    /// A namespace of the cluster's own: the webhook's is held to Pod Security's level restricted.
    #[error(
        "the namespace `{0}` is the cluster's own: the webhook's namespace is labelled for Pod Security's level restricted, \
         which other pods there would not keep"
    )]
    SharedNamespace(String),
    /// A number outside its bounds.
    #[error("the {what} is {value}: it is from {least} to {most}")]
    Number {
        /// Whose.
        what: &'static str,
        /// The number.
        value: u32,
        /// The smallest.
        least: u32,
        /// The largest.
        most: u32,
    },
}

impl Settings {
    /// The name of the Secret with the server's certificate.
    #[must_use]
    pub fn secret(&self) -> String {
        let own = || format!("{}-certificates", self.name);
        self.secret.clone().unwrap_or_else(own)
    }

    /// Whether the API server knows `matchConditions`: they are on from 1.28.
    pub(crate) const fn has_conditions(&self) -> bool {
        self.kubernetes.at_least(28)
    }

    /// Refuses what no cluster would take.
    ///
    /// # Errors
    /// Names the setting.
    pub fn check(&self) -> Result<(), SettingsError> {
        // The longest name that is made of it is that of the Secret; a label has 63 characters.
        let longest = 63 - "-certificates".len();
        for (what, name, longest) in [("name", &self.name, longest), ("namespace", &self.namespace, 63)] {
            let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            let good = name.len() <= longest
                && name.starts_with(|first: char| first.is_ascii_lowercase())
                && !name.ends_with('-')
                && name.bytes().all(plain);
            if !good {
                let name = name.clone();
                return Err(SettingsError::Name { what, name, longest });
            }
        }
        if SHARED.contains(&self.namespace.as_str()) {
            return Err(SettingsError::SharedNamespace(self.namespace.clone()));
        }
        let numbers = [
            ("number of replicas", self.replicas, 1, 100),
            ("timeout", u32::from(self.timeout), 1, 30),
            // Below, a process without root cannot listen everywhere.
            ("port", u32::from(self.port), 1024, 65535),
        ];
        for (what, value, least, most) in numbers {
            if !(least..=most).contains(&value) {
                return Err(SettingsError::Number {
                    what,
                    value,
                    least,
                    most,
                });
            }
        }
        Ok(())
    }
}

impl FailurePolicy {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Fail => "Fail",
            Self::Ignore => "Ignore",
        }
    }
}

/// Taints that servers run beside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toleration {
    key: String,
    value: Option<String>,
    effect: Option<String>,
}

impl std::str::FromStr for Toleration {
    type Err = String;

    /// `KEY[=VALUE][:EFFECT]`, as `kubectl taint` writes taints.
    fn from_str(text: &str) -> Result<Self, String> {
        let (taint, effect) = match text.split_once(':') {
            Some((taint, effect)) => (taint, Some(effect)),
            None => (text, None),
        };
        let effects = ["NoSchedule", "PreferNoSchedule", "NoExecute"];
        if let Some(effect) = effect.filter(|effect| !effects.contains(effect)) {
            return Err(format!(
                "`{effect}` is no effect of a taint; there are {}",
                effects.join(", ")
            ));
        }
        let (key, value) = match taint.split_once('=') {
            Some((key, value)) => (key, Some(value.to_owned())),
            None => (taint, None),
        };
        if key.is_empty() {
            return Err("write it as KEY[=VALUE][:EFFECT]".to_owned());
        }
        Ok(Self {
            key: key.to_owned(),
            value,
            effect: effect.map(str::to_owned),
        })
    }
}

impl Toleration {
    pub(crate) fn to_value(&self) -> Value {
        let mut toleration = match &self.value {
            Some(value) => json!({"key": self.key, "operator": "Equal", "value": value}),
            None => json!({"key": self.key, "operator": "Exists"}),
        };
        if let Some(effect) = &self.effect {
            toleration["effect"] = json!(effect);
        }
        toleration
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_no_cluster_takes_are_refused_by_name() {
        assert_eq!(Settings::default().check(), Ok(()));
        let wrong = |change: fn(&mut Settings)| {
            let mut settings = Settings::default();
            change(&mut settings);
            settings.check().unwrap_err().to_string()
        };
        assert!(wrong(|settings| settings.name = "Webhook".to_owned()).starts_with("the name `Webhook`"));
        assert!(wrong(|settings| settings.name = "w".repeat(51)).contains("at most 50"));
        assert!(wrong(|settings| settings.namespace = "a.b".to_owned()).starts_with("the namespace `a.b`"));
        for namespace in SHARED {
            let settings = Settings {
                namespace: namespace.to_owned(),
                ..Settings::default()
            };
            let shared = SettingsError::SharedNamespace(namespace.to_owned());
            assert_eq!(settings.check(), Err(shared));
        }
        assert_eq!(
            wrong(|settings| settings.timeout = 31),
            "the timeout is 31: it is from 1 to 30"
        );
        assert!(wrong(|settings| settings.replicas = 0).starts_with("the number of replicas is 0"));
        assert!(wrong(|settings| settings.port = 443).starts_with("the port is 443"));
    }

    #[test]
    fn tolerations_are_written_as_taints_are() {
        let parse = |text: &str| {
            text.parse::<Toleration>()
                .map(|toleration| toleration.to_value().to_string())
        };
        for (text, expected) in [
            ("a", r#"{"key":"a","operator":"Exists"}"#),
            (
                "a=b:NoSchedule",
                r#"{"key":"a","operator":"Equal","value":"b","effect":"NoSchedule"}"#,
            ),
            (
                "node-role.kubernetes.io/control-plane:NoExecute",
                r#"{"key":"node-role.kubernetes.io/control-plane","operator":"Exists","effect":"NoExecute"}"#,
            ),
        ] {
            assert_eq!(parse(text).as_deref(), Ok(expected), "{text}");
        }
        assert!(parse("a:Never").unwrap_err().contains("`Never` is no effect"));
        assert!(parse("=b").is_err());
    }
}
