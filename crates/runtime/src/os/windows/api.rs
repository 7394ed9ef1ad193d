//! Every order that porthole gives Windows and every question it asks, in our own types.
//!
//! [`Api`] is the narrow door: the logic of the neighbouring modules goes through it, `win32` is its one real
//! implementation (and the only place with unsafe code), and `fake` records the exact calls, so that flags and
//! structures are asserted on every operating system. Paths are text: they are Windows' own even where the
//! tests run elsewhere. Methods are named for the call they make.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

pub(super) use super::constants::*;
pub(super) use super::structures::*;

/// An open handle, closed when dropped.
pub(super) struct Handle {
    raw: usize,
    /// `None` once the handle has a new owner.
    closer: Option<Arc<dyn CloseHandle>>,
}

/// Closes what [`Handle`] owns.
pub(super) trait CloseHandle: Send + Sync {
    /// `CloseHandle`.
    fn close(&self, raw: usize);
}

impl Handle {
    /// Takes over an open handle.
    pub(super) fn new(raw: usize, closer: Arc<dyn CloseHandle>) -> Self {
        Self {
            raw,
            closer: Some(closer),
        }
    }

    /// The handle's value, for as long as `self` lives.
    pub(super) fn raw(&self) -> usize {
        self.raw
    }

    /// Gives the handle up to a new owner without closing it.
    pub(super) fn into_raw(mut self) -> usize {
        self.closer = None;
        self.raw
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if let Some(closer) = &self.closer {
            closer.close(self.raw);
        }
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.raw)
    }
}

/// Everything that `CreateProcessW` or `CreateProcessAsUserW` is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ProcessSpec {
    /// The token for `CreateProcessAsUserW`; none means `CreateProcessW`.
    pub(super) token: Option<usize>,
    /// `lpApplicationName`.
    pub(super) application: String,
    /// `lpCommandLine`.
    pub(super) command_line: String,
    /// `dwCreationFlags`.
    pub(super) creation_flags: u32,
    /// `lpEnvironment`, UTF-16 with both terminators; none inherits the caller's.
    pub(super) environment: Option<Vec<u16>>,
    /// `lpCurrentDirectory`.
    pub(super) current_directory: Option<String>,
    /// `STARTUPINFO.dwFlags`.
    pub(super) startup_flags: u32,
    /// Standard input, output and error.
    pub(super) stdio: [usize; 3],
    /// The attribute list.
    pub(super) attributes: Vec<Attribute>,
}

/// A process just created. The handle of its first thread is closed already.
#[derive(Debug)]
pub(super) struct Process {
    /// `hProcess`.
    pub(super) handle: Handle,
    /// `dwProcessId`.
    pub(super) id: u32,
}

/// What is at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileKind {
    Directory,
    File,
    /// A symbolic link or a junction, opened itself.
    Link,
}

/// A file or directory that was opened.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) handle: Handle,
    pub(super) kind: FileKind,
    /// Where it lies, with no link on the way: `GetFinalPathNameByHandleW` without the prefix `\\?\`.
    pub(super) path: String,
}

/// What `LogonUserW` is given. The text of the password is wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Logon {
    pub(super) name: String,
    pub(super) domain: Option<String>,
    pub(super) password: Option<Secret>,
    /// `dwLogonType`.
    pub(super) kind: u32,
}

/// A password: wiped when dropped, never printed.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Secret(pub(super) zeroize::Zeroizing<String>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// What `LookupAccountNameW` answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AccountInformation {
    /// The SID as bytes.
    pub(super) sid: Vec<u8>,
    /// The domain that the account was found in.
    pub(super) domain: String,
    /// `SID_NAME_USE`.
    pub(super) kind: i32,
}

