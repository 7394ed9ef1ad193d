//! Wildcards of `COPY` and patterns of `.dockerignore`.
//!
//! Source: the Dockerfile reference ("Adding source files", ".dockerignore file") and the pattern language of Go's
//! `path/filepath.Match` that it names.

/// Whether one name matches one component of a pattern: `*`, `?`, `[a-z]`, `[^a]`, `\x`.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    // The place to come back to when what follows the last star does not match.
    let (mut at, mut read) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    loop {
        if pattern.get(at) == Some(&'*') {
            at += 1;
            retry = Some((at, read));
            continue;
        }
        let step = match (pattern.get(at), name.get(read)) {
            (None, None) => return true,
            (Some(_), Some(character)) => one(&pattern[at..], *character),
            _ => None,
        };
        if let Some(length) = step {
            at += length;
            read += 1;
            continue;
        }
        match &mut retry {
            Some((after, from)) if *from < name.len() => {
                *from += 1;
                (at, read) = (*after, *from);
            }
            _ => return false,
        }
    }
}

/// Matches one character; says how much of the pattern that took.
fn one(pattern: &[char], character: char) -> Option<usize> {
    match pattern[0] {
        '?' => Some(1),
        '\\' if pattern.len() > 1 => (pattern[1] == character).then_some(2),
        '[' => {
            let end = pattern.iter().skip(2).position(|each| *each == ']')? + 2;
            let (negated, set) = if matches!(pattern[1], '^' | '!') {
                (true, &pattern[2..end])
            } else {
                (false, &pattern[1..end])
            };
            let mut found = false;
            let mut index = 0;
            while index < set.len() {
                if index + 2 < set.len() && set[index + 1] == '-' {
                    found |= (set[index]..=set[index + 2]).contains(&character);
                    index += 3;
                } else {
                    found |= set[index] == character;
                    index += 1;
                }
            }
            (found != negated).then_some(end + 1)
        }
        plain => (plain == character).then_some(1),
    }
}

/// Whether a component of a path is a pattern.
pub(super) fn is_pattern(component: &str) -> bool {
    component.contains(['*', '?', '['])
}

/// The patterns of a `.dockerignore`.
#[derive(Clone, Debug, Default)]
pub(super) struct Ignore {
    rules: Vec<(bool, Vec<String>)>,
}

impl Ignore {
    pub(super) fn parse(text: &str) -> Self {
        let mut rules = Vec::new();
        for line in text.trim_start_matches('\u{feff}').lines() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (kept, pattern) = line
                .strip_prefix('!')
                .map_or((false, line), |rest| (true, rest.trim()));
            let components = pattern
                .split('/')
                .filter(|part| !part.is_empty() && *part != ".")
                .map(str::to_owned)
                .collect();
            rules.push((kept, components));
        }
        Self { rules }
    }

    /// Whether a path is left out: the last rule that matches it or a directory above it decides.
    pub(super) fn excludes(&self, path: &str) -> bool {
        let components: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let mut excluded = false;
        for (kept, pattern) in &self.rules {
            if (1..=components.len()).any(|end| all(pattern, &components[..end])) {
                excluded = !kept;
            }
        }
        excluded
    }

    /// Whether something below an excluded directory may be kept all the same.
    pub(super) fn has_exceptions(&self) -> bool {
        self.rules.iter().any(|(kept, _)| *kept)
    }
}

/// Matches whole paths; `**` stands for any number of components.
fn all(pattern: &[String], components: &[&str]) -> bool {
    match pattern.split_first() {
        None => components.is_empty(),
        Some((first, rest)) if first == "**" => {
            (0..=components.len()).any(|skip| all(rest, &components[skip..]))
        }
        Some((first, rest)) => components
            .split_first()
            .is_some_and(|(name, below)| matches(first, name) && all(rest, below)),
    }
}

#[cfg(test)]
mod tests {
    use super::{Ignore, matches};

    #[test]
    fn matches_as_filepath_match_does() {
        for (pattern, name, expected) in [
            ("*", "", true),
            ("*", "a.exe", true),
            ("*.exe", "a.exe", true),
            ("*.exe", "a.ex", false),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbY", false),
            ("?.go", "a.go", true),
            ("?.go", ".go", false),
            ("[a-c]x", "bx", true),
            ("[^a-c]x", "bx", false),
            ("[]x", "x", false),
            ("\\*", "*", true),
            ("\\*", "a", false),
            ("hom?.txt", "home.txt", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn the_last_rule_decides() {
        let ignore = Ignore::parse("# comment\n*.md\n!README.md\n**/tmp\ntarget/\n");
        for (path, expected) in [
            ("a.md", true),
            ("README.md", false),
            ("docs/a.md", false),
            ("tmp/x", true),
            ("a/b/tmp/x", true),
            ("target/debug/a", true),
            ("src/main.go", false),
        ] {
            assert_eq!(ignore.excludes(path), expected, "{path}");
        }
    }
}
