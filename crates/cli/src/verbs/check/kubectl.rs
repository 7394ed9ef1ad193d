//! `--kubectl`: what `kubectl apply --dry-run=server -f` prints, where nothing of it is in the cluster yet.

use std::collections::HashSet;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use porthole_check::{File, Settings, World, judge};
use porthole_manifest::{Document, Object, objects};
use porthole_pod::{Status, decode, go_quote, resource_of, schema};
use serde_json::Value;

use super::Outcome;
use super::kinds::is_cluster_scoped;
use crate::exit;
use crate::failure::{Attempt as _, Failure};
use crate::fetch::Address;

/// What `kubectl apply` keeps of the manifest that it applied.
pub(super) const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// An error of kubectl's.
enum Error {
    Plain(String),
    /// What the items of a List have, which is printed without a word before it.
    Items(Vec<String>),
    /// The server's answer, and the file.
    Server(Box<Status>, String),
}

/// An object that kubectl would apply.
struct Info<'a> {
    source: String,
    object: Object<'a>,
    settings: Settings,
}

/// What kubectl says first of a path that is none; then it does nothing else.
pub(super) fn missing(paths: &[PathBuf]) -> Option<ExitCode> {
    let missing = paths.iter().find(|path| {
        let elsewhere = path.as_os_str() == "-" || path.to_str().and_then(Address::parse).is_some();
        !elsewhere && !path.exists()
    })?;
    eprintln!(
        "error: the path {} does not exist",
        go_quote(&missing.display().to_string())
    );
    Some(ExitCode::from(exit::NO))
}

/// Prints, and answers with kubectl's exit code.
pub(super) fn print(
    outcome: &Outcome<'_>,
    world: &World<'_>,
    settings_of: &dyn Fn(&str) -> Settings,
    enforced: Option<&str>,
) -> Result<ExitCode, Failure> {
    let mut errors = Vec::new();
    for file in outcome.unreadable {
        errors.push(Error::Plain(format!(
            "error parsing {}: error converting YAML to JSON: yaml: {}",
            file.name, file.reason
        )));
    }
    let mut infos = Vec::new();
    for judged in &outcome.files {
        let settings = settings_of(judged.file.source.name());
        collect(judged.file, &settings, enforced, &mut infos, &mut errors);
    }
    if errors.is_empty() && infos.is_empty() {
        errors.push(Error::Plain("no objects passed to apply".to_owned()));
    }
    let mut refused = Vec::new();
    let mut told = HashSet::new();
    let mut out = io::stdout().lock();
    for info in &infos {
        match apply(info, world, &mut told) {
            Ok(()) => {
                let name = info.object.name.unwrap_or_default();
                let kind = info.object.kind.unwrap_or_default().to_lowercase();
                let group = info.object.group();
                let dot = if group.is_empty() { "" } else { "." };
                writeln!(out, "{kind}{dot}{group}/{name} created (server dry run)")
                    .attempt(exit::UNASKED, || "write to standard output".to_owned())?;
            }
            Err(error) => refused.push(error),
        }
    }
    // Beside others, several errors of the reading are one.
    if errors.len() > 1 && !refused.is_empty() {
        errors = vec![joined(errors)];
    }
    errors.extend(refused);
    Ok(report(&errors))
}

/// Several errors of the reading in one text, equal ones once.
fn joined(errors: Vec<Error>) -> Error {
    let mut texts: Vec<String> = Vec::new();
    for error in errors {
        let more = match error {
            Error::Plain(text) => vec![text],
            Error::Items(texts) => texts,
            Error::Server(status, _) => vec![status.message],
        };
        texts.extend(more);
    }
    Error::Items(texts)
}

/// The objects of a file, as kubectl's visitors find them; a document that is no object ends its file.
fn collect<'a>(
    file: &'a File,
    settings: &Settings,
    enforced: Option<&str>,
    infos: &mut Vec<Info<'a>>,
    errors: &mut Vec<Error>,
) {
    let source = match file.source.name() {
        "-" => "STDIN".to_owned(),
        name => name.to_owned(),
    };
    let broken = file.stream.errors.iter().map(|error| error.document).min();
    for document in &file.stream.documents {
        if broken.is_some_and(|broken| document.index() >= broken) {
            break;
        }
        if document.root().is_null() {
            continue;
        }
        if let Some(lacking) = lacking(document) {
            errors.push(Error::Plain(format!(
                "error validating {}: error validating data: {lacking}; if you choose to ignore these errors, turn \
                 validation off with --validate=false",
                go_quote(&source)
            )));
            return;
        }
        let is_list = document.root().field("items").is_some()
            && document
                .root()
                .field("kind")
                .and_then(porthole_manifest::Node::as_str)
                .is_some_and(|kind| kind.ends_with("List"));
        let mut of_items = Vec::new();
        for object in objects(document) {
            match info(object, &source, settings, enforced, is_list) {
                Ok(info) => infos.push(info),
                Err(text) if is_list => of_items.push(text),
                Err(text) => errors.push(Error::Plain(text)),
            }
        }
        if !of_items.is_empty() {
            errors.push(Error::Items(of_items));
        }
    }
    if let Some(error) = file.stream.errors.first() {
        let line = file.source.position(error.span.start).line;
        errors.push(Error::Plain(format!(
            "error parsing {source}: error converting YAML to JSON: yaml: line {line}: {}",
            error.reason
        )));
    }
}

