//! `porthole check`: the cluster's verdict on manifests, offline or with what a live cluster has.

mod cluster;
pub(super) mod config;
mod excerpt;
mod fixing;
pub(super) mod flags;
pub(super) mod gather;
mod github;
mod human;
mod json;
mod kinds;
mod kubectl;
pub(super) mod names;
mod pod_security;
mod sarif;
mod snippet;
mod status;
mod watch;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use porthole_check::{File, Live, Needs, Settings, Verdict, World, judge_documents};
use porthole_pod::Severity;
use serde::Deserialize;

use crate::arguments::Global;
use crate::exit;
use crate::failure::Failure;
use crate::parallel;
use cluster::ClusterFlags;
use config::Config;
use flags::Flags;
use gather::Unreadable;

/// Options of `porthole check`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct Check {
    /// Files, directories with all that is below them, `https://` URLs, or `-` for standard input
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Files or directories of the objects that the cluster already has: what is checked is then an update of those
    #[arg(long, value_name = "PATH")]
    old: Vec<PathBuf>,
    #[command(flatten)]
    flags: Flags,
    #[command(flatten)]
    cluster: ClusterFlags,
    /// From which severity on a finding is a failure [default: error]
    #[arg(long, value_name = "SEVERITY", value_enum)]
    fail_on: Option<FailOn>,
    /// Make the changes that findings propose and that are safe
    #[arg(long, conflicts_with_all = ["diff", "output"])]
    fix: bool,
    /// Print the changes that --fix would make
    #[arg(long, conflicts_with = "output")]
    diff: bool,
    /// With --fix and --diff: also changes that guess what is meant
    #[arg(long)]
    unsafe_fixes: bool,
    /// The settings, instead of the nearest .porthole.yaml
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print what `kubectl apply --dry-run=server` would, and exit as it does
    #[arg(long, conflicts_with_all = ["output", "fix", "diff", "fail_on"])]
    kubectl: bool,
    /// Check again whenever a file changes, until Ctrl-C
    #[arg(long, conflicts_with_all = ["kubectl", "fix", "diff"])]
    watch: bool,
    /// How the findings are printed
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

/// From which severity on a finding is a failure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
enum FailOn {
    /// What the cluster refuses, or what does not run
    #[default]
    Error,
    /// Also what does not work as it looks
    Warning,
    /// Also what could be better
    Advice,
}

impl FailOn {
    const fn severity(self) -> Severity {
        match self {
            Self::Error => Severity::Error,
            Self::Warning => Severity::Warning,
            Self::Advice => Severity::Advice,
        }
    }
}

/// How findings are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Output {
    /// With the lines of the source
    #[default]
    Human,
    /// One JSON document
    Json,
    /// The same as YAML
    Yaml,
    /// SARIF 2.1.0, for code hosts
    Sarif,
    /// Annotations of a GitHub workflow
    Github,
    /// The API server's answer to each object, one JSON document a line
    Status,
}

/// Everything that is said of a file.
struct Judged<'a> {
    file: &'a File,
    verdicts: Vec<Verdict<'a>>,
}

/// Everything that is said.
struct Outcome<'a> {
    settings: &'a Settings,
    unreadable: &'a [Unreadable],
    files: Vec<Judged<'a>>,
}

impl Outcome<'_> {
    /// Whether there is something that is no less than `severity`.
    fn has(&self, severity: Severity) -> bool {
        !self.unreadable.is_empty()
            || self.files.iter().any(|judged| {
                !judged.file.stream.errors.is_empty()
                    || judged
                        .verdicts
                        .iter()
                        .any(|verdict| verdict.severity() >= Some(severity))
            })
    }
}

