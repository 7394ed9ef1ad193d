//! Everything that [`objects`] and [`configurations`] make, with names of placeholders where a chart has values.
//!
//! What is one value of a chart and changes what objects there are, or which fields they have, is a dimension; what stands in a field as it is, is a
//! placeholder.

use std::collections::BTreeSet;

use porthole_admission::host_accounts::Mode;
use porthole_pod::Version;
use serde_json::{Value, json};

use super::tree::{Choices, Dimension};
use crate::object::{Kind, Object};
use crate::{Certificates, FailurePolicy, Resources, Settings, Signer, configurations, objects};

/// Where certificates come from, in the order of the choices.
const CERTIFICATES: [(&str, Certificates); 4] = [
    ("own", Certificates::Own),
    ("csr", Certificates::Own),
    ("cert-manager", Certificates::CertManager),
    ("secret", Certificates::Secret),
];
/// The choice of those that a signer of the cluster signs.
const SIGNED: usize = 1;
/// The versions from which on something is otherwise, each the minor one of 1.
const KUBERNETES: [u16; 4] = [22, 25, 28, 33];

/// Numbers that nothing else is.
pub(super) const REPLICAS: u32 = 900_001;
pub(super) const PORT: u16 = 60_001;
pub(super) const TIMEOUT: u8 = 251;

/// What can be chosen.
pub(super) const DIMENSIONS: [Dimension; 8] = [
    Dimension {
        choices: CERTIFICATES.len(),
        expression: of_certificates,
    },
    switch(|chosen| Some(on(chosen, "$.Values.certificates.signer.approve"))),
    switch(|chosen| Some(on(chosen, "$.Values.certificates.signer.authorityConfigMap"))),
    Dimension {
        choices: KUBERNETES.len(),
        expression: of_version,
    },
    switch(|chosen| Some(on(chosen, "$.Values.setPodOs"))),
    switch(|chosen| {
        let word = if chosen.contains(&1) { "ne" } else { "eq" };
        Some(format!("{word} $.Values.hostAccounts \"off\""))
    }),
    switch(|chosen| Some(on(chosen, "$.Values.randomHostname"))),
    switch(|chosen| Some(on(chosen, "$.Values.runtimeClasses"))),
];

/// Objects that are there or not, as one value says, and are the same in any case: how their names begin and end.
pub(super) const WHOLE: [(&str, &str, &str); 4] = [
    ("customresourcedefinition.", "", "$.Values.crds.managed"),
    ("networkpolicy.", "", "$.Values.networkPolicy.enabled"),
    ("poddisruptionbudget.", "", "$.Values.podDisruptionBudget.enabled"),
    ("clusterrole.", "-viewer", "$.Values.viewerRole"),
];

const fn switch(expression: fn(&BTreeSet<usize>) -> Option<String>) -> Dimension {
    Dimension {
        choices: 2,
        expression,
    }
}

fn on(chosen: &BTreeSet<usize>, value: &str) -> String {
    if chosen.contains(&1) {
        value.to_owned()
    } else {
        format!("not {value}")
    }
}

fn of_certificates(chosen: &BTreeSet<usize>) -> Option<String> {
    let names = |chosen: &BTreeSet<usize>| {
        let names = chosen
            .iter()
            .map(|number| format!("\"{}\"", CERTIFICATES[*number].0));
        names.collect::<Vec<_>>().join(" ")
    };
    let absent: BTreeSet<usize> = (0..CERTIFICATES.len())
        .filter(|number| !chosen.contains(number))
        .collect();
    match (chosen.len(), absent.len()) {
        (0, _) | (_, 0) => None,
        (1, _) => Some(format!("eq $certificates {}", names(chosen))),
        (_, 1) => Some(format!("ne $certificates {}", names(&absent))),
        _ => Some(format!("has $certificates (list {})", names(chosen))),
    }
}

fn of_version(chosen: &BTreeSet<usize>) -> Option<String> {
    let compare = |how: String| format!("semverCompare \"{how}-0\" $.Capabilities.KubeVersion.Version");
    let (first, last) = (*chosen.first()?, *chosen.last()?);
    if last + 1 == KUBERNETES.len() {
        return Some(compare(format!(">=1.{}", KUBERNETES[first])));
    }
    (first == 0).then(|| compare(format!("<1.{}", KUBERNETES[last + 1])))
}

/// All objects for all choices, by the name of each.
pub(super) fn all() -> Vec<(Choices, Value)> {
    let mut every = vec![[0; DIMENSIONS.len()]];
    for (number, dimension) in DIMENSIONS.iter().enumerate() {
        let with = |choices: [usize; DIMENSIONS.len()]| {
            (0..dimension.choices).map(move |choice| {
                let mut choices = choices;
                choices[number] = choice;
                choices
            })
        };
        every = every.into_iter().flat_map(with).collect();
    }
    // What is a signer's is chosen with one only: the chart refuses it otherwise.
    every.retain(|[certificates, approves, authority, ..]| {
        *certificates == SIGNED || (*approves, *authority) == (0, 0)
    });
    every
        .into_iter()
        .map(|choices| (choices.to_vec(), rendered(choices)))
        .collect()
}

