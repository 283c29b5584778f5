//! A small HTTP/1.1 server on a port of its own, made to misbehave on demand.
//!
//! It speaks just enough for the clients under test. It owns its sockets because half of the faults are about them: a
//! connection that closes after the work was done cannot be had from a library that answers every request.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;

use crate::fault::{Fault, Rule, Rules};

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Request {
    /// `GET`, `POST`, …
    pub method: String,
    /// From the first `/`, with the query, as it was sent.
    pub target: String,
    /// From the first `/`, decoded, without the query.
    pub path: String,
    /// The query's pairs in their order, decoded (`+` is a blank).
    pub query: Vec<(String, String)>,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body's bytes.
    pub body: Vec<u8>,
}

impl Request {
    /// The first header of a name (lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The last value of a query parameter, unless it is empty.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().rev().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// The body as JSON.
    pub fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Response {
    status: u16,
    content_type: &'static str,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Response {
    /// A JSON answer.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::new(status, "application/json", body.to_string().into_bytes())
    }

    /// An HTML page, as a web server shows it to people.
    pub fn html(status: u16) -> Self {
        let page = format!(
            "<!doctype html><html><head><title>{status}</title></head><body><h1>{status}</h1></body></html>"
        );
        Self::new(status, "text/html; charset=utf-8", page.into_bytes())
    }

    /// Any answer.
    pub fn new(status: u16, content_type: &'static str, body: Vec<u8>) -> Self {
        Self { status, content_type, headers: Vec::new(), body }
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The body's bytes.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    fn write(&self, stream: &mut TcpStream, truncate: bool) -> std::io::Result<()> {
        let length = self.body.len();
        let mut head = format!(
            "HTTP/1.1 {} Status\r\nContent-Type: {}\r\nContent-Length: {length}\r\n",
            self.status, self.content_type
        )
        .into_bytes();
        for (name, value) in &self.headers {
            write!(head, "{name}: {value}\r\n")?;
        }
        head.extend(b"\r\n");
        let sent = if truncate { length / 2 } else { length };
        head.extend(self.body.iter().take(sent));
        stream.write_all(&head)
    }
}

/// What a fake server does with a request. Called from several threads.
pub trait Service: Send + Sync + 'static {
    /// Carries out one request.
    fn handle(&self, request: &Request) -> Response;

    /// Takes note of a request as soon as it was read, also of one that then meets a fault.
    fn arrived(&self, _request: &Request) {}
}

/// A running server. It stops when dropped.
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

struct Shared {
    service: Arc<dyn Service>,
    rules: Rules,
    seen: Mutex<Vec<Request>>,
    open: Mutex<Vec<(u64, TcpStream)>>,
    stopping: AtomicBool,
    distance: Mutex<Duration>,
}

