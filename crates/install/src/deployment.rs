//! The server itself.

use porthole_admission::host_accounts::Mode;
use serde_json::{Map, Value, json};

use crate::object::{Kind, Object, labels, selector};
use crate::settings::{Certificates, Settings, Signer};

/// Nobody: the user and group of images without a system.
const NOBODY: u32 = 65532;
/// Where the authorities of a signer are mounted.
const AUTHORITY: &str = "/authority";
/// Where the certificates of a Secret are mounted.
const MOUNTED: &str = "/tls";

/// The Deployment.
pub(crate) fn deployment(settings: &Settings) -> Object {
    let body = json!({"spec": {
        "replicas": settings.replicas,
        "selector": {"matchLabels": selector(settings)},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
        "template": {
            "metadata": {"labels": labels(settings)},
            "spec": pod(settings),
        },
    }});
    Object::new(Kind::DEPLOYMENT, &settings.name, settings, body)
}

/// A drained node takes one server at a time with it.
pub(crate) fn disruption_budget(settings: &Settings) -> Object {
    let body = json!({"spec": {
        "maxUnavailable": 1,
        "selector": {"matchLabels": selector(settings)},
    }});
    Object::new(Kind::DISRUPTION_BUDGET, &settings.name, settings, body)
}

fn pod(settings: &Settings) -> Value {
    let mut spec = Map::new();
    let mut set = |name: &str, value: Value| {
        spec.insert(name.to_owned(), value);
    };
    set("serviceAccountName", json!(settings.name));
    set("automountServiceAccountToken", json!(true));
    if settings.kubernetes.at_least(25) {
        set("os", json!({"name": "linux"}));
    }
    let mut node = json!({"kubernetes.io/os": "linux"});
    for (label, value) in &settings.node_labels {
        node[label] = json!(value);
    }
    set("nodeSelector", node);
    if !settings.tolerations.is_empty() {
        let tolerations = settings
            .tolerations
            .iter()
            .map(super::settings::Toleration::to_value);
        set("tolerations", tolerations.collect());
    }
    if let Some(class) = &settings.priority_class {
        set("priorityClassName", json!(class));
    }
    if !settings.image_pull_secrets.is_empty() {
        let secrets = settings
            .image_pull_secrets
            .iter()
            .map(|name| json!({"name": name}));
        set("imagePullSecrets", secrets.collect());
    }
    set(
        "topologySpreadConstraints",
        ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]
            .map(|key| {
                json!({
                    "maxSkew": 1, "topologyKey": key, "whenUnsatisfiable": "ScheduleAnyway",
                    "labelSelector": {"matchLabels": selector(settings)},
                })
            })
            .into_iter()
            .collect(),
    );
    // 5 s in which connections are still taken, 20 s for open requests, and a rest.
    set("terminationGracePeriodSeconds", json!(30));
    set(
        "securityContext",
        json!({
            "runAsNonRoot": true, "runAsUser": NOBODY, "runAsGroup": NOBODY, "fsGroup": NOBODY,
            "seccompProfile": {"type": "RuntimeDefault"},
        }),
    );
    set("containers", json!([container(settings)]));
    if let Some((volume, _)) = mounted(settings) {
        set("volumes", json!([volume]));
    }
    Value::Object(spec)
}

