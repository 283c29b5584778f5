

# How nexus and this program talk: the same for every plugin, and nothing to change.
#
# A request is one line of JSON on standard input, its reply one line on standard output. What is printed
# goes to nexus' log, and must never hold a secret.

class Failure(Exception):
    """Something did not work. `why` is read by the person who must act: name the thing, say the reason.

    kind    "permanent"     the same request would fail again; the delivery waits for another record or settings
            "transient"     worth another try: nobody answered, the server is overloaded
            "rate_limited"  the other side asks for a pause, `until` a time in UTC if it says
            "auth"          credentials or rights are missing
    effect  "none"          certainly nothing was done on the other side
            "maybe"         perhaps something was done: nexus looks with `find` before it tries again
    hint    what the person can do
    """

    def __init__(self, why, kind="permanent", effect="none", hint=None, until=None):
        super().__init__(why)
        self.told = {"class": kind, "effect": effect, "message": why}
        self.told |= {"hint": hint} if hint else {}
        self.told |= {"until": until} if kind == "rate_limited" else {}


class Call:
    """The circumstances of one request."""

    def __init__(self, request):
        limit = request.get("deadline_ms")
        self.ends = None if limit is None else time.monotonic() + limit / 1000
        self.scratch = local(request["scratch"]) if request.get("scratch") else None
        self.cancelled = threading.Event()

    def seconds_left(self):
        """Until nexus stops waiting; None if it does not. Good as a timeout of network calls."""
        return None if self.ends is None else max(0.0, self.ends - time.monotonic())

    def should_stop(self):
        """Whether nobody waits for the answer any more. To be asked in every loop that takes long."""
        return self.cancelled.is_set() or self.seconds_left() == 0.0


def local(path):
    """A path as nexus sends it, for open(). A name that is not UTF-8 comes as {"bytes": "<hex>"}."""
    return os.fsdecode(bytes.fromhex(path["bytes"])) if isinstance(path, dict) else path


def configure(settings):
    """Keeps what nexus.toml says, if it is what the manifest wants."""
    schema = MANIFEST["settings"]
    types = {"string": str, "boolean": bool, "integer": int, "number": (int, float), "array": list, "object": dict}
    for key in schema.get("required", []):
        if key not in settings:
            raise Failure(f"the setting `{key}` is missing")
    for key, value in settings.items():
        wanted = schema["properties"].get(key, {}).get("type")
        if wanted is None:
            continue  # A word of a later version: nexus.toml was compared with the manifest already.
        if not isinstance(value, types[wanted]) or isinstance(value, bool) != (wanted == "boolean"):
            raise Failure(f"the setting `{key}` must be of type {wanted}")
    SETTINGS.clear()
    SETTINGS.update(settings)
    return {}


def answer(request, call):
    """The reply to one request, without its id."""
    method, params = request["method"], request.get("params") or {}
    if method == "manifest":
        return {"ok": MANIFEST}
    if method != "configure" and method not in METHODS:
        return {"unsupported": True}
    try:
        return {"ok": METHODS[method](call, params) if method in METHODS else configure(params["settings"])}
    except Failure as failure:
        return {"error": failure.told}
    except Exception as error:  # A mistake in this program: the log tells where.
        traceback.print_exc()
        effect = "maybe" if method in ("deliver", "run_action") else "none"
        return {"error": Failure(f"`{method}` failed: {error!r}", effect=effect).told}


def main():
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # From here on, what a library prints cannot be taken for a reply.
    requests, calls = queue.Queue(), {}

    def read():
        for line in sys.stdin.buffer:
            try:
                message = dict(json.loads(line))
                if "method" in message:
                    calls[message["id"]] = Call(message)
                    requests.put(message)
                elif message.get("cancel") in calls:
                    calls[message["cancel"]].cancelled.set()
            except (ValueError, TypeError, KeyError, RecursionError) as error:
                requests.put({"id": 0, "unreadable": f"the request cannot be read: {error!r}"})
        for call in list(calls.values()):  # nexus is gone: nobody waits for anything.
            call.cancelled.set()
        requests.put(None)

    threading.Thread(target=read, daemon=True).start()
    while (request := requests.get()) is not None:
        if "unreadable" in request:
            reply = {"id": 0, "error": Failure(request["unreadable"]).told}
        else:
            reply = {"id": request["id"], **answer(request, calls[request["id"]])}
            del calls[request["id"]]
        print(json.dumps(reply), file=replies, flush=True)


if __name__ == "__main__":
    main()
