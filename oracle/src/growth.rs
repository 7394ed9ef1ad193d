//! Values of the API's types, made after its schema.

use porthole_pod::schema::{Definition, Field, Struct, Type, TypeId, Types};

use crate::random::Random;
use crate::tree::Tree;
use crate::values;

/// Fields that are nearly always written where their struct is.
const NEEDED: &[&str] = &[
    "name",
    "image",
    "containerPort",
    "mountPath",
    "devicePath",
    "key",
    "path",
    "topologyKey",
    "conditionType",
    "operator",
    "maxSkew",
    "whenUnsatisfiable",
    "weight",
    "signerName",
    "ip",
    "driver",
    "fieldPath",
    "resource",
    "port",
    "claimName",
    "secretName",
    "diskName",
    "diskURI",
    "shareName",
    "server",
    "reference",
    "resourceName",
    "restartPolicy",
    "action",
    "exitCodes",
    "values",
    "seconds",
    "preference",
    "podAffinityTerm",
    "nodeSelectorTerms",
    "matchExpressions",
    "sources",
    "items",
    "volumeName",
    "accessModes",
    "resources",
    "spec",
];

/// Sources of volumes that Windows pods have, each as often as it is named.
const USUAL_VOLUMES: &[&str] = &[
    "hostPath",
    "hostPath",
    "configMap",
    "secret",
    "emptyDir",
    "emptyDir",
    "projected",
    "persistentVolumeClaim",
    "downwardAPI",
    "csi",
    "ephemeral",
    "image",
];

/// Fields that only the server writes.
const SERVERS: &[&str] = &[
    "status",
    "managedFields",
    "selfLink",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "ownerReferences",
    "finalizers",
    "generateName",
];

/// Makes values as an author does, who mistakes himself in so many of a hundred cases.
#[derive(Debug)]
pub struct Growth<'r> {
    /// The types of the server's version.
    pub types: &'static Types,
    /// Where chance comes from.
    pub random: &'r mut Random,
    /// How many of a hundred values are wrong.
    pub mistakes: usize,
}

impl Growth<'_> {
    /// A struct with some of its fields.
    pub fn structure(&mut self, structure: &'static Struct, depth: usize) -> Tree {
        let mut entries = Vec::new();
        let only = self.alternatives(structure);
        let usual = 45 / (depth + 1);
        for field in &structure.fields {
            if SERVERS.contains(&field.name) {
                continue;
            }
            let wanted = if is_alternative(structure, field) {
                only.contains(&field.name)
            } else if NEEDED.contains(&field.name) {
                !self.random.chance(self.mistakes)
            } else {
                depth < 6 && self.random.chance(usual)
            };
            if wanted && let Some(value) = self.field(structure, field, depth + 1) {
                entries.push((field.name.to_owned(), value));
            }
        }
        Tree::Map(entries)
    }

    /// Which of the fields are set of which only one may be.
    fn alternatives(&mut self, structure: &'static Struct) -> Vec<&'static str> {
        let mut names: Vec<&str> = structure
            .fields
            .iter()
            .filter(|field| is_alternative(structure, field))
            .map(|field| field.name)
            .collect();
        if structure.name == "Volume" && self.random.chance(75) {
            names.retain(|name| USUAL_VOLUMES.contains(name));
            names = USUAL_VOLUMES
                .iter()
                .copied()
                .filter(|name| names.contains(name))
                .collect();
        }
        let mut chosen: Vec<&str> = self.random.pick(&names).copied().into_iter().collect();
        if self.random.chance(self.mistakes / 2) {
            chosen.clear();
        }
        if self.random.chance(self.mistakes / 2) {
            chosen.extend(self.random.pick(&names));
        }
        chosen
    }

    /// A value for a field.
    pub fn field(&mut self, structure: &Struct, field: &Field, depth: usize) -> Option<Tree> {
        if let Some(values) = values::of(structure.name, field.name) {
            let wrong = self.random.chance(self.mistakes) && !values.bad.is_empty();
            let from = if wrong { &values.bad } else { &values.good };
            return self.random.pick(from).cloned();
        }
        self.value(&field.of, depth)
    }

    fn value(&mut self, of: &Type, depth: usize) -> Option<Tree> {
        Some(match of {
            Type::Bool => self.random.chance(50).into(),
            Type::String => (*self.random.pick(&["x", "a-b", "example.com/x", ""])?).into(),
            Type::Int(_) => serde_json::Value::from(*self.random.pick(&[0, 1, 5, 60])?).into(),
            Type::Float => serde_json::Value::from(1.5).into(),
            Type::Any => Tree::map(),
            Type::List(of) => {
                let count = 1 + self.random.below(2);
                Tree::List((0..count).filter_map(|_| self.value(of, depth)).collect())
            }
            Type::Map(of) => {
                let value = self.value(&of.1, depth)?;
                let keys: &[&str] = if self.quantities(&of.1) {
                    &["cpu", "memory", "storage"]
                } else {
                    &["a", "example.com/b", "app"]
                };
                Tree::Map(vec![((*self.random.pick(keys)?).to_owned(), value)])
            }
            Type::Named(id) => return self.named(*id, depth),
        })
    }

    fn quantities(&self, of: &Type) -> bool {
        matches!(of, Type::Named(id) if self.types.name(*id).ends_with(".Quantity"))
    }

    fn named(&mut self, id: TypeId, depth: usize) -> Option<Tree> {
        match self.types.definition(id) {
            Definition::Struct(structure) => Some(self.structure(structure, depth)),
            Definition::Other(of) => self.value(of, depth),
            Definition::Decodes => {
                let name = self.types.name(id);
                let name = name.rsplit('.').next().unwrap_or(name);
                Some(match name {
                    "Quantity" => (*self.random.pick(&["1", "1Gi", "100m", "0"])?).into(),
                    "IntOrString" => serde_json::Value::from(80).into(),
                    "Time" | "MicroTime" => "2024-01-01T00:00:00Z".into(),
                    _ => return None,
                })
            }
            Definition::Unknown => None,
        }
    }
}

/// Whether the field is one of several of which one is set.
fn is_alternative(structure: &Struct, field: &Field) -> bool {
    let embedded = ["VolumeSource", "ProbeHandler", "Handler", "ClaimSource"];
    field.embedded.iter().any(|name| embedded.contains(name))
        || matches!(
            structure.name,
            "LifecycleHandler" | "Handler" | "EnvVarSource" | "VolumeProjection"
        )
}
