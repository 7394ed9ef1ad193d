//! `addresses`: says which addresses the host has, at first and whenever they change.
//!
//! `addresses --once` says them once and ends: the pod's readiness probe.

use std::collections::BTreeSet;
use std::io;
use std::process::ExitCode;

use agents::{Stop, say, seconds};
use serde_json::json;

fn main() -> ExitCode {
    let once = std::env::args().nth(1).as_deref() == Some("--once");
    match if once { report(&mut None) } else { watch() } {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("addresses: {error}");
            ExitCode::FAILURE
        }
    }
}

fn watch() -> io::Result<()> {
    let stop = Stop::listen()?;
    let interval = seconds("INTERVAL_SECONDS", 5)?;
    let mut known = None;
    loop {
        report(&mut known)?;
        if stop.within(interval) {
            return Ok(());
        }
    }
}

type Addresses = BTreeSet<(String, String)>;

/// Says the addresses, unless they are those that are known.
fn report(known: &mut Option<Addresses>) -> io::Result<()> {
    let now: Addresses = if_addrs::get_if_addrs()?
        .into_iter()
        .map(|interface| {
            let address = interface.ip().to_string();
            (interface.name, address)
        })
        .collect();
    if known.as_ref() == Some(&now) {
        return Ok(());
    }
    let list: Vec<_> = now
        .iter()
        .map(|(interface, address)| json!({"interface": interface, "address": address}))
        .collect();
    say(&json!({"node": agents::setting("NODE_NAME", "?"), "addresses": list}))?;
    *known = Some(now);
    Ok(())
}
