//! Every value of the chart.

use serde_json::{Value, json};

use super::{Entry, What};
use crate::object::Kind;
use crate::{Settings, objects};

fn group(name: &'static str, about: &'static str, entries: Vec<Entry>) -> Entry {
    let what = What::Group(entries);
    Entry { name, about, what }
}

fn value(name: &'static str, about: &'static str, default: Value, schema: Value) -> Entry {
    let what = What::Value(Some(default), schema);
    Entry { name, about, what }
}

/// A value that `values.yaml` does not name.
fn unnamed(name: &'static str, about: &'static str, schema: Value) -> Entry {
    let what = What::Value(None, schema);
    Entry { name, about, what }
}

fn boolean() -> Value {
    json!({"type": "boolean"})
}

fn text() -> Value {
    json!({"type": "string"})
}

fn words(words: &[&str]) -> Value {
    json!({"type": "string", "enum": words})
}

fn pattern(pattern: &str) -> Value {
    json!({"type": "string", "pattern": pattern})
}

fn number(least: u32, most: u32) -> Value {
    json!({"type": "integer", "minimum": least, "maximum": most})
}

fn object() -> Value {
    json!({"type": "object"})
}

fn texts() -> Value {
    json!({"type": "object", "additionalProperties": {"type": "string"}})
}

fn list(items: &Value) -> Value {
    json!({"type": "array", "items": items})
}

/// A name of an object, or none.
const NAME: &str = "^([a-z0-9]([-.a-z0-9]*[a-z0-9])?)?$";
/// From 1024 to 65535.
const PORT: &str = "^(102[4-9]|10[3-9][0-9]|1[1-9][0-9]{2}|[2-9][0-9]{3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|\
                    655[0-2][0-9]|6553[0-5])$";

/// All of them.
pub(super) fn all() -> Vec<Entry> {
    let mut all = of_server();
    all.extend(of_pods());
    all.extend(of_webhook());
    all.push(credential());
    all
}

fn of_server() -> Vec<Entry> {
    let settings = Settings::default();
    let repository = settings.image.split(':').next().unwrap_or_default();
    vec![
        value(
            "fullnameOverride",
            "The name of every object: the release's, where it is empty. At most 50 characters.",
            json!(""),
            pattern("^([a-z]([-a-z0-9]{0,48}[a-z0-9])?)?$"),
        ),
        group(
            "image",
            "The server's image, whose entrypoint is porthole. `cargo xtask image` builds it.",
            vec![
                value(
                    "repository",
                    "",
                    json!(repository),
                    pattern("^[a-zA-Z0-9][-a-zA-Z0-9._/:]*$"),
                ),
                value(
                    "tag",
                    "A tag, or a digest (`sha256:…`): the chart's appVersion, where it is empty.",
                    json!(""),
                    pattern("^(sha256:[0-9a-f]{64}|[a-zA-Z0-9_][-a-zA-Z0-9._]{0,127})?$"),
                ),
                value(
                    "imagePullPolicy",
                    "",
                    json!("IfNotPresent"),
                    words(&["Always", "IfNotPresent", "Never"]),
                ),
            ],
        ),
        group(
            "global",
            "",
            vec![value(
                "systemDefaultRegistry",
                "A registry that stands before the repository.",
                json!(""),
                pattern("^([a-zA-Z0-9][-a-zA-Z0-9._/:]*)?$"),
            )],
        ),
        value(
            "imagePullSecrets",
            "Secrets that the image is pulled with: `- name: NAME`.",
            json!([]),
            list(
                &json!({"type": "object", "additionalProperties": false, "required": ["name"], "properties": {"name": pattern(NAME)}}),
            ),
        ),
        value(
            "replicaCount",
            "How many servers there are.",
            json!(settings.replicas),
            number(1, 100),
        ),
        value(
            "containerPort",
            "The port that they listen at, without root: from 1024 on. The Service's is 443.",
            json!(settings.port),
            json!({"anyOf": [number(1024, 65535), pattern(PORT)]}),
        ),
        value(
            "logFormat",
            "How lines of the log look: text or json.",
            json!(settings.log_format),
            words(&["text", "json"]),
        ),
        value(
            "logLevel",
            "What is told.",
            json!(settings.log_level),
            words(&["panic", "fatal", "error", "warn", "info", "debug", "trace"]),
        ),
    ]
}

