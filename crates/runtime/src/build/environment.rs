//! A container's own variables: `envFrom`, then `env`, as the kubelet composes them.

use super::objects::Datum;
use super::{Making, ObjectError};
use crate::expansion::expand;
use crate::spec::{ContainerSpec, Env, EnvValue, KeyRef, ObjectKind, Quantity, Resources};

type Variables = Vec<(String, String)>;

/// The variables of a container in their order; what cannot be had is refused.
pub(super) fn variables(making: &mut Making<'_>, container: &ContainerSpec) -> Variables {
    let mut variables = Variables::new();
    for source in &container.env_from {
        match keys(making, source.kind, &source.name) {
            Ok(Some(data)) => {
                for datum in data.into_iter().filter(|datum| datum.is_text) {
                    let name = format!("{}{}", source.prefix, datum.key);
                    match text(datum.content) {
                        Some(value) => set(&mut variables, &name, value),
                        None => making.refuse(source.path.clone(), source.span, not_text(&datum.key), None),
                    }
                }
            }
            Ok(None) if source.optional => {}
            Ok(None) => {
                let reason = not_found(making, source.kind, &source.name);
                making.refuse(source.path.clone(), source.span, reason, Some(HELP));
            }
            Err(error) => making.refuse(source.path.clone(), source.span, error.to_string(), None),
        }
    }
    for env in &container.env {
        match value(making, container, env, &variables) {
            Ok(Some(value)) => set(&mut variables, &env.name, value),
            Ok(None) => {}
            Err((reason, help)) => making.refuse(env.path.clone(), env.span, reason, help),
        }
    }
    variables
}

const HELP: &str = "give its manifest too: `porthole run POD CONFIGMAP-OR-SECRET`, or set optional: true";

/// The value of a variable by name.
pub(super) fn lookup<'a>(variables: &'a [(String, String)], name: &str) -> Option<&'a str> {
    variables
        .iter()
        .find(|(other, _)| other == name)
        .map(|(_, value)| value.as_str())
}

fn set(variables: &mut Variables, name: &str, value: String) {
    match variables.iter_mut().find(|(other, _)| other == name) {
        Some(earlier) => earlier.1 = value,
        None => variables.push((name.to_owned(), value)),
    }
}

type Refused = (String, Option<&'static str>);

fn value(
    making: &Making<'_>,
    container: &ContainerSpec,
    env: &Env,
    earlier: &[(String, String)],
) -> Result<Option<String>, Refused> {
    match &env.value {
        EnvValue::Literal(text) => Ok(Some(expand(text, |name| lookup(earlier, name)))),
        EnvValue::Key(reference) => key(making, reference),
        EnvValue::Field(path) => field(making, path).map(Some).map_err(|reason| (reason, None)),
        EnvValue::Resource {
            container: name,
            resource,
            divisor,
        } => amount(making, container, name.as_deref(), resource, *divisor)
            .map(Some)
            .map_err(|reason| (reason, None)),
    }
}

fn keys(making: &Making<'_>, kind: ObjectKind, name: &str) -> Result<Option<Vec<Datum>>, ObjectError> {
    making
        .request
        .objects
        .data(kind, &making.identity.namespace, name)
        .transpose()
}

fn key(making: &Making<'_>, reference: &KeyRef) -> Result<Option<String>, Refused> {
    let data = keys(making, reference.kind, &reference.name).map_err(|error| (error.to_string(), None))?;
    let Some(data) = data else {
        return if reference.optional {
            Ok(None)
        } else {
            Err((not_found(making, reference.kind, &reference.name), Some(HELP)))
        };
    };
    let found = data
        .into_iter()
        .find(|datum| datum.is_text && datum.key == reference.key);
    match found {
        Some(datum) => match text(datum.content) {
            Some(value) => Ok(Some(value)),
            None => Err((not_text(&reference.key), None)),
        },
        None if reference.optional => Ok(None),
        None => Err((
            format!(
                "couldn't find key {} in {} {}/{}",
                reference.key,
                reference.kind.name(),
                making.identity.namespace,
                reference.name
            ),
            None,
        )),
    }
}

/// The kubelet's words.
pub(super) fn not_found(making: &Making<'_>, kind: ObjectKind, name: &str) -> String {
    let kind = kind.name().to_lowercase();
    format!(
        "{kind} {name:?} not found among the manifests (namespace {:?})",
        making.identity.namespace
    )
}

fn not_text(key: &str) -> String {
    format!("the value of key {key} is no text without NUL, which a variable cannot hold")
}

fn text(content: Vec<u8>) -> Option<String> {
    String::from_utf8(content)
        .ok()
        .filter(|text| !text.contains('\0'))
}

/// The downward API's fields of the pod.
pub(super) fn field(making: &Making<'_>, path: &str) -> Result<String, String> {
    let (identity, facts, spec) = (making.identity, making.request.facts, making.request.spec);
    let of = |pairs: &[(String, String)], key: &str| lookup(pairs, key).unwrap_or_default().to_owned();
    Ok(match path {
        "metadata.name" => identity.name.clone(),
        "metadata.namespace" => identity.namespace.clone(),
        "metadata.uid" => identity.uid.clone(),
        "spec.nodeName" => facts.hostname.clone(),
        "spec.serviceAccountName" => spec.service_account.clone(),
        "status.podIP" | "status.podIPs" | "status.hostIP" | "status.hostIPs" => facts.address.clone(),
        _ => {
            let key = |prefix: &str| path.strip_prefix(prefix)?.strip_prefix("['")?.strip_suffix("']");
            if let Some(key) = key("metadata.labels") {
                of(&spec.labels, key)
            } else if let Some(key) = key("metadata.annotations") {
                of(&spec.annotations, key)
            } else {
                return Err(format!("unsupported fieldPath: {path}"));
            }
        }
    })
}

/// The downward API's amounts.
pub(super) fn amount(
    making: &Making<'_>,
    own: &ContainerSpec,
    name: Option<&str>,
    resource: &str,
    divisor: Option<Quantity>,
) -> Result<String, String> {
    let spec = making.request.spec;
    let container = match name {
        None | Some("") => own,
        Some(name) => spec
            .containers
            .iter()
            .chain(&spec.init_containers)
            .find(|container| container.name == name)
            .ok_or_else(|| format!("container {name} not found"))?,
    };
    let (of, kind) = resource.split_once('.').unwrap_or(("", resource));
    let amounts: &Resources = match of {
        "limits" => &container.limits,
        "requests" => &container.requests,
        _ => return Err(format!("unsupported container resource : {resource}")),
    };
    let milli = match kind {
        "cpu" => amounts.cpu_milli.map(u128::from),
        "memory" => amounts.memory.map(|bytes| u128::from(bytes) * 1000),
        _ => return Err(format!("unsupported container resource : {resource}")),
    };
    let milli = match (milli, of) {
        (Some(milli), _) => milli,
        (None, "requests") => 0,
        // The kubelet answers with what the node can give.
        (None, _) => return Err(format!("container {} has no {resource}; set it", container.name)),
    };
    let one = Quantity::parse("1").map_err(|error| error.to_string())?;
    let divisor = divisor
        .filter(|divisor| divisor.milli() != Some(0))
        .unwrap_or(one);
    Quantity::divided(milli, divisor)
        .map(|amount| amount.to_string())
        .ok_or_else(|| "is out of range".to_owned())
}
