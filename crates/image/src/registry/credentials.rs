//! Credentials of registries, from docker's credentials file and from the secrets of a pod.
//!
//! Source: docker's `config.json` (auths, credsStore, credHelpers) and podman's lookup by namespace.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::helper;
use super::reference::Reference;

/// The longest credentials file that is read, in bytes.
const LONGEST: u64 = 1 << 20;
/// How docker's own registry is called in credentials files and by helpers.
const DOCKER_KEY: &str = "https://index.docker.io/v1/";
/// The user name with which a helper says that its secret is an identity token.
const TOKEN_USER: &str = "<token>";

/// Text that is nobody else's business: wiped when dropped, never shown.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Secret(Zeroizing<String>);

impl Secret {
    pub(super) fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("…")
    }
}

/// Who one is to a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Login {
    /// A user and a password.
    Password { user: String, password: Secret },
    /// A token that tokens are got for.
    Identity(Secret),
}

/// Why credentials cannot be had. What the file holds is never shown.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// The file cannot be read.
    #[error("read the credentials file {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file is none of docker's credentials files.
    #[error("{origin} is no credentials file as docker writes it: {reason}")]
    Form {
        /// The file, or the secret.
        origin: String,
        /// What is wrong, without what it holds.
        reason: String,
    },
    /// A credential helper did not answer.
    #[error("credential helper {name}: {reason}")]
    Helper {
        /// Its program.
        name: String,
        /// Why not, without what it wrote.
        reason: String,
    },
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    #[serde(default)]
    auths: BTreeMap<String, Entry>,
    #[serde(default)]
    creds_store: Option<String>,
    #[serde(default)]
    cred_helpers: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
struct Entry {
    auth: Option<Zeroizing<String>>,
    username: Option<String>,
    password: Option<Zeroizing<String>>,
    identitytoken: Option<Zeroizing<String>>,
    registrytoken: Option<Zeroizing<String>>,
}

/// One source of credentials.
struct Source {
    /// What messages call it.
    origin: String,
    document: Document,
}

/// Where credentials of registries are looked for, in order.
#[derive(Default)]
pub struct Credentials(Vec<Source>);

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origins = self.0.iter().map(|source| &source.origin);
        formatter.debug_list().entries(origins).finish()
    }
}

impl Credentials {
    /// No credentials: every registry is asked as nobody.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Those of the user: `file`, or what `REGISTRY_AUTH_FILE` names, or `config.json` in `DOCKER_CONFIG`, or in
    /// `.docker` of the home directory. Only the last may be absent.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn of_user(file: Option<&Path>) -> Result<Self, CredentialsError> {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let (path, asked) = if let Some(file) = file {
            (file.to_owned(), true)
        } else if let Some(file) = set("REGISTRY_AUTH_FILE") {
            (PathBuf::from(file), true)
        } else if let Some(directory) = set("DOCKER_CONFIG") {
            (Path::new(&directory).join("config.json"), false)
        } else if let Some(home) = std::env::home_dir() {
            (home.join(".docker").join("config.json"), false)
        } else {
            return Ok(Self::none());
        };
        let unreadable = |source| CredentialsError::Read {
            path: path.clone(),
            source,
        };
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && !asked => return Ok(Self::none()),
            other => other.map_err(unreadable)?,
        };
        let mut text = Zeroizing::new(Vec::new());
        file.take(LONGEST + 1)
            .read_to_end(&mut text)
            .map_err(unreadable)?;
        let mut credentials = Self::none();
        credentials.0.push(read(&text, path.display().to_string())?);
        Ok(credentials)
    }

    /// Adds a pod's secret of type `kubernetes.io/dockerconfigjson`, before what is there already. It cannot name
    /// credential helpers: programs of this host are nothing that a manifest starts.
    ///
    /// # Errors
    /// If it is no such document.
    pub fn prepend(&mut self, text: &[u8], origin: &str) -> Result<(), CredentialsError> {
        let source = read(text, origin.to_owned())?;
        if source.document.creds_store.is_some() || !source.document.cred_helpers.is_empty() {
            return Err(CredentialsError::Form {
                origin: origin.to_owned(),
                reason: "a secret cannot name credential helpers (credsStore, credHelpers)".to_owned(),
            });
        }
        self.0.insert(0, source);
        Ok(())
    }

    /// The login for an image's repository; none where there is none.
    pub(super) fn login(&self, reference: &Reference) -> Result<Option<Login>, CredentialsError> {
        for source in &self.0 {
            if let Some(login) = source.login(reference)? {
                return Ok(Some(login));
            }
        }
        Ok(None)
    }
}

