//! The reviews that the load consists of.

use std::fmt::Write as _;

use fastrand::Rng;
use serde_json::{Value, json};

use porthole_tests::failure::{Failure, Result};

const PODS: usize = 1_000;
const ACCOUNTS: usize = 200;
/// Credential specs that pods use.
const SPECS: usize = 50;
/// What a validate has to compare.
const REFERENCES: usize = 5;
const NAMESPACE: &str = "shop";

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A new pod with one credential spec by name.
    Mutate,
    /// A new pod with five, contents and all.
    Validate,
    /// A new pod with one, contents and all, of a service account that never was: who may use it has to be asked first.
    First,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Mutate => "mutate",
            Self::Validate => "validate",
            Self::First => "first",
        }
    }

    /// What is asked of the servers.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Mutate => "/mutate",
            Self::Validate | Self::First => "/validate",
        }
    }

    pub(crate) fn called(self) -> &'static str {
        match self {
            Self::Mutate => "mutate with one credential spec",
            Self::Validate => "validate with five",
            Self::First => "validate with one, of an account never seen before",
        }
    }

    pub(crate) fn of(name: &str) -> Result<Self> {
        [Self::Mutate, Self::Validate, Self::First]
            .into_iter()
            .find(|kind| kind.name() == name)
            .ok_or_else(|| Failure::new("read what to ask", format!("`{name}` is nothing")))
    }
}

/// The name of a credential spec; all are as long.
pub(crate) fn spec(number: usize) -> String {
    format!("webapp-{number:05}")
}

/// Its contents, at some time.
pub(crate) fn contents(number: usize, time: u64) -> Value {
    json!({
        "ActiveDirectoryConfig": {"GroupManagedServiceAccounts": [
            {"Name": format!("webapp{number:05}"), "Scope": "corp.example"},
            {"Name": format!("webapp{number:05}"), "Scope": "CORP"},
        ]},
        "CmsPlugins": ["ActiveDirectory"],
        "DomainJoinConfig": {
            "DnsName": "corp.example", "DnsTreeName": "corp.example",
            "Guid": format!("244818ae-87ac-4fcd-92ec-{time:012x}"), "MachineAccountName": format!("webapp{number:05}"),
            "NetBiosName": "CORP", "Sid": "S-1-5-21-2126449477-2524075714-3094792973",
        },
    })
}

/// Reviews, put together of parts that were written once.
pub(crate) struct Reviews {
    kind: Kind,
    /// What stands before the service account and the credential specs, between, and after.
    pods: Vec<[String; 3]>,
    /// `windowsOptions` of each credential spec.
    options: Vec<String>,
}

impl Reviews {
    pub(crate) fn new(kind: Kind) -> Self {
        let options = (0..SPECS).map(|number| {
            let mut options = json!({"gmsaCredentialSpecName": spec(number)});
            if kind != Kind::Mutate {
                options["gmsaCredentialSpec"] = json!(contents(number, 0).to_string());
            }
            options.to_string()
        });
        Self {
            kind,
            pods: (0..PODS).map(parts).collect(),
            options: options.collect(),
        }
    }

    /// One of some pod.
    pub(crate) fn next(&self, random: &mut Rng) -> String {
        let [before, between, after] = &self.pods[random.usize(..PODS)];
        let mut text = String::with_capacity(8 << 10);
        text.push_str(before);
        let _ = match self.kind {
            Kind::Mutate | Kind::Validate => write!(text, "{:03}", random.usize(..ACCOUNTS)),
            Kind::First => write!(text, "{:016x}", random.u64(..)),
        };
        text.push_str(between);
        let first = random.usize(..SPECS);
        let count = if self.kind == Kind::Validate {
            REFERENCES
        } else {
            1
        };
        for number in 0..count {
            if number > 0 {
                text.push(',');
            }
            let _ = write!(
                text,
                r#"{{"name":"c{number}","image":"registry.example/shop/app:1.0","resources":{{}},"securityContext":{{"windowsOptions":{}}},"volumeMounts":[{{"name":"token","readOnly":true,"mountPath":"/var/run/secrets/kubernetes.io/serviceaccount"}}]}}"#,
                self.options[(first + number) % SPECS]
            );
        }
        text.push_str(after);
        text
    }
}

fn parts(number: usize) -> [String; 3] {
    let review = json!({
        "kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1",
        "request": {
            "uid": format!("705ab4f5-6393-11e8-b7cc-{number:012x}"),
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "requestKind": {"group": "", "version": "v1", "kind": "Pod"},
            "requestResource": {"group": "", "version": "v1", "resource": "pods"},
            "namespace": NAMESPACE, "operation": "CREATE",
            "userInfo": {"username": "system:serviceaccount:kube-system:replicaset-controller",
                "groups": ["system:serviceaccounts", "system:serviceaccounts:kube-system", "system:authenticated"]},
            "object": {
                "kind": "Pod", "apiVersion": "v1",
                "metadata": {"generateName": format!("web-{number:04}-"), "namespace": NAMESPACE,
                    "labels": {"app": format!("web-{number:04}"), "pod-template-hash": "5d8f7c9b6d"}},
                "spec": {
                    "serviceAccountName": "ACCOUNT", "restartPolicy": "Always", "dnsPolicy": "ClusterFirst",
                    "nodeSelector": {"kubernetes.io/os": "windows"},
                    "volumes": [{"name": "token", "projected": {"sources": [
                        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}}]}}],
                    "containers": ["CONTAINERS"],
                    "tolerations": [{"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute",
                        "tolerationSeconds": 300}],
                },
            },
            "oldObject": null, "dryRun": false,
            "options": {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"},
        },
    })
    .to_string();
    let (before, rest) = review.split_once("ACCOUNT").unwrap_or_default();
    let (between, after) = rest.split_once(r#""CONTAINERS""#).unwrap_or_default();
    [format!("{before}web-"), between.to_owned(), after.to_owned()]
}
