use porthole_manifest::{Limits, objects, parse, pod_template};

use super::*;

/// What a quota and a limit range, both with that spec, say to a pod of that spec.
fn said(quota: &str, range: &str, pod: &str) -> Option<String> {
    said_by(Version::NEWEST, quota, range, pod)
}

fn said_by(version: Version, quota: &str, range: &str, pod: &str) -> Option<String> {
    let text = format!(
        "{{apiVersion: v1, kind: Pod, metadata: {{name: p}}, spec: {pod}}}\n---\n{{spec: {{limits: {range}}}}}\n---\n{quota}\n"
    );
    let stream = parse(&text, &Limits::default());
    assert_eq!(stream.errors, [], "{text}");
    let [pod, range, quota] = [0, 1, 2].map(|index| &stream.documents[index]);
    let pods = objects(pod);
    let template = pod_template(&pods[0]).unwrap();
    let quota = Quota::stored("q", quota.root()).unwrap();
    let spec = template.spec.unwrap();
    let filled = Filled {
        limit_ranges: &[range.root()],
        priority_class: spec.child("priorityClassName").as_str(),
        overhead: spec.field("overhead"),
    };
    let finding = check(&template, &[quota], &filled, &Options::of(version))?;
    Some(finding.detail)
}

const ONE: &str =
    "{containers: [{name: c, image: i, resources: {requests: {cpu: 500m, memory: 1Gi}, limits: {cpu: 1}}}]}";

#[test]
fn what_is_used_and_asked_for_may_not_be_more_than_the_quota_has() {
    let quota = |hard: &str, used: &str| format!("{{status: {{hard: {hard}, used: {used}}}}}");
    for (hard, used, wanted) in [
        ("{pods: 2}", "{pods: 1}", None),
        (
            "{pods: 2}",
            "{pods: 2}",
            Some("exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2"),
        ),
        (
            "{cpu: 1, requests.memory: 512Mi, limits.cpu: '1.5', secrets: 0}",
            "{cpu: 600m, requests.memory: 0, limits.cpu: 1, secrets: 9}",
            Some(
                "exceeded quota: q, requested: cpu=500m,limits.cpu=1,requests.memory=1Gi, used: \
                 cpu=600m,limits.cpu=1,requests.memory=0, limited: cpu=1,limits.cpu=1500m,requests.memory=512Mi",
            ),
        ),
        // What nobody has counted yet.
        (
            "{pods: 2, cpu: 1}",
            "{pods: 1}",
            Some("status unknown for quota: q, resources: cpu,pods"),
        ),
        // Nothing of pods, and nothing at all.
        ("{secrets: 0}", "{secrets: 9}", None),
        ("{}", "{}", None),
    ] {
        assert_eq!(
            said(&quota(hard, used), "[]", ONE).as_deref(),
            wanted,
            "{hard} {used}"
        );
    }
}

#[test]
fn init_containers_count_where_they_are_more_and_sidecars_always() {
    let quota = "{status: {hard: {cpu: 0, nvidia.com/gpu: 0, requests.nvidia.com/gpu: 0}, used: {cpu: 0, requests.nvidia.com/gpu: 0}}}";
    let with = |request: &str| format!("{{requests: {{{request}}}}}");
    let pod = format!(
        "{{overhead: {{cpu: 10m}}, containers: [{{name: a, resources: {}}}, {{name: b, resources: {}}}], initContainers: [{{name: s, restartPolicy: \
         Always, resources: {}}}, {{name: i, resources: {}}}]}}",
        with("cpu: 100m, nvidia.com/gpu: 1"),
        with("cpu: 200m"),
        with("cpu: 50m"),
        with("cpu: 280m"),
    );
    let wanted = "exceeded quota: q, requested: cpu=360m,requests.nvidia.com/gpu=1, used: cpu=0,requests.nvidia.com/gpu=0, limited: \
                  cpu=0,requests.nvidia.com/gpu=0";
    assert_eq!(said(quota, "[]", &pod).as_deref(), Some(wanted));
}

