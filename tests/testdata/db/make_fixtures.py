#!/usr/bin/env python3
"""Makes the databases of this folder by running NexusLIMS 2.8.0 itself.

Usage:

    make_fixtures.py --peer VENV [--out FOLDER]

VENV is a Python environment in which NexusLIMS 2.8.0 is installed. Every schema comes from that program's own
`nexuslims db` commands (`init`, `upgrade REV`, `downgrade REV`, `alembic stamp REV`, `create-demo`), run in a temporary
folder; this script adds the rows. The one exception is the database from before NexusLIMS 2.2, whose tables were made
by a hand-run script: its tables are written here.

The results are committed, so nobody needs to run this again. A new run gives the same rows in other bytes. All people,
instruments and servers are invented.
"""

import argparse
import os
import shutil
import sqlite3
import subprocess
import tempfile
from pathlib import Path

REVISIONS = ["v1_4_3", "v2_4_0a", "v2_4_0b", "v2_5_0a", "v2_5_0b"]

NEMO = "https://nemo.example.org/api/"
NEMO_2 = "https://nemo2.example.org/api/"

# Columns by their names up to v2_5_0a. One instrument per kind of zone: two with daylight saving on either side of the
# Atlantic, one without and with a half-hour offset, one whose saving is half an hour, one from the SharePoint days.
INSTRUMENTS = [
    {
        "instrument_pid": "Borealis-TEM-012345",
        "api_url": f"{NEMO}tools/?id=1",
        "calendar_name": "Borealis TEM",
        "calendar_url": "https://nemo.example.org/calendar/borealis/",
        "location": "Building 7, room B101",
        "schema_name": "Borealis TEM",
        "property_tag": "012345",
        "filestore_path": "./Borealis",
        "harvester": "nemo",
        "timezone": "America/New_York",
        "computer_name": "BOREALIS-PC",
        "computer_ip": "192.0.2.11",
        "computer_mount": "M:/",
    },
    {
        "instrument_pid": "Linden-SEM-222222",
        "api_url": f"{NEMO}tools/?id=2",
        "calendar_name": "Linden SEM",
        "calendar_url": "https://nemo.example.org/calendar/linden/",
        "location": "Haus 3, Raum 0.17 (Süd)",
        "schema_name": "Linden SEM",
        "property_tag": "222222",
        "filestore_path": "./Linden",
        "harvester": "nemo",
        "timezone": "Europe/Berlin",
        "computer_name": "LINDEN-PC",
        "computer_ip": "192.0.2.12",
        "computer_mount": "M:/",
    },
    {
        "instrument_pid": "Monsoon-SEM-333333",
        "api_url": f"{NEMO}tools/?id=3",
        "calendar_name": "Monsoon SEM",
        "calendar_url": "https://nemo.example.org/calendar/monsoon/",
        "location": "Annexe 2",
        "schema_name": "Monsoon SEM",
        "property_tag": "333333",
        "filestore_path": "./Monsoon_SEM",
        "harvester": "nemo",
        "timezone": "Asia/Kolkata",
        "computer_name": None,
        "computer_ip": None,
        "computer_mount": None,
    },
    {
        "instrument_pid": "Island-FIB-444444",
        "api_url": f"{NEMO_2}tools/?id=1",
        "calendar_name": "Island FIB",
        "calendar_url": "https://nemo2.example.org/calendar/fib/",
        "location": "Island station",
        "schema_name": "Island FIB",
        "property_tag": "444444",
        "filestore_path": "./Island/FIB",
        "harvester": "nemo",
        "timezone": "Australia/Lord_Howe",
        "computer_name": "ISLAND-FIB",
        "computer_ip": "192.0.2.14",
        "computer_mount": "N:/",
    },
    {
        "instrument_pid": "Old-TEM-555555",
        "api_url": "https://sharepoint.example.org/_vti_bin/ListData.svc/OldTEM",
        "calendar_name": "Old TEM",
        "calendar_url": "https://sharepoint.example.org/Lists/Old%20TEM/calendar.aspx",
        "location": "Basement",
        "schema_name": "Old TEM 'the \"grey\" one'",
        "property_tag": "555555",
        "filestore_path": "./OldTEM",
        "harvester": "sharepoint",
        "timezone": "America/Denver",
        "computer_name": "OLDTEM",
        "computer_ip": "192.0.2.15",
        "computer_mount": "Q:/",
    },
]

