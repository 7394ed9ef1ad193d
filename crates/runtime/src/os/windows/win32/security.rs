//! Security descriptors of directories and pipes.

use std::ffi::c_void;
use std::fs;
use std::io;
use std::ptr::{null, null_mut};

use windows_sys::Win32::Foundation::{ERROR_SUCCESS, LocalFree};
use windows_sys::Win32::Security::Authorization::{
    ConvertSecurityDescriptorToStringSecurityDescriptorW,
    ConvertStringSecurityDescriptorToSecurityDescriptorW, EXPLICIT_ACCESS_W, GRANT_ACCESS,
    GetNamedSecurityInfoW, GetSecurityInfo, NO_MULTIPLE_TRUSTEE, SDDL_REVISION_1, SE_FILE_OBJECT,
    SE_KERNEL_OBJECT, SetEntriesInAclW, SetSecurityInfo, TRUSTEE_IS_SID, TRUSTEE_IS_UNKNOWN, TRUSTEE_W,
};
use windows_sys::Win32::Security::{
    ACL, DACL_SECURITY_INFORMATION, GetLengthSid, GetTokenInformation, OWNER_SECURITY_INFORMATION,
    SECURITY_ATTRIBUTES, SUB_CONTAINERS_AND_OBJECTS_INHERIT, TOKEN_USER, TokenUser,
};
use windows_sys::Win32::Storage::FileSystem::CreateDirectoryW;

use super::super::api::Handle;
use super::{check, lend, size_of_u32, wide, wide_path};

/// What a call allocated with `LocalAlloc`.
struct Local(*mut c_void);

impl Drop for Local {
    fn drop(&mut self) {
        // SAFETY: a call allocated this for us alone, and it is freed once; null is ignored.
        unsafe { LocalFree(self.0) };
    }
}

fn status(status: u32) -> io::Result<()> {
    if status == ERROR_SUCCESS {
        Ok(())
    } else {
        Err(io::Error::from_raw_os_error(status.cast_signed()))
    }
}

/// Calls with security attributes that have this descriptor; what they make is not inheritable.
pub(super) fn with_attributes<T>(
    sddl: &str,
    call: impl FnOnce(&SECURITY_ATTRIBUTES) -> io::Result<T>,
) -> io::Result<T> {
    let sddl = wide(sddl);
    let mut descriptor = null_mut();
    // SAFETY: the text is terminated, the result a writable local, and the length is not asked for.
    check(unsafe {
        ConvertStringSecurityDescriptorToSecurityDescriptorW(
            sddl.as_ptr(),
            SDDL_REVISION_1,
            &raw mut descriptor,
            null_mut(),
        )
    })?;
    let descriptor = Local(descriptor);
    let attributes = SECURITY_ATTRIBUTES {
        nLength: size_of_u32::<SECURITY_ATTRIBUTES>(),
        lpSecurityDescriptor: descriptor.0,
        bInheritHandle: 0,
    };
    call(&attributes)
}

pub(super) fn create_directory(path: &str, sddl: &str) -> io::Result<()> {
    let path = wide_path(path);
    with_attributes(sddl, |attributes| {
        // SAFETY: the path is terminated, and the attributes point at a descriptor that outlives the call.
        check(unsafe { CreateDirectoryW(path.as_ptr(), attributes) })
    })
}

/// Who owns what a handle is of.
pub(super) fn owner(handle: &Handle) -> io::Result<Vec<u8>> {
    let (mut owner, mut descriptor) = (null_mut(), null_mut());
    // SAFETY: the handle is open; owner and descriptor are writable locals, and the owner lies in the descriptor; the
    // other parts are not asked for.
    status(unsafe {
        GetSecurityInfo(
            lend(handle),
            SE_KERNEL_OBJECT,
            OWNER_SECURITY_INFORMATION,
            &raw mut owner,
            null_mut(),
            null_mut(),
            null_mut(),
            &raw mut descriptor,
        )
    })?;
    let _descriptor = Local(descriptor);
    if owner.is_null() {
        return Err(io::ErrorKind::NotFound.into());
    }
    // SAFETY: the SID is a valid one, in the descriptor.
    let length = unsafe { GetLengthSid(owner) };
    // SAFETY: the SID has as many bytes, and the descriptor lives until the end of this function.
    Ok(unsafe { std::slice::from_raw_parts(owner.cast::<u8>(), length as usize) }.to_vec())
}

