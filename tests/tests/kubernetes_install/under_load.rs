//! An installation of kubernetes-sigs/windows-gmsa is replaced while pods are created.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use porthole_tests::wait;

use super::live::{CONTENTS, Live};

const SEEN: Duration = Duration::from_mins(1);
/// Where something fails, the load ends nevertheless.
const LIMIT: Duration = Duration::from_mins(4);

#[test]
#[ignore = "needs kube-apiserver 1.37"]
fn no_pod_is_refused_or_unchecked_while_the_new_servers_take_over() {
    take_over(&Live::new(), &[]);
}

#[test]
#[ignore = "needs kube-apiserver 1.37 and kube-controller-manager"]
fn nor_while_those_do_whose_certificates_a_signer_of_the_cluster_signs() {
    let live = Live::with_signers();
    take_over(&live, &["--certificates=csr", "--approve"]);
    assert!(
        live.said().contains("a new certificate is in the Secret"),
        "{}",
        live.said()
    );
}

fn take_over(live: &Live, arguments: &[&str]) {
    wait::until("the old webhook to be called", SEEN, || {
        Ok((live.create("nobody").0 == 403 && live.create("web").0 == 201).then_some(()))
    })
    .unwrap_or_else(|failure| panic!("{failure} {:?}", live.create("web")));
    let (stop, pods) = (AtomicBool::new(false), AtomicU64::new(0));
    let over = Instant::now() + LIMIT;
    let load = |account: &str, asked: &dyn Fn(u16, &serde_json::Value)| {
        while !stop.load(Ordering::SeqCst) && Instant::now() < over {
            let (code, said) = live.create(account);
            asked(code, &said);
            pods.fetch_add(1, Ordering::SeqCst);
        }
    };
    let (code, out, err) = thread::scope(|scope| {
        let may = scope.spawn(|| {
            load("web", &|code, said| {
                let contents = &said["spec"]["securityContext"]["windowsOptions"]["gmsaCredentialSpec"];
                assert!(
                    code == 201 && contents == CONTENTS,
                    "{code} {said}\n{}",
                    live.said()
                );
            });
        });
        let may_not = scope.spawn(|| {
            load("nobody", &|code, said| {
                assert_eq!(code, 403, "{said}\n{}", live.said());
            });
        });
        let said = live.install(&[&["--take-over", "--timeout=2m"], arguments].concat());
        let before = pods.load(Ordering::SeqCst);
        let goes_on = wait::until("the load to go on", SEEN, || {
            Ok((pods.load(Ordering::SeqCst) > before + 50).then_some(()))
        });
        stop.store(true, Ordering::SeqCst);
        may.join().unwrap();
        may_not.join().unwrap();
        goes_on.unwrap();
        said
    });
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}\n{}", live.said());
    assert!(
        out.contains("mutatingwebhookconfiguration.admissionregistration.k8s.io/old removed\n"),
        "{out}"
    );
    assert!(out.contains("service/old removed\n"), "{out}");
    assert!(pods.load(Ordering::SeqCst) > 100);
    // The old server ends, and the new ones judge.
    wait::until("the old server to end", SEEN, || {
        Ok(live.said().contains("\"message\":\"ended\"").then_some(()))
    })
    .unwrap_or_else(|failure| panic!("{failure}\n{}", live.said()));
}
