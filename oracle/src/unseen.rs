//! Rules of which generated objects cannot show both sides, and why.

/// What keeps a rule from being seen.
const UNSEEN: &[(&str, &str)] = &[
    ("bind-mount-options", ALPHA),
    ("field-path-gated", BETWEEN),
    ("grpc-mode-unknown", ALPHA),
    ("http-protocol", ALPHA),
    ("scheduling-group", ALPHA),
    ("stop-signal", ALPHA),
    ("resize-policy-of-init", BETWEEN),
    ("sub-path-of-image", BETWEEN),
    ("credential-spec-type", CUSTOM),
    ("finalizer-without-path", CUSTOM),
    (
        "object-namespace",
        "an object in another namespace than that of the request is refused before it is validated",
    ),
    (
        "pod-security-configuration",
        "it is about the server's own configuration, which is no object",
    ),
    (
        "request-too-large",
        "an object of three megabytes is made by a test of its own, not thousands of times",
    ),
];

const ALPHA: &str = "an alpha gate drops its field, and the servers have it off";
const CUSTOM: &str = "it is of custom resources, whose answers are kept beside";
const BETWEEN: &str = "only versions between the oldest and the newest have it";

/// Why the rule of that name cannot be seen; nothing where it can.
#[must_use]
pub fn why(rule: &str) -> Option<&'static str> {
    let found = UNSEEN.iter().find(|(name, _)| *name == rule)?;
    Some(found.1)
}

#[cfg(test)]
mod tests {
    use porthole_pod::rules;

    use super::*;

    #[test]
    fn every_name_is_that_of_a_rule() {
        for (name, _) in UNSEEN {
            assert!(rules::find(name).is_some(), "{name}");
        }
    }
}
