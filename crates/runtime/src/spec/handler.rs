//! What probes ask and hooks tell, with the API server's defaults and in its words.

use std::time::Duration;

use porthole_manifest::Node;

use super::pod::NEXT;
use super::reader::{Reader, Table, Treatment};
use crate::conduct::{Handler, HttpGet};
use Treatment::{Read, Refuse};

const EXEC: &Table = &[("command", Read)];
const HTTP_GET: &Table = &[
    ("host", Read),
    ("httpHeaders", Read),
    ("path", Read),
    ("port", Read),
    ("scheme", Read),
];
const HEADER: &Table = &[("name", Read), ("value", Read)];
const TCP_SOCKET: &Table = &[("host", Read), ("port", Read)];
const SLEEP: &Table = &[("seconds", Read)];

/// The fields of a handler, for the tables of what has one.
pub(super) const GRPC: Treatment = Refuse(NEXT);

/// `ports` of a container, by name.
pub(super) struct Ports<'a>(Vec<(&'a str, i64)>);

impl<'a> Ports<'a> {
    /// Reads them; what is wrong with them is for the API server's rules.
    pub(super) fn of(container: Node<'a>) -> Self {
        let list = container.field("ports").into_iter().flat_map(Node::items);
        Self(
            list.filter_map(|port| {
                let number = port.field("containerPort")?.as_i64()?;
                Some((port.field("name")?.as_str()?, number))
            })
            .collect(),
        )
    }
}

/// Which handlers there may be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum For {
    Probe,
    /// With the pod's grace, within which it must come to its end.
    Hook(Duration),
}

/// The one handler of a probe or hook.
pub(super) fn read(
    reader: &mut Reader,
    node: Node<'_>,
    path: &str,
    ports: &Ports<'_>,
    purpose: For,
) -> Option<Handler> {
    let kinds = ["exec", "httpGet", "tcpSocket", "grpc", "sleep"];
    let set: Vec<(&str, Node<'_>)> = kinds
        .into_iter()
        .filter_map(|kind| Some((kind, node.field(kind).filter(|value| !value.is_null())?)))
        .collect();
    let [(kind, value), others @ ..] = set.as_slice() else {
        reader.refuse(path, node.span(), "Required value: must specify a handler type");
        return None;
    };
    for (other, value) in others {
        let reason = "Forbidden: may not specify more than 1 handler type";
        reader.refuse(format!("{path}.{other}"), value.span(), reason);
    }
    if !others.is_empty() {
        return None;
    }
    let path = format!("{path}.{kind}");
    match (*kind, purpose) {
        ("exec", _) => exec(reader, *value, &path),
        ("httpGet", _) => http_get(reader, *value, &path, ports).map(Handler::HttpGet),
        ("tcpSocket", _) => {
            reader.fields(*value, &path, TCP_SOCKET);
            let host = host(reader, *value, &path);
            let port = port(reader, *value, &path, ports)?;
            Some(Handler::TcpSocket { host: host?, port })
        }
        ("sleep", For::Hook(grace)) => sleep(reader, *value, &path, grace),
        // The table of what has the handler refuses it.
        _ => None,
    }
}

fn exec(reader: &mut Reader, node: Node<'_>, path: &str) -> Option<Handler> {
    reader.fields(node, path, EXEC);
    let command = reader.strings(node, path, "command");
    let empty = |list: Node<'_>| list.is_sequence() && list.items().next().is_none();
    if node
        .field("command")
        .is_none_or(|list| list.is_null() || empty(list))
    {
        reader.refuse(format!("{path}.command"), node.span(), "Required value");
        return None;
    }
    if command.iter().any(|text| text.value.contains('\0')) {
        reader.refuse(format!("{path}.command"), node.span(), "must not contain NUL");
        return None;
    }
    Some(Handler::Exec(
        command.into_iter().map(|text| text.value).collect(),
    ))
}

fn http_get(reader: &mut Reader, node: Node<'_>, path: &str, ports: &Ports<'_>) -> Option<HttpGet> {
    reader.fields(node, path, HTTP_GET);
    let scheme = reader.string(node, path, "scheme");
    let secure = match scheme.as_ref().map(|scheme| scheme.value.as_str()) {
        None | Some("" | "HTTP") => false,
        Some("HTTPS") => true,
        Some(other) => {
            let reason = format!("Unsupported value: {other:?}: supported values: \"HTTP\", \"HTTPS\"");
            reader.refuse(format!("{path}.scheme"), node.span(), reason);
            return None;
        }
    };
    let asked = reader.string(node, path, "path").map(|text| text.value);
    let asked = asked
        .filter(|text| !text.is_empty())
        .unwrap_or_else(|| "/".to_owned());
    let mut headers = Vec::new();
    for (header, path) in reader.items(node, path, "httpHeaders") {
        reader.fields(header, &path, HEADER);
        let Some(name) = reader.required(header, &path, "name") else {
            continue;
        };
        let value = reader
            .string(header, &path, "value")
            .map(|text| text.value)
            .unwrap_or_default();
        if !name
            .value
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        {
            reader.refuse(
                path,
                name.span,
                format!("Invalid value: {:?}: {HEADER_NAME}", name.value),
            );
        } else if value
            .bytes()
            .any(|byte| (byte < b' ' && byte != b'\t') || byte == 0x7f)
        {
            reader.refuse(
                format!("{path}.value"),
                header.span(),
                "must not contain control characters",
            );
        } else {
            headers.push((name.value, value));
        }
    }
    let host = host(reader, node, path);
    let port = port(reader, node, path, ports)?;
    Some(HttpGet {
        secure,
        host: host?,
        port,
        path: asked,
        headers,
    })
}

const HEADER_NAME: &str = "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex \
    used for validation is '[-A-Za-z0-9]+')";

/// The host, where one is set; nothing where it could not be part of an address.
#[expect(clippy::option_option, reason = "refused, not set, set")]
fn host(reader: &mut Reader, node: Node<'_>, path: &str) -> Option<Option<String>> {
    let Some(host) = reader
        .string(node, path, "host")
        .filter(|host| !host.value.is_empty())
    else {
        return Some(None);
    };
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]%".contains(&byte);
    if !host.value.bytes().all(valid) {
        let reason = format!("{:?} is neither the name nor the address of a host", host.value);
        reader.refuse(format!("{path}.host"), host.span, reason);
        return None;
    }
    Some(Some(host.value))
}

