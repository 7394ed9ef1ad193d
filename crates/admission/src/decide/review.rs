//! What the API server asks: an `AdmissionReview`.

use std::fmt;

use porthole_access::User;
use porthole_manifest::{Document, Keep, Kind, Limits, Node, NodeId, SyntaxError, parse, parse_json};
use porthole_pod::{DecodeError, decode_object};

/// How much a review may ask of its reader. Two pods, each as large as the API server takes one, fit.
pub const LIMITS: Limits = Limits {
    max_bytes: 8 << 20,
    max_depth: 128,
    max_nodes: 2_000_000,
    max_alias_nodes: 0,
};

/// What of a review is looked at: not even half of most.
const KEPT: Keep = Keep::keys(&[("request", Keep::keys(REQUEST))]);

const REQUEST: &[(&str, Keep)] = &[
    ("uid", Keep::All),
    ("kind", Keep::All),
    ("operation", Keep::All),
    ("subResource", Keep::All),
    ("namespace", Keep::All),
    ("name", Keep::All),
    ("dryRun", Keep::All),
    (
        "userInfo",
        Keep::keys(&[("username", Keep::All), ("groups", Keep::All)]),
    ),
    ("object", OBJECT),
    ("oldObject", OBJECT),
];

/// Of a pod, and of a binding.
const OBJECT: Keep = Keep::keys(&[
    (
        "metadata",
        Keep::keys(&[
            ("name", Keep::All),
            ("generateName", Keep::All),
            ("namespace", Keep::All),
            ("annotations", Keep::All),
        ]),
    ),
    (
        "spec",
        Keep::keys(&[
            ("serviceAccountName", Keep::All),
            ("hostname", Keep::All),
            ("runtimeClassName", Keep::All),
            ("securityContext", CONTEXT),
            ("containers", CONTAINERS),
            ("initContainers", CONTAINERS),
            ("ephemeralContainers", CONTAINERS),
        ]),
    ),
]);

const CONTAINERS: Keep = Keep::keys(&[("name", Keep::All), ("securityContext", CONTEXT)]);

const CONTEXT: Keep = Keep::keys(&[("windowsOptions", Keep::All)]);

/// A review that can be answered. Fields that it does not know are ignored.
pub struct Review {
    document: Document,
    request: Request,
}

/// Where the fields of a request are that are set.
#[derive(Default)]
struct Request {
    uid: Option<NodeId>,
    kind: Option<NodeId>,
    operation: Option<NodeId>,
    sub_resource: Option<NodeId>,
    namespace: Option<NodeId>,
    name: Option<NodeId>,
    user: Option<NodeId>,
    object: Option<NodeId>,
    old_object: Option<NodeId>,
    dry_run: Option<NodeId>,
}

impl Request {
    /// Finds the fields, each of its type. Of the objects only that they are there.
    fn find(request: Node<'_>) -> Result<Self, TypeError> {
        let request = of_type(request, format_args!("request"), Kind::Mapping)?;
        let mut found = Self::default();
        // All at once: nearly every field is one of these.
        for entry in request.entries() {
            let (key, value) = (entry.key.key_text(), entry.value);
            let (slot, wanted) = match &*key {
                "uid" => (&mut found.uid, Kind::String),
                "operation" => (&mut found.operation, Kind::String),
                "subResource" => (&mut found.sub_resource, Kind::String),
                "namespace" => (&mut found.namespace, Kind::String),
                "name" => (&mut found.name, Kind::String),
                "kind" => (&mut found.kind, Kind::Mapping),
                "userInfo" => (&mut found.user, Kind::Mapping),
                "dryRun" => (&mut found.dry_run, Kind::Bool),
                "object" => (&mut found.object, value.kind()),
                "oldObject" => (&mut found.old_object, value.kind()),
                _ => continue,
            };
            if value.is_null() {
                continue;
            }
            of_type(value, format_args!("request.{key}"), wanted)?;
            *slot = Some(value.node_id());
            match &*key {
                "kind" => found.kind = kind_of(value)?,
                "userInfo" => check_user(value)?,
                _ => {}
            }
        }
        Ok(found)
    }
}

/// The `kind` of the three fields that name one.
fn kind_of(kind: Node<'_>) -> Result<Option<NodeId>, TypeError> {
    for key in ["group", "version"] {
        field(kind, format_args!("request.kind"), key, Kind::String)?;
    }
    let kind = field(kind, format_args!("request.kind"), "kind", Kind::String)?;
    Ok(kind.map(Node::node_id))
}

fn check_user(user: Node<'_>) -> Result<(), TypeError> {
    field(user, format_args!("request.userInfo"), "username", Kind::String)?;
    let Some(groups) = field(user, format_args!("request.userInfo"), "groups", Kind::Sequence)? else {
        return Ok(());
    };
    for (index, group) in groups.items().enumerate() {
        of_type(
            group,
            format_args!("request.userInfo.groups[{index}]"),
            Kind::String,
        )?;
    }
    Ok(())
}

