//! Accounts that are left to chance, or do not fit what else the pod says.

use porthole_manifest::Span;

use crate::account::{Account, WellKnown};
use crate::edit::{self, Insert};
use crate::finding::{Finding, Fix, Severity};
use crate::rule::rules;
use crate::windows_pod::{WindowsContainer, WindowsPod};

rules! { Advice:
    /// A HostProcess container says who it runs as. Without `runAsUserName` the account is the USER of its image; where that is
    /// empty, as in the HostProcess base image, the container does not start: `empty username or group name passed`.
    HOST_PROCESS_WITHOUT_ACCOUNT = "host-process-without-account";
    /// HostProcess containers have the run of the host, and `runAsNonRoot: true` says otherwise. Neither the API server nor the
    /// kubelet objects; Kubernetes' documentation says that the two do not go together.
    HOST_PROCESS_RUN_AS_NON_ROOT = "host-process-run-as-non-root";
    /// Under `runAsNonRoot` a Windows kubelet refuses the name `ContainerAdministrator` only. The same account with its domain
    /// passes, and so do other administrators.
    RUN_AS_NON_ROOT_ALIAS = "run-as-non-root-alias";
    /// Under `runAsNonRoot` a Windows container without `runAsUserName` runs as its image says, and where the image says nothing,
    /// as its base image's default: `ContainerAdministrator` for Server Core. The kubelet lets that pass.
    RUN_AS_NON_ROOT_UNNAMED = "run-as-non-root-unnamed";
    /// The API server takes names of up to 104 bytes; the names by which Windows logs accounts on have at most 20 characters.
    ACCOUNT_NAME_LONG = "account-name-long";
}

/// The most characters of a name that an account is logged on by (`sAMAccountName`).
const LONGEST: usize = 20;

pub(super) fn check(pod: &WindowsPod<'_>, findings: &mut Vec<Finding>) {
    let mut said: Vec<(&str, Span)> = Vec::new();
    for container in &pod.containers {
        let found = without_account(pod, container)
            .into_iter()
            .chain(non_root(container))
            .chain(long_name(container));
        for finding in found {
            // What the pod's level decides is said once, and not for each of its containers.
            let key = (finding.rule.name, finding.span.unwrap_or_default());
            if !said.contains(&key) {
                said.push(key);
                findings.push(finding);
            }
        }
    }
}

fn without_account(pod: &WindowsPod<'_>, container: &WindowsContainer<'_>) -> Option<Finding> {
    let options = &container.options;
    let deciding = options.host_process.filter(|setting| setting.value)?;
    if options.run_as_user_name.is_some() || pod.inherits_user() {
        return None;
    }
    let field = deciding.field();
    let owner = field.strip_suffix(".hostProcess").unwrap_or(&field);
    let mut finding = Finding::remark(
        &HOST_PROCESS_WITHOUT_ACCOUNT,
        Severity::Warning,
        format!("{owner}.runAsUserName"),
        "a HostProcess container does not say who it runs as",
        deciding.span(),
    )
    .with_help(r"set runAsUserName, to NT AUTHORITY\Local service where that is enough");
    let account = WellKnown::System.canonical();
    finding.fix = pod
        .template
        .object
        .at(owner)
        .filter(|mapping| mapping.get("runAsUserName").is_none())
        .and_then(|mapping| edit::insert(mapping, "runAsUserName", Insert::Text(account)))
        .map(|edit| Fix {
            title: format!("run as `{account}`"),
            safe: false,
            edits: vec![edit],
        });
    Some(finding)
}

fn non_root(container: &WindowsContainer<'_>) -> Option<Finding> {
    let options = &container.options;
    let asked = options.run_as_non_root.filter(|setting| setting.value)?;
    if options.is_host_process() {
        let mut finding = Finding::remark(
            &HOST_PROCESS_RUN_AS_NON_ROOT,
            Severity::Warning,
            asked.field(),
            "a HostProcess container under runAsNonRoot",
            asked.span(),
        )
        .with_help("leave runAsNonRoot out: nothing enforces it here");
        finding.fix = edit::replace_bool(asked.node, false).map(|edit| Fix {
            title: "set `runAsNonRoot: false`".to_owned(),
            safe: false,
            edits: vec![edit],
        });
        return Some(finding);
    }
    let Some(user) = options.run_as_user_name else {
        let text = "under runAsNonRoot the account of the image is not known to be an ordinary user";
        return Some(
            Finding::remark(
                &RUN_AS_NON_ROOT_UNNAMED,
                Severity::Advice,
                asked.field(),
                text,
                asked.span(),
            )
            .with_help("set windowsOptions.runAsUserName to ContainerUser"),
        );
    };
    let account = Account::parse(user.value).ok()?;
    // That one the kubelet refuses.
    let bare = account.well_known() == Some(WellKnown::ContainerAdministrator) && account.domain().is_none();
    if !account.is_administrator() || bare {
        return None;
    }
    let text = format!(
        "`{}` is an administrator, and passes runAsNonRoot all the same",
        user.value
    );
    Some(
        Finding::remark(
            &RUN_AS_NON_ROOT_ALIAS,
            Severity::Warning,
            user.field(),
            text,
            user.span(),
        )
        .with_related(asked.span(), "runAsNonRoot is asked for here")
        .with_help("name an ordinary account, such as ContainerUser"),
    )
}

fn long_name(container: &WindowsContainer<'_>) -> Option<Finding> {
    let user = container.options.run_as_user_name?;
    let account = Account::parse(user.value).ok()?;
    let length = account.name().trim_end_matches('$').chars().count();
    // Windows' own accounts, virtual ones included, have names as long as they please, and so have groups.
    if length <= LONGEST
        || account.well_known().is_some()
        || account.is_of_windows()
        || container.options.is_host_process()
    {
        return None;
    }
    let text = format!(
        "`{}` has {length} characters; Windows logs accounts on by at most {LONGEST}",
        account.name()
    );
    Some(Finding::remark(
        &ACCOUNT_NAME_LONG,
        Severity::Advice,
        user.field(),
        text,
        user.span(),
    ))
}
