//! What plugins are shown: records, sessions, files, and texts that break things.

use std::path::{Path, PathBuf};

use nexus_plugin_api::{
    ActivityRef, DatasetRef, Delivery, InstrumentQuery, InstrumentRef, OtherResult, PathRef, Project,
    RecordRef, Remote, Reservation, Sample, SessionFacts, SessionRef,
};
use serde_json::Value;
use uuid::Uuid;

use super::bench::Bench;
use super::check::Stop;
use crate::record::sha256_hex;

/// Bytes of an ordinary record.
const USUAL: usize = 2_000;

/// A delivery of a fresh session with a record of its own. `label` goes into its name.
pub(super) fn delivery(bench: &Bench<'_>, label: &str) -> Result<Delivery, Stop> {
    delivery_of(bench, label, USUAL)
}

/// The same with a record of about this many bytes.
pub(super) fn delivery_of(bench: &Bench<'_>, label: &str, size: usize) -> Result<Delivery, Stop> {
    let key = Uuid::new_v4();
    let name = format!("2024-03-05_KIT-TEM_{label}_{}", &key.simple().to_string()[..8]);
    let folder = bench.options.place.files();
    let path = folder.join(format!("{name}.xml"));
    let record = write_record(&path, &key.to_string(), &name, size)?;
    Ok(Delivery {
        record,
        session: facts(&name),
        activities: activities(&folder)?,
        reservation: None,
        external_ids: std::collections::BTreeMap::new(),
        user_emails: Vec::new(),
        previous: None,
        checkpoint: None,
        others: Vec::new(),
    })
}

fn facts(name: &str) -> SessionFacts {
    SessionFacts {
        identifier: format!("conformance/{name}"),
        instrument: instrument("KIT-TEM"),
        user: Some("ada".to_owned()),
        start: at("2024-03-05T09:10:00-07:00"),
        end: at("2024-03-05T11:00:00-07:00"),
    }
}

fn at(text: &str) -> chrono::DateTime<chrono::FixedOffset> {
    text.parse().unwrap_or_default()
}

/// Writes a record with other content for the same session.
pub(super) fn revise(bench: &Bench<'_>, delivery: &Delivery) -> Result<Delivery, Stop> {
    let mut revised = delivery.clone();
    let name = &delivery.record.name;
    let path = bench.options.place.files().join(format!("{name}_revised.xml"));
    let path_before = std::mem::replace(&mut revised.record.path, PathRef::new(&path));
    let size = std::fs::metadata(path_before.as_path())
        .map_or(USUAL, |metadata| metadata.len().try_into().unwrap_or(USUAL));
    revised.record = write_record(&path, &delivery.record.key, name, size + 100)?;
    Ok(revised)
}

/// Writes a record to a path, which may have any name.
pub(super) fn write_record(path: &Path, key: &str, name: &str, size: usize) -> Result<RecordRef, Stop> {
    let title = quick_xml::escape::escape(name);
    let head = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<nx:Experiment xmlns=\"{0}\" xmlns:nx=\"{0}\" pid=\"{key}\">\n  <title>{title}</title>\n  \
         <summary>\n    <experimenter>ada</experimenter>\n    <motivation>",
        crate::xml::NAMESPACE
    );
    let words = "Written by the conformance kit of nexus; remove it if you find it. ";
    let tail = "</motivation>\n  </summary>\n</nx:Experiment>\n";
    let text = words.repeat(size.saturating_sub(head.len() + tail.len()) / words.len() + 1);
    let bytes = [head.as_str(), text.trim_end(), tail].concat().into_bytes();
    put(path, &bytes)?;
    let hash = sha256_hex(&bytes);
    Ok(RecordRef {
        path: PathRef::new(path),
        key: key.to_owned(),
        name: name.to_owned(),
        // Not the hash of the bytes, as in life.
        content_sha256: sha256_hex(hash.as_bytes()),
        file_sha256: hash,
        size: bytes.len() as u64,
    })
}

/// Writes a file the plugin is to be shown.
pub(super) fn put(path: &Path, bytes: &[u8]) -> Result<(), Stop> {
    std::fs::write(path, bytes)
        .map_err(|error| Stop::Skip(format!("cannot write `{}`: {error}", path.display())))
}

fn activities(folder: &Path) -> Result<Vec<ActivityRef>, Stop> {
    let preview = folder.join("preview.png");
    if !preview.exists() {
        put(&preview, PNG)?;
    }
    let dataset = |number: u32| DatasetRef {
        name: format!("image_{number}.dm4"),
        location: format!("KIT-TEM/ada/image_{number}.dm4"),
        dataset_type: "Image".to_owned(),
        preview: Some(PathRef::new(&preview)),
    };
    Ok(vec![ActivityRef {
        seqno: 0,
        start: at("2024-03-05T09:20:00-07:00"),
        datasets: vec![dataset(1), dataset(2)],
    }])
}

/// A picture of one grey pixel.
pub(super) const PNG: &[u8] = &[
    0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0x0d, b'I', b'H', b'D', b'R', 0, 0, 0, 1, 0, 0,
    0, 1, 8, 0, 0, 0, 0, 0x3a, 0x7e, 0x9b, 0x55, 0, 0, 0, 0x0a, b'I', b'D', b'A', b'T', 0x78, 0x9c, 0x63,
    0x68, 0, 0, 0, 0x82, 0, 0x81, 0x77, 0xcd, 0x72, 0xb6, 0, 0, 0, 0, b'I', b'E', b'N', b'D', 0xae, 0x42,
    0x60, 0x82,
];

