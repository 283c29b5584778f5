#!/usr/bin/env python3
"""An extractor for nexus around RosettaSciIO, which reads the files of many microscopes.

    python3 -m venv /opt/nexus/readers
    /opt/nexus/readers/bin/pip install rosettasciio

    [extractors.microscopy]
    command = ["/opt/nexus/readers/bin/python", "/opt/nexus/plugins/microscopy.py"]

    [build]                                   # unless file_strategy = "inclusive": these files belong to records
    exclusive_suffixes = ["bcf", "dm3", "dm4", "emd", "mrc", "msa", "tif"]

RosettaSciIO gives every file in one shape: data, axes, and the maker's own tags with a mapping from those to names and
units that HyperSpy fixes. This file turns that shape into the signals of the protocol, and draws a preview.
"""

import importlib
import json
import math
import os
import re
import struct
import sys
import tempfile
import zlib

# Suffix: the reader's module, and the bytes by which its files are known, with their place.
FORMATS = {
    "bcf": ("bruker", 0, b"AAMVHFSS"),
    "blo": ("blockfile", 0, b"IMGBLO"),
    "dm3": ("digitalmicrograph", 0, b"\0\0\0\3"),
    "dm4": ("digitalmicrograph", 0, b"\0\0\0\4"),
    "emd": ("emd", 0, b"\x89HDF\r\n\x1a\n"),
    "mrc": ("mrc", 208, b"MAP"),
    "msa": ("msa", 0, b"#FORMAT"),
    "wdf": ("renishaw", 0, b"WDF1"),
}

MANIFEST = {
    "name": "microscopy",
    "version": "1.0.0",
    "kind": "extractor",
    "protocol": "1.0",
    "summary": "Reads microscope files with RosettaSciIO.",
    "suffixes": sorted(FORMATS),
    "priority": 50,
    "capabilities": ["previews"],
    "settings": {
        "type": "object",
        "properties": {"previews": {"type": "boolean", "description": "Whether to draw previews; true if not given."}},
    },
}

# HyperSpy's names below Acquisition_instrument.TEM or .SEM, with the units that it fixes for them: where they go.
KNOWN = {
    "beam_energy": ("acceleration_voltage", "kV"),
    "beam_current": ("beam_current", "nA"),
    "camera_length": ("camera_length", "mm"),
    "convergence_angle": ("convergence_angle", "mrad"),
    "dwell_time": ("dwell_time", "s"),
    "magnification": ("magnification", None),
    "Stage.x": ("stage_position.x", "mm"),
    "Stage.y": ("stage_position.y", "mm"),
    "Stage.z": ("stage_position.z", "mm"),
    "Stage.tilt_alpha": ("stage_position.tilt_alpha", "deg"),
    "Stage.tilt_beta": ("stage_position.tilt_beta", "deg"),
    "Stage.rotation": ("stage_position.rotation", "deg"),
    "Detector.Camera.exposure": ("extensions.Exposure Time", "s"),
    "Detector.EDS.azimuth_angle": ("extensions.Azimuthal Angle", "deg"),
    "Detector.EDS.elevation_angle": ("extensions.Elevation Angle", "deg"),
    "Detector.EDS.energy_resolution_MnKa": ("extensions.Energy Resolution", "eV"),
    "Detector.EDS.live_time": ("extensions.Live Time", "s"),
    "Detector.EDS.real_time": ("extensions.Real Time", "s"),
    "Detector.EELS.aperture": ("extensions.Aperture", "mm"),
    "Detector.EELS.collection_angle": ("extensions.Collection Angle", "mrad"),
    "Detector.EELS.dwell_time": ("extensions.Dwell Time", "s"),
    "Detector.EELS.exposure": ("extensions.Exposure Time", "s"),
}
NEVER_ZERO = ("acceleration_voltage", "beam_current", "magnification")
LARGEST_PREVIEW = 500
HELD_IN_MEMORY = 64 << 20
settings = {}


class Failure(Exception):
    """What cannot be done, and what to do about it."""

    def __init__(self, message, hint=None):
        super().__init__(message)
        self.hint = hint


# ---------------------------------------------------------------- what the reader gives


def reader_of(path):
    suffix = os.path.splitext(path)[1].lstrip(".").lower()
    try:
        return importlib.import_module("rsciio." + FORMATS[suffix][0])
    except ImportError as error:
        raise Failure(f"RosettaSciIO cannot be imported: {error}", f"{sys.executable} -m pip install rosettasciio") from error


def read(path):
    reader = reader_of(path)
    try:
        # What is large stays on disk until the preview asks for a part of it.
        return reader.file_reader(path, lazy=os.path.getsize(path) > HELD_IN_MEMORY)
    except ImportError as error:
        named = re.search(r"'(\w+)'", str(error))
        package = error.name or (named[1] if named else "the package it names")
        raise Failure(f"cannot read {path!a}: {error}", f"{sys.executable} -m pip install {package}") from error
    except Exception as error:
        raise Failure(f"cannot read {path!a}: {type(error).__name__}: {error}") from error


