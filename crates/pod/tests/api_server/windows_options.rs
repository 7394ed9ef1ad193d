//! The fields of `windowsOptions`: each rule, its text, and the value as 1.37 renders it.

use crate::pods::{findings, pod, rules, texts};

/// A quoted YAML scalar: JSON is YAML.
fn quoted(text: &str) -> String {
    // YAML takes DEL as an escape only.
    serde_json::Value::from(text)
        .to_string()
        .replace('\u{7f}', "\\x7f")
}

#[track_caller]
fn account(text: &str, expected: &[(&str, &str)]) {
    let spec = format!(
        "containers: [{{name: c, image: i, securityContext: {{windowsOptions: {{runAsUserName: {}}}}}}}]",
        quoted(text)
    );
    let found = findings(&pod(&spec));
    let found: Vec<_> = found
        .iter()
        .map(|finding| (finding.rule.name, finding.detail.as_str()))
        .collect();
    assert_eq!(found, expected, "{text:?}");
}

const DOMAIN: (&str, &str) = (
    "account-domain-format",
    "runAsUserName's Domain doesn't match the NetBios nor the DNS format",
);
const CHARACTERS: (&str, &str) = (
    "account-user-characters",
    r#"runAsUserName's User cannot contain the following characters: "/\:;|=,+*?<>@[]"#,
);

#[test]
fn accepts_accounts_that_the_api_server_accepts() {
    for text in [
        "Container. User",
        r"Network Service\Container. User",
        r"NT AUTHORITY\SYSTEM",
        r"CORP\svc$",
        r"BUILTIN\Administrators",
        &"a".repeat(104),
        &"é".repeat(52),
    ] {
        account(text, &[]);
    }
}

#[test]
fn rejects_an_empty_account() {
    account(
        "",
        &[("account-empty", "runAsUserName cannot be an empty string")],
    );
}

#[test]
fn rejects_control_characters_in_an_account() {
    account(
        "Container\tUser",
        &[(
            "account-control-character",
            "runAsUserName cannot contain control characters",
        )],
    );
}

#[test]
fn rejects_two_backslashes_in_an_account() {
    account(
        r"Container\Foo\Lish",
        &[(
            "account-backslashes",
            "runAsUserName cannot contain more than one backslash",
        )],
    );
}

#[test]
fn rejects_a_long_domain() {
    let domain = format!("{}.com", &format!("{}.", "a".repeat(63)).repeat(4)[..253]);
    let expected = (
        "account-domain-too-long",
        "runAsUserName's Domain length must be under 256 characters",
    );
    account(&format!(r"{domain}\user"), &[expected]);
}

#[test]
fn rejects_a_domain_that_is_no_name() {
    for text in [
        r"\User",
        r"NetBios aaaaaaaa\user",
        r".FooLish\User",
        r"Foo? Lish?\User",
        r".\admin",
    ] {
        account(text, &[DOMAIN]);
    }
}

#[test]
fn rejects_an_account_without_a_name() {
    account(
        r"Container\",
        &[("account-user-empty", "runAsUserName's User cannot be empty")],
    );
    account(
        r"\",
        &[
            DOMAIN,
            ("account-user-empty", "runAsUserName's User cannot be empty"),
        ],
    );
}

#[test]
fn rejects_a_long_name() {
    let expected = (
        "account-user-too-long",
        "runAsUserName's User length must not be longer than 104 characters",
    );
    account(&"a".repeat(105), &[expected]);
    account(&"é".repeat(53), &[expected]);
}

#[test]
fn rejects_a_name_of_dots_and_blanks() {
    let expected = (
        "account-user-dots-and-spaces",
        "runAsUserName's User cannot contain only periods or spaces",
    );
    account("... ...", &[expected]);
    account(r"..\..", &[DOMAIN, expected]);
}

#[test]
fn rejects_forbidden_characters_in_a_name() {
    account("Container/User", &[CHARACTERS]);
    account("u@corp.example", &[CHARACTERS]);
}

