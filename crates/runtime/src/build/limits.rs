//! A container's limits: `resources.limits`, the annotations for the runtime, and what the user chose, each before the
//! one before it.

use std::path::PathBuf;

use super::Making;
use crate::engine::Os;
use crate::plan::{DeviceLimit, Limits};
use crate::spec::{ContainerSpec, Quantity, RuntimeLimits};

/// A limit that the user chose, by a flag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Bytes; `None` lifts the limit.
    Memory(Option<u64>),
    /// Thousandths of a processor; `None` lifts the limit.
    CpuMilli(Option<u64>),
    /// The share of the processors beside others ([`Limits::cpu_shares`]); `None` lifts it.
    CpuShares(Option<u64>),
    /// Processes and threads; `None` lifts the limit.
    Pids(Option<u64>),
    /// The processors that may be used; none lifts the limit.
    Processors(Vec<u32>),
    /// What is set of one device's.
    Device(DeviceLimit),
}

/// A limit for one container, or for all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitChoice {
    /// The container's name; every container of the pod where it is not set.
    pub container: Option<String>,
    /// The limit.
    pub limit: Limit,
}

/// Limits that the user chose beyond the manifest: those for one container count before those for all, and of equals
/// the last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LimitChoices(pub Vec<LimitChoice>);

impl LimitChoices {
    /// Puts what was chosen for a container over the limits that it has otherwise.
    pub fn apply(&self, container: &str, limits: &mut Limits) {
        for named in [false, true] {
            let chosen = self.0.iter().filter(|choice| match &choice.container {
                None => !named,
                Some(name) => named && name == container,
            });
            for choice in chosen {
                set(limits, &choice.limit);
            }
        }
    }

    /// The containers that are named.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|choice| choice.container.as_deref())
    }
}

fn set(limits: &mut Limits, limit: &Limit) {
    match limit {
        Limit::Memory(bytes) => limits.memory = *bytes,
        Limit::CpuMilli(milli) => limits.cpu_milli = *milli,
        Limit::CpuShares(shares) => limits.cpu_shares = *shares,
        Limit::Pids(count) => limits.pids = *count,
        Limit::Processors(numbers) => limits.processors.clone_from(numbers),
        Limit::Device(new) => {
            let found = limits.devices.iter_mut().find(|old| old.device == new.device);
            let Some(old) = found else {
                limits.devices.push(new.clone());
                return;
            };
            for (old, new) in [
                (&mut old.read_bytes, new.read_bytes),
                (&mut old.write_bytes, new.write_bytes),
                (&mut old.read_operations, new.read_operations),
                (&mut old.write_operations, new.write_operations),
            ] {
                *old = new.or(*old);
            }
        }
    }
}

/// `[CONTAINER=]VALUE` in its two parts. What stands before a `=` and could not be a container's name belongs to the value.
#[must_use]
pub fn for_container(text: &str) -> (Option<&str>, &str) {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() && crate::spec::label_fault(name).is_none() => {
            (Some(name), value)
        }
        _ => (None, text),
    }
}

/// The word that lifts a limit.
const NONE: &str = "none";

/// `--memory`: a quantity of bytes, or `none`.
///
/// # Errors
/// It is none, with what to write instead.
pub fn memory(text: &str) -> Result<Limit, String> {
    if text == NONE {
        return Ok(Limit::Memory(None));
    }
    amount(text).map(|bytes| Limit::Memory(Some(bytes)))
}

fn amount(text: &str) -> Result<u64, String> {
    // docker's 64m are mebibytes; in Kubernetes' units they are a fraction of a byte.
    if let Some(number) = text.strip_suffix(['b', 'm', 'g', 't', 'n', 'u'])
        && !number.is_empty()
    {
        return Err(format!(
            "`{text}` is no number of bytes; write {number}Mi for mebibytes, {number}Gi for gibibytes"
        ));
    }
    let quantity = Quantity::parse(text).map_err(|error| error.to_string())?;
    match quantity.units() {
        Some(0) => Err(format!("must be more than 0; `{NONE}` is no limit")),
        Some(amount) => Ok(amount),
        None => Err("is out of range".to_owned()),
    }
}

/// `--cpus`: a number of processors such as `1.5` or `500m`, or `none`.
///
/// # Errors
/// It is none, with what to write instead.
pub fn cpus(text: &str) -> Result<Limit, String> {
    if text == NONE {
        return Ok(Limit::CpuMilli(None));
    }
    let quantity = Quantity::parse(text).map_err(|error| error.to_string())?;
    match quantity.milli() {
        Some(0) => Err(format!("must be more than 0; `{NONE}` is no limit")),
        Some(milli) => Ok(Limit::CpuMilli(Some(milli))),
        None => Err("is out of range".to_owned()),
    }
}

