//! Credential helpers: programs that keep passwords, asked over a pipe.
//!
//! Source: docker's credential helper protocol: `docker-credential-NAME get`, the server's name on standard input, JSON
//! on standard output; exit code 1 where there is nothing.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde::Deserialize;
use zeroize::Zeroizing;

use super::credentials::{CredentialsError, Secret};

/// How long a helper may take: some ask a network service.
const PATIENCE: Duration = Duration::from_secs(30);
/// How much it may write, in bytes.
const LONGEST: u64 = 64 << 10;
/// What a helper writes where it has nothing.
const NOTHING: &[u8] = b"credentials not found";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    #[serde(default)]
    username: String,
    secret: Zeroizing<String>,
}

/// The user and secret that a helper has for a server; none if it has none.
pub(super) fn get(name: &str, server: &str) -> Result<Option<(String, Secret)>, CredentialsError> {
    let program = format!("docker-credential-{name}");
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if name.is_empty() || !name.bytes().all(plain) {
        return Err(CredentialsError::Helper {
            name: program.escape_debug().to_string(),
            reason: "its name may have letters, digits, dashes, dots and underscores alone".to_owned(),
        });
    }
    run(Command::new(&program), server, PATIENCE).map_err(|reason| CredentialsError::Helper {
        name: program,
        reason,
    })
}

fn run(mut command: Command, server: &str, patience: Duration) -> Result<Option<(String, Secret)>, String> {
    let mut child = command
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("it cannot be started: {error}"))?;
    if let Some(mut input) = child.stdin.take() {
        // One that does not read may still answer. A name fits any pipe.
        let _ = input.write_all(server.as_bytes());
    }
    let porthole_helper::Answer { status, text } = porthole_helper::answer(&mut child, LONGEST, patience)?;
    if !status.success() {
        return if text.trim_ascii_start().starts_with(NOTHING) {
            Ok(None)
        } else {
            Err(format!("{status}; run it by hand to see why"))
        };
    }
    let answer: Answer =
        serde_json::from_slice(&text).map_err(|_| "its answer is not JSON with a Secret".to_owned())?;
    Ok(Some((answer.username, Secret::new(answer.secret.to_string()))))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    fn ask(script: &str, patience: Duration) -> Result<Option<(String, Secret)>, String> {
        let mut command = Command::new("sh");
        // `get` becomes $1.
        command.args(["-c", script, "helper"]);
        run(command, "example.com", patience)
    }

    #[test]
    fn a_helper_is_asked_for_the_server() {
        let script = r#"read -r server; [ "$1" = get ] && printf '{"Username":"%s","Secret":"x"}' "$server""#;
        let script = script.replace("read -r server", "server=$(cat)");
        let (user, secret) = ask(&script, LONG).unwrap().unwrap();
        assert_eq!((user.as_str(), secret.expose()), ("example.com", "x"));
    }

    #[test]
    fn a_helper_without_credentials_is_no_error() {
        let script = "echo credentials not found in native keychain; exit 1";
        assert_eq!(ask(script, LONG).unwrap(), None);
    }

    #[test]
    fn a_failing_helper_is_not_quoted() {
        let said = ask("echo hunter2; echo hunter2 >&2; exit 3", LONG).unwrap_err();
        assert!(
            said.contains("exit status: 3") && !said.contains("hunter2"),
            "{said}"
        );
        let said = ask("echo hunter2", LONG).unwrap_err();
        assert_eq!(said, "its answer is not JSON with a Secret");
    }

    #[test]
    fn a_helper_has_limits_of_time_and_output() {
        let said = ask("exec sleep 60", Duration::from_millis(100)).unwrap_err();
        assert!(said.contains("no answer within"), "{said}");
        let said = ask("exec >&-; exec sleep 60", Duration::from_millis(100)).unwrap_err();
        assert!(said.contains("did not end within"), "{said}");
        let said = ask("exec cat /dev/zero", LONG).unwrap_err();
        assert!(said.contains("longer than 65536 bytes"), "{said}");
    }

    #[test]
    fn a_helper_is_a_name_and_no_path() {
        for name in ["../x", "", "a b", "/bin/sh"] {
            let said = get(name, "example.com").unwrap_err().to_string();
            assert!(said.contains("its name may have"), "{said}");
        }
    }
}
