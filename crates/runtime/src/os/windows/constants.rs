//! The numbers of Windows' headers that porthole passes, spelt as there.
//!
//! They are written out here, and not taken from `windows-sys`, so that the logic and its tests build on every
//! system; `win32` compares each with `windows-sys` when it is compiled.

// JOBOBJECTINFOCLASS.
pub(super) const JOB_OBJECT_ASSOCIATE_COMPLETION_PORT_INFORMATION: i32 = 7;
pub(super) const JOB_OBJECT_EXTENDED_LIMIT_INFORMATION: i32 = 9;
pub(super) const JOB_OBJECT_CPU_RATE_CONTROL_INFORMATION: i32 = 15;
pub(super) const JOB_OBJECT_GROUP_INFORMATION_EX: i32 = 14;
/// Not in the SDK.
#[cfg(windows)]
pub(super) const JOB_OBJECT_MEMORY_USAGE_INFORMATION: i32 = 28;
pub(super) const JOB_OBJECT_CREATE_SILO: i32 = 35;
/// Not in the SDK.
pub(super) const JOB_OBJECT_IO_ATTRIBUTION: i32 = 42;

// OpenJobObject.
pub(super) const JOB_OBJECT_ASSIGN_PROCESS: u32 = 0x1;
pub(super) const JOB_OBJECT_SET_ATTRIBUTES: u32 = 0x2;
pub(super) const JOB_OBJECT_QUERY: u32 = 0x4;
pub(super) const JOB_OBJECT_TERMINATE: u32 = 0x8;

// JOBOBJECT_BASIC_LIMIT_INFORMATION.LimitFlags.
pub(super) const JOB_OBJECT_LIMIT_ACTIVE_PROCESS: u32 = 0x8;
pub(super) const JOB_OBJECT_LIMIT_JOB_MEMORY: u32 = 0x200;
pub(super) const JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE: u32 = 0x2000;

// JOBOBJECT_CPU_RATE_CONTROL_INFORMATION.ControlFlags.
pub(super) const JOB_OBJECT_CPU_RATE_CONTROL_ENABLE: u32 = 0x1;
pub(super) const JOB_OBJECT_CPU_RATE_CONTROL_WEIGHT_BASED: u32 = 0x2;
pub(super) const JOB_OBJECT_CPU_RATE_CONTROL_HARD_CAP: u32 = 0x4;

// JOBOBJECT_IO_ATTRIBUTION_INFORMATION.ControlFlags.
pub(super) const JOBOBJECT_IO_ATTRIBUTION_CONTROL_ENABLE: u32 = 1;

// Messages of a job's completion port.
/// A process was refused for the limit of their number.
pub(super) const JOB_OBJECT_MSG_ACTIVE_PROCESS_LIMIT: u32 = 3;
/// A process wanted more memory than it may have.
pub(super) const JOB_OBJECT_MSG_PROCESS_MEMORY_LIMIT: u32 = 9;
/// A process wanted more memory than the job may have.
pub(super) const JOB_OBJECT_MSG_JOB_MEMORY_LIMIT: u32 = 10;

// BfSetupFilter.
pub(super) const BINDFLT_FLAG_READ_ONLY_MAPPING: u32 = 0x1;
pub(super) const BINDFLT_FLAG_USE_CURRENT_SILO_MAPPING: u32 = 0x4;

// CreateProcess.
pub(super) const CREATE_UNICODE_ENVIRONMENT: u32 = 0x400;
pub(super) const EXTENDED_STARTUPINFO_PRESENT: u32 = 0x8_0000;
pub(super) const CREATE_NO_WINDOW: u32 = 0x800_0000;
pub(super) const DETACHED_PROCESS: u32 = 0x8;
pub(super) const CREATE_BREAKAWAY_FROM_JOB: u32 = 0x100_0000;
pub(super) const STARTF_USESTDHANDLES: u32 = 0x100;
pub(super) const PROC_THREAD_ATTRIBUTE_HANDLE_LIST: usize = 0x2_0002;
pub(super) const PROC_THREAD_ATTRIBUTE_PSEUDOCONSOLE: usize = 0x2_0016;
pub(super) const PROC_THREAD_ATTRIBUTE_JOB_LIST: usize = 0x2_000D;

