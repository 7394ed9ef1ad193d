//! Support of the whole-system tests, which are in `tests/tests`.
//!
//! A test that needs root, Wine or a document from outside the checkout is `#[ignore = "needs …"]`, and is run by the
//! tier of `cargo xtask test` that provides it. Which tier that is, the name of its file says: `wine….rs` runs the Windows
//! programs, `kubernetes….rs` asks real servers of Kubernetes, `seeds.rs` reads the seeds, and every other file is of the
//! tier `linux`. `cargo xtask` itself stands on these modules too, so they use the standard library alone; but for what
//! the feature `client` adds, which the tests have and `xtask` has not.

pub mod bench;
pub mod cache;
pub mod containerd;
pub mod failure;
pub mod fuzz;
pub mod guardian;
pub mod helm;
pub mod image;
pub mod kubernetes;
pub mod program;
pub mod registry;
pub mod seeds;
pub mod session;
pub mod traces;
pub mod wait;
pub mod windows_pods;
pub mod wine;
