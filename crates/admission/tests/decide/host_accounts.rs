//! Pods that are to run as accounts of their nodes, at `/validate`.

use porthole_admission::decide::Endpoint::{Mutate, Validate};
use porthole_admission::decide::Outcome;
use porthole_admission::host_accounts::Mode;
use serde_json::{Value, json};

use crate::support::{APP, Cluster, create, patch, pod, problems, refusal, update, windows};

const SYSTEM: &str = "service account \"web\" is not authorized to `use` host account \"nt authority\\\\system\", reason: \"dummy reason\"";
const SECRET: &str = "service account \"web\" is not authorized to `use` host account \"corp\\\\secret\", reason: \"dummy reason\"";
const UNSURE: &str = "cannot tell whether service account \"web\" is authorized to `use` host account \"corp\\\\unsure\": error \
    when checking authz access: connection refused";

fn cluster(mode: Mode) -> Cluster {
    Cluster {
        mode,
        ..Cluster::default()
    }
}

fn labelled(label: &'static str) -> Cluster {
    Cluster {
        label: Some(Ok(label)),
        ..Cluster::default()
    }
}

/// A HostProcess pod of that account, whose second container is of `CORP\secret`.
fn host_process(account: &str) -> Value {
    pod(&json!({
        "securityContext": windows(&json!({"hostProcess": true, "runAsUserName": account})),
        "containers": [{"name": "a"}, {"name": "b", "securityContext": windows(&json!({"runAsUserName": "CORP\\secret"}))}],
    }))
}

#[test]
fn an_account_that_may_not_be_used_is_refused_with_every_field() {
    let decision = cluster(Mode::Enforce).decide(Validate, &create(&host_process("LocalSystem")));
    assert_eq!(refusal(&decision), Some((403, SYSTEM.to_owned())));
    let field = "securityContext.windowsOptions.runAsUserName";
    assert_eq!(
        problems(&decision),
        [
            (403, format!("spec.{field}"), SYSTEM.to_owned()),
            (403, format!("spec.containers[1].{field}"), SECRET.to_owned()),
        ]
    );
    assert_eq!(
        decision.warnings[0],
        "bind a ClusterRole with the verb `use` on `hostaccounts.porthole.dev` named `nt authority\\system` to service account \
         `web` in namespace `shop`"
    );
    // As the rule of `check` is called.
    let rules = porthole_admission::host_accounts::rules();
    let rule = rules.iter().find(|rule| rule.name == "host-account-unauthorized");
    let audited = ("problems", rule.map(|rule| rule.name.to_owned()).unwrap());
    assert_eq!(decision.audit_annotations, [audited]);
    assert_eq!(decision.host_accounts, Some(Outcome::Refused));
}

#[test]
fn each_mode_does_what_it_says() {
    let pod = create(&host_process("SYSTEM"));
    for (mode, outcome, warnings, audited) in [
        (Mode::Off, None, vec![], None),
        (
            Mode::Audit,
            Some(Outcome::Audited),
            vec![],
            Some(format!("{SYSTEM}; {SECRET}")),
        ),
        (
            Mode::Warn,
            Some(Outcome::Warned),
            vec![SYSTEM, SECRET],
            Some(format!("{SYSTEM}; {SECRET}")),
        ),
    ] {
        let decision = cluster(mode).decide(Validate, &pod);
        assert_eq!(patch(&decision), [], "{mode:?}");
        assert_eq!(decision.warnings, warnings, "{mode:?}");
        let annotations: Vec<_> = audited
            .into_iter()
            .map(|text| ("host-accounts-problems", text))
            .collect();
        assert_eq!(decision.audit_annotations, annotations, "{mode:?}");
        assert_eq!(decision.host_accounts, outcome, "{mode:?}");
    }
}