// OpenProcess.
pub(super) const PROCESS_CREATE_THREAD: u32 = 0x2;
pub(super) const PROCESS_VM_OPERATION: u32 = 0x8;
pub(super) const PROCESS_VM_READ: u32 = 0x10;
pub(super) const PROCESS_VM_WRITE: u32 = 0x20;
pub(super) const PROCESS_QUERY_INFORMATION: u32 = 0x400;
pub(super) const SYNCHRONIZE: u32 = 0x10_0000;

// Console control events.
pub(super) const CTRL_C_EVENT: u32 = 0;
pub(super) const CTRL_CLOSE_EVENT: u32 = 2;
pub(super) const CTRL_SHUTDOWN_EVENT: u32 = 6;

// GetStdHandle.
pub(super) const STD_INPUT_HANDLE: u32 = (-10_i32).cast_unsigned();
pub(super) const STD_OUTPUT_HANDLE: u32 = (-11_i32).cast_unsigned();
pub(super) const STD_ERROR_HANDLE: u32 = (-12_i32).cast_unsigned();

// Named pipes.
pub(super) const PIPE_ACCESS_DUPLEX: u32 = 0x3;
pub(super) const FILE_FLAG_FIRST_PIPE_INSTANCE: u32 = 0x8_0000;
pub(super) const FILE_FLAG_OVERLAPPED: u32 = 0x4000_0000;
/// `PIPE_TYPE_BYTE`, `PIPE_READMODE_BYTE` and `PIPE_WAIT` are 0.
pub(super) const PIPE_REJECT_REMOTE_CLIENTS: u32 = 0x8;
pub(super) const PIPE_UNLIMITED_INSTANCES: u32 = 255;
pub(super) const SECURITY_SQOS_PRESENT: u32 = 0x10_0000;
pub(super) const SECURITY_IDENTIFICATION: u32 = 0x1_0000;
pub(super) const GENERIC_READ: u32 = 0x8000_0000;
pub(super) const GENERIC_WRITE: u32 = 0x4000_0000;

// Tokens and accounts.
pub(super) const TOKEN_ASSIGN_PRIMARY: u32 = 0x1;
pub(super) const TOKEN_DUPLICATE: u32 = 0x2;
pub(super) const TOKEN_QUERY: u32 = 0x8;
pub(super) const LOGON32_LOGON_INTERACTIVE: u32 = 2;
pub(super) const LOGON32_LOGON_SERVICE: u32 = 5;
pub(super) const SID_TYPE_USER: i32 = 1;
pub(super) const SID_TYPE_WELL_KNOWN_GROUP: i32 = 5;
pub(super) const UF_SCRIPT: u32 = 0x1;
pub(super) const UF_NORMAL_ACCOUNT: u32 = 0x200;
pub(super) const UF_DONT_EXPIRE_PASSWD: u32 = 0x1_0000;
pub(super) const NERR_SUCCESS: u32 = 0;
pub(super) const NERR_GROUP_NOT_FOUND: u32 = 2220;
pub(super) const ERROR_NO_SUCH_ALIAS: u32 = 1376;
pub(super) const NERR_USER_NOT_FOUND: u32 = 2221;

// CreateFile.
pub(super) const FILE_LIST_DIRECTORY: u32 = 0x1;
pub(super) const FILE_READ_ATTRIBUTES: u32 = 0x80;
pub(super) const READ_CONTROL: u32 = 0x2_0000;
pub(super) const WRITE_DAC: u32 = 0x4_0000;
pub(super) const FILE_SHARE_READ: u32 = 0x1;
pub(super) const FILE_SHARE_WRITE: u32 = 0x2;
pub(super) const FILE_SHARE_DELETE: u32 = 0x4;
pub(super) const FILE_FLAG_BACKUP_SEMANTICS: u32 = 0x200_0000;
pub(super) const FILE_FLAG_OPEN_REPARSE_POINT: u32 = 0x20_0000;

// CreateSymbolicLink.
pub(super) const SYMBOLIC_LINK_FLAG_DIRECTORY: u32 = 0x1;
pub(super) const SYMBOLIC_LINK_FLAG_ALLOW_UNPRIVILEGED_CREATE: u32 = 0x2;

// Errors.
pub(super) const ERROR_ACCESS_DENIED: i32 = 5;
pub(super) const ERROR_PRIVILEGE_NOT_HELD: i32 = 1314;
