//! Roles and bindings.

use porthole_access::{Access, Request, User};
use porthole_credspec::{GROUP, RESOURCE};
use porthole_manifest::{Limits, objects, parse};

pub(super) fn holds(text: &str) {
    let stream = parse(text, &Limits::default());
    let mut access = Access::default();
    for object in stream.documents.iter().flat_map(objects) {
        access.add(&object);
    }
    let empty = Access::default();
    for (namespace, name) in [
        ("default", "default"),
        ("shop", "web"),
        ("shop", "default"),
        ("", ""),
    ] {
        let user = User::service_account(namespace, name);
        for spec in ["gmsa-webapp1", "x", ""] {
            let request = Request::new("use", GROUP, RESOURCE)
                .named(spec)
                .in_namespace(namespace);
            let verdict = access.authorize(&user, &request);
            if verdict.allowed {
                assert!(verdict.reason.starts_with("RBAC: allowed by "), "{verdict:?}");
            } else {
                let says_why = !verdict.reason.is_empty();
                assert_eq!(says_why, !verdict.missing.is_empty(), "{verdict:?}");
            }
            assert!(
                !verdict.allowed || !access.bindings().is_empty(),
                "without a binding nothing is allowed"
            );
            assert!(!empty.authorize(&user, &request).allowed);
        }
        let all = Request::new("*", "*", "*");
        if access.authorize(&user, &all).allowed {
            let one = Request::new("use", GROUP, RESOURCE)
                .named("x")
                .in_namespace(namespace);
            assert!(
                access.authorize(&user, &one).allowed,
                "who may do everything may use one"
            );
        }
    }
}
