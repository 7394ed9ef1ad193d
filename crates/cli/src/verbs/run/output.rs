//! What is printed while pods run: their own output, whole lines at a time, and what happens to them.

use std::error::Error as _;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::{self, JoinHandle};

use porthole_runtime::engine::Output;
use porthole_runtime::life::{Event, Observer, PodPlan};
use porthole_runtime::pods::Registration;
use porthole_runtime::status::PodStatus;

use crate::arguments::Global;
use crate::note;

/// Longer lines are cut into pieces of this many bytes, so that a program without line breaks cannot fill the memory.
const LONGEST_LINE: u64 = 1 << 20;

/// The threads that print the output of containers, each line behind the container's name.
#[derive(Default)]
struct Printers(Mutex<Vec<JoinHandle<()>>>);

impl Printers {
    /// Prints a container's output until its end.
    fn follow(&self, output: Output, prefix: &str) {
        let (out, err) = (prefix.to_owned(), prefix.to_owned());
        let threads = [
            thread::spawn(move || print(output.stdout, &out, std::io::stdout)),
            thread::spawn(move || print(output.stderr, &err, std::io::stderr)),
        ];
        if let Ok(mut all) = self.0.lock() {
            // The system keeps the stack of one that has ended until nobody can ask for it: a container may be started again
            // for months.
            all.retain(|thread| !thread.is_finished());
            all.extend(threads);
        }
    }

    /// Waits until everything is printed.
    fn finish(self) {
        for thread in self.0.into_inner().unwrap_or_default() {
            let _ = thread.join();
        }
    }
}

/// One write per line: lines of several containers are never torn. When nobody listens any more the container's own
/// stream is closed, so that it learns of that as if it wrote there itself. Where a line cannot be written for another
/// reason, such as a full disk, that is said once, and the stream is read on so that the container does not block.
fn print<W: Write>(stream: impl Read, prefix: &str, to: impl Fn() -> W) {
    let mut stream = BufReader::new(stream);
    let mut line = prefix.as_bytes().to_vec();
    let mut lost = false;
    loop {
        line.truncate(prefix.len());
        match (&mut stream).take(LONGEST_LINE).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        if !line.ends_with(b"\n") {
            line.push(b'\n');
        }
        let mut to = to();
        match to.write_all(&line).and_then(|()| to.flush()) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return,
            Err(error) if !std::mem::replace(&mut lost, true) => {
                note(&format!(
                    "output is lost: write a line of {}: {error}",
                    prefix.trim_end()
                ));
            }
            Ok(()) | Err(_) => {}
        }
    }
}

/// Hears of one pod's life, prints its output and says what happens to it.
pub(super) struct Teller<'a> {
    pod: &'a PodPlan,
    /// Every line has its container's name in front, and a container that fails is named.
    several: bool,
    /// And the pod's.
    several_pods: bool,
    registration: &'a Registration,
    /// Others see the pod, or will at once.
    shown: AtomicBool,
    global: &'a Global,
    /// Hears how often containers were started again so far, all together.
    restarted: &'a (dyn Fn(u32) + Send + Sync),
    restarts: AtomicU32,
    printers: Printers,
}

impl<'a> Teller<'a> {
    pub(super) fn new(
        pod: &'a PodPlan,
        (several, several_pods): (bool, bool),
        registration: &'a Registration,
        global: &'a Global,
        restarted: &'a (dyn Fn(u32) + Send + Sync),
    ) -> Self {
        Self {
            pod,
            several,
            several_pods,
            registration,
            shown: AtomicBool::new(false),
            global,
            restarted,
            restarts: AtomicU32::new(0),
            printers: Printers::default(),
        }
    }

    /// Waits until everything is printed.
    pub(super) fn finish(self) {
        self.printers.finish();
    }
}

impl Observer for Teller<'_> {
    fn event(&self, mut event: Event<'_>) {
        if matches!(event, Event::Started { .. }) && !self.shown.swap(true, Ordering::Relaxed) {
            self.registration.show_beside(|error| {
                note(&format!("others do not see the pod: {error}"));
            });
        }
        if let Event::Started { plan, output, .. } = &mut event
            && let Some(output) = output.take()
        {
            let prefix = if self.several_pods {
                format!("[{}/{}] ", plan.pod.name, plan.container)
            } else {
                format!("[{}] ", plan.container)
            };
            self.printers.follow(output, &prefix);
        }
        say(&event, self.pod, self.several, self.global);
    }

    fn status(&self, status: &PodStatus) {
        // Others see the status before then; there is another one soon, or the pod's end.
        let _ = self.registration.status(status);
        let restarts = status.restarts();
        if self.restarts.swap(restarts, Ordering::Relaxed) != restarts {
            (self.restarted)(restarts);
        }
    }
}