/// Fills in everything that a delivery can say.
pub(super) fn fill(delivery: &mut Delivery) {
    delivery.reservation = Some(Reservation {
        internal_id: Some("4711".to_owned()),
        url: Some("https://scheduler.example.org/event/4711".to_owned()),
        title: Some("Grain boundaries in Fe–C, 2nd run".to_owned()),
        purpose: Some("To see whether \"it\" works & how".to_owned()),
        username: Some("ada".to_owned()),
        user_full_name: Some("Ada Löwe".to_owned()),
        user_email: Some("ada@example.org".to_owned()),
        start: Some(delivery.session.start.into()),
        end: Some(delivery.session.end.into()),
        division: Some("641".to_owned()),
        group: Some("01".to_owned()),
        samples: vec![Sample {
            name: Some("steel, annealed".to_owned()),
            elements: vec!["Fe".to_owned(), "C".to_owned()],
            ..Sample::default()
        }],
        projects: vec![Project {
            name: Some("Steels".to_owned()),
            id: Some("641.01".to_owned()),
            link: None,
        }],
        ..Reservation::default()
    });
    delivery.external_ids = [("nemo", "17"), ("labarchives_eln", "ada-eln"), ("cdcs", "23")]
        .into_iter()
        .map(|(system, id)| (system.to_owned(), id.to_owned()))
        .collect();
    let remote = Remote {
        id: "other-1".to_owned(),
        url: Some("https://other.example.org/data?id=other-1".to_owned()),
        content_sha256: Some(delivery.record.content_sha256.clone()),
    };
    delivery.others = vec![
        OtherResult { destination: "other".to_owned(), delivered: true, remote: Some(remote) },
        OtherResult { destination: "third".to_owned(), delivered: false, remote: None },
    ];
}

/// A delivery as it stands in a message.
pub(super) fn json(value: &impl serde::Serialize) -> Result<Value, Stop> {
    serde_json::to_value(value)
        .map_err(|error| Stop::Skip(format!("this cannot be written as JSON: {error}")))
}

/// An instrument of this name that nobody else has.
pub(super) fn instrument(pid: &str) -> InstrumentRef {
    InstrumentRef {
        pid: pid.to_owned(),
        display_name: format!("{pid} (room 1)"),
        api_url: format!("https://scheduler.example.org/api/tools/?id={pid}"),
        timezone: "America/Denver".to_owned(),
        location: "room 1".to_owned(),
    }
}

/// A session that nobody ever had, long ago.
pub(super) fn session(bench: &Bench<'_>) -> SessionRef {
    let nobody = Uuid::new_v4();
    SessionRef {
        session_identifier: format!("conformance-nobody-{nobody}"),
        external_id: None,
        instrument: bench.options.instruments.first().cloned().unwrap_or_else(|| instrument("KIT-TEM")),
        user: Some("conformance-nobody".to_owned()),
        user_emails: Vec::new(),
        start: at("1971-03-05T09:10:00+00:00"),
        end: at("1971-03-05T09:11:00+00:00"),
    }
}

/// The instruments, from the beginning.
pub(super) fn queries(instruments: &[InstrumentRef]) -> Vec<InstrumentQuery> {
    instruments
        .iter()
        .map(|instrument| InstrumentQuery { instrument: instrument.clone(), cursor: None })
        .collect()
}

/// The first suffix the plugin reads.
pub(super) fn suffix(bench: &Bench<'_>) -> String {
    bench.manifest.suffixes.first().cloned().unwrap_or_else(|| "bin".to_owned())
}

/// A file of noise with a suffix of the plugin's own.
pub(super) fn noise(bench: &Bench<'_>, name: &str) -> Result<PathRef, Stop> {
    let path: PathBuf = bench.options.place.files().join(format!("{name}.{}", suffix(bench)));
    // A fixed sequence (numerical recipes' generator), so that a failure comes again.
    let mut state = 2_463_534_242_u32;
    let bytes: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()
    })
    .take(1_024)
    .flatten()
    .collect();
    put(&path, &bytes)?;
    Ok(PathRef::new(path))
}

/// Texts on which programs stumble.
pub(super) fn hostile_texts() -> Vec<String> {
    let fixed = [
        "quotes \" ' ` and a back\\slash",
        "control \u{0}\u{1}\u{8}\u{b}\u{1b}[31m\u{7f}",
        "line\nfeed\r\nand\ttab",
        "four bytes 😀𝔛 and combining e\u{301}",
        "right \u{202e}to left\u{202c} שלום",
        "</title><script>alert(1)</script> & &amp; <![CDATA[ ]]> <!-- -->",
        "../../../../etc/passwd",
        "/etc/passwd",
        "..\\..\\windows\\system32",
        "%2e%2e%2f $(touch conformance) `touch conformance` ; rm -rf . | {name} {0} %s %n",
        "' OR 1=1; DROP TABLE records; --",
        "\u{feff}byte order mark, \u{fffd} and \u{ffff}",
        "",
        " ",
    ];
    let mut texts: Vec<String> = fixed.map(str::to_owned).into();
    texts.push("long ".repeat(4_000));
    texts
}
