//! An editor, as far as the server can tell.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use porthole_tests::program;
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_mins(1);

/// An editor, with the server that it has started.
pub(crate) struct Editor {
    server: Child,
    input: Option<ChildStdin>,
    messages: Receiver<Value>,
}

impl Editor {
    pub(crate) fn start() -> Self {
        let mut server = Command::new(program::host("porthole").unwrap())
            .args(["lsp", "--stdio"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = server.stdin.take();
        let mut output = BufReader::new(server.stdout.take().unwrap());
        let (sender, messages) = channel();
        thread::spawn(move || {
            loop {
                let mut header = String::new();
                if output.read_line(&mut header).unwrap_or(0) == 0 {
                    break;
                }
                let length = header.trim().strip_prefix("Content-Length: ").unwrap();
                let mut blank = String::new();
                output.read_line(&mut blank).unwrap();
                assert_eq!(blank, "\r\n", "the header has one line");
                let mut body = vec![0; length.parse().unwrap()];
                output.read_exact(&mut body).unwrap();
                if sender.send(serde_json::from_slice(&body).unwrap()).is_err() {
                    break;
                }
            }
        });
        Self {
            server,
            input,
            messages,
        }
    }

    /// Sends the bytes of several messages at once.
    pub(crate) fn send(&mut self, messages: &[Value]) {
        let mut bytes = Vec::new();
        for message in messages {
            let body = message.to_string();
            write!(bytes, "Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        }
        self.raw(&bytes);
    }

    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        let input = self.input.as_mut().unwrap();
        input.write_all(bytes).unwrap();
        input.flush().unwrap();
    }

    /// The next message that is what is waited for; others are passed over.
    pub(crate) fn wait(&self, what: &str, mut wanted: impl FnMut(&Value) -> bool) -> Value {
        loop {
            let message = self
                .messages
                .recv_timeout(PATIENCE)
                .unwrap_or_else(|error| panic!("wait for {what}: {error}"));
            if wanted(&message) {
                return message;
            }
        }
    }

    pub(crate) fn answer(&self, id: u64) -> Value {
        self.wait(&format!("the answer to {id}"), |message| message["id"] == id)
    }

    pub(crate) fn diagnostics(&self, version: u64) -> Vec<Value> {
        let message = self.wait(&format!("diagnostics of version {version}"), |message| {
            message["method"] == "textDocument/publishDiagnostics" && message["params"]["version"] == version
        });
        message["params"]["diagnostics"].as_array().unwrap().clone()
    }

    /// Initializes with the capabilities that Neovim 0.11 sends, as far as they concern this server.
    pub(crate) fn initialize(&mut self, folder: &Path) -> Value {
        self.initialize_counting(folder, &["utf-8", "utf-16", "utf-32"])
    }

    /// [`initialize`](Self::initialize) of an editor that counts characters in one of these ways.
    pub(crate) fn initialize_counting(&mut self, folder: &Path, encodings: &[&str]) -> Value {
        let uri = format!("file://{}", folder.display());
        self.send(&[json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
            "processId": std::process::id(),
            "clientInfo": {"name": "Neovim", "version": "0.11.4"},
            "rootUri": uri, "rootPath": folder, "trace": "off", "workDoneToken": "1",
            "workspaceFolders": [{"uri": uri, "name": folder}],
            "capabilities": {
                "general": {"positionEncodings": encodings},
                "textDocument": {
                    "codeAction": {
                        "codeActionLiteralSupport": {"codeActionKind": {"valueSet": ["", "quickfix", "source"]}},
                        "dataSupport": true, "dynamicRegistration": true, "isPreferredSupport": true,
                    },
                    "hover": {"contentFormat": ["markdown", "plaintext"], "dynamicRegistration": true},
                    "publishDiagnostics": {
                        "codeDescriptionSupport": true, "dataSupport": true, "relatedInformation": true,
                        "tagSupport": {"valueSet": [1, 2]},
                    },
                    "synchronization": {"didSave": true, "dynamicRegistration": false, "willSave": true},
                },
                "workspace": {
                    "didChangeWatchedFiles": {"dynamicRegistration": true, "relativePatternSupport": true},
                    "workspaceFolders": true,
                },
            },
        }})]);
        let answer = self.answer(1);
        self.send(&[json!({"jsonrpc": "2.0", "method": "initialized", "params": {}})]);
        answer["result"]["capabilities"].clone()
    }

    pub(crate) fn open(&mut self, uri: &str, text: &str) {
        self.send(&[
            json!({"jsonrpc": "2.0", "method": "textDocument/didOpen", "params": {
                "textDocument": {"uri": uri, "languageId": "yaml", "version": 1, "text": text},
            }}),
        ]);
    }

    pub(crate) fn exit_code(mut self) -> Option<i32> {
        drop(self.input.take());
        self.server.wait().unwrap().code()
    }
}
