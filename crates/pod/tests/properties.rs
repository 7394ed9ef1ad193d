//! What holds of every text.

use porthole_manifest::{Limits, objects, parse, pod_template};
use porthole_pod::effective::resolve;
use porthole_pod::{Account, Options, containers, go_json, go_quote, required_os, status, validate};
use proptest::prelude::*;

/// Accounts, mostly well-formed, with a careless author now and then.
fn accounts() -> impl Strategy<Value = String> {
    prop_oneof![
        r"[A-Za-z][A-Za-z0-9 .$-]{0,14}(\\[A-Za-z0-9 .$_-]{1,20})?",
        r"(NT AUTHORITY\\|nt authority\\)?(SYSTEM|Local ?Service|network service|LocalSystem)",
        r"[A-Za-zé.\\/@ \t]{0,12}",
        any::<String>(),
    ]
}

/// Pods whose fields are set, unset and wrong at random.
fn pods() -> impl Strategy<Value = String> {
    let option = prop_oneof![
        Just(String::new()),
        any::<bool>().prop_map(|value| format!("hostProcess: {value}, ")),
        accounts().prop_map(|account| format!("runAsUserName: {}, ", serde_json::Value::from(account))),
        Just("gmsaCredentialSpecName: A, ".to_owned()),
        Just("hostProcess: x, ".to_owned()),
    ];
    let context = option.prop_map(|option| format!("securityContext: {{windowsOptions: {{{option}}}}}"));
    let container = context
        .clone()
        .prop_map(|context| format!("{{name: c, ports: [{{containerPort: 1}}], {context}}}"));
    let list = prop::collection::vec(container, 0..3).prop_map(|items| items.join(", "));
    (context, list.clone(), list, any::<bool>(), prop_oneof![Just("linux"), Just("windows"), Just("")]).prop_map(
        |(context, containers, init, network, os)| {
            format!(
                "{{apiVersion: v1, kind: Pod, spec: {{{context}, containers: [{containers}], initContainers: [{init}], \
                 hostNetwork: {network}, os: {{name: '{os}'}}}}}}"
            )
        },
    )
}

proptest! {
    #[test]
    fn an_account_reads_back_as_itself(text in accounts()) {
        if let Ok(account) = Account::parse(&text) {
            prop_assert_eq!(account.as_written(), &text);
            let again = Account::parse(&account.to_string()).expect("a canonical account is one");
            prop_assert_eq!(&again, &account);
            prop_assert_eq!(Account::parse(&text.to_ascii_uppercase()).expect("case does not matter"), account);
        }
    }

    #[test]
    fn json_reads_back_what_was_printed(text in any::<String>()) {
        let printed = go_json(&text);
        prop_assert_eq!(serde_json::from_str::<String>(&printed).expect("it is JSON"), text);
    }

    #[test]
    fn a_quoted_text_is_printable(text in any::<String>()) {
        let printed = go_quote(&text);
        prop_assert!(!printed.chars().any(char::is_control));
        prop_assert!(printed.len() >= text.len() + 2);
    }

    #[test]
    fn no_pod_makes_the_rules_panic(text in pods()) {
        let stream = parse(&text, &Limits::default());
        for document in &stream.documents {
            for object in objects(document) {
                let Some(template) = pod_template(&object) else { continue };
                let findings = validate(&template, &Options::default());
                prop_assert_eq!(status(&template, &findings).is_some(), !findings.is_empty());
                for finding in &findings {
                    prop_assert!(finding.span.and_then(|span| span.slice(&text)).is_some());
                }
                let _ = required_os(&template);
                for container in containers(&template) {
                    let _ = resolve(&template, Some(container));
                }
            }
        }
    }
}
