//! The Helm chart, rendered and installed by real Helm 4: the same tests.

#![cfg(unix)]

#[path = "kubernetes_chart/cases.rs"]
mod cases;
#[path = "kubernetes_chart/cluster.rs"]
mod cluster;
#[path = "kubernetes_chart/objects.rs"]
mod objects;
#[path = "kubernetes_chart/refusals.rs"]
mod refusals;
#[path = "kubernetes_chart/rendering.rs"]
mod rendering;

/// The version that renders and installs.
const HELM: &str = porthole_tests::helm::FOUR;
