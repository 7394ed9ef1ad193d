//! One kubeconfig. What is wrong is named with its place, and what it holds is never shown.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use porthole_manifest::{Limits, Node, Source};
use zeroize::Zeroizing;

use super::{Cluster, Context, Impersonation, Interaction, Kubeconfig, Material, Plugin, User};
use crate::error::{Error, Result};
use crate::secret::Secret;

/// How much of a kubeconfig is read. Those of many clusters, with their certificates, have some hundred kilobytes.
const LIMITS: Limits = Limits {
    max_bytes: 4 << 20,
    max_depth: 32,
    max_nodes: 200_000,
    max_alias_nodes: 10_000,
};
/// What an extension for credential plug-ins is called.
const FOR_PLUGINS: &str = "client.authentication.k8s.io/exec";

/// Reads a file; nothing where it is not there and need not be, or says nothing.
pub(super) fn file(path: &Path, needed: bool) -> Result<Option<Kubeconfig>> {
    let unreadable = |source| Error::Read {
        what: "the kubeconfig",
        path: path.to_owned(),
        source,
    };
    let opened = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && !needed => return Ok(None),
        other => other.map_err(unreadable)?,
    };
    let mut bytes = Zeroizing::new(Vec::new());
    opened
        .take(LIMITS.max_bytes as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    let directory = std::path::absolute(path).map_err(unreadable)?;
    let directory = directory.parent().unwrap_or(Path::new("/"));
    text(&path.display().to_string(), &bytes, directory)
}

/// Reads a text; its relative paths begin at `directory`.
pub(super) fn text(name: &str, bytes: &[u8], directory: &Path) -> Result<Option<Kubeconfig>> {
    let form = |place: String, reason: String| Error::Form { place, reason };
    if bytes.len() > LIMITS.max_bytes {
        let reason = format!("it is longer than {} bytes", LIMITS.max_bytes);
        return Err(form(name.to_owned(), reason));
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|_| form(name.to_owned(), "it is not text in UTF-8".to_owned()))?;
    let source = Source::new(name, text);
    let stream = source.parse(&LIMITS);
    if let Some(error) = stream.errors.first() {
        // The parser's own words may quote what is there.
        return Err(form(source.place(error.span), "it is no YAML".to_owned()));
    }
    let Some(document) = stream.documents.first() else {
        return Ok(None);
    };
    let reader = Reader {
        source: &source,
        directory,
    };
    reader.config(document.root()).map(Some)
}

/// Reads fields of one file.
struct Reader<'a> {
    source: &'a Source,
    directory: &'a Path,
}

