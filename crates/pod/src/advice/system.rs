//! Pods that do not say clearly which system they are for.

use porthole_manifest::Node;

use crate::edit::{self, Insert};
use crate::finding::{Finding, Fix, Severity};
use crate::intent;
use crate::options::Options;
use crate::rule::rules;
use crate::rules::annotations;
use crate::rules::os::{self, Owner};
use crate::windows_pod::WindowsPod;

rules! { Advice:
    /// A Windows pod says `spec.os.name: windows`. The API server then refuses what only Linux has, the kubelet of another
    /// system does not start the pod, and Pod Security (from 1.25 on) does not ask it for Linux' fields.
    OS_NAME_MISSING = "os-name-missing";
    /// A Windows pod has the nodeSelector `kubernetes.io/os: windows`, or something else that brings it to Windows nodes:
    /// `spec.os.name` has no effect on scheduling. On a Linux node it fails, or, without `spec.os.name`, a HostProcess pod
    /// becomes an ordinary container there.
    NODE_SELECTOR_MISSING = "node-selector-missing";
    /// Fields that only Linux has do nothing on a Windows node. With `spec.os.name: windows` the API server refuses them, and
    /// Pod Security (from 1.25 on) does not ask for them.
    LINUX_FIELD_WITHOUT_OS = "linux-field-without-os";
}

pub(super) fn check(pod: &WindowsPod<'_>, options: &Options, findings: &mut Vec<Finding>) {
    if pod.is_firm() && pod.spec.child("os").field("name").is_none() {
        let of_linux = linux_fields(pod);
        for (owner, fields) in &of_linux {
            linux_finding(pod, owner, fields, findings);
        }
        if options.at_least(25) || options.enabled("IdentifyPodOS") {
            let is_of_linux = !of_linux.is_empty() || annotations::are_of_linux(&pod.template);
            os_name_missing(pod, is_of_linux, findings);
        }
    }
    if !intent::is_steered(&pod.template) {
        node_selector_missing(pod, findings);
    }
}

fn os_name_missing(pod: &WindowsPod<'_>, is_of_linux: bool, findings: &mut Vec<Finding>) {
    let mut finding = Finding::remark(
        &OS_NAME_MISSING,
        Severity::Advice,
        pod.path("os.name"),
        "a pod for Windows does not say `os.name: windows`",
        pod.meant.span,
    )
    .with_help("set spec.os.name: Pod Security then asks for nothing that only Linux has");
    // With a field of Linux in it, one that is made of an annotation, or with pod-level resources, the API server would refuse
    // the pod then.
    if !is_of_linux && pod.spec.get("resources").is_none() && pod.spec.get("os").is_none() {
        finding.fix = edit::insert(pod.spec, "os", Insert::Entry("name", "windows")).map(|edit| Fix {
            title: "say `os.name: windows`".to_owned(),
            safe: true,
            edits: vec![edit],
        });
    }
    findings.push(finding);
}

fn node_selector_missing(pod: &WindowsPod<'_>, findings: &mut Vec<Finding>) {
    let mut finding = Finding::remark(
        &NODE_SELECTOR_MISSING,
        Severity::Warning,
        pod.path("nodeSelector"),
        "nothing brings this pod to a Windows node",
        pod.meant.span,
    )
    .with_help("set the nodeSelector `kubernetes.io/os: windows`");
    if pod.spec.get("nodeSelector").is_none() {
        let entry = Insert::Entry("kubernetes.io/os", "windows");
        finding.fix = edit::insert(pod.spec, "nodeSelector", entry).map(|edit| Fix {
            title: "select Windows nodes".to_owned(),
            safe: true,
            edits: vec![edit],
        });
    }
    findings.push(finding);
}

/// The fields of Linux that one object has.
type Fields<'a> = Vec<(&'static str, Node<'a>)>;

/// The fields of Linux, for the pod and for each container that has some, with the path of what has them.
fn linux_fields<'a>(pod: &WindowsPod<'a>) -> Vec<(String, Fields<'a>)> {
    let set = |holder: Node<'a>, names: &mut dyn Iterator<Item = &'static str>| -> Fields<'a> {
        names
            .filter_map(|name| Some((name, holder.field(name)?)))
            .collect()
    };
    let counts =
        |(name, node): &(&'static str, Node<'_>)| !os::counts_if_true(name) || node.as_bool() != Some(false);
    let of_pod = set(pod.spec, &mut os::linux_fields(Owner::Spec))
        .into_iter()
        .filter(counts)
        .collect();
    let of_context = set(
        pod.spec.child("securityContext"),
        &mut os::linux_fields(Owner::Context),
    );
    let of_containers = pod.containers.iter().map(|container| {
        let context = container.node().child("securityContext");
        (
            format!("{}.securityContext", container.path()),
            set(context, &mut os::CONTAINER_CONTEXT.into_iter()),
        )
    });
    [
        (pod.template.prefix.to_owned(), of_pod),
        (pod.path("securityContext"), of_context),
    ]
    .into_iter()
    .chain(of_containers)
    .filter(|(_, fields)| !fields.is_empty())
    .collect()
}

/// One finding for all that one object has.
fn linux_finding(
    pod: &WindowsPod<'_>,
    owner: &str,
    fields: &[(&'static str, Node<'_>)],
    findings: &mut Vec<Finding>,
) {
    let Some(((first, node), others)) = fields.split_first() else {
        return;
    };
    let names: Vec<String> = fields.iter().map(|(name, _)| format!("`{name}`")).collect();
    let (verb, them) = if others.is_empty() {
        ("does", "it")
    } else {
        ("do", "them")
    };
    let text = format!("{} {verb} nothing on Windows", names.join(", "));
    let mut finding = Finding::remark(
        &LINUX_FIELD_WITHOUT_OS,
        Severity::Advice,
        format!("{owner}.{first}"),
        text,
        node.span(),
    )
    .with_help(format!("take {them} out and set spec.os.name: windows"))
    .with_related(pod.meant.span, "this says that the pod is meant for Windows");
    for (name, node) in others {
        finding = finding.with_related(node.span(), format!("`{name}`"));
    }
    findings.push(finding);
}
