"""An extractor that does what the name of the file says. For the tests."""

import json
import os
import signal
import sys
import time

MANIFEST = {
    "name": "hostile",
    "version": "1.2.3",
    "kind": "extractor",
    "protocol": "1.0",
    "suffixes": ["txt"],
    "settings": {"type": "object", "properties": {"word": {"type": "string"}, "key": {"secret": True}}},
}
settings = {}


def answer(request):
    method, params = request["method"], request.get("params", {})
    if method == "manifest":
        return MANIFEST
    if method == "configure":
        settings.update(params["settings"])
        return {}
    if method == "check":
        return {"items": []}
    if method == "accepts":
        return {"accepts": True}
    deed = os.path.basename(params["path"])
    if "leaving" in deed:
        os._exit(3)
    if "dying" in deed:
        os.kill(os.getpid(), signal.SIGSEGV)
    if "hanging" in deed:
        time.sleep(600)
    if "babbling" in deed:
        print("reading", deed, flush=True)
    if "scrambling" in deed:
        sys.stdout.buffer.write(b"\xff\xfe{\n")
        sys.stdout.flush()
    if "confusing" in deed:
        request["id"] += 1
    if "formless" in deed:
        return {"signals": "many"}
    if "talking" in deed:
        raise ValueError("the key is " + settings["key"])
    picture = os.path.join(request["scratch"], "p.png")
    with open(picture, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1rest")
    metadata = {"Word": settings["word"], "Length": str(os.path.getsize(params["path"]))}
    return {"signals": [{"dataset_type": "Image", "metadata": metadata, "preview": "p.png"}]}


for line in sys.stdin:
    request = json.loads(line)
    if "method" not in request:
        continue
    try:
        reply = {"ok": answer(request)}
    except Exception as error:
        reply = {"error": {"class": "permanent", "effect": "none", "message": str(error)}}
    print(json.dumps({"id": request["id"], **reply}), flush=True)
