#!/usr/bin/env python3
"""A nexus destination that runs an exporter class written for NexusLIMS, as it is.

    [destinations.our-notebook]
    command  = ["python3", "/opt/nexus/plugins/nexus_exporter_bridge.py"]
    exporter = "/opt/nexus/exporters/our_notebook.py:OurNotebook"

The page "Exporters written for NexusLIMS" of the documentation says what works, what does not, and why.
One file, standard library only, Python 3.9 or newer.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import json
import logging
import os
import re
import stat
import sys
import threading
import time
import traceback
import types
import urllib.parse
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

MANIFEST = {
    "name": "nexuslims-exporter",
    "version": "1.0.0",
    "kind": "destination",
    "protocol": "1.0",
    "summary": "Runs an exporter class written for NexusLIMS.",
    # Neither `find` nor `update`: the classes have no way to do either.
    "capabilities": [],
    "settings": {
        "type": "object",
        "required": ["exporter"],
        "properties": {
            "exporter": {
                "type": "string",
                "minLength": 1,
                "description": "The class: `package.module:Class` or `/path/to/file.py:Class`.",
            },
            "pythonpath": {
                "type": "array",
                "items": {"type": "string", "format": "path"},
                "description": "Folders in which Python looks for modules, before all others.",
            },
            "environment": {
                "type": "object",
                "additionalProperties": True,
                "description": 'Environment variables for the exporter. Secrets: { env = "…" } or { file = "…" }.',
            },
            "nexuslims": {
                "enum": ["auto", "installed", "stand-in"],
                "description": "Whether the exporter imports the installed NexusLIMS or a small stand-in for it. "
                "auto: the installed one if there is one.",
            },
            "target": {
                "type": "string",
                "minLength": 1,
                "description": "A text for the place the exporter delivers to; another text: another place, which "
                "gets all records anew.",
            },
            "on_failure": {
                "enum": ["unclear", "retry"],
                "description": "What a failed export means. unclear: something may be there, a person must look. "
                "retry: certainly nothing is there, it is tried again.",
            },
            "on_change": {
                "enum": ["refuse", "export"],
                "description": "A record has changed after it was delivered. refuse: say so. export: make a second one.",
            },
            "instrument_data": {
                "type": "string",
                "format": "path",
                "description": "Put before the file names of activities, as NexusLIMS does with NX_INSTRUMENT_DATA_PATH.",
            },
        },
    },
}


class Failure(Exception):
    """A failure in the words of the protocol."""

    def __init__(self, kind: str, message: str, hint: str | None = None, effect: str = "none"):
        super().__init__(message)
        self.reply = {"class": kind, "effect": effect, "message": message}
        if hint:
            self.reply["hint"] = hint


# ---------------------------------------------------------------- lines


class Lines:
    """Requests in, replies and log lines out, on descriptors that nobody else has."""

    def __init__(self) -> None:
        # Whatever the exporter prints goes to standard error, and it finds no input: the lines are ours alone.
        self.requests = os.fdopen(os.dup(0), "rb")
        self.replies = os.fdopen(os.dup(1), "wb")
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        os.dup2(2, 1)
        sys.stdout.reconfigure(line_buffering=True, errors="backslashreplace")
        self.lock = threading.Lock()

    def put(self, line: dict) -> None:
        # No lone surrogates: file names that are not UTF-8 have them, JSON must not.
        data = json.dumps(line, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
        with self.lock:
            self.replies.write(data)
            self.replies.flush()


class LogLines(logging.Handler):
    """What the exporter logs appears in the log of nexus."""

    def __init__(self, lines: Lines):
        super().__init__(logging.INFO)
        self.lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        try:
            level = "error" if record.levelno >= logging.ERROR else "warn" if record.levelno >= logging.WARNING else "info"
            message = self.format(record)
            self.lines.put({"log": {"level": level, "message": message}})
        except Exception:
            self.handleError(record)


# ---------------------------------------------------------------- what stands in for NexusLIMS


@dataclass
class ExportResult:
    """What an exporter answers."""

    success: bool
    destination_name: str
    record_id: str | None = None
    record_url: str | None = None
    error_message: str | None = None
    timestamp: datetime = field(default_factory=datetime.now)
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass
class ExportContext:
    """What an exporter is given."""

    xml_file_path: Path
    session_identifier: str
    instrument_pid: str
    dt_from: datetime
    dt_to: datetime
    user: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    previous_results: dict[str, Any] = field(default_factory=dict)
    activities: list[Any] = field(default_factory=list)
    reservation_event: Any = None

    def get_result(self, destination_name: str) -> Any:
        return self.previous_results.get(destination_name)

    def add_result(self, destination_name: str, result: Any) -> None:
        self.previous_results[destination_name] = result

    def has_successful_export(self, destination_name: str) -> bool:
        result = self.get_result(destination_name)
        return result is not None and bool(result.success)


class ExportDestination:
    """The name exporters may use in type hints, or as a base class."""


@dataclass
class AcquisitionActivity:
    """One acquisition activity, as far as the record tells; lists have an entry per dataset."""

    start: datetime | None = None
    end: datetime | None = None
    mode: str = ""
    unique_params: set = field(default_factory=set)
    setup_params: dict = field(default_factory=dict)
    unique_meta: list = field(default_factory=list)
    files: list = field(default_factory=list)
    previews: list = field(default_factory=list)
    meta: list = field(default_factory=list)
    warnings: list = field(default_factory=list)


@dataclass
class Instrument:
    """An instrument, as far as nexus tells."""

    name: str
    display_name: str
    api_url: str
    location: str
    timezone_str: str
    instrument_pid: str = ""

    def __post_init__(self) -> None:
        self.instrument_pid = self.name

    @property
    def timezone(self) -> tzinfo:
        from zoneinfo import ZoneInfo

        return ZoneInfo(self.timezone_str)

    def localize_datetime(self, moment: datetime) -> datetime:
        return moment.replace(tzinfo=self.timezone) if moment.tzinfo is None else moment.astimezone(self.timezone)


RESERVATION_FIELDS = (
    "experiment_title instrument last_updated username user_full_name created_by created_by_full_name start_time "
    "end_time reservation_type experiment_purpose sample_details sample_pid sample_name sample_elements project_name "
    "project_id project_ref internal_id division group url user_email user_first_name user_last_name"
).split()


class ReservationEvent:
    """A booking: all fields are there, any may be None. What is a list has one entry at least."""

    def __init__(self, **fields: Any):
        for name in RESERVATION_FIELDS:
            value = fields.get(name)
            is_list = name.startswith(("sample_", "project_"))
            setattr(self, name, [value] if is_list and not isinstance(value, list) else value)


class Settings:
    """Settings by their names, from the environment or a file `.env` in the working folder."""

    booleans = {
        "NX_CDCS_USER_OWNED_RECORDS": False,
        "NX_CDCS_ASSIGN_TO_PUBLIC_WORKSPACE": True,
        "NX_DISABLE_SSL_VERIFY": False,
    }

    def __getattr__(self, name: str) -> Any:
        text = os.environ.get(name) or self._file().get(name)
        if name in self.booleans:
            return self.booleans[name] if text is None else text.lower() in ("true", "1", "yes", "on")
        if text is None:
            raise AttributeError(f"the setting {name} is not set, neither in the environment nor in .env")
        return Path(text) if name.startswith("NX_") and name.endswith("_PATH") else text

    @staticmethod
    def _file() -> dict[str, str]:
        try:
            lines = Path(".env").read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            return {}
        pairs = (line.strip().partition("=") for line in lines if not line.lstrip().startswith("#"))
        return {name.replace("export ", "").strip(): value.strip().strip("'\"") for name, equals, value in pairs if equals}


def nexus_req(url: str, function: str, *, retries: int = 5, token_auth: str | None = None, **kwargs: Any) -> Any:
    """A request with `requests`, tried again while the server says that it is busy."""
    import requests

    settings = Settings()
    if token_auth:
        kwargs["headers"] = {**(kwargs.get("headers") or {}), "Authorization": f"Token {token_auth}"}
    bundle = getattr(settings, "NX_CERT_BUNDLE_FILE", True)
    kwargs.setdefault("verify", False if settings.NX_DISABLE_SSL_VERIFY else bundle)
    for attempt in range(retries + 1):
        response = requests.request(function, url, **kwargs)
        if response.status_code not in (502, 503, 504) or attempt == retries:
            break
        time.sleep(2**attempt)
    return response


STAND_IN = {
    "nexusLIMS": {"__version__": "stand-in"},
    "nexusLIMS.config": {"settings": Settings()},
    "nexusLIMS.exporters": {"ExportContext": ExportContext, "ExportResult": ExportResult},
    "nexusLIMS.exporters.base": {
        "ExportContext": ExportContext,
        "ExportResult": ExportResult,
        "ExportDestination": ExportDestination,
    },
    "nexusLIMS.exporters.destinations": {},
    "nexusLIMS.harvesters": {},
    "nexusLIMS.harvesters.reservation_event": {"ReservationEvent": ReservationEvent},
    "nexusLIMS.instruments": {"Instrument": Instrument},
    "nexusLIMS.schemas": {},
    "nexusLIMS.schemas.activity": {"AcquisitionActivity": AcquisitionActivity},
    "nexusLIMS.utils": {},
    "nexusLIMS.utils.network": {"nexus_req": nexus_req},
}


def install_stand_in() -> None:
    for name, contents in STAND_IN.items():
        module = types.ModuleType(name, "Stands in for NexusLIMS; see nexus_exporter_bridge.py.")
        module.__dict__.update(contents)
        module.__path__ = []  # A package without files: other parts of NexusLIMS are missing by name.
        sys.modules[name] = module
        parent, _, last = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], last, module)


# ---------------------------------------------------------------- the exporter


class Exporter:
    """The class of the facility, found, made and asked."""

    def __init__(self, settings: dict):
        self.settings = settings
        for name, value in (settings.get("environment") or {}).items():
            os.environ[name] = str(value).lower() if isinstance(value, bool) else str(value)
        sys.path[:0] = settings.get("pythonpath") or []
        self.stands_in = self._choose_nexuslims(settings.get("nexuslims", "auto"))
        self.spec = settings["exporter"]
        self.instance = self._make(self._find_class())
        self.name = self.instance.name
        base = sys.modules["nexusLIMS.exporters.base"]
        self.context_class, self.result_class = base.ExportContext, base.ExportResult

    def _choose_nexuslims(self, choice: str) -> bool:
        if choice != "stand-in" and importlib.util.find_spec("nexusLIMS") is not None:
            try:
                importlib.import_module("nexusLIMS.exporters.base")
                return False
            except Exception as error:
                raise Failure(
                    "permanent",
                    f"the installed NexusLIMS cannot be imported: {told(error)}",
                    'put it right, or write nexuslims = "stand-in" to do without it',
                ) from error
        if choice == "installed":
            raise Failure(
                "permanent",
                f"NexusLIMS is not installed for {sys.executable}",
                "name its Python in `command`, or its folder in `pythonpath`",
            )
        install_stand_in()
        return True

    def _find_class(self) -> type:
        place, colon, name = self.spec.rpartition(":")
        if not colon:
            place, name = self.spec, ""
        module = self._import(place)
        classes = [thing for _, thing in inspect.getmembers(module, inspect.isclass) if thing.__module__ == module.__name__]
        if name:
            found = getattr(module, name, None)
            if inspect.isclass(found):
                return found
            names = ", ".join(cls.__name__ for cls in classes) or "none"
            raise Failure("permanent", f"`{place}` has no class `{name}`; its classes: {names}", "see `exporter`")
        fitting = [cls for cls in classes if not lacking(cls)]
        if len(fitting) != 1:
            names = ", ".join(cls.__name__ for cls in fitting) or "none"
            raise Failure("permanent", f"`{place}` has no single exporter class, but {names}", f'write "{place}:CLASS"')
        return fitting[0]

    def _import(self, place: str) -> types.ModuleType:
        try:
            if not (place.endswith(".py") or "/" in place):
                spec = importlib.util.find_spec(place)
                if spec is not None and spec.has_location:
                    must_be_ours(Path(spec.origin))
                return importlib.import_module(place)
            path = Path(place).resolve()
            if not path.is_file():
                raise Failure("permanent", f"there is no file {path}", "see `exporter`")
            must_be_ours(path)
            sys.path.insert(0, str(path.parent))
            # Under the name NexusLIMS would give it, so that relative imports of its neighbours there work.
            spec = importlib.util.spec_from_file_location(f"nexusLIMS.exporters.destinations.{path.stem}", path)
            module = importlib.util.module_from_spec(spec)
            sys.modules[spec.name] = module
            spec.loader.exec_module(module)
            return module
        except Failure:
            raise
        except ImportError as error:
            missing = error.name or ""
            if self.stands_in and missing.startswith("nexusLIMS"):
                hint = "the stand-in does not have this part of NexusLIMS: install NexusLIMS for this Python"
            elif missing and (place == missing or place.startswith(missing + ".")):
                hint = "name its folder in `pythonpath`"
            else:
                hint = f"install it for {sys.executable}, or name another Python in `command`"
            raise Failure("permanent", f"`{place}` cannot be imported: {error}", hint) from error
        except BaseException as error:
            traceback.print_exc()
            raise Failure("permanent", f"`{place}` cannot be imported: {told(error)}", "the log has the traceback") from error

    @staticmethod
    def _make(cls: type) -> Any:
        missing = lacking(cls)
        if missing:
            raise Failure("permanent", f"class `{cls.__name__}` is no exporter: it has no {', '.join(missing)}")
        try:
            made = cls()
        except BaseException as error:
            traceback.print_exc()
            raise Failure("permanent", f"class `{cls.__name__}` cannot be made: {told(error)}", "the log has the traceback") from error
        if not isinstance(made.name, str) or not made.name:
            raise Failure("permanent", f"class `{cls.__name__}` has {made.name!r} for a name")
        return made

    def problem(self) -> tuple[str, str] | None:
        """Why it would not work now, and what to do; None if it would."""
        try:
            enabled = self.instance.enabled
            enabled = enabled() if callable(enabled) else enabled
            answer = self.instance.validate_config() if enabled else None
        except BaseException as error:
            traceback.print_exc()
            return f"exporter `{self.name}` failed while it was checked: {told(error)}", "the log has the traceback"
        if not enabled:
            return (
                f"exporter `{self.name}` says that it is not enabled",
                "it misses settings: put them under `environment`, or into the environment of nexus",
            )
        valid, why = answer if isinstance(answer, tuple) and len(answer) == 2 else (answer, None)
        if not isinstance(valid, bool):
            return (
                f"exporter `{self.name}` answered validate_config() with {answer!r}, not with (True, None) or (False, reason)",
                "tell its author",
            )
        if not valid:
            return f"exporter `{self.name}` cannot be used: {why or 'it does not say why'}", "see its settings"
        return None

    def export(self, delivery: dict) -> dict:
        record, session = delivery["record"], delivery["session"]["identifier"]
        before = delivery.get("previous")
        if before and self.settings.get("on_change", "refuse") == "refuse":
            raise Failure(
                "permanent",
                f"the record of {session} has changed since exporter `{self.name}` delivered it as {before['id']}, "
                "and an exporter written for NexusLIMS cannot replace what it made",
                'replace it there by hand, or write on_change = "export" to get a second one',
            )
        path = local(record["path"])
        if not os.path.isfile(path):
            raise Failure("permanent", f"there is no record {path!a}", "it must be built again")
        context = self.context(delivery)
        try:
            result = self.instance.export(context)
        except BaseException as error:
            traceback.print_exc()
            kind = "transient" if isinstance(error, OSError) else "permanent"
            message = f"exporter `{self.name}` raised an exception instead of returning a result: {told(error)}"
            raise Failure(kind, message, "look whether the record is there", "maybe") from error
        success = getattr(result, "success", None)
        if not isinstance(success, bool):
            message = f"exporter `{self.name}` returned {result!r:.200}, which is no ExportResult"
            raise Failure("permanent", message, "look whether the record is there, and tell the exporter's author", "maybe")
        if not success:
            why = getattr(result, "error_message", None) or "it does not say why"
            effect = "none" if self.settings.get("on_failure") == "retry" else "maybe"
            raise Failure("transient", f"exporter `{self.name}` failed: {why}", effect=effect)
        record_id, url = getattr(result, "record_id", None), getattr(result, "record_url", None)
        remote = {"id": str(record_id or url or record["name"]), "content_sha256": record["content_sha256"]}
        return {"done": {**remote, "url": str(url)} if url else remote}

    def context(self, delivery: dict) -> Any:
        """What NexusLIMS would hand over, as far as nexus knows it."""
        record, session = delivery["record"], delivery["session"]
        path = Path(local(record["path"]))
        return self.context_class(
            xml_file_path=path,
            session_identifier=session["identifier"],
            instrument_pid=session["instrument"]["pid"],
            dt_from=moment(session["start"]),
            dt_to=moment(session["end"]),
            user=session.get("user"),
            metadata={
                "record_key": record["key"],
                "record_name": record["name"],
                "content_sha256": record["content_sha256"],
                "external_ids": delivery.get("external_ids") or {},
            },
            previous_results={other["destination"]: self.previous(other) for other in delivery.get("others") or []},
            activities=self.activities(delivery, path),
            reservation_event=self.reservation(delivery),
        )

    def previous(self, other: dict) -> Any:
        remote = other.get("remote") or {}
        return self.result_class(
            success=other["delivered"],
            destination_name=other["destination"],
            record_id=remote.get("id"),
            record_url=remote.get("url"),
            error_message=None if other["delivered"] else "not delivered so far",
        )

    def activities(self, delivery: dict, path: Path) -> list[AcquisitionActivity]:
        root = self.settings.get("instrument_data") or os.environ.get("NX_INSTRUMENT_DATA_PATH") or ""
        in_record = metadata_of(path)
        made = []
        for number, activity in enumerate(delivery["activities"]):
            one = AcquisitionActivity(start=moment(activity["start"]))
            setup, datasets = in_record[number] if number < len(in_record) else ({}, [])
            one.setup_params = {name: value for name, (value, _) in setup.items()}
            for index, dataset in enumerate(activity["datasets"]):
                own = datasets[index] if index < len(datasets) else {}
                one.files.append(root.rstrip("/") + os.fsdecode(urllib.parse.unquote_to_bytes(dataset["location"])))
                one.previews.append(local(dataset["preview"]) if dataset.get("preview") else None)
                one.unique_meta.append({name: value for name, (value, _) in own.items()})
                one.meta.append({"DatasetType": dataset["dataset_type"], **one.setup_params, **one.unique_meta[-1]})
                one.warnings.append([name for name, (_, doubt) in {**setup, **own}.items() if doubt])
                one.unique_params.update(own)
            made.append(one)
        # NexusLIMS ends an activity where the next one begins.
        end = moment(delivery["session"]["end"])
        for one, following in zip(made, made[1:] + [None]):
            one.end = following.start if following else end
        return made

    def reservation(self, delivery: dict) -> Any:
        booking = delivery.get("reservation")
        if booking is None:
            return None
        at = delivery["session"]["instrument"]
        instrument = Instrument(at["pid"], at["display_name"], at["api_url"], at.get("location") or "", at["timezone"])
        full_name = re.sub(r"\s*\([^()]*\)$", "", booking.get("user_full_name") or "")
        first, _, last = full_name.rpartition(" ")
        samples, projects = booking.get("samples") or [], booking.get("projects") or []

        def when(name: str) -> datetime | None:
            return instrument.localize_datetime(moment(booking[name])) if booking.get(name) else None

        fields = dict(
            experiment_title=booking.get("title"),
            instrument=instrument,
            last_updated=when("last_updated"),
            start_time=when("start"),
            end_time=when("end"),
            experiment_purpose=booking.get("purpose"),
            user_first_name=first or full_name or None,
            user_last_name=last if first else None,
            sample_elements=[sample.get("elements") or None for sample in samples] or None,
        )
        same = "username user_full_name created_by reservation_type internal_id division group url user_email".split()
        fields.update({name: booking.get(name) for name in same})
        lists = {"sample_details": "details", "sample_pid": "pid", "sample_name": "name"}
        fields.update({name: [sample.get(key) for sample in samples] or None for name, key in lists.items()})
        lists = {"project_name": "name", "project_id": "id", "project_ref": "link"}
        fields.update({name: [project.get(key) for project in projects] or None for name, key in lists.items()})
        return importlib.import_module("nexusLIMS.harvesters.reservation_event").ReservationEvent(**fields)


def must_be_ours(path: Path) -> None:
    """Refuses code that anybody may change, as nexus does for plugins."""
    for place in (path, path.parent):
        mode = place.stat().st_mode
        if mode & stat.S_IWOTH and not (place.is_dir() and mode & stat.S_ISVTX):
            raise Failure("permanent", f"everybody may write to {place}", f"chmod o-w {place}")


def lacking(cls: type) -> list[str]:
    """What an exporter class must have and this one has not."""
    return [name for name in ("name", "priority", "enabled", "validate_config", "export") if not hasattr(cls, name)]


def metadata_of(record: Path) -> list[tuple[dict, list[dict]]]:
    """For each activity of the record what its datasets share, and for each dataset its own: name → (value, doubt)."""

    def values(parent: Any, tag: str) -> dict:
        found = {}
        for element in parent.iterfind(f"{{*}}{tag}") if parent is not None else ():
            text = " ".join(filter(None, (element.text or "", element.get("unit"))))
            found[element.get("name")] = (text, element.get("warning") == "true")
        return found

    try:
        activities = ElementTree.parse(record).getroot().iterfind("{*}acquisitionActivity")
        return [
            (values(one.find("{*}setup"), "param"), [values(dataset, "meta") for dataset in one.iterfind("{*}dataset")])
            for one in activities
        ]
    except (ElementTree.ParseError, OSError):
        return []  # The exporter will say what is wrong with the file.


def local(path: Any) -> str:
    """A path of the protocol; one that is not UTF-8 comes as its bytes."""
    return os.fsdecode(bytes.fromhex(path["bytes"])) if isinstance(path, dict) else path


def moment(text: str) -> datetime:
    """A time of the protocol; Python before 3.11 reads neither `Z` nor every fraction."""
    text = re.sub(r"[zZ]$", "+00:00", text)
    return datetime.fromisoformat(re.sub(r"\.(\d+)", lambda digits: "." + (digits[1] + "000000")[:6], text))


def told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


# ---------------------------------------------------------------- the methods


class Plugin:
    """The methods of the protocol that this plugin has."""

    def __init__(self) -> None:
        self.exporter: Exporter | None = None

    def manifest(self, _: dict) -> dict:
        return MANIFEST

    def configure(self, params: dict) -> dict:
        self.exporter = Exporter(params["settings"])
        return {}

    def check(self, _: dict) -> dict:
        exporter = self.configured()
        source = "a stand-in for NexusLIMS" if exporter.stands_in else "the installed NexusLIMS"
        detail = f"{type(exporter.instance).__name__}, named `{exporter.name}`, with {source}"
        items = [{"name": "exporter is there", "result": "ok", "detail": detail}]
        problem = exporter.problem()
        detail = "; ".join(problem) if problem else ""
        items.append({"name": "exporter works", "result": "failed" if problem else "ok", "detail": detail})
        return {"items": items}

    def target(self, _: dict) -> dict:
        exporter = self.configured()
        problem = exporter.problem()
        if problem:
            raise Failure("transient", *problem)
        place = exporter.settings.get("target") or f"nexuslims-exporter:{exporter.name}"
        return {"id": place, "can_find": False}

    def find(self, _: dict) -> dict:
        raise Failure("permanent", f"exporter `{self.configured().name}` cannot tell what is there")

    def deliver(self, params: dict) -> dict:
        return self.configured().export(params)

    def configured(self) -> Exporter:
        if self.exporter is None:
            raise Failure("permanent", "the plugin was asked before it was configured")
        return self.exporter


METHODS = ("manifest", "configure", "check", "target", "find", "deliver")


def answer(plugin: Plugin, request: dict) -> dict:
    if request["method"] not in METHODS:
        return {"unsupported": True}
    try:
        return {"ok": getattr(plugin, request["method"])(request["params"])}
    except Failure as failure:
        return {"error": failure.reply}
    except Exception as error:
        traceback.print_exc()
        return {"error": Failure("permanent", f"the bridge cannot do `{request['method']}`: {told(error)}").reply}


def main() -> None:
    lines = Lines()
    logging.basicConfig(level=logging.INFO, handlers=[LogLines(lines)], format="%(name)s: %(message)s")
    logging.captureWarnings(True)
    plugin = Plugin()
    for line in lines.requests:
        try:
            request = json.loads(line)
            wanted = "method" in request
        except (ValueError, TypeError) as error:
            lines.put({"id": 0, "error": Failure("permanent", f"the request cannot be read: {error}").reply})
            continue
        if wanted:
            lines.put({"id": request.get("id", 0), **answer(plugin, request)})
    # Threads of the exporter must not keep the program alive: its input has ended.
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
