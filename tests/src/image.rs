//! The image of the webhook, where `cargo xtask image` puts it for the tests.

use std::path::PathBuf;

use crate::failure::Result;
use crate::program;

/// What its program is built for: it needs nothing of a system but the kernel.
pub const TARGET: &str = "x86_64-unknown-linux-musl";
/// Where it is in the image, whose entrypoint it is.
pub const PROGRAM: &str = "/usr/bin/porthole";
/// Whom it runs as, as the Deployment says too.
pub const USER: &str = "65532:65532";
/// How many bytes it may have when it is unpacked.
pub const LARGEST: u64 = 15_000_000;

/// Its name: what `porthole install` takes where no other is named.
#[must_use]
pub fn name() -> String {
    format!("porthole:{}", env!("CARGO_PKG_VERSION"))
}

/// The archive.
///
/// # Errors
/// This program is not below Cargo's target directory.
pub fn archive() -> Result<PathBuf> {
    Ok(program::target()?.join("xtask").join("webhook-image.tar"))
}
