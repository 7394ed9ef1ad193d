use std::ffi::OsString;
use std::fs;
use std::path::Path;

use super::*;
use crate::target::Target;

const ONE: &str = "
apiVersion: v1
kind: Config
current-context: dev
clusters:
- name: dev
  cluster: {server: https://dev.example:6443/, certificate-authority: pki/ca.crt, tls-server-name: kubernetes}
users:
- name: me
  user: {client-certificate-data: YWJj, client-key-data: ZGVm}
contexts:
- name: dev
  context: {cluster: dev, user: me, namespace: team}
";

fn parse(text: &str) -> Result<Option<Kubeconfig>> {
    read::text("config", text.as_bytes(), Path::new("/etc/kube"))
}

/// The target of the context of a kubeconfig of one cluster and one user, with these settings.
fn target(cluster: &str, user: &str) -> Result<Target> {
    let text = format!(
        "current-context: c\nclusters: [{{name: a, cluster: {{{cluster}}}}}]\nusers: [{{name: b, user: {{{user}}}}}]\n\
         contexts: [{{name: c, context: {{cluster: a, user: b}}}}]\n"
    );
    Target::of_context(&parse(&text)?.expect("it says something"), None)
}

fn refusal<T: std::fmt::Debug>(result: Result<T>) -> String {
    let error = result.expect_err("it must be refused");
    match error.help() {
        Some(help) => format!("{error}; {help}"),
        None => error.to_string(),
    }
}

#[test]
fn a_context_is_a_server_with_a_user_and_a_namespace() {
    let config = parse(ONE).unwrap().unwrap();
    let target = Target::of_context(&config, None).unwrap();
    assert_eq!(target.server(), "https://dev.example:6443");
    assert_eq!(target.namespace(), Some("team"));
    assert_eq!(target.origin(), "context \"dev\"");
    assert_eq!(target.cluster.tls_server_name.as_deref(), Some("kubernetes"));
    let Material::File(authority) = &target.cluster.authority else {
        panic!("{:?}", target.cluster.authority)
    };
    assert_eq!(
        authority,
        Path::new("/etc/kube/pki/ca.crt"),
        "a path begins where its file is"
    );
    let (Material::Data(certificate), Material::Data(key)) = (&target.user.certificate, &target.user.key)
    else {
        panic!("{:?}", target.user)
    };
    assert_eq!((certificate.expose(), key.expose()), (&b"abc"[..], &b"def"[..]));
    assert!(!format!("{target:?}").contains("abc"), "secrets are not shown");
    let by_proxy = ONE.replacen("server:", "proxy-url: 'http://me:hunter2@p:1', server:", 1);
    let target = Target::of_context(&parse(&by_proxy).unwrap().unwrap(), None).unwrap();
    assert!(target.cluster.proxy.is_some() && !format!("{target:?}").contains("hunter2"));
}

#[test]
fn of_several_files_the_first_that_says_something_counts() {
    let directory = tempfile::tempdir().unwrap();
    let (first, second) = (
        directory.path().join("first"),
        directory.path().join("sub/second"),
    );
    fs::create_dir(directory.path().join("sub")).unwrap();
    fs::write(
        &first,
        "clusters: [{name: a, cluster: {server: https://first}}]\nusers: [{name: u, user: {token: t1}}]\n",
    )
    .unwrap();
    fs::write(
        &second,
        "current-context: c\nclusters: [{name: a, cluster: {server: https://second}}, {name: b, cluster: {server: \
         https://b, certificate-authority: ca.crt}}]\nusers: [{name: u, user: {token: t2}}]\n\
         contexts: [{name: c, context: {cluster: a, user: u}}, {name: d, context: {cluster: b, user: u}}]\n",
    )
    .unwrap();
    let listed = std::env::join_paths([&directory.path().join("missing"), &first, &second]).unwrap();
    let places = Places {
        listed: Some(listed),
        ..Places::default()
    };
    let target = Target::find(&places, None).unwrap();
    assert_eq!(target.server(), "https://first");
    assert_eq!(target.user.token.unwrap().expose(), b"t1");
    let target = Target::find(&places, Some("d")).unwrap();
    let Material::File(authority) = &target.cluster.authority else {
        panic!("{:?}", target.cluster.authority)
    };
    assert_eq!(authority, &directory.path().join("sub/ca.crt"));
}

#[test]
fn a_file_that_is_named_must_be_there_and_is_the_only_one() {
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path().join(".kube");
    fs::create_dir(&home).unwrap();
    fs::write(home.join("config"), ONE).unwrap();
    let at_home = Places {
        home: Some(directory.path().to_owned()),
        ..Places::default()
    };
    assert_eq!(Target::find(&at_home, None).unwrap().origin(), "context \"dev\"");
    let named = Places {
        named: Some(directory.path().join("none")),
        ..at_home.clone()
    };
    let said = refusal(Target::find(&named, None));
    assert!(
        said.starts_with(&format!(
            "read the kubeconfig {}",
            directory.path().join("none").display()
        )),
        "{said}"
    );
    let listed = Places {
        listed: Some(OsString::from(directory.path().join("none"))),
        ..at_home
    };
    let said = refusal(Target::find(&listed, None));
    assert!(
        said.contains("there is no kubeconfig (") && said.contains("--kubeconfig"),
        "{said}"
    );
}

#[test]
fn without_a_kubeconfig_a_pod_asks_its_own_cluster() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("token"), "secret\n").unwrap();
    fs::write(directory.path().join("namespace"), "team\n").unwrap();
    let places = Places {
        service: Some(("fd00::1".to_owned(), "443".to_owned())),
        account: directory.path().to_owned(),
        ..Places::default()
    };
    let target = Target::find(&places, None).unwrap();
    assert_eq!(target.server(), "https://[fd00::1]:443");
    assert_eq!(target.namespace(), Some("team"));
    assert_eq!(target.user.token_file, Some(directory.path().join("token")));
    // Whoever names a context wants that one.
    let said = refusal(Target::find(&places, Some("dev")));
    assert_eq!(
        said,
        "choose the cluster: there is no context \"dev\"; the kubeconfig has no contexts"
    );
}

