//! What a real kubectl makes of YAML, and what porthole reads: the same texts are refused, and the others hold the same.

#[path = "kubernetes_decoder/generated.rs"]
mod generated;
#[path = "kubernetes_decoder/texts.rs"]
mod texts;

use std::path::Path;
use std::process::{Command, Stdio};

use porthole_manifest::{Limits, parse};
use porthole_tests::kubernetes::programs;
use serde_json::Value;

/// Blocks, items, texts of several lines, and flow collections, into which blanks are put.
const MANIFEST: &str = r#"# a node's agent
apiVersion: v1
kind: Pod
metadata:
  name: agent
  labels:
    app: 'agent'
spec:
  nodeSelector:
    kubernetes.io/os: windows
  containers:
  - name: c
    image: >-
      registry.example/agent:1
    args: ["-v", {a: b}]
    command:
    - - powershell.exe
      - x
    - |
      if ($true) {
          exit 0
      }
    - {}
    # the last one
    - last of
      several lines
  hostNetwork: on
"#;

/// Texts of which the parser's own grammar is not the decoder's, or might not be.
const ODD: &[&str] = &[
    "a: \"b\\/c\"",
    "a: 'b\\/c'",
    "a: 0777",
    "a: 1e3",
    "a: [yes, No, ~, 0x1F, 1_000, 0b11, 0o17, 1:20, .5, 2001-01-01]",
    "a: |2\n   b\n  \tc",
    "a: &x {b: c}\nd:\n  <<: *x\n  e: f",
    "? a\n: b",
    "a: !!str 1",
    "a: 'x\n\n  y'",
];

/// The manifest with something else in each of its lines in turn.
fn manifests() -> Vec<String> {
    let lines: Vec<&str> = MANIFEST.lines().collect();
    let mut all: Vec<String> = ODD.iter().map(|odd| written(odd)).collect();
    for at in 0..lines.len() {
        let line = lines[at];
        let indent = line.len() - line.trim_start().len();
        let changed = [
            format!("\t\n{line}"),
            format!("{}\t\n{line}", " ".repeat(indent)),
            format!("{}\t# c\n{line}", " ".repeat(indent + 1)),
            format!("{}\t{}", " ".repeat(indent), line.trim_start()),
            line.replacen("- ", "-\t", 1),
            line.replacen(": ", ":\t", 1),
            format!("{line}\t"),
        ];
        for change in changed.into_iter().filter(|change| change != line) {
            let mut lines: Vec<&str> = lines.clone();
            lines[at] = &change;
            all.push(lines.join("\n"));
        }
    }
    all
}

/// A text as the data of an object.
fn written(odd: &str) -> String {
    let lines: Vec<String> = odd.lines().map(|line| format!("  {line}")).collect();
    let lines = lines.join("\n");
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: odd\ndata:\n{lines}\n")
}

/// What kubectl makes of a file, without its metadata, which a label is added to; or why it cannot be read.
fn kubectl(program: &Path, file: &Path) -> Result<Value, String> {
    let output = Command::new(program)
        .args(["label", "--local", "--output=json", "porthole=yes", "--filename"])
        .arg(file)
        .env("KUBECONFIG", "/nonexistent")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(without_metadata(serde_json::from_slice(&output.stdout).unwrap()))
}

fn without_metadata(mut object: Value) -> Value {
    if let Some(object) = object.as_object_mut() {
        object.remove("metadata");
    }
    object
}

fn porthole(text: &str) -> Result<Value, String> {
    read(text).map(without_metadata)
}

/// The first document, or what is wrong with one.
fn read(text: &str) -> Result<Value, String> {
    let stream = parse(text, &Limits::default());
    match (stream.errors.first(), stream.documents.first()) {
        (Some(error), _) => Err(error.reason.clone()),
        (None, Some(document)) => Ok(document.root().to_json()),
        (None, None) => Ok(Value::Null),
    }
}

#[test]
fn kubectl_and_porthole_read_the_same() {
    let program = programs::find("kubectl", programs::NEWEST).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("manifest.yaml");
    let (mut read, mut refused) = (0, 0);
    for text in manifests() {
        std::fs::write(&file, &text).unwrap();
        match (kubectl(&program, &file), porthole(&text)) {
            (Ok(one), Ok(other)) => {
                assert_eq!(other, one, "{text}");
                read += 1;
            }
            (Err(one), Err(_)) => {
                assert!(one.contains("error converting YAML to JSON"), "{one}\n{text}");
                refused += 1;
            }
            (one, other) => panic!("kubectl: {one:?}\nporthole: {other:?}\n{text:?}"),
        }
    }
    assert!(read > 30 && refused > 60, "{read} are read and {refused} refused");
    println!("{read} texts are read alike, and {refused} refused by both");
}
