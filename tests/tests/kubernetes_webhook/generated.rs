//! GMSA pods as people, careless people and attackers write them, which follow from a seed.

use fastrand::Rng;
use serde_json::{Map, Value, json};

/// The credential specs that are there, each with what stands in a pod for it where it has contents.
pub(super) const SPECS: [(&str, Option<&str>); 6] = [
    ("webapp1", Some(super::bed::CONTENTS)),
    (
        "agent",
        Some(
            "{\"ActiveDirectoryConfig\":{\"GroupManagedServiceAccounts\":[{\"Name\":\"app\",\"Scope\":\"CORP\"},\
             {\"Name\":\"app\",\"Scope\":\"corp.example\"}],\"HostAccountConfig\":{\"PluginGUID\":\"{A}\",\
             \"PluginInput\":\"ObjectId=é;UserName=a\\\"b\\\\;Password=\\u003cpassword\\u003e\",\
             \"PortableCcgVersion\":\"1\"}},\"CmsPlugins\":[\"ActiveDirectory\"],\"DomainJoinConfig\":\
             {\"DnsTreeName\":\"corp.example\",\"Guid\":\"no\",\"MachineAccountName\":\"app\",\"Sid\":\"S-1-5-21-1\"}}",
        ),
    ),
    (
        "dotted.name",
        Some("{\"CmsPlugins\":[],\"DomainJoinConfig\":{\"DnsName\":\"yes\"}}"),
    ),
    ("nothing-in-it", Some("{}")),
    ("without-contents", None),
    ("null-in-it", None),
];
/// Those that are not there.
const UNKNOWN: [&str; 4] = ["webapp2", "gone", "web.app", "webapp1-"];
/// Those that nothing can be called.
pub(super) const UNASKABLE: [&str; 4] = ["", "a/b", "..", "50%"];
const ACCOUNTS: [&str; 7] = ["web", "db", "ops", "root", "nobody", "broken", "default"];
/// How containers are called: the last ones the API server does not take.
const NAMES: [&str; 6] = ["app", "sidecar", "log-1", "x", "a~1b/c", "\"quoted\"\\"];

/// How often something is done, of a hundred.
fn chance(random: &mut Rng, percent: u8) -> bool {
    random.u8(0..100) < percent
}

fn pick<T: Copy>(random: &mut Rng, items: &[T]) -> T {
    items[random.usize(0..items.len())]
}

/// The name of a credential spec: mostly of one that is there and in order.
fn name(random: &mut Rng) -> &'static str {
    match random.u8(0..100) {
        0..60 => SPECS[random.usize(0..4)].0,
        60..80 => pick(random, &SPECS).0,
        80..95 => pick(random, &UNKNOWN),
        95..97 => "WebApp1",
        _ => pick(random, &UNASKABLE),
    }
}

/// What a pod brings itself for a credential spec.
fn contents(random: &mut Rng, name: &str) -> String {
    let known = SPECS.iter().find(|(spec, _)| *spec == name);
    let real = known.and_then(|(_, contents)| *contents).unwrap_or("{\"A\":1}");
    match random.u8(0..16) {
        0..4 => real.to_owned(),
        // The same in another form.
        4..6 => {
            let value: Value = serde_json::from_str(real).unwrap();
            serde_json::to_string_pretty(&value).unwrap()
        }
        6 => format!(" {real}\n"),
        // Twice the same key, of which the last counts, or another one.
        7 => real.replacen("\"CmsPlugins\"", "\"CmsPlugins\":7,\"CmsPlugins\"", 1),
        8 => real.replacen('{', "{\"CmsPlugins\":1,", 1),
        9 => real.to_lowercase(),
        10 => "{\"CmsPlugins\":[\"Other\"]}".to_owned(),
        11 => format!("{real}x"),
        12 => "not JSON: {\"".to_owned(),
        13 => pick(random, &["null", "[]", "\"\"", "0", "{}"]).to_owned(),
        14 => format!("{{\"A\":\"{}\"}}", "x".repeat(70_000)),
        _ => String::new(),
    }
}

/// `windowsOptions` at one level.
fn options(random: &mut Rng) -> Map<String, Value> {
    let mut options = Map::new();
    let spec = name(random);
    let (named, held) = match random.u8(0..20) {
        0..12 => (true, false),
        12..18 => (true, true),
        18 => (false, true),
        _ => (false, false),
    };
    if held {
        options.insert("gmsaCredentialSpec".to_owned(), contents(random, spec).into());
    }
    if named {
        options.insert("gmsaCredentialSpecName".to_owned(), spec.into());
    }
    if chance(random, 10) {
        options.insert("runAsUserName".to_owned(), "ContainerUser".into());
    }
    options
}

