//! Objects that are changed: a field or a few of one that a server has taken.

use serde_json::{Map, Value};

use crate::careless;
use crate::generator::{Generator, Sample, settle_families};
use crate::random::Random;
use crate::tree::Tree;

/// What stays as it is: names, and what the server has filled in so that a patch of it is another thing than the manifest:
/// strategies, and the labels of a Job.
const KEPT: &[(&str, &[&str])] = &[
    (
        "metadata",
        &["name", "namespace", "ownerReferences", "managedFields"],
    ),
    ("spec", &["strategy", "updateStrategy", "manualSelector"]),
];

/// What is not taken away from a Pod: where the new manifest does not have it, what the cluster has is taken to stay.
const STAYS: &[&str] = &[
    "nodeName",
    "priority",
    "preemptionPolicy",
    "serviceAccountName",
    "serviceAccount",
];

/// Takes nulls away: in a patch they are no values.
fn without_nulls(tree: &mut Tree) {
    match tree {
        Tree::Leaf(_) => {}
        Tree::List(items) => items.iter_mut().for_each(without_nulls),
        Tree::Map(entries) => {
            entries.retain(|(_, value)| *value != Tree::Leaf(Value::Null));
            for (_, value) in entries {
                without_nulls(value);
            }
        }
    }
}

/// What an object becomes, by its number: a few fields of it are written anew, taken away or added.
#[must_use]
pub fn change(generator: &Generator, sample: &Sample, index: u64) -> Tree {
    let mut random = Random::of(generator.seed.rotate_left(7), index);
    let mut changed = sample.object.clone();
    match random.below(10) {
        0 => {}
        1..6 => {
            for _ in 0..=random.below(2) {
                careless::spoil(&mut changed, &mut random, true);
            }
        }
        // What another object of the kind has.
        _ => {
            let other = (1..40).map(|step| generator.sample(index + step)).find(|other| {
                ["apiVersion", "kind"].iter().all(|key| {
                    other.object.get(key).and_then(Tree::text) == sample.object.get(key).and_then(Tree::text)
                })
            });
            if let Some(other) = other {
                take_over(&mut changed, &other.object, &mut random);
            }
        }
    }
    // It is the same object, and what only the server makes something of stays.
    if !matches!(changed.get("metadata"), Some(Tree::Map(_)))
        && let Some(metadata) = sample.object.get("metadata")
    {
        changed.set("metadata", metadata.clone());
    }
    for (place, keys) in KEPT {
        for key in *keys {
            let kept = sample.object.at(place).and_then(|there| there.get(key).cloned());
            if let Some(there) = changed.at_mut(place) {
                match kept {
                    Some(kept) => there.set(key, kept),
                    None => there.remove(key),
                }
            }
        }
    }
    if sample.object.get("kind").and_then(Tree::text) == Some("Job")
        && let Some(template) = sample.object.at("spec.template")
        && let Some(metadata) = template.get("metadata")
    {
        if let Some(there) = changed.at_mut("spec.template") {
            there.set("metadata", metadata.clone());
        } else if let Some(spec) = changed.at_mut("spec") {
            spec.set("template", template.clone());
        } else {
            let spec = sample.object.get("spec").cloned();
            changed.set("spec", spec.unwrap_or_else(Tree::map));
        }
    }
    if let (Some(old), Some(new)) = (sample.object.get("spec"), changed.at_mut("spec")) {
        for key in STAYS {
            let gone = new.get(key).is_none_or(|value| *value == Tree::Leaf(Value::Null));
            if let Some(value) = old.get(key).filter(|_| gone) {
                new.set(key, value.clone());
            }
        }
    }
    if random.chance(2)
        && let Some(metadata) = changed.at_mut("metadata")
    {
        metadata.set("uid", "5f3c6c5e-1d7b-4a57-9c41-1f0a4be7a001");
    }
    match changed.get("kind").and_then(Tree::text) {
        Some("Service") => settle_families(&mut changed),
        Some("Pod") if has_made_profiles(&sample.object) => keep_containers(&sample.object, &mut changed),
        _ => {}
    }
    without_nulls(&mut changed);
    changed
}

/// Whether a Pod has annotations of which the server makes fields of containers, which a patch of the list takes away.
fn has_made_profiles(pod: &Tree) -> bool {
    let made = ["container.seccomp.security", "container.apparmor.security"];
    match pod.at("metadata.annotations") {
        Some(Tree::Map(entries)) => entries
            .iter()
            .any(|(key, _)| made.iter().any(|prefix| key.starts_with(prefix))),
        _ => false,
    }
}

