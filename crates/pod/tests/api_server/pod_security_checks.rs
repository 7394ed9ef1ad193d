//! Pod Security: what each check says, at which version of the standards and of the server.

#![expect(clippy::expect_used, reason = "what a test stands on fails by panicking")]

use porthole_pod::pod_security::{LevelVersion, Violation, evaluate};
use porthole_pod::{Options, Severity};

use crate::pods::{pod, with_template};

/// `restricted:v1.25` and the like.
pub(crate) fn asked(level: &str) -> LevelVersion {
    let (level, version) = level.split_once(':').expect("a level and a version");
    LevelVersion::new(
        level.parse().expect("a level"),
        version.parse().expect("a version"),
    )
}

#[track_caller]
pub(crate) fn violations_under(text: &str, level: &str, options: &Options) -> Vec<Violation> {
    with_template(text, |template| evaluate(template, asked(level), options))
}

/// What the check says of a Pod of `spec`, reason and detail; nothing where it passes.
#[track_caller]
pub(crate) fn said_under(spec: &str, level: &str, check: &str, options: &Options) -> String {
    violations_under(&pod(spec), level, options)
        .iter()
        .find(|violation| violation.check == check)
        .map(ToString::to_string)
        .unwrap_or_default()
}

#[track_caller]
pub(crate) fn said(spec: &str, level: &str, check: &str) -> String {
    said_under(spec, level, check, &Options::default())
}

