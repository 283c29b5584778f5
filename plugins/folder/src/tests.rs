use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::SystemTime;

use chrono::DateTime;
use nexus_plugin_api::{
    ActivityRef, DatasetRef, FailureClass, InstrumentRef, PathRef, RecordRef, Remote, SessionFacts,
};
use serde_json::json;

use super::*;

struct Tree {
    dir: tempfile::TempDir,
    destination: FolderDestination,
}

impl Tree {
    fn new(extra: &serde_json::Value) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("root")).unwrap();
        let mut settings = json!({"path": dir.path().join("root")});
        settings.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let destination = FolderDestination::new(Settings::read(&settings).unwrap());
        Self { dir, destination }
    }

    fn root(&self) -> PathBuf {
        self.dir.path().join("root").canonicalize().unwrap()
    }

    /// A record file with this text, as a delivery of the session with this key.
    fn delivery(&self, key: &str, text: &str) -> Delivery {
        let path = self.dir.path().join(format!("{key}.xml"));
        fs::write(&path, text).unwrap();
        Delivery {
            record: RecordRef {
                path: PathRef::new(path),
                key: key.into(),
                name: "2024-03-05_TEM-1_7".into(),
                content_sha256: format!("content of {text}"),
                file_sha256: write::sha256(text.as_bytes()),
                size: text.len() as u64,
            },
            session: SessionFacts {
                identifier: format!("session {key}"),
                instrument: InstrumentRef {
                    pid: "TEM-1".into(),
                    display_name: "Titan".into(),
                    api_url: String::new(),
                    timezone: "America/Denver".into(),
                    location: String::new(),
                },
                user: Some("ann/b".into()),
                start: DateTime::parse_from_rfc3339("2024-03-05T09:00:00-07:00").unwrap(),
                end: DateTime::parse_from_rfc3339("2024-03-05T10:00:00-07:00").unwrap(),
            },
            activities: Vec::new(),
            reservation: None,
            external_ids: BTreeMap::new(),
            user_emails: Vec::new(),
            previous: None,
            checkpoint: None,
            others: Vec::new(),
        }
    }

    fn find(&self, delivery: &Delivery) -> Result<Found, PluginError> {
        self.destination.find(&call(), delivery)
    }

    fn deliver(&self, delivery: &Delivery) -> Result<Remote, PluginError> {
        self.destination.deliver(&call(), delivery).map(|step| match step {
            Step::Done(remote) => remote,
            Step::More(_) => panic!("one step"),
        })
    }

    /// Every file below the root: path, bytes, modification time.
    fn files(&self) -> BTreeMap<String, (Vec<u8>, SystemTime)> {
        fn walk(root: &Path, folder: &Path, into: &mut BTreeMap<String, (Vec<u8>, SystemTime)>) {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    walk(root, &path, into);
                } else {
                    let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                    let modified = fs::metadata(&path).unwrap().modified().unwrap();
                    into.insert(name, (fs::read(&path).unwrap(), modified));
                }
            }
        }
        let mut files = BTreeMap::new();
        walk(&self.root(), &self.root(), &mut files);
        files
    }

    fn names(&self) -> Vec<String> {
        self.files().into_keys().collect()
    }
}

fn call() -> Call {
    Call::unlimited("/tmp")
}

const RECORD: &str = "2024/TEM-1/2024-03-05_TEM-1_7.xml";
const SIDE_CAR: &str = "2024/TEM-1/2024-03-05_TEM-1_7.json";

#[test]
fn a_record_is_delivered_and_found() {
    let tree = Tree::new(&json!({}));
    let delivery = tree.delivery("k1", "<a/>");
    assert_eq!(tree.find(&delivery).unwrap(), Found::None);
    let remote = tree.deliver(&delivery).unwrap();
    assert_eq!(remote.id, RECORD);
    assert_eq!(remote.url.as_deref(), Some(&*format!("file://{}/{RECORD}", tree.root().display())));
    assert_eq!(remote.content_sha256.as_deref(), Some("content of <a/>"));
    assert_eq!(tree.find(&delivery).unwrap(), Found::One(remote));
    assert_eq!(tree.names(), [SIDE_CAR, RECORD]);
    let side_car: serde_json::Value = serde_json::from_slice(&tree.files()[SIDE_CAR].0).unwrap();
    assert_eq!(side_car["key"], "k1");
    assert_eq!(side_car["session"], "session k1");
}

