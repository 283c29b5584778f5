//! The instruments that a source knows.

use std::collections::BTreeSet;

use nexus_plugin_api::PluginKind;
use nexus_plugin_api::manifest::capability;
use nexus_plugin_api::message::{InstrumentsAnswer, Method, Reply};

use super::super::bench::{Bench, Nothing, quoted};
use super::super::check::{Check, Stop, Verdict, fail, must};
use super::super::messages::WORKS;
use crate::zone;

const CLAIMED: &str = "harvester.claims-instruments";

pub(super) const CHECKS: &[Check] = &[
    Check::new(
        CLAIMED,
        "It lists the instruments of its source exactly if the manifest claims `instruments`.",
        "Add \"instruments\" to the capabilities, or take it out.",
        &[WORKS],
        claimed,
    )
    .of(PluginKind::Harvester),
    Check::new(
        "harvester.instruments-are-sound",
        "Every instrument on offer has a name and an address of its own, and a time zone only if it is one.",
        "Use the address that usage events name the tool by, and IANA names such as America/Denver.",
        &[CLAIMED],
        sound,
    )
    .of(PluginKind::Harvester),
];

fn offers(bench: &mut Bench<'_>) -> Result<InstrumentsAnswer, Stop> {
    let line = bench.line()?;
    match bench.ask(&line, Method::Instruments, &Nothing {})? {
        Reply::Ok(answer) => Ok(answer),
        Reply::Unsupported => Ok(InstrumentsAnswer { instruments: Vec::new() }),
        Reply::Error(error) => fail(format!("`instruments` failed: {error}")),
    }
}

fn claimed(bench: &mut Bench<'_>) -> Verdict {
    let offered = offers(bench)?.instruments.len();
    match (bench.claims(capability::INSTRUMENTS), offered) {
        (true, 0) => fail("the manifest claims `instruments`, and none is offered"),
        (false, 1..) => fail(format!("{offered} are offered, and the manifest does not claim `instruments`")),
        _ => Ok(()),
    }
}

fn sound(bench: &mut Bench<'_>) -> Verdict {
    let mut addresses = BTreeSet::new();
    for offer in offers(bench)?.instruments {
        must(!offer.name.trim().is_empty() && !offer.api_url.trim().is_empty(), || quoted(&offer))?;
        must(addresses.insert(offer.api_url.clone()), || {
            format!("{} is offered twice", quoted(&offer.api_url))
        })?;
        let zone = offer.timezone.as_deref().map(zone::parse);
        must(!matches!(zone, Some(Err(_))), || format!("{} is no time zone", quoted(&offer.timezone)))?;
    }
    Ok(())
}
