//! Tokens, accounts and their environment.

use std::ffi::c_void;
use std::io;
use std::ptr::{null, null_mut};

use windows_sys::Win32::Foundation::ERROR_NONE_MAPPED;
use windows_sys::Win32::NetworkManagement::NetManagement::{
    LOCALGROUP_MEMBERS_INFO_0, NetApiBufferFree, NetLocalGroupAddMembers, NetLocalGroupGetInfo, NetUserAdd,
    NetUserDel, USER_INFO_1, USER_PRIV_USER,
};
use windows_sys::Win32::Security::Cryptography::{BCRYPT_USE_SYSTEM_PREFERRED_RNG, BCryptGenRandom};
use windows_sys::Win32::Security::{
    GetTokenInformation, LOGON32_PROVIDER_DEFAULT, LogonUserW, LookupAccountNameW, LookupAccountSidW,
    TOKEN_STATISTICS, TokenStatistics,
};
use windows_sys::Win32::System::Environment::{CreateEnvironmentBlock, DestroyEnvironmentBlock};
use windows_sys::Win32::System::LibraryLoader::{GetModuleHandleW, GetProcAddress};
use windows_sys::Win32::System::Threading::{GetCurrentProcess, OpenProcessToken};
use zeroize::Zeroizing;

use super::super::api::{AccountInformation, Accounts, Handle, Logon, Secret};
use super::{Win32, check, is, lend, own, security, size_of_u32, wide};

/// `const char *wine_get_version(void)`.
type WineGetVersion = unsafe extern "C" fn() -> *const std::ffi::c_char;

/// A password as UTF-16, wiped when dropped.
fn wide_secret(secret: &Secret) -> Zeroizing<Vec<u16>> {
    // One allocation of the final size: growing would leave copies behind.
    let mut text = Zeroizing::new(Vec::with_capacity(secret.0.len() + 1));
    text.extend(secret.0.encode_utf16());
    text.push(0);
    text
}

impl Accounts for Win32 {
    fn wine_version(&self) -> Option<String> {
        let library = wide("ntdll.dll");
        // SAFETY: the name is terminated; ntdll is never unloaded.
        let library = unsafe { GetModuleHandleW(library.as_ptr()) };
        if library.is_null() {
            return None;
        }
        // SAFETY: the library is loaded, and the name terminated.
        let address = unsafe { GetProcAddress(library, c"wine_get_version".as_ptr().cast()) }?;
        // SAFETY: only Wine exports this name, with this signature.
        let version =
            unsafe { std::mem::transmute::<unsafe extern "system" fn() -> isize, WineGetVersion>(address) };
        // SAFETY: takes nothing and returns a string of ntdll's own.
        let text = unsafe { version() };
        if text.is_null() {
            return Some(String::new());
        }
        // SAFETY: Wine returns a terminated string that is never freed.
        let text = unsafe { std::ffi::CStr::from_ptr(text) };
        Some(text.to_string_lossy().into_owned())
    }

    fn open_own_token(&self, access: u32) -> io::Result<Handle> {
        let mut token = null_mut();
        // SAFETY: the pseudo-handle of this process is always valid, and the result is a writable local.
        check(unsafe { OpenProcessToken(GetCurrentProcess(), access, &raw mut token) })?;
        own(token)
    }

    fn open_process_token(&self, process: &Handle, access: u32) -> io::Result<Handle> {
        let mut token = null_mut();
        // SAFETY: the process is open, and the result is a writable local.
        check(unsafe { OpenProcessToken(lend(process), access, &raw mut token) })?;
        own(token)
    }

    fn token_logon(&self, token: &Handle) -> io::Result<u64> {
        let mut statistics = TOKEN_STATISTICS::default();
        let mut length = 0;
        // SAFETY: the token is open; the structure is writable, as long as said, and valid for any bytes.
        check(unsafe {
            GetTokenInformation(
                lend(token),
                TokenStatistics,
                (&raw mut statistics).cast(),
                size_of_u32::<TOKEN_STATISTICS>(),
                &raw mut length,
            )
        })?;
        let logon = statistics.AuthenticationId;
        Ok(u64::from(logon.HighPart.cast_unsigned()) << 32 | u64::from(logon.LowPart))
    }

    fn token_user(&self, token: &Handle) -> io::Result<Vec<u8>> {
        security::token_user(token)
    }

    fn environment_block(&self, token: &Handle) -> io::Result<Vec<(String, String)>> {
        let mut block: *mut c_void = null_mut();
        // SAFETY: the token is open, and the result is a writable local.
        check(unsafe { CreateEnvironmentBlock(&raw mut block, lend(token), 0) })?;
        let mut variables = Vec::new();
        let mut at = block.cast::<u16>().cast_const();
        loop {
            let mut length = 0;
            // SAFETY: the block is a run of terminated strings that an empty one ends, and `at` stands at the
            // beginning of one of them; reading stops at its terminator.
            while unsafe { *at.add(length) } != 0 {
                length += 1;
            }
            if length == 0 {
                break;
            }
            // SAFETY: the string of this length was just read.
            let text = unsafe { std::slice::from_raw_parts(at, length) };
            let text = String::from_utf16_lossy(text);
            // A leading `=` belongs to the name: the current directories of drives, which are no variables.
            if let Some((name, value)) = text.split_once('=')
                && !name.is_empty()
            {
                variables.push((name.to_owned(), value.to_owned()));
            }
            // SAFETY: the next string, or the end, is behind the terminator.
            at = unsafe { at.add(length + 1) };
        }
        // SAFETY: the block came from CreateEnvironmentBlock and is not used any more.
        unsafe { DestroyEnvironmentBlock(block) };
        Ok(variables)
    }

