//! `porthole check` on what is no manifest, or hardly one: each is told of at its place, and everything else is checked.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use porthole_tests::program;

const POD: &str =
    "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  - {name: c, image: 'i:1'}\n";

/// Standard output and the exit code for a directory, whose files have these names and bytes.
fn check(files: &[(&str, &[u8])], arguments: &[&str]) -> (String, Option<i32>) {
    let directory = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        std::fs::write(directory.path().join(name), bytes).unwrap();
    }
    run(directory.path(), arguments)
}

fn run(directory: &Path, arguments: &[&str]) -> (String, Option<i32>) {
    let said = Command::new(program::host("porthole").unwrap())
        .args(["check", "."])
        .args(arguments)
        .current_dir(directory)
        .output()
        .unwrap();
    assert!(
        said.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&said.stderr)
    );
    (String::from_utf8(said.stdout).unwrap(), said.status.code())
}

/// One file beside a good one: what is said, where, and that the good one is checked.
#[track_caller]
fn says(bytes: &[u8], first_line: &str, place: &str) {
    let (out, code) = check(
        &[("bad.yaml", bytes), ("good.yaml", POD.as_bytes())],
        &["-o", "json"],
    );
    assert!(
        out.contains("\"file\": \"./good.yaml\"") && out.contains("\"code\": 201"),
        "{out}"
    );
    assert_eq!(code, Some(1), "{out}");
    let (out, _) = check(&[("bad.yaml", bytes)], &[]);
    assert!(out.starts_with(first_line), "{out}\nis not\n{first_line}");
    assert!(
        out.contains(&format!("--> ./bad.yaml:{place}\n")),
        "{out}\nis not at {place}"
    );
}

#[test]
fn what_is_cut_off_or_no_text_is_told_of_at_its_place() {
    says(
        b"apiVersion: v1\nkind: Pod\nspec: {containers: [{name: c",
        "error[syntax]: unclosed bracket '{'",
        "3:21",
    );
    says(
        b"\x7fELF\x02\x01\x01\x00",
        "error[syntax]: unexpected character",
        "1:1",
    );
    says(
        b"kind: Pod\nmetadata:\n\tname: t\n",
        "error[syntax]: a tab where YAML takes only spaces",
        "3:1",
    );
    says(
        b"metadata:\n  name: {{ .Release.Name }}\n",
        "error[syntax]: a key must be a scalar, not a list or a mapping",
        "2:10",
    );
}

#[test]
fn files_that_are_no_utf_8_are_named_with_what_to_do() {
    let files: [(&str, &[u8]); 3] = [
        ("latin1.yaml", b"# caf\xe9\n"),
        ("utf16.yaml", b"\xff\xfea\0:\0 \0b\0"),
        ("good.yaml", POD.as_bytes()),
    ];
    let (out, code) = check(&files, &[]);
    assert!(
        out.contains("latin1.yaml as text: byte 5 (0xe9) is not UTF-8; save the file as UTF-8"),
        "{out}"
    );
    assert!(
        out.contains("utf16.yaml as text: it begins with the byte-order mark of UTF-16"),
        "{out}"
    );
    assert!(
        out.ends_with("2 errors in 1 object in 3 files, as Kubernetes 1.37 has it\n"),
        "{out}"
    );
    assert_eq!(code, Some(1));
}

#[test]
fn enormous_files_deep_ones_and_bombs_are_refused_by_their_limits() {
    let directory = tempfile::tempdir().unwrap();
    let huge = std::fs::File::create(directory.path().join("huge.yaml")).unwrap();
    huge.set_len((64 << 20) + 1).unwrap();
    std::fs::write(directory.path().join("deep.yaml"), "[".repeat(5000)).unwrap();
    let mut bomb = "a: &a [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    for pair in ["ab", "bc", "cd", "de", "ef", "fg"] {
        let (of, name) = pair.split_at(1);
        let items = vec![format!("*{of}"); 10].join(",");
        writeln!(bomb, "{name}: &{name} [{items}]").unwrap();
    }
    std::fs::write(directory.path().join("bomb.yaml"), bomb).unwrap();
    let (out, code) = run(directory.path(), &[]);
    assert!(
        out.contains("huge.yaml`: it is longer than 67108864 bytes, the most that is read"),
        "{out}"
    );
    assert!(
        out.contains("error[syntax]: more than 128 levels of nesting\n --> ./deep.yaml:1:129"),
        "{out}"
    );
    assert!(
        out.contains(
            "error[syntax]: aliases multiply this document to more than 200000 nodes\n --> ./bomb.yaml:6:8"
        ),
        "{out}"
    );
    assert_eq!(code, Some(1));
}

#[test]
fn documents_before_and_behind_a_broken_one_are_checked() {
    let text = format!("{POD}---\na: [\n---\n{}", POD.replace("'i:1'", "'i:1', foo: 1"));
    let (out, _) = check(&[("f.yaml", text.as_bytes())], &[]);
    assert!(
        out.contains("error[syntax]: unclosed bracket '['\n --> ./f.yaml:8:4"),
        "{out}"
    );
    assert!(
        out.contains("unknown field \"spec.containers[0].foo\"\n  --> ./f.yaml:15:29"),
        "{out}"
    );
    let crlf = text.replace('\n', "\r\n");
    let (out, _) = check(&[("f.yaml", crlf.as_bytes())], &[]);
    assert!(out.contains("  --> ./f.yaml:15:29"), "{out}");
}

