//! Answers of the API server's RBAC authoriser.

use porthole_access::{Access, Request, User, Verdict};
use porthole_manifest::{Limits, objects, parse};

fn access(text: &str) -> Access {
    let stream = parse(text, &Limits::default());
    assert_eq!(stream.errors, []);
    let mut access = Access::default();
    for document in &stream.documents {
        for object in objects(document) {
            assert!(access.add(&object), "{:?} is no role or binding", object.kind);
        }
    }
    access
}

fn rbac(kind: &str, name: &str, namespace: Option<&str>, rest: &str) -> String {
    let namespace = namespace
        .map(|namespace| format!(", namespace: {namespace}"))
        .unwrap_or_default();
    format!(
        "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: {kind}\nmetadata: {{name: {name}{namespace}}}\n{rest}\n"
    )
}

fn uses(verbs: &str, resources: &str, names: &str) -> String {
    format!(
        "rules: [{{apiGroups: [windows.k8s.io], resources: [{resources}], verbs: [{verbs}], resourceNames: [{names}]}}]"
    )
}

fn binds(kind: &str, role: &str, subject: &str) -> String {
    format!(
        "roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: {kind}, name: {role}}}\nsubjects: [{subject}]"
    )
}

const WEB: &str = "{kind: ServiceAccount, name: web, namespace: shop}";

fn ask(access: &Access, name: &str) -> Verdict {
    let request = Request::new("use", "windows.k8s.io", "gmsacredentialspecs")
        .named(name)
        .in_namespace("shop");
    access.authorize(&User::service_account("shop", "web"), &request)
}

#[test]
fn a_role_binding_allows_in_its_namespace_alone() {
    let role = rbac(
        "ClusterRole",
        "r",
        None,
        &uses("use", "gmsacredentialspecs", "app"),
    );
    for (namespace, allowed) in [("shop", true), ("other", false)] {
        let binding = rbac(
            "RoleBinding",
            "b",
            Some(namespace),
            &binds("ClusterRole", "r", WEB),
        );
        let verdict = ask(&access(&format!("{role}{binding}")), "app");
        assert_eq!(verdict.allowed, allowed, "{namespace}");
        let reason =
            "RBAC: allowed by RoleBinding \"b/shop\" of ClusterRole \"r\" to ServiceAccount \"web/shop\"";
        assert_eq!(verdict.reason, if allowed { reason } else { "" });
    }
}

#[test]
fn a_cluster_role_binding_allows_everywhere_and_needs_the_subjects_namespace() {
    let role = rbac("ClusterRole", "r", None, &uses("'*'", "'*'", ""));
    for (subject, allowed) in [
        (WEB, true),
        ("{kind: ServiceAccount, name: web}", false),
        ("{kind: Group, name: 'system:serviceaccounts:shop'}", true),
        ("{kind: Group, name: 'system:authenticated'}", true),
        ("{kind: User, name: 'system:serviceaccount:shop:web'}", true),
        ("{kind: User, name: web}", false),
        ("{kind: Robot, name: web}", false),
    ] {
        let binding = rbac(
            "ClusterRoleBinding",
            "b",
            None,
            &binds("ClusterRole", "r", subject),
        );
        assert_eq!(
            ask(&access(&format!("{role}{binding}")), "app").allowed,
            allowed,
            "{subject}"
        );
    }
}

#[test]
fn a_role_binding_lends_its_namespace_to_service_accounts_and_finds_its_own_roles() {
    let role = rbac(
        "Role",
        "r",
        Some("shop"),
        &uses("use", "gmsacredentialspecs", "app"),
    );
    let binding = rbac(
        "RoleBinding",
        "b",
        Some("shop"),
        &binds("Role", "r", "{kind: ServiceAccount, name: web}"),
    );
    let verdict = ask(&access(&format!("{role}{binding}")), "app");
    assert_eq!(
        verdict.reason,
        "RBAC: allowed by RoleBinding \"b/shop\" of Role \"r\" to ServiceAccount \"web/shop\""
    );
    let elsewhere = rbac(
        "Role",
        "r",
        Some("other"),
        &uses("use", "gmsacredentialspecs", "app"),
    );
    let verdict = ask(&access(&format!("{elsewhere}{binding}")), "app");
    assert!(!verdict.allowed);
    assert_eq!(
        verdict.reason,
        "RBAC: role.rbac.authorization.k8s.io \"r\" not found"
    );
}