TEM, LINDEN, MONSOON, FIB, OLD = (row["instrument_pid"] for row in INSTRUMENTS)

S, E, R = "START", "END", "RECORD_GENERATION"


def usage(number, base=NEMO):
    """The identifier of a NEMO session."""
    return f"{base}usage_events/?id={number}"


def session(identifier, instrument, status, user, start, end, *generations):
    """The rows of an ordinary session."""
    rows = [
        (identifier, instrument, start, S, status, user),
        (identifier, instrument, end, E, status, user),
    ]
    rows += [(identifier, instrument, at, R, status, "nexuslims") for at in generations]
    return rows


# (session_identifier, instrument, timestamp, event_type, record_status, user); statuses that 1.4 already knew.
OLD_ROWS = [
    # The session logger of the 1.x years: local times without zone, three digits.
    *session("1f1b2c9e-63a0-4b7e-9f0e-0a1d5a0c0001", OLD, "COMPLETED", "h.stone",
             "2019-03-04T09:15:30.125", "2019-03-04T11:45:00.000", "2019-03-04T12:00:01.512"),
    # Rows written by hand: a blank for the T, no user.
    *session("1f1b2c9e-63a0-4b7e-9f0e-0a1d5a0c0002", TEM, "COMPLETED", None,
             "2020-06-01 08:00:00", "2020-06-01 09:30:00", "2020-06-01 10:00:00"),
    # Naive, and inside the hour that the autumn change repeats (New York).
    *session("1f1b2c9e-63a0-4b7e-9f0e-0a1d5a0c0003", TEM, "NO_FILES_FOUND", "p.reed",
             "2021-11-07T01:30:00", "2021-11-07T03:00:00", "2021-11-10T04:00:00.250000"),
    # Naive, and inside the hour that the spring change leaves out (Denver).
    *session("1f1b2c9e-63a0-4b7e-9f0e-0a1d5a0c0004", OLD, "ERROR", "p.reed",
             "2021-03-14T02:30:00.000", "2021-03-14T04:00:00.000", "2021-03-15T00:00:00.000"),
    # Started, never ended.
    ("1f1b2c9e-63a0-4b7e-9f0e-0a1d5a0c0005", OLD, "2021-05-05T10:00:00.000", S, "WAITING_FOR_END", "h.stone"),
    # To be built, times in UTC.
    *session("1f1b2c9e-63a0-4b7e-9f0e-0a1d5a0c0006", LINDEN, "TO_BE_BUILT", "k.ito",
             "2021-08-02T10:00:00Z", "2021-08-02T12:00:00Z"),
    # To be built, naive with three digits: local in Berlin.
    *session("1f1b2c9e-63a0-4b7e-9f0e-0a1d5a0c0007", LINDEN, "TO_BE_BUILT", "k.ito",
             "2021-08-03T10:00:00.000", "2021-08-03T12:00:00.000"),
]

