use porthole_check::Settings;

use crate::{host_process, indented, pod, said, says};

/// An isolated Windows pod that nothing is to be said of, with further lines of its container.
fn isolated(container: &str) -> String {
    let spec = "os: {name: windows}\nnodeSelector: {kubernetes.io/os: windows}\ncontainers:\n- name: c\n  image: i:1\n";
    pod(&[spec, &indented(container)].concat())
}

#[test]
fn a_windows_pod_says_so() {
    says(
        &isolated("").replace("  os: {name: windows}\n", ""),
        &["advice os-name-missing spec.os.name: a pod for Windows does not say `os.name: windows`"],
    );
    says(
        &isolated("").replace("  nodeSelector: {kubernetes.io/os: windows}\n", ""),
        &["warning node-selector-missing spec.nodeSelector: nothing brings this pod to a Windows node"],
    );
    // A label of the author's own may well be one of Windows nodes.
    says(
        &isolated("").replace("kubernetes.io/os: windows", "agentpool: win"),
        &[],
    );
}

#[test]
fn fields_of_linux_are_told_where_the_api_server_does_not_refuse_them() {
    let linux = "securityContext: {privileged: true, capabilities: {drop: [ALL]}}";
    let text = isolated(linux).replace("  os: {name: windows}\n", "  hostPID: true\n");
    says(
        &text,
        &[
            "advice linux-field-without-os spec.hostPID: `hostPID` does nothing on Windows",
            "advice linux-field-without-os spec.containers[0].securityContext.capabilities: \
             `capabilities`, `privileged` do nothing on Windows",
            "advice os-name-missing spec.os.name: a pod for Windows does not say `os.name: windows`",
        ],
    );
    // Here the API server refuses them, and that is enough.
    says(&isolated(linux), &[]);
}

#[test]
fn what_the_api_server_refuses_of_a_windows_pod_stands_in_the_way_of_saying_so() {
    let of_linux = |pod: &str, field: &str| {
        let expected =
            format!("advice linux-field-without-os spec.{field}: `{field}` does nothing on Windows");
        let missing =
            "advice os-name-missing spec.os.name: a pod for Windows does not say `os.name: windows`";
        says(
            &isolated("").replace("  os: {name: windows}\n", pod),
            &[&expected, missing],
        );
    };
    // Pointers to booleans are set whatever they say; the others are set where they are true.
    of_linux("  shareProcessNamespace: false\n", "shareProcessNamespace");
    of_linux("  hostUsers: true\n", "hostUsers");
    says(
        &isolated("").replace("  os: {name: windows}\n", "  hostPID: false\n"),
        &["advice os-name-missing spec.os.name: a pod for Windows does not say `os.name: windows`"],
    );
}

#[test]
fn a_host_process_container_names_its_account() {
    let text = host_process("").replace(r", runAsUserName: NT AUTHORITY\SYSTEM", "");
    says(
        &text,
        &[
            "warning host-process-without-account spec.securityContext.windowsOptions.runAsUserName: \
           a HostProcess container does not say who it runs as",
        ],
    );
}

#[test]
fn run_as_non_root_does_not_hold_administrators_off() {
    says(
        &host_process("").replace(
            "  securityContext:\n",
            "  securityContext:\n    runAsNonRoot: true\n",
        ),
        &[
            "warning host-process-run-as-non-root spec.securityContext.runAsNonRoot: \
           a HostProcess container under runAsNonRoot",
        ],
    );
    let with = |options: &str| isolated(&format!("securityContext: {{runAsNonRoot: true{options}}}"));
    says(
        &with(r", windowsOptions: {runAsUserName: User Manager\ContainerAdministrator}"),
        &[
            "warning run-as-non-root-alias spec.containers[0].securityContext.windowsOptions.runAsUserName: \
           `User Manager\\ContainerAdministrator` is an administrator, and passes runAsNonRoot all the same",
        ],
    );
    says(
        &with(""),
        &[
            "advice run-as-non-root-unnamed spec.containers[0].securityContext.runAsNonRoot: \
           under runAsNonRoot the account of the image is not known to be an ordinary user",
        ],
    );
    says(&with(", windowsOptions: {runAsUserName: ContainerUser}"), &[]);
}

#[test]
fn names_of_accounts_have_twenty_characters() {
    let with = |name: &str| {
        isolated(&format!(
            "securityContext: {{windowsOptions: {{runAsUserName: {name}}}}}"
        ))
    };
    says(
        &with(r"CORP\a-service-of-accounting"),
        &[
            "advice account-name-long spec.containers[0].securityContext.windowsOptions.runAsUserName: \
           `a-service-of-accounting` has 23 characters; Windows logs accounts on by at most 20",
        ],
    );
    for name in [
        "ContainerAdministrator",
        r"CORP\exactly-twenty-chars",
        r"NT SERVICE\a-virtual-account-of-a-service",
    ] {
        says(&with(name), &[]);
    }
}

