//! Annotations by which a Windows node's runtime is asked for limits that no field of a pod has.

use super::Written;
use super::reader::Reader;

/// `io.microsoft.container.*` as hcsshim reads them for each container of the pod. They count before `resources.limits`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuntimeLimits {
    /// `memory.sizeinmb`: mebibytes.
    pub memory_mebibytes: Option<Written<u64>>,
    /// `processor.count`: whole processors.
    pub processor_count: Option<Written<u64>>,
    /// `processor.limit`: ten-thousandths of all processors of the host.
    pub processor_limit: Option<Written<u64>>,
    /// `processor.weight`: the share of the processors beside other containers, 1 to 11249, of which a job object makes nine weights.
    pub processor_weight: Option<Written<u64>>,
}

/// The weight of a job object, 1 to 9, that hcsshim makes of shares; the next that there is none of beyond that.
pub(crate) const fn cpu_weight(shares: u64) -> u64 {
    1 + shares.saturating_mul(8) / 10_000
}

/// The largest weight of a job object (`JOBOBJECT_CPU_RATE_CONTROL_INFORMATION`).
pub(crate) const MOST_CPU_WEIGHT: u64 = 9;

const PREFIX: &str = "io.microsoft.container.";

/// Reads them; those that porthole does not do are refused by name.
pub(super) fn read(
    reader: &mut Reader,
    annotations: &[(String, Written<String>)],
    metadata: &str,
) -> RuntimeLimits {
    let mut limits = RuntimeLimits::default();
    for (name, text) in annotations {
        let Some(key) = name.strip_prefix(PREFIX) else {
            continue;
        };
        let field = format!("{metadata}.annotations[{name}]");
        let limit = match key {
            "memory.sizeinmb" => &mut limits.memory_mebibytes,
            "processor.count" => &mut limits.processor_count,
            "processor.limit" => &mut limits.processor_limit,
            "processor.weight" => &mut limits.processor_weight,
            "storage.qos.bandwidthmaximum" | "storage.qos.iopsmaximum" => {
                let help = "remove it; on Linux the flags --device-write-bps and the like limit one device";
                let reason = "is not supported: a job object of today's Windows keeps no limit of disk use";
                reader.refuse_with_help(field, text.span, reason, help);
                continue;
            }
            _ => {
                reader.note(field, text.span, "is for Hyper-V and isolated containers");
                continue;
            }
        };
        match text.value.parse::<u32>() {
            // As where it is not there.
            Ok(0) => {}
            Ok(rate) if key == "processor.limit" && rate > 10_000 => {
                let reason = format!("processor rate of `{rate}` is invalid: it is 1 to 10000");
                reader.refuse(field, text.span, reason);
            }
            Ok(shares) if key == "processor.weight" && cpu_weight(shares.into()) > MOST_CPU_WEIGHT => {
                let weight = cpu_weight(shares.into());
                let reason = format!(
                    "processor weight value of `{weight}` is invalid: it is 1 to 9, which {shares} is too much for; write \
                     1 to 11249"
                );
                reader.refuse(field, text.span, reason);
            }
            Ok(number) => *limit = Some(Written::new(number.into(), text.span)),
            Err(_) => {
                let reason = format!(
                    "Invalid value: {:?}: must be a whole number, 0 or more",
                    text.value
                );
                reader.refuse(field, text.span, reason);
            }
        }
    }
    limits
}
