"""SaxonC running the kit's own Schematron skeleton: include, abstract expansion, XSLT, then SVRL read back.

The skeleton is the kit's, with one of its own options changed: `full-path-notation=1` makes every location exact.
"""

import re
import time
import xml.etree.ElementTree as ET
from pathlib import Path

SVRL = "{http://purl.oclc.org/dsdl/svrl}"
STAGES = ("iso_dsdl_include.xsl", "iso_abstract_expand.xsl", "iso_svrl_for_xslt2.xsl")


class Saxon:
    """One processor, in this process; `copy` is the repaired copy of the kit."""

    def __init__(self, copy):
        import saxonche

        self.processor = saxonche.PySaxonProcessor(license=False)
        self.version = self.processor.version
        self.xslt = self.processor.new_xslt30_processor()
        self.copy = copy
        self.stages = {}

    def stylesheet(self, schema):
        """The XSLT of a schema, written beside it: the skeleton resolves `doc()` against that folder."""
        source = self.copy / schema
        result = source.with_suffix(".oracle.xsl")
        if result.exists():
            return result
        current = str(source)
        for stage in STAGES:
            if stage not in self.stages:
                self.stages[stage] = self.xslt.compile_stylesheet(stylesheet_file=str(self.copy / "schematrons/moteur" / stage))
            compiled = self.stages[stage]
            last = stage == STAGES[-1]
            if last:
                compiled.set_parameter("full-path-notation", self.processor.make_string_value("1"))
            target = source.with_suffix(f".oracle.{stage}.tmp")
            compiled.transform_to_file(source_file=current, output_file=str(target))
            if current != str(source):
                Path(current).unlink()
            current = str(target)
        Path(current).rename(result)
        return result

    def compile(self, schema):
        return self.xslt.compile_stylesheet(stylesheet_file=str(self.stylesheet(schema)))

    def run(self, compiled, document):
        """What the schema says of one document: `{failures, fired, seconds}` or `{error, seconds}`."""
        begin = time.perf_counter()
        try:
            svrl = compiled.transform_to_string(source_file=str(document))
            if svrl is None:
                raise RuntimeError("no output")
        except Exception as error:  # noqa: BLE001 - the binding raises its own class, of an unstable name
            return {"error": " ".join(str(error).split()), "seconds": time.perf_counter() - begin}
        seconds = time.perf_counter() - begin
        root = ET.fromstring(svrl)
        failures, fired = [], 0
        for element in root:
            if element.tag == f"{SVRL}fired-rule":
                fired += 1
            elif element.tag in (f"{SVRL}failed-assert", f"{SVRL}successful-report"):
                text = element.find(f"{SVRL}text")
                failures.append({
                    "kind": "assert" if element.tag.endswith("failed-assert") else "report",
                    "message": " ".join("".join(text.itertext()).split()),
                    "location": location(element.get("location", "")),
                    "role": element.get("role"),
                    "flag": element.get("flag"),
                })
        failures.sort(key=lambda one: (one["location"], one["message"]))
        return {"failures": failures, "fired": fired, "seconds": seconds}


def location(path):
    """`/*:a[namespace-uri()='x'][1]/*:b[…][2]` or `/p:a/p:b[2]` as `/a[1]/b[2]`."""
    path = re.sub(r"@\*\[local-name\(\)='([^']*)' and namespace-uri\(\)='[^']*'\]", r"@\1", path)
    path = re.sub(r"\[namespace-uri\(\)='[^']*'\]", "", path)
    steps = []
    for step in path.strip("/").split("/"):
        if not step:
            continue
        name, position = re.fullmatch(r"([^\[]*)(\[\d+\])?", step).groups()
        attribute = "@" if name.startswith("@") else ""
        name = attribute + name.removeprefix("@").split(":")[-1]
        steps.append(name if attribute or name.endswith("()") and not position else name + (position or "[1]"))
    return "/" + "/".join(steps)
