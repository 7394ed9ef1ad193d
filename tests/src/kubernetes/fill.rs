//! What a cluster has before anything is asked of it.

use std::time::Duration;

use super::ApiServer;
use crate::failure::{Doing, Failure, Result};
use crate::wait;

/// Until all of it is there, on a machine that may be busy.
const LIMIT: Duration = Duration::from_mins(3);

impl ApiServer {
    /// Has kubectl apply these manifests, with further arguments, until it can: a kind is served a moment after its definition is
    /// there.
    ///
    /// # Errors
    /// They are refused for minutes.
    pub fn fill(&self, manifests: &str, arguments: &[&str]) -> Result<()> {
        let file = self.directory().join("fill.yaml");
        std::fs::write(&file, manifests).doing(format!("write `{}`", file.display()))?;
        let mut said = String::new();
        wait::until("the cluster to be filled", LIMIT, || {
            let mut apply = self.kubectl(&["apply"]);
            let output = apply.args(arguments).arg("-f").arg(&file).output();
            let output = output.doing("apply manifests")?;
            said = String::from_utf8_lossy(&output.stderr).into_owned();
            Ok(output.status.success().then_some(()))
        })
        .map_err(|failure| Failure::new(failure.to_string(), said))
    }
}
