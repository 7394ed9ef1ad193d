//! Texts to begin with.

use std::sync::OnceLock;

use serde_json::Value;

/// Manifests with what people write around them: comments, several documents, odd YAML; and admission reviews.
const WRITTEN: &[&str] = &[
    include_str!("../../examples/seeds/tutorial/hostprocesspod.yaml"),
    include_str!("../../examples/seeds/tutorial/hostprocess-cluster.json"),
    include_str!("../../examples/seeds/windows-pods/1.3-ping-pod.yaml"),
    include_str!("../../examples/seeds/windows-pods/1.3-ping.yaml"),
    include_str!("../../examples/seeds/windows-pods/2.1-gmsa-webapp1.corrected.yaml"),
    include_str!("../../examples/seeds/windows-pods/2.2-webapp1-role.corrected.yaml"),
    include_str!("../../examples/seeds/windows-pods/2.3-allow-default-svc-account.yaml"),
    include_str!("../../examples/seeds/windows-pods/2.4-with-creds-pod.yaml"),
    include_str!("../../examples/seeds/windows-pods/2.4-with-creds-container.corrected.yaml"),
    include_str!("../../examples/seeds/windows-pods/2.6-netlogon-hook.yaml"),
    include_str!("../../examples/seeds/windows-pods/3-run-as-username-pod.yaml"),
    include_str!("../../examples/seeds/windows-pods/3.1-run-as-username-container.yaml"),
    include_str!("../../examples/agents/report.yaml"),
    include_str!("../../examples/agents/service.yaml"),
    include_str!("../seeds/access.yaml"),
    include_str!("../seeds/credspec.json"),
    include_str!("../seeds/odd.yaml"),
    include_str!("../seeds/update.yaml"),
    include_str!("../seeds/wrong.yaml"),
    include_str!("../../crates/admission/tests/reviews/create.review.json"),
    include_str!("../../crates/admission/tests/reviews/ephemeral.review.json"),
    include_str!("../../crates/admission/tests/reviews/recorded-binding.review.json"),
    include_str!("../../crates/admission/tests/reviews/recorded-ephemeral.review.json"),
    include_str!("../../crates/admission/tests/reviews/recorded-filled.review.json"),
    include_str!("../../crates/admission/tests/reviews/recorded-status.review.json"),
    include_str!("../../crates/admission/tests/reviews/refused.review.json"),
    include_str!("../../crates/admission/tests/reviews/runtime-class.review.json"),
];

/// Objects of every kind that real servers were asked about, with nearly every field.
const RECORDED: &str = include_str!("../../tests/fixtures/oracle/recorded-1.37.jsonl");

/// Texts to begin with: manifests as people write them, and the objects that real servers were asked about as YAML.
#[must_use]
pub fn seeds() -> &'static [String] {
    static SEEDS: OnceLock<Vec<String>> = OnceLock::new();
    SEEDS.get_or_init(|| {
        let recorded = RECORDED.lines().filter_map(|line| {
            let line: Value = serde_json::from_str(line).ok()?;
            let object: Value = serde_json::from_str(line["object"].as_str()?).ok()?;
            serde_saphyr::to_string(&object).ok()
        });
        WRITTEN
            .iter()
            .map(|text| (*text).to_owned())
            .chain(recorded)
            .collect()
    })
}