#[test]
fn rejects_credential_spec_names_that_are_no_subdomains() {
    let spec = "securityContext: {windowsOptions: {gmsaCredentialSpecName: not_a-valid-gmsa-crep-spec-name}}";
    assert_eq!(
        texts(spec),
        [
            "spec.securityContext.windowsOptions.gmsaCredentialSpecName: Invalid value: \"not_a-valid-gmsa-crep-spec-name\": \
         a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start \
         and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
         '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
        ]
    );
    for (name, expected) in [
        ("gmsa-webapp1", &[][..]),
        ("a.b-c.1", &[]),
        ("gmsa-WebApp1", &["credential-spec-name-format"]),
        ("", &["credential-spec-name-format"]),
        ("a..b", &["credential-spec-name-format"]),
        ("-a", &["credential-spec-name-format"]),
        (&"a".repeat(253), &[]),
        (&"a".repeat(254), &["credential-spec-name-too-long"]),
        (
            &"A".repeat(254),
            &["credential-spec-name-too-long", "credential-spec-name-format"],
        ),
    ] {
        let spec = format!(
            "securityContext: {{windowsOptions: {{gmsaCredentialSpecName: {}}}}}",
            quoted(name)
        );
        assert_eq!(rules(&spec), expected, "{name}");
    }
}

#[test]
fn rejects_credential_specs_that_are_empty_or_too_long() {
    let with = |contents: &str| {
        texts(&format!(
            "securityContext: {{windowsOptions: {{gmsaCredentialSpec: {}}}}}",
            quoted(contents)
        ))
    };
    assert_eq!(
        with(""),
        [
            "spec.securityContext.windowsOptions.gmsaCredentialSpec: Invalid value: \"\": \
         gmsaCredentialSpec cannot be an empty string"
        ]
    );
    assert_eq!(with(&"a".repeat(65536)), [""; 0]);
    assert_eq!(
        with(&"a".repeat(65537)),
        [format!(
            "spec.securityContext.windowsOptions.gmsaCredentialSpec: Invalid value: \"{}\": \
         gmsaCredentialSpec size must be under 64 KiB",
            "a".repeat(65537)
        )]
    );
}

#[test]
fn null_options_are_unset() {
    for spec in [
        "securityContext: {windowsOptions: }",
        "securityContext: {windowsOptions: {}}",
        "securityContext: {windowsOptions: {runAsUserName: null, gmsaCredentialSpec: ~, gmsaCredentialSpecName: }}",
    ] {
        assert_eq!(texts(spec), [""; 0], "{spec}");
    }
}

#[test]
fn values_are_rendered_as_json_with_gos_escapes() {
    let value = |text: &str| {
        let spec = format!(
            "securityContext: {{windowsOptions: {{runAsUserName: {}}}}}",
            quoted(text)
        );
        findings(&pod(&spec))
            .remove(0)
            .value
            .expect("an invalid value is shown")
    };
    assert_eq!(value(r"CORP\a<b"), r#""CORP\\a\u003cb""#);
    assert_eq!(value("a\u{7f}"), "\"a\u{7f}\"");
    assert_eq!(value("a\u{2028}/&"), r#""a\u2028/\u0026""#);
}

#[test]
fn levels_are_asked_in_the_api_servers_order() {
    let options = "securityContext: {windowsOptions: {runAsUserName: ''}}";
    let spec = format!(
        "{options}\ninitContainers: [{{name: i, image: i, {options}}}]\ncontainers: [{{name: c, image: i, {options}}}, {{name: d, image: i, {options}}}]"
    );
    let found = findings(&pod(&spec));
    let fields: Vec<_> = found.iter().map(|finding| finding.field.as_str()).collect();
    assert_eq!(
        fields,
        [
            "spec.containers[0].securityContext.windowsOptions.runAsUserName",
            "spec.containers[1].securityContext.windowsOptions.runAsUserName",
            "spec.initContainers[0].securityContext.windowsOptions.runAsUserName",
            "spec.securityContext.windowsOptions.runAsUserName",
        ]
    );
}

#[test]
fn a_finding_stands_at_its_value() {
    let text = pod(
        "containers:\n- name: c\n  image: i\n  securityContext:\n    windowsOptions:\n      runAsUserName: a/b",
    );
    let found = findings(&text);
    assert_eq!(found[0].span.and_then(|span| span.slice(&text)), Some("a/b"));
}
