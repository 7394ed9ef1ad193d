//! The fields of `windowsOptions`, at the pod and in each container, whatever the pod's system
//! (`validateWindowsSecurityContextOptions` of the API server).

use porthole_manifest::Node;

use crate::account_grammar::{self, AccountError};
use crate::names;
use crate::path::Path;
use crate::report::Shown;
use crate::rule::{Rule, rules};
use crate::validate::Pass;

rules! { ApiServer:
    /// `gmsaCredentialSpecName` is at most 253 bytes long, as every name of a custom resource is.
    CREDENTIAL_SPEC_NAME_TOO_LONG = "credential-spec-name-too-long";
    /// `gmsaCredentialSpecName` is a lower-case RFC 1123 subdomain: it names a `GMSACredentialSpec`, and that is how custom
    /// resources are named. `gmsa-WebApp1` is refused; `gmsa-webapp1` is a name.
    CREDENTIAL_SPEC_NAME_FORMAT = "credential-spec-name-format";
    /// `gmsaCredentialSpec` holds the credential spec's JSON; leave it out instead of leaving it empty.
    CREDENTIAL_SPEC_EMPTY = "credential-spec-empty";
    /// `gmsaCredentialSpec` has at most 65,536 bytes, more than any credential spec needs.
    CREDENTIAL_SPEC_TOO_LONG = "credential-spec-too-long";
    /// `runAsUserName` names an account; leave it out instead of leaving it empty.
    ACCOUNT_EMPTY = "account-empty";
    /// `runAsUserName` has no control characters. In double quotes YAML reads `"CORP\new"` with a line break: write the
    /// account in single quotes.
    ACCOUNT_CONTROL_CHARACTER = "account-control-character";
    /// `runAsUserName` has at most one backslash, between domain and name. In single quotes a backslash is not doubled.
    ACCOUNT_BACKSLASHES = "account-backslashes";
    /// The domain of `runAsUserName` is shorter than 256 bytes.
    ACCOUNT_DOMAIN_TOO_LONG = "account-domain-too-long";
    /// The domain of `runAsUserName` is a NetBIOS name (at most 15 characters) or a DNS name. `.` for the own computer is
    /// neither: leave the domain out.
    ACCOUNT_DOMAIN_FORMAT = "account-domain-format";
    /// `runAsUserName` has a name after its backslash.
    ACCOUNT_USER_EMPTY = "account-user-empty";
    /// The name in `runAsUserName` has at most 104 bytes.
    ACCOUNT_USER_TOO_LONG = "account-user-too-long";
    /// The name in `runAsUserName` is not made of periods and spaces only.
    ACCOUNT_USER_DOTS_AND_SPACES = "account-user-dots-and-spaces";
    /// The name in `runAsUserName` has none of the characters that Windows forbids in names. Write `CORP\user`, neither
    /// `user@corp.example` nor `CORP/user`.
    ACCOUNT_USER_CHARACTERS = "account-user-characters";
}

/// The most bytes of a credential spec in a pod (`maxGMSACredentialSpecLengthInKiB` of `pkg/apis/core/validation`).
pub const CREDENTIAL_SPEC_LIMIT: usize = 64 * 1024;

pub(crate) fn check_pod(pass: &mut Pass<'_>) {
    let spec = Path::root(pass.template.prefix);
    check(
        pass,
        &spec.child("securityContext"),
        pass.spec.field("securityContext"),
    );
}

/// `windowsOptions` of the security context at `context_path`.
pub(crate) fn check(pass: &mut Pass<'_>, context_path: &Path<'_>, context: Option<Node<'_>>) {
    let Some(options) = context.and_then(|context| context.field("windowsOptions")) else {
        return;
    };
    let path = context_path.child("windowsOptions");
    let text = |key| options.field(key).and_then(|node| Some((node, node.as_str()?)));
    let mut invalid = |rule: &'static Rule, field: &str, node: Node<'_>, text: &str, detail: &str| {
        pass.invalid(rule, &path.child(field), Shown::Named(text), detail, node.span());
    };
    let field = "gmsaCredentialSpecName";
    if let Some((node, name)) = text(field) {
        for fault in names::dns1123_subdomain(name) {
            let rule = if fault.starts_with("must be no more") {
                &CREDENTIAL_SPEC_NAME_TOO_LONG
            } else {
                &CREDENTIAL_SPEC_NAME_FORMAT
            };
            invalid(rule, field, node, name, &fault);
        }
    }
    let field = "gmsaCredentialSpec";
    if let Some((node, contents)) = text(field) {
        if contents.is_empty() {
            invalid(
                &CREDENTIAL_SPEC_EMPTY,
                field,
                node,
                contents,
                "gmsaCredentialSpec cannot be an empty string",
            );
        } else if contents.len() > CREDENTIAL_SPEC_LIMIT {
            let detail = "gmsaCredentialSpec size must be under 64 KiB";
            invalid(&CREDENTIAL_SPEC_TOO_LONG, field, node, contents, detail);
        }
    }
    let field = "runAsUserName";
    if let Some((node, account)) = text(field) {
        for error in account_grammar::check(account) {
            invalid(account_rule(error), field, node, account, &error.to_string());
        }
    }
}

/// The rule that an account's fault breaks.
const fn account_rule(error: AccountError) -> &'static Rule {
    match error {
        AccountError::Empty => &ACCOUNT_EMPTY,
        AccountError::ControlCharacter => &ACCOUNT_CONTROL_CHARACTER,
        AccountError::Backslashes => &ACCOUNT_BACKSLASHES,
        AccountError::DomainTooLong => &ACCOUNT_DOMAIN_TOO_LONG,
        AccountError::DomainFormat => &ACCOUNT_DOMAIN_FORMAT,
        AccountError::UserEmpty => &ACCOUNT_USER_EMPTY,
        AccountError::UserTooLong => &ACCOUNT_USER_TOO_LONG,
        AccountError::UserDotsAndSpaces => &ACCOUNT_USER_DOTS_AND_SPACES,
        AccountError::UserCharacters => &ACCOUNT_USER_CHARACTERS,
    }
}