/// Adds a security context of Windows, now and then with other things in it.
fn secure(of: &mut Map<String, Value>, random: &mut Rng, percent: u8) {
    if !chance(random, percent) {
        if chance(random, 10) {
            let empty = pick(
                random,
                &[
                    "{}",
                    "null",
                    r#"{"windowsOptions":{}}"#,
                    r#"{"windowsOptions":null}"#,
                ],
            );
            of.insert("securityContext".to_owned(), serde_json::from_str(empty).unwrap());
        }
        return;
    }
    of.insert(
        "securityContext".to_owned(),
        json!({"windowsOptions": options(random)}),
    );
}

fn containers(random: &mut Rng, count: usize, what: &str) -> Vec<Value> {
    let hostile = chance(random, 5);
    let containers = (0..count).map(|at| {
        let mut container = Map::new();
        let names = if hostile { &NAMES[..] } else { &NAMES[..4] };
        // Now and then the same name is there twice, which the API server does not take.
        let name = if chance(random, 3) {
            "app".to_owned()
        } else {
            format!("{}{what}{at}", pick(random, names))
        };
        container.insert("name".to_owned(), name.into());
        container.insert("image".to_owned(), "example.com/app:1".into());
        secure(&mut container, random, 45);
        Value::Object(container)
    });
    containers.collect()
}

/// The pod of that number.
pub(super) fn pod(seed: u64, number: u64) -> Value {
    let mut random = Rng::with_seed(seed.wrapping_mul(1_000_003).wrapping_add(number));
    let random = &mut random;
    let mut spec = Map::new();
    spec.insert("serviceAccountName".to_owned(), pick(random, &ACCOUNTS).into());
    let count = random.usize(1..4);
    spec.insert("containers".to_owned(), containers(random, count, "").into());
    if chance(random, 40) {
        let count = random.usize(1..3);
        spec.insert("initContainers".to_owned(), containers(random, count, "i").into());
    }
    // A pod is not created with them.
    if chance(random, 6) {
        spec.insert(
            "ephemeralContainers".to_owned(),
            containers(random, 1, "e").into(),
        );
    }
    secure(&mut spec, random, 60);
    if chance(random, 10) {
        spec.insert("hostname".to_owned(), "web-0".into());
    }
    if chance(random, 30) {
        spec.insert("os".to_owned(), json!({"name": "windows"}));
    }
    if chance(random, 5) {
        // What else the API server refuses does not change what the webhook says before it.
        spec.insert("restartPolicy".to_owned(), "Sometimes".into());
    }
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": format!("p{number}"), "namespace": "shop"},
        "spec": spec,
    })
}

/// Accounts as people write them.
const HOST_ACCOUNTS: [&str; 10] = [
    "NT AUTHORITY\\SYSTEM",
    "LocalSystem",
    "NT AUTHORITY\\Local service",
    "ContainerAdministrator",
    "ContainerUser",
    "BUILTIN\\Administrators",
    "CORP\\web$",
    "administrator",
    "operators",
    "S-1-5-18",
];

/// The pod of that number that may ask for accounts of its node, in a namespace that is strict or warns.
pub(super) fn host_pod(seed: u64, number: u64) -> Value {
    let mut random = Rng::with_seed(seed.wrapping_mul(7_000_003).wrapping_add(number));
    let random = &mut random;
    let host_process = chance(random, 60);
    let windows = |random: &mut Rng, is_pod: bool| {
        let mut options = Map::new();
        if host_process && is_pod {
            options.insert("hostProcess".to_owned(), true.into());
        }
        if chance(random, 60) {
            options.insert("runAsUserName".to_owned(), pick(random, &HOST_ACCOUNTS).into());
        }
        if !host_process && chance(random, 40) {
            options.insert("gmsaCredentialSpecName".to_owned(), name(random).into());
            if chance(random, 30) {
                options.insert("gmsaCredentialSpec".to_owned(), "{\"A\":1}".into());
            }
        }
        json!({"windowsOptions": options})
    };
    let containers = |random: &mut Rng, count: usize, what: &str| -> Vec<Value> {
        let container = |at| json!({"name": format!("{what}{at}"), "image": "i", "securityContext": windows(random, false)});
        (0..count).map(container).collect()
    };
    let count = random.usize(1..3);
    let mut spec = json!({
        "serviceAccountName": pick(random, &["web", "ops", "nobody"]),
        "securityContext": windows(random, true),
        "containers": containers(random, count, "c"),
        // Where the one goes without the other, the API server refuses the pod.
        "hostNetwork": host_process != chance(random, 5),
    });
    if chance(random, 30) {
        spec["initContainers"] = containers(random, 1, "i").into();
    }
    let mut metadata = json!({
        "name": format!("h{number}"), "namespace": pick(random, &["strict", "strict", "warned"]),
    });
    if chance(random, 10) {
        let annotation = pick(
            random,
            &[
                "microsoft.com/hostprocess-inherit-user",
                "microsoft.com/hostprocess-container",
            ],
        );
        metadata["annotations"] = json!({annotation: "true"});
    }
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
}
