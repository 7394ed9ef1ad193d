//! A terminal such as a user sits at: a program has it for its own, and the test sees and types.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Termios, Winsize, tcgetattr, tcsetwinsize};

use crate::room::LIMIT;

pub(crate) struct Screen {
    master: File,
    slave: File,
    /// What has been shown, without carriage returns.
    pub(crate) shown: String,
}

impl Screen {
    pub(crate) fn new(columns: u16, rows: u16) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY | rustix::fs::OFlags::CLOEXEC;
        let slave = rustix::fs::open(name.as_c_str(), flags, rustix::fs::Mode::empty()).unwrap();
        let screen = Self {
            master: master.into(),
            slave: slave.into(),
            shown: String::new(),
        };
        screen.resize(columns, rows);
        screen
    }

    pub(crate) fn resize(&self, columns: u16, rows: u16) {
        let size = Winsize {
            ws_row: rows,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&self.master, size).unwrap();
    }

    /// Starts a command with this for its controlling terminal.
    pub(crate) fn start(&self, command: &Command) -> Child {
        let mut session = Command::new("setsid");
        session
            .arg("--ctty")
            .arg(command.get_program())
            .args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => session.env(name, value),
                None => session.env_remove(name),
            };
        }
        session
            .stdin(self.slave.try_clone().unwrap())
            .stdout(self.slave.try_clone().unwrap())
            .stderr(self.slave.try_clone().unwrap())
            .spawn()
            .unwrap()
    }

    pub(crate) fn type_in(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).unwrap();
    }

    /// Reads until a text is shown behind what was waited for before; returns what was shown up to there.
    pub(crate) fn shows(&mut self, text: &str) -> String {
        let deadline = Instant::now() + LIMIT;
        loop {
            if let Some(at) = self.shown.find(text) {
                return self.shown.drain(..at + text.len()).collect();
            }
            assert!(
                Instant::now() < deadline && self.look(),
                "waited for {text:?}; shown so far:\n{}",
                self.shown
            );
        }
    }

    /// Waits for the program's end and returns its exit code, while everything that it shows is read.
    pub(crate) fn end(&mut self, mut child: Child) -> Option<i32> {
        let deadline = Instant::now() + LIMIT;
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                while self.look_for(Duration::ZERO) {}
                return status.code();
            }
            assert!(
                Instant::now() < deadline,
                "the program does not end; shown so far:\n{}",
                self.shown
            );
            self.look();
        }
    }

    /// How the terminal treats keys and text.
    pub(crate) fn modes(&self) -> String {
        let modes: Termios = tcgetattr(&self.slave).unwrap();
        format!(
            "{:?} {:?} {:?} {:?}",
            modes.input_modes, modes.output_modes, modes.control_modes, modes.local_modes
        )
    }

    fn look(&mut self) -> bool {
        self.look_for(Duration::from_millis(20));
        true
    }

    fn look_for(&mut self, time: Duration) -> bool {
        let mut waits = [PollFd::new(&self.master, PollFlags::IN)];
        let time = Timespec::try_from(time).unwrap();
        if poll(&mut waits, Some(&time)).unwrap() == 0 || !waits[0].revents().contains(PollFlags::IN) {
            return false;
        }
        let mut bytes = [0; 4096];
        let read = self.master.read(&mut bytes).unwrap_or(0);
        self.shown
            .push_str(&String::from_utf8_lossy(&bytes[..read]).replace('\r', ""));
        read > 0
    }
}
