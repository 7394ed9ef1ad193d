//! Objects as trees in which keys have an order and may be there twice, as in a text.

use serde_json::Value;

/// A value of JSON or YAML.
#[derive(Clone, Debug, PartialEq)]
pub enum Tree {
    /// A null, boolean, number or string.
    Leaf(Value),
    /// A list.
    List(Vec<Tree>),
    /// Keys and their values.
    Map(Vec<(String, Tree)>),
}

/// A way from the root: the place of each entry or item.
pub type Way = Vec<usize>;

impl From<Value> for Tree {
    fn from(value: Value) -> Self {
        match value {
            Value::Array(items) => Self::List(items.into_iter().map(Self::from).collect()),
            Value::Object(entries) => Self::Map(
                entries
                    .into_iter()
                    .map(|(key, value)| (key, value.into()))
                    .collect(),
            ),
            leaf => Self::Leaf(leaf),
        }
    }
}

impl From<&str> for Tree {
    fn from(text: &str) -> Self {
        Self::Leaf(text.into())
    }
}

impl From<bool> for Tree {
    fn from(value: bool) -> Self {
        Self::Leaf(value.into())
    }
}

impl Tree {
    /// Nothing but a place for entries.
    #[must_use]
    pub const fn map() -> Self {
        Self::Map(Vec::new())
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Map(entries) => entries
                .iter()
                .find(|(name, _)| name == key)
                .map(|(_, value)| value),
            _ => None,
        }
    }

    /// The value of a key, to change it.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Self> {
        match self {
            Self::Map(entries) => entries
                .iter_mut()
                .find(|(name, _)| name == key)
                .map(|(_, value)| value),
            _ => None,
        }
    }

    /// Sets a key, in its place where it is there and at the end otherwise.
    pub fn set(&mut self, key: &str, value: impl Into<Self>) {
        if let Some(there) = self.get_mut(key) {
            *there = value.into();
        } else if let Self::Map(entries) = self {
            entries.push((key.to_owned(), value.into()));
        }
    }

    /// Takes a key away.
    pub fn remove(&mut self, key: &str) {
        if let Self::Map(entries) = self {
            entries.retain(|(name, _)| name != key);
        }
    }

    /// What is at a path of keys (`spec.template.spec`); nothing of a path is the tree itself.
    pub fn at_mut(&mut self, path: &str) -> Option<&mut Self> {
        path.split('.')
            .filter(|key| !key.is_empty())
            .try_fold(self, |tree, key| tree.get_mut(key))
    }

    /// The same to read.
    #[must_use]
    pub fn at(&self, path: &str) -> Option<&Self> {
        path.split('.')
            .filter(|key| !key.is_empty())
            .try_fold(self, |tree, key| tree.get(key))
    }

    /// The items of a list.
    pub fn items_mut(&mut self) -> impl Iterator<Item = &mut Self> {
        match self {
            Self::List(items) => items.iter_mut(),
            _ => [].iter_mut(),
        }
    }

    /// The text of a string.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Leaf(Value::String(text)) => Some(text),
            _ => None,
        }
    }

    const fn len(&self) -> usize {
        match self {
            Self::Leaf(_) => 0,
            Self::List(items) => items.len(),
            Self::Map(entries) => entries.len(),
        }
    }

    fn inner(&self, place: usize) -> Option<&Self> {
        match self {
            Self::Leaf(_) => None,
            Self::List(items) => items.get(place),
            Self::Map(entries) => entries.get(place).map(|(_, value)| value),
        }
    }

    fn inner_mut(&mut self, place: usize) -> Option<&mut Self> {
        match self {
            Self::Leaf(_) => None,
            Self::List(items) => items.get_mut(place),
            Self::Map(entries) => entries.get_mut(place).map(|(_, value)| value),
        }
    }

    /// The ways to all values below, the outer ones first.
    #[must_use]
    pub fn ways(&self) -> Vec<Way> {
        let mut ways: Vec<Way> = vec![Vec::new()];
        let mut next = 0;
        while let Some(way) = ways.get(next).cloned() {
            next += 1;
            let count = self.walk(&way).map_or(0, Self::len);
            ways.extend((0..count).map(|place| {
                let mut longer = way.clone();
                longer.push(place);
                longer
            }));
        }
        ways.remove(0);
        ways
    }

    /// What is at the end of a way.
    #[must_use]
    pub fn walk(&self, way: &[usize]) -> Option<&Self> {
        way.iter().try_fold(self, |tree, place| tree.inner(*place))
    }

    /// What is at the end of a way, to change it.
    pub fn walk_mut(&mut self, way: &[usize]) -> Option<&mut Self> {
        way.iter().try_fold(self, |tree, place| tree.inner_mut(*place))
    }

    /// The entry or item at the end of a way is taken away. Whether there was one.
    pub fn cut(&mut self, way: &[usize]) -> bool {
        let Some((place, above)) = way.split_last() else {
            return false;
        };
        match self.walk_mut(above) {
            Some(Self::List(items)) if *place < items.len() => drop(items.remove(*place)),
            Some(Self::Map(entries)) if *place < entries.len() => drop(entries.remove(*place)),
            _ => return false,
        }
        true
    }

    /// The keys of every value below, lists written `[*]`: `spec.containers[*].name`.
    pub fn paths(&self, prefix: &str, found: &mut Vec<String>) {
        match self {
            Self::Leaf(_) => {}
            Self::List(items) => {
                let path = format!("{prefix}[*]");
                for item in items {
                    item.paths(&path, found);
                }
            }
            Self::Map(entries) => {
                for (key, value) in entries {
                    let path = if prefix.is_empty() {
                        key.clone()
                    } else {
                        format!("{prefix}.{key}")
                    };
                    value.paths(&path, found);
                    found.push(path);
                }
            }
        }
    }

    /// As JSON, repeated keys and all.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut text = String::new();
        self.write(&mut text);
        text
    }

    fn write(&self, text: &mut String) {
        match self {
            Self::Leaf(value) => text.push_str(&value.to_string()),
            Self::List(items) => {
                text.push('[');
                for (place, item) in items.iter().enumerate() {
                    if place > 0 {
                        text.push(',');
                    }
                    item.write(text);
                }
                text.push(']');
            }
            Self::Map(entries) => {
                text.push('{');
                for (place, (key, value)) in entries.iter().enumerate() {
                    if place > 0 {
                        text.push(',');
                    }
                    text.push_str(&Value::from(key.as_str()).to_string());
                    text.push(':');
                    value.write(text);
                }
                text.push('}');
            }
        }
    }
}
