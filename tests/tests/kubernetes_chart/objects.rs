//! Objects as Helm renders them and as `porthole install` prints them.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use porthole_tests::{helm, program};
use serde_json::{Map, Value, json};

/// Objects by kind and name.
pub(super) type Objects = Map<String, Value>;

pub(super) const NAME: &str = "porthole-webhook";
pub(super) const NAMESPACE: &str = "porthole-system";

/// Values for the credential spec `webapp1`.
pub(super) fn credential() -> Value {
    json!({"enabled": true, "domainJoinConfig": {
        "dnsName": "contoso.com", "guid": "244818ae-87ac-4fcd-92ec-e79e5252348a", "machineAccountName": "WebApp1",
        "netBiosName": "CONTOSO", "sid": "S-1-5-21-2126449477-2524075714-3094792973",
    }})
}

/// The documents of a stream, but for those in which nothing is.
pub(super) fn read(yaml: &str) -> Objects {
    let stream = porthole_manifest::parse(yaml, &porthole_manifest::Limits::default());
    let mut objects = Objects::new();
    for document in &stream.documents {
        let value = document.root().to_json();
        if value.is_null() {
            continue;
        }
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let key = format!("{}/{}", text(&value["kind"]), text(&value["metadata"]["name"]));
        assert!(
            objects.insert(key.clone(), value).is_none(),
            "{key} is there twice"
        );
    }
    objects
}

/// `helm`, with values for a verb that takes them: another one would not read them.
pub(super) fn run(mut helm: Command, values: Option<&Value>) -> Output {
    helm.stdout(Stdio::piped()).stderr(Stdio::piped());
    let Some(values) = values else {
        return helm.stdin(Stdio::null()).output().unwrap();
    };
    helm.args(["--values", "-"]).stdin(Stdio::piped());
    let mut child = helm.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(values.to_string().as_bytes()).unwrap();
    drop(input);
    child.wait_with_output().unwrap()
}

pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// What `helm template` says for these values, at a cluster of a version such as `1.37`.
pub(super) fn template(values: &Value, version: &str, arguments: &[&str]) -> Output {
    template_in(Some(NAMESPACE), values, version, arguments)
}

/// The same in another namespace, or where none is named.
pub(super) fn template_in(
    namespace: Option<&str>,
    values: &Value,
    version: &str,
    arguments: &[&str],
) -> Output {
    let directory = tempfile::tempdir().unwrap();
    let mut helm = helm::command(crate::HELM, directory.path()).unwrap();
    helm.args(["template", NAME])
        .arg(helm::chart())
        .arg("--kube-version")
        .arg(format!("{version}.0"))
        .args(arguments);
    if let Some(namespace) = namespace {
        helm.args(["--namespace", namespace]);
    }
    run(helm, Some(values))
}

/// The objects that Helm renders.
pub(super) fn rendered(values: &Value, version: &str, arguments: &[&str]) -> Objects {
    let output = template(values, version, arguments);
    assert!(output.status.success(), "{values}: {}", text(&output.stderr));
    read(&text(&output.stdout))
}

/// The objects that `porthole install` prints.
pub(super) fn printed(flags: &[&str], version: &str) -> Objects {
    read(&printed_text(flags, version))
}

/// The same as text.
pub(super) fn printed_text(flags: &[&str], version: &str) -> String {
    let output = print(flags, version);
    assert!(output.status.success(), "{flags:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// What `porthole install --print` says.
pub(super) fn print(flags: &[&str], version: &str) -> Output {
    Command::new(program::host("porthole").unwrap())
        .args(["install", "--print", "--kubernetes-version", version])
        .args(flags)
        .output()
        .unwrap()
}

/// What differs, by its path.
pub(super) fn differences(path: &str, one: &Value, other: &Value, found: &mut Vec<String>) {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            for key in one
                .keys()
                .chain(other.keys().filter(|key| !one.contains_key(*key)))
            {
                let path = format!("{path}.{key}");
                match (one.get(key), other.get(key)) {
                    (Some(one), Some(other)) => differences(&path, one, other, found),
                    (one, _) => {
                        let whose = if one.is_some() {
                            "the chart"
                        } else {
                            "the installer"
                        };
                        found.push(format!("{path} is {whose}'s alone"));
                    }
                }
            }
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            for (number, (one, other)) in one.iter().zip(other).enumerate() {
                differences(&format!("{path}[{number}]"), one, other, found);
            }
        }
        _ if one == other => {}
        _ => found.push(format!(
            "{path} is {one} by the chart and {other} by the installer"
        )),
    }
}
