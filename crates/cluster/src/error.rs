//! What can go wrong between porthole and a cluster, and what to try.

use std::io;
use std::path::PathBuf;

/// The result of work with a cluster.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong. No text of it has a token, a password or a key in it, whatever files hold and servers answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no kubeconfig, and this is no pod of a cluster.
    #[error("find the cluster: there is no kubeconfig ({looked})")]
    NoKubeconfig {
        /// Where one was looked for.
        looked: String,
    },
    /// A file cannot be read.
    #[error("read {what} {}", path.display())]
    Read {
        /// What is in it, such as `the kubeconfig`.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The kubeconfig is none.
    #[error("read the kubeconfig {place}: {reason}")]
    Form {
        /// The file, with line and column where that is known.
        place: String,
        /// What is wrong, without what it holds.
        reason: String,
    },
    /// No context is chosen, or the one that is does not lead to a cluster.
    #[error("choose the cluster: {reason}")]
    Context {
        /// Why not.
        reason: String,
        /// What to try.
        help: String,
    },
    /// What the kubeconfig says of a cluster or of a user cannot be used.
    #[error("use {of} of the kubeconfig: {reason}")]
    Setting {
        /// `cluster "a"` or `user "b"`.
        of: String,
        /// Why not.
        reason: String,
    },
    /// A credential plug-in gave no credential.
    #[error("ask the credential plug-in `{command}` who one is: {reason}")]
    Plugin {
        /// The program.
        command: String,
        /// Why not, without what it said.
        reason: String,
        /// What the kubeconfig says of getting the program, where it is not there.
        hint: Option<String>,
    },
    /// The environment names a proxy that cannot be used.
    #[error("go by the proxy of the environment: {variable} is no URL of a proxy that is spoken to here")]
    EnvironmentProxy {
        /// What names it.
        variable: &'static str,
    },
    /// An answer, or that there is none.
    #[error("{doing}: {problem}")]
    Request {
        /// What was asked for, with the server's address.
        doing: String,
        /// What came.
        problem: Problem,
    },
}

/// What a server answered, or why nothing came.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The server does not know who asks.
    #[error("the server does not take the credentials (401 Unauthorized)")]
    Unauthorized,
    /// Whoever asks may not read that.
    #[error("{0}")]
    Forbidden(String),
    /// Others keep other values in fields of an object that is applied: the fields, each with who keeps it.
    #[error("others keep other values in {}", .0.join(", "))]
    Conflict(Vec<String>),
    /// The cluster has no such kind.
    #[error("the cluster does not have this kind")]
    NotServed,
    /// Another status than is wanted.
    #[error("the server answers {status}{}", after_colon(.message))]
    Status {
        /// The status.
        status: u16,
        /// What the server says of it.
        message: String,
    },
    /// A redirect, which an API server never answers with.
    #[error("the server sends on to {0}, which is not followed")]
    Redirect(String),
    /// A body that goes on beyond its limit.
    #[error("the answer is longer than {0} bytes")]
    TooLong(u64),
    /// A list that goes on beyond its limit.
    #[error("the list is longer than {0} bytes")]
    LongList(u64),
    /// An answer that is not what an API server says.
    #[error("this is no answer of an API server: {0}")]
    Strange(String),
    /// Nothing, or hardly anything, for too long.
    #[error("no answer in time ({0})")]
    Slow(String),
    /// The server's certificate is not trusted.
    #[error("the server's certificate is not trusted: {0}")]
    Certificate(String),
    /// The proxy on the way to the server.
    #[error("{address}, the proxy: {}", of_proxy(.problem))]
    Proxy {
        /// Its URL without user and password.
        address: String,
        /// What is wrong with it.
        problem: Box<Problem>,
    },
    /// The server ends the connection for want of a certificate that it takes.
    #[error("the server does not take the client certificate: {0}")]
    ClientCertificate(String),
    /// Nobody listens there.
    #[error("the connection is refused: nobody listens there")]
    Refused,
    /// The host has no address.
    #[error("its host has no address")]
    NoHost,
    /// The connection, or the protocol spoken on it.
    #[error("{0}")]
    Broken(String),
}

impl Error {
    /// What to try.
    #[must_use]
    pub fn help(&self) -> Option<&str> {
        match self {
            Self::NoKubeconfig { .. } => {
                Some("name one with --kubeconfig or KUBECONFIG, or check without --cluster")
            }
            Self::Context { help, .. } => Some(help),
            Self::Plugin { hint, .. } => hint.as_deref().or(Some("run it by hand to see why")),
            Self::EnvironmentProxy { .. } => Some(
                "have http://HOST:PORT, https://HOST:PORT or socks5://HOST:PORT in it, or the server in NO_PROXY",
            ),
            Self::Request { problem, .. } => problem.help(),
            Self::Read { .. } | Self::Form { .. } | Self::Setting { .. } => None,
        }
    }

    /// Why one kind of objects cannot be read where others may be: it is forbidden, or the cluster does not have it.
    #[must_use]
    pub fn is_of_one_kind(&self) -> bool {
        matches!(
            self,
            Self::Request {
                problem: Problem::Forbidden(_) | Problem::NotServed,
                ..
            }
        )
    }
}

impl Problem {
    const fn help(&self) -> Option<&'static str> {
        Some(match self {
            Self::Unauthorized => "the token or certificate may have expired: log in to the cluster again",
            Self::ClientCertificate(_) => "it may have expired: log in to the cluster again",
            Self::Certificate(_) => {
                "check certificate-authority and tls-server-name of the kubeconfig's cluster, and this machine's clock"
            }
            Self::Proxy { problem, .. } => match **problem {
                Self::Certificate(_) => {
                    "a proxy at https:// is verified by certificate-authority of the kubeconfig's cluster and by this system's authorities; check them, and the name in proxy-url or HTTPS_PROXY"
                }
                _ => {
                    "check proxy-url of the kubeconfig's cluster, else HTTPS_PROXY, ALL_PROXY and NO_PROXY: the proxy's kind, address, user and password, and whether it lets one through to the server"
                }
            },
            Self::Refused | Self::NoHost | Self::Slow(_) => {
                "check the server's address in the kubeconfig, that the cluster runs, the network and the proxy"
            }
            Self::Redirect(_) | Self::Strange(_) => {
                "check the server's address in the kubeconfig: an API server answers there in JSON"
            }
            _ => return None,
        })
    }
}

/// What is wrong with a proxy, where the words for a server would be taken for the API server's.
fn of_proxy(problem: &Problem) -> String {
    match problem {
        Problem::Certificate(why) => format!("its certificate is not trusted: {why}"),
        Problem::ClientCertificate(_) => "it wants a client certificate".to_owned(),
        other => other.to_string(),
    }
}

fn after_colon(message: &str) -> String {
    if message.is_empty() {
        String::new()
    } else {
        format!(": {message}")
    }
}
