//! The manifests of the examples: each is read, and each pod is answered as a cluster of today would.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{fs, io};

use porthole_manifest::{Limits, Source, objects, pod_template};
use porthole_pod::{Options, status_message, validate};

fn manifests(directory: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            manifests(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            found.push(path);
        }
    }
    Ok(())
}

/// The API server's messages about the pods of a file.
fn messages(path: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    let source = Source::from_bytes("x", fs::read(path)?)?;
    let stream = source.parse(&Limits::default());
    assert_eq!(stream.errors, [], "{}", path.display());
    assert!(!stream.documents.is_empty(), "{}", path.display());
    let mut messages = Vec::new();
    for document in &stream.documents {
        assert_eq!(document.duplicate_keys(), [], "{}", path.display());
        for template in objects(document).iter().filter_map(pod_template) {
            let findings = validate(&template, &Options::default());
            if !findings.is_empty() {
                messages.push(status_message(
                    template.kind,
                    template.name.unwrap_or_default(),
                    &findings,
                ));
            }
        }
    }
    Ok(messages)
}

#[test]
fn every_example_is_read_and_refused_only_where_the_cluster_refuses_it() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let mut found = Vec::new();
    manifests(&examples, &mut found).expect("the examples are there");
    assert!(found.len() >= 10, "{found:?}");
    for path in &found {
        let messages = messages(path).expect("readable");
        // The credential spec of the second document is `gmsa-Webapp1`, an upper-case name.
        if path.ends_with("2.4-with-creds-container.yaml") {
            assert_eq!(messages.len(), 1, "{messages:?}");
            let field =
                "spec.template.spec.containers[0].securityContext.windowsOptions.gmsaCredentialSpecName";
            let start = format!(
                "Deployment.apps \"with-creds\" is invalid: {field}: Invalid value: \"gmsa-Webapp1\": a lower"
            );
            assert!(messages[0].starts_with(&start), "{messages:?}");
        } else {
            assert_eq!(messages, [""; 0], "{}", path.display());
        }
    }
}
