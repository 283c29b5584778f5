use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use nexus_core::instrument::Instruments;
use nexus_plugin_api::{Call, HarvestRequest, Instance, InstrumentQuery, InstrumentRef, Plugin as _};
use serde_json::json;

use super::super::calendar::USES;
use super::*;

fn tree(dir: &Path) -> BTreeMap<PathBuf, (Vec<u8>, SystemTime)> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(tree(&path));
        } else {
            let modified = fs::metadata(&path).unwrap().modified().unwrap();
            files.insert(path.clone(), (fs::read(&path).unwrap(), modified));
        }
    }
    files
}

/// Lock files and their holders' details tell of this very process.
fn kept(dir: &Path) -> BTreeMap<PathBuf, (Vec<u8>, SystemTime)> {
    let mut files = tree(dir);
    files.retain(|path, _| !path.to_string_lossy().contains(".lock"));
    files
}

#[test]
fn a_second_time_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let first = create(&dir.path().join("demo")).unwrap();
    assert!(first.made);
    let before = kept(&first.dir);
    let second = create(&first.dir).unwrap();
    assert!(!second.made);
    assert_eq!(kept(&first.dir), before);
}

#[test]
fn two_demos_hold_the_same_instrument_files() {
    let dir = tempfile::tempdir().unwrap();
    let make = |name: &str| {
        let facility = create(&dir.path().join(name)).unwrap();
        let below: BTreeMap<_, _> = tree(&facility.instrument_data)
            .into_iter()
            .map(|(path, file)| (path.strip_prefix(&facility.dir).unwrap().to_owned(), file))
            .collect();
        (below, fs::read(facility.logbook).unwrap())
    };
    assert_eq!(make("a"), make("b"));
}

#[test]
fn what_is_missing_comes_back_and_what_was_edited_stays() {
    let dir = tempfile::tempdir().unwrap();
    let facility = create(dir.path()).unwrap();
    let before = kept(&facility.dir);
    let image = before.keys().find(|path| path.extension().is_some_and(|s| s == "tif")).unwrap();
    fs::remove_file(image).unwrap();
    fs::write(&facility.logbook, "edited").unwrap();
    create(&facility.dir).unwrap();
    assert_eq!(tree(&facility.dir)[image], before[image]);
    assert_eq!(fs::read_to_string(&facility.logbook).unwrap(), "edited");
}

#[test]
fn a_folder_with_other_things_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("thesis.tex"), "").unwrap();
    let error = create(dir.path()).unwrap_err().to_string();
    assert!(error.contains("holds other things"), "{error}");
    assert_eq!(tree(dir.path()).len(), 1);
    assert!(create(&dir.path().join("thesis.tex")).is_err());
}

#[test]
fn images_and_spectra_are_what_they_seem() {
    let dir = tempfile::tempdir().unwrap();
    let facility = create(dir.path()).unwrap();
    let (mut images, mut spectra) = (0, 0);
    for (path, (bytes, _)) in tree(&facility.instrument_data) {
        if path.extension().is_some_and(|suffix| suffix == "tif") {
            images += 1;
            let mut decoder = tiff::decoder::Decoder::new(std::io::Cursor::new(bytes)).unwrap();
            assert_eq!(decoder.dimensions().unwrap(), (256, 256));
            assert!(matches!(decoder.read_image().unwrap(), tiff::decoder::DecodingResult::U16(_)));
        } else {
            spectra += 1;
            let text = String::from_utf8(bytes).unwrap();
            assert!(text.is_ascii());
            let lines: Vec<&str> = text.split("\r\n").collect();
            assert_eq!(lines[0], "#FORMAT      : EMSA/MAS Spectral Data File");
            let begin = lines.iter().position(|line| line.starts_with("#SPECTRUM    : ")).unwrap();
            let end = lines.iter().position(|line| line.starts_with("#ENDOFDATA   :")).unwrap();
            assert_eq!(end - begin - 1, 1024);
            assert!(lines[begin + 1..end].iter().all(|line| line.ends_with(".,")));
        }
    }
    let planned = |suffix: &str| -> u32 {
        let series = USES.iter().flat_map(|used| used.series);
        series.filter(|series| series.suffix == suffix).map(|series| series.count).sum()
    };
    assert_eq!((images, spectra), (planned("tif"), planned("msa")));
}

