use porthole_check::Settings;
use porthole_pod::{Containerd, NodeSetup, Options, Version};

use crate::{host_process, pod, said, says, says_with};

fn kubernetes(minor: u16) -> Settings {
    let options = Options::of(Version::new(minor).unwrap_or_default());
    Settings {
        node: NodeSetup::of(&options),
        options,
        ..Settings::default()
    }
}

fn containerd(major: u16, minor: u16) -> Settings {
    Settings {
        node: NodeSetup::default().with_containerd(Containerd::new(major, minor)),
        ..Settings::default()
    }
}

#[test]
fn a_pod_in_order_is_passed_over_in_silence() {
    says(&host_process(""), &[]);
}

#[test]
fn a_kubelet_before_1_23_starts_no_host_process_containers() {
    let mut settings = kubernetes(24);
    settings.node = settings.node.with_kubelet(Version::new(22).expect("known"));
    says_with(
        &host_process(""),
        &settings,
        &[
            "error kubelet-without-host-process spec.securityContext.windowsOptions.hostProcess: \
           pod contains HostProcess containers but feature 'WindowsHostProcessContainers' is not enabled",
        ],
    );
    says_with(&host_process(""), &kubernetes(24), &[]);
    // With the cluster's own gate off the API server says so, and that is enough.
    says_with(
        &host_process("").replace("  os: {name: windows}\n", ""),
        &kubernetes(22),
        &[],
    );
}

#[test]
fn containerd_before_1_6_does_not_know_host_process_containers() {
    says_with(
        &host_process(""),
        &containerd(1, 5),
        &[
            "error containerd-without-host-process spec.securityContext.windowsOptions.hostProcess: \
           containerd 1.5 does not know HostProcess containers: it starts an ordinary one",
        ],
    );
    says_with(&host_process(""), &containerd(1, 6), &[]);
}

#[test]
fn hyper_v_is_not_for_host_process_containers() {
    let text = host_process("").replace("  os:", "  runtimeClassName: runhcs-wcow-hypervisor\n  os:");
    says(
        &text,
        &["error host-process-with-hyper-v spec.runtimeClassName: \
           a HostProcess container cannot have the Hyper-V isolation that `runhcs-wcow-hypervisor` asks for"],
    );
    // The name says nothing; the RuntimeClass among the files does.
    let text = text.replace("runhcs-wcow-hypervisor", "isolated");
    says(&text, &[]);
    let class = "---\napiVersion: node.k8s.io/v1\nkind: RuntimeClass\nmetadata: {name: isolated}\n\
                 handler: runhcs-wcow-hypervisor\n";
    assert_eq!(said(&format!("{text}{class}"), &Settings::default()).len(), 1);
}

#[test]
fn a_credential_spec_does_not_reach_a_host_process_container() {
    says(
        &host_process("").replace(
            "hostProcess: true,",
            "hostProcess: true, gmsaCredentialSpecName: web,",
        ),
        &[
            "warning host-process-with-gmsa spec.securityContext.windowsOptions.gmsaCredentialSpecName: \
           a HostProcess container does not get the account of its credential spec",
        ],
    );
}

#[test]
fn pipes_and_sockets_are_not_mounted_into_host_process_containers() {
    let volumes = r"volumeMounts:
- {name: pipe, mountPath: '\\.\pipe\docker_engine'}
- {name: socket, mountPath: /run/agent.sock}
- {name: directory, mountPath: /run/agent}
";
    let text = host_process(volumes)
        + r"  volumes:
  - {name: pipe, hostPath: {path: '\\.\pipe\docker_engine'}}
  - {name: socket, hostPath: {path: 'C:\run\agent.sock'}}
  - {name: directory, hostPath: {path: 'C:\run\agent', type: Directory}}
";
    says(
        &text,
        &[
            "error pipe-in-host-process spec.containers[0].volumeMounts[0].mountPath: \
             named pipe mounts not supported for job containers - interact with the pipe directly",
            "warning socket-in-host-process spec.containers[0].volumeMounts[1].mountPath: \
             a HostProcess container cannot have a Unix domain socket mounted",
        ],
    );
    let isolated = text
        .replace(
            "hostProcess: true, runAsUserName: NT AUTHORITY\\SYSTEM",
            "runAsUserName: ContainerUser",
        )
        .replace("  hostNetwork: true\n", "");
    says(&isolated, &[]);
}