/// What a document lacks to be an object.
fn lacking(document: &Document) -> Option<String> {
    let root = document.root();
    if !root.is_mapping() {
        return Some("invalid object to validate".to_owned());
    }
    let lacks = |key: &str| {
        root.field(key)
            .is_none_or(|value| value.as_str() == Some(""))
            .then(|| format!("{key} not set"))
    };
    match (lacks("apiVersion"), lacks("kind")) {
        (Some(version), Some(kind)) => Some(format!("[{version}, {kind}]")),
        (one, other) => one.or(other),
    }
}

fn info<'a>(
    object: Object<'a>,
    source: &str,
    settings: &Settings,
    enforced: Option<&str>,
    is_item: bool,
) -> Result<Info<'a>, String> {
    let text = |text: Option<&'a str>| text.unwrap_or_default();
    let (api_version, kind) = (text(object.api_version), text(object.kind));
    if kind.is_empty() {
        return Err(format!("Object 'Kind' is missing in '{}'", object.node.to_json()));
    }
    let options = &settings.options;
    let known =
        schema::kind(api_version, kind).is_some_and(|kind| kind.is_served(options.kubernetes_version));
    let is_spec = (object.group(), kind) == (porthole_check::CREDSPEC_GROUP, porthole_check::CREDSPEC_KIND);
    if !is_item {
        let metadata = serde_json::json!({
            "apiVersion": api_version, "kind": kind, "metadata": sorted(object.node.child("metadata").to_json()),
        });
        let file = File::parse(source, metadata.to_string());
        let root = file.stream.documents.first().map(Document::root);
        let mistakes = root.map(|root| decode::check(root, api_version, kind, options));
        let mistake = mistakes.iter().flatten().find(|finding| {
            finding.detail.contains("json: cannot unmarshal") && finding.field.starts_with("metadata")
        });
        if let Some((_, mistake)) = mistake.and_then(|mistake| mistake.detail.split_once(": json: ")) {
            return Err(format!("unable to decode {}: json: {mistake}", go_quote(source)));
        }
    }
    if !known && !is_spec {
        let unmatched = format!(
            "no matches for kind {} in version {}",
            go_quote(kind),
            go_quote(api_version)
        );
        return Err(if is_item {
            format!("unable to recognize {unmatched}")
        } else {
            format!(
                "resource mapping not found for name: {} namespace: {} from {}: {unmatched}\nensure CRDs are installed first",
                go_quote(text(object.name)),
                go_quote(text(object.namespace)),
                go_quote(source)
            )
        });
    }
    if let (Some(enforced), Some(own)) = (enforced, object.namespace.filter(|own| !own.is_empty()))
        && own != enforced
        && !is_cluster_scoped(object.group(), kind)
    {
        return Err(format!(
            "the namespace from the provided object {} does not match the namespace {}. You must pass \
                 '--namespace={own}' to perform this operation.",
            go_quote(own),
            go_quote(enforced)
        ));
    }
    Ok(Info {
        source: source.to_owned(),
        object,
        settings: settings.clone(),
    })
}

