"""The suite's own tools, without the kit and without Saxon: `python3 -m unittest discover -s tests/parity`."""

import tempfile
import unittest
from pathlib import Path

import compare
import kit
import saxon
from spans import Document

SOURCE = b"""<?xml version="1.0"?>
<!-- <id root="not this one"/> -->
<ClinicalDocument xmlns="urn:hl7-org:v3">
  <id root="1.2" extension='a>b'/>
  <author><time value="2020"/><name>Zo\xc3\xa9</name></author>
  <author><time value="2021"/></author>
</ClinicalDocument>
"""


class Spans(unittest.TestCase):
    def edit(self, *edits):
        document = Document(SOURCE)
        for edit in edits:
            edit(document)
        return document.result().decode()

    def test_nothing_else_moves(self):
        text = self.edit(lambda d: d.set("id", "root", "9.9"))
        self.assertEqual(text, SOURCE.decode().replace('root="1.2"', 'root="9.9"'))

    def test_deletes_and_counts(self):
        text = self.edit(lambda d: d.delete("author[2]"), lambda d: d.delete("id"))
        self.assertNotIn("2021", text)
        self.assertNotIn("a>b", text)
        self.assertIn("Zoé", text)

    def test_renames_drops_fills(self):
        text = self.edit(lambda d: d.rename("author[1]/name", "nom"), lambda d: d.drop("author[2]/time", "value"), lambda d: d.text("id", "x"))
        self.assertIn("<nom>Zoé</nom>", text)
        self.assertIn("<time/></author>", text)
        self.assertIn("""extension='a>b'>x</id>""", text)

    def test_every_parent_counts(self):
        self.assertEqual([one.attributes["value"] for one in Document(SOURCE).all("author/time")], ["2020", "2021"])
        self.assertEqual(len(Document(SOURCE).all("//time[@value='2021']")), 1)

    def test_nothing_found_is_an_error(self):
        with self.assertRaises(LookupError):
            Document(SOURCE).delete("custodian")

    def test_overlap_is_an_error(self):
        with self.assertRaises(ValueError):
            self.edit(lambda d: d.delete("author[1]"), lambda d: d.delete("author[1]/name"))


class Compare(unittest.TestCase):
    @staticmethod
    def side(*failures, indeterminate=()):
        return {"failures": [{"message": text, "location": place} for text, place in failures], "indeterminate": list(indeterminate), "fired": 1}

    def kinds(self, golden, ours):
        return [one["kind"] for one in compare.compare(golden, ours)]

    def test_same(self):
        self.assertEqual(self.kinds(self.side(("a  b", "/x[1]/y[2]")), self.side(("a b", "/p:x/p:y[2]"))), [])

    def test_a_lost_failure(self):
        self.assertEqual(self.kinds(self.side(("a", "/x[1]"), ("a", "/x[1]")), self.side(("a", "/x[1]"))), ["missing"])

    def test_an_invented_failure(self):
        self.assertEqual(self.kinds(self.side(), self.side(("a", "/x[1]"))), ["extra"])

    def test_another_place(self):
        self.assertEqual(self.kinds(self.side(("a", "/x[1]/y[1]")), self.side(("a", "/x[1]/y[2]"))), ["place"])

    def test_indeterminate_is_a_difference(self):
        self.assertEqual(self.kinds(self.side(), self.side(indeterminate=[{"rule": "r", "reason": "no set"}])), ["indeterminate"])

    def test_a_blank(self):
        self.assertEqual(self.kinds(self.side(("<addr>", "/x[1]"), ("a", "/x[1]")), self.side(("<addr >", "/x[1]"), ("b", "/x[1]"))), ["blank", "missing", "extra"])

    def test_where_saxon_stopped_silence_is_a_difference(self):
        self.assertEqual(self.kinds({"error": "type"}, self.side()), ["error"])
        self.assertEqual(self.kinds({"error": "type"}, self.side(indeterminate=[{"rule": "r", "reason": "FODC0002"}])), ["indeterminate", "error"])
        self.assertEqual(self.kinds({"error": "type"}, self.side(indeterminate=[{"rule": "r", "reason": "XPTY0004"}])), [])

    def test_an_entry_without_reason_is_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "e.toml"
            file.write_text('[[difference]]\nkind = "missing"\nfault = "kit"\n')
            with self.assertRaises(SystemExit):
                compare.Explained(file)


class Locations(unittest.TestCase):
    def test_skeleton_paths(self):
        self.assertEqual(saxon.location("/*:a[namespace-uri()='u/v'][1]/b[3]/@*[local-name()='t' and namespace-uri()='x/y']"), "/a[1]/b[3]/@t")

    def test_document_node(self):
        self.assertEqual(compare.place("/"), compare.place("/ClinicalDocument[1]"))


class Defects(unittest.TestCase):
    def test_a_small_kit(self):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            for name, text in {
                "schematrons/m.sch": "<schema xmlns='http://purl.oclc.org/dsdl/schematron'><include href='inc/A.sch'/><include href='inc/none.sch'/>"
                                     "<pattern><let name='s ' value=\"'../jeuxDeValeurs/J1.xml'\"/><let name='t' value=\"'../jeuxDeValeurs/j2.xml'\"/></pattern></schema>",
                "schematrons/inc/a.sch": "<pattern xmlns='http://purl.oclc.org/dsdl/schematron'/>",
                "jeuxDeValeurs/J2.xml": "<Concept code='1'/>",
                "jeuxDeValeurs/J3.xml": "<ValueSet/>",
            }.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text)
            found = {(one.kind, one.detail) for one in kit.defects(root) if one.schema in ("schematrons/m.sch", "")}
            self.assertEqual(found, {
                ("case-include", "inc/A.sch"), ("missing-include", "inc/none.sch"), ("space-in-name", "s "),
                ("missing-value-set", "../jeuxDeValeurs/J1.xml"), ("case-value-set", "../jeuxDeValeurs/j2.xml"), ("empty-value-set", "no concept"),
            })


if __name__ == "__main__":
    unittest.main()
