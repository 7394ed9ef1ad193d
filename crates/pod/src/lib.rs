//! What Kubernetes says of a Windows pod.

pub mod account;
mod account_grammar;
mod container;
pub mod effective;
mod os;

pub use account::{Account, WellKnown};
pub use account_grammar::AccountError;
pub use container::{ContainerKind, ContainerRef, containers, containers_of};
pub use effective::{EffectiveOptions, Origin, Setting};
pub use os::{OS_LABELS, required_os};
