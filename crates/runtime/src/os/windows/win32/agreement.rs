//! Compares the numbers and structures of the neighbouring modules with `windows-sys`, at compile time.

use std::mem::{offset_of, size_of};

use windows_sys::Win32::Foundation as f;
use windows_sys::Win32::NetworkManagement::NetManagement as n;
use windows_sys::Win32::Security as s;
use windows_sys::Win32::Storage::FileSystem as fs;
use windows_sys::Win32::System::Console as c;
use windows_sys::Win32::System::JobObjects as j;
use windows_sys::Win32::System::Pipes as p;
use windows_sys::Win32::System::SystemInformation as si;
use windows_sys::Win32::System::SystemServices as ss;
use windows_sys::Win32::System::Threading as t;

use super::super::api::{
    self, Accounting, CpuRate, ExtendedLimit, GroupAffinity, IoAttribution, IoStats, MemoryCounters,
};

macro_rules! agree {
    ($($ours:ident = $theirs:expr),* $(,)?) => {
        $(const _: () = assert!(api::$ours == $theirs, stringify!($ours));)*
    };
}

agree! {
    JOB_OBJECT_ASSOCIATE_COMPLETION_PORT_INFORMATION = j::JobObjectAssociateCompletionPortInformation,
    JOB_OBJECT_EXTENDED_LIMIT_INFORMATION = j::JobObjectExtendedLimitInformation,
    JOB_OBJECT_CPU_RATE_CONTROL_INFORMATION = j::JobObjectCpuRateControlInformation,
    JOB_OBJECT_GROUP_INFORMATION_EX = j::JobObjectGroupInformationEx,
    JOB_OBJECT_MEMORY_USAGE_INFORMATION = j::JobObjectReserved11Information,
    JOB_OBJECT_IO_ATTRIBUTION = j::JobObjectReserved20Information,
    JOB_OBJECT_CREATE_SILO = j::JobObjectCreateSilo,
    JOB_OBJECT_ASSIGN_PROCESS = ss::JOB_OBJECT_ASSIGN_PROCESS,
    JOB_OBJECT_SET_ATTRIBUTES = ss::JOB_OBJECT_SET_ATTRIBUTES,
    JOB_OBJECT_QUERY = ss::JOB_OBJECT_QUERY,
    JOB_OBJECT_TERMINATE = ss::JOB_OBJECT_TERMINATE,
    JOBOBJECT_IO_ATTRIBUTION_CONTROL_ENABLE = j::JOBOBJECT_IO_ATTRIBUTION_CONTROL_ENABLE.cast_unsigned(),
    JOB_OBJECT_MSG_ACTIVE_PROCESS_LIMIT = ss::JOB_OBJECT_MSG_ACTIVE_PROCESS_LIMIT,
    JOB_OBJECT_MSG_PROCESS_MEMORY_LIMIT = ss::JOB_OBJECT_MSG_PROCESS_MEMORY_LIMIT,
    JOB_OBJECT_MSG_JOB_MEMORY_LIMIT = ss::JOB_OBJECT_MSG_JOB_MEMORY_LIMIT,
    PROC_THREAD_ATTRIBUTE_PSEUDOCONSOLE = t::PROC_THREAD_ATTRIBUTE_PSEUDOCONSOLE as usize,
    SYNCHRONIZE = fs::SYNCHRONIZE,
    STD_INPUT_HANDLE = c::STD_INPUT_HANDLE,
    TOKEN_ASSIGN_PRIMARY = s::TOKEN_ASSIGN_PRIMARY,
    JOB_OBJECT_LIMIT_ACTIVE_PROCESS = j::JOB_OBJECT_LIMIT_ACTIVE_PROCESS,
    JOB_OBJECT_LIMIT_JOB_MEMORY = j::JOB_OBJECT_LIMIT_JOB_MEMORY,
    JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE = j::JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE,
    JOB_OBJECT_CPU_RATE_CONTROL_ENABLE = j::JOB_OBJECT_CPU_RATE_CONTROL_ENABLE,
    JOB_OBJECT_CPU_RATE_CONTROL_HARD_CAP = j::JOB_OBJECT_CPU_RATE_CONTROL_HARD_CAP,
    JOB_OBJECT_CPU_RATE_CONTROL_WEIGHT_BASED = j::JOB_OBJECT_CPU_RATE_CONTROL_WEIGHT_BASED,
    FILE_LIST_DIRECTORY = fs::FILE_LIST_DIRECTORY,
    FILE_READ_ATTRIBUTES = fs::FILE_READ_ATTRIBUTES,
    READ_CONTROL = fs::READ_CONTROL,
    WRITE_DAC = fs::WRITE_DAC,
    FILE_SHARE_READ = fs::FILE_SHARE_READ,
    FILE_SHARE_WRITE = fs::FILE_SHARE_WRITE,
    FILE_SHARE_DELETE = fs::FILE_SHARE_DELETE,
    FILE_FLAG_BACKUP_SEMANTICS = fs::FILE_FLAG_BACKUP_SEMANTICS,
    FILE_FLAG_OPEN_REPARSE_POINT = fs::FILE_FLAG_OPEN_REPARSE_POINT,
    CREATE_UNICODE_ENVIRONMENT = t::CREATE_UNICODE_ENVIRONMENT,
    EXTENDED_STARTUPINFO_PRESENT = t::EXTENDED_STARTUPINFO_PRESENT,
    CREATE_NO_WINDOW = t::CREATE_NO_WINDOW,
    DETACHED_PROCESS = t::DETACHED_PROCESS,
    CREATE_BREAKAWAY_FROM_JOB = t::CREATE_BREAKAWAY_FROM_JOB,
    PIPE_ACCESS_DUPLEX = fs::PIPE_ACCESS_DUPLEX,
    FILE_FLAG_FIRST_PIPE_INSTANCE = fs::FILE_FLAG_FIRST_PIPE_INSTANCE,
    FILE_FLAG_OVERLAPPED = fs::FILE_FLAG_OVERLAPPED,
    PIPE_REJECT_REMOTE_CLIENTS = p::PIPE_REJECT_REMOTE_CLIENTS,
    PIPE_UNLIMITED_INSTANCES = p::PIPE_UNLIMITED_INSTANCES,
    SECURITY_SQOS_PRESENT = fs::SECURITY_SQOS_PRESENT,
    SECURITY_IDENTIFICATION = fs::SECURITY_IDENTIFICATION,
    GENERIC_READ = f::GENERIC_READ,
    GENERIC_WRITE = f::GENERIC_WRITE,
    STARTF_USESTDHANDLES = t::STARTF_USESTDHANDLES,
    PROC_THREAD_ATTRIBUTE_HANDLE_LIST = t::PROC_THREAD_ATTRIBUTE_HANDLE_LIST as usize,
    PROC_THREAD_ATTRIBUTE_JOB_LIST = t::PROC_THREAD_ATTRIBUTE_JOB_LIST as usize,
    PROCESS_CREATE_THREAD = t::PROCESS_CREATE_THREAD,
    PROCESS_VM_OPERATION = t::PROCESS_VM_OPERATION,
    PROCESS_VM_READ = t::PROCESS_VM_READ,
    PROCESS_VM_WRITE = t::PROCESS_VM_WRITE,
    PROCESS_QUERY_INFORMATION = t::PROCESS_QUERY_INFORMATION,
    CTRL_C_EVENT = c::CTRL_C_EVENT,
    CTRL_CLOSE_EVENT = c::CTRL_CLOSE_EVENT,
    CTRL_SHUTDOWN_EVENT = c::CTRL_SHUTDOWN_EVENT,
    STD_OUTPUT_HANDLE = c::STD_OUTPUT_HANDLE,
    STD_ERROR_HANDLE = c::STD_ERROR_HANDLE,
    TOKEN_DUPLICATE = s::TOKEN_DUPLICATE,
    TOKEN_QUERY = s::TOKEN_QUERY,
    LOGON32_LOGON_INTERACTIVE = s::LOGON32_LOGON_INTERACTIVE,
    LOGON32_LOGON_SERVICE = s::LOGON32_LOGON_SERVICE,
    SID_TYPE_USER = s::SidTypeUser,
    SID_TYPE_WELL_KNOWN_GROUP = s::SidTypeWellKnownGroup,
    UF_SCRIPT = n::UF_SCRIPT,
    UF_NORMAL_ACCOUNT = n::UF_NORMAL_ACCOUNT,
    UF_DONT_EXPIRE_PASSWD = n::UF_DONT_EXPIRE_PASSWD,
    NERR_SUCCESS = n::NERR_Success,
    NERR_GROUP_NOT_FOUND = n::NERR_GroupNotFound,
    NERR_USER_NOT_FOUND = n::NERR_UserNotFound,
    SYMBOLIC_LINK_FLAG_DIRECTORY = fs::SYMBOLIC_LINK_FLAG_DIRECTORY,
    SYMBOLIC_LINK_FLAG_ALLOW_UNPRIVILEGED_CREATE = fs::SYMBOLIC_LINK_FLAG_ALLOW_UNPRIVILEGED_CREATE,
    ERROR_ACCESS_DENIED = f::ERROR_ACCESS_DENIED.cast_signed(),
    ERROR_PRIVILEGE_NOT_HELD = f::ERROR_PRIVILEGE_NOT_HELD.cast_signed(),
    ERROR_NO_SUCH_ALIAS = f::ERROR_NO_SUCH_ALIAS,
}

