//! Live connections: certificates of an authority that the system does not know, and proxies.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use nexus_plugin_api::{Call, CheckResult, FailureClass};
use nexus_tests::fake_nemo::TOKEN;
use nexus_tests::nexus_bin;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::json;

use super::bench::{Bench, event};

/// A place on 127.0.0.1 that hands each connection to a function. It stops when dropped.
struct Door {
    address: SocketAddr,
    stopping: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

impl Door {
    fn open(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let (stopping, serve) = (Arc::new(AtomicBool::new(false)), Arc::new(serve));
        let stop = Arc::clone(&stopping);
        let accepting = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let (Ok(stream), serve) = (stream, Arc::clone(&serve)) else { continue };
                std::thread::spawn(move || serve(stream));
            }
        });
        Self { address, stopping, accepting: Some(accepting) }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        drop(self.accepting.take().map(JoinHandle::join));
    }
}

/// The head of a request, line by line, with the empty one at its end.
fn head(stream: impl Read) -> Vec<String> {
    let mut lines = Vec::new();
    let mut reader = BufReader::with_capacity(1, stream);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return Vec::new();
        }
        let is_last = line.trim().is_empty();
        lines.push(line);
        if is_last {
            return lines;
        }
    }
}

/// One request and its answer, passed on to another server on this machine.
fn pass_on(mut client: impl Read + Write, to: SocketAddr) {
    let mut lines = head(&mut client);
    if lines.is_empty() {
        return;
    }
    lines.insert(1, "Connection: close\r\n".to_owned());
    let Ok(mut server) = TcpStream::connect(to) else { return };
    let mut answer = Vec::new();
    if server.write_all(lines.concat().as_bytes()).is_ok() {
        drop(server.read_to_end(&mut answer));
        drop(client.write_all(&answer).and_then(|()| client.flush()));
    }
}

/// The address of a bench's server.
fn address(bench: &Bench) -> SocketAddr {
    let url = bench.nemo.server.url();
    url.trim_start_matches("http://").trim_end_matches('/').parse().unwrap()
}

/// The bench's server behind certificates, and those of the authority that made them.
fn with_certificates(bench: &mut Bench) -> (Door, String) {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let own = own.signed_by(&key, &authority).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
        .unwrap();
    let (config, to) = (Arc::new(config), address(bench));
    let door = Door::open(move |stream| {
        let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
        let mut stream = StreamOwned::new(connection, stream);
        pass_on(&mut stream, to);
        stream.conn.send_close_notify();
        drop(stream.flush());
    });
    bench.settings["address"] = json!(format!("https://{}/api/", door.address));
    (door, authority.pem())
}

fn question(bench: &Bench) -> nexus_plugin_api::HarvestRequest {
    let mut request = bench.question(&[1], None);
    let address = bench.settings["address"].as_str().unwrap();
    request.instruments[0].instrument.api_url = format!("{address}tools/?id=1");
    request
}

#[test]
fn an_unknown_authority_is_refused_and_trusted_once_it_is_named() {
    let mut bench = Bench::new();
    bench.nemo.put_event(event(1, 1));
    let (_door, pem) = with_certificates(&mut bench);
    let error = bench.harvest(&question(&bench)).unwrap_err();
    assert!(error.hint.as_deref().unwrap_or_default().contains("set `ca_bundle`"), "{error:?}");
    assert_eq!(error.class, FailureClass::Permanent, "it waits for a change of the configuration: {error:?}");
    assert!(bench.pause.waited.lock().unwrap().is_empty(), "asking again is no use");
    let report = bench.plugin().check(&Call::unlimited("/nowhere")).unwrap();
    let failed: Vec<_> = report.items.iter().filter(|item| item.result == CheckResult::Failed).collect();
    assert!(failed.len() == 1 && failed[0].detail.contains("ca_bundle"), "{report:?}");
    assert_eq!(bench.requests(), 0, "the token was sent to nobody");

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    std::fs::write(&path, &pem).unwrap();
    let bench = bench.with("ca_bundle", json!(path));
    assert_eq!(bench.harvest(&question(&bench)).unwrap().ids(), [1]);
    assert!(bench.requests() > 0);

    // Another authority's certificates do not help.
    let mut other = Bench::new();
    let (_door, _) = with_certificates(&mut other);
    let other = other.with("ca_bundle", json!(path));
    let error = other.harvest(&question(&other)).unwrap_err();
    assert!(error.hint.as_deref().unwrap_or_default().contains("ca_bundle"), "{error:?}");
}

