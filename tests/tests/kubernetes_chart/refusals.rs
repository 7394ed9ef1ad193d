//! Values that make no sense are refused, by their names.

use serde_json::{Value, json};

use super::objects::{NAMESPACE, credential, print, rendered, template, template_in, text};

#[test]
#[ignore = "needs Helm"]
fn wrong_values_are_refused_by_name() {
    let wrong: [(Value, &str); 30] = [
        (json!({"replicas": 2}), "replicas"),
        (json!({"image": {"pullPolicy": "Always"}}), "pullPolicy"),
        (
            json!({"certificates": {"certManager": {"issuer": "x"}}}),
            "issuer",
        ),
        (json!({"replicaCount": 0}), "replicaCount"),
        // Helm takes nulls away, and the default with them.
        (json!({"replicaCount": null}), "replicaCount"),
        (json!({"hostAccounts": null}), "hostAccounts"),
        (json!({"certificates": null}), "certificates"),
        (json!({"podDisruptionBudget": {"enabled": null}}), "enabled"),
        // The existing chart's server has root, and listens below 1024.
        (json!({"containerPort": "443"}), "containerPort"),
        (json!({"containerPort": 65536}), "containerPort"),
        (json!({"timeoutSeconds": 31}), "timeoutSeconds"),
        (json!({"failurePolicy": "ignore"}), "failurePolicy"),
        (json!({"hostAccounts": "on"}), "hostAccounts"),
        (json!({"runtimeClasses": ["it's"]}), "runtimeClasses"),
        (json!({"excludedNamespaces": ["a.b"]}), "excludedNamespaces"),
        (
            json!({"nodeSelector": {"kubernetes.io/os": "windows"}}),
            "nodeSelector",
        ),
        (json!({"image": {"repository": "a\"b"}}), "repository"),
        (json!({"imagePullSecrets": ["pull"]}), "imagePullSecrets"),
        (
            json!({"certificates": {"certManager": {"version": "v0.15.0"}}}),
            "version",
        ),
        (
            json!({"credential": {"hostAccountConfig": {"pluginGUID": "x"}}}),
            "portableCcgVersion",
        ),
        (json!({"fullnameOverride": "Gmsa"}), "fullnameOverride"),
        (
            json!({"certificates": {"from": "own", "certManager": {"enabled": true}}}),
            "certificates.certManager.enabled and certificates.from=own exclude each other",
        ),
        (
            json!({"certificates": {"caBundle": "QUFBQQ==", "certManager": {"enabled": true}}}),
            "certificates.caBundle is for certificates that somebody keeps in a Secret",
        ),
        (
            json!({"certificates": {"caBundle": "QUFBQQ=="}}),
            "certificates.caBundle is there without certificates.secretName",
        ),
        (
            json!({"certificates": {"from": "csr", "certManager": {"enabled": true}}}),
            "certificates.certManager.enabled and certificates.from=csr exclude each other",
        ),
        (
            json!({"certificates": {"from": "csr", "caBundle": "QUFBQQ=="}}),
            "name it by certificates.signer.authorityConfigMap",
        ),
        (
            json!({"certificates": {"from": "csr", "signer": {"authorityConfigMap": "Ca"}}}),
            "authorityConfigMap",
        ),
        (
            json!({"certificates": {"from": "csr", "signer": {"approves": true}}}),
            "approves",
        ),
        (
            json!({"certificates": {"from": "csr", "signer": {"name": null}}}),
            "name",
        ),
        (
            json!({"certificates": {"from": "csr", "signer": {"name": ""}}}),
            "certificates.signer.name is empty: name the signer as DOMAIN/NAME",
        ),
    ];
    for (values, name) in wrong {
        let output = template(&values, "1.37", &[]);
        let said = text(&output.stderr);
        assert!(
            !output.status.success() && said.contains(name),
            "{values}: {said}"
        );
    }
    let output = template(&json!({}), "1.21", &[]);
    assert!(text(&output.stderr).contains("kubeVersion: >=1.22"), "{output:?}");
}

/// A signer that nobody would ask is a mistake: most likely `from` is missing.
#[test]
#[ignore = "needs Helm"]
fn a_signer_is_refused_where_certificates_come_from_elsewhere() {
    for from in ["", "own", "cert-manager", "secret"] {
        for (field, value) in [
            ("name", json!("example.com/serving")),
            ("name", json!("")),
            ("approve", json!(true)),
            ("authorityConfigMap", json!("example-ca")),
        ] {
            let values = json!({"certificates": {"from": from, "signer": {field: value}}});
            let output = template(&values, "1.37", &[]);
            let said = text(&output.stderr);
            let expected = format!(
                "certificates.signer.{field} is for certificates that a signer signs: say so by certificates.from=csr"
            );
            assert!(
                !output.status.success() && said.contains(&expected),
                "{values}: {said}"
            );
        }
    }
}

/// Names of signers are those that `porthole install` takes.
#[test]
#[ignore = "needs Helm"]
fn names_of_signers_are_those_that_the_installer_takes() {
    let longest = format!("example.com/{}", "s".repeat(559));
    let long = format!("{longest}s");
    for (name, is_good) in [
        ("kubernetes.io/kubelet-serving", true),
        ("a.b/c", true),
        ("issuers.cert-manager.io/shop.ca", true),
        ("example.com/a:b", true),
        (longest.as_str(), true),
        (long.as_str(), false),
        ("serving", false),
        ("com/serving", false),
        ("example.com/", false),
        ("example.com/a/b", false),
        ("Example.com/serving", false),
        ("example.com/Serving", false),
        ("example.com/serving ", false),
        ("example.com/serving\n", false),
        ("example.com/\"a\"", false),
    ] {
        let values = json!({"certificates": {"from": "csr", "signer": {"name": name}}});
        let output = template(&values, "1.37", &[]);
        let said = text(&output.stderr);
        assert_eq!(output.status.success(), is_good, "{name:?}: {said}");
        assert!(
            is_good || said.contains("the name of no signer: write it as DOMAIN/NAME"),
            "{name:?}: {said}"
        );
        let flags = ["--certificates=csr", "--signer", name];
        assert_eq!(print(&flags, "1.37").status.success(), is_good, "{name:?}");
    }
}

