//! The change of a Pod (`ValidatePodUpdate`).

mod qos;

use porthole_manifest::Node;
use serde_json::{Map, Value, json};

use super::same::{Reader, differences};
use super::{
    Change, DEADLINE_CHANGED, POD_ANNOTATION_CHANGED, POD_CHANGED, POD_CONTAINERS_CHANGED,
    SCHEDULING_GATE_ADDED, TOLERATION_CHANGED,
};
use crate::path::Path;
use crate::report::{Shown, int, items, place, text};
use crate::rules::scheduling::{self, tolerations};
use crate::rules::{annotations, container, metadata, pod, pod_resources, workload};
use crate::validate::{Pass, check_spec};

/// The longest time that a Pod may run, in seconds.
const LONGEST: i64 = i32::MAX as i64;

/// All that is asked of a Pod that is changed, after what is asked of all objects.
pub(super) fn check(pass: &mut Pass<'_>, change: Change<'_, '_>) {
    let object = pass.template.object;
    let demands = workload::demands(pass.template.kind, pass.options);
    metadata::check_changed(pass, change.old, object, demands, None);
    metadata::check(pass, object, demands, None);
    annotations::check(pass);
    check_spec(pass);
    pod::check_only_pods(pass);
    container::check_only_pods(pass);
    change.check_annotations(pass);
    annotations::check(pass);
    let spec = change.child("spec");
    for list in ["containers", "initContainers"] {
        if spec.check_containers(pass, list) {
            return;
        }
    }
    if spec.check_deadline(pass) {
        return;
    }
    if spec.check_tolerations(pass) {
        tolerations::check(pass);
    }
    if scheduling::has_scheduling_gates(pass) || !spec.old.child("schedulingGates").is_null() {
        spec.check_gates(pass);
    }
    spec.check_rest(pass);
}

