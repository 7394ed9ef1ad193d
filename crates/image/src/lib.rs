//! OCI images of HostProcess containers: built without Docker and without Windows, kept in a store on disk, unpacked
//! with every check.
//!
//! The way of an image:
//!
//! ```text
//!  Dockerfile, flags ─▶ build ─▶ ┐
//!  registry ──────────▶ pull  ─▶ │
//!  layout, tar ───────▶ import ─▶ Store ─▶ resolve ─▶ Image ─▶ unpacked_layers ─▶ lower directories of a rootfs
//!                                ├─▶ push   ─▶ registry
//!                                └─▶ export ─▶ layout, tar
//! ```
//!
//! - [`Store`] keeps blobs by digest, names, and layers unpacked once by diff ID; it is safe among processes.
//! - [`Image`] is what a container needs to know of an image on one [`Platform`].
//! - [`build`] makes an image from a Dockerfile or from flags, byte for byte the same when run twice.
//! - [`registry`] fetches images from registries and sends them there, and believes nothing that one says.
//! - [`unpack`] writes a layer to disk and trusts nothing in it; [`tar`] reads and writes archives.

pub mod build;
mod digest;
mod error;
mod image;
mod layout;
mod oci;
mod platform;
pub mod registry;
mod store;
pub mod tar;
pub mod unpack;
mod work;

pub use digest::{Digest, Hasher};
pub use error::{Error, Result};
pub use image::{Image, ImageConfig, LayerRef};
pub use layout::{SourceKind, detect_source};
pub use oci::Descriptor;
pub use platform::Platform;
pub use store::{Imported, Listed, Loaded, Removed, Scratch, Store, StoreLock, UnpackedLayers};
