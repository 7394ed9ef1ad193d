//! What changes a cluster: what is sent, and what is made of the answers.

use super::*;
use serde_json::json;

const MANNER: Manner<'_> = Manner {
    manager: "porthole install",
    force: false,
    dry_run: false,
};

fn editor(address: &str) -> Editor {
    Editor::new(client(address, "token: hunter2"))
}

fn refused(answers: Vec<Vec<u8>>) -> String {
    let (address, _heads) = serve(answers);
    let text = apply(&editor(&address), MANNER).unwrap_err().to_string();
    assert!(!text.contains("hunter2"), "{text}");
    text.replace(&address, "SERVER")
}

fn apply(editor: &Editor, manner: Manner<'_>) -> Result<Applied> {
    let object = json!({"metadata": {"name": "web"}});
    editor.apply(&Resource::SERVICE_ACCOUNTS, Some("shop"), "web", &object, manner)
}

#[test]
fn an_object_is_applied_by_its_manager_and_warnings_are_told() {
    let created = |warning: &str| {
        answer(
            "201 Created",
            warning,
            r#"{"metadata":{"name":"web","managedFields":[{}]}}"#,
        )
    };
    let (address, heads) = serve(vec![
        created("Warning: 299 - \"a \\\"b\\\" \\\\ c\"\r\n"),
        created(""),
    ]);
    let editor = editor(&address);
    let applied = apply(&editor, MANNER).unwrap();
    assert_eq!(applied.warnings, [r#"a "b" \ c"#]);
    assert_eq!(
        applied.object,
        json!({"metadata": {"name": "web"}, "apiVersion": "v1", "kind": "ServiceAccount"})
    );
    let head = heads.recv().unwrap();
    let path = "/api/v1/namespaces/shop/serviceaccounts/web";
    assert!(
        head.starts_with(&format!("PATCH {path}?fieldManager=porthole%20install HTTP/1.1")),
        "{head}"
    );
    assert!(
        head.to_lowercase()
            .contains("content-type: application/apply-patch+yaml"),
        "{head}"
    );
    let all = Manner {
        force: true,
        dry_run: true,
        ..MANNER
    };
    assert!(apply(&editor, all).unwrap().warnings.is_empty());
    assert!(heads.recv().unwrap().contains("&force=true&dryRun=All HTTP/1.1"));
}

#[test]
fn conflicts_name_the_fields_and_who_keeps_them() {
    let conflict = r#"{"kind":"Status","reason":"Conflict","message":"Apply failed","details":{"causes":[
        {"reason":"FieldManagerConflict","message":"conflict with \"helm\" using v1","field":".spec.replicas"},
        {"reason":"Other","message":"x","field":".spec"}]}}"#;
    assert_eq!(
        refused(vec![answer("409 Conflict", "", conflict)]),
        "apply SERVER/api/v1/namespaces/shop/serviceaccounts/web: others keep other values in .spec.replicas (helm)"
    );
    let other = r#"{"kind":"Status","reason":"Conflict","message":"modified"}"#;
    let text = refused(vec![answer("409 Conflict", "", other)]);
    assert!(text.ends_with("the server answers 409: modified"), "{text}");
}

#[test]
fn what_is_removed_is_the_object_that_was_seen() {
    let gone = r#"{"kind":"Status","reason":"NotFound","details":{"name":"web"}}"#;
    let other =
        r#"{"kind":"Status","reason":"Conflict","message":"the UID in the precondition does not match"}"#;
    let (address, heads) = serve(vec![
        ok(r#"{"kind":"Status","status":"Success"}"#),
        answer("202 Accepted", "", "{}"),
        answer("404 Not Found", "", gone),
        answer("409 Conflict", "", other),
    ]);
    let editor = editor(&address);
    let delete = || editor.delete(&Resource::SERVICE_ACCOUNTS, Some("shop"), "web", "u");
    assert!(delete().unwrap());
    assert!(delete().unwrap());
    assert!(!delete().unwrap());
    assert!(delete().unwrap_err().to_string().contains("does not match"));
    assert!(
        heads
            .recv()
            .unwrap()
            .starts_with("DELETE /api/v1/namespaces/shop/serviceaccounts/web HTTP/1.1")
    );
    let refused = editor
        .delete(&Resource::SERVICE_ACCOUNTS, None, "a/b", "u")
        .unwrap_err();
    assert!(
        refused.to_string().contains("no object can be called"),
        "{refused}"
    );
}