/// The settings are read without a complaint, and the plugins take them.
#[test]
fn the_settings_fit() {
    use nexus_core::config::{Config, check_settings};
    use nexus_core::secret::Redactor;
    let dir = tempfile::tempdir().unwrap();
    let facility = create(dir.path()).unwrap();
    let config = Config::read(&facility.config).unwrap();
    assert_eq!(config.storage.instrument_data, facility.instrument_data);
    let (log, folder) = (&config.harvesters[0], &config.destinations[0]);
    let named: Vec<_> = instruments::instruments().into_iter().map(|instrument| instrument.pid).collect();
    assert_eq!(log.instruments.as_deref(), Some(&*named));
    let plugins: [(&dyn nexus_plugin_api::Plugin, _); 2] =
        [(&nexus_plugin_logbook::Logbook, &log.settings), (&nexus_plugin_folder::Folder, &folder.settings)];
    for (plugin, settings) in plugins {
        let schema = plugin.manifest().settings;
        assert_eq!(check_settings(settings, &schema).len(), 0);
        let resolved = settings.resolve(&schema, &Redactor::default()).unwrap();
        let report = match plugin.create(&resolved).unwrap() {
            Instance::Harvester(log) => log.check(&Call::unlimited(dir.path())),
            Instance::Destination(folder) => folder.check(&Call::unlimited(dir.path())),
            Instance::Extractor(_) => panic!("no extractor"),
        };
        let report = report.unwrap();
        assert!(
            report.items.iter().all(|item| item.result == nexus_plugin_api::CheckResult::Ok),
            "{report:?}"
        );
    }
}

/// Every file lies within its session, start excluded and end included.
#[test]
fn files_belong_to_their_sessions() {
    for file in files::files().unwrap() {
        let inside = USES.iter().filter(|used| {
            let time = |text: &str| DateTime::parse_from_rfc3339(text).unwrap();
            let folder = instruments::folder_of(used.tool);
            folder.is_some_and(|folder| file.path.starts_with(folder))
                && time(used.start) < file.saved
                && used.end.is_none_or(|end| file.saved <= time(end))
        });
        assert_eq!(inside.count(), 1, "{}", file.path.display());
    }
}

/// The log means the sessions of the calendar, in the instruments' zones.
#[test]
fn the_log_reads_back_as_the_calendar() {
    let dir = tempfile::tempdir().unwrap();
    let facility = create(dir.path()).unwrap();
    let settings = json!({"path": facility.logbook, "name": "demo"});
    let Ok(Instance::Harvester(log)) = nexus_plugin_logbook::Logbook.create(&settings) else {
        panic!("a harvester")
    };
    let database = Database::open(&facility.dir.join("nexus.db"), Access::Read).unwrap();
    let instruments = Instruments::load(database.read()).unwrap();
    assert_eq!(instruments.len(), 3);
    let queries = instruments.iter().map(|instrument| InstrumentQuery {
        instrument: InstrumentRef {
            pid: instrument.pid.to_string(),
            display_name: instrument.display_name.clone(),
            api_url: instrument.api_url.clone(),
            timezone: instrument.timezone.clone(),
            location: instrument.location.clone(),
        },
        cursor: None,
    });
    let request = HarvestRequest { instruments: queries.collect(), ..HarvestRequest::default() };
    let page = log.harvest(&Call::unlimited(dir.path()), &request).unwrap();
    assert_eq!(page.rejected, []);
    assert_eq!(page.outside.len(), 1);
    assert_eq!(page.events.len(), USES.len() - 1);
    for event in &page.events {
        let used = USES.iter().find(|used| used.id == event.external_id).unwrap();
        let zone = instruments.get(&event.instrument_pid.as_str().into()).unwrap().timezone().unwrap();
        let instant = |time| -> DateTime<Utc> { nexus_core::timestamp::Timestamp::from(time).instant(zone) };
        let time = |text: &str| DateTime::parse_from_rfc3339(text).unwrap().to_utc();
        assert_eq!(instant(event.start), time(used.start), "{}", used.id);
        assert_eq!(event.end.map(instant), used.end.map(time), "{}", used.id);
        assert_eq!(event.cancelled, used.cancelled);
    }
}
