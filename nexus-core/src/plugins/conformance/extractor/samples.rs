//! Files of its own.

use std::path::{Path, PathBuf};

use nexus_plugin_api::manifest::capability;
use nexus_plugin_api::message::Method;
use nexus_plugin_api::{MetaMap, MetaNode, PathRef, PluginKind, Signal};
use serde_json::{Value, json};

use super::super::bench::{Bench, Line, quoted, told};
use super::super::check::{Check, Stop, Verdict, fail, must, skip};
use super::super::messages::WORKS;
use super::super::sample;
use super::{accepts, extract};

const ACCEPTED: &str = "extractor.own-files-accepted";
const READ: &str = "extractor.own-files-read";
const PREVIEW: &str = "extractor.preview-in-scratch";

pub(super) const CHECKS: &[Check] = &[
    Check::new(
        ACCEPTED,
        "The samples given are accepted.",
        "Give samples of the plugin's own, or correct what is looked for in the first bytes.",
        &[WORKS],
        own_accepted,
    )
    .of(PluginKind::Extractor),
    Check::new(
        READ,
        "Every sample has at least one signal, in the form that the protocol names.",
        "Answer {\"signals\": [{\"dataset_type\": \"Image\", \"metadata\": {…}}]}.",
        &[ACCEPTED],
        own_read,
    )
    .of(PluginKind::Extractor),
    Check::new(
        "extractor.dataset-types",
        "A signal has a dataset type that records know.",
        "Use Image, Spectrum, SpectrumImage, Diffraction, Misc or Unknown.",
        &[READ],
        dataset_types,
    )
    .of(PluginKind::Extractor),
    Check::new(
        "extractor.metadata-is-exact",
        "Metadata come back from JSON as they were, number by number.",
        "Write decimals as {\"decimal\": \"1.20\"}, whole numbers above 2^63 too, and maps as {\"map\": {…}}.",
        &[READ],
        exact,
    )
    .of(PluginKind::Extractor),
    Check::new(
        "extractor.metadata-keys",
        "No key of the metadata is empty or stands twice in one map.",
        "Choose a name for every value.",
        &[READ],
        keys,
    )
    .of(PluginKind::Extractor),
    Check::new(
        "extractor.warnings-name-keys",
        "A warning points to a value that is there.",
        "Give the path of keys as the metadata have it, from the outermost map.",
        &[READ],
        warnings,
    )
    .of(PluginKind::Extractor),
    Check::new(
        "extractor.claims-previews",
        "It draws a preview of some sample exactly if the manifest claims `previews`.",
        "Add \"previews\" to the capabilities, or take it out.",
        &[READ],
        claims_previews,
    )
    .of(PluginKind::Extractor),
    Check::new(
        PREVIEW,
        "A preview is a file in the call's scratch folder.",
        "Write it below the scratch folder of the call, under a name of its own.",
        &[READ],
        preview_place,
    )
    .of(PluginKind::Extractor),
    Check::new(
        "extractor.preview-is-png",
        "A preview is a PNG picture that can be opened.",
        "Write PNG, and close the file before the call returns.",
        &[PREVIEW],
        preview_png,
    )
    .of(PluginKind::Extractor),
    Check::new(
        "extractor.file-unchanged",
        "Reading changes nothing: neither the file nor what lies beside it.",
        "Open the file for reading only; side files belong into the scratch folder.",
        &[READ],
        unchanged,
    )
    .of(PluginKind::Extractor),
    Check::new(
        "extractor.same-answer-twice",
        "A file that is read twice, also by a fresh instance, gives the same metadata.",
        "Leave out what changes between two readings, such as the moment or a path in scratch.",
        &[READ],
        twice,
    )
    .of(PluginKind::Extractor),
    Check::new(
        "extractor.strange-name",
        "A sample under a name with blanks, quotes and letters of all alphabets is read as before.",
        "Use the path as it is given; put it into no command line.",
        &[READ],
        strange_name,
    )
    .of(PluginKind::Extractor),
    Check::new(
        "extractor.name-not-utf8",
        "A sample under a name that is not UTF-8 is read as before, or refused with an error.",
        "Read {\"bytes\": \"<hex>\"} as well as a text where a path stands.",
        &[READ],
        not_utf8,
    )
    .of(PluginKind::Extractor),
    Check::new(
        "extractor.truncated-file",
        "A sample that breaks off is read with an error or some answer, and the next file as usual.",
        "Check that what a header announces is there.",
        &[READ],
        truncated,
    )
    .of(PluginKind::Extractor),
];

