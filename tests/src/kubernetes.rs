//! Real servers of Kubernetes on this machine: what porthole says is compared with what they say.
//!
//! [`programs`] knows where their programs are; `cargo xtask test kubernetes` builds those that are missing.
//! [`ApiServer`] is one kube-apiserver with its etcd; [`Node`] is one with a kubelet and what that needs. With the feature `client`, which the tests have, there is a
//! `Client` that sends it JSON and hands back its whole answer.

mod api_server;
#[cfg(feature = "client")]
mod authority;
#[cfg(feature = "client")]
mod client;
pub mod decoder;
mod fill;
mod image;
mod isolation;
mod network;
mod node;
mod place;
mod process;
pub mod programs;
mod resource;
#[cfg(unix)]
mod services;
mod settings;
#[cfg(feature = "client")]
mod webhook;

pub use api_server::ApiServer;
#[cfg(feature = "client")]
pub use authority::Authority;
#[cfg(feature = "client")]
pub use client::{Answer, Client, trusting};
pub use image::IMAGE;
pub use node::{NODE, Node};
pub use place::ports;
pub use resource::collection;
#[cfg(unix)]
pub use services::{Balancer, Services};
pub use settings::Settings;
#[cfg(feature = "client")]
pub use webhook::{Certificates, Webhook};
