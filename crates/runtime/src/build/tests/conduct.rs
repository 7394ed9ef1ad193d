//! What becomes of probes, hooks, policies, messages and limits.

use super::*;
use crate::conduct::{Handler, RestartPolicy};
use crate::plan::Streams;

fn container_of(container: &str, choices: &Choices) -> Result<ContainerPlan, Vec<String>> {
    make(&text(container, ""), Os::Linux, choices).map(|pods| pods[0].containers[0].clone())
}

#[test]
fn a_pods_conduct_is_carried_by_its_plan() {
    let pod = text(
        "command: [x], stdin: true, tty: true, lifecycle: {stopSignal: SIGINT, preStop: {exec: {command: ['$(A)']}}}",
        "  initContainers:\n  - {name: s, image: bare, command: [x], restartPolicy: Always}\n  - {name: i, image: bare, \
         command: [x]}\n  restartPolicy: OnFailure\n  activeDeadlineSeconds: 9\n",
    );
    let pod = &make(&pod, Os::Linux, &Choices::default()).unwrap()[0];
    assert_eq!(pod.restart_policy, RestartPolicy::OnFailure);
    assert_eq!(pod.active_deadline.map(|deadline| deadline.as_secs()), Some(9));
    let roles: Vec<Role> = pod
        .init_containers
        .iter()
        .map(|container| container.role)
        .collect();
    assert_eq!(roles, [Role::Sidecar, Role::Init]);
    let main = &pod.containers[0];
    assert_eq!((main.role, main.plan.stop.signal), (Role::Main, Signal::Int));
    assert_eq!(
        main.plan.streams,
        Streams {
            stdin: true,
            terminal: true
        }
    );
    assert_eq!(
        main.hooks.pre_stop,
        Some(Handler::Exec(vec!["$(A)".to_owned()])),
        "hooks are told as they are written"
    );
    let unset = make(&text("command: [x]", ""), Os::Linux, &Choices::default()).unwrap();
    assert_eq!(unset[0].restart_policy, RestartPolicy::Always);
}

#[test]
fn a_probes_program_has_the_values_of_the_manifest_in_its_arguments() {
    let made = container_of(
        "command: [x], env: [{name: A, value: one}, {name: B, valueFrom: {fieldRef: {fieldPath: metadata.name}}}], \
         livenessProbe: {exec: {command: ['$(A)', '$$(A)', '$(B)', '$(C)']}}",
        &Choices::default(),
    )
    .unwrap();
    let expected = ["one", "$(A)", "", "$(C)"].map(str::to_owned).to_vec();
    assert_eq!(made.probes.liveness.unwrap().handler, Handler::Exec(expected));
}

#[test]
fn a_message_has_a_file_only_where_the_manifest_names_a_path() {
    let made = container_of("command: [x]", &Choices::default()).unwrap();
    assert_eq!(
        made.termination_message,
        crate::conduct::TerminationMessage::default()
    );
    assert!(made.plan.mounts.is_empty());

    let made = container_of(
        "command: [x], terminationMessagePath: /run/why, terminationMessagePolicy: FallbackToLogsOnError",
        &Choices::default(),
    )
    .unwrap();
    assert!(made.termination_message.or_log);
    let file = made.termination_message.file.unwrap();
    assert!(
        file.ends_with("termination/c") && file.starts_with("/state/pods"),
        "{file:?}"
    );
    let mount = &made.plan.mounts[0];
    assert_eq!(
        (mount.destination.as_str(), &mount.source, mount.read_only),
        ("/run/why", &file, false)
    );

    let clash = text(
        "command: [x], terminationMessagePath: /v, volumeMounts: [{name: v, mountPath: /v/}]",
        "  volumes: [{name: v}]\n",
    );
    let refused = make(&clash, Os::Linux, &Choices::default()).unwrap_err();
    assert_eq!(
        refused,
        ["spec.containers[0].terminationMessagePath: Invalid value: \"/v\": a volume is mounted there"]
    );
    for path in ["../x", "/a/../../b", r"\\\\.\\pipe\\x"] {
        let refused = container_of(
            &format!("command: [x], terminationMessagePath: \"{path}\""),
            &Choices::default(),
        );
        // On Linux `..` is resolved against the root; what comes out must not be a device.
        if let Ok(made) = refused {
            assert!(
                !made.plan.mounts[0].destination.contains(".."),
                "{:?}",
                made.plan.mounts
            );
        }
    }
}