fn samples(bench: &Bench<'_>) -> Result<Vec<PathBuf>, Stop> {
    if bench.options.samples.is_empty() {
        return skip("needs `--sample FILE`, or `samples` in nexus-test.toml");
    }
    Ok(bench.options.samples.clone())
}

fn own_accepted(bench: &mut Bench<'_>) -> Verdict {
    let line = bench.line()?;
    for path in samples(bench)? {
        match accepts(bench, &line, &PathRef::new(&path))? {
            Ok(true) => {}
            Ok(false) => return fail(format!("`{}` is not accepted", path.display())),
            Err(error) => return fail(format!("`{}`: {}", path.display(), told(&error))),
        }
    }
    Ok(())
}

/// The signals of one sample.
fn read(bench: &mut Bench<'_>, line: &Line, path: &Path) -> Result<Vec<Signal>, Stop> {
    extract(bench, line, &PathRef::new(path))?
        .map_err(|error| Stop::Fail(format!("`{}`: {}", path.display(), told(&error))))
}

/// Does something with the signals of every sample.
fn each(bench: &mut Bench<'_>, look: impl Fn(&Bench<'_>, &Path, &Signal) -> Verdict) -> Verdict {
    let line = bench.line()?;
    for path in samples(bench)? {
        for signal in read(bench, &line, &path)? {
            look(bench, &path, &signal)?;
        }
    }
    Ok(())
}

fn own_read(bench: &mut Bench<'_>) -> Verdict {
    let line = bench.line()?;
    for path in samples(bench)? {
        let signals = read(bench, &line, &path)?;
        must(!signals.is_empty(), || format!("`{}` has no signal", path.display()))?;
    }
    Ok(())
}

fn dataset_types(bench: &mut Bench<'_>) -> Verdict {
    each(bench, |_, path, signal| {
        must(crate::record::DATASET_TYPES.contains(&signal.dataset_type.as_str()), || {
            format!("`{}` has the dataset type {}", path.display(), quoted(&signal.dataset_type))
        })
    })
}

fn exact(bench: &mut Bench<'_>) -> Verdict {
    let line = bench.line()?;
    for path in samples(bench)? {
        let answer: Value = bench.get(&line, Method::Extract, &json!({"path": PathRef::new(&path)}))?;
        for signal in answer["signals"].as_array().into_iter().flatten() {
            let written = &signal["metadata"];
            let read: MetaMap = serde_json::from_value(written.clone())
                .map_err(|error| Stop::Fail(format!("`{}`: {error}", path.display())))?;
            let again = sample::json(&read)?;
            must(again == *written, || {
                format!(
                    "`{}`: written {}, read {}",
                    path.display(),
                    quoted(&written.to_string()),
                    quoted(&again.to_string())
                )
            })?;
        }
    }
    Ok(())
}

fn keys(bench: &mut Bench<'_>) -> Verdict {
    fn look(map: &MetaMap) -> Result<(), String> {
        for (at, (key, node)) in map.0.iter().enumerate() {
            if key.trim().is_empty() {
                return Err("a key is empty".to_owned());
            }
            if map.0.iter().take(at).any(|(before, _)| before == key) {
                return Err(format!("{} stands twice", quoted(key)));
            }
            if let MetaNode::Map(inner) = node {
                look(inner)?;
            }
        }
        Ok(())
    }
    each(bench, |_, path, signal| {
        look(&signal.metadata).map_err(|why| Stop::Fail(format!("`{}`: {why}", path.display())))
    })
}

