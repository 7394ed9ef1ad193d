//! Values of the chart, and the flags of `porthole install` that mean the same.

use serde_json::{Value, json};

use super::objects::{NAME, Objects};

/// Values and what they mean.
pub(super) struct Case {
    pub(super) values: Value,
    pub(super) flags: Vec<&'static str>,
    /// What the chart has beside: of what an installer has no flag for.
    pub(super) beside: fn(&mut Objects),
}

fn case(values: Value, flags: &[&'static str]) -> Case {
    Case {
        values,
        flags: flags.to_vec(),
        beside: |_| {},
    }
}

fn beside(values: Value, beside: fn(&mut Objects)) -> Case {
    let flags = Vec::new();
    Case {
        values,
        flags,
        beside,
    }
}

fn of<'a>(objects: &'a mut Objects, kind: &str) -> &'a mut Value {
    objects.get_mut(&format!("{kind}/{NAME}")).unwrap()
}

fn pod(objects: &mut Objects) -> &mut Value {
    &mut of(objects, "Deployment")["spec"]["template"]["spec"]
}

fn container(objects: &mut Objects) -> &mut Value {
    &mut pod(objects)["containers"][0]
}

/// A case a value, and more where it has more than one form.
pub(super) fn single() -> Vec<Case> {
    let mut cases = of_server();
    cases.extend(of_pods());
    cases.extend(of_webhook());
    cases.extend(of_certificates());
    cases.extend(credential());
    cases
}

fn of_server() -> Vec<Case> {
    vec![
        case(json!({}), &[]),
        case(json!({"fullnameOverride": "gmsa"}), &["--name=gmsa"]),
        case(json!({"fullnameOverride": "true"}), &["--name=true"]),
        case(
            json!({"image": {"repository": "registry.example:5000/team/porthole"}}),
            &[concat!(
                "--image=registry.example:5000/team/porthole:",
                env!("CARGO_PKG_VERSION")
            )],
        ),
        case(json!({"image": {"tag": "1.0"}}), &["--image=porthole:1.0"]),
        case(
            json!({"image": {"tag": "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"}}),
            &["--image=porthole@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"],
        ),
        case(
            json!({"image": {"tag": "1"}, "global": {"systemDefaultRegistry": "registry.example/"}}),
            &["--image=registry.example/porthole:1"],
        ),
        beside(json!({"image": {"imagePullPolicy": "Always"}}), |objects| {
            container(objects)["imagePullPolicy"] = json!("Always");
        }),
        case(
            json!({"imagePullSecrets": [{"name": "one"}, {"name": "two"}]}),
            &["--image-pull-secret=one", "--image-pull-secret=two"],
        ),
        case(json!({"replicaCount": 1}), &["--replicas=1"]),
        case(json!({"replicaCount": 100}), &["--replicas=100"]),
        case(json!({"containerPort": 9443}), &["--port=9443"]),
        // As the existing chart writes it.
        case(json!({"containerPort": "65535"}), &["--port=65535"]),
        case(json!({"logFormat": "text"}), &["--log-format=text"]),
        case(json!({"logLevel": "debug"}), &["--log-level=debug"]),
    ]
}

