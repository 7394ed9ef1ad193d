//! `porthole grant`: what it prints, and what it says of what it has printed.

use std::fs;
use std::process::{Command, Output};
use std::time::Duration;

use porthole_tests::kubernetes::{ApiServer, Client, Settings};
use porthole_tests::{program, wait};
use serde_json::{Value, json};

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

/// What of `porthole grant --apply` is said: the exit code, standard output, and standard error.
fn applied(kubeconfig: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    let apply = ["--apply", "--kubeconfig", kubeconfig];
    let output = grant(&[&apply[..], arguments].concat());
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
#[ignore = "needs kube-apiserver 1.37"]
fn what_is_granted_is_applied_once_and_nothing_is_taken_from_others() {
    let server = ApiServer::start(&Settings::default()).unwrap();
    let client = Client::new(&server).unwrap();
    let kubeconfig = server.kubeconfig();
    let kubeconfig = kubeconfig.to_str().unwrap();
    let rights = [
        "-s",
        "shop/web",
        "--account",
        "SYSTEM",
        "--credential-spec",
        "webapp1",
    ];
    let dry = [&rights[..], &["--dry-run=server"]].concat();

    // A dry run tells of a namespace that is not there as well.
    for rights in [&rights[..], &dry] {
        let (code, said, errors) = applied(kubeconfig, rights);
        assert_eq!((code, said.as_str()), (Some(2), ""), "{errors}");
        assert!(errors.contains("namespaces \"shop\" not found"), "{errors}");
        assert!(errors.contains("help: make the namespace first"), "{errors}");
    }
    let namespace = r#"{"metadata": {"name": "shop"}}"#;
    assert_eq!(client.post("/api/v1/namespaces", namespace).unwrap().code, 201);

    let (code, said, errors) = applied(kubeconfig, &dry);
    assert_eq!(code, Some(0), "{errors}");
    assert_eq!(said.lines().count(), 4, "{said}");
    assert!(
        said.lines()
            .all(|line| line.ends_with(" created (server dry run)")),
        "{said}"
    );
    let may = || {
        let check = ["--check", "--cluster", "--kubeconfig", kubeconfig];
        grant(&[&rights[..], &check[..]].concat()).status.code()
    };
    assert_eq!(may(), Some(1), "nothing is kept of a dry run");
    for done in ["created", "unchanged"] {
        let (code, said, errors) = applied(kubeconfig, &rights);
        assert_eq!((code, errors.as_str()), (Some(0), ""), "{said}");
        assert_eq!(said.lines().count(), 4, "{said}");
        assert!(
            said.lines().all(|line| line.ends_with(&format!(" {done}"))),
            "{said}"
        );
    }
    wait::until("the authoriser to know", Duration::from_secs(30), || {
        Ok((may() == Some(0)).then_some(()))
    })
    .unwrap();

    // Somebody else has changed what it may be used for.
    let path = "/apis/rbac.authorization.k8s.io/v1/namespaces/shop/roles/porthole:credential-spec:webapp1";
    let other = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "porthole:credential-spec:webapp1"},
        "rules": [{"apiGroups": ["windows.k8s.io"], "resources": ["gmsacredentialspecs"], "resourceNames": ["webapp2"], "verbs": ["use"]}],
    });
    let change = format!("{path}?fieldManager=helm&force=true");
    let answer = client
        .patch(&change, "application/apply-patch+yaml", &other.to_string())
        .unwrap();
    assert_eq!(answer.code, 200, "{}", answer.body);
    let (code, _, errors) = applied(kubeconfig, &rights);
    assert_eq!(code, Some(1), "{errors}");
    assert!(
        errors.contains("others keep other values in .rules (helm)"),
        "{errors}"
    );
    assert!(
        errors.contains("--force-conflicts takes these fields over"),
        "{errors}"
    );
    let (code, said, errors) = applied(kubeconfig, &[&rights[..], &["--force-conflicts"]].concat());
    assert_eq!(code, Some(0), "{errors}");
    assert!(said.contains("credential-spec:webapp1 configured\n"), "{said}");
    assert_eq!(said.matches(" unchanged\n").count(), 3, "{said}");
}

#[test]
#[ignore = "needs kube-apiserver 1.37"]
fn who_has_not_what_is_granted_is_told_what_granting_takes() {
    let settings = Settings::default().user("grantor", &[]);
    let server = ApiServer::start(&settings).unwrap();
    let client = Client::new(&server).unwrap();
    let rbac = "/apis/rbac.authorization.k8s.io/v1";
    let role = json!({"metadata": {"name": "grantor"}, "rules": [
        {"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles", "rolebindings"], "verbs": ["get", "create", "patch"]},
    ]});
    let binding = json!({
        "metadata": {"name": "grantor"}, "subjects": [{"kind": "User", "name": "grantor"}],
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "grantor"},
    });
    for (resource, object) in [("clusterroles", role), ("clusterrolebindings", binding)] {
        let answer = client
            .post(&format!("{rbac}/{resource}"), &object.to_string())
            .unwrap();
        assert_eq!(answer.code, 201, "{}", answer.body);
    }
    let mut config: Value = serde_json::from_slice(&fs::read(server.kubeconfig()).unwrap()).unwrap();
    config["users"][0]["user"] = json!({"token": server.token_of("grantor").unwrap()});
    let file = server.directory().join("grantor.json");
    fs::write(&file, config.to_string()).unwrap();
    let more = ["-s", "web", "--account", "Administrators"];
    wait::until("the grantor's role to count", Duration::from_secs(30), || {
        let (code, _, errors) = applied(file.to_str().unwrap(), &more);
        assert_eq!(code, Some(2), "{errors}");
        Ok(errors
            .contains("is attempting to grant RBAC permissions not currently held")
            .then(|| {
                assert!(errors.contains("help: granting needs the rights"), "{errors}");
            }))
    })
    .unwrap();
}

#[test]
fn how_it_is_applied_is_asked_only_of_what_is_applied() {
    for arguments in [
        &["--dry-run=server"][..],
        &["--force-conflicts"],
        &["--kubeconfig", "x"],
        &["--apply", "--check"],
        &["--apply", "-o", "json"],
    ] {
        let output = grant(&[&["-s", "web", "--account", "x"], arguments].concat());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", said(&output));
    }
}
