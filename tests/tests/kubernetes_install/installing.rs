//! Printing, applying, applying again, and removing.

use base64::Engine as _;
use porthole_tests::kubernetes::programs::{NEWEST, OLDEST};
use serde_json::{Value, json};

use super::bed::{Bed, DEFINITION, DEPLOYMENT, NAME, REGISTRATION, SPECS, printed};

/// A credential spec that no pattern would take.
const SLOPPY: &str = r#"{"apiVersion": "windows.k8s.io/v1alpha1", "kind": "GMSACredentialSpec", "metadata": {"name": "sloppy"},
    "credspec": {"DomainJoinConfig": {"Sid": "the domain's", "Guid": "{}"}, "CmsPlugins": ["ActiveDirectory"]}}"#;

fn accepts_what_is_printed(version: &str) {
    let bed = Bed::new(version);
    let minor = version.rsplit_once('.').unwrap().0;
    for settings in [
        vec![],
        vec![
            "--certificates=secret",
            "--secret=tls",
            "--host-accounts=enforce",
            "--random-hostname",
        ],
        vec![
            "--runtime-class=porthole",
            "--failure-policy=ignore",
            "--namespace-label=gmsa=yes",
            "--exclude-namespace=infra",
            "--toleration=node-role.kubernetes.io/control-plane:NoSchedule",
            "--node-label=a=b",
            "--priority-class=system-cluster-critical",
            "--image-pull-secret=pull",
            "--no-network-policy",
            "--no-viewer-role",
        ],
    ] {
        let text = printed("all", &[&["--kubernetes-version", minor], &settings[..]].concat());
        let (code, out, err) = bed.kubectl(&["apply", "--validate=true", "-f", "-"], &text);
        assert_eq!(
            (code, err.as_str()),
            (Some(0), ""),
            "{version} {settings:?}: {out}"
        );
    }
    // What is called after itself is what is served.
    let (code, out, err) = bed.kubectl(&["get", "gmsa"], "");
    assert_eq!(code, Some(0), "{out}{err}");
}

#[test]
#[ignore = "needs kube-apiserver 1.37"]
fn the_newest_server_takes_what_is_printed_without_a_warning() {
    accepts_what_is_printed(NEWEST);
}

#[test]
#[ignore = "needs kube-apiserver 1.24"]
fn the_oldest_server_takes_what_is_printed_without_a_warning() {
    accepts_what_is_printed(OLDEST);
}

/// The lines of what was done, without what was done.
fn done<'a>(out: &'a str, what: &str) -> Vec<&'a str> {
    let end = format!(" {what}");
    out.lines()
        .filter_map(|line| line.strip_suffix(end.as_str()))
        .collect()
}

/// Who manages the caBundle of the first webhook.
pub(super) fn keepers(configuration: &Value) -> Vec<&str> {
    let managers = configuration["metadata"]["managedFields"].as_array().unwrap();
    let key = r#"k:{"name":"webhook.porthole.dev"}"#;
    managers
        .iter()
        .filter(|manager| {
            let client = &manager["fieldsV1"]["f:webhooks"][key]["f:clientConfig"];
            client.get("f:caBundle").is_some()
        })
        .map(|manager| manager["manager"].as_str().unwrap())
        .collect()
}

