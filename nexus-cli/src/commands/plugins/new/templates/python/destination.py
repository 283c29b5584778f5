#!/usr/bin/env python3
"""my-plugin: a destination for nexus.

As it stands it copies every record into a folder, with a note beside it that tells whose it is. Replace that by
your own: `find`, `deliver`, `target` and `check` are all that a destination is asked. Standard library only.
"""

import hashlib
import json
import os
import queue
import re
import sys
import threading
import time
import traceback
from pathlib import Path

MANIFEST = {
    "name": "my-plugin",
    "version": "0.1.0",
    "kind": "destination",
    "protocol": "1.0",
    "summary": "Copies each record into a folder.",
    # find: it can tell what is there already. update: a record that has changed replaces the old one.
    "capabilities": ["find", "update"],
    # JSON Schema. What nexus.toml says in this plugin's table is compared with it before anything runs.
    # A key with "secret": True is fetched from where nexus.toml says, and kept out of every log.
    "settings": {
        "type": "object",
        "required": ["folder"],
        "properties": {
            "folder": {"type": "string", "format": "path", "description": "Where records go. It must exist."},
        },
    },
}

# What nexus.toml says, as soon as nexus has told it.
SETTINGS = {}


def target(call, _):
    """Where records go. The id stays equal as long as it is the same place: what was delivered to another
    place counts for nothing here. `settle_seconds`: how long a request that was given up may still take effect.
    """
    return {"id": folder().as_uri(), "can_find": True, "settle_seconds": 0}


def find(call, delivery):
    """What is there for this session already: asked before every delivery, and after an answer was lost.

    A hash is an assurance that the object is complete: nexus takes an equal one as delivered.
    """
    record, note = places(delivery)
    try:
        content = record.read_bytes()
        said = json.loads(note.read_bytes())
    except FileNotFoundError:
        return "none"  # The record is written last: without it there is nothing.
    whole = said["file_sha256"] == hashlib.sha256(content).hexdigest()
    return {"one": remote(record, said["content_sha256"] if whole else None)}


def deliver(call, delivery):
    """Puts the record there, or puts it in the place of an older one.

    A long delivery returns {"more": CHECKPOINT} after each part. nexus stores the checkpoint (any JSON) and asks
    again with delivery["checkpoint"], even after a power cut.
    """
    record, note = places(delivery)
    wanted = delivery["record"]
    try:
        content = Path(local(wanted["path"])).read_bytes()
    except OSError as error:
        raise Failure(f"the record cannot be read: {error}")
    if call.should_stop():
        raise Failure("given up before anything was written", "transient")
    said = {"key": wanted["key"], "content_sha256": wanted["content_sha256"], "file_sha256": wanted["file_sha256"]}
    try:
        write(note, json.dumps(said).encode())
        write(record, content)
    except OSError as error:
        # The same write again does no harm, so there is no doubt about what was done.
        raise Failure(f"`{record}` cannot be written: {error}", "transient", hint="is the share mounted?")
    return {"done": remote(record, wanted["content_sha256"])}


def check(call, _):
    """Whether a delivery would work now, one item for each thing that can be wrong. Changes nothing."""
    able = os.access(folder(), os.W_OK | os.X_OK)
    detail = str(folder()) if able else f"this user may not write into {folder()}"
    return {"items": [{"name": "folder writable", "result": "ok" if able else "failed", "detail": detail}]}


METHODS = {"target": target, "find": find, "deliver": deliver, "check": check}


def folder():
    path = Path(SETTINGS["folder"])
    if not path.is_dir():
        # Never made here: a missing folder is a share that is not mounted.
        raise Failure(f"there is no folder `{path}`", "transient", hint="is the share mounted?")
    return path


def places(delivery):
    """The record's file and its note. The session's key makes them this session's and nobody else's."""
    name, key = (re.sub(r"[^A-Za-z0-9_-]", "_", delivery["record"][word]) for word in ("name", "key"))
    stem = f"{name[:100]}.{key[:100]}"
    return folder() / f"{stem}.xml", folder() / f"{stem}.json"


def remote(record, content_sha256):
    return {"id": record.name, "url": record.as_uri(), "content_sha256": content_sha256}


def write(path, content):
    """Whoever looks sees the old file or the new one, never half of one; not even after a power cut."""
    part = path.with_name(f".{path.name}.part")
    with open(part, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)
