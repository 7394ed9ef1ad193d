//! The walk through an object beside its Go type.

use std::collections::HashSet;

use porthole_manifest::{Entry, Node, Span, Value};

use super::help::{self, Owner};
use super::{base64, json_schema, number, quantity, time};
use crate::path::Path;
use crate::render::go_quote;
use crate::schema::{Definition, Field, Struct, Type, TypeId, Types};
use crate::seen::Seen;
use crate::version::Version;

/// The most unknown and repeated fields that the decoder remembers.
const MOST: usize = 100;

/// A value that its field cannot hold.
pub(super) struct Mistake {
    /// The decoder's text.
    pub(super) text: String,
    pub(super) field: String,
    pub(super) span: Span,
    pub(super) help: Option<String>,
    /// What was found, what was wanted and the fields in between, where the text says that one cannot be unmarshalled into
    /// the other: a decoder around this one says it with its own names.
    cause: Option<(String, String, String)>,
}

/// A field that is unknown, or there before.
pub(super) struct StrictError {
    pub(super) duplicate: bool,
    pub(super) path: String,
    pub(super) span: Span,
    pub(super) help: Option<String>,
    /// The server of 1.23, told to be strict, names the field without its path.
    bare: Option<String>,
}

impl StrictError {
    pub(super) fn text(&self) -> String {
        let what = if self.duplicate { "duplicate" } else { "unknown" };
        let name = self.bare.as_deref().unwrap_or(&self.path);
        format!("{what} field {}", go_quote(name))
    }
}

/// A type that reads itself has refused its value: nothing behind it is read.
pub(super) struct Ended;

/// The walk, and what it has found.
pub(super) struct Walk {
    types: &'static Types,
    version: Version,
    /// The fields that lead to the value, as the decoder's messages name them: without indices and keys of maps.
    fields: Vec<&'static str>,
    /// The structs on the way, the innermost last.
    owners: Vec<Owner<'static>>,
    pub(super) mistake: Option<Mistake>,
    pub(super) strict: Vec<StrictError>,
    seen: HashSet<(bool, String)>,
}

impl Walk {
    pub(super) fn new(version: Version) -> Self {
        Self {
            types: Types::of(version),
            version,
            fields: Vec::new(),
            owners: Vec::new(),
            mistake: None,
            strict: Vec::new(),
            seen: HashSet::new(),
        }
    }

    /// Walks a whole object.
    pub(super) fn object(&mut self, object: Node<'_>, structure: TypeId) {
        let Some(of) = self.types.structure(structure) else {
            return;
        };
        if object.is_mapping() {
            // What has ended the walk is its mistake.
            let _ = self.structure(object, of, None, structure);
        }
    }

    /// A walk of its own inside of this one.
    pub(super) fn inner(&self) -> Self {
        Self::new(self.version)
    }

    /// Walks a mapping of the type of that name.
    pub(super) fn named(&mut self, node: Node<'_>, name: &str, path: &Path<'_>) -> Result<(), Ended> {
        let types = self.types;
        match types.find(name).and_then(|id| Some((id, types.structure(id)?))) {
            Some((id, of)) => self.structure(node, of, Some(path), id),
            None => Ok(()),
        }
    }

    fn structure(
        &mut self,
        node: Node<'_>,
        of: &'static Struct,
        path: Option<&Path<'_>>,
        id: TypeId,
    ) -> Result<(), Ended> {
        let depth = self.fields.len();
        let field = self.fields.last().copied().unwrap_or_default();
        self.owners.push(Owner { of, field, id });
        let mut seen = 0_u128;
        for entry in node.entries() {
            let key = entry.key.key_text();
            let here = path.map_or(Path::root(&key), |path| path.child(&key));
            let Some((place, field)) = of.field(&key) else {
                self.strict(false, &here, &key, entry);
                continue;
            };
            let bit = 1 << place;
            if seen & bit != 0 {
                self.strict(true, &here, &key, entry);
            }
            seen |= bit;
            self.field(entry.value, field, &here)?;
            self.fields.truncate(depth);
        }
        self.owners.pop();
        Ok(())
    }

