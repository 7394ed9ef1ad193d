//! A connection, closed again as soon as it is there.

use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use super::{Failed, authority, left, said};

/// Connects within the limit, to each of the host's addresses in turn.
pub(super) fn perform(host: &str, port: u16, limit: Duration) -> Result<(), Failed> {
    let since = Instant::now();
    let late = || Failed::new(format!("dial tcp {}: i/o timeout", authority(host, port)));
    let mut last = None;
    for address in addresses(host, port, limit)? {
        let left = left(since, limit).ok_or_else(late)?;
        match TcpStream::connect_timeout(&address, left) {
            Ok(_) => return Ok(()),
            Err(error) => last = Some(Failed::new(format!("dial tcp {address}: {}", said(&error)))),
        }
    }
    Err(last.unwrap_or_else(|| no_such_host(host)))
}

/// The addresses of a host. A name is asked for on a thread of its own, because the system gives no limit for it.
fn addresses(host: &str, port: u16, limit: Duration) -> Result<Vec<SocketAddr>, Failed> {
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    if let Ok(address) = bare.parse() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let (found, answer) = channel();
    let name = host.to_owned();
    let asking = std::thread::Builder::new().stack_size(256 << 10).spawn(move || {
        let addresses = (name.as_str(), port).to_socket_addrs().map(Iterator::collect);
        // Whoever asked may have given up.
        let _ = found.send(addresses);
    });
    asking.map_err(|error| Failed::new(format!("start a thread that looks up {host}: {error}")))?;
    match answer.recv_timeout(limit) {
        Ok(Ok(addresses)) => Ok(addresses),
        Ok(Err(_)) => Err(no_such_host(host)),
        Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
            Err(Failed::new(format!("dial tcp: lookup {host}: i/o timeout")))
        }
    }
}

fn no_such_host(host: &str) -> Failed {
    Failed::new(format!("dial tcp: lookup {host}: no such host"))
}
