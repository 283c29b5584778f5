//! The rows of [`nexus_tests::nemo_table`], put to the plugin.

use nexus_plugin_api::SessionRef;
pub use nexus_tests::nemo_table::*;

use super::bench::Bench;

/// Puts the rows on the fake server; the sessions they stand for.
pub fn put(bench: &Bench, rows: &[Row]) -> Vec<SessionRef> {
    nexus_tests::nemo_table::put(&bench.nemo, rows);
    let user = |row: &Row| if row.user == 3 { "k.ito" } else { "staff" }.to_owned();
    rows.iter().map(|row| SessionRef { user: Some(user(row)), ..bench.session(&row.event()) }).collect()
}