    fn logon_user(&self, logon: &Logon) -> io::Result<Handle> {
        let name = wide(&logon.name);
        let domain = logon.domain.as_deref().map(wide);
        let password = logon.password.as_ref().map(wide_secret);
        let mut token = null_mut();
        // SAFETY: every text is terminated or null and outlives the call; the result is a writable local.
        check(unsafe {
            LogonUserW(
                name.as_ptr(),
                domain.as_ref().map_or(null(), Vec::as_ptr),
                password.as_ref().map_or(null(), |text| text.as_ptr()),
                logon.kind,
                LOGON32_PROVIDER_DEFAULT,
                &raw mut token,
            )
        })?;
        own(token)
    }

    fn lookup_account(&self, name: &str) -> io::Result<Option<AccountInformation>> {
        let name = wide(name);
        // SECURITY_MAX_SID_SIZE is 68 bytes; the words keep it aligned. A domain has at most 255 characters.
        let mut sid = [0_u32; 32];
        let mut sid_length = 128;
        let mut domain = vec![0_u16; 512];
        let mut domain_length = 512;
        let mut kind = 0;
        // SAFETY: the name is terminated, and each buffer is as long as its length says.
        let answer = check(unsafe {
            LookupAccountNameW(
                null(),
                name.as_ptr(),
                sid.as_mut_ptr().cast(),
                &raw mut sid_length,
                domain.as_mut_ptr(),
                &raw mut domain_length,
                &raw mut kind,
            )
        });
        match answer {
            Ok(()) => {}
            Err(error) if is(&error, ERROR_NONE_MAPPED) => return Ok(None),
            Err(error) => return Err(error),
        }
        domain.truncate(domain_length as usize);
        let mut bytes: Vec<u8> = sid.iter().flat_map(|word| word.to_ne_bytes()).collect();
        // Revision, count of sub-authorities, six bytes of authority, then four bytes each.
        bytes.truncate(8 + 4 * usize::from(bytes[1]));
        Ok(Some(AccountInformation {
            sid: bytes,
            domain: String::from_utf16_lossy(&domain),
            kind,
        }))
    }

    fn lookup_sid(&self, sid: &[u8]) -> io::Result<String> {
        // A SID is aligned to its 32-bit sub-authorities.
        let mut words: Vec<u32> = sid
            .chunks_exact(4)
            .map(|four| u32::from_ne_bytes([four[0], four[1], four[2], four[3]]))
            .collect();
        let (mut name, mut domain) = (vec![0_u16; 512], vec![0_u16; 512]);
        let (mut name_length, mut domain_length, mut kind) = (512, 512, 0);
        // SAFETY: no server means this computer; the SID is a whole one, and each buffer is as long as its length says.
        check(unsafe {
            LookupAccountSidW(
                null(),
                words.as_mut_ptr().cast(),
                name.as_mut_ptr(),
                &raw mut name_length,
                domain.as_mut_ptr(),
                &raw mut domain_length,
                &raw mut kind,
            )
        })?;
        name.truncate(name_length as usize);
        Ok(String::from_utf16_lossy(&name))
    }

    fn local_group_information(&self, name: &str) -> u32 {
        let name = wide(name);
        let mut buffer = null_mut();
        // SAFETY: no server means this computer, the name is terminated, and the result is a writable local.
        let status = unsafe { NetLocalGroupGetInfo(null(), name.as_ptr(), 1, &raw mut buffer) };
        if !buffer.is_null() {
            // SAFETY: the call above allocated the buffer, and nothing uses it.
            unsafe { NetApiBufferFree(buffer.cast()) };
        }
        status
    }

    fn user_add(&self, name: &str, password: &Secret, comment: &str, flags: u32) -> u32 {
        let (mut name, mut comment) = (wide(name), wide(comment));
        let mut password = wide_secret(password);
        let user = USER_INFO_1 {
            usri1_name: name.as_mut_ptr(),
            usri1_password: password.as_mut_ptr(),
            usri1_priv: USER_PRIV_USER,
            usri1_comment: comment.as_mut_ptr(),
            usri1_flags: flags,
            ..Default::default()
        };
        // SAFETY: no server means this computer; the structure is that of level 1, and its texts are terminated and
        // outlive the call; the index of a wrong parameter is not asked for.
        unsafe { NetUserAdd(null(), 1, (&raw const user).cast(), null_mut()) }
    }

    fn user_delete(&self, name: &str) -> u32 {
        let name = wide(name);
        // SAFETY: no server means this computer; the name is terminated.
        unsafe { NetUserDel(null(), name.as_ptr()) }
    }

    fn local_group_add_member(&self, group: &str, sid: &[u8]) -> u32 {
        let group = wide(group);
        // A SID is aligned to its 32-bit sub-authorities.
        let mut words: Vec<u32> = sid
            .chunks_exact(4)
            .map(|four| u32::from_ne_bytes([four[0], four[1], four[2], four[3]]))
            .collect();
        let member = LOCALGROUP_MEMBERS_INFO_0 {
            lgrmi0_sid: words.as_mut_ptr().cast(),
        };
        // SAFETY: the group's name is terminated; one structure of level 0 follows, and its SID outlives the call.
        unsafe { NetLocalGroupAddMembers(null(), group.as_ptr(), 0, (&raw const member).cast(), 1) }
    }

    fn random(&self, bytes: &mut [u8]) -> io::Result<()> {
        let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
        // SAFETY: the system's generator needs no algorithm handle; the buffer is writable and as long as said.
        let status = unsafe {
            BCryptGenRandom(
                null_mut(),
                bytes.as_mut_ptr(),
                length,
                BCRYPT_USE_SYSTEM_PREFERRED_RNG,
            )
        };
        if status >= 0 {
            Ok(())
        } else {
            Err(io::Error::other(format!("NTSTATUS {status:#010x}")))
        }
    }
}
