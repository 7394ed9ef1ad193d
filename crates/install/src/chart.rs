//! The Helm chart, made of the same objects.
//!
//! Every object is made with all choices that change what it has, and all that is made is merged into one template: what not all of them
//! have stands under the condition of those that do. So a template says what [`objects`](crate::objects) and
//! [`configurations`](crate::configurations) say, and what they come to say is in the chart when it is written anew.

mod print;
mod renderings;
mod tree;
mod values;

use std::fmt::Write as _;

use serde_json::Value;

use crate::{Settings, definition};
use print::Printer;
use renderings::{DIMENSIONS, WHOLE};
use tree::{Choices, Part, Tree, merge};

pub use tree::MergeError;

/// A file of the chart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its path in the chart.
    pub path: &'static str,
    /// What is in it.
    pub text: String,
}

const WRITTEN: &str = "Written by `cargo xtask reference` from crates/install, as the tests compare";

/// Which objects are in which file, by how they are named.
const TEMPLATES: &[(&str, &[&str])] = &[
    ("templates/definition.yaml", &["customresourcedefinition"]),
    ("templates/serviceaccount.yaml", &["serviceaccount"]),
    (
        "templates/rbac.yaml",
        &["clusterrole", "clusterrolebinding", "role", "rolebinding"],
    ),
    ("templates/certificates.yaml", &["issuer", "certificate"]),
    ("templates/service.yaml", &["service"]),
    ("templates/deployment.yaml", &["deployment"]),
    ("templates/poddisruptionbudget.yaml", &["poddisruptionbudget"]),
    ("templates/networkpolicy.yaml", &["networkpolicy"]),
    (
        "templates/webhooks.yaml",
        &["validatingwebhookconfiguration", "mutatingwebhookconfiguration"],
    ),
];

/// Variables of a template, and what they are.
const VARIABLES: &[(&str, &str)] = &[
    ("$name", "porthole.name"),
    ("$secret", "porthole.secret"),
    ("$certificates", "porthole.certificates"),
];

/// The files of the chart that are made of [`objects`](crate::objects), and of the values that it has.
///
/// # Errors
/// An object depends on settings in a way that the template language has no words for here.
pub fn files() -> Result<Vec<File>, MergeError> {
    let renderings = renderings::all();
    let renderings: Vec<(&Choices, &Value)> = renderings
        .iter()
        .map(|(choices, value)| (choices, value))
        .collect();
    let Tree::Map(mut objects) = merge(&DIMENSIONS, &renderings, "")? else {
        return Ok(Vec::new());
    };
    for object in &mut objects {
        let whole = WHOLE
            .iter()
            .find(|(start, end, _)| object.key.starts_with(start) && object.key.ends_with(end));
        if let Some((.., value)) = whole {
            object.condition = Some((*value).to_owned());
        }
    }
    let mut files = vec![
        File {
            path: "Chart.yaml",
            text: about(),
        },
        File {
            path: "values.yaml",
            text: values::yaml()?,
        },
        File {
            path: "values.schema.json",
            text: values::schema(),
        },
        File {
            path: "crds/gmsacredentialspecs.yaml",
            text: format!("# {WRITTEN}.\n{}", definition_for_all()?),
        },
    ];
    for (path, kinds) in TEMPLATES {
        let of_file: Vec<Part> = objects
            .iter()
            .filter(|object| kinds.contains(&kind_of(&object.key)))
            .cloned()
            .collect();
        let body = Printer::documents(&of_file);
        let mut text = format!("{{{{- /* {WRITTEN}. */}}}}\n");
        for (variable, template) in VARIABLES {
            if body.contains(variable) {
                // Writing to a string cannot fail.
                let _ = writeln!(text, "{{{{- {variable} := include \"{template}\" $ }}}}");
            }
        }
        files.push(File {
            path,
            text: text + &body,
        });
    }
    Ok(files)
}

/// The kind in a name such as `deployment.apps/NAME`.
fn kind_of(reference: &str) -> &str {
    reference.split(['.', '/']).next().unwrap_or_default()
}

