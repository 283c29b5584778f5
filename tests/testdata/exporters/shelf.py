"""An exporter as a facility writes it for NexusLIMS: records go on a shelf, a folder with one file each.

It knows nothing of nexus. `SHELF_BEHAVIOUR` makes it do what exporters should not.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

from nexusLIMS.config import settings
from nexusLIMS.exporters.base import ExportContext, ExportResult

_logger = logging.getLogger(__name__)


class ShelfDestination:
    """Copies each record to a folder, with a slip that says what the exporter was told."""

    name = "shelf"
    priority = 50

    @property
    def enabled(self) -> bool:
        return hasattr(settings, "NX_SHELF_PATH") if os.getenv("SHELF_LIKE_SETTINGS") else bool(os.getenv("NX_SHELF_PATH"))

    def validate_config(self) -> tuple[bool, str | None]:
        if os.getenv("SHELF_BEHAVIOUR") == "odd check":
            return "yes"
        if not Path(os.environ["NX_SHELF_PATH"]).is_dir():
            return False, f"there is no folder {os.environ['NX_SHELF_PATH']}"
        return True, None

    def export(self, context: ExportContext) -> ExportResult:
        behaviour = os.getenv("SHELF_BEHAVIOUR", "")
        print("exporting", context.session_identifier)
        os.write(1, b"straight to the descriptor\n")
        os.system("echo from a child")
        assert sys.stdin.read() == "", "an exporter has no input"
        _logger.warning("token is %s", os.getenv("SHELF_TOKEN"))
        if behaviour == "raise":
            raise ValueError("the shelf is full of eels")
        if behaviour == "refuse connection":
            raise ConnectionRefusedError(111, "Connection refused")
        if behaviour == "exit":
            sys.exit(3)
        if behaviour == "die":
            os._exit(7)
        if behaviour == "nothing":
            return None
        if behaviour == "tuple":
            return True, "id"
        try:
            shelf = Path(os.environ["NX_SHELF_PATH"])
            if behaviour == "fail":
                raise RuntimeError("the server timed out")
            place = shelf / context.xml_file_path.name
            number = 2
            while place.exists():
                place = shelf / f"{context.xml_file_path.stem} ({number}).xml"
                number += 1
            place.write_bytes(context.xml_file_path.read_bytes())
            (shelf / f"{place.stem}.slip").write_text(self._slip(context), encoding="utf-8")
            return ExportResult(
                success=True,
                destination_name=self.name,
                record_id=None if behaviour == "no id" else place.stem,
                record_url=None if behaviour == "no id" else place.as_uri(),
                metadata={"copied": True},
            )
        except Exception as error:
            return ExportResult(success=False, destination_name=self.name, error_message=str(error))

    def _slip(self, context: ExportContext) -> str:
        lines = [
            f"session {context.session_identifier}",
            f"instrument {context.instrument_pid}",
            f"user {context.user}",
            f"from {context.dt_from.isoformat()} to {context.dt_to.isoformat()}",
            f"classes {type(context).__module__} {ExportResult.__module__}",
        ]
        for name in sorted(context.previous_results):
            result = context.get_result(name)
            done = context.has_successful_export(name)
            lines.append(f"previous {name} {done} {result.record_id} {result.record_url}")
        for activity in context.activities:
            lines.append(f"activity {activity.start.isoformat()} {activity.end.isoformat()}")
            for file, preview, meta in zip(activity.files, activity.previews, activity.meta):
                shown = Path(preview).name if preview else None
                lines.append(f"file {file} preview {shown} type {meta['DatasetType']} voltage {meta.get('Voltage')}")
        booking = context.reservation_event
        if booking is not None:
            lines.append(f"booking {booking.experiment_title} by {booking.user_first_name}/{booking.user_last_name}")
            lines.append(f"samples {booking.sample_name} {booking.sample_elements} projects {booking.project_id}")
            booked = booking.start_time.isoformat() if booking.start_time else "never"
            lines.append(f"booked {booked} on {booking.instrument.name}")
            repr(booking)
        return "\n".join(lines) + "\n"
