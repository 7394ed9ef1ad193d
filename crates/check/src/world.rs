//! What the objects of all files are to each other.

use std::collections::{HashMap, HashSet};

use porthole_access::Access;
use porthole_admission::classes::Classes;
use porthole_admission::gmsa::{Knowledge, Spec, Surroundings};
use porthole_credspec as credspec;
use porthole_manifest::{Node, Object, PodTemplate, objects, pod_template};

use crate::file::File;
use crate::live::{Live, Part};
use crate::quotas::Quotas;
use crate::settings::Settings;

/// The group, kind, namespace and name of an object.
type Identity<'a> = (&'a str, &'a str, &'a str, &'a str);

fn identity<'a>(object: &Object<'a>, namespace: &'a str) -> Identity<'a> {
    (
        object.group(),
        object.kind.unwrap_or_default(),
        object.namespace.unwrap_or(namespace),
        object.name.unwrap_or_default(),
    )
}

/// The objects that others refer to: those of the files, and those of the cluster where one was read.
#[derive(Debug, Default)]
pub struct World<'a> {
    namespaces: HashMap<&'a str, Node<'a>>,
    /// The pods, each with its namespace.
    pods: Vec<PodTemplate<'a>>,
    /// The handlers of RuntimeClasses, by their names.
    handlers: HashMap<&'a str, &'a str>,
    /// The service accounts, each with its namespace.
    accounts: HashSet<(&'a str, &'a str)>,
    classes: Classes<'a>,
    live: Option<&'a Live>,
    /// What of all that the cluster itself has.
    live_namespaces: HashSet<&'a str>,
    live_classes: Classes<'a>,
    /// The objects as the cluster has them, by group, kind, namespace and name.
    old: HashMap<Identity<'a>, Object<'a>>,
    quotas: Quotas<'a>,
    specs: Vec<Spec<'a>>,
    access: Access,
    knows_access: bool,
}

impl<'a> World<'a> {
    /// The world that the files describe.
    #[must_use]
    pub fn of(files: &'a [File], settings: &'a Settings) -> Self {
        Self::default().with(files, settings)
    }

    /// The same in a cluster that has more. Where both have an object, that of the files counts: it is to take its place.
    #[must_use]
    pub fn in_cluster(live: &'a Live, files: &'a [File], settings: &'a Settings) -> Self {
        let mut world = Self::default().with(&live.files, settings);
        // Of roles that not all could be read of, only those of the files say anything.
        world.knows_access = false;
        world.live_namespaces = world.namespaces.keys().copied().collect();
        world.live_classes = world.classes.clone();
        world.quotas.are_of_the_cluster();
        world.live = Some(live);
        world.with(files, settings).with_old(&live.old, settings)
    }

    fn with(mut self, files: &'a [File], settings: &'a Settings) -> Self {
        self.access
            .name_authorizer(settings.options.kubernetes_version.at_least(37));
        for document in files.iter().flat_map(|file| &file.stream.documents) {
            for object in objects(document) {
                self.add(&object, &settings.namespace);
            }
        }
        self
    }

    /// The same where the cluster already has the objects of these files: an object of the same kind, namespace and name is
    /// then an update of theirs.
    #[must_use]
    pub fn with_old(mut self, files: &'a [File], settings: &'a Settings) -> Self {
        for document in files.iter().flat_map(|file| &file.stream.documents) {
            for object in objects(document) {
                self.old.insert(identity(&object, &settings.namespace), object);
            }
        }
        self
    }

