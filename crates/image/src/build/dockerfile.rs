//! Dockerfiles as instructions with their lines. Nothing is expanded or obeyed here.
//!
//! Source: the Dockerfile reference ("Format", "Parser directives", "Here-Documents").

/// A Dockerfile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dockerfile {
    /// The character that continues lines and escapes others.
    pub escape: char,
    /// The instructions in their order.
    pub instructions: Vec<Instruction>,
}

/// One instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// Where it begins, counted from 1.
    pub line: usize,
    /// Its word, in capitals.
    pub keyword: String,
    /// `--name=value` in front of the rest.
    pub flags: Vec<(String, String)>,
    /// The rest, continued lines put together.
    pub rest: String,
    /// A here-document follows.
    pub here_document: bool,
}

/// Why a text is no Dockerfile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct SyntaxError {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong.
    pub reason: String,
}

/// Instructions of the reference. Those that porthole does not obey are refused where they would have to be.
const KEYWORDS: [&str; 18] = [
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "ONBUILD",
    "RUN",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

/// Cuts a Dockerfile into instructions. Never panics, whatever the text.
///
/// # Errors
/// If a word is no instruction, a flag is malformed, or a here-document does not end.
pub fn parse(text: &str) -> Result<Dockerfile, SyntaxError> {
    let lines: Vec<&str> = text.trim_start_matches('\u{feff}').lines().collect();
    let (escape, mut at) = directives(&lines)?;
    let mut instructions = Vec::new();
    while at < lines.len() {
        let line = at + 1;
        let (logical, next) = logical_line(&lines, at, escape);
        at = next;
        let logical = logical.trim();
        if logical.is_empty() {
            continue;
        }
        let mut instruction = instruction(logical, line)?;
        if matches!(instruction.keyword.as_str(), "RUN" | "COPY" | "ADD") {
            for end in here_documents(&instruction.rest) {
                instruction.here_document = true;
                at = skip_to(&lines, at, &end, line)?;
            }
        }
        instructions.push(instruction);
    }
    Ok(Dockerfile { escape, instructions })
}

/// Reads the comments at the top that mean something; says where the rest begins.
fn directives(lines: &[&str]) -> Result<(char, usize), SyntaxError> {
    let mut escape = None;
    let mut at = 0;
    while let Some((key, value)) = lines.get(at).and_then(|line| directive(line)) {
        match key.as_str() {
            "escape" => {
                let refused = |reason: &str| SyntaxError {
                    line: at + 1,
                    reason: reason.to_owned(),
                };
                if escape.is_some() {
                    return Err(refused("a second escape directive"));
                }
                escape = Some(match value.as_str() {
                    "\\" => '\\',
                    "`" => '`',
                    _ => return Err(refused("the escape directive is neither \\ nor `")),
                });
            }
            // A frontend's name and its checks change nothing here.
            "syntax" | "check" => {}
            _ => break,
        }
        at += 1;
    }
    Ok((escape.unwrap_or('\\'), at))
}

fn directive(line: &str) -> Option<(String, String)> {
    let (key, value) = line.trim().strip_prefix('#')?.split_once('=')?;
    let key = key.trim().to_lowercase();
    let plain = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric());
    plain.then(|| (key, value.trim().to_owned()))
}

/// Puts continued lines together; comments and empty lines among them do not end them.
fn logical_line(lines: &[&str], start: usize, escape: char) -> (String, usize) {
    let mut logical = String::new();
    let mut at = start;
    while at < lines.len() {
        let line = lines[at];
        at += 1;
        let bare = line.trim();
        if bare.starts_with('#') || (bare.is_empty() && !logical.is_empty()) {
            if logical.is_empty() {
                break;
            }
            continue;
        }
        if let Some(content) = continued(line, escape) {
            logical.push_str(content);
        } else {
            logical.push_str(line);
            break;
        }
    }
    (logical, at)
}

/// The line without its escape at the end, if there is one and it is not escaped itself.
fn continued(line: &str, escape: char) -> Option<&str> {
    let content = line.trim_end().strip_suffix(escape)?;
    (!content.ends_with(escape)).then_some(content)
}

