"""A destination that takes nothing and offers actions: for the tests of `nexus plugins`."""

import json
import sys

MANIFEST = {
    "name": "enrol",
    "version": "1.2.3",
    "kind": "destination",
    "protocol": "1.0",
    "summary": "Makes accounts.",
    "capabilities": ["actions", "find"],
    "settings": {
        "type": "object",
        "description": "Accounts of a store that does not exist.",
        "required": ["token"],
        "properties": {
            "token": {"type": "string", "secret": True, "description": "Token of the store."},
            "quota": {"type": "integer", "default": 5, "description": "Accounts at most."},
            "mood": {"enum": ["good", "bad"], "description": "How it is today."},
        },
    },
}
ENROL = {"type": "object", "required": ["user"], "properties": {"user": {"type": "string"}, "id": {"type": "integer"}}}
ACTIONS = [
    {"name": "enrol", "summary": "Makes an account.", "writes": True, "arguments": ENROL},
    {"name": "ask", "summary": "Tells what is there.", "arguments": {"type": "object"}},
    {"name": "break", "summary": "Fails.", "writes": True},
]
settings = {}


def failure(message, **more):
    return {"error": {"class": "permanent", "effect": "none", "message": message, **more}}


def run(name, arguments):
    if name == "enrol":
        number = arguments.get("id", 17)
        user = {"username": arguments["user"], "system": "cdcs", "external_id": str(number)}
        strange = {"username": "x", "system": "the moon", "external_id": "1"}
        users = [user, strange] if arguments["user"] == "strange" else [user]
        return {"ok": {"message": f"{arguments['user']} has an account now", "data": {"id": number}, "users": users}}
    if name == "ask":
        data = {"arguments": arguments, "token": settings["token"]}
        return {"ok": {"message": f"opened with {settings['token']}", "data": data}}
    return failure(f"the store refused {settings['token']}", effect="maybe", hint="ask the store")


def answer(method, params):
    if method == "manifest":
        return {"ok": MANIFEST}
    if method == "configure":
        settings.update(params["settings"])
        return {"ok": {}}
    if method == "check":
        bad = settings.get("mood") == "bad"
        item = {"name": "mood", "result": "failed" if bad else "ok", "detail": "as nexus.toml says"}
        return {"ok": {"items": [item]}}
    if method == "actions":
        return {"ok": {"actions": ACTIONS}}
    if method == "run_action":
        return run(params["name"], params["arguments"])
    return {"unsupported": True}


for line in sys.stdin:
    request = json.loads(line)
    if "method" in request:
        print(json.dumps({"id": request["id"], **answer(request["method"], request["params"])}), flush=True)
