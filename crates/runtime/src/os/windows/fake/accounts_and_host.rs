//! Accounts, files and facts of the recorded Windows.

use std::io;

use super::super::api::{
    AccountInformation, Accounts, FILE_FLAG_OPEN_REPARSE_POINT, FileKind, Handle, Host, Logon, Opened, Secret,
};
use super::{Call, Fake};

impl Fake {
    /// Every process comes from porthole's own logon.
    pub(in super::super) fn same_logon(&self) {
        self.memory().same_logon = true;
    }
}

impl Fake {
    /// What the computer is called: its whole name, and the one of its accounts.
    pub(in super::super) fn named(&self, whole: &str, short: &str) {
        self.memory().names = Some((whole.to_owned(), short.to_owned()));
    }

    /// The group of this SID is called so, and no other has a name.
    pub(in super::super) fn alias(&self, sid: &[u8], name: &str) {
        self.memory().aliases.insert(sid.to_vec(), name.to_owned());
    }

    /// Where a path leads over the links in it; the last name itself, if that is asked for.
    fn final_path(&self, path: &str, itself: bool) -> io::Result<String> {
        let memory = self.memory();
        let mut path = path.to_owned();
        for _ in 0..63 {
            let ends = path.match_indices('\\').map(|(at, _)| at);
            let last = (!itself).then_some(path.len());
            let link = ends.chain(last).find_map(|end| {
                let target = memory.targets.get(&path[..end].to_ascii_lowercase())?;
                Some((end, target.clone()))
            });
            let Some((end, target)) = link else {
                return Ok(path);
            };
            path = format!("{target}{}", &path[end..]);
        }
        Err(io::Error::from_raw_os_error(1921))
    }
}

impl Accounts for Fake {
    fn wine_version(&self) -> Option<String> {
        self.memory().wine.clone()
    }

    fn open_own_token(&self, _: u32) -> io::Result<Handle> {
        Ok(self.open())
    }

    fn open_process_token(&self, process: &Handle, access: u32) -> io::Result<Handle> {
        let id = self.memory().processes[&process.raw()];
        self.call(Call::OpenProcessToken { id, access })?;
        let token = self.open();
        self.memory().logons.insert(token.raw(), u64::from(id));
        Ok(token)
    }

    fn token_logon(&self, token: &Handle) -> io::Result<u64> {
        let memory = self.memory();
        Ok(if memory.same_logon {
            0
        } else {
            memory.logons.get(&token.raw()).copied().unwrap_or(0)
        })
    }

    fn token_user(&self, token: &Handle) -> io::Result<Vec<u8>> {
        assert!(self.is_open(token.raw()));
        // Porthole's own tokens are the system's.
        let system = vec![1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0];
        Ok(self.memory().users.get(&token.raw()).cloned().unwrap_or(system))
    }

    fn environment_block(&self, token: &Handle) -> io::Result<Vec<(String, String)>> {
        assert!(self.is_open(token.raw()));
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        Ok(vec![
            pair("Path", r"C:\Windows\system32"),
            pair("SystemRoot", r"C:\Windows"),
        ])
    }

    fn logon_user(&self, logon: &Logon) -> io::Result<Handle> {
        self.call(Call::Logon {
            name: logon.name.clone(),
            domain: logon.domain.clone(),
            has_password: logon.password.is_some(),
            kind: logon.kind,
        })?;
        let token = self.open();
        let sid = match logon.name.as_str() {
            "SYSTEM" => vec![1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0],
            "LOCAL SERVICE" => vec![1, 1, 0, 0, 0, 0, 0, 5, 19, 0, 0, 0],
            "NETWORK SERVICE" => vec![1, 1, 0, 0, 0, 0, 0, 5, 20, 0, 0, 0],
            // S-1-5-1001, which is short.
            _ => vec![1, 1, 0, 0, 0, 0, 0, 5, 0xE9, 3, 0, 0],
        };
        self.memory().users.insert(token.raw(), sid);
        Ok(token)
    }

    fn lookup_account(&self, name: &str) -> io::Result<Option<AccountInformation>> {
        Ok(self.memory().accounts.get(&name.to_ascii_lowercase()).cloned())
    }

    fn lookup_sid(&self, sid: &[u8]) -> io::Result<String> {
        let memory = self.memory();
        if let Some(name) = memory.aliases.get(sid) {
            return Ok(name.clone());
        }
        match (memory.aliases.is_empty(), sid.get(12)) {
            (true, Some(0x20)) => Ok("Administrators".to_owned()),
            (true, Some(0x21)) => Ok("Users".to_owned()),
            _ => Err(io::Error::from_raw_os_error(1332)),
        }
    }

    fn local_group_information(&self, name: &str) -> u32 {
        let status = self.status(Call::GroupInformation(name.to_owned()));
        if status != 0 {
            return status;
        }
        if self.memory().groups.contains(&name.to_ascii_lowercase()) {
            0
        } else {
            2220
        }
    }

