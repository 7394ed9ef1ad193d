//! Who may run as whom on a node, where a namespace or a setting asks for it.

use std::collections::BTreeSet;

use porthole_check::{File, HostAccounts, Live, Needs, Part, Settings, Verdict, World, judge};
use porthole_pod::Severity;

const POD: &str = r"
apiVersion: v1
kind: Pod
metadata: {name: agent, namespace: shop}
spec:
  serviceAccountName: web
  hostNetwork: true
  os: {name: windows}
  securityContext: {windowsOptions: {hostProcess: true, runAsUserName: LocalSystem}}
  containers:
  - {name: a, image: 'i:1', command: [a]}
  - name: b
    image: 'i:1'
    command: [b]
    securityContext: {windowsOptions: {runAsUserName: 'CORP\svc$'}}
";
const GRANTED: &str = r"
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: agents, namespace: shop}
rules: [{apiGroups: [porthole.dev], resources: [hostaccounts], resourceNames: ['nt authority\system', 'corp\svc$'], verbs: [use]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: agents, namespace: shop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: agents}
subjects: [{kind: ServiceAccount, name: web, namespace: shop}]
";
const SYSTEM: &str =
    r#"service account "web" is not authorized to `use` host account "nt authority\\system""#;
const DOMAIN: &str = r#"service account "web" is not authorized to `use` host account "corp\\svc$""#;
const HELP: &str = r"bind a ClusterRole with the verb `use` on `hostaccounts.porthole.dev` named `nt authority\system` to service account `web` in namespace `shop`";

fn namespace(label: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: shop, labels: {{porthole.dev/host-accounts: '{label}'}}}}\n"
    )
}

fn settings(mode: HostAccounts) -> Settings {
    Settings {
        host_accounts: mode,
        ..Settings::default()
    }
}

/// What is said of the first object: the code, the message, the warnings, and of each finding about host accounts its severity, field
/// and text.
type Told = (u16, String, Vec<String>, Vec<(Severity, String, String)>);

fn told(verdict: &Verdict<'_>) -> Told {
    let answer = &verdict.answer;
    let message = answer.status.as_ref().map(|status| status.message.clone());
    let findings = verdict.findings.iter();
    let findings = findings.filter(|finding| finding.rule.name.starts_with("host-account"));
    (
        answer.code.unwrap_or_default(),
        message.unwrap_or_default(),
        answer.warnings.clone(),
        findings
            .map(|finding| (finding.severity, finding.field.clone(), finding.body()))
            .collect(),
    )
}

fn ask(text: &str, default: HostAccounts) -> Told {
    let files = [File::parse("x.yaml", text)];
    let settings = settings(default);
    told(&judge(&files[0], &World::of(&files, &settings), &settings)[0])
}

fn findings(severity: Severity, prefix: &str) -> Vec<(Severity, String, String)> {
    let of_pod = format!("{prefix}.securityContext.windowsOptions.runAsUserName");
    let of_container = format!("{prefix}.containers[1].securityContext.windowsOptions.runAsUserName");
    vec![
        (severity, of_pod, SYSTEM.to_owned()),
        (severity, of_container, DOMAIN.to_owned()),
    ]
}

#[test]
fn each_mode_tells_what_the_webhook_tells() {
    let denied = format!("admission webhook \"webhook.porthole.dev\" denied the request: {SYSTEM}");
    let (code, message, warnings, found) = ask(&(POD.to_owned() + &namespace("enforce")), HostAccounts::Off);
    assert_eq!((code, message), (403, denied));
    assert_eq!(found, findings(Severity::Error, "spec"));
    assert_eq!(warnings.len(), 2, "what helps: {warnings:?}");
    assert_eq!(warnings[0], HELP);

    let (code, _, warnings, found) = ask(&(POD.to_owned() + &namespace("warn")), HostAccounts::Enforce);
    assert_eq!(code, 201);
    assert_eq!(warnings, [SYSTEM, DOMAIN]);
    assert_eq!(found, findings(Severity::Warning, "spec"));

    let (code, _, warnings, found) = ask(&(POD.to_owned() + &namespace("audit")), HostAccounts::Off);
    assert_eq!((code, warnings), (201, Vec::new()));
    assert_eq!(found, findings(Severity::Advice, "spec"));
}

