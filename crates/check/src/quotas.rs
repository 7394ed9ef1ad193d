//! Resource quotas: whether a namespace has room for a pod, or for another object, by those of the files and of the cluster.

mod object;

use std::collections::{BTreeMap, HashMap};

use porthole_admission::classes::{self, Classes, Stage};
use porthole_admission::quota::{self, Filled, Quota};
use porthole_manifest::{Node, Object, PodTemplate, WorkloadKind};
use porthole_pod::{Finding, Options, Severity, Status};

use crate::existence::but_not_its_pods;
use crate::live::{Part, namespace_of};
use crate::settings::Settings;
use crate::world::World;

/// The quotas and the limit ranges of all namespaces.
#[derive(Clone, Debug, Default)]
pub(crate) struct Quotas<'a> {
    of: HashMap<&'a str, OfNamespace<'a>>,
    /// What of them the cluster has.
    live: HashMap<&'a str, OfNamespace<'a>>,
}

#[derive(Clone, Debug, Default)]
struct OfNamespace<'a> {
    quotas: ByName<'a>,
    limit_ranges: ByName<'a>,
}

impl<'a> OfNamespace<'a> {
    fn limit_ranges(&self) -> Vec<Node<'a>> {
        self.limit_ranges.values().map(|known| known.node).collect()
    }
}

fn limit_ranges_of<'a>(of: &HashMap<&'a str, OfNamespace<'a>>, namespace: &str) -> Vec<Node<'a>> {
    of.get(namespace)
        .map(OfNamespace::limit_ranges)
        .unwrap_or_default()
}

/// In the order in which they are asked.
type ByName<'a> = BTreeMap<&'a str, Known<'a>>;

#[derive(Clone, Copy, Debug)]
struct Known<'a> {
    node: Node<'a>,
    /// Whether this is what the cluster has.
    is_live: bool,
}

impl<'a> Quotas<'a> {
    /// Adds a quota or a limit range, in the place of one of the same name.
    pub(crate) fn add(&mut self, object: &Object<'a>, namespace: &'a str, name: &'a str) {
        let of = self.of.entry(namespace).or_default();
        let list = if object.kind == Some("LimitRange") {
            &mut of.limit_ranges
        } else {
            &mut of.quotas
        };
        let known = Known {
            node: object.node,
            is_live: false,
        };
        list.insert(name, known);
    }

    /// Notes that what was added so far is of the cluster.
    pub(crate) fn are_of_the_cluster(&mut self) {
        for of in self.of.values_mut() {
            for known in of.quotas.values_mut().chain(of.limit_ranges.values_mut()) {
                known.is_live = true;
            }
        }
        self.live = self.of.clone();
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.of.is_empty()
    }

    /// The limit ranges that a namespace will have, by their names.
    pub(crate) fn limit_ranges(&self, namespace: &str) -> Vec<Node<'a>> {
        limit_ranges_of(&self.of, namespace)
    }

    /// Those that it has in the cluster.
    pub(crate) fn live_limit_ranges(&self, namespace: &str) -> Vec<Node<'a>> {
        limit_ranges_of(&self.live, namespace)
    }

    /// Whether it depends on the default priority class which quotas of the namespace are asked.
    fn depend_on_default(&self, template: &PodTemplate<'_>, namespace: &str) -> bool {
        let mut quotas = self
            .of
            .get(namespace)
            .into_iter()
            .flat_map(|of| of.quotas.values());
        !classes::names_priority(template) && quotas.any(|known| quota::is_scoped_by_class(known.node))
    }

    /// Those of a namespace: those of the cluster alone, or those that there will be.
    fn quotas_of(&self, of: &HashMap<&'a str, OfNamespace<'a>>, namespace: &str) -> Vec<Quota<'a>> {
        let live = self.live.get(namespace);
        let quotas = of.get(namespace).into_iter().flat_map(|of| &of.quotas);
        let quotas = quotas.filter_map(|(name, known)| {
            if known.is_live {
                return Quota::stored(name, known.node);
            }
            let stored = live.and_then(|live| live.quotas.get(name));
            Quota::written(name, known.node, stored.map(|stored| stored.node))
        });
        quotas.collect()
    }

    /// What those of the namespace say to a pod.
    fn ask(
        &self,
        of: &HashMap<&'a str, OfNamespace<'a>>,
        namespace: &str,
        template: &PodTemplate<'a>,
        classes: &Classes<'a>,
        options: &Options,
    ) -> Option<Finding> {
        let quotas = self.quotas_of(of, namespace);
        let of = of.get(namespace)?;
        let limit_ranges = of.limit_ranges();
        let filled = Filled {
            limit_ranges: &limit_ranges,
            priority_class: classes::priority_class(template, classes),
            overhead: classes::overhead(template, classes),
        };
        quota::check(template, &quotas, &filled, options)
    }
}

