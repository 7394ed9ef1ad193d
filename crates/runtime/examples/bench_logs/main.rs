//! A gigabyte of lines of 100 bytes into a container's log, against `cat > file` of the same.
//!
//! Both sides are processes that read what this program writes when it is called with `lines`, in turn, on the same disk:
//! `cat`, and the log's own thread as a supervisor runs it, with rotation as it is by default. What counts is the median of
//! the ratios of speed of pairs, each of which ran in one and the same moment of a machine that may be busy. The memory is the
//! most that the process with the log ever had. Fails where the ratio is missed.

#[cfg(target_os = "linux")]
#[path = "linux.rs"]
mod linux;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    linux::main()
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("bench_logs: compares with `cat`, on Linux");
}
