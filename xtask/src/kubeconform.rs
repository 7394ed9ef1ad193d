//! kubeconform, which checks manifests by their schema alone: the speed that people know.

use std::path::{Path, PathBuf};

use porthole_tests::cache;
use porthole_tests::kubernetes::programs::NEWEST;

use crate::command::{self, Doing, Result};
use crate::{go, place};

const VERSION: &str = "0.8.0";
const PACKAGE: &str = "github.com/yannh/kubeconform/cmd/kubeconform";

/// The program, and the schema of a Pod for it; both are made where they are missing, and kept in the user's cache.
pub(crate) fn provide() -> Result<(PathBuf, PathBuf)> {
    let directory = cache::base()?.join(format!("kubeconform-{VERSION}-{NEWEST}"));
    let (program, schema) = (directory.join("kubeconform"), directory.join("pod.json"));
    if !program.is_file() || !schema.is_file() {
        println!(
            "building kubeconform {VERSION} once, for `{}`",
            directory.display()
        );
        cache::fill(&directory, fill)?;
    }
    Ok((program, schema))
}

fn fill(directory: &Path) -> Result<()> {
    let go = go::program()?;
    let work = place::fresh(&format!("kubeconform-{}", std::process::id()))?;
    let mut install = go::go(
        &go,
        &work,
        &["install", "-trimpath", &format!("{PACKAGE}@v{VERSION}")],
    );
    command::run(install.env("GOBIN", directory))?;
    let download = [
        "mod",
        "download",
        "-json",
        &format!("k8s.io/kubernetes@v{NEWEST}"),
    ];
    let said = command::output(&mut go::go(&go, &work, &download))?;
    let published = Path::new(go::field(&said, "Dir")?).join("api/openapi-spec/swagger.json");
    // The definitions of all kinds, with the one that is wanted at their head.
    let schema =
        go::read(&published)?.replacen('{', "{\"$ref\":\"#/definitions/io.k8s.api.core.v1.Pod\",", 1);
    let to = directory.join("pod.json");
    std::fs::write(&to, schema).doing(format!("write `{}`", to.display()))?;
    std::fs::remove_dir_all(&work).doing(format!("remove `{}`", work.display()))
}
