//! `porthole check` of ten thousand Windows pods, against kubeconform, which knows the schema alone.
//!
//! All are whole processes, in turn; what counts is the median of the ratios of pairs, each of which ran in one and the
//! same moment of a machine that may be busy. Asked is, of `porthole check`:
//!
//! - of one file of 10,000 pods: the processor time against kubeconform's, the wall time against its own processor time (two
//!   processors or more), and the most memory against the size of the file;
//! - of twice as many pods: twice the processor time;
//! - of the same pods in 10,000 files: the processor time against that of the one file;
//! - of 500 files: the time until the first finding is printed;
//! - of one small file: the time of the whole process.
//!
//! The arguments are kubeconform and the schema that it is to use. Needs porthole built with `--release`.

mod measure;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use porthole_tests::bench::{median, ratio, work};
use porthole_tests::failure::{Doing, Failure, Result};
use porthole_tests::{program, windows_pods};

use measure::{Used, first_byte, run};

const PODS: usize = 10_000;
/// Runs of each of the long ones, after one that is not counted.
const ROUNDS: usize = 5;
/// Runs of each of the short ones, after one that is not counted.
const SHORT_ROUNDS: usize = 30;

fn main() -> ExitCode {
    match compare() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("bench_check: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Prints a figure with its limit; whether it keeps to it.
fn told(what: &str, figure: f64, unit: &str, allowed: f64) -> bool {
    println!("{what}: {figure:.2}{unit} (allowed: {allowed}{unit})");
    figure <= allowed
}

fn compare() -> Result<bool> {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(kubeconform), Some(schema)) = (arguments.next(), arguments.next()) else {
        return Err(Failure::new(
            "read the command line",
            "give kubeconform and its schema",
        ));
    };
    let places = Places::new()?;
    let check = |path: &Path| {
        let mut command = Command::new(&places.porthole);
        command.arg("check").arg(path);
        run(&mut command)
    };
    let peer = |path: &Path| {
        let mut command = Command::new(&kubeconform);
        command.args([OsStr::new("-schema-location"), &schema]).arg(path);
        run(&mut command)
    };
    let mut rounds: [Vec<Used>; 4] = Default::default();
    for round in 0..=ROUNDS {
        let used = [
            check(&places.one)?,
            peer(&places.one)?,
            check(&places.twice)?,
            check(&places.many)?,
        ];
        // The first fills caches.
        if round > 0 {
            rounds.iter_mut().zip(used).for_each(|(all, used)| all.push(used));
        }
    }
    let [one, kubeconform, twice, many] = rounds
        .each_ref()
        .map(|rounds| rounds.iter().map(|used| used.processor).collect::<Vec<_>>());
    let walls: Vec<_> = rounds[0].iter().map(|used| used.wall).collect();
    println!(
        "processor time, medians: porthole {:.0} ms (wall {:.0} ms), kubeconform {:.0} ms",
        median(&one),
        median(&walls),
        median(&kubeconform)
    );
    let size = std::fs::metadata(&places.one)
        .doing("ask for the size of the file")?
        .len();
    let memory = rounds[0].iter().map(|used| used.memory).max().unwrap_or(u64::MAX);
    #[expect(clippy::cast_precision_loss, reason = "sizes of files")]
    let of_input = memory as f64 / size as f64;
    let (small, first) = short(&places)?;
    let mut good = vec![
        told(
            "of kubeconform's processor time",
            ratio(&one, &kubeconform),
            "",
            0.2,
        ),
        told("the most memory, of the size of the input", of_input, "", 6.0),
        told(
            "of twice as many pods, half the processor time against that of the once",
            ratio(&twice, &one) / 2.0,
            "",
            1.2,
        ),
        told(
            "of 10,000 files, the processor time against that of the one",
            ratio(&many, &one),
            "",
            1.5,
        ),
        told("the first finding in 500 files", first, " ms", 100.0),
        told("a small file", small, " ms", 10.0),
    ];
    if std::thread::available_parallelism().is_ok_and(|processors| processors.get() > 1) {
        good.push(told(
            "wall time against processor time",
            ratio(&walls, &one),
            "",
            1.0,
        ));
    }
    Ok(good.iter().all(|good| *good))
}

/// Milliseconds that a small file takes, and that pass until the first finding in many files.
fn short(places: &Places) -> Result<(f64, f64)> {
    let (mut small, mut first) = (Vec::new(), Vec::new());
    for round in 0..=SHORT_ROUNDS {
        let mut one = Command::new(&places.porthole);
        let used = run(one.arg("check").arg(&places.small))?;
        let mut tree = Command::new(&places.porthole);
        let until = first_byte(tree.arg("check").arg(&places.tree))?;
        if round > 0 {
            small.push(used.wall);
            first.push(until);
        }
    }
    Ok((median(&small), median(&first)))
}

/// What is checked.
struct Places {
    porthole: PathBuf,
    /// All pods in one file.
    one: PathBuf,
    /// Twice as many in one file.
    twice: PathBuf,
    /// All pods, each in a file.
    many: PathBuf,
    /// 500 files, with a mistake in each.
    tree: PathBuf,
    /// One pod.
    small: PathBuf,
}

impl Places {
    fn new() -> Result<Self> {
        let work = work("bench-check")?;
        let places = Self {
            porthole: program::target()?.join("release").join("porthole"),
            one: work.join("pods.yaml"),
            twice: work.join("twice.yaml"),
            many: work.join("many"),
            tree: work.join("tree"),
            small: work.join("small.yaml"),
        };
        write(&places.one, &windows_pods::file(PODS))?;
        write(&places.twice, &windows_pods::file(2 * PODS))?;
        write(&places.small, &windows_pods::file(1))?;
        for directory in [&places.many, &places.tree] {
            std::fs::create_dir(directory).doing(format!("make `{}`", directory.display()))?;
        }
        for number in 0..PODS {
            write(
                &places.many.join(format!("{number}.yaml")),
                &windows_pods::document(number),
            )?;
        }
        for number in 0..500 {
            let wrong = windows_pods::document(number).replace("hostNetwork: true", "hostNetwork: false");
            write(&places.tree.join(format!("{number}.yaml")), &wrong)?;
        }
        Ok(places)
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).doing(format!("write `{}`", path.display()))
}