/// Why a body cannot be answered but with a refusal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReviewError {
    /// It is longer than is read.
    #[error("couldn't read request body: it has {found} bytes, and at most {most} are read")]
    TooLong {
        /// Its length.
        found: usize,
        /// The most that is read.
        most: usize,
    },
    /// It is no UTF-8.
    #[error("unable to unmarshall JSON body as an admission review: byte {0} is no UTF-8")]
    NotText(usize),
    /// It is no JSON object.
    #[error("unable to unmarshall JSON body as an admission review: {0}")]
    NotJson(DecodeError),
    /// It nests too deep or has too many parts.
    #[error("unable to unmarshall JSON body as an admission review: {0}")]
    TooLarge(SyntaxError),
    /// It holds no request.
    #[error("no 'Request' field in JSON body")]
    NoRequest,
    /// A field has another type than the API gives it.
    #[error("unable to unmarshall JSON body as an admission review: {0}")]
    Type(TypeError),
}

/// A field of another type than is meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} is {found} where {wanted} is expected")]
pub struct TypeError {
    /// Its path.
    pub field: String,
    found: &'static str,
    wanted: &'static str,
}

/// A type with its article.
const fn called(kind: Kind) -> &'static str {
    match kind {
        Kind::Null => "null",
        Kind::Bool => "a boolean",
        Kind::Int | Kind::Float => "a number",
        Kind::String => "a string",
        Kind::Sequence => "an array",
        Kind::Mapping => "an object",
    }
}

/// The value of `key` in `node`, which is of type `wanted` or not set. `path` is that of `node`, put together only for an
/// error.
#[inline]
pub(super) fn field<'a>(
    node: Node<'a>,
    path: fmt::Arguments<'_>,
    key: &str,
    wanted: Kind,
) -> Result<Option<Node<'a>>, TypeError> {
    match node.field(key) {
        Some(found) => of_type(found, format_args!("{path}.{key}"), wanted).map(Some),
        None => Ok(None),
    }
}

/// `node`, where it is of type `wanted`.
#[inline]
pub(super) fn of_type<'a>(
    node: Node<'a>,
    path: fmt::Arguments<'_>,
    wanted: Kind,
) -> Result<Node<'a>, TypeError> {
    let found = node.kind();
    if found == wanted {
        return Ok(node);
    }
    Err(another(path, found, wanted))
}

#[cold]
fn another(path: fmt::Arguments<'_>, found: Kind, wanted: Kind) -> TypeError {
    TypeError {
        field: path.to_string(),
        found: called(found),
        wanted: called(wanted),
    }
}

impl Review {
    /// Reads the body of a request.
    ///
    /// # Errors
    ///
    /// It is longer than `limits` allow, no JSON object, without a request, or a field of the request has another type
    /// than the API gives it.
    pub fn read(body: &[u8], limits: &Limits) -> Result<Self, ReviewError> {
        if body.len() > limits.max_bytes {
            return Err(ReviewError::TooLong {
                found: body.len(),
                most: limits.max_bytes,
            });
        }
        let text = std::str::from_utf8(body).map_err(|error| ReviewError::NotText(error.valid_up_to()))?;
        let document = match parse_json(text, limits, &KEPT) {
            Some(document) => document,
            None => Self::decode(text, limits)?,
        };
        let request = document.root().field("request").map(Request::find);
        match request.transpose().map_err(ReviewError::Type)? {
            Some(request) => Ok(Self { document, request }),
            None => Err(ReviewError::NoRequest),
        }
    }

    /// Reads a text that is not plain, as Go does.
    fn decode(text: &str, limits: &Limits) -> Result<Document, ReviewError> {
        let map = decode_object(text)
            .map_err(ReviewError::NotJson)?
            .ok_or(ReviewError::NoRequest)?;
        // The tree's own reader takes more than JSON and not all of its escapes: it is given what has been read as JSON.
        let text = serde_json::Value::Object(map).to_string();
        let mut stream = parse(&text, limits);
        if !stream.errors.is_empty() {
            return Err(ReviewError::TooLarge(stream.errors.swap_remove(0)));
        }
        stream.documents.pop().ok_or(ReviewError::NoRequest)
    }

