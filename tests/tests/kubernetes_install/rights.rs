//! What becomes of a caBundle, and of Secrets.

use std::time::Duration;

use porthole_tests::kubernetes::Settings;
use porthole_tests::kubernetes::programs::NEWEST;
use serde_json::{Value, json};

use super::bed::{Bed, NAME, REGISTRATION, authority, meanwhile};
use super::installing::keepers;
use super::taking_over::{OLD, fill};

/// Who installs, to the API server.
const MANAGER: &str = "porthole-install";
const KINDS: [&str; 2] = ["validating", "mutating"];
/// All that an installer needs, and of Secrets those that are its own or of the installation that it takes over.
const RIGHTS: &str = r"
apiVersion: v1
kind: Namespace
metadata: {name: porthole-system}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: installer}
rules:
- apiGroups: [apiextensions.k8s.io, rbac.authorization.k8s.io, apps, policy, networking.k8s.io, admissionregistration.k8s.io]
  resources: ['*']
  verbs: ['*']
- {apiGroups: [''], resources: [namespaces, services, serviceaccounts], verbs: ['*']}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: installer}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: installer}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: installer}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: own, namespace: porthole-system}
rules: [{apiGroups: [''], resources: [secrets], verbs: [get], resourceNames: [porthole-webhook-certificates]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: own, namespace: porthole-system}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: own}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: installer}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: old, namespace: gmsa}
rules: [{apiGroups: [''], resources: [secrets], verbs: [get, delete], resourceNames: [old]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: old, namespace: gmsa}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: old}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: installer}]
";

/// cert-manager's kinds, without cert-manager.
fn cert_manager() -> String {
    let definition = |(kind, plural)| {
        format!(
            r"---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {{name: {plural}.cert-manager.io}}
spec:
  group: cert-manager.io
  scope: Namespaced
  names: {{kind: {kind}, plural: {plural}}}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {{openAPIV3Schema: {{type: object, x-kubernetes-preserve-unknown-fields: true}}}}
"
        )
    };
    [("Issuer", "issuers"), ("Certificate", "certificates")]
        .map(definition)
        .concat()
}

/// The caBundle of each webhook of a configuration.
fn bundles(configuration: &Value) -> Vec<Value> {
    let webhooks = configuration["webhooks"].as_array().unwrap();
    webhooks
        .iter()
        .map(|webhook| webhook["clientConfig"]["caBundle"].clone())
        .collect()
}

/// Does something, while the configurations are looked at again and again: at no moment a caBundle is missing.
fn without_a_gap<T>(bed: &Bed, happen: impl FnOnce() -> T) -> T {
    let mut looked = 0;
    let look = || {
        for configuration in KINDS.iter().filter_map(|kind| bed.configuration(kind)) {
            let has_all = bundles(&configuration)
                .iter()
                .all(|bundle| bundle.as_str().is_some_and(|bundle| !bundle.is_empty()));
            assert!(has_all, "{configuration}");
            looked += 1;
        }
    };
    let happened = meanwhile(Duration::ZERO, look, happen);
    assert!(looked > 4);
    happened
}

