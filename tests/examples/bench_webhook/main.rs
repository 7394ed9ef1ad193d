//! `porthole webhook` under load, against a handler on axum and rustls that reads the same bodies and does nothing.
//!
//! The load comes from a process of its own, over kept connections with TLS: reviews of 1,000 different pods of 200 service
//! accounts with 50 credential specs. A stand-in of an API server, a third process, answers access reviews; answers are asked
//! again after ten seconds, beside the reviews that use them: only the first of each waits. The two servers are loaded in turn;
//! what counts is the median of the ratios of pairs. The handler that does nothing answers with as many bytes as the webhook.
//!
//! Asked is: of a mutate with one credential spec 0.7 of the requests a second, of a validate with five 0.5; the slowest
//! hundredth within three times; private memory below 12 MiB at rest, and below 40 MiB with 10,000 credential specs; ready
//! within 200 ms of the start; and no growth while 10,000 credential specs and 1,000 roles change all the time, for as many
//! minutes as the argument says (1 where there is none).
//!
//! Told beside these, with nothing asked of it, are first uses: validates of service accounts that never were, each of which
//! waits for an access review. The stand-in of the API server takes its part of the processors then.
//!
//! Needs porthole built with `--release`.

mod cluster;
mod load;
mod memory;
mod nothing;
mod pods;
mod server;

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use porthole_tests::bench::{finish, median_of, work};
use porthole_tests::failure::{Doing, Failure, Result};
use porthole_tests::{program, wait};

use load::Told;
use memory::private;
use pods::Kind;

/// Pairs of loads of each kind, after one that is not counted.
const ROUNDS: usize = 5;
const SECONDS: u64 = 4;
const LIMIT: Duration = Duration::from_secs(30);
/// Starts of which the median counts.
const STARTS: usize = 5;
const FEW: usize = 50;
const MANY: usize = 10_000;
const ROLES: usize = 1_000;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["nothing", directory] => nothing::serve(Path::new(directory)).map(|()| true),
        ["cluster", directory, specs, roles, changes] => {
            cluster::serve(Path::new(directory), specs, roles, changes).map(|()| true)
        }
        ["load", directory, address, kind, bytes] => {
            load::run(Path::new(directory), address, kind, bytes).map(|()| true)
        }
        [] => measure(1),
        [minutes] => minutes
            .parse()
            .doing(format!("read the minutes of `{minutes}`"))
            .and_then(measure),
        _ => Err(Failure::new(
            "read the command line",
            "one number of minutes is taken",
        )),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("bench_webhook: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn measure(minutes: u64) -> Result<bool> {
    let directory = work("bench-webhook")?;
    server::certificates(&directory)?;
    let mut good = loads(&directory)?;
    good &= rest(&directory)?;
    good &= changes(&directory, minutes)?;
    Ok(good)
}

/// Prints a figure with its limit; whether it keeps to it.
fn at_most(what: &str, figure: f64, unit: &str, allowed: f64) -> bool {
    println!("{what}: {figure:.2}{unit} (allowed: {allowed}{unit})");
    figure <= allowed
}

fn at_least(what: &str, figure: f64, asked: f64) -> bool {
    println!("{what}: {figure:.2} (asked: {asked})");
    figure >= asked
}

/// Both servers under load, in turn.
fn loads(directory: &Path) -> Result<bool> {
    let cluster = Cluster::start(directory, FEW, 0, 0)?;
    let webhook = Webhook::start(directory, &cluster)?;
    let nothing = Helper::start(&["nothing", &directory.display().to_string()])?;
    let mut good = true;
    for (kind, asked) in [(Kind::Mutate, 0.7), (Kind::Validate, 0.5)] {
        let ratios = pairs(directory, &webhook, &nothing, kind)?;
        let called = kind.called();
        good &= at_least(&format!("{called}, requests a second"), ratios.rate, asked);
        good &= at_most(&format!("{called}, p99"), ratios.p99, " times", 3.0);
    }
    let asked = || webhook.metric("porthole_webhook_api_requests_total");
    let before = asked()?;
    println!("the API server was asked {before:.0} times during this");
    let ratios = pairs(directory, &webhook, &nothing, Kind::First)?;
    println!(
        "{}: requests a second {:.2}, p99 {:.2} times (nothing is asked of these); the API server was asked {:.0} times",
        Kind::First.called(),
        ratios.rate,
        ratios.p99,
        asked()? - before,
    );
    Ok(good)
}

