//! Records and facts of every sort.

use nexus_plugin_api::{Effect, FailureClass, Found, PathRef, PluginKind};

use super::super::bench::{Bench, quoted, told};
use super::super::check::{Check, Stop, Verdict, fail, must};
use super::super::sample;
use super::{DELIVERS, carry, find, find_this, must_find, try_carry};

const MISSING: &str = "destination.missing-record";

pub(super) const CHECKS: &[Check] = &[
    Check::new(
        MISSING,
        "A record file that does not exist is a permanent error without effect that names the file.",
        "Open the record before anything is sent, and name the path in the error.",
        &[DELIVERS],
        missing,
    )
    .of(PluginKind::Destination),
    Check::new(
        "destination.missing-record-leaves-nothing",
        "A delivery that was refused leaves nothing behind, and works once the record is there.",
        "Open the record before anything is made at the destination.",
        &[MISSING],
        leaves_nothing,
    )
    .of(PluginKind::Destination),
    Check::new(
        "destination.record-is-a-folder",
        "A folder in the place of the record is an error.",
        "Read the record, and answer what the system says.",
        &[DELIVERS],
        folder,
    )
    .of(PluginKind::Destination),
    Check::new(
        "destination.record-unchanged",
        "The record file is the same after its delivery, and nothing lies beside it.",
        "Only read the record; temporary files go into the scratch folder.",
        &[DELIVERS],
        unchanged,
    )
    .of(PluginKind::Destination),
    Check::new(
        "destination.record-path-not-utf8",
        "A record whose path is not UTF-8 is delivered, or refused with an error.",
        "Read {\"bytes\": \"<hex>\"} as well as a text where a path stands.",
        &[DELIVERS],
        not_utf8,
    )
    .of(PluginKind::Destination),
    Check::new(
        "destination.large-record",
        "A record of some megabytes is delivered.",
        "Send large records in pieces, and look at the time limits of your requests.",
        &[DELIVERS],
        large,
    )
    .of(PluginKind::Destination),
    Check::new(
        "destination.bare-facts",
        "A session without user, activities, reservation and other results is delivered.",
        "All of these may be missing; use the record's name where a title is needed.",
        &[DELIVERS],
        bare,
    )
    .of(PluginKind::Destination),
    Check::new(
        "destination.full-facts",
        "A session with all facts, previews and results of other destinations is delivered.",
        "Use what you need of the facts, and ignore the rest.",
        &[DELIVERS],
        full,
    )
    .of(PluginKind::Destination),
    Check::new(
        "destination.unicode-name",
        "A record whose name has letters of all alphabets is delivered and found.",
        "Encode names where they go into addresses, and cut them at characters.",
        &[DELIVERS],
        unicode,
    )
    .of(PluginKind::Destination),
    Check::new(
        "destination.hostile-facts",
        "Facts with quotes, markup, control characters or very long texts are delivered or refused with an error.",
        "Write texts through a library for the format they go into.",
        &[DELIVERS],
        hostile,
    )
    .of(PluginKind::Destination),
    Check::new(
        "destination.no-way-out",
        "Facts that look like paths lead to no file outside the destination.",
        "Take separators and leading points out of everything that becomes part of a path.",
        &[DELIVERS],
        no_way_out,
    )
    .of(PluginKind::Destination),
];

fn missing(bench: &mut Bench<'_>) -> Verdict {
    let mut delivery = sample::delivery(bench, "missing")?;
    let path = bench.options.place.root().join("no-such-folder").join("no-such-record.xml");
    delivery.record.path = PathRef::new(&path);
    let line = bench.line()?;
    let Err(error) = try_carry(bench, &line, &delivery)? else {
        return fail("a record that does not exist is delivered");
    };
    must(error.class == FailureClass::Permanent, || {
        format!("the class is {}: {}", error.class.as_str(), told(&error))
    })?;
    must(error.effect == Effect::None, || {
        format!("the effect is {}: {}", quoted(&error.effect), told(&error))
    })?;
    must(told(&error).contains("no-such-record.xml"), || format!("the error says: {}", told(&error)))
}

fn leaves_nothing(bench: &mut Bench<'_>) -> Verdict {
    must_find(bench)?;
    let delivery = sample::delivery(bench, "refused")?;
    let mut refused = delivery.clone();
    refused.record.path = PathRef::new(bench.options.place.root().join("no-such-record.xml"));
    let line = bench.line()?;
    let _ = try_carry(bench, &line, &refused)?;
    let found = find(bench, &line, &delivery)?;
    must(found == Found::None, || format!("after the refusal `find` sees {}", quoted(&found)))?;
    let remote = carry(bench, &line, &delivery)?.remote;
    find_this(bench, &line, &delivery, &remote, "after the delivery")
}

fn folder(bench: &mut Bench<'_>) -> Verdict {
    let mut delivery = sample::delivery(bench, "folder")?;
    delivery.record.path = PathRef::new(bench.options.place.root());
    let line = bench.line()?;
    match try_carry(bench, &line, &delivery)? {
        Ok(_) => fail("a folder is delivered as a record"),
        Err(_) => Ok(()),
    }
}

