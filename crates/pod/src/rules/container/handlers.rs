//! Handlers of probes and of the hooks of a container's life (`validateHandler`, `validateLifecycle`).

use porthole_manifest::{Node, Value};

use super::Scope;
use crate::options::Options;
use crate::path::Path;
use crate::report::{Shown, int, items, place, text};
use crate::rule::rules;
use crate::syntax;
use crate::validate::Pass;

rules! { ApiServer:
    /// A probe and a hook does something: `exec`, `httpGet`, `tcpSocket`, a probe also `grpc`, a hook also `sleep`.
    HANDLER_REQUIRED = "handler-required";
    /// A probe and a hook does one thing. Of several the first counts, and the others are refused.
    HANDLER_TWICE = "handler-twice";
    /// `exec` has a command: a list of the program and its arguments. There is no shell.
    EXEC_COMMAND_REQUIRED = "exec-command-required";
    /// The port of a handler is a number from 1 to 65535, or the name of a port of the container. A number in quotes is taken
    /// for a name.
    HANDLER_PORT = "handler-port";
    /// The scheme of `httpGet` is `HTTP` (the default) or `HTTPS`, in capitals.
    HTTP_SCHEME_UNKNOWN = "http-scheme-unknown";
    /// The name of an HTTP header has letters, digits and dashes only.
    HTTP_HEADER_FORMAT = "http-header-format";
    /// `protocol` of `httpGet` is `HTTP1` or `HTTP2`, the latter without TLS and without another host.
    HTTP_PROTOCOL = "http-protocol";
    /// `mode` of `grpc` is `Plaintext` or `TLS`.
    GRPC_MODE_UNKNOWN = "grpc-mode-unknown";
    /// A hook sleeps no longer than the pod has time to end (`terminationGracePeriodSeconds`, 30 seconds by default).
    SLEEP_SECONDS = "sleep-seconds";
    /// `stopSignal` is set where `spec.os.name` says whose signals are meant: Windows has `SIGTERM` and `SIGKILL` only.
    STOP_SIGNAL = "stop-signal";
}

/// Who a handler is of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    Probe,
    Hook,
}

/// `validateHandler`.
pub(super) fn check(pass: &mut Pass<'_>, scope: &Scope<'_>, at: &Path<'_>, handler: Node<'_>, owner: Owner) {
    let mut has_one = false;
    for key in ["exec", "httpGet", "tcpSocket", "grpc", "sleep"] {
        let is_known = match key {
            "grpc" => owner == Owner::Probe && pass.at_least(23),
            "sleep" => owner == Owner::Hook && knows_sleep(pass.options),
            _ => true,
        };
        let Some(action) = handler.field(key).filter(|_| is_known) else {
            continue;
        };
        let field = at.child(key);
        if has_one {
            let detail = "may not specify more than 1 handler type";
            pass.forbidden(&HANDLER_TWICE, &field, detail, action.span());
            continue;
        }
        has_one = true;
        match key {
            "exec" => check_exec(pass, &field, action),
            "httpGet" => check_http(pass, &field, action),
            "tcpSocket" => check_port(pass, &field.child("port"), action),
            "grpc" => check_grpc(pass, &field, action),
            _ => check_sleep(pass, scope, &field, action),
        }
    }
    if !has_one {
        let detail = "must specify a handler type";
        pass.required(&HANDLER_REQUIRED, at, detail, handler.span());
    }
}

fn check_exec(pass: &mut Pass<'_>, at: &Path<'_>, action: Node<'_>) {
    if items(action, "command").next().is_none() {
        let span = place(action, "command");
        pass.required(&EXEC_COMMAND_REQUIRED, &at.child("command"), "", span);
    }
}

