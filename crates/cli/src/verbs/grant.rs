//! `porthole grant`: roles and bindings by which service accounts may use credential specs and host accounts, and whether
//! they may.

mod apply;
mod ask;
mod objects;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgGroup, Args, ValueEnum};
use porthole_admission::decide::Usable;
use porthole_admission::host_accounts::name_of;
use porthole_install::Object;
use porthole_pod::{Account, Version, names};
use serde_json::json;

use crate::arguments::Global;
use crate::exit;
use crate::failure::{Attempt as _, Failure};
use crate::print;

/// Options of `porthole grant`.
#[expect(clippy::struct_excessive_bools, reason = "a field a flag")]
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("of_cluster").args(["cluster", "apply"])))]
pub(crate) struct Grant {
    /// A service account, NAME or NAMESPACE/NAME. May be repeated
    #[arg(short, long, required = true, value_name = "[NAMESPACE/]NAME")]
    service_account: Vec<String>,
    /// The namespace of service accounts that are named without one
    #[arg(short, long, default_value = "default")]
    namespace: String,
    /// A credential spec that they may use. May be repeated
    #[arg(long, value_name = "NAME", required_unless_present = "account")]
    credential_spec: Vec<String>,
    /// An account that their pods may run as on a node, as runAsUserName spells it. May be repeated
    #[arg(long, value_name = "ACCOUNT")]
    account: Vec<String>,
    /// Say whether they may, instead of printing what makes that they may
    #[arg(long)]
    check: bool,
    /// With --check: files, directories, `https://` URLs, or `-`, of the roles and bindings that there are
    #[arg(value_name = "PATH", requires = "check", conflicts_with = "cluster")]
    paths: Vec<PathBuf>,
    /// With --check: ask a live cluster. Nothing of it is changed
    #[arg(long, requires = "check")]
    cluster: bool,
    /// Apply the roles and bindings to a live cluster instead of printing them
    #[arg(long, conflicts_with_all = ["check", "output"])]
    apply: bool,
    /// With --apply: change nothing, and have the API server judge every object
    #[arg(
        long,
        value_name = "HOW",
        value_enum,
        default_value_t,
        require_equals = true,
        num_args = 0..=1,
        default_missing_value = "server",
        requires = "apply"
    )]
    dry_run: DryRun,
    /// With --apply: take fields over that others keep
    #[arg(long, requires = "apply")]
    force_conflicts: bool,
    /// The kubeconfig of the cluster [default: those that KUBECONFIG lists, else ~/.kube/config]
    #[arg(long, value_name = "FILE", requires = "of_cluster")]
    kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig [default: its current one]
    #[arg(long, value_name = "NAME", requires = "of_cluster")]
    context: Option<String>,
    /// How it is printed: manifests as YAML, and with json as a List; with --check a line for each right
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

/// How it is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people
    #[default]
    Human,
    /// One JSON document
    Json,
    /// The same as YAML; of manifests each a document
    Yaml,
}

/// What is changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum DryRun {
    /// Everything is changed
    #[default]
    None,
    /// Nothing is kept
    Server,
}

/// A service account.
#[derive(Clone, Debug, PartialEq, Eq)]
struct ServiceAccount {
    namespace: String,
    name: String,
}

/// What may be used.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Right {
    what: Usable,
    name: String,
}

impl Right {
    /// What people call it.
    fn describe(&self) -> String {
        let what = match self.what {
            Usable::CredentialSpec => "credential spec",
            Usable::HostAccount => "host account",
        };
        format!("{what} {}", self.name)
    }
}

impl Grant {
    pub(crate) fn run(&self, global: &Global) -> Result<ExitCode, Failure> {
        let accounts = self.service_accounts()?;
        let rights = self.rights()?;
        if self.apply {
            return apply::run(self, &objects::of(&accounts, &rights), global);
        }
        if !self.check {
            self.print_objects(&objects::of(&accounts, &rights))?;
            return Ok(ExitCode::SUCCESS);
        }
        let answers = if self.cluster {
            ask::cluster(
                self.kubeconfig.clone(),
                self.context.as_deref(),
                &accounts,
                &rights,
            )?
        } else if self.paths.is_empty() {
            let failure = Failure::unasked("check who may use what: neither files nor a cluster are named");
            return Err(failure.help("name the files with roles and bindings, or --cluster"));
        } else {
            ask::files(&self.paths, &self.namespace, &accounts, &rights)?
        };
        self.print_answers(&answers)?;
        Ok(ask::code(&answers))
    }

    fn service_accounts(&self) -> Result<Vec<ServiceAccount>, Failure> {
        let mut accounts = Vec::new();
        for text in &self.service_account {
            let (namespace, name) = text.split_once('/').unwrap_or((&self.namespace, text));
            let faults = [
                names::dns1123_label(namespace, Version::NEWEST),
                names::dns1123_subdomain(name),
            ];
            if let Some(fault) = faults.iter().flatten().next() {
                return Err(Failure::unasked(format!(
                    "read the service account `{text}`: {fault}"
                )));
            }
            let account = ServiceAccount {
                namespace: namespace.to_owned(),
                name: name.to_owned(),
            };
            if !accounts.contains(&account) {
                accounts.push(account);
            }
        }
        Ok(accounts)
    }

    fn rights(&self) -> Result<Vec<Right>, Failure> {
        let mut rights: Vec<Right> = Vec::new();
        let mut add = |what, name| {
            let right = Right { what, name };
            if !rights.contains(&right) {
                rights.push(right);
            }
        };
        for name in &self.credential_spec {
            if let Some(fault) = names::dns1123_subdomain(name).first() {
                return Err(Failure::unasked(format!(
                    "read the credential spec `{name}`: {fault}"
                )));
            }
            add(Usable::CredentialSpec, name.clone());
        }
        for text in &self.account {
            let name = name_of(text);
            if let Err(faults) = Account::parse(&name) {
                let fault = faults.first().map(ToString::to_string).unwrap_or_default();
                return Err(Failure::unasked(format!("read the account `{text}`: {fault}")));
            }
            add(Usable::HostAccount, name);
        }
        Ok(rights)
    }

    fn print_objects(&self, objects: &[Object]) -> Result<(), Failure> {
        let doing = || "print the roles and bindings".to_owned();
        let objects = objects.iter().map(|object| &object.value);
        let text = if self.output == Output::Json {
            let list = json!({"apiVersion": "v1", "kind": "List", "items": objects.collect::<Vec<_>>()});
            serde_json::to_string_pretty(&list).attempt(exit::UNASKED, doing)? + "\n"
        } else {
            let documents: Result<Vec<String>, _> = objects.map(serde_saphyr::to_string).collect();
            documents.attempt(exit::UNASKED, doing)?.join("---\n")
        };
        print::plain(|out| out.write_all(text.as_bytes()))
    }

    fn print_answers(&self, answers: &[ask::Answered<'_>]) -> Result<(), Failure> {
        let doing = || "print the answers".to_owned();
        let text = match self.output {
            Output::Human => answers.iter().map(ask::Answered::line).collect(),
            Output::Json => {
                serde_json::to_string_pretty(&ask::report(answers)).attempt(exit::UNASKED, doing)? + "\n"
            }
            Output::Yaml => serde_saphyr::to_string(&ask::report(answers)).attempt(exit::UNASKED, doing)?,
        };
        print::plain(|out| out.write_all(text.as_bytes()))
    }
}