fn container(settings: &Settings) -> Value {
    let resources = &settings.resources;
    let mut container = json!({
        "name": "webhook",
        "image": settings.image,
        "imagePullPolicy": "IfNotPresent",
        "args": arguments(settings),
        "ports": [{"name": "https", "containerPort": settings.port, "protocol": "TCP"}],
        "startupProbe": probe("/livez", 2, 30),
        "livenessProbe": probe("/livez", 10, 3),
        "readinessProbe": probe("/readyz", 3, 2),
        "resources": {
            "requests": {"cpu": resources.cpu, "memory": resources.memory},
            "limits": {"memory": resources.memory_limit},
        },
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": {"drop": ["ALL"]},
        },
    });
    if settings.certificates == Certificates::Own {
        container["env"] = json!([{"name": "POD_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}}]);
    }
    if let Some((volume, path)) = mounted(settings) {
        container["volumeMounts"] = json!([{"name": volume["name"], "mountPath": path, "readOnly": true}]);
    }
    container
}

fn probe(path: &str, period: u32, failures: u32) -> Value {
    json!({
        "httpGet": {"path": path, "port": "https", "scheme": "HTTPS"},
        "periodSeconds": period, "timeoutSeconds": 2, "failureThreshold": failures,
    })
}

/// The volume that the server reads, and where it is mounted: a certificate that others make, or the authorities of whoever signs
/// its own, where they are not the cluster's.
fn mounted(settings: &Settings) -> Option<(Value, &'static str)> {
    if settings.certificates != Certificates::Own {
        let secret = json!({"secretName": settings.secret(), "defaultMode": 0o440});
        return Some((json!({"name": "certificates", "secret": secret}), MOUNTED));
    }
    let name = settings.signer.as_ref()?.authority.as_deref()?;
    let authority = json!({"name": name, "items": [{"key": "ca.crt", "path": "ca.crt"}]});
    Some((json!({"name": "authority", "configMap": authority}), AUTHORITY))
}

fn signer_arguments(signer: &Signer) -> Vec<String> {
    let mut arguments = vec![format!("--signer={}", signer.name)];
    if signer.approves {
        arguments.push("--approve".to_owned());
    }
    if signer.authority.is_some() {
        arguments.push(format!("--authority-file={AUTHORITY}/ca.crt"));
    }
    arguments
}

/// The server's command line.
fn arguments(settings: &Settings) -> Vec<String> {
    let Settings {
        name,
        log_format,
        log_level,
        port,
        ..
    } = settings;
    let mut arguments = vec![
        "webhook".to_owned(),
        format!("--port={port}"),
        format!("--log-format={log_format}"),
        format!("--log-level={log_level}"),
    ];
    if settings.certificates == Certificates::Own {
        arguments.extend([
            "--own-certificates".to_owned(),
            format!("--secret={}", settings.secret()),
            format!("--service={name}"),
            format!("--configurations={name}"),
            format!("--lease={name}"),
        ]);
        arguments.extend(settings.signer.iter().flat_map(signer_arguments));
    } else {
        arguments.push(format!("--tls-cert={MOUNTED}/tls.crt"));
        arguments.push(format!("--tls-key={MOUNTED}/tls.key"));
    }
    if settings.host_accounts != Mode::Off {
        arguments.push(format!("--host-accounts={}", settings.host_accounts.name()));
    }
    if settings.random_hostname {
        arguments.push("--random-hostname=true".to_owned());
    }
    let classes = settings.runtime_classes.iter();
    arguments.extend(classes.map(|class| format!("--runtime-class={class}")));
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signer_is_named_with_its_authorities_beside_it() {
        let signer = |authority: Option<&str>| Settings {
            signer: Some(Signer {
                name: "example.com/serving".to_owned(),
                approves: authority.is_some(),
                authority: authority.map(str::to_owned),
            }),
            ..Settings::default()
        };
        let of_cluster = arguments(&signer(None));
        assert!(of_cluster.contains(&"--signer=example.com/serving".to_owned()));
        assert!(
            !of_cluster.iter().any(|argument| argument.starts_with("--a")),
            "{of_cluster:?}"
        );
        assert!(pod(&signer(None)).get("volumes").is_none());
        let own = signer(Some("example-ca"));
        let arguments = arguments(&own);
        for argument in ["--approve", "--authority-file=/authority/ca.crt"] {
            assert!(arguments.contains(&argument.to_owned()), "{arguments:?}");
        }
        let pod = pod(&own);
        assert_eq!(pod["volumes"][0]["configMap"]["name"], "example-ca");
        assert_eq!(pod["containers"][0]["volumeMounts"][0]["mountPath"], "/authority");
    }
}
