//! `porthole stats`: what the containers that run use, and have used.

mod measure;
mod table;

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use porthole_runtime::Engine;
use porthole_runtime::pods::{Pod, Pods};

use crate::arguments::{Format, Global};
use crate::exit;
use crate::failure::{Attempt as _, Failure};
use crate::pods;
use crate::print;
use measure::{Meter, Report};

/// How often the table is drawn anew, and over how long the use of processors is measured.
const PERIOD: Duration = Duration::from_secs(1);
/// Disks are looked at so much less often: that takes time.
const DISK_PERIOD: Duration = Duration::from_secs(10);

/// Options of `porthole stats`.
#[derive(Debug, Args)]
#[command(after_help = measure::COUNTED)]
pub(crate) struct Stats {
    /// Pods: `NAME`, `NAMESPACE/NAME`, or the manifests that made them [default: all that run]
    #[arg(value_name = "POD")]
    pods: Vec<String>,
    /// The namespace of pods that are given by their names alone
    #[arg(short, long, default_value = "default")]
    namespace: String,
    /// One table, and no more
    #[arg(long)]
    no_stream: bool,
    /// How they are printed; JSON and YAML are printed once
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

impl Stats {
    pub(crate) fn run(&self, global: &Global) -> Result<ExitCode, Failure> {
        let (engine, all) = pods::open(global)?;
        let mut meter = Meter::default();
        // Asked for by name, a pod must be there; one that has ended uses nothing.
        let chosen = self.chosen(&all)?;
        meter.disks(&*engine, &chosen);
        meter.measure(&*engine, &chosen);
        std::thread::sleep(PERIOD);
        if self.output != Format::Human {
            let report = meter.measure(&*engine, &chosen);
            return print(self.output, &report);
        }
        if self.no_stream || !std::io::stdout().is_terminal() {
            let report = meter.measure(&*engine, &chosen);
            show(&table::render(&report))?;
            return Ok(ExitCode::SUCCESS);
        }
        self.watch(&*engine, &all, &mut meter)
    }

    /// Draws the table again and again, until Ctrl-C.
    fn watch(&self, engine: &dyn Engine, all: &Pods, meter: &mut Meter) -> Result<ExitCode, Failure> {
        let (stop, stopped) = std::sync::mpsc::channel();
        ctrlc::set_handler(move || {
            let _ = stop.send(());
        })
        .attempt(exit::OWN_FAILURE, || "listen for Ctrl-C".to_owned())?;
        let _screen = Screen::enter()?;
        let mut disks = Instant::now();
        loop {
            // One that was named has been removed meanwhile.
            let Ok(chosen) = self.chosen(all) else {
                return Ok(ExitCode::SUCCESS);
            };
            if disks.elapsed() >= DISK_PERIOD {
                meter.disks(engine, &chosen);
                disks = Instant::now();
            }
            let report = meter.measure(engine, &chosen);
            // From the top, each line to its end, and nothing below.
            let text = table::render(&report).replace('\n', "\x1b[K\r\n");
            show(&format!("\x1b[H{text}\x1b[K\r\nCtrl-C ends this\x1b[J"))?;
            match stopped.recv_timeout(PERIOD) {
                Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {}
                _ => return Ok(ExitCode::SUCCESS),
            }
        }
    }

    fn chosen(&self, all: &Pods) -> Result<Vec<Pod>, Failure> {
        let mut chosen = if self.pods.is_empty() {
            all.list().map_err(Failure::unasked)?
        } else {
            pods::select(all, &self.pods, &self.namespace)?
        };
        chosen.retain(Pod::is_alive);
        Ok(chosen)
    }
}

/// A second screen, which leaves the first as it was when this is dropped.
struct Screen(());

impl Screen {
    fn enter() -> Result<Self, Failure> {
        let screen = Self(());
        show("\x1b[?1049h\x1b[?25l")?;
        Ok(screen)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // A terminal that has vanished needs nothing.
        let _ = show("\x1b[?25h\x1b[?1049l");
    }
}

fn show(text: &str) -> Result<(), Failure> {
    print::plain(|out| out.write_all(text.as_bytes()))
}

fn print(format: Format, report: &Report) -> Result<ExitCode, Failure> {
    let text = match format {
        Format::Yaml => {
            serde_saphyr::to_string(report).attempt(exit::UNASKED, || "print the numbers".to_owned())?
        }
        _ => {
            serde_json::to_string_pretty(report).attempt(exit::UNASKED, || "print the numbers".to_owned())?
                + "\n"
        }
    };
    show(&text)?;
    Ok(ExitCode::SUCCESS)
}
