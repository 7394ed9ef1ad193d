//! What is judged with what was read of a live cluster.

#[path = "live/limits.rs"]
mod limits;

use porthole_check::{File, Live, Needed, Needs, Part, Settings, Verdict, World, judge};
use porthole_pod::Severity;

/// What the cluster of these tests has.
const CLUSTER: &str = "
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: Namespace, metadata: {name: team, labels: {pod-security.kubernetes.io/enforce: privileged}}}
- {apiVersion: v1, kind: Namespace, metadata: {name: held, labels: {pod-security.kubernetes.io/enforce: baseline}}}
- {apiVersion: v1, kind: ServiceAccount, metadata: {name: default, namespace: team}}
- {apiVersion: v1, kind: ServiceAccount, metadata: {name: default, namespace: held}}
- {apiVersion: v1, kind: ServiceAccount, metadata: {name: web, namespace: team}}
- {apiVersion: node.k8s.io/v1, kind: RuntimeClass, metadata: {name: windows}, handler: h}
- {apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: high}, value: 7}
- {apiVersion: windows.k8s.io/v1, kind: GMSACredentialSpec, metadata: {name: web}, credspec: {CmsPlugins: [ActiveDirectory]}}
- apiVersion: rbac.authorization.k8s.io/v1
  kind: ClusterRole
  metadata: {name: use-web}
  rules: [{apiGroups: [windows.k8s.io], resources: [gmsacredentialspecs], resourceNames: [web], verbs: [use]}]
- apiVersion: rbac.authorization.k8s.io/v1
  kind: RoleBinding
  metadata: {name: use-web, namespace: team}
  roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: use-web}
  subjects: [{kind: ServiceAccount, name: web, namespace: team}]
";

fn cluster(complete: &[Part]) -> Live {
    Live {
        files: vec![File::parse("the cluster", CLUSTER)],
        old: Vec::new(),
        complete: complete.iter().copied().collect(),
    }
}

