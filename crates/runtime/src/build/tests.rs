use porthole_manifest::{Limits as ManifestLimits, Source, objects, pod_template};

use super::*;
use crate::plan::CommandLine;
use crate::spec;

mod accounts;
mod conduct;
mod escaped;
mod hostile;
mod job;
mod mounts;
mod volumes;

/// A shell-form CMD as it is written for Windows: one line, quoted already.
const SHELL_LINE: &str = "cmd /S /C \"type \"a b.txt\"\"";

/// An image that has everything, one that has nothing, and one whose CMD is a line.
struct Shelf;

impl Images for Shelf {
    fn find(&self, name: &str) -> Result<ContainerImage, ImageRefusal> {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let bare = ContainerImage {
            rootfs: Rootfs::Empty,
            environment: Vec::new(),
            entrypoint: Vec::new(),
            command: Vec::new(),
            arguments_escaped: false,
            user: None,
            working_directory: None,
        };
        match name {
            "bare" => Ok(bare),
            "shell" => Ok(ContainerImage {
                command: texts(&[SHELL_LINE]),
                arguments_escaped: true,
                ..bare
            }),
            "full" => Ok(ContainerImage {
                environment: vec![("FROM_IMAGE".to_owned(), "$(A)".to_owned())],
                entrypoint: texts(&["/entry", "$(A)"]),
                command: texts(&["cmd"]),
                user: Some("ContainerAdministrator".to_owned()),
                working_directory: Some("/work".to_owned()),
                ..bare
            }),
            _ => Err(ImageRefusal {
                reason: format!("no image {name:?}"),
                help: "build it".to_owned(),
            }),
        }
    }
}

fn facts(os: Os) -> HostFacts {
    HostFacts {
        os,
        hostname: "node-1".to_owned(),
        address: "192.0.2.7".to_owned(),
        views: vec![View::Private],
        lacks: Vec::new(),
    }
}

fn make(text: &str, os: Os, choices: &Choices) -> Result<Vec<PodPlan>, Vec<String>> {
    make_on(text, &facts(os), choices)
}

fn make_on(text: &str, facts: &HostFacts, choices: &Choices) -> Result<Vec<PodPlan>, Vec<String>> {
    with_request(text, facts, choices, pods)
}

/// Makes something of the first workload of a text.
fn with_request<T>(
    text: &str,
    facts: &HostFacts,
    choices: &Choices,
    make: impl FnOnce(&Request<'_>) -> Result<T, Vec<Refusal>>,
) -> Result<T, Vec<String>> {
    let source = Source::new("p.yaml", text);
    let stream = source.parse(&ManifestLimits::default());
    assert!(stream.errors.is_empty(), "{:?}", stream.errors);
    let all: Vec<_> = stream.documents.iter().flat_map(objects).collect();
    let template = all.iter().find_map(pod_template).unwrap();
    let mut known = Objects::default();
    for object in &all {
        known.add(object, &source, "default");
    }
    let texts = |refusals: Vec<Refusal>| refusals.iter().map(ToString::to_string).collect::<Vec<_>>();
    let spec = spec::read(&template).map_err(texts)?;
    let request = Request {
        template: &template,
        spec: &spec,
        namespace: "default",
        objects: &known,
        images: &Shelf,
        facts,
        state: Path::new("/state"),
        choices,
    };
    make(&request).map_err(texts)
}

/// A HostProcess pod with one container, which has these fields; `more` are further documents.
fn text(container: &str, more: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: p, labels: {{app: web}}, annotations: {{a/b: note}}}}\nspec:\n  \
         hostNetwork: true\n  securityContext: {{windowsOptions: {{hostProcess: true, runAsUserName: SYSTEM}}}}\n  \
         containers:\n  - {{name: c, image: bare, {container}}}\n{more}"
    )
}

fn plan_of(container: &str, more: &str) -> Plan {
    let pods = make(&text(container, more), Os::Linux, &Choices::default()).unwrap();
    pods[0].containers[0].plan.clone()
}

fn refused(container: &str, more: &str) -> Vec<String> {
    make(&text(container, more), Os::Linux, &Choices::default()).unwrap_err()
}

fn arguments(plan: &Plan) -> Vec<&str> {
    match &plan.command {
        CommandLine::Arguments(arguments) => arguments.iter().map(String::as_str).collect(),
        CommandLine::Windows(line) => vec![line],
    }
}

fn variable<'a>(plan: &'a Plan, name: &str) -> Option<&'a str> {
    environment::lookup(&plan.environment, name)
}