    fn field(&mut self, value: Node<'_>, field: &'static Field, path: &Path<'_>) -> Result<(), Ended> {
        if self.version.at_least(35) {
            self.fields.extend(&field.embedded);
        }
        self.fields.push(field.name);
        self.value(value, &field.of, path)
    }

    fn value(&mut self, node: Node<'_>, wanted: &'static Type, path: &Path<'_>) -> Result<(), Ended> {
        let mut of = wanted;
        while let Type::Named(id) = of {
            match self.types.definition(*id) {
                Definition::Other(other) => of = other,
                Definition::Struct(of) => {
                    return match node.value() {
                        Value::Null => Ok(()),
                        Value::Mapping(_) => self.structure(node, of, Some(path), *id),
                        value => {
                            self.wrong_type(node, number::kind(&value), wanted, path);
                            Ok(())
                        }
                    };
                }
                Definition::Decodes => return self.decoded(node, self.types.name(*id), path),
                Definition::Unknown => return Ok(()),
            }
        }
        match (node.value(), of) {
            (Value::Null, _)
            | (_, Type::Any | Type::Named(_))
            | (Value::Bool(_), Type::Bool)
            | (Value::String(_), Type::String)
            | (Value::Int(_) | Value::Unsigned(_) | Value::Float(_), Type::Float) => Ok(()),
            (value @ (Value::Int(_) | Value::Unsigned(_) | Value::Float(_)), Type::Int(int)) => {
                if number::whole(&value).is_some_and(|whole| int.holds(whole)) {
                    return Ok(());
                }
                self.wrong_type(node, &number::kind_with_number(&value), wanted, path);
                Ok(())
            }
            (Value::Sequence(items), Type::List(of)) => {
                for (index, item) in items.enumerate() {
                    self.value(item, of, &path.index(index))?;
                }
                Ok(())
            }
            (Value::Mapping(_), Type::Map(of)) => self.map(node, &of.1, path),
            (Value::String(text), Type::List(of)) if matches!(&**of, Type::Int(int) if int.name == "uint8") =>
            {
                if let Some(byte) = base64::corrupt_at(text) {
                    let text = format!("illegal base64 data at input byte {byte}");
                    let help = "values of `data` are base64; plain text goes to `stringData`".to_owned();
                    self.plain_mistake(node, text, Some(help), path);
                }
                Ok(())
            }
            (value, _) => {
                self.wrong_type(node, number::kind(&value), wanted, path);
                Ok(())
            }
        }
    }

    fn map(&mut self, node: Node<'_>, of: &'static Type, path: &Path<'_>) -> Result<(), Ended> {
        let mut seen = node.document().repeats_keys().then(Seen::new);
        for entry in node.entries() {
            let key = entry.key.key_text();
            let here = path.child(&key);
            if let Some(seen) = &mut seen
                && !seen.insert(key.clone())
            {
                self.strict(true, &here, &key, entry);
            }
            self.value(entry.value, of, &here)?;
        }
        Ok(())
    }