impl Change<'_, '_> {
    /// Annotations that only those who make the Pod may set.
    fn check_annotations(self, pass: &mut Pass<'_>) {
        let metadata = Path::root("metadata");
        let path = metadata.child("annotations");
        let refuse = |pass: &mut Pass<'_>, key: &str, done: &str, span| {
            let what = match key {
                annotations::MIRROR => "mirror pod annotation",
                _ if key.starts_with(annotations::APP_ARMOR) => "AppArmor annotations",
                _ => return,
            };
            let detail = format!("may not {done} {what}");
            pass.forbidden(&POD_ANNOTATION_CHANGED, &path.key(key), detail, span);
        };
        let (old, new) = (annotations_of(self.old), annotations_of(self.new));
        for entry in old.into_iter().flat_map(Node::entries) {
            let key = entry.key.key_text();
            let now = new.and_then(|new| new.get(&key)).and_then(Node::as_str);
            if now != entry.value.as_str() || now.is_none() {
                let span = new.unwrap_or(self.new).span();
                refuse(pass, &key, "remove or update", span);
            }
        }
        let made = annotations::app_armor_of_old(pass);
        let are_taken_away = annotations::are_taken_away(pass);
        for (key, value) in &made {
            let now = new.and_then(|new| new.get(key));
            if now.map_or(are_taken_away, |now| now.as_str() != Some(value)) {
                let span = now.or(new).unwrap_or(self.new).span();
                refuse(pass, key, "remove or update", span);
            }
        }
        for entry in new.into_iter().flat_map(Node::entries) {
            let key = entry.key.key_text();
            if made.contains_key(key.as_ref()) {
                continue;
            }
            if old.is_none_or(|old| old.get(&key).is_none()) {
                refuse(pass, &key, "add", entry.key.span());
            }
        }
    }

    /// The containers of a list. Whether there are other ones, and nothing more is asked.
    fn check_containers(self, pass: &mut Pass<'_>, list: &str) -> bool {
        let spec = pass.spec_path();
        let path = spec.child(list);
        if items(self.old, list).count() != items(self.new, list).count() {
            let detail = "pod updates may not add or remove containers";
            pass.forbidden(&POD_CONTAINERS_CHANGED, &path, detail, place(self.new, list));
            return true;
        }
        for (index, container) in items(self.new, list).enumerate() {
            container::check_changed_image(pass, &path.index(index), container);
        }
        false
    }

    /// The time that the Pod may run. Whether it is wrong, and nothing more is asked.
    fn check_deadline(self, pass: &mut Pass<'_>) -> bool {
        let spec = pass.spec_path();
        let path = spec.child("activeDeadlineSeconds");
        let span = place(self.new, "activeDeadlineSeconds");
        let [old, new] = [self.old, self.new].map(|spec| int(spec, "activeDeadlineSeconds"));
        let (value, detail) = match (old, new) {
            (_, Some(new)) if !(0..=LONGEST).contains(&new) => {
                (Shown::Int(new), "must be between 0 and 2147483647, inclusive")
            }
            (Some(old), Some(new)) if old < new => {
                (Shown::Int(new), "must be less than or equal to previous value")
            }
            (Some(_), None) => (
                Shown::Null,
                "must not update from a positive integer to nil value",
            ),
            _ => return false,
        };
        pass.invalid(&DEADLINE_CHANGED, &path, value, detail, span);
        new.is_some()
    }

    /// Tolerations may be added. Whether none was taken away.
    fn check_tolerations(self, pass: &mut Pass<'_>) -> bool {
        let (old, new) = (tolerations_of(self.old), tolerations_of(self.new));
        if old.iter().all(|old| new.contains(old)) {
            return true;
        }
        let spec = pass.spec_path();
        let detail = "existing toleration can not be modified except its tolerationSeconds";
        let span = place(self.new, "tolerations");
        pass.forbidden(&TOLERATION_CHANGED, &spec.child("tolerations"), detail, span);
        false
    }

    /// Scheduling gates may be taken away.
    fn check_gates(self, pass: &mut Pass<'_>) {
        let spec = pass.spec_path();
        let path = spec.child("schedulingGates");
        let [old, gates] =
            [self.old, self.new].map(|spec| items(spec, "schedulingGates").collect::<Vec<_>>());
        for (index, gate) in gates.iter().copied().enumerate() {
            let name = text(gate, "name");
            let has = |gates: &[Node<'_>]| gates.iter().any(|gate| text(*gate, "name") == name);
            // Of those of one name the last is told of.
            if !has(&old) && !has(&gates[index + 1..]) {
                let detail = format!("only deletion is allowed, but found new scheduling gate '{name}'");
                let at = path.index(index);
                let span = place(gate, "name");
                pass.forbidden(&SCHEDULING_GATE_ADDED, &at.child("name"), detail, span);
            }
        }
    }

    /// Everything else.
    fn check_rest(self, pass: &mut Pass<'_>) {
        let reader = Reader::new(pass.options);
        let read = |old, node| match reader.read_over("core/v1.PodSpec", old, node) {
            Value::Object(mut spec) => {
                fill_in(&mut spec);
                spec
            }
            _ => Map::new(),
        };
        let (mut old, mut new) = (read(None, self.old), read(Some(self.old), self.new));
        keep(&mut old, &mut new, self.new, pod_resources::keeps(pass));
        let quality = (qos::class(&old), qos::class(&new));
        if quality.0 != quality.1 && pass.at_least(29) && !pass.at_least(32) {
            // The server names the class that it was.
            let value = Shown::Named(quality.0);
            let span = place(self.new, "containers");
            let detail = "Pod QoS is immutable";
            pass.invalid(&POD_CHANGED, &Path::root("metadata"), value, detail, span);
        }
        let gated = old.contains_key("schedulingGates");
        for key in ["activeDeadlineSeconds", "tolerations", "schedulingGates"] {
            if key == "schedulingGates" && !pass.at_least(26) {
                continue;
            }
            new.remove(key);
            old.remove(key);
        }
        for list in ["containers", "initContainers"] {
            take_images(old.get_mut(list));
            take_images(new.get_mut(list));
        }
        if gated && pass.at_least(27) {
            self.check_gated(pass, &mut old, &mut new);
        }
        if old == new {
            return;
        }
        let spec = pass.spec_path();
        let changes = differences("spec", &Value::Object(old), &Value::Object(new)).join("\n");
        let detail = format!(
            "pod updates may not change fields other than {}\n{changes}",
            changeable(pass)
        );
        pass.forbidden(&POD_CHANGED, &spec, detail, self.new.span());
    }

    /// Where a Pod may go that waits to be scheduled: to fewer nodes than before.
    fn check_gated(self, pass: &mut Pass<'_>, old: &mut Map<String, Value>, new: &mut Map<String, Value>) {
        let spec = pass.spec_path();
        let (before, after) = (old.remove("nodeSelector"), new.remove("nodeSelector"));
        let entries = |selector: &Option<Value>| {
            selector
                .as_ref()
                .and_then(Value::as_object)
                .cloned()
                .unwrap_or_default()
        };
        let (before, after) = (entries(&before), entries(&after));
        if before.iter().any(|(key, value)| after.get(key) != Some(value)) {
            let detail = "only additions to spec.nodeSelector are allowed (no mutations or deletions)";
            let labels: workload::Labels<'_> = after
                .iter()
                .map(|(key, value)| (key.into(), value.as_str().unwrap_or_default().into()))
                .collect();
            let labels = Some(&labels).filter(|_| self.new.field("nodeSelector").is_some());
            let value = Shown::Raw(workload::shown_labels(pass, labels));
            let span = place(self.new, "nodeSelector");
            pass.invalid(&POD_CHANGED, &spec.child("nodeSelector"), value, detail, span);
        }
        let affinity = |spec: &mut Map<String, Value>| {
            let affinity = spec.get_mut("affinity").and_then(Value::as_object_mut)?;
            affinity.remove("nodeAffinity")
        };
        let (before, after) = (affinity(old), affinity(new));
        if before != after {
            self.check_node_affinity(pass, before.as_ref(), after.as_ref());
            // What is empty without it is none where there was none.
            if !old.contains_key("affinity") && new.get("affinity") == Some(&json!({})) {
                new.remove("affinity");
            }
            if !new.contains_key("affinity") && old.get("affinity") == Some(&json!({})) {
                old.remove("affinity");
            }
        }
    }

    fn check_node_affinity(self, pass: &mut Pass<'_>, old: Option<&Value>, new: Option<&Value>) {
        const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
        let terms = |affinity: Option<&Value>| {
            let terms = affinity.and_then(|affinity| affinity[REQUIRED]["nodeSelectorTerms"].as_array());
            terms.cloned().unwrap_or_default()
        };
        let (before, after) = (terms(old), terms(new));
        let spec = pass.spec_path();
        let affinity = spec.child("affinity");
        let node = affinity.child("nodeAffinity");
        let required = node.child(REQUIRED);
        let path = required.child("nodeSelectorTerms");
        let span = place(self.new, "affinity");
        if !before.is_empty() && before.len() != after.len() {
            let detail = "no additions/deletions to non-empty NodeSelectorTerms list are allowed";
            let value = Shown::Raw(Value::Array(after).to_string());
            pass.invalid(&POD_CHANGED, &path, value, detail, span);
            return;
        }
        for (index, (before, after)) in before.iter().zip(&after).enumerate() {
            if !only_adds(before, after) {
                let detail = "only additions are allowed (no mutations or deletions)";
                let value = Shown::Raw(after.to_string());
                pass.invalid(&POD_CHANGED, &path.index(index), value, detail, span);
            }
        }
    }
}