#[test]
#[ignore = "needs kube-apiserver 1.37"]
fn a_bundle_of_a_run_that_was_broken_off_is_kept_and_handed_over() {
    let bed = Bed::new(NEWEST);
    let (code, out, err) = bed.install_with_controllers(&[]);
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    // As it is after a run that ended between its first request and its second.
    let mut before = Vec::new();
    for kind in KINDS {
        let mut configuration = bed.configuration(kind).unwrap();
        let path = format!("{REGISTRATION}/{kind}webhookconfigurations/{NAME}");
        assert_eq!(bed.client.delete(&path).unwrap().code, 200);
        for key in [
            "managedFields",
            "uid",
            "resourceVersion",
            "creationTimestamp",
            "generation",
        ] {
            configuration["metadata"].as_object_mut().unwrap().remove(key);
        }
        let apply = ["apply", "--server-side", "--field-manager", MANAGER, "-f", "-"];
        let (code, out, err) = bed.kubectl(&apply, &configuration.to_string());
        assert_eq!(code, Some(0), "{out}{err}");
        if kind == "validating" {
            assert_eq!(keepers(&bed.configuration(kind).unwrap()), [MANAGER]);
        }
        before.push(bundles(&configuration));
    }
    let (code, out, err) = without_a_gap(&bed, || bed.install_with_controllers(&[]));
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    for (kind, before) in KINDS.iter().zip(before) {
        let configuration = bed.configuration(kind).unwrap();
        assert_eq!(bundles(&configuration), before);
        assert_eq!(keepers(&configuration), ["porthole-webhook"], "{configuration}");
    }
    let (code, out, err) = bed.install_with_controllers(&[]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert!(out.lines().all(|line| line.ends_with(" unchanged")), "{out}");
}

#[test]
#[ignore = "needs kube-apiserver 1.37"]
fn from_a_secret_of_ones_own_to_cert_manager_pods_are_never_without_a_bundle() {
    let bed = Bed::new(NEWEST);
    bed.define(&cert_manager());
    let secret = json!({
        "apiVersion": "v1", "kind": "List", "items": [
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "porthole-system"}},
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "tls", "namespace": "porthole-system"},
                "stringData": {"ca.crt": authority(), "tls.crt": "c", "tls.key": "k"}},
        ],
    });
    bed.create(&secret.to_string());
    let by_secret = ["--certificates=secret", "--secret=tls"];
    let (code, out, err) = bed.install_with_controllers(&by_secret);
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    assert_eq!(keepers(&bed.configuration("validating").unwrap()), [MANAGER]);
    let (code, out, err) = bed.install(&[&by_secret[..], &["--diff"]].concat());
    assert_eq!(
        (code, out.as_str(), err.as_str()),
        (Some(0), "", ""),
        "nothing would change"
    );
    let (code, out, _) = bed.install(&[&by_secret[..], &["--diff", "--replicas=5"]].concat());
    assert_eq!(code, Some(1));
    assert!(
        out.contains("+  replicas: 5\n") && !out.contains("caBundle"),
        "{out}"
    );

    let by_cert_manager = ["--certificates=cert-manager"];
    let (code, out, err) = without_a_gap(&bed, || bed.install_with_controllers(&by_cert_manager));
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    let configuration = bed.configuration("mutating").unwrap();
    assert_eq!(
        configuration["metadata"]["annotations"]["cert-manager.io/inject-ca-from"],
        "porthole-system/porthole-webhook"
    );
    assert_eq!(keepers(&configuration), ["porthole-webhook"], "{configuration}");
    let (code, out, err) = bed.install(&[&by_cert_manager[..], &["--diff"]].concat());
    assert_eq!((code, out.as_str(), err.as_str()), (Some(0), "", ""));
    // And back.
    let (code, out, err) = without_a_gap(&bed, || {
        bed.install_with_controllers(&[&by_secret[..], &["--force-conflicts"]].concat())
    });
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    assert!(
        out.contains("certificate.cert-manager.io/porthole-webhook removed\n"),
        "{out}"
    );
}

#[test]
#[ignore = "needs kube-apiserver 1.37"]
fn who_may_not_read_secrets_of_others_installs_and_takes_over_nevertheless() {
    let bed = Bed::of(NEWEST, &Settings::of(NEWEST).user("installer", &[]));
    // Its pods mount a Secret of somebody else beside its own.
    let other = "volumes: [{name: other, secret: {secretName: other}}, ";
    let secret =
        "---\napiVersion: v1\nkind: Secret\nmetadata: {name: other, namespace: gmsa}\nstringData: {a: b}\n";
    fill(&bed, &format!("{}{secret}", OLD.replace("volumes: [", other)));
    bed.create(RIGHTS);
    let token = bed.server.token_of("installer").unwrap();
    let kubeconfig = bed.server.directory().join("installer.json");
    std::fs::write(&kubeconfig, bed.server.kubeconfig_of(token, None)).unwrap();
    let (code, out, err) = bed.with_controllers(|| bed.install_as(&kubeconfig, &["--take-over"]));
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    assert!(out.contains("secret/old removed\n"), "{out}");
    assert!(bed.has("/api/v1/namespaces/gmsa/secrets/other"));
    assert!(!bed.has("/api/v1/namespaces/gmsa/secrets/old"));
}
