//! `--cluster`: what a live cluster has that the files refer to, read and never changed.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args;
use porthole_admission::host_accounts::LABEL;
use porthole_check::{File, Live, Needed, Needs, Part};
use porthole_cluster::{Client, Error, Problem, Resource};
use porthole_pod::{Version, resource_of};
use serde_json::Value;

use super::flags::{Flags, Told};
use super::kubectl::LAST_APPLIED;
use crate::arguments::Global;
use crate::failure::Failure;
use crate::{note, parallel};

/// The flags that name a live cluster.
#[derive(Debug, Args)]
pub(super) struct ClusterFlags {
    /// Read from the cluster what the files refer to and do not contain, and its version. Nothing of it is changed
    #[arg(long, conflicts_with = "kubectl")]
    cluster: bool,
    /// The kubeconfig of the cluster [default: those that KUBECONFIG lists, else ~/.kube/config]
    #[arg(long, value_name = "FILE", requires = "cluster")]
    kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig [default: its current one]
    #[arg(long, value_name = "NAME", requires = "cluster")]
    context: Option<String>,
}

/// A cluster that has answered.
pub(super) struct Connected {
    client: Client,
    version: Option<Version>,
}

impl ClusterFlags {
    /// Asks the cluster for its version, if one is to be asked.
    pub(super) fn connect(&self, flags: &Flags, global: &Global) -> Result<Option<Connected>, Failure> {
        if !self.cluster {
            return Ok(None);
        }
        let client = crate::cluster::client(self.kubeconfig.clone(), self.context.as_deref())?;
        let said = match client.version() {
            Ok(said) => said,
            Err(error) if error.is_of_one_kind() => {
                unread(&error, global);
                return Ok(Some(Connected {
                    client,
                    version: None,
                }));
            }
            Err(error) => return Err(Failure::of_cluster(error)),
        };
        if global.verbose > 0 {
            let target = client.target();
            note(&format!(
                "the cluster is {} ({}), {said}",
                target.server(),
                target.origin()
            ));
        }
        let version = Version::of_server(&said);
        if flags.kubernetes_version.is_none() && version.is_none() && !global.quiet {
            note(&format!(
                "the rules of {said} are not known; those of Kubernetes {} are asked, or of what --kubernetes-version says",
                Version::NEWEST
            ));
        }
        Ok(Some(Connected { client, version }))
    }
}

impl Connected {
    /// What the cluster says of itself.
    pub(super) fn told(&self) -> Told {
        Told {
            version: self.version,
            namespace: self.client.target().namespace().map(str::to_owned),
        }
    }

    /// Reads what files need. What whoever asks may not read, and what the cluster does not know, is told and left out.
    pub(super) fn read(&self, needs: &Needs, global: &Global) -> Result<Live, Failure> {
        let mut reading = Reading::default();
        let found = reading.ask(self, &questions(needs), global)?;
        let first = file(found)?;
        // Where the cluster's own namespaces ask for it.
        let strict = needs.strict(&first);
        if reading.lacking.contains(&Part::Namespaces) && !global.quiet {
            let names: Vec<&str> = needs.untold(&first).into_iter().collect();
            if !names.is_empty() {
                note(&format!(
                    "whether the webhook is asked about host accounts in {} ({LABEL}) could not be told, and nothing is said of \
                     them; --host-accounts says what to take it for",
                    names.join(", ")
                ));
            }
        }
        let mut asked = Vec::new();
        ask_access(&strict, needs.access.is_empty(), &mut asked);
        if needs.classes_for_quotas(&first) {
            asked.push(ask_priorities());
        }
        let second = file(reading.ask(self, &asked, global)?)?;
        if global.verbose > 0 {
            note(&format!(
                "{} objects of the cluster were read for the files, and {} that they change",
                reading.count,
                reading.old.len()
            ));
        }
        let mut complete: BTreeSet<Part> = Part::ALL.into_iter().collect();
        complete.retain(|part| !reading.lacking.contains(part));
        Ok(Live {
            files: vec![first, second],
            old: vec![file(reading.old)?],
            complete,
        })
    }
}

