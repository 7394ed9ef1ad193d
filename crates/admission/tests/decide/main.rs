//! The answers of [`porthole_admission::decide`], asked as the API server asks.

mod annotation;
mod create;
mod ephemeral;
mod golden;
mod hostile;
mod mutate;
mod patches;
mod support;
mod update;