#[test]
fn containerd_1_6_shows_volumes_below_the_mount_point_only() {
    let text = host_process(
        r"args: ['--config=/etc/agent/a.yaml', '%CONTAINER_SANDBOX_MOUNT_POINT%/etc/agent/a.yaml', /etc/agents]
workingDir: 'C:\etc\agent'
volumeMounts: [{name: v, mountPath: /etc/agent/}]
",
    ) + "  volumes: [{name: v, emptyDir: {}}]\n";
    let words = "with containerd 1.6 this is a path of the host, not of the volume";
    says_with(
        &text,
        &containerd(1, 6),
        &[
            &format!("warning mount-path-of-host spec.containers[0].args[0]: {words}"),
            &format!("warning mount-path-of-host spec.containers[0].workingDir: {words}"),
        ],
    );
    says_with(&text, &containerd(1, 7), &[]);
}

#[test]
fn accounts_that_cannot_log_on_are_named() {
    let of = |account: &str, settings: &Settings| {
        said(
            &host_process("").replace(r"NT AUTHORITY\SYSTEM", account),
            settings,
        )
    };
    let newest = Settings::default();
    let field = "spec.securityContext.windowsOptions.runAsUserName";
    for (account, expected) in [
        (
            "ContainerUser",
            "error account-not-on-host FIELD: the host has no account `ContainerUser`: it is one of isolated containers",
        ),
        (
            r"User Manager\ContainerAdministrator",
            "error account-not-on-host FIELD: the host has no account `User Manager\\ContainerAdministrator`: \
             it is one of isolated containers",
        ),
        (
            "SYSTEM",
            "warning account-without-nt-authority FIELD: `SYSTEM` is logged on as a user, not as a service, and that fails",
        ),
        (
            r"CORP\svc",
            r"warning account-with-password FIELD: `CORP\svc` logs on with a password, which a HostProcess container cannot give",
        ),
        (
            "Administrator",
            "warning account-with-password FIELD: `Administrator` is a user with a password, \
             which a HostProcess container cannot give",
        ),
    ] {
        assert_eq!(
            of(account, &newest),
            [expected.replace("FIELD", field)],
            "{account}"
        );
    }
    for account in [
        r"NT AUTHORITY\system",
        r"NT AUTHORITY\Local service",
        r"NT AUTHORITY\NetworkService",
        "hpc-local-group",
        "Administrators",
    ] {
        assert_eq!(of(account, &newest), [""; 0], "{account}");
    }
    assert_eq!(
        of("hpc-local-group", &containerd(1, 6)),
        [format!(
            "warning account-group-too-early {field}: containerd 1.6 does not know `hpc-local-group` as a local group, \
             and a user would need a password"
        )]
    );
    let inheriting = host_process("")
        .replace(
            "{name: p}",
            "{name: p, annotations: {microsoft.com/hostprocess-inherit-user: 'true'}}",
        )
        .replace(r"NT AUTHORITY\SYSTEM", "ContainerUser");
    says(&inheriting, &[]);
}

#[test]
fn the_administrator_under_run_as_non_root_is_refused_as_the_kubelet_does() {
    let text = |name: &str| {
        pod(&format!(
            "os: {{name: windows}}\nnodeSelector: {{kubernetes.io/os: windows}}\n\
             securityContext: {{runAsNonRoot: true, windowsOptions: {{runAsUserName: {name}}}}}\n\
             containers: [{{name: c, image: i}}]\n"
        ))
    };
    let line = |severity: &str, name: &str| {
        format!(
            "{severity} run-as-non-root-administrator spec.securityContext.windowsOptions.runAsUserName: \
             CreateContainerConfigError: container's runAsUserName ({name}) which will be regarded as root identity and \
             will break non-root policy (pod: \"p_default(<uid>)\", container: c)"
        )
    };
    says(
        &text("ContainerAdministrator"),
        &[&line("error", "ContainerAdministrator")],
    );
    says(
        &text("containeradministrator"),
        &[&line("error", "containeradministrator")],
    );
    // CVE-2021-25749: early patches of 1.24 compared the case too.
    says_with(
        &text("containeradministrator"),
        &kubernetes(24),
        &[&line("warning", "containeradministrator")],
    );
}

#[test]
fn pod_level_resources_are_not_for_windows_kubelets() {
    let text = pod(
        "nodeSelector: {kubernetes.io/os: windows}\nresources: {limits: {memory: 1Gi}}\ncontainers: [{name: c, image: i}]\n",
    );
    let resources = |settings: &Settings| {
        let mut lines = said(&text, settings);
        lines.retain(|line| !line.contains("os-name-missing"));
        lines
    };
    let line = "error pod-resources-at-node spec.resources: pod-level resources are not supported on Windows";
    assert_eq!(resources(&kubernetes(34)), [line]);
    assert_eq!(resources(&kubernetes(33)), [""; 0], "the field is dropped");
}