impl Reader<'_> {
    fn wrong<T>(&self, node: Node<'_>, reason: impl Into<String>) -> Result<T> {
        Err(Error::Form {
            place: self.source.place(node.span()),
            reason: reason.into(),
        })
    }

    /// A text that is there and not empty.
    fn text(&self, node: Node<'_>, key: &str) -> Result<Option<String>> {
        match node.field(key) {
            None => Ok(None),
            Some(value) => match value.as_str() {
                Some(text) => Ok(Some(text.to_owned()).filter(|text| !text.is_empty())),
                None => self.wrong(value, format!("`{key}` is no text")),
            },
        }
    }

    fn flag(&self, node: Node<'_>, key: &str) -> Result<bool> {
        match node.field(key) {
            None => Ok(false),
            Some(value) => value.as_bool().map_or_else(
                || self.wrong(value, format!("`{key}` is neither true nor false")),
                Ok,
            ),
        }
    }

    fn path(&self, node: Node<'_>, key: &str) -> Result<Option<PathBuf>> {
        let path = self.text(node, key)?;
        Ok(path.map(|path| self.directory.join(path)))
    }

    /// The mapping below a key, if it is there.
    fn mapping<'n>(&self, node: Node<'n>, key: &str) -> Result<Option<Node<'n>>> {
        match node.field(key) {
            Some(value) if !value.is_mapping() => self.wrong(value, format!("`{key}` is no mapping")),
            other => Ok(other),
        }
    }

    fn list<'n>(&self, node: Node<'n>, key: &str) -> Result<Vec<Node<'n>>> {
        match node.field(key) {
            None => Ok(Vec::new()),
            Some(value) if value.is_sequence() => Ok(value.items().collect()),
            Some(value) => self.wrong(value, format!("`{key}` is no list")),
        }
    }

    fn texts(&self, node: Node<'_>, key: &str) -> Result<Vec<String>> {
        let items = self.list(node, key)?.into_iter();
        items
            .map(|item| match item.as_str() {
                Some(text) => Ok(text.to_owned()),
                None => self.wrong(item, format!("an item of `{key}` is no text")),
            })
            .collect()
    }

    /// What base64 below `KEY-data` holds, else the file below `KEY`.
    fn material(&self, node: Node<'_>, key: &str) -> Result<Material> {
        let data = format!("{key}-data");
        if let Some(text) = self.text(node, &data)? {
            let text: Zeroizing<String> = Zeroizing::new(text.split_ascii_whitespace().collect());
            return match STANDARD.decode(text.as_bytes()) {
                Ok(bytes) => Ok(Material::Data(Secret::new(bytes))),
                Err(_) => self.wrong(node.child(&data), format!("`{data}` is no base64")),
            };
        }
        Ok(self.path(node, key)?.map_or(Material::None, Material::File))
    }

    fn config(&self, root: Node<'_>) -> Result<Kubeconfig> {
        if root.is_null() {
            return Ok(Kubeconfig::default());
        }
        if !root.is_mapping() {
            return self.wrong(root, "it is no mapping");
        }
        let kind = self.text(root, "kind")?;
        let version = self.text(root, "apiVersion")?;
        if kind.is_some_and(|kind| kind != "Config") || version.is_some_and(|version| version != "v1") {
            return self.wrong(root, "it is no Config of apiVersion v1");
        }
        Ok(Kubeconfig {
            current_context: self.text(root, "current-context")?,
            clusters: self.named(root, "clusters", "cluster", Self::cluster)?,
            users: self.named(root, "users", "user", Self::user)?,
            contexts: self.named(root, "contexts", "context", Self::context)?,
        })
    }

    fn named<T: Default>(
        &self,
        root: Node<'_>,
        list: &str,
        key: &str,
        read: fn(&Self, Node<'_>) -> Result<T>,
    ) -> Result<BTreeMap<String, T>> {
        let mut named = BTreeMap::new();
        for item in self.list(root, list)? {
            let Some(name) = self.text(item, "name")? else {
                return self.wrong(item, format!("an item of `{list}` has no name"));
            };
            let value = match self.mapping(item, key)? {
                Some(value) => read(self, value)?,
                None => T::default(),
            };
            if named.insert(name, value).is_some() {
                return self.wrong(item, format!("`{list}` has two items of one name"));
            }
        }
        Ok(named)
    }

    fn cluster(&self, node: Node<'_>) -> Result<Cluster> {
        let extensions = self.list(node, "extensions")?;
        let of_plugins = extensions
            .into_iter()
            .find(|item| item.child("name").as_str() == Some(FOR_PLUGINS));
        Ok(Cluster {
            server: self.text(node, "server")?.unwrap_or_default(),
            tls_server_name: self.text(node, "tls-server-name")?,
            is_unverified: self.flag(node, "insecure-skip-tls-verify")?,
            authority: self.material(node, "certificate-authority")?,
            proxy: self.text(node, "proxy-url")?.map(|url| Secret::of_text(&url)),
            for_plugins: of_plugins.and_then(|item| item.field("extension").map(Node::to_json)),
        })
    }

    fn user(&self, node: Node<'_>) -> Result<User> {
        let secret = |key| Ok::<_, Error>(self.text(node, key)?.map(|text| Secret::of_text(&text)));
        let (name, password) = (self.text(node, "username")?, secret("password")?);
        let basic = match (name, password) {
            (None, None) => None,
            (name, password) => Some((
                name.unwrap_or_default(),
                password.unwrap_or_else(|| Secret::of_text("")),
            )),
        };
        let provider = self.mapping(node, "auth-provider")?;
        let provider = provider.map(|provider| self.text(provider, "name")).transpose()?;
        Ok(User {
            certificate: self.material(node, "client-certificate")?,
            key: self.material(node, "client-key")?,
            token: secret("token")?,
            token_file: self.path(node, "tokenFile")?,
            basic,
            plugin: match self.mapping(node, "exec")? {
                Some(exec) => Some(self.plugin(exec)?),
                None => None,
            },
            auth_provider: provider.map(Option::unwrap_or_default),
            impersonation: self.impersonation(node)?,
        })
    }

    fn impersonation(&self, node: Node<'_>) -> Result<Impersonation> {
        let mut extra = Vec::new();
        if let Some(more) = self.mapping(node, "as-user-extra")? {
            for entry in more.entries() {
                let key = entry.key.key_text().into_owned();
                let values = self.texts(more, &key)?;
                extra.extend(values.into_iter().map(|value| (key.clone(), value)));
            }
        }
        Ok(Impersonation {
            user: self.text(node, "as")?,
            uid: self.text(node, "as-uid")?,
            groups: self.texts(node, "as-groups")?,
            extra,
        })
    }

    fn plugin(&self, node: Node<'_>) -> Result<Plugin> {
        let Some(api_version) = self.text(node, "apiVersion")? else {
            return self.wrong(node, "`exec` has no `apiVersion`");
        };
        let Some(command) = self.text(node, "command")? else {
            return self.wrong(node, "`exec` has no `command`");
        };
        let mode = self.text(node, "interactiveMode")?;
        let interaction = match mode.as_deref() {
            Some("Never") => Interaction::Never,
            Some("Always") => Interaction::Always,
            // The older version has no such field.
            None | Some("IfAvailable") => Interaction::IfAvailable,
            Some(_) => {
                let place = node.child("interactiveMode");
                return self.wrong(
                    place,
                    "`interactiveMode` is none of Never, IfAvailable and Always",
                );
            }
        };
        let mut environment = Vec::new();
        for variable in self.list(node, "env")? {
            let Some(name) = self.text(variable, "name")? else {
                return self.wrong(variable, "an item of `env` has no name");
            };
            if name.contains(['=', '\0']) {
                return self.wrong(variable, "a name in `env` has characters that no variable has");
            }
            environment.push((name, self.text(variable, "value")?.unwrap_or_default()));
        }
        // A bare name is looked for among the programs.
        let has_directory = command.contains('/') || (cfg!(windows) && command.contains('\\'));
        Ok(Plugin {
            api_version,
            command: if has_directory {
                self.directory.join(command)
            } else {
                PathBuf::from(command)
            },
            arguments: self.texts(node, "args")?,
            environment,
            hint: self.text(node, "installHint")?,
            knows_cluster: self.flag(node, "provideClusterInfo")?,
            interaction,
        })
    }

    fn context(&self, node: Node<'_>) -> Result<Context> {
        Ok(Context {
            cluster: self.text(node, "cluster")?.unwrap_or_default(),
            user: self.text(node, "user")?.unwrap_or_default(),
            namespace: self.text(node, "namespace")?,
        })
    }
}