pub(super) fn of(path: &str) -> io::Result<String> {
    // The call below follows links, and would tell of what a link leads to.
    if fs::symlink_metadata(path)?.file_type().is_symlink() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is a link, and who made it could lead it elsewhere",
        ));
    }
    let name = wide_path(path);
    let mut descriptor = null_mut();
    let asked = OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION;
    // SAFETY: the name is terminated; the parts are not asked for one by one, the whole goes into a writable local.
    status(unsafe {
        GetNamedSecurityInfoW(
            name.as_ptr(),
            SE_FILE_OBJECT,
            asked,
            null_mut(),
            null_mut(),
            null_mut(),
            null_mut(),
            &raw mut descriptor,
        )
    })?;
    let descriptor = Local(descriptor);
    let mut text = null_mut();
    // SAFETY: the descriptor came from the call above; the result is a writable local.
    check(unsafe {
        ConvertSecurityDescriptorToStringSecurityDescriptorW(
            descriptor.0,
            SDDL_REVISION_1,
            asked,
            &raw mut text,
            null_mut(),
        )
    })?;
    let _text = Local(text.cast());
    let mut length = 0;
    // SAFETY: the text is terminated, and reading stops there.
    while unsafe { *text.add(length) } != 0 {
        length += 1;
    }
    // SAFETY: as many characters were just read.
    let text = unsafe { std::slice::from_raw_parts(text, length) };
    Ok(String::from_utf16_lossy(text))
}

pub(super) fn grant(file: &Handle, sid: &[u8], access: u32) -> io::Result<()> {
    let (mut list, mut descriptor): (*mut ACL, _) = (null_mut(), null_mut());
    // SAFETY: the handle is open; list and descriptor are writable locals, and the list lies in the descriptor.
    status(unsafe {
        GetSecurityInfo(
            lend(file),
            SE_FILE_OBJECT,
            DACL_SECURITY_INFORMATION,
            null_mut(),
            null_mut(),
            &raw mut list,
            null_mut(),
            &raw mut descriptor,
        )
    })?;
    let _descriptor = Local(descriptor);
    // A SID is aligned to its 32-bit sub-authorities.
    let mut words: Vec<u32> = sid
        .chunks_exact(4)
        .map(|four| u32::from_ne_bytes([four[0], four[1], four[2], four[3]]))
        .collect();
    let entry = EXPLICIT_ACCESS_W {
        grfAccessPermissions: access,
        grfAccessMode: GRANT_ACCESS,
        grfInheritance: SUB_CONTAINERS_AND_OBJECTS_INHERIT,
        Trustee: TRUSTEE_W {
            pMultipleTrustee: null_mut(),
            MultipleTrusteeOperation: NO_MULTIPLE_TRUSTEE,
            TrusteeForm: TRUSTEE_IS_SID,
            TrusteeType: TRUSTEE_IS_UNKNOWN,
            ptstrName: words.as_mut_ptr().cast(),
        },
    };
    let mut longer = null_mut();
    // SAFETY: one entry, whose SID outlives the call; the old list is that of the descriptor; the result is a writable
    // local.
    status(unsafe { SetEntriesInAclW(1, &raw const entry, list, &raw mut longer) })?;
    let longer = Local(longer.cast());
    // SAFETY: the handle is open, and the list was just made; the other parts are not set.
    status(unsafe {
        SetSecurityInfo(
            lend(file),
            SE_FILE_OBJECT,
            DACL_SECURITY_INFORMATION,
            null_mut(),
            null_mut(),
            longer.0.cast(),
            null(),
        )
    })
}

pub(super) fn token_user(token: &Handle) -> io::Result<Vec<u8>> {
    // A TOKEN_USER and a SID of at most 68 bytes; the words keep it aligned.
    let mut buffer = [0_usize; 32];
    let mut length = 0;
    // SAFETY: the token is open, and the buffer as long as said.
    check(unsafe {
        GetTokenInformation(
            lend(token),
            TokenUser,
            buffer.as_mut_ptr().cast(),
            size_of_u32::<[usize; 32]>(),
            &raw mut length,
        )
    })?;
    // SAFETY: the call filled the buffer with a TOKEN_USER, for which the buffer is aligned.
    let sid = unsafe { (*buffer.as_ptr().cast::<TOKEN_USER>()).User.Sid };
    // SAFETY: the SID is a valid one, in the buffer.
    let length = unsafe { GetLengthSid(sid) };
    // SAFETY: the SID has as many bytes, all of them in the buffer.
    Ok(unsafe { std::slice::from_raw_parts(sid.cast::<u8>(), length as usize) }.to_vec())
}
