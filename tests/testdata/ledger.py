"""A destination that cannot be asked: every delivery adds a line to a file, and nothing is ever looked up."""
import json
import os
import sys

MANIFEST = {
    "name": "ledger",
    "version": "1.0.0",
    "kind": "destination",
    "protocol": "1.0",
    "settings": {"type": "object", "required": ["file"], "properties": {"file": {"type": "string", "format": "path"}}},
}
settings = {}


def deliver(delivery):
    line = f"{delivery['session']['identifier']}\n".encode()
    ledger = os.open(settings["file"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(ledger, line)
    os.close(ledger)
    return {"done": {"id": delivery["record"]["key"]}}


METHODS = {
    "manifest": lambda _: MANIFEST,
    "configure": lambda params: settings.update(params["settings"]) or {},
    "target": lambda _: {"id": settings["file"], "can_find": False},
    "check": lambda _: {"items": []},
    "deliver": deliver,
}
for request in map(json.loads, sys.stdin.buffer):
    if "method" in request:
        method = METHODS.get(request["method"])
        reply = {"ok": method(request["params"])} if method else {"unsupported": True}
        print(json.dumps({"id": request["id"], **reply}), flush=True)
