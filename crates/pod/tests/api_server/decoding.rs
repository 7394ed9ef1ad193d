//! Values of the wrong type: the object is not decoded, and validation is not reached.

use crate::pods::{findings, message, pod};

#[test]
fn every_field_that_a_rule_reads_has_its_type() {
    for (spec, found, field, wanted) in [
        ("os: {name: 5}", "number", "PodOS.spec.os.name", "v1.OSName"),
        ("os: {name: yes}", "bool", "PodOS.spec.os.name", "v1.OSName"),
        ("os: {name: {}}", "object", "PodOS.spec.os.name", "v1.OSName"),
        ("os: windows", "string", "PodSpec.spec.os", "v1.PodOS"),
        (
            "resources: 5",
            "number",
            "PodSpec.spec.resources",
            "v1.ResourceRequirements",
        ),
        (
            "nodeSelector: [a]",
            "array",
            "PodSpec.spec.nodeSelector",
            "map[string]string",
        ),
        (
            "nodeSelector: {a: true}",
            "bool",
            "PodSpec.spec.nodeSelector",
            "string",
        ),
        (
            "containers: [x]",
            "string",
            "PodSpec.spec.containers",
            "v1.Container",
        ),
        (
            "containers: x",
            "string",
            "PodSpec.spec.containers",
            "[]v1.Container",
        ),
        (
            "initContainers: [null, {securityContext: {capabilities: []}}]",
            "array",
            "SecurityContext.spec.initContainers.securityContext.capabilities",
            "v1.Capabilities",
        ),
        (
            "ephemeralContainers: [{securityContext: {procMount: 1}}]",
            "number",
            "SecurityContext.spec.ephemeralContainers.securityContext.procMount",
            "v1.ProcMountType",
        ),
        (
            "securityContext: {supplementalGroups: ['1']}",
            "string",
            "PodSecurityContext.spec.securityContext.supplementalGroups",
            "int64",
        ),
        (
            "securityContext: {supplementalGroups: 1}",
            "number",
            "PodSecurityContext.spec.securityContext.supplementalGroups",
            "[]int64",
        ),
        (
            "securityContext: {sysctls: [x]}",
            "string",
            "PodSecurityContext.spec.securityContext.sysctls",
            "v1.Sysctl",
        ),
        (
            "securityContext: {windowsOptions: {runAsUserName: 5}}",
            "number",
            "WindowsSecurityContextOptions.spec.securityContext.windowsOptions.runAsUserName",
            "string",
        ),
        (
            "securityContext: {windowsOptions: []}",
            "array",
            "PodSecurityContext.spec.securityContext.windowsOptions",
            "v1.WindowsSecurityContextOptions",
        ),
        (
            "containers: [{ports: [{hostPort: 2147483648}]}]",
            "number 2147483648",
            "ContainerPort.spec.containers.ports.hostPort",
            "int32",
        ),
        (
            "containers: [{ports: [{containerPort: 80, protocol: 6}]}]",
            "number",
            "ContainerPort.spec.containers.ports.protocol",
            "v1.Protocol",
        ),
    ] {
        let expected = format!(
            "Pod in version \"v1\" cannot be handled as a Pod: json: cannot unmarshal {found} into Go struct field \
             {field} of type {wanted}"
        );
        assert_eq!(message(&pod(spec)), expected, "{spec}");
    }
}

#[test]
fn the_way_to_the_pod_spec_is_made_of_objects() {
    for (text, kind, found, field, wanted) in [
        (
            "apiVersion: v1\nkind: Pod\nspec: x\n",
            "Pod",
            "string",
            "Pod.spec",
            "v1.PodSpec",
        ),
        (
            "apiVersion: apps/v1\nkind: Deployment\nspec: []\n",
            "Deployment",
            "array",
            "Deployment.spec",
            "v1.DeploymentSpec",
        ),
        (
            "apiVersion: apps/v1\nkind: DaemonSet\nspec: {template: [{spec: {}}]}\n",
            "DaemonSet",
            "array",
            "DaemonSetSpec.spec.template",
            "v1.PodTemplateSpec",
        ),
        (
            "apiVersion: apps/v1\nkind: StatefulSet\nspec: {template: {spec: 1}}\n",
            "StatefulSet",
            "number",
            "PodTemplateSpec.spec.template.spec",
            "v1.PodSpec",
        ),
        (
            "apiVersion: batch/v1\nkind: CronJob\nspec: {jobTemplate: true}\n",
            "CronJob",
            "bool",
            "CronJobSpec.spec.jobTemplate",
            "v1.JobTemplateSpec",
        ),
        (
            "apiVersion: batch/v1\nkind: CronJob\nspec: {jobTemplate: {spec: x}}\n",
            "CronJob",
            "string",
            "JobTemplateSpec.spec.jobTemplate.spec",
            "v1.JobSpec",
        ),
        (
            "apiVersion: v1\nkind: PodTemplate\ntemplate: x\n",
            "PodTemplate",
            "string",
            "PodTemplate.template",
            "v1.PodTemplateSpec",
        ),
    ] {
        let expected = format!(
            "{kind} in version \"v1\" cannot be handled as a {kind}: json: cannot unmarshal {found} into Go struct field \
             {field} of type {wanted}"
        );
        assert_eq!(message(text), expected, "{text}");
    }
    let unset = findings("apiVersion: apps/v1\nkind: Deployment\nspec: {template: null}\n");
    assert_eq!(
        unset[0].to_string(),
        "spec.template.spec.containers: Required value"
    );
}