fn of_pods() -> Vec<Case> {
    vec![
        case(
            json!({"resources": {"requests": {"cpu": "1", "memory": "64Mi"}, "limits": {"memory": "1Gi"}}}),
            &["--cpu=1", "--memory=64Mi", "--memory-limit=1Gi"],
        ),
        beside(json!({"resources": {"limits": {"cpu": "2"}}}), |objects| {
            container(objects)["resources"]["limits"]["cpu"] = json!("2");
        }),
        beside(
            json!({"podSecurityContext": {"runAsUser": 1000, "fsGroup": 1000}}),
            |objects| {
                pod(objects)["securityContext"]["runAsUser"] = json!(1000);
                pod(objects)["securityContext"]["fsGroup"] = json!(1000);
            },
        ),
        beside(json!({"securityContext": {"privileged": false}}), |objects| {
            container(objects)["securityContext"]["privileged"] = json!(false);
        }),
        case(
            json!({"nodeSelector": {"a": "b", "c": "true"}}),
            &["--node-label=a=b", "--node-label=c=true"],
        ),
        case(json!({"nodeSelector": {"kubernetes.io/os": "linux"}}), &[]),
        case(
            json!({"tolerations": [
                {"key": "a", "operator": "Exists"},
                {"key": "b", "operator": "Equal", "value": "c", "effect": "NoSchedule"},
            ]}),
            &["--toleration=a", "--toleration=b=c:NoSchedule"],
        ),
        beside(
            json!({"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": []}}}),
            |objects| {
                pod(objects)["affinity"] =
                    json!({"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": []}});
            },
        ),
        case(json!({"priorityClassName": "high"}), &["--priority-class=high"]),
        beside(json!({"podAnnotations": {"a": "true", "b": "1"}}), |objects| {
            of(objects, "Deployment")["spec"]["template"]["metadata"]["annotations"] =
                json!({"a": "true", "b": "1"});
        }),
        beside(json!({"setPodOs": false}), |objects| {
            pod(objects).as_object_mut().unwrap().remove("os");
        }),
        beside(json!({"podDisruptionBudget": {"enabled": false}}), |objects| {
            objects.remove(&format!("PodDisruptionBudget/{NAME}"));
        }),
        beside(
            json!({"podDisruptionBudget": {"maxUnavailable": "50%"}}),
            |objects| {
                of(objects, "PodDisruptionBudget")["spec"]["maxUnavailable"] = json!("50%");
            },
        ),
        // Nothing may be away.
        beside(json!({"podDisruptionBudget": {"maxUnavailable": 0}}), |objects| {
            of(objects, "PodDisruptionBudget")["spec"]["maxUnavailable"] = json!(0);
        }),
        beside(json!({"podDisruptionBudget": {"minAvailable": 1}}), |objects| {
            let spec = of(objects, "PodDisruptionBudget")["spec"]
                .as_object_mut()
                .unwrap();
            spec.remove("maxUnavailable");
            spec.insert("minAvailable".to_owned(), json!(1));
        }),
        case(
            json!({"networkPolicy": {"enabled": false}}),
            &["--no-network-policy"],
        ),
    ]
}

fn of_webhook() -> Vec<Case> {
    vec![
        case(json!({"failurePolicy": "Ignore"}), &["--failure-policy=ignore"]),
        case(json!({"failurePolicy": "Fail"}), &["--failure-policy=fail"]),
        case(json!({"timeoutSeconds": 3}), &["--webhook-timeout=3"]),
        case(
            json!({"excludedNamespaces": ["infra", "kube-system", "infra", "porthole-system", "other"]}),
            &[
                "--exclude-namespace=infra",
                "--exclude-namespace=kube-system",
                "--exclude-namespace=infra",
                "--exclude-namespace=porthole-system",
                "--exclude-namespace=other",
            ],
        ),
        case(
            json!({"namespaceLabels": {"gmsa": "yes", "team": "1"}}),
            &["--namespace-label=gmsa=yes", "--namespace-label=team=1"],
        ),
        case(json!({"hostAccounts": "off"}), &["--host-accounts=off"]),
        case(json!({"hostAccounts": "warn"}), &["--host-accounts=warn"]),
        case(json!({"hostAccounts": "audit"}), &["--host-accounts=audit"]),
        case(json!({"hostAccounts": "enforce"}), &["--host-accounts=enforce"]),
        case(json!({"randomHostname": true}), &["--random-hostname"]),
        case(
            json!({"runtimeClasses": ["porthole"]}),
            &["--runtime-class=porthole"],
        ),
        case(
            json!({"runtimeClasses": ["porthole", "second.example"]}),
            &["--runtime-class=porthole", "--runtime-class=second.example"],
        ),
        case(json!({"viewerRole": false}), &["--no-viewer-role"]),
        // Accepted, and of no effect; the last one is for a chart that this one is a part of.
        case(json!({"qps": 30.0}), &[]),
        case(json!({"burst": 50}), &[]),
        case(json!({"enabled": true}), &[]),
    ]
}

