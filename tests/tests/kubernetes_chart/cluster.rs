//! A release at a real API server: installed, upgraded, rolled back and removed.
//!
//! There is no kubelet here: the test plays the controllers and the server.

use std::time::Duration;

use base64::Engine as _;
use porthole_tests::kubernetes::programs::{NEWEST, OLDEST};
use porthole_tests::kubernetes::{ApiServer, Client, Settings};
use porthole_tests::{helm, wait};
use serde_json::{Value, json};

use super::objects::{NAME, NAMESPACE, credential, printed_text, run, template, text};

const REGISTRATION: &str = "/apis/admissionregistration.k8s.io/v1";
const SPECS: &str = "/apis/windows.k8s.io/v1/gmsacredentialspecs";
const DEFINITION: &str =
    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/gmsacredentialspecs.windows.k8s.io";
const DEPLOYMENT: &str = "/apis/apps/v1/namespaces/porthole-system/deployments/porthole-webhook";
const MERGE: &str = "application/merge-patch+json";
/// Until a server tells of a new group, on a machine that may be busy.
const TOLD: Duration = Duration::from_mins(1);
const KINDS: [&str; 2] = ["validating", "mutating"];

struct Bed {
    client: Client,
    server: ApiServer,
}

impl Bed {
    fn new(version: &str) -> Self {
        let server = ApiServer::start(&Settings::of(version)).unwrap();
        let client = Client::new(&server).unwrap();
        Self { client, server }
    }

    /// Helm, for the chart's release; what it says.
    fn helm(&self, verb: &str, values: &Value, arguments: &[&str]) -> Result<String, String> {
        let mut helm = helm::command(crate::HELM, self.server.directory()).unwrap();
        helm.args([verb, NAME]);
        let takes_values = matches!(verb, "install" | "upgrade");
        if takes_values {
            helm.arg(helm::chart());
        }
        helm.args(["--namespace", NAMESPACE, "--kubeconfig"])
            .arg(self.server.kubeconfig())
            .args(arguments);
        let output = run(helm, takes_values.then_some(values));
        let said = text(&output.stdout) + &text(&output.stderr);
        if output.status.success() {
            Ok(said)
        } else {
            Err(said)
        }
    }

    fn install(&self, values: &Value) -> String {
        self.helm("install", values, &["--create-namespace"]).unwrap()
    }

    fn upgrade(&self, values: &Value) -> String {
        self.helm("upgrade", values, &[]).unwrap()
    }

    fn get(&self, path: &str) -> Option<Value> {
        let answer = self.client.get(path).unwrap();
        (answer.code == 200).then(|| answer.json().unwrap())
    }

    fn patch(&self, path: &str, content_type: &str, change: &Value) {
        let answer = self
            .client
            .patch(path, content_type, &change.to_string())
            .unwrap();
        assert_eq!(answer.code, 200, "{}", answer.body);
    }

    fn post(&self, path: &str, object: &Value) {
        let answer = self.client.post(path, &object.to_string()).unwrap();
        assert_eq!(answer.code, 201, "{}", answer.body);
    }

    /// The release's namespace, where Helm does not make it.
    fn make_namespace(&self) {
        self.post("/api/v1/namespaces", &json!({"metadata": {"name": NAMESPACE}}));
    }

    fn configuration(&self, kind: &str) -> Option<Value> {
        self.get(&configuration(kind))
    }

    /// A field of every webhook of both configurations, which have the same there.
    fn of_webhooks(&self, pointer: &str) -> Value {
        let mut found = Vec::new();
        for kind in KINDS {
            let configuration = self.configuration(kind).unwrap();
            for webhook in configuration["webhooks"].as_array().unwrap() {
                found.push(webhook.pointer(pointer).cloned().unwrap_or_default());
            }
        }
        assert!(
            found.iter().all(|value| *value == found[0]),
            "{pointer}: {found:?}"
        );
        found.swap_remove(0)
    }

    fn policy(&self) -> String {
        self.of_webhooks("/failurePolicy").as_str().unwrap().to_owned()
    }

    /// As the server writes its authority into the configurations.
    fn trust(&self, bundle: &str) {
        for kind in KINDS {
            let webhooks = self.configuration(kind).unwrap()["webhooks"]
                .as_array()
                .unwrap()
                .len();
            let change = (0..webhooks).map(|number| {
                json!({"op": "add", "path": format!("/webhooks/{number}/clientConfig/caBundle"), "value": bundle})
            });
            let by = format!(
                "{}?fieldManager=porthole-webhook-certificates",
                configuration(kind)
            );
            self.patch(&by, "application/json-patch+json", &change.collect());
        }
    }

    /// As controllers say that pods answer.
    fn answer(&self, available: u32) {
        let path = format!("{DEPLOYMENT}/status");
        self.patch(
            &path,
            MERGE,
            &json!({"status": {"replicas": 2, "readyReplicas": available, "availableReplicas": available}}),
        );
    }
}