impl Server {
    /// Listens on 127.0.0.1, on a free port.
    pub fn start(service: Arc<dyn Service>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("bind a port on 127.0.0.1");
        let address = listener.local_addr().expect("the address just bound");
        let shared = Arc::new(Shared {
            service,
            rules: Rules::default(),
            seen: Mutex::default(),
            open: Mutex::default(),
            stopping: AtomicBool::new(false),
            distance: Mutex::default(),
        });
        let accepting = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || accept(&listener, &shared)
        });
        Self { address, shared, accepting: Some(accepting) }
    }

    /// `http://127.0.0.1:PORT/`.
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Adds a fault; rules are tried in the order in which they were added.
    pub fn fail(&self, rule: Rule) {
        self.shared.rules.add(rule);
    }

    /// From now on every answer comes this much later, as over a network. For benchmarks: no test waits for time.
    pub fn answer_after(&self, distance: Duration) {
        *self.shared.distance.lock().unwrap() = distance;
    }

    /// From now on everything works again. Requests that are held stay held.
    pub fn heal(&self) {
        self.shared.rules.clear();
    }

    /// All requests so far, also those that met a fault, in order of arrival.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.seen.lock().unwrap().clone()
    }

    /// How many requests of a method had a path that starts like this.
    pub fn count(&self, method: &str, path: &str) -> usize {
        let seen = self.shared.seen.lock().unwrap();
        seen.iter().filter(|request| request.method == method && request.path.starts_with(path)).count()
    }

    /// Forgets the requests so far.
    pub fn forget_requests(&self) {
        self.shared.seen.lock().unwrap().clear();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for a connection.
        drop(TcpStream::connect(self.address));
        if let Some(accepting) = self.accepting.take() {
            drop(accepting.join());
        }
        for (_, stream) in self.shared.open.lock().unwrap().drain(..) {
            drop(stream.shutdown(Shutdown::Both));
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for (number, stream) in (0..).zip(listener.incoming()) {
        if shared.stopping.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        if let Ok(handle) = stream.try_clone() {
            shared.open.lock().unwrap().push((number, handle));
        }
        let shared = Arc::clone(shared);
        std::thread::spawn(move || {
            // A client that goes away is its own affair.
            // A service that panics closes its connection too, or its client would wait for ever.
            drop(catch_unwind(AssertUnwindSafe(|| serve(&stream, &shared))));
            drop(stream.shutdown(Shutdown::Both));
            shared.open.lock().unwrap().retain(|(other, _)| *other != number);
        });
    }
}

/// Answers the requests of one connection until the client closes it or a fault does.
fn serve(stream: &TcpStream, shared: &Shared) -> std::io::Result<()> {
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::new(stream.try_clone()?);
    while let Some(request) = read_request(&mut reader, &mut writer)? {
        let distance = *shared.distance.lock().unwrap();
        if !distance.is_zero() {
            std::thread::sleep(distance);
        }
        let fault = shared.rules.take(&request.method, &request.path);
        shared.seen.lock().unwrap().push(request.clone());
        shared.service.arrived(&request);
        let handle = || shared.service.handle(&request);
        let (response, truncate) = match fault {
            None => (handle(), false),
            Some(Fault::Json(status, body)) => {
                (Response::new(status, "application/json", body.into_bytes()), false)
            }
            Some(Fault::Html(status)) => (Response::html(status), false),
            Some(Fault::Answer(answer)) => (answer, false),
            Some(Fault::AnswerAfter(answer)) => {
                handle();
                (answer, false)
            }
            Some(Fault::Garbage) => {
                (Response::new(200, "application/json", b"\x00\xff{\"id\": 1, ".to_vec()), false)
            }
            Some(Fault::DropBefore) => return Ok(()),
            Some(Fault::HoldAndDrop(gate)) => {
                gate.pass();
                return Ok(());
            }
            Some(Fault::DropAfter) => {
                handle();
                return Ok(());
            }
            Some(Fault::Truncate) => (handle(), true),
            Some(Fault::HoldAfter(gate)) => {
                let response = handle();
                gate.pass();
                (response, false)
            }
            Some(Fault::HoldBefore(gate)) => {
                gate.pass();
                (handle(), false)
            }
        };
        response.write(&mut writer, truncate)?;
        if truncate || request.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close")) {
            return Ok(());
        }
    }
    Ok(())
}

fn read_request(reader: &mut impl BufRead, writer: &mut TcpStream) -> std::io::Result<Option<Request>> {
    let Some(first) = read_line(reader)? else { return Ok(None) };
    let mut words = first.split(' ');
    let method = words.next().unwrap_or_default().to_owned();
    let target = words.next().unwrap_or_default();
    let mut headers = Vec::new();
    while let Some(line) = read_line(reader)?.filter(|line| !line.is_empty()) {
        if let Some((name, value)) = line.split_once(':') {
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    let target = target.to_owned();
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let (path, query) = (decode(path, false), pairs(query));
    let mut request = Request { method, path, query, target, headers, body: Vec::new() };
    if request.header("expect").is_some() {
        writer.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    request.body = read_body(reader, &request)?;
    Ok(Some(request))
}

fn read_body(reader: &mut impl BufRead, request: &Request) -> std::io::Result<Vec<u8>> {
    let mut body = Vec::new();
    if request.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
        loop {
            let line = read_line(reader)?.unwrap_or_default();
            let size = u64::from_str_radix(line.trim(), 16).unwrap_or(0);
            reader.by_ref().take(size).read_to_end(&mut body)?;
            read_line(reader)?;
            if size == 0 {
                return Ok(body);
            }
        }
    }
    let length = request.header("content-length").and_then(|value| value.parse().ok()).unwrap_or(0);
    reader.take(length).read_to_end(&mut body)?;
    Ok(body)
}

/// A line without its end; `None` when the client has closed the connection.
fn read_line(reader: &mut impl BufRead) -> std::io::Result<Option<String>> {
    let mut bytes = Vec::new();
    if reader.read_until(b'\n', &mut bytes)? == 0 {
        return Ok(None);
    }
    Ok(Some(String::from_utf8_lossy(&bytes).trim_end_matches(['\r', '\n']).to_owned()))
}

/// The pairs of a query or a form, decoded.
pub(crate) fn pairs(query: &str) -> Vec<(String, String)> {
    let parts = query.split('&').filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            (decode(key, true), decode(value, true))
        })
        .collect()
}

fn decode(text: &str, plus_is_blank: bool) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' if plus_is_blank => bytes.push(b' '),
            b'%' => {
                let digits: String = rest.by_ref().take(2).map(char::from).collect();
                bytes.push(u8::from_str_radix(&digits, 16).unwrap_or(b'?'));
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