/// The most shares that Linux takes.
const MOST_SHARES: u64 = 262_144;

/// `--cpu-shares`: the share of the processors beside others, or `none`.
///
/// # Errors
/// It is none, with what to write instead.
pub fn cpu_shares(text: &str) -> Result<Limit, String> {
    if text == NONE {
        return Ok(Limit::CpuShares(None));
    }
    match text.parse::<u64>() {
        Ok(shares @ 1..=MOST_SHARES) => Ok(Limit::CpuShares(Some(shares))),
        _ => Err(format!(
            "must be a whole number from 1 to {MOST_SHARES} (on Windows to 11249); `{NONE}` is as much as others have"
        )),
    }
}

/// `--pids-limit`: a number of processes and threads, or `none`.
///
/// # Errors
/// It is none, with what to write instead.
pub fn pids(text: &str) -> Result<Limit, String> {
    if text == NONE {
        return Ok(Limit::Pids(None));
    }
    match text.parse::<u64>() {
        Ok(count @ 1..) => Ok(Limit::Pids(Some(count))),
        _ => Err(format!("must be a whole number from 1; `{NONE}` is no limit")),
    }
}

/// As many processors as the kernels can be told of.
const MOST_PROCESSORS: u32 = 8192;

/// `--cpuset-cpus`: processors by number, such as `0-3,5`, or `none`.
///
/// # Errors
/// It is no such list.
pub fn processors(text: &str) -> Result<Limit, String> {
    if text == NONE {
        return Ok(Limit::Processors(Vec::new()));
    }
    let fault = || {
        format!("must be processors by number, such as 0-3,5, below {MOST_PROCESSORS}; `{NONE}` is no limit")
    };
    let number = |text: &str| -> Option<u32> { text.parse().ok().filter(|number| *number < MOST_PROCESSORS) };
    let mut numbers = std::collections::BTreeSet::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = number(first).zip(number(last)).ok_or_else(fault)?;
        if first > last {
            return Err(fault());
        }
        numbers.extend(first..=last);
    }
    Ok(Limit::Processors(numbers.into_iter().collect()))
}

/// Which of a device's rates is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rate {
    /// `--device-read-bps`.
    ReadBytes,
    /// `--device-write-bps`.
    WriteBytes,
    /// `--device-read-iops`.
    ReadOperations,
    /// `--device-write-iops`.
    WriteOperations,
}

/// `DEVICE:RATE`: a block device, or any file on it, and bytes (a quantity) or operations a second.
///
/// # Errors
/// It is none.
pub fn device(rate: Rate, text: &str) -> Result<Limit, String> {
    let fault = || "must be DEVICE:RATE, such as /dev/sda:10M".to_owned();
    let (path, amount_text) = text.rsplit_once(':').ok_or_else(fault)?;
    if path.is_empty() {
        return Err(fault());
    }
    let amount = amount(amount_text)?;
    let mut limit = DeviceLimit {
        device: PathBuf::from(path),
        read_bytes: None,
        write_bytes: None,
        read_operations: None,
        write_operations: None,
    };
    *match rate {
        Rate::ReadBytes => &mut limit.read_bytes,
        Rate::WriteBytes => &mut limit.write_bytes,
        Rate::ReadOperations => &mut limit.read_operations,
        Rate::WriteOperations => &mut limit.write_operations,
    } = Some(amount);
    Ok(Limit::Device(limit))
}

/// The limits of a container.
pub(super) fn limits(making: &mut Making<'_>, container: &ContainerSpec) -> Limits {
    let annotated = &making.request.spec.runtime_limits;
    let processors = std::thread::available_parallelism().map_or(1, |count| count.get() as u64);
    if let Err(reason) = exclusive(annotated, container.limits.cpu_milli, processors) {
        let span = container.span;
        let written = annotated
            .processor_count
            .as_ref()
            .or(annotated.processor_limit.as_ref())
            .or(annotated.processor_weight.as_ref());
        let span = written.map_or(span, |written| written.span);
        let help = "keep one of resources.limits.cpu and the annotations io.microsoft.container.processor.*";
        making.refuse(
            format!("{}.resources.limits.cpu", container.path),
            span,
            reason,
            Some(help),
        );
    }
    let mut limits = Limits {
        memory: container.limits.memory,
        cpu_milli: container.limits.cpu_milli,
        ..Limits::default()
    };
    annotate(&mut limits, &making.request.spec.runtime_limits, processors);
    making.request.choices.limits.apply(&container.name, &mut limits);
    // Those of the manifest have been refused above.
    if making.request.facts.os == Os::Windows
        && making
            .request
            .choices
            .limits
            .0
            .iter()
            .any(|choice| matches!(choice.limit, Limit::CpuShares(Some(_)) | Limit::CpuMilli(Some(_))))
        && let Err(reason) = one_way(
            None,
            limits.cpu_milli.map(|milli| rate(milli, processors)),
            limits.cpu_shares,
        )
    {
        let help = "leave out --cpus or --cpu-shares, or lift the other with `none`";
        making.refuse(container.path.clone(), container.span, reason, Some(help));
    }
    if !limits.devices.is_empty() && making.request.facts.os == Os::Windows {
        let reason = "Windows limits no block device for a job";
        making.refuse(
            container.path.clone(),
            container.span,
            reason,
            Some("leave out --device-…"),
        );
    }
    limits
}

