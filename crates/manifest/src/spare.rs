//! Room for the nodes of a document, used again by the next one of the thread.
//!
//! A server reads one small document after the other. Their nodes are the largest thing that each allocates, beyond what
//! allocators hand out quickly.

use std::cell::Cell;

use crate::document::Raw;

/// More nodes than this are given back: what one large document needed is not held on to.
const MOST: usize = 4096;

thread_local! {
    static SPARE: Cell<Vec<Raw>> = const { Cell::new(Vec::new()) };
}

/// Room for nodes; an empty vector where none is held.
pub(crate) fn take() -> Vec<Raw> {
    // A thread that ends has none.
    SPARE.try_with(Cell::take).unwrap_or_default()
}

/// Leaves the room of these nodes for a later document, unless there is more already.
pub(crate) fn leave(mut nodes: Vec<Raw>) {
    if nodes.capacity() > MOST {
        return;
    }
    nodes.clear();
    let _ = SPARE.try_with(|spare| {
        let held = spare.take();
        spare.set(if held.capacity() < nodes.capacity() {
            nodes
        } else {
            held
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Keep, Limits, parse_json};

    #[test]
    fn room_is_used_again_and_not_held_on_to_where_it_is_large() {
        assert_eq!(take().capacity(), 0);
        let room = |items: usize| {
            let text = format!("{{\"a\": [{}0]}}", "0,".repeat(items));
            let document = parse_json(&text, &Limits::default(), &Keep::All).unwrap();
            assert_eq!(document.node_count(), items + 4);
            (document.nodes.as_ptr(), document.nodes.capacity())
        };
        let first = room(100);
        assert_eq!(room(50), first);
        assert!(room(MOST).1 > MOST);
        let (_, capacity) = room(1);
        assert!(capacity < MOST, "{capacity}");
    }
}
