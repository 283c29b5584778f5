//! One running process: lines in, lines out, and its end.
//!
//! Everything here happens on the thread of the caller: it waits for both pipes at once, so that a plugin that
//! does not read cannot block a large request, and looks at the cancel flag now and then. Only standard
//! error has a thread of its own, since it must be read between calls too.

use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nexus_plugin_api::message::MAX_MESSAGE;
use nexus_plugin_api::message::line::{CancelLine, LogEntry};
use nexus_plugin_api::{Call, PROTOCOL_VERSION};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::Launch;
use super::ending::{Broken, Cause, Exit};
use super::lines::{self, Line, Logged, Unusable};
use super::words::{self, LastWords};
use crate::plugins::groups::{Entry, TOKEN_VARIABLE};

/// The variable that tells a program which protocol it is spoken to in.
const PROTOCOL_VARIABLE: &str = "NEXUS_PLUGIN_PROTOCOL";
/// Between two looks at the cancel flag.
const TICK: Duration = Duration::from_millis(20);
/// How long a process that closed its output may take to end, so that its exit code is known.
const LAST_MOMENT: Duration = Duration::from_millis(300);
/// How long a killed process may take to disappear before its burial is left to a thread of its own.
const BURIAL: Duration = Duration::from_millis(500);
/// How long those that a process had started may take to notice that it has ended.
const AFTERMATH: Duration = Duration::from_millis(200);
/// Bytes read at once: what a pipe holds.
const CHUNK: usize = 64 << 10;

/// A process of a plugin, and the pipes to it. Dropping it ends it and all its descendants.
pub(super) struct Process {
    child: Child,
    pid: Pid,
    stdin: Option<ChildStdin>,
    stdout: ChildStdout,
    /// What came and is not a whole line yet.
    seen: Vec<u8>,
    /// So much of it holds no line end.
    searched: usize,
    last: Arc<LastWords>,
    exit: Option<Exit>,
    entry: Option<Entry>,
    /// Whether the next request can follow: nothing of the last one is left to be written.
    in_step: bool,
    pub configured: bool,
}

/// Whether standard output may say more.
#[derive(PartialEq, Eq)]
enum Output {
    Open,
    Closed,
}

/// What a wait for the pipes ended with.
enum Moved {
    /// Its time was over.
    Nothing,
    /// There is room to write.
    Input,
    /// There may be something to read.
    Output,
}

/// How a process is found that nobody uses.
pub(super) enum Readiness {
    /// It waits for a request.
    Ready,
    /// It ended, or closed its output.
    Gone,
    /// It wrote this line, to nobody's request.
    Said(Vec<u8>),
    /// It answered, and has not yet read all of what it answered.
    Hasty,
}

impl Process {
    /// Starts a process, in a group of its own.
    pub fn start(launch: &Launch) -> io::Result<Self> {
        let mut entry = launch.groups.register(&launch.name).map_err(|error| {
            io::Error::new(error.kind(), format!("its process cannot be noted in the data folder: {error}"))
        })?;
        let mut command = Command::new(&launch.program);
        command
            .args(&launch.arguments)
            .current_dir(&launch.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        for variable in &launch.without {
            command.env_remove(variable);
        }
        command.env(PROTOCOL_VARIABLE, PROTOCOL_VERSION).env(TOKEN_VARIABLE, entry.token());
        let mut child = command.spawn()?;
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(pid), Some(stdin), Some(stdout), Some(stderr)) = (pid, stdin, stdout, stderr) else {
            let _ = child.kill().and_then(|()| child.wait());
            return Err(io::Error::other("it was started without pipes"));
        };
        entry.started(pid);
        let name = format!("plugin {}", launch.name);
        let listened = words::listen(&name, stderr, Arc::clone(&launch.log), launch.redactor.clone());
        let (last, failed) = match listened {
            Ok(last) => (last, None),
            Err(error) => (Arc::default(), Some(error)),
        };
        let process = Self {
            child,
            pid,
            stdin: Some(stdin),
            stdout,
            seen: Vec::new(),
            searched: 0,
            last,
            exit: None,
            entry: Some(entry),
            in_step: true,
            configured: false,
        };
        match failed {
            Some(error) => Err(error),
            None => process.unblocked(),
        }
    }

    fn unblocked(self) -> io::Result<Self> {
        if let Some(stdin) = &self.stdin {
            fcntl_setfl(stdin, fcntl_getfl(stdin)? | OFlags::NONBLOCK)?;
        }
        fcntl_setfl(&self.stdout, fcntl_getfl(&self.stdout)? | OFlags::NONBLOCK)?;
        Ok(self)
    }