fn instruction(logical: &str, line: usize) -> Result<Instruction, SyntaxError> {
    let (word, mut rest) = logical.split_once(char::is_whitespace).unwrap_or((logical, ""));
    let keyword = word.to_uppercase();
    if !KEYWORDS.contains(&keyword.as_str()) {
        return Err(SyntaxError {
            line,
            reason: format!("{word:?} is no instruction of Dockerfiles"),
        });
    }
    rest = rest.trim_start();
    let mut flags = Vec::new();
    while matches!(keyword.as_str(), "ADD" | "COPY" | "FROM" | "RUN" | "HEALTHCHECK")
        && rest.starts_with("--")
    {
        let (flag, after) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let flag = &flag[2..];
        if flag.is_empty() {
            rest = after.trim_start();
            break;
        }
        let (name, value) = flag.split_once('=').unwrap_or((flag, "true"));
        flags.push((name.to_owned(), value.to_owned()));
        rest = after.trim_start();
    }
    Ok(Instruction {
        line,
        keyword,
        flags,
        rest: rest.trim_end().to_owned(),
        here_document: false,
    })
}

/// The words that end the here-documents of a line: `<<EOF`, `<<-EOF`, `<<"EOF"`.
fn here_documents(rest: &str) -> Vec<String> {
    rest.split_whitespace()
        .filter_map(|word| {
            let (_, end) = word.split_once("<<")?;
            let end = end.strip_prefix('-').unwrap_or(end).trim_matches(['"', '\'']);
            let plain = end.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
                && end
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            plain.then(|| end.to_owned())
        })
        .collect()
}

fn skip_to(lines: &[&str], from: usize, end: &str, line: usize) -> Result<usize, SyntaxError> {
    lines[from..]
        .iter()
        .position(|each| each.trim_start_matches('\t').trim_end() == end)
        .map(|offset| from + offset + 1)
        .ok_or_else(|| SyntaxError {
            line,
            reason: format!("the here-document does not end with {end}"),
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::parse;

    fn keywords(text: &str) -> Vec<(usize, String, String)> {
        parse(text)
            .unwrap()
            .instructions
            .into_iter()
            .map(|instruction| (instruction.line, instruction.keyword, instruction.rest))
            .collect()
    }

    fn of(line: usize, keyword: &str, rest: &str) -> (usize, String, String) {
        (line, keyword.to_owned(), rest.to_owned())
    }

    #[test]
    fn cuts_lines_comments_and_continuations() {
        let text =
            "\u{feff}# syntax=x\r\n# a comment\r\nFROM a AS b\r\n\r\ncopy x \\\r\n # inside\r\n\r\n  y\r\n";
        assert_eq!(keywords(text), [of(3, "FROM", "a AS b"), of(5, "COPY", "x   y")]);
    }

    #[test]
    fn obeys_the_escape_directive() {
        let text = "# escape=`\nFROM a\nCOPY a `\n C:\\b\\\nCMD c";
        assert_eq!(
            keywords(text),
            [of(2, "FROM", "a"), of(3, "COPY", "a  C:\\b\\"), of(5, "CMD", "c")]
        );
        assert_eq!(keywords("FROM a\n# escape=`\nCMD a `\nCMD b").len(), 3);
    }

    #[test]
    fn separates_flags_from_the_rest() {
        let parsed = parse("COPY --from=b --link a b\nCMD --not-a-flag").unwrap();
        let flags = [
            ("from".to_owned(), "b".to_owned()),
            ("link".to_owned(), "true".to_owned()),
        ];
        assert_eq!(parsed.instructions[0].flags, flags);
        assert_eq!(parsed.instructions[0].rest, "a b");
        assert_eq!(parsed.instructions[1].rest, "--not-a-flag");
    }

    #[test]
    fn skips_here_documents() {
        let text = "FROM a\nRUN <<EOF cat <<-'X'\nNOT an instruction\nEOF\n\tX\nCMD b";
        assert_eq!(keywords(text)[2], of(6, "CMD", "b"));
    }

    #[test]
    fn rejects_what_is_no_dockerfile() {
        for (text, message) in [
            ("FORM a", "line 1: \"FORM\" is no instruction of Dockerfiles"),
            (
                "FROM a\n\nRUN <<EOF\nx",
                "line 3: the here-document does not end with EOF",
            ),
            (
                "# escape=x\nFROM a",
                "line 1: the escape directive is neither \\ nor `",
            ),
            ("# escape=`\n# escape=`", "line 2: a second escape directive"),
        ] {
            assert_eq!(parse(text).unwrap_err().to_string(), message);
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in "(#? ?(escape|syntax)=[`\\\\x]?\n)?((FROM|COPY|RUN|cmd|x)?[ \\\\`<A-Z\"'${}=\r\n#-]{0,20}){0,8}") {
            let _ = parse(&text);
        }

        #[test]
        fn never_panics_on_any_text(text in "\\PC{0,200}") {
            let _ = parse(&text);
        }
    }
}