#[test]
fn command_and_args_replace_the_images_as_kubernetes_says() {
    for (container, expected) in [
        ("command: [/c]", &["/c"][..]),
        ("command: [/c], args: [a]", &["/c", "a"]),
        ("image: full", &["/entry", "$(A)", "cmd"]),
        ("image: full, args: [a]", &["/entry", "$(A)", "a"]),
        ("image: full, command: [/c]", &["/c"]),
        ("image: full, command: [/c], args: [a]", &["/c", "a"]),
        (
            "image: full, env: [{name: A, value: x}], args: ['$(A)', '$$(A)', '$(B)']",
            &["/entry", "$(A)", "x", "$(A)", "$(B)"],
        ),
        (
            "command: [/c, '$(FROM_IMAGE)'], image: full",
            &["/c", "$(FROM_IMAGE)"],
        ),
    ] {
        let container = container.replace("image: bare, image", "image");
        let text = text(&container, "").replace("image: bare, image: full", "image: full");
        let text = if container.contains("image: full") {
            text.replace("image: bare, ", "")
        } else {
            text
        };
        let pods = make(&text, Os::Linux, &Choices::default()).unwrap();
        assert_eq!(arguments(&pods[0].containers[0].plan), expected, "{container}");
    }
    assert!(refused("args: ['']", "")[0].contains("no command specified"));
}

const CONFIG: &str = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata: {k: v, q.r: s}\nbinaryData: {b: \
                      /+8=}\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {k: c2VjcmV0, u: \
                      dXM=}\nstringData: {u: user}\n";

#[test]
fn env_comes_from_where_the_manifest_says() {
    for (env, expected) in [
        ("{name: X, value: plain}", Some("plain")),
        ("{name: X}", Some("")),
        (
            "{name: A, value: '1'}, {name: X, value: '$(A)$(B)$$(A)'}, {name: B, value: late}",
            Some("1$(B)$(A)"),
        ),
        (
            "{name: X, valueFrom: {configMapKeyRef: {name: m, key: k}}}",
            Some("v"),
        ),
        (
            "{name: X, valueFrom: {secretKeyRef: {name: s, key: k}}}",
            Some("secret"),
        ),
        (
            "{name: X, valueFrom: {secretKeyRef: {name: s, key: u}}}",
            Some("user"),
        ),
        (
            "{name: X, valueFrom: {configMapKeyRef: {name: m, key: gone, optional: true}}}",
            None,
        ),
        (
            "{name: X, valueFrom: {secretKeyRef: {name: gone, key: k, optional: true}}}",
            None,
        ),
        (
            "{name: X, valueFrom: {fieldRef: {fieldPath: metadata.name}}}",
            Some("p"),
        ),
        (
            "{name: X, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}",
            Some("default"),
        ),
        (
            r#"{name: X, valueFrom: {fieldRef: {fieldPath: "metadata.labels['app']"}}}"#,
            Some("web"),
        ),
        (
            r#"{name: X, valueFrom: {fieldRef: {fieldPath: "metadata.annotations['a/b']"}}}"#,
            Some("note"),
        ),
        (
            r#"{name: X, valueFrom: {fieldRef: {fieldPath: "metadata.labels['gone']"}}}"#,
            Some(""),
        ),
        (
            "{name: X, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}",
            Some("node-1"),
        ),
        (
            "{name: X, valueFrom: {fieldRef: {fieldPath: spec.serviceAccountName}}}",
            Some("default"),
        ),
        (
            "{name: X, valueFrom: {fieldRef: {fieldPath: status.podIP}}}",
            Some("192.0.2.7"),
        ),
        (
            "{name: X, valueFrom: {fieldRef: {fieldPath: status.hostIPs}}}",
            Some("192.0.2.7"),
        ),
        (
            "{name: X, valueFrom: {resourceFieldRef: {resource: limits.memory, divisor: 1Mi}}}",
            Some("10"),
        ),
        (
            "{name: X, valueFrom: {resourceFieldRef: {resource: limits.cpu}}}",
            Some("1"),
        ),
        (
            "{name: X, valueFrom: {resourceFieldRef: {resource: requests.cpu, divisor: 1m}}}",
            Some("250"),
        ),
        (
            "{name: X, valueFrom: {resourceFieldRef: {containerName: c, resource: limits.memory}}}",
            Some("10485760"),
        ),
    ] {
        let container =
            format!("command: [x], resources: {{limits: {{memory: 10Mi, cpu: 250m}}}}, env: [{env}]");
        let plan = plan_of(&container, CONFIG);
        assert_eq!(variable(&plan, "X"), expected, "{env}");
    }
}

