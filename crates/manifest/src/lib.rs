//! Kubernetes manifests as trees with byte spans.
//!
//! A [`Source`] is a file's text. [`Source::parse`] (or [`parse`]) turns its YAML or JSON into a [`Stream`] of
//! [`Document`]s; what is broken becomes a [`SyntaxError`] with its place and does not stop the documents around
//! it. Every [`Node`] of a document knows where it stands, and its scalars are typed as the cluster's own decoder
//! types them. [`objects`] finds the Kubernetes objects of a document (the items of a List one by one), and
//! [`pod_template`] the pod that a workload makes.
//!
//! ```
//! use porthole_manifest::{Limits, Source, objects, pod_template};
//!
//! let source = Source::new("pod.yaml", "kind: Pod\napiVersion: v1\nspec:\n  hostNetwork: on\n");
//! let stream = source.parse(&Limits::default());
//! let object = &objects(&stream.documents[0])[0];
//! let template = pod_template(object).expect("a Pod has a template");
//! let host_network = template.spec.and_then(|spec| spec.get("hostNetwork")).expect("it is written");
//! assert_eq!(host_network.as_bool(), Some(true));
//! assert_eq!(source.position(host_network.span().start).to_string(), "4:16");
//! ```
//!
//! There is no input or output here.

mod builder;
mod columns;
mod control;
mod document;
mod duplicate;
mod error;
mod escape;
mod events;
mod flow;
mod json;
mod json_pass;
mod json_string;
mod json_text;
mod limits;
mod mapping;
mod mend;
mod node;
mod object;
mod path;
mod pieces;
mod scalar;
mod source;
mod span;
mod spare;
mod tabs;
mod template;
mod texts;

pub use columns::{Columns, Count};
pub use document::{Comment, Document, Stream};
pub use duplicate::DuplicateKey;
pub use error::SyntaxError;
pub use events::parse;
pub use json_text::{Keep, parse_json};
pub use limits::Limits;
pub use mapping::{Entries, Entry, Items};
pub use node::{Kind, Node, NodeId, Value};
pub use object::{Object, objects};
pub use source::{Position, Source, SourceError};
pub use span::Span;
pub use template::{PodTemplate, WorkloadKind, pod_template};
