//! Limits that are refused, and those that annotations ask for.

use super::*;

#[test]
fn limits_that_nothing_keeps_are_refused_by_name() {
    for (limit, reason) in [
        (
            "ephemeral-storage: 1Gi",
            "neither a job object nor a cgroup counts",
        ),
        ("hugepages-2Mi: 4Mi", "huge pages are the host's"),
        ("example.com/x: 1", "only limits of cpu and memory"),
    ] {
        let found = refused(&format!("    resources: {{limits: {{{limit}}}}}"));
        let name = limit.split(':').next().unwrap();
        assert_eq!(found[0].0, format!("spec.containers[0].resources.limits.{name}"));
        assert!(found[0].1.contains(reason), "{found:?}");
    }
}

/// Reads a pod with these annotations.
fn annotated(annotations: &str) -> Result<PodSpec, Vec<String>> {
    let text = format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: p, annotations: {{{annotations}}}}}\nspec: {{containers: [{{name: c, \
         image: i}}]}}\n"
    );
    let source = Source::new("p.yaml", text);
    let stream = source.parse(&Limits::default());
    let object = objects(&stream.documents[0])[0];
    let texts = |refusals: Vec<Refusal>| refusals.iter().map(ToString::to_string).collect();
    read(&pod_template(&object).unwrap()).map_err(texts)
}

#[test]
fn annotations_for_the_runtime_are_read_or_refused_by_name() {
    let spec = annotated(
        "io.microsoft.container.memory.sizeinmb: '64', io.microsoft.container.processor.count: '2', \
         io.microsoft.container.processor.limit: '0', io.microsoft.container.wcow.gmsa.disable: 'true', other: x",
    )
    .unwrap();
    let limits = &spec.runtime_limits;
    assert_eq!(
        limits.memory_mebibytes.as_ref().map(|limit| limit.value),
        Some(64)
    );
    assert_eq!(limits.processor_count.as_ref().map(|limit| limit.value), Some(2));
    assert_eq!(limits.processor_limit, None);
    let weight = |text| {
        let spec = annotated(&format!("io.microsoft.container.processor.weight: '{text}'")).unwrap();
        spec.runtime_limits.processor_weight.map(|weight| weight.value)
    };
    assert_eq!(
        [weight("0"), weight("1"), weight("11249")],
        [None, Some(1), Some(11_249)]
    );
    assert!(
        spec.notes
            .iter()
            .any(|note| note.field == "metadata.annotations[io.microsoft.container.wcow.gmsa.disable]")
    );
    for (key, value, reason) in [
        (
            "processor.weight",
            "11250",
            "processor weight value of `10` is invalid",
        ),
        ("processor.weight", "-5", "must be a whole number"),
        ("storage.qos.bandwidthmaximum", "1", "keeps no limit of disk use"),
        ("storage.qos.iopsmaximum", "1", "keeps no limit of disk use"),
        ("processor.limit", "10001", "processor rate of `10001` is invalid"),
        ("memory.sizeinmb", "64Mi", "must be a whole number"),
        ("processor.count", "-1", "must be a whole number"),
        ("processor.count", "99999999999", "must be a whole number"),
    ] {
        let refused = annotated(&format!("io.microsoft.container.{key}: '{value}'")).unwrap_err();
        assert_eq!(refused.len(), 1, "{refused:?}");
        assert!(
            refused[0].starts_with(&format!("metadata.annotations[io.microsoft.container.{key}]: "))
                && refused[0].contains(reason),
            "{refused:?}"
        );
    }
}
