//! A template, written as people write charts.

use serde_json::Value;

use super::renderings::{PORT, REPLICAS, TIMEOUT};
use super::tree::{Choices, MergeError, Part, Tree, merge};

/// What stands in a text as a placeholder, and the expression that a template has there.
const EXPRESSIONS: Substitutes = &[
    ("<name>", "$name"),
    ("<namespace>", "$.Release.Namespace"),
    ("<service>", "$.Release.Service"),
    ("<secret>", "$secret"),
    ("<image>", "include \"porthole.image\" $"),
    ("<imagePullPolicy>", "$.Values.image.imagePullPolicy"),
    ("<failurePolicy>", "include \"porthole.failurePolicy\" $"),
    ("<logFormat>", "$.Values.logFormat"),
    ("<logLevel>", "$.Values.logLevel"),
    ("<hostAccounts>", "$.Values.hostAccounts"),
    ("<signer>", "$.Values.certificates.signer.name"),
    ("<authority>", "$.Values.certificates.signer.authorityConfigMap"),
];

/// Numbers that stand for values.
const NUMBERS: &[(u64, &str)] = &[
    (REPLICAS as u64, "$.Values.replicaCount | int"),
    (PORT as u64, "$.Values.containerPort | int"),
    (TIMEOUT as u64, "$.Values.timeoutSeconds | int"),
];

/// Parts that are there once for each of several, by how their keys begin: what is gone through, and what stands for placeholders
/// in them.
const EACH: &[(&str, &str, Substitutes)] = &[
    (
        "\"<excluded>\"",
        "range without (uniq ($.Values.excludedNamespaces | default list)) \"kube-system\" $.Release.Namespace",
        &[("<excluded>", ".")],
    ),
    (
        "\"--runtime-class=<runtimeClass>\"",
        "range $.Values.runtimeClasses",
        &[("<runtimeClass>", ".")],
    ),
    (
        "{\"key\":\"<label>\"",
        "range $label, $value := $.Values.namespaceLabels",
        &[("<label>", "$label"), ("<value>", "$value")],
    ),
    (
        "\"<label>\"",
        "range $label, $value := omit ($.Values.nodeSelector | default dict) \"kubernetes.io/os\"",
        &[("<label>", "$label"), ("<value>", "$value")],
    ),
];

/// Placeholders, and the expressions for them.
type Substitutes = &'static [(&'static str, &'static str)];

/// The names of `RuntimeClass`es in CEL.
const CLASSES: (&str, &str) = (
    "['<runtimeClass>']",
    "[{{ include \"porthole.quoted\" $.Values.runtimeClasses }}]",
);

/// Fields that are written in one piece, by the placeholder that is their value: what is asked for, and how it is written where
/// there is any.
const FIELDS: &[(&str, &str, Written)] = &[
    ("<tolerations>", "$.Values.tolerations", Written::Yaml),
    ("<affinity>", "$.Values.affinity", Written::Yaml),
    ("<imagePullSecrets>", "$.Values.imagePullSecrets", Written::Yaml),
    ("<priorityClassName>", "$.Values.priorityClassName", Written::Text),
    ("<podAnnotations>", "$.Values.podAnnotations", Written::Yaml),
    (
        "<podSecurityContext>",
        "$.Values.podSecurityContext",
        Written::Yaml,
    ),
    ("<securityContext>", "$.Values.securityContext", Written::Yaml),
    ("<resources>", "$.Values.resources", Written::Yaml),
    ("<bundle>", "include \"porthole.caBundle\" $", Written::Text),
    ("<budget>", "$.Values.podDisruptionBudget", Written::Budget),
];

#[derive(Clone, Copy)]
enum Written {
    Yaml,
    Text,
    Budget,
}

/// Lines of a template.
#[derive(Default)]
pub(super) struct Printer {
    lines: Vec<String>,
    /// What stands for placeholders of what is there several times.
    each: Substitutes,
}

impl Printer {
    /// Objects, each as a document of its own.
    pub(super) fn documents(objects: &[Part]) -> String {
        let mut printer = Self::default();
        printer.parts(0, objects, |printer, object| {
            printer.line(0, "---");
            printer.tree(0, &object.tree);
        });
        printer.lines.join("\n") + "\n"
    }

    /// A value alone, of which there is one rendering.
    pub(super) fn document(value: &Value) -> Result<String, MergeError> {
        let tree = merge(&[], &[(&Choices::new(), value)], "")?;
        let mut printer = Self::default();
        printer.tree(0, &tree);
        Ok(printer.lines.join("\n") + "\n")
    }

    fn line(&mut self, indent: usize, text: impl AsRef<str>) {
        self.lines.push(format!("{:indent$}{}", "", text.as_ref()));
    }

    /// Parts, neighbours under the same condition together.
    fn parts(&mut self, indent: usize, parts: &[Part], write: impl Fn(&mut Self, &Part)) {
        for parts in parts.chunk_by(|one, next| one.condition == next.condition) {
            let condition = parts.first().and_then(|part| part.condition.as_ref());
            if let Some(condition) = condition {
                self.line(indent, format!("{{{{- if {condition} }}}}"));
            }
            for part in parts {
                write(self, part);
            }
            if condition.is_some() {
                self.line(indent, "{{- end }}");
            }
        }
    }