/// What the webhook comes to where the handler that does nothing is 1.
struct Ratios {
    rate: f64,
    p99: f64,
}

/// Pairs of loads of a kind.
fn pairs(directory: &Path, webhook: &Webhook, nothing: &Helper, kind: Kind) -> Result<Ratios> {
    let mut of_webhook = Vec::new();
    let mut of_nothing = Vec::new();
    let mut bytes = 0;
    for _ in 0..=ROUNDS {
        let told = load(directory, &webhook.address, kind, 0)?;
        bytes = told.bytes;
        of_webhook.push(told);
        of_nothing.push(load(directory, &nothing.said, kind, bytes)?);
    }
    let (of_webhook, of_nothing) = (&of_webhook[1..], &of_nothing[1..]);
    let ratio = |of: fn(&Told) -> f64| {
        let ratios = of_webhook.iter().zip(of_nothing);
        median_of(ratios.map(|(one, other)| of(one) / of(other)).collect())
    };
    let median = |all: &[Told], of: fn(&Told) -> f64| median_of(all.iter().map(of).collect());
    println!(
        "{}: answers of {bytes} bytes; {:.0} requests/s against {:.0}; p50 {:.2} ms against {:.2}, p99 {:.2} ms against {:.2}",
        kind.called(),
        median(of_webhook, |told| told.rate),
        median(of_nothing, |told| told.rate),
        median(of_webhook, |told| told.p50),
        median(of_nothing, |told| told.p50),
        median(of_webhook, |told| told.p99),
        median(of_nothing, |told| told.p99),
    );
    Ok(Ratios {
        rate: ratio(|told| told.rate),
        p99: ratio(|told| told.p99),
    })
}

/// A webhook that nobody asks: memory, and how fast it is ready.
fn rest(directory: &Path) -> Result<bool> {
    let cluster = Cluster::start(directory, FEW, 0, 0)?;
    let mut starts = Vec::new();
    let mut idle = 0.0_f64;
    for _ in 0..STARTS {
        let webhook = Webhook::start(directory, &cluster)?;
        starts.push(webhook.ready.as_secs_f64() * 1000.0);
        idle = idle.max(private(webhook.process.id())?);
    }
    let ready = at_most("ready after its start", median_of(starts), " ms", 200.0);
    let memory = at_most("private memory at rest", idle, " MiB", 12.0);
    Ok(ready && memory)
}

/// Memory with many credential specs, and while they and roles change.
fn changes(directory: &Path, minutes: u64) -> Result<bool> {
    let cluster = Cluster::start(directory, MANY, ROLES, 0)?;
    let webhook = Webhook::start(directory, &cluster)?;
    let many = at_most(
        &format!("private memory with {MANY} credential specs"),
        private(webhook.process.id())?,
        " MiB",
        40.0,
    );
    drop((webhook, cluster));
    let cluster = Cluster::start(directory, MANY, ROLES, 500)?;
    let webhook = Webhook::start(directory, &cluster)?;
    // What every buffer grows to once is no growth.
    let whole = Duration::from_secs(60 * minutes);
    std::thread::sleep(whole / 4);
    let early = private(webhook.process.id())?;
    let until = Instant::now() + whole * 3 / 4;
    let mut late = early;
    while Instant::now() < until {
        std::thread::sleep(Duration::from_secs(1));
        late = private(webhook.process.id())?;
    }
    let growth = (late - early) / early;
    println!("private memory, {early:.2} MiB after a quarter of the time, {late:.2} MiB at the end");
    let steady = at_most(
        &format!("growth in {minutes} minutes of 500 changes a second"),
        growth,
        "",
        0.05,
    );
    Ok(many && steady)
}

