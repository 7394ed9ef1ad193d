//! `ping [-t] [-n COUNT] HOST`: what the seeds' pods name as their command, for images that have to bring their own.
//!
//! An echo by ICMP needs a raw socket, and with it a privilege that the account of such a pod does not have. So a
//! probe here is a TCP connection to the echo port (7): a host that accepts it *or refuses it* has answered. The
//! header line says so, and names the user that the process runs as.

use std::fmt;
use std::io::{self, ErrorKind, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// The echo service (RFC 862). Nobody listens there on a usual host, which answers all the same: with a refusal.
const ECHO_PORT: u16 = 7;
/// How long an answer may take, as in the `ping` of Windows.
const TIMEOUT: Duration = Duration::from_secs(4);
/// From one probe to the next.
const INTERVAL: Duration = Duration::from_secs(1);
/// Probes without `-t` and `-n`.
const DEFAULT_COUNT: u64 = 4;

const USAGE: &str = "usage: ping [-t] [-n COUNT] HOST

  -t        probe until interrupted
  -n COUNT  probe COUNT times (default 4)

A probe is a TCP connection to port 7; a refused connection is an answer.";

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
struct Request {
    host: String,
    /// `None`: until interrupted.
    count: Option<u64>,
}

/// Why there is nothing to probe.
#[derive(Debug, PartialEq, Eq)]
enum UsageError {
    NoHost,
    SecondHost(String),
    UnknownOption(String),
    Count(Option<String>),
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoHost => write!(f, "no host is given"),
            Self::SecondHost(host) => write!(f, "one host only: `{host}` is the second"),
            Self::UnknownOption(option) => write!(f, "unknown option `{option}`"),
            Self::Count(None) => write!(f, "-n needs a number"),
            Self::Count(Some(text)) => write!(f, "-n needs a number of at least 1, not `{text}`"),
        }
    }
}

fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Request, UsageError> {
    let mut arguments = arguments.into_iter();
    let (mut host, mut count, mut forever) = (None, DEFAULT_COUNT, false);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "-t" | "/t" => forever = true,
            "-n" | "/n" => {
                let text = arguments.next();
                count = match text.as_deref().map(str::parse) {
                    Some(Ok(number)) if number > 0 => number,
                    _ => return Err(UsageError::Count(text)),
                };
            }
            option if option.starts_with('-') => return Err(UsageError::UnknownOption(argument)),
            _ if host.is_some() => return Err(UsageError::SecondHost(argument)),
            _ => host = Some(argument),
        }
    }
    let host = host.ok_or(UsageError::NoHost)?;
    Ok(Request {
        host,
        count: (!forever).then_some(count),
    })
}

