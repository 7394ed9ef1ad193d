//! Kubernetes RBAC, offline: may this subject do that?
//!
//! [`Access`] is made of the roles and bindings among some manifests ([`Access::add`]), or of what a cluster lists.
//! [`Access::authorize`] answers as the API server's RBAC authoriser does, its reason included, and says which binding
//! or which missing role decided. Aggregated cluster roles hold what the cluster's controller would put into them.
//!
//! ```
//! use porthole_access::{Access, Request, User};
//! use porthole_manifest::{Limits, objects, parse};
//!
//! let stream = parse(
//!     "kind: ClusterRole
//! apiVersion: rbac.authorization.k8s.io/v1
//! metadata: {name: webapp1}
//! rules: [{apiGroups: [windows.k8s.io], resources: [gmsacredentialspecs], verbs: [use], resourceNames: [webapp1]}]
//! ---
//! kind: RoleBinding
//! apiVersion: rbac.authorization.k8s.io/v1
//! metadata: {name: webapp1, namespace: shop}
//! subjects: [{kind: ServiceAccount, name: web, namespace: shop}]
//! roleRef: {kind: ClusterRole, name: webapp1, apiGroup: rbac.authorization.k8s.io}
//! ",
//!     &Limits::default(),
//! );
//! let mut access = Access::default();
//! for document in &stream.documents {
//!     objects(document).iter().for_each(|object| { access.add(object); });
//! }
//! let request = Request::new("use", "windows.k8s.io", "gmsacredentialspecs").named("webapp1").in_namespace("shop");
//! let verdict = access.authorize(&User::service_account("shop", "web"), &request);
//! assert!(verdict.allowed);
//! assert_eq!(
//!     verdict.reason,
//!     "RBAC: allowed by RoleBinding \"webapp1/shop\" of ClusterRole \"webapp1\" to ServiceAccount \"web/shop\"",
//! );
//! ```
//!
//! There is no input or output here.

mod aggregation;
mod authorize;
mod binding;
mod built_in;
mod role;
mod selector;
mod user;

pub use authorize::{Access, Request, Verdict};
pub use binding::{Binding, RoleReference, Subject};
pub use role::{Role, RoleKey, Rule};
pub use selector::Selector;
pub use user::User;
