//! What was read of a live cluster.

use std::collections::{BTreeMap, BTreeSet};

use porthole_admission::host_accounts::{Mode, asks_beyond};
use porthole_admission::{classes, gmsa, quota, service_account};
use porthole_manifest::{Object, WorkloadKind, objects, pod_template};
use porthole_pod::schema;

use crate::file::File;
use crate::host_accounts::policy_of;
use crate::settings::Settings;

/// Objects of a cluster, and how much of all that the files refer to they are.
#[derive(Debug, Default)]
pub struct Live {
    /// Objects that those of the files refer to.
    pub files: Vec<File>,
    /// Objects that those of the files take the place of, as they were applied.
    pub old: Vec<File>,
    /// The parts of which everything is here that files refer to and the cluster has.
    pub complete: BTreeSet<Part>,
}

/// What can be read or not, as whoever asks may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Namespaces.
    Namespaces,
    /// Service accounts.
    ServiceAccounts,
    /// Credential specs.
    CredentialSpecs,
    /// Roles and bindings.
    Access,
    /// Priority classes.
    PriorityClasses,
    /// Runtime classes.
    RuntimeClasses,
    /// Resource quotas and limit ranges.
    Quotas,
}

impl Part {
    /// All of them, in the order in which they are read.
    pub const ALL: [Self; 7] = [
        Self::Namespaces,
        Self::ServiceAccounts,
        Self::CredentialSpecs,
        Self::Access,
        Self::PriorityClasses,
        Self::RuntimeClasses,
        Self::Quotas,
    ];
}

/// What files refer to: what of a cluster decides about them.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Namespaces by name, but those among the files.
    pub namespaces: BTreeSet<String>,
    /// Service accounts by namespace and name.
    pub service_accounts: BTreeSet<(String, String)>,
    /// Credential specs by name.
    pub credential_specs: BTreeSet<String>,
    /// The namespaces in which somebody must be allowed to use a credential spec or an account of its node.
    pub access: BTreeSet<String>,
    /// Those in which somebody must be allowed to use an account of its node if the namespace's label says so. They are not among
    /// the files.
    pub host_accounts: BTreeSet<String>,
    /// Whether priority classes are; of those that nobody names the default one counts, also for quotas that ask for classes.
    pub priority_classes: bool,
    /// Runtime classes by name.
    pub runtime_classes: BTreeSet<String>,
    /// The namespaces that objects are made in, whose quotas may have no room.
    pub quotas: BTreeSet<String>,
    /// The namespaces that pods and claims are made in, which limit ranges may not let pass.
    pub limit_ranges: BTreeSet<String>,
    /// The objects of the files themselves: what is there already is changed, and not made. Of Secrets nothing is asked.
    pub objects: BTreeSet<Needed>,
}

/// One object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Needed {
    /// `apiVersion`.
    pub api_version: &'static str,
    /// The kind.
    pub kind: &'static str,
    /// The namespace, for kinds that are in one.
    pub namespace: Option<String>,
    /// The name.
    pub name: String,
}

impl Needs {
    /// What the files refer to; `settings` are those of a file.
    #[must_use]
    pub fn of(files: &[File], settings: &dyn Fn(&str) -> Settings) -> Self {
        let mut needs = Self::default();
        let mut made = BTreeMap::new();
        let mut on_hosts = Vec::new();
        let mut by_class = BTreeSet::new();
        for file in files {
            let settings = settings(file.source.name());
            for object in file.stream.documents.iter().flat_map(objects) {
                needs.add(&object, &settings);
                if is_namespace(&object) {
                    made.extend(object.name.map(|name| (name, object.node)));
                }
                if is_scoped_by_class(&object) {
                    by_class.insert(namespace_of(&object, &settings).to_owned());
                }
                if pod_template(&object).is_some_and(|pod| !asks_beyond(&pod, None).is_empty()) {
                    let namespace = namespace_of(&object, &settings).to_owned();
                    on_hosts.push((namespace, settings.host_accounts));
                }
            }
        }
        needs.priority_classes |= !needs.quotas.is_disjoint(&by_class);
        needs.namespaces.retain(|name| !made.contains_key(name.as_str()));
        for (name, default) in on_hosts {
            let known = made.get(name.as_str());
            if policy_of(&name, known.copied(), default).mode != Mode::Off {
                needs.access.insert(name);
            } else if known.is_none() {
                needs.host_accounts.insert(name);
            }
        }
        needs
    }