fn main() -> ExitCode {
    let request = match parse(std::env::args().skip(1)) {
        Ok(request) => request,
        Err(error) => {
            let _ = writeln!(io::stderr(), "ping: {error}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match ping(&request, &mut io::stdout().lock()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(io::stderr(), "ping: {}: {error}", request.host);
            ExitCode::FAILURE
        }
    }
}

/// Probes, and says whether every probe was answered.
fn ping(request: &Request, out: &mut impl Write) -> io::Result<bool> {
    let address = (request.host.as_str(), ECHO_PORT)
        .to_socket_addrs()?
        .next()
        .ok_or_else(|| io::Error::new(ErrorKind::NotFound, "the name has no address"))?;
    header(
        out,
        &request.host,
        address.ip(),
        &user(|name| std::env::var(name).ok()),
    )?;

    let (mut sent, mut answered) = (0_u64, 0_u64);
    while request.count.is_none_or(|count| sent < count) {
        let start = Instant::now();
        let outcome = probe(address);
        sent += 1;
        answered += u64::from(outcome.is_ok());
        match outcome {
            Ok(()) => writeln!(
                out,
                "Reply from {}: time={}ms",
                address.ip(),
                start.elapsed().as_millis()
            )?,
            Err(error) if error.kind() == ErrorKind::TimedOut => writeln!(out, "Request timed out.")?,
            Err(error) => writeln!(out, "No reply from {}: {error}", address.ip())?,
        }
        out.flush()?;
        if request.count.is_none_or(|count| sent < count) {
            std::thread::sleep(INTERVAL.saturating_sub(start.elapsed()));
        }
    }
    writeln!(
        out,
        "\nSent {sent}, answered {answered}, lost {}.",
        sent - answered
    )?;
    Ok(sent == answered)
}

fn header(out: &mut impl Write, host: &str, address: IpAddr, user: &str) -> io::Result<()> {
    writeln!(
        out,
        "Pinging {host} [{address}] as {user}, by TCP to port {ECHO_PORT} (a refused connection is an answer):"
    )
}

/// The user that this process runs as, by the variables that the systems set for it.
fn user(variable: impl Fn(&str) -> Option<String>) -> String {
    ["USERNAME", "USER", "LOGNAME"]
        .into_iter()
        .find_map(|name| variable(name).filter(|value| !value.is_empty()))
        .unwrap_or_else(|| "a user without a name".to_owned())
}

/// One probe. A refused connection is an answer: only a host that is there can refuse.
fn probe(address: SocketAddr) -> io::Result<()> {
    match TcpStream::connect_timeout(&address, TIMEOUT) {
        Err(error) if error.kind() != ErrorKind::ConnectionRefused => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Request, UsageError> {
        parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn probes_four_times_unless_told_otherwise() {
        let request = |count| {
            Ok(Request {
                host: "127.0.0.1".to_owned(),
                count,
            })
        };
        assert_eq!(parsed("127.0.0.1"), request(Some(4)));
        assert_eq!(parsed("-n 2 127.0.0.1"), request(Some(2)));
        assert_eq!(parsed("127.0.0.1 -n 2"), request(Some(2)));
        assert_eq!(parsed("-t 127.0.0.1"), request(None));
    }

    #[test]
    fn rejects_what_it_does_not_know() {
        assert_eq!(parsed(""), Err(UsageError::NoHost));
        assert_eq!(parsed("-t"), Err(UsageError::NoHost));
        assert_eq!(parsed("a b"), Err(UsageError::SecondHost("b".to_owned())));
        assert_eq!(parsed("-x a"), Err(UsageError::UnknownOption("-x".to_owned())));
        assert_eq!(parsed("a -n"), Err(UsageError::Count(None)));
        assert_eq!(parsed("-n 0 a"), Err(UsageError::Count(Some("0".to_owned()))));
    }

    #[test]
    fn the_loopback_answers_whether_or_not_it_listens() {
        let mut out = Vec::new();
        let request = Request {
            host: "127.0.0.1".to_owned(),
            count: Some(1),
        };
        assert!(ping(&request, &mut out).unwrap());
        let out = String::from_utf8(out).unwrap();
        assert!(out.contains("\nReply from 127.0.0.1: time="), "{out}");
        assert!(out.ends_with("\nSent 1, answered 1, lost 0.\n"), "{out}");
    }

    #[test]
    fn names_the_user_and_the_meaning_of_an_answer() {
        let mut out = Vec::new();
        header(
            &mut out,
            "localhost",
            IpAddr::from([127, 0, 0, 1]),
            "ContainerUser",
        )
        .unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "Pinging localhost [127.0.0.1] as ContainerUser, by TCP to port 7 (a refused connection is an answer):\n"
        );
    }

    #[test]
    fn the_windows_variable_decides_who_it_is() {
        let environment = |name: &str| match name {
            "USERNAME" => Some("ContainerUser".to_owned()),
            "USER" => Some("root".to_owned()),
            _ => None,
        };
        assert_eq!(user(environment), "ContainerUser");
        assert_eq!(
            user(|name| environment(name).filter(|_| name != "USERNAME")),
            "root"
        );
        assert_eq!(user(|_| None), "a user without a name");
    }
}
