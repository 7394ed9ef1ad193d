//! What Kubernetes says of a Windows pod.

pub mod account;

pub use account::Account;