#[test]
fn replicas_of_a_host_process_pod_do_not_share_a_node_with_one_port() {
    let text = r"apiVersion: apps/v1
kind: Deployment
metadata: {name: d}
spec:
  replicas: 2
  selector: {matchLabels: {a: b}}
  template:
    metadata: {labels: {a: b}}
    spec:
      os: {name: windows}
      nodeSelector: {kubernetes.io/os: windows}
      hostNetwork: true
      securityContext: {windowsOptions: {hostProcess: true, runAsUserName: NT AUTHORITY\SYSTEM}}
      containers: [{name: c, image: i, ports: [{containerPort: 9182}]}]
";
    says(
        text,
        &[
            "advice host-process-ports spec.template.spec.containers[0].ports[0].containerPort: \
           port 9182 is a port of the node: 2 replicas need as many nodes",
        ],
    );
    says(&text.replace("replicas: 2", "replicas: 1"), &[]);
}

#[test]
fn an_image_that_is_never_pulled_has_a_version() {
    for image in ["example.com:5000/a", "a:latest"] {
        says(
            &isolated("imagePullPolicy: Never").replace("i:1", image),
            &["advice image-never-pulled spec.containers[0].image: \
               whichever `latest` a node has is run, since the image is never pulled"],
        );
    }
    says(&isolated("imagePullPolicy: Never"), &[]);
}

#[test]
fn passwords_do_not_stand_in_the_manifest() {
    says(
        &isolated(
            "env:\n- {name: DB_PASSWORD, value: hunter2}\n- {name: PASSWORD_FILE, value: 'C:\\p'}\n\
             - {name: SA_PASSWORD, value: $(OTHER)}\n- {name: USE_SECRET, value: 'true'}\n- {name: PWD, value: x}\n",
        ),
        &[
            "advice secret-in-env spec.containers[0].env[0].value: the value of `DB_PASSWORD` stands in the manifest",
        ],
    );
}

#[test]
fn hooks_come_to_an_end_and_leave_the_node_alone() {
    let hook = |name: &str, command: &str| {
        format!(
            "lifecycle: {{{name}: {{exec: {{command: [powershell, -command, '{}']}}}}}}",
            command.replace('\'', "''")
        )
    };
    let field = |name: &str| format!("spec.containers[0].lifecycle.{name}.exec.command[2]");
    let waiting = "do { Restart-Service -Name netlogon } while ( $($Result = (nltest.exe /query); \
                   if ($Result -like '*0x0 NERR_Success*') {return $true} else {return $false}) -eq $false)";
    let unbounded = format!(
        "warning hook-without-end {}: nothing bounds the loop of this hook, and the container is not running before it ends",
        field("postStart")
    );
    says(&isolated(&hook("postStart", waiting)), &[&unbounded]);
    says(
        &host_process(&hook("postStart", waiting)),
        &[
            &unbounded,
            &format!(
                "warning hook-restarts-netlogon {}: this restarts Netlogon on the node, not in a container",
                field("postStart")
            ),
        ],
    );
    says(
        &isolated(&hook("preStop", "while ($true) { sleep 1 }")),
        &[&format!(
            "warning hook-without-end {}: the loop of this hook never ends",
            field("preStop")
        )],
    );
    for fine in [
        "$i = 0; do { $i++; sleep 1 } while ($i -lt 30)",
        "while ($true) { if (Test-Path C:\\ready) { break } }",
        "foreach ($f in Get-ChildItem) { $f }",
    ] {
        says(&isolated(&hook("postStart", fine)), &[]);
    }
}

#[test]
fn variables_are_not_put_into_hooks() {
    let text = isolated(
        "env: [{name: TARGET, value: x}]\nlifecycle: {preStop: {exec: {command: [cmd, /c, 'echo $(TARGET) $(Get-Date)']}}}",
    );
    says(
        &text,
        &[
            "warning hook-variable spec.containers[0].lifecycle.preStop.exec.command[2]: \
           `$(TARGET)` is not replaced in a hook",
        ],
    );
}

#[test]
fn typographic_characters_are_found_where_programs_read_them() {
    let of = |argument: &str| said(&isolated(&format!("args: [{argument}]")), &Settings::default());
    let line = |text: &str| format!("warning typographic-character spec.containers[0].args[0]: {text}");
    assert_eq!(
        of("\u{2013}Verbose"),
        [line("a typographic dash (U+2013) stands where `-` is meant")]
    );
    assert_eq!(
        of("'echo \u{201c}x\u{201d}'"),
        [line("a typographic quote (U+201C) stands where `\"` is meant")]
    );
    assert_eq!(
        of("\"a\u{a0}b\""),
        [line("a no-break space (U+00A0) stands where ` ` is meant")]
    );
    // PowerShell reads it as it is meant.
    let text = isolated("command: [powershell.exe, \u{2013}NoLogo]");
    says(
        &text,
        &["advice typographic-character spec.containers[0].command[1]: \
           a typographic dash (U+2013) stands where `-` is meant"],
    );
    let text = isolated("").replace("name: c\n", "name: my\u{2013}app\n");
    says(
        &text,
        &["warning typographic-character spec.containers[0].name: \
           a typographic dash (U+2013) stands where `-` is meant"],
    );
    for prose in [
        "'echo it\u{2019}s'",
        "'echo 1 \u{2013} 2'",
        "'echo Köln\u{2013}Bonn'",
        "'echo привет'",
    ] {
        assert_eq!(of(prose), [""; 0], "{prose}");
    }
}
