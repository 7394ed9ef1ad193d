//! Who one is, as it goes with a request.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ureq::http::HeaderValue;
use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::plugin::{self, Given};
use crate::secret::Secret;
use crate::target::Target;
use crate::tls;

/// The longest token file that is read, in bytes.
const LONGEST_TOKEN: u64 = 1 << 20;

/// What a session begins with: a certificate, and what says in each request who one is.
#[derive(Debug, Default)]
pub(crate) struct Credential {
    /// Certificate and key, as PEM.
    pub(crate) identity: Option<(Secret, Secret)>,
    pub(crate) token: Option<Secret>,
    /// Whether asking the plug-in anew may help.
    pub(crate) is_of_plugin: bool,
}

/// Finds out who the target's user is.
pub(crate) fn of(target: &Target) -> Result<Credential> {
    let user = &target.user;
    let given = match plugin::needed(user) {
        Some(plugin) => Some(plugin::ask(plugin, &target.cluster, &target.server)?),
        None => None,
    };
    let is_of_plugin = given.is_some();
    let Given { token, identity } = given.unwrap_or_default();
    let identity = match identity {
        None if user.certificate.is_some() => {
            let certificate = tls::bytes_of(&user.certificate, "the client certificate")?;
            Some((certificate, tls::bytes_of(&user.key, "the client's key")?))
        }
        given => given,
    };
    Ok(Credential {
        identity,
        token: token.or_else(|| user.token.clone()),
        is_of_plugin,
    })
}

/// The header `Authorization` of a request. A token in a file is read each time: the kubelet puts a new one there.
pub(crate) fn authorization(target: &Target, credential: &Credential) -> Result<Option<HeaderValue>> {
    let text: Zeroizing<Vec<u8>> = if let Some(path) = &target.user.token_file {
        bearer(token_in(path)?.expose())
    } else if let Some(token) = &credential.token {
        bearer(token.expose())
    } else if let Some((name, password)) = &target.user.basic {
        let mut pair = Zeroizing::new(name.as_bytes().to_vec());
        pair.push(b':');
        pair.extend_from_slice(password.expose());
        Zeroizing::new(format!("Basic {}", STANDARD.encode(&*pair)).into_bytes())
    } else {
        return Ok(None);
    };
    let mut value = HeaderValue::from_bytes(&text)
        .map_err(|_| target.of_user("its token has characters that no header can have"))?;
    value.set_sensitive(true);
    Ok(Some(value))
}

fn bearer(token: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut text = Zeroizing::new(b"Bearer ".to_vec());
    text.extend_from_slice(token.trim_ascii());
    text
}

fn token_in(path: &Path) -> Result<Secret> {
    let token = Secret::read(path, "the token", LONGEST_TOKEN)?;
    if token.expose().trim_ascii().is_empty() {
        return Err(Error::Read {
            what: "the token",
            path: path.to_owned(),
            source: std::io::Error::other("the file is empty"),
        });
    }
    Ok(token)
}
