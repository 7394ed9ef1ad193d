//! Privileged containers under the API server's policy (`ValidateSecurityContext`).

use crate::container::ContainerRef;
use crate::path::Path;
use crate::rule::rules;
use crate::validate::Pass;

rules! { ApiServer:
    /// An API server without `--allow-privileged` takes no privileged container.
    PRIVILEGED_DISALLOWED = "privileged-disallowed";
}

pub(crate) fn check(pass: &mut Pass<'_>, container: &ContainerRef<'_>) {
    let privileged = container
        .security_context()
        .and_then(|context| context.field("privileged"));
    let Some(node) = privileged.filter(|node| node.as_bool() == Some(true)) else {
        return;
    };
    if pass.options.allow_privileged {
        return;
    }
    let spec = Path::root(pass.template.prefix);
    let list = spec.child(container.kind.field());
    let at = list.index(container.index);
    let context = at.child("securityContext");
    let field = context.child("privileged");
    pass.forbidden(
        &PRIVILEGED_DISALLOWED,
        &field,
        "disallowed by cluster policy",
        node.span(),
    );
}
