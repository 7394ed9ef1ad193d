//! `porthole rule`: what a rule asks for, and who enforces it.

use std::process::ExitCode;

use anstyle::Style;
use clap::Args;
use porthole_pod::Enforcer;

use crate::arguments::Global;
use crate::failure::Failure;

/// Options of `porthole rule`.
#[derive(Debug, Args)]
pub(crate) struct Rule {
    /// A rule, as it stands in brackets behind a severity; without one all are listed
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

impl Rule {
    pub(crate) fn run(&self, _global: &Global) -> Result<ExitCode, Failure> {
        const NAME: Style = Style::new().bold();
        let Some(name) = &self.name else {
            for enforcer in [
                Enforcer::ApiServer,
                Enforcer::PodSecurity,
                Enforcer::Webhook,
                Enforcer::Node,
                Enforcer::Advice,
            ] {
                anstream::println!("{NAME}{}{NAME:#}", enforced(enforcer));
                for rule in porthole_check::rules().filter(|rule| rule.enforcer == enforcer) {
                    anstream::println!("  {:<36} {}", rule.name, first_sentence(rule.explanation));
                }
            }
            return Ok(ExitCode::SUCCESS);
        };
        let Some(rule) = porthole_check::rules().find(|rule| rule.name == name) else {
            let failure = Failure::unasked(format!("there is no rule `{name}`"));
            return Err(failure.help("`porthole rule` lists them"));
        };
        anstream::println!("{NAME}{}{NAME:#}\n", rule.name);
        for line in rule.explanation.lines() {
            anstream::println!("{}", line.strip_prefix(' ').unwrap_or(line));
        }
        anstream::println!("\nEnforced by {}.", enforced(rule.enforcer));
        anstream::println!("Suppressed by a comment: # porthole:ignore {}", rule.name);
        Ok(ExitCode::SUCCESS)
    }
}

/// Who enforces a rule.
const fn enforced(enforcer: Enforcer) -> &'static str {
    match enforcer {
        Enforcer::ApiServer => "the API server",
        Enforcer::PodSecurity => "Pod Security",
        Enforcer::Webhook => "the GMSA webhook",
        Enforcer::Node => "the node",
        Enforcer::Advice => "nobody: it is porthole's advice",
    }
}

/// The first sentence of an explanation, in one line.
fn first_sentence(explanation: &str) -> String {
    let text = explanation.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.find(". ") {
        Some(end) => text[..=end].to_owned(),
        None => text,
    }
}