fn check_http(pass: &mut Pass<'_>, at: &Path<'_>, action: Node<'_>) {
    check_port(pass, &at.child("port"), action);
    let scheme = text(action, "scheme");
    if !matches!(scheme, "" | "HTTP" | "HTTPS") {
        let span = place(action, "scheme");
        let field = at.child("scheme");
        pass.not_supported(
            &HTTP_SCHEME_UNKNOWN,
            &field,
            Shown::Named(scheme),
            &["HTTP", "HTTPS"],
            span,
        );
    }
    for header in items(action, "httpHeaders") {
        let name = text(header, "name");
        if let Some(fault) = syntax::header_name(name) {
            let span = place(header, "name");
            let field = at.child("httpHeaders");
            pass.invalid(&HTTP_HEADER_FORMAT, &field, Shown::Str(name), fault, span);
        }
    }
    let protocol = action
        .field("protocol")
        .filter(|_| pass.enabled("H2CContainerProbe"));
    let Some(node) = protocol else { return };
    let protocol = node.as_str().unwrap_or_default();
    let field = at.child("protocol");
    let host = text(action, "host");
    if !matches!(protocol, "HTTP1" | "HTTP2") {
        let shown = Shown::Named(protocol);
        pass.not_supported(&HTTP_PROTOCOL, &field, shown, &["HTTP1", "HTTP2"], node.span());
    } else if protocol == "HTTP2" && !matches!(scheme, "" | "HTTP") {
        let detail = "is only supported with HTTP (H2C)";
        pass.invalid(
            &HTTP_PROTOCOL,
            &field,
            Shown::Named(protocol),
            detail,
            node.span(),
        );
    } else if protocol == "HTTP2" && !host.is_empty() {
        let detail = "must be empty when `protocol` is \"HTTP2\"";
        let span = place(action, "host");
        pass.invalid(&HTTP_PROTOCOL, &at.child("host"), Shown::Str(host), detail, span);
    }
}

/// `ValidatePortNumOrName` of the field `port`; one that is not set is the number 0.
fn check_port(pass: &mut Pass<'_>, field: &Path<'_>, action: Node<'_>) {
    let span = place(action, "port");
    if let Some(Value::String(name)) = action.field("port").map(Node::value) {
        for fault in syntax::port_name(pass.options, name) {
            pass.invalid(&HANDLER_PORT, field, Shown::Str(name), fault, span);
        }
        return;
    }
    let number = int(action, "port").unwrap_or_default();
    if let Some(fault) = syntax::port_number(number) {
        pass.invalid(&HANDLER_PORT, field, Shown::Int(number), fault, span);
    }
}

fn check_grpc(pass: &mut Pass<'_>, at: &Path<'_>, action: Node<'_>) {
    check_port(pass, &at.child("port"), action);
    let mode = action
        .field("mode")
        .filter(|_| pass.enabled("GRPCContainerProbeTLS"));
    if let Some(node) = mode
        && let Some(mode) = node.as_str()
        && !matches!(mode, "Plaintext" | "TLS")
    {
        let supported = ["Plaintext", "TLS"];
        let field = at.child("mode");
        pass.not_supported(
            &GRPC_MODE_UNKNOWN,
            &field,
            Shown::Named(mode),
            &supported,
            node.span(),
        );
    }
}

/// Whether hooks can sleep: since 1.29, where the gate is on.
fn knows_sleep(options: &Options) -> bool {
    options.at_least(37) || options.enabled("PodLifecycleSleepAction")
}

fn check_sleep(pass: &mut Pass<'_>, scope: &Scope<'_>, at: &Path<'_>, action: Node<'_>) {
    let seconds = int(action, "seconds").unwrap_or_default();
    let grace = scope.grace_period;
    let takes_zero = pass.at_least(37) || pass.enabled("PodLifecycleSleepActionAllowZero");
    let least = i64::from(!takes_zero);
    if seconds >= least && seconds <= grace {
        return;
    }
    let detail = if takes_zero {
        format!("must be non-negative and less than terminationGracePeriodSeconds ({grace})")
    } else {
        let hint = if pass.at_least(32) {
            ". Enable AllowPodLifecycleSleepActionZeroValue feature gate for zero sleep."
        } else {
            ""
        };
        format!("must be greater than 0 and less than terminationGracePeriodSeconds ({grace}){hint}")
    };
    let span = place(action, "seconds");
    pass.invalid(&SLEEP_SECONDS, at, Shown::Int(seconds), detail, span);
}

/// The container's `lifecycle`, unless nothing is left of it when what a gate keeps away is dropped.
pub(crate) fn lifecycle<'a>(options: &Options, container: Node<'a>) -> Option<Node<'a>> {
    let lifecycle = container.field("lifecycle")?;
    let signal = options.at_least(33) && lifecycle.field("stopSignal").is_some();
    let keeps_signal = signal && knows_stop_signal(options);
    let hooks = HOOKS.map(|key| lifecycle.field(key));
    let kept = hooks.into_iter().flatten().any(|hook| keeps_hook(options, hook));
    // What drops hooks that sleep takes every lifecycle in which nothing else is; what drops signals, one that had nothing else.
    let is_looked_at = drops_sleep(options) || signal && !keeps_signal;
    (kept || keeps_signal || !is_looked_at).then_some(lifecycle)
}

