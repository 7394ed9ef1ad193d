//! Pod Security, with namespaces, flags and workloads.

use porthole_check::{File, Settings, Verdict, World, judge};
use porthole_pod::pod_security::{Configuration, LevelVersion};
use porthole_pod::{Options, Severity, Version};

#[track_caller]
fn held_to(level: &str) -> Settings {
    let level: LevelVersion = match level.parse() {
        Ok(level) => level,
        Err(error) => panic!("{level}: {error:?}"),
    };
    let mut pod_security = Configuration::default();
    let defaults = &mut pod_security.defaults;
    (defaults.enforce, defaults.audit, defaults.warn) = (level, level, level);
    Settings {
        pod_security,
        ..Settings::default()
    }
}

fn with_verdicts(texts: &[&str], settings: &Settings, look: impl FnOnce(&[Verdict<'_>])) {
    let files: Vec<File> = texts.iter().map(|text| File::parse("f.yaml", *text)).collect();
    let world = World::of(&files, settings);
    let verdicts: Vec<_> = files
        .iter()
        .flat_map(|file| judge(file, &world, settings))
        .collect();
    look(&verdicts);
}

const POD: &str = "
apiVersion: v1
kind: Pod
metadata: {name: hpc, namespace: team}
spec:
  os: {name: windows}
  hostNetwork: true
  securityContext: {windowsOptions: {hostProcess: true}}
  containers: [{name: c, image: i}]
";

const DENIED: &str = "pods \"hpc\" is forbidden: violates PodSecurity \"baseline:latest\": host namespaces \
    (hostNetwork=true), hostProcess (pod must not set securityContext.windowsOptions.hostProcess=true)";

#[test]
fn a_pod_is_refused_where_its_namespace_asks_for_more() {
    with_verdicts(&[POD], &held_to("baseline"), |verdicts| {
        let answer = &verdicts[0].answer;
        assert_eq!(answer.code, Some(403), "{answer:?}");
        let message = answer.status.as_ref().map(|status| status.message.as_str());
        assert_eq!(message, Some(DENIED));
        assert_eq!(answer.warnings, [""; 0], "who is refused is not warned");
        let errors: Vec<_> = verdicts[0]
            .findings
            .iter()
            .filter(|finding| finding.severity == Severity::Error)
            .map(|finding| finding.rule.name)
            .collect();
        assert_eq!(errors.len(), 2, "one for each check: {errors:?}");
    });
    with_verdicts(&[POD], &Settings::default(), |verdicts| {
        assert_eq!(verdicts[0].answer.code, Some(201), "nobody asks for anything");
    });
}

#[test]
fn labels_of_a_namespace_go_before_what_the_cluster_has() {
    let namespace = |label: &str| {
        format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: team, labels: {{{label}}}}}\n")
    };
    let privileged = namespace("pod-security.kubernetes.io/enforce: privileged");
    with_verdicts(&[POD, &privileged], &held_to("restricted"), |verdicts| {
        assert_eq!(verdicts[0].answer.code, Some(201));
    });
    let other = namespace("a: b").replace("name: team,", "name: other,");
    let baseline = namespace("pod-security.kubernetes.io/enforce: baseline");
    with_verdicts(&[POD, &other, &baseline], &Settings::default(), |verdicts| {
        assert_eq!(verdicts[0].answer.code, Some(403));
        assert_eq!(verdicts[1].findings, [], "the other namespace holds no pod");
        assert_eq!(verdicts[2].answer.code, Some(201));
        assert_eq!(
            verdicts[2].findings[0].detail,
            "existing pods in namespace \"team\" violate the new PodSecurity enforce level \"baseline:latest\"; \
             hpc: host namespaces, hostProcess"
        );
    });
    let wrong = namespace("pod-security.kubernetes.io/enforce: strict");
    with_verdicts(&[&wrong], &Settings::default(), |verdicts| {
        assert_eq!(verdicts[0].answer.code, Some(422));
        assert_eq!(verdicts[0].findings[0].rule.name, "pod-security-namespace-label");
    });
}

#[test]
fn what_is_not_valid_does_not_reach_pod_security() {
    let invalid = POD.replace("  hostNetwork: true\n", "");
    with_verdicts(&[&invalid], &held_to("baseline"), |verdicts| {
        assert_eq!(verdicts[0].answer.code, Some(422));
        let said = verdicts[0]
            .findings
            .iter()
            .any(|finding| finding.rule.name.starts_with("pod-security-"));
        assert!(said, "and is told all the same: {:?}", verdicts[0].findings);
    });
}

#[test]
fn a_warning_with_control_characters_is_no_header() {
    let set = "
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: s}
spec:
  selector: {matchLabels: {a: b}}
  template:
    metadata: {labels: {a: b}}
    spec: {containers: [{name: \"a\\tb\", securityContext: {privileged: true}}]}
";
    let settings = Settings {
        // Newer servers ask for names of containers.
        options: Options::of(Version::new(24).expect("1.24 is known")),
        ..held_to("baseline")
    };
    with_verdicts(&[set], &settings, |verdicts| {
        assert_eq!(verdicts[0].answer.code, Some(201));
        assert_eq!(verdicts[0].answer.warnings, [""; 0]);
        let rules: Vec<_> = verdicts[0]
            .findings
            .iter()
            .map(|finding| finding.rule.name)
            .collect();
        assert!(
            rules.contains(&"pod-security-privileged"),
            "it is told: {rules:?}"
        );
    });
}

#[test]
fn a_workload_is_taken_with_a_warning_and_its_pods_are_not() {
    let deployment = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: d}
spec:
  selector: {matchLabels: {a: b}}
  template:
    metadata: {labels: {a: b}}
    spec: {hostNetwork: true, containers: [{name: c, image: i}]}
";
    with_verdicts(&[deployment], &held_to("baseline:v1.28"), |verdicts| {
        assert_eq!(verdicts[0].answer.code, Some(201));
        assert_eq!(
            verdicts[0].answer.warnings,
            ["would violate PodSecurity \"baseline:v1.28\": host namespaces (hostNetwork=true)"]
        );
        let finding = &verdicts[0].findings[0];
        assert_eq!(finding.severity, Severity::Error);
        assert_eq!(finding.field, "spec.template.spec.hostNetwork");
        assert_eq!(
            finding.help.as_deref(),
            Some(
                "the namespace `default` enforces baseline:v1.28: the Deployment is taken, and the pods that it makes are \
                 refused"
            )
        );
    });
}

#[test]
fn objects_of_other_kinds_are_decoded_too() {
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndatum: {}\n";
    with_verdicts(&[map], &Settings::default(), |verdicts| {
        let answer = &verdicts[0].answer;
        assert_eq!(answer.code, Some(400));
        let message = answer.status.as_ref().map(|status| status.message.as_str());
        assert_eq!(
            message,
            Some(
                "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: strict decoding error: unknown field \
                 \"datum\""
            )
        );
    });
    let gone = "apiVersion: batch/v1beta1\nkind: CronJob\nmetadata: {name: m}\n";
    with_verdicts(&[gone], &Settings::default(), |verdicts| {
        assert_eq!(verdicts[0].answer.code, Some(404));
    });
    let settings = Settings {
        options: Options::of(Version::new(24).expect("it is known")),
        ..Settings::default()
    };
    with_verdicts(&[gone], &settings, |verdicts| {
        assert_eq!(
            verdicts[0].answer.warnings,
            ["batch/v1beta1 CronJob is deprecated in v1.21+, unavailable in v1.25+; use batch/v1 CronJob"]
        );
    });
}