type TheirLimit = j::JOBOBJECT_EXTENDED_LIMIT_INFORMATION;
type TheirBasic = j::JOBOBJECT_BASIC_LIMIT_INFORMATION;

const _: () = {
    assert!(size_of::<ExtendedLimit>() == size_of::<TheirLimit>());
    assert!(
        offset_of!(ExtendedLimit, per_process_user_time) == offset_of!(TheirBasic, PerProcessUserTimeLimit)
    );
    assert!(offset_of!(ExtendedLimit, per_job_user_time) == offset_of!(TheirBasic, PerJobUserTimeLimit));
    assert!(offset_of!(ExtendedLimit, flags) == offset_of!(TheirBasic, LimitFlags));
    assert!(offset_of!(ExtendedLimit, minimum_working_set) == offset_of!(TheirBasic, MinimumWorkingSetSize));
    assert!(offset_of!(ExtendedLimit, maximum_working_set) == offset_of!(TheirBasic, MaximumWorkingSetSize));
    assert!(offset_of!(ExtendedLimit, active_processes) == offset_of!(TheirBasic, ActiveProcessLimit));
    assert!(offset_of!(ExtendedLimit, affinity) == offset_of!(TheirBasic, Affinity));
    assert!(offset_of!(ExtendedLimit, priority_class) == offset_of!(TheirBasic, PriorityClass));
    assert!(offset_of!(ExtendedLimit, scheduling_class) == offset_of!(TheirBasic, SchedulingClass));
    assert!(offset_of!(ExtendedLimit, io) == offset_of!(TheirLimit, IoInfo));
    assert!(offset_of!(ExtendedLimit, process_memory) == offset_of!(TheirLimit, ProcessMemoryLimit));
    assert!(offset_of!(ExtendedLimit, job_memory) == offset_of!(TheirLimit, JobMemoryLimit));
    assert!(offset_of!(ExtendedLimit, peak_process_memory) == offset_of!(TheirLimit, PeakProcessMemoryUsed));
    assert!(offset_of!(ExtendedLimit, peak_job_memory) == offset_of!(TheirLimit, PeakJobMemoryUsed));
    assert!(size_of::<CpuRate>() == size_of::<j::JOBOBJECT_CPU_RATE_CONTROL_INFORMATION>());
};

