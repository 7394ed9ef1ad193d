//! The ports of a container (`validateContainerPorts`).

use porthole_manifest::Node;

use crate::container::ContainerKind;
use crate::path::Path;
use crate::report::{Shown, int, items, place, text};
use crate::rule::rules;
use crate::rules::host_ports;
use crate::seen::Seen;
use crate::syntax;
use crate::validate::Pass;

rules! { ApiServer:
    /// The name of a port has at most 15 lower-case letters, digits and single inner dashes, and at least one letter
    /// (RFC 6335): `http-metrics`, not `HTTP` or `8080`.
    PORT_NAME_FORMAT = "port-name-format";
    /// The name of a port is there once in its container.
    PORT_NAME_DUPLICATE = "port-name-duplicate";
    /// A port has a `containerPort`. There is no port 0.
    CONTAINER_PORT_REQUIRED = "container-port-required";
    /// `containerPort` and `hostPort` are from 1 to 65535.
    PORT_NUMBER_RANGE = "port-number-range";
    /// The protocol of a port is `TCP` (the default), `UDP` or `SCTP`, in capitals.
    PORT_PROTOCOL_UNKNOWN = "port-protocol-unknown";
}

pub(super) fn check(pass: &mut Pass<'_>, list: &Path<'_>, kind: ContainerKind, container: Node<'_>) {
    let mut names = Seen::new();
    for (index, port) in items(container, "ports").enumerate() {
        let at = list.index(index);
        check_name(pass, &at, port, &mut names);
        let number = int(port, "containerPort").unwrap_or_default();
        let field = at.child("containerPort");
        if number == 0 {
            let span = place(port, "containerPort");
            pass.required(&CONTAINER_PORT_REQUIRED, &field, "", span);
        } else if let Some(fault) = syntax::port_number(number) {
            let span = place(port, "containerPort");
            pass.invalid(&PORT_NUMBER_RANGE, &field, Shown::Int(number), fault, span);
        }
        let host = host_ports::host_port(pass, kind, port);
        if host != 0
            && let Some(fault) = syntax::port_number(host)
        {
            let field = at.child("hostPort");
            let span = host_ports::place(port).span();
            pass.invalid(&PORT_NUMBER_RANGE, &field, Shown::Int(host), fault, span);
        }
        let protocol = text(port, "protocol");
        if !matches!(protocol, "" | "TCP" | "UDP" | "SCTP") {
            pass.not_supported(
                &PORT_PROTOCOL_UNKNOWN,
                &at.child("protocol"),
                Shown::Named(protocol),
                &["SCTP", "TCP", "UDP"],
                place(port, "protocol"),
            );
        }
    }
}

fn check_name<'a>(pass: &mut Pass<'_>, at: &Path<'_>, port: Node<'a>, names: &mut Seen<&'a str>) {
    let name = text(port, "name");
    if name.is_empty() {
        return;
    }
    let field = at.child("name");
    let span = place(port, "name");
    let faults = syntax::port_name(pass.options, name);
    if faults.is_empty() && !names.insert(name) {
        pass.duplicate(&PORT_NAME_DUPLICATE, &field, Shown::Str(name), span);
    }
    for fault in faults {
        pass.invalid(&PORT_NAME_FORMAT, &field, Shown::Str(name), fault, span);
    }
}
