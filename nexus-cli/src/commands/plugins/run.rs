//! `nexus plugins run`.

mod arguments;
mod users;

use clap::Args;
use nexus_core::lock::{DatabaseLock, LockError, RunLock};
use nexus_core::plugins::{AnyInstance, CallError};
use nexus_plugin_api::{Action, ActionOutcome, Effect};
use serde_json::json;

use self::users::Stored;
use super::show::offered;
use super::subject::{Workplace, only, table_called};
use crate::args::Global;
use crate::commands::config;
use crate::commands::run::{refused, stopped};
use crate::exit_code::{ExitCode, OrStop as _, Stop};
use crate::{first_party, output};

const EXAMPLES: &str = "\
Examples:
  nexus plugins run cdcs                       the actions that the plugin of [destinations.cdcs] offers
  nexus plugins run cdcs push-template         run one of them
  nexus plugins run labarchives enrol user=ada email=ada@example.org token_file=token.txt
                                               the same with arguments
  nexus plugins run cdcs tidy --json-args '{\"older_than\": 30}'
                                               arguments of any kind

An argument is a text, a number, true or false, or JSON: what the action's list of arguments says it is. An action that \
changes something holds the lock of a run meanwhile. Identifiers of users that it learns are stored, as by `nexus users \
link`.

Exit code: 0 done, 1 the action failed, 2 there is no such action or argument, 3 the configuration cannot be used, 4 done \
but identifiers could not be stored, 5 another run holds the lock, 6 the database cannot be used.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct RunArgs {
    /// The plugin's table: cdcs, or destinations.cdcs.
    #[arg(value_name = "NAME")]
    plugin: String,
    /// The action; without it, those on offer are listed.
    #[arg(value_name = "ACTION")]
    action: Option<String>,
    /// The action's arguments.
    #[arg(value_name = "KEY=VALUE", conflicts_with = "json_args")]
    arguments: Vec<String>,
    /// The action's arguments as one JSON object.
    #[arg(long, value_name = "JSON")]
    json_args: Option<String>,
}

pub(super) fn run(global: &Global, args: &RunArgs) -> Result<ExitCode, Stop> {
    let config = config::load(global)?;
    let table = table_called(&config, &args.plugin)?;
    let workplace = Workplace::new(&config).or_stop(ExitCode::CannotStart)?;
    // Before the plugins, so that they are gone when it is given back.
    let mut locked: Option<(RunLock, DatabaseLock)> = None;
    let plugins = first_party::catalogue()
        .open(&only(&config, &[table.settings.table()]), workplace.surroundings())
        .map_err(|errors| stopped(nexus_core::pipeline::PipelineError::Plugins(errors)))?;
    let all = plugins.all();
    let Some(instance) = all.first() else {
        return Err(anyhow::anyhow!("[{}] makes no instance", table.settings.table()).into());
    };
    let actions = instance.actions().or_stop(ExitCode::Failed)?;
    let Some(name) = &args.action else { return list(global, *instance, &actions) };
    let Some(action) = actions.iter().find(|action| action.name == *name) else {
        return Err(unknown(*instance, name, &actions));
    };
    let arguments = match &args.json_args {
        Some(text) => arguments::from_json(text),
        None => arguments::from_words(action, &args.arguments),
    };
    let arguments = arguments
        .and_then(|arguments| arguments::check(action, arguments))
        .map_err(|text| Stop::new(ExitCode::Usage, anyhow::anyhow!(text)))?;

    let held = |error: LockError| refused(error.into());
    let locks = || -> Result<(RunLock, DatabaseLock), LockError> {
        let run = RunLock::try_acquire(&config.storage.data)?;
        Ok((run, DatabaseLock::try_acquire(&config.database.path)?))
    };
    if action.writes {
        locked = Some(locks().map_err(held)?);
    }
    let outcome = instance.run_action(name, &arguments).map_err(|error| failed(*instance, name, &error))?;
    let mut refused = None;
    if locked.is_none() && !outcome.users.is_empty() {
        match locks() {
            Ok(locks) => locked = Some(locks),
            Err(error) => refused = Some(output::chain(&error)),
        }
    }
    // What it did stays done, so what it learned is shown even if it cannot be stored.
    let stored = match refused {
        Some(why) => users::not_stored(&outcome.users, &why),
        None if outcome.users.is_empty() => Vec::new(),
        None => users::store(&config, &outcome.users),
    };
    drop(all);
    drop(plugins);
    drop(locked);
    print(global, &outcome, &stored)?;
    let all_stored = stored.iter().all(|stored| stored.problem.is_none());
    Ok(if all_stored { ExitCode::Done } else { ExitCode::NeedsPerson })
}

fn list(global: &Global, instance: &dyn AnyInstance, actions: &[Action]) -> Result<ExitCode, Stop> {
    if global.json {
        output::json(&actions)?;
    } else if actions.is_empty() {
        output::line(format!("plugin `{}` of [{}] offers no actions", instance.plugin(), instance.table()));
    } else {
        offered(actions);
    }
    Ok(ExitCode::Done)
}

fn unknown(instance: &dyn AnyInstance, name: &str, actions: &[Action]) -> Stop {
    let (plugin, table) = (instance.plugin(), instance.table());
    let error = anyhow::anyhow!("plugin `{plugin}` of [{table}] offers no action `{name}`");
    let names: Vec<&str> = actions.iter().map(|action| action.name.as_str()).collect();
    let hint = if names.is_empty() {
        "it offers none".to_owned()
    } else {
        format!("there are: {}", names.join(", "))
    };
    Stop::new(ExitCode::Usage, error).with_hint(hint)
}

fn failed(instance: &dyn AnyInstance, name: &str, error: &CallError) -> Stop {
    let text = format!("action `{name}` of [{}] failed: {error}", instance.table());
    let unclear = match error {
        CallError::Plugin(error) => error.effect == Effect::Maybe,
        CallError::Overdue { .. } => true,
        CallError::Off { .. } => false,
    };
    let own = match error {
        CallError::Plugin(error) => error.hint.clone(),
        _ => None,
    };
    let stop = Stop::new(ExitCode::Failed, anyhow::anyhow!(text));
    let doubt = unclear.then(|| "it may have done something all the same: look there first".to_owned());
    let hints: Vec<String> = own.into_iter().chain(doubt).collect();
    if hints.is_empty() { stop } else { stop.with_hint(hints.join("; ")) }
}

fn print(global: &Global, outcome: &ActionOutcome, stored: &[Stored<'_>]) -> Result<(), Stop> {
    if global.json {
        output::json(&json!({ "message": outcome.message, "data": outcome.data, "users": stored }))?;
        return Ok(());
    }
    output::line(&outcome.message);
    for Stored { user, new, problem } in stored {
        let is = format!("{} is `{}` in {}", user.username, user.external_id, user.system);
        output::line(match (problem, new) {
            (Some(problem), _) => format!("not stored: {is}: {problem}"),
            (None, true) => format!("linked: {is}"),
            (None, false) => format!("linked again: {is}"),
        });
    }
    Ok(())
}