#[test]
fn a_label_goes_before_the_default_and_a_wrong_one_is_told() {
    let pod = create(&host_process("SYSTEM"));
    let decide = |label, mode| {
        let cluster = Cluster {
            mode,
            ..labelled(label)
        };
        cluster.decide(Validate, &pod)
    };
    assert!(decide("off", Mode::Enforce).denial().is_none());
    assert!(decide("enforce", Mode::Off).denial().is_some());
    let decision = decide("enforced", Mode::Off);
    assert_eq!(refusal(&decision), Some((403, SYSTEM.to_owned())));
    let told = "label porthole.dev/host-accounts of namespace shop has the value \"enforced\": it is none of enforce, audit, \
        warn and off, so it counts as enforce";
    assert!(
        decision.warnings.iter().any(|warning| warning == told),
        "{:?}",
        decision.warnings
    );
}

#[test]
fn who_may_is_admitted_and_the_audit_log_knows_as_whom() {
    let cluster = labelled("enforce");
    let pod = pod(
        &json!({"securityContext": windows(&json!({"hostProcess": true, "runAsUserName": "LocalService"})),
        "initContainers": [{"name": "i", "securityContext": windows(&json!({"runAsUserName": "HPC-Agents"}))}]}),
    );
    let decision = cluster.decide(Validate, &create(&pod));
    assert_eq!(patch(&decision), []);
    let audited = (
        "host-accounts",
        "nt authority\\local service,hpc-agents".to_owned(),
    );
    assert_eq!(decision.audit_annotations, [audited]);
    assert_eq!(decision.host_accounts, Some(Outcome::Allowed));
    assert_eq!(
        cluster.asked.take(),
        [
            "namespace shop",
            "use account nt authority\\local service",
            "use account hpc-agents"
        ]
    );
}

#[test]
fn of_pods_that_ask_for_nothing_nobody_is_asked() {
    let isolated = windows(&json!({"runAsUserName": "ContainerUser"}));
    for pod in [
        pod(&json!({})),
        pod(&json!({"securityContext": isolated})),
        pod(&json!({"securityContext": windows(&json!({"hostProcess": false}))})),
    ] {
        let cluster = labelled("enforce");
        assert!(cluster.decide(Validate, &create(&pod)).denial().is_none());
        assert_eq!(cluster.asked.take(), [""; 0]);
    }
    // Off asks no more than how strict the namespace is, and `/mutate` not even that.
    let cluster = labelled("off");
    cluster.decide(Validate, &create(&host_process("SYSTEM")));
    assert_eq!(cluster.asked.take(), ["namespace shop"]);
    cluster.decide(Mutate, &create(&host_process("SYSTEM")));
    assert_eq!(cluster.asked.take(), [""; 0]);
}

#[test]
fn where_nobody_can_tell_the_answer_is_no_refusal() {
    let unsure = pod(&json!({"securityContext": windows(&json!({"runAsUserName": "CORP\\unsure"}))}));
    let decision = cluster(Mode::Enforce).decide(Validate, &create(&unsure));
    assert_eq!(refusal(&decision), Some((503, UNSURE.to_owned())));
    assert_eq!(decision.host_accounts, Some(Outcome::Unknown));
    let decision = cluster(Mode::Warn).decide(Validate, &create(&unsure));
    assert_eq!(patch(&decision), []);
    assert_eq!(decision.warnings, [UNSURE]);
    let away = Cluster {
        label: Some(Err(())),
        ..Cluster::default()
    };
    let decision = away.decide(Validate, &create(&unsure));
    let text = "cannot tell whether namespace \"shop\" enforces host accounts: connection refused";
    assert_eq!(refusal(&decision), Some((503, text.to_owned())));
    assert_eq!(away.asked.take(), ["namespace shop"]);
}