/// Jobs: `winnt.h`, `jobapi2.h`, `bindflt`.
pub(super) trait Jobs {
    /// `CreateJobObjectW` without security attributes; `true` if a job of that name was there before.
    fn create_job(&self, name: Option<&str>) -> io::Result<(Handle, bool)>;
    /// `OpenJobObjectW` with this access; `None` if there is none of that name.
    fn open_job(&self, name: &str, access: u32) -> io::Result<Option<Handle>>;
    /// `SetInformationJobObject`.
    fn set_job_information(&self, job: &Handle, information: &JobInformation) -> io::Result<()>;
    /// `QueryInformationJobObject(JobObjectExtendedLimitInformation)`.
    fn query_extended_limit(&self, job: &Handle) -> io::Result<ExtendedLimit>;
    /// `QueryInformationJobObject(JobObjectBasicAccountingInformation)`.
    fn query_accounting(&self, job: &Handle) -> io::Result<Accounting>;
    /// `QueryInformationJobObject(JobObjectMemoryUsageInformation)`.
    fn query_memory_usage(&self, job: &Handle) -> io::Result<MemoryUsage>;
    /// `QueryInformationJobObject(JobObjectIoAttribution)`, which must have been switched on before.
    fn query_io_attribution(&self, job: &Handle) -> io::Result<IoAttribution>;
    /// `QueryInformationJobObject(JobObjectCpuRateControlInformation)`.
    fn query_cpu_rate(&self, job: &Handle) -> io::Result<CpuRate>;
    /// `QueryInformationJobObject(JobObjectGroupInformationEx)`.
    fn query_affinity(&self, job: &Handle) -> io::Result<Vec<GroupAffinity>>;
    /// `QueryInformationJobObject(JobObjectBasicProcessIdList)` with room for `room` ids.
    fn query_process_ids(&self, job: &Handle, room: usize) -> io::Result<ProcessIds>;
    /// `TerminateJobObject`.
    fn terminate_job(&self, job: &Handle, code: u32) -> io::Result<()>;
    /// `CreateIoCompletionPort` for one thread.
    fn create_completion_port(&self) -> io::Result<Handle>;
    /// `GetQueuedCompletionStatus` without a time limit: the packet's message.
    fn wait_completion_port(&self, port: &Handle) -> io::Result<u32>;
    /// `PostQueuedCompletionStatus` with this message.
    fn post_completion_port(&self, port: &Handle, message: u32) -> io::Result<()>;
    /// `BfSetupFilter` without exceptions.
    fn bf_setup_filter(&self, job: &Handle, flags: u32, root: &str, target: &str) -> io::Result<()>;
}

/// Processes: `processthreadsapi.h`, `consoleapi`, `namedpipeapi.h`.
pub(super) trait Processes {
    /// `CreateProcessW`, or `CreateProcessAsUserW` where the specification has a token.
    fn create_process(&self, spec: &ProcessSpec) -> io::Result<Process>;
    /// `WaitForSingleObject`; `true` when signalled, `None` waits for ever.
    fn wait(&self, handle: &Handle, limit: Option<Duration>) -> io::Result<bool>;
    /// `GetExitCodeProcess`.
    fn exit_code(&self, process: &Handle) -> io::Result<u32>;
    /// `OpenProcess` without inheritance; `None` if there is no such process any more.
    fn open_process(&self, access: u32, id: u32) -> io::Result<Option<Handle>>;
    /// `IsProcessInJob`.
    fn is_process_in_job(&self, process: &Handle, job: &Handle) -> io::Result<bool>;
    /// `IsWow64Process`.
    fn is_wow64(&self, process: &Handle) -> io::Result<bool>;
    /// `QueryFullProcessImageNameW`.
    fn image_name(&self, process: &Handle) -> io::Result<String>;
    /// The address of `kernel32!CtrlRoutine`, which is the same in every 64-bit process of this boot.
    fn ctrl_routine(&self) -> io::Result<usize>;
    /// `CreateRemoteThread`.
    fn create_remote_thread(&self, process: &Handle, start: usize, argument: u32) -> io::Result<()>;
    /// `NtQueryInformationProcess(ProcessVmCounters)` with a `VM_COUNTERS_EX2`.
    fn memory_counters(&self, process: &Handle) -> io::Result<MemoryCounters>;
    /// `CreatePseudoConsole` without flags, which copies both handles. Dropping it is `ClosePseudoConsole`.
    fn create_pseudo_console(
        &self,
        columns: i16,
        rows: i16,
        input: &Handle,
        output: &Handle,
    ) -> io::Result<Handle>;
    /// `ResizePseudoConsole`.
    fn resize_pseudo_console(&self, console: &Handle, columns: i16, rows: i16) -> io::Result<()>;
    /// `CreatePipe`: read end and write end, neither inheritable.
    fn create_pipe(&self) -> io::Result<(Handle, Handle)>;
    /// `SetHandleInformation(HANDLE_FLAG_INHERIT)`.
    fn make_inheritable(&self, handle: &Handle) -> io::Result<()>;
    /// `DuplicateHandle` of `GetStdHandle`, inheritable; `None` if this process has no such stream.
    fn standard_handle(&self, which: u32) -> io::Result<Option<Handle>>;
    /// Whether this process's own stream is a console (`GetConsoleMode`).
    fn is_console(&self, which: u32) -> bool;
    /// This process's own standard input, for text.
    fn own_input(&self) -> Box<dyn io::Read + Send>;
    /// This process's own stream, for text.
    fn own_stream(&self, which: u32) -> Box<dyn io::Write + Send>;
    /// `CreateFileW("NUL")` for reading and writing, not inheritable.
    fn open_nul(&self) -> io::Result<Handle>;
    /// Takes over a handle that was inherited by its value.
    fn adopt(&self, raw: usize) -> Handle;
    /// Turns a handle into a file.
    fn file_of(&self, handle: Handle) -> std::fs::File;
}

