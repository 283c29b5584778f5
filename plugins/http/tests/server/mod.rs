//! A server of a few lines: it takes requests one after another and does with each what it was told.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use url::Url;

/// Nobody is waited for any longer than this, so that a test that fails ends.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is done with a request.
pub enum Act {
    /// The connection ends before the request was read.
    HangUp,
    /// The request is read, then the connection ends.
    ReadAndHangUp,
    /// The request is read, and nothing more happens until the other side has had enough.
    Silence,
    /// The request is read, these bytes are sent, and the connection ends.
    Say(Vec<u8>),
    /// The same, and the next request may come on the same connection.
    SayAndStay(Vec<u8>),
}

impl Act {
    /// Answers with this status, these lines of the head and this body.
    pub fn answer(status: &str, head: &[&str], body: &str) -> Self {
        // Otherwise the next request might come on this connection before its end is noticed.
        let head: Vec<&str> = head.iter().copied().chain(["Connection: close"]).collect();
        Self::Say(answer(status, &head, body))
    }

    /// Sends elsewhere.
    pub fn redirect(status: &str, to: &str) -> Self {
        Self::answer(status, &[&format!("Location: {to}")], "")
    }
}

/// The bytes of an answer.
pub fn answer(status: &str, head: &[&str], body: &str) -> Vec<u8> {
    let head: String = head.iter().flat_map(|line| [*line, "\r\n"]).collect();
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n{head}\r\n{body}", body.len()).into_bytes()
}

/// A server with a list of things to do; it ends when they are done or nobody comes any more.
pub struct Server {
    /// Its address, with a slash at its end.
    pub url: Url,
    heard: Arc<Mutex<Vec<String>>>,
    over: Arc<AtomicBool>,
    at_work: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts it.
    pub fn start(acts: Vec<Act>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let over = Arc::new(AtomicBool::new(false));
        let (notes, ends) = (Arc::clone(&heard), Arc::clone(&over));
        let at_work = std::thread::spawn(move || {
            let mut open: Option<TcpStream> = None;
            for act in acts {
                let Some(mut stream) = open.take().or_else(|| accept(&listener)) else { return };
                if ends.load(Ordering::SeqCst) {
                    return;
                }
                if matches!(act, Act::HangUp) {
                    continue;
                }
                let Some(request) = request(&mut stream) else { return };
                notes.lock().unwrap().push(request);
                match act {
                    Act::HangUp | Act::ReadAndHangUp => {}
                    Act::Silence => {
                        let _ = stream.read(&mut [0]);
                    }
                    // Whoever has read enough goes away.
                    Act::Say(bytes) => drop(stream.write_all(&bytes)),
                    Act::SayAndStay(bytes) => {
                        stream.write_all(&bytes).unwrap();
                        open = Some(stream);
                    }
                }
            }
        });
        Self { url, heard, over, at_work: Some(at_work) }
    }

    /// The requests that were read, heads and bodies as they came.
    pub fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }

    /// Where nobody listens any more.
    pub fn gone() -> Url {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        // Whoever waits for a connection gets one.
        drop(TcpStream::connect((Ipv4Addr::LOCALHOST, self.url.port().unwrap_or_default())));
        if let Some(thread) = self.at_work.take() {
            drop(thread.join());
        }
    }
}

fn accept(listener: &TcpListener) -> Option<TcpStream> {
    let (stream, _) = listener.accept().ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.set_write_timeout(Some(PATIENCE)).ok()?;
    Some(stream)
}

/// A whole request; `None` if there is none.
fn request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .filter_map(|line| line.split_once(':'))
                .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
                .and_then(|(_, length)| length.trim().parse().ok())
                .unwrap_or(0);
            if body.len() >= length {
                return Some(text);
            }
        }
        let mut part = [0; 4096];
        match stream.read(&mut part) {
            Ok(0) | Err(_) => return None,
            Ok(count) => bytes.extend(&part[..count]),
        }
    }
}
