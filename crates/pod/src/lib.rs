//! What Kubernetes says of a Windows pod: who its containers run as, what the API server answers, what the node does.
//!
//! [`Account`] is a Windows account, parsed once. [`effective`] resolves a container's windows options and says which
//! field decided. [`validate`] answers as the API server would, in its order and its words; [`status`] makes the
//! whole answer of it, and [`warnings()`] what it says beside it. [`node`] knows what happens after admission,
//! [`advice`] what is most likely not meant, [`os`] which system a pod is made for, and [`intent`] whether that is
//! Windows. Each rule has a name and explains itself ([`rules::all`]). [`pod_security`] is what admission says of a pod
//! that is valid.
//!
//! ```
//! use porthole_manifest::{Limits, objects, parse, pod_template};
//! use porthole_pod::{Options, status_message, validate};
//!
//! let stream = parse(
//!     "{apiVersion: v1, kind: Pod, metadata: {name: hpc}, spec: {securityContext: {windowsOptions: {hostProcess: true}},
//!      containers: [{name: c, image: i}]}}",
//!     &Limits::default(),
//! );
//! let object = &objects(&stream.documents[0])[0];
//! let template = pod_template(object).expect("a Pod has one");
//! let findings = validate(&template, &Options::default());
//! assert_eq!(
//!     status_message(template.kind, "hpc", &findings),
//!     "Pod \"hpc\" is invalid: spec.hostNetwork: Invalid value: false: \
//!      hostNetwork must be true if pod contains any hostProcess containers",
//! );
//! ```
//!
//! There is no input or output here.

pub mod account;
mod account_grammar;
pub mod advice;
mod base64;
mod container;
pub mod decode;
mod defaults;
pub mod edit;
pub mod effective;
mod finding;
pub mod gates;
pub mod intent;
mod ip;
mod json_syntax;
pub mod names;
pub mod node;
mod options;
pub mod os;
mod path;
pub mod pod_security;
pub mod quantity;
mod render;
mod report;
mod rule;
pub mod rules;
pub mod schema;
mod seen;
mod status;
mod syntax;
mod together;
mod update;
mod validate;
mod version;
mod warnings;
mod windows_pod;

pub use account::{Account, WellKnown};
pub use account_grammar::AccountError;
pub use container::{ContainerKind, ContainerRef, containers, containers_of};
pub use defaults::{Amounts, ContainerDefaults, validate_filled, warnings_filled};
pub use effective::{EffectiveOptions, Origin, Setting};
pub use finding::{Edit, ErrorKind, Finding, Fix, Severity};
pub use gates::{Gates, GatesError};
pub use json_syntax::{DecodeError, decode_object};
pub use node::{Containerd, NodeSetup};
pub use options::Options;
pub use os::{OS_LABELS, required_os};
pub use quantity::{Quantity, QuantityError};
pub use render::{go_json, go_quote};
pub use rule::{Enforcer, Rule};
pub use rules::container::resources::is_native_resource;
pub use rules::metadata::created_name;
pub use rules::pod_resources::pod_level_resources;
pub use rules::windows_options::CREDENTIAL_SPEC_LIMIT;
pub use status::{Cause, Details, Empty, Status, object_status, resource_of, status, status_message};
pub use together::{qos_class, together};
pub use update::{change_warnings, validate_update};
pub use validate::{has_rules, validate, validate_object};
pub use version::{Version, VersionError};
pub use warnings::{object_warnings, request_warnings, warnings, warnings_of_invalid};
pub use windows_pod::WindowsPod;
