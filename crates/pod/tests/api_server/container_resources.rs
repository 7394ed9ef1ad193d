//! Requests and limits of containers.

use crate::pods::{assert_containers, findings, texts, texts_at};

#[test]
fn requests_are_at_most_the_limits() {
    assert_containers(&[
        (
            37,
            "resources: {limits: {cpu: 1, memory: 1Gi}, requests: {cpu: 1000m, memory: 1024Mi}}",
            &[],
        ),
        (
            37,
            "resources: {limits: {cpu: 500m}, requests: {cpu: 1}}",
            &["resources.requests: Invalid value: \"1\": must be less than or equal to cpu limit of 500m"],
        ),
        (
            26,
            "resources: {limits: {memory: 1024Ki}, requests: {memory: 2Mi}}",
            &["resources.requests: Invalid value: \"2Mi\": must be less than or equal to memory limit"],
        ),
        (
            37,
            "resources: {limits: {memory: -1}}",
            &[
                "resources.limits[memory]: Invalid value: \"-1\": must be greater than or equal to 0",
                "resources.requests[memory]: Invalid value: \"-1\": must be greater than or equal to 0",
            ],
        ),
    ]);
}

#[test]
fn resources_have_names_that_containers_may_ask_for() {
    let standard = "must be a standard resource for containers";
    assert_containers(&[
        (
            37,
            "resources: {requests: {storage: 1Gi}}",
            &[&format!(
                "resources.requests[storage]: Invalid value: \"storage\": {standard}"
            )],
        ),
        (
            33,
            "resources: {requests: {storage: 1Gi}}, resizePolicy: [{resourceName: x, restartPolicy: NotRequired}]",
            &[
                &format!("resources.requests[storage]: Invalid value: storage: {standard}"),
                "resizePolicy: Unsupported value: x: supported values: \"cpu\", \"memory\"",
            ],
        ),
        (
            28,
            "resources: {requests: {storage: 1Gi}}",
            &[&format!(
                "resources.requests[storage]: Invalid value: \"storage\": {standard}"
            )],
        ),
        (
            37,
            "resources: {requests: {gpu: 1}}",
            &[
                "resources.requests[gpu]: Invalid value: \"gpu\": must be a standard resource type or fully qualified",
                &format!("resources.requests[gpu]: Invalid value: \"gpu\": {standard}"),
            ],
        ),
        (
            37,
            "resources: {limits: {requests.example.com/a: 1}, requests: {}}",
            &[
                "resources.limits[requests.example.com/a]: Invalid value: \"requests.example.com/a\": doesn't follow extended \
             resource name standard",
                "resources.requests[requests.example.com/a]: Invalid value: \"requests.example.com/a\": doesn't follow extended \
             resource name standard",
            ],
        ),
    ]);
}

#[test]
fn extended_resources_are_counted_and_not_shared() {
    assert_containers(&[
        (
            37,
            "resources: {requests: {example.com/gpu: 1}}",
            &["resources.limits: Required value: Limit must be set for non overcommitable resources"],
        ),
        (
            37,
            "resources: {limits: {example.com/gpu: 2}, requests: {example.com/gpu: 1}}",
            &["resources.requests: Invalid value: \"1\": must be equal to example.com/gpu limit of 2"],
        ),
        (
            34,
            "resources: {limits: {example.com/gpu: 1.5}, requests: {example.com/gpu: 1500m}}",
            &[
                "resources.limits[example.com/gpu]: Invalid value: \"1500m\": must be an integer",
                "resources.requests[example.com/gpu]: Invalid value: \"1500m\": must be an integer",
            ],
        ),
        (
            33,
            "resources: {limits: {example.com/gpu: 1500m}, requests: {example.com/gpu: 1.5}}",
            &[
                "resources.limits[example.com/gpu]: Invalid value: resource.Quantity{i:resource.int64Amount{value:1500, scale:-3}, \
             d:resource.infDecAmount{Dec:(*inf.Dec)(nil)}, s:\"1500m\", Format:\"DecimalSI\"}: must be an integer",
                "resources.requests[example.com/gpu]: Invalid value: resource.Quantity{i:resource.int64Amount{value:15, scale:-1}, \
             d:resource.infDecAmount{Dec:(*inf.Dec)(nil)}, s:\"\", Format:\"DecimalSI\"}: must be an integer",
            ],
        ),
    ]);
}