#[test]
fn systems_that_contradict_each_other_are_told() {
    let with = |fields: &str| pod(&format!("{fields}\ncontainers: [{{name: c, image: i}}]\n"));
    says(
        &with("os: {name: windows}\nnodeSelector: {kubernetes.io/os: linux}"),
        &["error pod-of-other-os spec.os.name: PodOSNotSupported: \
           Failed to admit pod as the OS field doesn't match node OS"],
    );
    says(
        &with("os: {name: windows}\nnodeSelector: {kubernetes.io/os: windows, beta.kubernetes.io/os: linux}"),
        &[
            "error os-contradictory spec.nodeSelector[beta.kubernetes.io/os]: no node takes the pod: \
           spec.nodeSelector[kubernetes.io/os] asks for windows and spec.nodeSelector[beta.kubernetes.io/os] for linux",
        ],
    );
    let labelled = with("os: {name: windows}\nnodeSelector: {kubernetes.io/os: windows}")
        .replace("{name: p}", "{name: p, labels: {kubernetes.io/os: linux}}");
    says(
        &labelled,
        &[
            "error pod-label-of-other-os metadata.labels[kubernetes.io/os]: PodOSSelectorNodeLabelDoesNotMatch: \
           Failed to admit pod as the `kubernetes.io/os` label doesn't match node label",
        ],
    );
}

#[test]
fn fields_without_effect_are_told() {
    let text = pod("os: {name: windows}
nodeSelector: {kubernetes.io/os: windows}
hostNetwork: true
dnsPolicy: ClusterFirstWithHostNet
containers:
- name: c
  image: i
  resources: {limits: {hugepages-2Mi: 2Mi, memory: 1Gi, cpu: 1}}
  volumeMounts: [{name: v, mountPath: /v, mountPropagation: HostToContainer}]
  volumeDevices: [{name: d, devicePath: /dev/x}]
volumes:
- {name: v, emptyDir: {medium: Memory}}
- {name: d, persistentVolumeClaim: {claimName: d}}
");
    says(
        &text,
        &[
            "advice no-effect-on-windows spec.dnsPolicy: dnsPolicy ClusterFirstWithHostNet is not supported on Windows: \
             the pod has the node's resolver",
            "advice no-effect-on-windows spec.hostNetwork: on Windows only HostProcess pods are on the host's network",
            "advice no-effect-on-windows spec.containers[0].volumeMounts[0].mountPropagation: \
             mounts do not propagate on Windows",
            "warning no-effect-on-windows spec.containers[0].volumeDevices: Windows nodes have no raw block volumes",
            "advice no-effect-on-windows spec.containers[0].resources.limits[hugepages-2Mi]: \
             Windows nodes have no huge pages",
            "warning memory-volume-on-disk spec.volumes[0].emptyDir.medium: on a Windows node this volume is on the disk",
        ],
    );
}

#[test]
fn programs_that_the_image_does_not_have_are_told() {
    let of = |image: &str, command: &str, text: &str| {
        said(
            &text
                .replace("example.com/agent:1", image)
                .replace("- name: c", &format!("- name: c\n    command: [{command}]")),
            &Settings::default(),
        )
    };
    let host_process = host_process("");
    let isolated = host_process
        .replace(
            "hostProcess: true, runAsUserName: NT AUTHORITY\\SYSTEM",
            "runAsUserName: ContainerUser",
        )
        .replace("  hostNetwork: true\n", "");
    let nano = "mcr.microsoft.com/windows/nanoserver:ltsc2022";
    let core = "mcr.microsoft.com/windows/servercore:ltsc2022";
    assert_eq!(
        of(nano, "powershell.exe", &isolated),
        [format!(
            "warning command-not-in-image spec.containers[0].command[0]: `{nano}` has no `powershell.exe`"
        )]
    );
    assert_eq!(of(nano, "powershell", &host_process), [""; 0], "the host has it");
    assert_eq!(of(core, "powershell", &isolated), [""; 0]);
    assert_eq!(
        of(core, "pwsh", &host_process),
        [format!(
            "warning command-not-in-image spec.containers[0].command[0]: `{core}` and Windows Server have no `pwsh.exe`"
        )]
    );
    for image in [
        "mcr.microsoft.com/powershell:lts-nanoserver-1809",
        "example.com/mine",
        core,
    ] {
        let command = if image == core { "cmd" } else { "pwsh" };
        assert_eq!(of(image, command, &isolated), [""; 0], "{image} {command}");
    }
}
