//! Objects of a cluster, as the watch tells of them, by name: what is kept of credential specs, the contents that pods are
//! given, and of namespaces their label.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use porthole_admission::decide::{self, CannotTell, SpecError, contents_of};
use porthole_admission::host_accounts::LABEL;
use serde_json::Value;

use crate::watch::{Change, Follower};

/// What is kept of the objects of a kind.
pub(crate) trait Kept: Clone + std::fmt::Debug + Send + Sync + 'static {
    /// What messages call the objects.
    const CALLED: &'static str;

    /// What is kept of one.
    fn of(object: &Value) -> Self;

    /// How many bytes that is.
    fn len(&self) -> usize;
}

/// The contents of a credential spec, or why there are none.
pub(crate) type Contents = Result<decide::Contents, SpecError>;

impl Kept for Contents {
    const CALLED: &'static str = "credential specs";

    fn of(object: &Value) -> Self {
        contents_of(object)
    }

    fn len(&self) -> usize {
        self.as_ref().map_or(0, |contents| contents.as_json().len())
    }
}

/// The label of a namespace that says how strict it is about host accounts.
pub(crate) type Label = Option<Arc<str>>;

impl Kept for Label {
    const CALLED: &'static str = "namespaces";

    fn of(object: &Value) -> Self {
        object["metadata"]["labels"][LABEL].as_str().map(Arc::from)
    }

    fn len(&self) -> usize {
        self.as_ref().map_or(0, |label| label.len())
    }
}

/// What is known.
#[derive(Debug)]
struct Known<T> {
    objects: HashMap<String, T>,
    /// Whether these were once all.
    synced: bool,
    /// Since when nobody tells of changes; nothing while somebody does.
    silent_since: Option<Instant>,
}

/// The objects of a kind.
#[derive(Debug)]
pub(crate) struct Store<T> {
    known: RwLock<Known<T>>,
    /// For how long what is held counts while nobody tells of changes.
    stale: Duration,
}

/// How much there is, and how old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) objects: usize,
    pub(crate) bytes: usize,
    pub(crate) synced: bool,
    /// For how long nobody has told of changes; nothing before there was anything to change.
    pub(crate) age: Option<Duration>,
}

impl<T: Kept> Store<T> {
    pub(crate) fn new(stale: Duration) -> Self {
        let known = RwLock::new(Known {
            objects: HashMap::new(),
            synced: false,
            silent_since: None,
        });
        Self { known, stale }
    }

    /// What is kept of the object, where it is known. Of one that is not held nothing is known: it may be new.
    pub(crate) fn get(&self, name: &str) -> Option<T> {
        let known = self.read();
        let kept = known.objects.get(name)?;
        let silent = known.silent_since.map(|since| since.elapsed());
        match silent.filter(|silent| *silent > self.stale) {
            None => Some(kept.clone()),
            Some(_) => None,
        }
    }

    /// Why what is held does not count, where it is too old.
    pub(crate) fn expired(&self) -> Option<CannotTell> {
        let silent = self.read().silent_since?.elapsed();
        (silent > self.stale).then(|| {
            CannotTell(format!(
                "the API server has not told of changes for {} s, and {} count for {} s",
                silent.as_secs(),
                T::CALLED,
                self.stale.as_secs()
            ))
        })
    }

    /// Whether all were read once, and what is held counts.
    pub(crate) fn is_ready(&self) -> bool {
        let synced = self.read().synced;
        synced && self.expired().is_none()
    }

