//! docs/cli.md: the command line's own help, verb by verb; docs/rules.md: the rules' own explanations; deploy/gmsa-crd.yaml: the
//! definition of credential specs; charts/porthole: the Helm chart; docs/pictures: what is seen of it in a terminal.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::cargo::Target;
use crate::command::{self, Doing, Failure, Result, command};
use crate::place;

const HEAD: &str = "# The command line

What `porthole VERB --help` prints, verb by verb. This page is written by `cargo xtask reference`, and the tests
compare it with the program.
";

const RULES_HEAD: &str = "# The rules

What `porthole rule` says of each rule that `porthole check` asks, by who enforces it. This page is written by
`cargo xtask reference`, and the tests compare it with the program. A rule is left out by `--ignore NAME`, by `ignore:` in
`.porthole.yaml`, or in one place by a comment, `# porthole:ignore NAME`.
";

const DEFINITION_HEAD: &str = "# The definition of GMSACredentialSpecs, for clusters of any version: what `porthole install --print=crd` prints of it.
# It is written by `cargo xtask reference`. `kubectl apply --server-side -f` this file.
";

/// A page, and what the program says to be on it.
type Page = (&'static str, fn() -> Result<String>);

const PAGES: [Page; 3] = [
    ("docs/cli.md", text),
    ("docs/rules.md", rules),
    ("deploy/gmsa-crd.yaml", definition),
];

/// Where the pictures are, and manifests for them.
const PICTURES: &str = "docs/pictures";

fn path(name: &str) -> PathBuf {
    place::root().join(name)
}

/// Writes the pages.
pub(crate) fn write() -> Result<()> {
    Target::Host.build()?;
    for (name, text) in PAGES {
        let path = path(name);
        std::fs::write(&path, text()?).doing(format!("write `{}`", path.display()))?;
    }
    // A test of `porthole-install` compares them.
    run_example("porthole-install", "chart", &path("charts/porthole"))?;
    draw(&path(PICTURES))
}

/// Has an example of a package write what it writes into a directory.
fn run_example(package: &str, example: &str, into: &Path) -> Result<()> {
    let mut cargo = Target::Host.cargo("run");
    cargo.args(["--quiet", "--locked", "--package", package]);
    cargo.args(["--example", example, "--"]);
    command::run(cargo.arg(into))
}

/// Refuses pages and pictures that are not what the program says.
pub(crate) fn compare() -> Result<()> {
    for (name, text) in PAGES {
        compare_page(&path(name), &text()?)?;
    }
    let now = place::fresh("pictures")?;
    draw(&now)?;
    let (now, written) = (pictures(&now)?, pictures(&path(PICTURES))?);
    if names(&now).ne(names(&written)) {
        let reason = "there are others; run `cargo xtask reference`, and remove those that are none any more";
        return Err(Failure::new("compare the pictures with the program", reason));
    }
    for (now, written) in now.iter().zip(&written) {
        let text = std::fs::read_to_string(now).doing(format!("read `{}`", now.display()))?;
        compare_page(written, &text)?;
    }
    Ok(())
}

/// Has the pictures drawn: what prints in colour is drawn by a program that knows colours.
fn draw(into: &Path) -> Result<()> {
    run_example("porthole-tests", "pictures", into)
}

/// The pictures of a directory, by name.
fn pictures(directory: &Path) -> Result<Vec<PathBuf>> {
    let what = format!("list `{}`", directory.display());
    let mut found = Vec::new();
    for file in std::fs::read_dir(directory).doing(&what)? {
        let path = file.doing(&what)?.path();
        if path.extension().is_some_and(|extension| extension == "svg") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// The names of files, without their directories.
fn names(paths: &[PathBuf]) -> impl Iterator<Item = Option<&OsStr>> {
    paths.iter().map(|path| path.file_name())
}

fn compare_page(path: &Path, now: &str) -> Result<()> {
    let what = format!("compare `{}` with the program", path.display());
    let written = std::fs::read_to_string(path).doing(&what)?;
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

/// The rules with their explanations.
fn rules() -> Result<String> {
    let list = said(&["rule"])?;
    let mut text = RULES_HEAD.to_owned();
    for line in list.lines() {
        let Some(rule) = line.strip_prefix("  ") else {
            // Writing to a string cannot fail.
            let _ = write!(text, "\n## Enforced by {}\n", line.trim_end());
            continue;
        };
        let name = rule.split_whitespace().next().unwrap_or_default();
        let explained = said(&["rule", name])?;
        // The name stands above, and who enforces it below.
        let explanation = explained
            .lines()
            .skip(2)
            .take_while(|line| !line.starts_with("Enforced by "))
            .collect::<Vec<_>>()
            .join("\n");
        let _ = write!(text, "\n### `{name}`\n\n{}\n", trimmed(&explanation));
    }
    Ok(text)
}

/// The definition of credential specs, for clusters of any version: without patterns, which old ones ask of what is there.
fn definition() -> Result<String> {
    let yaml = said(&["install", "--print=crd", "--kubernetes-version", "1.22"])?;
    Ok(format!("{DEFINITION_HEAD}{yaml}"))
}

/// What the program prints.
fn said(arguments: &[&str]) -> Result<String> {
    let mut porthole = command(Target::Host.program("porthole")?, arguments.iter());
    command::output(porthole.env_clear().env("NO_COLOR", "1"))
}

/// Adds the help of one verb and of the verbs below it.
fn section(text: &mut String, verb: &mut Vec<String>) -> Result<()> {
    let mut porthole = command(Target::Host.program("porthole")?, verb.iter());
    let help = command::output(
        porthole
            .arg("--help")
            // Options tell what the environment sets them to.
            .env_clear()
            .env("COLUMNS", "100")
            .env("NO_COLOR", "1"),
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
