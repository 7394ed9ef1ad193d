//! `porthole exec`: a further program in a container that runs.
//!
//! The program is this process's own child. Nothing is swept and nobody is asked on the way to it, but where the pod turns
//! out to have lost its holder.

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use porthole_pod::Account;
use porthole_runtime::conduct::ContainerPlan;
use porthole_runtime::engine::terminal::{Lent, NO_SIZE};
use porthole_runtime::engine::{Entry, ExecError};
use porthole_runtime::os::{self, Attachment};
use porthole_runtime::plan::User;
use porthole_runtime::pods::{Pod, Pods, PodsError};
use porthole_runtime::{Plan, Running, StartError, Stdio};

use crate::arguments::Global;
use crate::exit;
use crate::failure::{Attempt as _, Failure};
use crate::pods;

/// Options of `porthole exec`.
#[derive(Debug, Args)]
#[command(override_usage = "porthole exec [OPTIONS] POD -- COMMAND [ARGUMENT]...")]
pub(crate) struct Exec {
    /// The pod: `NAME`, `NAMESPACE/NAME`, or the manifest that made it
    #[arg(value_name = "POD")]
    pod: String,
    /// What stands where only `--` can be
    #[arg(hide = true, allow_hyphen_values = true)]
    misplaced: Vec<String>,
    /// The program and its arguments, behind `--`
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
    /// The namespace of a pod that is given by its name alone
    #[arg(short, long, default_value = "default")]
    namespace: String,
    /// The container, where the pod has several
    #[arg(short, long, value_name = "NAME")]
    container: Option<String>,
    /// Pass standard input on to the program
    #[arg(short = 'i', long)]
    stdin: bool,
    /// Give the program a terminal, which is shown in this one
    #[arg(short, long)]
    tty: bool,
    /// A variable besides the container's, which it replaces
    #[arg(short, long, value_name = "NAME=VALUE", value_parser = variable)]
    env: Vec<(String, String)>,
    /// The working directory [default: the container's]
    #[arg(short, long, value_name = "DIR")]
    workdir: Option<String>,
    /// The account that the program runs as [default: the container's]
    #[arg(short, long, value_name = "ACCOUNT", value_parser = account)]
    user: Option<Account>,
}

fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("must be NAME=VALUE".to_owned()),
    }
}

fn account(text: &str) -> Result<Account, String> {
    Account::parse(text).map_err(|errors| {
        let reasons: Vec<String> = errors.iter().map(ToString::to_string).collect();
        reasons.join("; ")
    })
}

impl Exec {
    pub(crate) fn run(self, global: &Global) -> Result<ExitCode, Failure> {
        self.check()?;
        let all = Pods::open(&global.state()).map_err(own)?;
        let pod = pods::one(&all, &self.pod, &self.namespace).map_err(Failure::beside_a_program)?;
        let plan = self.running(&pod, global)?;
        let attachment = self.attachment()?;
        let stdio = match (&attachment, self.stdin) {
            (Some(_), _) => Stdio::Terminal(os::terminal_size().unwrap_or(NO_SIZE)),
            (None, true) => Stdio::Attached,
            (None, false) => Stdio::Inherit,
        };
        let engine =
            os::host_engine(&global.state()).attempt(exit::OWN_FAILURE, || "look at this host".to_owned())?;
        let running = match engine.exec(&plan, &self.entry(), stdio) {
            Ok(running) => running,
            // It ran a moment ago.
            Err(ExecError::NotRunning { .. }) => return Err(not_running(&pod, &plan.container)),
            Err(error) => return Err(failure(error)),
        };
        let code = match attachment {
            None => running.wait().code(),
            Some(attachment) => lend(attachment, &running)?,
        };
        running
            .delete()
            .attempt(exit::OWN_FAILURE, || "remove what the program needed".to_owned())?;
        Ok(exit::code(code))
    }

    /// Refuses a command line that is none, in words that show the right one.
    fn check(&self) -> Result<(), Failure> {
        if let [.., _] = self.misplaced.as_slice() {
            let mut command = [self.misplaced.as_slice(), self.command.as_slice()].concat();
            // They came too late.
            if let Some(dashes) = command.iter().position(|word| word == "--") {
                command.remove(dashes);
            }
            let text = format!(
                "`--` is missing between the pod and the command `{}`",
                command.join(" ")
            );
            return Err(Failure::unasked(text).help(format!("write: {}", self.line(&command))));
        }
        if self.command.first().is_none_or(String::is_empty) {
            let text = format!("no command is given for the pod {}", self.pod);
            let shell = if cfg!(windows) { "cmd.exe" } else { "sh" };
            return Err(Failure::unasked(text).help(format!("write: {}", self.line(&[shell.to_owned()]))));
        }
        Ok(())
    }

    /// The command line as it should be.
    fn line(&self, command: &[String]) -> String {
        let mut words = vec!["porthole exec".to_owned()];
        match (self.stdin, self.tty) {
            (true, true) => words.push("-it".to_owned()),
            (true, false) => words.push("-i".to_owned()),
            (false, true) => words.push("-t".to_owned()),
            (false, false) => {}
        }
        if self.namespace != "default" {
            words.push(format!("-n {}", self.namespace));
        }
        if let Some(container) = &self.container {
            words.push(format!("-c {container}"));
        }
        words.extend(
            self.env
                .iter()
                .map(|(name, value)| format!("-e {}", quoted(&format!("{name}={value}")))),
        );
        words.extend(self.workdir.iter().map(|dir| format!("-w {}", quoted(dir))));
        words.extend(
            self.user
                .iter()
                .map(|user| format!("-u {}", quoted(&user.to_string()))),
        );
        words.push(self.pod.clone());
        words.push("--".to_owned());
        words.extend(command.iter().map(|word| quoted(word)));
        words.join(" ")
    }

