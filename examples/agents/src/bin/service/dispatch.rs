//! A program as a service: the dispatcher, the handler of controls, and the states that are told.
//!
//! <https://learn.microsoft.com/windows/win32/services/writing-a-service-program-s-main-function>

#![expect(unsafe_code, reason = "the service control manager calls back")]

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, OnceLock, PoisonError};

use windows_sys::Win32::Foundation::{ERROR_CALL_NOT_IMPLEMENTED, NO_ERROR};
use windows_sys::Win32::System::Services::{
    RegisterServiceCtrlHandlerExW, SERVICE_ACCEPT_SHUTDOWN, SERVICE_ACCEPT_STOP, SERVICE_CONTROL_INTERROGATE,
    SERVICE_CONTROL_SHUTDOWN, SERVICE_CONTROL_STOP, SERVICE_RUNNING, SERVICE_STATUS,
    SERVICE_STATUS_CURRENT_STATE, SERVICE_STATUS_HANDLE, SERVICE_STOPPED, SERVICE_TABLE_ENTRYW,
    SERVICE_WIN32_OWN_PROCESS, SetServiceStatus, StartServiceCtrlDispatcherW,
};

type Start = Box<dyn FnOnce() -> io::Result<()> + Send>;

/// What the call-backs, which get no data of ours, need to know.
struct Shared {
    name: Vec<u16>,
    start: Mutex<Option<Start>>,
    stop: Mutex<Sender<()>>,
    stopped: Mutex<Receiver<()>>,
}

static SHARED: OnceLock<Shared> = OnceLock::new();

/// Runs this process as the service `name`: does `start`, and returns when the service has been stopped.
pub(super) fn run(name: &str, start: impl FnOnce() -> io::Result<()> + Send + 'static) -> io::Result<()> {
    let (stop, stopped) = channel();
    let shared = SHARED.get_or_init(|| Shared {
        name: name.encode_utf16().chain([0]).collect(),
        start: Mutex::new(Some(Box::new(start))),
        stop: Mutex::new(stop),
        stopped: Mutex::new(stopped),
    });
    let table = [
        SERVICE_TABLE_ENTRYW {
            lpServiceName: shared.name.as_ptr().cast_mut(),
            lpServiceProc: Some(main),
        },
        SERVICE_TABLE_ENTRYW {
            lpServiceName: std::ptr::null_mut(),
            lpServiceProc: None,
        },
    ];
    // SAFETY: the table ends with an empty entry; it and the name, which is a static's, outlive the call.
    match unsafe { StartServiceCtrlDispatcherW(table.as_ptr()) } {
        0 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Called by the dispatcher, on a thread of its own.
unsafe extern "system" fn main(_count: u32, _arguments: *mut windows_sys::core::PWSTR) {
    let Some(shared) = SHARED.get() else { return };
    // SAFETY: the name ends with a zero and is a static's; the handler takes no context.
    let handle =
        unsafe { RegisterServiceCtrlHandlerExW(shared.name.as_ptr(), Some(control), std::ptr::null()) };
    if handle.is_null() {
        return;
    }
    tell(handle, SERVICE_RUNNING, NO_ERROR);
    let start = shared.start.lock().unwrap_or_else(PoisonError::into_inner).take();
    let code = if let Some(Err(error)) = start.map(|start| start()) {
        error.raw_os_error().map_or(1, i32::unsigned_abs)
    } else {
        let stopped = shared.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = stopped.recv();
        NO_ERROR
    };
    tell(handle, SERVICE_STOPPED, code);
}

/// Called for every control that the service is sent.
unsafe extern "system" fn control(
    control: u32,
    _kind: u32,
    _data: *mut core::ffi::c_void,
    _context: *mut core::ffi::c_void,
) -> u32 {
    match control {
        SERVICE_CONTROL_STOP | SERVICE_CONTROL_SHUTDOWN => {
            if let Some(shared) = SHARED.get() {
                let _ = shared
                    .stop
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .send(());
            }
            NO_ERROR
        }
        SERVICE_CONTROL_INTERROGATE => NO_ERROR,
        _ => ERROR_CALL_NOT_IMPLEMENTED,
    }
}

fn tell(handle: SERVICE_STATUS_HANDLE, state: SERVICE_STATUS_CURRENT_STATE, code: u32) {
    let status = SERVICE_STATUS {
        dwServiceType: SERVICE_WIN32_OWN_PROCESS,
        dwCurrentState: state,
        dwControlsAccepted: SERVICE_ACCEPT_STOP | SERVICE_ACCEPT_SHUTDOWN,
        dwWin32ExitCode: code,
        dwServiceSpecificExitCode: 0,
        dwCheckPoint: 0,
        dwWaitHint: 0,
    };
    // SAFETY: the handle is of this service, and is valid until the process ends; the structure lives across the call.
    unsafe { SetServiceStatus(handle, &raw const status) };
}
