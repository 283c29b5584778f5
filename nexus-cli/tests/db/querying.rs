//! `nexus db query`.

use std::fs;
use std::process::{Command, Stdio};

use crate::common::{Outcome, Sandbox};

fn query(sandbox: &Sandbox, args: &[&str]) -> Outcome {
    sandbox.nexus([&["db", "query", "--database", "v2_5_0b.sqlite"], args].concat())
}

#[test]
fn rows_as_table_csv_and_json() {
    let sandbox = Sandbox::new();
    sandbox.fixture("v2_5_0b.sqlite");
    let sql = "SELECT 1 AS whole, 1.0 AS real, NULL AS absent, '' AS empty, 'a,b' AS text, x'00ff' AS bytes";
    assert_eq!(
        query(&sandbox, &["--format", "csv", sql]).done(),
        "whole,real,absent,empty,text,bytes\n1,1.0,,\"\",\"a,b\",x'00ff'\n"
    );
    let json = query(&sandbox, &["--format", "json", sql]).json();
    assert_eq!(
        json,
        serde_json::json!([{ "whole": 1, "real": 1.0, "absent": null, "empty": "", "text": "a,b", "bytes": "x'00ff'" }])
    );
    assert_eq!(query(&sandbox, &["--json", sql]).json(), json);
    let table = query(&sandbox, &[sql]).done();
    let cells: Vec<_> = table.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(cells, ["1", "1.0", "NULL", "a,b", "x'00ff'"], "{table}");
}

#[test]
fn what_a_terminal_would_obey_is_shown_and_takes_no_other_place() {
    let sandbox = Sandbox::new();
    sandbox.fixture("v2_5_0b.sqlite");
    let sql = "SELECT char(97, 27, 91, 50, 74, 9, 98) AS \"one\u{9b}\", 2 AS two";
    let table = query(&sandbox, &[sql]).done();
    let [headings, cells] = table.lines().collect::<Vec<_>>()[..] else { panic!("{table}") };
    assert!(headings.contains("one\\u{9b}") && cells.contains("a\\u{1b}[2J\\tb"), "{table}");
    assert_eq!(headings.find("two"), cells.find(" 2").map(|at| at + 1), "{table}");
    let csv = query(&sandbox, &["--format", "csv", sql]).done();
    assert!(csv.contains("a\u{1b}[2J\tb"), "data stays as it is: {csv}");
    // `script` gives the program a terminal.
    let program = env!("CARGO_BIN_EXE_nexus");
    let command =
        format!("'{program}' db query --database v2_5_0b.sqlite --format csv \"SELECT char(27, 97) AS one\"");
    let mut script = Command::new("script");
    script.args(["--quiet", "--return", "--command", &command, "/dev/null"]).current_dir(sandbox.path(""));
    let screen = sandbox.finish(script.stdin(Stdio::null())).done();
    assert_eq!(screen.replace('\r', ""), "one\n\\u{1b}a\n");
}

#[test]
fn parameters_are_bound_never_pasted() {
    let sandbox = Sandbox::new();
    sandbox.fixture("v2_5_0b.sqlite");
    let sql = "SELECT count(*) AS n FROM session_log WHERE user = ?";
    assert_eq!(query(&sandbox, &["--format", "csv", sql, "o'brien"]).done(), "n\n2\n");
    assert_eq!(query(&sandbox, &["--format", "csv", sql, "' OR 1=1 --"]).done(), "n\n0\n");
    // Options may follow, and a number may be negative.
    assert_eq!(query(&sandbox, &["SELECT ?1 AS n", "-5", "--format", "csv"]).done(), "n\n-5\n");
    let types = "SELECT typeof(?1), typeof(?2), typeof(?3), typeof(?4), typeof(?5)";
    let values = ["7", "int:-7", "real:7", "null:", "blob:07"];
    let args = [&["--format", "csv", types], &values[..]].concat();
    assert!(query(&sandbox, &args).done().ends_with("\ntext,integer,real,null,blob\n"));
}

#[test]
fn only_one_reading_statement_is_run() {
    let sandbox = Sandbox::new();
    let path = sandbox.fixture("v2_5_0b.sqlite");
    let before = fs::read(&path).unwrap();
    let writes = |word: &str| {
        format!(
            "error: `{word}` statements are not read-only; queries may use SELECT, WITH, VALUES, EXPLAIN and reading PRAGMAs"
        )
    };
    let cases = [
        ("DELETE FROM session_log", 2, writes("DELETE")),
        ("WITH x AS (SELECT 1) DELETE FROM session_log", 2, writes("WITH")),
        ("PRAGMA journal_mode = wal", 2, writes("PRAGMA")),
        ("ATTACH 'other.db' AS other", 2, writes("ATTACH")),
        (
            "SELECT 1; DELETE FROM session_log",
            2,
            "error: more than one statement given; one is run at a time".into(),
        ),
        (" -- nothing", 2, "error: the statement is empty; give one SELECT".into()),
        ("SELECT ?", 2, "error: the statement has 1 placeholders, 0 values were given".into()),
    ];
    for (sql, code, text) in cases {
        query(&sandbox, &[sql]).refused(code, &text);
    }
    let outcome = query(&sandbox, &["SELECT * FROM nowhere"]).code(1);
    assert!(outcome.stderr.starts_with("error: query failed: no such table: nowhere"), "{}", outcome.stderr);
    let outcome = query(&sandbox, &["SELECT ?", "int:seven"]).code(2);
    assert!(outcome.stderr.contains("`seven` is no whole number"), "{}", outcome.stderr);
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(sandbox.names(), ["v2_5_0b.sqlite"]);
}
