//! `cargo xtask oracle`: what it does once there is a server's program.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use porthole_oracle::coverage::Counts;
use porthole_oracle::record;
use porthole_oracle::run::{Outcome, Pair};
use porthole_oracle::{Generator, server};
use porthole_pod::{Gates, Options, Version};
use porthole_tests::failure::{Doing, Failure, Result};
use porthole_tests::kubernetes::programs::NEWEST;
use porthole_tests::kubernetes::{ApiServer, Client, Settings};

const USAGE: &str = "usage: cargo xtask oracle [OPTION VALUE]…

  --count N             how many objects are asked about (1000)
  --seed S              what the objects follow from; `fresh` for one of the clock's, which is printed (1)
  --kubernetes V        the server's version (the newest)
  --feature-gates …     NAME=true|false, with commas between
  --kinds …             the kinds of the objects, with commas between (all that hold pods, and those beside them)
  --ask WHAT            `creations` or `changes`: the objects are created then, and deleted (creations)
  --server URL          a server that runs already, with --token; else one is started
  --token TOKEN         of one who may do everything there
  --record FILE         keeps the answers
  --save DIRECTORY      where the least of each disagreement is kept (tests/fixtures/oracle/1.NN)
  --report FILE         where the counts of the rules are written, added to those that are there
  --allow-privileged B  `false` for a server that takes no privileged containers (true)

Ends with 3 where there is a disagreement.";

/// How a run ends that found a disagreement.
const DISAGREEMENT: u8 = 3;
/// A server that panics more often than over one object in so many compares nothing.
const PANICS_ONE_IN: u64 = 100;
/// Answers of more bytes are not kept: the files are in the repository.
const RECORDED: usize = 4000;

struct Command {
    count: u64,
    seed: u64,
    kubernetes: String,
    gates: String,
    kinds: Vec<String>,
    changes: bool,
    privileged: bool,
    server: Option<String>,
    token: String,
    record: Option<PathBuf>,
    save: Option<PathBuf>,
    report: Option<PathBuf>,
}

impl Command {
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self> {
        let what = "read the command line";
        let mut command = Self {
            count: 1000,
            seed: 1,
            kubernetes: NEWEST.to_owned(),
            gates: String::new(),
            kinds: Vec::new(),
            changes: false,
            privileged: true,
            server: None,
            token: String::new(),
            record: None,
            save: None,
            report: None,
        };
        while let Some(option) = arguments.next() {
            let value = arguments
                .next()
                .ok_or_else(|| Failure::new(what, format!("`{option}` has no value\n\n{USAGE}")))?;
            let number = || value.parse::<u64>().doing(format!("read `{option} {value}`"));
            match option.as_str() {
                "--count" => command.count = number()?,
                "--seed" if value == "fresh" => command.seed = fresh(),
                "--seed" => command.seed = number()?,
                "--kubernetes" => value.trim_start_matches('v').clone_into(&mut command.kubernetes),
                "--feature-gates" => command.gates = value,
                "--kinds" => command.kinds = value.split(',').map(str::to_owned).collect(),
                "--ask" if matches!(value.as_str(), "creations" | "changes") => {
                    command.changes = value == "changes";
                }
                "--allow-privileged" => {
                    command.privileged = value.parse().doing(format!("read `{option} {value}`"))?;
                }
                "--server" => command.server = Some(value),
                "--token" => command.token = value,
                "--record" => command.record = Some(value.into()),
                "--save" => command.save = Some(value.into()),
                "--report" => command.report = Some(value.into()),
                _ => {
                    return Err(Failure::new(
                        what,
                        format!("unknown option `{option}`\n\n{USAGE}"),
                    ));
                }
            }
        }
        Ok(command)
    }

    fn version(&self) -> Result<Version> {
        let minor = self
            .kubernetes
            .split('.')
            .nth(1)
            .and_then(|minor| minor.parse().ok());
        minor.and_then(Version::new).ok_or_else(|| {
            Failure::new(
                format!("read the version `{}`", self.kubernetes),
                "write it as 1.37.0",
            )
        })
    }

