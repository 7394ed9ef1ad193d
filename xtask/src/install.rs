//! `cargo xtask install`: the program, its man pages and its completions, where a system looks for them.

use std::path::Path;

use crate::cargo::Target;
use crate::command::{self, Doing, Result, command};
use crate::place;

/// Where each shell looks for completions below a prefix.
const COMPLETIONS: &[(&str, &str)] = &[
    ("bash", "share/bash-completion/completions/porthole"),
    ("fish", "share/fish/vendor_completions.d/porthole.fish"),
    ("zsh", "share/zsh/site-functions/_porthole"),
];

/// Installs below `prefix`.
pub(crate) fn run(prefix: &str) -> Result<()> {
    let prefix = Path::new(prefix);
    command::run(
        Target::Host
            .cargo("build")
            .args(["--release", "--locked", "-p", "porthole"]),
    )?;
    let built = place::target()?.join("release").join("porthole");
    let program = prefix.join("bin").join("porthole");
    make_parent(&program)?;
    // By a name of its own first: a running program cannot be written to, but it can be replaced.
    let new = program.with_extension("new");
    std::fs::copy(&built, &new).doing(format!("copy `{}` to `{}`", built.display(), new.display()))?;
    std::fs::rename(&new, &program).doing(format!("put `{}` in place", program.display()))?;
    println!("{}", program.display());

    for (shell, file) in COMPLETIONS {
        let file = prefix.join(file);
        make_parent(&file)?;
        let text = command::output(&mut command(&program, ["completions", shell]))?;
        std::fs::write(&file, text).doing(format!("write `{}`", file.display()))?;
        println!("{}", file.display());
    }
    let man = prefix.join("share").join("man").join("man1");
    std::fs::create_dir_all(&man).doing(format!("make `{}`", man.display()))?;
    command::run_quietly(command(&program, ["man"]).arg(&man))?;
    println!("{}", man.display());
    Ok(())
}

fn make_parent(file: &Path) -> Result<()> {
    let parent = file.parent().unwrap_or(file);
    std::fs::create_dir_all(parent).doing(format!("make `{}`", parent.display()))
}