const _: () = {
    assert!(size_of::<GroupAffinity>() == size_of::<si::GROUP_AFFINITY>());
    assert!(offset_of!(GroupAffinity, group) == offset_of!(si::GROUP_AFFINITY, Group));
    assert!(size_of::<Accounting>() == size_of::<j::JOBOBJECT_BASIC_ACCOUNTING_INFORMATION>());
    assert!(
        offset_of!(Accounting, kernel_time)
            == offset_of!(j::JOBOBJECT_BASIC_ACCOUNTING_INFORMATION, TotalKernelTime)
    );
    assert!(
        offset_of!(Accounting, active_processes)
            == offset_of!(j::JOBOBJECT_BASIC_ACCOUNTING_INFORMATION, ActiveProcesses)
    );
    assert!(size_of::<IoAttribution>() == size_of::<j::JOBOBJECT_IO_ATTRIBUTION_INFORMATION>());
    assert!(
        offset_of!(IoAttribution, write) == offset_of!(j::JOBOBJECT_IO_ATTRIBUTION_INFORMATION, WriteStats)
    );
    assert!(offset_of!(IoStats, size) == offset_of!(j::JOBOBJECT_IO_ATTRIBUTION_STATS, TotalSize));
    // `ntddk.h` of the driver kit, whose parts in `windows-sys` would bring half of that kit with them.
    assert!(size_of::<MemoryCounters>() == 112 && offset_of!(MemoryCounters, private_working_set) == 96);
};

const _: () = assert!(p::PIPE_TYPE_BYTE | p::PIPE_READMODE_BYTE | p::PIPE_WAIT == 0);
