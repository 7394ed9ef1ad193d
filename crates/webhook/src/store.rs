//! The cluster's credential specs, as the watch tells of them: the contents that pods are given, by name.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use porthole_admission::decide::{CannotTell, SpecError, contents_of};
use serde_json::Value;

use crate::watch::{Change, Follower};

/// The contents of a credential spec, or that it has none.
type Contents = Result<Arc<str>, SpecError>;

/// What is known.
#[derive(Debug)]
struct Known {
    specs: HashMap<String, Contents>,
    /// Whether these were once all.
    synced: bool,
    /// Since when nobody tells of changes; nothing while somebody does.
    silent_since: Option<Instant>,
}

/// The credential specs.
#[derive(Debug)]
pub(crate) struct Store {
    known: RwLock<Known>,
    /// For how long what is held counts while nobody tells of changes.
    stale: Duration,
}

/// How much there is, and how old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) specs: usize,
    pub(crate) bytes: usize,
    pub(crate) synced: bool,
    /// For how long nobody has told of changes; nothing before there was anything to change.
    pub(crate) age: Option<Duration>,
}

impl Store {
    pub(crate) fn new(stale: Duration) -> Self {
        let known = RwLock::new(Known {
            specs: HashMap::new(),
            synced: false,
            silent_since: None,
        });
        Self { known, stale }
    }

    /// The contents of the spec, where they are known. Of one that is not held nothing is known: it may be new.
    pub(crate) fn contents(&self, name: &str) -> Option<Contents> {
        let known = self.read();
        let contents = known.specs.get(name)?;
        let silent = known.silent_since.map(|since| since.elapsed());
        match silent.filter(|silent| *silent > self.stale) {
            None => Some(contents.clone()),
            Some(_) => None,
        }
    }

    /// Why what is held does not count, where it is too old.
    pub(crate) fn expired(&self) -> Option<CannotTell> {
        let silent = self.read().silent_since?.elapsed();
        (silent > self.stale).then(|| {
            CannotTell(format!(
                "the API server has not told of changes for {} s, and credential specs count for {} s",
                silent.as_secs(),
                self.stale.as_secs()
            ))
        })
    }

    pub(crate) fn extent(&self) -> Extent {
        let known = self.read();
        let contents = known
            .specs
            .iter()
            .map(|(name, contents)| name.len() + contents.as_ref().map_or(0, |contents| contents.len()));
        Extent {
            specs: known.specs.len(),
            bytes: contents.sum(),
            synced: known.synced,
            age: match known.silent_since {
                Some(since) => Some(since.elapsed()),
                None => known.synced.then_some(Duration::ZERO),
            },
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Known> {
        self.known.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Follower for Store {
    type Kept = (String, Contents);

    fn keep(&self, object: &Value) -> Option<Self::Kept> {
        let name = object["metadata"]["name"].as_str()?;
        Some((name.to_owned(), contents_of(object)))
    }

    fn replace(&self, all: Vec<Self::Kept>) {
        let specs = all.into_iter().collect();
        let mut known = self.write();
        known.specs = specs;
        known.synced = true;
        known.silent_since = Some(Instant::now());
    }

    fn apply(&self, (name, contents): Self::Kept, change: Change) {
        let mut known = self.write();
        match change {
            Change::Put => {
                known.specs.insert(name, contents);
            }
            Change::Gone => {
                known.specs.remove(&name);
                // After many have gone, room for them is not kept.
                if known.specs.capacity() > 4 * known.specs.len().max(64) {
                    known.specs.shrink_to_fit();
                }
            }
        }
    }

    fn set_live(&self, live: bool) {
        let mut known = self.write();
        known.silent_since = match (live, known.silent_since) {
            (true, _) => None,
            (false, None) => Some(Instant::now()),
            (false, since) => since,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn spec(name: &str, credspec: &Value) -> Value {
        json!({"metadata": {"name": name}, "credspec": credspec})
    }

    fn store(stale: Duration, specs: &[Value]) -> Store {
        let store = Store::new(stale);
        store.replace(specs.iter().filter_map(|spec| store.keep(spec)).collect());
        store
    }

    #[test]
    fn what_is_held_is_what_the_watch_tells() {
        let store = store(Duration::from_mins(1), &[spec("a", &json!({"B": "<x>", "A": 1}))]);
        store.set_live(true);
        assert_eq!(
            store.contents("a"),
            Some(Ok(r#"{"A":1,"B":"\u003cx\u003e"}"#.into()))
        );
        assert_eq!(store.contents("b"), None);
        let put = |object: &Value| store.apply(store.keep(object).unwrap(), Change::Put);
        put(&spec("a", &json!({"A": 2})));
        put(&json!({"metadata": {"name": "empty"}}));
        assert_eq!(store.contents("a"), Some(Ok(r#"{"A":2}"#.into())));
        assert_eq!(store.contents("empty"), Some(Err(SpecError::Empty)));
        store.apply(store.keep(&spec("a", &json!({}))).unwrap(), Change::Gone);
        assert_eq!(store.contents("a"), None);
        assert_eq!(store.keep(&json!({"metadata": {}})), None);
    }

    #[test]
    fn what_nobody_has_told_of_for_too_long_does_not_count() {
        let store = store(Duration::ZERO, &[spec("a", &json!({}))]);
        store.set_live(true);
        assert!(store.contents("a").is_some() && store.expired().is_none());
        store.set_live(false);
        std::thread::sleep(Duration::from_millis(2));
        assert_eq!(store.contents("a"), None);
        let CannotTell(reason) = store.expired().unwrap();
        assert_eq!(
            reason,
            "the API server has not told of changes for 0 s, and credential specs count for 0 s"
        );
        store.set_live(true);
        assert!(
            store.contents("a").is_some(),
            "a server that is back counts at once"
        );
    }

    #[test]
    fn a_new_list_drops_what_is_not_in_it() {
        let store = store(Duration::ZERO, &[spec("a", &json!({})), spec("b", &json!({}))]);
        assert_eq!(store.extent().specs, 2);
        store.replace(vec![store.keep(&spec("b", &json!({}))).unwrap()]);
        assert_eq!((store.extent().specs, store.extent().bytes), (1, "b{}".len()));
        assert!(store.extent().synced);
    }
}
