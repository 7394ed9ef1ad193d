//! What must hold of every text that somebody hands to porthole, and how such texts are made.
//!
//! A [`Target`] is given a text and panics where something does not hold: a place outside of the text, a fix that breaks
//! what it mends, an answer without its reason. [`seeds`] are manifests as people write them and reviews as API servers
//! send them, and [`mutate`] changes a text as careless people, broken tools and attackers do.
//!
//! Three things drive the targets. `guided/` puts libFuzzer behind them, which keeps what reaches new code; `cargo xtask
//! fuzz` builds and runs it. The tests of this crate try every text of `regressions/`, and some seeds and mutations,
//! on every `cargo test`. The tests `fuzz_*` of `porthole-tests` drive the program itself with the same texts: the language
//! server, the settings file, and the webhook.

mod mutate;
mod seeds;
mod targets;

pub use mutate::mutate;
pub use seeds::seeds;
pub use targets::{TARGETS, Target};