    /// What the object is an update of.
    #[must_use]
    pub fn old<'s>(&'s self, object: &Object<'s>, namespace: &'s str) -> Option<&'s Object<'s>> {
        // Without a name it is another object each time.
        object.name?;
        self.old.get(&identity(object, namespace))
    }

    fn add(&mut self, object: &Object<'a>, namespace: &'a str) {
        let name = object.name.unwrap_or_default();
        match (object.group(), object.kind) {
            ("", Some("Namespace")) => {
                self.namespaces.insert(name, object.node);
            }
            ("", Some("Pod")) => {
                let namespace_of = object.namespace.filter(|name| !name.is_empty());
                self.pods.extend(pod_template(object).map(|pod| PodTemplate {
                    namespace: namespace_of.or(Some(namespace)),
                    ..pod
                }));
            }
            ("", Some("ResourceQuota" | "LimitRange")) => {
                let namespace_of = object.namespace.filter(|name| !name.is_empty());
                self.quotas.add(object, namespace_of.unwrap_or(namespace), name);
            }
            ("node.k8s.io", Some("RuntimeClass")) => {
                let handler = object.node.field("handler").and_then(Node::as_str);
                self.handlers.extend(handler.map(|handler| (name, handler)));
                self.classes.add_runtime(name, object.node);
            }
            ("scheduling.k8s.io", Some("PriorityClass")) => self.classes.add_priority(name, object.node),
            ("", Some("ServiceAccount")) => {
                let namespace_of = object.namespace.filter(|name| !name.is_empty());
                self.accounts.insert((namespace_of.unwrap_or(namespace), name));
            }
            (credspec::GROUP, Some(credspec::KIND)) => {
                self.specs.retain(|spec| spec.name != name);
                self.specs.push(Spec {
                    name,
                    credspec: object.node.field("credspec"),
                });
            }
            _ => {
                self.access.add_in(object, namespace);
                // Roles that have nothing to do with credential specs say nothing of who may use them.
                self.knows_access |= allows_credspecs(object);
            }
        }
    }

    /// Whether everything of that part that the files refer to is known: what is in neither files nor cluster is not there.
    #[must_use]
    pub fn knows(&self, part: Part) -> bool {
        self.live.is_some_and(|live| live.complete.contains(&part))
    }

    /// A Namespace.
    #[must_use]
    pub fn namespace(&self, name: &str) -> Option<Node<'a>> {
        self.namespaces.get(name).copied()
    }

    /// The pods of the files that are in that namespace.
    #[must_use]
    pub fn pods_of(&self, namespace: &str) -> Vec<PodTemplate<'a>> {
        let pods = self.pods.iter();
        pods.filter(|pod| pod.namespace == Some(namespace))
            .copied()
            .collect()
    }

    /// Whether the cluster has that namespace already.
    #[must_use]
    pub fn is_live(&self, namespace: &str) -> bool {
        self.live_namespaces.contains(namespace)
    }

    /// Whether that service account is there.
    #[must_use]
    pub fn has_account(&self, namespace: &str, name: &str) -> bool {
        self.accounts.contains(&(namespace, name))
    }

    /// The handler of a RuntimeClass.
    #[must_use]
    pub fn handler(&self, runtime_class: &str) -> Option<&'a str> {
        self.handlers.get(runtime_class).copied()
    }

    /// The `PriorityClasses` and `RuntimeClasses`.
    #[must_use]
    pub const fn classes(&self) -> &Classes<'a> {
        &self.classes
    }

    /// Those of them that the cluster has already.
    #[must_use]
    pub const fn live_classes(&self) -> &Classes<'a> {
        &self.live_classes
    }

    /// Quotas and limit ranges.
    pub(crate) const fn quotas(&self) -> &Quotas<'a> {
        &self.quotas
    }

    /// Roles and bindings.
    #[must_use]
    pub const fn access(&self) -> &Access {
        &self.access
    }

    /// Whether a cluster was read.
    pub(crate) const fn is_of_cluster(&self) -> bool {
        self.live.is_some()
    }

    /// Whether a cluster was read and not all of its roles and bindings.
    #[must_use]
    pub fn may_lack_access(&self) -> bool {
        self.live.is_some() && !self.knows(Part::Access)
    }

    /// What the GMSA webhook knows here.
    #[must_use]
    pub fn surroundings(&self) -> Surroundings<'_> {
        let knowledge = |part| {
            if self.knows(part) {
                Knowledge::Cluster
            } else {
                Knowledge::Files
            }
        };
        Surroundings {
            specs: &self.specs,
            access: &self.access,
            knows_access: self.knows_access,
            of_specs: knowledge(Part::CredentialSpecs),
            of_access: knowledge(Part::Access),
        }
    }
}

/// Whether a role speaks of credential specs.
fn allows_credspecs(object: &Object<'_>) -> bool {
    matches!(object.kind, Some("Role" | "ClusterRole"))
        && object.node.child("rules").items().any(|rule| {
            rule.child("resources")
                .items()
                .any(|resource| resource.as_str() == Some(credspec::RESOURCE))
        })
}