#[test]
fn the_existing_webhooks_refusal_comes_first() {
    let options = json!({"hostProcess": true, "gmsaCredentialSpecName": "secret", "gmsaCredentialSpec": APP});
    let both = pod(&json!({"securityContext": windows(&options)}));
    let decision = cluster(Mode::Enforce).decide(Validate, &create(&both));
    let gmsa = "service account \"web\" is not authorized to `use` GMSA cred spec \"secret\", reason: \"dummy reason\"";
    assert_eq!(refusal(&decision), Some((403, gmsa.to_owned())));
    let messages: Vec<_> = problems(&decision)
        .into_iter()
        .map(|(_, _, message)| message)
        .collect();
    assert_eq!(messages, [gmsa, SYSTEM]);
}

#[test]
fn an_update_asks_for_what_it_brings() {
    let old = pod(&json!({"securityContext": windows(&json!({"hostProcess": true}))}));
    let mut labelled_anew = old.clone();
    labelled_anew["metadata"]["labels"] = json!({"a": "b"});
    let cluster = labelled("enforce");
    assert!(
        cluster
            .decide(Validate, &update("", &old, &labelled_anew))
            .denial()
            .is_none()
    );
    assert_eq!(cluster.asked.take(), [""; 0]);
    let mut debugged = old.clone();
    debugged["spec"]["ephemeralContainers"] = json!([{"name": "debug"}]);
    let decision = cluster.decide(Validate, &update("ephemeralcontainers", &old, &debugged));
    assert_eq!(refusal(&decision), Some((403, SYSTEM.to_owned())));
    assert_eq!(
        cluster.asked.take(),
        ["namespace shop", "use account nt authority\\system"]
    );
}

#[test]
fn a_pod_of_thousands_of_accounts_asks_for_no_more_than_are_told() {
    let container = |number: usize| {
        let account = format!("CORP\\unsure{number}");
        json!({"name": format!("c{number}"), "securityContext": windows(&json!({"runAsUserName": account}))})
    };
    let containers: Vec<_> = (0..5000).map(container).collect();
    let many = create(&pod(&json!({"containers": containers})));
    for mode in [Mode::Enforce, Mode::Warn] {
        let cluster = Refusing(cluster(mode));
        let asked = cluster.asked(&many);
        assert!((20..=101).contains(&asked), "{mode:?}: {asked}");
    }
}

/// A cluster in which nobody may do anything.
struct Refusing(Cluster);

impl Refusing {
    /// How much was asked.
    fn asked(&self, review: &Value) -> usize {
        use porthole_admission::decide::{Around, LIMITS, Review, decide};
        let review = Review::read(review.to_string().as_bytes(), &LIMITS).unwrap();
        let counted = std::cell::Cell::new(0);
        let around = Around {
            specs: &self.0,
            access: &Counting(&counted),
            namespaces: &self.0,
            hostname: None,
            runtime_classes: &[],
        };
        let _ = decide(Validate, &review, &around);
        counted.get()
    }
}

struct Counting<'a>(&'a std::cell::Cell<usize>);

impl porthole_admission::decide::AccessReviews for Counting<'_> {
    fn may_use(
        &self,
        _user: &porthole_access::User,
        _namespace: &str,
        _what: porthole_admission::decide::Usable,
        _name: &str,
    ) -> Result<porthole_admission::decide::Answer, porthole_admission::decide::CannotTell> {
        self.0.set(self.0.get() + 1);
        Ok(porthole_admission::decide::Answer::Refused(String::new()))
    }
}

#[test]
fn who_was_not_asked_about_is_not_counted_as_allowed() {
    let held: Vec<Value> = (0..100)
        .map(|number| {
            let windows = windows(&json!({"gmsaCredentialSpec": "{}", "hostProcess": true}));
            json!({"name": format!("c{number}"), "securityContext": windows})
        })
        .collect();
    let pod = create(&pod(&json!({"containers": held})));
    let decision = cluster(Mode::Enforce).decide(Validate, &pod);
    assert_eq!(problems(&decision).len(), 100, "there is no room for another");
    assert_eq!(decision.host_accounts, None);
}
