//! Lifecycle hooks that do not end, or do to the node what was meant for the container.

use porthole_manifest::Node;

use crate::finding::{Finding, Severity};
use crate::rule::rules;
use crate::windows_pod::{WindowsContainer, WindowsPod};

rules! { Advice:
    /// A container is not running before its `postStart` hook has ended, and a `preStop` hook uses up the grace period of the
    /// pod. A loop in a hook counts its turns, or gives up after a time.
    HOOK_WITHOUT_END = "hook-without-end";
    /// A hook of a HostProcess container acts on the node: restarting Netlogon there cuts every program of the node off from its
    /// domain for a while. In an isolated container the service is the container's own.
    HOOK_RESTARTS_NETLOGON = "hook-restarts-netlogon";
    /// Kubernetes puts variables in for `$(NAME)` in `command`, `args` and `env`, and not in hooks. There PowerShell reads
    /// `$(NAME)` as a command to run; write `$env:NAME`, or `%NAME%` for cmd.
    HOOK_VARIABLE = "hook-variable";
}

pub(super) fn check(pod: &WindowsPod<'_>, container: &WindowsContainer<'_>, findings: &mut Vec<Finding>) {
    let Some(lifecycle) = container.node().field("lifecycle") else {
        return;
    };
    for hook in ["postStart", "preStop"] {
        let Some(command) = lifecycle.child(hook).child("exec").field("command") else {
            continue;
        };
        let field = format!("{}.lifecycle.{hook}.exec.command", container.path());
        for (index, argument) in command.items().enumerate() {
            let Some(text) = argument.as_str() else { continue };
            let field = || format!("{field}[{index}]");
            if let Some(text) = without_end(text, hook) {
                findings.push(
                    Finding::remark(
                        &HOOK_WITHOUT_END,
                        Severity::Warning,
                        field(),
                        text,
                        argument.span(),
                    )
                    .with_help("count the turns, or give up after a time"),
                );
            }
            if pod.is_host_process() && restarts_netlogon(text) {
                let said = "this restarts Netlogon on the node, not in a container";
                findings.push(
                    Finding::remark(
                        &HOOK_RESTARTS_NETLOGON,
                        Severity::Warning,
                        field(),
                        said,
                        argument.span(),
                    )
                    .with_help("a HostProcess container uses the node's own connection to the domain: leave the hook out"),
                );
            }
            if let Some(name) = variables(container).find(|name| text.contains(&format!("$({name})"))) {
                findings.push(
                    Finding::remark(
                        &HOOK_VARIABLE,
                        Severity::Warning,
                        field(),
                        format!("`$({name})` is not replaced in a hook"),
                        argument.span(),
                    )
                    .with_help(format!("write $env:{name} in PowerShell, %{name}% in cmd")),
                );
            }
        }
    }
}

/// The names of the variables that the container sets.
fn variables<'a>(container: &WindowsContainer<'a>) -> impl Iterator<Item = &'a str> {
    let variables = container.node().child("env").items();
    variables.filter_map(|variable| variable.field("name")?.as_str())
}

/// What is to be said of a loop that nothing ends.
fn without_end(text: &str, hook: &str) -> Option<String> {
    let text: String = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .flat_map(char::to_lowercase)
        .collect();
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let leaves = has(&["break", "exit", "throw"]);
    if has(&[
        "while($true)",
        "while(1)",
        "while(1-eq1)",
        "for(;;)",
        "until($false)",
        "whiletrue;do",
    ]) && !leaves
    {
        return Some("the loop of this hook never ends".to_owned());
    }
    // A loop until something else is as it should be waits for ever where that does not come.
    let bound = has(&[
        "-lt",
        "-le",
        "-gt",
        "-ge",
        "..",
        "++",
        "count",
        "timeout",
        "addseconds",
        "addminutes",
        "get-date",
        "stopwatch",
    ]);
    let waits = text.contains("do{") && has(&["}while(", "}until("]) || text.contains("while(");
    (hook == "postStart" && waits && !bound && !leaves).then(|| {
        "nothing bounds the loop of this hook, and the container is not running before it ends".to_owned()
    })
}

fn restarts_netlogon(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    let stops = [
        "restart-service",
        "stop-service",
        "net stop",
        "sc stop",
        "sc.exe stop",
    ];
    text.contains("netlogon") && stops.iter().any(|word| text.contains(word))
}

/// The commands of a container's hooks and probes.
pub(super) fn commands<'a>(
    container: &WindowsContainer<'a>,
) -> impl Iterator<Item = (&'static str, Node<'a>)> {
    let node = container.node();
    [
        ("lifecycle.postStart", node.child("lifecycle").child("postStart")),
        ("lifecycle.preStop", node.child("lifecycle").child("preStop")),
        ("livenessProbe", node.child("livenessProbe")),
        ("readinessProbe", node.child("readinessProbe")),
        ("startupProbe", node.child("startupProbe")),
    ]
    .into_iter()
    .filter_map(|(field, handler)| Some((field, handler.child("exec").field("command")?)))
}
