//! The manifests of the seeds, the two documents that the project begins with, found in their text.
//!
//! The tutorial has them in fenced blocks. The other document has each flattened into one line, so what can be
//! compared of both is the sequence of their words.

/// A manifest, JSON document or Dockerfile as a document has it: its words, whatever is between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The line on which it begins, from 1.
    pub line: usize,
    /// Its words in order.
    pub words: Vec<String>,
}

/// The words of a text.
#[must_use]
pub fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// The fenced blocks of a document that are YAML, JSON or a Dockerfile.
#[must_use]
pub fn fenced(document: &str) -> Vec<Manifest> {
    let mut found = Vec::new();
    // The block that is open: its first line, and its text where it is of a kind that is looked for.
    let mut open: Option<(usize, Option<String>)> = None;
    for (index, line) in document.lines().enumerate() {
        let Some(language) = line.strip_prefix("```") else {
            if let Some((_, Some(text))) = &mut open {
                text.push_str(line);
                text.push('\n');
            }
            continue;
        };
        open = match open.take() {
            None => {
                let wanted = matches!(language.trim(), "yaml" | "json" | "docker");
                Some((index + 2, wanted.then(String::new)))
            }
            Some((line, text)) => {
                found.extend(text.map(|text| Manifest {
                    line,
                    words: words(&text),
                }));
                None
            }
        };
    }
    found
}

/// The lines of a document that are flattened manifests, or flattened fragments of one.
#[must_use]
pub fn flattened(document: &str) -> Vec<Manifest> {
    document
        .lines()
        .enumerate()
        .filter(|(_, line)| {
            let fragment = ["spec: ", "image: "].iter().any(|start| line.starts_with(start));
            fragment || (line.contains("apiVersion: ") && line.contains(" kind: "))
        })
        .map(|(index, line)| Manifest {
            line: index + 1,
            words: words(line),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_fenced_manifests_and_no_other_blocks() {
        let document = "text\n``` sh\nkubectl get\n```\n\n``` yaml\na:\n  b: 1\n```\n";
        assert_eq!(
            fenced(document),
            [Manifest {
                line: 7,
                words: words("a: b: 1")
            }]
        );
    }

    #[test]
    fn finds_flattened_manifests_and_no_prose() {
        let document = "kind: of prose\n# note apiVersion: v1 kind: Pod\nspec: containers: []\nspec\n";
        let lines: Vec<usize> = flattened(document).iter().map(|manifest| manifest.line).collect();
        assert_eq!(lines, [2, 3]);
    }
}