/// The server's answer to an object, with its warnings told.
fn apply(info: &Info<'_>, world: &World<'_>, told: &mut HashSet<String>) -> Result<(), Error> {
    let Info {
        source,
        object,
        settings,
    } = info;
    let (api_version, kind) = (
        object.api_version.unwrap_or_default(),
        object.kind.unwrap_or_default(),
    );
    if object.name.unwrap_or_default().is_empty() {
        let generated = object
            .node
            .at("metadata.generateName")
            .and_then(porthole_manifest::Node::as_str);
        if let Some(generated) = generated.filter(|name| !name.is_empty()) {
            return Err(Error::Plain(format!(
                "from {generated}: cannot use generate name with apply"
            )));
        }
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let namespace = if is_cluster_scoped(group, kind) {
            ""
        } else {
            object.namespace.unwrap_or(&settings.namespace)
        };
        return Err(Error::Plain(format!(
            "error when retrieving current configuration of:\nResource: \"{group}/{version}, Resource={}\", \
             GroupVersionKind: \"{group}/{version}, Kind={kind}\"\nName: \"\", Namespace: \"{namespace}\"\nfrom server \
             for: {}: resource name may not be empty",
            resource_of(kind),
            go_quote(source)
        )));
    }
    let file = File::parse(source.as_str(), sent(info).to_string());
    for verdict in judge(&file, world, settings) {
        for warning in verdict.answer.warnings {
            if told.insert(warning.clone()) {
                const STYLE: anstyle::Style = anstyle::AnsiColor::Yellow.on_default().bold();
                anstream::eprintln!("{STYLE}Warning:{STYLE:#} {warning}");
            }
        }
        if let Some(status) = verdict.answer.status {
            return Err(Error::Server(Box::new(status), source.clone()));
        }
    }
    Ok(())
}

/// What kubectl sends: JSON with sorted keys, each once, without nulls, with itself in an annotation.
fn sent(info: &Info<'_>) -> Value {
    let object = &info.object;
    let mut value = sorted(object.node.to_json());
    let whole = value.as_object_mut();
    if let Some(whole) = whole {
        // An item of a typed list does not say what it is.
        for (key, text) in [("apiVersion", object.api_version), ("kind", object.kind)] {
            if let Some(text) = text {
                whole.insert(key.to_owned(), text.into());
            }
        }
        if let Some(metadata) = whole.get_mut("metadata").and_then(Value::as_object_mut) {
            let kind = object.kind.unwrap_or_default();
            if object.namespace.unwrap_or_default().is_empty() && !is_cluster_scoped(object.group(), kind) {
                metadata.insert("namespace".to_owned(), info.settings.namespace.as_str().into());
            }
            let annotations = metadata
                .entry("annotations")
                .or_insert_with(|| serde_json::json!({}));
            if let Some(annotations) = annotations.as_object_mut() {
                annotations.shift_remove(LAST_APPLIED);
            }
        }
    }
    let mut value = sorted(value);
    let written = format!("{value}\n");
    if let Some(annotations) = value
        .pointer_mut("/metadata/annotations")
        .and_then(Value::as_object_mut)
    {
        annotations.insert(LAST_APPLIED.to_owned(), written.into());
    }
    prune(&mut value);
    sorted(value)
}

fn sorted(mut value: Value) -> Value {
    value.sort_all_objects();
    value
}

/// Takes nulls out of mappings.
fn prune(value: &mut Value) {
    match value {
        Value::Object(entries) => {
            entries.retain(|_, value| !value.is_null());
            entries.values_mut().for_each(prune);
        }
        Value::Array(items) => items.iter_mut().for_each(prune),
        _ => {}
    }
}

/// Prints the errors in kubectl's forms: one alone, or several a line each.
fn report(errors: &[Error]) -> ExitCode {
    match errors {
        [] => return ExitCode::SUCCESS,
        [Error::Plain(text)] => eprintln!("error: {text}"),
        [Error::Items(texts)] => texts.iter().for_each(|text| eprintln!("{text}")),
        [Error::Server(status, source)] => match invalid(status) {
            Some(text) => eprint!("{text}"),
            None => eprintln!("{}", from_server(status, source)),
        },
        several => {
            for error in several {
                match error {
                    Error::Plain(text) => eprintln!("{text}"),
                    Error::Items(texts) if texts.len() == 1 => eprintln!("{}", texts.join(", ")),
                    Error::Items(texts) => eprintln!("[{}]", texts.join(", ")),
                    Error::Server(status, source) => eprintln!("{}", from_server(status, source)),
                }
            }
        }
    }
    ExitCode::from(exit::NO)
}

fn from_server(status: &Status, source: &str) -> String {
    format!(
        "Error from server ({}): error when creating {}: {}",
        status.reason,
        go_quote(source),
        status.message
    )
}

/// The long form of a single object that is not valid.
fn invalid(status: &Status) -> Option<String> {
    let details = status.details.as_ref().filter(|_| status.reason == "Invalid")?;
    let head = format!("The {} {} is invalid", details.kind, go_quote(&details.name));
    let mut texts: Vec<String> = Vec::new();
    for cause in &details.causes {
        let text = format!("{}: {}", cause.field, cause.message);
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    Some(match texts.as_slice() {
        [] => format!("{head}\n"),
        [one] => format!("{head}: {one}\n"),
        several => format!("{head}: \n* {}\n", several.join("\n* ")),
    })
}
