//! Field paths as Kubernetes writes them.

use crate::node::Node;

/// The node at `path` below `node`.
pub(crate) fn walk<'a>(mut node: Node<'a>, mut path: &str) -> Option<Node<'a>> {
    while !path.is_empty() {
        if let Some(bracketed) = path.strip_prefix('[') {
            let (inside, rest) = bracketed.split_once(']')?;
            node = if node.is_sequence() {
                node.items().nth(inside.parse().ok()?)?
            } else {
                node.get(inside)?
            };
            path = rest.strip_prefix('.').unwrap_or(rest);
        } else {
            let end = path.find(['.', '[']).unwrap_or(path.len());
            node = node.get(&path[..end])?;
            path = &path[end..];
            path = path.strip_prefix('.').unwrap_or(path);
        }
    }
    Some(node)
}
