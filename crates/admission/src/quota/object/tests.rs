use porthole_manifest::{Document, Limits, objects, parse};

use super::*;

fn document(text: &str) -> Document {
    let stream = parse(text, &Limits::default());
    assert_eq!(stream.errors, [], "{text}");
    stream.documents.into_iter().next().unwrap()
}

/// What a quota says that has `hard` and nothing used of it.
fn said(hard: &str, old: Option<&str>, object: &str) -> Option<String> {
    let quota = document(&format!("{{spec: {{hard: {hard}}}}}"));
    let quota = Quota::written("q", quota.root(), None).unwrap();
    let (old, object) = (old.map(document), document(object));
    let old = old.as_ref().map(|old| objects(old)[0]);
    let finding = check_object(&objects(&object)[0], old.as_ref(), &[quota], Version::NEWEST)?;
    Some(finding.detail)
}

fn object(kind: &str, rest: &str) -> String {
    let (version, kind) = kind.rsplit_once('/').unwrap();
    format!("{{apiVersion: {version}, kind: {kind}, metadata: {{name: x, namespace: n}}, {rest}}}")
}

fn exceeded(resources: &[(&str, &str)], limited: &str) -> String {
    let list = |of: &dyn Fn(&(&str, &str)) -> String| resources.iter().map(of).collect::<Vec<_>>().join(",");
    format!(
        "exceeded quota: q, requested: {}, used: {}, limited: {}",
        list(&|(name, requested)| format!("{name}={requested}")),
        list(&|(name, _)| format!("{name}=0")),
        list(&|(name, _)| format!("{name}={limited}")),
    )
}

#[test]
fn everything_can_be_counted() {
    for (kind, counted) in [
        ("v1/ConfigMap", &["configmaps", "count/configmaps"][..]),
        ("v1/ServiceAccount", &["count/serviceaccounts"]),
        ("apps/v1/Deployment", &["count/deployments.apps"]),
        ("batch/v1/CronJob", &["count/cronjobs.batch"]),
        (
            "networking.k8s.io/v1/NetworkPolicy",
            &["count/networkpolicies.networking.k8s.io"],
        ),
        (
            "rbac.authorization.k8s.io/v1/Role",
            &["count/roles.rbac.authorization.k8s.io"],
        ),
    ] {
        let hard = "{configmaps: 0, count/configmaps: 0, count/serviceaccounts: 0, serviceaccounts: 0, count/deployments.apps: 0, \
                    count/deployments: 0, count/cronjobs.batch: 0, count/networkpolicies.networking.k8s.io: 0, \
                    count/roles.rbac.authorization.k8s.io: 0}";
        let resources: Vec<_> = counted.iter().map(|name| (*name, "1")).collect();
        assert_eq!(
            said(hard, None, &object(kind, "spec: {}")),
            Some(exceeded(&resources, "0")),
            "{kind}"
        );
    }
    for (kind, hard) in [
        ("v1/Event", "{count/events: 0}"),
        ("v1/Namespace", "{count/namespaces: 0}"),
        ("v1/Pod", "{count/pods: 0, pods: 0}"),
        ("example.com/v1/Thing", "{count/things.example.com: 0}"),
    ] {
        assert_eq!(said(hard, None, &object(kind, "spec: {}")), None, "{kind}");
    }
    // It is there already.
    let map = object("v1/ConfigMap", "data: {}");
    assert_eq!(said("{configmaps: 0}", Some(&map), &map), None);
}

