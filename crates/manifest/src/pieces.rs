//! A long text, read in pieces side by side.
//!
//! A line that begins with `---` ends a document wherever it stands, so that the text between two of them can be read by
//! itself. What is wrong may reach over the end of a piece: a text with an error in it is read again as a whole.

use std::ops::Range;
use std::sync::Arc;
use std::thread;

use crate::events::{self, Piece};
use crate::{Limits, Stream};

/// A piece that has fewer bytes is not worth a thread.
const LEAST: usize = 128 << 10;

/// As [`events::parse_shared`], on so many threads.
pub(crate) fn parse(text: &Arc<str>, limits: &Limits, threads: usize) -> Stream {
    parse_in(text, limits, threads.min(text.len() / LEAST))
}

/// As [`events::parse_shared`], in so many pieces.
fn parse_in(text: &Arc<str>, limits: &Limits, count: usize) -> Stream {
    let whole = || events::parse_shared(text, limits);
    if text.len() > limits.max_bytes {
        return whole();
    }
    let ranges = split(text, count);
    let [first, rest @ ..] = &*ranges else {
        return whole();
    };
    if rest.is_empty() {
        return whole();
    }
    let pieces = thread::scope(|scope| {
        let others: Vec<_> = rest
            .iter()
            .map(|range| scope.spawn(|| events::parse_piece(text, range.clone(), limits)))
            .collect();
        let mut pieces = vec![events::parse_piece(text, first.clone(), limits)];
        for other in others {
            pieces.push(
                other
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            );
        }
        pieces
    });
    join(pieces, limits).unwrap_or_else(whole)
}

/// The pieces as one stream; nothing where one of them has an error, or all of them together are too much.
fn join(pieces: Vec<Option<Piece>>, limits: &Limits) -> Option<Stream> {
    let mut stream = Stream::default();
    let (mut before, mut nodes) = (0, 0);
    for piece in pieces {
        let mut piece = piece?;
        nodes += piece.nodes;
        if nodes > limits.max_nodes {
            return None;
        }
        for document in &mut piece.documents {
            document.index += before;
        }
        before += piece.count;
        stream.documents.append(&mut piece.documents);
    }
    Some(stream)
}

/// At most so many pieces of about one length, each but the first beginning with a `---`.
fn split(text: &str, count: usize) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut start = 0;
    for number in 1..count {
        let wanted = text.len() / count * number;
        if wanted > start
            && let Some(end) = boundary(text, wanted)
        {
            ranges.push(start..end);
            start = end;
        }
    }
    ranges.push(start..text.len());
    ranges
}

/// The first `---` from `from` on that begins a line and a document, and has no comment before it: that would speak of
/// the document behind it.
fn boundary(text: &str, from: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = from;
    loop {
        // ASCII: both ends are those of characters.
        let found = at
            + bytes
                .get(at..)?
                .windows(4)
                .position(|window| window == b"\n---")?;
        let start = found + 1;
        let ends = matches!(bytes.get(start + 3), None | Some(b' ' | b'\t' | b'\r' | b'\n'));
        let before = text.get(..found)?.lines().next_back().unwrap_or_default().trim();
        if ends && !before.is_empty() && !before.starts_with(['#', '%']) {
            return Some(start);
        }
        at = start;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A text of that many documents, every third one a comment, and one of them empty.
    fn text(documents: usize) -> String {
        (0..documents)
            .map(|number| match number % 3 {
                0 => format!("---\nname: document-{number}\nlist: [1, 2, {{a: b}}]\ntext: |\n  --- no end\n  {number}\n"),
                1 => format!("--- # {number}\nmore: &a 'é'\nagain: *a\n"),
                _ => "---\n# nothing\n".to_owned(),
            })
            .collect()
    }

    fn told(stream: &Stream) -> String {
        let documents = stream.documents.iter().map(|document| {
            let comments = document
                .comments()
                .iter()
                .map(|comment| (comment.span, comment.own_line));
            let comments: Vec<_> = comments.collect();
            format!(
                "{} {:?} {} {comments:?}\n",
                document.index(),
                document.root().span(),
                document.root().to_json()
            )
        });
        let errors = stream.errors.iter().map(|error| format!("{error:?}\n"));
        documents.chain(errors).collect()
    }

    fn same(text: &str) {
        let text: Arc<str> = text.into();
        let limits = Limits::default();
        let whole = events::parse_shared(&text, &limits);
        for count in [2, 3, 7] {
            assert_eq!(
                told(&parse_in(&text, &limits, count)),
                told(&whole),
                "{count} pieces"
            );
        }
    }

    #[test]
    fn pieces_are_read_as_the_whole_is() {
        let long = text(300);
        assert!(split(&long, 7).len() == 7);
        same(&long);
        same(&long[4..]);
        same(&long.replace('\n', "\r\n"));
    }

    #[test]
    fn what_is_wrong_is_told_as_of_the_whole() {
        let long = text(100);
        for wrong in [
            "---\n{\n",
            "---\n'open\n",
            "---\na: \u{7}\n",
            "%YAML 1.2\n",
            "--- *b\n",
        ] {
            same(&format!("{long}{wrong}{long}"));
        }
    }

    #[test]
    fn limits_are_those_of_the_whole() {
        let long: Arc<str> = text(100).into();
        let nodes = events::parse_shared(&long, &Limits::default())
            .documents
            .iter()
            .map(crate::Document::node_count)
            .sum::<usize>();
        for most in [nodes - 1, nodes] {
            let limits = Limits {
                max_nodes: most,
                ..Limits::default()
            };
            assert_eq!(
                told(&parse_in(&long, &limits, 2)),
                told(&events::parse_shared(&long, &limits)),
                "{most}"
            );
        }
    }

    #[test]
    fn a_comment_before_a_document_stays_with_it() {
        let text = "a: 1\n# of the next\n---\nb: 2\n---\nc: 3\n----\n";
        assert_eq!(boundary(text, 1), Some(text.find("---\nc").expect("it is there")));
        assert_eq!(boundary(text, text.len() - 8), None);
    }
}
