//! Resource quotas: whether a namespace has room for a pod, by those of the files and of the cluster.

use std::collections::HashMap;

use porthole_admission::classes::{self, Classes, Stage};
use porthole_admission::quota::{self, Filled, Quota};
use porthole_manifest::{Node, Object, PodTemplate, WorkloadKind};
use porthole_pod::{Finding, Severity, Status};

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
    quotas: Vec<Known<'a>>,
    limit_ranges: Vec<Known<'a>>,
}

#[derive(Clone, Copy, Debug)]
struct Known<'a> {
    name: &'a str,
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
        list.retain(|known| known.name != name);
        list.push(Known {
            name,
            node: object.node,
            is_live: false,
        });
        list.sort_by_key(|known| known.name);
    }

    /// Notes that what was added so far is of the cluster.
    pub(crate) fn are_of_the_cluster(&mut self) {
        for of in self.of.values_mut() {
            for known in of.quotas.iter_mut().chain(&mut of.limit_ranges) {
                known.is_live = true;
            }
        }
        self.live = self.of.clone();
    }

    /// What the quotas of the cluster alone say to a pod.
    fn ask_live(
        &self,
        template: &PodTemplate<'a>,
        namespace: &str,
        classes: &Classes<'a>,
    ) -> Option<Finding> {
        let of = self.live.get(namespace)?;
        let quotas = of.quotas.iter();
        let quotas: Vec<_> = quotas
            .filter_map(|known| Quota::stored(known.name, known.node))
            .collect();
        check(template, &quotas, &of.limit_ranges, classes)
    }

    /// What those say that there will be.
    fn ask_all(&self, template: &PodTemplate<'a>, namespace: &str, classes: &Classes<'a>) -> Option<Finding> {
        let of = self.of.get(namespace)?;
        let live = self.live.get(namespace);
        let stored = |name: &str| {
            let mut live = live.into_iter().flat_map(|live| &live.quotas);
            live.find(|known| known.name == name).map(|known| known.node)
        };
        let quotas = of.quotas.iter();
        let quotas: Vec<_> = quotas
            .filter_map(|known| {
                if known.is_live {
                    Quota::stored(known.name, known.node)
                } else {
                    Quota::written(known.name, known.node, stored(known.name))
                }
            })
            .collect();
        check(template, &quotas, &of.limit_ranges, classes)
    }
}

fn check<'a>(
    template: &PodTemplate<'a>,
    quotas: &[Quota<'_>],
    limit_ranges: &[Known<'a>],
    classes: &Classes<'a>,
) -> Option<Finding> {
    let limit_ranges: Vec<_> = limit_ranges.iter().map(|known| known.node).collect();
    let filled = Filled {
        limit_ranges: &limit_ranges,
        priority_class: classes::priority_class(template, classes),
        overhead: classes::overhead(template, classes),
    };
    quota::check(template, quotas, &filled)
}

/// What is said where there is no room.
#[derive(Default)]
pub(crate) struct Said {
    /// The API server's answer, by what the cluster has.
    pub(crate) denied: Option<Status>,
    /// Why; by what it will have.
    pub(crate) finding: Option<Finding>,
}

/// Asks of a pod that is created, or of those that a workload makes.
pub(crate) fn ask<'s>(
    object: &Object<'s>,
    template: &PodTemplate<'s>,
    world: &'s World<'s>,
    settings: &Settings,
) -> Said {
    let quotas = world.quotas();
    if quotas.of.is_empty() || template.kind == WorkloadKind::PodTemplate {
        return Said::default();
    }
    let namespace = namespace_of(object, settings);
    let is_pod = template.kind == WorkloadKind::Pod;
    // A limit range that could not be read may say what the pod does not.
    let is_known = !world.is_of_cluster() || world.knows(Part::Quotas);
    let denied = (is_pod && is_known)
        .then(|| quotas.ask_live(template, namespace, world.live_classes()))
        .flatten();
    let denied = denied.map(|finding| {
        let name = classes::name_of(template, Stage::AfterValidation);
        Status::forbidden("pods", &name, &finding.detail)
    });
    let finding = quotas.ask_all(template, namespace, world.classes());
    let finding = finding.map(|mut finding| {
        let is_lasting = finding.rule.name == "quota-unspecified";
        let help = if is_lasting {
            "say it in the `resources` of each container, or for all of them in a LimitRange of the namespace"
        } else {
            "ask for less, remove what uses it, or raise `hard` of the quota"
        };
        // What is used may be less when a workload makes its pods.
        if !is_known || !(is_pod || is_lasting) {
            finding.severity = Severity::Warning;
        }
        finding.with_help(if is_pod {
            help.to_owned()
        } else {
            format!("{help}: {}", but_not_its_pods(template.kind))
        })
    });
    Said { denied, finding }
}