/// What is said of the first object of a text.
#[track_caller]
fn ask<T>(live: &Live, text: &str, ask: impl FnOnce(&Verdict<'_>) -> T) -> T {
    let files = [File::parse("x.yaml", text)];
    let settings = Settings::default();
    let world = World::in_cluster(live, &files, &settings);
    ask(&judge(&files[0], &world, &settings)[0])
}

/// The code and the message of the answer, and each finding that is no advice of porthole's own.
#[track_caller]
fn said(live: &Live, text: &str) -> (u16, String, Vec<String>) {
    ask(live, text, |verdict| {
        let answer = &verdict.answer;
        let message = answer.status.as_ref().map(|status| status.message.clone());
        let findings = verdict.findings.iter();
        let findings = findings
            .filter(|finding| finding.rule.enforcer != porthole_pod::Enforcer::Advice)
            .map(|finding| {
                let grave = if finding.severity == Severity::Error {
                    "error"
                } else {
                    "less"
                };
                format!("{grave} {} {}", finding.rule, finding.field)
            });
        (
            answer.code.unwrap_or_default(),
            message.unwrap_or_default(),
            findings.collect(),
        )
    })
}

fn pod(namespace: &str, spec: &str) -> String {
    format!(
        "{{apiVersion: v1, kind: Pod, metadata: {{name: x, namespace: {namespace}}}, spec: {{{spec}, containers: [{{name: c, \
         image: i}}]}}}}\n"
    )
}

const GMSA: &str = "securityContext: {windowsOptions: {gmsaCredentialSpecName: SPEC}}";

#[test]
fn what_neither_files_nor_cluster_have_is_refused_in_the_server_s_words() {
    let live = cluster(&Part::ALL);
    for (text, code, message, finding) in [
        (
            pod("none", "hostPID: false"),
            404,
            "namespaces \"none\" not found",
            "error namespace-unknown metadata.namespace",
        ),
        (
            "{apiVersion: v1, kind: ConfigMap, metadata: {name: x, namespace: none}}".to_owned(),
            404,
            "namespaces \"none\" not found",
            "error namespace-unknown metadata.namespace",
        ),
        (
            pod("team", "serviceAccountName: other"),
            403,
            "pods \"x\" is forbidden: error looking up service account team/other: serviceaccount \"other\" not found",
            "error service-account-unknown spec.serviceAccountName",
        ),
        (
            pod("team", "runtimeClassName: gone"),
            403,
            "pods \"x\" is forbidden: pod rejected: RuntimeClass \"gone\" not found",
            "error runtime-class-unknown spec.runtimeClassName",
        ),
        (
            pod("team", "priorityClassName: low"),
            403,
            "pods \"x\" is forbidden: no PriorityClass with name low was found",
            "error priority-class-unknown spec.priorityClassName",
        ),
    ] {
        let (said_code, said_message, findings) = said(&live, &text);
        assert_eq!((said_code, said_message.as_str()), (code, message), "{text}");
        assert_eq!(findings, [finding], "{text}");
    }
}

#[test]
fn what_the_cluster_has_is_there() {
    let live = cluster(&Part::ALL);
    let good = pod(
        "team",
        "serviceAccountName: web, runtimeClassName: windows, priorityClassName: high, priority: 7",
    );
    assert_eq!(said(&live, &good), (201, String::new(), Vec::new()));
    let map = "{apiVersion: v1, kind: ConfigMap, metadata: {name: x, namespace: team}}";
    assert_eq!(said(&live, map), (201, String::new(), Vec::new()));
    let held = pod("held", "hostPID: true");
    let (code, message, _) = said(&live, &held);
    assert_eq!(code, 403);
    assert!(
        message.contains("violates PodSecurity \"baseline:latest\""),
        "{message}"
    );
    let node = "{apiVersion: v1, kind: Node, metadata: {name: x}}";
    assert_eq!(said(&live, node).0, 201, "it is in no namespace");
}

#[test]
fn objects_of_the_files_take_the_place_of_the_cluster_s() {
    let live = cluster(&Part::ALL);
    let namespace = "---\n{apiVersion: v1, kind: Namespace, metadata: {name: held}}\n";
    assert_eq!(said(&live, &(pod("held", "hostPID: true") + namespace)).0, 201);
    // A namespace that is made gets its default account, and no other.
    let made = "---\n{apiVersion: v1, kind: Namespace, metadata: {name: made}}\n";
    assert_eq!(said(&live, &(pod("made", "hostPID: false") + made)).0, 201);
    assert_eq!(said(&live, &(pod("made", "serviceAccountName: a") + made)).0, 403);
    let account = "---\n{apiVersion: v1, kind: ServiceAccount, metadata: {name: a, namespace: made}}\n";
    assert_eq!(
        said(&live, &(pod("made", "serviceAccountName: a") + made + account)).0,
        201
    );
    // The answer is that of the cluster as it is; the findings know what will be there.
    let class = "---\n{apiVersion: node.k8s.io/v1, kind: RuntimeClass, metadata: {name: gone}, handler: h}\n";
    let (code, _, findings) = said(&live, &(pod("team", "runtimeClassName: gone") + class));
    assert_eq!((code, findings), (403, Vec::new()));
    let spec = "---\n{apiVersion: windows.k8s.io/v1, kind: GMSACredentialSpec, metadata: {name: web}}\n";
    let gmsa = pod(
        "team",
        &format!("serviceAccountName: web, {}", GMSA.replace("SPEC", "web")),
    );
    let empty = "error gmsa-spec-empty spec.securityContext.windowsOptions.gmsaCredentialSpecName".to_owned();
    assert_eq!(said(&live, &(gmsa + spec)).2, [empty]);
}

#[test]
fn credential_specs_and_who_may_use_them_are_those_of_the_cluster() {
    let live = cluster(&Part::ALL);
    let pod = |account: &str, spec: &str| {
        pod(
            "team",
            &format!("serviceAccountName: {account}, {}", GMSA.replace("SPEC", spec)),
        )
    };
    let at = "spec.securityContext.windowsOptions.gmsaCredentialSpecName";
    assert_eq!(said(&live, &pod("web", "web")).2, [""; 0]);
    assert_eq!(
        said(&live, &pod("default", "web")).2,
        [format!("error gmsa-unauthorized {at}")]
    );
    let both = [
        format!("error gmsa-unauthorized {at}"),
        format!("error gmsa-spec-unknown {at}"),
    ];
    assert_eq!(said(&live, &pod("web", "other")).2, both);
}

#[test]
fn what_could_not_be_read_may_be_there() {
    let live = cluster(&[]);
    for text in [
        pod("none", "hostPID: false"),
        pod("team", "serviceAccountName: other"),
        pod("team", &GMSA.replace("SPEC", "web")),
    ] {
        assert_eq!(said(&live, &text), (201, String::new(), Vec::new()), "{text}");
    }
    let (_, _, findings) = said(&live, &pod("team", "runtimeClassName: gone"));
    assert_eq!(findings, ["less runtime-class-unknown spec.runtimeClassName"]);
    // Credential specs that were seen in part speak of one that is not among them.
    let (_, _, findings) = said(&live, &pod("team", &GMSA.replace("SPEC", "other")));
    let at = "spec.securityContext.windowsOptions.gmsaCredentialSpecName";
    assert_eq!(findings, [format!("less gmsa-spec-unknown {at}")]);
}

#[test]
fn a_workload_is_taken_and_told_what_its_pods_lack() {
    let deployment = |spec: &str| {
        format!(
            "{{apiVersion: apps/v1, kind: Deployment, metadata: {{name: x, namespace: team}}, spec: {{selector: {{matchLabels: \
             {{a: b}}}}, template: {{metadata: {{labels: {{a: b}}}}, spec: {{{spec}, containers: [{{name: c, image: i}}]}}}}}}}}"
        )
    };
    let live = cluster(&Part::ALL);
    for (spec, finding) in [
        (
            "serviceAccountName: other",
            "service-account-unknown spec.template.spec.serviceAccountName",
        ),
        (
            "runtimeClassName: gone",
            "runtime-class-unknown spec.template.spec.runtimeClassName",
        ),
        (
            "priorityClassName: low",
            "priority-class-unknown spec.template.spec.priorityClassName",
        ),
    ] {
        let text = deployment(spec);
        assert_eq!(
            said(&live, &text),
            (201, String::new(), vec![format!("error {finding}")]),
            "{spec}"
        );
        let help = ask(&live, &text, |verdict| verdict.findings[0].help.clone());
        assert_eq!(
            help.as_deref(),
            Some(
                "neither the files nor the cluster have it: the Deployment is taken, and the pods that it makes are refused"
            )
        );
    }
    let files = deployment("runtimeClassName: gone");
    assert_eq!(said(&cluster(&[]), &files), (201, String::new(), Vec::new()));
}

#[test]
fn an_object_that_the_cluster_has_is_changed_by_that_of_the_files() {
    let map = |value: &str| {
        format!(
            "{{apiVersion: v1, kind: ConfigMap, metadata: {{name: m, namespace: team}}, immutable: true, data: {{a: {value}}}}}"
        )
    };
    let live = Live {
        old: vec![File::parse("the cluster", map("b"))],
        ..cluster(&Part::ALL)
    };
    assert_eq!(said(&live, &map("b")).0, 200);
    let (code, message, _) = said(&live, &map("c"));
    assert_eq!(code, 422);
    assert!(
        message.ends_with("data: Forbidden: field is immutable when `immutable` is set"),
        "{message}"
    );
}

#[test]
fn needs_are_what_the_files_refer_to_and_do_not_hold() {
    let needs = |text: &str| Needs::of(&[File::parse("x.yaml", text)], &|_| Settings::default());
    assert_eq!(
        needs("{apiVersion: example.com/v1, kind: Other, metadata: {name: x}}"),
        Needs::default()
    );
    let set = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    let object = |kind, namespace: Option<&str>, name: &str| Needed {
        api_version: "v1",
        kind,
        namespace: namespace.map(str::to_owned),
        name: name.to_owned(),
    };
    let plain = needs(&pod(
        "team",
        "hostPID: false, priorityClassName: system-node-critical",
    ));
    let expected = Needs {
        namespaces: set(&["team"]),
        service_accounts: [("team".to_owned(), "default".to_owned())].into(),
        quotas: set(&["team"]),
        limit_ranges: set(&["team"]),
        objects: [object("Pod", Some("team"), "x")].into(),
        ..Needs::default()
    };
    assert_eq!(plain, expected, "nothing of credential specs, roles and classes");
    let all = pod(
        "team",
        &format!("priority: 3, runtimeClassName: r, {}", GMSA.replace("SPEC", "s")),
    );
    let namespace = "---\n{apiVersion: v1, kind: Namespace, metadata: {name: team}}\n";
    let secret = "---\n{apiVersion: v1, kind: Secret, metadata: {name: s}}\n";
    let expected = Needs {
        namespaces: set(&["default"]),
        quotas: set(&["default", "team"]),
        credential_specs: set(&["s"]),
        access: set(&["team"]),
        priority_classes: true,
        runtime_classes: set(&["r"]),
        objects: [
            object("Pod", Some("team"), "x"),
            object("Namespace", None, "team"),
        ]
        .into(),
        ..expected
    };
    assert_eq!(needs(&(all + namespace + secret)), expected);
}

#[test]
fn a_quota_of_the_cluster_refuses_a_pod_and_what_a_workload_makes() {
    let text = "
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: Namespace, metadata: {name: team}}
- {apiVersion: v1, kind: ServiceAccount, metadata: {name: default, namespace: team}}
- apiVersion: v1
  kind: ResourceQuota
  metadata: {name: room, namespace: team}
  spec: {hard: {pods: 2}}
  status: {hard: {pods: 2}, used: {pods: 2}}
";
    let live = |complete: &[Part]| Live {
        files: vec![File::parse("the cluster", text)],
        old: Vec::new(),
        complete: complete.iter().copied().collect(),
    };
    let pod = "{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: team}, spec: {containers: [{name: c, image: i}]}}";
    let refusal = "exceeded quota: room, requested: pods=1, used: pods=2, limited: pods=2";
    let (code, message, findings) = said(&live(&Part::ALL), pod);
    assert_eq!(
        (code, message),
        (403, format!("pods \"p\" is forbidden: {refusal}"))
    );
    assert_eq!(findings, ["error quota-exceeded spec.containers"]);
    // What could not all be read may say otherwise.
    let others: Vec<Part> = Part::ALL
        .into_iter()
        .filter(|part| *part != Part::Quotas)
        .collect();
    let (code, _, findings) = said(&live(&others), pod);
    assert_eq!(code, 201);
    assert_eq!(findings, ["less quota-exceeded spec.containers"]);
    let workload = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: d, namespace: team}, spec: {selector: {matchLabels: {a: b}}, \
                    template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: i}]}}}}";
    let (code, _, findings) = said(&live(&Part::ALL), workload);
    assert_eq!(code, 201);
    assert_eq!(findings, ["less quota-exceeded spec.template.spec.containers"]);
    // A quota among the files is to take the place of that of the cluster: there is room then, and the cluster has none yet.
    let raised = format!(
        "{pod}\n---\n{{apiVersion: v1, kind: ResourceQuota, metadata: {{name: room, namespace: team}}, spec: {{hard: {{pods: 3}}}}}}"
    );
    let (code, _, findings) = said(&live(&Part::ALL), &raised);
    assert_eq!(code, 403);
    assert_eq!(findings, [""; 0]);
}