fn warnings(bench: &mut Bench<'_>) -> Verdict {
    fn is_there(map: &MetaMap, path: &[String]) -> bool {
        match path {
            [] => false,
            [last] => map.get(last).is_some(),
            [first, rest @ ..] => {
                matches!(map.get(first), Some(MetaNode::Map(inner)) if is_there(inner, rest))
            }
        }
    }
    each(bench, |_, path, signal| {
        for warning in &signal.warnings {
            must(is_there(&signal.metadata, warning), || {
                format!("`{}` warns of {}, which it does not have", path.display(), quoted(warning))
            })?;
        }
        Ok(())
    })
}

fn claims_previews(bench: &mut Bench<'_>) -> Verdict {
    let line = bench.line()?;
    let mut drawn = 0;
    for path in samples(bench)? {
        drawn += read(bench, &line, &path)?.iter().filter(|signal| signal.preview.is_some()).count();
    }
    match (bench.claims(capability::PREVIEWS), drawn) {
        (true, 0) => fail("the manifest claims `previews`, and no sample has one"),
        (false, 1..) => fail("a preview is drawn, and the manifest does not claim `previews`"),
        _ => Ok(()),
    }
}

fn preview_place(bench: &mut Bench<'_>) -> Verdict {
    each(bench, |bench, _, signal| {
        let Some(preview) = &signal.preview else { return Ok(()) };
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let inside = real(preview.as_path()).starts_with(real(&bench.options.place.scratch()));
        must(inside && preview.as_path().is_file(), || {
            format!("the preview is `{}`", preview.as_path().display())
        })
    })
}

fn preview_png(bench: &mut Bench<'_>) -> Verdict {
    each(bench, |_, _, signal| {
        let Some(preview) = &signal.preview else { return Ok(()) };
        let bytes = std::fs::read(preview.as_path()).unwrap_or_default();
        match image::load_from_memory_with_format(&bytes, image::ImageFormat::Png) {
            Ok(_) => Ok(()),
            Err(error) => fail(format!("`{}` is no PNG picture: {error}", preview.as_path().display())),
        }
    })
}

/// A copy of the first sample in a folder of its own.
fn copy(
    bench: &Bench<'_>,
    folder: &str,
    name: impl AsRef<std::ffi::OsStr>,
) -> Result<(PathBuf, PathBuf), Stop> {
    let Some(sample) = samples(bench)?.into_iter().next() else { return skip("there is no sample") };
    let folder = bench.options.place.files().join(folder);
    let path = folder.join(name.as_ref());
    let copied = std::fs::create_dir_all(&folder).and_then(|()| std::fs::copy(&sample, &path));
    match copied {
        Ok(_) => Ok((sample, path)),
        Err(error) => skip(format!("the sample cannot be copied: {error}")),
    }
}

/// The suffix of the first sample, with the dot.
fn dotted(bench: &Bench<'_>) -> Result<String, Stop> {
    let samples = samples(bench)?;
    let suffix = samples.first().and_then(|path| path.extension());
    Ok(suffix.map_or_else(String::new, |suffix| format!(".{}", suffix.to_string_lossy())))
}

fn unchanged(bench: &mut Bench<'_>) -> Verdict {
    let (_, path) = copy(bench, "untouched", format!("sample{}", dotted(bench)?))?;
    let folder = path.parent().unwrap_or(&path).to_owned();
    let bytes = std::fs::read(&path).unwrap_or_default();
    let before = super::super::bench::listing(&folder);
    let line = bench.line()?;
    read(bench, &line, &path)?;
    must(std::fs::read(&path).unwrap_or_default() == bytes, || {
        "the file has other bytes afterwards".to_owned()
    })?;
    let after = super::super::bench::listing(&folder);
    must(after == before, || format!("the folder held {} and holds {}", quoted(&before), quoted(&after)))
}

/// What must stay equal: all but the preview's place.
fn content(signals: &[Signal]) -> Vec<(String, MetaMap, Vec<Vec<String>>, bool)> {
    signals
        .iter()
        .map(|one| {
            (one.dataset_type.clone(), one.metadata.clone(), one.warnings.clone(), one.preview.is_some())
        })
        .collect()
}