# Sessions as the NEMO harvester writes them, and what can go wrong with them; every status.
NEMO_ROWS = [
    # Newest first, as the harvester stores them: the row order is not the time order.
    *session(usage(110), TEM, "TO_BE_BUILT", "k.ito",
             "2026-03-07T22:00:00-05:00", "2026-03-08T03:30:00-04:00"),
    *session(usage(109), FIB, "TO_BE_BUILT", "m.lopez",
             "2026-04-05T01:45:00+11:00", "2026-04-05T01:50:00.000001+10:30"),
    *session(usage(108), TEM, "COMPLETED", "k.ito",
             "2026-02-02T09:00:00.250000-05:00", "2026-02-02T12:00:00-05:00",
             "2026-02-03T04:00:00.000125-05:00"),
    *session(usage(107), LINDEN, "BUILT_NOT_EXPORTED", "m.lopez",
             "2026-02-03T09:00:00+01:00", "2026-02-03T10:00:00+01:00",
             "2026-02-04T04:00:07.000001-05:00", "2026-02-05T04:00:07.999999-05:00"),
    *session(usage(106), MONSOON, "ERROR", "r.söder",
             "2026-02-04T09:00:00+05:30", "2026-02-04T10:00:00+05:30", "2026-02-05T04:00:09.120000-05:00"),
    *session(usage(105), MONSOON, "NO_FILES_FOUND", "r.söder",
             "2026-01-04T09:00:00+05:30", "2026-01-04T10:00:00+05:30", "2026-01-08T04:00:11.000000-05:00"),
    *session(usage(104), LINDEN, "NO_CONSENT", "k.ito",
             "2026-01-05T09:00:00+01:00", "2026-01-05T10:00:00+01:00", "2026-01-08T04:00:12.500000-05:00"),
    *session(usage(103), LINDEN, "NO_RESERVATION", "o'brien",
             "2026-01-06T09:00:00+01:00", "2026-01-06T10:00:00+01:00", "2026-01-08T04:00:13.750000-05:00"),
    # Several END rows: the one with the largest row id counts, though its time is not the latest.
    (usage(120), TEM, "2026-05-01T09:00:00-04:00", S, "TO_BE_BUILT", "k.ito"),
    (usage(120), TEM, "2026-05-01T15:00:00-04:00", E, "TO_BE_BUILT", "k.ito"),
    (usage(120), TEM, "2026-05-01T11:00:00-04:00", E, "TO_BE_BUILT", "k.ito"),
    # A START without its END: NexusLIMS stops its whole run here.
    (usage(121), TEM, "2026-05-02T09:00:00-04:00", S, "TO_BE_BUILT", "k.ito"),
    # An END without its START.
    (usage(122), TEM, "2026-05-03T10:00:00-04:00", E, "TO_BE_BUILT", "k.ito"),
    # START and END name different users.
    (usage(123), LINDEN, "2026-05-04T09:00:00+02:00", S, "TO_BE_BUILT", "k.ito"),
    (usage(123), LINDEN, "2026-05-04T10:00:00+02:00", E, "TO_BE_BUILT", "m.lopez"),
    # An instrument that is not in the table: a foreign key violation, which the file accepts.
    *session(usage(124), "Gone-SEM-999999", "TO_BE_BUILT", "k.ito",
             "2026-05-05T09:00:00-04:00", "2026-05-05T10:00:00-04:00"),
    # A build that was killed: its own row stayed WAITING_FOR_END.
    *session(usage(125), TEM, "TO_BE_BUILT", "k.ito",
             "2026-05-06T09:00:00-04:00", "2026-05-06T10:00:00-04:00"),
    (usage(125), TEM, "2026-05-07T04:00:00.300000-04:00", R, "WAITING_FOR_END", "nexuslims"),
    # No user at all, and an end before the start.
    *session(usage(126), MONSOON, "TO_BE_BUILT", None,
             "2026-05-08T10:00:00+05:30", "2026-05-08T09:00:00+05:30"),
]

# (session_identifier, destination_name, success, timestamp, record_id, record_url, error_message, metadata_json)
UPLOADS = [
    (usage(108), "cdcs", 1, "2026-02-03T04:00:21.450443", "31", "https://cdcs.example.org/data?id=31", None, None),
    (usage(108), "labarchives", 1, "2026-02-03T04:00:23", "MTIuMw==",
     "https://notebook.example.org/share/MTIuMw==", None,
     '{"folder": "NexusLIMS Records/Borealis TEM", "pages": 1}'),
    (usage(107), "cdcs", 0, "2026-02-04T04:00:31.000002", None, None,
     "ConnectionError: no answer from cdcs.example.org", None),
    (usage(107), "labarchives", 0, "2026-02-04T04:00:33.000003", None, None,
     "Traceback (most recent call last):\n  File \"labarchives.py\", line 1, in export\nValueError: no such notebook\n",
     None),
    ("1f1b2c9e-63a0-4b7e-9f0e-0a1d5a0c0001", "cdcs", 1, "2025-01-01T00:00:00", "7",
     "https://cdcs.example.org/data?id=7", None, '{"note": "uploaded by hand", "who": "Grüße 🔬"}'),
]