/// Containers with a securityContext each, named from `a` on, the first as init container.
fn containers(contexts: &[&str]) -> String {
    let container = |(index, context): (usize, &&str)| {
        let name = char::from(b'a' + u8::try_from(index).expect("few containers"));
        format!("{{name: {name}, securityContext: {context}}}")
    };
    let all: Vec<String> = contexts.iter().enumerate().map(container).collect();
    let (init, main) = all.split_at(1);
    format!(
        "initContainers: [{}]\ncontainers: [{}]",
        init.join(", "),
        main.join(", ")
    )
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn baseline_checks_say_what_the_server_says() {
    let options = |options: &str| format!("{{windowsOptions: {options}}}");
    let host_process = containers(&[
        "null",
        "{}",
        &options("{}"),
        &options("{hostProcess: false}"),
        &options("{hostProcess: true}"),
        &options("{hostProcess: true}"),
    ]);
    let cases = [
        (
            "windowsHostProcess",
            format!("securityContext: {{windowsOptions: {{hostProcess: true}}}}\n{host_process}"),
            "hostProcess (pod and containers \"e\", \"f\" must not set \
             securityContext.windowsOptions.hostProcess=true)",
        ),
        (
            "hostNamespaces",
            "hostIPC: true\nhostPID: true\nhostNetwork: true\ncontainers: []".to_owned(),
            "host namespaces (hostNetwork=true, hostPID=true, hostIPC=true)",
        ),
        (
            "hostPorts",
            "containers: [{name: a, ports: [{hostPort: 0}]}, {name: b, ports: [{hostPort: 20}, {hostPort: 20}]}]"
                .to_owned(),
            "hostPort (container \"b\" uses hostPort 20)",
        ),
        (
            "hostPorts",
            "containers: [{name: b, ports: [{hostPort: 9}, {hostPort: 20}]}, {name: c, ports: [{hostPort: 10}]}]"
                .to_owned(),
            "hostPort (containers \"b\", \"c\" use hostPorts 10, 20, 9)",
        ),
        (
            "hostPathVolumes",
            "volumes: [{name: a, hostPath: {path: /}}, {name: b, hostPath: {}}, {name: c, emptyDir: {}}]".to_owned(),
            "hostPath volumes (volumes \"a\", \"b\")",
        ),
        (
            "capabilities_baseline",
            containers(&[
                "{capabilities: {add: [FOO, BAR, CHOWN]}}",
                "{capabilities: {add: [BAR, BAZ], drop: [ALL]}}",
                "{capabilities: {add: [CHOWN]}}",
            ]),
            "non-default capabilities (containers \"a\", \"b\" must not include \"BAR\", \"BAZ\", \"FOO\" in \
             securityContext.capabilities.add)",
        ),
        (
            "privileged",
            containers(&["null", "{}", "{privileged: false}", "{privileged: true}", "{privileged: true}"]),
            "privileged (containers \"d\", \"e\" must not set securityContext.privileged=true)",
        ),
        (
            "procMount",
            containers(&["{}", "{procMount: null}", "{procMount: Default}", "{procMount: Unmasked}", "{procMount: other}"]),
            "procMount (containers \"d\", \"e\" must not set securityContext.procMount to \"Unmasked\", \"other\")",
        ),
        (
            "seLinuxOptions",
            format!(
                "securityContext: {{seLinuxOptions: {{type: foo}}}}\n{}",
                containers(&[
                    "{seLinuxOptions: {}}",
                    "{seLinuxOptions: {type: container_engine_t, level: x}}",
                    "{seLinuxOptions: {type: bar}}",
                    "{seLinuxOptions: {user: bar}}",
                    "{seLinuxOptions: {role: baz}}",
                ])
            ),
            "seLinuxOptions (pod and containers \"c\", \"d\", \"e\" set forbidden securityContext.seLinuxOptions: types \
             \"bar\", \"foo\"; user may not be set; role may not be set)",
        ),
        (
            "seccompProfile_baseline",
            format!(
                "securityContext: {{seccompProfile: {{type: Unconfined}}}}\n{}",
                containers(&["null", "{seccompProfile: {type: RuntimeDefault}}", "{seccompProfile: {type: x}}"])
            ),
            "seccompProfile (pod and container \"c\" must not set securityContext.seccompProfile.type to \
             \"Unconfined\", \"x\")",
        ),
        (
            "sysctls",
            "securityContext: {sysctls: [{name: b}, {name: net.ipv4.tcp_rmem}, {name: a}, {name: b}]}".to_owned(),
            "forbidden sysctls (b, a, b)",
        ),
        (
            "appArmorProfile",
            format!(
                "securityContext: {{appArmorProfile: {{type: Unconfined}}}}\n{}",
                containers(&["{appArmorProfile: {type: Localhost}}", "{appArmorProfile: {type: Unconfined}}"])
            ),
            "forbidden AppArmor profile (pod and container \"b\" must not set AppArmor profile type to \"Unconfined\")",
        ),
        (
            "hostProbesAndHostLifecycle",
            "containers: [{name: z, livenessProbe: {httpGet: {host: localhost}}, lifecycle: {preStop: {tcpSocket: {host: \
             '::1'}}}}, {name: y, startupProbe: {tcpSocket: {host: ''}}}, {name: x, readinessProbe: {tcpSocket: {host: \
             a.com}}}]"
                .to_owned(),
            "probe or lifecycle host (containers \"x\", \"z\" use probe or lifecycle hosts \"::1\", \"a.com\", \
             \"localhost\")",
        ),
    ];
    for (check, spec, expected) in cases {
        assert_eq!(said(&spec, "baseline:latest", check), expected, "{spec}");
        assert_eq!(
            said("containers: [{name: a}]", "baseline:latest", check),
            "",
            "{check}"
        );
    }
}

#[test]
fn restricted_checks_say_what_the_server_says() {
    let plain = "containers: [{name: a}]";
    let windows = "os: {name: windows}\ncontainers: [{name: a}]";
    let cases = [
        (
            "allowPrivilegeEscalation",
            "os: {name: linux}\ncontainers: [{name: a}]",
            "allowPrivilegeEscalation != false (container \"a\" must set securityContext.allowPrivilegeEscalation=false)",
        ),
        ("allowPrivilegeEscalation", windows, ""),
        (
            "capabilities_restricted",
            "containers: [{name: a, securityContext: {capabilities: {add: [FOO, BAR]}}}, {name: b, securityContext: \
             {capabilities: {add: [BAR, BAZ], drop: [all]}}}, {name: c, securityContext: {capabilities: {add: [CHOWN, \
             NET_BIND_SERVICE], drop: [X, ALL]}}}]",
            "unrestricted capabilities (containers \"a\", \"b\" must set securityContext.capabilities.drop=[\"ALL\"]; \
             containers \"a\", \"b\", \"c\" must not include \"BAR\", \"BAZ\", \"CHOWN\", \"FOO\" in \
             securityContext.capabilities.add)",
        ),
        ("capabilities_restricted", windows, ""),
        (
            "runAsNonRoot",
            plain,
            "runAsNonRoot != true (pod or container \"a\" must set securityContext.runAsNonRoot=true)",
        ),
        (
            "runAsNonRoot",
            windows,
            "runAsNonRoot != true (pod or container \"a\" must set securityContext.runAsNonRoot=true)",
        ),
        (
            "runAsNonRoot",
            "securityContext: {runAsNonRoot: true}\ncontainers: [{name: a}, {name: c, securityContext: {runAsNonRoot: \
             false}}, {name: d, securityContext: {runAsNonRoot: false}}]",
            "runAsNonRoot != true (containers \"c\", \"d\" must not set securityContext.runAsNonRoot=false)",
        ),
        (
            "runAsNonRoot",
            "securityContext: {runAsNonRoot: false}\ncontainers: [{name: a}]",
            "runAsNonRoot != true (pod must not set securityContext.runAsNonRoot=false)",
        ),
        (
            "runAsUser",
            "securityContext: {runAsUser: 0}\ncontainers: [{name: a, securityContext: {runAsUser: 0}}, {name: b, \
             securityContext: {runAsUser: 1}}]",
            "runAsUser=0 (pod and container \"a\" must not set runAsUser=0)",
        ),
        (
            "seccompProfile_restricted",
            plain,
            "seccompProfile (pod or container \"a\" must set securityContext.seccompProfile.type to \"RuntimeDefault\" or \
             \"Localhost\")",
        ),
        ("seccompProfile_restricted", windows, ""),
        (
            "seccompProfile_restricted",
            "securityContext: {seccompProfile: {type: Unconfined}}\ncontainers: [{name: a}]",
            "seccompProfile (pod must not set securityContext.seccompProfile.type to \"Unconfined\")",
        ),
        (
            "restrictedVolumes",
            "volumes: [{name: a, hostPath: {path: /, type: null}}, {name: b, nfs: {}}, {name: c}, {name: d, image: {}}, \
             {name: e, hostPath: {}}]",
            "restricted volume types (volumes \"a\", \"b\", \"e\" use restricted volume types \"hostPath\", \"nfs\")",
        ),
        (
            "procMount_restricted",
            "hostUsers: false\ncontainers: [{name: a, securityContext: {procMount: Unmasked}}]",
            "procMount (container \"a\" must not set securityContext.procMount to \"Unmasked\")",
        ),
    ];
    for (check, spec, expected) in cases {
        assert_eq!(said(spec, "restricted:latest", check), expected, "{spec}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn a_check_is_of_its_versions_of_the_standards() {
    let sysctl = |name: &str| format!("securityContext: {{sysctls: [{{name: {name}}}]}}");
    let probe = "containers: [{name: a, livenessProbe: {httpGet: {host: h}}}]";
    let root = "containers: [{name: a, securityContext: {runAsUser: 0}}]";
    let unmasked = "hostUsers: false\ncontainers: [{name: a, securityContext: {procMount: Unmasked}}]";
    let windows = "os: {name: windows}\ncontainers: [{name: a}]";
    let engine = "securityContext: {seLinuxOptions: {type: container_engine_t}}";
    // The last version that fails or passes, and the first that does otherwise.
    let cases = [
        (
            "sysctls",
            sysctl("net.ipv4.ip_local_reserved_ports"),
            "baseline",
            26,
            true,
        ),
        (
            "sysctls",
            sysctl("net.ipv4.tcp_fin_timeout"),
            "baseline",
            28,
            true,
        ),
        ("sysctls", sysctl("net.ipv4.tcp_wmem"), "baseline", 31, true),
        (
            "sysctls",
            sysctl("net.ipv4.tcp_notsent_lowat"),
            "baseline",
            36,
            true,
        ),
        ("seLinuxOptions", engine.to_owned(), "baseline", 30, true),
        (
            "hostProbesAndHostLifecycle",
            probe.to_owned(),
            "baseline",
            33,
            false,
        ),
        ("procMount", unmasked.to_owned(), "baseline", 34, true),
        (
            "procMount_restricted",
            unmasked.to_owned(),
            "restricted",
            34,
            false,
        ),
        (
            "allowPrivilegeEscalation",
            windows.to_owned(),
            "restricted",
            7,
            false,
        ),
        (
            "allowPrivilegeEscalation",
            windows.to_owned(),
            "restricted",
            24,
            true,
        ),
        (
            "capabilities_restricted",
            windows.to_owned(),
            "restricted",
            21,
            false,
        ),
        (
            "capabilities_restricted",
            windows.to_owned(),
            "restricted",
            24,
            true,
        ),
        (
            "seccompProfile_restricted",
            windows.to_owned(),
            "restricted",
            18,
            false,
        ),
        (
            "seccompProfile_restricted",
            windows.to_owned(),
            "restricted",
            24,
            true,
        ),
        ("runAsUser", root.to_owned(), "restricted", 22, false),
        (
            "runAsUser",
            format!("hostUsers: false\n{root}"),
            "restricted",
            34,
            true,
        ),
        (
            "runAsNonRoot",
            format!("hostUsers: false\n{root}"),
            "restricted",
            34,
            true,
        ),
    ];
    for (check, spec, level, last, fails) in cases {
        for (version, fails) in [(last, fails), (last + 1, !fails)] {
            let level = format!("{level}:v1.{version}");
            let text = said(&spec, &level, check);
            assert_eq!(!text.is_empty(), fails, "{level} {check} {text}: {spec}");
        }
    }
}

#[test]
fn every_offending_place_is_told() {
    let text = pod(
        "hostNetwork: true\nsecurityContext: {windowsOptions: {hostProcess: true}}\ncontainers: [{name: a, \
         securityContext: {windowsOptions: {hostProcess: true}}, ports: [{containerPort: 80}]}]",
    );
    let places = with_template(&text, |template| {
        let slice = |place: &porthole_pod::pod_security::Place| {
            format!(
                "{} {}",
                place.field,
                place.span.slice(&text).expect("a place in the text")
            )
        };
        evaluate(template, asked("baseline:latest"), &Options::default())
            .iter()
            .flat_map(|violation| violation.places.iter().map(slice).collect::<Vec<_>>())
            .collect::<Vec<_>>()
    });
    assert_eq!(
        places,
        [
            "spec.hostNetwork true",
            "spec.containers[0].ports[0].hostPort 80",
            "spec.securityContext.windowsOptions.hostProcess true",
            "spec.containers[0].securityContext.windowsOptions.hostProcess true",
        ]
    );
    let violations = violations_under(&text, "baseline:latest", &Options::default());
    let finding = violations.last().expect("a violation").finding(Severity::Error);
    assert_eq!(finding.rule.name, "pod-security-host-process");
    assert_eq!(finding.field, "spec.securityContext.windowsOptions.hostProcess");
    assert_eq!(
        finding.to_string(),
        "hostProcess (pod and container \"a\" must not set securityContext.windowsOptions.hostProcess=true)"
    );
    assert_eq!(finding.related.len(), 1);
}

#[test]
fn values_of_a_wrong_type_are_passed_over() {
    let spec = "hostNetwork: maybe\nos: windows\nvolumes: {a: b}\nsecurityContext: [1]\ncontainers: [1, {name: 3, ports: x, \
        securityContext: {capabilities: [x], privileged: 1, seLinuxOptions: 2}}, null]";
    let checks: Vec<_> = violations_under(&pod(spec), "baseline:latest", &Options::default());
    assert_eq!(checks, []);
}
