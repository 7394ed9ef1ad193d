//! What the objects of all files are to each other.

use std::collections::HashMap;

use porthole_access::Access;
use porthole_admission::classes::Classes;
use porthole_admission::gmsa::{Knowledge, Spec, Surroundings};
use porthole_credspec as credspec;
use porthole_manifest::{Node, Object, PodTemplate, objects, pod_template};

use crate::file::File;
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

/// The objects of the files that others refer to.
#[derive(Debug)]
pub struct World<'a> {
    namespaces: HashMap<&'a str, Node<'a>>,
    /// The pods, each with its namespace.
    pods: Vec<PodTemplate<'a>>,
    /// The handlers of RuntimeClasses, by their names.
    handlers: HashMap<&'a str, &'a str>,
    classes: Classes<'a>,
    /// The objects as the cluster has them, by group, kind, namespace and name.
    old: HashMap<Identity<'a>, Object<'a>>,
    specs: Vec<Spec<'a>>,
    access: Access,
    knows_access: bool,
}

impl<'a> World<'a> {
    /// The world that the files describe.
    #[must_use]
    pub fn of(files: &'a [File], settings: &'a Settings) -> Self {
        let mut world = Self {
            namespaces: HashMap::new(),
            pods: Vec::new(),
            handlers: HashMap::new(),
            classes: Classes::default(),
            old: HashMap::new(),
            specs: Vec::new(),
            access: Access::default(),
            knows_access: false,
        };
        for document in files.iter().flat_map(|file| &file.stream.documents) {
            for object in objects(document) {
                world.add(&object, &settings.namespace);
            }
        }
        world
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
            ("node.k8s.io", Some("RuntimeClass")) => {
                let handler = object.node.field("handler").and_then(Node::as_str);
                self.handlers.extend(handler.map(|handler| (name, handler)));
                self.classes.add_runtime(name, object.node);
            }
            ("scheduling.k8s.io", Some("PriorityClass")) => self.classes.add_priority(name, object.node),
            (credspec::GROUP, Some(credspec::KIND)) => self.specs.push(Spec {
                name,
                credspec: object.node.field("credspec"),
            }),
            _ => {
                self.access.add_in(object, namespace);
                // Roles that have nothing to do with credential specs say nothing of who may use them.
                self.knows_access |= allows_credspecs(object);
            }
        }
    }

    /// A Namespace that is among the files.
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

    /// The handler of a RuntimeClass that is among the files.
    #[must_use]
    pub fn handler(&self, runtime_class: &str) -> Option<&'a str> {
        self.handlers.get(runtime_class).copied()
    }

    /// The `PriorityClasses` and `RuntimeClasses` among the files.
    #[must_use]
    pub const fn classes(&self) -> &Classes<'a> {
        &self.classes
    }

    /// What the GMSA webhook knows here.
    #[must_use]
    pub fn surroundings(&self) -> Surroundings<'_> {
        Surroundings {
            specs: &self.specs,
            access: &self.access,
            knows_access: self.knows_access,
            knowledge: Knowledge::Files,
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