#[test]
fn each_container_says_what_is_counted_or_a_limit_range_does() {
    let quota = "{status: {hard: {limits.cpu: 4, requests.memory: 8Gi, pods: 9}, used: {limits.cpu: 0, requests.memory: 0, pods: 0}}}";
    let pod = "{initContainers: [{name: z}], containers: [{name: b, resources: {limits: {memory: 1Gi}}}, {name: a, resources: \
               {limits: {cpu: 1}}}]}";
    let wanted = "failed quota: q: must specify limits.cpu for: b,z; requests.memory for: a,z";
    assert_eq!(said(quota, "[]", pod).as_deref(), Some(wanted));
    let version = |text: &str| text.parse().unwrap();
    assert_eq!(
        said_by(version("1.24"), quota, "[]", pod).as_deref(),
        Some(wanted)
    );
    assert_eq!(
        said_by(version("1.23"), quota, "[]", pod).as_deref(),
        Some("failed quota: q: must specify limits.cpu,requests.memory")
    );
    let range =
        "[{type: Pod, max: {cpu: 9}}, {type: Container, max: {cpu: 2}, defaultRequest: {memory: 1Gi}}]";
    assert_eq!(said(quota, range, pod), None);
    // The limit of one is 1, that of two the default of 2.
    let small = "{status: {hard: {limits.cpu: 2}, used: {limits.cpu: 0}}}";
    let wanted = "exceeded quota: q, requested: limits.cpu=3, used: limits.cpu=0, limited: limits.cpu=2";
    assert_eq!(said(small, range, pod).as_deref(), Some(wanted));
}

#[test]
fn a_quota_counts_for_the_pods_in_its_scopes() {
    let plain = |scope: &str| format!("scopes: [{scope}]");
    let selected = |expression: &str| {
        format!("scopeSelector: {{matchExpressions: [{{scopeName: PriorityClass, {expression}}}]}}")
    };
    let bare = "{containers: [{name: c}]}";
    let brief = "{activeDeadlineSeconds: 5, containers: [{name: c}]}";
    let high = "{priorityClassName: high, containers: [{name: c}]}";
    let far = "{affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: t, namespaces: [x]}]}}, \
               containers: [{name: c}]}";
    for (scopes, pod, counts) in [
        (plain("Terminating"), bare, false),
        (plain("Terminating"), brief, true),
        (plain("NotTerminating"), bare, true),
        (plain("BestEffort"), bare, true),
        (plain("BestEffort"), ONE, false),
        (plain("NotBestEffort"), ONE, true),
        (plain("BestEffort, Terminating"), bare, false),
        (plain("CrossNamespacePodAffinity"), far, true),
        (plain("CrossNamespacePodAffinity"), bare, false),
        (plain("PriorityClass"), high, true),
        (selected("operator: Exists"), bare, false),
        (selected("operator: DoesNotExist"), bare, true),
        (selected("operator: In, values: [low, high]"), high, true),
        (selected("operator: In, values: [low]"), high, false),
        (selected("operator: NotIn, values: [low]"), bare, true),
    ] {
        let quota = format!("{{spec: {{{scopes}}}, status: {{hard: {{pods: 0}}, used: {{pods: 0}}}}}}");
        assert_eq!(said(&quota, "[]", pod).is_some(), counts, "{scopes} {pod}");
    }
}

