//! What limit ranges of a cluster and of the files fill in and do not allow.

use porthole_check::{File, Live, Part};

use super::{CLUSTER, cluster, said};

#[test]
fn limit_ranges_of_the_files_are_findings_and_those_of_the_cluster_its_answer() {
    let range = "{apiVersion: v1, kind: LimitRange, metadata: {name: r, namespace: team}, spec: {limits: [{type: Container, max: {cpu: 1}, \
                 maxLimitRequestRatio: {memory: 2}}, {type: PersistentVolumeClaim, max: {storage: 1Gi}}]}}";
    let pod = |resources: &str| {
        format!(
            "{{apiVersion: v1, kind: Pod, metadata: {{name: p, namespace: team}}, spec: {{containers: [{{name: c, image: i, resources: \
             {resources}}}]}}}}"
        )
    };
    let live = Live {
        files: vec![File::parse("the cluster", format!("{CLUSTER}- {range}\n"))],
        old: Vec::new(),
        complete: Part::ALL.into_iter().collect(),
    };
    let both = "limits: {cpu: 1, memory: 1Gi}, requests: {cpu: 1, memory: 1Gi}";
    let much = "{limits: {cpu: 2, memory: 1Gi}}";
    let refusal = "pods \"p\" is forbidden: maximum cpu usage per Container is 1, but limit is 2";
    let wanted = "error limit-range spec.containers[0].resources";
    let (code, message, findings) = said(&live, &pod(much));
    assert_eq!((code, message.as_str()), (403, refusal));
    assert_eq!(findings, [wanted]);
    let (code, _, findings) = said(&live, &pod(&format!("{{{both}}}")));
    assert_eq!((code, findings), (201, Vec::new()));
    // Among the files: what the cluster has says nothing, and what is not said another one may say.
    let none = cluster(&Part::ALL);
    let beside = |object: &str| format!("{object}\n---\n{range}\n");
    let (code, _, findings) = said(&none, &beside(&pod(much)));
    assert_eq!((code, findings), (201, vec![wanted.to_owned()]));
    let others: Vec<Part> = Part::ALL
        .into_iter()
        .filter(|part| *part != Part::Quotas)
        .collect();
    let unsaid = beside(&pod("{}"));
    let (_, _, findings) = said(&cluster(&others), &unsaid);
    assert_eq!(
        findings,
        ["less limit-range-unspecified spec.containers[0].resources"]
    );
    let (_, _, findings) = said(&none, &unsaid);
    assert_eq!(
        findings,
        ["error limit-range-unspecified spec.containers[0].resources"]
    );
    // A claim, and those that a StatefulSet makes.
    let claim = "{accessModes: [ReadWriteOnce], resources: {requests: {storage: 2Gi}}}";
    let (code, message, findings) = said(
        &live,
        &format!(
            "{{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {{name: d, namespace: team}}, spec: {claim}}}"
        ),
    );
    let refusal = "persistentvolumeclaims \"d\" is forbidden: maximum storage usage per PersistentVolumeClaim is 1Gi, but request is 2Gi";
    assert_eq!((code, message.as_str()), (403, refusal));
    assert_eq!(findings, ["error limit-range spec.resources"]);
    let (code, _, findings) = said(
        &live,
        &format!(
            "{{apiVersion: apps/v1, kind: StatefulSet, metadata: {{name: s, namespace: team}}, spec: {{serviceName: s, selector: \
             {{matchLabels: {{a: b}}}}, template: {{metadata: {{labels: {{a: b}}}}, spec: {{containers: [{{name: c, image: i, \
             resources: {{{both}}}}}]}}}}, volumeClaimTemplates: [{{metadata: {{name: d}}, spec: {claim}}}]}}}}"
        ),
    );
    assert_eq!(code, 201);
    assert_eq!(
        findings,
        ["error limit-range spec.volumeClaimTemplates[0].spec.resources"]
    );
}