#[test]
fn what_containers_do_not_say_a_limit_range_that_is_in_no_file_may() {
    let text = "{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: team}, spec: {containers: [{name: c, image: i}]}}\n---\n\
                {apiVersion: v1, kind: ResourceQuota, metadata: {name: q, namespace: team}, spec: {hard: {limits.cpu: 4}}}\n";
    let files = [File::parse("x.yaml", text)];
    let settings = Settings::default();
    let live = cluster(&Part::ALL);
    for (world, severity) in [
        (World::of(&files, &settings), Severity::Warning),
        (World::in_cluster(&live, &files, &settings), Severity::Error),
    ] {
        let verdicts = judge(&files[0], &world, &settings);
        let findings = verdicts[0].findings.iter();
        let told: Vec<_> = findings
            .filter(|finding| finding.rule.name == "quota-unspecified")
            .map(|finding| finding.severity)
            .collect();
        assert_eq!(told, [severity]);
    }
}

#[test]
fn quotas_that_ask_for_classes_need_the_default_one() {
    let quota = |spec: &str| {
        format!(
            "{{apiVersion: v1, kind: ResourceQuota, metadata: {{name: high, namespace: team}}, spec: {{hard: {{pods: 0}}, {spec}}}, \
             status: {{hard: {{pods: 0}}, used: {{pods: 0}}}}}}"
        )
    };
    let plain = quota("scopes: [PriorityClass]");
    let selected = quota(
        "scopeSelector: {matchExpressions: [{scopeName: PriorityClass, operator: In, values: [usual]}]}",
    );
    let other = quota("scopes: [NotTerminating]");
    let needs = |text: &str| Needs::of(&[File::parse("x.yaml", text)], &|_| Settings::default());
    let pod = pod("team", "hostPID: false");
    for (quota, is_needed) in [(&plain, true), (&selected, true), (&other, false)] {
        let read = File::parse("the cluster", quota.as_str());
        assert_eq!(needs(&pod).classes_for_quotas(&read), is_needed, "{quota}");
        let written = needs(&format!("{pod}---\n{quota}\n"));
        assert_eq!(written.priority_classes, is_needed, "{quota}");
        assert!(!written.classes_for_quotas(&read), "they are read already");
    }
    let class = "---\n{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: usual}, value: 5, globalDefault: true}\n";
    let live = |complete: &[Part], more: &str| {
        let mut live = cluster(complete);
        live.files
            .push(File::parse("the cluster", format!("{selected}\n{more}")));
        live
    };
    let (code, message, _) = said(&live(&Part::ALL, class), &pod);
    assert_eq!(code, 403, "{message}");
    assert!(message.contains("exceeded quota: high"), "{message}");
    assert_eq!(said(&live(&Part::ALL, ""), &pod).0, 201);
    // Nobody can tell which class the pod is of.
    let others: Vec<Part> = Part::ALL
        .into_iter()
        .filter(|part| *part != Part::PriorityClasses)
        .collect();
    let (code, _, findings) = said(&live(&others, class), &pod);
    assert_eq!((code, findings.len()), (201, 1));
    assert!(findings[0].starts_with("less quota-exceeded"), "{findings:?}");
}