/// What stands at a path of the Deployment's pods.
fn of_deployment(pointer: &str) -> Value {
    let settings = Settings::default();
    let deployment = objects(&settings)
        .into_iter()
        .find(|object| object.reference.kind == Kind::DEPLOYMENT);
    let found = deployment.and_then(|object| object.value.pointer(pointer).cloned());
    found.unwrap_or_default()
}

fn of_pods() -> Vec<Entry> {
    vec![
        value(
            "resources",
            "What a server asks of its node.",
            of_deployment("/spec/template/spec/containers/0/resources"),
            object(),
        ),
        value(
            "podSecurityContext",
            "What its pods may do. Pod Security `restricted` takes it.",
            of_deployment("/spec/template/spec/securityContext"),
            object(),
        ),
        value(
            "securityContext",
            "What its container may do.",
            of_deployment("/spec/template/spec/containers/0/securityContext"),
            object(),
        ),
        value(
            "nodeSelector",
            "Labels of the nodes that servers run on, beside `kubernetes.io/os: linux`.",
            json!({}),
            json!({"type": "object", "properties": {"kubernetes.io/os": {"const": "linux"}}, "additionalProperties": text()}),
        ),
        value(
            "tolerations",
            "Taints of nodes that servers run on all the same.",
            json!([]),
            list(&object()),
        ),
        value(
            "affinity",
            "Beside the spread over nodes and zones.",
            json!({}),
            object(),
        ),
        value("priorityClassName", "", json!(""), pattern(NAME)),
        value("podAnnotations", "", json!({}), texts()),
        value(
            "setPodOs",
            "Whether pods say `os: linux`, in clusters that know it (1.25).",
            json!(true),
            boolean(),
        ),
        group(
            "podDisruptionBudget",
            "A drained node takes one server at a time with it. With `minAvailable`, `maxUnavailable` does not count.",
            vec![
                value("enabled", "", json!(true), boolean()),
                value(
                    "maxUnavailable",
                    "",
                    json!(1),
                    json!({"type": ["integer", "string"]}),
                ),
                unnamed(
                    "minAvailable",
                    "How many servers stay.",
                    json!({"type": ["integer", "string"]}),
                ),
            ],
        ),
        group(
            "networkPolicy",
            "Only the server's port is reached.",
            vec![value("enabled", "", json!(true), boolean())],
        ),
    ]
}

fn of_webhook() -> Vec<Entry> {
    let settings = Settings::default();
    vec![
        certificates(),
        value(
            "failurePolicy",
            "What the API server does with pods that concern the webhook while no server answers: Fail or Ignore.\n\
             Empty: Ignore when it is installed, so that nothing is refused before the first server answers, and Fail from the\n\
             first upgrade on that finds a server. Without a cluster to look at (`helm template`): Fail.",
            json!(""),
            words(&["", "Fail", "Ignore"]),
        ),
        value(
            "timeoutSeconds",
            "For how long the API server waits for an answer.",
            json!(settings.timeout),
            number(1, 30),
        ),
        value(
            "excludedNamespaces",
            "Namespaces that are left alone, beside kube-system and the release's.",
            json!([]),
            list(&pattern("^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")),
        ),
        value(
            "namespaceLabels",
            "Labels that a namespace has to have for its pods to be looked at.",
            json!({}),
            texts(),
        ),
        value(
            "hostAccounts",
            "What is done about pods that run as accounts of the host, where their namespace does not say.",
            json!("off"),
            words(&["off", "warn", "audit", "enforce"]),
        ),
        value(
            "randomHostname",
            "Whether pods with a gMSA and without a hostname get a random one.",
            json!(settings.random_hostname),
            boolean(),
        ),
        value(
            "runtimeClasses",
            "RuntimeClasses whose runtime is porthole's.",
            json!([]),
            list(&pattern("^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$")),
        ),
        value(
            "viewerRole",
            "Whether whoever may view a namespace may read credential specs.",
            json!(settings.viewer_role),
            boolean(),
        ),
        group(
            "crds",
            "Helm 3 makes the definition of credential specs where there is none, and leaves it as it is from then on. Helm 4\n\
             applies it whenever the chart is installed, but for --skip-crds.",
            vec![value(
                "managed",
                "The definition is part of the release: changed by upgrades, with patterns where the cluster is 1.33 or newer, and kept\n\
                 when the release is removed. Install with --skip-crds; for one that is there already --take-ownership.\n\
                 With `credential`, install without it first, and upgrade with it.",
                json!(false),
                boolean(),
            )],
        ),
        unnamed(
            "qps",
            "Accepted; requests to the API server need no limit.",
            json!({"type": "number"}),
        ),
        unnamed(
            "burst",
            "Accepted; requests to the API server need no limit.",
            json!({"type": "integer"}),
        ),
        unnamed(
            "enabled",
            "Nothing here: by it a chart that has this one as a part may leave it out.",
            boolean(),
        ),
    ]
}

