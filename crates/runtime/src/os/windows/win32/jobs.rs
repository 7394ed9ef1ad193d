//! Job objects, completion ports and the bind filter.

use std::ffi::c_void;
use std::io;
use std::ptr::{null, null_mut};
use std::sync::OnceLock;

use windows_sys::Win32::Foundation::{
    ERROR_ALREADY_EXISTS, ERROR_FILE_NOT_FOUND, ERROR_MORE_DATA, ERROR_PATH_NOT_FOUND, GetLastError, HANDLE,
    INVALID_HANDLE_VALUE,
};
use windows_sys::Win32::System::IO::{
    CreateIoCompletionPort, GetQueuedCompletionStatus, PostQueuedCompletionStatus,
};
use windows_sys::Win32::System::JobObjects::{
    CreateJobObjectW, JOBOBJECT_ASSOCIATE_COMPLETION_PORT, JobObjectBasicAccountingInformation,
    JobObjectBasicProcessIdList, OpenJobObjectW, QueryInformationJobObject, SetInformationJobObject,
    TerminateJobObject,
};
use windows_sys::Win32::System::LibraryLoader::{
    GetProcAddress, LOAD_LIBRARY_SEARCH_SYSTEM32, LoadLibraryExW,
};

use windows_sys::Win32::System::Threading::INFINITE;

use super::super::api::{
    Accounting, CpuRate, ExtendedLimit, GroupAffinity, Handle, IoAttribution,
    JOB_OBJECT_CPU_RATE_CONTROL_INFORMATION, JOB_OBJECT_EXTENDED_LIMIT_INFORMATION,
    JOB_OBJECT_GROUP_INFORMATION_EX, JOB_OBJECT_IO_ATTRIBUTION, JOB_OBJECT_MEMORY_USAGE_INFORMATION,
    JobInformation, Jobs, MemoryUsage, ProcessIds,
};
use super::{Win32, check, is, lend, own, size_of_u32, wide};

/// `bindflt.h` of the Windows SDK; `windows-sys` does not have it.
type BfSetupFilter = unsafe extern "system" fn(
    job: HANDLE,
    flags: u32,
    virtualization_root: *const u16,
    virtualization_target: *const u16,
    exceptions: *const *const u16,
    exception_count: u32,
) -> i32;

impl Jobs for Win32 {
    fn create_job(&self, name: Option<&str>) -> io::Result<(Handle, bool)> {
        let name = name.map(wide);
        let name = name.as_ref().map_or(null(), Vec::as_ptr);
        // SAFETY: the attributes may be null (the handle is then not inheritable), and the name is terminated or null.
        let raw = unsafe { CreateJobObjectW(null(), name) };
        // SAFETY: reads this thread's last error, which a call that opens an existing job sets although it succeeds.
        let error = unsafe { GetLastError() };
        Ok((own(raw)?, error == ERROR_ALREADY_EXISTS))
    }

