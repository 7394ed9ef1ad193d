//! Limits against a Windows that remembers every call.

use crate::plan::DeviceLimit;

use super::super::api::Jobs as _;
use super::super::fake::{Call, Fake};
use super::*;

fn limits(memory: Option<u64>, cpu_milli: Option<u64>, pids: Option<u64>) -> Limits {
    Limits {
        memory,
        cpu_milli,
        pids,
        ..Limits::default()
    }
}

/// A host with groups of so many processors, of Windows Server 2022.
fn on(groups: &[u32]) -> Processors {
    Processors {
        groups: groups.to_vec(),
        build: 20_348,
    }
}

#[test]
fn cpu_rate_is_the_share_of_all_processors() {
    for (processors, milli, rate) in [
        (10, 1000, 1000),
        (10, 5000, 5000),
        (20, 5000, 2500),
        (1, 1000, 10_000),
        (1, 0, 1),
        (64, 1, 1),
        (2, 90_000, 10_000),
        (1, u64::MAX, 10_000),
    ] {
        assert_eq!(cpu_rate(milli, processors), rate, "{milli} of {processors}");
    }
}

fn shares(shares: u64) -> Limits {
    Limits {
        cpu_shares: Some(shares),
        ..Limits::default()
    }
}

#[test]
fn shares_are_one_of_nine_weights() {
    let host = on(&[4]);
    for (given, weight, shown) in [
        (1, 1, 1),
        (1249, 1, 1),
        (1250, 2, 1250),
        (5000, 5, 5000),
        (9999, 8, 8750),
        (10_000, 9, 10_000),
        (11_249, 9, 10_000),
    ] {
        let fake = Fake::new();
        let (job, _) = fake.create_job(None).unwrap();
        let converted = convert(&shares(given), &host, 0).unwrap();
        apply(&*fake, &job, &converted).unwrap();
        let set = JobInformation::CpuRate(CpuRate {
            flags: 0x1 | 0x2,
            rate: weight,
        });
        assert_eq!(fake.sets().last(), Some(&set), "{given}");
        assert_eq!(set.class(), 15);
        assert_eq!(rounded(&converted, &host, 0).cpu_shares, Some(shown), "{given}");
    }
}

#[test]
fn refuses_shares_that_are_no_weight_and_shares_beside_a_rate() {
    for (given, weight) in [(0, 1), (11_250, 10), (262_144, 210)] {
        let error = CreateError::from(convert(&shares(given), &on(&[4]), 0).unwrap_err()).to_string();
        let expected =
            format!("set the cpu shares limit of {given}: processor weight value of `{weight}` is invalid");
        assert!(error.starts_with(&expected), "{error}");
    }
    let both = Limits {
        cpu_milli: Some(1000),
        ..shares(500)
    };
    let error = convert(&both, &on(&[4]), 0).unwrap_err();
    assert_eq!(
        error.reason,
        "invalid spec - Windows Container CPU Count: '0', Limit: '2500', and Weight: '500' are mutually exclusive; lift \
         one of them"
    );
}

#[test]
fn shares_take_the_place_of_a_rate_and_are_lifted_like_it() {
    let fake = Fake::new();
    let (job, _) = fake.create_job(None).unwrap();
    let host = on(&[4]);
    apply(
        &*fake,
        &job,
        &convert(&limits(None, Some(1000), None), &host, 0).unwrap(),
    )
    .unwrap();
    for (wanted, flags, value) in [(shares(2500), 0x3, 3), (Limits::default(), 0, 0)] {
        change(&*fake, &job, &convert(&wanted, &host, 0).unwrap(), &host).unwrap();
        let has = fake.query_cpu_rate(&job).unwrap();
        assert_eq!((has.flags, has.rate), (flags, value));
    }
}

