//! Support of the whole-system tests, which are in `tests/tests`.
//!
//! A test that needs root, Wine or a document from outside the checkout is `#[ignore = "needs …"]`, and is run by the
//! tier of `cargo xtask test` that provides it. Tests of the Windows programs have `wine` in their path.

pub mod seeds;