fn certificates() -> Entry {
    group(
        "certificates",
        "Where the server's certificate comes from.",
        vec![
            value(
                "from",
                "own: the server makes and renews it. csr: as own, but a signer of the cluster signs it. cert-manager: cert-manager\n\
                 does. secret: somebody keeps ca.crt, tls.crt and tls.key in a Secret. Empty: cert-manager with\n\
                 certManager.enabled, else secret with a secretName, else own.",
                json!(""),
                words(&["", "own", "csr", "cert-manager", "secret"]),
            ),
            signer(),
            group(
                "certManager",
                "",
                vec![
                    value("enabled", "", json!(false), boolean()),
                    unnamed(
                        "version",
                        "cert-manager's version: 1.0 or newer. Of no effect.",
                        pattern("^(v?[1-9].*)?$"),
                    ),
                ],
            ),
            value(
                "secretName",
                "The Secret with the certificate: NAME-certificates, where it is empty.",
                json!(""),
                pattern(NAME),
            ),
            value(
                "caBundle",
                "With `secret`, the authorities that the API server trusts, PEM in base64: where it is empty, ca.crt of the Secret.",
                json!(""),
                pattern("^[A-Za-z0-9+/=]*$"),
            ),
            group(
                "certReload",
                "Of no effect: certificates are read again whenever they change.",
                vec![unnamed("enabled", "", boolean())],
            ),
        ],
    )
}

/// Its name is looked at by the templates, which say what to write.
fn signer() -> Entry {
    group(
        "signer",
        "With `csr`, who signs, by a CertificateSigningRequest.",
        vec![
            value("name", "", json!("kubernetes.io/kubelet-serving"), text()),
            value(
                "approve",
                "Whether the server approves its own requests. Without it somebody else has to.",
                json!(false),
                boolean(),
            ),
            value(
                "authorityConfigMap",
                "The ConfigMap of the release's namespace whose ca.crt has the signer's authorities: the cluster's own, where it\n\
                 is empty.",
                json!(""),
                pattern(NAME),
            ),
        ],
    )
}

fn credential() -> Entry {
    let text_of = |name, about| value(name, about, json!(""), text());
    group(
        "credential",
        "A credential spec. It stays when the release is removed.",
        vec![
            value("enabled", "", json!(false), boolean()),
            group(
                "domainJoinConfig",
                "",
                vec![
                    text_of("dnsName", "The domain's DNS name."),
                    text_of("dnsTreeName", "The DNS name of the root domain of the forest."),
                    text_of("guid", "The domain's GUID, and not the gMSA's."),
                    text_of(
                        "machineAccountName",
                        "The gMSA's name, without domain and without `$`. In lower case and with `-` for `_` it is the credential spec's.",
                    ),
                    text_of("netBiosName", "The domain's NetBIOS name."),
                    text_of("sid", "The domain's SID, S-1-5-21-…, and not the gMSA's."),
                ],
            ),
            value(
                "hostAccountConfig",
                "For nodes outside the domain: pluginGUID, portableCcgVersion and pluginInput, all or none.",
                json!({}),
                json!({
                    "type": "object",
                    "properties": {
                        "pluginGUID": {"type": "string"}, "pluginInput": {"type": "string"},
                        "portableCcgVersion": {"type": ["string", "integer"]},
                    },
                    "additionalProperties": false,
                    "if": {"minProperties": 1},
                    "then": {"required": ["pluginGUID", "pluginInput", "portableCcgVersion"]},
                }),
            ),
        ],
    )
}
