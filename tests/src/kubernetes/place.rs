//! What a server is given of this machine for its time: a directory, ports, secrets.

use std::fs::DirBuilder;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::failure::{Doing, Result};

/// A new directory that only this user can read.
///
/// # Errors
/// It cannot be made.
pub(super) fn directory(name: &str) -> Result<PathBuf> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    // A number that another program had before this one may have left its directory.
    let path = std::env::temp_dir().join(format!(
        "porthole-{name}-{}-{number}-{}",
        std::process::id(),
        secret()?
    ));
    let what = format!("make `{}`", path.display());
    let mut builder = DirBuilder::new();
    // Not one that is there already.
    builder.recursive(false);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(&path).doing(what)?;
    Ok(path)
}

/// Ports of the loopback address that nobody listens on, no two the same. Another program may still be faster.
///
/// # Errors
/// There are none.
pub fn ports<const N: usize>() -> Result<[u16; N]> {
    let mut held = Vec::new();
    let mut ports = [0; N];
    for port in &mut ports {
        let listener = TcpListener::bind(("127.0.0.1", 0)).doing("find a free port")?;
        *port = listener.local_addr().doing("find a free port")?.port();
        held.push(listener);
    }
    Ok(ports)
}

/// Sixteen hexadecimal digits that nobody can guess.
///
/// # Errors
/// There is no `/dev/urandom`.
pub(super) fn secret() -> Result<String> {
    use std::io::Read as _;
    let mut bytes = [0; 8];
    std::fs::File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut bytes))
        .doing("read `/dev/urandom`")?;
    Ok(format!("{:016x}", u64::from_ne_bytes(bytes)))
}