/// hcsshim's rule in its words: one way of limiting the processor at most.
fn exclusive(annotated: &RuntimeLimits, cpu_milli: Option<u64>, processors: u64) -> Result<(), String> {
    let value = |written: &Option<crate::spec::Written<u64>>| written.as_ref().map(|written| written.value);
    let count = value(&annotated.processor_count);
    // The kubelet asks for a share of all processors.
    let maximum = cpu_milli.map(|milli| rate(milli, processors));
    let limit = value(&annotated.processor_limit).or(maximum);
    one_way(count, limit, value(&annotated.processor_weight))
}

/// Thousandths of a processor as ten-thousandths of all of them.
fn rate(milli: u64, processors: u64) -> u64 {
    (milli.saturating_mul(10) / processors.max(1)).clamp(1, 10_000)
}

/// A job object's processors are limited in one way at most. hcsshim's words.
///
/// # Errors
/// More than one is set.
pub(crate) fn one_way(count: Option<u64>, limit: Option<u64>, weight: Option<u64>) -> Result<(), String> {
    if [count, limit, weight].into_iter().flatten().count() < 2 {
        return Ok(());
    }
    Err(format!(
        "invalid spec - Windows Container CPU Count: '{}', Limit: '{}', and Weight: '{}' are mutually exclusive",
        count.unwrap_or_default(),
        limit.unwrap_or_default(),
        weight.unwrap_or_default()
    ))
}

fn annotate(limits: &mut Limits, annotated: &RuntimeLimits, processors: u64) {
    if let Some(mebibytes) = &annotated.memory_mebibytes {
        limits.memory = Some(mebibytes.value.saturating_mul(1 << 20));
    }
    if let Some(count) = &annotated.processor_count {
        limits.cpu_milli = Some(count.value.min(processors).saturating_mul(1000));
    }
    if let Some(limit) = &annotated.processor_limit {
        limits.cpu_milli = Some((limit.value * processors).div_ceil(10).max(1));
    }
    if let Some(shares) = &annotated.processor_weight {
        limits.cpu_shares = Some(shares.value);
    }
}

#[cfg(test)]
mod tests {
    use porthole_manifest::Span;

    use super::*;
    use crate::spec::Written;

