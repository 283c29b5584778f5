//! Whether a delivery would work, told to a person.

use std::fs::{File, remove_file};
use std::io::Write as _;

use nexus_plugin_api::{CheckReport, CheckResult, PluginError};

use crate::failure;
use crate::place::Root;
use crate::settings::Settings;

/// Looks for the root, and writes and removes a file in it.
pub fn check(settings: &Settings) -> CheckReport {
    let mut report = CheckReport::default();
    let root = match Root::open(settings) {
        Ok(root) => root,
        Err(error) => {
            report.push("folder there", CheckResult::Failed, told(error));
            return report;
        }
    };
    report.push("folder there", CheckResult::Ok, root.path().display().to_string());
    match probe(&root) {
        Ok(()) => report.push("folder writable", CheckResult::Ok, "a file was written and removed"),
        Err(error) => report.push("folder writable", CheckResult::Failed, told(error)),
    }
    report
}

fn probe(root: &Root) -> Result<(), PluginError> {
    let path = root.path().join(format!(".nexus-probe-{}", std::process::id()));
    let written = File::create(&path).and_then(|mut file| {
        file.write_all(b"written by `nexus` to see whether it may; remove it if you find it\n")?;
        file.sync_all()
    });
    // Whatever was written goes away, also after a disk became full half-way.
    let removed = remove_file(&path);
    written.map_err(|error| failure::of(&error, "write", &path))?;
    removed.map_err(|error| failure::of(&error, "remove", &path))
}

fn told(error: PluginError) -> String {
    match error.hint {
        Some(hint) => format!("{}; {hint}", error.message),
        None => error.message,
    }
}