/// Says what happens to a pod, as far as the user wants to know.
fn say(event: &Event<'_>, pod: &PodPlan, several: bool, global: &Global) {
    let name = &pod.identity.name;
    match event {
        Event::Started { plan, pid, .. } if global.verbose > 0 => {
            note(&format!("{name}/{} started (process {pid})", plan.container));
        }
        Event::Ended { plan, exit, .. }
            if global.verbose > 0 || (several && exit.code() != 0 && !global.quiet) =>
        {
            note(&format!(
                "{name}/{} ended with exit code {}",
                plan.container,
                exit.code()
            ));
        }
        Event::Stopping { grace } if !global.quiet => {
            note(&format!(
                "stopping {name}: its containers have {} s; Ctrl-C again kills them",
                grace.as_secs()
            ));
        }
        Event::Killing if !global.quiet => note(&format!("killing {name}")),
        Event::NotSignalled(error) => note(&format!("{error}: {}", error.source)),
        Event::NotStarted { error, .. } => {
            let cause = error
                .source()
                .map_or_else(String::new, |cause| format!(": {cause}"));
            note(&format!("{name}: {error}{cause}; it is tried again"));
        }
        Event::ProbeFailed { plan, probe, message } if !global.quiet => note(&format!(
            "{name}/{}: {} probe failed: {message}",
            plan.container,
            probe.name()
        )),
        Event::HookFailed { plan, hook, message } if !global.quiet => note(&format!(
            "{name}/{}: {hook} hook failed: {message}",
            plan.container
        )),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Writes(Arc<Mutex<Vec<String>>>);

    impl Write for Writes {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0
                .lock()
                .unwrap()
                .push(String::from_utf8_lossy(bytes).into_owned());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn prints_whole_lines_in_one_write_each() {
        let writes = Writes::default();
        print(&b"one\ntwo\r\n\nlast"[..], "[c] ", || writes.clone());
        assert_eq!(
            *writes.0.lock().unwrap(),
            ["[c] one\n", "[c] two\r\n", "[c] \n", "[c] last\n"]
        );
    }

    #[test]
    fn nothing_is_kept_of_printers_that_have_ended() {
        let printers = Printers::default();
        let follow = || {
            let empty = || tempfile::tempfile().unwrap();
            let (stdin, stdout, stderr) = (None, empty(), empty());
            let output = Output {
                stdin,
                stdout,
                stderr,
            };
            printers.follow(output, "");
        };
        follow();
        let since = std::time::Instant::now();
        while !printers.0.lock().unwrap().iter().all(JoinHandle::is_finished) {
            assert!(since.elapsed().as_secs() < 30, "both ends are read");
            thread::yield_now();
        }
        follow();
        assert_eq!(printers.0.lock().unwrap().len(), 2);
        printers.finish();
    }

    /// What nobody reads.
    struct Closed;

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn ends_with_its_listener() {
        // It would never return otherwise.
        print(std::io::repeat(b'\n'), "[c] ", || Closed);
    }

    /// What was written, as bytes.
    struct Bytes(Arc<Mutex<Vec<u8>>>);
    impl Write for Bytes {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn passes_bytes_on_that_are_no_text() {
        let bytes = Arc::default();
        print(&b"\xff\x00\xfe\n"[..], "[c] ", || Bytes(Arc::clone(&bytes)));
        assert_eq!(*bytes.lock().unwrap(), b"[c] \xff\x00\xfe\n");
    }

    #[test]
    fn cuts_endless_lines() {
        let writes = Writes::default();
        let long = vec![b'x'; usize::try_from(LONGEST_LINE).unwrap() + 1];
        print(&long[..], "", || writes.clone());
        let lengths: Vec<usize> = writes.0.lock().unwrap().iter().map(String::len).collect();
        assert_eq!(lengths, [long.len(), 2]);
    }
}
