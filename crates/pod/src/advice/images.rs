//! Images that are pulled otherwise than they are named.

use porthole_manifest::Node;

use crate::finding::{Finding, Severity};
use crate::rule::rules;
use crate::windows_pod::WindowsContainer;

rules! { Advice:
    /// `imagePullPolicy: Never` takes what the node has, and the tag `latest`, written or not, says nothing of what that is: nodes
    /// may run different images. Name a version.
    IMAGE_NEVER_PULLED = "image-never-pulled";
}

pub(super) fn check(container: &WindowsContainer<'_>, findings: &mut Vec<Finding>) {
    let node = container.node();
    let Some(image) = node.field("image") else { return };
    let never = node.field("imagePullPolicy").and_then(Node::as_str) == Some("Never");
    if never && image.as_str().is_some_and(is_latest) {
        findings.push(
            Finding::remark(
                &IMAGE_NEVER_PULLED,
                Severity::Advice,
                format!("{}.image", container.path()),
                "whichever `latest` a node has is run, since the image is never pulled",
                image.span(),
            )
            .with_help("name a version"),
        );
    }
}

/// Whether a reference comes to the tag `latest`.
fn is_latest(image: &str) -> bool {
    if image.is_empty() || image.contains('@') {
        return false;
    }
    let name = image.rsplit('/').next().unwrap_or(image);
    name.split_once(':').is_none_or(|(_, tag)| tag == "latest")
}