    /// Puts one line to it and waits for the reply to `id`. `patience` is for a call that it was asked to end.
    pub fn exchange(
        &mut self,
        mut line: Vec<u8>,
        id: Option<u64>,
        call: &Call,
        patience: Duration,
        log: &dyn Fn(&LogEntry),
    ) -> Result<Vec<u8>, Broken> {
        line.push(b'\n');
        let begun = Instant::now();
        let mut written = 0;
        let mut logged = Logged::default();
        // When it was asked to end the call.
        let mut ending: Option<Instant> = None;
        let mut ended = false;
        self.in_step = false;
        self.last.begin();
        loop {
            let broken = |cause| Broken { sent: written > 0, cause };
            let output = self.receive().map_err(|error| broken(Cause::Pipe(error)))?;
            while let Some(text) = self.next_line() {
                match lines::read(&text, id) {
                    Line::Log(entry) if logged.count(&text) => log(&entry),
                    Line::Log(_) => return Err(broken(Cause::Unusable(Unusable::TooMuchLog))),
                    Line::Reply => {
                        self.in_step = written == line.len() && self.stdin.is_some();
                        return Ok(text);
                    }
                    Line::Unusable(unusable) => return Err(broken(Cause::Unusable(unusable))),
                }
            }
            if self.seen.len() > MAX_MESSAGE {
                return Err(broken(Cause::Unusable(Unusable::TooLong)));
            }
            if output == Output::Closed || ended {
                return Err(broken(Cause::Ended));
            }
            match ending {
                None if call.should_stop() => {
                    ending = Some(Instant::now());
                    if let Some(id) = id
                        && let Ok(cancel) = serde_json::to_vec(&CancelLine { cancel: id })
                    {
                        line.extend_from_slice(&cancel);
                        line.push(b'\n');
                    }
                }
                Some(since) if since.elapsed() >= patience => {
                    let overdue = Cause::Overdue { after: begun.elapsed() };
                    return Err(broken(if self.stdin.is_none() { Cause::Deaf } else { overdue }));
                }
                _ => {}
            }
            let left = line.get(written..).unwrap_or_default();
            let moved = self.wait(
                !left.is_empty(),
                call,
                ending.map(|since| patience.saturating_sub(since.elapsed())),
            );
            match moved.map_err(|error| broken(Cause::Pipe(error)))? {
                Moved::Nothing => {
                    // A process that it started may hold its output open. What it wrote itself is in the pipe by
                    // now, and is read before this counts.
                    ended = self.has_ended();
                    continue;
                }
                Moved::Output => continue,
                Moved::Input => {}
            }
            match self.send(left) {
                Ok(more) => written += more,
                // What it answered before it closed its end may still be in the pipe.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                    self.stdin = None;
                    ending.get_or_insert_with(Instant::now);
                }
                Err(error) => return Err(broken(Cause::Pipe(error))),
            }
        }
    }

    /// Waits for something to read, or for room to write if there is something to write.
    fn wait(&self, to_write: bool, call: &Call, left: Option<Duration>) -> io::Result<Moved> {
        let mut longest = left.unwrap_or(TICK);
        if left.is_none()
            && let Some(deadline) = call.time_left()
        {
            longest = longest.min(deadline);
        }
        // Never zero: a wait that is over is noticed by the clock.
        let longest = longest.clamp(Duration::from_millis(1), Duration::from_secs(1));
        let limit = Timespec::try_from(longest).map_err(io::Error::other)?;
        let mut pipes = vec![PollFd::from_borrowed_fd(self.stdout.as_fd(), PollFlags::IN)];
        if let Some(stdin) = self.stdin.as_ref().filter(|_| to_write) {
            pipes.push(PollFd::from_borrowed_fd(stdin.as_fd(), PollFlags::OUT));
        }
        match poll(&mut pipes, Some(&limit)) {
            Ok(0) => Ok(Moved::Nothing),
            Ok(_) if pipes.get(1).is_some_and(|stdin| !stdin.revents().is_empty()) => Ok(Moved::Input),
            Ok(_) | Err(Errno::INTR) => Ok(Moved::Output),
            Err(error) => Err(error.into()),
        }
    }

    fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(stdin) = &mut self.stdin else { return Ok(0) };
        match stdin.write(bytes) {
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                Ok(0)
            }
            other => other,
        }
    }

    /// Reads what is there, up to a line's end or more than a message may have.
    fn receive(&mut self) -> io::Result<Output> {
        loop {
            let before = self.seen.len();
            self.seen.resize(before + CHUNK, 0);
            let read = self.stdout.read(self.seen.get_mut(before..).unwrap_or_default());
            self.seen.truncate(before + *read.as_ref().unwrap_or(&0));
            match read {
                Ok(0) => return Ok(Output::Closed),
                Ok(_) => {
                    let new = self.seen.get(before..).unwrap_or_default();
                    if new.contains(&b'\n') || self.seen.len() > MAX_MESSAGE {
                        return Ok(Output::Open);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Output::Open),
                Err(error) => return Err(error),
            }
        }
    }

    /// The next whole line, without its end.
    fn next_line(&mut self) -> Option<Vec<u8>> {
        let fresh = self.seen.get(self.searched..).unwrap_or_default();
        let Some(end) = fresh.iter().position(|byte| *byte == b'\n') else {
            self.searched = self.seen.len();
            return None;
        };
        let rest = self.seen.split_off(self.searched + end + 1);
        self.searched = 0;
        let mut line = std::mem::replace(&mut self.seen, rest);
        line.pop();
        Some(line)
    }

    /// Whether a request can be put to it: it lives, and has said nothing that nobody asked for.
    pub fn readiness(&mut self, log: &dyn Fn(&LogEntry)) -> Readiness {
        if !self.in_step {
            return Readiness::Hasty;
        }
        if self.has_ended() || !matches!(self.receive(), Ok(Output::Open)) {
            return Readiness::Gone;
        }
        while let Some(line) = self.next_line() {
            let Line::Log(entry) = lines::read(&line, None) else { return Readiness::Said(line) };
            log(&entry);
        }
        Readiness::Ready
    }

    fn has_ended(&self) -> bool {
        self.look().is_some()
    }

    /// How it ended, if it has; it stays unburied, so that its group's number is nobody else's.
    fn look(&self) -> Option<Exit> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        match waitid(WaitId::Pid(self.pid), options) {
            Ok(Some(status)) => Some(match (status.exit_status(), status.terminating_signal()) {
                (Some(code), _) => Exit::Code(code),
                (None, Some(signal)) => Exit::Signal(signal),
                (None, None) => Exit::Killed,
            }),
            Ok(None) => None,
            // Somebody else buried it.
            Err(_) => Some(Exit::Killed),
        }
    }

    /// Lets it end by itself: there is nothing more to read for it.
    pub fn ask_to_end(&mut self) {
        self.stdin = None;
    }

    /// Ends it with its whole group, and says how it ended if it had done so by itself within `patience`.
    pub fn end(&mut self, patience: Duration) -> Exit {
        if let Some(exit) = self.exit {
            return exit;
        }
        let exit = self.end_of_itself(patience);
        self.exit = Some(exit);
        let _ = kill_process_group(self.pid, Signal::KILL);
        if let Some(entry) = &mut self.entry {
            entry.end(self.pid);
        }
        self.bury();
        self.entry = None;
        exit
    }

    fn end_of_itself(&mut self, patience: Duration) -> Exit {
        self.stdin = None;
        let begun = Instant::now();
        loop {
            match self.look() {
                Some(exit) => return exit,
                None if begun.elapsed() >= patience => return Exit::Killed,
                None => std::thread::sleep(Duration::from_millis(2)),
            }
        }
    }

    /// The same, and says which of the processes it had started did not end with it. One that had to be killed
    /// could not see to them.
    pub fn let_go(&mut self, patience: Duration) -> Vec<String> {
        let mut left = Vec::new();
        if self.exit.is_none() && self.end_of_itself(patience) != Exit::Killed {
            let begun = Instant::now();
            loop {
                left = self.entry.as_ref().map_or_else(Vec::new, |entry| entry.others(self.pid));
                if left.is_empty() || begun.elapsed() >= AFTERMATH {
                    break;
                }
                std::thread::sleep(Duration::from_millis(2));
            }
        }
        self.end(Duration::ZERO);
        left
    }

    /// Ends one that closed its output: then it is about to end by itself.
    pub fn end_after_closing(&mut self) -> Exit {
        self.end(LAST_MOMENT)
    }

    fn bury(&mut self) {
        let begun = Instant::now();
        while begun.elapsed() < BURIAL {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        tracing::warn!("process {} was killed and is still held by the system", self.child.id());
    }

    /// The last line on its standard error, once it has ended.
    pub fn last_words(&self) -> Option<String> {
        self.last.wait(LAST_MOMENT)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end(Duration::ZERO);
    }
}
