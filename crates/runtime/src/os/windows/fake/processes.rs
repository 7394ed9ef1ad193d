//! Processes of the recorded Windows.

use std::io::{self, Seek as _, Write as _};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::super::api::{Handle, MemoryCounters, Process, ProcessSpec, Processes};
use super::{Call, Fake};

impl Fake {
    /// Every process has so many bytes of its own in memory.
    pub(in super::super) fn private_working_set(&self, bytes: usize) {
        self.memory().private_working_set = Some(bytes);
    }

    /// This process is in no job of ours.
    pub(in super::super) fn outside(&self, id: u32) {
        self.memory().outside.insert(id);
    }

    /// This process has ended.
    pub(in super::super) fn ended(&self, id: u32) {
        self.memory().ended.insert(id);
    }
}

struct Shown(Arc<Mutex<Vec<u8>>>);

impl io::Write for Shown {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Processes for Fake {
    fn create_process(&self, spec: &ProcessSpec) -> io::Result<Process> {
        for raw in spec.stdio.iter().chain(&spec.token).filter(|raw| **raw != 0) {
            assert!(self.is_open(*raw), "handle {raw} is closed");
        }
        self.call(Call::CreateProcess(spec.clone()))?;
        let handle = self.open();
        self.memory().processes.insert(handle.raw(), 4711);
        Ok(Process { handle, id: 4711 })
    }

    fn wait(&self, process: &Handle, limit: Option<Duration>) -> io::Result<bool> {
        // A process runs when it is looked at, and ends when it is waited for.
        let memory = self.memory();
        let id = memory.processes.get(&process.raw()).copied().unwrap_or_default();
        Ok(limit != Some(Duration::ZERO) || memory.ended.contains(&id))
    }

    fn exit_code(&self, _: &Handle) -> io::Result<u32> {
        Ok(self.memory().exit_code)
    }

    fn open_process(&self, access: u32, id: u32) -> io::Result<Option<Handle>> {
        self.call(Call::OpenProcess { access, id })?;
        let handle = self.open();
        self.memory().processes.insert(handle.raw(), id);
        Ok(Some(handle))
    }

    fn is_process_in_job(&self, process: &Handle, _: &Handle) -> io::Result<bool> {
        let memory = self.memory();
        Ok(!memory.outside.contains(&memory.processes[&process.raw()]))
    }

    fn memory_counters(&self, _: &Handle) -> io::Result<MemoryCounters> {
        let set = self.memory().private_working_set;
        set.map(|private_working_set| MemoryCounters {
            private_working_set,
            ..MemoryCounters::default()
        })
        .ok_or_else(|| io::Error::other("NTSTATUS 0xc0000004"))
    }

    fn create_pseudo_console(
        &self,
        columns: i16,
        rows: i16,
        input: &Handle,
        output: &Handle,
    ) -> io::Result<Handle> {
        self.call(Call::PseudoConsole {
            columns,
            rows,
            input: input.raw(),
            output: output.raw(),
        })?;
        Ok(self.open())
    }

    fn resize_pseudo_console(&self, console: &Handle, columns: i16, rows: i16) -> io::Result<()> {
        assert!(self.is_open(console.raw()));
        self.call(Call::Resize {
            console: console.raw(),
            columns,
            rows,
        })
    }

    fn own_input(&self) -> Box<dyn io::Read + Send> {
        Box::new(io::Cursor::new(b"typed".to_vec()))
    }

    fn is_wow64(&self, process: &Handle) -> io::Result<bool> {
        Ok(self.image_name(process)?.contains("(x86)"))
    }

    fn image_name(&self, process: &Handle) -> io::Result<String> {
        let memory = self.memory();
        let id = memory.processes[&process.raw()];
        let found = memory.members.iter().find(|(member, _)| *member == id);
        found
            .map(|(_, name)| name.clone())
            .ok_or_else(|| io::Error::from_raw_os_error(31))
    }

    fn ctrl_routine(&self) -> io::Result<usize> {
        Ok(super::CTRL_ROUTINE)
    }

    fn create_remote_thread(&self, process: &Handle, start: usize, argument: u32) -> io::Result<()> {
        let process = self.memory().processes[&process.raw()];
        let failed = self.call(Call::RemoteThread {
            process,
            start,
            argument,
        });
        failed.map_err(|error| io::Error::new(io::ErrorKind::PermissionDenied, error))
    }

    fn create_pipe(&self) -> io::Result<(Handle, Handle)> {
        self.call(Call::CreatePipe)?;
        Ok((self.open(), self.open()))
    }

    fn make_inheritable(&self, handle: &Handle) -> io::Result<()> {
        self.call(Call::Inheritable(handle.raw()))
    }

    fn standard_handle(&self, _: u32) -> io::Result<Option<Handle>> {
        Ok(Some(self.open()))
    }

    fn is_console(&self, _: u32) -> bool {
        self.memory().console
    }

    fn own_stream(&self, _: u32) -> Box<dyn io::Write + Send> {
        Box::new(Shown(self.memory().shown.clone()))
    }

    fn open_nul(&self) -> io::Result<Handle> {
        Ok(self.open())
    }

    fn adopt(&self, raw: usize) -> Handle {
        self.memory().open.insert(raw);
        Handle::new(raw, self.this.upgrade().unwrap())
    }

    fn file_of(&self, handle: Handle) -> std::fs::File {
        let raw = handle.raw();
        let mut file = tempfile::tempfile().unwrap();
        let mut memory = self.memory();
        let content = memory.contents.pop_front().unwrap_or_default();
        file.write_all(content.as_bytes()).unwrap();
        file.rewind().unwrap();
        memory.files_of.insert(raw, file.try_clone().unwrap());
        memory.open.remove(&raw);
        handle.into_raw();
        file
    }
}