#[test]
fn scalars_are_read_as_the_cluster_s_own_decoder_reads_them() {
    says(
        POD.replace("{name: p}", "{name: p, labels: {a: on}}").as_bytes(),
        "error[wrong-type]: Pod in version \"v1\" cannot be handled as a Pod: json: cannot unmarshal bool into Go struct field \
         ObjectMeta.metadata.labels of type string",
        "3:33",
    );
    let value = |text: &str| POD.replace("'i:1'}", &format!("'i:1', env: [{{name: A, value: {text}}}]}}"));
    for number in ["0777", "12_000", "1e3", "0x1F", "1.5"] {
        let (out, code) = check(&[("f.yaml", value(number).as_bytes())], &[]);
        assert!(
            out.contains("cannot unmarshal number into Go struct field EnvVar.spec.containers.env.value"),
            "{out}"
        );
        assert!(out.contains(&format!("put it in quotes: \"{number}\"")), "{out}");
        assert_eq!(code, Some(1));
    }
    // What is a number of sixty or a date in YAML 1.1 is a text to the cluster.
    for text in ["1:30", "2001-01-01"] {
        let (out, code) = check(&[("f.yaml", value(text).as_bytes())], &[]);
        assert_eq!(code, Some(0), "{text}: {out}");
    }
    let mode =
        |mode: &str| format!("{POD}  volumes: [{{name: v, configMap: {{name: m, defaultMode: {mode}}}}}]\n");
    assert_eq!(
        check(&[("f.yaml", mode("0777").as_bytes())], &[]).1,
        Some(0),
        "octal"
    );
    let (out, _) = check(&[("f.yaml", mode("01000").as_bytes())], &[]);
    assert!(
        out.contains("Invalid value: 512: must be a number between 0 and 0777 (octal), both inclusive"),
        "{out}"
    );
    let merged = POD.replace("- {name", "- &c {name") + "  - {<<: *c, name: d}\n";
    assert_eq!(
        check(&[("f.yaml", merged.as_bytes())], &[]).1,
        Some(0),
        "a merge key"
    );
}

#[test]
fn what_is_of_no_kind_that_is_known_is_not_called_good() {
    let pod = |head: &str| POD.replace("apiVersion: v1\nkind: Pod\n", head);
    let (out, code) = check(&[("f.yaml", pod("apiVersion: v1\nkind: Pdo\n").as_bytes())], &[]);
    assert!(
        out.contains("error[api-version-not-served]: the server could not find the requested resource"),
        "{out}"
    );
    assert!(out.contains("v1 has no Pdo: did you mean Pod?"), "{out}");
    assert_eq!(code, Some(1));
    let (out, code) = check(&[("values.yaml", b"replicas: 3\n")], &[]);
    assert!(
        out.starts_with("warning[not-an-object]: this is no object of a cluster: `apiVersion` and `kind` are not set; nothing of \
                         it is checked\n --> ./values.yaml:1:1\n"),
        "{out}"
    );
    assert_eq!(code, Some(0), "a warning");
    let kustomization =
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [x.yaml]\n";
    let (out, _) = check(&[("kustomization.yaml", kustomization.as_bytes())], &[]);
    assert!(
        out.contains("kubectl kustomize DIRECTORY | porthole check -"),
        "{out}"
    );

    // A custom resource may be anything; -v says that nobody has looked.
    let others = format!(
        "apiVersion: example.com/v1\nkind: Foo\nmetadata: {{name: f}}\n---\napiVersion: storage.k8s.io/v1\nkind: \
         CSIDriver\nmetadata: {{name: d}}\nspec: {{}}\n---\n{POD}"
    );
    let (quiet, code) = check(&[("f.yaml", others.as_bytes())], &[]);
    assert_eq!((code, quiet.contains("note")), (Some(0), false), "{quiet}");
    let (out, _) = check(&[("f.yaml", others.as_bytes())], &["-v"]);
    assert!(
        out.contains("note: ./f.yaml:1:1: Foo `f` is not checked: it is of no kind that is known\n"),
        "{out}"
    );
    assert!(
        out.contains(
            "note: ./f.yaml:5:1: CSIDriver `d` is decoded as the API server does, and not validated"
        ),
        "{out}"
    );
    assert_eq!(out.matches("note: ").count(), 2, "{out}");
    let (json, _) = check(&[("f.yaml", others.as_bytes())], &["-o", "json"]);
    for checked in ["nothing", "decoding", "rules"] {
        assert!(json.contains(&format!("\"checked\": \"{checked}\"")), "{json}");
    }
}

#[test]
fn of_a_file_that_is_one_long_line_as_much_is_shown_as_of_others() {
    let pods = |count: usize| {
        let pod = |number: usize| {
            format!(
                r#"{{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"p-{number}"}},"spec":{{"os":{{"name":"windows"}},"containers":[{{"name":"C","image":"i"}}]}}}}"#
            )
        };
        let items: Vec<String> = (0..count).map(pod).collect();
        let items = items.join(",");
        format!(r#"{{"apiVersion":"v1","kind":"List","items":[{items}]}}"#)
    };
    let shown = |count| {
        let text = pods(count);
        let (out, code) = check(&[("list.json", text.as_bytes())], &[]);
        assert_eq!(code, Some(1));
        // The last error has its own column, and its own place above the line.
        let column = text.rfind("\"C\"").unwrap() + 1;
        let place = format!(" --> ./list.json:1:{column}\n");
        let (_, last) = out.split_once(&place).unwrap_or_else(|| panic!("no {place}"));
        let mut lines = last.lines().skip(1);
        let (line, marked) = (lines.next().unwrap(), lines.next().unwrap());
        let (at, length) = (marked.find('^').unwrap(), marked.matches('^').count());
        assert_eq!(&line[at..at + length], "\"C\"", "{last}");
        out.len()
    };
    let (some, more) = (shown(100), shown(1000));
    assert!(
        more < some * 12,
        "{some} bytes, and {more} of ten times as many pods"
    );
}
