//! The answers of [`porthole_admission::decide`], asked as the API server asks.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests are tests"
)]

mod annotation;
mod create;
mod ephemeral;
mod golden;
mod host_accounts;
mod hostile;
mod mutate;
mod patches;
mod support;
mod update;
