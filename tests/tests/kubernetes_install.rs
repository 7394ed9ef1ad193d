//! `porthole install` at real API servers.
//!
//! There is no kubelet here: the test plays the controllers, and says of a Deployment that its pods are there. Where pods are
//! created meanwhile, they are: servers that the API server reaches by their Services.

#![cfg(unix)]

#[path = "kubernetes_install/bed.rs"]
mod bed;
#[path = "kubernetes_install/conditions.rs"]
mod conditions;
#[path = "kubernetes_install/installing.rs"]
mod installing;
#[path = "kubernetes_install/live.rs"]
mod live;
#[path = "kubernetes_install/rights.rs"]
mod rights;
#[path = "kubernetes_install/taking_over.rs"]
mod taking_over;
#[path = "kubernetes_install/under_load.rs"]
mod under_load;
