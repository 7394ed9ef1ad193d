//! `cargo xtask testbed`: what the tests ask, for a developer to ask.

use porthole_tests::kubernetes::programs::NEWEST;
use porthole_tests::kubernetes::{ApiServer, Settings};

use crate::command::{Failure, Result};
use crate::kubernetes;

/// Reads the options of `testbed kubernetes`.
fn settings(arguments: &[&str]) -> Result<(String, Settings)> {
    let mut version = NEWEST.to_owned();
    let mut gates = Vec::new();
    let mut privileged = true;
    let mut rest = arguments;
    while let [option, value, more @ ..] = rest {
        let flag = |text: &str| match text {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(Failure::new(
                format!("read `{option} {value}`"),
                "it is `true` or `false`",
            )),
        };
        match *option {
            "--version" => value.trim_start_matches('v').clone_into(&mut version),
            "--allow-privileged" => privileged = flag(value)?,
            "--feature-gates" => {
                for gate in value.split(',') {
                    let (name, on) = gate.split_once('=').unwrap_or((gate, ""));
                    gates.push((name, flag(on)?));
                }
            }
            _ => break,
        }
        rest = more;
    }
    if let [unknown, ..] = rest {
        return Err(Failure::new(
            format!("read the option `{unknown}` of `testbed kubernetes`"),
            "there are --version, --feature-gates and --allow-privileged, each with a value",
        ));
    }
    let mut settings = Settings::of(&version).allow_privileged(privileged);
    for (name, on) in gates {
        settings = settings.feature_gate(name, on);
    }
    Ok((version, settings))
}

/// Starts an API server, says how to reach it, and stays until Ctrl-C. What ends it then is its guardian.
pub(crate) fn kubernetes(arguments: &[&str]) -> Result<()> {
    let (version, settings) = settings(arguments)?;
    kubernetes::provide_api_server(&version)?;
    let server = ApiServer::start(&settings)?;
    println!("kube-apiserver {version}");
    println!("address     {}", server.address());
    println!("token       {}", server.token());
    println!("kubeconfig  {}", server.kubeconfig().display());
    println!("logs        {}", server.directory().display());
    println!("Ctrl-C ends it");
    loop {
        server.check()?;
        std::thread::sleep(std::time::Duration::from_secs(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_that_is_none_is_named() {
        for (arguments, said) in [
            (&["--verison", "1.24.17"][..], "read the option `--verison` of"),
            (&["--version"], "read the option `--version` of"),
            (
                &["--feature-gates", "A=true,B"],
                "read `--feature-gates A=true,B`: it is `true` or `false`",
            ),
        ] {
            let failure = settings(arguments).err().map(|failure| failure.to_string());
            assert!(
                failure.as_ref().is_some_and(|failure| failure.starts_with(said)),
                "{failure:?}"
            );
        }
    }
}
