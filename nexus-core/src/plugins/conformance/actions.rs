//! What a plugin offers beside its daily work. Actions that change something are never run.

use nexus_plugin_api::ActionOutcome;
use nexus_plugin_api::manifest::capability;
use nexus_plugin_api::message::{ActionsAnswer, Method, Reply};
use serde_json::json;

use super::bench::{Bench, Nothing, quoted};
use super::check::{Check, Stop, Verdict, fail, must, skip};
use super::messages::WORKS;

const LISTED: &str = "actions.are-listed";

pub(super) const CHECKS: &[Check] = &[
    Check::new(
        LISTED,
        "`actions` is answered with a list, or `unsupported`.",
        "Answer {\"actions\": []} if there are none.",
        &[WORKS],
        |bench| actions(bench).map(drop),
    ),
    Check::new(
        "actions.claim-is-true",
        "A plugin offers actions exactly if its manifest claims `actions`.",
        "Add \"actions\" to the capabilities, or take it out.",
        &[LISTED],
        claim,
    ),
    Check::new(
        "actions.names",
        "The name of an action is lower case, digits and hyphens, and each is offered once.",
        "Choose a word that is easily typed, such as push-template.",
        &[LISTED],
        names,
    ),
    Check::new(
        "actions.summaries",
        "Every action has a summary of one line.",
        "Say in one sentence what the action does.",
        &[LISTED],
        summaries,
    ),
    Check::new(
        "actions.arguments",
        "The arguments of an action are described by a JSON Schema of type object, or not at all.",
        "Begin with {\"type\": \"object\", \"properties\": {…}}.",
        &[LISTED],
        arguments,
    ),
    Check::new(
        "actions.unknown-refused",
        "An action that is not offered is refused with a permanent error, or answered `unsupported`.",
        "Compare the name with those offered before anything is done.",
        &[LISTED],
        unknown,
    ),
    Check::new(
        "actions.reading-ones-answer",
        "An action that changes nothing and needs no argument answers with a message.",
        "Answer {\"message\": \"…\"}, or mark the action with \"writes\": true.",
        &["actions.names", "actions.arguments"],
        reading,
    ),
];

fn actions(bench: &mut Bench<'_>) -> Result<ActionsAnswer, Stop> {
    let line = bench.line()?;
    match bench.ask(&line, Method::Actions, &Nothing {})? {
        Reply::Ok(answer) => Ok(answer),
        Reply::Unsupported => Ok(ActionsAnswer { actions: Vec::new() }),
        Reply::Error(error) => fail(format!("`actions` failed: {error}")),
    }
}

fn claim(bench: &mut Bench<'_>) -> Verdict {
    let offered = actions(bench)?.actions.len();
    match (bench.claims(capability::ACTIONS), offered) {
        (true, 0) => fail("the manifest claims `actions`, and none is offered"),
        (false, 1..) => fail(format!("{offered} are offered, and the manifest does not claim `actions`")),
        _ => Ok(()),
    }
}

fn names(bench: &mut Bench<'_>) -> Verdict {
    let actions = actions(bench)?.actions;
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    for (at, action) in actions.iter().enumerate() {
        let name = &action.name;
        must(!name.is_empty() && name.len() <= 64 && name.bytes().all(allowed), || {
            format!("{} is no name of an action", quoted(name))
        })?;
        must(!actions.iter().take(at).any(|before| before.name == *name), || {
            format!("`{name}` is offered twice")
        })?;
    }
    Ok(())
}

fn summaries(bench: &mut Bench<'_>) -> Verdict {
    for action in actions(bench)?.actions {
        let good = !action.summary.trim().is_empty() && !action.summary.contains(|c: char| c.is_control());
        must(good, || format!("the summary of `{}` is {}", action.name, quoted(&action.summary)))?;
    }
    Ok(())
}

fn arguments(bench: &mut Bench<'_>) -> Verdict {
    for action in actions(bench)?.actions {
        let schema = &action.arguments;
        must(schema.is_null() || schema["type"] == "object", || {
            format!("the arguments of `{}` are {}", action.name, quoted(&schema.to_string()))
        })?;
    }
    Ok(())
}

fn unknown(bench: &mut Bench<'_>) -> Verdict {
    let line = bench.line()?;
    let params = json!({"name": "conformance-no-such-action", "arguments": {}});
    match bench.ask::<ActionOutcome>(&line, Method::RunAction, &params)? {
        Reply::Unsupported => Ok(()),
        Reply::Error(error) => must(error.class == nexus_plugin_api::FailureClass::Permanent, || {
            format!("it is refused with class {}: {error}", error.class.as_str())
        }),
        Reply::Ok(outcome) => fail(format!("it says it was run: {}", quoted(&outcome.message))),
    }
}

fn reading(bench: &mut Bench<'_>) -> Verdict {
    let needs_nothing = |schema: &serde_json::Value| schema["required"].as_array().is_none_or(Vec::is_empty);
    let harmless: Vec<_> = actions(bench)?
        .actions
        .into_iter()
        .filter(|action| !action.writes && needs_nothing(&action.arguments))
        .collect();
    if harmless.is_empty() {
        return skip("it offers no action that changes nothing and needs no argument");
    }
    let line = bench.line()?;
    for action in harmless {
        let params = json!({"name": action.name, "arguments": {}});
        let outcome: ActionOutcome = bench.get(&line, Method::RunAction, &params)?;
        must(!outcome.message.trim().is_empty(), || format!("`{}` says nothing", action.name))?;
    }
    Ok(())
}