    fn user_add(&self, name: &str, password: &Secret, _: &str, flags: u32) -> u32 {
        assert!(
            password.0.len() >= 30,
            "a password of {} characters",
            password.0.len()
        );
        self.status(Call::UserAdd {
            name: name.to_owned(),
            flags,
        })
    }

    fn user_delete(&self, name: &str) -> u32 {
        self.status(Call::UserDelete(name.to_owned()))
    }

    fn local_group_add_member(&self, group: &str, sid: &[u8]) -> u32 {
        self.status(Call::AddMember {
            group: group.to_owned(),
            sid: sid.to_vec(),
        })
    }

    fn random(&self, bytes: &mut [u8]) -> io::Result<()> {
        for (byte, index) in bytes.iter_mut().zip(0_u8..) {
            *byte = index.wrapping_mul(37).wrapping_add(11);
        }
        Ok(())
    }
}

impl Host for Fake {
    fn host_name(&self) -> io::Result<String> {
        let names = self.memory().names.clone();
        Ok(names.map_or_else(|| "HOST".to_owned(), |(whole, _)| whole))
    }

    fn computer_name(&self) -> io::Result<String> {
        let names = self.memory().names.clone();
        Ok(names.map_or_else(|| "HOST".to_owned(), |(_, short)| short))
    }

    fn processor_groups(&self) -> Vec<u32> {
        vec![4]
    }

    fn build(&self) -> u32 {
        20_348
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.memory().variables.get(name).cloned()
    }

    fn is_file(&self, path: &str) -> bool {
        self.memory().files.contains(&path.to_ascii_lowercase())
    }

    fn is_directory(&self, path: &str) -> bool {
        self.memory().directories.contains(&path.to_ascii_lowercase())
    }

    fn is_link(&self, path: &str) -> bool {
        self.memory().links.contains(&path.to_ascii_lowercase())
    }

    fn create_private_directory(&self, path: &str, sddl: &str) -> io::Result<()> {
        self.call(Call::CreatePrivateDirectory {
            path: path.to_owned(),
            sddl: sddl.to_owned(),
        })?;
        self.security(path, &format!("O:BA{sddl}"));
        self.directory(path);
        Ok(())
    }

    fn security_of(&self, path: &str) -> io::Result<String> {
        let security = self.memory().security.get(&path.to_ascii_lowercase()).cloned();
        Ok(security.unwrap_or_else(|| "O:SYD:P(A;OICI;FA;;;SY)".to_owned()))
    }

    fn open_file(&self, path: &str, access: u32, share: u32, flags: u32) -> io::Result<Opened> {
        self.call(Call::OpenFile {
            path: path.to_owned(),
            access,
            share,
            flags,
        })?;
        let mut memory = self.memory();
        let number = memory.opens;
        memory.opens += 1;
        let due = memory.link_at_open.take_if(|(due, ..)| *due == number);
        drop(memory);
        if let Some((_, link, target)) = due {
            self.link_to(&link, &target);
        }
        let itself = flags & FILE_FLAG_OPEN_REPARSE_POINT != 0;
        let path = match path.strip_suffix('\\') {
            Some(directory) if !directory.ends_with(':') => directory,
            _ => path,
        };
        let path = self.final_path(path, itself)?;
        let kind = if self.is_link(&path) {
            FileKind::Link
        } else if self.is_directory(&path) {
            FileKind::Directory
        } else if self.is_file(&path) {
            FileKind::File
        } else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let handle = self.open();
        self.memory().opened.insert(handle.raw(), path.clone());
        Ok(Opened { handle, kind, path })
    }

    fn grant(&self, file: &Handle, sid: &[u8], access: u32) -> io::Result<()> {
        assert!(self.is_open(file.raw()));
        let path = self.memory().opened[&file.raw()].clone();
        self.call(Call::Grant {
            path,
            sid: sid.to_vec(),
            access,
        })
    }

    fn create_directory(&self, path: &str) -> io::Result<()> {
        self.call(Call::CreateDirectory(path.to_owned()))?;
        if self.is_directory(path) || self.is_link(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.directory(path);
        Ok(())
    }

    fn remove_directory(&self, path: &str) -> io::Result<()> {
        self.call(Call::RemoveDirectory(path.to_owned()))?;
        self.memory().directories.remove(&path.to_ascii_lowercase());
        Ok(())
    }

    fn remove_tree(&self, path: &str) -> io::Result<()> {
        self.call(Call::RemoveTree(path.to_owned()))?;
        let path = path.to_ascii_lowercase();
        let mut memory = self.memory();
        memory.directories.retain(|other| !other.starts_with(&path));
        memory.files.retain(|other| !other.starts_with(&path));
        Ok(())
    }

    fn copy_tree(&self, from: &str, to: &str) -> io::Result<()> {
        self.call(Call::CopyTree {
            from: from.to_owned(),
            to: to.to_owned(),
        })
    }

    fn create_symbolic_link(&self, link: &str, target: &str, flags: u32) -> io::Result<()> {
        self.call(Call::SymbolicLink {
            link: link.to_owned(),
            target: target.to_owned(),
            flags,
        })
    }
}
