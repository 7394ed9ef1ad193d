//! The Go types of the API, as a version of Kubernetes has them.

use std::fmt;
use std::sync::OnceLock;

use super::lines;
use crate::version::Version;

static TEXT: &str = include_str!("types.txt");

/// A named type, by its place in the list of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TypeId(u16);

/// A Go type. Pointers are no types of their own: a [`Field`] says whether it is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// `bool`.
    Bool,
    /// `string`.
    String,
    /// `int32`, `int64`, `int`, `uint8`, …: its name, and whether `i64` values fit it.
    Int(IntType),
    /// `float64`.
    Float,
    /// Whatever JSON can hold.
    Any,
    /// A slice.
    List(Box<Type>),
    /// A map with keys that are strings: the type of the keys, and that of the values.
    Map(Box<(Type, Type)>),
    /// A type with a name.
    Named(TypeId),
}

/// A type of whole numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IntType {
    /// As Go calls it.
    pub name: &'static str,
    min: i128,
    max: i128,
}

impl IntType {
    /// Whether the type can hold `value`.
    #[must_use]
    pub fn holds(self, value: i128) -> bool {
        (self.min..=self.max).contains(&value)
    }
}

/// What a name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Definition {
    /// A struct.
    Struct(Struct),
    /// Another type under a name of its own, such as `v1.OSName`.
    Other(Type),
    /// A type that reads its JSON by its own code, such as `resource.Quantity`.
    Decodes,
    /// The version does not have it.
    Unknown,
}

/// A struct.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Struct {
    /// Its name without its package, such as `Container`.
    pub name: &'static str,
    /// Its fields in order of declaration, those of embedded structs in their places.
    pub fields: Vec<Field>,
    /// The places of the fields in the order of their names' lengths, then of the names: lengths are compared at once.
    sorted: Vec<u8>,
}

/// A field of a struct.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name in JSON.
    pub name: &'static str,
    /// The structs through which it is embedded, the outermost first.
    pub embedded: Vec<&'static str>,
    /// Whether it is a pointer.
    pub pointer: bool,
    /// Its type.
    pub of: Type,
}

impl Struct {
    /// The field of that JSON name (exactly that: the decoder does not fold case), and its place.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<(usize, &Field)> {
        let found = self
            .sorted
            .binary_search_by_key(&(name.len(), name), |place| {
                let name = self.fields[usize::from(*place)].name;
                (name.len(), name)
            })
            .ok()?;
        let place = usize::from(self.sorted[found]);
        Some((place, &self.fields[place]))
    }
}

/// The types of a version of Kubernetes. A definition is read when it is first asked for.
#[derive(Debug)]
pub struct Types {
    version: Version,
    /// The names of the types, in their order, and what stands behind them.
    lines: &'static [(&'static str, &'static str)],
    definitions: Box<[OnceLock<Definition>]>,
}

const VERSIONS: usize = (Version::NEWEST.minor() - Version::OLDEST.minor() + 1) as usize;