    /// The namespaces of [`host_accounts`](Self::host_accounts) in which the labels that were read ask for it: what there is to
    /// read beside [`access`](Self::access).
    #[must_use]
    pub fn strict(&self, read: &File) -> BTreeSet<String> {
        let objects = read.stream.documents.iter().flat_map(objects);
        let namespaces = objects.filter(is_namespace).filter_map(|object| {
            let name = object.name?;
            let is_strict = policy_of(name, Some(object.node), Mode::Off).mode != Mode::Off;
            (is_strict && self.host_accounts.contains(name) && !self.access.contains(name))
                .then(|| name.to_owned())
        });
        namespaces.collect()
    }

    /// Whether a quota that was read depends on the priority classes, which are to be read then beside what was needed before.
    #[must_use]
    pub fn classes_for_quotas(&self, read: &File) -> bool {
        let mut objects = read.stream.documents.iter().flat_map(objects);
        !self.priority_classes && objects.any(|object| is_scoped_by_class(&object))
    }

    /// The namespaces of [`host_accounts`](Self::host_accounts) that are not among what was read: where they may not be read, nobody
    /// can tell what their labels ask for.
    #[must_use]
    pub fn untold(&self, read: &File) -> BTreeSet<&str> {
        let mut untold: BTreeSet<&str> = self.host_accounts.iter().map(String::as_str).collect();
        for object in read
            .stream
            .documents
            .iter()
            .flat_map(objects)
            .filter(is_namespace)
        {
            untold.remove(object.name.unwrap_or_default());
        }
        untold
    }

    fn add(&mut self, object: &Object<'_>, settings: &Settings) {
        let (version, kind) = (object.api_version, object.kind);
        let Some(known) = version
            .zip(kind)
            .and_then(|(version, kind)| schema::kind(version, kind))
        else {
            return;
        };
        let namespace = known.namespaced.then(|| namespace_of(object, settings));
        self.namespaces.extend(namespace.map(str::to_owned));
        if let Some(name) = object
            .name
            .filter(|name| !name.is_empty() && known.kind != "Secret")
        {
            self.objects.insert(Needed {
                api_version: known.api_version,
                kind: known.kind,
                namespace: namespace.map(str::to_owned),
                name: name.to_owned(),
            });
        }
        if quota::is_counted(object) {
            self.quotas.extend(namespace.map(str::to_owned));
        }
        if known.kind == "PersistentVolumeClaim" {
            self.limit_ranges.extend(namespace.map(str::to_owned));
        }
        let Some((template, namespace)) = pod_template(object).zip(namespace) else {
            return;
        };
        if template.kind != WorkloadKind::PodTemplate {
            self.quotas.insert(namespace.to_owned());
            self.limit_ranges.insert(namespace.to_owned());
        }
        let account = service_account::name(&template);
        self.service_accounts
            .insert((namespace.to_owned(), account.to_owned()));
        let mut specs = gmsa::names(&template).peekable();
        if specs.peek().is_some() {
            self.access.insert(namespace.to_owned());
        }
        self.credential_specs.extend(specs.map(str::to_owned));
        self.priority_classes |= classes::depends_on_priorities(&template);
        self.runtime_classes
            .extend(classes::runtime_class(&template).map(str::to_owned));
    }
}

/// Whether the object is a Namespace.
pub(crate) fn is_namespace(object: &Object<'_>) -> bool {
    (object.group(), object.kind) == ("", Some("Namespace"))
}

fn is_scoped_by_class(object: &Object<'_>) -> bool {
    (object.group(), object.kind) == ("", Some("ResourceQuota")) && quota::is_scoped_by_class(object.node)
}

/// The namespace that an object is in or goes to.
pub(crate) fn namespace_of<'n>(object: &Object<'n>, settings: &'n Settings) -> &'n str {
    let own = object.namespace.filter(|name| !name.is_empty());
    own.unwrap_or(&settings.namespace)
}
