//! A container's command: the image's ENTRYPOINT and CMD against the pod's `command` and `args`.

use super::environment::lookup;
use super::{ContainerImage, Making};
use crate::engine::Os;
use crate::expansion::expand;
use crate::plan::CommandLine;
use crate::spec::{ContainerSpec, Written};

/// `command` replaces ENTRYPOINT and drops CMD, `args` replaces CMD; `$(VAR)` is expanded in both, from the container's
/// own variables and not from the image's.
pub(super) fn command(
    making: &mut Making<'_>,
    container: &ContainerSpec,
    image: &ContainerImage,
    variables: &[(String, String)],
) -> Option<CommandLine> {
    let expanded = |texts: &[Written<String>]| -> Vec<String> {
        texts
            .iter()
            .map(|text| expand(&text.value, |name| lookup(variables, name)))
            .collect()
    };
    let (mut line, arguments) = match (container.command.is_empty(), container.args.is_empty()) {
        (false, _) => (expanded(&container.command), expanded(&container.args)),
        (true, false) => (image.entrypoint.clone(), expanded(&container.args)),
        (true, true) => (image.entrypoint.clone(), image.command.clone()),
    };
    line.extend(arguments);
    if line.iter().all(|text| text.trim().is_empty()) {
        let help = "set command, or build the image with an ENTRYPOINT";
        let reason = "no command specified: neither the container nor its image names one";
        making.refuse(
            format!("{}.command", container.path),
            container.span,
            reason,
            Some(help),
        );
        return None;
    }
    if line.iter().any(|text| text.contains('\0')) {
        making.refuse(
            format!("{}.command", container.path),
            container.span,
            "must not contain NUL",
            None,
        );
        return None;
    }
    // Only a line of the image's own is written for Windows; what the pod puts in its place is texts like any other.
    let first_is_the_images =
        container.command.is_empty() && (!image.entrypoint.is_empty() || container.args.is_empty());
    if image.arguments_escaped && first_is_the_images && making.request.facts.os == Os::Windows {
        return Some(CommandLine::Windows(escaped(&line)));
    }
    Some(CommandLine::Arguments(line))
}

/// A line whose first text is taken as it stands, as Docker's shell form writes it.
fn escaped(line: &[String]) -> String {
    let mut texts = line.iter();
    let first = texts.next().cloned().unwrap_or_default();
    texts.fold(first, |line, text| {
        format!("{line} {}", crate::command::quote(text))
    })
}