# (nexuslims_username, external_system, external_id, email, created_at, last_verified_at, notes)
EXTERNAL_IDS = [
    ("k.ito", "nemo", "3", "ito@example.net", "2026-01-01T10:00:00.608889+00:00", None, None),
    ("k.ito", "labarchives_eln", "90125'Wq^7uid 4410", "ito@example.net",
     "2026-01-01T10:00:01+00:00", "2026-02-01T10:00:01.000001+00:00", "linked by the user"),
    ("k.ito", "cdcs", "17", None, "2026-01-01T10:00:02+00:00", None, None),
    ("m.lopez", "nemo", "8", None, "2026-01-02T10:00:00+00:00", None, "two\nlines"),
    ("m.lopez", "labarchives_scheduler", "lopez", "lopez@example.net", "2026-01-02T10:00:01+00:00", None, None),
    # The same id as k.ito's at NEMO, in another system: allowed.
    ("r.söder", "cdcs", "3", None, "2026-01-03T10:00:00+00:00", None, None),
]

# Rows that a reader must survive; in a file of their own, since NexusLIMS cannot load such a table at all.
BROKEN_ROWS = [
    *session(usage(201), TEM, "TO_BE_BUILT", "k.ito", "yesterday", "2026-05-01T11:00:00-04:00"),
    *session(usage(202), TEM, "TO_BE_BUILT", "k.ito", "2026-05-02T09:00:00-04:00", ""),
    *session(usage(203), TEM, "TO_BE_BUILT", "k.ito", "2026-02-30T09:00:00-05:00", "2026-05-03T11:00:00-04:00"),
    *session(usage(204), TEM, "TO_BE_BUILT", "k.ito", 1777900000, 1777903600.5),
    *session(usage(205), TEM, "COMPLETED", "k.ito", "2026-05-05 09:00", "2026-05-05T11:00:00 EDT",
             "not a time"),
    *session(usage(206), TEM, "TO_BE_BUILT", "k.ito", "2026-05-06T09:00:00-04:00", "2026-05-06T10:00:00-04:00"),
    *session("", TEM, "TO_BE_BUILT", "k.ito", "2026-05-07T09:00:00-04:00", "2026-05-07T10:00:00-04:00"),
    *session(usage(208), TEM, "TO_BE_BUILT", b"\xff\xfe", "2026-05-08T09:00:00-04:00", b"2026-05-08T10:00:00\xff"),
]

# What the creation script of NexusLIMS 1.4 left behind: typed texts, unnamed checks, an index with a dot in its name.
PRE_2_2_TABLES = """
CREATE TABLE "instruments" (
    "instrument_pid" VARCHAR(100) NOT NULL,
    "api_url" TEXT NOT NULL,
    "calendar_name" TEXT NOT NULL,
    "calendar_url" TEXT NOT NULL,
    "location" VARCHAR(100) NOT NULL,
    "schema_name" TEXT NOT NULL,
    "property_tag" VARCHAR(20) NOT NULL,
    "filestore_path" TEXT NOT NULL,
    "computer_name" TEXT,
    "computer_ip" VARCHAR(15),
    "computer_mount" TEXT,
    "harvester" TEXT,
    "timezone" TEXT NOT NULL DEFAULT 'America/New_York',
    PRIMARY KEY ("instrument_pid"),
    CONSTRAINT "instrument_pid_UNIQUE" UNIQUE ("instrument_pid"),
    CONSTRAINT "api_url_UNIQUE" UNIQUE ("api_url"),
    CONSTRAINT "computer_name_UNIQUE" UNIQUE ("computer_name"),
    CONSTRAINT "computer_ip_UNIQUE" UNIQUE ("computer_ip")
);
CREATE TABLE "session_log" (
    "id_session_log" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "session_identifier" VARCHAR(36) NOT NULL,
    "instrument" VARCHAR(100) NOT NULL,
    "timestamp" DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now', 'localtime')),
    "event_type" TEXT NOT NULL CHECK ("event_type" IN ('START', 'END', 'RECORD_GENERATION')),
    "record_status" TEXT NOT NULL DEFAULT 'WAITING_FOR_END'
        CHECK ("record_status" IN ('COMPLETED', 'WAITING_FOR_END', 'TO_BE_BUILT', 'ERROR', 'NO_FILES_FOUND')),
    "user" VARCHAR(50),
    CONSTRAINT "id_session_log_UNIQUE" UNIQUE ("id_session_log"),
    CONSTRAINT "fk_instrument" FOREIGN KEY ("instrument") REFERENCES "instruments" ("instrument_pid")
        ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE INDEX "session_log.fk_instrument_idx" ON "session_log" ("instrument");
"""