#[test]
fn a_pod_is_judged_with_what_limit_ranges_fill_in() {
    let range = "{apiVersion: v1, kind: LimitRange, metadata: {name: r, namespace: team}, spec: {limits: [{type: Container, default: \
                 {example.com/card: 2, memory: 1500m}}, {type: PersistentVolumeClaim, max: {storage: 1Gi}}]}}";
    let spec = |resources: &str, more: &str| {
        format!("{{containers: [{{name: c, image: i, resources: {resources}}}]{more}}}")
    };
    let pod = |spec: &str| {
        format!("{{apiVersion: v1, kind: Pod, metadata: {{name: p, namespace: team}}, spec: {spec}}}")
    };
    let live = Live {
        files: vec![File::parse("the cluster", format!("{CLUSTER}- {range}\n"))],
        old: Vec::new(),
        complete: Part::ALL.into_iter().collect(),
    };
    let fraction = "less fractional-bytes spec.containers[0].resources.limits[memory]";
    let as_well = "less fractional-bytes spec.containers[0].resources.requests[memory]";
    let (two, one) = (
        "{requests: {example.com/card: 2, memory: 1}}",
        "{requests: {example.com/card: 1, memory: 1}}",
    );
    let (code, _, findings) = said(&live, &pod(&spec(two, "")));
    assert_eq!((code, findings), (201, vec![fraction.to_owned()]));
    let (code, message, findings) = said(&live, &pod(&spec(one, "")));
    let wanted = "Pod \"p\" is invalid: spec.containers[0].resources.requests: Invalid value: \"1\": must be equal to \
                  example.com/card limit of 2";
    assert_eq!((code, message.as_str()), (422, wanted));
    let unequal = "error request-not-limit spec.containers[0].resources.requests";
    assert_eq!(findings, [unequal]);
    // Among the files it mends what the cluster does not have yet.
    let (code, _, findings) = said(
        &cluster(&Part::ALL),
        &format!("{}\n---\n{range}\n", pod(&spec(two, ""))),
    );
    assert_eq!((code, findings), (422, vec![fraction.to_owned()]));
    // Of a workload it is its pods that are not valid, and what they claim is asked about when they are there.
    let claim = ", volumes: [{name: v, ephemeral: {volumeClaimTemplate: {spec: {accessModes: [ReadWriteOnce], resources: \
                 {requests: {storage: 2Gi}}}}}}]";
    let workload = format!(
        "{{apiVersion: apps/v1, kind: Deployment, metadata: {{name: d, namespace: team}}, spec: {{selector: {{matchLabels: {{a: \
         b}}}}, template: {{metadata: {{labels: {{a: b}}}}, spec: {}}}}}}}",
        spec("{requests: {memory: 2}}", claim)
    );
    let (code, _, findings) = said(&live, &workload);
    assert_eq!(code, 201);
    let claimed = "volumes[0].ephemeral.volumeClaimTemplate.spec.resources";
    assert_eq!(
        findings,
        [
            "error request-over-limit spec.template.spec.containers[0].resources.requests".to_owned(),
            format!("error limit-range spec.template.spec.{claimed}")
        ]
    );
    let (code, _, findings) = said(&live, &pod(&spec("{}", claim)));
    let asked = format!("error limit-range spec.{claimed}");
    assert_eq!(
        (code, findings),
        (201, vec![fraction.to_owned(), as_well.to_owned(), asked])
    );
}

#[test]
fn quotas_are_asked_of_every_object_and_of_the_claims_that_it_makes() {
    let hard =
        "hard: {configmaps: 1, count/statefulsets.apps: 1, requests.storage: 1Gi, services.nodeports: 0}";
    let quota = |status: &str| {
        format!(
            "{{apiVersion: v1, kind: ResourceQuota, metadata: {{name: q, namespace: team}}, spec: {{{hard}}}{status}}}"
        )
    };
    let used = format!(
        ", status: {{{hard}, used: {{configmaps: 1, count/statefulsets.apps: 0, requests.storage: 0, services.nodeports: 0}}}}"
    );
    let live = |complete: &[Part]| Live {
        files: vec![File::parse(
            "the cluster",
            format!("{CLUSTER}- {}\n", quota(&used)),
        )],
        old: Vec::new(),
        complete: complete.iter().copied().collect(),
    };
    let map = "{apiVersion: v1, kind: ConfigMap, metadata: {generateName: m-, namespace: team}}";
    let (code, message, findings) = said(&live(&Part::ALL), map);
    let refusal = "configmaps \"m-xxxxx\" is forbidden: exceeded quota: q, requested: configmaps=1, used: configmaps=1, limited: \
                   configmaps=1";
    assert_eq!((code, message.as_str()), (403, refusal));
    assert_eq!(findings, ["error quota-exceeded metadata.name"]);
    // What could not all be read is no answer, and among the files it is none of the cluster's.
    let others: Vec<Part> = Part::ALL
        .into_iter()
        .filter(|part| *part != Part::Quotas)
        .collect();
    let (code, _, findings) = said(&live(&others), map);
    assert_eq!(
        (code, findings),
        (201, vec!["less quota-exceeded metadata.name".to_owned()])
    );
    let node_port = "{apiVersion: v1, kind: Service, metadata: {name: s, namespace: team}, spec: {type: NodePort, ports: [{port: 80}]}}";
    let (code, _, findings) = said(
        &cluster(&Part::ALL),
        &format!("{node_port}\n---\n{}\n", quota("")),
    );
    assert_eq!(
        (code, findings),
        (201, vec!["error quota-exceeded spec".to_owned()])
    );
    let claim = "spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 2Gi}}}";
    let set = format!(
        "{{apiVersion: apps/v1, kind: StatefulSet, metadata: {{name: s, namespace: team}}, spec: {{serviceName: s, selector: \
         {{matchLabels: {{a: b}}}}, template: {{metadata: {{labels: {{a: b}}}}, spec: {{containers: [{{name: c, image: i}}], volumes: \
         [{{name: v, ephemeral: {{volumeClaimTemplate: {{{claim}}}}}}}]}}}}, volumeClaimTemplates: [{{metadata: {{name: d}}, \
         {claim}}}]}}}}"
    );
    let (code, _, findings) = said(&live(&Part::ALL), &set);
    assert_eq!(code, 201);
    assert_eq!(
        findings,
        [
            "less quota-exceeded spec.volumeClaimTemplates[0].spec.resources",
            "less quota-exceeded spec.template.spec.volumes[0].ephemeral.volumeClaimTemplate.spec.resources",
        ]
    );
}
