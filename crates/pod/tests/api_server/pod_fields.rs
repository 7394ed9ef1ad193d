//! Fields of a pod spec and of its security context.

use porthole_pod::Options;

use crate::pods::{texts, texts_at, texts_under, version};

#[test]
fn policies_are_known() {
    assert_eq!(
        texts("restartPolicy: always\ndnsPolicy: none\npreemptionPolicy: ''"),
        [
            "spec.restartPolicy: Unsupported value: \"always\": supported values: \"Always\", \"OnFailure\", \"Never\"",
            "spec.dnsPolicy: Unsupported value: \"none\": supported values: \"ClusterFirstWithHostNet\", \"ClusterFirst\", \
             \"Default\", \"None\"",
            "spec.preemptionPolicy: Required value",
        ]
    );
    assert_eq!(texts("restartPolicy: ''\ndnsPolicy: "), [""; 0]);
}

#[test]
fn shared_processes_stand_in_the_security_context_up_to_1_36() {
    let spec = "hostPID: true\nshareProcessNamespace: true";
    let text = "shareProcessNamespace: Invalid value: true: ShareProcessNamespace and HostPID cannot both be enabled";
    assert_eq!(texts_at(36, spec), [format!("spec.securityContext.{text}")]);
    assert_eq!(texts_at(37, spec), [format!("spec.{text}")]);
}

#[test]
fn names_of_other_objects_are_subdomains() {
    let found = texts(
        "serviceAccount: A\nnodeName: B\nactiveDeadlineSeconds: 0\nhostname: a.b\npriorityClassName: C",
    );
    let fields: Vec<_> = found.iter().filter_map(|text| text.split(": ").next()).collect();
    assert_eq!(
        fields,
        [
            "spec.serviceAccountName",
            "spec.nodeName",
            "spec.activeDeadlineSeconds",
            "spec.hostname",
            "spec.priorityClassName"
        ]
    );
    assert_eq!(
        found[2],
        "spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive"
    );
    // The new field wins.
    assert_eq!(texts("serviceAccountName: a\nserviceAccount: A"), [""; 0]);
}

#[test]
fn a_host_name_is_overridden_where_it_can_be() {
    let spec = "hostNetwork: true\nsetHostnameAsFQDN: true\nhostnameOverride: a";
    assert_eq!(
        texts(spec),
        [
            "spec.hostnameOverride: Forbidden: may not be specified when setHostnameAsFQDN is true",
            "spec.hostnameOverride: Forbidden: may not be specified when hostNetwork is true",
        ]
    );
    assert_eq!(texts_at(34, spec), [""; 0]);
}

#[test]
fn dns_has_limits_that_grew() {
    assert_eq!(
        texts("dnsPolicy: None"),
        ["spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None"]
    );
    assert_eq!(
        texts("dnsConfig: {nameservers: [1.1.1.1, 1.1.1.2, 1.1.1.3, x], options: [{value: a}]}"),
        [
            "spec.dnsConfig.nameservers: Invalid value: [\"1.1.1.1\",\"1.1.1.2\",\"1.1.1.3\",\"x\"]: must not have more than 3 \
             nameservers",
            "spec.dnsConfig.nameservers[3]: Invalid value: \"x\": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
            "spec.dnsConfig.options[0]: Required value: must not be empty",
        ]
    );
    let seven = "dnsConfig: {searches: [a, a, a, a, a, a, a]}";
    assert_eq!(
        texts_at(25, seven),
        [
            "spec.dnsConfig.searches: Invalid value: []string{\"a\", \"a\", \"a\", \"a\", \"a\", \"a\", \"a\"}: must not have more \
          than 6 search paths"
        ]
    );
    assert_eq!(texts_at(26, seven), [""; 0]);
    let relaxed = "dnsConfig: {searches: [., _a.b]}";
    assert_eq!(texts_at(32, relaxed).len(), 2);
    assert_eq!(texts_at(33, relaxed), [""; 0]);
    // Up to 1.29 aliases have no index.
    let alias = "hostAliases: [{ip: x}]";
    assert_eq!(
        texts_at(29, alias),
        ["spec.hostAliases.ip: Invalid value: \"x\": must be valid IP address"]
    );
    assert_eq!(
        texts_at(30, alias),
        [
            "spec.hostAliases[0].ip: Invalid value: \"x\": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
        ]
    );
}

#[test]
fn security_contexts_have_numbers_sysctls_and_policies() {
    assert_eq!(
        texts(
            "securityContext: {runAsUser: -1, supplementalGroups: [2147483648], fsGroupChangePolicy: x, sysctls: [{name: A}, \
               {name: a}, {name: a}], seccompProfile: {type: RuntimeDefault, localhostProfile: p}}"
        ),
        [
            "spec.securityContext.runAsUser: Invalid value: -1: must be between 0 and 2147483647, inclusive",
            "spec.securityContext.supplementalGroups[0]: Invalid value: 2147483648: must be between 0 and 2147483647, inclusive",
            "spec.securityContext.sysctls[0].name: Invalid value: \"A\": must have at most 253 characters and match regex \
             ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$",
            "spec.securityContext.sysctls[2].name: Duplicate value: \"a\"",
            "spec.securityContext.fsGroupChangePolicy: Unsupported value: \"x\": supported values: \"Always\", \
             \"OnRootMismatch\"",
            "spec.securityContext.seccompProfile.localhostProfile: Invalid value: \
             {\"Type\":\"RuntimeDefault\",\"LocalhostProfile\":\"p\"}: can only be set when seccomp type is Localhost",
        ]
    );
    let host = "hostNetwork: true\nsecurityContext: {sysctls: [{name: net/ipv4/tcp_syncookies}]}";
    assert_eq!(
        texts_at(29, host),
        [
            "spec.securityContext.sysctls[0].name: Invalid value: \"net/ipv4/tcp_syncookies\": may not be specified when \
          'hostNetwork' is true"
        ]
    );
    assert_eq!(texts_at(28, host), [""; 0]);
    let policy = "securityContext: {seLinuxChangePolicy: MountOption}";
    assert_eq!(texts_at(32, policy), [""; 0]);
    assert_eq!(
        texts_at(36, policy),
        [
            "spec.securityContext.seLinuxChangePolicy: Unsupported value: \"MountOption\": supported values: \"Recursive\""
        ]
    );
    assert_eq!(texts_at(37, policy), [""; 0]);
}