    pub(crate) fn extent(&self) -> Extent {
        let known = self.read();
        let lengths = known.objects.iter().map(|(name, kept)| name.len() + kept.len());
        Extent {
            objects: known.objects.len(),
            bytes: lengths.sum(),
            synced: known.synced,
            age: match known.silent_since {
                Some(since) => Some(since.elapsed()),
                None => known.synced.then_some(Duration::ZERO),
            },
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Known<T>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Known<T>> {
        self.known.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Kept> Follower for Store<T> {
    type Kept = (String, T);

    fn keep(&self, object: &Value) -> Option<Self::Kept> {
        let name = object["metadata"]["name"].as_str()?;
        Some((name.to_owned(), T::of(object)))
    }

    fn replace(&self, all: Vec<Self::Kept>) {
        let objects = all.into_iter().collect();
        let mut known = self.write();
        known.objects = objects;
        known.synced = true;
        known.silent_since = Some(Instant::now());
    }

    fn apply(&self, (name, kept): Self::Kept, change: Change) {
        let mut known = self.write();
        match change {
            Change::Put => {
                known.objects.insert(name, kept);
            }
            Change::Gone => {
                known.objects.remove(&name);
                // After many have gone, room for them is not kept.
                if known.objects.capacity() > 4 * known.objects.len().max(64) {
                    known.objects.shrink_to_fit();
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

    fn store(stale: Duration, specs: &[Value]) -> Store<Contents> {
        let store = Store::new(stale);
        store.replace(specs.iter().filter_map(|spec| store.keep(spec)).collect());
        store
    }

    #[test]
    fn what_is_held_is_what_the_watch_tells() {
        let store = store(Duration::from_mins(1), &[spec("a", &json!({"B": "<x>", "A": 1}))]);
        store.set_live(true);
        assert_eq!(
            store.get("a"),
            Some(Ok(decide::Contents::new(r#"{"A":1,"B":"\u003cx\u003e"}"#)))
        );
        assert_eq!(store.get("b"), None);
        let put = |object: &Value| store.apply(store.keep(object).unwrap(), Change::Put);
        put(&spec("a", &json!({"A": 2})));
        put(&json!({"metadata": {"name": "empty"}}));
        assert_eq!(store.get("a"), Some(Ok(decide::Contents::new(r#"{"A":2}"#))));
        assert_eq!(store.get("empty"), Some(Err(SpecError::Empty)));
        store.apply(store.keep(&spec("a", &json!({}))).unwrap(), Change::Gone);
        assert_eq!(store.get("a"), None);
        assert_eq!(store.keep(&json!({"metadata": {}})), None);
    }

    #[test]
    fn what_nobody_has_told_of_for_too_long_does_not_count() {
        let store = store(Duration::ZERO, &[spec("a", &json!({}))]);
        store.set_live(true);
        assert!(store.get("a").is_some() && store.expired().is_none());
        store.set_live(false);
        std::thread::sleep(Duration::from_millis(2));
        assert_eq!(store.get("a"), None);
        let CannotTell(reason) = store.expired().unwrap();
        assert_eq!(
            reason,
            "the API server has not told of changes for 0 s, and credential specs count for 0 s"
        );
        store.set_live(true);
        assert!(store.get("a").is_some(), "a server that is back counts at once");
    }

    #[test]
    fn a_new_list_drops_what_is_not_in_it() {
        let store = store(Duration::ZERO, &[spec("a", &json!({})), spec("b", &json!({}))]);
        assert_eq!(store.extent().objects, 2);
        store.replace(vec![store.keep(&spec("b", &json!({}))).unwrap()]);
        assert_eq!(
            (store.extent().objects, store.extent().bytes),
            (1, "b\"{}\"".len())
        );
        assert!(store.extent().synced);
    }

    #[test]
    fn of_a_namespace_its_label_is_kept() {
        let store: Store<Label> = Store::new(Duration::from_mins(1));
        let labelled = |labels: &Value| json!({"metadata": {"name": "shop", "labels": labels}});
        for (labels, kept) in [
            (json!({"porthole.dev/host-accounts": "warn"}), Some("warn")),
            (json!({"porthole.dev/host-accounts": ""}), Some("")),
            (json!({"a": "b"}), None),
            (json!(null), None),
        ] {
            store.apply(store.keep(&labelled(&labels)).unwrap(), Change::Put);
            assert_eq!(store.get("shop"), Some(kept.map(Arc::from)), "{labels}");
        }
        assert_eq!(store.get("other"), None, "it may be new");
    }
}