#[test]
fn rules_match_verb_resource_and_name() {
    for (rule, allowed) in [
        (uses("use", "gmsacredentialspecs", ""), true),
        (uses("use", "gmsacredentialspecs", "app, other"), true),
        (uses("use", "gmsacredentialspecs", "App"), false),
        (uses("get, list", "gmsacredentialspecs", "app"), false),
        (uses("use", "gmsacredentialspec", "app"), false),
        (uses("use", "gmsacredentialspecs/status", "app"), false),
        (uses("use", "'*/status'", "app"), false),
        (
            "rules: [{apiGroups: [''], resources: ['*'], verbs: ['*']}]".to_owned(),
            false,
        ),
        (
            "rules: [{apiGroups: ['*'], resources: ['*'], verbs: ['*']}]".to_owned(),
            true,
        ),
        ("rules: null".to_owned(), false),
    ] {
        let role = rbac("ClusterRole", "r", None, &rule);
        let binding = rbac("RoleBinding", "b", Some("shop"), &binds("ClusterRole", "r", WEB));
        assert_eq!(
            ask(&access(&format!("{role}{binding}")), "app").allowed,
            allowed,
            "{rule}"
        );
    }
}

#[test]
fn a_rule_for_subresources_allows_those() {
    let request = Request {
        subresource: "exec",
        ..Request::new("create", "", "pods").in_namespace("shop")
    };
    for (resources, allowed) in [
        ("pods/exec", true),
        ("'*/exec'", true),
        ("pods", false),
        ("'*'", true),
        ("pods/log", false),
    ] {
        let role = rbac(
            "ClusterRole",
            "r",
            None,
            &format!("rules: [{{apiGroups: [''], resources: [{resources}], verbs: [create]}}]"),
        );
        let binding = rbac("RoleBinding", "b", Some("shop"), &binds("ClusterRole", "r", WEB));
        let verdict =
            access(&format!("{role}{binding}")).authorize(&User::service_account("shop", "web"), &request);
        assert_eq!(verdict.allowed, allowed, "{resources}");
    }
}

#[test]
fn an_aggregated_role_has_the_rules_of_those_that_it_selects() {
    let labelled = "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: part, labels: {rbac.authorization.k8s.io/aggregate-to-view: 'true'}}\n".to_owned()
        + &uses("use", "gmsacredentialspecs", "app") + "\n";
    for role in ["view", "edit", "admin"] {
        let binding = rbac("RoleBinding", "b", Some("shop"), &binds("ClusterRole", role, WEB));
        assert!(
            ask(&access(&format!("{labelled}{binding}")), "app").allowed,
            "{role}"
        );
        assert!(!ask(&access(&binding), "app").allowed, "{role} without the part");
    }
    // The controller replaces rules that an aggregated role was written with; a circle is no trouble.
    let own = rbac(
        "ClusterRole",
        "own",
        None,
        &(uses("use", "gmsacredentialspecs", "app")
            + "\naggregationRule: {clusterRoleSelectors: [{matchExpressions: [{key: name, operator: DoesNotExist}]}]}"),
    );
    let binding = rbac(
        "RoleBinding",
        "b",
        Some("shop"),
        &binds("ClusterRole", "own", WEB),
    );
    assert!(
        ask(&access(&format!("{own}{binding}")), "app").allowed,
        "it selects cluster-admin, which has no label"
    );
    let none = own.replace("DoesNotExist", "Exists");
    assert!(!ask(&access(&format!("{none}{binding}")), "app").allowed);
}

#[test]
fn every_missing_role_is_named_once() {
    let one = rbac(
        "RoleBinding",
        "b1",
        Some("shop"),
        &binds("ClusterRole", "gone", WEB),
    );
    let two = rbac("RoleBinding", "b2", Some("shop"), &binds("Role", "away", WEB));
    let again = rbac(
        "RoleBinding",
        "b3",
        Some("shop"),
        &binds("ClusterRole", "gone", WEB),
    );
    let mut access = access(&format!("{one}{two}{again}"));
    access.name_authorizer(true);
    let named = ask(&access, "app").reason;
    access.name_authorizer(false);
    let verdict = ask(&access, "app");
    assert_eq!(named, format!("rbac: {}", verdict.reason));
    assert_eq!(
        verdict.reason,
        "RBAC: [clusterrole.rbac.authorization.k8s.io \"gone\" not found, role.rbac.authorization.k8s.io \"away\" not found]"
    );
    assert_eq!(verdict.missing.len(), 3);
}

#[test]
fn the_masters_may_do_everything() {
    let user = User {
        name: "admin".to_owned(),
        groups: vec!["system:masters".to_owned()],
    };
    assert!(
        Access::default()
            .authorize(&user, &Request::new("use", "x", "y"))
            .allowed
    );
}

#[test]
fn later_objects_of_a_name_replace_earlier_ones() {
    let role = rbac(
        "ClusterRole",
        "r",
        None,
        &uses("use", "gmsacredentialspecs", "app"),
    );
    let empty = rbac("ClusterRole", "r", None, "rules: []");
    let binding = rbac("RoleBinding", "b", Some("shop"), &binds("ClusterRole", "r", WEB));
    assert!(!ask(&access(&format!("{role}{binding}{empty}")), "app").allowed);
}
