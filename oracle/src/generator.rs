//! Objects to ask about: mostly sensible, now and then careless.

use std::collections::HashSet;

use porthole_pod::Version;
use porthole_pod::schema::{Struct, Types};
use serde_json::json;

use crate::author;
use crate::beside;
use crate::careless;
use crate::growth::Growth;
use crate::namespaces;
use crate::random::Random;
use crate::tree::Tree;
use crate::yaml;

/// Which objects are made.
#[derive(Clone, Debug)]
pub struct Generator {
    /// For which version's types.
    pub version: Version,
    /// What everything follows from.
    pub seed: u64,
    /// The kinds that are made; all where it is empty.
    pub kinds: Vec<String>,
}

/// An object to ask about.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The object.
    pub object: Tree,
    /// The namespace that it is created in.
    pub namespace: &'static str,
    /// How its text is written.
    pub style: u64,
}

impl Sample {
    /// The object as a hand would write it.
    #[must_use]
    pub fn text(&self) -> String {
        yaml::write(&self.object, &mut Random::new(self.style))
    }
}

impl Generator {
    /// The object of that number.
    #[must_use]
    pub fn sample(&self, index: u64) -> Sample {
        let mut random = Random::of(self.seed, index);
        let beside: Vec<_> = beside::KINDS
            .iter()
            .filter(|kind| self.makes(kind.kind))
            .collect();
        let style = index ^ self.seed.rotate_left(17);
        let only = !author::KINDS.iter().any(|(_, kind, _)| self.makes(kind));
        if (only || random.chance(20))
            && let Some(kind) = random.pick(&beside)
        {
            let (object, namespace) = self.beside(kind, &mut random);
            return Sample {
                object,
                namespace,
                style,
            };
        }
        let kinds: Vec<_> = author::KINDS
            .iter()
            .filter(|(_, kind, _)| self.makes(kind))
            .collect();
        let usual = kinds.first().filter(|_| random.chance(40));
        let chosen = **usual.or(random.pick(&kinds)).unwrap_or(&&author::KINDS[0]);
        let namespace = namespaces::choose(&mut random);
        let mistakes = carelessness(&mut random);
        let mut spec = author::spec(&mut random, chosen.1);
        self.grow(&mut spec, &mut random, mistakes);
        settle(&mut spec, &mut random);
        let named = (random.chance(40) || namespace != namespaces::DEFAULT).then_some(namespace);
        let mut object = author::workload(&mut random, chosen, named, spec);
        Self::grow_metadata(&mut object, &mut random, mistakes, chosen.2);
        if chosen.1 != "Pod" {
            self.grow_workload(&mut object, &mut random, mistakes, chosen);
        }
        spoil(&mut object, &mut random, mistakes, namespace);
        // At one that is no part of a path the server fails itself (500).
        let path = if chosen.2.is_empty() {
            "spec".to_owned()
        } else {
            format!("{}.spec", chosen.2)
        };
        if let Some(spec) = object.at_mut(&path)
            && spec
                .get("runtimeClassName")
                .and_then(Tree::text)
                .is_some_and(|name| matches!(name, "" | "." | "..") || name.contains(['/', '%']))
        {
            spec.remove("runtimeClassName");
        }
        Sample {
            object,
            namespace,
            style,
        }
    }

    fn makes(&self, kind: &str) -> bool {
        self.kinds.is_empty() || self.kinds.iter().any(|wanted| wanted == kind)
    }

    /// An object of a kind that stands beside pods, and the namespace of the request.
    fn beside(&self, kind: &beside::Kind, random: &mut Random) -> (Tree, &'static str) {
        let namespace = namespaces::DEFAULT;
        let mistakes = carelessness(random);
        let named = random.chance(40).then_some(namespace);
        let mut object = kind.object(random, named);
        let most = if kind.kind == "Service" { 8 } else { 4 };
        for _ in 0..random.below(most) {
            let Some((place, structure, fields)) = random.pick(kind.grows) else {
                continue;
            };
            if let Some(there) = object.at_mut(place) {
                self.add_one_of(structure, fields, there, random, mistakes);
            }
        }
        Self::grow_metadata(&mut object, random, mistakes, "");
        spoil(&mut object, random, mistakes, namespace);
        settle_families(&mut object);
        (object, namespace)
    }

