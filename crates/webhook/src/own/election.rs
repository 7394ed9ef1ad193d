//! Who leads: a Lease of `coordination.k8s.io/v1`, by the rules of client-go.
//!
//! A record counts from when it was seen to change, by this machine's own clock: what others' clocks say decides nothing.

use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};

use crate::log::timestamp;

/// For how long a record that does not change keeps others away.
const LEASE: Duration = Duration::from_secs(15);
/// For how long one leads after the last time that one could say so.
const RENEWAL: Duration = Duration::from_secs(10);
/// Between attempts.
const RETRY: Duration = Duration::from_secs(2);
/// How much longer others wait between attempts, at most, as a share.
const JITTER: f64 = 1.2;

/// One who would lead.
pub(crate) struct Candidate {
    /// Who that is; nobody else is called so.
    pub(crate) identity: String,
    namespace: String,
    lease: String,
    /// What was last seen, and since when.
    observed: Option<(Value, Instant)>,
    /// When the attempt began that has last said that this one leads.
    renewed: Option<Instant>,
}

/// What is to be sent.
#[derive(Debug, PartialEq)]
pub(crate) enum Attempt {
    /// Somebody else leads.
    Wait,
    Create(Value),
    Replace(Value),
}

impl Candidate {
    pub(crate) fn new(identity: String, namespace: &str, lease: &str) -> Self {
        Self {
            identity,
            namespace: namespace.to_owned(),
            lease: lease.to_owned(),
            observed: None,
            renewed: None,
        }
    }

    /// What to send about the Lease that was found.
    pub(crate) fn attempt(&mut self, found: Option<&Value>, now: Instant, clock: SystemTime) -> Attempt {
        let Some(found) = found else {
            self.observed = None;
            return Attempt::Create(json!({
                "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
                "metadata": {
                    "name": self.lease, "namespace": self.namespace,
                    "labels": super::labels(),
                },
                "spec": self.spec(0, &micros(clock), clock),
            }));
        };
        let spec = &found["spec"];
        if self.observed.as_ref().is_none_or(|(seen, _)| seen != spec) {
            self.observed = Some((spec.clone(), now));
        }
        let holder = spec["holderIdentity"].as_str().unwrap_or_default();
        let is_own = holder == self.identity;
        let since = self.observed.as_ref().map_or(now, |(_, since)| *since);
        if !holder.is_empty() && !is_own && since + duration(spec) > now {
            // Whatever was written before: it is somebody else's now.
            self.renewed = None;
            return Attempt::Wait;
        }
        let transitions = spec["leaseTransitions"].as_i64().unwrap_or_default();
        let acquired = spec["acquireTime"].as_str().filter(|_| is_own);
        let mut lease = found.clone();
        lease["spec"] = self.spec(
            if is_own {
                transitions
            } else {
                transitions.saturating_add(1)
            },
            &acquired.map_or_else(|| micros(clock), str::to_owned),
            clock,
        );
        Attempt::Replace(lease)
    }

    /// The Lease was written by an attempt that began then.
    pub(crate) fn succeeded(&mut self, lease: &Value, begun: Instant) {
        self.observed = Some((lease["spec"].clone(), begun));
        self.renewed = Some(begun);
    }

    /// Until when this one leads, if it does.
    pub(crate) fn leads_until(&self) -> Option<Instant> {
        self.renewed.map(|renewed| renewed + RENEWAL)
    }

    /// The Lease that leaves the place to others; nothing where it is not this one's.
    pub(crate) fn release(&mut self, found: &Value, clock: SystemTime) -> Option<Value> {
        self.renewed = None;
        let spec = &found["spec"];
        (spec["holderIdentity"] == self.identity.as_str()).then(|| {
            let now = micros(clock);
            let mut lease = found.clone();
            lease["spec"] = json!({
                "holderIdentity": "", "leaseDurationSeconds": 1, "acquireTime": now, "renewTime": now,
                "leaseTransitions": spec["leaseTransitions"].as_i64().unwrap_or_default(),
            });
            lease
        })
    }

    fn spec(&self, transitions: i64, acquired: &str, clock: SystemTime) -> Value {
        json!({
            "holderIdentity": self.identity, "leaseDurationSeconds": LEASE.as_secs(),
            "acquireTime": acquired, "renewTime": micros(clock), "leaseTransitions": transitions,
        })
    }

    /// How long to wait before the next attempt.
    pub(crate) fn pause(&self, now: Instant, random: f64) -> Duration {
        if self.leads_until().is_some_and(|until| until > now) {
            RETRY
        } else {
            RETRY + RETRY.mul_f64(random * JITTER)
        }
    }
}

