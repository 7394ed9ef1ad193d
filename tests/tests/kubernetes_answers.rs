//! The same manifests to a real API server and to porthole, and both answers compared.

#![cfg(unix)]

#[path = "kubernetes_answers/answers.rs"]
mod answers;
#[path = "kubernetes_answers/examples.rs"]
mod examples;
#[path = "kubernetes_answers/rules.rs"]
mod rules;
#[path = "kubernetes_answers/testbed.rs"]
mod testbed;