fn configuration(kind: &str) -> String {
    format!("{REGISTRATION}/{kind}webhookconfigurations/{NAME}")
}

/// A certificate that is its own authority, in base64 as a configuration has it.
fn authority() -> String {
    let made = rcgen::generate_simple_self_signed(vec!["porthole".to_owned()]).unwrap();
    base64::engine::general_purpose::STANDARD.encode(made.cert.pem())
}

#[test]
#[ignore = "needs Helm and kube-apiserver 1.37"]
fn a_release_refuses_nothing_before_it_answers_and_keeps_what_the_server_writes() {
    let bed = Bed::new(NEWEST);
    // What is only tried leaves nothing.
    let said = bed
        .helm("install", &json!({}), &["--create-namespace", "--dry-run=server"])
        .unwrap_or_else(|said| panic!("{said}"));
    assert!(said.contains("kind: Deployment"), "{said}");
    assert!(bed.get(DEPLOYMENT).is_none() && bed.get(DEFINITION).is_none());

    // Nobody answers yet: nothing is refused, which is said.
    let said = bed.install(&json!({}));
    assert!(said.contains("pods are let in UNSEEN"), "{said}");
    assert_eq!(bed.policy(), "Ignore");
    assert_eq!(bed.of_webhooks("/clientConfig/caBundle"), Value::Null);
    assert!(bed.configuration("mutating").unwrap()["webhooks"][0]["matchConditions"].is_array());
    let spec = json!({
        "apiVersion": "windows.k8s.io/v1", "kind": "GMSACredentialSpec", "metadata": {"name": "webapp1"},
        "credspec": {"CmsPlugins": ["ActiveDirectory"]},
    });
    bed.post(SPECS, &spec);

    // Still nobody, or somebody whom the API server does not trust.
    bed.upgrade(&json!({}));
    bed.answer(1);
    bed.upgrade(&json!({}));
    assert_eq!(bed.policy(), "Ignore");
    // It answers, and is trusted: from now on it is strict, whatever happens to the server.
    let bundle = authority();
    bed.trust(&bundle);
    let said = bed.upgrade(&json!({}));
    assert!(!said.contains("UNSEEN"), "{said}");
    assert_eq!(bed.policy(), "Fail");
    bed.answer(0);
    bed.upgrade(&json!({"replicaCount": 3}));
    assert_eq!(bed.policy(), "Fail");
    assert_eq!(bed.get(DEPLOYMENT).unwrap()["spec"]["replicas"], 3);
    assert_eq!(bed.of_webhooks("/clientConfig/caBundle"), bundle.as_str());

    // The authority is another one by now; neither an upgrade nor a way back brings the former.
    let renewed = authority();
    bed.trust(&renewed);
    bed.upgrade(&json!({"timeoutSeconds": 5}));
    assert_eq!(bed.of_webhooks("/timeoutSeconds"), 5);
    assert_eq!(bed.of_webhooks("/clientConfig/caBundle"), renewed.as_str());
    bed.helm("rollback", &json!({}), &["5"]).unwrap();
    assert_eq!(bed.of_webhooks("/timeoutSeconds"), 10);
    assert_eq!(bed.of_webhooks("/clientConfig/caBundle"), renewed.as_str());
    assert_eq!(bed.policy(), "Fail");

    bed.helm("uninstall", &json!({}), &[]).unwrap();
    assert!(bed.get(DEPLOYMENT).is_none() && KINDS.iter().all(|kind| bed.configuration(kind).is_none()));
    assert!(bed.get(DEFINITION).is_some() && bed.get(&format!("{SPECS}/webapp1")).is_some());
    // And once more, where the definition is there already.
    bed.install(&json!({"failurePolicy": "Fail"}));
    assert_eq!(bed.policy(), "Fail");
}

/// Helm asks a server for its version, and one that was built by hand may call itself otherwise: what is rendered for it goes there by
/// other means.
#[test]
#[ignore = "needs Helm and kube-apiserver 1.24"]
fn the_oldest_server_takes_what_is_rendered_for_it() {
    let bed = Bed::new(OLDEST);
    bed.make_namespace();
    let file = bed.server.directory().join("rendered.yaml");
    for values in [
        json!({}),
        json!({
            "certificates": {"from": "secret", "caBundle": authority()}, "runtimeClasses": ["porthole"], "hostAccounts": "enforce", "namespaceLabels": {"a": "b"},
            "nodeSelector": {"a": "b"}, "tolerations": [{"operator": "Exists"}], "podDisruptionBudget": {"minAvailable": "50%"},
        }),
    ] {
        let rendered = template(&values, "1.24", &["--include-crds"]);
        std::fs::write(&file, &rendered.stdout).unwrap();
        let apply = ["apply", "--validate=true", "-f", file.to_str().unwrap()];
        let output = bed.server.kubectl(&apply).output().unwrap();
        assert_eq!(
            (output.status.code(), text(&output.stderr).as_str()),
            (Some(0), ""),
            "{values}"
        );
        assert!(
            text(&output.stdout).contains("deployment.apps/porthole-webhook"),
            "{values}"
        );
    }
}