#[test]
fn huge_pages_are_whole_and_beside_others() {
    assert_containers(&[
        (37, "resources: {limits: {hugepages-2Mi: 4Mi, cpu: 1}}", &[]),
        (
            37,
            "resources: {limits: {hugepages-2Mi: 3Mi}}",
            &[
                "resources.limits[hugepages-2Mi]: Invalid value: \"3Mi\": 3Mi is not positive integer multiple of hugepages-2Mi",
                "resources.requests[hugepages-2Mi]: Invalid value: \"3Mi\": 3Mi is not positive integer multiple of hugepages-2Mi",
                "resources: Forbidden: HugePages require cpu or memory",
            ],
        ),
    ]);
}

#[test]
fn only_a_pods_requests_are_taken_from_its_limits() {
    let template = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nspec: {selector: {matchLabels: {a: b}}, \
        template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: i, resources: {limits: \
        {example.com/a: 1}}}]}}}";
    assert!(
        !findings(template)
            .iter()
            .any(|finding| finding.field.contains("resources"))
    );
    let pod = "containers: [{name: c, image: i, resources: {limits: {memory: -1}}}]";
    assert_eq!(texts(pod).len(), 2);
    assert_eq!(
        findings(&template.replace("{example.com/a: 1}", "{memory: -1}")).len(),
        1
    );
}

#[test]
fn claims_are_the_pods() {
    let spec = "resourceClaims: [{name: b, resourceClaimName: x}, {name: a, resourceClaimName: w}]\ncontainers: [{name: c, image: \
        i, resources: {claims: [{name: a, request: r}, {name: a}, {name: a}, {}, {name: z}]}}]";
    let at = "spec.containers[0].resources.claims";
    let duplicate = |index: usize| format!("{at}[{index}]: Duplicate value: \"a\"");
    let required = format!("{at}[3]: Required value");
    let unknown =
        format!("{at}[4]: Not found: \"z\": must be one of the names in pod.spec.resourceClaims: a, b");
    assert_eq!(texts(spec), [duplicate(1), duplicate(2), required, unknown]);
    // Gated up to 1.33.
    assert_eq!(texts_at(33, spec), [""; 0]);
    let spec = "containers: [{name: c, image: i, resources: {claims: [{name: z}]}}]";
    let detail = "must be one of the names in pod.spec.resourceClaims which is empty";
    assert_eq!(texts(spec), [format!("{at}[0]: Not found: \"z\": {detail}")]);
}

#[test]
fn a_resize_restarts_nothing_where_nothing_is_restarted() {
    let resize = |policy| format!("resizePolicy: [{{resourceName: cpu, restartPolicy: {policy}}}]");
    let unknown =
        "resizePolicy: Unsupported value: \"x\": supported values: \"NotRequired\", \"RestartContainer\"";
    assert_containers(&[
        (
            37,
            "resizePolicy: [{resourceName: cpu, restartPolicy: NotRequired}, {resourceName: cpu}]",
            &[
                "resizePolicy[1]: Duplicate value: \"cpu\"",
                "resizePolicy: Required value",
            ],
        ),
        (33, &resize("x"), &[unknown]),
        (32, &resize("x"), &[]),
    ]);
    let never = format!(
        "restartPolicy: Never\ncontainers: [{{name: c, image: i, {}}}]",
        resize("RestartContainer")
    );
    for (minor, pod) in [(35, ""), (36, "pod ")] {
        assert_eq!(
            texts_at(minor, &never),
            [format!(
                "spec.containers[0].resizePolicy: Invalid value: \"RestartContainer\": must be 'NotRequired' when \
                 {pod}`restartPolicy` is 'Never'"
            )]
        );
    }
    let init = format!(
        "containers: [{{name: c, image: i}}]\ninitContainers: [{{name: d, image: i, {}}}]",
        resize("RestartContainer")
    );
    assert_eq!(texts_at(35, &init), [""; 0]);
    assert_eq!(
        texts_at(36, &init),
        [
            "spec.initContainers[0].resizePolicy[0].restartPolicy: Invalid value: \"RestartContainer\": must not be set to \
          'RestartContainer' for non-sidecar initContainers"
        ]
    );
}