/// The hooks of a `lifecycle`.
pub(crate) const HOOKS: [&str; 2] = ["postStart", "preStop"];

/// Whether anything is left of a hook when what a gate keeps away is dropped.
pub(crate) fn keeps_hook(options: &Options, hook: Node<'_>) -> bool {
    let has = |key| hook.field(key).is_some();
    let only_sleeps = has("sleep") && !has("exec") && !has("httpGet") && !has("tcpSocket");
    !(drops_sleep(options) && only_sleeps)
}

/// Whether hooks may sleep in the schema and not by the gate: what sleeps is dropped.
pub(crate) fn drops_sleep(options: &Options) -> bool {
    options.at_least(30) && !knows_sleep(options)
}

fn knows_stop_signal(options: &Options) -> bool {
    options.enabled("ContainerStopSignals")
}

/// `validateLifecycle`.
pub(super) fn check_lifecycle(pass: &mut Pass<'_>, scope: &Scope<'_>, at: &Path<'_>, lifecycle: Node<'_>) {
    for key in HOOKS {
        let hook = lifecycle.field(key);
        if let Some(hook) = hook.filter(|hook| keeps_hook(pass.options, *hook)) {
            check(pass, scope, &at.child(key), hook, Owner::Hook);
        }
    }
    if let Some(signal) = lifecycle
        .field("stopSignal")
        .filter(|_| knows_stop_signal(pass.options))
    {
        check_stop_signal(pass, scope, &at.child("stopSignal"), signal);
    }
}

fn check_stop_signal(pass: &mut Pass<'_>, scope: &Scope<'_>, field: &Path<'_>, node: Node<'_>) {
    let Some(signal) = node.as_str() else { return };
    let supported: &[&str] = match scope.os {
        None => {
            let detail = "may not be set for containers with empty `spec.os.name`";
            return pass.forbidden(&STOP_SIGNAL, field, detail, node.span());
        }
        Some("windows") => &["SIGKILL", "SIGTERM"],
        Some("linux") => &LINUX_SIGNALS,
        Some(_) => return,
    };
    if !supported.contains(&signal) {
        pass.not_supported(&STOP_SIGNAL, field, Shown::Named(signal), supported, node.span());
    }
}

/// The signals of Linux, sorted.
const LINUX_SIGNALS: [&str; 65] = [
    "SIGABRT",
    "SIGALRM",
    "SIGBUS",
    "SIGCHLD",
    "SIGCLD",
    "SIGCONT",
    "SIGFPE",
    "SIGHUP",
    "SIGILL",
    "SIGINT",
    "SIGIO",
    "SIGIOT",
    "SIGKILL",
    "SIGPIPE",
    "SIGPOLL",
    "SIGPROF",
    "SIGPWR",
    "SIGQUIT",
    "SIGRTMAX",
    "SIGRTMAX-1",
    "SIGRTMAX-10",
    "SIGRTMAX-11",
    "SIGRTMAX-12",
    "SIGRTMAX-13",
    "SIGRTMAX-14",
    "SIGRTMAX-2",
    "SIGRTMAX-3",
    "SIGRTMAX-4",
    "SIGRTMAX-5",
    "SIGRTMAX-6",
    "SIGRTMAX-7",
    "SIGRTMAX-8",
    "SIGRTMAX-9",
    "SIGRTMIN",
    "SIGRTMIN+1",
    "SIGRTMIN+10",
    "SIGRTMIN+11",
    "SIGRTMIN+12",
    "SIGRTMIN+13",
    "SIGRTMIN+14",
    "SIGRTMIN+15",
    "SIGRTMIN+2",
    "SIGRTMIN+3",
    "SIGRTMIN+4",
    "SIGRTMIN+5",
    "SIGRTMIN+6",
    "SIGRTMIN+7",
    "SIGRTMIN+8",
    "SIGRTMIN+9",
    "SIGSEGV",
    "SIGSTKFLT",
    "SIGSTOP",
    "SIGSYS",
    "SIGTERM",
    "SIGTRAP",
    "SIGTSTP",
    "SIGTTIN",
    "SIGTTOU",
    "SIGURG",
    "SIGUSR1",
    "SIGUSR2",
    "SIGVTALRM",
    "SIGWINCH",
    "SIGXCPU",
    "SIGXFSZ",
];
