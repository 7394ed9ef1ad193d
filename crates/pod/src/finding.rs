//! What is wrong, where, in the API server's words.

use std::fmt;

use porthole_manifest::Span;

use crate::rule::Rule;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Someone's opinion of how to do better.
    Advice,
    /// It works, and not as it looks.
    Warning,
    /// It is refused, or does not run.
    Error,
}

/// The API server's types of errors about a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The field's value is malformed or does not fit others.
    Invalid,
    /// The field must be set.
    Required,
    /// The field may not be set here.
    Forbidden,
    /// The value is none of those that are known.
    NotSupported,
    /// The value may be there once only.
    Duplicate,
    /// Nothing has the name that the value gives.
    NotFound,
    /// Too many bytes or characters. Messages do not show the value.
    TooLong,
    /// Too many items: the value is their number.
    TooMany,
    /// The value is not of the type that the field has.
    TypeInvalid,
    /// The API server fails, for what the object asks of it.
    Internal,
    /// What the API server says beside its answer (`Warning:`). The detail is the whole text.
    Warning,
    /// Admission does not let the object pass, or says that it would not. The detail is the whole text.
    Denied,
    /// What porthole says in words of its own. The detail is the whole text.
    Remark,
    /// The object cannot be read: validation is never reached. The detail is the whole message.
    Undecodable,
    /// The server does not serve what the object is (404). The detail is the whole message.
    NotServed,
    /// The request has more bytes than the server reads (413). The detail is the whole message.
    TooLarge,
    /// The object is another one since it was read (409). The detail is what comes after the object's name.
    Conflict,
    /// The server fails (500). The detail is the whole message.
    Failed,
    /// The API server takes the object and says nothing: the field has no effect. The detail is what a newer server would
    /// say.
    Ignored,
}

impl ErrorKind {
    /// The words between the field and its value.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Invalid | Self::TypeInvalid => "Invalid value",
            Self::Required => "Required value",
            Self::Forbidden => "Forbidden",
            Self::NotSupported => "Unsupported value",
            Self::Duplicate => "Duplicate value",
            Self::NotFound => "Not found",
            Self::TooLong => "Too long",
            Self::TooMany => "Too many",
            Self::Internal => "Internal error",
            Self::Undecodable
            | Self::NotServed
            | Self::TooLarge
            | Self::Conflict
            | Self::Failed
            | Self::Ignored
            | Self::Warning
            | Self::Denied
            | Self::Remark => "",
        }
    }

    /// The `reason` of a cause in an API status.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Invalid => "FieldValueInvalid",
            Self::Required => "FieldValueRequired",
            Self::Forbidden => "FieldValueForbidden",
            Self::NotSupported => "FieldValueNotSupported",
            Self::Duplicate => "FieldValueDuplicate",
            Self::NotFound => "FieldValueNotFound",
            Self::TooLong => "FieldValueTooLong",
            Self::TooMany => "FieldValueTooMany",
            Self::TypeInvalid => "FieldValueTypeInvalid",
            Self::Internal => "InternalError",
            Self::Undecodable
            | Self::NotServed
            | Self::TooLarge
            | Self::Conflict
            | Self::Failed
            | Self::Ignored
            | Self::Warning
            | Self::Denied
            | Self::Remark => "",
        }
    }

    /// Whether the detail is all that there is to say.
    const fn is_whole(self) -> bool {
        matches!(
            self,
            Self::Undecodable
                | Self::NotServed
                | Self::TooLarge
                | Self::Conflict
                | Self::Failed
                | Self::Ignored
                | Self::Warning
                | Self::Denied
                | Self::Remark
        )
    }

    /// Whether messages of this kind show the value.
    const fn shows_value(self) -> bool {
        matches!(
            self,
            Self::Invalid
                | Self::NotSupported
                | Self::Duplicate
                | Self::NotFound
                | Self::TooMany
                | Self::TypeInvalid
        )
    }
}

/// Something that a rule found. Displayed as the API server prints it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule.
    pub rule: &'static Rule,
    /// How bad it is.
    pub severity: Severity,
    /// The type of error.
    pub kind: ErrorKind,
    /// The path of the field, such as `spec.hostNetwork`.
    pub field: String,
    /// The field's value as the API server renders it.
    pub value: Option<String>,
    /// What is wrong with it; may be empty.
    pub detail: String,
    /// The place in the source: of the value, or of what makes a missing value necessary.
    pub span: Option<Span>,
    /// Other places in the same source that have to do with it, and what they are.
    pub related: Vec<(Span, String)>,
    /// What to do about it, in porthole's own words: no part of the API server's text.
    pub help: Option<String>,
    /// How the source is changed so that it is gone.
    pub fix: Option<Fix>,
}

/// A change of the source that mends a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// What it does, such as "set `hostNetwork: true`".
    pub title: String,
    /// Whether it can be applied unseen: it says what the author has evidently meant.
    pub safe: bool,
    /// Its edits, which do not overlap, in the order of the text.
    pub edits: Vec<Edit>,
}

/// A replacement of a piece of the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// What is replaced; where it is empty, text is inserted.
    pub span: Span,
    /// What stands there afterwards.
    pub text: String,
}

impl Finding {
    /// A finding of that severity in porthole's own words.
    #[must_use]
    pub fn remark(
        rule: &'static Rule,
        severity: Severity,
        field: impl Into<String>,
        text: impl Into<String>,
        span: Span,
    ) -> Self {
        Self {
            rule,
            severity,
            kind: ErrorKind::Remark,
            field: field.into(),
            value: None,
            detail: text.into(),
            span: Some(span),
            related: Vec::new(),
            help: None,
            fix: None,
        }
    }

    /// The same with advice.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same with a further place.
    #[must_use]
    pub fn with_related(mut self, span: Span, text: impl Into<String>) -> Self {
        self.related.push((span, text.into()));
        self
    }

    /// The same with a change that mends it.
    #[must_use]
    pub fn with_fix(mut self, fix: Fix) -> Self {
        self.fix = Some(fix);
        self
    }

    /// The text without the field, as the causes of an API status have it.
    #[must_use]
    pub fn body(&self) -> String {
        if self.kind.is_whole() {
            return self.detail.clone();
        }
        let mut text = self.kind.text().to_owned();
        if let Some(value) = self.value.as_deref().filter(|_| self.kind.shows_value()) {
            text.push_str(": ");
            text.push_str(value);
        }
        if !self.detail.is_empty() {
            text.push_str(": ");
            text.push_str(&self.detail);
        }
        text
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.kind.is_whole() {
            return f.write_str(&self.detail);
        }
        write!(f, "{}: {}", self.field, self.body())
    }
}
