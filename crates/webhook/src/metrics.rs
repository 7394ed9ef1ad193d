//! What is counted and measured, as Prometheus reads it.

use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use porthole_admission::decide::Outcome;

/// What the answer of `/metrics` is: the text format of `OpenMetrics`, which Prometheus reads.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Request {
    path: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Path {
    path: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Result {
    result: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Kind {
    problem: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct What {
    what: &'static str,
}

/// What is measured when somebody asks, and not before.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Gauged {
    pub(crate) namespaces: usize,
    pub(crate) specs: usize,
    pub(crate) spec_bytes: usize,
    pub(crate) synced: bool,
    pub(crate) age: Option<Duration>,
    pub(crate) answers: usize,
    pub(crate) certificate_until: i64,
    pub(crate) connections: usize,
}

/// Where reviews are answered.
const REVIEWS: [&str; 2] = ["/mutate", "/validate"];
/// How, mostly.
const OUTCOMES: [&str; 3] = ["allowed", "patched", "denied"];

/// What counts the answers to reviews, found once: to look for it takes a lock that all threads share, at every answer.
#[derive(Default)]
struct Often {
    requests: [OnceLock<Counter>; OUTCOMES.len()],
    durations: OnceLock<Histogram>,
}

/// The counters and their registry.
pub(crate) struct Metrics {
    registry: Registry,
    often: [Often; REVIEWS.len()],
    requests: Family<Request, Counter>,
    durations: Family<Path, Histogram>,
    problems: Family<Kind, Counter>,
    access: Family<Result, Counter>,
    api: Family<Result, Counter>,
    reloads: Family<Result, Counter>,
    rotations: Family<What, Counter>,
    authority_until: Gauge,
    leader: Gauge,
    host_accounts: Family<Result, Counter>,
    namespaces: Gauge,
    specs: Gauge,
    spec_bytes: Gauge,
    synced: Gauge,
    age: Gauge<f64, AtomicU64>,
    answers: Gauge,
    certificate_until: Gauge,
    connections: Gauge,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        // From half a millisecond to eight seconds.
        let histogram: fn() -> Histogram = || Histogram::new(exponential_buckets(0.0005, 2.0, 15));
        let mut metrics = Self {
            registry: Registry::with_prefix("porthole_webhook"),
            often: <[Often; REVIEWS.len()]>::default(),
            requests: Family::default(),
            durations: Family::new_with_constructor(histogram),
            problems: Family::default(),
            access: Family::default(),
            api: Family::default(),
            reloads: Family::default(),
            rotations: Family::default(),
            authority_until: Gauge::default(),
            leader: Gauge::default(),
            host_accounts: Family::default(),
            namespaces: Gauge::default(),
            specs: Gauge::default(),
            spec_bytes: Gauge::default(),
            synced: Gauge::default(),
            age: Gauge::default(),
            answers: Gauge::default(),
            certificate_until: Gauge::default(),
            connections: Gauge::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "requests",
            "Requests by path and outcome: allowed, patched, denied, or the HTTP status of a refusal",
            self.requests.clone(),
        );
        registry.register(
            "request_duration_seconds",
            "From the whole request to its answer",
            self.durations.clone(),
        );
        registry.register("problems", "What pods were refused for", self.problems.clone());
        registry.register(
            "access_reviews",
            "How it was known who may use a credential spec or a host account: hit, asked, stale or failed",
            self.access.clone(),
        );
        registry.register(
            "api_requests",
            "Requests to the API server by result: ok, the HTTP status, or away",
            self.api.clone(),
        );
        registry.register(
            "certificate_reloads",
            "Changes of the certificate: new, or kept where what is in its files could not be used",
            self.reloads.clone(),
        );
        registry.register(
            "certificate_rotations",
            "What this replica has written for certificates of the webhook's own: authority, certificate, restored, forgotten or bundle",
            self.rotations.clone(),
        );
        registry.register(
            "authority_not_after_seconds",
            "Until when the authority of the certificate in use is valid, since 1970, where the webhook keeps it",
            self.authority_until.clone(),
        );
        registry.register(
            "certificate_leader",
            "1 where this replica keeps the webhook's own certificates",
            self.leader.clone(),
        );
        registry.register(
            "host_accounts",
            "Pods that ask for accounts of their nodes: allowed, audited, warned, refused, or unknown where nobody can tell",
            self.host_accounts.clone(),
        );
        registry.register(
            "namespaces",
            "Namespaces whose label is held",
            self.namespaces.clone(),
        );
        registry.register(
            "credential_specs",
            "Credential specs that are held",
            self.specs.clone(),
        );
        registry.register(
            "credential_specs_bytes",
            "Their contents together, as JSON",
            self.spec_bytes.clone(),
        );
        registry.register(
            "store_synced",
            "1 where all credential specs were read",
            self.synced.clone(),
        );
        registry.register(
            "store_age_seconds",
            "For how long the API server has told of no changes: 0 while it would",
            self.age.clone(),
        );
        registry.register(
            "access_answers",
            "Answers of access reviews that are held",
            self.answers.clone(),
        );
        registry.register(
            "certificate_not_after_seconds",
            "Until when the certificate in use is valid, since 1970",
            self.certificate_until.clone(),
        );
        registry.register("connections", "Open connections", self.connections.clone());
    }

    /// An answer to a request.
    pub(crate) fn answered(&self, path: &'static str, outcome: &'static str, after: Duration) {
        let request = || self.requests.get_or_create(&Request { path, outcome }).clone();
        let duration = || self.durations.get_or_create(&Path { path }).clone();
        let place = |names: &[&str], name| names.iter().position(|known| *known == name);
        let seconds = after.as_secs_f64();
        let Some(often) = place(&REVIEWS, path).map(|place| &self.often[place]) else {
            request().inc();
            duration().observe(seconds);
            return;
        };
        match place(&OUTCOMES, outcome) {
            Some(outcome) => often.requests[outcome].get_or_init(request).inc(),
            None => request().inc(),
        };
        often.durations.get_or_init(duration).observe(seconds);
    }

    /// What a pod was refused for.
    pub(crate) fn refused(&self, problem: &'static str) {
        self.problems.get_or_create(&Kind { problem }).inc();
    }

    /// How it was known who may.
    pub(crate) fn access(&self, result: &'static str) {
        self.access_times(result, 1);
    }

    /// The same, so many times.
    pub(crate) fn access_times(&self, result: &'static str, times: u64) {
        self.access.get_or_create(&Result { result }).inc_by(times);
    }

    /// What came of a request to the API server.
    pub(crate) fn api(&self, result: &'static str) {
        self.api.get_or_create(&Result { result }).inc();
    }

    /// What came of changed files.
    pub(crate) fn reloaded(&self, result: &'static str) {
        self.reloads.get_or_create(&Result { result }).inc();
    }

    /// What was written for certificates of one's own.
    pub(crate) fn rotated(&self, what: &'static str) {
        self.rotations.get_or_create(&What { what }).inc();
    }

    /// Until when the authority of the certificate in use is valid.
    pub(crate) fn authority(&self, until: i64) {
        self.authority_until.set(until);
    }

    /// Whether this replica keeps the certificates.
    pub(crate) fn leads(&self, leads: bool) {
        self.leader.set(i64::from(leads));
    }

    /// What came of the accounts of nodes that a pod asks for.
    pub(crate) fn host_accounts(&self, outcome: Outcome) {
        let result = match outcome {
            Outcome::Allowed => "allowed",
            Outcome::Audited => "audited",
            Outcome::Warned => "warned",
            Outcome::Refused => "refused",
            Outcome::Unknown => "unknown",
        };
        self.host_accounts.get_or_create(&Result { result }).inc();
    }

    /// All of it as text, with what is measured now.
    pub(crate) fn render(&self, now: &Gauged) -> String {
        let whole = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        self.namespaces.set(whole(now.namespaces));
        self.specs.set(whole(now.specs));
        self.spec_bytes.set(whole(now.spec_bytes));
        self.synced.set(i64::from(now.synced));
        self.age.set(now.age.unwrap_or_default().as_secs_f64());
        self.answers.set(whole(now.answers));
        self.certificate_until.set(now.certificate_until);
        self.connections.set(whole(now.connections));
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = text::encode(&mut text, &self.registry);
        text
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn counts_and_measures_are_told_in_openmetrics() {
        let metrics = Metrics::new();
        metrics.answered("/mutate", "patched", Duration::from_millis(3));
        metrics.answered("/mutate", "patched", Duration::from_millis(3));
        metrics.access("hit");
        metrics.refused("gmsa-unauthorized");
        let text = metrics.render(&Gauged {
            specs: 7,
            synced: true,
            age: Some(Duration::from_millis(1500)),
            certificate_until: 1_900_000_000,
            ..Gauged::default()
        });
        for line in [
            "porthole_webhook_requests_total{path=\"/mutate\",outcome=\"patched\"} 2",
            "porthole_webhook_request_duration_seconds_count{path=\"/mutate\"} 2",
            "porthole_webhook_request_duration_seconds_bucket{le=\"0.004\",path=\"/mutate\"} 2",
            "porthole_webhook_problems_total{problem=\"gmsa-unauthorized\"} 1",
            "porthole_webhook_access_reviews_total{result=\"hit\"} 1",
            "porthole_webhook_credential_specs 7",
            "porthole_webhook_store_synced 1",
            "porthole_webhook_store_age_seconds 1.5",
            "porthole_webhook_certificate_not_after_seconds 1900000000",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }

    #[test]
    fn the_dashboard_shows_all_that_is_measured_and_nothing_else() {
        const PREFIX: &str = "porthole_webhook_";
        let plain = |name: &str| {
            let suffixes = ["_bucket", "_count", "_sum", "_total"];
            let cut = suffixes.iter().find_map(|suffix| name.strip_suffix(suffix));
            cut.unwrap_or(name).to_owned()
        };
        // What was never counted is not told.
        let metrics = Metrics::new();
        metrics.answered("/mutate", "patched", Duration::ZERO);
        metrics.refused("gmsa-unauthorized");
        metrics.access("hit");
        metrics.api("ok");
        metrics.reloaded("new");
        metrics.rotated("authority");
        metrics.host_accounts(Outcome::Refused);
        let text = metrics.render(&Gauged::default());
        let measured: BTreeSet<String> = text
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
            .map(plain)
            .collect();
        let dashboard = include_str!("../../../deploy/grafana-dashboard.json");
        let dashboard: serde_json::Value = serde_json::from_str(dashboard).unwrap();
        let mut shown = BTreeSet::new();
        for panel in dashboard["panels"].as_array().unwrap() {
            for target in panel["targets"].as_array().unwrap() {
                let query = target["expr"].as_str().unwrap();
                assert_eq!(query.matches('(').count(), query.matches(')').count(), "{query}");
                for (at, _) in query.match_indices(PREFIX) {
                    let mut parts = query[at..].split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
                    shown.extend(parts.next().map(plain));
                }
            }
        }
        assert_eq!(shown, measured);
    }
}