impl Types {
    /// The types of `version`.
    #[must_use]
    pub fn of(version: Version) -> &'static Self {
        static LINES: OnceLock<Vec<(&'static str, &'static str)>> = OnceLock::new();
        static TABLES: [OnceLock<Types>; VERSIONS] = [const { OnceLock::new() }; VERSIONS];
        let place = usize::from(version.minor() - Version::OLDEST.minor());
        TABLES[place].get_or_init(|| {
            let lines = LINES.get_or_init(|| {
                let split = |line: &'static str| line.split_once(' ').unwrap_or((line, ""));
                lines(TEXT).into_iter().map(split).collect()
            });
            Self {
                version,
                lines,
                definitions: lines.iter().map(|_| OnceLock::new()).collect(),
            }
        })
    }

    /// The type of that name, such as `core/v1.Container`.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<TypeId> {
        let found = self.lines.binary_search_by_key(&name, |(name, _)| name);
        found.ok().and_then(|place| u16::try_from(place).ok()).map(TypeId)
    }

    /// The type's full name, such as `core/v1.Container`.
    #[must_use]
    pub fn name(&self, id: TypeId) -> &'static str {
        self.lines[usize::from(id.0)].0
    }

    /// What the type is.
    #[must_use]
    pub fn definition(&self, id: TypeId) -> &Definition {
        let place = usize::from(id.0);
        self.definitions[place].get_or_init(|| self.read(self.lines[place]).unwrap_or(Definition::Unknown))
    }

    /// The struct, where the type is one.
    #[must_use]
    pub fn structure(&self, id: TypeId) -> Option<&Struct> {
        match self.definition(id) {
            Definition::Struct(structure) => Some(structure),
            _ => None,
        }
    }

    /// The struct that a type holds, directly or in a list, and whether it is in a list.
    pub(crate) fn inner_struct(&self, of: &Type) -> Option<(&Struct, bool)> {
        match of {
            Type::Named(id) => match self.definition(*id) {
                Definition::Struct(structure) => Some((structure, false)),
                Definition::Other(other) => self.inner_struct(other),
                _ => None,
            },
            Type::List(of) => self.inner_struct(of).map(|(structure, _)| (structure, true)),
            _ => None,
        }
    }

    /// A type as Go prints it.
    #[must_use]
    pub const fn show<'t>(&'t self, of: &'t Type) -> Shown<'t> {
        Shown { types: self, of }
    }

    fn read(&self, (name, rest): (&'static str, &'static str)) -> Option<Definition> {
        match rest.strip_prefix('=') {
            Some("!") => return Some(Definition::Decodes),
            Some(other) => return self.read_type(other).map(Definition::Other),
            None => {}
        }
        let mut fields = Vec::new();
        for word in rest.split(' ').filter(|word| !word.is_empty()) {
            if let Some(embedded) = word.strip_prefix('+') {
                let Some(embedded) = self.current(embedded) else {
                    continue;
                };
                let of = self.structure(self.find(embedded.trim_start_matches('*'))?)?;
                fields.extend(of.fields.iter().cloned().map(|mut field| {
                    field.embedded.insert(0, of.name);
                    field
                }));
            } else {
                let (name, of) = word.split_once(':')?;
                let Some(name) = self.current(name) else { continue };
                let pointer = of.starts_with('*');
                let of = self.read_type(of)?;
                fields.push(Field {
                    name,
                    embedded: Vec::new(),
                    pointer,
                    of,
                });
            }
        }
        let mut sorted = (0..u8::try_from(fields.len()).ok()?).collect::<Vec<_>>();
        sorted.sort_by_key(|place| {
            let name = fields[usize::from(*place)].name;
            (name.len(), name)
        });
        Some(Definition::Struct(Struct {
            name: name.rsplit_once('.')?.1,
            fields,
            sorted,
        }))
    }

    /// A name without the versions behind it, where they include this one.
    fn current(&self, name: &'static str) -> Option<&'static str> {
        let Some((name, versions)) = name.split_once('@') else {
            return Some(name);
        };
        let minor = self.version.minor();
        let within = match versions.split_once('-') {
            None => minor >= versions.parse().ok()?,
            Some(("", last)) => minor <= last.parse().ok()?,
            Some((first, last)) => (first.parse().ok()?..=last.parse().ok()?).contains(&minor),
        };
        within.then_some(name)
    }

    fn read_type(&self, text: &'static str) -> Option<Type> {
        let text = text.trim_start_matches('*');
        let int = |name, min, max| Some(Type::Int(IntType { name, min, max }));
        match text {
            "bool" => return Some(Type::Bool),
            "string" => return Some(Type::String),
            "float64" => return Some(Type::Float),
            "any" => return Some(Type::Any),
            "int32" => return int("int32", i32::MIN.into(), i32::MAX.into()),
            "int64" => return int("int64", i64::MIN.into(), i64::MAX.into()),
            "int" => return int("int", i64::MIN.into(), i64::MAX.into()),
            "uint8" => return int("uint8", 0, u8::MAX.into()),
            "uint32" => return int("uint32", 0, u32::MAX.into()),
            "uint64" => return int("uint64", 0, u64::MAX.into()),
            _ => {}
        }
        if let Some(of) = text.strip_prefix("[]") {
            return Some(Type::List(Box::new(self.read_type(of)?)));
        }
        if let Some((key, value)) = text.strip_prefix("map[").and_then(|rest| rest.split_once(']')) {
            let types = (self.read_type(key)?, self.read_type(value)?);
            return Some(Type::Map(Box::new(types)));
        }
        self.find(text).map(Type::Named)
    }
}

