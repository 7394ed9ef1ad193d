//! What a real API server answers.

use porthole_tests::failure::{Failure, Result};
use porthole_tests::kubernetes::{Client, collection};
use serde_json::Value;

use crate::answer::Answer;
use crate::namespaces;
use crate::tree::Tree;

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

/// Asks a server to create an object, without doing it.
///
/// # Errors
/// There is no answer, or the object does not say what it is.
pub fn ask(client: &Client, object: &Tree, namespace: &str) -> Result<Answer> {
    let text = |key| object.get(key).and_then(Tree::text);
    let (Some(api_version), Some(kind)) = (text("apiVersion"), text("kind")) else {
        return Err(Failure::new("create an object", "it has no apiVersion or kind"));
    };
    let path = collection(api_version, kind, Some(namespace));
    let answer = client.post(
        &format!("{path}?dryRun=All&fieldValidation=Strict"),
        &object.to_json(),
    )?;
    let status = if answer.code < 300 {
        Value::Null
    } else {
        answer.json()?
    };
    Ok(Answer {
        code: answer.code,
        status,
        warnings: answer.warnings,
    }
    .settled())
}
