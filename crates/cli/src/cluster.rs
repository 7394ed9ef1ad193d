//! The cluster that flags name.

use std::path::PathBuf;

use porthole_cluster::{Client, Places, Target};

use crate::failure::Failure;

/// A client of the cluster of a kubeconfig (where none is named, the usual ones) and a context of it.
pub(crate) fn client(kubeconfig: Option<PathBuf>, context: Option<&str>) -> Result<Client, Failure> {
    let target = Target::find(&Places::of_environment(kubeconfig), context).map_err(Failure::of_cluster)?;
    Client::new(target).map_err(Failure::of_cluster)
}
