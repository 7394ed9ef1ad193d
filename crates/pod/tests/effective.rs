//! Effective options, the system that a pod requires, and what the node makes of it.

use porthole_manifest::{Document, Limits, PodTemplate, objects, parse, pod_template};
use porthole_pod::effective::resolve;
use porthole_pod::node::{HostProcess, PodName, admit, host_process, sandbox, verify_run_as_non_root};
use porthole_pod::{EffectiveOptions, Rule, containers, required_os, rules};

#[track_caller]
fn document(spec: &str) -> Document {
    let spec = spec
        .lines()
        .map(|line| format!("  {line}\n"))
        .collect::<Vec<_>>()
        .concat();
    let mut stream = parse(
        &format!("apiVersion: v1\nkind: Pod\nspec:\n{spec}"),
        &Limits::default(),
    );
    assert_eq!(stream.errors, [], "{spec}");
    stream.documents.remove(0)
}

#[track_caller]
fn with_template<T>(spec: &str, ask: impl FnOnce(&PodTemplate<'_>) -> T) -> T {
    let document = document(spec);
    let Some(template) = objects(&document).first().and_then(pod_template) else {
        panic!("no workload: {spec}")
    };
    ask(&template)
}

/// Asks for the effective options of each container.
#[track_caller]
fn each(spec: &str, mut ask: impl FnMut(&EffectiveOptions<'_>)) {
    with_template(spec, |template| {
        containers(template).for_each(|container| ask(&resolve(template, Some(container))));
    });
}

#[test]
fn an_account_is_the_containers_else_the_pods() {
    let spec = "securityContext: {windowsOptions: {runAsUserName: ContainerUser}}
initContainers:
- name: i
  securityContext: {windowsOptions: {runAsUserName: ContainerAdministrator}}
containers:
- name: a
- name: b
  securityContext: {windowsOptions: {runAsUserName: }}";
    let mut found = Vec::new();
    each(spec, |options| {
        found.extend(
            options
                .run_as_user_name
                .map(|setting| (setting.value.to_owned(), setting.field())),
        );
    });
    let of_pod = (
        "ContainerUser".to_owned(),
        "spec.securityContext.windowsOptions.runAsUserName".to_owned(),
    );
    let of_init = (
        "ContainerAdministrator".to_owned(),
        "spec.initContainers[0].securityContext.windowsOptions.runAsUserName".to_owned(),
    );
    assert_eq!(found, [of_init, of_pod.clone(), of_pod]);
}

#[test]
fn an_option_that_nobody_sets_is_unset() {
    each("containers: [{name: a}]", |options| {
        assert!(options.run_as_user_name.is_none());
        assert!(options.host_process.is_none());
        assert!(!options.is_host_process());
    });
}

#[test]
fn the_credential_spec_and_its_name_move_as_a_pair() {
    let spec = "securityContext: {windowsOptions: {gmsaCredentialSpecName: pod-name, gmsaCredentialSpec: pod-contents}}
containers:
- name: inherits
- name: name-only
  securityContext: {windowsOptions: {gmsaCredentialSpecName: own-name}}
- name: contents-only
  securityContext: {windowsOptions: {gmsaCredentialSpec: own-contents}}
- name: account-only
  securityContext: {windowsOptions: {runAsUserName: a}}";
    let mut found = Vec::new();
    each(spec, |options| {
        let text = |setting: Option<porthole_pod::Setting<'_, &str>>| {
            setting.map(|setting| setting.value.to_owned())
        };
        found.push((
            text(options.gmsa_credential_spec_name),
            text(options.gmsa_credential_spec),
        ));
    });
    let pair =
        |name: Option<&str>, contents: Option<&str>| (name.map(str::to_owned), contents.map(str::to_owned));
    assert_eq!(
        found,
        [
            pair(Some("pod-name"), Some("pod-contents")),
            pair(Some("own-name"), None),
            pair(None, Some("own-contents")),
            pair(Some("pod-name"), Some("pod-contents")),
        ]
    );
}

#[test]
fn a_pod_is_host_process_by_what_its_containers_come_to() {
    let kind = |spec: &str| with_template(spec, host_process);
    let yes = "securityContext: {windowsOptions: {hostProcess: true}}";
    assert_eq!(kind("containers: [{name: a}]"), HostProcess::None);
    assert_eq!(
        kind(&format!("{yes}\ncontainers: [{{name: a}}]")),
        HostProcess::All
    );
    assert_eq!(
        kind(&format!("containers: [{{name: a, {yes}}}]")),
        HostProcess::All
    );
    assert_eq!(
        kind(&format!("containers: [{{name: a, {yes}}}, {{name: b}}]")),
        HostProcess::Mixed
    );
    assert_eq!(kind(yes), HostProcess::All);
}

#[test]
fn every_way_of_requiring_a_system_is_found() {
    let spec = "os: {name: windows}
nodeSelector: {beta.kubernetes.io/os: linux, kubernetes.io/os: windows, other: x}
affinity:
  nodeAffinity:
    requiredDuringSchedulingIgnoredDuringExecution:
      nodeSelectorTerms:
      - matchExpressions:
        - {key: other, operator: In, values: [x]}
        - {key: kubernetes.io/os, operator: In, values: [windows]}";
    let found = with_template(spec, required_os);
    let found: Vec<_> = found
        .iter()
        .map(|(os, origin)| (os.as_str(), origin.field.as_str()))
        .collect();
    assert_eq!(
        found,
        [
            ("windows", "spec.os.name"),
            ("windows", "spec.nodeSelector[kubernetes.io/os]"),
            ("linux", "spec.nodeSelector[beta.kubernetes.io/os]"),
            (
                "windows",
                "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0]\
             .matchExpressions[1].values[0]"
            ),
        ]
    );
}

#[test]
fn an_affinity_that_leaves_the_system_open_requires_none() {
    for terms in [
        "[{matchExpressions: [{key: kubernetes.io/os, operator: In, values: [windows, linux]}]}]",
        "[{matchExpressions: [{key: kubernetes.io/os, operator: NotIn, values: [linux]}]}]",
        "[{matchExpressions: [{key: kubernetes.io/os, operator: In, values: [windows]}]}, {matchExpressions: [{key: \
         kubernetes.io/os, operator: In, values: [linux]}]}]",
        "[{matchExpressions: [{key: kubernetes.io/os, operator: In, values: [windows]}]}, {matchExpressions: [{key: a, \
         operator: Exists}]}]",
        "[]",
    ] {
        let spec = format!(
            "affinity: {{nodeAffinity: {{requiredDuringSchedulingIgnoredDuringExecution: {{nodeSelectorTerms: {terms}}}}}}}"
        );
        assert_eq!(with_template(&spec, required_os), [], "{terms}");
    }
}

#[test]
fn a_node_fails_pods_of_another_system() {
    let refusal = |spec: &str, os: &str| with_template(spec, |template| admit(template, os));
    let by_os = refusal("os: {name: windows}", "linux").expect("another system");
    assert_eq!(
        by_os.to_string(),
        "PodOSNotSupported: Failed to admit pod as the OS field doesn't match node OS"
    );
    assert_eq!(
        by_os.origin.map(|origin| origin.field).as_deref(),
        Some("spec.os.name")
    );
    let by_selector = refusal("nodeSelector: {kubernetes.io/os: windows}", "linux").expect("another system");
    assert_eq!(
        by_selector.to_string(),
        "NodeAffinity: Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector"
    );
    assert_eq!(
        refusal(
            "os: {name: windows}\nnodeSelector: {kubernetes.io/os: windows}",
            "windows"
        ),
        None
    );
    assert_eq!(refusal("containers: []", "linux"), None);
}

#[test]
fn a_node_fails_pods_labelled_for_another_system_first() {
    let text = "apiVersion: v1\nkind: Pod\nmetadata:\n  labels: {kubernetes.io/os: windows}\nspec: {os: {name: windows}}\n";
    let stream = parse(text, &Limits::default());
    let objects = objects(&stream.documents[0]);
    let template = pod_template(&objects[0]).expect("a Pod");
    let refusal = admit(&template, "linux").expect("another system");
    assert_eq!(
        refusal.to_string(),
        "PodOSSelectorNodeLabelDoesNotMatch: Failed to admit pod as the `kubernetes.io/os` label doesn't match node label"
    );
    assert_eq!(
        refusal.origin.map(|origin| origin.field).as_deref(),
        Some("metadata.labels[kubernetes.io/os]")
    );
    assert_eq!(admit(&template, "windows"), None);
}

#[test]
fn the_kubelet_makes_no_sandbox_for_half_a_host_process_pod() {
    let refusal = |spec: &str| with_template(spec, sandbox).map(|refusal| refusal.message);
    let yes = "securityContext: {windowsOptions: {hostProcess: true}}";
    let no = "securityContext: {windowsOptions: {hostProcess: false}}";
    assert_eq!(
        refusal(&format!(
            "hostNetwork: true\ncontainers: [{{name: a, {yes}}}, {{name: b}}]"
        ))
        .as_deref(),
        Some("pod must not contain both HostProcess and non-HostProcess containers")
    );
    assert_eq!(
        refusal(&format!("containers: [{{name: a, {yes}}}]")).as_deref(),
        Some("hostNetwork is required if Pod contains HostProcess containers")
    );
    assert_eq!(
        refusal(&format!(
            "hostNetwork: true\n{no}\ncontainers: [{{name: a, {yes}}}]"
        ))
        .as_deref(),
        Some(
            "pod must not contain any HostProcess containers if Pod's WindowsOptions.HostProcess is set to false"
        )
    );
    assert_eq!(
        refusal(&format!("hostNetwork: true\n{yes}\ncontainers: [{{name: a}}]")),
        None
    );
    assert_eq!(refusal("containers: [{name: a}]"), None);
}

/// What the node says of container `a` under the image's user.
#[track_caller]
fn non_root(context: &str, image_user: Option<&str>) -> Option<String> {
    with_template(
        &format!("containers: [{{name: a, securityContext: {context}}}]"),
        |template| {
            let container = containers(template).next()?;
            let pod = PodName {
                name: "x",
                namespace: "default",
                uid: "1",
            };
            verify_run_as_non_root(template, container, image_user, pod).map(|refusal| refusal.message)
        },
    )
}

#[test]
fn non_root_refuses_the_container_administrator_and_nobody_else() {
    let administrator = "{runAsNonRoot: true, windowsOptions: {runAsUserName: CONTAINERAdministrator}}";
    assert_eq!(
        non_root(administrator, None).as_deref(),
        Some(
            "container's runAsUserName (CONTAINERAdministrator) which will be regarded as root identity and will break \
             non-root policy (pod: \"x_default(1)\", container: a)"
        )
    );
    assert_eq!(
        non_root("{runAsNonRoot: true}", Some("ContainerAdministrator")).as_deref(),
        Some(
            "container's runAsUser (ContainerAdministrator) which will be regarded as root identity and will break \
             non-root policy (pod: \"x_default(1)\", container: a)"
        )
    );
    for (context, image_user) in [
        ("{}", Some("ContainerAdministrator")),
        (
            "{runAsNonRoot: false, windowsOptions: {runAsUserName: ContainerAdministrator}}",
            None,
        ),
        ("{runAsNonRoot: true}", Some("anyone")),
        ("{runAsNonRoot: true}", None),
        (
            "{runAsNonRoot: true, windowsOptions: {runAsUserName: ContainerUser}}",
            Some("ContainerAdministrator"),
        ),
        (
            r"{runAsNonRoot: true, windowsOptions: {runAsUserName: 'NT AUTHORITY\SYSTEM'}}",
            None,
        ),
        (
            r"{runAsNonRoot: true, windowsOptions: {runAsUserName: 'User Manager\ContainerAdministrator'}}",
            None,
        ),
    ] {
        assert_eq!(non_root(context, image_user), None, "{context} {image_user:?}");
    }
}

#[test]
fn rules_have_names_of_their_own_and_explain_themselves() {
    let mut names = std::collections::HashSet::new();
    for Rule {
        name, explanation, ..
    } in rules::all()
    {
        assert!(names.insert(name), "{name} is there twice");
        assert!(
            name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'),
            "{name}"
        );
        assert!(explanation.trim().ends_with('.'), "{name}: {explanation}");
        assert_eq!(rules::find(name).map(|rule| rule.name), Some(*name));
    }
    assert!(names.len() > 30, "{}", names.len());
    assert!(rules::find("no-such-rule").is_none());
}
