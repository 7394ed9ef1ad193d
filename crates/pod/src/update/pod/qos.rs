//! The quality of service of a Pod as it is stored.

use serde_json::{Map, Value};

use crate::together::qos_class;

/// The class of a Pod with this spec, in which the amounts of the same are the same texts.
pub(super) fn class(spec: &Map<String, Value>) -> &'static str {
    let lists = ["containers", "initContainers"].map(|list| spec.get(list).and_then(Value::as_array));
    qos_class(lists.into_iter().flatten().flatten().map(|container| {
        ["cpu", "memory"].map(|name| {
            let amount = |part| {
                let amount = container["resources"][part][name].as_str();
                amount.filter(|amount| *amount != "0")
            };
            (amount("limits"), amount("requests"))
        })
    }))
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