/// For how long that record counts, within reason.
fn duration(spec: &Value) -> Duration {
    let said = spec["leaseDurationSeconds"].as_u64().map(Duration::from_secs);
    said.unwrap_or(LEASE).min(Duration::from_hours(1))
}

/// A time as Kubernetes' `MicroTime` is written.
fn micros(at: SystemTime) -> String {
    let millis = timestamp(at);
    format!("{}000Z", millis.trim_end_matches('Z'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLOCK: SystemTime = SystemTime::UNIX_EPOCH;

    fn candidate(name: &str) -> Candidate {
        Candidate::new(name.to_owned(), "ns", "lease")
    }

    fn written(attempt: Attempt) -> Value {
        match attempt {
            Attempt::Create(lease) | Attempt::Replace(lease) => lease,
            Attempt::Wait => panic!("it waits"),
        }
    }

    #[test]
    fn the_first_one_leads_until_it_does_not_say_so_any_more() {
        let (mut a, mut b) = (candidate("a"), candidate("b"));
        let begin = Instant::now();
        let after = |seconds| begin + Duration::from_secs(seconds);
        let lease = written(a.attempt(None, begin, CLOCK));
        assert_eq!(lease["spec"]["holderIdentity"], "a");
        assert_eq!(lease["spec"]["leaseDurationSeconds"], 15);
        assert_eq!(lease["spec"]["renewTime"], "1970-01-01T00:00:00.000000Z");
        a.succeeded(&lease, begin);
        assert_eq!(a.leads_until(), Some(after(10)));
        // What b's clock says of a's times does not matter.
        let far = CLOCK + Duration::from_hours(900_000);
        assert_eq!(b.attempt(Some(&lease), after(100), far), Attempt::Wait);
        assert_eq!(b.attempt(Some(&lease), after(114), far), Attempt::Wait);
        let renewed = written(a.attempt(Some(&lease), after(115), CLOCK + Duration::from_secs(9)));
        assert_eq!(renewed["spec"]["acquireTime"], lease["spec"]["acquireTime"]);
        assert_eq!(renewed["spec"]["leaseTransitions"], 0);
        assert_eq!(b.attempt(Some(&renewed), after(115), far), Attempt::Wait);
        assert_eq!(b.attempt(Some(&renewed), after(129), far), Attempt::Wait);
        let taken = written(b.attempt(Some(&renewed), after(130), far));
        assert_eq!(taken["spec"]["holderIdentity"], "b");
        assert_eq!(taken["spec"]["leaseTransitions"], 1);
        let late = written(a.attempt(Some(&renewed), after(131), CLOCK));
        a.succeeded(&late, after(131));
        assert_eq!(a.leads_until(), Some(after(141)));
        assert_eq!(a.attempt(Some(&taken), after(132), CLOCK), Attempt::Wait);
        assert_eq!(a.leads_until(), None, "somebody else holds it");
        assert_eq!(b.leads_until(), None, "not before it is written");
    }

    #[test]
    fn who_leaves_makes_place_at_once_and_nobody_else_is_made_to_leave() {
        let (mut a, mut b) = (candidate("a"), candidate("b"));
        let begin = Instant::now();
        let lease = written(a.attempt(None, begin, CLOCK));
        a.succeeded(&lease, begin);
        assert_eq!(b.release(&lease, CLOCK), None);
        assert_eq!(b.attempt(Some(&lease), begin, CLOCK), Attempt::Wait);
        let left = a.release(&lease, CLOCK).unwrap();
        assert_eq!(a.leads_until(), None);
        let taken = written(b.attempt(Some(&left), begin, CLOCK));
        assert_eq!(taken["spec"]["leaseTransitions"], 1);
    }

    #[test]
    fn a_record_that_is_none_is_taken() {
        for spec in [
            Value::Null,
            json!({"holderIdentity": 7}),
            json!({"leaseTransitions": "x"}),
        ] {
            let found = json!({"metadata": {"resourceVersion": "5"}, "spec": spec});
            let lease = written(candidate("a").attempt(Some(&found), Instant::now(), CLOCK));
            assert_eq!(lease["spec"]["holderIdentity"], "a");
            assert_eq!(
                lease["metadata"]["resourceVersion"], "5",
                "only that one is replaced"
            );
        }
    }

    #[test]
    fn who_waits_does_so_for_longer() {
        let mut a = candidate("a");
        let now = Instant::now();
        assert_eq!(a.pause(now, 0.5), Duration::from_millis(3200));
        a.succeeded(&json!({}), now);
        assert_eq!(a.pause(now, 0.5), RETRY);
    }
}