class Maker:
    """Runs NexusLIMS on files in a scratch folder and keeps the results."""

    def __init__(self, peer, scratch, out):
        self.command = Path(peer) / "bin" / "nexuslims"
        self.scratch = Path(scratch)
        self.out = Path(out)

    def peer(self, path, *arguments, status=0):
        """Runs `nexuslims db …` on one file, in a folder without settings."""
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.scratch), "NX_DB_PATH": str(path)}
        done = subprocess.run(
            [self.command, "db", *arguments], env=environment, cwd=self.scratch, capture_output=True, text=True
        )
        if done.returncode != status:
            raise SystemExit(f"{arguments} on {path.name} ended with {done.returncode}: {done.stdout}{done.stderr}")

    def fresh(self, name):
        """An empty file, which `db upgrade` wants to find."""
        path = self.scratch / name
        path.touch()
        return path

    def at(self, name, revision):
        """A file that NexusLIMS took to a revision: `init` for the newest, else `upgrade`."""
        if revision == REVISIONS[-1]:
            path = self.scratch / name
            self.peer(path, "init")
        else:
            path = self.fresh(name)
            self.peer(path, "upgrade", revision)
        return path

    def keep(self, path):
        """Copies a finished file to the output folder, without a journal beside it."""
        leftovers = [path.with_name(path.name + suffix) for suffix in ("-journal", "-wal", "-shm")]
        if any(leftover.exists() for leftover in leftovers):
            raise SystemExit(f"{path.name} has a journal beside it")
        shutil.copyfile(path, self.out / path.name)


def insert(connection, table, columns, rows):
    marks = ", ".join("?" for _ in columns)
    names = ", ".join(columns)
    connection.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", rows)


def fill(path, revision, rows):
    """Adds every row that the tables of a revision can take."""
    connection = sqlite3.connect(path)
    renamed = {"schema_name": "display_name"} if revision == "v2_5_0b" else {}
    gone = {"calendar_name", "computer_name", "computer_ip", "computer_mount"} if renamed else set()
    columns = [column for column in INSTRUMENTS[0] if column not in gone]
    insert(connection, "instruments", [renamed.get(column, column) for column in columns],
           [[row[column] for column in columns] for row in INSTRUMENTS])
    insert(connection, "session_log",
           ["session_identifier", "instrument", "timestamp", "event_type", "record_status", "user"], rows)
    if REVISIONS.index(revision) >= 1:
        insert(connection, "upload_log",
               ["session_identifier", "destination_name", "success", "timestamp", "record_id", "record_url",
                "error_message", "metadata_json"], UPLOADS)
    if REVISIONS.index(revision) >= 3:
        insert(connection, "external_user_identifiers",
               ["nexuslims_username", "external_system", "external_id", "email", "created_at", "last_verified_at",
                "notes"], EXTERNAL_IDS)
    # A gap in the ids, and ids that are not their row's number.
    connection.execute("UPDATE session_log SET id_session_log = id_session_log + 1000 WHERE id_session_log > 20")
    connection.commit()
    connection.close()


