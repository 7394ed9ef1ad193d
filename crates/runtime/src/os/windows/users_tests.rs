use std::sync::Arc;

use super::super::fake::{Call, Fake};
use super::*;

fn account(text: &str) -> User {
    User::Account(Account::parse(text).unwrap())
}

fn host() -> Arc<Fake> {
    let fake = Fake::new();
    fake.group("Administrators");
    fake.group("operators");
    fake.account("Guest", "HOST", SID_TYPE_USER, &[1, 5, 0, 0, 0, 0, 0, 5]);
    fake.account(r"corp\anna", "CORP", SID_TYPE_USER, &[1, 5, 0, 0, 0, 0, 0, 5]);
    fake.account(
        r"NT-AUTORITÄT\Lokaler Dienst",
        "NT-AUTORITÄT",
        SID_TYPE_WELL_KNOWN_GROUP,
        &[1, 1, 0, 0, 0, 0, 0, 5, 19, 0, 0, 0],
    );
    fake
}

#[test]
fn service_accounts_are_known_in_every_spelling() {
    for (text, name) in [
        (r"NT AUTHORITY\SYSTEM", "SYSTEM"),
        (r"nt authority\system", "SYSTEM"),
        ("LocalSystem", "SYSTEM"),
        (r"NT AUTHORITY\Local service", "LOCAL SERVICE"),
        (r"NT AUTHORITY\LocalService", "LOCAL SERVICE"),
        (r"Nt Authority\NETWORK SERVICE", "NETWORK SERVICE"),
        ("NetworkService", "NETWORK SERVICE"),
        (r"NT-AUTORITÄT\Lokaler Dienst", "LOCAL SERVICE"),
    ] {
        let fake = host();
        let who = find(&*fake, &account(text)).unwrap();
        assert_eq!(who, Who::Service(name), "{text}");
        drop(logon(&*fake, &who, None).unwrap());
        assert_eq!(
            fake.calls().last(),
            Some(&Call::Logon {
                name: name.to_owned(),
                domain: Some("NT AUTHORITY".to_owned()),
                has_password: false,
                kind: 5
            })
        );
    }
}

#[test]
fn a_group_comes_before_a_user_of_its_name() {
    let fake = host();
    fake.account("operators", "HOST", SID_TYPE_USER, &[]);
    let group = Who::Group("operators".to_owned());
    assert_eq!(find(&*fake, &account("operators")).unwrap(), group);
    assert_eq!(find(&*fake, &account(r"host\operators")).unwrap(), group);
    assert_eq!(
        find(&*fake, &account(r"BUILTIN\Administrators")).unwrap(),
        Who::Group("Administrators".to_owned())
    );
    assert_eq!(
        find(&*fake, &account("Guest")).unwrap(),
        Who::User("Guest".to_owned())
    );
}

#[test]
fn the_accounts_of_isolated_containers_have_their_rights_on_the_host() {
    for (text, group) in [
        ("ContainerAdministrator", "Administrators"),
        ("containeruser", "Users"),
    ] {
        assert_eq!(
            find(&*host(), &account(text)).unwrap(),
            Who::Group(group.to_owned())
        );
    }
}

#[test]
fn refuses_accounts_that_cannot_run_and_says_what_to_try() {
    for (text, reason) in [
        (r"corp\anna", "an account of `CORP`, and porthole has no password"),
        (r"nowhere\anna", "HOST is in no domain `nowhere`"),
        ("nobody", "neither a group nor a user of this name on HOST"),
    ] {
        let error = find(&*host(), &account(text)).unwrap_err().to_string();
        assert!(
            error.contains(reason) && error.contains(&format!("`{text}`")),
            "{error}"
        );
    }
}

#[test]
fn refuses_every_account_under_wine() {
    let fake = host();
    fake.wine("8.0");
    let error = find(&*fake, &account(r"NT AUTHORITY\SYSTEM")).unwrap_err();
    assert!(error.to_string().contains("--inherit-user"), "{error}");
    assert_eq!(find(&*fake, &User::Inherit).unwrap(), Who::Inherit);
    assert!(logon(&*fake, &Who::Inherit, None).unwrap().is_none());
    assert_eq!(fake.calls(), []);
}

