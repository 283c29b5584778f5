//! A reverse proxy in the test's process, given the faults of [`crate::fault`].
//!
//! [`Fault::DropAfter`](crate::fault::Fault::DropAfter) passes a request on and cuts the connection before the answer: the
//! server has done the work and the client does not know. [`Fault::HoldBefore`](crate::fault::Fault::HoldBefore) passes it
//! on only when its gate opens, long after the client gave up.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use crate::http::{Request, Response, Server, Service};

/// A running proxy before a server of this machine. It stops when dropped.
pub struct Proxy {
    /// Requests, faults, address.
    pub server: Server,
    answers: Arc<Answers>,
}

/// How many answers the server has given so far.
#[derive(Default)]
struct Answers(Mutex<usize>, Condvar);

impl Proxy {
    /// A proxy before the server at `url` (`http://127.0.0.1:PORT/`).
    pub fn before(url: &str) -> Self {
        let host = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let answers = Arc::<Answers>::default();
        let upstream = Upstream { host, answers: Arc::clone(&answers) };
        Self { server: Server::start(Arc::new(upstream)), answers }
    }

    /// How many requests the server behind it has answered, also those whose answers were cut off.
    pub fn answers(&self) -> usize {
        *self.answers.0.lock().unwrap()
    }

    /// Waits until the server has answered this many requests.
    pub fn wait_for_answers(&self, count: usize) {
        let Answers(given, told) = &*self.answers;
        let waited =
            told.wait_timeout_while(given.lock().unwrap(), Duration::from_mins(1), |given| *given < count);
        assert!(!waited.unwrap().1.timed_out(), "the server did not answer {count} requests within a minute");
    }

    /// The address that a client is given instead of the server's.
    pub fn url(&self) -> String {
        self.server.url()
    }
}

struct Upstream {
    host: String,
    answers: Arc<Answers>,
}

impl Service for Upstream {
    fn handle(&self, request: &Request) -> Response {
        let answer = self.pass_on(request).unwrap_or_else(|_| Response::html(502));
        *self.answers.0.lock().unwrap() += 1;
        self.answers.1.notify_all();
        answer
    }
}

impl Upstream {
    /// The server's answer. A connection of its own for every request.
    fn pass_on(&self, request: &Request) -> std::io::Result<Response> {
        let mut stream = TcpStream::connect(&self.host)?;
        let mut head = Vec::new();
        write!(head, "{} {} HTTP/1.1\r\n", request.method, request.target)?;
        let dropped = ["connection", "content-length", "transfer-encoding", "expect", "accept-encoding"];
        for (name, value) in request.headers.iter().filter(|(name, _)| !dropped.contains(&name.as_str())) {
            write!(head, "{name}: {value}\r\n")?;
        }
        write!(head, "content-length: {}\r\nconnection: close\r\n\r\n", request.body.len())?;
        stream.write_all(&head)?;
        stream.write_all(&request.body)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        read(&answer).ok_or_else(|| std::io::Error::other("no answer"))
    }
}

fn read(answer: &[u8]) -> Option<Response> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let header = |wanted: &str| {
        let pairs = head.split("\r\n").skip(1).filter_map(|line| line.split_once(':'));
        pairs.filter(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.trim()).next()
    };
    let kind = match header("content-type").unwrap_or_default() {
        json if json.starts_with("application/json") => "application/json",
        html if html.starts_with("text/html") => "text/html; charset=utf-8",
        xml if xml.starts_with("text/xml") => "text/xml",
        _ => "application/octet-stream",
    };
    let response = Response::new(status, kind, answer[end + 4..].to_vec());
    Some(match header("location") {
        Some(place) => response.with_header("Location", place.to_owned()),
        None => response,
    })
}
