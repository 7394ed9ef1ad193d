//! Processes, their standard streams, and threads in other processes.

use std::ffi::c_void;
use std::fs::File;
use std::io;
use std::os::windows::io::{FromRawHandle, IntoRawHandle, OwnedHandle, RawHandle};
use std::ptr::{null, null_mut};
use std::sync::Arc;
use std::time::Duration;

use windows_sys::Wdk::System::Threading::{NtQueryInformationProcess, ProcessVmCounters};
use windows_sys::Win32::Foundation::{
    DUPLICATE_SAME_ACCESS, DuplicateHandle, ERROR_INVALID_PARAMETER, HANDLE, HANDLE_FLAG_INHERIT,
    INVALID_HANDLE_VALUE, SetHandleInformation, WAIT_FAILED, WAIT_OBJECT_0,
};
use windows_sys::Win32::System::Console::{
    COORD, ClosePseudoConsole, CreatePseudoConsole, GetConsoleMode, GetStdHandle, ResizePseudoConsole,
};
use windows_sys::Win32::System::JobObjects::IsProcessInJob;
use windows_sys::Win32::System::LibraryLoader::{GetModuleHandleW, GetProcAddress};
use windows_sys::Win32::System::Pipes::CreatePipe;
use windows_sys::Win32::System::Threading::{
    CreateProcessAsUserW, CreateProcessW, CreateRemoteThread, DeleteProcThreadAttributeList,
    GetCurrentProcess, GetExitCodeProcess, INFINITE, InitializeProcThreadAttributeList, IsWow64Process,
    LPTHREAD_START_ROUTINE, OpenProcess, PROCESS_INFORMATION, QueryFullProcessImageNameW, STARTUPINFOEXW,
    UpdateProcThreadAttribute, WaitForSingleObject,
};

use windows_sys::core::BOOL;

use super::super::api::{
    Attribute, CloseHandle, Handle, MemoryCounters, Process, ProcessSpec, Processes, STD_ERROR_HANDLE,
};
use super::{Win32, check, is, lend, own, size_of_u32, wide};

impl Processes for Win32 {
    fn create_process(&self, spec: &ProcessSpec) -> io::Result<Process> {
        let application = wide(&spec.application);
        // CreateProcessW may write into the command line.
        let mut command_line = wide(&spec.command_line);
        let directory = spec.current_directory.as_deref().map(wide);
        let directory = directory.as_ref().map_or(null(), Vec::as_ptr);
        let environment = spec
            .environment
            .as_ref()
            .map_or(null(), |block| block.as_ptr().cast::<c_void>());
        let attributes = AttributeList::new(&spec.attributes)?;
        let mut startup = STARTUPINFOEXW {
            lpAttributeList: attributes.pointer,
            ..Default::default()
        };
        startup.StartupInfo.cb = size_of_u32::<STARTUPINFOEXW>();
        startup.StartupInfo.dwFlags = spec.startup_flags;
        startup.StartupInfo.hStdInput = spec.stdio[0] as HANDLE;
        startup.StartupInfo.hStdOutput = spec.stdio[1] as HANDLE;
        startup.StartupInfo.hStdError = spec.stdio[2] as HANDLE;
        let startup: *const STARTUPINFOEXW = &raw const startup;
        // Without a list of them nothing is inherited at all.
        let inherit = BOOL::from(
            spec.attributes
                .iter()
                .any(|attribute| matches!(attribute, Attribute::Handles(_))),
        );
        let mut made = PROCESS_INFORMATION::default();
        let answer = match spec.token {
            // SAFETY: every text is terminated, the command line is writable, the environment ends in two zeros,
            // EXTENDED_STARTUPINFO_PRESENT says that `startup` is a STARTUPINFOEXW, and all of them, with the
            // handles of the attribute list, outlive the call.
            None => unsafe {
                CreateProcessW(
                    application.as_ptr(),
                    command_line.as_mut_ptr(),
                    null(),
                    null(),
                    inherit,
                    spec.creation_flags,
                    environment,
                    directory,
                    startup.cast(),
                    &raw mut made,
                )
            },
            // SAFETY: as above, and the token is open.
            Some(token) => unsafe {
                CreateProcessAsUserW(
                    token as HANDLE,
                    application.as_ptr(),
                    command_line.as_mut_ptr(),
                    null(),
                    null(),
                    inherit,
                    spec.creation_flags,
                    environment,
                    directory,
                    startup.cast(),
                    &raw mut made,
                )
            },
        };
        check(answer)?;
        // The first thread's handle is of no use: it is closed when `thread` goes.
        let thread = own(made.hThread);
        let handle = own(made.hProcess)?;
        drop(thread);
        Ok(Process {
            handle,
            id: made.dwProcessId,
        })
    }

