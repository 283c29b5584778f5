//! `nexus instruments import --from-harvester`: the tools of a scheduler as instruments.

mod chosen;

use anyhow::anyhow;
use clap::Args;
use nexus_core::api_address::ApiBase;
use nexus_core::config::{Config, HarvesterConfig};
use nexus_core::instrument::{Field, Instrument, InstrumentError, Instruments};
use nexus_core::pipeline::PipelineError;
use nexus_core::plugins::HarvesterInstance;
use nexus_plugin_api::InstrumentOffer;
use serde::Serialize;

use super::{End, reading, stop, writing};
use crate::args::Global;
use crate::commands::config;
use crate::commands::plugins::subject::{Workplace, only};
use crate::commands::run::stopped;
use crate::database::Place;
use crate::exit_code::{ExitCode, OrStop as _, Stop};
use crate::{first_party, output};

/// What is chosen, and what the server does not know.
#[derive(Debug, Args)]
pub(super) struct OfferedArgs {
    /// The harvester whose server is asked for its tools; without --tool, --all or --csv they are listed.
    #[arg(long, value_name = "NAME")]
    pub(super) from_harvester: Option<String>,
    /// A tool to add, by its number or its whole name; may be repeated.
    #[arg(long, value_name = "ID|NAME", requires = "from_harvester")]
    tool: Vec<String>,
    /// Add all tools that are no instrument yet.
    #[arg(long, requires = "from_harvester", conflicts_with = "tool")]
    all: bool,
    /// Print the chosen tools, or all that are no instrument yet, as a CSV file to be filled in.
    #[arg(long, requires = "from_harvester")]
    csv: bool,
    /// The name that the instrument keeps for ever; {id} and {name} stand for the tool's. Without it, the name of the
    /// tool with hyphens for blanks.
    #[arg(long, value_name = "TEXT", requires = "from_harvester")]
    pid: Option<String>,
    /// The time zone that the instruments stand in, by its IANA name.
    #[arg(long, value_name = "ZONE", requires = "from_harvester")]
    timezone: Option<String>,
    /// The folder of the instrument, relative to the storage of all; {id}, {name} and {pid} stand for the tool's.
    #[arg(long, value_name = "FOLDER", requires = "from_harvester")]
    filestore_path: Option<String>,
    /// Building and room, if not those that the server knows.
    #[arg(long, value_name = "TEXT", requires = "from_harvester")]
    location: Option<String>,
    /// The facility's own number for it; {id} stands for the tool's number.
    #[arg(long, value_name = "TEXT", requires = "from_harvester")]
    property_tag: Option<String>,
}

/// A tool of the server.
#[derive(Debug, Serialize)]
struct Tool {
    /// Its number there, or its whole address where that holds none.
    id: String,
    name: String,
    location: Option<String>,
    api_url: String,
    calendar_url: Option<String>,
    /// The instrument that stands for it.
    instrument: Option<String>,
    #[serde(skip)]
    timezone: Option<String>,
}

/// What became of the chosen tools.
#[derive(Debug, Default, Serialize)]
struct Done {
    added: Vec<Instrument>,
    /// Those that stand for a chosen tool already.
    unchanged: Vec<String>,
    dry_run: bool,
}

pub(super) fn run(
    global: &Global,
    place: &Place,
    args: &OfferedArgs,
    name: &str,
    dry_run: bool,
) -> Result<ExitCode, Stop> {
    let config = config::load(global)?;
    let table = table(&config, name)?;
    let (kind, offers) = ask(&config, table)?;
    let known = reading(place, |database| Instruments::load(database.read()))?;
    let tools: Vec<Tool> = offers.into_iter().map(|offer| tool(offer, table, &known)).collect();
    if !args.all && !args.csv && args.tool.is_empty() {
        return list(global, table, &tools);
    }
    let chosen = chosen::chosen(&tools, &args.tool)
        .map_err(|text| Stop::new(ExitCode::Usage, anyhow!(text)).with_hint(list_hint(table)))?;
    let wishes = chosen::Wishes {
        pid: args.pid.as_deref(),
        timezone: args.timezone.as_deref(),
        filestore_path: args.filestore_path.as_deref(),
        location: args.location.as_deref(),
        property_tag: args.property_tag.as_deref(),
    };
    let wanted = |tool: &&Tool| tool.instrument.is_none();
    let instruments: Vec<Instrument> =
        chosen.iter().copied().filter(wanted).map(|tool| wishes.instrument(tool, &kind)).collect();
    if args.csv {
        output::text(&super::export::csv(instruments.iter())?);
        return Ok(ExitCode::Done);
    }
    let end = if dry_run { End::Undo } else { End::Commit };
    let unchanged = chosen.iter().filter_map(|tool| tool.instrument.clone()).collect();
    if !instruments.is_empty() {
        writing(place, end, |tx| store(tx, &instruments))?;
    }
    report(global, &Done { added: instruments, unchanged, dry_run })
}

fn table<'c>(config: &'c Config, name: &str) -> Result<&'c HarvesterConfig, Stop> {
    let short = name.strip_prefix("harvesters.").unwrap_or(name);
    config.harvesters.iter().find(|table| table.name.as_str() == short).ok_or_else(|| {
        let error = anyhow!("there is no harvester `{short}` in `{}`", config.file.display());
        let names: Vec<&str> = config.harvesters.iter().map(|table| table.name.as_str()).collect();
        let hint = if names.is_empty() {
            "a harvester is configured in a table such as [harvesters.nemo-main]".to_owned()
        } else {
            format!("there are: {}", names.join(", "))
        };
        Stop::new(ExitCode::Usage, error).with_hint(hint)
    })
}

