//! The API server's answer to one object.

use std::collections::HashSet;

use porthole_pod::Status;
use serde::Serialize;

/// What the API server answers to a `POST`, or of an object that is there already to a `PATCH`, with
/// `?dryRun=All&fieldValidation=Strict`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Answer {
    /// The HTTP status code; nothing where there is no request, since the document cannot be made into one.
    pub code: Option<u16>,
    /// The `Status` of a refusal.
    pub status: Option<Status>,
    /// The texts of its `Warning` headers.
    pub warnings: Vec<String>,
}

/// How many characters all warnings of an answer have before the server cuts them.
const ALL: usize = 4096;
/// How many of each it leaves then.
const EACH: usize = 256;

/// The headers that the server makes of its warnings: equal ones once, none with control characters, and where they are too
/// long together, the beginning of each, as long as there is room.
pub(crate) fn sent(mut warnings: Vec<String>) -> Vec<String> {
    let mut seen = HashSet::new();
    warnings.retain(|text| !text.is_empty() && seen.insert(text.clone()));
    let mut headers: Vec<String> = Vec::new();
    let (mut written, mut cut) = (0, false);
    for (index, text) in warnings.iter().enumerate() {
        if cut && written >= ALL {
            break;
        }
        let header = if cut { beginning(text) } else { text.clone() };
        if !can_be_sent(&header) {
            continue;
        }
        if !cut && written + length(&header) > ALL {
            // Those that were written whole are written anew.
            cut = true;
            headers = warnings[..=index].iter().map(|text| beginning(text)).collect();
            headers.retain(|header| can_be_sent(header));
            written = headers.iter().map(|header| length(header)).sum();
            continue;
        }
        written += length(&header);
        headers.push(header);
    }
    headers
}

fn length(text: &str) -> usize {
    text.chars().count()
}

fn beginning(text: &str) -> String {
    text.chars().take(EACH).collect()
}

fn can_be_sent(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn equal_warnings_are_sent_once_and_control_characters_never() {
        let warnings = texts(&["a", "b\tc", "a", "", "d\u{85}", "é \"x\\"]);
        assert_eq!(sent(warnings), ["a", "é \"x\\"]);
    }

    #[test]
    fn warnings_that_are_short_enough_together_are_sent_whole() {
        let warnings = texts(&[&"é".repeat(4000), &"b".repeat(96)]);
        assert_eq!(sent(warnings.clone()), warnings);
    }

    #[test]
    fn too_long_together_each_is_cut_and_the_last_have_no_room() {
        let long = |letter: &str| letter.repeat(300);
        let mut warnings: Vec<String> = (b'a'..=b'm')
            .map(|letter| long(&char::from(letter).to_string()))
            .collect();
        // Thirteen have room as they are.
        assert_eq!(sent(warnings.clone()), warnings);
        // The fourteenth cuts all of them; then there is room for three more.
        warnings.extend((b'n'..=b'z').map(|letter| long(&char::from(letter).to_string())));
        let headers = sent(warnings.clone());
        let cut: Vec<String> = warnings.iter().map(|text| text[..256].to_owned()).collect();
        assert_eq!(headers, cut[..16]);
    }

    #[test]
    fn a_control_character_that_is_cut_away_does_no_harm() {
        let with_tab = format!("{}\t", "a".repeat(256));
        let long = "b".repeat(5000);
        assert_eq!(sent(vec![with_tab.clone()]), Vec::<String>::new());
        assert_eq!(sent(vec![with_tab, long]), ["a".repeat(256), "b".repeat(256)]);
    }
}
