//! What is wrong with what is asked for, and the refusal that is made of it.

use serde_json::{Value, json};

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What kind of thing, in kebab-case: for audit annotations and metrics. Where `check` finds the same, the name of its
    /// rule.
    pub id: &'static str,
    /// The HTTP status that it has alone.
    pub code: u16,
    /// What is wrong.
    pub message: String,
    /// Where.
    pub field: String,
    /// What to try.
    pub help: Option<String>,
    /// Whether the webhook of kubernetes-sigs/windows-gmsa refuses it as well.
    pub(super) known_upstream: bool,
}

impl Problem {
    /// A problem that the existing webhook has as well.
    pub(super) fn new(id: &'static str, code: u16, field: String, message: String) -> Self {
        Self {
            id,
            code,
            message,
            field,
            help: None,
            known_upstream: true,
        }
    }

    /// The same, where only porthole refuses it if `own`.
    pub(super) fn own_if(self, own: bool) -> Self {
        Self {
            known_upstream: self.known_upstream && !own,
            ..self
        }
    }

    pub(super) fn with_help(self, help: String) -> Self {
        Self {
            help: Some(help),
            ..self
        }
    }

    /// The API's word for it in a list of causes.
    fn cause(&self) -> &'static str {
        match self.code {
            400 => "FieldValueTypeInvalid",
            403 => "FieldValueForbidden",
            404 => "FieldValueNotFound",
            500.. => "InternalError",
            _ => "FieldValueInvalid",
        }
    }
}

/// How many problems an answer tells of.
pub const MOST_PROBLEMS: usize = 100;

/// What has been found to be wrong.
#[derive(Debug, Default)]
pub(super) struct Problems {
    told: Vec<Problem>,
}

impl Problems {
    /// Adds one, unless there are enough.
    pub(super) fn push(&mut self, problem: Problem) {
        if !self.are_enough() {
            self.told.push(problem);
        }
    }

    /// Whether no more are told. Then nobody is to be asked for more, either: a pod may name a spec in each of thousands of
    /// containers.
    pub(super) fn are_enough(&self) -> bool {
        self.told.len() >= MOST_PROBLEMS
    }
}

impl Extend<Problem> for Problems {
    fn extend<T: IntoIterator<Item = Problem>>(&mut self, problems: T) {
        problems.into_iter().for_each(|problem| self.push(problem));
    }
}

/// A refusal: at least one problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    first: Problem,
    problems: Vec<Problem>,
    name: String,
}

impl Denial {
    /// A refusal of the object called `name`, where there are problems.
    pub(super) fn of(problems: Problems, name: &str) -> Option<Self> {
        let problems = problems.told;
        // The existing webhook stops at the first that it knows: its message and code are the answer's.
        let known = problems.iter().find(|problem| problem.known_upstream);
        let first = known.or_else(|| problems.first())?.clone();
        Some(Self {
            first,
            problems,
            name: name.to_owned(),
        })
    }

    /// A refusal for one reason.
    pub(super) fn one(problem: Problem, name: &str) -> Self {
        Self {
            first: problem.clone(),
            problems: vec![problem],
            name: name.to_owned(),
        }
    }

    /// The HTTP status of the answer.
    #[must_use]
    pub fn code(&self) -> u16 {
        self.first.code
    }

    /// What the answer says.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.first.message
    }

    /// What is wrong, up to a hundred.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// The API's word for the code; there is none for 417.
    fn reason(&self) -> Option<&'static str> {
        Some(match self.code() {
            400 => "BadRequest",
            403 => "Forbidden",
            404 => "NotFound",
            413 => "RequestEntityTooLarge",
            422 => "Invalid",
            500 => "InternalError",
            503 => "ServiceUnavailable",
            _ => return None,
        })
    }

    /// The `status` of the answer.
    pub(super) fn to_json(&self) -> Value {
        let mut status = json!({"metadata": {}, "status": "Failure", "message": self.message()});
        if let Some(reason) = self.reason() {
            status["reason"] = json!(reason);
        }
        let causes = self.problems.iter().map(|problem| {
            let mut cause = json!({"reason": problem.cause(), "message": problem.message});
            if !problem.field.is_empty() {
                cause["field"] = json!(problem.field);
            }
            cause
        });
        let mut details = json!({});
        if !self.name.is_empty() {
            details["name"] = json!(self.name);
        }
        // Of an invalid object the API names the kind, else the resource.
        details["kind"] = json!(if self.code() == 422 { "Pod" } else { "pods" });
        details["causes"] = causes.collect();
        status["details"] = details;
        status["code"] = json!(self.code());
        status
    }
}