    fn structure(&self, name: &str) -> Option<&'static Struct> {
        let types = Types::of(self.version);
        types.find(name).and_then(|id| types.structure(id))
    }

    /// Adds fields to a pod's spec, its containers and their security contexts.
    fn grow(&self, spec: &mut Tree, random: &mut Random, mistakes: usize) {
        let count = match random.below(10) {
            0 | 1 => 0,
            2 | 3 => 1,
            4 | 5 => 3,
            6 | 7 => 6,
            8 => 14,
            _ => 30,
        };
        for _ in 0..count {
            match random.below(20) {
                0..8 => self.add("core/v1.PodSpec", spec, random, mistakes),
                8..10 => {
                    if spec.get("securityContext").is_none() {
                        spec.set("securityContext", Tree::map());
                    }
                    if let Some(context) = spec.get_mut("securityContext") {
                        self.add("core/v1.PodSecurityContext", context, random, mistakes);
                    }
                }
                other => {
                    let (list, of) = match random.below(10) {
                        0 => ("ephemeralContainers", "core/v1.EphemeralContainer"),
                        1 | 2 => ("initContainers", "core/v1.Container"),
                        _ => ("containers", "core/v1.Container"),
                    };
                    let count = spec.get_mut(list).map_or(0, |list| list.items_mut().count());
                    let place = random.below(count);
                    let Some(container) = spec.get_mut(list).and_then(|list| list.items_mut().nth(place))
                    else {
                        continue;
                    };
                    if other < 17 {
                        self.add(of, container, random, mistakes);
                        continue;
                    }
                    if container.get("securityContext").is_none() {
                        container.set("securityContext", Tree::map());
                    }
                    if let Some(context) = container.get_mut("securityContext") {
                        self.add("core/v1.SecurityContext", context, random, mistakes);
                    }
                }
            }
        }
    }

    /// Adds one field, or writes it anew.
    fn add(&self, name: &str, to: &mut Tree, random: &mut Random, mistakes: usize) {
        self.add_one_of(name, &[], to, random, mistakes);
    }

    /// Adds one of these fields; of all fields where none is named.
    fn add_one_of(&self, name: &str, only: &[&str], to: &mut Tree, random: &mut Random, mistakes: usize) {
        let Some(structure) = self.structure(name) else {
            return;
        };
        let fields = structure.fields.iter();
        let fields: Vec<_> = fields
            .filter(|field| only.is_empty() || only.contains(&field.name))
            .collect();
        let Some(field) = random.pick(&fields) else {
            return;
        };
        if matches!(
            field.name,
            "containers" | "metadata" | "template" | "status" | "apiVersion" | "kind"
        ) || (field.name == "ephemeralContainers" && !random.chance(10))
        {
            return;
        }
        // What only the server knows of is not made: classes of priority and of runtimes, quotas of groups.
        let mut growth = Growth {
            types: Types::of(self.version),
            random,
            mistakes,
        };
        if let Some(value) = growth.field(structure, field, 1) {
            to.set(field.name, value);
        }
    }

    fn grow_metadata(object: &mut Tree, random: &mut Random, mistakes: usize, place: &str) {
        if !random.chance(15) {
            return;
        }
        let place = if place.is_empty() || random.chance(50) {
            "metadata".to_owned()
        } else {
            format!("{place}.metadata")
        };
        let version = object
            .get("apiVersion")
            .and_then(Tree::text)
            .unwrap_or_default()
            .to_owned();
        let Some(metadata) = object.at_mut(&place) else {
            return;
        };
        let fields = [
            "name",
            "labels",
            "annotations",
            "ownerReferences",
            "finalizers",
            "generation",
            "managedFields",
        ];
        let field = fields[random.below(fields.len())];
        let Some(values) = crate::values::of("ObjectMeta", field) else {
            return;
        };
        let from = if random.chance(mistakes) {
            &values.bad
        } else {
            &values.good
        };
        if let Some(value) = random.pick(from) {
            metadata.set(field, value.clone());
        }
        // A record of a version of another group is dropped by rules of its own.
        for record in metadata
            .get_mut("managedFields")
            .into_iter()
            .flat_map(Tree::items_mut)
        {
            record.set("apiVersion", version.as_str());
        }
    }

    fn grow_workload(
        &self,
        object: &mut Tree,
        random: &mut Random,
        mistakes: usize,
        (api_version, kind, _): (&str, &str, &str),
    ) {
        let group = if api_version == "v1" {
            "core/v1"
        } else {
            api_version
        };
        for _ in 0..random.below(4) {
            if let Some(spec) = object.get_mut("spec") {
                self.add(&format!("{group}.{kind}Spec"), spec, random, mistakes);
            }
            if let Some(spec) = object.at_mut("spec.jobTemplate.spec") {
                self.add("batch/v1.JobSpec", spec, random, mistakes);
            }
        }
    }
}