/// The settings of a chart in which nothing is chosen: placeholders. Every setting is named, so that a new one is in the chart or is
/// left out of it because somebody decided so.
fn placeholders() -> Settings {
    let text = str::to_owned;
    Settings {
        name: text("<name>"),
        namespace: text("<namespace>"),
        image: text("<image>"),
        secret: Some(text("<secret>")),
        replicas: REPLICAS,
        port: PORT,
        timeout: TIMEOUT,
        excluded_namespaces: vec![text("<excluded>")],
        namespace_labels: vec![(text("<label>"), text("<value>"))],
        node_labels: vec![(text("<label>"), text("<value>"))],
        log_format: text("<logFormat>"),
        log_level: text("<logLevel>"),
        // The whole objects stand under conditions.
        network_policy: true,
        viewer_role: true,
        // A choice each.
        certificates: Certificates::default(),
        signer: None,
        host_accounts: Mode::default(),
        random_hostname: false,
        runtime_classes: Vec::new(),
        kubernetes: Version::default(),
        // Written in one piece, by `add`.
        image_pull_secrets: Vec::new(),
        failure_policy: FailurePolicy::default(),
        resources: Resources::default(),
        tolerations: Vec::new(),
        priority_class: None,
    }
}

fn rendered(choices: [usize; DIMENSIONS.len()]) -> Value {
    let [
        chosen,
        approves,
        authority,
        version,
        pod_os,
        accounts,
        hostname,
        classes,
    ] = choices;
    let certificates = CERTIFICATES[chosen].1;
    let settings = Settings {
        certificates,
        signer: (chosen == SIGNED).then(|| Signer {
            name: "<signer>".to_owned(),
            approves: approves == 1,
            authority: (authority == 1).then(|| "<authority>".to_owned()),
        }),
        kubernetes: Version::new(KUBERNETES[version]).unwrap_or_default(),
        host_accounts: if accounts == 1 { Mode::Enforce } else { Mode::Off },
        random_hostname: hostname == 1,
        runtime_classes: if classes == 1 {
            vec!["<runtimeClass>".to_owned()]
        } else {
            Vec::new()
        },
        ..placeholders()
    };
    let mut made = objects(&settings);
    // The release's namespace is not the chart's to make.
    made.retain(|object| object.reference.kind != Kind::NAMESPACE);
    let bundle = (certificates == Certificates::Secret).then_some("<bundle>");
    made.extend(configurations(&settings, bundle));
    let named = made.into_iter().map(|mut object| {
        add(&mut object, pod_os == 1);
        (object.reference.to_string(), object.value)
    });
    Value::Object(named.collect())
}

/// What charts have and an installer has not, and what is written in one piece.
fn add(object: &mut Object, names_system: bool) {
    // They say that they are Helm's.
    object.value["metadata"]["labels"]["app.kubernetes.io/managed-by"] = json!("<service>");
    match object.reference.kind {
        Kind::DEFINITION => {
            object.value["metadata"]["annotations"]["helm.sh/resource-policy"] = json!("keep");
        }
        Kind::DISRUPTION_BUDGET => object.value["spec"]["maxUnavailable"] = json!("<budget>"),
        Kind::DEPLOYMENT => {
            let template = &mut object.value["spec"]["template"];
            template["metadata"]["labels"]["app.kubernetes.io/managed-by"] = json!("<service>");
            template["metadata"]["annotations"] = json!("<podAnnotations>");
            let pod = &mut template["spec"];
            let arguments = pod["containers"][0]["args"].as_array_mut();
            for argument in arguments.into_iter().flatten() {
                if *argument == "--host-accounts=enforce" {
                    *argument = json!("--host-accounts=<hostAccounts>");
                }
            }
            pod["securityContext"] = json!("<podSecurityContext>");
            for field in ["tolerations", "affinity", "priorityClassName", "imagePullSecrets"] {
                pod[field] = json!(format!("<{field}>"));
            }
            for field in ["imagePullPolicy", "resources", "securityContext"] {
                pod["containers"][0][field] = json!(format!("<{field}>"));
            }
            if !names_system && let Some(pod) = pod.as_object_mut() {
                pod.remove("os");
            }
        }
        Kind::MUTATING | Kind::VALIDATING => {
            let webhooks = object.value["webhooks"].as_array_mut();
            for webhook in webhooks.into_iter().flatten() {
                webhook["failurePolicy"] = json!("<failurePolicy>");
            }
        }
        _ => {}
    }
}
