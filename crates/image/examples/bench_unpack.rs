//! Compares unpacking a layer, with all checks, with `tar -xzf`, which has none: `bench_unpack [ROUNDS [DIRECTORY]]`.
//!
//! The layer has 500 MB in 10,000 small files and 20 large ones. Both sides take turns, and the ratio of their
//! medians is what counts. Fails if porthole is slower than 80 % of tar's speed or holds 32 MiB of private memory.

use std::error::Error;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use porthole_image::tar::{Facts, Writer};
use porthole_image::unpack::{self, Expected, Form, Limits};
use porthole_image::{Digest, Hasher};

const SMALL: usize = 10_000;
const SMALL_SIZE: usize = 10_000;
const LARGE: usize = 20;
const LARGE_SIZE: usize = 20_000_000;
const SPEED: f64 = 0.8;
const MEMORY: u64 = 32 << 20;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let first = arguments.next();
    if first.as_deref() == Some("--unpack") {
        let paths: Vec<PathBuf> = arguments.by_ref().take(2).map(PathBuf::from).collect();
        let [layer, target] = paths.as_slice() else {
            return Err("--unpack LAYER TARGET DIGEST DIFF_ID".into());
        };
        let digest: Digest = arguments.next().ok_or("no digest")?.parse()?;
        let diff_id: Digest = arguments.next().ok_or("no diff ID")?.parse()?;
        let expected = Expected {
            digest: &digest,
            diff_id: &diff_id,
        };
        let file = File::open(layer)?;
        unpack::layer(
            file,
            unpack::Compression::Gzip,
            &expected,
            Form::layer(false),
            target,
            &Limits::default(),
        )?;
        println!("{}", private_memory()?);
        return Ok(ExitCode::SUCCESS);
    }
    let rounds: usize = first.map_or(Ok(7), |text| text.parse())?;
    let place = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let work = tempfile::tempdir_in(place)?;
    let layer = work.path().join("layer.tar.gz");
    let (digest, diff_id) = make(&layer)?;
    println!(
        "layer: {} bytes compressed, {SMALL} small files and {LARGE} large ones",
        fs::metadata(&layer)?.len()
    );

    let (mut tar, mut ours, mut memory) = (Vec::new(), Vec::new(), 0);
    for round in 0..=rounds {
        let target = work.path().join("target");
        fs::create_dir(&target)?;
        let (took, _) = run(Command::new("tar").arg("-xzf").arg(&layer).arg("-C").arg(&target))?;
        fs::remove_dir_all(&target)?;
        let mut command = Command::new(std::env::current_exe()?);
        command
            .arg("--unpack")
            .arg(&layer)
            .arg(&target)
            .arg(digest.as_str())
            .arg(diff_id.as_str());
        let (our, output) = run(&mut command)?;
        fs::remove_dir_all(&target)?;
        // The first round only fills the page cache.
        if round > 0 {
            println!(
                "round {round}: tar {:.3} s, porthole {:.3} s",
                took.as_secs_f64(),
                our.as_secs_f64()
            );
            tar.push(took);
            ours.push(our);
        }
        memory = memory.max(output.trim().parse::<u64>()?);
    }
    let speed = median(&mut tar).as_secs_f64() / median(&mut ours).as_secs_f64();
    println!("speed: {speed:.2} of tar -xzf (at least {SPEED} is asked)");
    #[expect(
        clippy::cast_precision_loss,
        reason = "a figure with one digit after the point"
    )]
    let mebibytes = memory as f64 / f64::from(1 << 20);
    println!(
        "private memory: {mebibytes:.1} MiB (less than {} MiB is asked)",
        MEMORY >> 20
    );
    Ok(if speed >= SPEED && memory < MEMORY {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Text that compresses about as programs do, the same every time.
fn make(path: &Path) -> Result<(Digest, Digest), Box<dyn Error>> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut content = Vec::with_capacity(LARGE_SIZE);
    while content.len() < LARGE_SIZE {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        // Half of it noise, half of it repeated.
        content.extend_from_slice(&state.to_le_bytes());
        content.extend_from_slice(b"porthole");
    }
    let gzip = GzEncoder::new(BufWriter::new(File::create(path)?), Compression::default());
    let mut tar = Writer::new(Both {
        inner: gzip,
        hasher: Hasher::new(),
    });
    for directory in 0..100 {
        let parent = format!("small/{directory:03}");
        tar.entry(&parent, &Facts::directory(0o755), std::io::empty())?;
        for file in 0..SMALL / 100 {
            let start = (directory * SMALL + file * 977) % (LARGE_SIZE - SMALL_SIZE);
            let facts = Facts::file(0o644, SMALL_SIZE as u64);
            tar.entry(
                &format!("{parent}/{file:03}"),
                &facts,
                &content[start..start + SMALL_SIZE],
            )?;
        }
    }
    for file in 0..LARGE {
        content.rotate_left(4099);
        tar.entry(
            &format!("large-{file:02}"),
            &Facts::file(0o755, LARGE_SIZE as u64),
            &content[..LARGE_SIZE],
        )?;
    }
    let Both { inner, hasher } = tar.finish()?;
    inner.finish()?.into_inner()?.sync_all()?;
    Ok((Digest::of(&fs::read(path)?), hasher.finish()))
}

struct Both<W> {
    inner: W,
    hasher: Hasher,
}

impl<W: Write> Write for Both<W> {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        let written = self.inner.write(buffer)?;
        self.hasher.update(&buffer[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}

fn run(command: &mut Command) -> Result<(Duration, String), Box<dyn Error>> {
    let start = Instant::now();
    let output = command.output()?;
    let took = start.elapsed();
    if !output.status.success() {
        return Err(format!("{command:?} failed: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok((took, String::from_utf8(output.stdout)?))
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// Peak of resident memory less what is shared with files, which is the program itself.
fn private_memory() -> Result<u64, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let kilobytes = |key: &str| -> Option<u64> {
        status.lines().find_map(|line| {
            line.strip_prefix(key)?
                .strip_prefix(':')?
                .split_whitespace()
                .next()?
                .parse()
                .ok()
        })
    };
    let peak = kilobytes("VmHWM").ok_or("no VmHWM")?;
    Ok((peak - kilobytes("RssFile").unwrap_or(0)) << 10)
}