#[test]
#[ignore = "needs Helm and kube-apiserver 1.37"]
fn a_definition_that_is_managed_and_a_credential_spec_stay() {
    let bed = Bed::new(NEWEST);
    let values = json!({
        "crds": {"managed": true},
        "runtimeClasses": ["porthole"],
    });
    // With a credential spec of the chart's.
    let mut with = values.clone();
    with["credential"] = credential();
    let fresh = ["--create-namespace", "--skip-crds"];
    // The cluster knows of none before it has their definition.
    let said = bed.helm("install", &with, &fresh).unwrap_err();
    assert!(
        said.contains("install with credential.enabled=false first"),
        "{said}"
    );
    bed.helm("install", &values, &fresh).unwrap();
    let patterned = |bed: &Bed| {
        bed.get(DEFINITION)
            .is_some_and(|definition| definition.to_string().contains("\"pattern\""))
    };
    assert!(patterned(&bed));
    // Helm asks which groups there are; the server tells of a new one a moment after it has taken the definition.
    wait::until("the group windows.k8s.io", TOLD, || {
        let groups = bed.client.get("/apis")?;
        Ok(groups.body.contains("windows.k8s.io").then_some(()))
    })
    .unwrap();
    bed.upgrade(&with);
    let spec = format!("{SPECS}/webapp1");
    let domain = bed.get(&spec).unwrap()["credspec"]["DomainJoinConfig"].clone();
    assert_eq!(domain["DnsTreeName"], "contoso.com");
    // Neither goes with its values, nor with the release.
    bed.upgrade(&json!({}));
    assert!(patterned(&bed) && bed.get(&spec).is_some());
    bed.helm("uninstall", &json!({}), &[]).unwrap();
    assert!(patterned(&bed) && bed.get(&spec).is_some());
    // It is there for the next one, which says that it is its own.
    bed.helm("install", &with, &["--skip-crds", "--take-ownership"])
        .unwrap();
    assert_eq!(bed.get(&spec).unwrap()["credspec"]["DomainJoinConfig"], domain);
}

#[test]
#[ignore = "needs Helm and kube-apiserver 1.37"]
fn certificates_of_a_secret_are_trusted_from_the_first_moment() {
    let bed = Bed::new(NEWEST);
    let values = json!({"certificates": {"from": "secret", "secretName": "tls"}});
    let said = bed.helm("install", &values, &["--create-namespace"]).unwrap_err();
    assert!(
        said.contains("the Secret porthole-system/tls has no `ca.crt`"),
        "{said}"
    );
    bed.make_namespace();
    let secret = |bundle: &str| json!({"metadata": {"name": "tls"}, "data": {"ca.crt": bundle}});
    let (first, second) = (authority(), authority());
    let secrets = "/api/v1/namespaces/porthole-system/secrets";
    bed.post(secrets, &secret(&first));
    bed.install(&values);
    assert_eq!(bed.of_webhooks("/clientConfig/caBundle"), first.as_str());
    // When the authority changes, an upgrade tells the API server.
    assert_eq!(
        bed.client
            .put(&format!("{secrets}/tls"), &secret(&second).to_string())
            .unwrap()
            .code,
        200
    );
    bed.answer(2);
    bed.upgrade(&values);
    assert_eq!(bed.of_webhooks("/clientConfig/caBundle"), second.as_str());
    assert_eq!(bed.policy(), "Fail");
}

/// Whether the server may do that with these resources of `certificates.k8s.io`.
fn may(bed: &Bed, verb: &str, resource: &str, name: &str) -> bool {
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    let review = json!({"spec": {
        "user": format!("system:serviceaccount:{NAMESPACE}:{NAME}"),
        "resourceAttributes": {"group": "certificates.k8s.io", "verb": verb, "resource": resource,
            "subresource": subresource, "name": name},
    }});
    let path = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
    let answer = bed.client.post(path, &review.to_string()).unwrap();
    assert_eq!(answer.code, 201, "{}", answer.body);
    answer.json().unwrap()["status"]["allowed"] == true
}