    fn open_job(&self, name: &str, access: u32) -> io::Result<Option<Handle>> {
        let name = wide(name);
        // SAFETY: the name is terminated.
        let raw = unsafe { OpenJobObjectW(access, 0, name.as_ptr()) };
        match own(raw) {
            Ok(job) => Ok(Some(job)),
            // The second, where there is no other session's directory of names.
            Err(error) if is(&error, ERROR_FILE_NOT_FOUND) || is(&error, ERROR_PATH_NOT_FOUND) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn set_job_information(&self, job: &Handle, information: &JobInformation) -> io::Result<()> {
        let port;
        let (pointer, length): (*const c_void, u32) = match information {
            JobInformation::ExtendedLimit(limit) => {
                (std::ptr::from_ref(limit).cast(), size_of_u32::<ExtendedLimit>())
            }
            JobInformation::CpuRate(rate) => (
                std::ptr::from_ref(rate).cast(),
                size_of_u32::<super::super::api::CpuRate>(),
            ),
            JobInformation::CompletionPort { key, port: raw } => {
                port = JOBOBJECT_ASSOCIATE_COMPLETION_PORT {
                    CompletionKey: *key as *mut c_void,
                    CompletionPort: *raw as HANDLE,
                };
                (
                    (&raw const port).cast(),
                    size_of_u32::<JOBOBJECT_ASSOCIATE_COMPLETION_PORT>(),
                )
            }
            JobInformation::CreateSilo => (null(), 0),
            JobInformation::IoAttribution(attribution) => (
                std::ptr::from_ref(attribution).cast(),
                size_of_u32::<IoAttribution>(),
            ),
            JobInformation::Affinity(groups) => (
                groups.as_ptr().cast(),
                u32::try_from(size_of_val(groups.as_slice())).map_err(io::Error::other)?,
            ),
        };
        // SAFETY: the job handle is open, and pointer and length describe one structure that lives until the end of
        // this function, laid out as the class wants it (`agreement`).
        check(unsafe { SetInformationJobObject(lend(job), information.class(), pointer, length) })
    }

    fn query_extended_limit(&self, job: &Handle) -> io::Result<ExtendedLimit> {
        query(job, JOB_OBJECT_EXTENDED_LIMIT_INFORMATION)
    }

    fn query_accounting(&self, job: &Handle) -> io::Result<Accounting> {
        query(job, JobObjectBasicAccountingInformation)
    }

    fn query_memory_usage(&self, job: &Handle) -> io::Result<MemoryUsage> {
        query(job, JOB_OBJECT_MEMORY_USAGE_INFORMATION)
    }

    fn query_io_attribution(&self, job: &Handle) -> io::Result<IoAttribution> {
        query(job, JOB_OBJECT_IO_ATTRIBUTION)
    }

    fn query_cpu_rate(&self, job: &Handle) -> io::Result<CpuRate> {
        query(job, JOB_OBJECT_CPU_RATE_CONTROL_INFORMATION)
    }

    fn query_affinity(&self, job: &Handle) -> io::Result<Vec<GroupAffinity>> {
        // More groups than any Windows has.
        let mut groups = [GroupAffinity::default(); 64];
        let mut length = 0;
        // SAFETY: the job handle is open; the buffer is writable, as long as said, and valid for any bytes.
        check(unsafe {
            QueryInformationJobObject(
                lend(job),
                JOB_OBJECT_GROUP_INFORMATION_EX,
                groups.as_mut_ptr().cast(),
                size_of_u32::<[GroupAffinity; 64]>(),
                &raw mut length,
            )
        })?;
        let count = length as usize / size_of::<GroupAffinity>();
        Ok(groups.into_iter().take(count).collect())
    }

    fn query_process_ids(&self, job: &Handle, room: usize) -> io::Result<ProcessIds> {
        // JOBOBJECT_BASIC_PROCESS_ID_LIST: two u32 in the first word, then one word an id.
        let mut words = vec![0_usize; room.max(1) + 1];
        let length = u32::try_from(words.len() * size_of::<usize>()).map_err(io::Error::other)?;
        // SAFETY: the job handle is open; the buffer is writable, aligned to a word, and as long as said.
        let answer = check(unsafe {
            QueryInformationJobObject(
                lend(job),
                JobObjectBasicProcessIdList,
                words.as_mut_ptr().cast(),
                length,
                null_mut(),
            )
        });
        match answer {
            Ok(()) => {}
            Err(error) if is(&error, ERROR_MORE_DATA) => {}
            Err(error) => return Err(error),
        }
        let assigned = words[0] & 0xFFFF_FFFF;
        let listed = (words[0] >> 32).min(words.len() - 1);
        let ids = words[1..=listed]
            .iter()
            .filter_map(|id| u32::try_from(*id).ok())
            .collect();
        Ok(ProcessIds { assigned, ids })
    }

    fn terminate_job(&self, job: &Handle, code: u32) -> io::Result<()> {
        // SAFETY: the job handle is open.
        check(unsafe { TerminateJobObject(lend(job), code) })
    }

    fn create_completion_port(&self) -> io::Result<Handle> {
        // SAFETY: INVALID_HANDLE_VALUE and no port ask for a new port that belongs to no file.
        own(unsafe { CreateIoCompletionPort(INVALID_HANDLE_VALUE, null_mut(), 0, 1) })
    }

    fn wait_completion_port(&self, port: &Handle) -> io::Result<u32> {
        let (mut message, mut key, mut process) = (0, 0, null_mut());
        // SAFETY: the port is open, and the three results are writable locals. The `OVERLAPPED` of a job's packet is
        // a process id and is not read through.
        check(unsafe {
            GetQueuedCompletionStatus(
                lend(port),
                &raw mut message,
                &raw mut key,
                &raw mut process,
                INFINITE,
            )
        })?;
        Ok(message)
    }

    fn post_completion_port(&self, port: &Handle, message: u32) -> io::Result<()> {
        // SAFETY: the port is open; the packet has no `OVERLAPPED`.
        check(unsafe { PostQueuedCompletionStatus(lend(port), message, 0, null()) })
    }

    fn bf_setup_filter(&self, job: &Handle, flags: u32, root: &str, target: &str) -> io::Result<()> {
        let setup = bf_setup_filter()?;
        let (root, target) = (wide(root), wide(target));
        // SAFETY: `setup` has this signature; job, root and target live until the call returns; no exceptions follow.
        let status = unsafe { setup(lend(job), flags, root.as_ptr(), target.as_ptr(), null(), 0) };
        if status >= 0 {
            return Ok(());
        }
        // FACILITY_WIN32: the low word is the Win32 error.
        if status.cast_unsigned() >> 16 == 0x8007 {
            return Err(io::Error::from_raw_os_error(status & 0xFFFF));
        }
        Err(io::Error::other(format!("HRESULT {status:#010x}")))
    }
}

/// A structure that a class of information is laid out as (`agreement`).
trait Answer: Copy + Default {}

impl Answer for ExtendedLimit {}
impl Answer for Accounting {}
impl Answer for MemoryUsage {}
impl Answer for IoAttribution {}
impl Answer for CpuRate {}

fn query<T: Answer>(job: &Handle, class: i32) -> io::Result<T> {
    let mut answer = T::default();
    // SAFETY: the job handle is open; the structure is writable, as long as said, and valid for any bytes.
    check(unsafe {
        QueryInformationJobObject(
            lend(job),
            class,
            (&raw mut answer).cast(),
            size_of_u32::<T>(),
            null_mut(),
        )
    })?;
    Ok(answer)
}

/// The function of `bindfltapi.dll`, looked for in the system directory alone.
fn bf_setup_filter() -> io::Result<BfSetupFilter> {
    static FOUND: OnceLock<Option<BfSetupFilter>> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        let name = wide("bindfltapi.dll");
        // SAFETY: the name is terminated, and the second argument is reserved and null.
        let library = unsafe { LoadLibraryExW(name.as_ptr(), null_mut(), LOAD_LIBRARY_SEARCH_SYSTEM32) };
        if library.is_null() {
            return None;
        }
        // SAFETY: the library was loaded above and is never freed; the name is terminated.
        let address = unsafe { GetProcAddress(library, c"BfSetupFilter".as_ptr().cast()) };
        // SAFETY: the export of this name has this signature, and function pointers are of one size.
        address.map(|address| unsafe {
            std::mem::transmute::<unsafe extern "system" fn() -> isize, BfSetupFilter>(address)
        })
    });
    found.ok_or_else(|| io::Error::other("bindfltapi.dll has no BfSetupFilter"))
}
