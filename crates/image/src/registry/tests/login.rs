//! Who is let in, and what is told to whom.

use super::*;

/// base64 of `me:hunter2`.
const BASIC: &str = "Basic bWU6aHVudGVyMg==";

fn image() -> Fake {
    Fake::new(b"layer", "linux")
}

/// A registry that wants tokens of itself, and takes the first only `uses` times; 0 is never any.
fn with_tokens(uses: usize) -> Server {
    let state = Mutex::new((0, 0));
    let host = Arc::new(Mutex::new(String::new()));
    let own = Arc::clone(&host);
    let server = Server::registry(image(), move |request, stream| {
        let (given, uses_so_far) = &mut *state.lock().unwrap();
        if request.line.starts_with("GET /token?") {
            *given += 1;
            *uses_so_far = 0;
            let body = format!(r#"{{"token":"number-{given}","expires_in":60}}"#);
            reply(stream, "200 OK", &[], body.as_bytes());
            return true;
        }
        let right = format!("Bearer number-{given}");
        let good = uses > 0 && (*given > 1 || *uses_so_far < uses);
        if *given > 0 && good && request.header("authorization") == Some(&right) {
            *uses_so_far += 1;
            return false;
        }
        let realm = format!(
            r#"Bearer realm="http://{}/token",service="the service",scope="repository:other:delete""#,
            own.lock().unwrap()
        );
        reply(stream, "401 Unauthorized", &[("WWW-Authenticate", &realm)], b"");
        true
    });
    host.lock().unwrap().clone_from(&server.host);
    server
}

#[test]
fn tokens_are_for_what_is_done_and_nothing_else() {
    let server = with_tokens(100);
    let bench = Bench::new().with_login(&server);
    bench.pull(&server).unwrap();
    let all = server.all();
    let asked: Vec<&Seen> = all
        .iter()
        .filter(|seen| seen.line.starts_with("GET /token"))
        .collect();
    assert_eq!(asked.len(), 1);
    assert_eq!(
        asked[0].line,
        "GET /token?service=the%20service&scope=repository%3Ateam%2Fapp%3Apull"
    );
    assert_eq!(asked[0].header("authorization"), Some(BASIC));
    // The registry itself never hears the password.
    let told = all.iter().filter(|seen| seen.line.starts_with("GET /v2/"));
    assert!(told.clone().count() >= 4);
    for seen in told {
        assert_ne!(seen.header("authorization"), Some(BASIC), "{seen:?}");
    }
}

#[test]
fn a_token_that_ends_is_got_anew() {
    let server = with_tokens(1);
    Bench::new().pull(&server).unwrap();
    let tokens = server
        .lines()
        .iter()
        .filter(|line| line.starts_with("GET /token"))
        .count();
    // One for the manifest; one for both blobs, whoever of them asks first.
    assert_eq!(tokens, 2);
}

#[test]
fn a_token_that_never_suffices_is_asked_for_once() {
    let server = with_tokens(0);
    let said = Bench::new().refusal(&server);
    assert!(
        said.contains("access denied (401); there are no credentials"),
        "{said}"
    );
    let tokens = server
        .lines()
        .iter()
        .filter(|line| line.starts_with("GET /token"))
        .count();
    assert_eq!(tokens, 1);
}

/// A registry that wants a password.
fn with_basic(odd: impl Fn(&Seen, &mut TcpStream) -> bool + Send + Sync + 'static) -> Server {
    Server::registry(image(), move |request, stream| {
        if request.header("authorization") == Some(BASIC) {
            return odd(request, stream);
        }
        reply(
            stream,
            "401 Unauthorized",
            &[("WWW-Authenticate", r#"Basic realm="x""#)],
            b"",
        );
        true
    })
}

#[test]
fn passwords_are_given_to_whoever_asks_by_name() {
    let server = with_basic(|_, _| false);
    let bench = Bench::new().with_login(&server);
    bench.pull(&server).unwrap();
    // Not before it asks.
    assert_eq!(server.all()[0].header("authorization"), None);
    let said = Bench::new().refusal(&server);
    assert!(
        said.contains("access denied (401); there are no credentials"),
        "{said}"
    );
}

#[test]
fn a_wrong_password_is_not_shown() {
    let server = Server::registry(image(), |request, stream| {
        let told = request.header("authorization").unwrap_or_default().to_owned();
        // A registry that repeats what it was told.
        let body = format!(r#"{{"errors":[{{"code":"{told}","message":"{told} hunter2"}}]}}"#);
        reply(
            stream,
            "401 Unauthorized",
            &[("WWW-Authenticate", "Basic")],
            body.as_bytes(),
        );
        true
    });
    let bench = Bench::new().with_login(&server);
    let error = bench.pull(&server).unwrap_err();
    let said = format!("{error} {error:?}");
    assert!(said.contains("the credentials do not suffice"), "{said}");
    assert!(!said.contains("hunter2") && !said.contains("bWU6"), "{said}");
}

#[test]
fn who_a_redirect_leads_to_is_told_nothing() {
    let other = Server::registry(image(), |_, _| false);
    let to = format!("http://{}", other.host);
    let path = image().layer_path();
    let server = with_basic(move |request, stream| {
        let odd = request.line.ends_with(&path);
        if odd {
            let location = format!("{to}{}?sig=x", request.line.split(' ').nth(1).unwrap());
            // What follows must end with the digest for the other server to know it.
            let location = location.trim_end_matches("?sig=x");
            reply(stream, "307 Temporary Redirect", &[("Location", location)], b"");
        }
        odd
    });
    let bench = Bench::new().with_login(&server);
    bench.pull(&server).unwrap();
    let all = other.all();
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].header("authorization"), None, "{all:?}");
}

#[test]
fn who_a_redirect_leads_to_cannot_ask_for_the_password() {
    let other = Server::start(|_, stream| {
        reply(stream, "401 Unauthorized", &[("WWW-Authenticate", "Basic")], b"");
    });
    let location = format!("http://{}/x", other.host);
    let server = with_basic(move |_, stream| {
        reply(
            stream,
            "307 Temporary Redirect",
            &[("Location", location.as_str())],
            b"",
        );
        true
    });
    let bench = Bench::new().with_login(&server);
    let said = bench.refusal(&server);
    assert!(said.contains("access denied (401)"), "{said}");
    assert!(
        other
            .all()
            .iter()
            .all(|seen| seen.header("authorization").is_none())
    );
}

#[test]
fn realms_that_are_not_encrypted_are_not_asked() {
    for (challenge, reason) in [
        (
            r#"Bearer realm="http://192.0.2.1/token""#,
            "its realm http://192.0.2.1/token is not encrypted",
        ),
        (r#"Bearer realm="file:///etc/passwd""#, "its realm is no URL"),
        ("Bearer", "its realm is no URL"),
        (
            "Negotiate",
            "it offers negotiate, and porthole has Basic and Bearer",
        ),
        ("", "it does not say which"),
    ] {
        let server = Server::start(move |_, stream| {
            reply(
                stream,
                "401 Unauthorized",
                &[("WWW-Authenticate", challenge)],
                b"",
            );
        });
        let bench = Bench::new().with_login(&server);
        let said = bench.refusal(&server);
        assert!(said.contains(reason), "{said}");
    }
}

#[test]
fn an_identity_token_is_sent_in_a_body() {
    let host = Arc::new(Mutex::new(String::new()));
    let own = Arc::clone(&host);
    let server = Server::registry(image(), move |request, stream| {
        if request.line.starts_with("POST /token") {
            reply(stream, "200 OK", &[], br#"{"access_token":"short"}"#);
            return true;
        }
        if request.header("authorization") == Some("Bearer short") {
            return false;
        }
        let realm = format!(
            r#"Bearer realm="http://{}/token",service="s""#,
            own.lock().unwrap()
        );
        reply(stream, "401 Unauthorized", &[("WWW-Authenticate", &realm)], b"");
        true
    });
    host.lock().unwrap().clone_from(&server.host);
    let mut bench = Bench::new();
    let text = format!(
        r#"{{"auths":{{"{}":{{"identitytoken":"long+one"}}}}}}"#,
        server.host
    );
    bench
        .client
        .credentials
        .prepend(text.as_bytes(), "the test")
        .unwrap();
    bench.pull(&server).unwrap();
    let all = server.all();
    let asked = all.iter().find(|seen| seen.line == "POST /token").unwrap();
    assert_eq!(
        String::from_utf8_lossy(&asked.body),
        "grant_type=refresh_token&service=s&client_id=porthole&scope=repository%3Ateam%2Fapp%3Apull\
         &refresh_token=long%2Bone"
    );
}

#[test]
fn answers_without_a_token_are_refused() {
    for body in ["", "{}", r#"{"token":""}"#, r#"{"token":"a\r\nX: y"}"#] {
        let host = Arc::new(Mutex::new(String::new()));
        let own = Arc::clone(&host);
        let server = Server::start(move |request, stream| {
            if request.line.starts_with("GET /token") {
                reply(stream, "200 OK", &[], body.as_bytes());
            } else {
                let realm = format!(r#"Bearer realm="http://{}/token""#, own.lock().unwrap());
                reply(stream, "401 Unauthorized", &[("WWW-Authenticate", &realm)], b"");
            }
        });
        host.lock().unwrap().clone_from(&server.host);
        let said = Bench::new().refusal(&server);
        assert!(said.contains("the answer has no token in it"), "{body}: {said}");
    }
}
