//! The least that is left of an object while something about it stays.

use crate::tree::Tree;

/// Takes entries and items away from `tree` as long as `stays` says that what matters is still there, asking at most
/// `most` times.
pub fn shrink(tree: &Tree, most: usize, mut stays: impl FnMut(&Tree) -> bool) -> Tree {
    let mut least = tree.clone();
    let mut asked = 0;
    loop {
        let mut smaller = false;
        // The last and outermost first: what is cut away leaves the ways before it as they are.
        let mut ways = least.ways();
        ways.sort_by(|a, b| a.len().cmp(&b.len()).then(b.cmp(a)));
        for way in ways {
            if asked >= most {
                return least;
            }
            if way.len() == 1 && way[0] < 2 {
                continue;
            }
            let mut candidate = least.clone();
            if !candidate.cut(&way) {
                continue;
            }
            asked += 1;
            if stays(&candidate) {
                least = candidate;
                smaller = true;
                break;
            }
        }
        if !smaller {
            return least;
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_matters_is_left() {
        let tree =
            Tree::from(json!({"apiVersion": "v1", "kind": "Pod", "a": [1, {"b": 2, "c": 3}], "d": {"e": 4}}));
        let least = shrink(&tree, 1000, |tree| tree.to_json().contains("\"c\":3"));
        assert_eq!(
            least.to_json(),
            r#"{"apiVersion":"v1","kind":"Pod","a":[{"c":3}]}"#
        );
    }
}
