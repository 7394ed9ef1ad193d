use porthole_manifest::{Limits, objects, parse, pod_template};
use porthole_pod::{Version, validate_filled};

use super::*;

/// What a limit range with these limits says to a pod of that spec: the refusal, and what is not valid.
fn said_by(version: Version, range: &str, pod: &str) -> (Option<String>, Vec<String>) {
    let text = format!(
        "{{apiVersion: v1, kind: Pod, metadata: {{name: p}}, spec: {pod}}}\n---\n{{spec: {{limits: {range}}}}}\n"
    );
    let stream = parse(&text, &Limits::default());
    assert_eq!(stream.errors, [], "{text}");
    let pods = objects(&stream.documents[0]);
    let template = pod_template(&pods[0]).unwrap();
    let ranges = [stream.documents[1].root()];
    let options = Options::of(version);
    let defaults = defaults(&ranges).unwrap_or_default();
    let invalid = validate_filled(&template, &options, &defaults);
    (
        check_pod(&template, &ranges, &options).map(|refusal| refusal.text),
        invalid.iter().map(ToString::to_string).collect(),
    )
}

fn said(range: &str, pod: &str) -> Option<String> {
    said_by(Version::NEWEST, range, pod).0
}

fn one(resources: &str) -> String {
    format!("{{containers: [{{name: c, image: i, resources: {resources}}}]}}")
}

#[test]
fn a_container_takes_what_its_limit_range_allows() {
    for (item, resources, wanted) in [
        ("min: {cpu: 100m}", "{requests: {cpu: 100m}}", None),
        (
            "min: {cpu: 100m}",
            "{requests: {cpu: 50m}}",
            Some("minimum cpu usage per Container is 100m, but request is 50m"),
        ),
        (
            "min: {memory: 1Gi}, defaultRequest: {memory: 2Gi}",
            "{limits: {memory: 512Mi}}",
            Some("minimum memory usage per Container is 1Gi, but request is 512Mi"),
        ),
        (
            "max: {cpu: 1, memory: 1Gi}",
            "{limits: {cpu: 1500m, memory: 2Gi}}",
            Some(
                "[maximum cpu usage per Container is 1, but limit is 1500m, maximum memory usage per Container is 1Gi, but \
                 limit is 2Gi]",
            ),
        ),
        // What is not said is the most that is allowed.
        ("max: {cpu: 1}", "{}", None),
        ("max: {cpu: 1}", "{requests: {cpu: 200m}}", None),
        (
            "maxLimitRequestRatio: {cpu: 3}",
            "{requests: {cpu: 200m}, limits: {cpu: 1}}",
            Some("cpu max limit to request ratio per Container is 3, but provided ratio is 5.000000"),
        ),
        (
            "maxLimitRequestRatio: {cpu: 3}",
            "{limits: {memory: 1}}",
            Some(
                "cpu max limit to request ratio per Container is 3, but no request is specified or request is 0",
            ),
        ),
        (
            "maxLimitRequestRatio: {cpu: 3}",
            "{requests: {cpu: 1}}",
            Some(
                "cpu max limit to request ratio per Container is 3, but no limit is specified or limit is 0",
            ),
        ),
        // More than 64 bits hold in thousandths.
        (
            "max: {memory: 9E}",
            "{limits: {memory: 9223372036854775807}}",
            Some("maximum memory usage per Container is 9E, but limit is 9223372036854775807"),
        ),
    ] {
        let range = format!("[{{type: Container, {item}}}]");
        assert_eq!(
            said(&range, &one(resources)).as_deref(),
            wanted,
            "{item} {resources}"
        );
    }
}

#[test]
fn what_two_containers_are_told_alike_is_said_once() {
    let pod = "{containers: [{name: a}, {name: b}], initContainers: [{name: c}]}";
    let range = "[{type: Container, maxLimitRequestRatio: {cpu: 2}}]";
    let wanted =
        "cpu max limit to request ratio per Container is 2, but no request is specified or request is 0";
    assert_eq!(said(range, pod).as_deref(), Some(wanted));
}

