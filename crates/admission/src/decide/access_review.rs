//! Access reviews as the API server takes and gives them.

use porthole_access::User;
use serde_json::{Value, json};

use super::lookup::{Answer, CannotTell, Usable};

/// The `LocalSubjectAccessReview` whether a user may `use` what is called `name` in the namespace.
///
/// It is the question of the webhook of kubernetes-sigs/windows-gmsa, but for the groups, which are all that a service
/// account is in.
#[must_use]
pub fn access_review(user: &User, namespace: &str, what: Usable, name: &str) -> Value {
    json!({
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "LocalSubjectAccessReview",
        "metadata": {"namespace": namespace},
        "spec": {
            "resourceAttributes": {
                "namespace": namespace,
                "verb": "use",
                "group": what.group(),
                "version": "v1",
                "resource": what.resource(),
                "name": name,
            },
            "user": user.name,
            "groups": user.groups,
        },
    })
}

/// The answer in a review that the API server has given back.
///
/// # Errors
/// There is none in it.
pub fn access_answer(review: &Value) -> Result<Answer, CannotTell> {
    let status = &review["status"];
    let Some(allowed) = status["allowed"].as_bool() else {
        return Err(CannotTell("the API server's review has no answer".to_owned()));
    };
    if allowed && status["denied"] != true {
        return Ok(Answer::Allowed);
    }
    let reason = status["reason"].as_str().unwrap_or_default();
    Ok(Answer::Refused(reason.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_review_that_denies_is_no_yes() {
        let asked = |status: Value| access_answer(&json!({"status": status}));
        assert_eq!(asked(json!({"allowed": true})), Ok(Answer::Allowed));
        assert_eq!(
            asked(json!({"allowed": true, "denied": true, "reason": "no"})),
            Ok(Answer::Refused("no".to_owned()))
        );
        assert_eq!(
            asked(json!({"allowed": false})),
            Ok(Answer::Refused(String::new()))
        );
        assert!(asked(json!({})).is_err());
        assert!(asked(json!({"allowed": "true"})).is_err());
    }

    #[test]
    fn the_question_has_the_attributes_of_the_existing_webhook() {
        let user = User::service_account("shop", "web");
        for (what, group, resource, name) in [
            (
                Usable::CredentialSpec,
                "windows.k8s.io",
                "gmsacredentialspecs",
                "webapp1",
            ),
            (
                Usable::HostAccount,
                "porthole.dev",
                "hostaccounts",
                r"nt authority\system",
            ),
        ] {
            let review = access_review(&user, "shop", what, name);
            assert_eq!(review["metadata"], json!({"namespace": "shop"}));
            assert_eq!(
                review["spec"]["resourceAttributes"],
                json!({
                    "namespace": "shop", "verb": "use", "group": group, "version": "v1",
                    "resource": resource, "name": name,
                })
            );
            assert_eq!(review["spec"]["user"], "system:serviceaccount:shop:web");
        }
    }
}
