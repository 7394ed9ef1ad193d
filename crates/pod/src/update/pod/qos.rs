//! The quality of service of a Pod (`ComputePodQOS`).

use serde_json::{Map, Value};

/// The class of a Pod with this spec, in which the amounts of the same are the same texts.
pub(super) fn class(spec: &Map<String, Value>) -> &'static str {
    const RESOURCES: [&str; 2] = ["cpu", "memory"];
    let lists = ["containers", "initContainers"].map(|list| spec.get(list).and_then(Value::as_array));
    let containers = || lists.iter().copied().flatten().flatten();
    let amount = |container: &Value, part: &str, name: &str| {
        let amount = container["resources"][part][name].as_str();
        amount.filter(|amount| *amount != "0").map(str::to_owned)
    };
    let asks = containers().any(|container| {
        let mut parts = ["requests", "limits"].into_iter();
        parts.any(|part| {
            RESOURCES
                .iter()
                .any(|name| amount(container, part, name).is_some())
        })
    });
    // No request is above its limit, so that they are the same together where each is.
    let is_guaranteed = |container: &Value| {
        RESOURCES.iter().all(|name| {
            let limit = amount(container, "limits", name);
            limit.is_some() && limit == amount(container, "requests", name)
        })
    };
    match (asks, containers().all(is_guaranteed)) {
        (false, _) => "BestEffort",
        (true, true) => "Guaranteed",
        (true, false) => "Burstable",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_class_follows_from_what_all_containers_ask_for() {
        let of = |containers: Value| {
            let spec = json!({"containers": containers});
            class(spec.as_object().expect("it is a mapping"))
        };
        let limits = json!({"cpu": "1e0", "memory": "1e9"});
        let all = json!({"resources": {"limits": limits, "requests": limits}});
        let some = json!({"resources": {"requests": {"cpu": "1e0"}}});
        assert_eq!(of(json!([{"name": "c"}])), "BestEffort");
        assert_eq!(
            of(json!([{"resources": {"requests": {"memory": "0"}}}])),
            "BestEffort"
        );
        assert_eq!(of(json!([some])), "Burstable");
        assert_eq!(of(json!([all])), "Guaranteed");
        assert_eq!(of(json!([all, {"name": "c"}])), "Burstable");
    }
}
