//! The running site.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use tempfile::TempDir;

use super::{Site, script};

/// A site on a port of 127.0.0.1, with a database of the test's own. It ends when dropped, and when the test's process does.
pub struct Running {
    site: Site,
    folder: TempDir,
    database: PathBuf,
    port: u16,
    process: Option<Process>,
}

struct Process {
    child: Child,
    /// The server reads it to its end, and ends then.
    _input: Option<ChildStdin>,
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Running {
    /// A copy of the site's database, and no server yet.
    pub fn prepare(site: Site) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the site");
        let database = site.copy_into(folder.path());
        Self { site, folder, database, port: 0, process: None }
    }

    /// Runs a script of the site with this text on its standard input, whether or not the server runs; what it wrote.
    pub fn run(&self, script: &Path, input: &str) -> String {
        let mut command = self.site.python(&self.database);
        let command = command.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("python can be run");
        let written = child.stdin.take().map(|mut stdin| stdin.write_all(input.as_bytes()));
        let output = child.wait_with_output().expect("the script ends");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{} failed: {errors}", script.display());
        written.transpose().expect("the script reads its input");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Runs statements of Python in the site.
    pub fn python(&self, statements: &str) -> String {
        let path = self.folder.path().join("statements.py");
        std::fs::write(&path, format!("import django\ndjango.setup()\n{statements}\n"))
            .expect("write the statements");
        self.run(&path, "")
    }

    /// Starts the server: on a free port the first time, on the same one later.
    pub fn start(&mut self) {
        let errors = self.folder.path().join("errors.txt");
        let log = std::fs::File::create(&errors).expect("a file for the server's errors");
        let mut command = self.site.python(&self.database);
        command.arg(script("serve.py")).arg(self.port.to_string()).arg(self.log());
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().expect("the server can be started");
        let (input, output) = (child.stdin.take(), child.stdout.take().expect("its output is piped"));
        let process = Process { child, _input: input };
        let (told, port) = mpsc::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            let read = BufReader::new(output).read_line(&mut line);
            let _ = told.send(read.ok().and_then(|_| line.trim().parse().ok()));
        });
        // Two minutes: the machine may be busy, and the site is large.
        match port.recv_timeout(Duration::from_mins(2)) {
            Ok(Some(port)) => self.port = port,
            Ok(None) => {
                let why = std::fs::read_to_string(&errors).unwrap_or_default();
                panic!("the server ended before it listened: {why}");
            }
            Err(why) => panic!("the server did not listen within two minutes: {why}"),
        }
        self.process = Some(process);
    }

    /// Kills the server.
    pub fn stop(&mut self) {
        self.process = None;
    }

    /// `http://127.0.0.1:PORT/`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    /// Every request that has arrived so far, as `GET /path/?query`.
    pub fn requests(&self) -> Vec<String> {
        let log = std::fs::read_to_string(self.log()).unwrap_or_default();
        log.lines().map(str::to_owned).collect()
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("requests.txt")
    }
}