/// What is said where there is no room.
#[derive(Default)]
pub(crate) struct Said {
    /// The API server's answer, by what the cluster has.
    pub(crate) denied: Option<Status>,
    /// Why; by what it will have.
    pub(crate) findings: Vec<Finding>,
}

/// What helps where there is no room.
const ROOM: &str = "ask for less, remove what uses it, or raise `hard` of the quota";

/// Asks of an object that is created, or made of an `old` one: of its pod or of those that a workload makes, of the claims that it
/// makes, and of what it is itself.
pub(crate) fn ask<'s>(
    object: &Object<'s>,
    template: Option<&PodTemplate<'s>>,
    old: Option<&Object<'_>>,
    world: &'s World<'s>,
    settings: &Settings,
) -> Said {
    if world.quotas().is_empty() {
        return Said::default();
    }
    let mut said = object::ask(object, old, world, settings);
    if let Some(template) = template.filter(|_| old.is_none()) {
        let of_pod = of_pod(object, template, world, settings);
        said.denied = said.denied.or(of_pod.denied);
        said.findings.extend(of_pod.findings);
    }
    said
}

/// Asks of a pod that is created, or of those that a workload makes.
fn of_pod<'s>(
    object: &Object<'s>,
    template: &PodTemplate<'s>,
    world: &'s World<'s>,
    settings: &Settings,
) -> Said {
    let quotas = world.quotas();
    if template.kind == WorkloadKind::PodTemplate {
        return Said::default();
    }
    let namespace = namespace_of(object, settings);
    let is_pod = template.kind == WorkloadKind::Pod;
    // A limit range that could not be read may say what the pod does not.
    let knows_class = || world.knows(Part::PriorityClasses) || !quotas.depend_on_default(template, namespace);
    let is_known = !world.is_of_cluster() || world.knows(Part::Quotas) && knows_class();
    let options = &settings.options;
    let denied = (is_pod && is_known)
        .then(|| quotas.ask(&quotas.live, namespace, template, world.live_classes(), options))
        .flatten();
    let denied = denied.map(|finding| {
        let name = classes::name_of(template, Stage::AfterValidation);
        Status::forbidden("pods", &name, &finding.detail)
    });
    let finding = quotas.ask(&quotas.of, namespace, template, world.classes(), options);
    let finding = finding.map(|mut finding| {
        let is_lasting = finding.rule.name == "quota-unspecified";
        let help = if is_lasting {
            "say it in the `resources` of each container, or for all of them in a LimitRange of the namespace"
        } else {
            ROOM
        };
        // A limit range that is in no file may say it for all.
        let may_be_filled_in = is_lasting && !world.knows(Part::Quotas);
        // What is used may be less when a workload makes its pods.
        let may_have_room = !is_lasting && !is_pod;
        if !is_known || may_be_filled_in || may_have_room {
            finding.severity = Severity::Warning;
        }
        finding.with_help(if is_pod {
            help.to_owned()
        } else {
            format!("{help}: {}", but_not_its_pods(template.kind))
        })
    });
    Said {
        denied,
        findings: finding.into_iter().collect(),
    }
}