    fn node(&self, id: Option<NodeId>) -> Option<Node<'_>> {
        self.document.node(id?)
    }

    fn text(&self, id: Option<NodeId>) -> &str {
        self.node(id).and_then(Node::as_str).unwrap_or_default()
    }

    /// By what the answer is known.
    #[must_use]
    pub fn uid(&self) -> &str {
        self.text(self.request.uid)
    }

    /// The kind of the object, such as `Pod`.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.text(self.request.kind)
    }

    /// `CREATE`, `UPDATE`, `DELETE` or `CONNECT`.
    #[must_use]
    pub fn operation(&self) -> &str {
        self.text(self.request.operation)
    }

    /// The part of the object that is asked for, such as `ephemeralcontainers`; empty is the whole.
    #[must_use]
    pub fn sub_resource(&self) -> &str {
        self.text(self.request.sub_resource)
    }

    /// The object's namespace.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.text(self.request.namespace)
    }

    /// The object's name; empty until one is generated.
    #[must_use]
    pub fn name(&self) -> &str {
        self.text(self.request.name)
    }

    /// Who asks the API server.
    #[must_use]
    pub fn user(&self) -> User {
        let user = self.node(self.request.user);
        let name = user.and_then(|user| user.child("username").as_str());
        let groups = user.into_iter().flat_map(|user| user.child("groups").items());
        User {
            name: name.unwrap_or_default().to_owned(),
            groups: groups.filter_map(Node::as_str).map(str::to_owned).collect(),
        }
    }

    /// Whether nothing is kept of what is asked for.
    #[must_use]
    pub fn is_dry_run(&self) -> bool {
        self.node(self.request.dry_run).and_then(Node::as_bool) == Some(true)
    }

    /// The object as it would become, where there is one.
    pub(super) fn object(&self) -> Option<Node<'_>> {
        self.node(self.request.object)
    }

    /// The object as it is, where there is one.
    pub(super) fn old_object(&self) -> Option<Node<'_>> {
        self.node(self.request.old_object)
    }
}

impl fmt::Debug for Review {
    /// Without the objects: what is in them is for no log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Review")
            .field("uid", &self.uid())
            .field("kind", &self.kind())
            .field("operation", &self.operation())
            .field("namespace", &self.namespace())
            .field("name", &self.name())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(body: &str) -> String {
        Review::read(body.as_bytes(), &LIMITS)
            .expect_err(body)
            .to_string()
    }

    #[test]
    fn fields_are_read_and_others_ignored() {
        let body = r#"{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "future": [1], "request": {
            "uid": "u-1", "kind": {"group": "", "version": "v1", "kind": "Pod"}, "operation": "UPDATE",
            "subResource": "ephemeralcontainers", "namespace": "shop", "name": "web", "dryRun": true, "later": {},
            "userInfo": {"username": "alice", "groups": ["dev", "ops"], "extra": {"a": ["b"]}},
            "object": {"spec": {"hostname": "\ud83d\ude00\u2028\u0085", "nodeName": "n"}}, "oldObject": null}}"#;
        let review = Review::read(body.as_bytes(), &LIMITS).unwrap();
        assert_eq!(
            (review.uid(), review.kind(), review.operation()),
            ("u-1", "Pod", "UPDATE")
        );
        assert_eq!(
            (review.sub_resource(), review.namespace(), review.name()),
            ("ephemeralcontainers", "shop", "web")
        );
        assert_eq!(review.user().name, "alice");
        assert_eq!(review.user().groups, ["dev", "ops"]);
        assert!(review.is_dry_run());
        let spec = review.object().unwrap().child("spec");
        assert_eq!(spec.child("hostname").as_str().unwrap(), "😀\u{2028}\u{85}");
        assert!(spec.field("nodeName").is_none());
        assert!(review.old_object().is_none());
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_the_reason() {
        const BODY: &str = "unable to unmarshall JSON body as an admission review: ";
        for (body, expected) in [
            ("{}", "no 'Request' field in JSON body"),
            ("null", "no 'Request' field in JSON body"),
            (r#"{"request": null}"#, "no 'Request' field in JSON body"),
            ("", &format!("{BODY}unexpected end of JSON input")),
            (
                "request: {}",
                &format!("{BODY}invalid character 'r' looking for beginning of value"),
            ),
            (
                r#"{"request": []}"#,
                &format!("{BODY}request is an array where an object is expected"),
            ),
            (
                r#"{"request": {"uid": 7}}"#,
                &format!("{BODY}request.uid is a number where a string is expected"),
            ),
            (
                r#"{"request": {"kind": {"kind": true}}}"#,
                &format!("{BODY}request.kind.kind is a boolean where a string is expected"),
            ),
            (
                r#"{"request": {"userInfo": {"groups": [null]}}}"#,
                &format!("{BODY}request.userInfo.groups[0] is null where a string is expected"),
            ),
        ] {
            assert_eq!(error(body), expected, "{body}");
        }
        assert_eq!(
            Review::read(b"{\"a\": \"\xff\"}", &LIMITS).unwrap_err(),
            ReviewError::NotText(7)
        );
    }

    #[test]
    fn size_and_depth_are_limited() {
        let deep = |depth: usize| format!("{{\"request\": {}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert!(
            error(&deep(200)).contains("recursion limit exceeded"),
            "{}",
            error(&deep(200))
        );
        assert!(error(&deep(20_000)).contains("exceeded max depth"));
        let limits = Limits {
            max_bytes: 20,
            ..LIMITS
        };
        let body = r#"{"request": {"uid": "u"}}"#;
        assert_eq!(
            Review::read(body.as_bytes(), &limits).unwrap_err().to_string(),
            "couldn't read request body: it has 25 bytes, and at most 20 are read"
        );
        let limits = Limits {
            max_nodes: 3,
            ..LIMITS
        };
        assert!(matches!(
            Review::read(body.as_bytes(), &limits),
            Err(ReviewError::TooLarge(_))
        ));
    }
}