def look_up(tree, dotted):
    for word in dotted.split("."):
        if not isinstance(tree, dict) or word not in tree:
            return None
        tree = tree[word]
    return tree


def standard(signal):
    """The metadata under HyperSpy's names: what the reader put there, and what its mapping finds in the tags."""
    found = dict(leaves(signal.get("metadata") or {}))
    for source, (targets, convert) in (signal.get("mapping") or {}).items():
        value = look_up(signal.get("original_metadata") or {}, source)
        if value is None:
            continue
        try:
            value = convert(value) if convert else value
        except Exception as error:  # A tag of an odd form costs this value only.
            print(f"{source}: {error}", file=sys.stderr)
            continue
        for target in [targets] if isinstance(targets, str) else targets:
            found.setdefault(target, value)
    return found


def leaves(tree, path=""):
    for key, value in tree.items():
        name = f"{path}.{key}" if path else str(key)
        if isinstance(value, dict):
            yield from leaves(value, name)
        else:
            yield name, value


# ---------------------------------------------------------------- what the protocol wants


def plain(value):
    """A value as the protocol writes it; None for what is none."""
    if hasattr(value, "tolist"):
        value = value.tolist() if getattr(value, "size", 1) <= 64 else None
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else {"decimal": str(value)}
    if isinstance(value, float):
        return value if math.isfinite(value) else {"float": "nan" if value != value else "inf" if value > 0 else "-inf"}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value[:64]]
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def quantity(value, unit):
    """A number with its unit; what is no number stands alone."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return value
    value = plain(value)
    is_number = isinstance(value, dict) or (isinstance(value, (int, float)) and not isinstance(value, bool))
    return {"quantity": value, "unit": unit} if unit and is_number else value


def short(unit):
    """A unit as its short symbol: readers also give `Energy Loss (eV)`, `[nm]` and the other μ."""
    unit = str(unit or "")
    inner = re.search(r"[(\[](.*)[)\]]", unit)
    unit = (inner[1] if inner else unit).replace("\u00b5", "\u03bc")
    return "eV" if unit.lower() == "ev" else unit.replace(" / ", "/")


def put(metadata, dotted, value):
    if value is None or value == "":
        return
    *maps, last = dotted.split(".")
    for word in maps:
        metadata = metadata.setdefault(word, {"map": {}})["map"]
    metadata.setdefault(last, value)


def kind_of(axes):
    """The dataset type, by the axes: energies make a spectrum, reciprocal lengths a diffraction pattern."""
    units = [short(axis.get("units")) for axis in axes]
    spectral = any(unit in ("eV", "keV") for unit in units) or any("energy" in str(axis.get("name")).lower() for axis in axes)
    if spectral:
        return "Spectrum" if len(axes) == 1 else "SpectrumImage"
    if any(unit.startswith("1/") or unit.endswith("^-1") or unit.endswith("⁻¹") for unit in units):
        return "Diffraction"
    return "Image" if len(axes) >= 2 else "Spectrum"


def creation_time(found):
    date, time = found.get("General.date"), found.get("General.time")
    if not (isinstance(date, str) and isinstance(time, str)):
        return None
    # Without an offset it is the instrument's own time.
    return f"{date}T{time}" + ("+00:00" if found.get("General.time_zone") == "UTC" else "")


def data_type(found, kind):
    """Words as the tools that read records know them: STEM_Imaging, SEM_EDS_Spectrum, TEM_Diffraction."""
    signal, _, instrument = str(found.get("Signal.signal_type") or "").partition("_")
    for word in ("SEM", "TEM"):
        if any(key.startswith(f"Acquisition_instrument.{word}.") for key in found):
            instrument = instrument or word
    if found.get("Acquisition_instrument.TEM.acquisition_mode") == "STEM":
        instrument = "STEM"
    technique = {"Image": "Imaging", "SpectrumImage": "Spectrum_Imaging"}.get(kind, kind)
    return "_".join(word for word in (instrument, signal, technique) if word)


def signal_of(signal, scratch):
    found, axes = standard(signal), signal.get("axes") or []
    kind, metadata, warnings = kind_of(axes), {}, []
    when = creation_time(found)
    if when:
        metadata["Creation Time"] = when
    metadata["Data Type"] = data_type(found, kind)
    metadata["Data Dimensions"] = str(tuple(int(axis["size"]) for axis in axes))
    for key, value in found.items():
        group, _, name = key.partition(".")
        if group == "Acquisition_instrument" and not name.endswith("_units"):
            name = name.partition(".")[2]
            target, unit = KNOWN.get(name, ("extensions." + name.replace("_", " ").rpartition(".")[2].capitalize(), None))
            value = quantity(value, unit) if name in KNOWN else plain(value)
            put(metadata, target, value)
            if target in NEVER_ZERO and (value.get("quantity") if isinstance(value, dict) else value) in (0, "0"):
                warnings.append(target.split("."))
        elif key in ("General.title", "General.authors", "General.notes", "Sample.elements", "Signal.signal_type"):
            put(metadata, "extensions." + name.replace("_", " ").capitalize(), plain(value))
    for index, axis in enumerate(axes):
        name = f"extensions.Axes.{str(axis.get('name') or index).replace('.', ' ')}"
        put(metadata, name + ".size", int(axis["size"]))
        if axis.get("scale") is not None:
            put(metadata, name + ".scale", quantity(axis["scale"], short(axis.get("units"))))
    made = {"dataset_type": kind, "metadata": metadata, "warnings": warnings}
    if scratch and settings.get("previews", True) and kind in ("Image", "Diffraction"):
        picture = draw(signal["data"])
        if picture:
            handle, made["preview"] = tempfile.mkstemp(".png", "preview-", scratch)
            with os.fdopen(handle, "wb") as file:
                file.write(picture)
    return made


def draw(data):
    """A grey PNG of the last two dimensions, stretched between the 2nd and the 98th percentile."""
    import numpy

    if data.ndim < 2 or 0 in data.shape or data.dtype.kind not in "buif":
        return None
    while data.ndim > 2:
        data = data[0]
    step = -(-max(data.shape) // LARGEST_PREVIEW)
    picture = numpy.asarray(data[::step, ::step], dtype=float)
    picture = numpy.nan_to_num(picture, posinf=0, neginf=0)
    low, high = numpy.percentile(picture, [2, 98])
    grey = numpy.clip((picture - low) / ((high - low) or 1) * 255, 0, 255).astype(numpy.uint8)

    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    rows = b"".join(b"\0" + row.tobytes() for row in grey)
    head = struct.pack(">IIBBBBB", grey.shape[1], grey.shape[0], 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows, 6)) + chunk(b"IEND", b"")


# ---------------------------------------------------------------- the methods


def local(path):
    """A path that is not UTF-8 comes as {"bytes": "<hex>"}."""
    return os.fsdecode(bytes.fromhex(path["bytes"])) if isinstance(path, dict) else path


def crossing(path):
    """The other way round."""
    try:
        path.encode("utf-8")
        return path
    except UnicodeEncodeError:
        return {"bytes": os.fsencode(path).hex()}


def configure(params, _):
    settings.update(params["settings"])
    return {}


def check(*_):
    try:
        import rsciio

        item = {"name": "RosettaSciIO is installed", "result": "ok", "detail": f"version {rsciio.__version__}, {sys.executable}"}
    except ImportError as error:
        item = {
            "name": "RosettaSciIO is installed",
            "result": "failed",
            "detail": f"{error}; install it with: {sys.executable} -m pip install rosettasciio",
        }
    return {"items": [item]}


def accepts(params, _):
    path = local(params["path"])
    suffix = os.path.splitext(path)[1].lstrip(".").lower()
    if suffix not in FORMATS:
        return {"accepts": False}
    _, place, magic = FORMATS[suffix]
    with open(path, "rb") as file:
        file.seek(place)
        return {"accepts": file.read(len(magic)) == magic}


def extract(params, scratch):
    signals = [signal_of(signal, scratch) for signal in read(local(params["path"]))]
    for signal in signals:
        if "preview" in signal:
            signal["preview"] = crossing(signal["preview"])
    return {"signals": signals}


METHODS = {"manifest": lambda *_: MANIFEST, "configure": configure, "check": check, "accepts": accepts, "extract": extract}


def answer(request):
    method, scratch = METHODS.get(request["method"]), request.get("scratch")
    if method is None:
        return {"unsupported": True}
    return {"ok": method(request["params"], local(scratch) if scratch else None)}


def main():
    # Libraries print: their output goes to standard error, and the replies have a descriptor of their own.
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="replace")
    os.dup2(2, 1)
    for line in sys.stdin.buffer:
        request = {"id": 0}
        try:
            request.update(json.loads(line))
            if "method" not in request:
                continue
            reply = answer(request)
        except (Failure, OSError, MemoryError, LookupError, TypeError, ValueError) as error:
            kind = "transient" if isinstance(error, (OSError, MemoryError)) else "permanent"
            told = str(error) if isinstance(error, (Failure, OSError)) else f"{type(error).__name__}: {error}"
            reply = {"error": {"class": kind, "effect": "none", "message": ascii(told)[1:-1]}}
            if getattr(error, "hint", None):
                reply["error"]["hint"] = error.hint
        print(json.dumps({"id": request["id"], **reply}, ensure_ascii=False, allow_nan=False), file=replies, flush=True)


if __name__ == "__main__":
    main()