#[test]
fn nothing_is_said_where_nobody_asks_for_it() {
    let quiet = (201, String::new(), Vec::new(), Vec::new());
    assert_eq!(ask(POD, HostAccounts::Off), quiet);
    assert_eq!(
        ask(&(POD.to_owned() + &namespace("off")), HostAccounts::Enforce),
        quiet
    );
    assert_eq!(ask(POD, HostAccounts::Enforce).0, 403, "the setting asks");
    let system = POD.replace("namespace: shop", "namespace: kube-system");
    assert_eq!(
        ask(&system, HostAccounts::Enforce),
        quiet,
        "no installation asks there"
    );
    let plain = "{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: shop}, spec: {containers: [{name: a, image: 'i:1'}]}}";
    assert_eq!(
        ask(plain, HostAccounts::Enforce),
        quiet,
        "no account is asked for"
    );
}

#[test]
fn roles_and_bindings_of_the_files_count() {
    let enforced = POD.to_owned() + &namespace("enforce");
    let (code, _, warnings, found) = ask(&(enforced.clone() + GRANTED), HostAccounts::Off);
    assert_eq!((code, warnings, found), (201, Vec::new(), Vec::new()));
    let partly = GRANTED.replace(", 'corp\\svc$'", "");
    let (code, message, _, found) = ask(&(enforced.clone() + &partly), HostAccounts::Off);
    assert_eq!(code, 403);
    assert!(message.ends_with(DOMAIN), "{message}");
    assert_eq!(found.len(), 1);
    let elsewhere = GRANTED.replace("name: web, namespace: shop", "name: web, namespace: other");
    assert_eq!(ask(&(enforced + &elsewhere), HostAccounts::Off).0, 403);
}

#[test]
fn a_label_that_is_no_mode_enforces_and_is_told() {
    let text = namespace("enforced") + POD.trim_start().trim_start_matches("---");
    let text = text.replacen(
        "\napiVersion: v1\nkind: Pod",
        "\n---\napiVersion: v1\nkind: Pod",
        1,
    );
    let files = [File::parse("x.yaml", text)];
    let settings = Settings::default();
    let verdicts = judge(&files[0], &World::of(&files, &settings), &settings);
    let remark = "label porthole.dev/host-accounts of namespace shop has the value \"enforced\": it is none of enforce, audit, warn \
        and off, so it counts as enforce";
    let field = "metadata.labels[porthole.dev/host-accounts]".to_owned();
    assert_eq!(
        told(&verdicts[0]).3,
        [(Severity::Warning, field, remark.to_owned())]
    );
    let (code, _, warnings, _) = told(&verdicts[1]);
    assert_eq!(code, 403);
    assert_eq!(warnings.last().map(String::as_str), Some(remark));
    // Whoever may is told of the label as well.
    let (code, _, warnings, _) = ask(
        &(POD.to_owned() + &namespace("enforced") + GRANTED),
        HostAccounts::Off,
    );
    assert_eq!((code, warnings), (201, vec![remark.to_owned()]));
}

#[test]
fn a_workload_is_taken_and_told_what_becomes_of_its_pods() {
    let deployment = format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: agent, namespace: shop}}\nspec:\n  selector: {{matchLabels: {{a: b}}}}\n  \
         template:\n    metadata: {{labels: {{a: b}}, annotations: {{microsoft.com/hostprocess-inherit-user: 'true'}}}}\n    spec:{}",
        POD.split_once("spec:").unwrap().1.replace("\n  ", "\n      ")
    );
    let text = deployment + &namespace("enforce");
    let files = [File::parse("x.yaml", text)];
    let settings = Settings::default();
    let verdicts = judge(&files[0], &World::of(&files, &settings), &settings);
    let (code, _, warnings, mut found) = told(&verdicts[0]);
    assert_eq!((code, warnings), (201, Vec::new()));
    let by_annotation = found.remove(1);
    assert_eq!(
        by_annotation.1,
        "spec.template.metadata.annotations[microsoft.com/hostprocess-inherit-user]"
    );
    assert_eq!(found, findings(Severity::Error, "spec.template.spec"));
    let finding = verdicts[0]
        .findings
        .iter()
        .find(|finding| finding.rule.name == "host-account-unauthorized");
    let help = finding.and_then(|finding| finding.help.as_deref()).unwrap();
    assert!(
        help.ends_with(
            "enforces host accounts: the Deployment is taken, and the pods that it makes are refused"
        ),
        "{help}"
    );
}

