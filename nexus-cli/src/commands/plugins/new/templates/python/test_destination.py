"""Tests of my-plugin: `python3 -m unittest`. What nexus itself wants is tried by `nexus plugins test`."""

import tempfile
import unittest
from pathlib import Path

import my_plugin as plugin

CALL = plugin.Call({})


class Deliveries(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.source = Path(folder.name, "source.xml")
        self.target = Path(folder.name, "target")
        self.target.mkdir()
        plugin.SETTINGS = {"folder": str(self.target)}

    def delivery(self, text="<Experiment/>", key="7a9f"):
        self.source.write_text(text)
        file_sha256 = plugin.hashlib.sha256(text.encode()).hexdigest()
        record = {"path": str(self.source), "key": key, "name": "2024-03-05_TITAN_1"}
        return {"record": record | {"content_sha256": f"of {text}", "file_sha256": file_sha256}}

    def records(self):
        return sorted(path.read_text() for path in self.target.glob("*.xml"))

    def test_a_record_is_found_once_it_is_there(self):
        self.assertEqual(plugin.find(CALL, self.delivery()), "none")
        done = plugin.deliver(CALL, self.delivery())["done"]
        self.assertEqual(plugin.find(CALL, self.delivery()), {"one": done})
        self.assertEqual(self.records(), ["<Experiment/>"])

    def test_a_record_that_has_changed_takes_the_place_of_the_old_one(self):
        plugin.deliver(CALL, self.delivery())
        plugin.deliver(CALL, self.delivery("<Experiment>more</Experiment>"))
        self.assertEqual(self.records(), ["<Experiment>more</Experiment>"])

    def test_sessions_do_not_share_a_record(self):
        plugin.deliver(CALL, self.delivery(key="1"))
        plugin.deliver(CALL, self.delivery(key="2"))
        self.assertEqual(len(self.records()), 2)

    def test_a_share_that_is_not_mounted_is_a_passing_failure(self):
        self.target.rmdir()
        with self.assertRaises(plugin.Failure) as raised:
            plugin.deliver(CALL, self.delivery())
        self.assertEqual(raised.exception.told["class"], "transient")


if __name__ == "__main__":
    unittest.main()
