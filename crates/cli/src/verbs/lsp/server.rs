//! The life of the server: what it answers to which message.

use std::path::{Path, PathBuf};

use porthole_check::judge;
use serde_json::{Value, json};

use super::actions::{self, Subject};
use super::diagnostics::{self, Abilities};
use super::hover;
use super::position::{Encoding, Lines};
use super::uri;
use super::workspace::Workspace;
use crate::verbs::check::flags::Flags;

/// The longest text that is checked while somebody writes it.
const LONGEST: usize = 16 << 20;

const NOT_INITIALIZED: i32 = -32002;
const INVALID_REQUEST: i32 = -32600;
const METHOD_NOT_FOUND: i32 = -32601;
const INVALID_PARAMS: i32 = -32602;
const CANCELLED: i32 = -32800;

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    Running,
    ShutDown,
    Ended(u8),
}

/// The server.
pub(super) struct Server {
    state: State,
    workspace: Workspace,
    encoding: Encoding,
    can: Abilities,
    watches: bool,
    requests: u64,
}

impl Server {
    pub(super) const fn new(flags: Flags) -> Self {
        Self {
            state: State::New,
            workspace: Workspace::new(flags),
            encoding: Encoding::Utf16,
            can: Abilities {
                related: false,
                description: false,
                tags: false,
            },
            watches: false,
            requests: 0,
        }
    }

    /// The exit code, after the editor has said that it is over.
    pub(super) const fn ended(&self) -> Option<u8> {
        match self.state {
            State::Ended(code) => Some(code),
            _ => None,
        }
    }

    /// What is answered to a message; `cancelled` says that nobody waits for it any longer.
    pub(super) fn answer(&mut self, message: &Value, cancelled: bool) -> Vec<Value> {
        let id = message.get("id").filter(|id| id.is_string() || id.is_number());
        let Some(method) = message["method"].as_str() else {
            // An answer to a request of this server says nothing that is needed.
            let is_answer = message.get("result").is_some() || message.get("error").is_some();
            return if is_answer {
                Vec::new()
            } else {
                let id = id.unwrap_or(&Value::Null);
                vec![error(id, INVALID_REQUEST, "a message without a method")]
            };
        };
        let params = &message["params"];
        let Some(id) = id else {
            return self.notified(method, params);
        };
        match (self.state, method) {
            (State::New, "initialize") => vec![result(id, &self.initialize(params))],
            (State::New, _) => vec![error(id, NOT_INITIALIZED, "`initialize` comes first")],
            (State::Running, _) if cancelled => vec![error(id, CANCELLED, "cancelled")],
            (State::Running, "shutdown") => {
                self.state = State::ShutDown;
                vec![result(id, &Value::Null)]
            }
            (State::Running, "textDocument/hover") => vec![self.asked(id, params, Self::hover)],
            (State::Running, "textDocument/codeAction") => vec![self.asked(id, params, Self::code_actions)],
            (State::Running, "initialize") => {
                vec![error(id, INVALID_REQUEST, "`initialize` comes once")]
            }
            (State::Running, _) => vec![error(id, METHOD_NOT_FOUND, &format!("`{method}` is not served"))],
            _ => vec![error(id, INVALID_REQUEST, "the server is shut down")],
        }
    }

    fn asked(&self, id: &Value, params: &Value, question: fn(&Self, &str, &Value) -> Option<Value>) -> Value {
        let uri = params["textDocument"]["uri"].as_str().unwrap_or_default();
        if self.workspace.file(uri).is_none() {
            return error(id, INVALID_PARAMS, &format!("the document `{uri}` is not open"));
        }
        match question(self, uri, params) {
            Some(value) => result(id, &value),
            None => error(id, INVALID_PARAMS, "a position is missing"),
        }
    }

    fn initialize(&mut self, params: &Value) -> Value {
        self.state = State::Running;
        let capabilities = &params["capabilities"];
        self.encoding = Encoding::of(&capabilities["general"]["positionEncodings"]);
        let shown = &capabilities["textDocument"]["publishDiagnostics"];
        self.can = Abilities {
            related: shown["relatedInformation"] == true,
            description: shown["codeDescriptionSupport"] == true,
            tags: shown["tagSupport"].is_object() || shown["tagSupport"] == true,
        };
        self.watches = capabilities["workspace"]["didChangeWatchedFiles"]["dynamicRegistration"] == true;
        let mut folders: Vec<PathBuf> = folders(&params["workspaceFolders"]);
        if folders.is_empty() {
            folders.extend(params["rootUri"].as_str().and_then(uri::to_path));
        }
        for folder in folders {
            self.tell(&folder);
        }
        json!({
            "capabilities": {
                "positionEncoding": self.encoding.name(),
                "textDocumentSync": {"openClose": true, "change": 2, "save": {"includeText": false}},
                "hoverProvider": true,
                "codeActionProvider": {"codeActionKinds": ["quickfix", actions::FIX_ALL]},
                "workspace": {"workspaceFolders": {"supported": true, "changeNotifications": true}},
            },
            "serverInfo": {"name": "porthole", "version": env!("CARGO_PKG_VERSION")},
        })
    }

    /// Adds a folder; what is wrong with its settings is told on standard error, which editors show as the server's log.
    fn tell(&mut self, folder: &Path) {
        if let Some(text) = self.workspace.add_folder(folder) {
            crate::note(&text);
        }
    }

