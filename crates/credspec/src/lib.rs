//! The credential spec of a Group Managed Service Account (gMSA).
//!
//! A credential spec tells a Windows container as which account of which domain it is known. It is a JSON document; in a
//! cluster it is the `credspec` of a `GMSACredentialSpec`, and the GMSA webhook writes it into the pod as a string.
//! [`CredentialSpec`] is the document as a type. [`contents`] makes the string that the webhook writes, byte for byte.
//! [`same`] compares two such strings as the webhook does. [`lint`] finds the mistakes that can be seen without a domain.
//!
//! ```
//! use porthole_credspec::{contents, same};
//! use porthole_manifest::{Limits, parse};
//!
//! let stream = parse("credspec: {CmsPlugins: [ActiveDirectory], DomainJoinConfig: {NetBiosName: <CORP>}}", &Limits::default());
//! let credspec = stream.documents[0].root().child("credspec");
//! let text = contents(credspec);
//! assert_eq!(text, r#"{"CmsPlugins":["ActiveDirectory"],"DomainJoinConfig":{"NetBiosName":"\u003cCORP\u003e"}}"#);
//! assert_eq!(same(&text, r#"{"DomainJoinConfig": {"NetBiosName": "<CORP>"}, "CmsPlugins": ["ActiveDirectory"]}"#), Ok(true));
//! ```
//!
//! There is no input or output here.

mod compare;
mod contents;
mod lint;
mod model;
mod sid;

pub use compare::{Incomparable, same};
pub use contents::{canonical, contents, prune};
pub use lint::{lint, rules};
pub use model::{
    ActiveDirectoryConfig, CredentialSpec, DomainJoinConfig, GroupManagedServiceAccount, HostAccountConfig,
};
pub use sid::{Sid, SidError};

/// The API group of `GMSACredentialSpec`.
pub const GROUP: &str = "windows.k8s.io";
/// Its kind.
pub const KIND: &str = "GMSACredentialSpec";
/// Its plural, as roles name it.
pub const RESOURCE: &str = "gmsacredentialspecs";