    /// A value whose type reads it by its own code.
    fn decoded(&mut self, node: Node<'_>, name: &str, path: &Path<'_>) -> Result<(), Ended> {
        let value = node.value();
        if matches!(value, Value::Null) {
            return Ok(());
        }
        let plain = |text, help| Mistake {
            text,
            field: path.to_string(),
            span: node.span(),
            help,
            cause: None,
        };
        let unfit = |found: &str, wanted: &str| {
            let cause = (found.to_owned(), wanted.to_owned(), String::new());
            self.unmarshal(node, cause, None, path)
        };
        let mistake = match name {
            "resource.Quantity" => {
                quantity::refuse(&value).map(|text| plain(text.to_owned(), help::quantity(&value)))
            }
            "intstr.IntOrString" => {
                let fits = matches!(value, Value::String(_))
                    || number::whole(&value).is_some_and(|whole| i32::try_from(whole).is_ok());
                (!fits).then(|| unfit(&number::kind_with_number(&value), "int32"))
            }
            "meta/v1.Time" | "meta/v1.MicroTime" => {
                let layout = if name == "meta/v1.Time" {
                    time::SECONDS
                } else {
                    time::MICROSECONDS
                };
                match &value {
                    Value::String(text) => time::refuse(text, layout).map(|text| plain(text, None)),
                    value => Some(unfit(number::kind(value), "string")),
                }
            }
            _ => json_schema::mistake(self, node, name, path).map(|inner| match inner.cause {
                Some(cause) => Mistake {
                    field: inner.field,
                    span: inner.span,
                    ..self.unmarshal(node, cause, inner.help, path)
                },
                None => inner,
            }),
        };
        mistake.map_or(Ok(()), |mistake| self.end(mistake))
    }

    /// A value of the wrong type.
    pub(super) fn mismatch(
        &mut self,
        node: Node<'_>,
        found: &str,
        wanted: &str,
        help: Option<String>,
        path: &Path<'_>,
    ) {
        if self.mistake.is_none() {
            let cause = (found.to_owned(), wanted.to_owned(), String::new());
            self.mistake = Some(self.unmarshal(node, cause, help, path));
        }
    }

    fn wrong_type(&mut self, node: Node<'_>, found: &str, wanted: &'static Type, path: &Path<'_>) {
        if self.mistake.is_none() {
            let types = self.types;
            let help = help::mismatch(node, wanted, types);
            self.mismatch(node, found, &types.show(wanted).to_string(), help, path);
        }
    }

    /// The mistake of a value that cannot become what is wanted, as the struct that is read names it.
    fn unmarshal(
        &self,
        node: Node<'_>,
        (found, wanted, inner): (String, String, String),
        help: Option<String>,
        path: &Path<'_>,
    ) -> Mistake {
        let owner = self.owners.last().map_or("", |owner| owner.of.name);
        let mut field = self.fields.join(".");
        if !inner.is_empty() && self.version.at_least(35) {
            field.push('.');
            field.push_str(&inner);
        }
        Mistake {
            text: format!(
                "json: cannot unmarshal {found} into Go struct field {owner}.{field} of type {wanted}"
            ),
            field: path.to_string(),
            span: node.span(),
            help,
            cause: Some((found, wanted, field)),
        }
    }

    /// Remembers the first mistake, one whose text is the same whoever reads it.
    pub(super) fn plain_mistake(
        &mut self,
        node: Node<'_>,
        text: String,
        help: Option<String>,
        path: &Path<'_>,
    ) {
        self.mistake.get_or_insert_with(|| Mistake {
            text,
            field: path.to_string(),
            span: node.span(),
            help,
            cause: None,
        });
    }

    /// A mistake that is the answer whatever was found before.
    fn end(&mut self, mistake: Mistake) -> Result<(), Ended> {
        self.mistake = Some(mistake);
        Err(Ended)
    }

    /// Remembers a field that is unknown, or there before.
    pub(super) fn strict(&mut self, duplicate: bool, path: &Path<'_>, key: &str, entry: Entry<'_>) {
        let path = path.to_string();
        let bare = (!self.version.at_least(24)).then(|| key.to_owned());
        let name = bare.clone().unwrap_or_else(|| path.clone());
        if self.strict.len() >= MOST || !self.seen.insert((duplicate, name)) {
            return;
        }
        let help = if duplicate {
            None
        } else {
            help::unknown(key, &self.owners, self.types, self.version)
        };
        self.strict.push(StrictError {
            duplicate,
            path,
            span: entry.key.span(),
            help,
            bare,
        });
    }
}