fn unchanged(bench: &mut Bench<'_>) -> Verdict {
    let delivery = sample::delivery(bench, "unchanged")?;
    let path = delivery.record.path.as_path().to_owned();
    let read = || {
        std::fs::read(&path)
            .map_err(|error| Stop::Fail(format!("the record cannot be read afterwards: {error}")))
    };
    let folder = bench.options.place.files();
    let (bytes, names) = (read()?, names(&folder));
    let line = bench.line()?;
    carry(bench, &line, &delivery)?;
    must(read()? == bytes, || "the record file is another one afterwards".to_owned())?;
    let after = self::names(&folder);
    let new: Vec<&String> = after.iter().filter(|name| !names.contains(name)).collect();
    must(new.is_empty(), || format!("beside the record lies {}", quoted(&new)))
}

fn names(folder: &std::path::Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

#[cfg(unix)]
fn not_utf8(bench: &mut Bench<'_>) -> Verdict {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    let mut delivery = sample::delivery(bench, "bytes")?;
    let path = bench.options.place.files().join(OsStr::from_bytes(b"r\xe9cord \xff.xml"));
    let (key, name) = (delivery.record.key.clone(), delivery.record.name.clone());
    delivery.record = sample::write_record(&path, &key, &name, 2_000)?;
    let line = bench.line()?;
    // Refused is well, a crash is not.
    try_carry(bench, &line, &delivery).map(drop)
}

#[cfg(not(unix))]
fn not_utf8(_bench: &mut Bench<'_>) -> Verdict {
    super::super::check::skip("paths are always text here")
}

fn large(bench: &mut Bench<'_>) -> Verdict {
    let delivery = sample::delivery_of(bench, "large", bench.options.large)?;
    let line = bench.line()?;
    carry(bench, &line, &delivery).map(drop)
}

fn bare(bench: &mut Bench<'_>) -> Verdict {
    let mut delivery = sample::delivery(bench, "bare")?;
    delivery.session.user = None;
    delivery.activities.clear();
    let line = bench.line()?;
    carry(bench, &line, &delivery).map(drop)
}

fn full(bench: &mut Bench<'_>) -> Verdict {
    let mut delivery = sample::delivery(bench, "full")?;
    sample::fill(&mut delivery);
    let line = bench.line()?;
    carry(bench, &line, &delivery).map(drop)
}

fn unicode(bench: &mut Bench<'_>) -> Verdict {
    let mut delivery = sample::delivery(bench, "unicode")?;
    delivery.record.name = format!("Grüße_分析_😀_{}", delivery.record.name);
    "Ελληνικό 顕微鏡".clone_into(&mut delivery.session.instrument.display_name);
    let line = bench.line()?;
    let remote = carry(bench, &line, &delivery)?.remote;
    if must_find(bench).is_err() {
        return Ok(());
    }
    find_this(bench, &line, &delivery, &remote, "after the delivery")
}

fn hostile(bench: &mut Bench<'_>) -> Verdict {
    let line = bench.line()?;
    for text in sample::hostile_texts() {
        let mut delivery = sample::delivery(bench, "hostile-facts")?;
        sample::fill(&mut delivery);
        delivery.session.user = Some(text.clone());
        delivery.session.instrument.display_name.clone_from(&text);
        if let Some(reservation) = &mut delivery.reservation {
            reservation.title = Some(text.clone());
            reservation.user_full_name = Some(text.clone());
        }
        let delivered = try_carry(bench, &line, &delivery)?;
        if let (Ok(delivered), true) = (&delivered, must_find(bench).is_ok()) {
            find_this(bench, &line, &delivery, &delivered.remote, "after the delivery")?;
        }
    }
    bench.must_be_alive(&line, "hostile facts")
}

fn no_way_out(bench: &mut Bench<'_>) -> Verdict {
    let outside = |bench: &Bench<'_>| {
        let place = &bench.options.place;
        let mut found = Vec::new();
        let mut folders = vec![place.root().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if path == place.tmp() || path == place.scratch() || path == place.files() {
                    continue;
                }
                if path.is_dir() {
                    folders.push(path.clone());
                }
                found.push(path);
            }
        }
        found.sort();
        found
    };
    let before = outside(bench);
    let line = bench.line()?;
    for climb in ["..", "../conformance-escaped", "../../conformance-escaped", "../../../conformance-escaped"]
    {
        let mut delivery = sample::delivery(bench, "no-way-out")?;
        delivery.session.user = Some(climb.to_owned());
        climb.clone_into(&mut delivery.session.instrument.pid);
        climb.clone_into(&mut delivery.session.instrument.location);
        let _ = try_carry(bench, &line, &delivery)?;
    }
    let new: Vec<_> = outside(bench).into_iter().filter(|path| !before.contains(path)).collect();
    must(new.is_empty(), || format!("outside lies now {}", quoted(&new)))
}