#[test]
fn the_same_again_changes_nothing() {
    let tree = Tree::new(&json!({}));
    let delivery = tree.delivery("k1", "<a/>");
    let first = tree.deliver(&delivery).unwrap();
    for name in [RECORD, SIDE_CAR] {
        let file = fs::File::options().append(true).open(tree.root().join(name)).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
    }
    let before = tree.files();
    assert_eq!(tree.deliver(&delivery).unwrap(), first);
    // Another extraction date only: other bytes, equal content.
    let mut dated = tree.delivery("k1", "<a date='2'/>");
    dated.record.content_sha256.clone_from(&delivery.record.content_sha256);
    assert_eq!(tree.deliver(&dated).unwrap(), first);
    assert_eq!(tree.files(), before);
}

#[test]
fn changed_content_replaces_the_record() {
    let tree = Tree::new(&json!({}));
    tree.deliver(&tree.delivery("k1", "<a/>")).unwrap();
    let changed = tree.delivery("k1", "<b/>");
    match tree.find(&changed).unwrap() {
        Found::One(remote) => assert_eq!(remote.content_sha256.as_deref(), Some("content of <a/>")),
        other => panic!("{other:?}"),
    }
    tree.deliver(&changed).unwrap();
    assert_eq!(tree.files()[RECORD].0, b"<b/>");
    assert_eq!(tree.names(), [SIDE_CAR, RECORD]);
}

#[test]
fn every_moment_of_a_crash_is_told_truly_and_completed() {
    let complete = |tree: &Tree, delivery: &Delivery| {
        tree.deliver(delivery).unwrap();
        assert_eq!(tree.names(), [SIDE_CAR, RECORD]);
        match tree.find(delivery).unwrap() {
            Found::One(remote) => assert_eq!(remote.content_sha256.as_deref(), Some("content of <b/>")),
            other => panic!("{other:?}"),
        }
    };
    // A temporary side-car, half written.
    let tree = Tree::new(&json!({}));
    let delivery = tree.delivery("k1", "<b/>");
    fs::create_dir_all(tree.root().join("2024/TEM-1")).unwrap();
    fs::write(write::part_of(&tree.root().join(SIDE_CAR)), "{\"ke").unwrap();
    assert_eq!(tree.find(&delivery).unwrap(), Found::None);
    complete(&tree, &delivery);
    // The claim only, and a record half written beside it.
    fs::remove_file(tree.root().join(RECORD)).unwrap();
    assert_eq!(tree.find(&delivery).unwrap(), Found::None);
    fs::write(write::part_of(&tree.root().join(RECORD)), "<").unwrap();
    assert_eq!(tree.find(&delivery).unwrap(), Found::None);
    complete(&tree, &delivery);
    // A replacement whose side-car is new and whose record is old.
    fs::write(tree.root().join(RECORD), "<a/>").unwrap();
    match tree.find(&delivery).unwrap() {
        Found::One(remote) => assert_eq!(remote.content_sha256, None),
        other => panic!("{other:?}"),
    }
    complete(&tree, &delivery);
    // The side-car was lost; the record is the very one.
    fs::remove_file(tree.root().join(SIDE_CAR)).unwrap();
    assert!(matches!(tree.find(&delivery).unwrap(), Found::One(_)));
    complete(&tree, &delivery);
}

#[test]
fn another_sessions_place_is_refused() {
    let tree = Tree::new(&json!({}));
    tree.deliver(&tree.delivery("k1", "<a/>")).unwrap();
    let before = tree.files();
    let foreign = tree.delivery("k2", "<b/>");
    for error in [tree.find(&foreign).unwrap_err(), tree.deliver(&foreign).unwrap_err()] {
        assert_eq!(error.class, FailureClass::Permanent);
        assert!(error.message.contains("k1") && error.message.contains("session k2"), "{error}");
    }
    assert_eq!(tree.files(), before);
}