#[test]
fn an_update_is_asked_about_what_is_new() {
    let files = [File::parse("x.yaml", POD.to_owned() + &namespace("enforce"))];
    let settings = Settings::default();
    let same = World::of(&files, &settings).with_old(&files, &settings);
    let (code, .., found) = told(&judge(&files[0], &same, &settings)[0]);
    assert_eq!((code, found), (200, Vec::new()), "it runs already");
}

#[test]
fn what_goes_before_goes_before() {
    // Pod Security refuses before webhooks are asked.
    let held = namespace("enforce").replace(
        "labels: {",
        "labels: {pod-security.kubernetes.io/enforce: baseline, ",
    );
    let (code, message, warnings, found) = ask(&(POD.to_owned() + &held), HostAccounts::Off);
    assert_eq!(code, 403);
    assert!(message.contains("violates PodSecurity"), "{message}");
    assert_eq!(warnings, [""; 0]);
    assert_eq!(
        found,
        findings(Severity::Error, "spec"),
        "whoever mends it wants to know"
    );
}

#[test]
fn of_a_cluster_the_roles_are_needed_where_its_namespaces_are_strict() {
    let of = |text: &str, default| {
        let files = [File::parse("x.yaml", text)];
        Needs::of(&files, &|_| settings(default))
    };
    let shop: BTreeSet<String> = ["shop".to_owned()].into();
    let unknown = of(POD, HostAccounts::Off);
    assert_eq!(
        (&unknown.access, &unknown.host_accounts),
        (&BTreeSet::new(), &shop)
    );
    for (label, strict) in [("warn", true), ("off", false), ("Enforce", true)] {
        let read = File::parse("the cluster", namespace(label));
        assert_eq!(unknown.strict(&read) == shop, strict, "{label}");
    }
    let needs = of(POD, HostAccounts::Audit);
    assert_eq!((&needs.access, &needs.host_accounts), (&shop, &BTreeSet::new()));
    let needs = of(&(POD.to_owned() + &namespace("enforce")), HostAccounts::Off);
    assert_eq!((&needs.access, &needs.host_accounts), (&shop, &BTreeSet::new()));
    let needs = of(&(POD.to_owned() + &namespace("off")), HostAccounts::Enforce);
    assert_eq!(
        (&needs.access, &needs.host_accounts),
        (&BTreeSet::new(), &BTreeSet::new())
    );
}

#[test]
fn roles_of_the_cluster_count_and_those_that_cannot_be_read_may() {
    let account = "---\n{apiVersion: v1, kind: ServiceAccount, metadata: {name: web, namespace: shop}}\n";
    let ask = |roles: &str, complete: &[Part]| {
        let live = Live {
            files: vec![File::parse("the cluster", namespace("enforce") + account + roles)],
            old: Vec::new(),
            complete: complete.iter().copied().collect(),
        };
        let files = [File::parse("x.yaml", POD)];
        let settings = Settings::default();
        let world = World::in_cluster(&live, &files, &settings);
        told(&judge(&files[0], &world, &settings)[0])
    };
    assert_eq!(ask(GRANTED, &Part::ALL).0, 201);
    let (code, .., found) = ask("", &Part::ALL);
    assert_eq!((code, found), (403, findings(Severity::Error, "spec")));
    let (code, .., found) = ask("", &[Part::Namespaces]);
    assert_eq!((code, found), (201, findings(Severity::Warning, "spec")));
}
