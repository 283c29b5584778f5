//! A plugin that is a program, spoken to line by line: what it writes is seen as it is.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver};

use nexus_plugin_api::PluginError;
use nexus_plugin_api::message::line::{LogEntry, LogLine};
use nexus_plugin_api::message::{Reply, read_reply};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// A running plugin program.
pub struct Program {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    /// Its standard error, once that has ended.
    errors: Receiver<String>,
    last_id: u64,
    /// What it has logged so far.
    pub log: Vec<LogEntry>,
    /// The scratch folder of the next requests.
    pub scratch: Option<PathBuf>,
}

impl Program {
    /// Starts a program.
    pub fn start(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let (input, output) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let (told, errors) = mpsc::channel();
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = std::io::Read::read_to_end(&mut stderr, &mut bytes);
            let _ = told.send(String::from_utf8_lossy(&bytes).into_owned());
        });
        Self { child, input, output, errors, last_id: 0, log: Vec::new(), scratch: None }
    }

    /// A script of this repository, run by `python3`.
    pub fn script(path: &str) -> Self {
        Self::start(Command::new("python3").arg(script(path)))
    }

    /// Writes a line as it is.
    pub fn write(&mut self, line: &str) {
        let input = self.input.as_mut().expect("the input is open");
        input.write_all(format!("{line}\n").as_bytes()).unwrap();
        input.flush().unwrap();
    }

    /// The next line that is no log line. Panics when there is none.
    pub fn line(&mut self) -> String {
        loop {
            let mut line = String::new();
            let read = self.output.read_line(&mut line).unwrap();
            assert_ne!(read, 0, "the program has ended: {}", self.end().1);
            assert!(line.ends_with('\n'), "{line}");
            match serde_json::from_str::<LogLine>(&line) {
                Ok(entry) => self.log.push(entry.log),
                Err(_) => return line,
            }
        }
    }

    /// Puts a request, and reads the reply.
    pub fn call<T: DeserializeOwned>(&mut self, method: &str, params: &Value) -> Reply<T> {
        self.last_id += 1;
        let id = self.last_id;
        let mut request = json!({"deadline_ms": 60_000, "id": id, "method": method, "params": params});
        if let Some(scratch) = &self.scratch {
            request["scratch"] = json!(scratch);
        }
        self.write(&request.to_string());
        let line = self.line();
        read_reply(id, line.as_bytes()).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    /// The answer to a request; else its error.
    pub fn ask<T: DeserializeOwned>(&mut self, method: &str, params: &Value) -> Result<T, PluginError> {
        match self.call(method, params) {
            Reply::Ok(answer) => Ok(answer),
            Reply::Error(error) => Err(error),
            Reply::Unsupported => panic!("{method} is not supported"),
        }
    }

    /// Sends its settings.
    pub fn configure(&mut self, settings: &Value) -> Result<(), PluginError> {
        self.ask::<Value>("configure", &json!({"settings": settings})).map(drop)
    }

    /// Closes its input, and waits: the exit code and the standard error.
    pub fn end(&mut self) -> (Option<i32>, String) {
        self.input = None;
        let status = self.child.wait().unwrap();
        (status.code(), self.errors.recv().unwrap_or_default())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A script of this repository.
pub fn script(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}
