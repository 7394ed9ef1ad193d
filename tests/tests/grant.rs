//! `porthole grant`: what it prints, and what it says of what it has printed.

use std::fs;
use std::process::{Command, Output};

use porthole_tests::program;

fn grant(arguments: &[&str]) -> Output {
    Command::new(program::host("porthole").unwrap())
        .arg("grant")
        .args(arguments)
        .env("NO_COLOR", "1")
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn what_is_granted_may_be_used_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let rights = [
        "-s",
        "shop/web",
        "-s",
        "db",
        "--credential-spec",
        "webapp1",
        "--account",
        r"CORP\svc$",
    ];
    for (output, file) in [("human", "a.yaml"), ("json", "a.json"), ("yaml", "b.yaml")] {
        let granted = grant(&[&rights[..], &["-o", output]].concat());
        assert_eq!(granted.status.code(), Some(0), "{}", said(&granted));
        let file = directory.path().join(file);
        fs::write(&file, &granted.stdout).unwrap();
        let file = file.to_str().unwrap();
        let checked = grant(&[&rights[..], &["--check", file]].concat());
        assert_eq!(checked.status.code(), Some(0), "{}", said(&checked));
        assert_eq!(said(&checked).lines().count(), 4);
        for other in [
            ["-s", "shop/db", "--account", r"corp\SVC$"],
            ["-s", "shop/web", "--account", "svc$"],
            ["-s", "shop/web", "--credential-spec", "webapp2"],
        ] {
            let checked = grant(&[&other[..], &["--check", file]].concat());
            assert_eq!(checked.status.code(), Some(1), "{other:?}: {}", said(&checked));
            assert!(said(&checked).contains(" may not use "));
        }
        let spelt = ["-s", "shop/web", "--account", r"corp\SVC$", "--check", file];
        assert_eq!(
            grant(&spelt).status.code(),
            Some(0),
            "another spelling is the same account"
        );
    }
    // The API server takes them.
    let file = directory.path().join("a.yaml");
    let checked = Command::new(program::host("porthole").unwrap())
        .arg("check")
        .arg(file)
        .output()
        .unwrap();
    assert_eq!(checked.status.code(), Some(0), "{}", said(&checked));
}

#[test]
fn a_role_that_is_not_among_the_files_may_allow_anything() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("bindings.yaml");
    let binding = "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: a, namespace: shop}\n\
        roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: elsewhere}\n\
        subjects: [{kind: ServiceAccount, name: web, namespace: shop}]\n";
    fs::write(&file, binding).unwrap();
    let file = file.to_str().unwrap();
    let asked = ["--account", "SYSTEM", "--check", file];
    let unknown = grant(&[&["-s", "shop/web", "-o", "json"], &asked[..]].concat());
    assert_eq!(unknown.status.code(), Some(2), "{}", said(&unknown));
    let text = said(&unknown);
    for part in [
        r#""allowed": null"#,
        r#""name": "nt authority\\system""#,
        r#""resource": "hostaccounts.porthole.dev""#,
        r#"clusterrole.rbac.authorization.k8s.io \"elsewhere\" not found"#,
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    // Of two answers a no is the one that counts.
    let both = grant(&[&["-s", "shop/web", "-s", "shop/db"], &asked[..]].concat());
    assert_eq!(both.status.code(), Some(1), "{}", said(&both));
}

#[test]
fn what_cannot_be_asked_is_told() {
    for (arguments, expected) in [
        (&["-s", "web"][..], "--credential-spec"),
        (
            &["-s", "Web", "--account", "x"],
            "read the service account `Web`: a lowercase RFC 1123 subdomain",
        ),
        (
            &["-s", "a/b/c", "--account", "x"],
            "read the service account `a/b/c`: ",
        ),
        (
            &["-s", "web", "--account", "a@b"],
            "read the account `a@b`: runAsUserName's User cannot contain",
        ),
        (
            &["-s", "web", "--account", ".\\"],
            "read the account `.\\`: runAsUserName cannot be an empty string",
        ),
        (
            &["-s", "web", "--credential-spec", "A"],
            "read the credential spec `A`: ",
        ),
        (
            &["-s", "web", "--account", "x", "--check"],
            "name the files with roles and bindings, or --cluster",
        ),
        (
            &["-s", "web", "--account", "x", "--check", "/nowhere"],
            "read `/nowhere`",
        ),
    ] {
        let output = grant(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let text = said(&output);
        assert!(text.contains(expected), "{arguments:?}: {text}");
    }
}