#[test]
fn a_pod_takes_what_its_containers_take_together() {
    let range = "[{type: Pod, max: {memory: 2Gi}}]";
    let both = "{containers: [{name: a, resources: {limits: {memory: 1536Mi}}}, {name: b, resources: {limits: {memory: \
                1Gi}}}]}";
    assert_eq!(
        said(range, both).as_deref(),
        Some("maximum memory usage per Pod is 2Gi, but limit is 2560Mi")
    );
    let version = |text: &str| text.parse::<Version>().unwrap();
    assert_eq!(
        said_by(version("1.27"), range, both).0.as_deref(),
        Some("maximum memory usage per Pod is 2Gi, but limit is 2684354560")
    );
    // Of one of them nobody knows: up to 1.27 the sum is of nothing.
    let some = "{containers: [{name: a, resources: {limits: {memory: 1Gi}}}, {name: b}]}";
    assert_eq!(said(range, some), None);
    assert_eq!(
        said_by(version("1.27"), range, some).0.as_deref(),
        Some("maximum memory usage per Pod is 2Gi.  No limit is specified")
    );
    let huge = "{containers: [{name: a, resources: {limits: {memory: 5Ei}}}, {name: b, resources: {limits: {memory: 5Ei}}}]}";
    assert_eq!(
        said_by(version("1.27"), range, huge).0,
        None,
        "more than 64 bits hold is less than nothing"
    );
    // Sidecars are known from 1.29 on.
    let beside = "{initContainers: [{name: s, restartPolicy: Always, resources: {limits: {memory: 1Gi}}}], containers: [{name: c, \
                  resources: {limits: {memory: 1536Mi}}}]}";
    for (of, is_refused) in [("1.28", false), ("1.29", true)] {
        assert_eq!(
            said_by(version(of), range, beside).0.is_some(),
            is_refused,
            "{of}"
        );
    }
    let own = "{resources: {limits: {memory: 9Gi}}, containers: [{name: a}]}";
    assert_eq!(
        said(range, own).as_deref(),
        Some("maximum memory usage per Pod is 2Gi, but limit is 9Gi")
    );
    let off = said_by(version("1.33"), range, own).0;
    assert_eq!(
        off.as_deref(),
        Some("maximum memory usage per Pod is 2Gi.  No limit is specified"),
        "the field is dropped"
    );
    let asked =
        "{resources: {requests: {memory: 3Gi}}, containers: [{name: a, resources: {limits: {memory: 1Gi}}}]}";
    assert_eq!(
        said(range, asked).as_deref(),
        Some("maximum memory usage per Pod is 2Gi, but request is 3Gi")
    );
}

#[test]
fn a_pod_is_valid_or_not_with_what_is_filled_in() {
    let valid = |range: &str, resources: &str, wanted: &[&str]| {
        let range = format!("[{{type: Container, {range}}}]");
        let (_, invalid) = said_by(Version::NEWEST, &range, &one(resources));
        assert_eq!(invalid, wanted, "{range} {resources}");
    };
    let at = "spec.containers[0].resources";
    let over = format!("{at}.requests: Invalid value: \"2\": must be less than or equal to cpu limit of 1");
    valid("default: {cpu: 1}", "{requests: {cpu: 2}}", &[&over]);
    let unlimited =
        format!("{at}.limits: Required value: Limit must be set for non overcommitable resources");
    valid(
        "defaultRequest: {a.b/c: 1}",
        "{requests: {cpu: 2}, limits: {cpu: 1}}",
        &[&over, &unlimited],
    );
    // An extended resource is asked for as far as it is limited.
    let device = "default: {a.b/c: 2}";
    valid(
        "defaultRequest: {cpu: 1}",
        "{requests: {a.b/c: 2}}",
        &[&unlimited],
    );
    valid(device, "{requests: {a.b/c: 2}}", &[]);
    let other = format!("{at}.requests: Invalid value: \"1\": must be equal to a.b/c limit of 2");
    valid(device, "{requests: {a.b/c: 1}}", &[&other]);
    valid("min: {a.b/c: 1}", "{}", &[&unlimited]);
    valid("min: {a.b/c: 1}", "{limits: {a.b/c: 2}}", &[]);
    let pages = format!("{at}: Forbidden: HugePages require cpu or memory");
    valid("default: {hugepages-2Mi: 2Mi}", "{}", &[&pages]);
    valid("default: {memory: 1Gi}", "{limits: {hugepages-2Mi: 2Mi}}", &[]);
}

#[test]
fn a_claim_asks_for_what_its_limit_range_allows() {
    let said = |limits: &str, request: &str| {
        let text = format!(
            "{{spec: {{resources: {{requests: {{{request}}}}}}}}}\n---\n{{spec: {{limits: [{{type: PersistentVolumeClaim, {limits}}}]}}}}\n"
        );
        let stream = parse(&text, &Limits::default());
        let spec = stream.documents[0].root().child("spec");
        check_claim(spec, "spec", &[stream.documents[1].root()]).map(|refusal| refusal.text)
    };
    assert_eq!(
        said("min: {storage: 1Gi}, max: {storage: 2Gi}", "storage: 1Gi"),
        None
    );
    assert_eq!(
        said("min: {storage: 1Gi}", "storage: 500Mi").as_deref(),
        Some("minimum storage usage per PersistentVolumeClaim is 1Gi, but request is 500Mi")
    );
    assert_eq!(
        said("max: {storage: 2Gi}", "storage: 5Gi").as_deref(),
        Some("maximum storage usage per PersistentVolumeClaim is 2Gi, but request is 5Gi")
    );
    assert_eq!(
        said("max: {storage: 2Gi}", "").as_deref(),
        Some("maximum storage usage per PersistentVolumeClaim is 2Gi.  No request is specified")
    );
}
