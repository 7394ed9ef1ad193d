//! Who may change what the engine makes.

use super::*;

/// The directories that were made with a list of their own.
fn lists(fake: &Fake) -> Vec<(String, String)> {
    let made = fake.calls().into_iter().filter_map(|call| match call {
        Call::CreatePrivateDirectory { path, sddl } => Some((path, sddl)),
        _ => None,
    });
    made.collect()
}

fn as_account(view: View, account: &str) -> Plan {
    Plan {
        user: User::Account(Account::parse(account).unwrap()),
        ..plan(view)
    }
}

#[test]
fn nobody_else_may_change_the_rootfs_and_what_it_lies_in() {
    let host = host(false);
    let created = host.create(&plan(View::Links)).unwrap();
    assert_eq!(
        lists(&host.fake),
        [
            (
                r"C:\hpc".to_owned(),
                "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;;0x1200a9;;;BU)".to_owned()
            ),
            (
                r"C:\hpc\pod-c".to_owned(),
                "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)".to_owned()
            ),
        ]
    );
    drop(created);
    host.assert_nothing_left();
}

#[test]
fn an_account_may_change_its_rootfs_wherever_that_lies() {
    for (view, account, sid) in [
        (View::Links, r"NT AUTHORITY\Local service", "S-1-5-19"),
        (View::Private, r"NT AUTHORITY\NetworkService", "S-1-5-20"),
        (View::Private, "operators", "S-1-5-1001"),
    ] {
        let host = host(true);
        host.fake.account(
            "pod-c-0b30557a",
            "HOST",
            SID_TYPE_USER,
            &[1, 1, 0, 0, 0, 0, 0, 5, 0xE9, 3, 0, 0],
        );
        let created = host.create(&as_account(view, account)).unwrap();
        let (_, list) = lists(&host.fake).pop().unwrap();
        assert_eq!(
            list,
            format!("D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;0x1301bf;;;{sid})")
        );
        drop(created);
        host.assert_nothing_left();
    }
}

