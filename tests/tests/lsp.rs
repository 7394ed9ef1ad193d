//! `porthole lsp`: the exchange of an editor with it, message by message.

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
struct Editor {
    server: Child,
    input: Option<ChildStdin>,
    messages: Receiver<Value>,
}

impl Editor {
    fn start() -> Self {
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
    fn send(&mut self, messages: &[Value]) {
        let mut bytes = Vec::new();
        for message in messages {
            let body = message.to_string();
            write!(bytes, "Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        }
        self.raw(&bytes);
    }

    fn raw(&mut self, bytes: &[u8]) {
        let input = self.input.as_mut().unwrap();
        input.write_all(bytes).unwrap();
        input.flush().unwrap();
    }

    /// The next message that is what is waited for; others are passed over.
    fn wait(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
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

    fn answer(&self, id: u64) -> Value {
        self.wait(&format!("the answer to {id}"), |message| message["id"] == id)
    }

    fn diagnostics(&self, version: u64) -> Vec<Value> {
        let message = self.wait(&format!("diagnostics of version {version}"), |message| {
            message["method"] == "textDocument/publishDiagnostics" && message["params"]["version"] == version
        });
        message["params"]["diagnostics"].as_array().unwrap().clone()
    }

    /// Initializes with the capabilities that Neovim 0.11 sends, as far as they concern this server.
    fn initialize(&mut self, folder: &Path) -> Value {
        let uri = format!("file://{}", folder.display());
        self.send(&[json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
            "processId": std::process::id(),
            "clientInfo": {"name": "Neovim", "version": "0.11.4"},
            "rootUri": uri, "rootPath": folder, "trace": "off", "workDoneToken": "1",
            "workspaceFolders": [{"uri": uri, "name": folder}],
            "capabilities": {
                "general": {"positionEncodings": ["utf-8", "utf-16", "utf-32"]},
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

    fn open(&mut self, uri: &str, text: &str) {
        self.send(&[
            json!({"jsonrpc": "2.0", "method": "textDocument/didOpen", "params": {
                "textDocument": {"uri": uri, "languageId": "yaml", "version": 1, "text": text},
            }}),
        ]);
    }

    fn exit_code(mut self) -> Option<i32> {
        drop(self.input.take());
        self.server.wait().unwrap().code()
    }
}

const POD: &str = "# ü😀\napiVersion: v1\nkind: Pod\nmetadata: {name: hpc}\nspec:\n  os: {name: windows}\n  nodeSelector: \
                   {kubernetes.io/os: windows}\n  securityContext:\n    windowsOptions:\n      hostProcess: true\n      \
                   runAsUserName: NT AUTHORITY\\SYSTEM\n  containers: [{name: c, image: i}]\n";

fn codes(diagnostics: &[Value]) -> Vec<&str> {
    diagnostics
        .iter()
        .map(|diagnostic| diagnostic["code"].as_str().unwrap())
        .collect()
}

#[test]
#[expect(clippy::too_many_lines, reason = "one exchange from its beginning to its end")]
fn an_editor_opens_asks_mends_and_leaves() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().canonicalize().unwrap();
    std::fs::write(folder.join(".porthole.yaml"), "namespace: team\n").unwrap();
    let mut editor = Editor::start();
    let capabilities = editor.initialize(&folder);
    assert_eq!(capabilities["positionEncoding"], "utf-8");
    assert_eq!(capabilities["textDocumentSync"]["change"], 2);
    let watch = editor.wait("a registration", |message| {
        message["method"] == "client/registerCapability"
    });
    editor.send(&[json!({"jsonrpc": "2.0", "id": watch["id"], "result": null})]);

    let uri = format!("file://{}/pod.yaml", folder.display());
    editor.open(&uri, POD);
    let found = editor.diagnostics(1);
    let missing = found
        .iter()
        .find(|found| found["code"] == "host-network-required");
    let missing = missing.unwrap_or_else(|| panic!("{found:#?}"));
    assert_eq!(missing["severity"], 1);
    assert_eq!(missing["source"], "porthole");
    assert_eq!(missing["range"]["start"]["line"], 9, "{missing}");
    assert!(
        missing["message"].as_str().unwrap().starts_with(
            "spec.hostNetwork: Invalid value: false: hostNetwork must be true if pod contains any hostProcess containers"
        ),
        "{missing}"
    );
    assert!(
        missing["codeDescription"]["href"]
            .as_str()
            .unwrap()
            .starts_with("https://")
    );

    let at = |line: u32, character: u32| json!({"line": line, "character": character});
    let ask = |id: u64, method: &str, more: Value| {
        let mut params = json!({"textDocument": {"uri": uri}});
        params
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
    };
    editor.send(&[
        ask(2, "textDocument/hover", json!({"position": at(10, 25)})),
        ask(3, "textDocument/hover", json!({"position": at(9, 20)})),
        ask(4, "textDocument/hover", json!({"position": at(1, 2)})),
    ]);
    let text = |answer: &Value| {
        answer["result"]["contents"]["value"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let account = text(&editor.answer(2));
    assert!(
        account.contains("the system itself") && account.contains("on Linux: root"),
        "{account}"
    );
    let rule = text(&editor.answer(3));
    assert!(
        rule.contains("**host-network-required** (error, api-server)"),
        "{rule}"
    );
    assert_eq!(editor.answer(4)["result"], Value::Null);

    let range = json!({"start": at(9, 0), "end": at(9, 30)});
    let context = |only: Value| json!({"range": range, "context": {"diagnostics": found, "only": only}});
    editor.send(&[
        ask(5, "textDocument/codeAction", context(json!(["quickfix"]))),
        ask(6, "textDocument/codeAction", context(json!(["source"]))),
    ]);
    let actions = editor.answer(5)["result"].as_array().unwrap().clone();
    let fix = actions.iter().find(|action| action["isPreferred"] == true);
    let fix = fix.unwrap_or_else(|| panic!("{actions:#?}"));
    assert_eq!(fix["title"], "set `hostNetwork: true`");
    let ignore = actions
        .iter()
        .find(|action| action["title"] == "ignore host-network-required here, by a comment");
    assert_eq!(
        ignore.unwrap_or_else(|| panic!("{actions:#?}"))["edit"]["changes"][&uri][0]["newText"],
        "      # porthole:ignore host-network-required\n"
    );
    let all = editor.answer(6)["result"].as_array().unwrap().clone();
    assert_eq!(all[0]["kind"], "source.fixAll.porthole", "{all:#?}");

    // The edit, as an editor sends it back; two changes in one breath are checked once.
    let edit = &fix["edit"]["changes"][&uri][0];
    let change = |version: u64, change: Value| {
        json!({"jsonrpc": "2.0", "method": "textDocument/didChange", "params": {
            "textDocument": {"uri": uri, "version": version}, "contentChanges": [change],
        }})
    };
    editor.send(&[
        change(
            2,
            json!({"range": {"start": at(0, 2), "end": at(0, 8)}, "text": "x"}),
        ),
        change(3, json!({"range": edit["range"], "text": edit["newText"]})),
        ask(7, "textDocument/hover", json!({"position": at(1, 2)})),
        json!({"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": 7}}),
    ]);
    let mended = editor.diagnostics(3);
    assert!(!codes(&mended).contains(&"host-network-required"), "{mended:#?}");

    // Another file says what the namespace asks for.
    let namespace = "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: team\n  labels: \
                     {pod-security.kubernetes.io/enforce: baseline}\n";
    std::fs::write(folder.join("namespace.yaml"), namespace).unwrap();
    editor.send(&[
        json!({"jsonrpc": "2.0", "method": "workspace/didChangeWatchedFiles", "params": {
            "changes": [{"uri": format!("file://{}/namespace.yaml", folder.display()), "type": 1}],
        }}),
    ]);
    let refused = editor.diagnostics(3);
    assert!(
        codes(&refused).contains(&"pod-security-host-process"),
        "{refused:#?}"
    );

    editor.send(&[
        json!({"jsonrpc": "2.0", "method": "textDocument/didClose", "params": {"textDocument": {"uri": uri}}}),
        json!({"jsonrpc": "2.0", "id": 9, "method": "shutdown"}),
        json!({"jsonrpc": "2.0", "method": "exit"}),
    ]);
    assert_eq!(editor.answer(9)["result"], Value::Null);
    assert_eq!(editor.exit_code(), Some(0));
}

#[test]
fn nothing_that_comes_ends_the_server() {
    let mut editor = Editor::start();
    editor.send(&[json!({"jsonrpc": "2.0", "id": 1, "method": "textDocument/hover", "params": {}})]);
    assert_eq!(editor.answer(1)["error"]["code"], -32002, "not initialized");
    let folder = tempfile::tempdir().unwrap();
    editor.initialize(folder.path());
    editor.raw(b"Content-Length: 5\r\n\r\n{nope");
    let fault = editor.wait("a fault", |message| message["error"]["code"] == -32700);
    assert_eq!(fault["id"], Value::Null);
    editor.open("untitled:Untitled-1", "a: [\n");
    assert_eq!(codes(&editor.diagnostics(1)), ["syntax"]);
    let on = |uri: &str| json!({"uri": uri, "version": 2});
    let strange = [
        json!([]),
        json!({"id": 20}),
        json!({"jsonrpc": "2.0", "id": 21, "method": "no/such"}),
        json!({"jsonrpc": "2.0", "id": 22, "method": "textDocument/hover", "params": {"textDocument": on("untitled:Untitled-1")}}),
        json!({"jsonrpc": "2.0", "method": "textDocument/didChange", "params": {"textDocument": on("untitled:Untitled-1"),
            "contentChanges": [{"range": {"start": {"line": -1, "character": 9}, "end": {}}, "text": "x"}]}}),
        json!({"jsonrpc": "2.0", "method": "textDocument/didChange", "params": {"textDocument": on("file:///never"),
            "contentChanges": 7}}),
        json!({"jsonrpc": "2.0", "method": "textDocument/didOpen", "params": null}),
        json!({"jsonrpc": "2.0", "method": "workspace/didChangeWorkspaceFolders", "params": {"event": {"added": [{"uri": "x"}]}}}),
        json!({"jsonrpc": "2.0", "method": "textDocument/didChange", "params": {"textDocument": on("untitled:Untitled-1"),
            "contentChanges": [{"text": POD}, {"range": {"start": {"line": 99, "character": 9}, "end":
                {"line": 0, "character": 0}}, "text": ""}, {"text": POD}]}}),
        json!({"jsonrpc": "2.0", "id": 23, "method": "shutdown"}),
        json!({"jsonrpc": "2.0", "id": 24, "method": "shutdown"}),
    ];
    editor.send(&strange);
    for (id, code) in [(20, -32600), (21, -32601), (22, -32602)] {
        assert_eq!(editor.answer(id)["error"]["code"], code, "{id}");
    }
    assert_eq!(editor.answer(23)["result"], Value::Null);
    assert_eq!(editor.answer(24)["error"]["code"], -32600);
    assert_eq!(editor.exit_code(), Some(1), "the editor went without `exit`");
}
