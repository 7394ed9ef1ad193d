//! Credential specs as objects of a cluster.

use porthole_check::{File, Settings, World, judge};

/// The status code, and the rules with their fields.
fn judged(spec: &str) -> (Option<u16>, Vec<(String, String)>) {
    let text = format!(
        "{{apiVersion: windows.k8s.io/v1, kind: GMSACredentialSpec, metadata: {{name: web}}, credspec: {spec}}}"
    );
    let files = [File::parse("f.yaml", text)];
    let settings = Settings::default();
    let verdicts = judge(&files[0], &World::of(&files, &settings), &settings);
    let told = verdicts[0].findings.iter();
    let told = told.map(|finding| (finding.rule.name.to_owned(), finding.field.clone()));
    (verdicts[0].answer.code, told.collect())
}

#[test]
fn what_the_server_refuses_is_told_once() {
    let (code, told) = judged("{DomainJoinConfig: {Sid: 5}}");
    assert_eq!(code, Some(422));
    let of_sid: Vec<_> = told.iter().filter(|(_, field)| field.ends_with("Sid")).collect();
    assert_eq!(of_sid.len(), 1, "{told:?}");
    assert_eq!(of_sid[0].0, "credential-spec-type");

    let (code, told) = judged("{DomainJoinConfig: {sid: a}}");
    assert_eq!(code, Some(400));
    let of_sid: Vec<_> = told.iter().filter(|(_, field)| field.ends_with("sid")).collect();
    assert_eq!(of_sid.len(), 1, "{told:?}");
    assert_eq!(of_sid[0].0, "unknown-field");
}

#[test]
fn what_only_porthole_knows_is_told_of_what_the_server_takes() {
    let (code, told) = judged("{}");
    assert_eq!(code, Some(201), "no field has to be there");
    assert!(
        told.iter().any(|(rule, _)| rule == "credspec-incomplete"),
        "{told:?}"
    );
}

#[test]
fn a_pod_whose_credential_spec_does_not_fit_it_is_told() {
    let plugin = "x".repeat(70_000);
    let text = format!(
        "{{apiVersion: windows.k8s.io/v1, kind: GMSACredentialSpec, metadata: {{name: web}}, credspec: {{CmsPlugins: ['{plugin}']}}}}\n\
         ---\n{{apiVersion: v1, kind: Pod, metadata: {{name: p}}, spec: {{containers: [{{name: c, image: i}}], \
         securityContext: {{windowsOptions: {{gmsaCredentialSpecName: web}}}}}}}}\n"
    );
    let files = [File::parse("f.yaml", text)];
    let settings = Settings::default();
    let verdicts = judge(&files[0], &World::of(&files, &settings), &settings);
    for (verdict, rule, field) in [
        (&verdicts[0], "credspec-too-long", "credspec"),
        (
            &verdicts[1],
            "gmsa-spec-too-long",
            "spec.securityContext.windowsOptions.gmsaCredentialSpecName",
        ),
    ] {
        let found = verdict.findings.iter().find(|finding| finding.rule.name == rule);
        let found = found.unwrap_or_else(|| panic!("{rule}: {:?}", verdict.findings));
        assert_eq!(
            (found.field.as_str(), found.severity),
            (field, porthole_pod::Severity::Error)
        );
    }
}