/// The plugin's name and the tools of its server.
fn ask(config: &Config, table: &HarvesterConfig) -> Result<(String, Vec<InstrumentOffer>), Stop> {
    let workplace = Workplace::new(config).or_stop(ExitCode::CannotStart)?;
    let plugins = first_party::catalogue()
        .open(&only(config, &[table.settings.table()]), workplace.surroundings())
        .map_err(|errors| stopped(PipelineError::Plugins(errors)))?;
    let Some(harvester) = plugins.harvesters.first() else {
        return Err(anyhow!("[{}] makes no instance", table.settings.table()).into());
    };
    let HarvesterInstance { plugin, .. } = harvester;
    let offers = harvester.instruments().map_err(|error| {
        let text = format!("[{}] cannot tell its instruments: {}", table.settings.table(), error.told());
        Stop::new(ExitCode::Failed, anyhow!(text))
            .with_hint(format!("`nexus plugins check {}` tells more", table.name))
    })?;
    Ok((plugin.clone(), offers))
}

fn tool(offer: InstrumentOffer, table: &HarvesterConfig, known: &Instruments) -> Tool {
    let bases: Vec<ApiBase> =
        table.address.iter().chain(&table.aliases).filter_map(|text| ApiBase::parse(text).ok()).collect();
    let number = |address: &str| bases.iter().find_map(|base| base.number_in("tools", address));
    let own = number(&offer.api_url);
    let stands = |instrument: &&std::sync::Arc<Instrument>| {
        instrument.api_url == offer.api_url || own.is_some() && number(&instrument.api_url) == own
    };
    Tool {
        instrument: known.iter().find(stands).map(|instrument| instrument.pid.to_string()),
        id: own.map_or_else(|| offer.api_url.clone(), |number| number.to_string()),
        name: offer.name,
        location: offer.location.filter(|text| !text.trim().is_empty()),
        api_url: offer.api_url,
        calendar_url: offer.calendar_url,
        timezone: offer.timezone,
    }
}

fn list(global: &Global, table: &HarvesterConfig, tools: &[Tool]) -> Result<ExitCode, Stop> {
    if global.json {
        output::json(&tools)?;
        return Ok(ExitCode::Done);
    }
    let name = &table.name;
    if tools.is_empty() {
        output::line(format!("`{name}` knows no tool, or its token may see none"));
        return Ok(ExitCode::Done);
    }
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let row = |tool: &Tool| {
        vec![tool.id.clone(), tool.name.clone(), or_dash(&tool.location), or_dash(&tool.instrument)]
    };
    output::table(&["Tool", "Name", "Location", "Instrument"], tools.iter().map(row));
    let Some(example) = tools.iter().find(|tool| tool.instrument.is_none()) else {
        output::line("\nall of them are instruments already");
        return Ok(ExitCode::Done);
    };
    output::line(format!(
        "\nAdd one, with what the server does not know:\n  \
         nexus instruments import --from-harvester {name} --tool {} --timezone ZONE --filestore-path FOLDER\n\
         Add several from a table that you fill in:\n  \
         nexus instruments import --from-harvester {name} --csv > instruments.csv\n  \
         nexus instruments import instruments.csv",
        example.id
    ));
    Ok(ExitCode::Done)
}

fn list_hint(table: &HarvesterConfig) -> String {
    format!("`nexus instruments import --from-harvester {}` lists the tools", table.name)
}

/// Stores all of them, or says everything that stands in the way.
fn store(tx: &rusqlite::Transaction<'_>, instruments: &[Instrument]) -> Result<(), Stop> {
    let mut refused = Vec::new();
    let mut missing = false;
    for instrument in instruments {
        match instrument.insert(tx) {
            Ok(()) => {}
            Err(error @ InstrumentError::Database { .. }) => return Err(stop(error)),
            Err(error) => {
                missing |= instrument.timezone.is_empty() || instrument.filestore_path.is_empty();
                refused.push(told(instrument, error));
            }
        }
    }
    if refused.is_empty() {
        return Ok(());
    }
    let text = format!("nothing was added\n  {}", refused.join("\n  "));
    let hint = if missing {
        "give what the server does not know with --timezone and --filestore-path (such as '{name}'), or fill in what \
         --csv prints"
    } else {
        "--pid, --timezone and --filestore-path give other values; what --csv prints can be edited"
    };
    Err(Stop::new(ExitCode::Failed, anyhow!(text)).with_hint(hint))
}

fn told(instrument: &Instrument, error: InstrumentError) -> String {
    match error {
        InstrumentError::Invalid { pid, problems } => {
            let empty = |field| match field {
                Field::Timezone => instrument.timezone.is_empty(),
                Field::FilestorePath => instrument.filestore_path.is_empty(),
                _ => false,
            };
            let words = problems.iter().map(|problem| {
                if empty(problem.field) {
                    format!("{} is missing", problem.field)
                } else {
                    problem.to_string()
                }
            });
            format!("`{pid}`: {}", words.collect::<Vec<_>>().join("; "))
        }
        error => error.to_string(),
    }
}

fn report(global: &Global, done: &Done) -> Result<ExitCode, Stop> {
    if global.json {
        output::json(done)?;
        return Ok(ExitCode::Done);
    }
    for instrument in &done.added {
        output::line(format!(
            "{} {instrument}: {}, files in {}, {}",
            if done.dry_run { "would add" } else { "added" },
            instrument.api_url,
            instrument.filestore_path,
            instrument.timezone
        ));
    }
    if !done.unchanged.is_empty() {
        output::line(format!("there already: {}", done.unchanged.join(", ")));
    }
    if done.added.is_empty() && done.unchanged.is_empty() {
        output::line("there is no tool to add");
    }
    if done.dry_run {
        output::line("nothing was stored: this was a dry run");
    }
    Ok(ExitCode::Done)
}
