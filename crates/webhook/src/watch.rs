//! List and watch: what there is, and from then on what changes, for as long as the server runs.
//!
//! A list is read in pages; a watch goes on from its version, is told by bookmarks how far it has come, and is opened
//! again from there when it ends. Where the server no longer knows that version (410) the list is read anew.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use porthole_cluster::encoded;
use serde_json::Value;
use tokio::time::{sleep, timeout};

use crate::api::{Api, ApiError, JSON};
use crate::log::Log;

/// Objects of a page.
const PAGE: u32 = 500;
/// The longest page.
const LONGEST_PAGE: usize = 64 << 20;
/// The longest line of a watch: an event with one object, of which the server keeps none larger than this.
const LONGEST_LINE: usize = 4 << 20;
/// The most objects of a list.
const MOST: usize = 200_000;
/// For how long a watch is asked to stay open, at least; at most twice as long. All of a server's clients do not come back at once.
const OPEN: u64 = 240;
/// The first wait after a failure; it doubles.
const FIRST_WAIT: Duration = Duration::from_millis(200);
/// The longest wait.
const LONGEST_WAIT: Duration = Duration::from_secs(15);

/// What has become of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// It is new, or another one than before.
    Put,
    /// It is gone.
    Gone,
}

/// Whoever keeps what is watched.
pub(crate) trait Follower: Send + Sync + 'static {
    /// What is kept of an object.
    type Kept: Send;

    /// Makes it of an object; nothing of one that is none.
    fn keep(&self, object: &Value) -> Option<Self::Kept>;

    /// These are all.
    fn replace(&self, all: Vec<Self::Kept>);

    /// One has changed.
    fn apply(&self, one: Self::Kept, change: Change);

    /// From now on changes are told, or no longer are.
    fn set_live(&self, live: bool);
}

/// What is followed.
pub(crate) struct Subject {
    /// Its path, such as `/apis/windows.k8s.io/v1/gmsacredentialspecs`.
    pub(crate) path: String,
    /// What it is called in the log.
    pub(crate) called: &'static str,
    /// How much is asked for.
    pub(crate) extent: Extent,
}

/// How much of each object is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// All of it.
    Whole,
    /// Its metadata alone; a server that cannot do that sends all of it.
    Metadata,
}

impl Extent {
    /// The media type of a list.
    pub(crate) const fn of_list(self) -> &'static str {
        match self {
            Self::Whole => JSON,
            Self::Metadata => {
                "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
            }
        }
    }

    /// The media type of one object, also of each that a watch tells of: a watch whose objects are asked for as lists ends
    /// with the first of them, without a word.
    pub(crate) const fn of_one(self) -> &'static str {
        match self {
            Self::Whole => JSON,
            Self::Metadata => "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json",
        }
    }
}

/// Why a round is over.
enum End {
    /// The watch has ended as they do; it goes on from this version.
    Over(String),
    /// The version is not known any more.
    Expired,
    Failed(ApiError),
}

