//! What a real API server answers.

use porthole_tests::failure::{Failure, Result};
use porthole_tests::kubernetes::{Client, collection};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::beside;
use crate::namespaces;
use crate::tree::Tree;

/// Asked without being done, and strictly.
const DRY_RUN: &str = "dryRun=All&fieldValidation=Strict";

/// Creates the namespaces of [`namespaces`] on a server.
///
/// # Errors
/// The server does not take one of them.
pub fn prepare(client: &Client) -> Result<()> {
    for namespace in namespaces::all() {
        let answer = client.post("/api/v1/namespaces", &namespace.to_string())?;
        // They may be there from another run.
        if answer.code != 201 && answer.code != 409 {
            return Err(Failure::new("create a namespace", answer.body));
        }
    }
    Ok(())
}

/// Where the objects of an object's kind are.
fn place(object: &Tree, namespace: &str) -> Result<String> {
    let text = |key| object.get(key).and_then(Tree::text);
    let (Some(api_version), Some(kind)) = (text("apiVersion"), text("kind")) else {
        return Err(Failure::new("create an object", "it has no apiVersion or kind"));
    };
    let cluster = beside::KINDS
        .iter()
        .any(|known| known.kind == kind && !known.namespaced);
    Ok(collection(api_version, kind, (!cluster).then_some(namespace)))
}

/// Asks a server to create an object, without doing it. None where it panics over that object: it has no answer then that
/// could be compared.
///
/// # Errors
/// There is no answer, or the object does not say what it is.
pub fn ask(client: &Client, object: &Tree, namespace: &str) -> Result<Option<Answer>> {
    let path = place(object, namespace)?;
    let answer = client.post_unless_it_panics(&format!("{path}?{DRY_RUN}"), &object.to_json())?;
    answer.as_ref().map(settled).transpose()
}

/// What comes of a creation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Created {
    /// It is there, and this is its uid.
    As(String),
    /// The server does not take it.
    Refused,
    /// The server panics.
    Panic,
}

/// Creates an object. The server is asked first without doing it, in case that it panics.
///
/// # Errors
/// There is no answer, or the object does not say what it is.
pub fn create(client: &Client, object: &Tree, namespace: &str) -> Result<Created> {
    let path = place(object, namespace)?;
    let json = object.to_json();
    let Some(asked) = client.post_unless_it_panics(&format!("{path}?dryRun=All"), &json)? else {
        return Ok(Created::Panic);
    };
    if asked.code != 201 {
        return Ok(Created::Refused);
    }
    let answer = client.post(&path, &json)?;
    if answer.code != 201 {
        return Ok(Created::Refused);
    }
    let uid = answer.json()?["metadata"]["uid"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    Ok(Created::As(uid))
}

/// Deletes an object that was created under that name.
///
/// # Errors
/// There is no answer.
pub fn delete(client: &Client, object: &Tree, name: &str, namespace: &str) -> Result<()> {
    let path = place(object, namespace)?;
    client
        .delete(&format!("{path}/{name}?gracePeriodSeconds=0"))
        .map(drop)
}

/// Asks a server to apply a patch to the object of that name, without doing it. None where it panics, as for [`ask`].
///
/// # Errors
/// There is no answer.
pub fn ask_to_change(
    client: &Client,
    object: &Tree,
    name: &str,
    namespace: &str,
    patch: &Value,
) -> Result<Option<Answer>> {
    let there = format!("{}/{name}?{DRY_RUN}", place(object, namespace)?);
    let kind = "application/merge-patch+json";
    let answer = client.patch_unless_it_panics(&there, kind, &patch.to_string())?;
    answer.as_ref().map(settled).transpose()
}

fn settled(answer: &porthole_tests::kubernetes::Answer) -> Result<Answer> {
    let status = match answer.code {
        ..300 => Value::Null,
        // Where there is nothing the server speaks no JSON, and clients say so.
        404 => answer.json().unwrap_or_else(|_| not_found()),
        _ => answer.json()?,
    };
    Ok(Answer {
        code: answer.code,
        status,
        warnings: answer.warnings.clone(),
    }
    .settled())
}

/// What clients make of an address at which there is nothing.
fn not_found() -> Value {
    json!({
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": "the server could not find the requested resource",
        "reason": "NotFound",
        "details": {},
        "code": 404,
    })
}
