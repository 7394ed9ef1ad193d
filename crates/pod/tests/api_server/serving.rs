//! Which kinds a server serves, and the answers to what it does not read.

use porthole_manifest::Span;
use porthole_pod::{Gates, Options, Version, decode, status, validate};

use crate::pods::with_template;

#[test]
fn what_a_server_does_not_serve_is_not_found_and_what_ends_is_warned_of() {
    let say = |api_version: &str, kind: &str, minor: u16| {
        let options = Options::of(Version::new(minor).expect("it is known"));
        let finding = decode::check_api_version(api_version, kind, Span::new(0, 1), &options)?;
        Some((finding.rule.name, finding.detail, finding.help))
    };
    let not_found = "the server could not find the requested resource";
    assert_eq!(say("apps/v1", "Deployment", 37), None);
    assert_eq!(
        say("batch/v1beta1", "CronJob", 24),
        Some((
            "api-version-deprecated",
            "batch/v1beta1 CronJob is deprecated in v1.21+, unavailable in v1.25+; use batch/v1 CronJob"
                .to_owned(),
            None
        ))
    );
    assert_eq!(
        say("batch/v1beta1", "CronJob", 25),
        Some((
            "api-version-not-served",
            not_found.to_owned(),
            Some("batch/v1beta1 CronJob is gone from Kubernetes 1.25 on; use batch/v1 CronJob".to_owned())
        ))
    );
    assert_eq!(
        say("autoscaling/v2", "HorizontalPodAutoscaler", 22),
        Some((
            "api-version-not-served",
            not_found.to_owned(),
            Some("autoscaling/v2 HorizontalPodAutoscaler is served from Kubernetes 1.23 on".to_owned())
        ))
    );
}

#[test]
fn the_answer_has_the_code_of_what_is_wrong() {
    let answer = |api_version: &str, rest: &str| {
        let text = format!("apiVersion: {api_version}\nkind: CronJob\n{rest}\n");
        with_template(&text, |template| {
            let options = Options::default();
            let span = template.object.span();
            let unserved = decode::check_api_version(api_version, "CronJob", span, &options);
            let found = unserved.map_or_else(|| validate(template, &options), |finding| vec![finding]);
            let status = status(template, &found).expect("it is refused");
            serde_json::to_string(&status).expect("it is JSON")
        })
    };
    assert_eq!(
        answer("batch/v1beta1", ""),
        r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"the server could not find the requested resource","reason":"NotFound","details":{},"code":404}"#
    );
    assert_eq!(
        answer("batch/v1", "a: 1\nb: 2"),
        r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"CronJob in version \"v1\" cannot be handled as a CronJob: strict decoding error: unknown field \"a\", unknown field \"b\"","reason":"BadRequest","code":400}"#
    );
}

#[test]
fn servers_before_1_25_are_strict_where_their_gate_says_so() {
    for (minor, expected) in [(23, "unknown field \"foo\""), (24, "unknown field \"spec.foo\"")] {
        let version = Version::new(minor).expect("it is known");
        let options = Options {
            gates: Gates::parse("ServerSideFieldValidation=true", version).expect("it is a gate"),
            ..Options::of(version)
        };
        let text = "apiVersion: v1\nkind: Pod\nspec: {foo: 1}\n";
        let found = with_template(text, |template| validate(template, &options));
        assert_eq!(
            decode::message(&found),
            format!("Pod in version \"v1\" cannot be handled as a Pod: strict decoding error: {expected}")
        );
    }
}
