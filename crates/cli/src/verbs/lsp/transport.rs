//! The frames of the protocol: a header with the length, and JSON.

use std::io::{self, BufRead, Read as _, Write};

use serde_json::Value;

/// The longest line of a header.
const HEADER: u64 = 8 << 10;
/// The most bytes of a message that is read.
const LIMIT: u64 = 64 << 20;

/// What came.
pub(super) enum Received {
    /// A message.
    Message(Value),
    /// Something that is no message; the next one is looked for behind it.
    Fault {
        /// The code of JSON-RPC.
        code: i32,
        /// What is wrong.
        text: String,
    },
    /// Nothing more comes.
    End,
}

/// Reads a message.
pub(super) fn read(input: &mut impl BufRead) -> Received {
    match length(input) {
        Ok(Some(length)) if length > LIMIT => {
            let skipped = io::copy(&mut input.by_ref().take(length), &mut io::sink());
            if skipped.is_ok_and(|skipped| skipped == length) {
                let text = format!("a message of {length} bytes: {LIMIT} are read at most");
                Received::Fault { code: -32600, text }
            } else {
                Received::End
            }
        }
        Ok(Some(length)) => {
            let mut body = Vec::new();
            match input.by_ref().take(length).read_to_end(&mut body) {
                Ok(read) if read as u64 == length => {}
                _ => return Received::End,
            }
            match serde_json::from_slice(&body) {
                Ok(message) => Received::Message(message),
                Err(error) => Received::Fault {
                    code: -32700,
                    text: format!("read a message: {error}"),
                },
            }
        }
        // Without a length nobody knows where the next message begins.
        Ok(None) | Err(_) => Received::End,
    }
}

/// The length that a header names; nothing at the end of the input.
fn length(input: &mut impl BufRead) -> io::Result<Option<u64>> {
    let mut length = None;
    let mut began = false;
    loop {
        let mut line = Vec::new();
        let read = input.by_ref().take(HEADER).read_until(b'\n', &mut line)?;
        if read == 0 || !line.ends_with(b"\n") {
            return Ok(None);
        }
        let line = String::from_utf8_lossy(&line);
        let line = line.trim_end();
        if line.is_empty() {
            if length.is_some() || began {
                return Ok(length);
            }
            continue;
        }
        began = true;
        if let Some((name, value)) = line.split_once(':')
            && name.trim().eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().ok();
        }
    }
}

/// Writes a message.
pub(super) fn write(out: &mut impl Write, message: &Value) -> io::Result<()> {
    let body = message.to_string();
    write!(out, "Content-Length: {}\r\n\r\n{body}", body.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_follow_each_other_whatever_stands_between() {
        let text = "Content-Type: x\r\ncontent-length: 2\r\n\r\n{}Content-Length: 1\n\n{Content-Length: 4\r\n\r\nnull";
        let mut input = text.as_bytes();
        assert!(matches!(read(&mut input), Received::Message(Value::Object(_))));
        assert!(matches!(read(&mut input), Received::Fault { code: -32700, .. }));
        assert!(matches!(read(&mut input), Received::Message(Value::Null)));
        assert!(matches!(read(&mut input), Received::End));
        for broken in [
            "Content-Length: 9\r\n\r\n{}",
            "Content-Length: many\r\n\r\n{}",
            "x",
            "\r\n\r\n",
        ] {
            assert!(matches!(read(&mut broken.as_bytes()), Received::End), "{broken}");
        }
    }
}