fn load(directory: &Path, address: &str, kind: Kind, bytes: usize) -> Result<Told> {
    let mut load = Command::new(own_program()?);
    load.arg("load")
        .arg(directory)
        .args([address, kind.name(), &bytes.to_string()]);
    Told::read(&finish(&mut load)?)
}

fn own_program() -> Result<PathBuf> {
    std::env::current_exe().doing("find this program")
}

/// A process that is killed when this is dropped, and has printed a line.
struct Helper {
    process: Child,
    said: String,
}

impl Helper {
    fn start(arguments: &[&str]) -> Result<Self> {
        let what = format!("start `{}`", arguments.join(" "));
        let mut process = Command::new(own_program()?)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .doing(&what)?;
        let out = process.stdout.take();
        let mut helper = Self {
            process,
            said: String::new(),
        };
        if let Some(out) = out {
            BufReader::new(out).read_line(&mut helper.said).doing(&what)?;
        }
        helper.said.truncate(helper.said.trim_end().len());
        if helper.said.is_empty() {
            return Err(Failure::new(what, "it ended without a word"));
        }
        Ok(helper)
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The stand-in of an API server, and the kubeconfig that leads to it.
struct Cluster {
    _process: Helper,
    kubeconfig: PathBuf,
}

impl Cluster {
    fn start(directory: &Path, specs: usize, roles: usize, changes: usize) -> Result<Self> {
        let place = directory.display().to_string();
        let numbers = [specs, roles, changes].map(|number| number.to_string());
        let [specs, roles, changes] = &numbers;
        let process = Helper::start(&["cluster", &place, specs, roles, changes])?;
        let kubeconfig = directory.join("kubeconfig");
        let text = cluster::kubeconfig(directory, &process.said);
        std::fs::write(&kubeconfig, text).doing(format!("write `{}`", kubeconfig.display()))?;
        Ok(Self {
            _process: process,
            kubeconfig,
        })
    }
}

struct Webhook {
    process: Child,
    address: String,
    agent: ureq::Agent,
    /// How long it took until it was ready.
    ready: Duration,
}

impl Webhook {
    fn start(directory: &Path, cluster: &Cluster) -> Result<Self> {
        let port = server::free_port()?.to_string();
        let address = format!("127.0.0.1:{port}");
        let agent = server::agent(directory)?;
        let begun = Instant::now();
        let process = Command::new(program::target()?.join("release").join("porthole"))
            .args([
                "webhook",
                "--address=127.0.0.1",
                "--log-level=warn",
                "--port",
                &port,
                "--kubeconfig",
            ])
            .arg(&cluster.kubeconfig)
            .arg("--tls-cert")
            .arg(directory.join("tls.crt"))
            .arg("--tls-key")
            .arg(directory.join("tls.key"))
            .env_remove("KUBECONFIG")
            .stdin(Stdio::null())
            .spawn()
            .doing("start porthole webhook")?;
        let mut webhook = Self {
            process,
            address,
            agent,
            ready: Duration::ZERO,
        };
        wait::until("porthole webhook to be ready", LIMIT, || {
            Ok(webhook.get("/readyz").ok().filter(|(status, _)| *status == 200))
        })?;
        webhook.ready = begun.elapsed();
        Ok(webhook)
    }

    fn get(&self, path: &str) -> Result<(u16, String)> {
        let what = format!("GET {path}");
        let mut answer = self
            .agent
            .get(format!("https://{}{path}", self.address))
            .call()
            .doing(&what)?;
        let body = answer.body_mut().read_to_string().doing(&what)?;
        Ok((answer.status().as_u16(), body))
    }

    /// The sum of a measurement over all its labels.
    fn metric(&self, name: &str) -> Result<f64> {
        let (_, text) = self.get("/metrics")?;
        let values = text.lines().filter(|line| line.starts_with(name));
        Ok(values
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum())
    }
}

impl Drop for Webhook {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