/// A type that is displayed as Go prints it: `[]v1.Container`, `map[string]string`.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'t> {
    types: &'t Types,
    of: &'t Type,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let types = self.types;
        match self.of {
            Type::Bool => f.write_str("bool"),
            Type::String => f.write_str("string"),
            Type::Int(int) => f.write_str(int.name),
            Type::Float => f.write_str("float64"),
            Type::Any => f.write_str("interface {}"),
            Type::List(of) => write!(f, "[]{}", types.show(of)),
            Type::Map(of) => write!(f, "map[{}]{}", types.show(&of.0), types.show(&of.1)),
            Type::Named(id) => {
                let name = types.name(*id);
                f.write_str(name.split_once('/').map_or(name, |(_, name)| name))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first_word(line: &str) -> &str {
        line.split(' ').next().unwrap_or_default()
    }

    #[test]
    fn every_type_can_be_read_in_every_version() {
        let all = lines(TEXT);
        assert!(
            all.iter().map(|line| first_word(line)).is_sorted(),
            "the search needs an order"
        );
        for version in Version::all() {
            let types = Types::of(version);
            for line in &all {
                let id = types.find(first_word(line)).expect("it is in the list");
                let definition = types.definition(id);
                assert_ne!(*definition, Definition::Unknown, "{version}: {line}");
                if let Definition::Struct(of) = definition {
                    assert!(
                        of.fields.len() <= 128,
                        "{line}: the walk counts fields in 128 bits"
                    );
                    for pair in of.sorted.windows(2) {
                        let [one, other] = [pair[0], pair[1]].map(|place| of.fields[usize::from(place)].name);
                        assert_ne!(one, other, "{version}: {} has it twice", of.name);
                    }
                }
            }
        }
    }

    #[test]
    fn a_version_has_its_own_fields() {
        let field = |version: u16, structure: &str, name: &str| {
            let types = Types::of(Version::new(version).expect("it is known"));
            let id = types.find(structure).expect("it is in the list");
            let (_, field) = types.structure(id)?.field(name)?;
            let mut way = field.embedded.clone();
            let of = types.show(&field.of).to_string();
            way.push(&of);
            Some(way.join("/"))
        };
        let own = |text: &str| Some(text.to_owned());
        assert_eq!(field(22, "core/v1.PodSpec", "os"), None);
        assert_eq!(field(23, "core/v1.PodSpec", "os"), own("v1.PodOS"));
        assert_eq!(field(37, "core/v1.PodSpec", "containers"), own("[]v1.Container"));
        assert_eq!(
            field(37, "core/v1.ResourceRequirements", "limits"),
            own("v1.ResourceList")
        );
        assert_eq!(field(22, "core/v1.Probe", "exec"), own("Handler/v1.ExecAction"));
        assert_eq!(
            field(37, "core/v1.Probe", "exec"),
            own("ProbeHandler/v1.ExecAction")
        );
        assert_eq!(
            field(37, "core/v1.HTTPGetAction", "port"),
            own("intstr.IntOrString")
        );
        assert_eq!(field(37, "core/v1.Pod", "kind"), own("TypeMeta/string"));
        assert_eq!(field(37, "core/v1.Secret", "data"), own("map[string][]uint8"));
        assert_eq!(
            field(37, "meta/v1.ObjectMeta", "creationTimestamp"),
            own("v1.Time")
        );
    }
}
