"""Writes files of several microscope formats into a folder, with RosettaSciIO's own writers."""

import importlib
import sys
from pathlib import Path

import numpy

TEM = {
    "beam_energy": 300.0,
    "magnification": 14500.0,
    "camera_length": 0.0,
    "Detector": {"EELS": {"collection_angle": 3.4}},
}


def signal(shape, units, signal_type=""):
    axes = [
        {"name": name, "size": size, "scale": 0.5, "offset": 0.0, "units": unit, "navigate": False, "index_in_array": index}
        for index, (name, size, unit) in enumerate(zip("zyx"[-len(shape):], shape, units))
    ]
    metadata = {
        "General": {"title": "A made file", "date": "2024-03-05", "time": "09:10:00"},
        "Signal": {"signal_type": signal_type},
        "Acquisition_instrument": {"TEM": TEM},
    }
    data = numpy.arange(numpy.prod(shape), dtype="float32").reshape(shape)
    return {"data": data, "axes": axes, "metadata": metadata, "original_metadata": {}, "attributes": {}, "package_info": {}}


folder = Path(sys.argv[1])
writer = {name: importlib.import_module("rsciio." + name).file_writer for name in ("msa", "emd")}
writer["msa"](str(folder / "spectrum.msa"), signal((64,), ["eV"], "EELS"))
writer["emd"](str(folder / "image.emd"), signal((600, 1200), ["nm", "nm"]))
writer["emd"](str(folder / "pattern.emd"), signal((8, 8), ["1/nm", "1/nm"]))
(folder / "broken.emd").write_bytes(b"\x89HDF\r\n\x1a\n" + b"nothing more")