#[test]
fn a_file_nobody_claims_is_refused() {
    let tree = Tree::new(&json!({}));
    let delivery = tree.delivery("k1", "<a/>");
    fs::create_dir_all(tree.root().join("2024/TEM-1")).unwrap();
    fs::write(tree.root().join(RECORD), "mine").unwrap();
    let error = tree.deliver(&delivery).unwrap_err();
    assert_eq!(error.class, FailureClass::Permanent);
    assert!(error.message.contains(RECORD));
    assert_eq!(tree.files()[RECORD].0, b"mine");
    fs::remove_file(tree.root().join(RECORD)).unwrap();
    fs::write(tree.root().join(SIDE_CAR), "not ours").unwrap();
    assert_eq!(tree.find(&delivery).unwrap_err().class, FailureClass::Permanent);
    assert_eq!(tree.deliver(&delivery).unwrap_err().class, FailureClass::Permanent);
}

#[test]
fn a_folder_at_the_place_is_named() {
    let tree = Tree::new(&json!({}));
    let delivery = tree.delivery("k1", "<a/>");
    fs::create_dir_all(tree.root().join(RECORD)).unwrap();
    let error = tree.deliver(&delivery).unwrap_err();
    assert!(error.message.contains(RECORD), "{error}");
    fs::remove_dir(tree.root().join(RECORD)).unwrap();
    fs::remove_dir(tree.root().join("2024/TEM-1")).unwrap();
    fs::write(tree.root().join("2024/TEM-1"), "a file where a folder must be").unwrap();
    assert_eq!(tree.deliver(&delivery).unwrap_err().class, FailureClass::Permanent);
}

#[test]
fn a_missing_root_is_never_made() {
    let tree = Tree::new(&json!({}));
    let delivery = tree.delivery("k1", "<a/>");
    let root = tree.root();
    fs::remove_dir(&root).unwrap();
    for error in [
        tree.destination.target(&call()).unwrap_err(),
        tree.find(&delivery).unwrap_err(),
        tree.deliver(&delivery).unwrap_err(),
    ] {
        assert_eq!(error.class, FailureClass::Transient);
        assert!(error.hint.unwrap().contains("mounted"));
    }
    assert!(!root.exists());
    assert!(!tree.destination.check(&call()).unwrap().passed());
}

#[test]
fn a_record_stays_where_it_was_delivered() {
    let tree = Tree::new(&json!({"layout": "{year}-{month}-{day}/{user}/{name}.xml"}));
    let mut delivery = tree.delivery("k1", "<a/>");
    let remote = tree.deliver(&delivery).unwrap();
    assert_eq!(remote.id, "2024-03-05/ann_b/2024-03-05_TEM-1_7.xml");
    // The event was moved to another day: its record keeps its address.
    delivery = tree.delivery("k1", "<b/>");
    delivery.session.start = DateTime::parse_from_rfc3339("2024-03-06T09:00:00-07:00").unwrap();
    delivery.previous = Some(remote.clone());
    assert!(matches!(tree.find(&delivery).unwrap(), Found::One(found) if found.id == remote.id));
    assert_eq!(tree.deliver(&delivery).unwrap().id, remote.id);
    assert_eq!(tree.names().len(), 2);
    // Delivered to both places, somebody must look.
    delivery.previous = None;
    tree.deliver(&delivery).unwrap();
    delivery.previous = Some(remote);
    assert!(matches!(tree.find(&delivery).unwrap(), Found::Many(both) if both.len() == 2));
}

#[test]
fn a_remote_id_that_leads_elsewhere_is_not_followed() {
    let tree = Tree::new(&json!({}));
    let mut delivery = tree.delivery("k1", "<a/>");
    delivery.previous = Some(Remote { id: "../k1.xml".into(), url: None, content_sha256: None });
    assert_eq!(tree.find(&delivery).unwrap(), Found::None);
    assert_eq!(tree.deliver(&delivery).unwrap().id, RECORD);
}

#[test]
fn a_record_that_changed_since_the_build_is_not_delivered() {
    let tree = Tree::new(&json!({}));
    let delivery = tree.delivery("k1", "<a/>");
    fs::write(delivery.record.path.as_path(), "<half").unwrap();
    let error = tree.deliver(&delivery).unwrap_err();
    assert!(error.message.contains("is not the one that was built"));
    assert!(tree.names().is_empty());
    fs::remove_file(delivery.record.path.as_path()).unwrap();
    assert!(tree.deliver(&delivery).unwrap_err().message.contains("k1.xml"));
}

