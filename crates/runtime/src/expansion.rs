//! Kubernetes' `$(VAR)` expansion, as the kubelet does it in `command`, `args` and the values of `env`, and nowhere else.

/// Replaces each `$(NAME)` by what `value` says. A name without a value stays as it is written, `$$` is one dollar sign
/// (so that `$$(NAME)` comes out as `$(NAME)`), and a dollar sign before anything else is itself.
#[must_use]
pub fn expand<'a>(text: &str, value: impl Fn(&str) -> Option<&'a str>) -> String {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(position) = rest.find('$') {
        expanded.push_str(&rest[..position]);
        let after = &rest[position + 1..];
        if let Some(tail) = after.strip_prefix('$') {
            expanded.push('$');
            rest = tail;
        } else if let Some((name, tail)) = after.strip_prefix('(').and_then(|inner| inner.split_once(')')) {
            if let Some(value) = value(name) {
                expanded.push_str(value);
            } else {
                expanded.push_str("$(");
                expanded.push_str(name);
                expanded.push(')');
            }
            rest = tail;
        } else {
            expanded.push('$');
            rest = after;
        }
    }
    expanded.push_str(rest);
    expanded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expands_as_the_kubelet_does() {
        for (text, expected) in [
            ("$(VAR_A)", "A"),
            ("___$(VAR_B)___", "___B___"),
            ("$(VAR_A)-$(VAR_B)", "A-B"),
            ("$(UNKNOWN)", "$(UNKNOWN)"),
            ("$$(VAR_A)", "$(VAR_A)"),
            ("$$$(VAR_A)", "$A"),
            ("$$$$(VAR_A)", "$$(VAR_A)"),
            ("foo$$(VAR_A)bar", "foo$(VAR_A)bar"),
            ("$(VAR_EMPTY)x", "x"),
            ("$VAR_A", "$VAR_A"),
            ("$(VAR_A", "$(VAR_A"),
            ("$$(VAR_A", "$(VAR_A"),
            ("$()", "$()"),
            ("$(VAR_A))", "A)"),
            ("$($(VAR_A))", "$($(VAR_A))"),
            ("$(VAR_REF)", "$(VAR_A)"),
            ("%%$(VAR_B)%%", "%%B%%"),
            ("\\$(VAR_A)", "\\A"),
            ("é$(VAR_A)é", "éAé"),
            ("$", "$"),
            ("$$", "$"),
            ("a$", "a$"),
            ("$%", "$%"),
            ("", ""),
        ] {
            let expanded = expand(text, |name| match name {
                "VAR_A" => Some("A"),
                "VAR_B" => Some("B"),
                // A value is not expanded again.
                "VAR_REF" => Some("$(VAR_A)"),
                "VAR_EMPTY" => Some(""),
                _ => None,
            });
            assert_eq!(expanded, expected, "{text}");
        }
    }
}
