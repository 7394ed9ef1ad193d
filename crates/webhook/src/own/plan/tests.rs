use super::*;
use crate::own::authority::verifies;
use crate::own::contents::{Good, Object};
use serde_json::{Value, json};

const DAY: i64 = 86_400;
const LIFETIMES: Lifetimes = Lifetimes {
    leaf: 90 * DAY,
    authority: 3650 * DAY,
};
const BEGIN: i64 = 1_800_000_000;

fn valid(made: i64, life: i64) -> Validity {
    Validity {
        from: made - BACKDATED,
        until: made + life,
    }
}

/// A state in which nothing is to be done at [`BEGIN`].
fn good() -> State {
    State {
        authorities: vec![valid(BEGIN, LIFETIMES.authority)],
        can_sign: true,
        leaf: Some(Served {
            validity: valid(BEGIN, LIFETIMES.leaf),
            signer: 0,
            covers: true,
            is_recalled: false,
        }),
    }
}

fn with(change: impl Fn(&mut State, &mut Served)) -> State {
    let mut state = good();
    let mut leaf = state.leaf.take().unwrap();
    change(&mut state, &mut leaf);
    state.leaf = Some(leaf);
    state
}

/// Asserts what the next step is so many seconds after [`BEGIN`], where everybody knows of the authorities or not.
fn assert_next(rows: impl IntoIterator<Item = (&'static str, State, bool, i64, Option<Step>)>) {
    for (what, state, settled, at, step) in rows {
        assert_eq!(next(&state, settled, BEGIN + at, &LIFETIMES), step, "{what}");
    }
}

/// Two authorities, of which this one has signed the leaf.
fn two(signer: usize) -> State {
    with(|state, leaf| {
        let old = valid(BEGIN - 3000 * DAY, LIFETIMES.authority);
        state.authorities.push(old);
        leaf.signer = signer;
    })
}

#[test]
fn what_is_missing_or_short_is_made() {
    let nothing = State {
        authorities: Vec::new(),
        can_sign: false,
        leaf: None,
    };
    let keyless = with(|state, _| state.can_sign = false);
    let leafless = State { leaf: None, ..good() };
    let renamed = with(|_, leaf| leaf.covers = false);
    let recalled = with(|_, leaf| leaf.is_recalled = true);
    assert_next([
        ("nothing is there", nothing, false, 0, Some(Step::Begin)),
        ("all is well", good(), true, 0, None),
        ("the key is lost", keyless, false, 0, Some(Step::Begin)),
        ("no leaf", leafless, false, 0, Some(Step::Issue)),
        ("other names", renamed, false, 0, Some(Step::Issue)),
        ("a remembered leaf", recalled, false, 0, Some(Step::Issue)),
        ("before two thirds", good(), true, 60 * DAY - 1, None),
        ("after two thirds", good(), false, 60 * DAY, Some(Step::Issue)),
    ]);
}

#[test]
fn authorities_come_and_go_in_an_order() {
    let mut recalled = two(1);
    recalled.leaf.as_mut().unwrap().is_recalled = true;
    let mut renamed = two(1);
    renamed.leaf.as_mut().unwrap().covers = false;
    let overlap = 90 * DAY + LONGEST_SKEW;
    let old = with_authority_until(730 * DAY);
    let young = with_authority_until(731 * DAY);
    // Of an authority that ends in 10 days; what it signs does, too.
    let clipped = with(|state, leaf| {
        state.authorities[0].until = BEGIN + 10 * DAY;
        leaf.validity.until = BEGIN + 10 * DAY;
    });
    let half = 45 * DAY;
    assert_next([
        ("a new one that not all know", two(1), false, 0, None),
        ("a new one that all know", two(1), true, 0, Some(Step::Issue)),
        ("a remembered leaf", recalled, false, 0, Some(Step::Restore)),
        ("other names wait", renamed, false, 0, None),
        ("an old leaf may be valid", renewed(two(0)), true, overlap, None),
        (
            "no old leaf is",
            renewed(two(0)),
            true,
            overlap + 1,
            Some(Step::Forget),
        ),
        ("a young one", young, true, 0, None),
        ("an old one", old.clone(), true, 0, Some(Step::Begin)),
        ("an old one that not all know", old.clone(), false, 0, None),
        ("an old one, and a leaf that is half over", old, true, half, None),
        (
            "no longer leaf is possible",
            clipped.clone(),
            false,
            5 * DAY,
            None,
        ),
        ("and all know of it", clipped, true, 5 * DAY, Some(Step::Begin)),
    ]);
}

/// The same with a leaf that was made 50 days later.
fn renewed(mut state: State) -> State {
    let leaf = state.leaf.as_mut().unwrap();
    leaf.validity = valid(BEGIN + 50 * DAY, LIFETIMES.leaf);
    state
}

fn with_authority_until(left: i64) -> State {
    with(|state, _| state.authorities[0].until = BEGIN + left)
}

#[test]
fn everybody_knows_once_all_entries_have_said_so_for_long_enough() {
    let make = || Authority::make(BEGIN, 1000).unwrap().certificate().clone();
    let (a, b) = (make(), make());
    let (old, new) = (vec![a.clone()], vec![b, a]);
    let is = |trust: &mut Trust, found: Found<'_>, at| trust.settled(&new, found, at, 10);
    let mut trust = Trust::default();
    let all = [Some(new.clone()), Some(new.clone())];
    assert!(!is(&mut trust, &all, 0));
    assert!(!is(&mut trust, &all, 9));
    assert!(is(&mut trust, &all, 10));
    for (what, found) in [
        ("one is behind", [Some(new.clone()), Some(old)]),
        ("one trusts nobody", [Some(new.clone()), None]),
    ] {
        assert!(!is(&mut trust, &found, 20), "{what}");
        assert!(!is(&mut trust, &all, 21), "{what}: it begins anew");
        assert!(is(&mut trust, &all, 31), "{what}");
    }
}

/// A cluster over the years: a Secret, replicas that follow it late, API servers that hear of a caBundle late.
struct World {
    now: i64,
    lifetimes: Lifetimes,
    names: Vec<String>,
    secret: Option<Object>,
    bundles: Vec<(i64, Vec<CertificateDer<'static>>)>,
    trust: Trust,
    /// What each replica serves; the last one hears of the Secret only now and then.
    replicas: [Option<Held>; 3],
    memory: Option<Good>,
    steps: Vec<Step>,
    handshakes: u32,
}

/// A leaf, and until when it is valid.
struct Held(CertificateDer<'static>, i64);

impl World {
    fn new(lifetimes: Lifetimes) -> Self {
        Self {
            now: BEGIN,
            lifetimes,
            names: vec!["webhook.ns.svc".to_owned()],
            secret: None,
            bundles: vec![(BEGIN, Vec::new())],
            trust: Trust::default(),
            replicas: [None, None, None],
            memory: None,
            steps: Vec::new(),
            handshakes: 0,
        }
    }

    fn read(&self) -> Contents {
        match &self.secret {
            Some(secret) => Contents::read(secret, self.now),
            None => Contents::absent(),
        }
    }

    fn follow(&mut self, replica: usize) {
        if let Some(held) = self.read().held {
            self.replicas[replica] = Some(Held(held.certificate, held.validity.until));
        }
    }

    /// The leader looks once. Whether it has changed anything.
    fn lead(&mut self) -> bool {
        let mut contents = self.read();
        if contents.held.is_some() {
            self.memory = contents.good();
        }
        if let Some(memory) = &self.memory {
            contents.recall(memory, self.now);
        }
        let known = self.bundles.last().unwrap().1.clone();
        let found = [Some(known.clone())];
        let settle = self.lifetimes.settle();
        let settled = self
            .trust
            .settled(&contents.authorities, &found, self.now, settle);
        let mut is_changed = false;
        if !contents.is_recalled && contents.held.is_some() && known != contents.authorities {
            self.bundles.push((self.now, contents.authorities.clone()));
            is_changed = true;
        }
        let state = State::of(&contents, &self.names);
        if let Some(step) = next(&state, settled, self.now, &self.lifetimes) {
            step.apply(&mut contents, &self.names, self.now, &self.lifetimes)
                .unwrap();
            let mut secret = self.secret.take().unwrap_or_else(|| Object::new("ns", "s"));
            secret.put(contents.data().unwrap());
            self.secret = Some(secret);
            self.steps.push(step);
            is_changed = true;
        }
        is_changed
    }

    /// Every API server speaks to every replica.
    fn shake_hands(&mut self) {
        let late = self.now - self.lifetimes.settle() + 1;
        let then = self.bundles.iter().rev().find(|(since, _)| *since <= late);
        let servers = [
            &self.bundles.last().unwrap().1,
            &then.unwrap_or(&self.bundles[0]).1,
        ];
        for (replica, held) in self.replicas.iter().enumerate() {
            let Some(Held(leaf, until)) = held else { continue };
            // Only who has not heard of the Secret for a life of a leaf serves one that is over.
            if *until < self.now && replica == 2 {
                continue;
            }
            for (server, trusted) in servers.iter().enumerate() {
                assert!(
                    verifies(leaf, trusted, self.now),
                    "after {} s replica {replica} is refused by server {server}; {:?}",
                    self.now - BEGIN,
                    self.steps
                );
                self.handshakes += 1;
            }
        }
    }

    /// Lives for so many seconds; `happen` may do harm to the Secret.
    fn live(&mut self, seconds: i64, mut happen: impl FnMut(&mut Self)) {
        let end = self.now + seconds;
        let (short, long) = (self.lifetimes.settle() / 4, self.lifetimes.leaf / 20);
        let mut rest = 0;
        while self.now < end {
            happen(self);
            rest = if self.lead() { 8 } else { rest - 1 };
            // The first hears of it at once, the second at the next look, the last one rarely.
            self.follow(0);
            self.shake_hands();
            self.follow(1);
            if fastrand::u32(..100) == 0 {
                self.follow(2);
            }
            self.now += if rest > 0 { short } else { long };
        }
    }

    /// The first certificate, known everywhere.
    fn begun(lifetimes: Lifetimes) -> Self {
        let mut world = Self::new(lifetimes);
        assert!(world.lead() && world.lead() && !world.lead());
        world.now += lifetimes.settle();
        assert!(!world.lead());
        world.follow(2);
        world
    }

    fn count(&self, step: Step) -> usize {
        self.steps.iter().filter(|taken| **taken == step).count()
    }
}

#[test]
fn no_handshake_fails_in_twenty_years() {
    fastrand::seed(7);
    let mut world = World::begun(LIFETIMES);
    world.live(20 * 365 * DAY, |_| {});
    // A leaf lives 60 days, an authority 8 years.
    assert!(world.count(Step::Issue) > 100, "{:?}", world.steps);
    assert_eq!(world.count(Step::Begin), 3, "{:?}", world.steps);
    assert_eq!(world.count(Step::Forget), 2, "{:?}", world.steps);
    assert!(world.handshakes > 3_000);
}

#[test]
fn short_lives_are_no_different() {
    fastrand::seed(8);
    let lifetimes = Lifetimes {
        leaf: 60,
        authority: 240,
    };
    let mut world = World::begun(lifetimes);
    world.live(3000, |_| {});
    assert!(world.count(Step::Begin) > 10, "{:?}", world.steps);
    assert!(world.count(Step::Forget) > 8, "{:?}", world.steps);
}

#[test]
fn harm_to_the_secret_is_mended_without_a_failed_handshake() {
    type Harm = fn(&mut Value);
    const HARMS: [(&str, Harm); 8] = [
        ("it is gone", |secret| *secret = Value::Null),
        ("it is empty", |secret| secret["data"] = json!({})),
        ("no key", |secret| secret["data"]["ca.key"] = Value::Null),
        ("a broken key", |secret| secret["data"]["tls.key"] = json!("AAAA")),
        ("half written", |secret| {
            secret["data"]["tls.crt"] = json!("LS0tLS1CRUdJTg==");
        }),
        ("no authorities", |secret| secret["data"]["ca.crt"] = json!("")),
        ("no base64", |secret| secret["data"]["ca.crt"] = json!("%")),
        ("no text", |secret| secret["data"]["ca.key"] = json!({"a": []})),
    ];
    for (number, (what, harm)) in HARMS.iter().enumerate() {
        fastrand::seed(number as u64);
        let mut world = World::begun(LIFETIMES);
        let (mut looks, mut harmed) = (0, 0);
        world.live(400 * DAY, |world| {
            // At other times of a leaf's life each time.
            looks += 1;
            if looks % (23 + 5 * number) == 0 {
                let mut secret = world.secret.take().unwrap();
                harm(&mut secret.0);
                world.secret = Some(secret).filter(|secret| !secret.0.is_null());
                harmed += 1;
            }
        });
        assert!(harmed > 1, "{what}: {harmed} of {looks}");
        let contents = world.read();
        assert_eq!(contents.faults, [""; 0], "{what}");
        assert!(contents.held.is_some() && contents.signing.is_some(), "{what}");
    }
}

#[test]
fn a_secret_of_somebody_else_goes_on_being_served_until_our_own_is_known() {
    // As cert-manager leaves it: a pair and its authority, without the authority's key.
    let mut foreign = World::begun(LIFETIMES);
    let mut secret = foreign.secret.take().unwrap();
    secret.0["data"]["ca.key"] = Value::Null;
    secret.0["data"]["other"] = json!("kept");
    let mut world = World::new(LIFETIMES);
    world.secret = Some(secret);
    world.bundles = foreign.bundles;
    world.now = foreign.now + LIFETIMES.settle();
    world.follow(0);
    let before = world.replicas[0].as_ref().unwrap().0.clone();
    assert!(world.lead());
    assert_eq!(world.steps, [Step::Begin]);
    assert_eq!(world.read().held.unwrap().certificate, before);
    world.live(DAY, |_| {});
    assert_eq!(world.steps, [Step::Begin, Step::Issue]);
    assert_ne!(world.read().held.unwrap().certificate, before);
    assert_eq!(world.secret.unwrap().0["data"]["other"], "kept");
}