fn about() -> String {
    let version = env!("CARGO_PKG_VERSION");
    format!(
        "# {WRITTEN}.\n\
         apiVersion: v2\n\
         name: porthole\n\
         description: The GMSA webhook of porthole, for Windows pods\n\
         type: application\n\
         version: {version}\n\
         appVersion: \"{version}\"\n\
         kubeVersion: \">=1.22.0-0\"\n\
         keywords: [windows, gmsa, hostprocess, admission]\n"
    )
}

/// The definition of credential specs that clusters of any version take. Helm makes it where there is none, and never changes
/// or removes it.
fn definition_for_all() -> Result<String, MergeError> {
    let settings = Settings {
        kubernetes: porthole_pod::Version::OLDEST,
        ..Settings::default()
    };
    let mut definition = definition(&settings).value;
    // It is part of no installation.
    if let Some(metadata) = definition["metadata"].as_object_mut() {
        metadata.remove("labels");
    }
    Printer::document(&definition)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_has_what_changes_under_its_condition() {
        let files = files().unwrap();
        let text = |path: &str| &files.iter().find(|file| file.path == path).unwrap().text;
        let deployment = text("templates/deployment.yaml");
        for part in [
            "  replicas: {{ $.Values.replicaCount | int }}\n",
            "            {{- if $.Values.randomHostname }}\n            - \"--random-hostname=true\"\n            {{- end }}\n",
            "            {{- if ne $.Values.hostAccounts \"off\" }}\n            - \"--host-accounts={{ $.Values.hostAccounts }}\"\n",
        ] {
            assert!(deployment.contains(part), "{part}{deployment}");
        }
        // Of a signer, with whom the server has what it has with certificates of its own.
        for part in [
            "            {{- if has $certificates (list \"own\" \"csr\") }}\n            - \"--own-certificates\"\n",
            "            {{- if eq $certificates \"csr\" }}\n            - \"--signer={{ $.Values.certificates.signer.name }}\"\n",
            "            {{- if $.Values.certificates.signer.approve }}\n            - \"--approve\"\n",
            "          configMap:\n            name: {{ $.Values.certificates.signer.authorityConfigMap | quote }}\n",
        ] {
            assert!(deployment.contains(part), "{part}{deployment}");
        }
        let webhooks = text("templates/webhooks.yaml");
        assert!(webhooks.contains(
            "{{- if semverCompare \">=1.28-0\" $.Capabilities.KubeVersion.Version }}\n    matchConditions:"
        ));
        assert!(
            text("templates/networkpolicy.yaml").contains("{{- if $.Values.networkPolicy.enabled }}\n---\n")
        );
    }

    #[test]
    fn every_object_is_in_one_of_the_files_and_no_placeholder_is_left() {
        let files = files().unwrap();
        let all: String = files.iter().map(|file| file.text.as_str()).collect();
        let templates = files.iter().filter(|file| file.path.starts_with("templates/"));
        let kinds: usize = templates.map(|file| file.text.matches("\nkind: ").count()).sum();
        // What no settings make at once: certificates of cert-manager, and the role for those of its own.
        let choices =
            [crate::Certificates::Own, crate::Certificates::CertManager].map(|certificates| Settings {
                certificates,
                ..Settings::default()
            });
        let mut names = std::collections::BTreeSet::new();
        for settings in &choices {
            let made = crate::objects(settings)
                .into_iter()
                .chain(crate::configurations(settings, None));
            for object in made {
                // Nothing in it looks like a template's.
                assert!(!object.value.to_string().contains("{{"), "{}", object.reference);
                names.insert(object.reference.to_string());
            }
        }
        // Without the namespace.
        assert_eq!(kinds, names.len() - 1);
        for name in [
            "<name>",
            "<namespace>",
            "<runtimeClass>",
            "<signer>",
            "<authority>",
            "<label>",
            "<value>",
            "900001",
            "60001",
            ": 251",
        ] {
            assert!(!all.contains(name), "{name}");
        }
    }
}