/// Helm takes `default`, or what kubectl's context says, where no namespace is named.
#[test]
#[ignore = "needs Helm"]
fn namespaces_of_the_clusters_own_are_refused() {
    for (namespace, name) in [
        (None, "default"),
        (Some("default"), "default"),
        (Some("kube-system"), "kube-system"),
        (Some("kube-public"), "kube-public"),
        (Some("kube-node-lease"), "kube-node-lease"),
    ] {
        let output = template_in(namespace, &json!({}), "1.37", &[]);
        let said = text(&output.stderr);
        let expected = format!("the namespace `{name}` is the cluster's own");
        assert!(
            !output.status.success() && said.contains(&expected),
            "{namespace:?}: {said}"
        );
    }
    for namespace in [NAMESPACE, "kube-windows"] {
        let output = template_in(Some(namespace), &json!({}), "1.37", &[]);
        assert!(output.status.success(), "{namespace}: {output:?}");
    }
}

/// What is free in its keys, or a list, may be null: nothing of it is rendered.
#[test]
#[ignore = "needs Helm"]
fn free_values_may_be_null() {
    let null = json!({
        "imagePullSecrets": null, "resources": null, "podSecurityContext": null, "securityContext": null, "nodeSelector": null,
        "tolerations": null, "affinity": null, "podAnnotations": null, "excludedNamespaces": null, "namespaceLabels": null,
        "runtimeClasses": null, "credential": {"hostAccountConfig": null},
    });
    let pod = |values: &Value| {
        let objects = rendered(values, "1.37", &[]);
        objects["Deployment/porthole-webhook"]["spec"]["template"]["spec"].clone()
    };
    let (pod, default) = (pod(&null), pod(&json!({})));
    assert_eq!(pod["nodeSelector"], default["nodeSelector"]);
    assert_eq!(pod["containers"][0]["args"], default["containers"][0]["args"]);
    assert_eq!(pod.get("tolerations"), None);
    assert_eq!(pod["containers"][0].get("resources"), None);
}

/// A credential spec without one of these is none.
#[test]
#[ignore = "needs Helm"]
fn a_credential_spec_is_refused_that_lacks_a_field() {
    let values = json!({"credential": credential()});
    assert!(rendered(&values, "1.37", &[]).contains_key("GMSACredentialSpec/webapp1"));
    for field in ["dnsName", "guid", "machineAccountName", "netBiosName", "sid"] {
        let mut values = values.clone();
        values["credential"]["domainJoinConfig"]
            .as_object_mut()
            .unwrap()
            .remove(field);
        let output = template(&values, "1.37", &[]);
        let said = text(&output.stderr);
        let expected = format!("credential.domainJoinConfig.{field} is missing");
        assert!(!output.status.success() && said.contains(&expected), "{said}");
    }
}

/// Without a cluster nothing is known of a Secret.
#[test]
#[ignore = "needs Helm"]
fn certificates_of_a_secret_need_a_bundle_where_there_is_no_cluster() {
    for values in [
        json!({"certificates": {"from": "secret"}}),
        json!({"certificates": {"secretName": "tls"}}),
    ] {
        let output = template(&values, "1.37", &[]);
        let said = text(&output.stderr);
        assert!(
            !output.status.success()
                && said.contains("without a cluster to look at, say certificates.caBundle"),
            "{values}: {said}"
        );
    }
}

/// All values of the existing chart, 0.13.0, with other settings than its own; but for its port.
#[test]
#[ignore = "needs Helm"]
fn values_of_the_existing_chart_are_taken() {
    let mut credential = credential();
    credential["domainJoinConfig"]["dnsTreeName"] = json!("contoso.com");
    credential["hostAccountConfig"] = json!({});
    let values = json!({
        "certificates": {
            "certManager": {"enabled": false, "version": "v1.16.2"}, "caBundle": "QUFBQQ==", "secretName": "gmsa-server-cert",
            "certReload": {"enabled": true},
        },
        "credential": credential,
        "containerPort": "8443",
        "setPodOs": true,
        "viewerRole": true,
        "image": {"repository": "registry.example/porthole", "tag": "0.1.0", "imagePullPolicy": "Always"},
        "global": {"systemDefaultRegistry": "", "cattle": {"clusterId": "x"}},
        "replicaCount": 3,
        "podDisruptionBudget": {"enabled": true, "minAvailable": 1},
        "affinity": {"nodeAffinity": {}},
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "tolerations": [{"key": "a", "operator": "Exists"}],
        "podSecurityContext": {},
        "securityContext": {},
        "qps": 30.0,
        "burst": 50,
        "randomHostname": true,
    });
    let objects = rendered(&values, "1.37", &[]);
    let pod = &objects["Deployment/porthole-webhook"]["spec"]["template"]["spec"];
    // What is not said there stays as it is.
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(
        pod["containers"][0]["securityContext"]["readOnlyRootFilesystem"],
        true
    );
    assert_eq!(pod["volumes"][0]["secret"]["secretName"], "gmsa-server-cert");
    let mutating = &objects["MutatingWebhookConfiguration/porthole-webhook"];
    assert_eq!(mutating["webhooks"][0]["clientConfig"]["caBundle"], "QUFBQQ==");
    assert!(objects.contains_key("GMSACredentialSpec/webapp1"));
}
