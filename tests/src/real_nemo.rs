//! NEMO-CE itself, installed once in the user's cache folder, with a database of the test's own.
//!
//! `NEXUS_TEST_NEMO=/path` uses a folder whose `venv` has NEMO-CE already. Python 3.10 to 3.13 will do.

use std::sync::OnceLock;

use serde_json::Value;

use crate::real_site::{Recipe, Running, Site, Trouble, script};

/// The version that the tests run.
pub const VERSION: &str = "8.1.5";

/// A running NEMO-CE. It ends when dropped.
pub struct RealNemo {
    /// The server, its requests, scripts inside it.
    pub site: Running,
}

impl RealNemo {
    /// Starts a server with these rows ([`FakeNemo::dump`](crate::fake_nemo::FakeNemo::dump)); `None` when it
    /// cannot be had and need not be.
    pub fn start(rows: &Value) -> Option<Self> {
        static FOUND: OnceLock<Result<Site, Trouble>> = OnceLock::new();
        let mut site = Running::prepare(recipe().site(&FOUND)?);
        site.run(&script("nemo/seed.py"), &rows.to_string());
        site.start();
        Some(Self { site })
    }

    /// The API root: `http://127.0.0.1:PORT/api/`.
    pub fn api(&self) -> String {
        format!("{}api/", self.site.url())
    }

    /// Statements of Python that may use NEMO's models, as its administrator's pages do.
    pub fn administer(&self, statements: &str) {
        self.site.python(&format!("from NEMO.models import *\n{statements}"));
    }
}

fn recipe() -> Recipe {
    Recipe {
        title: format!("NEMO-CE {VERSION}"),
        folder: format!("nemo-ce-{VERSION}"),
        requirement: format!("NEMO-CE=={VERSION}"),
        variable: "NEXUS_TEST_NEMO",
        scripts: "nemo",
        commands: &[&["-m", "django", "migrate", "--verbosity", "0"]],
        sources: &["settings.py"],
    }
}
