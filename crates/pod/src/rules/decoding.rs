//! What is asked of an object before its values are looked at: that the server can read it.

use crate::rule::rules;

rules! { ApiServer:
    /// A field has the type that the API gives it: a quoted `"true"` is no boolean, and a `command` is a list. The server
    /// refuses the object at the first such value and validates nothing of it.
    WRONG_TYPE = "wrong-type";
    /// Every field is one that the API has, letter for letter and in its place: `runAsUsername` is not `runAsUserName`.
    /// From Kubernetes 1.25 on kubectl asks the server to refuse what it does not know. Older servers drop it without a
    /// word, and the pod runs without it: with another account than the manifest says, perhaps.
    UNKNOWN_FIELD = "unknown-field";
    /// A field is set once. Where it is set twice the last one counts, and the server, asked to be strict, refuses the
    /// object. Remove one of the two.
    DUPLICATE_FIELD = "duplicate-field";
    /// The object as JSON has at most 3 MiB (3145728 bytes), which is what the server reads of a request. Large contents
    /// belong in volumes and images.
    REQUEST_TOO_LARGE = "request-too-large";
    /// The server serves the object's `apiVersion` and `kind`. Beta versions of an API end, alpha ones are off unless the
    /// server is told otherwise (`--runtime-config`), and new ones are not in older clusters.
    NOT_SERVED = "api-version-not-served";
    /// The object's `apiVersion` is not one that ends. The server warns with every request until it does.
    DEPRECATED_API_VERSION = "api-version-deprecated";
}