#[test]
#[ignore = "needs Helm and kube-apiserver 1.37"]
fn a_signer_is_asked_and_approved_for_only_as_long_as_that_is_chosen() {
    let bed = Bed::new(NEWEST);
    let rights = || {
        [
            may(&bed, "create", "certificatesigningrequests", ""),
            may(&bed, "update", "certificatesigningrequests/approval", "x"),
            may(&bed, "approve", "signers", "example.com/serving"),
            may(&bed, "approve", "signers", "kubernetes.io/kubelet-serving"),
        ]
    };
    let until = |what: &str, expected: [bool; 4]| {
        // Rights count a moment after the roles have changed.
        wait::until(what, TOLD, || Ok((rights() == expected).then_some(()))).unwrap();
    };
    let signer = json!({"name": "example.com/serving", "authorityConfigMap": "example-ca", "approve": true});
    let said = bed.install(&json!({"certificates": {"from": "csr", "signer": signer}}));
    assert!(!said.contains("certificate approve"), "{said}");
    until("the right to approve", [true, true, true, false]);
    let pod = |bed: &Bed| bed.get(DEPLOYMENT).unwrap()["spec"]["template"]["spec"].clone();
    assert_eq!(pod(&bed)["volumes"][0]["configMap"]["name"], "example-ca");
    // As with certificates of its own, it writes the bundle, and is strict once it is trusted.
    assert_eq!(bed.policy(), "Ignore");
    let bundle = authority();
    bed.trust(&bundle);
    bed.answer(2);

    let said = bed.upgrade(&json!({"certificates": {"from": "csr"}}));
    assert!(
        said.contains("kubectl certificate approve porthole-webhook-certificates-"),
        "{said}"
    );
    until("no right to approve", [true, false, false, false]);
    assert_eq!(pod(&bed).get("volumes"), None);
    assert_eq!(bed.policy(), "Fail");

    bed.upgrade(&json!({"certificates": {"from": "own"}}));
    until("no right to ask", [false; 4]);
    assert_eq!(bed.of_webhooks("/clientConfig/caBundle"), bundle.as_str());
}

#[test]
#[ignore = "needs Helm and kube-apiserver 1.37"]
fn what_the_installer_made_becomes_a_release_as_it_is() {
    let bed = Bed::new(NEWEST);
    let printed = printed_text(&[], "1.37");
    let file = bed.server.directory().join("printed.yaml");
    std::fs::write(&file, printed).unwrap();
    let apply = [
        "apply",
        "--server-side",
        "--field-manager=porthole-install",
        "-f",
        file.to_str().unwrap(),
    ];
    let output = bed.server.kubectl(&apply).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let bundle = authority();
    bed.trust(&bundle);
    let uid = |bed: &Bed| bed.get(DEPLOYMENT).unwrap()["metadata"]["uid"].clone();
    let before = uid(&bed);

    // What Helm 4 applies has to be its own, the definition first of all, but where it does as Helm 3.
    let (refusal, flags): (&str, &[&str]) = if crate::HELM == helm::FOUR {
        (
            "conflict with \"porthole-install\"",
            &["--take-ownership", "--server-side=false"],
        )
    } else {
        (
            "cannot be imported into the current release",
            &["--take-ownership"],
        )
    };
    let said = bed.helm("install", &json!({}), &[]).unwrap_err();
    assert!(said.contains(refusal), "{said}");
    let said = bed.helm("install", &json!({}), flags).unwrap();
    assert!(bed.get(DEFINITION).unwrap().to_string().contains("\"pattern\""));
    // It was strict, and stays so, and what the server wrote stays too.
    assert!(!said.contains("UNSEEN"), "{said}");
    assert_eq!(bed.policy(), "Fail");
    assert_eq!(bed.of_webhooks("/clientConfig/caBundle"), bundle.as_str());
    assert_eq!(uid(&bed), before);
    // From now on it is changed by upgrades.
    bed.upgrade(&json!({"replicaCount": 3}));
    assert_eq!(bed.get(DEPLOYMENT).unwrap()["spec"]["replicas"], 3);
    assert_eq!(bed.of_webhooks("/clientConfig/caBundle"), bundle.as_str());
}

#[test]
#[ignore = "needs Helm and kube-apiserver 1.37"]
fn another_installation_is_told_of_and_how_to_remove_it() {
    let bed = Bed::new(NEWEST);
    let old = json!({
        "metadata": {"name": "old"},
        "webhooks": [{
            "name": "admission-webhook.windows-gmsa.sigs.k8s.io", "clientConfig": {"url": "https://127.0.0.1:1/"}, "rules": [],
            "sideEffects": "None", "admissionReviewVersions": ["v1"],
        }],
    });
    let path = format!("{REGISTRATION}/validatingwebhookconfigurations");
    bed.post(&path, &old);
    let said = bed.install(&json!({"qps": 30, "certificates": {"certReload": {"enabled": true}}}));
    assert!(
        said.contains("kubernetes-sigs/windows-gmsa as well (old)"),
        "{said}"
    );
    assert!(
        said.contains("Accepted and not needed: qps, certificates.certReload.enabled.\n"),
        "{said}"
    );
}