#[test]
fn one_write_keeps_what_was_set_and_adds_the_limits() {
    let fake = Fake::new();
    let (job, _) = fake.create_job(None).unwrap();
    fake.preset_limit(ExtendedLimit {
        flags: 0x400,
        scheduling_class: 5,
        ..ExtendedLimit::default()
    });
    let converted = convert(&limits(Some(41_943_041), Some(500), Some(3)), &on(&[4]), 1).unwrap();
    apply(&*fake, &job, &converted).unwrap();
    assert_eq!(
        fake.sets(),
        [
            JobInformation::ExtendedLimit(ExtendedLimit {
                flags: 0x400 | 0x2000 | 0x200 | 0x8,
                scheduling_class: 5,
                job_memory: 41_943_040,
                active_processes: 4,
                ..ExtendedLimit::default()
            }),
            JobInformation::CpuRate(CpuRate {
                flags: 0x5,
                rate: 1250
            }),
        ]
    );
    let classes: Vec<_> = fake.sets().iter().map(JobInformation::class).collect();
    assert_eq!(classes, [9, 15]);
}

#[test]
fn kill_on_close_is_set_without_any_limit() {
    let fake = Fake::new();
    let (job, _) = fake.create_job(None).unwrap();
    apply(&*fake, &job, &JobLimits::default()).unwrap();
    assert_eq!(
        fake.sets(),
        [JobInformation::ExtendedLimit(ExtendedLimit {
            flags: 0x2000,
            ..ExtendedLimit::default()
        })]
    );
}

#[test]
fn refuses_limits_that_are_accepted_and_not_kept() {
    for (asked, name) in [
        (limits(Some(1 << 20), None, None), "memory limit of 1048576"),
        (limits(None, None, Some(7)), "pids limit of 7"),
    ] {
        let fake = Fake::new();
        fake.forget_limits();
        let (job, _) = fake.create_job(None).unwrap();
        let error = apply(&*fake, &job, &convert(&asked, &on(&[1]), 0).unwrap()).unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
        assert!(error.to_string().contains("does not keep it"), "{error}");
    }
}

#[test]
fn names_the_cpu_limit_when_it_cannot_be_set() {
    let fake = Fake::new();
    fake.fail(
        |call| {
            matches!(
                call,
                Call::SetJob {
                    information: JobInformation::CpuRate(_),
                    ..
                }
            )
        },
        87,
    );
    let (job, _) = fake.create_job(None).unwrap();
    let error = apply(
        &*fake,
        &job,
        &convert(&limits(None, Some(1), None), &on(&[1]), 0).unwrap(),
    )
    .unwrap_err();
    assert_eq!(error.to_string(), "set the cpu limit of the job object");
}

#[test]
fn refuses_limits_that_make_no_sense() {
    for (asked, text) in [
        (limits(Some(0), None, None), "set the memory limit of 0: "),
        (limits(Some(4095), None, None), "set the memory limit of 4095: "),
        (limits(None, None, Some(0)), "set the pids limit of 0: "),
        (
            limits(None, None, Some(1 << 32)),
            "set the pids limit of 4294967296: ",
        ),
    ] {
        let error = CreateError::from(convert(&asked, &on(&[1]), 0).unwrap_err()).to_string();
        assert!(error.starts_with(text), "{error}");
    }
}

#[test]
fn processors_are_bits_of_their_groups() {
    let group = |group, mask| GroupAffinity {
        mask,
        group,
        reserved: [0; 3],
    };
    let (small, large) = (on(&[4]), on(&[64, 36]));
    assert_eq!(small.affinity(&[0, 1]).unwrap(), [group(0, 0x3)]);
    assert_eq!(small.affinity(&[]).unwrap(), []);
    assert_eq!(
        large.affinity(&[0, 63, 64, 99]).unwrap(),
        [group(0, 1 << 63 | 1), group(1, 1 << 35 | 1)]
    );
    for wanted in [&[0, 63, 64, 99][..], &[5], &[70]] {
        assert_eq!(large.numbers(&large.affinity(wanted).unwrap()), wanted);
    }
    assert_eq!(large.all(), [group(0, usize::MAX), group(1, (1 << 36) - 1)]);
    let error = small.affinity(&[1, 4]).unwrap_err();
    assert_eq!(error.reason, "this host has processors 0 to 3, and no 4");
    let old = Processors {
        build: 17_763,
        ..large
    };
    let reason = |wanted: &[u32]| old.affinity(wanted).unwrap_err().reason;
    assert_eq!(
        reason(&[0, 64]),
        "cpu affinity with multiple processor groups requires Windows Server 2022 or later"
    );
    assert_eq!(
        reason(&[64]),
        "cpu affinity with a non-zero processor group requires Windows Server 2022 or later"
    );
    assert!(old.affinity(&[63]).is_ok());
}