/// What several quotas say to the pod [`ONE`].
fn said_by_all(quotas: &[Quota<'_>]) -> Option<String> {
    let text = format!("{{apiVersion: v1, kind: Pod, metadata: {{name: p}}, spec: {ONE}}}\n");
    let stream = parse(&text, &Limits::default());
    let pods = objects(&stream.documents[0]);
    let template = pod_template(&pods[0]).unwrap();
    let finding = check(&template, quotas, &Filled::default(), &Options::default())?;
    Some(finding.detail)
}

#[test]
fn of_what_a_changed_quota_counts_from_now_on_nothing_is_known_to_be_used() {
    let written = "{spec: {hard: {pods: 9, limits.cpu: 4, limits.ephemeral-storage: 0}}}";
    for (stored, written, wanted) in [
        (
            "{spec: {hard: {pods: 9}}, status: {hard: {pods: 9}, used: {pods: 1}}}",
            written,
            None,
        ),
        ("{spec: {hard: {pods: 9}}, status: {}}", written, None),
        (
            "{status: {hard: {pods: 9}, used: {pods: 1}}}",
            "{spec: {hard: {pods: 1, limits.cpu: 500m}}}",
            Some(
                "exceeded quota: q, requested: limits.cpu=1,pods=1, used: limits.cpu=0,pods=1, limited: limits.cpu=500m,pods=1",
            ),
        ),
    ] {
        let text = format!("{stored}\n---\n{written}\n");
        let stream = parse(&text, &Limits::default());
        let [stored, written] = [0, 1].map(|index| stream.documents[index].root());
        let quota = Quota::written("q", written, Some(stored)).unwrap();
        assert_eq!(said_by_all(&[quota]).as_deref(), wanted, "{text}");
    }
}

#[test]
fn what_containers_do_not_say_is_told_before_what_there_is_no_room_for() {
    let full = "{status: {hard: {pods: 1}, used: {pods: 1}}}";
    let unsaid = "{status: {hard: {limits.memory: 1}, used: {limits.memory: 0}}}";
    let uncounted = "{status: {hard: {pods: 1}}}";
    let stream = parse(
        &format!("{full}\n---\n{unsaid}\n---\n{uncounted}\n"),
        &Limits::default(),
    );
    let [full, unsaid, uncounted] = [0, 1, 2].map(|index| stream.documents[index].root());
    let exceeded = "exceeded quota: a, requested: pods=1, used: pods=1, limited: pods=1";
    for (one, other, wanted) in [
        (full, unsaid, "failed quota: b: must specify limits.memory for: c"),
        (full, uncounted, "status unknown for quota: b, resources: pods"),
        (full, full, exceeded),
    ] {
        let quotas = [("b", other), ("a", one)];
        let quotas = quotas.map(|(name, quota)| Quota::stored(name, quota).unwrap());
        assert_eq!(said_by_all(&quotas).as_deref(), Some(wanted));
    }
}

#[test]
fn what_a_pod_says_as_a_whole_counts_for_its_containers() {
    let quota =
        "{status: {hard: {requests.cpu: 1, limits.memory: 1Gi}, used: {requests.cpu: 0, limits.memory: 0}}}";
    let said = |version: &str, own: &str, container: &str| {
        let pod =
            format!("{{resources: {own}, containers: [{{name: a, resources: {container}}}, {{name: b}}]}}");
        said_by(version.parse().unwrap(), quota, "[]", &pod)
    };
    let exceeded = |requested: &str, used: &str, limited: &str| {
        Some(format!(
            "exceeded quota: q, requested: {requested}, used: {used}, limited: {limited}"
        ))
    };
    for (own, container, wanted) in [
        (
            "{limits: {cpu: 3, memory: 2Gi}}",
            "{}",
            exceeded(
                "limits.memory=2Gi,requests.cpu=3",
                "limits.memory=0,requests.cpu=0",
                "limits.memory=1Gi,requests.cpu=1",
            ),
        ),
        ("{limits: {cpu: 1, memory: 1Gi}}", "{}", None),
        ("{limits: {cpu: 1}}", "{}", None),
        (
            "{requests: {cpu: 1}}",
            "{limits: {memory: 2Gi}}",
            exceeded("limits.memory=2Gi", "limits.memory=0", "limits.memory=1Gi"),
        ),
        (
            "{limits: {memory: 1Gi}}",
            "{requests: {cpu: 2}}",
            exceeded("requests.cpu=2", "requests.cpu=0", "requests.cpu=1"),
        ),
        (
            "{limits: {memory: 1Gi}, requests: {cpu: 500m}}",
            "{requests: {cpu: 200m}}",
            None,
        ),
    ] {
        assert_eq!(said("1.37", own, container), wanted, "{own} {container}");
    }
    assert_eq!(
        said("1.33", "{limits: {cpu: 1, memory: 1Gi}}", "{}").as_deref(),
        Some("failed quota: q: must specify limits.memory for: a,b; requests.cpu for: a,b"),
        "the field is dropped"
    );
}