    #[test]
    fn flags_are_read_exactly_or_refused_with_what_to_write() {
        assert_eq!(memory("64Mi"), Ok(Limit::Memory(Some(64 << 20))));
        assert_eq!(memory("1G"), Ok(Limit::Memory(Some(1_000_000_000))));
        assert_eq!(memory("none"), Ok(Limit::Memory(None)));
        for (text, part) in [
            ("64m", "write 64Mi for mebibytes"),
            ("1g", "1Gi for gibibytes"),
            ("0", "must be more than 0"),
            ("-1", "no quantity"),
            ("", "no quantity"),
            ("m", "no quantity"),
            ("10E", "out of range"),
            ("99999E", "out of range"),
            ("None", "no quantity"),
        ] {
            let fault = memory(text).unwrap_err();
            assert!(fault.contains(part), "{text}: {fault}");
        }
        assert_eq!(cpus("1.5"), Ok(Limit::CpuMilli(Some(1500))));
        assert_eq!(cpus("500m"), Ok(Limit::CpuMilli(Some(500))));
        assert!(cpus("0").is_err() && cpus("-1").is_err() && cpus("1x").is_err());
        assert_eq!(cpu_shares("512"), Ok(Limit::CpuShares(Some(512))));
        assert_eq!(cpu_shares("none"), Ok(Limit::CpuShares(None)));
        for text in ["0", "262145", "-1", "1.5", ""] {
            assert!(cpu_shares(text).unwrap_err().contains("1 to 262144"), "{text}");
        }
        assert_eq!(pids("100"), Ok(Limit::Pids(Some(100))));
        assert!(pids("0").is_err() && pids("-1").is_err() && pids("1.5").is_err());
        assert_eq!(processors("5,0-2,1"), Ok(Limit::Processors(vec![0, 1, 2, 5])));
        for text in ["", "3-1", "0-4294967295", "a", "1,", "-1", "8192"] {
            assert!(processors(text).is_err(), "{text}");
        }
        let Ok(Limit::Device(read)) = device(Rate::ReadBytes, "/dev/sda:10M") else {
            panic!("it is a device and a rate");
        };
        assert_eq!(
            (read.device.to_str(), read.read_bytes),
            (Some("/dev/sda"), Some(10_000_000))
        );
        for text in ["/dev/sda", ":1", "/dev/sda:", "/dev/sda:0", "/dev/sda:x"] {
            assert!(device(Rate::WriteBytes, text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_container_is_named_before_an_equals_sign() {
        assert_eq!(for_container("web=64Mi"), (Some("web"), "64Mi"));
        assert_eq!(for_container("64Mi"), (None, "64Mi"));
        assert_eq!(for_container("/dev/a=b:1"), (None, "/dev/a=b:1"));
        assert_eq!(for_container("=1"), (None, "=1"));
    }

    #[test]
    fn a_choice_for_one_container_counts_before_one_for_all() {
        let choice = |container: Option<&str>, limit| LimitChoice {
            container: container.map(str::to_owned),
            limit,
        };
        let rate = |rate, text| device(rate, text).unwrap();
        let choices = LimitChoices(vec![
            choice(Some("a"), Limit::Memory(Some(1))),
            choice(None, Limit::Memory(Some(2))),
            choice(None, Limit::Pids(Some(7))),
            choice(Some("b"), Limit::Pids(None)),
            choice(None, rate(Rate::ReadBytes, "/d:1")),
            choice(None, rate(Rate::WriteBytes, "/d:2")),
            choice(Some("a"), rate(Rate::ReadBytes, "/d:3")),
        ]);
        let mut limits = Limits {
            cpu_milli: Some(5),
            ..Limits::default()
        };
        choices.apply("a", &mut limits);
        assert_eq!(
            (limits.memory, limits.pids, limits.cpu_milli),
            (Some(1), Some(7), Some(5))
        );
        assert_eq!(limits.devices.len(), 1);
        assert_eq!(
            (limits.devices[0].read_bytes, limits.devices[0].write_bytes),
            (Some(3), Some(2))
        );
        let mut limits = Limits::default();
        choices.apply("b", &mut limits);
        assert_eq!((limits.memory, limits.pids), (Some(2), None));
    }

    fn written(value: u64) -> Written<u64> {
        Written::new(value, Span::default())
    }

    #[test]
    fn annotations_of_the_runtime_become_limits_and_exclude_each_other() {
        let count = RuntimeLimits {
            processor_count: Some(written(2)),
            memory_mebibytes: Some(written(3)),
            ..RuntimeLimits::default()
        };
        let mut limits = Limits::default();
        annotate(&mut limits, &count, 8);
        assert_eq!((limits.memory, limits.cpu_milli), (Some(3 << 20), Some(2000)));
        annotate(&mut limits, &count, 1);
        assert_eq!(limits.cpu_milli, Some(1000), "no more than there are");
        let limit = RuntimeLimits {
            processor_limit: Some(written(2500)),
            ..RuntimeLimits::default()
        };
        annotate(&mut limits, &limit, 8);
        assert_eq!(limits.cpu_milli, Some(2000), "a quarter of eight");

        assert_eq!(exclusive(&count, None, 4), Ok(()));
        assert_eq!(exclusive(&limit, Some(1000), 4), Ok(()), "the annotation counts");
        assert_eq!(
            exclusive(&count, Some(1000), 4).unwrap_err(),
            "invalid spec - Windows Container CPU Count: '2', Limit: '2500', and Weight: '0' are mutually exclusive"
        );
        let weight = RuntimeLimits {
            processor_weight: Some(written(2500)),
            ..RuntimeLimits::default()
        };
        let mut limits = Limits::default();
        annotate(&mut limits, &weight, 8);
        assert_eq!((limits.cpu_shares, limits.cpu_milli), (Some(2500), None));
        assert_eq!(exclusive(&weight, None, 4), Ok(()));
        assert_eq!(
            exclusive(&weight, Some(1000), 4).unwrap_err(),
            "invalid spec - Windows Container CPU Count: '0', Limit: '2500', and Weight: '2500' are mutually exclusive"
        );
        let all = RuntimeLimits {
            processor_limit: Some(written(7)),
            processor_weight: Some(written(8)),
            ..count
        };
        assert_eq!(
            exclusive(&all, None, 4).unwrap_err(),
            "invalid spec - Windows Container CPU Count: '2', Limit: '7', and Weight: '8' are mutually exclusive"
        );
    }
}