#[test]
fn env_overrides_env_from_and_may_refer_to_it() {
    let plan = plan_of(
        "command: [x], envFrom: [{configMapRef: {name: m}}, {prefix: P_, secretRef: {name: s}}, {secretRef: {name: gone, \
         optional: true}}], env: [{name: u, value: '$(P_k)/$(q.r)'}, {name: k, value: own}]",
        CONFIG,
    );
    let expected = [
        ("k", "own"),
        ("q.r", "s"),
        ("P_k", "secret"),
        ("P_u", "user"),
        ("u", "secret/s"),
    ];
    let found: Vec<(&str, &str)> = plan
        .environment
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn says_what_a_variable_lacks() {
    for (env, expected) in [
        (
            "{name: X, valueFrom: {configMapKeyRef: {name: gone, key: k}}}",
            "configmap \"gone\" not found",
        ),
        (
            "{name: X, valueFrom: {secretKeyRef: {name: s, key: gone}}}",
            "couldn't find key gone in Secret default/s",
        ),
        (
            "{name: X, valueFrom: {configMapKeyRef: {name: m, key: b}}}",
            "couldn't find key b in ConfigMap default/m",
        ),
        (
            "{name: X, valueFrom: {fieldRef: {fieldPath: metadata.gone}}}",
            "unsupported fieldPath: metadata.gone",
        ),
        (
            "{name: X, valueFrom: {resourceFieldRef: {resource: limits.memory}}}",
            "has no limits.memory",
        ),
        (
            "{name: X, valueFrom: {resourceFieldRef: {containerName: z, resource: limits.cpu}}}",
            "container z not found",
        ),
    ] {
        let refusals = refused(&format!("command: [x], env: [{env}]"), CONFIG);
        assert_eq!(refusals.len(), 1, "{env}: {refusals:?}");
        assert!(
            refusals[0].starts_with("spec.containers[0].env[0]: ") && refusals[0].contains(expected),
            "{refusals:?}"
        );
    }
}

#[test]
fn says_where_a_secret_is_no_base64_without_repeating_it() {
    let secret = "---\napiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {k: 'hunter2!'}\n";
    let refusals = refused(
        "command: [x], env: [{name: X, valueFrom: {secretKeyRef: {name: s, key: k}}}]",
        secret,
    );
    assert!(
        refusals[0].contains("data[k]: illegal base64 data at input byte 7")
            && refusals[0].contains("p.yaml:13:"),
        "{refusals:?}"
    );
    assert!(!refusals[0].contains("hunter2"), "{refusals:?}");
}

#[test]
fn pods_for_the_other_system_are_refused_in_the_nodes_words() {
    let pod = text("command: [x]", "").replace("hostNetwork", "os: {name: windows}\n  hostNetwork");
    let refusals = make(&pod, Os::Linux, &Choices::default()).unwrap_err();
    assert!(
        refusals[0].contains("PodOSNotSupported: Failed to admit pod as the OS field doesn't match node OS"),
        "{refusals:?}"
    );
    assert!(make(&pod, Os::Windows, &Choices::default()).is_ok());
    let choices = Choices {
        any_node: true,
        ..Choices::default()
    };
    assert!(make(&pod, Os::Linux, &choices).is_ok());
}

#[test]
fn credential_specs_are_refused_and_never_ignored() {
    for field in ["gmsaCredentialSpecName: web", "gmsaCredentialSpec: '{}'"] {
        let pod =
            text("command: [x]", "").replace("hostProcess: true", &format!("hostProcess: true, {field}"));
        let refusals = make(&pod, Os::Linux, &Choices::default()).unwrap_err();
        assert!(
            refusals[0].contains("credential specs are not supported"),
            "{refusals:?}"
        );
    }
}

#[test]
fn a_missing_image_says_what_to_do() {
    let pod = text("command: [x]", "").replace("image: bare", "image: gone");
    assert_eq!(
        make(&pod, Os::Linux, &Choices::default()).unwrap_err(),
        ["spec.containers[0].image: no image \"gone\""]
    );
}

#[test]
fn a_deployment_makes_its_replicas_and_a_daemon_set_one() {
    for (kind, head, names) in [
        ("Deployment", "replicas: 3", &["p-0", "p-1", "p-2"][..]),
        ("Deployment", "paused: false", &["p-0"]),
        ("DaemonSet", "minReadySeconds: 0", &["p"]),
        ("StatefulSet", "replicas: 0", &[]),
    ] {
        let pod = format!(
            "apiVersion: apps/v1\nkind: {kind}\nmetadata: {{name: p, namespace: ns}}\nspec:\n  {head}\n  template:\n    \
             spec:\n      hostNetwork: true\n      securityContext: {{windowsOptions: {{hostProcess: true, runAsUserName: \
             SYSTEM}}}}\n      containers: [{{name: c, image: bare, command: [x]}}]\n"
        );
        let pods = make(&pod, Os::Linux, &Choices::default()).unwrap();
        let found: Vec<&str> = pods.iter().map(|pod| pod.identity.name.as_str()).collect();
        assert_eq!(found, names, "{kind} {head}");
        assert!(pods.iter().all(|pod| pod.identity.namespace == "ns"));
    }
}

#[test]
fn plans_carry_limits_grace_and_working_directory() {
    let pod = text(
        "command: [x], workingDir: /w, resources: {limits: {memory: 10M, cpu: 250m}}",
        "  \
                    terminationGracePeriodSeconds: 7\n",
    );
    let pods = make(&pod, Os::Linux, &Choices::default()).unwrap();
    let plan = &pods[0].containers[0].plan;
    assert_eq!(
        (plan.limits.memory, plan.limits.cpu_milli),
        (Some(10_000_000), Some(250))
    );
    assert_eq!(plan.stop.grace.as_secs(), 7);
    assert_eq!(plan.working_directory.as_deref(), Some("/w"));
}
