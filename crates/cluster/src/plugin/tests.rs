use std::path::PathBuf;

use super::*;

const V1: &str = "client.authentication.k8s.io/v1";

fn plugin(script: &str) -> Plugin {
    Plugin {
        api_version: V1.to_owned(),
        command: PathBuf::from("sh"),
        arguments: vec!["-c".to_owned(), script.to_owned()],
        environment: vec![("WHO".to_owned(), "me".to_owned())],
        hint: Some("get it from us".to_owned()),
        knows_cluster: true,
        interaction: Interaction::Never,
    }
}

fn run(plugin: &Plugin) -> Result<Given> {
    let cluster = Cluster {
        tls_server_name: Some("kubernetes".to_owned()),
        for_plugins: Some(json!({"audience": "us"})),
        ..Cluster::default()
    };
    ask(plugin, &cluster, "https://a:6443")
}

fn refusal(plugin: &Plugin) -> String {
    run(plugin).unwrap_err().to_string()
}

#[test]
fn a_plug_in_is_told_of_the_cluster_and_answers_with_a_token() {
    let script = r#"
        case "$KUBERNETES_EXEC_INFO" in
        *'"apiVersion":"client.authentication.k8s.io/v1"'*) ;; *) exit 3;;
        esac
        case "$KUBERNETES_EXEC_INFO" in
        *'"server":"https://a:6443"'*'"tls-server-name":"kubernetes"'*'"audience":"us"'*) ;; *) exit 4;;
        esac
        if read -r line; then exit 5; fi
        printf '{"kind":"ExecCredential","apiVersion":"%s","status":{"token":"%s"}}' client.authentication.k8s.io/v1 "$WHO"
    "#;
    let given = run(&plugin(script)).unwrap();
    assert_eq!(given.token.unwrap().expose(), b"me");
    assert!(given.identity.is_none());
}

#[test]
fn a_plug_in_may_answer_with_a_certificate() {
    let answer = |status: &str| {
        plugin(&format!(
            "echo '{{\"kind\":\"ExecCredential\",\"apiVersion\":\"{V1}\",\"status\":{{{status}}}}}'"
        ))
    };
    let given = run(&answer(r#""clientCertificateData":"c","clientKeyData":"k""#)).unwrap();
    let (certificate, key) = given.identity.unwrap();
    assert_eq!((certificate.expose(), key.expose()), (&b"c"[..], &b"k"[..]));
    let said = refusal(&answer(r#""clientKeyData":"hunter2""#));
    assert!(
        said.contains("a key without its certificate") && !said.contains("hunter2"),
        "{said}"
    );
    let said = refusal(&answer(""));
    assert!(
        said.ends_with("its answer has neither a token nor a certificate"),
        "{said}"
    );
}

#[test]
fn what_a_plug_in_says_wrong_is_not_quoted() {
    for (script, wanted) in [
        ("echo hunter2", "its answer is no JSON"),
        (
            "echo '{\"kind\":\"hunter2\"}'",
            "is no ExecCredential of client.authentication.k8s.io/v1",
        ),
        (
            "echo '{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/v1beta1\"}'",
            "is no ExecCredential of client.authentication.k8s.io/v1",
        ),
        ("echo hunter2; exit 7", "it ended with exit status: 7"),
    ] {
        let said = refusal(&plugin(script));
        assert!(
            said.starts_with("ask the credential plug-in `sh` who one is: "),
            "{said}"
        );
        assert!(said.contains(wanted) && !said.contains("hunter2"), "{said}");
    }
}

#[test]
fn a_plug_in_that_is_not_there_is_told_with_how_to_get_it() {
    let missing = Plugin {
        command: PathBuf::from("/nonexistent/login"),
        ..plugin("")
    };
    let error = run(&missing).unwrap_err();
    assert!(error.to_string().contains("it cannot be started"), "{error}");
    assert_eq!(error.help(), Some("get it from us"));
    let old = Plugin {
        api_version: "client.authentication.k8s.io/v1alpha1".to_owned(),
        ..plugin("")
    };
    let said = refusal(&old);
    assert!(
        said.contains("v1alpha1, of which client.authentication.k8s.io/v1 and v1beta1 are known"),
        "{said}"
    );
}

#[test]
fn a_plug_in_has_limits_of_time_and_output() {
    let ask = |script: &str, patience| {
        let mut child = Command::new("sh")
            .args(["-c", script])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        porthole_helper::answer(&mut child, LONGEST, patience).unwrap_err()
    };
    let said = ask("exec sleep 60", Duration::from_millis(100));
    assert!(said.contains("no answer within"), "{said}");
    let said = ask("exec >&-; exec sleep 60", Duration::from_millis(100));
    assert!(said.contains("did not end within"), "{said}");
    let said = ask("exec cat /dev/zero", Duration::from_secs(30));
    assert!(said.contains("longer than 1048576 bytes"), "{said}");
}
