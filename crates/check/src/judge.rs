//! Every question, asked of every object.

use porthole_admission::gmsa;
use porthole_credspec as credspec;
use porthole_manifest::{Document, Node, Object, PodTemplate, objects, pod_template};
use porthole_pod::{Finding, Severity, WindowsPod, advice, has_rules, node, schema};

use crate::answer::Answer;
use crate::api_server;
use crate::file::File;
use crate::foreign;
use crate::settings::Settings;
use crate::suppress::Suppressions;
use crate::world::World;

/// What is said of one object.
#[derive(Debug)]
pub struct Verdict<'a> {
    /// The document, counted from 0 in its file.
    pub document: usize,
    /// The object: the document itself, or an item of a List.
    pub object: Object<'a>,
    /// The API server's answer.
    pub answer: Answer,
    /// What there is to say, the API server's findings first.
    pub findings: Vec<Finding>,
    /// How many findings comments and settings have suppressed.
    pub suppressed: usize,
    /// How much of the object was looked at.
    pub checked: Checked,
}

/// How much of an object was looked at: what has no finding is only as good as this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checked {
    /// Everything: there are rules for its kind.
    Rules,
    /// It was decoded as the API server does, and nothing else: there are no rules for its kind.
    Decoding,
    /// Nothing: it is of no kind of Kubernetes' own, or could not be decoded.
    Nothing,
}

impl Checked {
    fn of(object: &Object<'_>, read: bool) -> Self {
        let known = object
            .api_version
            .zip(object.kind)
            .is_some_and(|(version, kind)| schema::kind(version, kind).is_some());
        match read {
            true if has_rules(object) => Self::Rules,
            true if known => Self::Decoding,
            _ => Self::Nothing,
        }
    }
}

/// The verdicts on the objects of a file, in their order. What cannot be read of it is in its stream.
#[must_use]
pub fn judge<'a>(file: &'a File, world: &World<'_>, settings: &Settings) -> Vec<Verdict<'a>> {
    judge_documents(file, &file.stream.documents, world, settings)
}

/// The verdicts on the objects of some of a file's documents, in their order.
#[must_use]
pub fn judge_documents<'a>(
    file: &File,
    documents: &'a [Document],
    world: &World<'_>,
    settings: &Settings,
) -> Vec<Verdict<'a>> {
    documents
        .iter()
        .flat_map(|document| judge_document(file, document, world, settings))
        .collect()
}

fn judge_document<'a>(
    file: &File,
    document: &'a Document,
    world: &World<'_>,
    settings: &Settings,
) -> Vec<Verdict<'a>> {
    let suppressions = Suppressions::of(&file.source, document);
    let judged = objects(document).into_iter().map(|object| {
        let mut verdict = judge_object(document, object, world, settings);
        let before = verdict.findings.len();
        verdict.findings.retain(|finding| {
            !suppressions.cover(finding) && !settings.ignore.iter().any(|rule| rule == finding.rule.name)
        });
        verdict.suppressed = before - verdict.findings.len();
        verdict
    });
    judged.collect()
}

fn judge_object<'a>(
    document: &'a Document,
    object: Object<'a>,
    world: &World<'_>,
    settings: &Settings,
) -> Verdict<'a> {
    let template = pod_template(&object);
    let asked = api_server::ask(&object, template.as_ref(), world, settings);
    let mut verdict = Verdict {
        document: document.index(),
        object,
        answer: asked.answer,
        findings: asked.findings,
        suppressed: 0,
        checked: Checked::of(&object, asked.read),
    };
    if let Some(template) = template {
        if asked.read {
            let namespace = object.namespace.unwrap_or(&settings.namespace);
            verdict
                .findings
                .extend(gmsa::check(&template, namespace, &world.surroundings()));
            after_admission(&template, world, settings, &mut verdict.findings);
        }
    } else if (object.group(), object.kind) == (credspec::GROUP, Some(credspec::KIND)) {
        for finding in credspec::lint(object.node.child("credspec"), "credspec") {
            add_once(&mut verdict.findings, finding);
        }
    }
    verdict.findings.extend(foreign::check(&object));
    verdict
}

/// Adds what is found in a credential spec. What the API server refuses itself is told once, in its words, with what helps
/// against it.
fn add_once(findings: &mut Vec<Finding>, finding: Finding) {
    let is_the_servers = matches!(finding.rule.name, "credspec-not-text" | "credspec-unknown-field");
    let told = findings
        .iter_mut()
        .find(|told| is_the_servers && told.severity == Severity::Error && told.field == finding.field);
    match told {
        Some(told) => {
            told.help = told.help.take().or(finding.help);
            told.fix = told.fix.take().or(finding.fix);
        }
        None => findings.push(finding),
    }
}

/// What the node would say, and porthole's advice. They are told even where the API server refuses the pod: whoever mends
/// it wants to know all of it.
fn after_admission(
    template: &PodTemplate<'_>,
    world: &World<'_>,
    settings: &Settings,
    findings: &mut Vec<Finding>,
) {
    advice::repair(template, findings);
    let Some(pod) = WindowsPod::of(template) else {
        return;
    };
    let class = template
        .spec
        .and_then(|spec| spec.field("runtimeClassName"))
        .and_then(Node::as_str);
    let handler = class.and_then(|class| world.handler(class));
    let mut of_node = node::check(&pod, &settings.node, handler);
    if findings
        .iter()
        .any(|finding| finding.rule.name == "host-process-turned-off")
    {
        // The same gate, refused once.
        of_node.retain(|finding| finding.rule.name != "kubelet-without-host-process");
    }
    findings.extend(of_node);
    findings.extend(advice::check(&pod, &settings.options));
}

impl Verdict<'_> {
    /// The gravest of the findings.
    #[must_use]
    pub fn severity(&self) -> Option<Severity> {
        self.findings.iter().map(|finding| finding.severity).max()
    }
}
