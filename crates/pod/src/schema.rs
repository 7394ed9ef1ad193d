//! The API's schema: the Go type of every kind, and which version of Kubernetes has and serves it.
//!
//! It is data (`schema/*.txt`), which `cargo xtask schema` writes from the published Go modules. Of a type only what is
//! asked for is read, once a version.
//!
//! `GMSACredentialSpec` (`windows.k8s.io/v1`) is no part of it: a custom resource has the schema of its definition, which
//! stands among the rules of its kind.

pub mod kinds;
pub mod types;

pub use kinds::{ApiKind, kind};
pub use types::{Definition, Field, Struct, Type, TypeId, Types};

/// The minor versions of a range that is written `22-24`.
fn range(text: &str) -> Option<(u16, u16)> {
    let (first, last) = text.split_once('-')?;
    Some((first.parse().ok()?, last.parse().ok()?))
}

/// The lines of a data file that are no comments.
fn lines(text: &'static str) -> Vec<&'static str> {
    text.lines().filter(|line| !line.starts_with('#')).collect()
}
