//! The change of objects that stand beside pods.

use std::collections::BTreeMap;

use porthole_manifest::Node;
use serde_json::Value;

use super::same::{Reader, differences};
use super::{CLAIM_CHANGED, Change, IMMUTABLE, IMMUTABLE_DATA, IMMUTABLE_FIELD};
use crate::base64;
use crate::path::Path;
use crate::quantity::Quantity;
use crate::render::{go_json, go_quote};
use crate::report::{Report, Shown, int, is_true, place, some_text, text};
use crate::rules::metadata;
use crate::rules::object::secret::Contents;
use crate::rules::object::{Known, runtime_class, service};

/// All that is asked of an object of the kind that is changed, in the API server's order.
pub(super) fn check<'n>(report: &mut Report<'_>, known: Known, change: Change<'n, 'n>) {
    let object = change.new;
    let demands = known.demands(report.options);
    if known == Known::Service {
        service::check_changed(report, change.old, object, demands);
        return;
    }
    metadata::check_common(report, change.old, object, demands, None);
    let twice = matches!(
        known,
        Known::ClusterRole
            | Known::ClusterRoleBinding
            | Known::PersistentVolumeClaim
            | Known::Role
            | Known::RoleBinding
    );
    if twice && !report.at_least(35) {
        // It is asked all that a new one is, and then once more.
        known.check(report, Some(change.old), object);
    }
    match known {
        // These are asked as they are first, and then what has changed.
        Known::ClusterRole | Known::Role | Known::Namespace => {
            known.check(report, Some(change.old), object);
            metadata::check_changed(report, change.old, object, demands, None);
        }
        Known::ClusterRoleBinding | Known::RoleBinding => {
            known.check(report, Some(change.old), object);
            metadata::check_changed(report, change.old, object, demands, None);
            change.check_role(report);
        }
        Known::RuntimeClass => {
            metadata::check(report, object, demands, None);
            runtime_class::check_changed(report, object);
            metadata::check_changed(report, change.old, object, demands, None);
            change.check_handler(report);
        }
        Known::ConfigMap => {
            metadata::check_changed(report, change.old, object, demands, None);
            let same = |key: &str| Data::of(change.old, key) == Data::of(object, key);
            change.check_immutable(report, &["data", "binaryData"], same);
            known.check(report, Some(change.old), object);
        }
        Known::Secret => {
            metadata::check_changed(report, change.old, object, demands, None);
            change.fix_text(report, &Path::root("type"), "type", "Opaque");
            let same = |_: &str| {
                let contents = Contents::over(change.old, object);
                Contents::of(change.old).is_same(&contents)
            };
            change.check_immutable(report, &["data"], same);
            known.check(report, Some(change.old), object);
        }
        Known::PriorityClass => {
            metadata::check_changed(report, change.old, object, demands, None);
            change.check_priority(report);
        }
        Known::PersistentVolumeClaim => {
            metadata::check_changed(report, change.old, object, demands, None);
            known.check(report, Some(change.old), object);
            change.check_claim(report);
        }
        Known::CredentialSpec | Known::ServiceAccount | Known::Service => {
            metadata::check_changed(report, change.old, object, demands, None);
            known.check(report, Some(change.old), object);
        }
    }
}

impl Change<'_, '_> {
    /// The handler of a `RuntimeClass`.
    fn check_handler(self, report: &mut Report<'_>) {
        if !self.changes("handler", "") {
            return;
        }
        let found = report.count();
        let given = text(self.new, "handler");
        // Where it is declared the value is not shown.
        let value = if report.declares() {
            Shown::Null
        } else {
            Shown::Str(given)
        };
        let span = place(self.new, "handler");
        report.invalid(&IMMUTABLE_FIELD, &Path::root("handler"), value, IMMUTABLE, span);
        if report.declares() && given.is_empty() {
            report.move_before(found, &["handler"]);
        }
    }

