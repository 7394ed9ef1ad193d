//! Words of a Dockerfile: quotes, escapes and variables.
//!
//! Source: the Dockerfile reference ("Environment replacement"). Unset variables are empty, as there.

/// Looks up a variable.
pub(super) type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Expands a whole text into one word.
pub(super) fn expand(text: &str, escape: char, lookup: Lookup<'_>) -> Result<String, String> {
    let mut reader = Reader {
        rest: text.chars().collect(),
        at: 0,
        escape,
        lookup,
    };
    reader.word(false).map(|(word, _)| word)
}

/// Cuts a text at blanks outside quotes and expands each word.
pub(super) fn split(text: &str, escape: char, lookup: Lookup<'_>) -> Result<Vec<String>, String> {
    let mut reader = Reader {
        rest: text.chars().collect(),
        at: 0,
        escape,
        lookup,
    };
    let mut words = Vec::new();
    loop {
        while reader.peek().is_some_and(char::is_whitespace) {
            reader.at += 1;
        }
        if reader.peek().is_none() {
            return Ok(words);
        }
        let (word, _) = reader.word(true)?;
        words.push(word);
    }
}

struct Reader<'a> {
    rest: Vec<char>,
    at: usize,
    escape: char,
    lookup: Lookup<'a>,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.rest.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let character = self.peek();
        self.at += usize::from(character.is_some());
        character
    }

    /// Reads to the end, or to a blank outside quotes. Also says whether anything was quoted.
    fn word(&mut self, to_blank: bool) -> Result<(String, bool), String> {
        let mut word = String::new();
        let mut quoted = false;
        while let Some(character) = self.peek() {
            if to_blank && character.is_whitespace() {
                break;
            }
            self.at += 1;
            match character {
                '\'' => {
                    quoted = true;
                    loop {
                        match self.next() {
                            Some('\'') => break,
                            Some(inner) => word.push(inner),
                            None => return Err("a single quote is not closed".to_owned()),
                        }
                    }
                }
                '"' => {
                    quoted = true;
                    self.double_quoted(&mut word)?;
                }
                '$' => word.push_str(&self.variable()?),
                _ if character == self.escape => word.extend(self.next()),
                _ => word.push(character),
            }
        }
        Ok((word, quoted))
    }

    fn double_quoted(&mut self, word: &mut String) -> Result<(), String> {
        loop {
            match self.next() {
                Some('"') => return Ok(()),
                Some('$') => word.push_str(&self.variable()?),
                Some(character) if character == self.escape => match self.next() {
                    Some(next) if next == '"' || next == '$' || next == self.escape => word.push(next),
                    Some(next) => word.extend([character, next]),
                    None => return Err("a double quote is not closed".to_owned()),
                },
                Some(character) => word.push(character),
                None => return Err("a double quote is not closed".to_owned()),
            }
        }
    }

    /// What follows a dollar sign.
    fn variable(&mut self) -> Result<String, String> {
        if self.peek() != Some('{') {
            let name = self.name();
            // A dollar sign that begins no name stands for itself.
            return Ok(if name.is_empty() {
                "$".to_owned()
            } else {
                (self.lookup)(&name).unwrap_or_default()
            });
        }
        self.at += 1;
        let name = self.name();
        if name.is_empty() {
            return Err("${ is not followed by a name".to_owned());
        }
        let value = (self.lookup)(&name);
        let colon = self.peek() == Some(':');
        self.at += usize::from(colon);
        let operator = self.next().ok_or_else(|| format!("${{{name} is not closed"))?;
        if operator == '}' && !colon {
            return Ok(value.unwrap_or_default());
        }
        let word = self.braced(&name)?;
        let given = value.filter(|value| !(colon && value.is_empty()));
        match operator {
            '-' => given.map_or_else(|| expand(&word, self.escape, self.lookup), Ok),
            '+' if given.is_some() => expand(&word, self.escape, self.lookup),
            '+' => Ok(String::new()),
            '?' => match given {
                Some(value) => Ok(value),
                None => Err(format!("{name}: {}", expand(&word, self.escape, self.lookup)?)),
            },
            _ => Err(format!(
                "${{{name}{}{operator}…}} is not supported; supported are ${{X}}, ${{X:-word}}, ${{X:+word}} and ${{X:?word}}",
                if colon { ":" } else { "" }
            )),
        }
    }

    /// The raw text up to the closing brace.
    fn braced(&mut self, name: &str) -> Result<String, String> {
        let mut depth = 1;
        let mut text = String::new();
        while let Some(character) = self.next() {
            match character {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return Ok(text);
            }
            // Each level is expanded by a call of its own.
            if depth > 16 {
                return Err(format!("${{{name}}} is nested too deep"));
            }
            text.push(character);
        }
        Err(format!("${{{name} is not closed"))
    }

    fn name(&mut self) -> String {
        let mut name = String::new();
        while let Some(character) = self.peek() {
            let first = name.is_empty() && character.is_ascii_digit();
            if first || !(character.is_ascii_alphanumeric() || character == '_') {
                break;
            }
            name.push(character);
            self.at += 1;
        }
        name
    }
}

#[cfg(test)]
mod tests {
    use super::{expand, split};

    fn lookup(name: &str) -> Option<String> {
        match name {
            "A" => Some("a value".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        }
    }

    #[test]
    fn expands_as_the_reference_says() {
        for (text, expected) in [
            ("$A", "a value"),
            ("${A}s", "a values"),
            ("$A_b|", "|"),
            ("\\$A", "$A"),
            ("'$A'", "$A"),
            ("\"$A\"", "a value"),
            ("\"\\$A\"", "$A"),
            ("${NO:-x}", "x"),
            ("${EMPTY:-x}", "x"),
            ("${EMPTY-x}", ""),
            ("${NO:-${A}}", "a value"),
            ("${A:+x}", "x"),
            ("${NO:+x}", ""),
            ("$", "$"),
            ("a$", "a$"),
            ("$1", "$1"),
            ("a\\ b", "a b"),
        ] {
            assert_eq!(expand(text, '\\', &lookup).as_deref(), Ok(expected), "{text}");
        }
        assert_eq!(expand("C:\\a`$", '`', &lookup).as_deref(), Ok("C:\\a$"));
    }

    #[test]
    fn rejects_what_it_does_not_understand() {
        for text in [
            "'a",
            "\"a",
            "${A",
            "${}",
            "${A#x}",
            "${A:%x}",
            "${A:-x",
            "${NO:?is needed}",
        ] {
            assert!(expand(text, '\\', &lookup).is_err(), "{text}");
        }
    }

    #[test]
    fn cuts_at_blanks_outside_quotes() {
        let words = split(" a  'b c' d\\ e \"f g\"h $A ", '\\', &lookup).unwrap();
        assert_eq!(words, ["a", "b c", "d e", "f gh", "a value"]);
    }
}
