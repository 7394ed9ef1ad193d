//! Every developer's task, the same ones that CI calls: `cargo xtask TASK`.
//!
//! The crate stands on the standard library alone (`porthole-tests` does too), so that a task starts within seconds on a machine that has nothing
//! built yet.

mod bench;
mod cargo;
mod command;
mod debian;
mod decoder;
mod demo;
mod deny;
mod fuzz;
mod go;
mod helm;
mod image;
mod install;
mod kubeconform;
mod kubernetes;
mod oracle;
mod place;
mod reference;
mod report;
mod sarif;
mod schema;
mod test;
mod testbed;

use std::process::ExitCode;

use command::{Failure, Result};

const USAGE: &str = "usage: cargo xtask TASK

  demo              the tutorial's pod on this machine, from its YAML to the changed host file (root)
  demo --windows    the same with the tutorial's own manifest and porthole.exe, under Wine
  test [TIER…]      installs what is missing and runs every tier of tests, or the named ones
  test --list       names the tiers
  testbed kubernetes [--version V] [--feature-gates NAME=BOOL,…] [--allow-privileged BOOL]
                    a real API server on this machine until Ctrl-C, built first where it is missing
  oracle [--count N] [--seed S] [--kubernetes V] [--feature-gates NAME=BOOL,…] [--record FILE] …
                    generated workloads asked of a real API server and of porthole, and what differs made small
  fuzz [--seconds N] [--target T] [--seed S]
                    texts that nobody writes, guided by coverage: every target for a minute, or one
  bench check       `porthole check` of ten thousand pods against kubeconform (go, the network)
  bench image       unpacking a layer against `tar -xzf`
  bench webhook     `porthole webhook` under load against a handler that does nothing; with a number, changes go on for so
                    many minutes
  bench run         all of the following, in one go (root)
  bench start       `porthole run` against `runc run`, and against the least that must be done (root)
  bench exec        `porthole exec` against `runc exec` (root)
  bench logs        a gigabyte of lines out of a container into its log against `cat > file` (root)
  bench pods        an idle detached pod, and 200 of them (root)
  reference         writes docs/cli.md, docs/rules.md, docs/pictures, deploy/gmsa-crd.yaml and charts/porthole anew from what the
                    program says
  image [PATH]      the image of the webhook, as an archive that other tools import: one static program (musl)
  schema            writes the API's schema and the feature gates anew from Kubernetes' Go modules (go, the network)
  install [PREFIX]  porthole, its man pages and completions below PREFIX (default /usr/local)";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Result<ExitCode> {
    match arguments {
        ["demo"] => demo::run(demo::Host::Linux)?,
        ["demo", "--windows"] => demo::run(demo::Host::Wine)?,
        ["test", "--list"] => test::list(),
        ["test", tiers @ ..] => return test::run(tiers),
        ["fuzz", options @ ..] => return fuzz::run(options),
        ["oracle", options @ ..] => return oracle::run(options),
        ["testbed", "kubernetes", options @ ..] => testbed::kubernetes(options)?,
        ["bench", "image"] => bench::image()?,
        ["bench", "check"] => bench::check()?,
        ["bench", "webhook"] => bench::webhook("1")?,
        ["bench", "webhook", minutes] => bench::webhook(minutes)?,
        ["bench", name] if *name == "run" || bench::is_one(name) => bench::run(name)?,
        ["image"] => image::provide()?,
        ["image", path] => image::build(std::path::Path::new(path))?,
        ["reference"] => reference::write()?,
        ["schema"] => schema::write()?,
        ["install"] => install::run("/usr/local")?,
        ["install", prefix] => install::run(prefix)?,
        ["help" | "--help" | "-h"] => println!("{USAGE}"),
        [] => {
            return Err(Failure::new(
                "read the command line",
                format!("no task is given\n\n{USAGE}"),
            ));
        }
        [task, ..] => {
            return Err(Failure::new(
                "read the command line",
                format!("unknown task `{task}`\n\n{USAGE}"),
            ));
        }
    }
    Ok(ExitCode::SUCCESS)
}
