//! Credential plug-ins: programs that log in and say who one is.
//!
//! Source: the API group `client.authentication.k8s.io`, versions v1 and v1beta1: the question is in the environment
//! variable `KUBERNETES_EXEC_INFO`, the answer an `ExecCredential` on standard output.

use std::io::IsTerminal as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::kubeconfig::{Cluster, Interaction, Plugin, User};
use crate::secret::Secret;
use crate::tls;

/// How long a plug-in may take that asks nobody.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long whoever sits at the terminal may take.
const PATIENCE_WITH_PEOPLE: Duration = Duration::from_mins(10);
/// How much it may write, in bytes.
const LONGEST: u64 = 1 << 20;
const GROUP: &str = "client.authentication.k8s.io";

/// What a plug-in gives.
#[derive(Debug, Default)]
pub(crate) struct Given {
    pub(crate) token: Option<Secret>,
    /// Certificate and key, as PEM.
    pub(crate) identity: Option<(Secret, Secret)>,
}

/// Asks a plug-in of the user of that cluster.
pub(crate) fn ask(plugin: &Plugin, cluster: &Cluster, server: &str) -> Result<Given> {
    let failed = |reason: String| Error::Plugin {
        command: plugin.command.display().to_string(),
        reason,
        hint: None,
    };
    let version = plugin
        .api_version
        .strip_prefix(GROUP)
        .and_then(|rest| rest.strip_prefix('/'));
    if !matches!(version, Some("v1" | "v1beta1")) {
        return Err(failed(format!(
            "it speaks {}, of which {GROUP}/v1 and v1beta1 are known",
            plugin.api_version.escape_debug()
        )));
    }
    let at_terminal = std::io::stdin().is_terminal();
    if plugin.interaction == Interaction::Always && !at_terminal {
        return Err(failed(
            "it has questions (interactiveMode: Always), and standard input is no terminal".to_owned(),
        ));
    }
    let interactive = at_terminal && plugin.interaction != Interaction::Never;
    let question = question(plugin, cluster, server, interactive)?;
    let mut command = Command::new(&plugin.command);
    command
        .args(&plugin.arguments)
        .envs(plugin.environment.iter().map(|(name, value)| (name, value)))
        .env("KUBERNETES_EXEC_INFO", question.to_string())
        .stdin(if interactive {
            Stdio::inherit()
        } else {
            Stdio::null()
        })
        .stdout(Stdio::piped());
    let mut child = command.spawn().map_err(|error| Error::Plugin {
        command: plugin.command.display().to_string(),
        reason: format!("it cannot be started: {error}"),
        hint: plugin.hint.clone(),
    })?;
    let patience = if interactive {
        PATIENCE_WITH_PEOPLE
    } else {
        PATIENCE
    };
    let answer = porthole_helper::answer(&mut child, LONGEST, patience).map_err(failed)?;
    if !answer.status.success() {
        // What it has to say of it, it has said on standard error.
        return Err(failed(format!("it ended with {}", answer.status)));
    }
    read(&answer.text, &plugin.api_version).map_err(failed)
}

fn question(plugin: &Plugin, cluster: &Cluster, server: &str, interactive: bool) -> Result<Value> {
    let mut spec = json!({ "interactive": interactive });
    if plugin.knows_cluster {
        let mut about = json!({ "server": server });
        if let Some(name) = &cluster.tls_server_name {
            about["tls-server-name"] = json!(name);
        }
        if cluster.is_unverified {
            about["insecure-skip-tls-verify"] = json!(true);
        }
        if cluster.authority.is_some() {
            about["certificate-authority-data"] = json!(tls::base64_of(&cluster.authority)?);
        }
        if let Some(proxy) = &cluster.proxy {
            about["proxy-url"] = json!(String::from_utf8_lossy(proxy.expose()));
        }
        if let Some(config) = &cluster.for_plugins {
            about["config"] = config.clone();
        }
        spec["cluster"] = about;
    }
    Ok(json!({ "kind": "ExecCredential", "apiVersion": plugin.api_version, "spec": spec }))
}

/// Reads an `ExecCredential`. What is wrong is told without what it holds.
fn read(answer: &[u8], api_version: &str) -> Result<Given, String> {
    let answer: Value = serde_json::from_slice(answer).map_err(|_| "its answer is no JSON".to_owned())?;
    if answer["kind"] != "ExecCredential" || answer["apiVersion"] != api_version {
        return Err(format!("its answer is no ExecCredential of {api_version}"));
    }
    let status = &answer["status"];
    let text = |key: &str| {
        let text = status[key].as_str().filter(|text| !text.is_empty());
        text.map(Secret::of_text)
    };
    let identity = match (text("clientCertificateData"), text("clientKeyData")) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        _ => {
            return Err(
                "its answer has a certificate without its key, or a key without its certificate".to_owned(),
            );
        }
    };
    let given = Given {
        token: text("token"),
        identity,
    };
    if given.token.is_none() && given.identity.is_none() {
        return Err("its answer has neither a token nor a certificate".to_owned());
    }
    Ok(given)
}

/// The plug-in that has to be asked: none where the kubeconfig itself has what each request says.
pub(crate) fn needed(user: &User) -> Option<&Plugin> {
    let says_who = user.token.is_some() || user.token_file.is_some() || user.basic.is_some();
    user.plugin.as_ref().filter(|_| !says_who)
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
