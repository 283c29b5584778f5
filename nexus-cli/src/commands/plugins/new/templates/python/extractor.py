#!/usr/bin/env python3
"""my-plugin: an extractor for nexus.

As it stands it reads files of its own invention, with the suffix `.kvp`:

    kvp 1
    Voltage = 200 kV
    Magnification = 45000
    Operator = ada

Replace that by the reader of your format: `accepts`, `extract` and `check` are all that an extractor is asked. As
it stands, standard library only.
"""

import json
import os
import queue
import re
import sys
import threading
import time
import traceback

MANIFEST = {
    "name": "my-plugin",
    "version": "0.1.0",
    "kind": "extractor",
    "protocol": "1.0",
    "summary": "Reads files of names and values.",
    "capabilities": [],
    # Which files nexus offers: lower case, without the dot.
    "suffixes": ["kvp"],
    # Higher is asked first.
    "priority": 100,
    "settings": {"type": "object", "properties": {}},
}

# What nexus.toml says, as soon as nexus has told it.
SETTINGS = {}

FIRST_LINE = "kvp 1"


def accepts(call, params):
    """Whether the file is one of ours. Cheap: it looks at the first bytes only."""
    with opened(params["path"]) as file:
        return {"accepts": file.readline(len(FIRST_LINE) + 2).strip() == FIRST_LINE}


def extract(call, params):
    """What the file says about itself: one signal for each image or spectrum in it.

    `dataset_type` is Image, Spectrum, SpectrumImage, Diffraction, Misc or Unknown. A preview is a PNG file in
    `call.scratch`, named as "preview". Nothing is ever written beside the file itself.
    """
    metadata = {}
    with opened(params["path"]) as file:
        if file.readline().strip() != FIRST_LINE:
            raise Failure(f"`{local(params['path'])}` does not begin with `{FIRST_LINE}`")
        for line in file:
            if call.should_stop():
                raise Failure("given up while reading", "transient")
            name, equals, text = line.partition("=")
            if equals and name.strip():
                metadata[name.strip()] = value(text.strip())
    return {"signals": [{"dataset_type": "Misc", "metadata": metadata}]}


def check(call, _):
    """Whether it can work: here is the place to say that a library it needs is missing."""
    return {"items": [{"name": "python", "result": "ok", "detail": sys.version.split()[0]}]}


METHODS = {"accepts": accepts, "extract": extract, "check": check}


def opened(path):
    path = local(path)
    try:
        return open(path, encoding="utf-8", errors="replace")
    except OSError as error:
        raise Failure(f"`{path}` cannot be read: {error}", "transient")


def value(text):
    """A number, a number with a unit, or a text. A number whose digits matter is sent as {"decimal": "1.20"}."""
    found = re.fullmatch(r"([-+]?\d+(?:\.\d+)?)(?:\s+(\S+))?", text)
    if not found:
        return text
    digits, unit = found.groups()
    number = {"decimal": digits} if "." in digits or len(digits) > 15 else int(digits)
    return {"quantity": number, "unit": unit} if unit else number
