//! Pictures of what porthole prints in a terminal, for `cargo xtask reference`: `pictures DIRECTORY` writes them into it,
//! an SVG each.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anstyle::{Color, RgbColor};
use anstyle_svg::{Palette, Term};
use porthole_tests::failure::{Doing as _, Failure, Result};
use porthole_tests::program;

/// One picture: its name, where the command is run, from the checkout, and its words.
struct Picture {
    name: &'static str,
    directory: &'static str,
    words: &'static [&'static str],
}

const PICTURES: &[Picture] = &[
    Picture {
        name: "check",
        directory: "docs/pictures",
        words: &["check", "hpc.yaml"],
    },
    Picture {
        name: "pod-security",
        directory: "examples/seeds/tutorial",
        words: &["check", "hostprocesspod.yaml", "--pod-security", "baseline"],
    },
    Picture {
        name: "credential-spec",
        directory: "docs/pictures",
        words: &["check", "web.yaml"],
    },
    Picture {
        name: "rule",
        directory: "examples",
        words: &["rule", "host-network-required"],
    },
];

/// A dark terminal, the colours of which can be told from its background and from each other.
const PALETTE: Palette = Palette([
    RgbColor(0x48, 0x4f, 0x58),
    RgbColor(0xff, 0x7b, 0x72),
    RgbColor(0x3f, 0xb9, 0x50),
    RgbColor(0xd2, 0x99, 0x22),
    RgbColor(0x58, 0xa6, 0xff),
    RgbColor(0xbc, 0x8c, 0xff),
    RgbColor(0x39, 0xc5, 0xcf),
    RgbColor(0xb1, 0xba, 0xc4),
    RgbColor(0x6e, 0x76, 0x81),
    RgbColor(0xff, 0x7b, 0x72),
    RgbColor(0x56, 0xd3, 0x64),
    RgbColor(0xe3, 0xb3, 0x41),
    RgbColor(0x79, 0xc0, 0xff),
    RgbColor(0xd2, 0xa8, 0xff),
    RgbColor(0x56, 0xd4, 0xdd),
    RgbColor(0xff, 0xff, 0xff),
]);
const BACKGROUND: Color = Color::Rgb(RgbColor(0x16, 0x1b, 0x22));
const FOREGROUND: Color = Color::Rgb(RgbColor(0xe6, 0xed, 0xf3));

fn main() -> ExitCode {
    let Some(directory) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: pictures DIRECTORY");
        return ExitCode::FAILURE;
    };
    match PICTURES.iter().try_for_each(|picture| draw(picture, &directory)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("pictures: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn draw(picture: &Picture, into: &Path) -> Result<()> {
    let words = picture.words.join(" ");
    let what = format!("run `porthole {words}`");
    let said = Command::new(program::host("porthole")?)
        .args(["--color", "always"])
        .args(picture.words)
        .current_dir(program::checkout().join(picture.directory))
        .env_remove("PORTHOLE_STATE")
        .env_remove("NO_COLOR")
        .output()
        .doing(&what)?;
    if said.stdout.is_empty() || !said.stderr.is_empty() {
        let errors = String::from_utf8_lossy(&said.stderr).into_owned();
        return Err(Failure::new(
            what,
            format!("it has not said what is to be shown\n{errors}"),
        ));
    }
    let text = format!(
        "\x1b[2m$\x1b[0m \x1b[1mporthole {words}\x1b[0m\n{}",
        String::from_utf8_lossy(&said.stdout).trim_end()
    );
    let term = Term::new()
        .palette(PALETTE)
        .bg_color(BACKGROUND)
        .fg_color(FOREGROUND)
        .min_width_px(760);
    let file = into.join(picture.name).with_extension("svg");
    std::fs::write(&file, term.render_svg(&text)).doing(format!("write `{}`", file.display()))
}
