//! Nothing is left of a container: whatever call fails, and whoever dies.

use super::*;

/// A plan with everything that has to be undone: a temporary account, a part of a volume, a limit.
fn group(host: &Host, plan: &mut Plan) {
    plan.user = User::Account(Account::parse("operators").unwrap());
    host.fake.directory(r"C:\data\part");
    plan.mounts = vec![Mount {
        sub_path: Some("part".into()),
        ..mount(r"C:\data", "/var/lib/data", false)
    }];
    plan.limits.cpu_milli = Some(100);
    // The name of the temporary account is that of the fake's chance.
    host.fake
        .account("pod-c-0b30557a", "HOST", SID_TYPE_USER, &[1, 0, 0, 0, 0, 0, 0, 5]);
    host.fake.contents(&["", "", "", r#"{"Started":{"pid":77}}"#]);
}

#[test]
fn whoever_dies_at_whatever_call_the_next_sweep_leaves_nothing() {
    for view in [View::Private, View::Links] {
        let mut plan = plan(view);
        let whole = host(true);
        group(&whole, &mut plan);
        let running = whole.create(&plan).unwrap().start().unwrap();
        running.delete().unwrap();
        drop(running);
        let count = whole.fake.calls_made();
        let mut accounts = 0;
        for moment in 0..count {
            let dying = host(true);
            group(&dying, &mut plan);
            dying.fake.die_at(moment);
            let deleted = dying
                .create(&plan)
                .is_ok_and(|created| created.start().is_ok_and(|running| running.delete().is_ok()));
            assert!(!deleted, "nobody died at call {moment} of {view:?}");
            let left = dying.fake.left_behind();
            accounts += usize::from(left.iter().any(|name| name == "pod-c-0b30557a"));
            assert_eq!(
                dying.fake.open_handles(),
                0,
                "the kernel closes the handles of the dead"
            );
            dying.fake.heal();
            let swept = dying.engine.sweep().unwrap();
            assert!(
                swept.len() == 1 || left.is_empty(),
                "call {moment} of {view:?}: {left:?}"
            );
            dying.assert_nothing_left();
        }
        assert!(accounts > 5, "{accounts} deaths with an account there");
    }
}

#[test]
fn undoes_everything_at_whatever_call_it_fails() {
    for view in [View::Private, View::Links] {
        let whole = host(true);
        let mut plan = plan(view);
        group(&whole, &mut plan);
        let running = whole.create(&plan).unwrap().start().unwrap();
        let before_end = whole.fake.calls().len();
        running.delete().unwrap();
        drop(running);
        whole.assert_nothing_left();
        assert!(before_end > 15, "{before_end}");
        let calls = whole.fake.calls();
        for (step, call) in calls.iter().enumerate().take(before_end) {
            // Without this a container runs as well.
            if matches!(
                call,
                Call::SetJob {
                    information: JobInformation::IoAttribution(_),
                    ..
                }
            ) {
                continue;
            }
            let failing = host(true);
            let mut plan = plan.clone();
            group(&failing, &mut plan);
            failing.fake.fail_at(step);
            let failed = failing
                .create(&plan)
                .map_or(true, |created| created.start().is_err());
            assert!(failed, "step {step} of {view:?} did not fail");
            failing.assert_nothing_left();
        }
    }
}

#[test]
fn sweep_finishes_what_a_dead_holder_could_not() {
    let host = host(false);
    let mut plan = plan(View::Links);
    plan.user = User::Account(Account::parse("operators").unwrap());
    host.fake
        .account("pod-c-0b30557a", "HOST", SID_TYPE_USER, &[1, 0, 0, 0, 0, 0, 0, 5]);
    // A dead holder removes nothing and lets its lock go.
    host.fake.fail(
        |call| {
            matches!(
                call,
                Call::RemoveTree(_) | Call::RemoveDirectory(_) | Call::UserDelete(_)
            )
        },
        5,
    );
    let running = host.create(&plan).unwrap().start().unwrap();
    assert!(host.engine.sweep().unwrap().is_empty(), "a live container");
    drop(running);
    assert_eq!(
        host.fake.left_behind(),
        ["pod-c-0b30557a", r"C:\hpc", r"C:\hpc\pod-c"]
    );
    assert!(host.engine.sweep().is_err(), "what cannot be removed is reported");

    host.fake.heal();
    host.fake.job_exists();
    assert_eq!(host.engine.sweep().unwrap(), ["pod-c"]);
    let calls = host.fake.calls();
    assert!(calls.contains(&Call::OpenJob {
        name: "JobContainer_pod-c".to_owned(),
        access: 0x4 | 0x8,
    }));
    assert!(matches!(
        calls
            .iter()
            .rfind(|call| matches!(call, Call::TerminateJob { .. })),
        Some(Call::TerminateJob { code: 1, .. })
    ));
    host.assert_nothing_left();
    assert!(host.engine.sweep().unwrap().is_empty());
}
