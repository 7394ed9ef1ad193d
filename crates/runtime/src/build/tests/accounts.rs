use super::*;
use crate::plan::User;

#[test]
fn the_account_is_the_effective_one_else_the_images() {
    let without = |image: &str| {
        text("command: [x]", "")
            .replace(", runAsUserName: SYSTEM", "")
            .replace("image: bare", image)
    };
    let user = |text: &str, choices: &Choices| {
        make(text, Os::Linux, choices).map(|pods| match &pods[0].containers[0].plan.user {
            User::Inherit => "inherit".to_owned(),
            User::Account(account) => account.to_string(),
        })
    };
    let inherit = Choices {
        inherit_user: true,
        ..Choices::default()
    };
    let none = Choices::default();
    assert_eq!(
        user(&text("command: [x]", ""), &none).unwrap(),
        r"NT AUTHORITY\SYSTEM"
    );
    assert_eq!(user(&text("command: [x]", ""), &inherit).unwrap(), "inherit");
    assert_eq!(
        user(&without("image: full"), &none).unwrap(),
        "ContainerAdministrator"
    );
    assert_eq!(user(&without("image: bare"), &inherit).unwrap(), "inherit");
    let refusals = user(&without("image: bare"), &none).unwrap_err();
    assert!(
        refusals[0]
            .starts_with("spec.containers[0].securityContext.windowsOptions.runAsUserName: must be set"),
        "{refusals:?}"
    );
}

#[test]
fn administrators_break_run_as_non_root() {
    let with = |account: &str| {
        text("command: [x]", "")
            .replace("securityContext: {", "securityContext: {runAsNonRoot: true, ")
            .replace("SYSTEM", account)
    };
    for (account, expected) in [
        (
            "ContainerAdministrator",
            Some("will be regarded as root identity"),
        ),
        ("SYSTEM", Some("is an administrator of the host")),
        ("LocalService", None),
    ] {
        let result = make(&with(account), Os::Linux, &Choices::default());
        match expected {
            None => assert!(result.is_ok(), "{account}: {result:?}"),
            Some(expected) => {
                let refusals = result.unwrap_err();
                assert!(refusals[0].contains(expected), "{refusals:?}");
                assert!(
                    refusals[0].starts_with("spec.securityContext.runAsNonRoot"),
                    "{refusals:?}"
                );
            }
        }
    }
}

#[test]
fn isolated_pods_run_only_when_asked_to_stand_in() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  nodeSelector: {kubernetes.io/os: windows}\n  \
               securityContext: {windowsOptions: {runAsUserName: ContainerUser}}\n  containers:\n  - {name: c, image: \
               full}\n";
    let refusals = make(pod, Os::Windows, &Choices::default()).unwrap_err();
    assert!(
        refusals[0].contains("asks for isolation, which porthole does not give"),
        "{refusals:?}"
    );
    let choices = Choices {
        as_host_process: true,
        ..Choices::default()
    };
    let pods = make(pod, Os::Windows, &choices).unwrap();
    let plan = &pods[0].containers[0].plan;
    assert_eq!(
        plan.user,
        User::Account(porthole_pod::Account::parse("ContainerUser").unwrap())
    );
    assert_eq!(variable(plan, "USERNAME"), Some("ContainerUser"));
    let linux = pod.replace("os: windows", "os: linux");
    assert!(
        make(&linux, Os::Linux, &choices).is_err(),
        "a Linux pod cannot stand in for a HostProcess pod"
    );
}
