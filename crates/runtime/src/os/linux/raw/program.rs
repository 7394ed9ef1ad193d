//! The program's own file in memory.

use std::ffi::{c_int, c_void};
use std::ptr;

/// Gives back the pages of the program's code and constants that are mapped into this process. What is needed again is mapped
/// again by its first use, from the system's cache of files: what has once been started and waits needs little of it.
///
/// Best effort: nothing depends on it.
pub(in super::super) fn unmap_program() {
    // SAFETY: the callback has the signature of `dl_iterate_phdr`, and is given no data of ours.
    unsafe { libc::dl_iterate_phdr(Some(unmap), ptr::null_mut()) };
}

/// Takes the first object, which is the program, and no other.
unsafe extern "C" fn unmap(object: *mut libc::dl_phdr_info, _: usize, _: *mut c_void) -> c_int {
    // SAFETY: the C library hands a valid object to its callback, for as long as it runs.
    let object = unsafe { &*object };
    if object.dlpi_phdr.is_null() {
        return 1;
    }
    // SAFETY: these are its program headers, which stay where they are while it is loaded.
    let headers = unsafe { std::slice::from_raw_parts(object.dlpi_phdr, usize::from(object.dlpi_phnum)) };
    // SAFETY: asks for a number.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    let Ok(page) = usize::try_from(page) else {
        return 1;
    };
    let Ok(maps) = std::fs::read_to_string("/proc/self/maps") else {
        return 1;
    };
    for header in headers {
        // What can be written, or could be before it was relocated, is not as it is in the file.
        if header.p_type != libc::PT_LOAD || header.p_flags & libc::PF_W != 0 {
            continue;
        }
        let (Ok(start), Ok(length)) = (
            usize::try_from(object.dlpi_addr.wrapping_add(header.p_vaddr)),
            usize::try_from(header.p_memsz),
        ) else {
            continue;
        };
        let end = start.saturating_add(length);
        let start = start & !(page - 1);
        if !is_of_file(&maps, start, end) {
            continue;
        }
        // SAFETY: what is mapped from the file and is never written is the same as the file, from which the kernel maps it again;
        // the pages are the segment's own, since segments of other rights have pages of their own.
        unsafe {
            libc::madvise(
                ptr::without_provenance_mut(start),
                end - start,
                libc::MADV_DONTNEED,
            )
        };
    }
    1
}

/// Whether all of it is one mapping of a file: a program that was packed, or moved to larger pages, has none of its code from there.
fn is_of_file(maps: &str, start: usize, end: usize) -> bool {
    maps.lines().any(|line| {
        // START-END RIGHTS OFFSET DEVICE INODE PATH (proc_pid_maps(5)).
        let mut parts = line.split_ascii_whitespace();
        let Some((from, to)) = parts.next().and_then(|range| range.split_once('-')) else {
            return false;
        };
        let address = |text| usize::from_str_radix(text, 16).ok();
        let holds =
            address(from).is_some_and(|from| from <= start) && address(to).is_some_and(|to| end <= to);
        holds && parts.nth(3).is_some_and(|inode| inode != "0")
    })
}

#[cfg(test)]
mod tests {
    use super::{is_of_file, unmap_program};

    #[test]
    fn only_what_a_file_maps_is_of_it() {
        let maps = "1000-3000 r-xp 00001000 fe:00 77   /usr/bin/porthole\n4000-5000 r-xp 00000000 00:00 0\n";
        assert!(is_of_file(maps, 0x1000, 0x2fff));
        assert!(!is_of_file(maps, 0x1000, 0x3001), "more than is mapped");
        assert!(!is_of_file(maps, 0x4000, 0x4800), "memory without a file");
        assert!(!is_of_file("", 0, 1));
    }

    /// KiB of the test program's code that are mapped into this process.
    fn mapped() -> u64 {
        let program = std::env::current_exe().unwrap().display().to_string();
        let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let mut code = false;
        let mut all = 0;
        for line in maps.lines() {
            if let Some(rest) = line.strip_prefix("Rss:") {
                let kib: u64 = rest.trim_end_matches("kB").trim().parse().unwrap();
                all += if code { kib } else { 0 };
            } else if line.contains(" r-xp ") || line.contains(" r--p ") || line.contains(" rw-p ") {
                code = line.ends_with(&program) && line.contains(" r-xp ");
            }
        }
        all
    }

    #[test]
    fn code_is_given_back_and_runs_on() {
        // Tests beside it map what they need meanwhile.
        let given_back = (0..20).any(|_| {
            let before = mapped();
            unmap_program();
            let after = mapped();
            after > 0 && after < before
        });
        assert!(given_back, "{} KiB are mapped", mapped());
    }
}