/// Gives a Pod the containers that it had.
fn keep_containers(old: &Tree, new: &mut Tree) {
    let (Some(old), Some(new)) = (old.get("spec"), new.get_mut("spec")) else {
        return;
    };
    for list in ["initContainers", "containers"] {
        match old.get(list) {
            Some(containers) => new.set(list, containers.clone()),
            None => new.remove(list),
        }
    }
}

/// Whether nothing is taken away that is taken to stay.
#[must_use]
pub fn keeps_what_stays(old: &Tree, new: &Tree) -> bool {
    let key = |tree: &Tree, key| tree.get("spec").is_some_and(|spec| spec.get(key).is_some());
    STAYS.iter().all(|name| !key(old, name) || key(new, name))
}

/// Gives an entry of a mapping, or the whole of a list, what another object has in its place.
fn take_over(tree: &mut Tree, other: &Tree, random: &mut Random) {
    let Tree::Map(entries) = other else { return };
    let entries: Vec<_> = entries
        .iter()
        .filter(|(key, _)| !matches!(key.as_str(), "apiVersion" | "kind" | "metadata"))
        .collect();
    let Some((key, value)) = random.pick(&entries) else {
        return;
    };
    match tree.get_mut(key) {
        Some(there @ Tree::Map(_)) if matches!(value, Tree::Map(_)) && random.chance(85) => {
            take_over(there, value, random);
        }
        Some(Tree::List(items)) if random.chance(60) => {
            if let (Some(there @ Tree::Map(_)), Tree::List(others)) = (items.first_mut(), value)
                && let Some(item @ Tree::Map(_)) = others.first()
            {
                take_over(there, item, random);
            }
        }
        _ => tree.set(key, value.clone()),
    }
}

/// The patch (`application/merge-patch+json`) by which `kubectl apply` makes the one of the other: what is not in the new
/// manifest goes, lists are those of the new one.
#[must_use]
pub fn patch(old: &Value, new: &Value) -> Value {
    let (Value::Object(old), Value::Object(new)) = (old, new) else {
        return new.clone();
    };
    let mut patch = Map::new();
    for (key, value) in new {
        match old.get(key) {
            Some(before) if before == value => {}
            Some(before) => drop(patch.insert(key.clone(), self::patch(before, value))),
            None => drop(patch.insert(key.clone(), value.clone())),
        }
    }
    for key in old.keys().filter(|key| !new.contains_key(*key)) {
        patch.insert(key.clone(), Value::Null);
    }
    Value::Object(patch)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_patch_says_what_goes_and_what_comes() {
        let old = json!({"a": {"b": 1, "c": 2}, "d": [1, 2], "e": "x"});
        let new = json!({"a": {"b": 1, "f": 3}, "d": [1], "e": "x"});
        assert_eq!(patch(&old, &new), json!({"a": {"c": null, "f": 3}, "d": [1]}));
    }

    #[test]
    fn what_stays_is_not_taken_away() {
        let tree = |spec: Value| Tree::from(json!({"spec": spec}));
        let old = tree(json!({"nodeName": "a", "hostNetwork": true}));
        assert!(keeps_what_stays(&old, &tree(json!({"nodeName": "b"}))));
        assert!(!keeps_what_stays(&old, &tree(json!({"hostNetwork": true}))));
    }

    #[test]
    fn containers_stay_where_fields_are_made_for_them() {
        let pod = |key: &str, image: &str| {
            Tree::from(json!({
                "metadata": {"annotations": {key: "unconfined"}},
                "spec": {"containers": [{"image": image}]},
            }))
        };
        let old = pod("container.apparmor.security.beta.kubernetes.io/c", "a");
        assert!(has_made_profiles(&old));
        assert!(!has_made_profiles(&pod("example.com/x", "a")));
        let mut new = pod("example.com/x", "b");
        keep_containers(&old, &mut new);
        assert_eq!(new.at("spec.containers"), old.at("spec.containers"));
    }

    #[test]
    fn a_changed_object_keeps_its_name() {
        let generator = Generator {
            version: porthole_pod::Version::NEWEST,
            seed: 1,
            kinds: Vec::new(),
        };
        for index in 0..300 {
            let sample = generator.sample(index);
            let mut changed = change(&generator, &sample, index);
            let name = sample.object.at("metadata.name").cloned();
            if matches!(sample.object.get("metadata"), Some(Tree::Map(_))) {
                assert_eq!(changed.at_mut("metadata.name").cloned(), name, "object {index}");
            }
        }
    }
}
