//! Pod Security: what each check says, at which version of the standards and of the server.

use porthole_pod::pod_security::{LevelVersion, Violation, evaluate};
use porthole_pod::{Gates, Options, Severity, Version};

use crate::pods::{pod, with_template};

/// A server of 1.`minor`.
fn server(minor: u16) -> Options {
    Options::of(Version::new(minor).expect("a known version"))
}

/// `restricted:v1.25` and the like.
fn asked(level: &str) -> LevelVersion {
    let (level, version) = level.split_once(':').expect("a level and a version");
    LevelVersion::new(
        level.parse().expect("a level"),
        version.parse().expect("a version"),
    )
}

#[track_caller]
fn violations_under(text: &str, level: &str, options: &Options) -> Vec<Violation> {
    with_template(text, |template| evaluate(template, asked(level), options))
}

/// What the check says of a Pod of `spec`, reason and detail; nothing where it passes.
#[track_caller]
fn said_under(spec: &str, level: &str, check: &str, options: &Options) -> String {
    violations_under(&pod(spec), level, options)
        .iter()
        .find(|violation| violation.check == check)
        .map(ToString::to_string)
        .unwrap_or_default()
}

#[track_caller]
fn said(spec: &str, level: &str, check: &str) -> String {
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
fn a_server_knows_no_newer_standards_than_its_own() {
    let probe = "containers: [{name: a, livenessProbe: {httpGet: {host: h}}}]";
    for (minor, level, fails) in [
        (33, "baseline:latest", false),
        (33, "baseline:v1.34", false),
        (34, "baseline:v1.34", true),
        (34, "baseline:v1.999", true),
        (37, "baseline:v1.33", false),
    ] {
        let text = said_under(probe, level, "hostProbesAndHostLifecycle", &server(minor));
        assert_eq!(!text.is_empty(), fails, "{minor} {level}: {text}");
    }
}

#[test]
fn servers_differ_in_words_and_fields() {
    let annotated = |annotations: &str, spec: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: x, annotations: {annotations}}}\nspec: {{containers: [{{name: \
             a}}, {{name: b}}]{spec}}}"
        )
    };
    let check = |text: &str, level: &str, check: &str, minor: u16| {
        let violations = violations_under(text, level, &server(minor));
        let found = violations.iter().find(|violation| violation.check == check);
        found.map(ToString::to_string).unwrap_or_default()
    };
    let key = "container.apparmor.security.beta.kubernetes.io/a";
    let annotation = annotated(&format!("{{{key}: unconfined}}"), "");
    let app_armor = |text: &str, minor| check(text, "baseline:latest", "appArmorProfile", minor);
    assert_eq!(
        app_armor(&annotation, 29),
        format!("forbidden AppArmor profile ({key}=\"unconfined\")")
    );
    // Since 1.30 the annotation has become the container's field before admission, and stays.
    assert_eq!(
        app_armor(&annotation, 30),
        format!(
            "forbidden AppArmor profiles (container \"a\" and annotation must not set AppArmor profile type to \
             \"Unconfined\", \"{key}=\"unconfined\"\")"
        )
    );
    // Up to 1.33 the field has become an annotation as well.
    let field = annotated("{}", ", securityContext: {appArmorProfile: {type: Unconfined}}");
    let keys = format!(
        "\"{key}=\"unconfined\"\", \"{}b=\"unconfined\"\"",
        key.trim_end_matches('a')
    );
    assert_eq!(app_armor(&field, 29), "");
    assert_eq!(
        app_armor(&field, 33),
        format!(
            "forbidden AppArmor profiles (pod and annotations must not set AppArmor profile type to \"Unconfined\", {keys})"
        )
    );
    assert_eq!(
        app_armor(&field, 34),
        "forbidden AppArmor profile (pod must not set AppArmor profile type to \"Unconfined\")"
    );
    let user = pod("securityContext: {seLinuxOptions: {user: u}}");
    let se_linux = |minor| check(&user, "baseline:latest", "seLinuxOptions", minor);
    assert_eq!(
        se_linux(25),
        "seLinuxOptions (pod set forbidden securityContext.seLinuxOptions: )"
    );
    assert_eq!(
        se_linux(26),
        "seLinuxOptions (pod set forbidden securityContext.seLinuxOptions: user may not be set)"
    );
    let image = pod("volumes: [{name: v, image: {reference: r}}]");
    let volumes = |minor| check(&image, "restricted:latest", "restrictedVolumes", minor);
    let unknown = "restricted volume types (volume \"v\" uses restricted volume type \"unknown\")";
    assert_eq!(
        [volumes(30), volumes(31), volumes(32), volumes(33)],
        ["", unknown, unknown, ""]
    );
    // Up to 1.26 seccomp annotations of Pods have become fields, up to 1.24 fields annotations.
    let seccomp = annotated("{seccomp.security.alpha.kubernetes.io/pod: runtime/default}", "");
    let restricted = |minor| check(&seccomp, "restricted:v1.24", "seccompProfile_restricted", minor);
    assert_eq!(restricted(26), "");
    assert!(restricted(27).starts_with("seccompProfile (pod or containers \"a\", \"b\" must set"));
    let unconfined = annotated("{}", ", securityContext: {seccompProfile: {type: Unconfined}}");
    let old = |minor| check(&unconfined, "baseline:v1.18", "seccompProfile_baseline", minor);
    assert_eq!(
        old(24),
        "seccompProfile (forbidden annotation seccomp.security.alpha.kubernetes.io/pod=\"unconfined\")"
    );
    assert_eq!(old(25), "");
}

