//! What a registry asks for when it answers 401, and what it is given.
//!
//! Source: RFC 9110 (challenges), RFC 7617 (Basic), the distribution project's token specification and its variant with
//! identity tokens.

use base64::Engine as _;
use serde::Deserialize;
use ureq::http::Method;
use ureq::http::header::{ACCEPT, CONTENT_TYPE, WWW_AUTHENTICATE};
use zeroize::Zeroizing;

use super::address::{Address, encode};
use super::credentials::{Login, Secret};
use super::error::{Problem, Result};
use super::session::{Session, read_limited};
use super::transport::{Answer, Call, Payload};

/// How porthole is called where it asks for tokens.
const CLIENT: &str = "porthole";
/// The longest token that fits a header.
const LONGEST_TOKEN: usize = 48 << 10;

/// One way in which a registry lets somebody in.
#[derive(Debug, PartialEq, Eq)]
struct Challenge {
    /// In lower case.
    scheme: String,
    parameters: Vec<(String, String)>,
}

impl Challenge {
    fn get(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// The header that answers a 401. None where there are no credentials, and none would be asked for with them.
pub(super) fn authorize(
    session: &Session<'_>,
    login: Option<&Login>,
    answer: &Answer,
) -> Result<Option<Secret>> {
    let mut challenges = Vec::new();
    for header in answer.response.headers().get_all(WWW_AUTHENTICATE) {
        challenges.extend(header.to_str().map(parse).unwrap_or_default());
    }
    let doing = || format!("log in to {}", session.registry());
    if let Some(bearer) = challenges.iter().find(|challenge| challenge.scheme == "bearer") {
        return token(session, login, bearer, &answer.from).map(Some);
    }
    if challenges.iter().any(|challenge| challenge.scheme == "basic") {
        return match login {
            Some(Login::Password { user, password }) => Ok(Some(basic(user, password))),
            Some(Login::Identity(_)) => Err(session.wrong(
                doing(),
                Problem::Challenge("it wants a password, and there is an identity token".to_owned()),
            )),
            None => Ok(None),
        };
    }
    let schemes: Vec<&str> = challenges
        .iter()
        .map(|challenge| challenge.scheme.as_str())
        .collect();
    let what = if schemes.is_empty() {
        "it does not say which".to_owned()
    } else {
        format!(
            "it offers {}, and porthole has Basic and Bearer",
            schemes.join(", ")
        )
    };
    Err(session.wrong(doing(), Problem::Challenge(what)))
}

fn basic(user: &str, password: &Secret) -> Secret {
    let pair = Zeroizing::new(format!("{user}:{}", password.expose()));
    let coded = Zeroizing::new(base64::engine::general_purpose::STANDARD.encode(pair.as_bytes()));
    Secret::new(format!("Basic {}", coded.as_str()))
}

#[derive(Deserialize)]
struct TokenAnswer {
    token: Option<Zeroizing<String>>,
    access_token: Option<Zeroizing<String>>,
}

/// Asks the server that the challenge names for a token.
fn token(
    session: &Session<'_>,
    login: Option<&Login>,
    challenge: &Challenge,
    registry: &Address,
) -> Result<Secret> {
    let asked = challenge.get("realm").unwrap_or_default();
    let refuse = |why: &str| {
        session.wrong(
            format!("log in to {}", session.registry()),
            Problem::Challenge(why.to_owned()),
        )
    };
    let Some(realm) = Address::parse(asked) else {
        return Err(refuse("its realm is no URL of http or https without a password"));
    };
    if !realm.is_encrypted() && (registry.is_encrypted() || (registry.is_loopback() && !realm.is_loopback()))
    {
        return Err(refuse(&format!("its realm {realm} is not encrypted")));
    }
    let service = challenge.get("service").unwrap_or_default();
    // The scopes are ours: a registry shall not choose what a token of ours is good for.
    let form;
    let call = if let Some(Login::Identity(token)) = login {
        form = Zeroizing::new(format!(
            "grant_type=refresh_token&service={}&client_id={CLIENT}&scope={}&refresh_token={}",
            encode(service),
            encode(&session.scopes().join(" ")),
            encode(token.expose()),
        ));
        Call::sending(Method::POST, realm, Payload::Bytes(form.as_bytes()))
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
    } else {
        let mut address = realm;
        if !service.is_empty() {
            address = address.with("service", service);
        }
        for scope in session.scopes() {
            address = address.with("scope", scope);
        }
        Call::get(address)
    };
    let call = call.header(ACCEPT, "application/json");
    let authorization = match login {
        Some(Login::Password { user, password }) => Some(basic(user, password)),
        _ => None,
    };
    let answer = session.send_patiently(&call, authorization.as_ref())?;
    let doing = || format!("get a token from {}", call.address);
    if !call.address.is_same_server(&answer.from) {
        return Err(session.wrong(
            doing(),
            Problem::Refused("it redirects to another server".to_owned()),
        ));
    }
    match answer.status() {
        200 => {}
        status @ (400 | 401 | 403) => {
            let known = login.is_some();
            return Err(session.wrong(doing(), Problem::Denied { status, known }));
        }
        status => {
            return Err(session.wrong(
                doing(),
                Problem::Status {
                    status,
                    codes: Vec::new(),
                },
            ));
        }
    }
    let text = Zeroizing::new(
        read_limited(answer, session.bounds().small).map_err(|problem| session.wrong(doing(), problem))?,
    );
    let no_token = || {
        session.wrong(
            doing(),
            Problem::Refused("the answer has no token in it".to_owned()),
        )
    };
    let answer: TokenAnswer = serde_json::from_slice(&text).map_err(|_| no_token())?;
    let filled = |token: Option<Zeroizing<String>>| token.filter(|token| !token.is_empty());
    let token = filled(answer.token)
        .or(filled(answer.access_token))
        .ok_or_else(no_token)?;
    if token.len() > LONGEST_TOKEN || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(no_token());
    }
    Ok(Secret::new(format!("Bearer {}", token.as_str())))
}

/// The challenges of one header: `Scheme name=value, name="value", Scheme …`. What is not understood ends the list.
fn parse(header: &str) -> Vec<Challenge> {
    let mut challenges: Vec<Challenge> = Vec::new();
    let mut rest = header.trim_start_matches([' ', ',', '\t']);
    while !rest.is_empty() && challenges.len() < 16 {
        let (word, after) = split_word(rest);
        if word.is_empty() {
            break;
        }
        let value = after.trim_start().strip_prefix('=');
        match (value, challenges.last_mut()) {
            (Some(value), Some(challenge)) => {
                let Some((value, after)) = split_value(value.trim_start()) else {
                    break;
                };
                challenge.parameters.push((word.to_ascii_lowercase(), value));
                rest = after;
            }
            (Some(_), None) => break,
            (None, _) => {
                challenges.push(Challenge {
                    scheme: word.to_ascii_lowercase(),
                    parameters: Vec::new(),
                });
                rest = after;
            }
        }
        rest = rest.trim_start_matches([' ', ',', '\t']);
    }
    challenges
}

fn split_word(text: &str) -> (&str, &str) {
    let end = text
        .find(|character: char| {
            !(character.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~/:".contains(character))
        })
        .unwrap_or(text.len());
    text.split_at(end)
}

fn split_value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let (word, after) = split_word(text);
        return Some((word.to_owned(), after));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((place, character)) = characters.next() {
        match character {
            '"' => return Some((value, &quoted[place + 1..])),
            '\\' => value.push(characters.next()?.1),
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(header: &str) -> Vec<(String, Vec<(String, String)>)> {
        let challenges = parse(header).into_iter();
        challenges
            .map(|challenge| (challenge.scheme, challenge.parameters))
            .collect()
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        owned.collect()
    }

    #[test]
    fn reads_the_challenges_of_registries() {
        assert_eq!(
            read(
                r#"Bearer realm="https://auth.example/token",service="x, y",scope="repository:a/b:pull,push""#
            ),
            [(
                "bearer".to_owned(),
                pairs(&[
                    ("realm", "https://auth.example/token"),
                    ("service", "x, y"),
                    ("scope", "repository:a/b:pull,push"),
                ])
            )]
        );
        assert_eq!(
            read(r#"Negotiate, BASIC realm = "a \"b\"", Bearer realm=x"#),
            [
                ("negotiate".to_owned(), pairs(&[])),
                ("basic".to_owned(), pairs(&[("realm", "a \"b\"")])),
                ("bearer".to_owned(), pairs(&[("realm", "x")])),
            ]
        );
    }

    #[test]
    fn half_challenges_are_read_as_far_as_they_go() {
        assert_eq!(read(""), []);
        assert_eq!(read("="), []);
        assert_eq!(read(r#"Bearer realm="x"#), [("bearer".to_owned(), pairs(&[]))]);
        assert_eq!(read(r#"Bearer realm="x\"#), [("bearer".to_owned(), pairs(&[]))]);
    }

    proptest::proptest! {
        #[test]
        fn no_header_makes_it_panic(header in ".{0,200}") {
            parse(&header);
        }
    }
}