    fn tree(&mut self, indent: usize, tree: &Tree) {
        match tree {
            Tree::Map(parts) => self.parts(indent, parts, |printer, part| printer.entry(indent, part)),
            Tree::List(parts) => self.parts(indent, parts, |printer, part| printer.item(indent, part)),
            Tree::Text(parts) => self.parts(indent, parts, |printer, part| {
                printer.line(indent, part.key.replace(CLASSES.0, CLASSES.1));
            }),
            Tree::Scalar(value) => {
                let value = self.scalar(value);
                self.line(indent, value);
            }
        }
    }

    /// An entry of a mapping.
    fn entry(&mut self, indent: usize, part: &Part) {
        if let Tree::Scalar(Value::String(text)) = &part.tree
            && let Some((_, value, written)) = FIELDS.iter().find(|(name, ..)| name == text)
        {
            return self.field(indent, &part.key, value, *written);
        }
        let quoted = Value::from(part.key.as_str()).to_string();
        self.several(indent, &quoted, |printer| {
            let key = printer.text(&part.key);
            match &part.tree {
                Tree::Scalar(value) => {
                    let value = printer.scalar(value);
                    printer.line(indent, format!("{key}: {value}"));
                }
                Tree::Map(parts) if parts.is_empty() => printer.line(indent, format!("{key}: {{}}")),
                Tree::List(parts) if parts.is_empty() => printer.line(indent, format!("{key}: []")),
                Tree::Text(_) => {
                    printer.line(indent, format!("{key}: |-"));
                    printer.tree(indent + 2, &part.tree);
                }
                Tree::Map(_) | Tree::List(_) => {
                    printer.line(indent, format!("{key}:"));
                    printer.tree(indent + 2, &part.tree);
                }
            }
        });
    }

    /// An item of a list: its first line begins with a hyphen.
    fn item(&mut self, indent: usize, part: &Part) {
        self.several(indent, &part.key, |printer| {
            let first = printer.lines.len();
            printer.tree(indent + 2, &part.tree);
            if let Some(line) = printer.lines.get_mut(first) {
                line.replace_range(indent..indent + 2, "- ");
            }
        });
    }

    /// A part that may be there for each of several.
    fn several(&mut self, indent: usize, key: &str, write: impl FnOnce(&mut Self)) {
        let Some((_, range, each)) = EACH.iter().find(|(start, ..)| key.starts_with(start)) else {
            return write(self);
        };
        self.line(indent, format!("{{{{- {range} }}}}"));
        self.each = each;
        write(self);
        self.each = &[];
        self.line(indent, "{{- end }}");
    }

    fn field(&mut self, indent: usize, key: &str, value: &str, written: Written) {
        match written {
            Written::Yaml => {
                self.line(indent, format!("{{{{- with {value} }}}}"));
                self.line(indent, format!("{key}:"));
                self.line(indent, format!("  {{{{- toYaml . | nindent {} }}}}", indent + 2));
            }
            Written::Text => {
                self.line(indent, format!("{{{{- with {value} }}}}"));
                self.line(indent, format!("{key}: {{{{ . | quote }}}}"));
            }
            Written::Budget => {
                self.line(
                    indent,
                    format!("{{{{- if kindIs \"invalid\" {value}.minAvailable }}}}"),
                );
                self.line(
                    indent,
                    format!("maxUnavailable: {{{{ {value}.maxUnavailable | toJson }}}}"),
                );
                self.line(indent, "{{- else }}");
                self.line(
                    indent,
                    format!("minAvailable: {{{{ {value}.minAvailable | toJson }}}}"),
                );
            }
        }
        self.line(indent, "{{- end }}");
    }

    fn scalar(&self, value: &Value) -> String {
        match value {
            Value::String(text) => self.text(text),
            other => {
                let known = NUMBERS.iter().find(|(number, _)| other.as_u64() == Some(*number));
                known.map_or_else(
                    || other.to_string(),
                    |(_, expression)| format!("{{{{ {expression} }}}}"),
                )
            }
        }
    }

    /// A text: bare where it can be nothing else, else in quotes.
    fn text(&self, text: &str) -> String {
        let known = || self.each.iter().chain(EXPRESSIONS);
        if let Some((_, expression)) = known().find(|(mark, _)| *mark == text) {
            return format!("{{{{ {expression} | quote }}}}");
        }
        let mut written = text.to_owned();
        for (mark, expression) in known() {
            written = written.replace(mark, &format!("{{{{ {expression} }}}}"));
        }
        for (number, expression) in NUMBERS {
            written = written.replace(&number.to_string(), &format!("{{{{ {expression} }}}}"));
        }
        if written == text && is_plain(text) {
            written
        } else if written == text {
            Value::from(written).to_string()
        } else {
            format!("\"{written}\"")
        }
    }
}

/// Whether YAML takes a text for nothing but a text, without quotes.
fn is_plain(text: &str) -> bool {
    let words = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && text.chars().all(plain)
        && !words.contains(&text.to_lowercase().as_str())
}
