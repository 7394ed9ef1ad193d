//! `porthole explain`: who a pod's containers run as, with what, and which field decided.

mod account;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use porthole_manifest::Node;
use porthole_pod::{ContainerKind, ContainerRef, Setting, containers, effective, required_os};
use porthole_runtime::spec::{self, Weight};
use serde::Serialize;

use crate::arguments::Format;
use crate::exit;
use crate::failure::{Attempt as _, Failure};
use crate::manifests::{self, Workload};
use crate::verdict;

/// Options of `porthole explain`.
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// Files, directories, `https://` URLs, or `-` for standard input
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The namespace of objects that name none
    #[arg(short, long, default_value = "default")]
    namespace: String,
    /// How the answer is printed
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// What is known of a pod without running it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Pod {
    kind: &'static str,
    namespace: String,
    name: String,
    replicas: u64,
    /// `pod.yaml:1:1`
    place: String,
    /// The operating systems that it requires, each with its field.
    os: Vec<Decided<String>>,
    containers: Vec<Container>,
    /// What the API server says against it.
    findings: Vec<Remark>,
    /// What porthole says against running it.
    refusals: Vec<Remark>,
    /// What has no effect on one machine.
    notes: Vec<Remark>,
}

/// A value with the field that decided.
#[derive(Debug, Serialize)]
struct Decided<T> {
    value: T,
    /// The field; nothing where a default decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// `pod.yaml:3:5`
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<String>,
}

