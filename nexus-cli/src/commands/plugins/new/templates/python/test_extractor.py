"""Tests of my-plugin: `python3 -m unittest`. What nexus itself wants is tried by `nexus plugins test`."""

import unittest
from pathlib import Path

import my_plugin as plugin

CALL = plugin.Call({})
SAMPLE = Path(__file__).with_name("sample.kvp")


class Files(unittest.TestCase):
    def test_names_and_values_are_read(self):
        self.assertTrue(plugin.accepts(CALL, {"path": str(SAMPLE)})["accepts"])
        (signal,) = plugin.extract(CALL, {"path": str(SAMPLE)})["signals"]
        self.assertEqual(signal["metadata"]["Voltage"], {"quantity": 200, "unit": "kV"})
        self.assertEqual(signal["metadata"]["Magnification"], 45000)
        self.assertEqual(signal["metadata"]["Operator"], "ada")

    def test_other_files_are_left_alone(self):
        self.assertFalse(plugin.accepts(CALL, {"path": __file__})["accepts"])
        with self.assertRaises(plugin.Failure):
            plugin.extract(CALL, {"path": __file__})


if __name__ == "__main__":
    unittest.main()