#[test]
fn affinity_is_class_14_with_groups() {
    let fake = Fake::new();
    let (job, _) = fake.create_job(None).unwrap();
    let asked = Limits {
        processors: vec![1, 3],
        ..Limits::default()
    };
    apply(&*fake, &job, &convert(&asked, &on(&[4]), 0).unwrap()).unwrap();
    let groups = vec![GroupAffinity {
        mask: 0xA,
        group: 0,
        reserved: [0; 3],
    }];
    assert_eq!(fake.sets()[1], JobInformation::Affinity(groups));
    assert_eq!(fake.sets()[1].class(), 14);
}

#[test]
fn refuses_disks_by_name() {
    let asked = Limits {
        devices: vec![DeviceLimit {
            device: "C:".into(),
            read_bytes: Some(1),
            write_bytes: None,
            read_operations: None,
            write_operations: None,
        }],
        ..Limits::default()
    };
    let error = CreateError::from(convert(&asked, &on(&[4]), 0).unwrap_err()).to_string();
    assert!(error.starts_with("set the device limit of `C:`: "), "{error}");
    assert!(error.contains("1607"), "{error}");
}

#[test]
fn says_what_the_kernel_rounds_to() {
    let asked = Limits {
        memory: Some(10_000_000),
        cpu_milli: Some(333),
        pids: Some(9),
        processors: vec![2],
        ..Limits::default()
    };
    let host = on(&[4]);
    let converted = convert(&asked, &host, 1).unwrap();
    let expected = Limits {
        memory: Some(9_998_336),
        cpu_milli: Some(332),
        ..asked
    };
    assert_eq!(rounded(&converted, &host, 1), expected);
}

#[test]
fn a_change_lifts_what_is_not_asked_for() {
    let fake = Fake::new();
    let (job, _) = fake.create_job(None).unwrap();
    let host = on(&[4]);
    let asked = Limits {
        processors: vec![1],
        ..limits(Some(1 << 20), Some(100), Some(3))
    };
    apply(&*fake, &job, &convert(&asked, &host, 0).unwrap()).unwrap();
    let before = fake.sets().len();
    change(&*fake, &job, &JobLimits::default(), &host).unwrap();
    let sets = fake.sets();
    let [
        JobInformation::ExtendedLimit(limit),
        JobInformation::Affinity(groups),
        JobInformation::CpuRate(rate),
    ] = &sets[before..]
    else {
        panic!("{sets:?}")
    };
    assert_eq!(limit.flags, 0x2000);
    assert_eq!(groups[0].mask, 0xF);
    assert_eq!((rate.flags, rate.rate), (0, 0));
    // Nothing more is there to be lifted.
    let before = sets.len();
    change(&*fake, &job, &JobLimits::default(), &host).unwrap();
    assert!(matches!(
        &fake.sets()[before..],
        [JobInformation::ExtendedLimit(_)]
    ));
}

#[test]
fn a_change_that_fails_leaves_the_limits_as_they_were() {
    let fake = Fake::new();
    let (job, _) = fake.create_job(None).unwrap();
    let host = on(&[4]);
    let first = Limits {
        processors: vec![1],
        ..limits(Some(1 << 20), Some(100), Some(3))
    };
    apply(&*fake, &job, &convert(&first, &host, 0).unwrap()).unwrap();
    let had = (
        fake.query_extended_limit(&job).unwrap(),
        fake.query_affinity(&job).unwrap(),
        fake.query_cpu_rate(&job).unwrap(),
    );
    fake.fail(
        |call| matches!(call, Call::SetJob { information: JobInformation::CpuRate(rate), .. } if rate.rate == 500),
        87,
    );
    let second = limits(Some(1 << 21), Some(200), None);
    let error = change(&*fake, &job, &convert(&second, &host, 0).unwrap(), &host).unwrap_err();
    assert!(matches!(error, LimitError::Call { doing: CPU, .. }), "{error:?}");
    let has = (
        fake.query_extended_limit(&job).unwrap(),
        fake.query_affinity(&job).unwrap(),
        fake.query_cpu_rate(&job).unwrap(),
    );
    assert_eq!(has, had);
}
