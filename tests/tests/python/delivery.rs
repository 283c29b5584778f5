//! A delivery to hand over.

use std::fs;
use std::path::Path;

use nexus_core::record::sha256_hex;
use nexus_plugin_api::{
    ActivityRef, DatasetRef, Delivery, InstrumentRef, OtherResult, PathRef, Project, RecordRef, Remote,
    Reservation, Sample, SessionFacts,
};

/// A record with one activity, and metadata in it.
const RECORD: &str = r#"<?xml version='1.0' encoding='UTF-8'?>
<Experiment xmlns="https://data.nist.gov/od/dm/nexus/experiment/v1.0">
  <acquisitionActivity seqno="0">
    <setup><param name="Voltage" unit="kV">300</param></setup>
    <dataset type="Image" role="Experimental"><meta name="Magnification" warning="true">1000</meta></dataset>
  </acquisitionActivity>
</Experiment>
"#;

/// Session 31, its record in a folder.
pub fn delivery(folder: &Path) -> Delivery {
    let path = folder.join("2024-03-05_TITAN_31.xml");
    fs::write(&path, RECORD).unwrap();
    Delivery {
        record: RecordRef {
            path: PathRef::new(path),
            key: "9a3f6c1e-7f3c-5d0b-8a51-0c6b2f1f9d11".into(),
            name: "2024-03-05_TITAN_31".into(),
            content_sha256: sha256_hex(b"content"),
            file_sha256: sha256_hex(RECORD.as_bytes()),
            size: RECORD.len() as u64,
        },
        session: SessionFacts {
            identifier: "lab-use-31".into(),
            instrument: InstrumentRef {
                pid: "TITAN".into(),
                display_name: "Titan TEM".into(),
                api_url: "https://lab.example.org/tools/4".into(),
                timezone: "America/Denver".into(),
                location: "Room 110".into(),
            },
            user: Some("ada".into()),
            start: "2024-03-05T09:00:00-07:00".parse().unwrap(),
            end: "2024-03-05T11:00:00.125-07:00".parse().unwrap(),
        },
        activities: vec![ActivityRef {
            seqno: 0,
            start: "2024-03-05T09:10:00-07:00".parse().unwrap(),
            datasets: vec![DatasetRef {
                name: "café.tif".into(),
                location: "/titan/ada/caf%C3%A9.tif".into(),
                dataset_type: "Image".into(),
                preview: Some(PathRef::new("/previews/cafe.png")),
            }],
        }],
        reservation: Some(Reservation {
            title: Some("Grain boundaries".into()),
            username: Some("ada".into()),
            user_full_name: Some("Ada King Lovelace (ada)".into()),
            start: Some("2024-03-05T09:00:00".parse().unwrap()),
            samples: vec![Sample {
                name: Some("Steel".into()),
                elements: vec!["Fe".into(), "C".into()],
                ..Sample::default()
            }],
            projects: vec![Project { id: Some("P-7".into()), ..Project::default() }],
            ..Reservation::default()
        }),
        external_ids: [("cdcs".to_owned(), "17".to_owned())].into(),
        user_emails: Vec::new(),
        previous: None,
        checkpoint: None,
        others: vec![
            OtherResult {
                destination: "cdcs".into(),
                delivered: true,
                remote: Some(Remote {
                    id: "65e1".into(),
                    url: Some("https://cdcs.example.org/65e1".into()),
                    content_sha256: None,
                }),
            },
            OtherResult { destination: "archive".into(), delivered: false, remote: None },
        ],
    }
}