    /// The plan of the attempt that runs.
    fn running(&self, pod: &Pod, global: &Global) -> Result<Plan, Failure> {
        let (ContainerPlan { plan, .. }, id) = match pod.running(self.container.as_deref()) {
            Ok(running) => running,
            Err(PodsError::NotRunning { container, .. }) => {
                // Its holder may have been killed: then what that left is removed now, and said.
                pods::open(global)?;
                return Err(not_running(pod, &container));
            }
            Err(error) => return Err(own(error)),
        };
        Ok(Plan { id, ..plan })
    }

    /// This process's terminal, where the program gets one.
    fn attachment(&self) -> Result<Option<Attachment>, Failure> {
        if !self.tty {
            return Ok(None);
        }
        let (is_terminal, name) = if self.stdin {
            (std::io::stdin().is_terminal(), "input")
        } else {
            (std::io::stdout().is_terminal(), "output")
        };
        if !is_terminal {
            let text = format!("-t needs a terminal, and standard {name} is none");
            return Err(Failure::unasked(text).help("leave out -t"));
        }
        Attachment::new(self.stdin)
            .map(Some)
            .attempt(exit::OWN_FAILURE, || "prepare this terminal".to_owned())
    }

    fn entry(&self) -> Entry {
        Entry {
            command: self.command.clone(),
            environment: self.env.clone(),
            working_directory: self.workdir.clone(),
            user: self.user.clone().map(User::Account),
        }
    }
}

/// A word as a shell takes it for one.
fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./:=@%+,\\".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

fn own(error: PodsError) -> Failure {
    Failure::new(exit::OWN_FAILURE, error)
}

/// Says what can be entered instead.
fn not_running(pod: &Pod, container: &str) -> Failure {
    let title = pod.title();
    let names: Vec<&str> = pod.containers().map(|one| one.plan.container.as_str()).collect();
    let running: Vec<&str> = names
        .iter()
        .copied()
        // The status may be a moment older than what was found out of this one.
        .filter(|name| *name != container && pod.running(Some(name)).is_ok())
        .collect();
    let text = format!(
        "container `{container}` of the pod {title} does not run; its containers: {}",
        names.join(", ")
    );
    let failure = Failure::new(exit::OWN_FAILURE, text);
    match running.as_slice() {
        [] => failure.help(format!("none of them runs; see why: porthole inspect {title}")),
        running => failure.help(format!("these run: {}", running.join(", "))),
    }
}

fn failure(error: ExecError) -> Failure {
    let code = match &error {
        ExecError::Start(StartError::NotFound { .. }) => exit::NOT_FOUND,
        ExecError::Start(StartError::NotExecutable { .. }) => exit::NOT_EXECUTABLE,
        _ => exit::OWN_FAILURE,
    };
    Failure::new(code, error)
}

fn lend(attachment: Attachment, running: &Arc<dyn Running>) -> Result<i32, Failure> {
    let lending = || "connect this terminal with the program's".to_owned();
    let terminal = running
        .take_terminal()
        .ok_or_else(|| std::io::Error::other("the engine gave none"))
        .attempt(exit::OWN_FAILURE, lending)?;
    match attachment
        .lend(running, terminal)
        .attempt(exit::OWN_FAILURE, lending)?
    {
        Lent::Ended(exit) => Ok(exit.code()),
        Lent::Lost(code) => Ok(code),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::arguments::Porthole;
    use crate::verbs::Verb;

    fn parse(words: &[&str]) -> Exec {
        let line = [&["porthole", "exec"], words].concat();
        match Porthole::try_parse_from(line).unwrap().verb {
            Verb::Exec(exec) => exec,
            _ => panic!("another verb"),
        }
    }

    #[test]
    fn what_is_behind_the_dashes_is_the_programs() {
        let exec = parse(&["-it", "-e", "A=b=c", "web", "--", "ls", "-l", "--", "x"]);
        assert!(exec.check().is_ok());
        assert_eq!(exec.command, ["ls", "-l", "--", "x"]);
        assert_eq!(exec.env, [("A".to_owned(), "b=c".to_owned())]);
        assert!(exec.stdin && exec.tty);
    }

    #[test]
    fn missing_dashes_are_named_with_the_right_line() {
        let failure = parse(&["-i", "-c", "app", "web", "ls", "-l", "a b"])
            .check()
            .unwrap_err();
        let text = failure.to_string();
        assert!(text.contains("`--` is missing"), "{text}");
        assert!(
            text.contains("write: porthole exec -i -c app web -- ls -l 'a b'\n"),
            "{text}"
        );
        let text = parse(&["web", "ls", "--", "-l"]).check().unwrap_err().to_string();
        assert!(text.contains("write: porthole exec web -- ls -l\n"), "{text}");
        let text = parse(&["web"]).check().unwrap_err().to_string();
        assert!(text.contains("no command is given"), "{text}");
    }

    #[test]
    fn options_may_stand_behind_the_pod() {
        let exec = parse(&["web", "-it", "--", "sh"]);
        assert!(exec.check().is_ok());
        assert!(exec.stdin && exec.tty);
    }
}
