//! `run --pull`: the images of pods, fetched from registries before anything starts.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use porthole_image::registry::{Credentials, Platforms, Reference, Wanted};
use porthole_image::{Platform, Store};
use porthole_manifest::Node;
use porthole_runtime::build::Objects;
use porthole_runtime::spec::ObjectKind;

use crate::arguments::Global;
use crate::exit;
use crate::failure::{Attempt as _, Failure};
use crate::manifests::Workload;
use crate::note;
use crate::registry::{self, Telling};

/// The key of a Secret of type `kubernetes.io/dockerconfigjson`.
const DOCKER_CONFIG: &str = ".dockerconfigjson";

/// Whether and how images are fetched.
#[derive(Debug, Args)]
pub(super) struct Pull {
    /// Fetch images from their registries first; a container's imagePullPolicy counts under this option alone
    #[arg(
        long,
        value_enum,
        value_name = "WHEN",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "missing",
        help_heading = "Registry options"
    )]
    pull: Option<When>,
    #[command(flatten)]
    registry: registry::Options,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum When {
    /// Where the store lacks them, or imagePullPolicy is Always
    Missing,
    /// Always, unless imagePullPolicy says otherwise
    Always,
    /// Never, as without this option
    Never,
}

/// What happens to one container's image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Fetch,
    FetchMissing,
    /// It must be there: the pod says so.
    Demand,
}

impl When {
    /// What the pod's own policy makes of this; none where nothing is to be done. The API server's rules know no other
    /// policies.
    fn action(self, policy: Option<&str>) -> Option<Action> {
        match (self, policy) {
            (Self::Never, _) => None,
            (_, Some("Never")) => Some(Action::Demand),
            (_, Some("Always")) => Some(Action::Fetch),
            (_, Some("IfNotPresent")) | (Self::Missing, _) => Some(Action::FetchMissing),
            (Self::Always, _) => Some(Action::Fetch),
        }
    }
}

impl Pull {
    /// Fetches what the workloads need, each name once.
    pub(super) fn prepare(
        &self,
        state: &Path,
        workloads: &[Workload<'_>],
        named: &[(String, PathBuf)],
        objects: &Objects<'_>,
        namespace: &str,
        global: &Global,
    ) -> Result<(), Failure> {
        let Some(when) = self.pull.filter(|when| *when != When::Never) else {
            return Ok(());
        };
        let root = state.join("images");
        let store =
            Store::open(&root).attempt(exit::OWN_FAILURE, || "open the store of images".to_owned())?;
        let mut done = HashSet::new();
        for workload in workloads {
            for (container, image) in containers(workload) {
                let policy = container.field("imagePullPolicy").and_then(Node::as_str);
                let Some(action) = when.action(policy) else {
                    continue;
                };
                if named.iter().any(|(name, _)| name == image) || done.contains(image) {
                    continue;
                }
                let place = workload.place(container.span());
                let there = matches!(store.resolve(image, &Platform::host()), Ok(Some(_)));
                match action {
                    Action::Demand if !there => {
                        let text = format!(
                            "{place}: ErrImageNeverPull: Container image \"{image}\" is not present with pull policy of Never"
                        );
                        return Err(Failure::new(exit::OWN_FAILURE, text)
                            .help(format!("`porthole image pull {image}` pulls it once")));
                    }
                    Action::Demand => {}
                    Action::FetchMissing if there => {}
                    Action::Fetch | Action::FetchMissing => {
                        let credentials = self.credentials(workload, objects, namespace, global)?;
                        self.fetch(&store, image, &place, credentials, global)?;
                        done.insert(image);
                    }
                }
            }
        }
        Ok(())
    }

    fn fetch(
        &self,
        store: &Store,
        image: &str,
        place: &str,
        credentials: Credentials,
        global: &Global,
    ) -> Result<(), Failure> {
        let reference = Reference::parse(image).attempt(exit::OWN_FAILURE, || {
            format!("{place}: InvalidImageName: couldn't parse image name \"{image}\"")
        })?;
        let wanted = Platforms::These(vec![Wanted::host()]);
        let client = self.registry.client(credentials);
        let pulled = client.pull(store, &reference, image, &wanted, &Telling::new(global));
        let help = pulled
            .as_ref()
            .err()
            .and_then(porthole_image::registry::Error::help);
        let pulled = pulled.attempt(exit::OWN_FAILURE, || {
            format!("{place}: ErrImagePull: Failed to pull image \"{image}\"")
        });
        let pulled = match (pulled, help) {
            (Err(failure), Some(help)) => return Err(failure.help(help)),
            (pulled, _) => pulled?,
        };
        if global.verbose > 0 {
            note(&format!(
                "pulled {} with digest {}",
                pulled.reference, pulled.digest
            ));
        }
        Ok(())
    }

    /// The secrets that the pod names, in its order, and then the user's own.
    fn credentials(
        &self,
        workload: &Workload<'_>,
        objects: &Objects<'_>,
        namespace: &str,
        global: &Global,
    ) -> Result<Credentials, Failure> {
        let mut credentials = self.registry.credentials()?;
        let namespace = workload.template.namespace.unwrap_or(namespace);
        let secrets = workload
            .template
            .spec
            .and_then(|spec| spec.field("imagePullSecrets"));
        let named: Vec<(&str, String)> = secrets
            .into_iter()
            .flat_map(Node::items)
            .filter_map(|secret| {
                let place = workload.place(secret.span());
                Some((secret.field("name").and_then(Node::as_str)?, place))
            })
            .collect();
        for (name, place) in named.into_iter().rev() {
            let origin = format!("{place}: secret \"{namespace}/{name}\"");
            let Some(object) = objects.object(ObjectKind::Secret, namespace, name) else {
                if !global.quiet {
                    note(&format!(
                        "{origin} is not among the files; images are pulled without it"
                    ));
                }
                continue;
            };
            let object = object.attempt(exit::OWN_FAILURE, || format!("read {origin}"))?;
            let Some((_, text)) = object.keys.iter().find(|(key, _)| key == DOCKER_CONFIG) else {
                let text = format!("{origin} is no pull secret: it has no key {DOCKER_CONFIG}");
                return Err(Failure::new(exit::OWN_FAILURE, text)
                    .help("`kubectl create secret docker-registry` makes one of type kubernetes.io/dockerconfigjson"));
            };
            credentials
                .prepend(text, &origin)
                .map_err(|error| Failure::new(exit::OWN_FAILURE, error))?;
        }
        Ok(credentials)
    }
}

/// The containers of a workload that name an image, in the order in which they start.
fn containers<'a>(workload: &Workload<'a>) -> Vec<(Node<'a>, &'a str)> {
    let Some(spec) = workload.template.spec else {
        return Vec::new();
    };
    ["initContainers", "containers"]
        .into_iter()
        .filter_map(|field| spec.field(field))
        .flat_map(Node::items)
        .filter_map(|container| {
            let image = container.field("image").and_then(Node::as_str)?;
            (!image.is_empty()).then_some((container, image))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Action, When};

    #[test]
    fn the_pods_own_policy_counts_under_the_option_alone() {
        let policies = [None, Some("Always"), Some("IfNotPresent"), Some("Never")];
        let actions = |when: When| policies.map(|policy| when.action(policy));
        let (fetch, missing, demand) = (
            Some(Action::Fetch),
            Some(Action::FetchMissing),
            Some(Action::Demand),
        );
        assert_eq!(actions(When::Missing), [missing, fetch, missing, demand]);
        assert_eq!(actions(When::Always), [fetch, fetch, missing, demand]);
        assert_eq!(actions(When::Never), [None; 4]);
    }
}
