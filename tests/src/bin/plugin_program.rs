//! The plugins that come with nexus as programs, for the tests: `plugin_program logbook` and so on; and, as
//! `nexus plugin-host` does it, a library in this process: `plugin_program host LIBRARY`.

use std::path::Path;
use std::process::ExitCode;

use nexus_plugin_api::{PluginError, host, serve};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["logbook"] => serve::stdio(nexus_plugin_logbook::Logbook),
        ["folder"] => serve::stdio(nexus_plugin_folder::Folder),
        ["cdcs"] => serve::stdio(nexus_plugin_cdcs::Cdcs),
        ["labarchives"] => serve::stdio(nexus_plugin_labarchives::LabArchives),
        ["sharepoint"] => serve::stdio(nexus_plugin_sharepoint::SharePoint),
        ["nemo"] => serve::stdio(nexus_plugin_nemo::Nemo),
        ["host", library] => serve::host(
            || host::open(Path::new(library)).map_err(|error| PluginError::permanent(error.to_string())),
            std::io::stdin(),
            std::io::stdout(),
        ),
        other => {
            eprintln!(
                "logbook, folder, cdcs, labarchives, nemo, sharepoint or host LIBRARY is wanted, not {other:?}"
            );
            ExitCode::FAILURE
        }
    }
}
