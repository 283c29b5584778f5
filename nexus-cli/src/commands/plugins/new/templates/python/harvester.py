#!/usr/bin/env python3
"""my-plugin: a harvester for nexus.

As it stands it reads a diary: a CSV file in which every use of an instrument is a row.

    id,instrument,user,start,end,title,consent
    17,TITAN,ada,2024-03-05T09:10:00-07:00,2024-03-05T11:00:00-07:00,Grain boundaries,yes

An empty end means that the instrument is in use. Replace the reading by your own: `harvest`, `reservations` and
`check` are all that a harvester is asked. Standard library only.
"""

import collections
import csv
import io
import json
import os
import queue
import sys
import threading
import time
import traceback
from datetime import datetime
from pathlib import Path

MANIFEST = {
    "name": "my-plugin",
    "version": "0.1.0",
    "kind": "harvester",
    "protocol": "1.0",
    "summary": "Reads a diary with a row for every use of an instrument.",
    "capabilities": [],
    # JSON Schema. What nexus.toml says in this plugin's table is compared with it before anything runs.
    # A key with "secret": True is fetched from where nexus.toml says, and kept out of every log.
    "settings": {
        "type": "object",
        "required": ["file"],
        "properties": {
            "file": {"type": "string", "format": "path", "description": "The diary."},
        },
    },
}

# What nexus.toml says, as soon as nexus has told it.
SETTINGS = {}

COLUMNS = ["id", "instrument", "user", "start", "end", "title", "consent"]


def harvest(call, request):
    """The usage events of the instruments asked for.

    The diary is short, so all of it is told each time: nexus knows which events it has. A source with a long
    past returns a cursor for every instrument, gets it back with the next request, and tells what came since.
    """
    if request.get("page") is not None:
        raise Failure(f"there is no page `{request['page']}`: the diary is told at once")
    wanted = [query["instrument"]["pid"] for query in request["instruments"]]
    events, rejected, elsewhere = [], [], collections.Counter()
    for line, row in rows():
        if call.should_stop():
            raise Failure("given up while reading the diary", "transient")
        try:
            event = event_of(row)
        except ValueError as error:
            rejected.append({"place": f"line {line}", "reason": str(error)})
            continue
        if event["instrument_pid"] not in wanted:
            elsewhere[event["instrument_pid"]] += 1
        elif is_asked_for(event, request):
            events.append(event)
    covered = {"covered_from": request.get("from"), "covered_to": request.get("until")}
    return {
        "events": events,
        # complete: an event of this time that nexus knows and that is not told now is gone.
        "instruments": [{"instrument_pid": pid, "complete": True, **covered} for pid in wanted],
        "outside": [{"tool": tool, "count": count} for tool, count in elsewhere.items()],
        "rejected": rejected,
    }


def reservations(call, params):
    """What was booked for each session: exactly one answer for each, in the same order."""
    known = {row.get("id"): row for _, row in rows()}
    return {"answers": [reservation_of(known.get(session["external_id"])) for session in params["sessions"]]}


def check(call, _):
    """Whether a harvest would work now, one item for each thing that can be wrong."""
    count = sum(1 for _ in rows())
    return {"items": [{"name": "diary readable", "result": "ok", "detail": f"{count} rows"}]}


METHODS = {"harvest": harvest, "reservations": reservations, "check": check}


def rows():
    """Every row of the diary, with the number of its line."""
    path = Path(SETTINGS["file"])
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise Failure(f"the diary `{path}` cannot be read: {error}", "transient", hint="is the share mounted?")
    except UnicodeDecodeError as error:
        raise Failure(f"the diary `{path}` is not UTF-8 text: {error}")
    reader = csv.DictReader(io.StringIO(text, newline=""), restkey="", restval="")
    missing = [column for column in COLUMNS if column not in (reader.fieldnames or [])]
    if missing:
        raise Failure(f"the diary `{path}` has no column {', '.join(missing)}", hint=f"its columns: {','.join(COLUMNS)}")
    for row in reader:
        yield reader.line_num, row


def event_of(row):
    if not row["id"] or not row["instrument"]:
        raise ValueError("id and instrument are needed")
    return {
        "external_id": row["id"],
        # Stored for ever: the same use must never come under another name.
        "session_identifier": f"my-plugin:{row['id']}",
        "instrument_pid": row["instrument"],
        "user": row["user"] or None,
        "start": moment(row["start"]).isoformat(),
        "end": moment(row["end"]).isoformat() if row["end"] else None,
    }


def moment(text):
    time = datetime.fromisoformat(text.replace("Z", "+00:00"))
    if time.tzinfo is None:
        # nexus would take it for a time in the instrument's zone; `is_asked_for` could not compare it.
        raise ValueError(f"`{text}` has no offset: write 2024-03-05T09:10:00-07:00")
    return time


def is_asked_for(event, request):
    """A use that goes on is always told, one that nexus knows as going on too, and else the asked-for time counts."""
    if event["end"] is None or event["external_id"] in request.get("open", []):
        return True
    end, start, until = moment(event["end"]), request.get("from"), request.get("until")
    return (start is None or end >= moment(start)) and (until is None or end < moment(until))


def reservation_of(row):
    if row is None:
        return "gone"
    # Consent is explicit: anything but a known yes is none.
    if row["consent"].strip().lower() != "yes":
        return {"no_consent": {"reason": f"the diary says `{row['consent']}`"}}
    return {"reservation": {"internal_id": row["id"], "username": row["user"] or None, "title": row["title"] or None}}
