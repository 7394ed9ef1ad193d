//! The API's schema and the feature gates, as data, from the published Go modules of Kubernetes.

use crate::command::{self, Result, command};
use crate::place;

/// Writes the data files of the crate `pod` anew. The generator is a Go program, which fetches the modules itself.
pub(crate) fn write() -> Result<()> {
    let root = place::root();
    let into = root.join("crates").join("pod").join("src").join("schema");
    let mut go = command("go", ["run", "."]);
    go.arg(into).current_dir(root.join("xtask").join("schema"));
    command::run(&mut go)
}