    /// Data that is set to stay as it is; `same` is whether a field does.
    fn check_immutable(self, report: &mut Report<'_>, fields: &[&str], same: impl Fn(&str) -> bool) {
        if !is_true(self.old, "immutable") {
            return;
        }
        let detail = "field is immutable when `immutable` is set";
        if !is_true(self.new, "immutable") {
            let span = place(self.new, "immutable");
            report.forbidden(&IMMUTABLE_DATA, &Path::root("immutable"), detail, span);
        }
        for key in fields.iter().filter(|key| !same(key)) {
            report.forbidden(&IMMUTABLE_DATA, &Path::root(key), detail, place(self.new, key));
        }
    }

    /// The role of a binding.
    fn check_role(self, report: &mut Report<'_>) {
        const GROUP: &str = "rbac.authorization.k8s.io";
        let role = self.child("roleRef");
        if !["kind", "name"].into_iter().any(|key| role.changes(key, "")) && !role.changes("apiGroup", GROUP)
        {
            return;
        }
        let group = some_text(role.new, "apiGroup")
            .filter(|group| !group.is_empty())
            .unwrap_or(GROUP);
        let (kind, name) = (text(role.new, "kind"), text(role.new, "name"));
        let value = if report.at_least(34) {
            let (group, kind, name) = (go_json(group), go_json(kind), go_json(name));
            format!("{{\"APIGroup\":{group},\"Kind\":{kind},\"Name\":{name}}}")
        } else {
            let (group, kind, name) = (go_quote(group), go_quote(kind), go_quote(name));
            format!("rbac.RoleRef{{APIGroup:{group}, Kind:{kind}, Name:{name}}}")
        };
        let detail = if report.at_least(37) {
            IMMUTABLE
        } else {
            "cannot change roleRef"
        };
        let span = place(self.new, "roleRef");
        report.invalid(
            &IMMUTABLE_FIELD,
            &Path::root("roleRef"),
            Shown::Raw(value),
            detail,
            span,
        );
    }

    fn check_priority(self, report: &mut Report<'_>) {
        let value = |node: Node<'_>| int(node, "value").unwrap_or_default();
        if value(self.old) != value(self.new) {
            let detail = "may not be changed in an update.";
            let field = if report.at_least(25) { "value" } else { "Value" };
            report.forbidden(
                &IMMUTABLE_FIELD,
                &Path::root(field),
                detail,
                place(self.new, "value"),
            );
        }
        let key = "preemptionPolicy";
        self.fix_some_text(report, &Path::root(key), key, Some("PreemptLowerPriority"));
    }

    /// A claim that is not bound.
    fn check_claim(self, report: &mut Report<'_>) {
        let spec = self.child("spec");
        let reader = Reader::new(report.options);
        let read = |node, filled: bool| {
            let mut spec = reader.read("core/v1.PersistentVolumeClaimSpec", node);
            fill_sources(report, &mut spec, filled);
            spec
        };
        let mut old = read(spec.old, false);
        let filled = old.get("dataSource").or(old.get("dataSourceRef")).is_some();
        let mut new = read(spec.new, filled);
        // The volume is named once.
        if text(spec.old, "volumeName").is_empty()
            && let (Some(old), Some(name)) = (old.as_object_mut(), new.get("volumeName"))
        {
            old.insert("volumeName".to_owned(), name.clone());
        }
        self.check_class(report, &old, &mut new);
        let path = Path::root("spec");
        let grows = report.at_least(24) || report.enabled("ExpandPersistentVolumes");
        if old != new {
            let what = match report {
                _ if report.at_least(29) => {
                    "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"
                }
                _ if grows => "spec is immutable after creation except resources.requests for bound claims",
                _ => "field is immutable after creation",
            };
            let changes = differences("spec", &old, &new).join("\n");
            let detail = format!("{what}\n{changes}");
            report.forbidden(&CLAIM_CHANGED, &path, detail, spec.new.span());
        }
        // One that is not bound has no capacity below which it cannot go.
        let recovers = report.feature("RecoverVolumeExpansionFailure", 37);
        let (before, after) = (size_of(spec.old), size_of(spec.new));
        if after < before && (!recovers || after.is_none_or(|size| size.is_zero() || size.is_negative())) {
            let resources = path.child("resources");
            let requests = resources.child("requests");
            let detail = if recovers {
                "field can not be less than status.capacity"
            } else {
                "field can not be less than previous value"
            };
            let span = spec.new.child("resources").span();
            report.forbidden(&CLAIM_CHANGED, &requests.child("storage"), detail, span);
        }
        let key = "volumeMode";
        spec.fix_some_text(report, &Path::root(key), key, Some("Filesystem"));
    }