fn installs_and_removes(version: &str) {
    let bed = Bed::new(version);
    let (code, out, err) = bed.install(&["--dry-run=server"]);
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(
        out.contains("deployment.apps/porthole-webhook created (server dry run)\n"),
        "{out}"
    );
    assert!(!bed.has(DEFINITION) && !bed.has("/api/v1/namespaces/porthole-system"));
    assert!(bed.configuration("validating").is_none() && bed.configuration("mutating").is_none());

    // Nobody starts pods: the API server is not told to ask them.
    let (code, out, err) = bed.install(&["--timeout=1s"]);
    assert_eq!(code, Some(1), "{out}{err}");
    assert!(
        err.contains("deployment.apps/porthole-webhook is not ready in time"),
        "{err}"
    );
    assert!(bed.has(DEPLOYMENT) && bed.configuration("validating").is_none());
    let (code, _, err) = bed.install(&["--wait=false"]);
    assert_eq!(code, Some(1), "{err}");
    assert!(err.contains("is not ready yet"), "{err}");

    let (code, out, err) = bed.install_with_controllers(&[]);
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    let made = done(&out, "created");
    let kinds = ["validatingwebhookconfiguration", "mutatingwebhookconfiguration"];
    let named = kinds.map(|kind| format!("{kind}.admissionregistration.k8s.io/{NAME}"));
    assert_eq!(made, named, "{out}");
    for kind in ["validating", "mutating"] {
        let configuration = bed.configuration(kind).unwrap();
        assert_eq!(keepers(&configuration), ["porthole-webhook"], "{configuration}");
        let webhooks = configuration["webhooks"].as_array().unwrap();
        assert!(
            webhooks
                .iter()
                .all(|webhook| webhook["clientConfig"]["caBundle"].is_string())
        );
        let has_conditions = webhooks[0].get("matchConditions").is_some();
        assert_eq!(has_conditions, version != OLDEST);
    }

    let (code, out, err) = bed.install_with_controllers(&[]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert_eq!(done(&out, "unchanged").len(), out.lines().count(), "{out}");
    let (code, out, err) = bed.install(&["--diff"]);
    assert_eq!((code, out.as_str(), err.as_str()), (Some(0), "", ""));
    let (code, out, _) = bed.install(&["--diff", "--replicas=3", "--no-network-policy"]);
    assert_eq!(code, Some(1));
    assert!(out.contains("-  replicas: 2\n+  replicas: 3\n"), "{out}");
    assert!(
        out.contains("--- live/networkpolicy.networking.k8s.io/porthole-webhook"),
        "{out}"
    );
    assert_eq!(bed.get(DEPLOYMENT).unwrap()["spec"]["replicas"], 2);

    upgrades(&bed);
    removes(&bed);
}

/// Other settings: what is no longer wanted goes, and what the server keeps stays.
fn upgrades(bed: &Bed) {
    let path = format!("{REGISTRATION}/validatingwebhookconfigurations/{NAME}");
    // Certificates are renewed: the server writes another bundle.
    let other = bed.configuration("validating").unwrap()["webhooks"][0]["clientConfig"]["caBundle"].clone();
    let engine = base64::engine::general_purpose::STANDARD;
    let pem = engine.decode(other.as_str().unwrap()).unwrap();
    let renewed = engine.encode([pem.clone(), pem].concat());
    let change = json!([{"op": "replace", "path": "/webhooks/0/clientConfig/caBundle", "value": renewed}]);
    let answer = bed
        .client
        .patch(
            &format!("{path}?fieldManager=server"),
            "application/json-patch+json",
            &change.to_string(),
        )
        .unwrap();
    assert_eq!(answer.code, 200, "{}", answer.body);

    // Somebody scales by hand.
    let scale = r#"{"spec": {"replicas": 4}}"#;
    let by_hand = format!("{DEPLOYMENT}?fieldManager=by-hand");
    let merge = "application/merge-patch+json";
    assert_eq!(bed.client.patch(&by_hand, merge, scale).unwrap().code, 200);
    let settings = ["--replicas=3", "--no-network-policy", "--timeout=20s"];
    let (code, out, err) = bed.install_with_controllers(&settings);
    assert_eq!(code, Some(1), "{out}{err}");
    assert!(
        err.contains("others keep other values in .spec.replicas (by-hand)"),
        "{err}"
    );
    assert!(err.contains("--force-conflicts"), "{err}");
    let (code, out, err) = bed.install_with_controllers(&[&settings[..], &["--force-conflicts"]].concat());
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    assert_eq!(
        done(&out, "configured"),
        ["deployment.apps/porthole-webhook"],
        "{out}"
    );
    assert_eq!(
        done(&out, "removed"),
        ["networkpolicy.networking.k8s.io/porthole-webhook"],
        "{out}"
    );
    let configuration = bed.configuration("validating").unwrap();
    assert_eq!(
        configuration["webhooks"][0]["clientConfig"]["caBundle"],
        renewed.as_str()
    );
}

fn removes(bed: &Bed) {
    let old = SPECS.replace("/v1/", "/v1alpha1/");
    let answer = bed.client.post(&old, SLOPPY).unwrap();
    if answer.code != 201 {
        // Where it is asked for patterns, what is new has to be right.
        assert!(answer.body.contains("DomainJoinConfig.Sid"), "{}", answer.body);
        let right = SLOPPY.replace("the domain's", "S-1-5-21-1-2-3").replace("{}", "");
        assert_eq!(bed.client.post(&old, &right).unwrap().code, 201);
    }
    // Of the same name, and somebody else's.
    let account = "/api/v1/namespaces/porthole-system/serviceaccounts/porthole-webhook";
    let foreign = r#"{"metadata": {"labels": {"app.kubernetes.io/managed-by": "Helm"}}}"#;
    let merge = "application/merge-patch+json";
    assert_eq!(bed.client.patch(account, merge, foreign).unwrap().code, 200);

    let (code, out, err) = bed.install(&["--uninstall", "--dry-run=server"]);
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    assert!(bed.has(DEPLOYMENT) && bed.configuration("validating").is_some());
    let (code, out, err) = bed.install(&["--uninstall"]);
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    assert!(out.starts_with(
        "validatingwebhookconfiguration.admissionregistration.k8s.io/porthole-webhook removed\n"
    ));
    assert!(
        out.contains("secret/porthole-webhook-certificates removed\n"),
        "{out}"
    );
    assert!(
        out.contains("serviceaccount/porthole-webhook kept: it was made by somebody else\n"),
        "{out}"
    );
    assert!(
        out.contains("gmsacredentialspecs.windows.k8s.io kept, with 1 credential specs\n"),
        "{out}"
    );
    assert!(bed.has(&format!("{SPECS}/sloppy")) && bed.has(account));
    assert!(bed.configuration("mutating").is_none() && !bed.has(DEPLOYMENT));
    let (code, out, _) = bed.install(&["--uninstall"]);
    assert_eq!(code, Some(0));
    assert_eq!(done(&out, "removed"), Vec::<&str>::new(), "{out}");
}

#[test]
#[ignore = "needs kube-apiserver 1.37"]
fn it_is_installed_again_without_a_change_and_removed_without_a_loss() {
    installs_and_removes(NEWEST);
}

#[test]
#[ignore = "needs kube-apiserver 1.24"]
fn the_same_at_the_oldest_server() {
    installs_and_removes(OLDEST);
}

#[test]
#[ignore = "needs kube-apiserver 1.37"]
fn cert_manager_that_is_not_there_is_named() {
    let bed = Bed::new(NEWEST);
    let (code, out, err) = bed.install(&["--certificates=cert-manager"]);
    assert_eq!(code, Some(2), "{out}{err}");
    assert!(err.contains("install cert-manager first"), "{err}");
    // What was applied before it is told.
    assert!(
        out.contains("clusterrole.rbac.authorization.k8s.io/porthole-webhook created\n"),
        "{out}"
    );
}