/// The bundle of a Secret that somebody keeps: an installer reads it in the cluster.
fn keeps(objects: &mut Objects) {
    for (key, object) in objects {
        if key.contains("WebhookConfiguration/") {
            for webhook in object["webhooks"].as_array_mut().unwrap() {
                webhook["clientConfig"]["caBundle"] = json!("QUFBQQ==");
            }
        }
    }
}

fn of_certificates() -> Vec<Case> {
    vec![
        case(json!({"certificates": {"from": "own"}}), &["--certificates=own"]),
        case(
            json!({"certificates": {"from": "own", "secretName": "tls"}}),
            &["--certificates=own", "--secret=tls"],
        ),
        case(json!({"certificates": {"from": "csr"}}), &["--certificates=csr"]),
        case(
            json!({"certificates": {"from": "csr", "signer": {"name": "example.com/serving"}}}),
            &["--certificates=csr", "--signer=example.com/serving"],
        ),
        case(
            json!({"certificates": {"from": "csr", "signer": {"approve": true}}}),
            &["--certificates=csr", "--approve"],
        ),
        case(
            json!({"certificates": {"from": "csr", "signer": {"authorityConfigMap": "example-ca"}, "secretName": "tls"}}),
            &[
                "--certificates=csr",
                "--authority-config-map=example-ca",
                "--secret=tls",
            ],
        ),
        case(
            json!({"certificates": {"from": "cert-manager"}}),
            &["--certificates=cert-manager"],
        ),
        // As the existing chart is told.
        case(
            json!({"certificates": {"certManager": {"enabled": true, "version": "v1.16.2"}, "secretName": "tls"}}),
            &["--certificates=cert-manager", "--secret=tls"],
        ),
        // The Secret is called after the installation.
        Case {
            values: json!({"certificates": {"from": "secret", "caBundle": "QUFBQQ=="}}),
            flags: vec!["--certificates=secret"],
            beside: keeps,
        },
        Case {
            values: json!({"certificates": {"certManager": {"enabled": false}, "secretName": "gmsa-server-cert",
                "caBundle": "QUFBQQ==", "certReload": {"enabled": true}}}),
            flags: vec!["--certificates=secret", "--secret=gmsa-server-cert"],
            beside: keeps,
        },
        Case {
            values: json!({"certificates": {"secretName": "tls", "caBundle": "QUFBQQ=="}}),
            flags: vec!["--certificates=secret", "--secret=tls"],
            beside: keeps,
        },
    ]
}

fn credential() -> Vec<Case> {
    let kept = |objects: &mut Objects| {
        objects.insert(
            "GMSACredentialSpec/web-app1".to_owned(),
            json!({
                "apiVersion": "windows.k8s.io/v1", "kind": "GMSACredentialSpec",
                "metadata": {
                    "name": "web-app1",
                    "labels": {"app.kubernetes.io/name": "porthole", "app.kubernetes.io/instance": NAME,
                        "app.kubernetes.io/managed-by": "Helm"},
                    "annotations": {"helm.sh/resource-policy": "keep"},
                },
                "credspec": {
                    "ActiveDirectoryConfig": {
                        "GroupManagedServiceAccounts": [
                            {"Name": "Web_App1", "Scope": "CONTOSO"}, {"Name": "Web_App1", "Scope": "contoso.com"},
                        ],
                        "HostAccountConfig": {
                            "PluginGUID": "{CCC2A336-D7F3-4818-A213-272B7924213E}", "PluginInput": "a:b", "PortableCcgVersion": "1",
                        },
                    },
                    "CmsPlugins": ["ActiveDirectory"],
                    "DomainJoinConfig": {
                        "DnsName": "contoso.com", "DnsTreeName": "tree.contoso.com", "Guid": "244818ae-87ac-4fcd-92ec-e79e5252348a",
                        "MachineAccountName": "Web_App1", "NetBiosName": "CONTOSO", "Sid": "S-1-5-21-2126449477-2524075714-3094792973",
                    },
                },
            }),
        );
    };
    vec![beside(
        json!({"credential": {
            "enabled": true,
            "hostAccountConfig": {"pluginGUID": "CCC2A336-D7F3-4818-A213-272B7924213E", "portableCcgVersion": "1", "pluginInput": "a:b"},
            "domainJoinConfig": {
                "dnsName": "contoso.com", "dnsTreeName": "tree.contoso.com", "guid": "244818ae-87ac-4fcd-92ec-e79e5252348a",
                "machineAccountName": "Web_App1", "netBiosName": "CONTOSO", "sid": "S-1-5-21-2126449477-2524075714-3094792973",
            },
        }}),
        kept,
    )]
}