    fn start(&self) -> Result<ApiServer> {
        let mut settings = Settings::of(&self.kubernetes)
            .allow_privileged(self.privileged)
            // Services may ask for both families of addresses.
            .argument("--service-cluster-ip-range=10.0.0.0/24,fd00::/112");
        for gate in self.gates.split(',').filter(|gate| !gate.is_empty()) {
            let (name, on) = gate.split_once('=').unwrap_or((gate, "true"));
            settings = settings.feature_gate(name, on == "true");
        }
        ApiServer::start(&settings)
    }

    fn run(&self) -> Result<ExitCode> {
        let version = self.version()?;
        let options = Options {
            gates: Gates::parse(&self.gates, version)
                .doing(format!("read `--feature-gates {}`", self.gates))?,
            allow_privileged: self.privileged,
            ..Options::of(version)
        };
        let started = self.server.is_none().then(|| self.start()).transpose()?;
        let client = match (&started, &self.server) {
            (Some(started), _) => Client::new(started)?,
            (None, address) => Client::of_running(address.as_deref().unwrap_or_default(), &self.token),
        };
        server::prepare(&client)?;
        println!("Kubernetes {version}, seed {}, {} objects", self.seed, self.count);
        let generator = Generator {
            version,
            seed: self.seed,
            kinds: self.kinds.clone(),
        };
        let pair = Pair {
            client: &client,
            options,
        };
        let outcome = if self.changes {
            pair.run_changes(&generator, 0..self.count)?
        } else {
            pair.run(&generator, 0..self.count)?
        };
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/oracle");
        let directory = directory.join(match self.gates.as_str() {
            "" => version.to_string(),
            gates => format!("{version}-{gates}"),
        });
        self.show(&outcome, self.save.as_deref().unwrap_or(&directory))?;
        if let Some(path) = &self.record {
            let short = outcome
                .recorded
                .iter()
                .filter(|recorded| recorded.line().len() <= RECORDED);
            record::write(path, &short.cloned().collect::<Vec<_>>())?;
        }
        if let Some(path) = &self.report {
            report(path, &outcome)?;
        }
        let panics = u64::try_from(outcome.panics.len()).unwrap_or(u64::MAX);
        if panics > self.count / PANICS_ONE_IN {
            return Err(Failure::new(
                "compare answers",
                format!("the server panicked over {panics} of {} objects", self.count),
            ));
        }
        Ok(if outcome.different == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(DISAGREEMENT)
        })
    }

    fn show(&self, outcome: &Outcome, directory: &Path) -> Result<()> {
        for found in &outcome.disagreements {
            println!(
                "\n{} × {} (first: object {})",
                found.count, found.what, found.index
            );
            println!("  {}  in {}", found.least.object, found.least.namespace);
            println!(
                "  server    {} {}",
                found.least.answer.code,
                found.least.answer.lines().join("\n            ")
            );
            println!(
                "  porthole  {} {}",
                found.ours.code,
                found.ours.lines().join("\n            ")
            );
            if let Some(old) = &found.least.old {
                println!("  it was    {old}");
            }
            let what = if self.changes { "change" } else { "object" };
            let path = directory.join(format!("seed-{}-{what}-{}.jsonl", self.seed, found.index));
            record::write(&path, std::slice::from_ref(&found.least))?;
        }
        let Outcome {
            objects,
            panics,
            taken,
            different,
            kinds,
            ..
        } = outcome;
        if let Some(first) = panics.first() {
            println!(
                "\nthe server panicked over {} more (first: object {first}), and had no answer",
                panics.len()
            );
        }
        println!(
            "\n{objects} objects, {taken} taken by the server, {different} disagreements of {kinds} kinds"
        );
        Ok(())
    }
}

/// Adds the counts of a run to those of a file, and says what was seen in all.
fn report(path: &Path, outcome: &Outcome) -> Result<()> {
    let mut counts = if path.exists() {
        let text = std::fs::read_to_string(path).doing(format!("read `{}`", path.display()))?;
        Counts::read(&text)
    } else {
        Counts::default()
    };
    counts.add(&outcome.coverage);
    println!("{}", counts.summary());
    std::fs::write(path, counts.table()).doing(format!("write `{}`", path.display()))
}

/// A seed of the clock's.
fn fresh() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::from(since.subsec_nanos()) ^ since.as_secs()
}

fn main() -> ExitCode {
    let run = || Command::read(std::env::args().skip(1))?.run();
    match run() {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("oracle: {failure}");
            ExitCode::FAILURE
        }
    }
}
