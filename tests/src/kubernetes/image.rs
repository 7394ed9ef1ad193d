//! A container image of one program: the busybox of this machine, as an archive that containerd imports.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::bench;
use crate::failure::{Doing, Result};

/// The image of the pods: `sh` and the other commands of busybox.
pub const IMAGE: &str = "porthole.test/busybox:1";
/// The image of what holds a pod's namespaces.
pub(super) const SANDBOX: &str = "porthole.test/pause:1";

/// Debian's busybox-static.
const BUSYBOX: &str = "/bin/busybox";

/// Writes an archive with [`IMAGE`] and [`SANDBOX`] into a directory, as `images.tar`.
///
/// # Errors
/// There is no busybox without libraries, no `tar` or no `sha256sum`.
pub(super) fn archive(directory: &Path) -> Result<()> {
    let root = directory.join("root");
    let bin = root.join("bin");
    for path in [&bin, &root.join("tmp"), &root.join("dev")] {
        fs::create_dir_all(path).doing("make an image")?;
    }
    fs::copy(BUSYBOX, bin.join("busybox"))
        .doing(format!("copy `{BUSYBOX}`, of the package busybox-static"))?;
    bench::finish(
        Command::new(BUSYBOX)
            .args(["--install", "-s"])
            .arg(&bin)
            .current_dir(directory),
    )?;
    relink(&bin)?;
    let pack = |from: &Path, to: &str, names: &[&str]| {
        let mut tar = Command::new("tar");
        tar.arg("--owner=0").arg("--group=0").arg("-C").arg(from);
        bench::finish(tar.arg("-cf").arg(directory.join(to)).args(names))
    };
    pack(&root, "layer.tar", &["bin", "tmp", "dev"])?;
    let digest = bench::finish(Command::new("sha256sum").arg(directory.join("layer.tar")))?;
    let digest = digest.split_whitespace().next().unwrap_or_default();
    for (name, command) in [("pods", r#"["sh"]"#), ("sandbox", r#"["sleep", "2147483647"]"#)] {
        let config = format!(
            r#"{{"architecture": "amd64", "os": "linux", "config": {{"Env": ["PATH=/bin"], "Cmd": {command}}},
                "rootfs": {{"type": "layers", "diff_ids": ["sha256:{digest}"]}}}}"#
        );
        fs::write(directory.join(format!("{name}.json")), config).doing("make an image")?;
    }
    let image = |config: &str, name: &str| {
        format!(r#"{{"Config": "{config}.json", "RepoTags": ["{name}"], "Layers": ["layer.tar"]}}"#)
    };
    let manifest = format!("[{}, {}]", image("pods", IMAGE), image("sandbox", SANDBOX));
    fs::write(directory.join("manifest.json"), manifest).doing("make an image")?;
    pack(
        directory,
        "images.tar",
        &["manifest.json", "pods.json", "sandbox.json", "layer.tar"],
    )?;
    fs::remove_dir_all(root).doing("remove what an image was made of")
}

/// Busybox has linked to where it is on this machine; in the image it is beside the links.
fn relink(bin: &Path) -> Result<()> {
    let what = "make an image";
    for entry in fs::read_dir(bin).doing(what)? {
        let path = entry.doing(what)?.path();
        if path.is_symlink() {
            fs::remove_file(&path).doing(what)?;
            #[cfg(unix)]
            std::os::unix::fs::symlink("busybox", &path).doing(what)?;
        }
    }
    Ok(())
}
