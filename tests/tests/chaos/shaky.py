"""The destination of `shaky` once more, as a program, with faults that only a program can have."""
import ctypes, json, os, signal, sys
from pathlib import Path

folder = None

def say(text):
    sys.stdout.buffer.write(text + b"\n")
    sys.stdout.buffer.flush()

def reply(id, **what):
    say(json.dumps({"id": id, **what}).encode())

def remote(record, content):
    return {"id": record["key"], "content_sha256": content}

def find(record):
    try:
        return {"one": remote(record, (folder / "objects" / record["key"]).read_text())}
    except FileNotFoundError:
        return "none"

def write(record):
    with open(folder / "objects" / record["key"], "x") as file:  # A second one must never be made.
        file.write(record["content_sha256"])
    return remote(record, record["content_sha256"])

def turn(session):
    with open(folder / "calls" / session, "ab") as calls:
        before = calls.tell()
        calls.write(b"x")
    plan = json.loads((folder / "plan.json").read_text()).get(session, [])
    return plan[before] if before < len(plan) else "ok"

def deliver(id, delivery):
    record, fault = delivery["record"], turn(delivery["session"]["identifier"])
    done = write(record) if fault == "ok" or fault.endswith("_after") else None
    error = {"class": "transient", "effect": "none", "message": "refused"}
    match fault.removesuffix("_after"):
        case "ok": reply(id, ok={"done": done})
        case "refuse": reply(id, error=error)
        case "lost": reply(id, error={**error, "effect": "maybe"})
        case "nameless": reply(id, ok={"done": {"id": ""}})
        case "raise": raise ValueError("planned")
        case "exit": os._exit(3)
        case "abort": os.abort()
        case "segfault": ctypes.string_at(0)
        case "closed": os.close(1), signal.pause()
        case "hang_for_ever": signal.pause()
        case "garbage": print("uploading…", flush=True)
        case "wrong_id": reply(id + 1, ok={"done": done})
        case "not_utf8": say(b'{"id": %d, "ok": "\xff"}' % id)
        case "stray": reply(id, ok={"done": done}), print("that went well", flush=True)
        case other: raise ValueError(other)

for line in sys.stdin.buffer:
    request = json.loads(line)
    id, params = request.get("id"), request.get("params")
    match request.get("method"):
        case "manifest": reply(id, ok={"name": "shaky-program", "version": "1", "kind": "destination", "protocol": "1.0",
            "settings": {"type": "object", "properties": {"folder": {"type": "string", "format": "path"}}}})
        case "configure":
            folder = Path(params["settings"]["folder"])
            reply(id, ok={})
        case "target": reply(id, ok={"id": str(folder), "can_find": True, "settle_seconds": 0})
        case "find": reply(id, ok=find(params["record"]))
        case "deliver": deliver(id, params)
        case None: pass
        case _: reply(id, unsupported=True)