    fn notified(&mut self, method: &str, params: &Value) -> Vec<Value> {
        if method == "exit" {
            self.state = State::Ended(u8::from(self.state != State::ShutDown));
            return Vec::new();
        }
        if self.state != State::Running {
            return Vec::new();
        }
        let document = &params["textDocument"];
        let uri = document["uri"].as_str().unwrap_or_default();
        let version = document["version"].as_i64().unwrap_or_default();
        match method {
            "initialized" if self.watches => {
                self.requests += 1;
                return vec![json!({
                    "jsonrpc": "2.0",
                    "id": format!("porthole-{}", self.requests),
                    "method": "client/registerCapability",
                    "params": {"registrations": [{
                        "id": "watch",
                        "method": "workspace/didChangeWatchedFiles",
                        "registerOptions": {"watchers": [
                            {"globPattern": "**/*.{yaml,yml,json}"},
                            {"globPattern": "**/.porthole.yaml"},
                        ]},
                    }]},
                })];
            }
            "textDocument/didOpen" => {
                let text = document["text"].as_str().unwrap_or_default();
                if !uri.is_empty() {
                    self.workspace.edit(uri, version, text.to_owned());
                }
            }
            "textDocument/didChange" if self.workspace.open.contains_key(uri) => {
                match self
                    .workspace
                    .changed(uri, &params["contentChanges"], self.encoding)
                {
                    Some(text) => self.workspace.edit(uri, version, text),
                    None => crate::note(&format!("{uri}: a change that fits no text is left out")),
                }
            }
            "textDocument/didClose" if self.workspace.open.contains_key(uri) => {
                self.workspace.close(uri);
                return vec![published(uri, None, &[])];
            }
            "workspace/didChangeWorkspaceFolders" => {
                for folder in self::folders(&params["event"]["removed"]) {
                    self.workspace.remove_folder(&folder);
                }
                for folder in self::folders(&params["event"]["added"]) {
                    self.tell(&folder);
                }
            }
            "workspace/didChangeWatchedFiles" => self.watched(&params["changes"]),
            _ => {}
        }
        Vec::new()
    }

    fn watched(&mut self, changes: &Value) {
        let changes = changes.as_array().into_iter().flatten();
        let paths: Vec<PathBuf> = changes
            .filter_map(|change| uri::to_path(change["uri"].as_str()?))
            .collect();
        if paths.iter().any(|path| path.ends_with(".porthole.yaml")) {
            for text in self.workspace.again() {
                crate::note(&text);
            }
        }
        for path in paths.iter().filter(|path| !path.ends_with(".porthole.yaml")) {
            self.workspace.reload(path);
        }
    }

    /// Checks the open documents that changed, or that others' changes concern.
    pub(super) fn check(&mut self) -> Vec<Value> {
        if self.state != State::Running {
            return Vec::new();
        }
        let dirty = self.workspace.open.iter_mut().filter(|(_, open)| open.dirty);
        let dirty: Vec<(String, i64)> = dirty
            .map(|(uri, open)| {
                open.dirty = false;
                (uri.clone(), open.version)
            })
            .collect();
        dirty
            .iter()
            .filter_map(|(uri, version)| {
                let found = self.diagnostics(uri)?;
                Some(published(uri, Some(*version), &found))
            })
            .collect()
    }

    fn diagnostics(&self, uri: &str) -> Option<Vec<Value>> {
        let file = self.workspace.file(uri)?;
        let lines = Lines::of(file.source.text(), self.encoding);
        if file.source.text().len() > LONGEST {
            let message = format!("longer than {LONGEST} bytes: `porthole check` reads it");
            let range = lines.range(0, 0);
            return Some(vec![
                json!({"range": range, "severity": 3, "source": "porthole", "message": message}),
            ]);
        }
        let settings = self.workspace.settings(uri);
        let world = self.workspace.world(&settings);
        let verdicts = judge(file, &world, &settings);
        Some(diagnostics::of_file(file, &verdicts, uri, &lines, self.can))
    }

    fn hover(&self, uri: &str, params: &Value) -> Option<Value> {
        let file = self.workspace.file(uri)?;
        let lines = Lines::of(file.source.text(), self.encoding);
        let offset = lines.offset(&params["position"])?;
        let settings = self.workspace.settings(uri);
        let world = self.workspace.world(&settings);
        let verdicts = judge(file, &world, &settings);
        Some(hover::at(file, &verdicts, offset, &lines))
    }

    fn code_actions(&self, uri: &str, params: &Value) -> Option<Value> {
        let file = self.workspace.file(uri)?;
        let lines = Lines::of(file.source.text(), self.encoding);
        let (start, end) = lines.span(&params["range"])?;
        let settings = self.workspace.settings(uri);
        let world = self.workspace.world(&settings);
        let verdicts = judge(file, &world, &settings);
        let subject = Subject {
            uri,
            file,
            verdicts: &verdicts,
            world: &world,
            settings: &settings,
            lines: &lines,
            can: self.can,
        };
        Some(actions::of_range(&subject, start, end, &params["context"]["only"]).into())
    }
}

fn folders(list: &Value) -> Vec<PathBuf> {
    let list = list.as_array().into_iter().flatten();
    list.filter_map(|folder| uri::to_path(folder["uri"].as_str()?))
        .collect()
}

fn published(uri: &str, version: Option<i64>, diagnostics: &[Value]) -> Value {
    let mut params = json!({"uri": uri, "diagnostics": diagnostics});
    if let Some(version) = version {
        params["version"] = version.into();
    }
    json!({"jsonrpc": "2.0", "method": "textDocument/publishDiagnostics", "params": params})
}

fn result(id: &Value, result: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "result": result})
}

/// An answer that says why there is none.
pub(super) fn error(id: &Value, code: i32, message: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}})
}