#[test]
fn refuses_a_shared_directory_that_others_could_have_changed() {
    for (descriptor, reason) in [
        (
            "O:S-1-5-21-1-2-3-1002D:P(A;OICI;FA;;;SY)",
            "belongs to `S-1-5-21-1-2-3-1002`",
        ),
        ("O:BAD:AI(A;OICIID;0x1301bf;;;AU)", "`AU` may change it"),
    ] {
        let host = host(false);
        host.fake.directory(r"C:\hpc");
        host.fake.security(r"C:\hpc", descriptor);
        let error = host.refuses(&plan(View::Links));
        assert!(error.starts_with(r"use directory `C:\hpc`: "), "{error}");
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn an_account_is_let_into_the_volumes_that_porthole_made_and_no_others() {
    let host = host(true);
    let local_service = [1, 1, 0, 0, 0, 0, 0, 5, 19, 0, 0, 0];
    let mut plan = as_account(View::Private, r"NT AUTHORITY\Local service");
    plan.mounts = vec![
        mount(r"C:\data", "/host", false),
        mount(r"C:\state\pods\p\volumes\cache", "/cache", false),
        mount(r"C:\state\pods\p\volumes\keys", "/keys", true),
    ];
    host.fake.directory(r"C:\state\pods\p\volumes\cache");
    host.fake.directory(r"C:\state\pods\p\volumes\keys");
    let mount_point = crate::path::MountPoint::silo();
    let volumes = super::super::mounts::check(&*host.fake, &plan, &mount_point).unwrap();
    super::super::mounts::open_own(&*host.fake, r"C:\state".as_ref(), &volumes, &local_service).unwrap();
    let grants: Vec<_> = host
        .fake
        .calls()
        .into_iter()
        .filter_map(|call| match call {
            Call::Grant { path, sid, access } => Some((path, sid, access)),
            _ => None,
        })
        .collect();
    assert_eq!(
        grants,
        [("cache", 0x0013_01BF), ("keys", 0x0012_00A9)].map(|(name, access)| (
            format!(r"C:\state\pods\p\volumes\{name}"),
            local_service.to_vec(),
            access
        ))
    );
}

#[test]
fn links_of_an_image_lead_neither_mounts_nor_directories_out_of_the_rootfs() {
    let host = host(false);
    // The copy of the layers has made it.
    host.fake.link(r"C:\hpc\pod-c\var");
    let mut plan = plan(View::Links);
    plan.mounts = vec![mount(r"C:\data", "/var/System32", false)];
    let error = host.refuses(&plan);
    assert!(
        error.contains(r"the image has a link at `C:\hpc\pod-c\var`"),
        "{error}"
    );
    let touched = |call: &Call| matches!(call, Call::RemoveTree(path) if path.contains("System32"));
    assert!(!host.fake.calls().iter().any(touched));

    plan.mounts.clear();
    host.fake.link(r"C:\hpc\pod-c\var");
    plan.working_directory = Some(r"C:\var\new".to_owned());
    let error = host.create(&plan).unwrap().start().err().unwrap();
    assert_eq!(
        error.to_string(),
        r"make the working directory `C:\hpc\pod-c\var\new`"
    );
    host.assert_nothing_left();
}

#[test]
fn refuses_destinations_that_are_streams_or_devices() {
    for (destination, reason) in [
        (r"C:\data\file:stream", "alternate stream"),
        (r"C:\etc\NUL.txt", "device"),
        (r"C:\etc\a.", "ends in a dot"),
        (r"C:\etc\a?b", "does not allow"),
    ] {
        let host = host(true);
        let mut plan = plan(View::Private);
        plan.mounts = vec![mount(r"C:\data", destination, false)];
        let error = host.refuses(&plan);
        assert!(error.contains(reason), "{destination}: {error}");
    }
}

#[test]
fn a_part_of_a_volume_is_held_as_long_as_it_is_mounted() {
    for view in [View::Private, View::Links] {
        let host = host(true);
        host.fake.contents(&["", "", "", r#"{"Started":{"pid":77}}"#]);
        host.fake.directory(r"C:\data\..1");
        host.fake.file(r"C:\data\..1\app.conf");
        host.fake.link_to(r"C:\data\..data", r"C:\data\..1");
        host.fake.link_to(r"C:\data\app.conf", r"C:\data\..data\app.conf");
        let mut plan = plan(view);
        plan.mounts = vec![Mount {
            sub_path: Some("app.conf".into()),
            ..mount(r"C:\data", "/etc/app.conf", false)
        }];
        let running = host.create(&plan).unwrap().start().unwrap();
        let target = r"C:\data\..1\app.conf";
        let mounted = |call: &Call| matches!(call, Call::BindFilter { target: to, .. } | Call::SymbolicLink { target: to, flags: 2, .. } if to == target);
        assert!(host.fake.calls().iter().any(mounted), "{view:?}");
        let held = |fake: &Fake| {
            let opened = fake.opened().into_iter().filter(|(raw, _)| fake.is_open(*raw));
            opened.map(|(_, path)| path).collect::<Vec<_>>()
        };
        assert_eq!(held(&host.fake), [r"C:\data\..1"], "{view:?}");
        running.kill().unwrap();
        running.wait();
        running.delete().unwrap();
        assert_eq!(held(&host.fake), Vec::<String>::new(), "{view:?}");
        drop(running);
        host.assert_nothing_left();
    }
}

#[test]
fn no_rights_are_given_on_what_a_volume_has_been_made_a_link_to() {
    let host = host(true);
    let mut plan = as_account(View::Private, r"NT AUTHORITY\Local service");
    plan.mounts = vec![mount(r"C:\state\pods\p\volumes\cache", "/cache", false)];
    host.fake.link(r"C:\state\pods\p\volumes\cache");
    let mount_point = crate::path::MountPoint::silo();
    let volumes = super::super::mounts::check(&*host.fake, &plan, &mount_point).unwrap();
    let error = super::super::mounts::open_own(&*host.fake, r"C:\state".as_ref(), &volumes, &[]).unwrap_err();
    assert_eq!(error.to_string(), "let the container's account into volume `v`");
    let granted = |call: &Call| matches!(call, Call::Grant { .. });
    assert!(!host.fake.calls().iter().any(granted));
}
