//! CDCS itself (its package `core_main_app`), installed once in the user's cache folder, with a database of the test's own.
//!
//! The site has three accounts ([`ORDINARY`], [`STAFF`], [`SUPERUSER`] are their tokens), two templates of which the wrong one is
//! listed first, and a private workspace that is listed before the public one. `NEXUS_TEST_CDCS_SERIES=2.23` runs the newer
//! series; `NEXUS_TEST_CDCS=/path` uses a folder whose `venv` has the package already. Python 3.11 or 3.12 will do.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::real_site::{Recipe, Running, Site, Trouble};

/// The token of the account `ada`, who may do what everybody may.
pub const ORDINARY: &str = "1111111111111111111111111111111111111111";
/// The token of the account `grace`, who is staff.
pub const STAFF: &str = "2222222222222222222222222222222222222222";
/// The token of the account `deliverer`, who may do everything.
pub const SUPERUSER: &str = "3333333333333333333333333333333333333333";
/// Title of the template of records. Another one is listed first.
pub const TEMPLATE_TITLE: &str = "Nexus Experiment Schema";
/// Title of the template that is listed first.
pub const OTHER_TEMPLATE_TITLE: &str = "Notes";

/// A running CDCS. It ends when dropped.
pub struct RealCdcs {
    /// The server, its requests, scripts inside it.
    pub site: Running,
}

impl RealCdcs {
    /// Starts a server without records; `None` when it cannot be had and need not be.
    pub fn start() -> Option<Self> {
        static FOUND: OnceLock<Result<Site, Trouble>> = OnceLock::new();
        let mut site = Running::prepare(recipe().site(&FOUND)?);
        site.start();
        Some(Self { site })
    }

    /// The address that is configured: `http://127.0.0.1:PORT/`.
    pub fn url(&self) -> String {
        self.site.url()
    }

    /// Every record, by its number, as the server shows it to a superuser.
    pub fn records(&self) -> Vec<Value> {
        let (status, Value::Array(mut records)) = self.ask("GET", "rest/admin/data/", None) else {
            panic!("no list of records")
        };
        assert_eq!(status, 200);
        records.sort_by_key(|record| record["id"].as_u64());
        records
    }

    /// The titles of all records, sorted.
    pub fn titles(&self) -> Vec<String> {
        let titles = self.records().into_iter().map(|record| record["title"].as_str().unwrap().to_owned());
        let mut titles: Vec<_> = titles.collect();
        titles.sort();
        titles
    }

    /// The number of the template of records that is current now.
    pub fn template(&self) -> u64 {
        let (_, managers) = self.ask("GET", "rest/template-version-manager/global/", None);
        let found = managers.as_array().unwrap().iter().find(|one| one["title"] == TEMPLATE_TITLE);
        found.unwrap()["current"].as_str().unwrap().parse().unwrap()
    }

    /// The number of the public workspace, which is not the first.
    pub fn workspace(&self) -> u64 {
        let (_, spaces) = self.ask("GET", "rest/workspace/read_access/", None);
        let found = spaces.as_array().unwrap().iter().find(|one| one["owner"].is_null());
        found.unwrap()["id"].as_u64().unwrap()
    }

    /// Status and JSON of one question of the superuser; null when the answer is no JSON.
    pub fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        self.ask_as(SUPERUSER, method, path, body)
    }

    /// The same of another account.
    pub fn ask_as(&self, token: &str, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        ask(&self.url(), token, method, path, body)
    }

    /// Uploads a record as NexusLIMS does: created without a workspace, then put into the public one. Its number.
    pub fn upload(&self, title: &str, content: &str) -> u64 {
        let body = json!({ "template": self.template(), "title": title, "xml_content": content });
        let (status, record) = self.ask("POST", "rest/data/", Some(&body));
        assert_eq!(status, 201, "{record}");
        let id = record["id"].as_u64().unwrap();
        let (status, answer) =
            self.ask("PATCH", &format!("rest/data/{id}/assign/{}", self.workspace()), None);
        assert_eq!(status, 200, "{answer}");
        id
    }

    /// Statements of Python in the site.
    pub fn administer(&self, statements: &str) {
        self.site.python(statements);
    }
}

/// Status and JSON of one question to a server at `url`; null when the answer is no JSON.
pub fn ask(url: &str, token: &str, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
    let host = url.trim_start_matches("http://").trim_end_matches('/');
    let mut stream = TcpStream::connect(host).unwrap();
    let body = body.map(Value::to_string).unwrap_or_default();
    write!(
        stream,
        "{method} /{path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Token {token}\r\nAccept: application/json\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap_or_default())
}

fn recipe() -> Recipe {
    const SCHEMA: &str = "../../../nexus-core/schema/nexus-experiment.xsd";
    let version = match std::env::var("NEXUS_TEST_CDCS_SERIES").as_deref() {
        Err(_) | Ok("" | "2.18") => "2.18.0",
        Ok("2.23") => "2.23.0",
        Ok(other) => panic!("NEXUS_TEST_CDCS_SERIES is {other}; 2.18 and 2.23 are known"),
    };
    Recipe {
        title: format!("CDCS {version}"),
        folder: format!("cdcs-{version}"),
        requirement: format!("core_main_app=={version}"),
        variable: "NEXUS_TEST_CDCS",
        scripts: "cdcs",
        commands: &[&["-m", "django", "migrate", "--verbosity", "0"], &["seed.py", SCHEMA]],
        sources: &["settings.py", "urls.py", "seed.py", SCHEMA],
    }
}
