//! What is shown while blobs go to and fro: bars on a terminal, else a line a blob with `-v`.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use porthole_image::Digest;
use porthole_image::registry::{Event, Progress};

use crate::arguments::Global;

/// How often bars are drawn.
const REDRAW: Duration = Duration::from_millis(100);

/// Tells people on stderr.
#[derive(Debug)]
pub(crate) struct Telling {
    /// Bars by digest, where stderr is a terminal.
    bars: Option<(MultiProgress, Mutex<BTreeMap<Digest, ProgressBar>>)>,
    lines: bool,
    quiet: bool,
}

impl Telling {
    /// As much as was asked for.
    pub(crate) fn new(global: &Global) -> Self {
        let bars = !global.quiet && std::io::stderr().is_terminal();
        Self {
            bars: bars.then(|| (MultiProgress::new(), Mutex::default())),
            lines: !bars && global.verbose > 0,
            quiet: global.quiet,
        }
    }

    fn line(&self, text: &str) {
        match &self.bars {
            // A line between the bars would be drawn over.
            Some((all, _)) => drop(all.println(text)),
            None => anstream::eprintln!("{text}"),
        }
    }

    fn on_bar(&self, digest: &Digest, act: impl FnOnce(&ProgressBar)) {
        if let Some((_, bars)) = &self.bars
            && let Some(bar) = bars.lock().unwrap_or_else(PoisonError::into_inner).get(digest)
        {
            act(bar);
        }
    }

    fn begin(&self, digest: &Digest, size: u64, from: u64) {
        let Some((all, bars)) = &self.bars else { return };
        let bar = ProgressBar::new(size);
        // A template that is wrong shows the default.
        if let Ok(style) =
            ProgressStyle::with_template("{prefix} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec}")
        {
            bar.set_style(style);
        }
        bar.set_prefix(short(digest));
        let bar = all.add(bar);
        bar.set_position(from);
        bar.reset_eta();
        bar.enable_steady_tick(REDRAW);
        let mut bars = bars.lock().unwrap_or_else(PoisonError::into_inner);
        bars.insert(digest.clone(), bar);
    }
}

impl Progress for Telling {
    fn event(&self, event: &Event<'_>) {
        match event {
            Event::There { digest, size } if self.lines => {
                self.line(&format!("{} is there ({size} bytes)", short(digest)));
            }
            Event::Begin { digest, size, from } => {
                self.begin(digest, *size, *from);
                if self.lines && *from > 0 {
                    self.line(&format!("{} goes on at {from} of {size} bytes", short(digest)));
                }
            }
            Event::At { digest, bytes } => self.on_bar(digest, |bar| bar.set_position(*bytes)),
            Event::End { digest, size } => {
                self.on_bar(digest, ProgressBar::finish);
                if self.lines {
                    self.line(&format!("{} is done ({size} bytes)", short(digest)));
                }
            }
            Event::Again { error, wait } if !self.quiet => {
                self.line(&format!("{error}; again in {} s", wait.as_secs()));
            }
            _ => {}
        }
    }
}

fn short(digest: &Digest) -> String {
    digest.hex().chars().take(12).collect()
}
