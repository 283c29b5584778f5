//! Rows go in and come back; rows of NexusLIMS are read; odd ones are in nobody's way.

use super::*;
use crate::db::Database;

fn upload(session: &str, destination: &str) -> NewUpload {
    NewUpload {
        session_identifier: session.into(),
        destination: destination.into(),
        success: true,
        timestamp: "2026-11-21T23:59:21.450443-05:00".parse().unwrap(),
        record_id: Some("17".to_owned()),
        record_url: Some("https://cdcs.example.org/data?id=17".to_owned()),
        error_message: None,
        metadata: Some(serde_json::json!({"workspace": 3})),
    }
}

#[test]
fn rows_come_back_by_session_by_destination_and_after_a_number() {
    let mut db = Database::in_memory().unwrap();
    let tx = db.transaction().unwrap();
    assert_eq!(UploadLog::last_id(&tx).unwrap(), 0);
    let first = upload("s1", "cdcs").insert(&tx).unwrap();
    let failed = NewUpload {
        success: false,
        record_id: None,
        record_url: None,
        error_message: Some("503".to_owned()),
        metadata: None,
        ..upload("s1", "notebook")
    };
    failed.insert(&tx).unwrap();
    let third = upload("s2", "cdcs").insert(&tx).unwrap();
    tx.commit().unwrap();

    let of_s1 = UploadLog::of_session(db.read(), &"s1".into()).unwrap().rows;
    assert_eq!(of_s1.len(), 2);
    assert_eq!(of_s1[0].id, first);
    assert_eq!(of_s1[0].timestamp.unwrap().to_string(), "2026-11-21T23:59:21.450443-05:00");
    assert_eq!(of_s1[0].metadata, Some(serde_json::json!({"workspace": 3})));
    assert_eq!((of_s1[1].success, of_s1[1].error_message.as_deref()), (false, Some("503")));
    let cdcs = UploadLog::of_destination(db.read(), &"cdcs".into()).unwrap().rows;
    assert_eq!(cdcs.iter().map(|row| row.session_identifier.as_str()).collect::<Vec<_>>(), ["s1", "s2"]);
    let after = UploadLog::after(db.read(), first, 10).unwrap().rows;
    assert_eq!(after.iter().map(|row| row.id).collect::<Vec<_>>(), [2, third]);
    assert_eq!(UploadLog::after(db.read(), first, 1).unwrap().rows.len(), 1);
    assert_eq!(UploadLog::last_id(db.read()).unwrap(), third);
    assert_eq!(UploadLog::all(db.read()).unwrap().rows.len(), 3);
}

#[test]
fn odd_rows_of_others_are_read_or_reported() {
    let mut db = Database::in_memory().unwrap();
    let tx = db.transaction().unwrap();
    tx.execute_batch(
        "INSERT INTO upload_log VALUES
            (1, 'naive', 'cdcs', 1, '2026-11-21T23:59:21.450443', '5', NULL, NULL, 'not json'),
            (2, 'no time', 'cdcs', 1, 'soon', '6', NULL, NULL, NULL),
            (3, 'odd', 'cdcs', 'yes', '2026-11-21', '7', NULL, NULL, NULL);",
    )
    .unwrap();
    let found = UploadLog::all(&tx).unwrap();
    assert_eq!(found.rows.len(), 2);
    assert_eq!(found.rows[0].timestamp.unwrap().offset(), None);
    assert_eq!(found.rows[0].metadata, Some(Value::String("not json".to_owned())));
    assert!(found.rows[1].success && found.rows[1].timestamp.is_none());
    let odd: Vec<_> = found.unreadable.iter().map(ToString::to_string).collect();
    assert_eq!(odd.len(), 1);
    assert!(
        odd[0].starts_with("row 3 of upload_log (session `odd`) cannot be read: column `success`"),
        "{odd:?}"
    );
}
