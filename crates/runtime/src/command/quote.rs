//! Arguments as one Windows command line.
//!
//! The rules are those by which `CommandLineToArgvW` and the C runtime take a line apart again: Microsoft's page
//! "Parsing C command-line arguments". The program's name follows simpler ones: no escapes, quotes only group.

/// One argument, quoted only where it must be.
#[must_use]
pub fn quote(argument: &str) -> String {
    if argument.is_empty() {
        return r#""""#.to_owned();
    }
    if !argument.contains([' ', '\t', '\n', '\u{b}', '"']) {
        return argument.to_owned();
    }
    let spaces = argument.contains([' ', '\t', '\n', '\u{b}']);
    let mut quoted = String::with_capacity(argument.len() + 2);
    if spaces {
        quoted.push('"');
    }
    let mut backslashes = 0;
    for character in argument.chars() {
        match character {
            '\\' => backslashes += 1,
            '"' => {
                // Backslashes before a quote count double, and the quote itself is escaped.
                quoted.extend(std::iter::repeat_n('\\', backslashes + 1));
                backslashes = 0;
            }
            _ => backslashes = 0,
        }
        quoted.push(character);
    }
    if spaces {
        quoted.extend(std::iter::repeat_n('\\', backslashes));
        quoted.push('"');
    }
    quoted
}

/// Program and arguments as one line.
#[must_use]
pub fn join(arguments: &[String]) -> String {
    let mut line = String::new();
    for (index, argument) in arguments.iter().enumerate() {
        if index == 0 {
            if argument.is_empty() || argument.contains([' ', '\t']) {
                line.push('"');
                line.push_str(argument);
                line.push('"');
            } else {
                line.push_str(argument);
            }
        } else {
            line.push(' ');
            line.push_str(&quote(argument));
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_only_where_it_must() {
        for (argument, expected) in [
            ("", r#""""#),
            ("plain", "plain"),
            (r"C:\users\x", r"C:\users\x"),
            (r"C:\a b\", r#""C:\a b\\""#),
            ("a b", r#""a b""#),
            (r#"say "hi""#, r#""say \"hi\"""#),
            (r#"a\"b"#, r#"a\\\"b"#),
            (r"a\\b", r"a\\b"),
            ("tab\there", "\"tab\there\""),
            ("a&b|c%d^", "a&b|c%d^"),
        ] {
            assert_eq!(quote(argument), expected, "{argument}");
        }
    }

    #[test]
    fn leaves_backslashes_of_the_program_alone() {
        let arguments = [r"C:\a b\c.exe", "quote test"].map(str::to_owned);
        assert_eq!(join(&arguments), r#""C:\a b\c.exe" "quote test""#);
    }

    /// The C runtime's way back, written from its documentation.
    fn parse(line: &str) -> Vec<String> {
        let mut arguments = Vec::new();
        let mut rest = line.chars().peekable();
        let mut program = String::new();
        let mut quoted = false;
        while let Some(&character) = rest.peek() {
            if character == '"' {
                quoted = !quoted;
            } else if character == ' ' && !quoted {
                break;
            } else {
                program.push(character);
            }
            rest.next();
        }
        arguments.push(program);
        loop {
            while rest
                .next_if(|character| matches!(character, ' ' | '\t'))
                .is_some()
            {}
            if rest.peek().is_none() {
                return arguments;
            }
            let mut argument = String::new();
            let mut quoted = false;
            while let Some(&character) = rest.peek() {
                match character {
                    '\\' => {
                        let mut count = 0;
                        while rest.next_if_eq(&'\\').is_some() {
                            count += 1;
                        }
                        if rest.peek() == Some(&'"') {
                            argument.extend(std::iter::repeat_n('\\', count / 2));
                            if count % 2 == 1 {
                                argument.push('"');
                                rest.next();
                            }
                        } else {
                            argument.extend(std::iter::repeat_n('\\', count));
                        }
                    }
                    '"' => {
                        quoted = !quoted;
                        rest.next();
                    }
                    ' ' | '\t' if !quoted => break,
                    _ => {
                        argument.push(character);
                        rest.next();
                    }
                }
            }
            arguments.push(argument);
        }
    }

    #[test]
    fn comes_back_from_the_c_runtime_as_it_went() {
        for arguments in [
            &["a.exe", "", "x"][..],
            &["a.exe", r"\", r"\\", r#"\""#, r#""\"#],
            &["a b.exe", r"c d\", r#"e"f g"#, "\t"],
            &["a", r#"do { X } while ( $(a "b c\\") )"#],
        ] {
            let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
            assert_eq!(parse(&join(&arguments)), arguments);
        }
    }
}