fn read(text: &[u8], origin: String) -> Result<Source, CredentialsError> {
    if text.len() as u64 > LONGEST {
        let reason = format!("it is longer than {LONGEST} bytes");
        return Err(CredentialsError::Form { origin, reason });
    }
    // The parser's own text may quote what it read.
    match serde_json::from_slice(text) {
        Ok(document) => Ok(Source { origin, document }),
        Err(error) => Err(CredentialsError::Form {
            origin,
            reason: format!(
                "line {}, column {} is not as expected",
                error.line(),
                error.column()
            ),
        }),
    }
}

impl Source {
    fn login(&self, reference: &Reference) -> Result<Option<Login>, CredentialsError> {
        let registry = reference.registry();
        let docker = registry == "docker.io";
        let named = self
            .document
            .cred_helpers
            .iter()
            .find(|(key, _)| fits(key, registry, docker))
            .map(|(_, helper)| helper);
        let stored = self.document.creds_store.as_ref().filter(|name| !name.is_empty());
        if let Some(name) = named.or(stored) {
            let server = if docker { DOCKER_KEY } else { registry };
            if let Some((user, secret)) = helper::get(name, server)? {
                return Ok(Some(if user == TOKEN_USER {
                    Login::Identity(secret)
                } else {
                    Login::Password {
                        user,
                        password: secret,
                    }
                }));
            }
        }
        // The most specific first, as podman has them: registry/a/b, registry/a, registry.
        let full = format!("{registry}/{}", reference.repository());
        let mut wanted = full.as_str();
        loop {
            let entry = self.document.auths.iter().find(|(key, _)| {
                key.as_str() == wanted || (wanted == registry && fits(key, registry, docker))
            });
            if let Some((key, entry)) = entry
                && let Some(login) = self.read_entry(key, entry)?
            {
                return Ok(Some(login));
            }
            match wanted.rsplit_once('/') {
                Some((shorter, _)) => wanted = shorter,
                None => return Ok(None),
            }
        }
    }

    fn read_entry(&self, key: &str, entry: &Entry) -> Result<Option<Login>, CredentialsError> {
        let refuse = |reason: &str| CredentialsError::Form {
            origin: self.origin.clone(),
            reason: format!("the entry {key:?} {reason}"),
        };
        let filled = |text: &Option<Zeroizing<String>>| text.clone().filter(|text| !text.is_empty());
        if filled(&entry.registrytoken).is_some() {
            return Err(refuse(
                "has a registrytoken, which is not supported; log in with a password or token",
            ));
        }
        if let Some(token) = filled(&entry.identitytoken) {
            return Ok(Some(Login::Identity(Secret(token))));
        }
        if let Some(auth) = filled(&entry.auth) {
            let lenient =
                GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
            let engine = GeneralPurpose::new(&base64::alphabet::STANDARD, lenient);
            let decoded = engine.decode(auth.trim().as_bytes()).map(Zeroizing::new);
            let decoded = decoded.map_err(|_| refuse("has an auth that is not base64"))?;
            let text = std::str::from_utf8(&decoded).map_err(|_| refuse("has an auth that is not text"))?;
            let (user, password) = text
                .split_once(':')
                .ok_or_else(|| refuse("has an auth that is not USER:PASSWORD"))?;
            return Ok(Some(Login::Password {
                user: user.to_owned(),
                // Docker pads with zero bytes.
                password: Secret::new(password.trim_end_matches('\0').to_owned()),
            }));
        }
        match (&entry.username, filled(&entry.password)) {
            (Some(user), Some(password)) if !user.is_empty() => Ok(Some(Login::Password {
                user: user.clone(),
                password: Secret(password),
            })),
            // What a helper keeps is here as an empty entry.
            _ => Ok(None),
        }
    }
}

