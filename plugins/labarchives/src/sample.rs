//! A delivery for tests.

use std::collections::BTreeMap;

use nexus_plugin_api::{ActivityRef, DatasetRef, Delivery, InstrumentRef, PathRef, RecordRef, SessionFacts};

/// A session at night, whose day is another one in UTC.
pub fn delivery() -> Delivery {
    let start = "2025-03-03T19:00:00-07:00".parse().unwrap();
    let dataset = |name: &str| DatasetRef {
        name: name.to_owned(),
        location: format!("/TITAN/ada/{name}"),
        dataset_type: "Image".to_owned(),
        preview: None,
    };
    Delivery {
        record: RecordRef {
            path: PathRef::new("/nowhere/2025-03-03_TITAN_3f0c.xml"),
            key: "5ba9ac4e-0c4a-5d0f-8c7e-000000000001".to_owned(),
            name: "2025-03-03_TITAN_3f0c".to_owned(),
            content_sha256: "ab".repeat(32),
            file_sha256: "cd".repeat(32),
            size: 1000,
        },
        session: SessionFacts {
            identifier: "3f0c".to_owned(),
            instrument: InstrumentRef {
                pid: "TITAN".to_owned(),
                display_name: "FEI Titan".to_owned(),
                api_url: String::new(),
                timezone: "America/Denver".to_owned(),
                location: String::new(),
            },
            user: Some("ada".to_owned()),
            start,
            end: start,
        },
        activities: vec![ActivityRef { seqno: 0, start, datasets: vec![dataset("a.dm3"), dataset("b.dm3")] }],
        reservation: None,
        external_ids: BTreeMap::new(),
        user_emails: Vec::new(),
        previous: None,
        checkpoint: None,
        others: Vec::new(),
    }
}
