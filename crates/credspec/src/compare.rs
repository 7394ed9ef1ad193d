//! Two contents, compared as the webhook compares them.

use porthole_pod::{DecodeError, decode_object};
use serde_json::{Map, Number, Value};

/// Which side is no JSON object, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Incomparable {
    /// The pod's.
    #[error("unable to parse \"{contents}\" as a JSON object: {error}")]
    Pod {
        /// What it holds.
        contents: String,
        /// Go's decoder.
        error: DecodeError,
    },
    /// The resource's.
    #[error("unable to parse CRD \"{contents}\" as a JSON object: {error}")]
    Resource {
        /// What it holds.
        contents: String,
        /// Go's decoder.
        error: DecodeError,
    },
}

/// Whether the contents in a pod and those of a resource are the same: byte for byte, or as JSON objects, in which neither
/// white space nor the order of keys counts and numbers are compared as `float64`.
///
/// # Errors
///
/// One of the sides is no JSON object (`null` is one, and is not `{}`).
pub fn same(pod: &str, resource: &str) -> Result<bool, Incomparable> {
    if pod == resource {
        return Ok(true);
    }
    let of_pod = decode_object(pod).map_err(|error| Incomparable::Pod {
        contents: pod.to_owned(),
        error,
    })?;
    let of_resource = decode_object(resource).map_err(|error| Incomparable::Resource {
        contents: resource.to_owned(),
        error,
    })?;
    Ok(match (of_pod, of_resource) {
        (None, None) => true,
        (Some(pod), Some(resource)) => equal_objects(&pod, &resource),
        _ => false,
    })
}

fn equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            let float = |number: &Number| number.as_f64().map(f64::to_bits);
            float(one) == float(other) || one.as_f64() == Some(0.0) && other.as_f64() == Some(0.0)
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| equal(one, other))
        }
        (Value::Object(one), Value::Object(other)) => equal_objects(one, other),
        _ => one == other,
    }
}

fn equal_objects(one: &Map<String, Value>, other: &Map<String, Value>) -> bool {
    one.len() == other.len()
        && one
            .iter()
            .all(|(key, value)| other.get(key).is_some_and(|other| equal(value, other)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_are_compared_as_objects() {
        for (pod, resource, expected) in [
            ("not json", "not json", true),
            (r#"{"a": 1, "b": [1, 2]}"#, r#"{"b":[1,2],"a":1.0}"#, true),
            (r#"{"a": [1, 2]}"#, r#"{"a": [2, 1]}"#, false),
            (r#"{"a": 1}"#, r#"{"A": 1}"#, false),
            (r#"{"a": 1, "a": 2}"#, r#"{"a": 2}"#, true),
            (r#"{"a": 9007199254740993}"#, r#"{"a": 9007199254740992}"#, true),
            ("null", "{}", false),
            (r#"{"a": null}"#, "{}", false),
        ] {
            assert_eq!(same(pod, resource), Ok(expected), "{pod} {resource}");
        }
    }

    #[test]
    fn what_is_no_object_is_named_with_gos_reason() {
        for (pod, resource, text) in [
            (
                "",
                "{}",
                "unable to parse \"\" as a JSON object: unexpected end of JSON input",
            ),
            (
                "{}x",
                "{ }",
                "unable to parse \"{}x\" as a JSON object: invalid character 'x' after top-level value",
            ),
            (
                "{}",
                "[1]",
                "unable to parse CRD \"[1]\" as a JSON object: json: cannot unmarshal array into Go value of type \
                 map[string]interface {}",
            ),
        ] {
            assert_eq!(same(pod, resource).unwrap_err().to_string(), text);
        }
    }
}
