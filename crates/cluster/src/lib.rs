//! A live cluster: reading it, and changing what an installer changes.
//!
//! [`Places`] knows where kubeconfigs are; [`Kubeconfig::load`] reads and merges them as kubectl does. A context of it is a
//! [`Target`]: a server, whom to trust, and who one is. A [`Client`] of that target reads objects by GET and LIST, and asks for
//! access reviews, within limits of size and time. Only an [`Editor`] around it changes a cluster. Who brings a connection of their own,
//! such as a server that watches, takes from an [`Entrance`] whom to trust and who one is.
//!
//! ```no_run
//! use porthole_cluster::{Client, Places, Resource, Target};
//!
//! # fn main() -> Result<(), porthole_cluster::Error> {
//! let target = Target::find(&Places::of_environment(None), None)?;
//! let client = Client::new(target)?;
//! let classes = client.list(&Resource::RUNTIME_CLASSES, None)?;
//! println!("{}: {} classes", client.version()?, classes.len());
//! # Ok(())
//! # }
//! ```

mod client;
mod connector;
mod credential;
mod entrance;
mod environment;
mod error;
mod kubeconfig;
mod places;
mod plugin;
mod proxy;
mod resource;
mod secret;
mod target;
mod tls;

pub use client::{Applied, Bounds, Client, Editor, Manner};
pub use entrance::Entrance;
pub use error::{Error, Problem, Result};
pub use kubeconfig::Kubeconfig;
pub use places::Places;
pub use proxy::{Protocol, Proxy};
pub use resource::{Resource, encoded};
pub use target::Target;