#[test]
fn a_context_that_leads_nowhere_is_told_with_those_that_there_are() {
    let config = parse(ONE).unwrap().unwrap();
    let said = refusal(Target::of_context(&config, Some("prod")));
    assert_eq!(
        said,
        "choose the cluster: there is no context \"prod\"; the kubeconfig has dev"
    );
    for (text, wanted) in [
        (
            ONE.replace("current-context: dev", ""),
            "has no current context; name one with --context",
        ),
        (
            ONE.replace("cluster: dev, user", "cluster: other, user"),
            "names the cluster \"other\", which",
        ),
        (
            ONE.replace("user: me, name", "user: other, name"),
            "names the user \"other\", which",
        ),
    ] {
        let said = refusal(Target::of_context(&parse(&text).unwrap().unwrap(), None));
        assert!(said.contains(wanted), "{said}");
    }
}

#[test]
fn settings_that_cannot_be_meant_are_refused() {
    let good = "server: 'https://a:1'";
    assert_eq!(target(good, "").unwrap().server(), "https://a:1");
    assert_eq!(
        target("server: 'http://127.0.0.1:8001'", "").unwrap().server(),
        "http://127.0.0.1:8001"
    );
    assert_eq!(
        target("server: 'https://r/k8s/clusters/c-1/'", "")
            .unwrap()
            .server(),
        "https://r/k8s/clusters/c-1"
    );
    for (cluster, user, wanted) in [
        ("", "", "its server is not set"),
        ("server: 'a:1'", "", "its server is"),
        (
            "server: 'http://a:1'",
            "",
            "is not encrypted (http://) and not this machine",
        ),
        ("server: 'ftp://a'", "", "is at neither https:// nor http://"),
        ("server: 'https://me:hunter2@a'", "", "has a user in its URL"),
        ("server: 'https://a?b=c'", "", "has a query in its URL"),
        (
            "server: 'https://a', insecure-skip-tls-verify: true, certificate-authority: x",
            "",
            "only one makes sense",
        ),
        (
            "server: 'https://a', proxy-url: 'socks4://me:hunter2@p:1'",
            "",
            "its proxy-url is no URL of a proxy; it is http://HOST:PORT",
        ),
        (
            "server: 'https://a', proxy-url: 'p:1'",
            "",
            "its proxy-url is no URL of a proxy",
        ),
        (
            good,
            "token: hunter2, username: me, password: hunter2",
            "it has a token and a password",
        ),
        (good, "client-certificate: a.crt", "one without the other"),
        (
            good,
            "auth-provider: {name: gcp}",
            "auth-provider \"gcp\" is gone from Kubernetes since 1.26",
        ),
        (good, "as-groups: [a]", "and no `as`"),
    ] {
        let said = refusal(target(cluster, user));
        assert!(said.contains(wanted), "{cluster} {user}: {said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[test]
fn what_is_no_kubeconfig_is_told_with_its_place_and_not_with_what_it_holds() {
    for (text, wanted) in [
        ("clusters: {a: b}", "config:1:11: `clusters` is no list"),
        (
            "clusters: [{cluster: {}}]",
            "config:1:12: an item of `clusters` has no name",
        ),
        (
            "clusters: [{name: a}, {name: a}]",
            "config:1:23: `clusters` has two items of one name",
        ),
        (
            "users:\n- name: a\n  user: {token: 123456}",
            "config:3:17: `token` is no text",
        ),
        (
            "users:\n- name: a\n  user: hunter2",
            "config:3:9: `user` is no mapping",
        ),
        (
            "users: [{name: a, user: {client-key-data: 'hunter2!'}}]",
            "config:1:43: `client-key-data` is no base64",
        ),
        (
            "clusters: [{name: a, cluster: {insecure-skip-tls-verify: 'hunter2'}}]",
            "config:1:58: `insecure-skip-tls-verify` is neither true nor false",
        ),
        (
            "users: [{name: a, user: {exec: {command: x}}}]",
            "`exec` has no `apiVersion`",
        ),
        ("kind: Pod", "it is no Config of apiVersion v1"),
        ("- hunter2", "config:1:1: it is no mapping"),
        ("a: [hunter2", "it is no YAML"),
    ] {
        let said = refusal(parse(text));
        assert!(said.starts_with("read the kubeconfig config"), "{said}");
        assert!(said.contains(wanted), "{text}: {said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
    assert!(parse("").unwrap().is_none(), "an empty file says nothing");
}

#[test]
fn a_kubeconfig_has_limits() {
    let long = format!("a: {}", "x".repeat(5 << 20));
    assert!(refusal(parse(&long)).contains("longer than 4194304 bytes"));
    let deep = format!("a: {}{}", "[".repeat(200), "]".repeat(200));
    assert!(refusal(parse(&deep)).contains("it is no YAML"));
    let said = refusal(read::text("config", b"a: \xff", Path::new("/")));
    assert!(said.contains("it is not text in UTF-8"), "{said}");
}

#[test]
fn a_plug_in_with_a_path_is_beside_its_kubeconfig() {
    let plugin = |command: &str| {
        let user = format!(
            "exec: {{apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, command: '{command}', args: \
             [a, b], env: [{{name: NAME, value: v}}], provideClusterInfo: true, installHint: get it}}"
        );
        target("server: 'https://a'", &user).unwrap().user.plugin.unwrap()
    };
    assert_eq!(plugin("bin/login").command, Path::new("/etc/kube/bin/login"));
    let plugin = plugin("login");
    assert_eq!(plugin.command, Path::new("login"));
    assert_eq!(plugin.arguments, ["a", "b"]);
    assert_eq!(plugin.environment, [("NAME".to_owned(), "v".to_owned())]);
    assert_eq!(plugin.interaction, Interaction::Never);
    assert!(plugin.knows_cluster);
}
