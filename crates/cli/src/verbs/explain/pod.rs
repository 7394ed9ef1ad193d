//! What is known of a pod without running it: the data behind the table, and the shape of the JSON.

use porthole_manifest::Node;
use porthole_pod::{ContainerKind, ContainerRef, Setting, containers, effective, required_os};
use porthole_runtime::build::{self, Choices};
use porthole_runtime::engine::Os;
use porthole_runtime::spec::{self, PodSpec, Refusal, Weight};
use serde::Serialize;

use super::{account, conduct};
use crate::manifests::Workload;
use crate::verdict;

/// The system that `run` would run on.
const HOST: Os = if cfg!(windows) { Os::Windows } else { Os::Linux };

/// What is known of a pod without running it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Pod {
    pub(super) kind: &'static str,
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) replicas: u64,
    /// The file or URL, as places name it.
    pub(super) file: String,
    /// `pod.yaml:1:1`
    pub(super) place: String,
    /// The operating systems that it requires, each with its field.
    pub(super) os: Vec<Decided<String>>,
    /// `Always`, `OnFailure` or `Never`.
    pub(super) restart_policy: Decided<String>,
    pub(super) containers: Vec<Container>,
    /// What the API server says against it.
    pub(super) findings: Vec<Remark>,
    /// What `porthole run` says against running it here as it is.
    pub(super) refusals: Vec<Remark>,
    /// What has no effect on one machine.
    pub(super) notes: Vec<Remark>,
}

/// A value with the field that decided.
#[derive(Debug, Serialize)]
pub(super) struct Decided<T> {
    pub(super) value: T,
    /// The field; nothing where a default decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) field: Option<String>,
    /// `pod.yaml:3:5`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) place: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Remark {
    pub(super) field: String,
    pub(super) text: String,
    pub(super) place: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rule: Option<&'static str>,
    /// What to try.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) help: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Container {
    pub(super) name: String,
    pub(super) kind: &'static str,
    /// The account in its one spelling; nothing where the image decides.
    pub(super) account: Option<Decided<String>>,
    /// What the account becomes on this host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) on_this_host: Option<&'static str>,
    /// Whether the account is an administrator: of the host where the container is a HostProcess container, of the
    /// container alone where it is not.
    pub(super) administrator: Option<bool>,
    pub(super) host_process: Decided<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) credential_spec: Option<Decided<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) run_as_non_root: Option<Decided<bool>>,
    pub(super) image: Option<Decided<String>>,
    /// `command` and `args` as they are written; nothing where the image decides.
    pub(super) command: Option<Decided<Vec<String>>>,
    pub(super) mounts: Vec<Decided<Mount>>,
    pub(super) limits: Vec<Decided<Limit>>,
    /// Probes, hooks, how it is stopped; nothing where the pod cannot be read.
    pub(super) conduct: Vec<Decided<conduct::Told>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Mount {
    pub(super) destination: String,
    pub(super) volume: String,
    /// `hostPath C:\\var`, `emptyDir`, …
    pub(super) source: String,
    pub(super) read_only: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct Limit {
    pub(super) resource: String,
    pub(super) amount: String,
}

pub(super) fn explain(workload: &Workload<'_>, namespace: &str) -> Pod {
    let template = &workload.template;
    let read = spec::read(template);
    let findings = verdict::findings(workload);
    let mut refusals = build::host_refusals(template, HOST, &Choices::default());
    refusals.extend(containers(template).filter_map(|container| {
        build::credential_spec_refusal(&effective::resolve(template, Some(container)))
    }));
    let read = match read {
        Ok(spec) => Some(spec),
        Err(unread) => {
            refusals.extend(unread);
            None
        }
    };
    let notes = read.as_ref().map(|spec| spec.notes.clone()).unwrap_or_default();
    Pod {
        kind: template.kind.name(),
        namespace: template.namespace.unwrap_or(namespace).to_owned(),
        name: workload.name().into_owned(),
        replicas: template.replicas(),
        file: workload.source.name().to_owned(),
        place: workload.place(template.object.span()),
        os: required_os(template)
            .into_iter()
            .map(|(os, origin)| Decided {
                value: os,
                place: Some(workload.place(origin.span)),
                field: Some(origin.field),
            })
            .collect(),
        restart_policy: restart_policy(workload),
        containers: containers(template)
            .map(|reference| container(workload, reference, read.as_ref()))
            .collect(),
        findings: findings
            .iter()
            .map(|finding| Remark {
                field: finding.field.clone(),
                text: finding.to_string(),
                place: workload.place(finding.span.unwrap_or_else(|| template.object.span())),
                rule: Some(finding.rule.name),
                help: None,
            })
            .collect(),
        refusals: refusals
            .into_iter()
            .map(|refusal: Refusal| Remark {
                place: workload.place(refusal.span),
                field: refusal.field,
                text: refusal.reason,
                rule: None,
                help: refusal.help,
            })
            .collect(),
        notes: notes
            .into_iter()
            .filter(|note| note.weight != Weight::Default)
            .map(|note| Remark {
                place: workload.place(note.span),
                field: note.field,
                text: note.reason.to_owned(),
                rule: None,
                help: None,
            })
            .collect(),
    }
}

/// The policy as it is written; what is none of the three is among the refusals.
fn restart_policy(workload: &Workload<'_>) -> Decided<String> {
    let template = &workload.template;
    let policy = template
        .spec
        .and_then(|spec| written(workload, spec, template.prefix, "restartPolicy", Node::as_str));
    policy.filter(|policy| !policy.value.is_empty()).map_or_else(
        || Decided {
            value: "Always".to_owned(),
            field: None,
            place: None,
        },
        owned,
    )
}

fn container(workload: &Workload<'_>, reference: ContainerRef<'_>, spec: Option<&PodSpec>) -> Container {
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
        conduct: spec
            .and_then(|spec| {
                let mut all = spec.init_containers.iter().chain(&spec.containers);
                all.find(|container| container.path == path)
            })
            .map(|spec| conduct::of(workload, node, spec))
            .unwrap_or_default(),
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
    let mut all: Vec<Decided<Limit>> = entries
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
        .collect();
    all.extend(annotated(workload));
    all
}

/// The annotations for the runtime that limit each of the pod's containers.
fn annotated(workload: &Workload<'_>) -> Vec<Decided<Limit>> {
    let template = &workload.template;
    let prefix = template.prefix.strip_suffix("spec").unwrap_or_default();
    let annotations = template
        .metadata
        .and_then(|metadata| metadata.field("annotations"));
    let entries = annotations.into_iter().flat_map(Node::entries);
    entries
        .filter_map(|entry| {
            let name = entry.key.key_text();
            let resource = name.strip_prefix("io.microsoft.container.")?.to_owned();
            Some(Decided {
                field: Some(format!("{prefix}metadata.annotations[{name}]")),
                place: Some(workload.place(entry.value.span())),
                value: Limit {
                    resource,
                    amount: entry.value.text().unwrap_or_default().to_owned(),
                },
            })
        })
        .collect()
}
