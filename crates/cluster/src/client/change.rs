//! Server-side apply, and DELETE.

use serde_json::{Value, json};
use ureq::http::Method;

use super::request::Question;
use super::{Client, as_kind};
use crate::entrance;
use crate::error::{Error, Problem, Result};
use crate::resource::{Resource, encoded};

/// How an object is applied.
#[derive(Clone, Copy, Debug)]
pub struct Manner<'a> {
    /// Whose fields they are from then on.
    pub manager: &'a str,
    /// Whether fields that others keep are taken from them.
    pub force: bool,
    /// Whether the server only says what would come of it.
    pub dry_run: bool,
}

/// What came of an object that was applied.
#[derive(Clone, Debug)]
pub struct Applied {
    /// The whole object, as a manifest.
    pub object: Value,
    /// What the server warns of.
    pub warnings: Vec<String>,
}

/// Changes objects of a cluster. A [`Client`] alone cannot: whoever only reads holds none of these.
#[derive(Debug)]
pub struct Editor {
    client: Client,
}

impl Editor {
    /// Changes what that client reads.
    #[must_use]
    pub const fn new(client: Client) -> Self {
        Self { client }
    }

    /// Who reads.
    #[must_use]
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// Applies an object, and makes it where it is not there.
    ///
    /// # Errors
    /// There is no answer, whoever asks may not change that, others keep other values in its fields, or the object is refused.
    pub fn apply(
        &self,
        resource: &Resource<'_>,
        namespace: Option<&str>,
        name: &str,
        object: &Value,
        manner: Manner<'_>,
    ) -> Result<Applied> {
        let doing = "apply";
        let path = self.path_of(doing, resource, namespace, name)?;
        let mut query = format!("{path}?fieldManager={}", encoded(manner.manager));
        if manner.force {
            query.push_str("&force=true");
        }
        if manner.dry_run {
            query.push_str("&dryRun=All");
        }
        // JSON is YAML.
        let body = object.to_string();
        let answer = self.client.send(&Question {
            method: Method::PATCH,
            path: &query,
            body: Some(("application/apply-patch+yaml", body.as_bytes())),
        })?;
        let warnings = answer.warnings.clone();
        let wrong = |problem| entrance::error_of(self.client.target(), doing, &path, problem);
        match answer.json().map_err(wrong)? {
            (_, Value::Object(object)) if object.get("metadata").is_some_and(Value::is_object) => {
                Ok(Applied {
                    object: as_kind(object, resource),
                    warnings,
                })
            }
            _ => Err(wrong(Problem::Strange("it is no object".to_owned()))),
        }
    }

    /// Removes the object that has this `uid`; what is below it goes after it. False where there is none.
    ///
    /// # Errors
    /// There is no answer, whoever asks may not remove that, or the name is another object's by now.
    pub fn delete(
        &self,
        resource: &Resource<'_>,
        namespace: Option<&str>,
        name: &str,
        uid: &str,
    ) -> Result<bool> {
        let doing = "remove";
        let path = self.path_of(doing, resource, namespace, name)?;
        let body = json!({
            "apiVersion": "v1", "kind": "DeleteOptions",
            "propagationPolicy": "Background", "preconditions": {"uid": uid},
        });
        let body = body.to_string();
        let answer = self.client.send(&Question {
            method: Method::DELETE,
            path: &path,
            body: Some(("application/json", body.as_bytes())),
        })?;
        if answer.status == 404 && answer.lacks_object(name) {
            return Ok(false);
        }
        match answer.json() {
            Ok(_) => Ok(true),
            Err(problem) => Err(entrance::error_of(self.client.target(), doing, &path, problem)),
        }
    }

    fn path_of(
        &self,
        doing: &str,
        resource: &Resource<'_>,
        namespace: Option<&str>,
        name: &str,
    ) -> Result<String, Error> {
        resource.path_of(namespace, name).ok_or_else(|| {
            let problem = Problem::Broken(format!("no object can be called \"{name}\""));
            entrance::error_of(self.client.target(), doing, &resource.path(namespace), problem)
        })
    }
}
