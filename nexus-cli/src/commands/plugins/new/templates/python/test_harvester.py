"""Tests of my-plugin: `python3 -m unittest`. What nexus itself wants is tried by `nexus plugins test`."""

import tempfile
import unittest
from pathlib import Path

import my_plugin as plugin

CALL = plugin.Call({})
DIARY = """\
id,instrument,user,start,end,title,consent
1,TITAN,ada,2024-03-05T09:10:00-07:00,2024-03-05T11:00:00-07:00,"Grains, fine",yes
2,TITAN,bob,2024-03-05T12:00:00-07:00,,In use,
3,LASER,eve,2024-03-05T12:00:00-07:00,2024-03-05T13:00:00-07:00,,yes
4,TITAN,eve,yesterday,,,no
"""


class Diary(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        diary = Path(folder.name, "diary.csv")
        diary.write_text(DIARY)
        plugin.SETTINGS = {"file": str(diary)}

    def test_uses_become_events(self):
        page = plugin.harvest(CALL, {"instruments": [{"instrument": {"pid": "TITAN"}}]})
        self.assertEqual([event["external_id"] for event in page["events"]], ["1", "2"])
        self.assertIsNone(page["events"][1]["end"])
        self.assertEqual(page["outside"], [{"tool": "LASER", "count": 1}])
        self.assertEqual(page["rejected"][0]["place"], "line 5")

    def test_the_asked_for_time_counts(self):
        request = {"instruments": [{"instrument": {"pid": "TITAN"}}], "until": "2024-03-05T18:00:00Z"}
        told = lambda request: [event["external_id"] for event in plugin.harvest(CALL, request)["events"]]
        self.assertEqual(told(request), ["2"])
        self.assertEqual(told(request | {"open": ["1"]}), ["1", "2"])
        self.assertEqual(told(request | {"until": "2024-03-05T18:00:01Z"}), ["1", "2"])

    def test_only_yes_is_consent(self):
        sessions = [{"external_id": number} for number in ("2", "1", "99")]
        refused, booked, gone = plugin.reservations(CALL, {"sessions": sessions})["answers"]
        self.assertIn("no_consent", refused)
        self.assertEqual(booked["reservation"]["title"], "Grains, fine")
        self.assertEqual(gone, "gone")

    def test_a_missing_diary_is_a_passing_failure(self):
        plugin.SETTINGS = {"file": "/nowhere/diary.csv"}
        with self.assertRaises(plugin.Failure) as raised:
            plugin.check(CALL, {})
        self.assertEqual(raised.exception.told["class"], "transient")


if __name__ == "__main__":
    unittest.main()