#[test]
fn services_use_ports_of_nodes_and_load_balancers() {
    let hard = "{services.nodeports: 1, services.loadbalancers: 1}";
    let service = |spec: &str| object("v1/Service", &format!("spec: {{{spec}}}"));
    let two = "ports: [{name: a, port: 80}, {name: b, port: 81}]";
    let too_many = Some(exceeded(&[("services.nodeports", "2")], "1"));
    for (spec, wanted) in [
        (two.to_owned(), &None),
        (format!("type: NodePort, {two}"), &too_many),
        (format!("type: LoadBalancer, {two}"), &too_many),
        (
            format!("type: LoadBalancer, allocateLoadBalancerNodePorts: false, {two}"),
            &None,
        ),
        (
            "type: LoadBalancer, allocateLoadBalancerNodePorts: false, ports: [{port: 80, nodePort: 30000}, {port: 81, nodePort: \
             30001}]"
                .to_owned(),
            &too_many,
        ),
        (format!("type: ExternalName, {two}"), &None),
    ] {
        assert_eq!(&said(hard, None, &service(&spec)), wanted, "{spec}");
    }
    // Of one that is changed what it uses more counts.
    let one = service("type: NodePort, ports: [{port: 80}]");
    let more = service(&format!("type: NodePort, {two}"));
    assert_eq!(said(hard, Some(&one), &more), None);
    assert_eq!(said(hard, Some(&service(two)), &more), too_many);
    assert_eq!(said("{services: 0}", Some(&one), &more), None);
}

#[test]
fn claims_use_storage_of_their_class() {
    let claim = |metadata: &str, spec: &str, storage: &str| {
        format!(
            "{{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {{name: x{metadata}}}, spec: {{{spec}resources: {{requests: \
             {{storage: {storage}}}}}}}}}"
        )
    };
    let gold = "gold.storageclass.storage.k8s.io/";
    let hard =
        format!("{{requests.storage: 2Gi, {gold}requests.storage: 2Gi, {gold}persistentvolumeclaims: 5}}");
    let own = |amount| exceeded(&[("requests.storage", amount)], "2Gi");
    let of_class = format!("{gold}requests.storage");
    let both = exceeded(&[(&of_class, "3Gi"), ("requests.storage", "3Gi")], "2Gi");
    assert_eq!(said(&hard, None, &claim("", "", "2Gi")), None);
    assert_eq!(said(&hard, None, &claim("", "", "3Gi")), Some(own("3Gi")));
    assert_eq!(
        said(&hard, None, &claim("", "", "3000000000500m")),
        Some(own("3000000001"))
    );
    assert_eq!(
        said(&hard, None, &claim("", "storageClassName: gold, ", "3Gi")),
        Some(both.clone())
    );
    let of_old = ", annotations: {volume.beta.kubernetes.io/storage-class: gold}";
    assert_eq!(
        said(&hard, None, &claim(of_old, "storageClassName: silver, ", "3Gi")),
        Some(both)
    );
    let (small, large) = (claim("", "", "1500Mi"), claim("", "", "4Gi"));
    assert_eq!(said(&hard, Some(&small), &large), Some(own("2596Mi")));
    assert_eq!(said(&hard, Some(&large), &small), None);
}

#[test]
fn of_scopes_claims_know_that_of_their_attributes() {
    let quota = |scope: &str| {
        document(&format!(
            "{{spec: {{hard: {{persistentvolumeclaims: 0, configmaps: 0}}, scopeSelector: {{matchExpressions: [{scope}]}}}}}}"
        ))
    };
    let refuses = |scope: &str, object: &str| {
        let (quota, object) = (quota(scope), document(object));
        let quota = Quota::written("q", quota.root(), None).unwrap();
        check_object(&objects(&object)[0], None, &[quota], Version::NEWEST).is_some()
    };
    let claim = |spec: &str| object("v1/PersistentVolumeClaim", &format!("spec: {{{spec}}}"));
    let fast = claim("volumeAttributesClassName: fast");
    let named = "{scopeName: VolumeAttributesClass, operator: In, values: [fast]}";
    assert!(refuses(named, &fast));
    assert!(!refuses(named, &claim("")));
    assert!(refuses(
        "{scopeName: VolumeAttributesClass, operator: DoesNotExist}",
        &claim("")
    ));
    let of_pods = "{scopeName: NotTerminating, operator: Exists}";
    assert!(!refuses(of_pods, &fast));
    assert!(!refuses(of_pods, &object("v1/ConfigMap", "data: {}")));
}
