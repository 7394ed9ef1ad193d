use porthole_manifest::{Document, Limits, objects, parse, pod_template};

use super::*;

fn document(text: &str) -> Document {
    let mut stream = parse(text, &Limits::default());
    assert_eq!(stream.errors, [], "{text}");
    stream.documents.remove(0)
}

fn pod(annotations: &str, spec: &str) -> Document {
    document(&format!(
        "{{apiVersion: v1, kind: Pod, metadata: {{name: p, annotations: {{{annotations}}}}}, spec: {{{spec}}}}}"
    ))
}

/// Accounts and fields.
fn asked(new: &Document, old: Option<&Document>) -> Vec<(String, String)> {
    let of = |document| objects(document).remove(0);
    let (new, old) = (of(new), old.map(of));
    let old = old.as_ref().and_then(pod_template);
    let asks = asks_beyond(&pod_template(&new).expect("a Pod has one"), old.as_ref());
    asks.into_iter().map(|ask| (ask.account, ask.field)).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(account, field): &(&str, &str)| ((*account).to_owned(), (*field).to_owned());
    expected.iter().map(owned).collect()
}

const WINDOWS: &str = "securityContext.windowsOptions";

#[test]
fn of_all_spellings_of_an_account_the_name_is_one() {
    for (name, spellings) in [
        (
            r"nt authority\system",
            &[
                "SYSTEM",
                "LocalSystem",
                r"NT AUTHORITY\SYSTEM",
                r".\System",
                r"BUILTIN\system",
                "system.",
                " SYSTEM ",
            ][..],
        ),
        (
            r"nt authority\local service",
            &["LocalService", "local service", r"NT AUTHORITY\LocalService"],
        ),
        (
            r"nt authority\network service",
            &["NetworkService", r"nt authority\network service"],
        ),
        (
            r"builtin\administrators",
            &["Administrators", r"BUILTIN\Administrators", r".\ADMINISTRATORS"],
        ),
        (
            "administrator",
            &["Administrator", r".\administrator", r"BUILTIN\Administrator"],
        ),
        (
            "containeradministrator",
            &["ContainerAdministrator", r"User Manager\ContainerAdministrator"],
        ),
        ("users", &["Users", r"BUILTIN\users", r".\Users", "users. "]),
        ("hpc-agents", &["HPC-Agents"]),
        (
            r"corp\svc$",
            &[r"CORP\svc$", r"corp\SVC$", r"Corp \svc$", r"CORP.\svc$"],
        ),
        (r"corp.example\svc", &[r"corp.EXAMPLE\svc"]),
        (r"corp\administrator", &[r"CORP\Administrator"]),
        (r"nt service\w3svc", &[r"NT SERVICE\W3SVC"]),
        ("müller", &["MÜLLER"]),
        ("", &["", ".", r".\"]),
    ] {
        for spelling in spellings {
            assert_eq!(name_of(spelling), name, "{spelling}");
        }
        assert_eq!(name_of(name), name, "the name of a name is itself");
    }
}

#[test]
fn an_isolated_container_asks_for_administrators_and_accounts_of_domains() {
    for account in [
        "ContainerAdministrator",
        "containeradministrator.",
        r"User Manager\ContainerAdministrator",
        "Administrator",
        r"BUILTIN\Administrators",
        r"NT AUTHORITY\SYSTEM",
        r"CORP\svc$",
        r"corp.example\svc",
        r"NODE7\admin",
        r"NT-AUTORITÄT\SYSTEM",
        "S-1-5-18",
        "root",
    ] {
        let document = pod(
            "",
            &format!(
                "containers: [{{name: c, securityContext: {{windowsOptions: {{runAsUserName: '{account}'}}}}}}]"
            ),
        );
        let field = format!("spec.containers[0].{WINDOWS}.runAsUserName");
        assert_eq!(asked(&document, None), [(name_of(account), field)], "{account}");
    }
    for account in [
        "ContainerUser",
        "LocalService",
        r"NT SERVICE\W3SVC",
        r"IIS AppPool\shop",
        "web",
        "Users",
    ] {
        let document = pod(
            "",
            &format!(
                "containers: [{{name: c, securityContext: {{windowsOptions: {{runAsUserName: '{account}'}}}}}}]"
            ),
        );
        assert_eq!(asked(&document, None), [], "{account}");
    }
}

#[test]
fn a_host_process_container_asks_for_whoever_it_runs_as() {
    let of_pod = |options: &str, containers: &str| {
        pod(
            "",
            &format!("securityContext: {{windowsOptions: {{{options}}}}}, {containers}"),
        )
    };
    let runs_as =
        |account: &str| format!("securityContext: {{windowsOptions: {{runAsUserName: '{account}'}}}}");
    let pod_account = format!("spec.{WINDOWS}.runAsUserName");
    let pod_host = format!("spec.{WINDOWS}.hostProcess");
    for (what, document, expected) in [
        (
            "the image says who",
            of_pod("hostProcess: true", "containers: [{name: a}, {name: b}]"),
            vec![(r"nt authority\system", pod_host.as_str())],
        ),
        (
            "the pod says who",
            of_pod(
                "hostProcess: true, runAsUserName: LocalService",
                "containers: [{name: a}], initContainers: [{name: i}], ephemeralContainers: [{name: e}]",
            ),
            vec![(r"nt authority\local service", pod_account.as_str())],
        ),
        (
            "each container says who, so that nobody runs as the pod does",
            of_pod(
                "hostProcess: true, runAsUserName: SYSTEM",
                &format!(
                    "initContainers: [{{name: i, {}}}], containers: [{{name: a, {}}}]",
                    runs_as("web"),
                    runs_as("LocalService")
                ),
            ),
            vec![
                (
                    r"nt authority\local service",
                    "spec.containers[0].securityContext.windowsOptions.runAsUserName",
                ),
                (
                    "web",
                    "spec.initContainers[0].securityContext.windowsOptions.runAsUserName",
                ),
            ],
        ),
        (
            "no container is one",
            of_pod("hostProcess: false", "containers: [{name: a}]"),
            vec![],
        ),
        (
            "a pod's sandbox runs as the pod",
            of_pod(
                "runAsUserName: ContainerAdministrator",
                &format!("containers: [{{name: a, {}}}]", runs_as("ContainerUser")),
            ),
            vec![("containeradministrator", pod_account.as_str())],
        ),
    ] {
        assert_eq!(asked(&document, None), pairs(&expected), "{what}");
    }
}

#[test]
fn annotations_of_the_runtime_count_as_the_fields_do() {
    let spec =
        "securityContext: {windowsOptions: {hostProcess: true, runAsUserName: web}}, containers: [{name: a}]";
    let inherit = "metadata.annotations[microsoft.com/hostprocess-inherit-user]";
    let document = pod("microsoft.com/hostprocess-inherit-user: 'true'", spec);
    let account = format!("spec.{WINDOWS}.runAsUserName");
    assert_eq!(
        asked(&document, None),
        pairs(&[("web", &account), (r"nt authority\system", inherit)])
    );
    // It may come later.
    assert_eq!(
        asked(&document, Some(&pod("", spec))),
        pairs(&[(r"nt authority\system", inherit)])
    );
    assert_eq!(
        asked(
            &pod("microsoft.com/hostprocess-inherit-user: 'false'", spec),
            Some(&pod("", spec))
        ),
        []
    );
    let marked = pod(
        "microsoft.com/hostprocess-container: 'true'",
        "containers: [{name: a}]",
    );
    assert_eq!(
        asked(&marked, None),
        pairs(&[(
            r"nt authority\system",
            "metadata.annotations[microsoft.com/hostprocess-container]"
        )])
    );
}

#[test]
fn of_an_update_only_what_is_new_asks() {
    let host = "securityContext: {windowsOptions: {hostProcess: true, runAsUserName: SYSTEM}}, containers: [{name: a}]";
    assert_eq!(asked(&pod("", host), Some(&pod("a: b", host))), []);
    let debugged = format!("{host}, ephemeralContainers: [{{name: debug}}]");
    let field = format!("spec.{WINDOWS}.runAsUserName");
    assert_eq!(
        asked(&pod("", &debugged), Some(&pod("", host))),
        pairs(&[(r"nt authority\system", &field)])
    );
    assert_eq!(asked(&pod("", &debugged), Some(&pod("", &debugged))), []);
    // Another spelling of the same account is no change.
    let spelt = host.replace("SYSTEM", "LocalSystem");
    assert_eq!(asked(&pod("", &spelt), Some(&pod("", host))), []);
    let other = host.replace("SYSTEM", "web");
    assert_eq!(
        asked(&pod("", &other), Some(&pod("", host))),
        pairs(&[("web", &field)])
    );
}

#[test]
fn a_label_that_is_no_mode_is_the_strictest() {
    for (label, default, mode) in [
        (None, Mode::Off, Mode::Off),
        (None, Mode::Warn, Mode::Warn),
        (Some("off"), Mode::Enforce, Mode::Off),
        (Some("audit"), Mode::Off, Mode::Audit),
        (Some("warn"), Mode::Off, Mode::Warn),
        (Some("enforce"), Mode::Off, Mode::Enforce),
    ] {
        let remark = None;
        assert_eq!(
            Policy::of("shop", label, default),
            Policy { mode, remark },
            "{label:?}"
        );
    }
    for label in ["", "Enforce", "of f", "true"] {
        let policy = Policy::of("shop", Some(label), Mode::Off);
        assert_eq!(policy.mode, Mode::Enforce, "{label}");
        let remark = format!(
            "label porthole.dev/host-accounts of namespace shop has the value \"{label}\": it is none of enforce, audit, warn \
             and off, so it counts as enforce"
        );
        assert_eq!(policy.remark, Some(remark));
    }
    assert!(Mode::Off < Mode::Audit && Mode::Audit < Mode::Warn && Mode::Warn < Mode::Enforce);
}
