//! libFuzzer behind one target, the one that `PORTHOLE_FUZZ_TARGET` names.
//!
//! What libFuzzer takes a text for is decided by its own changes of bytes and, three times as often, by those that know YAML.

#![no_main]

use std::path::PathBuf;
use std::sync::OnceLock;

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use porthole_fuzz::{TARGETS, Target, mutate, seeds};

fuzz_target!(init: write_seeds(), |data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data) {
        (target().holds)(text);
    }
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let mut random = fastrand::Rng::with_seed(seed.into());
    match std::str::from_utf8(&data[..size]) {
        Ok(text) if random.u8(0..4) > 0 => {
            let new = mutate(text, &mut random);
            let length = new.floor_char_boundary(max_size.min(data.len()));
            data[..length].copy_from_slice(&new.as_bytes()[..length]);
            length
        }
        _ => fuzzer_mutate(data, size, max_size),
    }
});

/// Writes the seeds to the directory that `PORTHOLE_FUZZ_SEEDS` names, if it is set: libFuzzer reads files.
fn write_seeds() {
    let Some(directory) = std::env::var_os("PORTHOLE_FUZZ_SEEDS").map(PathBuf::from) else {
        return;
    };
    for (number, seed) in seeds().iter().enumerate() {
        let path = directory.join(format!("{number:03}.yaml"));
        std::fs::write(&path, seed).unwrap_or_else(|error| panic!("write `{}`: {error}", path.display()));
    }
}

fn target() -> &'static Target {
    static ASKED: OnceLock<&Target> = OnceLock::new();
    ASKED.get_or_init(|| {
        let name = std::env::var("PORTHOLE_FUZZ_TARGET").unwrap_or_default();
        TARGETS
            .iter()
            .find(|target| target.name == name)
            .unwrap_or_else(|| panic!("PORTHOLE_FUZZ_TARGET is `{name}`, which is no target"))
    })
}
