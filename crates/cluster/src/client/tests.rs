use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use super::*;
use crate::kubeconfig::Kubeconfig;
use crate::places::Places;

mod change;
mod encrypted;
mod proxies;

const SMALL: Bounds = Bounds {
    answer: 2000,
    list: 5000,
    page: 2,
    connect: Duration::from_secs(10),
    total: Duration::from_secs(20),
    attempts: 3,
    wait: Duration::from_millis(10),
};

/// A target at an address, with further settings of its cluster and its user.
fn target(server: &str, cluster: &str, user: &str) -> Target {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config");
    let text = format!(
        "current-context: c\nclusters: [{{name: a, cluster: {{server: '{server}'{cluster}}}}}]\n\
         users: [{{name: b, user: {{{user}}}}}]\ncontexts: [{{name: c, context: {{cluster: a, user: b}}}}]\n"
    );
    std::fs::write(&file, text).unwrap();
    let places = Places {
        named: Some(file),
        ..Places::default()
    };
    Target::of_context(&Kubeconfig::load(&places).unwrap(), None).unwrap()
}

/// A server that answers each connection with the next of `answers`, and the heads of the requests that it was sent.
fn serve(answers: Vec<Vec<u8>>) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (sender, heads) = mpsc::channel();
    thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let head = head(&stream);
            let _ = sender.send(head);
            // Whoever has read enough hangs up.
            let _ = stream.write_all(&answer);
        }
    });
    (address, heads)
}

fn head(stream: &TcpStream) -> String {
    let lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let lines = lines.map_while(Result::ok).take_while(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join("\n")
}

fn answer(status: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}")
        .into_bytes()
}

fn ok(body: &str) -> Vec<u8> {
    answer("200 OK", "", body)
}

fn client(address: &str, user: &str) -> Client {
    Client::within(target(address, "", user), SMALL).unwrap()
}

fn refusal<T: std::fmt::Debug>(answers: Vec<Vec<u8>>, ask: impl Fn(&Client) -> Result<T>) -> String {
    let (address, _heads) = serve(answers);
    let error = ask(&client(&address, "token: hunter2")).unwrap_err();
    let text = error.to_string();
    assert!(!text.contains("hunter2"), "{text}");
    text.replace(&address, "SERVER")
}

fn namespaces(client: &Client) -> Result<Vec<Value>> {
    client.list(&Resource::NAMESPACES, None)
}

#[test]
fn the_version_is_asked_for_with_the_token() {
    let (address, heads) = serve(vec![ok(
        r#"{"major":"1","minor":"37","gitVersion":"v1.37.0-eks-1"}"#,
    )]);
    assert_eq!(
        client(&address, "token: hunter2").version().unwrap(),
        "v1.37.0-eks-1"
    );
    let head = heads.recv().unwrap();
    assert!(head.starts_with("GET /version HTTP/1.1\n"), "{head}");
    assert!(
        head.to_lowercase().contains("authorization: bearer hunter2"),
        "{head}"
    );
}

#[test]
fn groups_of_kinds_are_looked_for_by_name() {
    let groups = r#"{"kind":"APIGroupList","groups":[{"name":"apps"},{"name":"cert-manager.io"}]}"#;
    let (address, heads) = serve(vec![ok(groups), ok(groups)]);
    let client = client(&address, "");
    assert!(client.has_group("cert-manager.io").unwrap());
    assert!(!client.has_group("cert-manager").unwrap());
    assert!(heads.recv().unwrap().starts_with("GET /apis HTTP/1.1\n"));
    let refused = refusal(vec![ok("{}")], |client| client.has_group("apps"));
    assert!(refused.ends_with("it has no groups"), "{refused}");
}

#[test]
fn a_list_is_read_page_by_page() {
    let page = |name: &str, more: &str| {
        ok(&format!(
            r#"{{"kind":"NamespaceList","metadata":{{"continue":"{more}"}},"items":[{{"metadata":{{"name":"{name}","managedFields":[{{}}]}}}}]}}"#
        ))
    };
    let (address, heads) = serve(vec![page("a", "x=&y"), page("b", "")]);
    let found = namespaces(&client(&address, "")).unwrap();
    assert_eq!(
        found,
        ["a", "b"].map(
            |name| serde_json::json!({"metadata": {"name": name}, "apiVersion": "v1", "kind": "Namespace"})
        )
    );
    assert!(
        heads
            .recv()
            .unwrap()
            .starts_with("GET /api/v1/namespaces?limit=2 HTTP/1.1")
    );
    assert!(
        heads
            .recv()
            .unwrap()
            .starts_with("GET /api/v1/namespaces?limit=2&continue=x%3D%26y HTTP/1.1")
    );
}