#[test]
fn previews_go_along_and_old_ones_leave() {
    let tree = Tree::new(&json!({"previews": true}));
    let picture = |name: &str, bytes: &str| {
        let path = tree.dir.path().join(name);
        fs::write(&path, bytes).unwrap();
        DatasetRef {
            name: name.into(),
            location: String::new(),
            dataset_type: "Image".into(),
            preview: Some(PathRef::new(path)),
        }
    };
    let mut delivery = tree.delivery("k1", "<a/>");
    let start = delivery.session.start;
    let mut missing = picture("gone.png", "");
    missing.preview = Some(PathRef::new("/nowhere/gone.png"));
    let datasets = vec![picture("a.png", "A"), missing, picture("b.png", "B")];
    delivery.activities = vec![ActivityRef { seqno: 0, start, datasets }];
    tree.deliver(&delivery).unwrap();
    let folder = "2024/TEM-1/2024-03-05_TEM-1_7_files";
    let (a, b) = (format!("{folder}/000-0000-a.png"), format!("{folder}/000-0002-b.png"));
    assert_eq!(tree.names(), [SIDE_CAR, RECORD, &a, &b]);
    fs::remove_file(tree.root().join(&b)).unwrap();
    tree.deliver(&delivery).unwrap();
    assert_eq!(tree.files()[&b].0, b"B");
    let mut changed = tree.delivery("k1", "<b/>");
    changed.activities = vec![ActivityRef { seqno: 0, start, datasets: vec![picture("a.png", "A2")] }];
    tree.deliver(&changed).unwrap();
    assert_eq!(tree.names(), [SIDE_CAR, RECORD, &a]);
    assert_eq!(tree.files()[&a].0, b"A2");
    changed = tree.delivery("k1", "<c/>");
    tree.deliver(&changed).unwrap();
    assert!(!tree.root().join(folder).exists());
}

#[test]
fn one_place_takes_one_delivery_at_a_time() {
    let tree = Tree::new(&json!({}));
    let delivery = tree.delivery("k1", "<a/>");
    let held = tree.destination.hold(tree.root().join(RECORD)).unwrap();
    assert_eq!(tree.deliver(&delivery).unwrap_err().class, FailureClass::Transient);
    drop(held);
    assert!(tree.deliver(&delivery).is_ok());
}

#[test]
fn the_target_is_the_real_folder_and_the_layout() {
    let tree = Tree::new(&json!({}));
    let plain = tree.destination.target(&call()).unwrap();
    assert!(plain.can_find);
    assert_eq!(plain.id, format!("file://{}/ {{year}}/{{instrument}}/{{name}}.xml", tree.root().display()));
    #[cfg(unix)]
    {
        let link = tree.dir.path().join("link");
        std::os::unix::fs::symlink(tree.root(), &link).unwrap();
        let linked = FolderDestination::new(Settings::read(&json!({"path": link})).unwrap());
        assert_eq!(linked.target(&call()).unwrap(), plain);
    }
}

#[test]
fn the_check_leaves_nothing_behind() {
    let tree = Tree::new(&json!({}));
    assert!(tree.destination.check(&call()).unwrap().passed());
    assert!(tree.names().is_empty());
}

/// Rights mean nothing to root, who may run the tests in a container.
#[cfg(unix)]
#[test]
fn missing_rights_are_told_with_a_hint() {
    use std::os::unix::fs::PermissionsExt as _;
    let tree = Tree::new(&json!({}));
    let delivery = tree.delivery("k1", "<a/>");
    fs::set_permissions(tree.root(), fs::Permissions::from_mode(0o555)).unwrap();
    if fs::create_dir(tree.root().join("rights")).is_err() {
        let error = tree.deliver(&delivery).unwrap_err();
        assert_eq!(error.class, FailureClass::Permanent);
        assert!(error.hint.unwrap().contains("write there"));
        assert!(!tree.destination.check(&call()).unwrap().passed());
    }
    fs::set_permissions(tree.root(), fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_name_too_long_for_the_disk_is_permanent() {
    let tree = Tree::new(&json!({}));
    let mut delivery = tree.delivery("k1", "<a/>");
    delivery.record.name = "x".repeat(300);
    let error = tree.deliver(&delivery).unwrap_err();
    assert_eq!(error.class, FailureClass::Permanent, "{error}");
}
