//! Security contexts of containers.

use crate::pods::{assert_containers, container_texts_at, findings_under, options_of, texts_at};

#[test]
fn a_contradiction_shows_the_whole_context() {
    let fields = "securityContext: {privileged: true, allowPrivilegeEscalation: false, runAsUser: 5, capabilities: {add: \
        [CAP_SYS_ADMIN]}, windowsOptions: {runAsUserName: a}, seccompProfile: {type: Unconfined}}";
    let shown = "securityContext: Invalid value: {\"Capabilities\":{\"Add\":[\"CAP_SYS_ADMIN\"],\"Drop\":null},\"Privileged\":true,\
        \"SELinuxOptions\":null,\"WindowsOptions\":{\"GMSACredentialSpecName\":null,\"GMSACredentialSpec\":null,\
        \"RunAsUserName\":\"a\",\"HostProcess\":null},\"RunAsUser\":5,\"RunAsGroup\":null,\"RunAsNonRoot\":null,\
        \"ReadOnlyRootFilesystem\":null,\"AllowPrivilegeEscalation\":false,\"ProcMount\":null,\"SeccompProfile\":{\"Type\":\
        \"Unconfined\",\"LocalhostProfile\":null},\"AppArmorProfile\":null}: cannot set `allowPrivilegeEscalation` to false and";
    assert_eq!(
        container_texts_at(34, fields),
        [
            format!("{shown} `privileged` to true"),
            format!("{shown} `capabilities.Add` CAP_SYS_ADMIN"),
        ]
    );
    assert!(
        container_texts_at(33, fields)[0]
            .starts_with("securityContext: Invalid value: core.SecurityContext{")
    );
}

#[test]
fn users_are_numbers_of_31_bits() {
    assert_containers(&[
        (37, "securityContext: {runAsUser: 0, runAsGroup: 2147483647}", &[]),
        (
            37,
            "securityContext: {runAsUser: -1, runAsGroup: 2147483648}",
            &[
                "securityContext.runAsUser: Invalid value: -1: must be between 0 and 2147483647, inclusive",
                "securityContext.runAsGroup: Invalid value: 2147483648: must be between 0 and 2147483647, inclusive",
            ],
        ),
    ]);
}

#[test]
fn an_unmasked_proc_is_for_users_of_its_own() {
    let hidden = "securityContext: {procMount: Unmasked}";
    let users =
        "securityContext.procMount: Invalid value: \"Unmasked\": `hostUsers` must be false to use `Unmasked`";
    let unknown =
        "securityContext.procMount: Unsupported value: \"x\": supported values: \"Default\", \"Unmasked\"";
    assert_containers(&[
        (32, hidden, &[]),
        (33, hidden, &[users]),
        (33, "securityContext: {procMount: x}", &[unknown]),
    ]);
    let spec = format!("hostUsers: false\ncontainers: [{{name: c, image: i, {hidden}}}]");
    assert_eq!(texts_at(33, &spec), [""; 0]);
}

#[test]
fn profiles_have_a_type_and_a_name_where_they_are_the_nodes() {
    let types = "supported values: \"Localhost\", \"RuntimeDefault\", \"Unconfined\"";
    let only = "can only be set when seccomp type is Localhost";
    assert_containers(&[
        (
            37,
            "securityContext: {seccompProfile: {}}",
            &[
                "securityContext.seccompProfile.type: Required value: type is required when seccompProfile is set",
            ],
        ),
        (
            37,
            "securityContext: {seccompProfile: {type: x}}",
            &[&format!(
                "securityContext.seccompProfile.type: Unsupported value: \"x\": {types}"
            )],
        ),
        (
            37,
            "securityContext: {seccompProfile: {type: Localhost}}",
            &[
                "securityContext.seccompProfile.localhostProfile: Required value: must be set when seccomp type is Localhost",
            ],
        ),
        (
            37,
            "securityContext: {seccompProfile: {type: Localhost, localhostProfile: /a/..}}",
            &[
                "securityContext.seccompProfile.localhostProfile: Invalid value: \"/a/..\": must be a relative path",
                "securityContext.seccompProfile.localhostProfile: Invalid value: \"/a/..\": must not contain '..'",
            ],
        ),
        (
            37,
            "securityContext: {seccompProfile: {type: Unconfined, localhostProfile: a}}",
            &[&format!(
                "securityContext.seccompProfile.localhostProfile: Invalid value: \
                 {{\"Type\":\"Unconfined\",\"LocalhostProfile\":\"a\"}}: {only}"
            )],
        ),
        (
            30,
            "securityContext: {appArmorProfile: {type: x}}",
            &[&format!(
                "securityContext.appArmorProfile.type: Unsupported value: \"x\": {types}"
            )],
        ),
        (
            37,
            "securityContext: {appArmorProfile: {type: Localhost, localhostProfile: ' a'}}",
            &[
                "securityContext.appArmorProfile.localhostProfile: Invalid value: \" a\": must not be padded with whitespace",
            ],
        ),
        (
            37,
            "securityContext: {appArmorProfile: {type: Unconfined, localhostProfile: a}}",
            &[
                "securityContext.appArmorProfile.localhostProfile: Invalid value: \"a\": can only be set when AppArmor type is \
             Localhost",
            ],
        ),
    ]);
}

#[test]
fn a_container_has_the_seccomp_profile_of_its_namesake_before_1_25() {
    let fields = |minor| {
        let profile = "securityContext: {seccompProfile: {type: Localhost, localhostProfile: ../x}}";
        let pod = format!(
            "{{apiVersion: v1, kind: Pod, metadata: {{name: x}}, spec: {{containers: [{{name: a, image: i}}, {{name: c, image: i, {profile}}}, {{name: c, image: i}}, {{name: c, image: i, \
             securityContext: {{}}}}]}}}}"
        );
        findings_under(&pod, &options_of(minor))
            .iter()
            .map(ToString::to_string)
            .filter(|text| text.contains("seccompProfile"))
            .collect::<Vec<_>>()
    };
    let text = |index: usize| {
        format!(
            "spec.containers[{index}].securityContext.seccompProfile.localhostProfile: Invalid value: \"../x\": must not \
             contain '..'"
        )
    };
    assert_eq!(fields(24), [text(1), text(2), text(3)]);
    assert_eq!(fields(25), [text(1)]);
}
