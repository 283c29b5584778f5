//! Files that are none of its own.

use std::fs::File;

use nexus_plugin_api::{PathRef, PluginKind};

use super::super::bench::{Bench, quoted};
use super::super::check::{Check, Stop, Verdict, fail, must, skip};
use super::super::messages::WORKS;
use super::super::sample;
use super::{accepts, extract};

pub(super) const CHECKS: &[Check] = &[
    Check::new(
        "extractor.foreign-file",
        "A file of noise is not accepted, though it has the right suffix.",
        "Look at the first bytes: a suffix proves nothing.",
        &[WORKS],
        foreign,
    )
    .of(PluginKind::Extractor),
    Check::new(
        "extractor.accepts-is-cheap",
        "Whether a file of a gigabyte is its own is said at once.",
        "Read the first bytes of the file and no more.",
        &[WORKS],
        cheap,
    )
    .of(PluginKind::Extractor),
    Check::new(
        "extractor.noise",
        "A file of noise is read with an error or some answer, and the next one as usual.",
        "Check lengths and offsets before they are used.",
        &[WORKS],
        noise,
    )
    .of(PluginKind::Extractor),
    Check::new(
        "extractor.empty-file",
        "An empty file is not accepted, or read with an error or some answer.",
        "Look at the length before the first byte is read.",
        &[WORKS],
        empty,
    )
    .of(PluginKind::Extractor),
    Check::new(
        "extractor.missing-file",
        "A file that does not exist is an error that names it.",
        "Answer what the system says, with the path.",
        &[WORKS],
        missing,
    )
    .of(PluginKind::Extractor),
    Check::new(
        "extractor.folder",
        "A folder in the place of a file is not accepted and cannot be read.",
        "Answer with an error.",
        &[WORKS],
        folder,
    )
    .of(PluginKind::Extractor),
    Check::new(
        "extractor.unreadable-file",
        "A file that may not be read is an error.",
        "Answer what the system says; a file that cannot be read holds not nothing.",
        &[WORKS],
        unreadable,
    )
    .of(PluginKind::Extractor),
];

fn foreign(bench: &mut Bench<'_>) -> Verdict {
    let path = sample::noise(bench, "foreign")?;
    let line = bench.line()?;
    let answer = accepts(bench, &line, &path)?;
    must(!matches!(answer, Ok(true)), || "a file of noise is accepted".to_owned())
}

fn cheap(bench: &mut Bench<'_>) -> Verdict {
    let path = bench.options.place.files().join(format!("large.{}", sample::suffix(bench)));
    // Takes no room on most file systems.
    let made = File::create(&path).and_then(|file| file.set_len(1 << 30));
    if let Err(error) = made {
        return skip(format!("no file of a gigabyte can be made: {error}"));
    }
    let line = bench.line()?;
    let params = serde_json::json!({"path": PathRef::new(&path)});
    let request = nexus_plugin_api::message::request(
        bench.next_id(),
        nexus_plugin_api::message::Method::Accepts,
        &params,
    )
    .map_err(|error| Stop::Skip(error.to_string()))?;
    // As if its deadline were now: what ends within the grace is cheap.
    let terms = super::super::bench::Terms::CancelledAfter(std::time::Duration::ZERO);
    let ended = bench.exchange(&line, terms, nexus_plugin_api::message::Method::Accepts, &request);
    let _ = std::fs::remove_file(&path);
    ended.map(drop)
}

fn noise(bench: &mut Bench<'_>) -> Verdict {
    let path = sample::noise(bench, "noise")?;
    let line = bench.line()?;
    let _ = extract(bench, &line, &path)?;
    bench.must_be_alive(&line, "a file of noise")
}

fn empty(bench: &mut Bench<'_>) -> Verdict {
    let path = bench.options.place.files().join(format!("empty.{}", sample::suffix(bench)));
    sample::put(&path, b"")?;
    let line = bench.line()?;
    let path = PathRef::new(path);
    let _ = accepts(bench, &line, &path)?;
    let _ = extract(bench, &line, &path)?;
    bench.must_be_alive(&line, "an empty file")
}

fn missing(bench: &mut Bench<'_>) -> Verdict {
    let name = format!("no-such-file.{}", sample::suffix(bench));
    let path = PathRef::new(bench.options.place.files().join(&name));
    let line = bench.line()?;
    let answer = accepts(bench, &line, &path)?;
    must(!matches!(answer, Ok(true)), || "a file that does not exist is accepted".to_owned())?;
    match extract(bench, &line, &path)? {
        Ok(signals) => fail(format!("a file that does not exist is read: {}", quoted(&signals))),
        Err(error) => {
            must(error.message.contains("no-such-file"), || format!("the error says: {}", error.message))
        }
    }
}

fn folder(bench: &mut Bench<'_>) -> Verdict {
    let path = bench.options.place.files().join(format!("folder.{}", sample::suffix(bench)));
    std::fs::create_dir_all(&path).map_err(|error| Stop::Skip(format!("no folder can be made: {error}")))?;
    let path = PathRef::new(path);
    let line = bench.line()?;
    let answer = accepts(bench, &line, &path)?;
    must(!matches!(answer, Ok(true)), || "a folder is accepted".to_owned())?;
    match extract(bench, &line, &path)? {
        Ok(signals) => fail(format!("a folder is read: {}", quoted(&signals))),
        Err(_) => Ok(()),
    }
}

#[cfg(unix)]
fn unreadable(bench: &mut Bench<'_>) -> Verdict {
    use std::os::unix::fs::PermissionsExt as _;
    let path = bench.options.place.files().join(format!("locked.{}", sample::suffix(bench)));
    sample::put(&path, b"locked")?;
    let locked = std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000));
    if locked.is_err() || std::fs::read(&path).is_ok() {
        return skip("this account may read every file");
    }
    let line = bench.line()?;
    match extract(bench, &line, &PathRef::new(path))? {
        Ok(signals) => fail(format!("a file that may not be read is read: {}", quoted(&signals))),
        Err(_) => Ok(()),
    }
}

#[cfg(not(unix))]
fn unreadable(_bench: &mut Bench<'_>) -> Verdict {
    skip("rights are others here")
}
