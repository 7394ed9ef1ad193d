//! Limits of block devices: which device is meant, and what is written about it.

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::Path;

use super::limits::{Setting, number};
use crate::plan::DeviceLimit;

/// The files of v1 that limit reading and writing, in bytes and in operations a second, and the words of v2 for them.
const RATES: [(&str, &str); 4] = [
    ("blkio.throttle.read_bps_device", "rbps"),
    ("blkio.throttle.write_bps_device", "wbps"),
    ("blkio.throttle.read_iops_device", "riops"),
    ("blkio.throttle.write_iops_device", "wiops"),
];

/// A limit, and the number of the disk that it is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Device {
    /// `254:0`.
    pub(super) number: String,
    pub(super) limit: DeviceLimit,
}

/// Finds the disks that are meant. The error names the device, and says why it cannot be limited.
pub(in super::super) fn resolve(limits: &[DeviceLimit]) -> Result<Vec<Device>, (String, String)> {
    let mut devices: Vec<Device> = Vec::with_capacity(limits.len());
    for limit in limits {
        let refused = |reason: String| (format!("device `{}`", limit.device.display()), reason);
        if rates(limit).contains(&Some(0)) {
            return Err(refused(
                "a rate of 0 would stop it for ever; give a larger one, or leave it out".to_owned(),
            ));
        }
        if rates(limit).iter().all(Option::is_none) {
            return Err(refused("no rate is given".to_owned()));
        }
        let number = disk(&limit.device).map_err(refused)?;
        if let Some(other) = devices.iter().find(|other| other.number == number) {
            return Err(refused(format!(
                "it is the same disk as `{}`; give each disk its limits once",
                other.limit.device.display()
            )));
        }
        devices.push(Device {
            number,
            limit: limit.clone(),
        });
    }
    Ok(devices)
}

/// The number of the whole disk that a device is, or that a file lies on.
fn disk(path: &Path) -> Result<String, String> {
    let metadata = fs::metadata(path).map_err(|error| error.to_string())?;
    let device = if metadata.file_type().is_block_device() {
        metadata.rdev()
    } else {
        metadata.dev()
    };
    let number = format!("{}:{}", rustix::fs::major(device), rustix::fs::minor(device));
    let Ok(directory) = fs::canonicalize(Path::new("/sys/dev/block").join(&number)) else {
        let kind = file_system(&number).unwrap_or_else(|| "a file system of its own".to_owned());
        return Err(format!(
            "it lies on no block device ({kind}); name a disk, or a file on one"
        ));
    };
    // Only whole disks are limited.
    if !directory.join("partition").exists() {
        return Ok(number);
    }
    directory
        .parent()
        .and_then(|disk| fs::read_to_string(disk.join("dev")).ok())
        .map(|number| number.trim().to_owned())
        .ok_or_else(|| "the disk of this partition cannot be found".to_owned())
}

/// The type of the file system of a device number.
fn file_system(number: &str) -> Option<String> {
    let table = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let line = table
        .lines()
        .find(|line| line.split(' ').nth(2) == Some(number))?;
    let (_, kind) = line.split_once(" - ")?;
    kind.split(' ').next().map(str::to_owned)
}

fn rates(limit: &DeviceLimit) -> [Option<u64>; 4] {
    [
        limit.read_bytes,
        limit.write_bytes,
        limit.read_operations,
        limit.write_operations,
    ]
}

impl Device {
    /// What is written about it. A rate that is not limited is lifted.
    pub(super) fn settings(&self, directory: &Path, v2: bool) -> Vec<Setting> {
        settings(directory, v2, &self.number, rates(&self.limit))
    }
}

/// What lifts every limit of a disk.
pub(super) fn lifted(directory: &Path, v2: bool, number: &str) -> Vec<Setting> {
    settings(directory, v2, number, [None; 4])
}

fn settings(directory: &Path, v2: bool, number: &str, rates: [Option<u64>; 4]) -> Vec<Setting> {
    let text = |rate: Option<u64>, none: &str| rate.map_or_else(|| none.to_owned(), |rate| rate.to_string());
    if v2 {
        let words: Vec<String> = RATES
            .iter()
            .zip(rates)
            .map(|((_, word), rate)| format!("{word}={}", text(rate, "max")))
            .collect();
        let value = format!("{number} {}", words.join(" "));
        return vec![Setting::device(directory, "io.max", value)];
    }
    RATES
        .iter()
        .zip(rates)
        .map(|((file, _), rate)| Setting::device(directory, file, format!("{number} {}", text(rate, "0"))))
        .collect()
}