    fn wait(&self, handle: &Handle, limit: Option<Duration>) -> io::Result<bool> {
        let milliseconds = limit.map_or(INFINITE, |limit| {
            u32::try_from(limit.as_millis())
                .unwrap_or(u32::MAX)
                .min(INFINITE - 1)
        });
        // SAFETY: the handle is open.
        match unsafe { WaitForSingleObject(lend(handle), milliseconds) } {
            WAIT_OBJECT_0 => Ok(true),
            WAIT_FAILED => Err(io::Error::last_os_error()),
            _ => Ok(false),
        }
    }

    fn exit_code(&self, process: &Handle) -> io::Result<u32> {
        let mut code = 0;
        // SAFETY: the handle is open, and the result a writable local.
        check(unsafe { GetExitCodeProcess(lend(process), &raw mut code) })?;
        Ok(code)
    }

    fn open_process(&self, access: u32, id: u32) -> io::Result<Option<Handle>> {
        // SAFETY: takes no pointers.
        match own(unsafe { OpenProcess(access, 0, id) }) {
            Ok(process) => Ok(Some(process)),
            Err(error) if is(&error, ERROR_INVALID_PARAMETER) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn is_process_in_job(&self, process: &Handle, job: &Handle) -> io::Result<bool> {
        let mut inside = 0;
        // SAFETY: both handles are open, and the result a writable local.
        check(unsafe { IsProcessInJob(lend(process), lend(job), &raw mut inside) })?;
        Ok(inside != 0)
    }

    fn is_wow64(&self, process: &Handle) -> io::Result<bool> {
        let mut wow64 = 0;
        // SAFETY: the handle is open, and the result a writable local.
        check(unsafe { IsWow64Process(lend(process), &raw mut wow64) })?;
        Ok(wow64 != 0)
    }

    fn image_name(&self, process: &Handle) -> io::Result<String> {
        let mut name = vec![0_u16; 32_768];
        let mut length = 32_768;
        // SAFETY: the handle is open, and the buffer has as many characters as said.
        check(unsafe { QueryFullProcessImageNameW(lend(process), 0, name.as_mut_ptr(), &raw mut length) })?;
        name.truncate(length as usize);
        Ok(String::from_utf16_lossy(&name))
    }

    fn ctrl_routine(&self) -> io::Result<usize> {
        let library = wide("kernel32.dll");
        // SAFETY: the name is terminated; kernel32 is never unloaded.
        let library = unsafe { GetModuleHandleW(library.as_ptr()) };
        if library.is_null() {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the library is loaded, and the name terminated.
        let address = unsafe { GetProcAddress(library, c"CtrlRoutine".as_ptr().cast()) };
        address
            .map(|address| address as usize)
            .ok_or_else(io::Error::last_os_error)
    }

    fn create_remote_thread(&self, process: &Handle, start: usize, argument: u32) -> io::Result<()> {
        // SAFETY: an `Option` of a function pointer is as large as a pointer. The function is never called here: its
        // address is handed to the other process, which has kernel32 at the same place (the caller has excluded
        // 32-bit processes).
        let start = unsafe { std::mem::transmute::<usize, LPTHREAD_START_ROUTINE>(start) };
        // SAFETY: the process is open with the rights that this asks; the argument is a number, not a pointer.
        let thread = unsafe {
            CreateRemoteThread(
                lend(process),
                null(),
                0,
                start,
                argument as usize as *const c_void,
                0,
                null_mut(),
            )
        };
        own(thread).map(drop)
    }

    fn memory_counters(&self, process: &Handle) -> io::Result<MemoryCounters> {
        let mut counters = MemoryCounters::default();
        // SAFETY: the handle is open; the structure is writable, as long as said, and valid for any bytes.
        let status = unsafe {
            NtQueryInformationProcess(
                lend(process),
                ProcessVmCounters,
                (&raw mut counters).cast(),
                size_of_u32::<MemoryCounters>(),
                null_mut(),
            )
        };
        if status >= 0 {
            Ok(counters)
        } else {
            Err(io::Error::other(format!("NTSTATUS {status:#010x}")))
        }
    }

    fn create_pseudo_console(
        &self,
        columns: i16,
        rows: i16,
        input: &Handle,
        output: &Handle,
    ) -> io::Result<Handle> {
        let mut console = 0;
        let size = COORD { X: columns, Y: rows };
        // SAFETY: both handles are open and only copied; the result is a writable local.
        let result = unsafe { CreatePseudoConsole(size, lend(input), lend(output), 0, &raw mut console) };
        succeeded(result)?;
        Ok(Handle::new(
            console.cast_unsigned(),
            Arc::new(ClosePseudoConsoles),
        ))
    }

    fn resize_pseudo_console(&self, console: &Handle, columns: i16, rows: i16) -> io::Result<()> {
        let size = COORD { X: columns, Y: rows };
        // SAFETY: the handle is a pseudo-console's that is open.
        succeeded(unsafe { ResizePseudoConsole(console.raw().cast_signed(), size) })
    }

    fn create_pipe(&self) -> io::Result<(Handle, Handle)> {
        let (mut read, mut write) = (null_mut(), null_mut());
        // SAFETY: both results are writable locals; no attributes means not inheritable.
        check(unsafe { CreatePipe(&raw mut read, &raw mut write, null(), 0) })?;
        let (read, write) = (own(read), own(write));
        Ok((read?, write?))
    }

    fn make_inheritable(&self, handle: &Handle) -> io::Result<()> {
        // SAFETY: the handle is open.
        check(unsafe { SetHandleInformation(lend(handle), HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT) })
    }

    fn standard_handle(&self, which: u32) -> io::Result<Option<Handle>> {
        // SAFETY: takes no pointers.
        let raw = unsafe { GetStdHandle(which) };
        if raw.is_null() || raw == INVALID_HANDLE_VALUE {
            return Ok(None);
        }
        let mut copy = null_mut();
        // SAFETY: the pseudo-handle of this process is always valid, the standard handle is not owned here and is
        // only copied, and the result is a writable local.
        check(unsafe {
            let this = GetCurrentProcess();
            DuplicateHandle(this, raw, this, &raw mut copy, 0, 1, DUPLICATE_SAME_ACCESS)
        })?;
        own(copy).map(Some)
    }

    fn is_console(&self, which: u32) -> bool {
        let mut mode = 0;
        // SAFETY: takes no pointers.
        let raw = unsafe { GetStdHandle(which) };
        // SAFETY: a handle that is none or no console's makes the call fail; the result is a writable local.
        unsafe { GetConsoleMode(raw, &raw mut mode) != 0 }
    }

    fn own_input(&self) -> Box<dyn io::Read + Send> {
        Box::new(io::stdin())
    }

    fn own_stream(&self, which: u32) -> Box<dyn io::Write + Send> {
        // These write to a console in its own encoding.
        if which == STD_ERROR_HANDLE {
            Box::new(io::stderr())
        } else {
            Box::new(io::stdout())
        }
    }

    fn open_nul(&self) -> io::Result<Handle> {
        let file = File::options().read(true).write(true).open("NUL")?;
        own(OwnedHandle::from(file).into_raw_handle())
    }

    fn adopt(&self, raw: usize) -> Handle {
        Handle::new(raw, Arc::new(Win32))
    }

    fn file_of(&self, handle: Handle) -> File {
        let raw = handle.into_raw();
        // SAFETY: `into_raw` gave up the only owner of this open handle.
        unsafe { File::from_raw_handle(raw as RawHandle) }
    }
}

/// What a pseudo-console's handle is closed with.
struct ClosePseudoConsoles;

impl CloseHandle for ClosePseudoConsoles {
    fn close(&self, raw: usize) {
        // SAFETY: `Handle` calls this once, when it is dropped, with the pseudo-console that it alone owns.
        unsafe { ClosePseudoConsole(raw.cast_signed()) };
    }
}

/// The result of a call that returns an `HRESULT`.
fn succeeded(result: i32) -> io::Result<()> {
    if result >= 0 {
        Ok(())
    } else if result.cast_unsigned() >> 16 == 0x8007 {
        // FACILITY_WIN32: the low word is the Win32 error.
        Err(io::Error::from_raw_os_error(result & 0xFFFF))
    } else {
        Err(io::Error::other(format!("HRESULT {result:#010x}")))
    }
}

/// A `PROC_THREAD_ATTRIBUTE_LIST` that borrows the handle values it points at.
struct AttributeList<'a> {
    /// Into `_words`.
    pointer: *mut c_void,
    /// Words, so that the list is aligned to pointers.
    _words: Vec<usize>,
    attributes: std::marker::PhantomData<&'a [Attribute]>,
}

impl<'a> AttributeList<'a> {
    fn new(attributes: &'a [Attribute]) -> io::Result<Self> {
        let count = u32::try_from(attributes.len()).map_err(io::Error::other)?;
        let mut bytes = 0;
        // SAFETY: without a list the call only says how long one must be; it fails by design, and its error is of
        // no use.
        unsafe { InitializeProcThreadAttributeList(null_mut(), count, 0, &raw mut bytes) };
        let mut words = vec![0_usize; bytes.div_ceil(size_of::<usize>()).max(1)];
        let pointer = words.as_mut_ptr().cast();
        // SAFETY: the list is writable and has the length that was asked for.
        check(unsafe { InitializeProcThreadAttributeList(pointer, count, 0, &raw mut bytes) })?;
        let list = Self {
            pointer,
            _words: words,
            attributes: std::marker::PhantomData,
        };
        for attribute in attributes {
            let values = attribute.values();
            let pointer: *const c_void = match attribute {
                Attribute::PseudoConsole(console) => *console as *const c_void,
                Attribute::Jobs(_) | Attribute::Handles(_) => values.as_ptr().cast(),
            };
            // SAFETY: the list is initialised for as many attributes; the values are borrowed for `'a`, longer than
            // the list lives, and their length is in bytes. A pseudo-console is passed as it is.
            check(unsafe {
                UpdateProcThreadAttribute(
                    list.pointer,
                    0,
                    attribute.number(),
                    pointer,
                    size_of_val(values),
                    null_mut(),
                    null(),
                )
            })?;
        }
        Ok(list)
    }
}

impl Drop for AttributeList<'_> {
    fn drop(&mut self) {
        // SAFETY: `new` initialised the list, and nothing uses it after this.
        unsafe { DeleteProcThreadAttributeList(self.pointer) };
    }
}

/// `TerminateProcess` of this process: it does nothing more, and nobody is asked.
#[cfg(debug_assertions)]
pub(crate) fn kill_own_process() {
    // SAFETY: the pseudo-handle of this process is always valid.
    unsafe {
        windows_sys::Win32::System::Threading::TerminateProcess(
            GetCurrentProcess(),
            super::super::job::KILLED,
        )
    };
}
