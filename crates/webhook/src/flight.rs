//! One question at a time: whoever asks what is being asked already waits for that answer.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

/// Questions that are being asked, each once.
#[derive(Debug)]
pub(crate) struct Flights<K, V> {
    under_way: Mutex<HashMap<K, Arc<OnceCell<V>>>>,
}

impl<K, V> Default for Flights<K, V> {
    fn default() -> Self {
        let under_way = Mutex::default();
        Self { under_way }
    }
}

/// One that waits for an answer. The last to go takes the question away.
struct Waiting<'a, K: Eq + Hash, V> {
    flights: &'a Flights<K, V>,
    key: &'a K,
    cell: Arc<OnceCell<V>>,
}

impl<K: Clone + Eq + Hash, V: Clone> Flights<K, V> {
    /// The answer to `key`: by `ask`, or by whoever asks it already. Where that one gives up, the next one asks.
    pub(crate) async fn ask(&self, key: &K, ask: impl Future<Output = V>) -> V {
        let cell = {
            let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(under_way.entry(key.clone()).or_default())
        };
        let waiting = Waiting {
            flights: self,
            key,
            cell,
        };
        let answer = waiting.cell.get_or_init(|| ask).await.clone();
        waiting.leave(true);
        answer
    }
}

impl<K: Eq + Hash, V> Waiting<'_, K, V> {
    /// Takes the question away, where it is answered or nobody else waits.
    fn leave(&self, is_answered: bool) {
        let mut under_way = self
            .flights
            .under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let is_this = under_way
            .get(self.key)
            .is_some_and(|cell| Arc::ptr_eq(cell, &self.cell));
        // The map's own and this one's.
        let is_last = Arc::strong_count(&self.cell) <= 2;
        if is_this && (is_answered || is_last) {
            under_way.remove(self.key);
        }
    }
}

impl<K: Eq + Hash, V> Drop for Waiting<'_, K, V> {
    fn drop(&mut self) {
        self.leave(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};
    use tokio::sync::Notify;

    #[tokio::test]
    async fn a_question_is_asked_once_however_many_wait() {
        let flights = Arc::new(Flights::<u8, u32>::default());
        let (asked, go) = (Arc::new(AtomicU32::new(0)), Arc::new(Notify::new()));
        let waiting: Vec<_> = (0..10)
            .map(|_| {
                let (flights, asked, go) = (flights.clone(), asked.clone(), go.clone());
                tokio::spawn(async move {
                    let ask = async {
                        let count = asked.fetch_add(1, Ordering::SeqCst) + 1;
                        go.notified().await;
                        count
                    };
                    flights.ask(&1, ask).await
                })
            })
            .collect();
        tokio::task::yield_now().await;
        go.notify_one();
        for one in waiting {
            assert_eq!(one.await.unwrap(), 1);
        }
        assert_eq!(
            flights.ask(&1, async { 7 }).await,
            7,
            "it is asked anew once it is answered"
        );
        assert!(flights.under_way.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn whoever_waits_asks_where_the_first_gives_up() {
        let flights = Arc::new(Flights::<u8, u32>::default());
        let first = tokio::spawn({
            let flights = flights.clone();
            async move { flights.ask(&1, async { std::future::pending().await }).await }
        });
        tokio::task::yield_now().await;
        let second = tokio::spawn({
            let flights = flights.clone();
            async move { flights.ask(&1, async { 2 }).await }
        });
        tokio::task::yield_now().await;
        first.abort();
        assert_eq!(second.await.unwrap(), 2);
        assert!(first.await.unwrap_err().is_cancelled());
        let alone = tokio::spawn({
            let flights = flights.clone();
            async move { flights.ask(&2, async { std::future::pending().await }).await }
        });
        tokio::task::yield_now().await;
        alone.abort();
        assert!(alone.await.unwrap_err().is_cancelled());
        assert!(
            flights.under_way.lock().unwrap().is_empty(),
            "nothing is left behind"
        );
    }
}