#[test]
fn pages_that_have_expired_are_asked_for_all_at_once() {
    let first = ok(r#"{"metadata":{"continue":"x"},"items":[{"metadata":{"name":"a"}}]}"#);
    let gone = answer(
        "410 Gone",
        "",
        r#"{"kind":"Status","reason":"Expired","message":"too old"}"#,
    );
    let (address, heads) = serve(vec![first, gone, ok(r#"{"metadata":{},"items":[]}"#)]);
    assert!(namespaces(&client(&address, "")).unwrap().is_empty());
    let last = heads.iter().nth(2).unwrap();
    assert!(last.starts_with("GET /api/v1/namespaces HTTP/1.1"), "{last}");
}

#[test]
fn pages_without_end_have_one() {
    let same = ok(r#"{"metadata":{"continue":"x"},"items":[]}"#);
    let said = refusal(vec![same; 2], namespaces);
    assert!(
        said.ends_with("a page of the list goes on from where it began"),
        "{said}"
    );
    let answers: Vec<_> = (0..6)
        .map(|n| ok(&format!(r#"{{"metadata":{{"continue":"{n}"}},"items":[]}}"#)))
        .collect();
    let said = refusal(answers, namespaces);
    assert_eq!(
        said,
        "read SERVER/api/v1/namespaces: the list is longer than 5000 bytes"
    );
}

#[test]
fn an_object_that_is_not_there_is_no_error_and_a_kind_that_is_not_there_is_one() {
    let missing = r#"{"kind":"Status","reason":"NotFound","details":{"name":"team","kind":"namespaces"},"message":"namespaces \"team\" not found"}"#;
    let unserved = r#"{"kind":"Status","reason":"NotFound","details":{},"message":"the server could not find the requested resource"}"#;
    let get = |client: &Client| client.get(&Resource::NAMESPACES, None, "team");
    let (address, _heads) = serve(vec![answer("404 Not Found", "", missing)]);
    assert_eq!(get(&client(&address, "")).unwrap(), None);
    let (address, _heads) = serve(vec![answer("404 Not Found", "", unserved)]);
    let error = get(&client(&address, "")).unwrap_err();
    assert!(error.is_of_one_kind(), "{error}");
    assert!(
        error
            .to_string()
            .ends_with("/api/v1/namespaces/team: the cluster does not have this kind"),
        "{error}"
    );
    let (address, _heads) = serve(vec![answer("404 Not Found", "", "404 page not found")]);
    let error = get(&client(&address, "")).unwrap_err();
    assert!(
        !error.is_of_one_kind() && error.to_string().ends_with("the server answers 404"),
        "{error}"
    );
    // Nothing is asked of a name that no object has.
    let nowhere = client("http://127.0.0.1:1", "");
    assert_eq!(
        nowhere.get(&Resource::NAMESPACES, None, "../nodes").unwrap(),
        None
    );
}

#[test]
fn what_is_forbidden_is_told_in_the_server_s_words() {
    let body = r#"{"kind":"Status","reason":"Forbidden","message":"namespaces is forbidden:\nno"}"#;
    let (address, _heads) = serve(vec![answer("403 Forbidden", "", body)]);
    let error = namespaces(&client(&address, "")).unwrap_err();
    assert!(error.is_of_one_kind());
    assert!(
        error
            .to_string()
            .ends_with("/api/v1/namespaces: namespaces is forbidden: no"),
        "{error}"
    );
    let said = refusal(vec![answer("401 Unauthorized", "", "{}")], namespaces);
    assert_eq!(
        said,
        "read SERVER/api/v1/namespaces: the server does not take the credentials (401 Unauthorized)"
    );
}

#[test]
fn answers_of_no_api_server_are_refused() {
    let long = format!(r#"{{"items":["{}"]}}"#, "x".repeat(3000));
    let endless = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
        .iter()
        .copied()
        .chain(vec![b'['; 100_000]);
    let deep = format!(r#"{{"items":{}{}}}"#, "[".repeat(500), "]".repeat(500));
    for (answer, wanted) in [
        (
            ok("<html>"),
            "this is no answer of an API server: no JSON (line 1, column 1)",
        ),
        (ok("[]"), "this is no answer of an API server: it is no list"),
        (ok(r#"{"items":[1]}"#), "an item of the list is no object"),
        (ok(&deep), "no JSON"),
        (ok(&long), "the answer is longer than 2000 bytes"),
        (endless.collect(), "the answer is longer than 2000 bytes"),
        (
            answer(
                "302 Found",
                "Location: https://login.example/?token=hunter2\r\n",
                "",
            ),
            "the server sends on to https://login.example/, which is not followed",
        ),
        (
            answer("500 Internal Server Error", "", "oops"),
            "the server answers 500",
        ),
        (b"SSH-2.0-OpenSSH\r\n".to_vec(), "SERVER/api/v1/namespaces: "),
    ] {
        let said = refusal(vec![answer], namespaces);
        assert!(said.contains(wanted), "{said}");
    }
}

#[test]
fn a_server_that_is_busy_is_asked_again() {
    let busy = || answer("429 Too Many Requests", "Retry-After: 0\r\n", "");
    let (address, _heads) = serve(vec![busy(), busy(), ok(r#"{"items":[]}"#)]);
    assert!(namespaces(&client(&address, "")).unwrap().is_empty());
    let said = refusal(vec![busy(), busy(), busy()], namespaces);
    assert!(said.ends_with("the server answers 429"), "{said}");
    let long = answer("429 Too Many Requests", "Retry-After: 3600\r\n", "");
    assert!(refusal(vec![long], namespaces).ends_with("the server answers 429"));
}

#[test]
fn a_server_that_is_silent_is_waited_for_no_longer_than_the_limit() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let bounds = Bounds {
        total: Duration::from_millis(200),
        ..SMALL
    };
    let client = Client::within(target(&address, "", ""), bounds).unwrap();
    let said = namespaces(&client).unwrap_err().to_string();
    assert!(said.contains("no answer in time"), "{said}");
    drop(listener);
    let error = namespaces(&client).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("the connection is refused: nobody listens there"),
        "{error}"
    );
    assert!(
        error.help().unwrap().contains("check the server's address"),
        "{error}"
    );
}

#[test]
fn passwords_token_files_and_impersonation_go_with_each_request() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("token");
    for (user, wanted) in [
        (
            "username: me, password: pw".to_owned(),
            "authorization: basic bwu6chc=",
        ),
        (
            format!("tokenFile: '{}', token: old", file.display()),
            "authorization: bearer one",
        ),
        (
            "as: you, as-uid: '7', as-groups: [g]".to_owned(),
            "impersonate-user: you\nimpersonate-uid: 7\nimpersonate-group: g",
        ),
        (
            "as: you, as-user-extra: {'a/b': [c]}".to_owned(),
            "impersonate-extra-a%2fb: c",
        ),
    ] {
        std::fs::write(&file, "one\n").unwrap();
        let (address, heads) = serve(vec![ok(r#"{"items":[]}"#); 2]);
        let client = client(&address, &user);
        namespaces(&client).unwrap();
        let head = heads.recv().unwrap().to_lowercase();
        assert!(head.contains(wanted), "{user}: {head}");
        std::fs::write(&file, "two\n").unwrap();
        namespaces(&client).unwrap();
        let head = heads.recv().unwrap().to_lowercase();
        assert_eq!(head.contains("bearer two"), user.contains("tokenFile"), "{head}");
    }
    std::fs::write(&file, "\n").unwrap();
    let client = client("http://127.0.0.1:1", &format!("tokenFile: '{}'", file.display()));
    let said = namespaces(&client).unwrap_err().to_string();
    assert_eq!(said, format!("read the token {}", file.display()));
}

#[cfg(unix)]
#[test]
fn a_plug_in_is_asked_once_and_once_more_when_its_token_is_no_longer_taken() {
    let directory = tempfile::tempdir().unwrap();
    let count = directory.path().join("count");
    let script = format!(
        "echo x >>{0}; printf \"{{\\\"kind\\\":\\\"ExecCredential\\\",\\\"apiVersion\\\":\\\"client.authentication.k8s.io/v1beta1\\\",\
         \\\"status\\\":{{\\\"token\\\":\\\"t%s\\\"}}}}\" $(wc -l <{0})",
        count.display()
    );
    let user = format!(
        "exec: {{apiVersion: client.authentication.k8s.io/v1beta1, interactiveMode: Never, command: sh, args: [-c, {}]}}",
        serde_json::to_string(&script).unwrap()
    );
    let good = || ok(r#"{"items":[]}"#);
    let (address, heads) = serve(vec![good(), good(), answer("401 Unauthorized", "", "{}"), good()]);
    let client = client(&address, &user);
    for _ in 0..3 {
        namespaces(&client).unwrap();
    }
    let tokens: Vec<String> = heads
        .iter()
        .map(|head| {
            head.to_lowercase()
                .split("bearer ")
                .nth(1)
                .unwrap()
                .lines()
                .next()
                .unwrap()
                .to_owned()
        })
        .collect();
    assert_eq!(tokens, ["t1", "t1", "t1", "t2"]);
}

#[test]
fn a_proxy_of_the_kubeconfig_is_asked_for_the_server() {
    let (proxy, heads) = serve(vec![b"HTTP/1.1 403 Forbidden\r\n\r\n".to_vec()]);
    let target = target("https://api.example:6443", &format!(", proxy-url: '{proxy}'"), "");
    let client = Client::within(target, SMALL).unwrap();
    assert!(namespaces(&client).is_err());
    let head = heads.recv().unwrap();
    assert!(head.starts_with("CONNECT api.example:6443 HTTP/1.1"), "{head}");
}