#[derive(Debug, Serialize)]
struct Remark {
    field: String,
    text: String,
    place: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<&'static str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Container {
    name: String,
    kind: &'static str,
    /// The account in its one spelling; nothing where the image decides.
    account: Option<Decided<String>>,
    /// What the account becomes on this host.
    #[serde(skip_serializing_if = "Option::is_none")]
    on_this_host: Option<&'static str>,
    /// Whether the account may do everything on the host.
    administrator: Option<bool>,
    host_process: Decided<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    credential_spec: Option<Decided<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run_as_non_root: Option<Decided<bool>>,
    image: Option<Decided<String>>,
    /// `command` and `args` as they are written; nothing where the image decides.
    command: Option<Decided<Vec<String>>>,
    mounts: Vec<Decided<Mount>>,
    limits: Vec<Decided<Limit>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Mount {
    destination: String,
    volume: String,
    /// `hostPath C:\\var`, `emptyDir`, …
    source: String,
    read_only: bool,
}

#[derive(Debug, Serialize)]
struct Limit {
    resource: String,
    amount: String,
}

impl Explain {
    pub(crate) fn run(&self) -> Result<ExitCode, Failure> {
        let files = manifests::read(&self.paths)?;
        let workloads = manifests::workloads(&files)?;
        let pods: Vec<Pod> = workloads
            .iter()
            .map(|workload| explain(workload, &self.namespace))
            .collect();
        let doing = || "print the explanation".to_owned();
        match self.output {
            Format::Human => {
                for (index, pod) in pods.iter().enumerate() {
                    let gap = if index == 0 { "" } else { "\n" };
                    print(&format!("{gap}{}", table::render(pod)))?;
                }
            }
            Format::Json => {
                let text = serde_json::to_string_pretty(&pods).attempt(exit::UNASKED, doing)?;
                print(&format!("{text}\n"))?;
            }
            Format::Yaml => print(&serde_saphyr::to_string(&pods).attempt(exit::UNASKED, doing)?)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn print(text: &str) -> Result<(), Failure> {
    use std::io::Write as _;
    match anstream::stdout().write_all(text.as_bytes()) {
        // Whoever reads has read enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        result => result.attempt(exit::UNASKED, || "write to standard output".to_owned()),
    }
}

fn explain(workload: &Workload<'_>, namespace: &str) -> Pod {
    let template = &workload.template;
    let read = spec::read(template);
    let remark = |field: &str, text: String, span, rule| Remark {
        field: field.to_owned(),
        text,
        place: workload.place(span),
        rule,
    };
    let findings = verdict::findings(workload);
    let (refusals, notes) = match &read {
        Ok(spec) => (&[][..], &spec.notes[..]),
        Err(refusals) => (&refusals[..], &[][..]),
    };
    Pod {
        kind: template.kind.name(),
        namespace: template.namespace.unwrap_or(namespace).to_owned(),
        name: template.name.unwrap_or_default().to_owned(),
        replicas: template.replicas(),
        place: workload.place(template.object.span()),
        os: required_os(template)
            .into_iter()
            .map(|(os, origin)| Decided {
                value: os,
                place: Some(workload.place(origin.span)),
                field: Some(origin.field),
            })
            .collect(),
        containers: containers(template)
            .map(|reference| container(workload, reference))
            .collect(),
        findings: findings
            .iter()
            .map(|finding| {
                let span = finding.span.unwrap_or_else(|| template.object.span());
                remark(&finding.field, finding.to_string(), span, Some(finding.rule.name))
            })
            .collect(),
        refusals: refusals
            .iter()
            .map(|refusal| remark(&refusal.field, refusal.reason.clone(), refusal.span, None))
            .collect(),
        notes: notes
            .iter()
            .filter(|note| note.weight != Weight::Default)
            .map(|note| remark(&note.field, note.reason.to_owned(), note.span, None))
            .collect(),
    }
}

fn container(workload: &Workload<'_>, reference: ContainerRef<'_>) -> Container {
    let options = effective::resolve(&workload.template, Some(reference));
    let path = reference.path();
    let node = reference.node;
    let account = options
        .run_as_user_name
        .map(|setting| account::of(&setting, options.is_host_process()));
    let credential_spec = options.gmsa_credential_spec_name.or(options.gmsa_credential_spec);
    Container {
        name: reference.name.unwrap_or_default().to_owned(),
        kind: match reference.kind {
            ContainerKind::Init => "init container",
            ContainerKind::Main => "container",
            ContainerKind::Ephemeral => "ephemeral container",
        },
        on_this_host: account.as_ref().and_then(|account| account.on_this_host),
        administrator: account.as_ref().and_then(|account| account.administrator),
        account: options
            .run_as_user_name
            .zip(account)
            .map(|(setting, account)| decided(workload, &setting, account.name)),
        host_process: options.host_process.map_or(
            Decided {
                value: false,
                field: None,
                place: None,
            },
            |setting| decided(workload, &setting, setting.value),
        ),
        credential_spec: credential_spec.map(|setting| {
            // The contents are long; the name of the object in it says which one it is.
            let named = options.gmsa_credential_spec_name.is_some();
            let value = if named {
                setting.value.to_owned()
            } else {
                "(contents in the manifest)".to_owned()
            };
            decided(workload, &setting, value)
        }),
        run_as_non_root: options
            .run_as_non_root
            .map(|setting| decided(workload, &setting, setting.value)),
        image: written(workload, node, &path, "image", Node::as_str).map(owned),
        command: command(workload, node, &path),
        mounts: mounts(workload, node, &path),
        limits: limits(workload, node, &path),
    }
}

fn owned(decided: Decided<&str>) -> Decided<String> {
    Decided {
        value: decided.value.to_owned(),
        field: decided.field,
        place: decided.place,
    }
}

fn decided<T, S>(workload: &Workload<'_>, setting: &Setting<'_, S>, value: T) -> Decided<T> {
    Decided {
        value,
        field: Some(setting.field()),
        place: Some(workload.place(setting.span())),
    }
}

fn written<'a, T>(
    workload: &Workload<'_>,
    node: Node<'a>,
    path: &str,
    key: &str,
    read: fn(Node<'a>) -> Option<T>,
) -> Option<Decided<T>> {
    let field = node.field(key)?;
    let place = Some(workload.place(field.span()));
    Some(Decided {
        value: read(field)?,
        field: Some(format!("{path}.{key}")),
        place,
    })
}

fn command(workload: &Workload<'_>, node: Node<'_>, path: &str) -> Option<Decided<Vec<String>>> {
    let texts = |node: Node<'_>| -> Option<Vec<String>> {
        Some(node.items().filter_map(Node::as_str).map(str::to_owned).collect())
    };
    let command = node.field("command").map(|field| (field, "command"));
    let arguments = node.field("args").map(|field| (field, "args"));
    let (first, key) = command.or(arguments)?;
    let mut line = texts(first)?;
    if let (Some(_), Some((arguments, _))) = (command, arguments) {
        line.extend(texts(arguments)?);
    }
    if command.is_none() {
        line.insert(0, "(the image's entrypoint)".to_owned());
    }
    Some(Decided {
        value: line,
        field: Some(format!("{path}.{key}")),
        place: Some(workload.place(first.span())),
    })
}

fn mounts(workload: &Workload<'_>, node: Node<'_>, path: &str) -> Vec<Decided<Mount>> {
    let volumes = workload.template.spec.and_then(|spec| spec.field("volumes"));
    let list = node
        .field("volumeMounts")
        .into_iter()
        .flat_map(Node::items)
        .enumerate();
    list.map(|(index, mount)| {
        let text = |key| {
            mount
                .field(key)
                .and_then(Node::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let name = text("name");
        let volume = volumes
            .into_iter()
            .flat_map(Node::items)
            .find(|volume| volume.field("name").and_then(Node::as_str) == Some(&name));
        Decided {
            value: Mount {
                destination: text("mountPath"),
                source: volume.map_or_else(|| "(no such volume)".to_owned(), source),
                volume: name,
                read_only: mount
                    .field("readOnly")
                    .and_then(Node::as_bool)
                    .unwrap_or_default(),
            },
            field: Some(format!("{path}.volumeMounts[{index}]")),
            place: Some(workload.place(mount.span())),
        }
    })
    .collect()
}

/// A volume in two words: its type, and what it is of.
fn source(volume: Node<'_>) -> String {
    let entry = volume
        .entries()
        .find(|entry| entry.key.key_text() != "name" && !entry.value.is_null());
    let Some(entry) = entry else {
        return "emptyDir".to_owned();
    };
    let of = ["path", "name", "secretName", "claimName"]
        .iter()
        .find_map(|key| entry.value.field(key).and_then(Node::as_str));
    match of {
        Some(of) => format!("{} {of}", entry.key.key_text()),
        None => entry.key.key_text().into_owned(),
    }
}

fn limits(workload: &Workload<'_>, node: Node<'_>, path: &str) -> Vec<Decided<Limit>> {
    let limits = node
        .field("resources")
        .and_then(|resources| resources.field("limits"));
    let entries = limits.into_iter().flat_map(Node::entries);
    entries
        .map(|entry| {
            let resource = entry.key.key_text().into_owned();
            Decided {
                field: Some(format!("{path}.resources.limits.{resource}")),
                place: Some(workload.place(entry.value.span())),
                value: Limit {
                    resource,
                    amount: entry.value.text().unwrap_or_default().to_owned(),
                },
            }
        })
        .collect()
}