/// Judges all files: pieces of them side by side, so that one long file has all processors too.
fn judge_all<'a>(
    files: &'a [File],
    world: &World<'_>,
    of_file: &(impl Fn(&str) -> Settings + Sync),
) -> Vec<Judged<'a>> {
    /// Documents that are judged in one go.
    const GO: usize = 64;
    let settings = parallel::map(files, |file| of_file(file.source.name()));
    let files = files.iter().zip(&settings);
    let pieces: Vec<_> = files
        .clone()
        .flat_map(|(file, settings)| {
            let goes = file.stream.documents.chunks(GO);
            goes.map(move |documents| (file, settings, documents))
        })
        .collect();
    let verdicts = parallel::map(&pieces, |(file, settings, documents)| {
        judge_documents(file, documents, world, settings)
    });
    let mut verdicts = verdicts.into_iter();
    let judged = files.map(|(file, _)| {
        let goes = file.stream.documents.len().div_ceil(GO);
        Judged {
            file,
            verdicts: verdicts.by_ref().take(goes).flatten().collect(),
        }
    });
    judged.collect()
}

impl Check {
    pub(crate) fn run(&self, global: &Global) -> Result<ExitCode, Failure> {
        if let Some(code) = self.kubectl.then(|| kubectl::missing(&self.paths)).flatten() {
            return Ok(code);
        }
        if self.watch {
            return watch::run(self, global);
        }
        self.once(global)
    }

    /// Checks once, and says what there is to say.
    fn once(&self, global: &Global) -> Result<ExitCode, Failure> {
        let config = Config::find(self.config.as_deref())?;
        let connected = self.cluster.connect(&self.flags, global)?;
        let told = connected
            .as_ref()
            .map(cluster::Connected::told)
            .unwrap_or_default();
        let cluster = self.flags.cluster(&config, told)?;
        let of_file = |name: &str| self.flags.settings(&config.asked_of(name), &cluster);
        let (mut files, unreadable) = gather::read(&self.paths, &config)?;
        let (old, unread) = gather::read(&self.old, &config)?;
        // Without the whole of what there is nothing can be said of changes.
        if let Some(unread) = unread.first() {
            return Err(Failure::unasked(format!("--old: {}", unread.reason)));
        }
        let settings = self.flags.settings(config.asked(), &cluster);
        let live = match &connected {
            Some(connected) => Some(connected.read(&Needs::of(&files, &of_file), global)?),
            None => None,
        };
        if self.diff || self.fix {
            let world = world(live.as_ref(), &files, &old, &settings);
            if self.diff {
                let changes = fixing::show(&files, &world, &of_file, self.unsafe_fixes)?;
                return Ok(ExitCode::from(if changes > 0 { exit::NO } else { 0 }));
            }
            fixing::write(&files, &world, &of_file, self.unsafe_fixes)?;
            // What is said is said of what is there now.
            files = gather::again(&files)?;
        }
        let world = world(live.as_ref(), &files, &old, &settings);
        let judged = judge_all(&files, &world, &of_file);
        let outcome = Outcome {
            settings: &settings,
            unreadable: &unreadable,
            files: judged,
        };
        if self.kubectl {
            let enforced = self.flags.namespace.as_deref();
            return kubectl::print(&outcome, &world, &of_file, enforced);
        }
        self.print(&outcome, global)?;
        let fail_on = self.fail_on.or(config.fail_on).unwrap_or_default();
        Ok(if outcome.has(fail_on.severity()) {
            ExitCode::from(exit::NO)
        } else {
            ExitCode::SUCCESS
        })
    }

    /// For programs that watch every run is a document: of JSON a line, of YAML one that begins with `---`.
    fn print(&self, outcome: &Outcome<'_>, global: &Global) -> Result<(), Failure> {
        match self.output {
            Output::Json if self.watch => json::print_line(outcome),
            Output::Yaml if self.watch => {
                crate::print::text("---\n")?;
                json::print_yaml(outcome)
            }
            Output::Human => human::print(outcome, global),
            Output::Json => json::print_json(outcome),
            Output::Yaml => json::print_yaml(outcome),
            Output::Sarif => sarif::print(outcome),
            Output::Github => github::print(outcome),
            Output::Status => status::print(outcome),
        }
    }
}

/// What the objects of the files are to each other and to what there is already.
fn world<'a>(
    live: Option<&'a Live>,
    files: &'a [File],
    old: &'a [File],
    settings: &'a Settings,
) -> World<'a> {
    let world = match live {
        Some(live) => World::in_cluster(live, files, settings),
        None => World::of(files, settings),
    };
    world.with_old(old, settings)
}
