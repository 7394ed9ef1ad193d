//! The CEL expressions by which the API server knows which pods the webhook is asked about.
//!
//! An expression that fails counts as the failure policy says, so every step asks first whether there is something to
//! step on. What they cost grows with the number of containers; the API server's budget is that of tens of thousands.

use porthole_admission::decide::annotation::PREFIX;
use porthole_admission::host_accounts::ANNOTATIONS;

use crate::settings::Settings;

/// The fields of `windowsOptions`.
const OPTIONS: [&str; 4] = [
    "gmsaCredentialSpecName",
    "gmsaCredentialSpec",
    "hostProcess",
    "runAsUserName",
];
const LISTS: [&str; 3] = ["containers", "initContainers", "ephemeralContainers"];

/// Whether a pod concerns the webhook, as it was or as it is to be: a gMSA, HostProcess, an account, a `RuntimeClass` of
/// porthole's, one of its annotations, or one that asks for an account of the host.
pub(crate) fn concerns(settings: &Settings) -> String {
    let mut any = Vec::new();
    if !settings.runtime_classes.is_empty() {
        any.push(format!(
            "(has(p.spec.runtimeClassName) && p.spec.runtimeClassName in {})",
            list_of(settings.runtime_classes.iter().map(String::as_str))
        ));
    }
    any.push(options("p.spec.securityContext"));
    for list in LISTS {
        let container = options("c.securityContext");
        any.push(format!(
            "(has(p.spec.{list}) && p.spec.{list} != null && p.spec.{list}.exists(c, {container}))"
        ));
    }
    let any = any.join(" ||\n  ");
    let host_accounts = list_of(ANNOTATIONS.into_iter());
    format!(
        "[object, oldObject].exists(p, p != null && (\n  \
         (has(p.metadata.annotations) && p.metadata.annotations.exists(k, \
         k.startsWith('{PREFIX}') || k in {host_accounts})) ||\n  \
         (has(p.spec) && (\n  {any}))))"
    )
}

/// Whether something's `securityContext` has `windowsOptions` with any field.
fn options(context: &str) -> String {
    let fields = OPTIONS.map(|field| format!("has({context}.windowsOptions.{field})"));
    format!(
        "(has({context}) && has({context}.windowsOptions) && ({}))",
        fields.join(" || ")
    )
}

/// Whether an update of a status, or a binding, brings, changes or drops one of porthole's annotations.
pub(crate) fn changes_annotations() -> String {
    let annotations = |of: &str| {
        format!("({of} != null && has({of}.metadata.annotations) ? {of}.metadata.annotations : {{}})")
    };
    let (new, old) = (annotations("object"), annotations("oldObject"));
    format!(
        "{new}.exists(k, k.startsWith('{PREFIX}') && !(k in {old} && {old}[k] == {new}[k])) ||\n\
         {old}.exists(k, k.startsWith('{PREFIX}') && !(k in {new}))"
    )
}

/// A list of texts in CEL.
fn list_of<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = texts.map(quoted).collect();
    format!("[{}]", quoted.join(", "))
}

/// A text in CEL. Names have neither quotes nor backslashes; what is none gets none.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("'");
    for character in text.chars() {
        if matches!(character, '\'' | '\\') {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    quoted.push('\'');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runtime_classes_are_looked_for_where_there_are_some() {
        let mut settings = Settings::default();
        assert!(!concerns(&settings).contains("runtimeClassName"));
        settings.runtime_classes = vec!["porthole".to_owned(), "it's".to_owned()];
        let expression = concerns(&settings);
        assert!(
            expression.contains(r"p.spec.runtimeClassName in ['porthole', 'it\'s']"),
            "{expression}"
        );
    }

    #[test]
    fn every_list_and_every_field_is_looked_at() {
        let expression = concerns(&Settings::default());
        for list in LISTS {
            assert!(
                expression.contains(&format!("p.spec.{list}.exists")),
                "{expression}"
            );
        }
        for field in OPTIONS {
            let of_pod = format!("has(p.spec.securityContext.windowsOptions.{field})");
            let of_container = format!("has(c.securityContext.windowsOptions.{field})");
            assert_eq!(expression.matches(&of_pod).count(), 1, "{field}");
            assert_eq!(expression.matches(&of_container).count(), 3, "{field}");
        }
        let open = expression.matches('(').count();
        assert_eq!(open, expression.matches(')').count(), "{expression}");
    }
}