/// Accounts: `lmaccess.h`, `winbase.h`, `userenv.h`.
pub(super) trait Accounts {
    /// The version of Wine (`ntdll!wine_get_version`), `None` on Windows.
    fn wine_version(&self) -> Option<String>;
    /// `OpenProcessToken` of this process.
    fn open_own_token(&self, access: u32) -> io::Result<Handle>;
    /// `OpenProcessToken` of another process.
    fn open_process_token(&self, process: &Handle, access: u32) -> io::Result<Handle>;
    /// `GetTokenInformation(TokenStatistics).AuthenticationId`: the logon that a token comes from.
    fn token_logon(&self, token: &Handle) -> io::Result<u64>;
    /// `GetTokenInformation(TokenUser)`: the SID as bytes.
    fn token_user(&self, token: &Handle) -> io::Result<Vec<u8>>;
    /// `CreateEnvironmentBlock` without inheritance, in its own order.
    fn environment_block(&self, token: &Handle) -> io::Result<Vec<(String, String)>>;
    /// `LogonUserW` with the default provider.
    fn logon_user(&self, logon: &Logon) -> io::Result<Handle>;
    /// `LookupAccountNameW` on this computer; `None` if there is no such account.
    fn lookup_account(&self, name: &str) -> io::Result<Option<AccountInformation>>;
    /// `LookupAccountSidW` on this computer: the name of an account or group, in the system's own language.
    fn lookup_sid(&self, sid: &[u8]) -> io::Result<String>;
    /// `NetLocalGroupGetInfo` level 1: the status.
    fn local_group_information(&self, name: &str) -> u32;
    /// `NetUserAdd` level 1 with `USER_PRIV_USER` and these flags: the status.
    fn user_add(&self, name: &str, password: &Secret, comment: &str, flags: u32) -> u32;
    /// `NetUserDel`: the status.
    fn user_delete(&self, name: &str) -> u32;
    /// `NetLocalGroupAddMembers` level 0: the status.
    fn local_group_add_member(&self, group: &str, sid: &[u8]) -> u32;
    /// `BCryptGenRandom` with the system's generator.
    fn random(&self, bytes: &mut [u8]) -> io::Result<()>;
}