#[test]
fn a_group_runs_a_temporary_account_that_is_in_it() {
    let fake = host();
    let name = temporary_name(&*fake, "pod-with-a-long-name-0-container").unwrap();
    assert_eq!(name, "pod-with-a--0b30557a");
    assert_eq!(name.len(), NAME_LIMIT);
    fake.account(
        &name,
        "HOST",
        SID_TYPE_USER,
        &[1, 1, 0, 0, 0, 0, 0, 5, 77, 0, 0, 0],
    );
    let token = logon(&*fake, &Who::Group("operators".to_owned()), Some(&name)).unwrap();
    assert!(token.is_some());
    assert_eq!(
        fake.calls(),
        [
            Call::UserAdd {
                name: name.clone(),
                flags: 0x1 | 0x200 | 0x1_0000
            },
            Call::AddMember {
                group: "operators".to_owned(),
                sid: vec![1, 1, 0, 0, 0, 0, 0, 5, 77, 0, 0, 0]
            },
            Call::Logon {
                name,
                domain: Some(".".to_owned()),
                has_password: true,
                kind: 2
            },
        ]
    );
}

#[test]
fn removes_the_temporary_account_when_it_cannot_be_used() {
    for step in ["member", "logon", "lookup"] {
        let fake = host();
        if step != "lookup" {
            fake.account("t", "HOST", SID_TYPE_USER, &[1, 0, 0, 0, 0, 0, 0, 5]);
        }
        fake.fail(
            move |call| match call {
                Call::AddMember { .. } => step == "member",
                Call::Logon { .. } => step == "logon",
                _ => false,
            },
            5,
        );
        assert!(logon(&*fake, &Who::Group("operators".to_owned()), Some("t")).is_err());
        assert_eq!(
            fake.calls().last(),
            Some(&Call::UserDelete("t".to_owned())),
            "{step}"
        );
    }
}

#[test]
fn an_account_that_is_gone_is_removed() {
    let fake = host();
    fake.fail(|call| matches!(call, Call::UserDelete(_)), 2221);
    remove(&*fake, "t").unwrap();
    let fake = host();
    fake.fail(|call| matches!(call, Call::UserDelete(_)), 5);
    assert!(remove(&*fake, "t").is_err());
}

#[test]
fn says_how_to_get_the_privilege_that_a_logon_needs() {
    let fake = host();
    fake.fail(
        |call| matches!(call, Call::Logon { .. }),
        ERROR_PRIVILEGE_NOT_HELD,
    );
    let error = logon(&*fake, &Who::Service("SYSTEM"), None)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("log on `SYSTEM`") && error.contains("--inherit-user"),
        "{error}"
    );
}

#[test]
fn a_computer_with_a_long_name_has_accounts_under_the_short_one() {
    let fake = Fake::new();
    fake.named("a-name-of-many-letters", "A-NAME-OF-MANY-");
    fake.account(
        "Guest",
        "A-NAME-OF-MANY-",
        SID_TYPE_USER,
        &[1, 5, 0, 0, 0, 0, 0, 5],
    );
    fake.account(
        r"A-NAME-OF-MANY-\Guest",
        "A-NAME-OF-MANY-",
        SID_TYPE_USER,
        &[1, 5, 0, 0, 0, 0, 0, 5],
    );
    fake.group("operators");
    for text in ["Guest", r"a-name-of-many-letters\Guest", r"A-NAME-OF-MANY-\Guest"] {
        let who = find(&*fake, &account(text)).unwrap();
        assert_eq!(who, Who::User("Guest".to_owned()), "{text}");
    }
    let who = find(&*fake, &account(r"a-name-of-many-letters\operators")).unwrap();
    assert_eq!(who, Who::Group("operators".to_owned()));
}

#[test]
fn groups_of_isolated_containers_are_found_in_the_system_s_language() {
    let fake = Fake::new();
    fake.alias(ADMINISTRATORS, "Administratoren");
    let who = find(&*fake, &account("ContainerAdministrator")).unwrap();
    assert_eq!(who, Who::Group("Administratoren".to_owned()));
    let error = find(&*fake, &account("ContainerUser")).unwrap_err().to_string();
    assert!(
        error.contains("asking for the group of the same rights failed"),
        "{error}"
    );
}