#[test]
fn up_to_1_23_the_level_restricted_asks_both_variants() {
    let spec = "volumes: [{name: v, hostPath: {}}]\ncontainers: [{name: a, securityContext: {capabilities: {add: [X]}, \
        seccompProfile: {type: Unconfined}}}]";
    let checks = |minor| -> Vec<&'static str> {
        violations_under(&pod(spec), "restricted:latest", &server(minor))
            .iter()
            .map(|violation| violation.check)
            .collect()
    };
    assert_eq!(
        checks(23),
        [
            "capabilities_baseline",
            "hostPathVolumes",
            "seccompProfile_baseline",
            "allowPrivilegeEscalation",
            "capabilities_restricted",
            "restrictedVolumes",
            "runAsNonRoot",
            "seccompProfile_restricted",
        ]
    );
    assert_eq!(
        checks(24),
        [
            "allowPrivilegeEscalation",
            "capabilities_restricted",
            "restrictedVolumes",
            "runAsNonRoot",
            "seccompProfile_restricted",
        ]
    );
}

#[test]
fn host_ports_are_those_of_the_defaulted_pod() {
    let spec = "hostNetwork: true\ninitContainers: [{name: i, ports: [{containerPort: 1}]}]\ncontainers: [{name: a, ports: \
        [{containerPort: 80}, {containerPort: 81, hostPort: 0}]}]";
    let of_pod = "hostPort (containers \"i\", \"a\" use hostPorts 1, 80, 81)";
    assert_eq!(said(spec, "baseline:latest", "hostPorts"), of_pod);
    assert_eq!(
        said(
            &spec.replace("hostNetwork: true", "hostNetwork: false"),
            "baseline:latest",
            "hostPorts"
        ),
        ""
    );
    let indented = spec.replace('\n', "\n      ");
    let deployment =
        format!("apiVersion: apps/v1\nkind: Deployment\nspec:\n  template:\n    spec:\n      {indented}");
    let ports = |options: &Options| -> Vec<String> {
        violations_under(&deployment, "baseline:latest", options)
            .iter()
            .filter(|violation| violation.check == "hostPorts")
            .map(ToString::to_string)
            .collect()
    };
    assert_eq!(ports(&server(27)), [of_pod]);
    assert_eq!(ports(&server(28)), [""; 0]);
    let mut gated = server(28);
    gated.gates = Gates::default().with("DefaultHostNetworkHostPortsInPodTemplates", true);
    assert_eq!(ports(&gated), [of_pod]);
}

#[test]
fn gates_decide_what_reaches_the_checks() {
    let spec =
        "hostUsers: false\ncontainers: [{name: a, securityContext: {procMount: Unmasked, runAsUser: 0}}]";
    let check = |minor, gates: &[&str], check| {
        let mut options = server(minor);
        for gate in gates {
            options.gates = options.gates.with(*gate, true);
        }
        !said_under(spec, "restricted:v1.25", check, &options).is_empty()
    };
    let relaxed = ["UserNamespacesPodSecurityStandards", "UserNamespacesSupport"];
    assert!(!check(32, &[], "procMount"), "the field is dropped");
    assert!(check(32, &["ProcMountType"], "procMount"));
    assert!(check(33, &[], "procMount"));
    assert!(!check(33, &relaxed, "procMount"));
    assert!(!check(34, &relaxed, "runAsUser"));
    assert!(check(28, &relaxed, "runAsUser"), "the gate is of 1.29");
    assert!(check(29, &relaxed[..1], "runAsUser"), "hostUsers is dropped");
    assert!(check(35, &relaxed, "runAsUser"), "only from standards 1.35 on");
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
