//! How long tests that try texts at random go on, and which texts they are.

/// For how many seconds: `PORTHOLE_FUZZ_SECONDS`, else a moment.
#[must_use]
pub fn seconds() -> u64 {
    number("PORTHOLE_FUZZ_SECONDS", 2)
}

/// What the texts follow from: `PORTHOLE_FUZZ_SEED`, else always the same.
#[must_use]
pub fn seed() -> u64 {
    number("PORTHOLE_FUZZ_SEED", 1)
}

fn number(name: &str, otherwise: u64) -> u64 {
    match std::env::var(name) {
        Ok(value) => value
            .parse()
            .unwrap_or_else(|error| panic!("{name} is `{value}`: {error}")),
        Err(_) => otherwise,
    }
}
