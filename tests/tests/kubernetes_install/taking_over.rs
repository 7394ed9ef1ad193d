//! An installation of kubernetes-sigs/windows-gmsa, as its deploy script and as its chart make it, and its end.

use porthole_tests::kubernetes::programs::NEWEST;

use super::bed::{Bed, DEFINITION, REGISTRATION, SPECS};

pub(super) const OLD: &str = include_str!("old.yaml");
const SPEC: &str = "apiVersion: windows.k8s.io/v1\nkind: GMSACredentialSpec\nmetadata: {name: webapp1}\ncredspec: \
                    {DomainJoinConfig: {Sid: wrong}}\n";
/// What is removed of it, of the cluster and of its namespace.
const PARTS: [&str; 6] = [
    "/apis/rbac.authorization.k8s.io/v1/clusterroles/old-rbac-role",
    "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/old-rbac",
    "/apis/apps/v1/namespaces/gmsa/deployments/old",
    "/api/v1/namespaces/gmsa/services/old",
    "/api/v1/namespaces/gmsa/serviceaccounts/old",
    "/api/v1/namespaces/gmsa/secrets/old",
];

fn bed(change: impl Fn(&str) -> String) -> Bed {
    let bed = Bed::new(NEWEST);
    fill(&bed, &change(OLD));
    bed
}

/// Puts an installation and a credential spec into a cluster.
pub(super) fn fill(bed: &Bed, old: &str) {
    bed.define(old);
    bed.create(SPEC);
}

fn old_configuration(bed: &Bed, kind: &str) -> bool {
    bed.has(&format!("{REGISTRATION}/{kind}webhookconfigurations/old"))
}

#[test]
#[ignore = "needs kube-apiserver 1.37"]
fn what_the_deploy_script_made_is_replaced_once_the_new_server_answers() {
    let bed = bed(str::to_owned);
    let (code, out, err) = bed.install_with_controllers(&[]);
    assert_eq!((code, out.as_str()), (Some(1), ""), "{err}");
    assert!(
        err.contains("has an installation of kubernetes-sigs/windows-gmsa already"),
        "{err}"
    );
    assert!(err.contains("--take-over"), "{err}");
    assert!(!bed.has("/api/v1/namespaces/porthole-system"));
    // It would have the same objects.
    let (code, _, err) = bed.install(&["--take-over", "--name=old", "--namespace=gmsa"]);
    assert_eq!(code, Some(1), "{err}");
    assert!(err.contains("call this one otherwise"), "{err}");

    // As long as the new server does not answer, nothing is taken away.
    let (code, _, err) = bed.install(&["--take-over", "--timeout=1s"]);
    assert_eq!(code, Some(1), "{err}");
    assert!(old_configuration(&bed, "validating") && PARTS.iter().all(|part| bed.has(part)));
    assert!(bed.configuration("validating").is_none());

    let (code, out, err) = bed.install_with_controllers(&["--take-over"]);
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    assert!(!old_configuration(&bed, "validating") && !old_configuration(&bed, "mutating"));
    for part in PARTS {
        assert!(!bed.has(part), "{part}: {out}");
    }
    let at = |text: &str| out.find(text).unwrap_or_else(|| panic!("{text}: {out}"));
    let new = at("mutatingwebhookconfiguration.admissionregistration.k8s.io/porthole-webhook created");
    let first = at("mutatingwebhookconfiguration.admissionregistration.k8s.io/old removed");
    assert!(new < first && first < at("deployment.apps/old removed"), "{out}");

    // The definition is adopted with what it defines, which no longer would be taken as new.
    assert!(bed.has("/api/v1/namespaces/gmsa"));
    let definition = bed.get(DEFINITION).unwrap();
    assert_eq!(definition["spec"]["names"]["shortNames"][0], "gmsa");
    let merge = "application/merge-patch+json";
    let annotated = r#"{"metadata": {"annotations": {"a": "b"}}}"#;
    let answer = bed
        .client
        .patch(&format!("{SPECS}/webapp1"), merge, annotated)
        .unwrap();
    assert_eq!(answer.code, 200, "{}", answer.body);
    let (code, out, err) = bed.install_with_controllers(&["--take-over"]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert!(out.lines().all(|line| line.ends_with(" unchanged")), "{out}");
}

#[test]
#[ignore = "needs kube-apiserver 1.37"]
fn of_a_helm_release_it_says_how_helm_forgets_it() {
    let of_helm = "annotations: {meta.helm.sh/release-name: old, meta.helm.sh/release-namespace: gmsa}";
    let bed = bed(|text| text.replace("annotations: {}", of_helm));
    let (code, out, err) = bed.install_with_controllers(&["--take-over"]);
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(
        err.contains("kubectl -n gmsa delete secret -l owner=helm,name=old"),
        "{err}"
    );
    assert!(bed.has(&format!("{SPECS}/webapp1")));
}

#[test]
#[ignore = "needs kube-apiserver 1.37"]
fn what_others_use_as_well_stays() {
    let bed = bed(|text| {
        // A further webhook in one of the configurations.
        let further = "webhooks:\n- name: other.example.com\n  clientConfig: {url: 'https://127.0.0.1:1/'}\n  rules: []\n  \
                       sideEffects: None\n  admissionReviewVersions: [v1]\n";
        text.replacen("webhooks:\n", further, 1)
    });
    let (code, out, err) = bed.install(&["--take-over"]);
    assert_eq!((code, out.as_str()), (Some(1), ""), "{err}");
    assert!(err.contains("registers further webhooks"), "{err}");
    assert!(old_configuration(&bed, "validating") && PARTS.iter().all(|part| bed.has(part)));
}

#[test]
#[ignore = "needs kube-apiserver 1.37"]
fn a_role_that_a_binding_of_others_uses_stays() {
    let bed = bed(|text| {
        let binding = "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: others, namespace: default}\n\
                       roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: old-rbac-role}\n\
                       subjects: [{kind: ServiceAccount, name: other, namespace: default}]\n";
        format!("{text}---\n{binding}")
    });
    let (code, out, err) = bed.install_with_controllers(&["--take-over"]);
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    for part in PARTS {
        assert_eq!(bed.has(part), part == PARTS[0], "{part}: {out}");
    }
}
