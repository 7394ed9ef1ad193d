//! Files, links and facts of the host.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::windows::fs::OpenOptionsExt as _;
use std::os::windows::io::IntoRawHandle as _;
use std::path::Path;
use std::sync::Arc;

use windows_sys::Wdk::System::SystemServices::RtlGetVersion;
use windows_sys::Win32::Storage::FileSystem::{
    CreateSymbolicLinkW, GetFinalPathNameByHandleW, VOLUME_NAME_DOS,
};
use windows_sys::Win32::System::SystemInformation::{
    COMPUTER_NAME_FORMAT, ComputerNameDnsHostname, ComputerNameNetBIOS, GetComputerNameExW, OSVERSIONINFOW,
};
use windows_sys::Win32::System::Threading::{GetActiveProcessorCount, GetActiveProcessorGroupCount};

use super::super::api::{FileKind, Handle, Host, Opened};
use super::super::rootfs;
use super::{Win32, check, lend, security, size_of_u32, wide, wide_path};

impl Host for Win32 {
    fn host_name(&self) -> io::Result<String> {
        computer_name(ComputerNameDnsHostname)
    }

    fn computer_name(&self) -> io::Result<String> {
        computer_name(ComputerNameNetBIOS)
    }

    fn processor_groups(&self) -> Vec<u32> {
        // SAFETY: takes no pointers.
        let groups = unsafe { GetActiveProcessorGroupCount() };
        (0..groups)
            // SAFETY: takes no pointers.
            .map(|group| unsafe { GetActiveProcessorCount(group) })
            .collect()
    }

    fn build(&self) -> u32 {
        let mut version = OSVERSIONINFOW {
            dwOSVersionInfoSize: size_of_u32::<OSVERSIONINFOW>(),
            ..Default::default()
        };
        // SAFETY: the structure is writable and says its own length. The call never fails.
        unsafe { RtlGetVersion(&raw mut version) };
        version.dwBuildNumber
    }

    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn is_file(&self, path: &str) -> bool {
        Path::new(path).is_file()
    }

    fn is_directory(&self, path: &str) -> bool {
        Path::new(path).is_dir()
    }

    fn is_link(&self, path: &str) -> bool {
        fs::symlink_metadata(path).is_ok_and(|metadata| metadata.file_type().is_symlink())
    }

    fn create_private_directory(&self, path: &str, sddl: &str) -> io::Result<()> {
        security::create_directory(path, sddl)
    }

    fn security_of(&self, path: &str) -> io::Result<String> {
        security::of(path)
    }

    fn open_file(&self, path: &str, access: u32, share: u32, flags: u32) -> io::Result<Opened> {
        let file = OpenOptions::new()
            .access_mode(access)
            .share_mode(share)
            .custom_flags(flags)
            .open(path)?;
        let kind = file.metadata()?.file_type();
        let kind = if kind.is_symlink() {
            FileKind::Link
        } else if kind.is_dir() {
            FileKind::Directory
        } else {
            FileKind::File
        };
        let handle = Handle::new(file.into_raw_handle() as usize, Arc::new(Win32));
        let path = final_path(&handle)?;
        Ok(Opened { handle, kind, path })
    }

    fn grant(&self, file: &Handle, sid: &[u8], access: u32) -> io::Result<()> {
        security::grant(file, sid, access)
    }

    fn create_directory(&self, path: &str) -> io::Result<()> {
        fs::create_dir(path)
    }

    fn remove_directory(&self, path: &str) -> io::Result<()> {
        fs::remove_dir(path)
    }

    fn remove_tree(&self, path: &str) -> io::Result<()> {
        rootfs::remove(Path::new(path))
    }

    fn copy_tree(&self, from: &str, to: &str) -> io::Result<()> {
        rootfs::copy(Path::new(from), Path::new(to))
    }

    fn create_symbolic_link(&self, link: &str, target: &str, flags: u32) -> io::Result<()> {
        let (wide_link, wide_target) = (wide_path(link), wide(target));
        // SAFETY: both texts are terminated.
        let made = unsafe { CreateSymbolicLinkW(wide_link.as_ptr(), wide_target.as_ptr(), flags) };
        if !made {
            return Err(io::Error::last_os_error());
        }
        match fs::symlink_metadata(link) {
            Ok(metadata) if metadata.file_type().is_symlink() => Ok(()),
            _ => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "the system reported success and made no link",
            )),
        }
    }
}

fn computer_name(kind: COMPUTER_NAME_FORMAT) -> io::Result<String> {
    // A DNS label has at most 63 characters.
    let mut name = vec![0_u16; 256];
    let mut length = 256;
    // SAFETY: the buffer has as many characters as said.
    check(unsafe { GetComputerNameExW(kind, name.as_mut_ptr(), &raw mut length) })?;
    name.truncate(length as usize);
    Ok(String::from_utf16_lossy(&name))
}

/// Where an open file or directory lies, with a drive or a share in front.
fn final_path(file: &Handle) -> io::Result<String> {
    let mut room = 512;
    loop {
        let mut text = vec![0_u16; room];
        let length = u32::try_from(room).map_err(io::Error::other)?;
        // SAFETY: the handle is open, and the buffer has as many characters as said.
        let needed =
            unsafe { GetFinalPathNameByHandleW(lend(file), text.as_mut_ptr(), length, VOLUME_NAME_DOS) };
        let needed = needed as usize;
        if needed == 0 {
            return Err(io::Error::last_os_error());
        }
        // With room for it all, the terminator is not counted.
        if needed < room {
            let text = String::from_utf16(&text[..needed]).map_err(io::Error::other)?;
            return Ok(match text.strip_prefix(r"\\?\UNC\") {
                Some(share) => format!(r"\\{share}"),
                None => text.strip_prefix(r"\\?\").unwrap_or(&text).to_owned(),
            });
        }
        room = needed + 1;
    }
}
