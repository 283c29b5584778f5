"""A destination for nexus: every record becomes an XML file in a folder. Standard library only."""
import hashlib, json, os, re, sys
from pathlib import Path
MANIFEST = {"name": "share", "version": "1.0.0", "kind": "destination", "protocol": "1.0",
            "summary": "Copies each record into a folder.", "capabilities": ["find", "update"],
            "settings": {"type": "object", "required": ["folder"], "properties": {
                "folder": {"type": "string", "format": "path", "description": "Where records go. It must exist."}}}}
settings = {}

def place_of(delivery):  # The key in the name makes the file this session's, and nobody else's.
    name, key = (re.sub(r"[^\w.-]", "_", delivery["record"][word], flags=re.ASCII) for word in ("name", "key"))
    return settings["folder"] / f"{name[:120]}.{key}.xml"

def bytes_of(path):  # A path that is not UTF-8 comes as {"bytes": "<hex>"}.
    path = os.fsdecode(bytes.fromhex(path["bytes"])) if isinstance(path, dict) else path
    if not os.path.isfile(path):
        raise ValueError(f"there is no record {path!a}")
    return Path(path).read_bytes()

def write(place, data):  # Whoever looks sees the old file or the new one, never half of one.
    part = place.with_name(f".{place.name}.part")
    with open(part, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, place)

def target(_):
    settings["folder"].stat()  # Fails if the share is not mounted: nothing is delivered in this run.
    return {"id": settings["folder"].as_uri(), "can_find": True}

def find(delivery):  # The hash is told only of a record that is complete.
    place, note = place_of(delivery), place_of(delivery).with_suffix(".json")
    if not place.exists():
        return "none"
    said = json.loads(note.read_bytes()) if note.exists() else {}
    whole = said.get("file_sha256") == hashlib.sha256(place.read_bytes()).hexdigest()
    content = said["content_sha256"] if whole else None
    return {"one": {"id": place.name, "url": place.as_uri(), "content_sha256": content}}

def deliver(delivery):  # The note first, the record last: until then nothing has been delivered.
    data = bytes_of(delivery["record"]["path"])
    write(place_of(delivery).with_suffix(".json"), json.dumps(delivery["record"]).encode())
    write(place_of(delivery), data)
    return {"done": find(delivery)["one"]}

def check(_):
    able = os.access(settings["folder"], os.W_OK | os.X_OK)
    return {"items": [{"name": f"{settings['folder']} is writable", "result": "ok" if able else "failed"}]}

METHODS = {"manifest": lambda _: MANIFEST, "target": target, "find": find, "deliver": deliver, "check": check,
           "configure": lambda params: settings.update(folder=Path(params["settings"]["folder"])) or {}}
for request in filter(lambda line: "method" in line, map(json.loads, sys.stdin.buffer)):
    method = METHODS.get(request["method"])
    try:
        reply = {"ok": method(request["params"])} if method else {"unsupported": True}
    except Exception as error:  # Nothing was delivered: the last step is the rename.
        kind = {PermissionError: "auth"}.get(type(error), "transient" if isinstance(error, OSError) else "permanent")
        reply = {"error": {"class": kind, "effect": "none", "message": f"{type(error).__name__}: {error}"}}
    print(json.dumps({"id": request["id"], **reply}), flush=True)
