//! Label selectors.

use std::collections::BTreeMap;

use porthole_manifest::Node;

use crate::role::strings;

/// A label selector (`matchLabels` and `matchExpressions`). An empty one matches everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector {
    requirements: Vec<Requirement>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Requirement {
    key: String,
    operator: Operator,
    values: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
    /// None that there is: nothing matches.
    Unknown,
}

impl Selector {
    /// A selector of one label.
    #[must_use]
    pub fn of_label(key: &str, value: &str) -> Self {
        Self {
            requirements: vec![Requirement {
                key: key.to_owned(),
                operator: Operator::In,
                values: vec![value.to_owned()],
            }],
        }
    }

    /// Reads a `LabelSelector`.
    #[must_use]
    pub fn read(node: Node<'_>) -> Self {
        let labels = node.child("matchLabels").entries().map(|entry| Requirement {
            key: entry.key.key_text().into_owned(),
            operator: Operator::In,
            values: entry.value.as_str().map(str::to_owned).into_iter().collect(),
        });
        let expressions = node.child("matchExpressions").items().map(|node| Requirement {
            key: node.child("key").as_str().unwrap_or_default().to_owned(),
            operator: match node.child("operator").as_str() {
                Some("In") => Operator::In,
                Some("NotIn") => Operator::NotIn,
                Some("Exists") => Operator::Exists,
                Some("DoesNotExist") => Operator::DoesNotExist,
                _ => Operator::Unknown,
            },
            values: strings(node.child("values")),
        });
        Self {
            requirements: labels.chain(expressions).collect(),
        }
    }

    /// Whether the labels are selected.
    #[must_use]
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.requirements.iter().all(|requirement| {
            let value = labels.get(&requirement.key);
            let among = value.is_some_and(|value| requirement.values.contains(value));
            match requirement.operator {
                Operator::In => among,
                Operator::NotIn => !among,
                Operator::Exists => value.is_some(),
                Operator::DoesNotExist => value.is_none(),
                Operator::Unknown => false,
            }
        })
    }
}