/// A proxy that notes where connections are wanted to.
struct Proxy {
    door: Door,
    wanted: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    fn start() -> Self {
        let wanted = Arc::<Mutex<Vec<String>>>::default();
        let noted = Arc::clone(&wanted);
        let door = Door::open(move |mut client| {
            let lines = head(&client);
            let Some(first) = lines.first() else { return };
            let mut words = first.split(' ');
            let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            noted.lock().unwrap().push(format!("{method} {target}"));
            let Ok(server) = TcpStream::connect(target) else { return };
            if client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").is_ok() {
                tunnel(&client, &server);
            }
        });
        Self { door, wanted }
    }

    fn url(&self) -> String {
        format!("http://{}", self.door.address)
    }

    /// Where connections were wanted to since the last look.
    fn wanted(&self) -> Vec<String> {
        std::mem::take(&mut *self.wanted.lock().unwrap())
    }
}

fn tunnel(client: &TcpStream, server: &TcpStream) {
    let copy = |mut from: &TcpStream, mut to: &TcpStream| {
        drop(std::io::copy(&mut from, &mut to));
        drop(to.shutdown(Shutdown::Write));
    };
    std::thread::scope(|scope| {
        scope.spawn(|| copy(client, server));
        copy(server, client);
    });
}

#[test]
fn a_proxy_of_the_settings_is_gone_through() {
    let mut bench = Bench::new();
    bench.nemo.put_event(event(1, 1));
    let proxy = Proxy::start();
    bench.settings["proxy"] = json!(proxy.url());
    assert_eq!(bench.first(&[1]).ids(), [1]);
    let wanted = proxy.wanted();
    assert!(!wanted.is_empty());
    assert!(wanted.iter().all(|line| *line == format!("CONNECT {}", address(&bench))), "{wanted:?}");
    // Certificates are those of the server behind it.
    let (_door, pem) = with_certificates(&mut bench);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    std::fs::write(&path, &pem).unwrap();
    let bench = bench.with("ca_bundle", json!(path));
    assert_eq!(bench.harvest(&question(&bench)).unwrap().ids(), [1]);
    assert!(!proxy.wanted().is_empty());
}

#[test]
fn a_proxy_of_the_environment_is_gone_through_but_for_the_hosts_it_excepts() {
    let bench = Bench::new();
    let proxy = Proxy::start();
    let folder = tempfile::tempdir().unwrap();
    for name in ["files", "data"] {
        std::fs::create_dir(folder.path().join(name)).unwrap();
    }
    let settings = format!(
        "[database]\npath = \"nexus.db\"\n[storage]\ninstrument_data = \"files\"\ndata = \"data\"\n\
         [harvesters.nemo-main]\nplugin = \"nemo\"\naddress = \"{}\"\ntoken = {{ value = \"{TOKEN}\" }}\n",
        bench.nemo.api()
    );
    std::fs::write(folder.path().join("nexus.toml"), settings).unwrap();
    let check = |variables: &[(&str, &str)]| {
        let mut command = nexus_bin::nexus(folder.path());
        for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"] {
            command.env_remove(name).env_remove(name.to_lowercase());
        }
        command.args(["plugins", "check", "nemo-main"]).envs(variables.iter().copied());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert!(bench.requests() > 0);
        proxy.wanted().len()
    };
    let url = proxy.url();
    assert_eq!(check(&[]), 0);
    assert!(check(&[("HTTP_PROXY", &url)]) > 0);
    assert!(check(&[("ALL_PROXY", &url)]) > 0);
    assert_eq!(check(&[("HTTP_PROXY", &url), ("NO_PROXY", "127.0.0.1")]), 0);
    assert!(check(&[("HTTP_PROXY", &url), ("NO_PROXY", "nemo.example.org")]) > 0);
}