/// Whether a key of the file is that registry: as host, or as URL of old clients.
fn fits(key: &str, registry: &str, docker: bool) -> bool {
    let host = key
        .trim_start_matches("https://")
        .trim_start_matches("http://")
        .trim_end_matches('/');
    let host = host
        .strip_suffix("/v1")
        .or_else(|| host.strip_suffix("/v2"))
        .unwrap_or(host);
    host == registry || (docker && matches!(host, "index.docker.io" | "registry-1.docker.io"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(text: &str) -> Credentials {
        Credentials(vec![read(text.as_bytes(), "the file".to_owned()).unwrap()])
    }

    fn login(text: &str, image: &str) -> Option<Login> {
        credentials(text)
            .login(&Reference::parse(image).unwrap())
            .unwrap()
    }

    fn password(user: &str, password: &str) -> Login {
        Login::Password {
            user: user.to_owned(),
            password: Secret::new(password.to_owned()),
        }
    }

    #[test]
    fn finds_a_registry_by_host_url_and_namespace() {
        // base64 of me:pass:word
        let auth = r#"{"auth": "bWU6cGFzczp3b3Jk"}"#;
        for (key, image) in [
            ("example.com:5000", "example.com:5000/a/b"),
            ("https://example.com", "example.com/a"),
            ("https://example.com/v2/", "example.com/a"),
            ("example.com/a", "example.com/a/b:1"),
            ("https://index.docker.io/v1/", "ping"),
            ("docker.io", "team/ping"),
        ] {
            let text = format!(r#"{{"auths": {{"{key}": {auth}}}}}"#);
            assert_eq!(login(&text, image), Some(password("me", "pass:word")), "{key}");
            assert_eq!(login(&text, "example.org/a"), None);
            assert_eq!(login(&text, "example.com.evil.example/a"), None);
        }
    }

    #[test]
    fn the_most_specific_entry_counts() {
        let text = r#"{"auths": {"example.com": {"username": "all", "password": "x"},
                       "example.com/team": {"username": "team", "password": "y"}}}"#;
        assert_eq!(login(text, "example.com/team/app"), Some(password("team", "y")));
        assert_eq!(login(text, "example.com/teams/app"), Some(password("all", "x")));
    }

    #[test]
    fn an_identity_token_goes_before_the_password() {
        let text = r#"{"auths": {"example.com": {"auth": "bWU6eA==", "identitytoken": "token"}}}"#;
        assert_eq!(
            login(text, "example.com/a"),
            Some(Login::Identity(Secret::new("token".to_owned())))
        );
    }

    #[test]
    fn an_entry_without_anything_is_no_login() {
        assert_eq!(login(r#"{"auths": {"example.com": {}}}"#, "example.com/a"), None);
    }

    #[test]
    fn errors_show_nothing_of_the_file() {
        for text in [
            r#"{"auths": {"example.com": {"auth": "hunter2!"}}}"#,
            r#"{"auths": {"example.com": {"auth": "aHVudGVyMg=="}}}"#,
            r#"{"auths": {"example.com": {"registrytoken": "hunter2"}}}"#,
        ] {
            let error = credentials(text)
                .login(&Reference::parse("example.com/a").unwrap())
                .unwrap_err();
            let said = error.to_string();
            assert!(said.contains("the entry \"example.com\""), "{said}");
            assert!(!said.contains("hunter2") && !said.contains("aHVud"), "{said}");
        }
        let error = read(br#"{"auths": "hunter2"}"#, "the file".to_owned())
            .map(drop)
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "the file is no credentials file as docker writes it: line 1, column 19 is not as expected"
        );
    }

    #[test]
    fn debug_shows_no_secret() {
        let text = r#"{"auths": {"example.com": {"auth": "bWU6aHVudGVyMg=="}}}"#;
        let shown = format!("{:?} {:?}", credentials(text), login(text, "example.com/a"));
        assert!(!shown.contains("hunter2") && !shown.contains("bWU6"), "{shown}");
    }

    #[test]
    fn a_secret_of_a_pod_goes_first_and_starts_no_program() {
        let mut both = credentials(r#"{"auths": {"example.com": {"username": "file", "password": "x"}}}"#);
        both.prepend(
            br#"{"auths": {"example.com": {"username": "pod", "password": "y"}}}"#,
            "secret a",
        )
        .unwrap();
        let found = both.login(&Reference::parse("example.com/a").unwrap()).unwrap();
        assert_eq!(found, Some(password("pod", "y")));
        let refused = both
            .prepend(br#"{"credsStore": "x"}"#, "secret b")
            .unwrap_err()
            .to_string();
        assert!(
            refused.contains("a secret cannot name credential helpers"),
            "{refused}"
        );
    }
}