/// How careless the author is: so many of a hundred values are wrong.
fn carelessness(random: &mut Random) -> usize {
    match random.below(100) {
        0..35 => 0,
        35..55 => 6,
        55..80 => 20,
        _ => 45,
    }
}

/// What the careless do to an object in the end.
fn spoil(object: &mut Tree, random: &mut Random, mistakes: usize, namespace: &str) {
    if mistakes > 0 && random.chance(35) {
        let decodes = random.chance(60);
        for _ in 0..=random.below(2) {
            careless::spoil(object, random, decodes);
        }
    }
    // Another namespace than that of the request is no question of the object alone.
    if let Some(there) = object.at_mut("metadata.namespace")
        && there.text().is_some()
    {
        *there = namespace.into();
    }
}

/// Whether a service that prefers both families of addresses has both follows from what the cluster has, unless it says so.
pub(crate) fn settle_families(object: &mut Tree) {
    if object.get("kind").and_then(Tree::text) != Some("Service") {
        return;
    }
    if let Some(spec) = object.get_mut("spec")
        && spec.get("ipFamilyPolicy").and_then(Tree::text) == Some("PreferDualStack")
    {
        spec.set("ipFamilies", Tree::from(json!(["IPv4", "IPv6"])));
    }
}

/// Most references are to something that is there, and most names are there once.
fn settle(spec: &mut Tree, random: &mut Random) {
    let names = |spec: &mut Tree, list: &str| -> Vec<String> {
        let list = spec.get_mut(list);
        list.into_iter()
            .flat_map(Tree::items_mut)
            .filter_map(|item| item.get("name")?.text().map(str::to_owned))
            .collect()
    };
    let mut volumes = HashSet::new();
    let mut place = 0;
    for volume in spec.get_mut("volumes").into_iter().flat_map(Tree::items_mut) {
        if let Some(name) = volume.get("name").and_then(Tree::text).map(str::to_owned)
            && !volumes.insert(name.clone())
            && random.chance(90)
        {
            place += 1;
            volume.set("name", format!("{name}-{place}").as_str());
        }
    }
    let volumes = names(spec, "volumes");
    let claims = names(spec, "resourceClaims");
    for list in ["initContainers", "containers", "ephemeralContainers"] {
        for container in spec.get_mut(list).into_iter().flat_map(Tree::items_mut) {
            for (list, names) in [("volumeMounts", &volumes), ("volumeDevices", &volumes)] {
                if names.is_empty() && random.chance(85) {
                    container.remove(list);
                }
                for mount in container.get_mut(list).into_iter().flat_map(Tree::items_mut) {
                    let kept = random.chance(10);
                    if let Some(name) = random.pick(names).filter(|_| !kept) {
                        mount.set("name", name.as_str());
                    }
                }
            }
            if claims.is_empty()
                && random.chance(80)
                && let Some(resources) = container.get_mut("resources")
            {
                resources.remove("claims");
            }
        }
    }
}