/// Choices that are made together: what one of them changes may depend on another.
pub(super) fn combined() -> Vec<Case> {
    type Choice = (Value, &'static [&'static str]);
    const SECRET: &str = "--certificates=secret";
    let choices: [Vec<Choice>; 6] = [
        vec![
            (json!({}), &[]),
            (
                json!({"certificates": {"from": "csr", "signer":
                    {"name": "example.com/serving", "approve": true, "authorityConfigMap": "example-ca"}}}),
                &[
                    "--certificates=csr",
                    "--signer=example.com/serving",
                    "--approve",
                    "--authority-config-map=example-ca",
                ],
            ),
            (
                json!({"certificates": {"from": "cert-manager"}}),
                &["--certificates=cert-manager"],
            ),
            (
                json!({"certificates": {"from": "secret", "secretName": "tls", "caBundle": "QUFBQQ=="}}),
                &[SECRET, "--secret=tls"],
            ),
        ],
        vec![
            (json!({}), &[]),
            (
                json!({"runtimeClasses": ["porthole"]}),
                &["--runtime-class=porthole"],
            ),
        ],
        vec![
            (json!({}), &[]),
            (
                json!({"hostAccounts": "enforce", "randomHostname": true}),
                &["--host-accounts=enforce", "--random-hostname"],
            ),
        ],
        vec![
            (json!({}), &[]),
            (
                json!({"viewerRole": false, "networkPolicy": {"enabled": false}}),
                &["--no-viewer-role", "--no-network-policy"],
            ),
        ],
        vec![
            (json!({}), &[]),
            (
                json!({"namespaceLabels": {"a": "b"}, "excludedNamespaces": ["infra"], "failurePolicy": "Ignore", "timeoutSeconds": 1}),
                &[
                    "--namespace-label=a=b",
                    "--exclude-namespace=infra",
                    "--failure-policy=ignore",
                    "--webhook-timeout=1",
                ],
            ),
        ],
        vec![
            (json!({}), &[]),
            (
                json!({"fullnameOverride": "w", "replicaCount": 3, "containerPort": 1024, "nodeSelector": {"a": "b"},
                    "priorityClassName": "high", "imagePullSecrets": [{"name": "pull"}],
                    "tolerations": [{"key": "a", "operator": "Exists"}]}),
                &[
                    "--name=w",
                    "--replicas=3",
                    "--port=1024",
                    "--node-label=a=b",
                    "--priority-class=high",
                    "--image-pull-secret=pull",
                    "--toleration=a",
                ],
            ),
        ],
    ];
    let mut cases = vec![case(json!({}), &[])];
    for choices in &choices {
        let with = |before: &Case| -> Vec<Case> {
            let join = |(values, flags): &Choice| {
                let mut joined = before.values.clone();
                let both = joined.as_object_mut().unwrap();
                both.extend(values.as_object().unwrap().clone());
                let mut case = case(joined, &[&before.flags[..], flags].concat());
                if case.flags.contains(&SECRET) {
                    case.beside = keeps;
                }
                case
            };
            choices.iter().map(join).collect()
        };
        cases = cases.iter().flat_map(with).collect();
    }
    cases
}