    /// The class of a claim that names none can be named, later too; the annotation that named it of old stays.
    fn check_class(self, report: &mut Report<'_>, old: &Value, new: &mut Value) {
        const ANNOTATION: &str = "volume.beta.kubernetes.io/storage-class";
        const CLASS: &str = "storageClassName";
        let annotation = |object: Node<'_>| {
            let annotations = object.child("metadata").child("annotations");
            some_text(annotations, ANNOTATION).map(str::to_owned)
        };
        let (before, after) = (annotation(self.old), annotation(self.new));
        let named = new.get(CLASS).and_then(Value::as_str).map(str::to_owned);
        let first = old.get(CLASS).is_none() && named.is_some();
        let moves = before.is_some() && before == named && (after.is_none() || after == before);
        let mut may = first && moves;
        if !may {
            if before.clone().unwrap_or_default() != after.clone().unwrap_or_default() {
                let metadata = Path::root("metadata");
                let annotations = metadata.child("annotations");
                let field = annotations.child(ANNOTATION);
                let value = after.unwrap_or_default();
                let span = place(self.new, "metadata");
                report.invalid(&CLAIM_CHANGED, &field, Shown::Str(&value), IMMUTABLE, span);
            }
            may = first
                && report.feature("RetroactiveDefaultStorageClass", 28)
                && (before.is_none() || before == named);
        }
        if let Some(new) = new.as_object_mut().filter(|_| may) {
            new.remove(CLASS);
        }
    }
}

/// The data sources of a claim as the API server makes them: one that is neither a claim nor a snapshot is dropped where the
/// old claim is filled with nothing, and where one field is set, so is the other.
fn fill_sources(report: &Report<'_>, spec: &mut Value, filled: bool) {
    let Value::Object(spec) = spec else { return };
    let of = |source: &Value, key: &str| source[key].as_str().unwrap_or_default().to_owned();
    let any = report.feature("AnyVolumeDataSource", 33);
    let far = |source: &Value| !of(source, "namespace").is_empty();
    let drops = |source: &Value| !any || far(source) && !report.enabled("CrossNamespaceVolumeDataSource");
    if spec
        .get("dataSourceRef")
        .is_some_and(|source| !filled && drops(source))
    {
        spec.remove("dataSourceRef");
    }
    let known = |source: &Value| match of(source, "apiGroup").as_str() {
        "" => of(source, "kind") == "PersistentVolumeClaim",
        group => group == "snapshot.storage.k8s.io" && of(source, "kind") == "VolumeSnapshot",
    };
    let alone = !filled && !spec.contains_key("dataSourceRef");
    if spec
        .get("dataSource")
        .is_some_and(|source| alone && !known(source))
    {
        spec.remove("dataSource");
    }
    if !any {
        return;
    }
    let (source, reference) = (
        spec.get("dataSource").cloned(),
        spec.get("dataSourceRef").cloned(),
    );
    match (source, reference) {
        (Some(source), None) => drop(spec.insert("dataSourceRef".to_owned(), source)),
        (None, Some(reference)) if !far(&reference) => {
            spec.insert("dataSource".to_owned(), reference);
        }
        _ => {}
    }
}

/// The size that a claim's spec asks for.
fn size_of(spec: Node<'_>) -> Option<Quantity<'_>> {
    let requests = spec.child("resources").child("requests");
    let size = Quantity::of(requests.field("storage")?)?;
    size.ok().map(Quantity::rounded)
}

/// The data of a `ConfigMap`, texts as what they stand for.
#[derive(PartialEq, Eq)]
struct Data(BTreeMap<String, Vec<u8>>);

impl Data {
    fn of(object: Node<'_>, key: &str) -> Self {
        let entries = object.child(key).entries().map(|entry| {
            let text = entry.value.as_str().unwrap_or_default();
            let bytes = if key == "binaryData" {
                base64::decode(text)
            } else {
                text.as_bytes().to_vec()
            };
            (entry.key.key_text().into_owned(), bytes)
        });
        Self(entries.collect())
    }
}