#[test]
fn limits_come_from_the_manifest_its_annotations_and_the_user_in_this_order() {
    let limited = "command: [x], resources: {limits: {memory: 10M, cpu: 250m}}";
    let with_annotation = text(limited, "").replace(
        "annotations: {",
        "annotations: {io.microsoft.container.memory.sizeinmb: '64', io.microsoft.container.processor.limit: '10000', ",
    );
    let all = std::thread::available_parallelism().unwrap().get() as u64 * 1000;
    let pods = make(&with_annotation, Os::Windows, &Choices::default()).unwrap();
    let limits = &pods[0].containers[0].plan.limits;
    assert_eq!((limits.memory, limits.cpu_milli), (Some(64 << 20), Some(all)));

    let chosen = Choices {
        limits: LimitChoices(vec![
            LimitChoice {
                container: None,
                limit: Limit::Memory(None),
            },
            LimitChoice {
                container: Some("c".to_owned()),
                limit: Limit::Pids(Some(7)),
            },
        ]),
        ..Choices::default()
    };
    let pods = make(&with_annotation, Os::Windows, &chosen).unwrap();
    let limits = &pods[0].containers[0].plan.limits;
    assert_eq!((limits.memory, limits.pids), (None, Some(7)));

    let both = text(limited, "").replace(
        "annotations: {",
        "annotations: {io.microsoft.container.processor.count: '1', ",
    );
    let refused = make(&both, Os::Windows, &Choices::default()).unwrap_err();
    assert!(
        refused[0].starts_with("spec.containers[0].resources.limits.cpu: invalid spec - Windows Container CPU Count: '1', Limit: '")
            && refused[0].ends_with("and Weight: '0' are mutually exclusive"),
        "{refused:?}"
    );
}

#[test]
fn limits_of_devices_are_for_linux() {
    let choices = Choices {
        limits: LimitChoices(vec![LimitChoice {
            container: None,
            limit: limits::device(limits::Rate::ReadBytes, "/dev/sda:1M").unwrap(),
        }]),
        ..Choices::default()
    };
    let made = container_of("command: [x]", &choices).unwrap();
    assert_eq!(made.plan.limits.devices[0].read_bytes, Some(1_000_000));
    let refused = make(&text("command: [x]", ""), Os::Windows, &choices).unwrap_err();
    assert!(
        refused[0].contains("Windows limits no block device"),
        "{refused:?}"
    );
}

#[test]
fn shares_and_a_limit_of_the_processor_exclude_each_other_as_on_a_node() {
    let annotated = |limited: &str| {
        text(limited, "").replace(
            "annotations: {",
            "annotations: {io.microsoft.container.processor.weight: '2500', ",
        )
    };
    let alone = annotated("command: [x]");
    for os in [Os::Windows, Os::Linux] {
        let made = make(&alone, os, &Choices::default()).unwrap();
        assert_eq!(made[0].containers[0].plan.limits.cpu_shares, Some(2500));
        let both = annotated("command: [x], resources: {limits: {cpu: 100m}}");
        let refused = make(&both, os, &Choices::default()).unwrap_err();
        assert!(
            refused[0].contains("and Weight: '2500' are mutually exclusive"),
            "{refused:?}"
        );
    }
    // On Linux a cgroup has both.
    let chosen = |limits: &[Limit]| Choices {
        limits: LimitChoices(
            limits
                .iter()
                .map(|limit| LimitChoice {
                    container: None,
                    limit: limit.clone(),
                })
                .collect(),
        ),
        ..Choices::default()
    };
    let cpus = chosen(&[Limit::CpuMilli(Some(1000))]);
    let made = make(&alone, Os::Linux, &cpus).unwrap();
    let limits = &made[0].containers[0].plan.limits;
    assert_eq!((limits.cpu_milli, limits.cpu_shares), (Some(1000), Some(2500)));
    let refused = make(&alone, Os::Windows, &cpus).unwrap_err();
    assert!(refused[0].contains("are mutually exclusive"), "{refused:?}");
    let lifted = chosen(&[Limit::CpuMilli(Some(1000)), Limit::CpuShares(None)]);
    assert!(make(&alone, Os::Windows, &lifted).is_ok());
}
