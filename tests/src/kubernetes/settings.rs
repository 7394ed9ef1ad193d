//! What an API server is started with.

use super::programs::NEWEST;

/// The version of an API server and what is set of it. What is not named here is as the program's own default.
#[derive(Clone, Debug)]
pub struct Settings {
    pub(super) version: String,
    pub(super) feature_gates: Vec<(String, bool)>,
    pub(super) allow_privileged: bool,
    pub(super) service_accounts: bool,
    pub(super) users: Vec<(String, Vec<String>)>,
    pub(super) arguments: Vec<String>,
}

impl Default for Settings {
    /// The newest version, as nearly all clusters have it: `--allow-privileged`, and without the plug-in `ServiceAccount`,
    /// which would refuse every pod here, where no controller makes service accounts.
    fn default() -> Self {
        Self {
            version: NEWEST.to_owned(),
            feature_gates: Vec::new(),
            allow_privileged: true,
            service_accounts: false,
            users: Vec::new(),
            arguments: Vec::new(),
        }
    }
}

impl Settings {
    /// The defaults, for a version such as `1.24.17`.
    #[must_use]
    pub fn of(version: &str) -> Self {
        let version = version.trim_start_matches('v').to_owned();
        Self {
            version,
            ..Self::default()
        }
    }

    /// Turns a feature gate on or off (`--feature-gates`).
    #[must_use]
    pub fn feature_gate(mut self, name: &str, on: bool) -> Self {
        self.feature_gates.push((name.to_owned(), on));
        self
    }

    /// `--allow-privileged`: whether privileged and HostProcess containers are allowed at all. They are by default.
    #[must_use]
    pub fn allow_privileged(mut self, allow: bool) -> Self {
        self.allow_privileged = allow;
        self
    }

    /// Whether the admission plug-in `ServiceAccount` is on. A pod then needs a service account to be there. Off by default.
    #[must_use]
    pub fn service_accounts(mut self, on: bool) -> Self {
        self.service_accounts = on;
        self
    }

    /// Adds a user beside the administrator, in these groups: without any right, until the test gives it some.
    #[must_use]
    pub fn user(mut self, name: &str, groups: &[&str]) -> Self {
        let groups = groups.iter().map(|&group| group.to_owned()).collect();
        self.users.push((name.to_owned(), groups));
        self
    }

    /// Adds an argument of the program, such as `--admission-control-config-file=…`.
    #[must_use]
    pub fn argument(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }
}
