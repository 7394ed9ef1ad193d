//! docs/cli.md: the command line's own help, verb by verb.

use std::fmt::Write as _;
use std::path::PathBuf;

use crate::cargo::Target;
use crate::command::{self, Doing, Failure, Result, command};
use crate::place;

const HEAD: &str = "# The command line

What `porthole VERB --help` prints, verb by verb. This page is written by `cargo xtask reference`, and the tests
compare it with the program.
";

fn page() -> PathBuf {
    place::root().join("docs").join("cli.md")
}

/// Writes the page.
pub(crate) fn write() -> Result<()> {
    Target::Host.build()?;
    std::fs::write(page(), text()?).doing(format!("write `{}`", page().display()))
}

/// Refuses a page that is not what the program says.
pub(crate) fn compare() -> Result<()> {
    let what = format!("compare `{}` with the program", page().display());
    let written = std::fs::read_to_string(page()).doing(&what)?;
    let now = text()?;
    let differs = written
        .lines()
        .zip(now.lines())
        .position(|(written, now)| written != now);
    match differs {
        None if written == now => Ok(()),
        at => {
            let line = at.unwrap_or_else(|| written.lines().count().min(now.lines().count())) + 1;
            Err(Failure::new(
                what,
                format!("they differ from line {line} on; run `cargo xtask reference`"),
            ))
        }
    }
}

fn text() -> Result<String> {
    let mut text = HEAD.to_owned();
    section(&mut text, &mut Vec::new())?;
    Ok(text)
}

/// Adds the help of one verb and of the verbs below it.
fn section(text: &mut String, verb: &mut Vec<String>) -> Result<()> {
    let mut porthole = command(Target::Host.program("porthole")?, verb.iter());
    let help = command::output(
        porthole
            .arg("--help")
            .env("COLUMNS", "100")
            .env("NO_COLOR", "1")
            .env_remove("PORTHOLE_STATE"),
    )?;
    let name = std::iter::once("porthole")
        .chain(verb.iter().map(String::as_str))
        .collect::<Vec<_>>()
        .join(" ");
    // Writing to a string cannot fail.
    let _ = write!(
        text,
        "\n{} `{name}`\n\n```text\n{}\n```\n",
        "#".repeat(verb.len() + 2),
        trimmed(&help)
    );
    for below in verbs(&help) {
        verb.push(below);
        section(text, verb)?;
        verb.pop();
    }
    Ok(())
}

/// Without blanks at the ends of lines, which editors remove.
fn trimmed(help: &str) -> String {
    help.trim_end()
        .lines()
        .map(str::trim_end)
        .collect::<Vec<_>>()
        .join("\n")
}

/// The verbs that clap lists under `Commands:`.
fn verbs(help: &str) -> Vec<String> {
    help.lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        // A verb is indented by two; its description's further lines by more.
        .filter_map(|line| line.strip_prefix("  ").filter(|line| !line.starts_with(' ')))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|verb| *verb != "help")
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_verbs_of_a_help_text() {
        let help = "Usage: x <COMMAND>\n\nCommands:\n  run    Runs\n         on and on\n  image  Images\n  help   Help\n\nOptions:\n  -h\n";
        assert_eq!(verbs(help), ["run", "image"]);
        assert!(verbs("Usage: x\n\nOptions:\n  -h\n").is_empty());
    }
}