def pre_2_2(path, harvester_of_last):
    """A database from before 2.2, with rows that its narrower check allows."""
    connection = sqlite3.connect(path)
    connection.executescript(PRE_2_2_TABLES)
    instruments = [dict(row) for row in INSTRUMENTS]
    instruments[-1]["harvester"] = harvester_of_last
    columns = list(instruments[0])
    insert(connection, "instruments", columns, [[row[column] for column in columns] for row in instruments])
    insert(connection, "session_log",
           ["session_identifier", "instrument", "timestamp", "event_type", "record_status", "user"], OLD_ROWS)
    # A deleted last row, so that the left-over sqlite_sequence knows a higher number than the table.
    connection.execute(
        "INSERT INTO session_log (session_identifier, instrument, event_type) VALUES ('gone', ?, 'START')", [OLD])
    connection.execute("DELETE FROM session_log WHERE session_identifier = 'gone'")
    connection.commit()
    connection.close()


def make(maker):
    rows = OLD_ROWS + NEMO_ROWS
    for revision in REVISIONS:
        path = maker.at(f"{revision}.sqlite", revision)
        fill(path, revision, rows)
        maker.keep(path)

    # Files that NexusLIMS took down again by itself: it does not give back the shapes it started from.
    for name, revision in [("down_v2_5_0a", "v2_5_0a"), ("down_v2_4_0a", "v2_4_0a"), ("down_v1_4_3", "v1_4_3"),
                           ("down_base", "base")]:
        path = maker.at(f"{name}.sqlite", "v2_5_0b")
        fill(path, "v2_5_0b", rows)
        maker.peer(path, "downgrade", revision)
        maker.keep(path)

    # A file that NexusLIMS took up from the bottom with rows in it.
    path = maker.at("up_v2_5_0b.sqlite", "v1_4_3")
    fill(path, "v1_4_3", rows)
    maker.peer(path, "upgrade")
    maker.keep(path)

    path = maker.at("broken_rows.sqlite", "v2_5_0b")
    fill(path, "v2_5_0b", BROKEN_ROWS)
    maker.keep(path)

    # No check before v2_4_0b, so a status that nobody knows could get in; NexusLIMS cannot take this file up.
    path = maker.at("v2_4_0a_unknown_status.sqlite", "v2_4_0a")
    fill(path, "v2_4_0a", [*rows, (usage(130), TEM, "2026-05-09T09:00:00-04:00", S, "PAUSED", "k.ito")])
    maker.keep(path)

    path = maker.scratch / "demo.sqlite"
    maker.peer(path, "create-demo", str(path))
    maker.keep(path)

    path = maker.fresh("pre_2_2.sqlite")
    pre_2_2(path, "sharepoint")
    maker.keep(path)

    path = maker.fresh("pre_2_2_upgraded.sqlite")
    pre_2_2(path, "sharepoint")
    maker.peer(path, "alembic", "stamp", "v1_4_3")
    maker.peer(path, "upgrade")
    maker.keep(path)

    # An upgrade without the stamp fails and leaves an empty version table.
    path = maker.fresh("pre_2_2_unstamped.sqlite")
    pre_2_2(path, "sharepoint")
    maker.peer(path, "upgrade", status=1)
    maker.keep(path)

    # An instrument without harvester stops NexusLIMS half way: its temporary table stays behind.
    path = maker.fresh("pre_2_2_half_upgraded.sqlite")
    pre_2_2(path, None)
    maker.peer(path, "alembic", "stamp", "v1_4_3")
    maker.peer(path, "upgrade", status=1)
    maker.keep(path)


def main():
    parser = argparse.ArgumentParser(description="Makes the databases of this folder by running NexusLIMS 2.8.0.")
    parser.add_argument("--peer", required=True, help="a Python environment with NexusLIMS 2.8.0 in it")
    parser.add_argument("--out", default=Path(__file__).resolve().parent, help="where the files go (this folder)")
    options = parser.parse_args()
    Path(options.out).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        make(Maker(options.peer, scratch, options.out))


if __name__ == "__main__":
    main()
