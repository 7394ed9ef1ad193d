//! The field that a misspelt one was meant to be.

use super::reader::Table;

/// What is said of a field that its object does not have.
pub(super) fn unknown(key: &str, table: &Table) -> String {
    match nearest(key, table) {
        Some(name) => format!("unknown field; did you mean `{name}`?"),
        None => "unknown field".to_owned(),
    }
}

/// The field that differs from `key` in nothing but upper and lower case, or else in one letter out of four at most.
fn nearest(key: &str, table: &Table) -> Option<&'static str> {
    // No field is that long, and the comparison takes the product of both lengths.
    if key.len() > 64 {
        return None;
    }
    let (distance, name) = table
        .iter()
        .map(|(name, _)| (distance(key, name), *name))
        .min_by_key(|(distance, _)| *distance)?;
    (distance <= name.len() / 4).then_some(name)
}

/// How many letters have to be put in, left out, changed, or swapped with their neighbour, in any case.
fn distance(a: &str, b: &str) -> usize {
    let letters = |text: &str| text.to_lowercase().chars().collect::<Vec<char>>();
    let (a, b) = (letters(a), letters(b));
    let mut second_above: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let changed = above[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = changed.min(above[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(second_above[j - 2] + 1);
            }
            row.push(least);
        }
        second_above = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::super::reader::Treatment;
    use super::*;

    #[test]
    fn suggests_what_is_near_and_nothing_else() {
        let table: &Table = &[
            ("runAsUserName", Treatment::Read),
            ("hostProcess", Treatment::Read),
            ("env", Treatment::Read),
            ("spec", Treatment::Read),
        ];
        for (key, meant) in [
            ("runAsUsername", Some("runAsUserName")),
            ("hostProces", Some("hostProcess")),
            ("hostPorcess", Some("hostProcess")),
            ("sepc", Some("spec")),
            ("ENV", Some("env")),
            ("end", None),
            ("image", None),
            ("", None),
        ] {
            assert_eq!(nearest(key, table), meant, "{key}");
        }
        assert_eq!(
            unknown("runAsUsername", table),
            "unknown field; did you mean `runAsUserName`?"
        );
        assert_eq!(unknown("image", table), "unknown field");
    }
}
