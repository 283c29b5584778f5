//! The program is killed while a plugin delivers; the plugin lives on.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use nexus_core::db::{Access, Database};
use nexus_core::instrument::Instrument;
use nexus_tests::nexus_bin::nexus;
use tempfile::TempDir;

/// Delivers for the first time for ever: it and a grandchild of its own session wait at a gate before they write.
/// Every question notes whether somebody still waits there.
const PLUGIN: &str = r#"
import errno, json, os, subprocess, sys, uuid
DELIVER = "import os, sys, uuid; print(flush=True); open('gate').read(); open('objects/' + uuid.uuid4().hex, 'w')"
def somebody_waits():
    try:
        os.close(os.open("gate", os.O_WRONLY | os.O_NONBLOCK))
        return True
    except OSError as error:
        assert error.errno == errno.ENXIO, error
        return False
def deliver(record):
    try:
        open("first", "x")
    except FileExistsError:
        open("objects/" + uuid.uuid4().hex, "w")
        return {"done": {"id": os.listdir("objects")[0]}}
    child = subprocess.Popen([sys.executable, "-c", DELIVER], stdout=subprocess.PIPE, start_new_session=True)
    child.stdout.readline()
    open("started", "w").write("x")
    exec(DELIVER.replace("print(flush=True); ", ""))
for line in sys.stdin.buffer:
    r = json.loads(line)
    method = r.get("method")
    ok = None
    if method == "manifest": ok = {"name": "slow", "version": "1", "kind": "destination", "protocol": "1.0"}
    elif method == "configure": ok = {}
    elif method == "target": ok = {"id": "objects", "can_find": True, "settle_seconds": 0}
    elif method == "find":
        open("asked", "a").write("waits " if somebody_waits() else "nobody ")
        ids = os.listdir("objects")
        ok = {"one": {"id": ids[0]}} if ids else "none"
    elif method == "deliver": ok = deliver(r["params"]["record"])
    if ok is not None: print(json.dumps({"id": r["id"], "ok": ok}), flush=True)
"#;

struct Facility(TempDir);

impl Facility {
    fn new() -> Self {
        let facility = Self(tempfile::tempdir().unwrap());
        for name in ["files/tem", "data", "objects"] {
            fs::create_dir_all(facility.path(name)).unwrap();
        }
        let mut database = Database::create(&facility.path("nexus.db")).unwrap();
        let tx = database.transaction().unwrap();
        let instrument = Instrument {
            pid: "LAB-TEM".into(),
            api_url: "https://lab.example.org/tools/1".into(),
            calendar_url: "https://lab.example.org/calendar".into(),
            location: "Room 1".into(),
            display_name: "The TEM".into(),
            property_tag: "1".into(),
            filestore_path: "tem".into(),
            harvester: "logbook".into(),
            timezone: "America/Denver".into(),
        };
        instrument.insert(&tx).unwrap();
        tx.commit().unwrap();
        let log = "id,instrument,user,start,end,title,consent\n\
                   1,LAB-TEM,ada,2024-03-04T00:00:00Z,2024-03-04T01:00:00Z,Grains,yes\n";
        fs::write(facility.path("usage.csv"), log).unwrap();
        let image = facility.path("files/tem/image.txt");
        fs::write(&image, "magnification = 1000\n").unwrap();
        let modified: chrono::DateTime<chrono::Utc> = "2024-03-04T00:10:00Z".parse().unwrap();
        File::options().append(true).open(&image).unwrap().set_modified(modified.into()).unwrap();
        fs::write(facility.path("slow.py"), PLUGIN).unwrap();
        let settings = "[database]\npath = \"nexus.db\"\n\
             [storage]\ninstrument_data = \"files\"\ndata = \"data\"\n\
             [build]\nfile_strategy = \"inclusive\"\nthreads = 1\n\
             [harvesters.log]\nplugin = \"logbook\"\npath = \"usage.csv\"\n\
             [destinations.slow]\ncommand = [\"python3\", \"slow.py\"]\n";
        fs::write(facility.path("nexus.toml"), settings).unwrap();
        for pipe in ["gate", "started"] {
            let made = std::process::Command::new("mkfifo").arg(facility.path(pipe)).status().unwrap();
            assert!(made.success());
        }
        facility
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self) -> Output {
        let output = nexus(self.0.path()).arg("run").output().unwrap();
        assert!(matches!(output.status.code(), Some(0 | 4)), "{}", text(&output));
        output
    }

    fn notes(&self) -> usize {
        fs::read_dir(self.path("data/.plugins")).unwrap().count()
    }

    fn count(&self, sql: &str) -> String {
        let database = Database::open(&self.path("nexus.db"), Access::Read).unwrap();
        format!("{:?}", database.query(sql, &[]).unwrap().rows)
    }
}

fn text(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat()
}

/// Whether a process has a named pipe open for reading, or waits for its other end.
fn has_reader(pipe: &Path) -> bool {
    let status = std::process::Command::new("python3")
        .args(["-c", "import os, sys; os.open(sys.argv[1], os.O_WRONLY | os.O_NONBLOCK)"])
        .arg(pipe)
        .stderr(Stdio::null())
        .status();
    status.unwrap().success()
}

#[test]
fn a_plugin_that_outlives_its_host_is_ended_before_its_destination_is_asked() {
    let facility = Facility::new();
    let mut host =
        nexus(facility.0.path()).arg("run").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    // Nobody writes there before the plugin and its grandchild are at work.
    let mut started = String::new();
    File::open(facility.path("started")).unwrap().read_to_string(&mut started).unwrap();
    assert_eq!(started, "x");
    host.kill().unwrap();
    host.wait().unwrap();
    assert_eq!(facility.notes(), 1);
    assert_eq!(fs::read_to_string(facility.path("asked")).unwrap(), "nobody ");

    let told = text(&facility.run());
    assert!(told.contains("plugin `slow` of an earlier run was still at work: 2 of its processes"), "{told}");
    assert_eq!(fs::read_to_string(facility.path("asked")).unwrap(), "nobody nobody ");
    assert!(!has_reader(&facility.path("gate")), "somebody would still deliver");
    assert_eq!(fs::read_dir(facility.path("objects")).unwrap().count(), 1);
    assert_eq!(facility.notes(), 0);
    let rows = "SELECT success, count(*) FROM upload_log GROUP BY success ORDER BY success";
    assert_eq!(facility.count(rows), "[[Integer(0), Integer(1)], [Integer(1), Integer(1)]]");
    assert!(facility.count("SELECT state FROM nexus_delivery").contains("delivered"));
}