/// A port's number, or that of the container's port of that name.
fn port(reader: &mut Reader, node: Node<'_>, path: &str, ports: &Ports<'_>) -> Option<u16> {
    let field = format!("{path}.port");
    let Some(value) = node.field("port") else {
        reader.refuse(field, node.span(), "Required value");
        return None;
    };
    let number = match (value.as_i64(), value.as_str()) {
        (Some(number), _) => number,
        (None, Some(name)) => {
            if let Some(fault) = port_name_fault(name) {
                reader.refuse(field, value.span(), format!("Invalid value: {name:?}: {fault}"));
                return None;
            }
            let Some((_, number)) = ports.0.iter().find(|(other, _)| *other == name) else {
                let reason = format!("couldn't find port: {name:?} is none of the container's ports");
                reader.refuse(field, value.span(), reason);
                return None;
            };
            *number
        }
        (None, None) => {
            reader.refuse(field, value.span(), "must be a port's number or name");
            return None;
        }
    };
    match u16::try_from(number) {
        Ok(number) if number > 0 => Some(number),
        _ => {
            let reason = format!("Invalid value: {number}: must be between 1 and 65535, inclusive");
            reader.refuse(field, value.span(), reason);
            None
        }
    }
}

fn port_name_fault(name: &str) -> Option<&'static str> {
    let valid = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if name.len() > 15 {
        Some("must be no more than 15 characters")
    } else if !name.bytes().all(valid) {
        Some("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    } else if !name.bytes().any(|byte| byte.is_ascii_lowercase()) {
        Some("must contain at least one letter (a-z)")
    } else if name.contains("--") {
        Some("must not contain consecutive hyphens")
    } else if name.starts_with('-') || name.ends_with('-') {
        Some("must not begin or end with a hyphen")
    } else {
        None
    }
}

fn sleep(reader: &mut Reader, node: Node<'_>, path: &str, grace: Duration) -> Option<Handler> {
    reader.fields(node, path, SLEEP);
    let Some(value) = node.field("seconds") else {
        reader.refuse(format!("{path}.seconds"), node.span(), "must be set");
        return None;
    };
    let Some(number) = value.as_i64() else {
        reader.refuse(format!("{path}.seconds"), value.span(), "must be a whole number");
        return None;
    };
    match u64::try_from(number).map(Duration::from_secs) {
        Ok(pause) if pause <= grace => Some(Handler::Sleep(pause)),
        _ => {
            let reason = format!(
                "Invalid value: {number}: must be non-negative and less than terminationGracePeriodSeconds ({})",
                grace.as_secs()
            );
            reader.refuse(path, value.span(), reason);
            None
        }
    }
}