/// Files and what else is asked of the host.
pub(super) trait Host {
    /// `GetComputerNameExW(ComputerNameDnsHostname)`.
    fn host_name(&self) -> io::Result<String>;
    /// `GetComputerNameExW(ComputerNameNetBIOS)`: the first 15 characters at most of the same, by which accounts of this
    /// computer are named.
    fn computer_name(&self) -> io::Result<String>;
    /// `GetActiveProcessorGroupCount` and `GetActiveProcessorCount`: the processors of each group.
    fn processor_groups(&self) -> Vec<u32>;
    /// `RtlGetVersion().dwBuildNumber`.
    fn build(&self) -> u32;
    /// A variable of this process's environment.
    fn variable(&self, name: &str) -> Option<String>;
    /// Whether a regular file, or a link to one, is there.
    fn is_file(&self, path: &str) -> bool;
    /// Whether a directory, or a link to one, is there.
    fn is_directory(&self, path: &str) -> bool;
    /// `CreateDirectoryW` with this security descriptor.
    fn create_private_directory(&self, path: &str, sddl: &str) -> io::Result<()>;
    /// The owner and the access list of a directory, which must not be a link, as
    /// `ConvertSecurityDescriptorToStringSecurityDescriptorW` spells them.
    fn security_of(&self, path: &str) -> io::Result<String>;
    /// `CreateFileW(OPEN_EXISTING)`, not inheritable.
    fn open_file(&self, path: &str, access: u32, share: u32, flags: u32) -> io::Result<Opened>;
    /// `SetEntriesInAclW(GRANT_ACCESS)` and `SetSecurityInfo` on the list of an open file or directory, inherited by all
    /// that is below.
    fn grant(&self, file: &Handle, sid: &[u8], access: u32) -> io::Result<()>;
    /// Whether a link is there, whatever it leads to.
    fn is_link(&self, path: &str) -> bool;
    /// Makes one directory with the rights that its parent hands down.
    fn create_directory(&self, path: &str) -> io::Result<()>;
    /// Removes one empty directory.
    fn remove_directory(&self, path: &str) -> io::Result<()>;
    /// Removes a directory with all that is in it, following no links; nothing there is no error.
    fn remove_tree(&self, path: &str) -> io::Result<()>;
    /// Copies a tree into a directory that is there, over what is in it. See `rootfs`.
    fn copy_tree(&self, from: &str, to: &str) -> io::Result<()>;
    /// `CreateSymbolicLinkW`. `Ok` means that the link was seen afterwards: Wine 8 reports success and makes none.
    fn create_symbolic_link(&self, link: &str, target: &str, flags: u32) -> io::Result<()>;
}

/// What `CreateNamedPipeW` is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PipeSpec {
    /// `\\.\pipe\…`.
    pub(super) name: String,
    /// `dwOpenMode`.
    pub(super) open_mode: u32,
    /// `dwPipeMode`.
    pub(super) pipe_mode: u32,
    /// `nMaxInstances`.
    pub(super) instances: u32,
    /// Of both buffers, in bytes.
    pub(super) buffer: u32,
    /// The security descriptor.
    pub(super) sddl: String,
}

/// Named pipes whose handles are overlapped: `namedpipeapi.h`, `ioapiset.h`.
pub(super) trait Pipes {
    /// `CreateNamedPipeW`, not inheritable.
    fn create_named_pipe(&self, spec: &PipeSpec) -> io::Result<Handle>;
    /// `ConnectNamedPipe`, waited for; `false` when a client has come and gone.
    fn connect_named_pipe(&self, pipe: &Handle) -> io::Result<bool>;
    /// `CreateFileW(OPEN_EXISTING)` with this access and these flags; `None` while every instance is busy.
    fn open_named_pipe(&self, name: &str, access: u32, flags: u32) -> io::Result<Option<Handle>>;
    /// `WaitNamedPipeW`; that time has passed is no error.
    fn wait_named_pipe(&self, name: &str, limit: Duration) -> io::Result<()>;
    /// `GetSecurityInfo(SE_KERNEL_OBJECT, OWNER_SECURITY_INFORMATION)`: the SID as bytes.
    fn pipe_owner(&self, pipe: &Handle) -> io::Result<Vec<u8>>;
    /// `ReadFile`, taken back when `limit` has passed ([`io::ErrorKind::TimedOut`]); 0 bytes at the end.
    fn read_pipe(&self, pipe: &Handle, buffer: &mut [u8], limit: Option<Duration>) -> io::Result<usize>;
    /// `WriteFile`, as `read_pipe`.
    fn write_pipe(&self, pipe: &Handle, bytes: &[u8], limit: Option<Duration>) -> io::Result<usize>;
}

/// All of it.
pub(super) trait Api: Jobs + Processes + Accounts + Host + Pipes + Send + Sync {}

impl<T: Jobs + Processes + Accounts + Host + Pipes + Send + Sync> Api for T {}