/// Follows a subject for ever.
pub(crate) async fn follow<F: Follower>(api: Arc<Api>, subject: Subject, follower: Arc<F>, log: Log) {
    let mut round = Round {
        api,
        subject,
        follower,
        log,
        told: None,
    };
    let mut version: Option<String> = None;
    let mut wait = FIRST_WAIT;
    loop {
        let begun = Instant::now();
        let end = match version.take() {
            None => match round.list().await {
                Ok(listed) => {
                    version = Some(listed);
                    continue;
                }
                Err(error) => End::Failed(error),
            },
            Some(from) => {
                let end = round.watch(from.clone()).await;
                match end {
                    // A version that is not taken is no version to come back to.
                    End::Expired | End::Failed(ApiError::Status { code: 400, .. }) => {}
                    End::Over(ref heard) => version = Some(heard.clone()),
                    // What was heard up to the failure is heard once more: that does no harm.
                    End::Failed(_) => version = Some(from),
                }
                end
            }
        };
        if begun.elapsed() > LONGEST_WAIT {
            wait = FIRST_WAIT;
            if matches!(end, End::Over(_)) {
                continue;
            }
        }
        round.tell(end);
        sleep(wait.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

/// What every list and watch of a subject needs.
struct Round<F> {
    api: Arc<Api>,
    subject: Subject,
    follower: Arc<F>,
    log: Log,
    /// The failure that the log knows of.
    told: Option<ApiError>,
}

impl<F: Follower> Round<F> {
    fn tell(&mut self, end: End) {
        let of: &dyn std::fmt::Display = &self.subject.called;
        match end {
            End::Expired => self
                .log
                .info("the watch is too old: all are read again", &[("of", of)]),
            End::Failed(error) if self.told.as_ref() != Some(&error) => {
                self.log
                    .warn("the cluster cannot be watched", &[("of", of), ("reason", &error)]);
                self.told = Some(error);
            }
            End::Over(_) | End::Failed(_) => {}
        }
    }

    /// Reads all pages, and answers with their version.
    async fn list(&self) -> Result<String, ApiError> {
        let mut all = Vec::new();
        let mut next = String::new();
        loop {
            let mut path = format!("{}?limit={PAGE}", self.subject.path);
            if !next.is_empty() {
                path.push_str("&continue=");
                path.push_str(&encoded(&next));
            }
            let page = self
                .api
                .get(&path, self.subject.extent.of_list(), LONGEST_PAGE)
                .await?;
            let items = match &page["items"] {
                Value::Array(items) => items.as_slice(),
                Value::Null => &[],
                _ => return Err(ApiError::Strange("it is no list".to_owned())),
            };
            all.extend(items.iter().filter_map(|item| self.follower.keep(item)));
            if all.len() > MOST {
                return Err(ApiError::Strange(format!(
                    "the list has more than {MOST} objects"
                )));
            }
            let metadata = &page["metadata"];
            let more = metadata["continue"].as_str().unwrap_or_default();
            if more.is_empty() {
                let version = metadata["resourceVersion"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned();
                self.follower.replace(all);
                return Ok(version);
            }
            if more == next {
                let reason = "a page of the list goes on from where it began".to_owned();
                return Err(ApiError::Strange(reason));
            }
            more.clone_into(&mut next);
        }
    }

    /// Watches from a version until the watch ends.
    async fn watch(&mut self, from: String) -> End {
        let open = OPEN + fastrand::u64(0..OPEN);
        let path = format!(
            "{}?watch=1&allowWatchBookmarks=true&timeoutSeconds={open}&resourceVersion={}",
            self.subject.path,
            encoded(&from)
        );
        let body = match self.api.open(&path, self.subject.extent.of_one()).await {
            Ok(body) => body,
            Err(ApiError::Status { code: 410, .. }) => return End::Expired,
            Err(error) => return End::Failed(error),
        };
        self.follower.set_live(true);
        if self.told.take().is_some() {
            self.log
                .info("the cluster is watched again", &[("of", &self.subject.called)]);
        }
        let end = self
            .hear(Lines::new(body), from, Duration::from_secs(open + 30))
            .await;
        self.follower.set_live(false);
        end
    }

    /// Applies what a watch tells until it ends.
    async fn hear(&self, mut lines: Lines, from: String, limit: Duration) -> End {
        let mut version = from;
        let over = Instant::now() + limit;
        loop {
            let left = over.saturating_duration_since(Instant::now());
            let line = match timeout(left, lines.next()).await {
                Ok(Ok(Some(line))) => line,
                Ok(Ok(None) | Err(ApiError::Away(_))) | Err(_) => return End::Over(version),
                Ok(Err(error)) => return End::Failed(error),
            };
            let event: Value = match serde_json::from_slice(&line) {
                Ok(event) => event,
                Err(error) => return End::Failed(ApiError::Strange(error.to_string())),
            };
            let object = &event["object"];
            let change = match event["type"].as_str() {
                Some("ADDED" | "MODIFIED") => Some(Change::Put),
                Some("DELETED") => Some(Change::Gone),
                Some("BOOKMARK") => None,
                _ if object["code"] == 410 => return End::Expired,
                _ => {
                    let reason = object["message"].as_str().unwrap_or("an event of no known type");
                    return End::Failed(ApiError::Strange(crate::api::clean(reason)));
                }
            };
            if let (Some(change), Some(one)) = (change, self.follower.keep(object)) {
                self.follower.apply(one, change);
            }
            if let Some(heard) = object["metadata"]["resourceVersion"].as_str() {
                heard.clone_into(&mut version);
            }
        }
    }
}

/// The lines of a stream.
struct Lines {
    body: Incoming,
    buffer: Vec<u8>,
    /// Up to where the buffer was searched.
    searched: usize,
}

impl Lines {
    fn new(body: Incoming) -> Self {
        Self {
            body,
            buffer: Vec::new(),
            searched: 0,
        }
    }

    /// The next one, without its end; nothing behind the last.
    async fn next(&mut self) -> Result<Option<Vec<u8>>, ApiError> {
        loop {
            if let Some(end) = self.buffer[self.searched..]
                .iter()
                .position(|byte| *byte == b'\n')
            {
                let rest = self.buffer.split_off(self.searched + end + 1);
                let mut line = std::mem::replace(&mut self.buffer, rest);
                line.pop();
                self.searched = 0;
                return Ok(Some(line));
            }
            self.searched = self.buffer.len();
            if self.buffer.len() > LONGEST_LINE {
                return Err(ApiError::Strange(format!(
                    "an event is longer than {LONGEST_LINE} bytes"
                )));
            }
            match self.body.frame().await {
                None => return Ok(None),
                Some(Ok(frame)) => {
                    if let Some(bytes) = frame.data_ref() {
                        self.buffer.extend_from_slice(bytes);
                    }
                }
                Some(Err(error)) => return Err(ApiError::Away(error.to_string())),
            }
        }
    }
}
