//! Which of a record's fields an object that is created sets itself: they become those of who creates it (`Updater.Update` of
//! structured-merge-diff).

use porthole_manifest::Node;
use serde_json::{Map, Value};

use crate::options::Options;
use crate::report::text;
use crate::schema::{self, Definition, Field, Type, Types};
use crate::update::Reader;

/// What the internal type of a `DaemonSet` has as a field.
const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";

/// An object as the API server has it.
pub(super) struct Own {
    types: &'static Types,
    of: Type,
    value: Value,
}

impl Own {
    /// None where the kind's types are not known.
    pub(super) fn of(object: Node<'_>, options: &Options) -> Option<Self> {
        let version = options.kubernetes_version;
        let kind = schema::kind(text(object, "apiVersion"), text(object, "kind"))?;
        let (types, id) = (Types::of(version), kind.structure(version)?);
        let mut value = Reader::new(options).read(types.name(id), object);
        if kind.kind == "DaemonSet" {
            // The API server writes it into all of them, and where there is no metadata there is no record to look at.
            value["metadata"]["annotations"][TEMPLATE_GENERATION] = "0".into();
        }
        Some(Self {
            types,
            of: Type::Named(id),
            value,
        })
    }

    /// Whether it sets all fields of a set (`FieldsV1`).
    pub(super) fn sets_all(&self, set: Node<'_>) -> bool {
        // What says which kind it is is none of its fields.
        let says_kind = |key: &str| matches!(key, "f:apiVersion" | "f:kind");
        !set.entries().any(|entry| says_kind(&entry.key.key_text())) && self.sets(&self.of, &self.value, set)
    }

    fn sets(&self, of: &Type, value: &Value, set: Node<'_>) -> bool {
        let nothing = Value::Object(Map::new());
        set.entries().all(|entry| {
            let key = entry.key.key_text();
            let (kind, name) = key.split_at_checked(2).unwrap_or((&key, ""));
            let parsed = || serde_json::from_str::<Value>(name).ok();
            let below = match (kind, value) {
                ("f:", Value::Object(map)) => self.field(of, name).and_then(|(of, is_pointer)| {
                    // A struct that is no pointer is there, whatever it holds.
                    let held = (!is_pointer && self.is_struct(of)).then_some(&nothing);
                    Some((of, map.get(name).or(held)?))
                }),
                ("v:", Value::Array(items)) => {
                    let wanted = parsed();
                    let mut items = items.iter();
                    let item = items.find(|item| Some(*item) == wanted.as_ref());
                    self.item(of).zip(item)
                }
                ("k:", Value::Array(items)) => {
                    let keys = parsed().and_then(|keys| keys.as_object().cloned());
                    let keys = keys.unwrap_or_default();
                    let mut items = items.iter();
                    let item =
                        items.find(|item| keys.iter().all(|(key, value)| item.get(key) == Some(value)));
                    self.item(of).zip(item)
                }
                ("i:", Value::Array(items)) => {
                    let index = name.parse().ok();
                    self.item(of).zip(index.and_then(|index: usize| items.get(index)))
                }
                ("f:" | "v:" | "k:" | "i:", _) => None,
                // The set itself, and what a newer server may know, which was not read.
                _ => return true,
            };
            let is_member = entry.value.entries().next().is_none();
            below.is_some_and(|(of, below)| match below {
                Value::Null => false,
                // An item is a member whatever it holds, a struct only where it holds nothing.
                _ if is_member && kind != "f:" => true,
                Value::Object(map) if is_member => self.is_struct(of) == map.is_empty(),
                Value::Array(items) if is_member => !items.is_empty(),
                below => self.sets(of, below, entry.value),
            })
        })
    }

    /// The type that a name stands for.
    fn meaning<'t>(&'t self, of: &'t Type) -> &'t Type {
        match of {
            Type::Named(id) => match self.types.definition(*id) {
                Definition::Other(of) => self.meaning(of),
                _ => of,
            },
            _ => of,
        }
    }

    fn is_struct(&self, of: &Type) -> bool {
        matches!(self.meaning(of), Type::Named(id) if self.types.structure(*id).is_some())
    }

    /// The type of what is below that name, and whether it is optional.
    fn field<'t>(&'t self, of: &'t Type, name: &str) -> Option<(&'t Type, bool)> {
        match self.meaning(of) {
            Type::Map(of) => Some((&of.1, true)),
            Type::Named(id) => {
                let field = self.types.structure(*id)?.field(name);
                field.map(|(_, Field { of, pointer, .. })| (of, *pointer))
            }
            _ => None,
        }
    }

    fn item<'t>(&'t self, of: &'t Type) -> Option<&'t Type> {
        match self.meaning(of) {
            Type::List(of) => Some(of),
            _ => None,
        }
    }
}
