//! The same pods to a real kubelet and to porthole, and what both say of their lives compared.

#![cfg(target_os = "linux")]

#[path = "kubernetes_life/cases.rs"]
mod cases;
#[path = "kubernetes_life/jobs.rs"]
mod jobs;
#[path = "kubernetes_life/meant.rs"]
mod meant;
#[path = "kubernetes_life/pods.rs"]
mod pods;
#[path = "kubernetes_life/status.rs"]
mod status;
#[path = "kubernetes_life/twins.rs"]
mod twins;