/// The first thing in which two readings differ. Compared as text, where not-a-number is equal to itself.
fn difference(one: &[Signal], other: &[Signal]) -> Option<String> {
    let (one, other) = (content(one), content(other));
    if quoted_whole(&one) == quoted_whole(&other) {
        return None;
    }
    if one.len() != other.len() {
        return Some(format!("it has {} signals, and then {}", one.len(), other.len()));
    }
    let (one, other) =
        one.iter().zip(&other).find(|(one, other)| quoted_whole(one) != quoted_whole(other))?;
    let (before, after) = (&one.1.0, &other.1.0);
    let keys = |map: &[(String, MetaNode)]| map.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>();
    let sorted = |mut keys: Vec<String>| {
        keys.sort();
        keys
    };
    let at = before.iter().zip(after).find(|(before, after)| quoted_whole(before) != quoted_whole(after));
    Some(match at {
        Some(((key, _), (other, _))) if key != other && sorted(keys(before)) == sorted(keys(after)) => {
            format!(
                "the keys of its metadata come in another order, here `{key}` and there `{other}`; records keep the \
             order, so a map without one must be sorted"
            )
        }
        Some((before, after)) => format!("{}, and then {}", quoted(before), quoted(after)),
        None if before.len() != after.len() => {
            format!("its metadata have the keys {}, and then {}", quoted(&keys(before)), quoted(&keys(after)))
        }
        None => "its type, its warnings, or whether there is a preview".to_owned(),
    })
}

fn twice(bench: &mut Bench<'_>) -> Verdict {
    let line = bench.line()?;
    for path in samples(bench)? {
        let first = read(bench, &line, &path)?;
        let second = read(bench, &line, &path)?;
        let fresh = bench.connect()?;
        let third = read(bench, &fresh, &path)?;
        for other in [&second, &third] {
            if let Some(what) = difference(&first, other) {
                return fail(format!("`{}` is read differently: {what}", path.display()));
            }
        }
    }
    Ok(())
}

fn quoted_whole(value: &impl std::fmt::Debug) -> String {
    format!("{value:?}")
}

fn strange_name(bench: &mut Bench<'_>) -> Verdict {
    let suffix = dotted(bench)?;
    let (_, path) = copy(bench, "a \"b\" & 'c'", format!("-x $(y) <é> 分析 😀{suffix}"))?;
    let line = bench.line()?;
    let signals = read(bench, &line, &path)?;
    must(!signals.is_empty(), || format!("`{}` has no signal", path.display()))
}

#[cfg(unix)]
fn not_utf8(bench: &mut Bench<'_>) -> Verdict {
    use std::os::unix::ffi::OsStringExt as _;
    let suffix = dotted(bench)?;
    let name = std::ffi::OsString::from_vec([b"s\xe4mple \xff".as_slice(), suffix.as_bytes()].concat());
    let (_, path) = copy(bench, "bytes", name)?;
    let line = bench.line()?;
    match extract(bench, &line, &PathRef::new(path))? {
        Ok(signals) => must(!signals.is_empty(), || "under this name it has no signal".to_owned()),
        Err(_) => Ok(()),
    }
}

#[cfg(not(unix))]
fn not_utf8(_bench: &mut Bench<'_>) -> Verdict {
    skip("paths are always text here")
}

fn truncated(bench: &mut Bench<'_>) -> Verdict {
    let suffix = dotted(bench)?;
    let line = bench.line()?;
    for parts in [1_u64, 2, 3] {
        let (sample, path) = copy(bench, "truncated", format!("part-{parts}{suffix}"))?;
        let bytes = std::fs::read(&sample).unwrap_or_default();
        let keep = bytes.len() * usize::try_from(parts).unwrap_or(1) / 4;
        sample::put(&path, bytes.get(..keep).unwrap_or_default())?;
        let path = PathRef::new(path);
        let _ = accepts(bench, &line, &path)?;
        let _ = extract(bench, &line, &path)?;
    }
    bench.must_be_alive(&line, "a truncated file")
}