/// What has been read so far.
#[derive(Default)]
struct Reading {
    /// How many objects that files refer to.
    count: usize,
    /// Objects that files change.
    old: Vec<Value>,
    /// What cannot be read.
    lacking: BTreeSet<Part>,
    told: BTreeSet<(String, Option<String>)>,
}

impl Reading {
    /// Asks side by side. What files refer to is returned.
    fn ask(
        &mut self,
        cluster: &Connected,
        questions: &[(Option<Part>, Question<'_>)],
        global: &Global,
    ) -> Result<Vec<Value>, Failure> {
        let answers = parallel::map(questions, |(_, question)| question.ask(&cluster.client));
        let mut found = Vec::new();
        for ((part, question), answer) in questions.iter().zip(answers) {
            match (answer, part) {
                (Ok(objects), Some(_)) => found.extend(objects),
                (Ok(objects), None) => self.old.extend(objects.into_iter().map(as_applied)),
                // What can only be sent, or is no longer served, is not there.
                (Err(error), None) if cannot_be_kept(&error) => {}
                (Err(error), _) if error.is_of_one_kind() => {
                    self.lacking.extend(part);
                    // Of one kind one is told.
                    let (kind, namespace) = question.place();
                    let place = (kind.to_owned(), namespace.map(str::to_owned));
                    if self.told.insert(place) {
                        unread(&error, global);
                    }
                }
                (Err(error), _) => return Err(Failure::of_cluster(error)),
            }
        }
        self.count += found.len();
        Ok(found)
    }
}

/// What the cluster is asked for.
enum Question<'n> {
    /// Everything of a kind, in a namespace or in the whole cluster.
    All(Resource<'static>, Option<&'n str>),
    /// Everything of a kind, or only these names, as whoever asks may.
    AllOrNamed(Resource<'static>, &'n BTreeSet<String>),
    /// One object.
    One(Resource<'static>, Option<&'n str>, &'n str),
    /// One of the files' own objects, and the plural of its kind.
    Own(&'n Needed, String),
}

/// What is to be asked, and of which part it is; the files' own objects are of none.
fn questions(needs: &Needs) -> Vec<(Option<Part>, Question<'_>)> {
    let mut questions = Vec::new();
    let mut ask = |part, question| questions.push((Some(part), question));
    for name in &needs.namespaces {
        ask(Part::Namespaces, Question::One(Resource::NAMESPACES, None, name));
    }
    for (namespace, name) in &needs.service_accounts {
        let question = Question::One(Resource::SERVICE_ACCOUNTS, Some(namespace), name);
        ask(Part::ServiceAccounts, question);
    }
    if !needs.credential_specs.is_empty() {
        let question = Question::AllOrNamed(Resource::CREDENTIAL_SPECS, &needs.credential_specs);
        ask(Part::CredentialSpecs, question);
    }
    ask_access(&needs.access, true, &mut questions);
    if needs.priority_classes {
        questions.push(ask_priorities());
    }
    let mut ask = |part, question| questions.push((Some(part), question));
    for name in &needs.runtime_classes {
        ask(
            Part::RuntimeClasses,
            Question::One(Resource::RUNTIME_CLASSES, None, name),
        );
    }
    for (namespaces, resource) in [
        (&needs.quotas, Resource::RESOURCE_QUOTAS),
        (&needs.limit_ranges, Resource::LIMIT_RANGES),
    ] {
        for namespace in namespaces {
            ask(Part::Quotas, Question::All(resource, Some(namespace)));
        }
    }
    let own = needs.objects.iter();
    questions.extend(own.map(|object| (None, Question::Own(object, resource_of(object.kind)))));
    questions
}

/// All priority classes: which is the default one shows in each.
const fn ask_priorities() -> (Option<Part>, Question<'static>) {
    (
        Some(Part::PriorityClasses),
        Question::All(Resource::PRIORITY_CLASSES, None),
    )
}

/// Who may do what in these namespaces, and in all of them unless that is asked for already.
fn ask_access<'n>(
    namespaces: &'n BTreeSet<String>,
    everywhere: bool,
    questions: &mut Vec<(Option<Part>, Question<'n>)>,
) {
    let mut ask = |question| questions.push((Some(Part::Access), question));
    if everywhere && !namespaces.is_empty() {
        for resource in [Resource::CLUSTER_ROLES, Resource::CLUSTER_ROLE_BINDINGS] {
            ask(Question::All(resource, None));
        }
    }
    for namespace in namespaces {
        for resource in [Resource::ROLES, Resource::ROLE_BINDINGS] {
            ask(Question::All(resource, Some(namespace)));
        }
    }
}

impl Question<'_> {
    fn ask(&self, client: &Client) -> Result<Vec<Value>, Error> {
        let one = |resource: &Resource<'_>, namespace: Option<&str>, name: &str| {
            let found = client.get(resource, namespace, name)?;
            Ok(found.into_iter().collect::<Vec<_>>())
        };
        match self {
            Self::All(resource, namespace) => client.list(resource, *namespace),
            Self::AllOrNamed(resource, names) => match client.list(resource, None) {
                Err(error) if error.is_of_one_kind() => {
                    let found: Result<Vec<_>, Error> =
                        names.iter().map(|name| one(resource, None, name)).collect();
                    Ok(found?.into_iter().flatten().collect())
                }
                other => other,
            },
            Self::One(resource, namespace, name) => one(resource, *namespace, name),
            Self::Own(object, plural) => {
                let resource = Resource::new(object.api_version, object.kind, plural);
                one(&resource, object.namespace.as_deref(), &object.name)
            }
        }
    }

    /// The kind and the namespace that are asked about.
    fn place(&self) -> (&str, Option<&str>) {
        match self {
            Self::All(resource, namespace) | Self::One(resource, namespace, _) => (resource.kind, *namespace),
            Self::AllOrNamed(resource, _) => (resource.kind, None),
            Self::Own(object, _) => (object.kind, object.namespace.as_deref()),
        }
    }
}

/// Whether the cluster keeps no objects of the kind that was asked for, such as reviews.
fn cannot_be_kept(error: &Error) -> bool {
    matches!(
        error,
        Error::Request {
            problem: Problem::NotServed | Problem::Status { status: 405, .. },
            ..
        }
    )
}

/// What the cluster gives to a Service and takes back: it is in no manifest, or the same as in the cluster.
const GIVEN_TO_SERVICES: [&str; 5] = [
    "clusterIP",
    "clusterIPs",
    "ipFamilies",
    "ipFamilyPolicy",
    "healthCheckNodePort",
];

/// An object of the cluster as `kubectl apply` applied it, where it did: what the server and others have added to it since
/// is no change of the manifest's. Which object it is, and what is given to it for good, is as the cluster has it.
fn as_applied(object: Value) -> Value {
    let text = object["metadata"]["annotations"][LAST_APPLIED].as_str();
    let applied: Option<Value> = text.and_then(|text| serde_json::from_str(text).ok());
    let Some(mut applied) = applied.filter(|applied| applied["metadata"].is_object()) else {
        return object;
    };
    for key in ["apiVersion", "kind"] {
        applied[key] = object[key].clone();
    }
    let keep = |applied: &mut Value, given: &Value, key: &str| {
        if !given[key].is_null() {
            applied[key] = given[key].clone();
        }
    };
    for key in ["name", "namespace", "resourceVersion", "uid"] {
        keep(&mut applied["metadata"], &object["metadata"], key);
    }
    if object["apiVersion"] == "v1" && object["kind"] == "Service" && applied["spec"].is_object() {
        for key in GIVEN_TO_SERVICES {
            if applied["spec"][key].is_null() {
                keep(&mut applied["spec"], &object["spec"], key);
            }
        }
    }
    applied
}

/// Objects of the cluster as a file.
fn file(objects: Vec<Value>) -> Result<File, Failure> {
    let objects = Value::Array(objects);
    let list = format!(r#"{{"apiVersion":"v1","kind":"List","items":{objects}}}"#);
    let file = File::parse("the cluster", list);
    match file.stream.errors.first() {
        None => Ok(file),
        Some(error) => Err(Failure::unasked(format!(
            "read the objects of the cluster: {}",
            error.reason
        ))),
    }
}

/// Tells what cannot be read of the cluster.
fn unread(error: &Error, global: &Global) {
    if !global.quiet {
        note(&format!(
            "could not {error}; it is judged as if it might be there"
        ));
    }
}

#[cfg(test)]
mod tests {
    use porthole_check::{Settings, World, judge};
    use serde_json::json;

    use super::*;

    #[test]
    fn a_version_is_known_by_its_number() {
        for (said, version) in [
            ("v1.37.0", Some("1.37")),
            ("v1.30.14-eks-1a2b3c", Some("1.30")),
            ("v1.28.3+k3s1", Some("1.28")),
            ("v1.99.0", None),
            ("v1.10.0", None),
            ("", None),
        ] {
            let version = version.map(|version| version.parse().unwrap());
            assert_eq!(Version::of_server(said), version, "{said}");
        }
    }

    #[test]
    fn an_object_is_taken_as_it_was_applied() {
        let live = |annotation: &str| {
            json!({
                "apiVersion": "apps/v1", "kind": "Deployment",
                "metadata": {"name": "web", "namespace": "team", "annotations": {LAST_APPLIED: annotation}},
                "spec": {"replicas": 3, "revisionHistoryLimit": 10},
            })
        };
        let applied = as_applied(live(
            r#"{"apiVersion":"apps/v1beta1","kind":"Deployment","metadata":{"name":"web"},"spec":{"replicas":1}}"#,
        ));
        assert_eq!(
            applied,
            json!({
                "apiVersion": "apps/v1", "kind": "Deployment",
                "metadata": {"name": "web", "namespace": "team"}, "spec": {"replicas": 1},
            })
        );
        for broken in ["", "[]", r#"{"metadata":1}"#] {
            assert_eq!(as_applied(live(broken)), live(broken));
        }
    }

    #[test]
    fn what_the_cluster_gave_to_a_service_may_be_written_down() {
        let annotation = r#"{"kind":"Service","metadata":{"name":"web","resourceVersion":"3"},"spec":{"type":"LoadBalancer",
            "externalTrafficPolicy":"Local","ipFamilyPolicy":"PreferDualStack","ports":[{"port":80}]}}"#;
        let live = json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {"name": "web", "namespace": "default", "resourceVersion": "7", "uid": "a-b", "annotations": {LAST_APPLIED: annotation}},
            "spec": {
                "type": "LoadBalancer", "externalTrafficPolicy": "Local", "ports": [{"port": 80, "protocol": "TCP"}],
                "clusterIP": "fd00::7", "clusterIPs": ["fd00::7"], "ipFamilies": ["IPv6"], "ipFamilyPolicy": "SingleStack",
                "healthCheckNodePort": 32100,
            },
        });
        let applied = as_applied(live);
        assert_eq!(
            applied["metadata"],
            json!({"name": "web", "namespace": "default", "resourceVersion": "7", "uid": "a-b"})
        );
        assert_eq!(
            applied["spec"]["ipFamilyPolicy"], "PreferDualStack",
            "what was applied goes before"
        );
        let settings = Settings::default();
        let live = Live {
            old: vec![file(vec![applied]).unwrap()],
            ..Live::default()
        };
        let code = |more: &str, version: &str| {
            let text = format!(
                "{{apiVersion: v1, kind: Service, metadata: {{name: web, {version}}}, spec: {{type: LoadBalancer, \
                 externalTrafficPolicy: Local, ipFamilyPolicy: PreferDualStack, ports: [{{port: 80}}]{more}}}}}"
            );
            let files = [File::parse("x.yaml", text)];
            let world = World::in_cluster(&live, &files, &settings);
            judge(&files[0], &world, &settings)[0].answer.code
        };
        for same in [
            "",
            ", clusterIP: 'fd00::7'",
            ", ipFamilies: [IPv6], healthCheckNodePort: 32100",
            ", clusterIPs: ['fd00::7'], clusterIP: 'fd00::7'",
        ] {
            assert_eq!(code(same, ""), Some(200), "{same}");
        }
        for other in [
            ", clusterIP: 'fd00::8'",
            ", ipFamilies: [IPv4]",
            ", healthCheckNodePort: 32101",
        ] {
            assert_eq!(code(other, ""), Some(422), "{other}");
        }
        assert_eq!(code("", "resourceVersion: '7'"), Some(200));
        assert_eq!(code("", "resourceVersion: '3'"), Some(409));
        assert_eq!(code("", "uid: a-b"), Some(200));
        assert_eq!(code("", "uid: a-c"), Some(422));
    }
}
