//! `nexus db diagram`.

use clap::Args;
use nexus_core::db::describe;

use crate::args::Global;
use crate::exit_code::{ExitCode, Stop};
use crate::output;

const EXAMPLES: &str = "\
Examples:
  Write the diagram into a file that Mermaid can draw:
    nexus db diagram > database.mmd
  Write the whole description of the database:
    nexus db diagram --markdown > docs/database.md
  Give the descriptions to another program:
    nexus db diagram --json";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct DiagramArgs {
    /// Print the whole description of the database as Markdown, with the diagram in it.
    #[arg(long)]
    markdown: bool,
}

pub(super) fn run(global: &Global, args: &DiagramArgs) -> Result<ExitCode, Stop> {
    if global.json {
        output::json(&describe::tables().collect::<Vec<_>>())?;
        return Ok(ExitCode::Done);
    }
    let text = if args.markdown { describe::markdown() } else { describe::mermaid() };
    output::text(&text);
    Ok(ExitCode::Done)
}
