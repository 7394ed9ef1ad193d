//! `porthole check`: the cluster's verdict on manifests, offline.

mod gather;
mod github;
mod human;
mod json;
mod names;
mod print;
mod sarif;
mod snippet;
mod status;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use porthole_check::{File, Settings, Verdict, World, judge};
use porthole_pod::{Options, Severity, Version};

use crate::arguments::Global;
use crate::exit;
use crate::failure::Failure;
use crate::parallel;
use gather::Unreadable;

/// Options of `porthole check`.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Files, directories with all that is below them, `https://` URLs, or `-` for standard input
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The version of the cluster
    #[arg(long, value_name = "1.NN", default_value_t)]
    kubernetes_version: Version,
    /// The cluster's API server runs without --allow-privileged
    #[arg(long)]
    disallow_privileged: bool,
    /// The namespace of objects that name none
    #[arg(short, long, default_value = "default")]
    namespace: String,
    /// From which severity on a finding is a failure
    #[arg(long, value_name = "SEVERITY", value_enum, default_value_t)]
    fail_on: FailOn,
    /// How the findings are printed
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

/// From which severity on a finding is a failure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
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
pub(super) struct Judged<'a> {
    pub(super) file: &'a File,
    pub(super) verdicts: Vec<Verdict<'a>>,
}

/// Everything that is said.
pub(super) struct Outcome<'a> {
    pub(super) settings: &'a Settings,
    pub(super) unreadable: &'a [Unreadable],
    pub(super) files: Vec<Judged<'a>>,
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

impl Check {
    pub(crate) fn run(&self, global: &Global) -> Result<ExitCode, Failure> {
        let settings = self.settings();
        let (files, unreadable) = gather::read(&self.paths)?;
        let world = World::of(&files, &settings);
        let judged = parallel::map(&files, |file| Judged {
            file,
            verdicts: judge(file, &world, &settings),
        });
        let outcome = Outcome {
            settings: &settings,
            unreadable: &unreadable,
            files: judged,
        };
        match self.output {
            Output::Human => human::print(&outcome, global)?,
            Output::Json => json::print_json(&outcome)?,
            Output::Yaml => json::print_yaml(&outcome)?,
            Output::Sarif => sarif::print(&outcome)?,
            Output::Github => github::print(&outcome)?,
            Output::Status => status::print(&outcome)?,
        }
        Ok(if outcome.has(self.fail_on.severity()) {
            ExitCode::from(exit::NO)
        } else {
            ExitCode::SUCCESS
        })
    }

    fn settings(&self) -> Settings {
        Settings {
            options: Options {
                allow_privileged: !self.disallow_privileged,
                ..Options::of(self.kubernetes_version)
            },
            namespace: self.namespace.clone(),
        }
    }
}