#[test]
fn claims_to_devices_have_one_source() {
    let spec = "resourceClaims: [{name: a}, {name: a, resourceClaimName: c}]";
    assert_eq!(
        texts(spec),
        [
            "spec.resourceClaims[0]: Invalid value: {\"Name\":\"a\",\"ResourceClaimName\":null,\"ResourceClaimTemplateName\":null}: \
             must specify one of: `resourceClaimName`, `resourceClaimTemplateName`",
            "spec.resourceClaims[1].name: Duplicate value: \"a\"",
        ]
    );
    assert_eq!(texts_at(33, spec), [""; 0]);
}

#[test]
fn a_pod_s_own_resources_cover_its_containers() {
    let spec = "resources: {limits: {cpu: 1, gpu: 1}}\ncontainers: [{name: c, image: i, resources: {limits: {cpu: 2}}}]";
    assert_eq!(
        texts(spec),
        [
            "spec.resources.limits[gpu]: Invalid value: \"gpu\": must be a standard resource type or fully qualified",
            "spec.resources.requests: Invalid value: \"2\": must be less than or equal to cpu limit of 1",
            "spec.resources.containers[0][cpu].limits: Invalid value: \"2\": must be less than or equal to pod limits of 1",
        ]
    );
    assert_eq!(texts_at(33, spec), [""; 0]);
}

#[test]
fn own_users_take_no_namespace_of_the_host() {
    let spec = "hostUsers: false\nhostNetwork: true\nhostIPC: true";
    assert_eq!(texts_at(32, spec), [""; 0]);
    for (minor, detail) in [
        (33, "when `pod.Spec.HostUsers` is false"),
        (34, "when `hostUsers` is false"),
    ] {
        assert_eq!(
            texts_at(minor, spec),
            [
                format!("spec.hostNetwork: Forbidden: {detail}"),
                format!("spec.HostIPC: Forbidden: {detail}")
            ],
            "1.{minor}"
        );
    }
}

#[test]
fn the_gate_of_host_process_containers_turns_them_off() {
    let off = "not allowed when feature gate 'WindowsHostProcessContainers' is not enabled";
    let container =
        "containers: [{name: c, image: i, securityContext: {windowsOptions: {hostProcess: true}}}]";
    let expected = [
        format!("spec.containers[0].securityContext.windowsOptions.hostProcess: Forbidden: {off}"),
        "spec: Forbidden: pod must not contain Windows hostProcess containers when feature gate \
         'WindowsHostProcessContainers' is not enabled"
            .to_owned(),
    ];
    assert_eq!(texts_at(22, container), expected);
    let mut options = Options::of(version(24));
    options.gates = options.gates.with("WindowsHostProcessContainers", false);
    assert_eq!(texts_under(container, &options), expected);
    let pod = "securityContext: {windowsOptions: {hostProcess: false}}";
    assert_eq!(
        texts_under(pod, &options),
        [format!(
            "spec.securityContext.windowsOptions.hostProcess: Forbidden: {off}"
        )]
    );
}

#[test]
fn systems_are_known_by_versions() {
    let linux_fields = "os: {name: windows}\nhostUsers: true\nhostPID: true\nsecurityContext: {fsGroup: 1, supplementalGroupsPolicy: \
                        Merge}\ncontainers: [{name: c, image: i, securityContext: {procMount: Default}}]";
    let fields = |minor| -> Vec<String> {
        let found = texts_at(minor, linux_fields);
        found
            .iter()
            .map(|text| text.split(": ").next().unwrap_or_default().to_owned())
            .collect()
    };
    let container = "spec.containers[0].securityContext.procMount";
    assert_eq!(fields(22), [""; 0]);
    // In 1.23 the gate is off, and the field dropped.
    assert_eq!(fields(23), [""; 0]);
    assert_eq!(
        fields(24),
        ["spec.hostPID", "spec.securityContext.fsGroup", container]
    );
    assert_eq!(
        fields(36),
        [
            "spec.hostUsers",
            "spec.hostPID",
            "spec.securityContext.fsGroup",
            "spec.securityContext.supplementalGroupsPolicy",
            container
        ]
    );
    assert_eq!(
        fields(37),
        [
            "spec.securityContext.fsGroup",
            "spec.securityContext.supplementalGroupsPolicy",
            "spec.hostUsers",
            "spec.hostPID",
            container
        ]
    );
    assert_eq!(
        texts_at(33, "os: {name: ''}"),
        ["spec.os.name: Required value: cannot be empty"]
    );
}