/// The key, the operator, the value and the effect of a Pod's tolerations, and of those that every Pod is given that does not
/// speak of the same.
fn tolerations_of(spec: Node<'_>) -> Vec<[&str; 4]> {
    let mut all: Vec<[&str; 4]> = items(spec, "tolerations")
        .map(|toleration| ["key", "operator", "value", "effect"].map(|key| text(toleration, key)))
        .collect();
    for given in ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"] {
        let speaks = |[key, _, _, effect]: &[&str; 4]| {
            (key.is_empty() || *key == given) && matches!(*effect, "" | "NoExecute")
        };
        if !all.iter().any(speaks) {
            all.push([given, "Exists", "", "NoExecute"]);
        }
    }
    all
}

fn annotations_of(object: Node<'_>) -> Option<Node<'_>> {
    object.child("metadata").field("annotations")
}

/// Whether a term of a node selector has what the old one has, and maybe more.
fn only_adds(old: &Value, new: &Value) -> bool {
    let list = |term: &Value, key: &str| term[key].as_array().cloned().unwrap_or_default();
    let keys = ["matchExpressions", "matchFields"];
    if keys.iter().all(|key| list(old, key).is_empty()) {
        return keys.iter().all(|key| list(new, key).is_empty());
    }
    keys.iter().all(|key| list(new, key).starts_with(&list(old, key)))
}

/// What the API server fills into Pods only.
fn fill_in(spec: &mut Map<String, Value>) {
    // A negative one was mended when it was read.
    if let Some(grace) = spec.get_mut("terminationGracePeriodSeconds")
        && grace.as_i64().is_some_and(|seconds| seconds < 0)
    {
        *grace = 1.into();
    }
    spec.entry("enableServiceLinks").or_insert_with(|| true.into());
    spec.entry("preemptionPolicy")
        .or_insert_with(|| "PreemptLowerPriority".into());
    let host = spec.get("hostNetwork") == Some(&Value::Bool(true));
    for list in ["containers", "initContainers"] {
        let containers = spec.get_mut(list).and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten().filter_map(Value::as_object_mut) {
            fill_requests(container);
            let ports = container.get_mut("ports").and_then(Value::as_array_mut);
            for port in ports.into_iter().flatten().filter_map(Value::as_object_mut) {
                if let Some(number) = port.get("containerPort").filter(|_| host).cloned() {
                    port.entry("hostPort").or_insert(number);
                }
            }
        }
    }
}

/// What is not requested is requested up to the limit.
fn fill_requests(container: &mut Map<String, Value>) {
    let Some(Value::Object(resources)) = container.get_mut("resources") else {
        return;
    };
    let Some(Value::Object(limits)) = resources.get("limits").cloned() else {
        return;
    };
    let requests = resources.entry("requests").or_insert_with(|| json!({}));
    if let Value::Object(requests) = requests {
        for (name, limit) in limits {
            requests.entry(name).or_insert(limit);
        }
    }
}

/// What the cluster has written into the old Pod stays where the new one, whose spec is `written`, says nothing of it: its
/// node, its priority, the token of its account, and where `keeps_resources` what it has as a whole. To say that it is empty
/// is to say something.
fn keep(
    old: &mut Map<String, Value>,
    new: &mut Map<String, Value>,
    written: Node<'_>,
    keeps_resources: bool,
) {
    const TOKEN: &str = "kube-api-access-";
    const KEPT: [&str; 2] = ["nodeName", "priority"];
    for key in KEPT.into_iter().chain(keeps_resources.then_some("resources")) {
        let is_said = new.contains_key(key) || written.field(key).is_some();
        if let Some(value) = old.get(key).filter(|_| !is_said) {
            new.insert(key.to_owned(), value.clone());
        }
    }
    let is_token = |item: &Value| item["name"].as_str().is_some_and(|name| name.starts_with(TOKEN));
    let clean = |map: &mut Map<String, Value>, key: &str| {
        if let Some(Value::Array(list)) = map.get_mut(key) {
            list.retain(|item| !is_token(item));
            if list.is_empty() {
                map.remove(key);
            }
        }
    };
    for spec in [old, new] {
        clean(spec, "volumes");
        for list in ["containers", "initContainers"] {
            let containers = spec.get_mut(list).and_then(Value::as_array_mut);
            for container in containers.into_iter().flatten().filter_map(Value::as_object_mut) {
                clean(container, "volumeMounts");
            }
        }
    }
}

/// Takes the images of containers away, which may change.
fn take_images(list: Option<&mut Value>) {
    let containers = list.and_then(Value::as_array_mut);
    for container in containers.into_iter().flatten().filter_map(Value::as_object_mut) {
        container.remove("image");
    }
}

/// What may change, in the words of the API server.
fn changeable(pass: &Pass<'_>) -> String {
    let fields = [
        "`spec.containers[*].image`",
        "`spec.initContainers[*].image`",
        "`spec.activeDeadlineSeconds`",
        "`spec.tolerations` (only additions to existing tolerations)",
    ];
    let grace =
        "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";
    if !pass.at_least(27) {
        return format!("{} or {grace}", fields.join(", "));
    }
    let mut text = format!("{},{grace}", fields.join(","));
    if !pass.at_least(32) && pass.enabled("InPlacePodVerticalScaling") {
        text.push_str(",`spec.containers[*].resources` (for CPU/memory only)");
    }
    text
}