/// What undoes a setting of a device, given what its file said before.
pub(super) fn undone(setting: &Setting, before: &str) -> Setting {
    let number = setting.value.split(' ').next().unwrap_or_default();
    let value = before
        .lines()
        .find(|line| line.split(' ').next() == Some(number))
        .map_or_else(
            || {
                if setting.value.contains('=') {
                    format!("{number} rbps=max wbps=max riops=max wiops=max")
                } else {
                    format!("{number} 0")
                }
            },
            str::to_owned,
        );
    Setting {
        value,
        ..setting.clone()
    }
}

/// The numbers of the disks that a cgroup limits.
pub(super) fn limited(directory: &Path, v2: bool) -> Vec<String> {
    let files: Vec<&str> = if v2 {
        vec!["io.max"]
    } else {
        RATES.iter().map(|(file, _)| *file).collect()
    };
    let mut numbers = Vec::new();
    for file in files {
        let text = fs::read_to_string(directory.join(file)).unwrap_or_default();
        for number in text.lines().filter_map(|line| line.split(' ').next()) {
            if number.contains(':') && !numbers.iter().any(|one| one == number) {
                numbers.push(number.to_owned());
            }
        }
    }
    numbers
}

/// The limits as the kernel has them, under the names that they were given.
pub(super) fn read(directory: &Path, v2: bool, devices: &[Device]) -> Vec<DeviceLimit> {
    let text = |file: &str| fs::read_to_string(directory.join(file)).unwrap_or_default();
    let rate = |number: &str, index: usize| {
        let (file, word) = RATES[index];
        let text = text(if v2 { "io.max" } else { file });
        let line = text.lines().find(|line| line.split(' ').next() == Some(number))?;
        if v2 {
            let value = line.split(' ').find_map(|part| part.strip_prefix(word))?;
            return self::number(value.strip_prefix('=')?);
        }
        self::number(line.split(' ').nth(1)?)
    };
    devices
        .iter()
        .map(|device| DeviceLimit {
            device: device.limit.device.clone(),
            read_bytes: rate(&device.number, 0),
            write_bytes: rate(&device.number, 1),
            read_operations: rate(&device.number, 2),
            write_operations: rate(&device.number, 3),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(device: &str) -> DeviceLimit {
        DeviceLimit {
            device: device.into(),
            read_bytes: Some(1 << 20),
            write_bytes: None,
            read_operations: None,
            write_operations: Some(10),
        }
    }

    #[test]
    fn refuses_by_name_what_is_no_disk() {
        let (what, reason) = resolve(&[limit("/proc/self/status")]).unwrap_err();
        assert_eq!(what, "device `/proc/self/status`");
        assert!(reason.contains("no block device (proc)"), "{reason}");
        let (_, reason) = resolve(&[limit("/no/such/device")]).unwrap_err();
        assert!(reason.contains("No such file"), "{reason}");
        let mut stopped = limit("/");
        stopped.read_bytes = Some(0);
        assert!(resolve(&[stopped]).unwrap_err().1.contains("a rate of 0"));
    }

    #[test]
    fn says_it_to_both_versions_and_reads_it_back() {
        let device = Device {
            number: "254:0".to_owned(),
            limit: limit("/dev/vda"),
        };
        for v2 in [true, false] {
            let root = tempfile::tempdir().unwrap();
            let settings = device.settings(root.path(), v2);
            for setting in &settings {
                fs::write(&setting.file, format!("8:0 1\n{}\n", setting.value)).unwrap();
            }
            if v2 {
                assert_eq!(
                    settings[0].value,
                    "254:0 rbps=1048576 wbps=max riops=max wiops=10"
                );
                assert_eq!(
                    read(root.path(), v2, std::slice::from_ref(&device)),
                    [limit("/dev/vda")]
                );
            } else {
                assert_eq!(settings[1].value, "254:0 0");
                let read = read(root.path(), v2, std::slice::from_ref(&device));
                assert_eq!(read[0].read_bytes, Some(1 << 20));
            }
            assert_eq!(limited(root.path(), v2), ["8:0", "254:0"]);
            let lifted = lifted(root.path(), v2, "254:0");
            assert_eq!(undone(&settings[0], "8:0 1\n"), lifted[0]);
            let before = "254:0 7";
            assert_eq!(undone(&settings[0], before).value, before);
        }
    }
}
