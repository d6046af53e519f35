"""The CDA that the reference DUI fed, against the official kit: its Schematron under Saxon, its schema under libxml2."""

import hashlib
import sys
from collections import Counter
from pathlib import Path

from lxml import etree

import bench

from . import campaign
from .lot import Header

#: How the file of a model's schematron is named, by the template that a document bears.
MODELS = {"1.2.250.1.213.1.1.1.22": "CI-SIS_DLU-EHPAD-DLU_"}


def run(tally, exchanges, work, folder):
    sys.path.insert(0, str(bench.ROOT / "tests/parity"))
    import kit
    from saxon import Saxon

    official = Path(folder)
    copy = kit.working_copy(official, work / "kit-copie")
    saxon = Saxon(copy)
    documents = {}
    for one, lot in campaign.lots(exchanges):
        for content in lot.documents.values():
            header = Header(content)
            templates = tuple(t.get("root") for t in header.root.findall("{urn:hl7-org:v3}templateId"))
            documents.setdefault((templates, shape(content)), (one.scenario, content))
    tally.check("DMP CDA: documents were fed", bool(documents))
    compiled, kinds, asserted = {}, Counter(), 0
    schema_of_all = etree.XMLSchema(etree.parse(str(official / "infrastructure/cda/CDA_extended.xsd")))
    place = work / "cda"
    place.mkdir(exist_ok=True)
    for (templates, _), (scenario, content) in documents.items():
        file = place / f"{hashlib.sha256(content).hexdigest()[:16]}.xml"
        file.write_bytes(content)
        schemas = kit.called(copy, file) + [model_schema(kit, copy, t) for t in templates if t in MODELS]
        kind = "N1" if b"nonXMLBody" in content else "N3"
        kinds[kind] += 1
        valid = schema_of_all.validate(etree.fromstring(content))
        tally.check(f"DMP CDA: {kind} of {scenario}: valid for CDA_extended.xsd", valid, str(schema_of_all.error_log.last_error))
        for schema in schemas:
            if schema not in compiled:
                compiled[schema] = saxon.compile(schema)
            seen = saxon.run(compiled[schema], file)
            failures = [f for f in seen.get("failures", []) if (f["role"] or f["flag"] or "") not in ("warning", "info", "information")]
            asserted += seen.get("fired", 0)
            tally.check(f"DMP CDA: {kind} of {scenario}: {Path(schema).name}, {seen.get('fired', 0)} rules fired, no failure",
                        "error" not in seen and not failures and seen["fired"] > 0, seen.get("error") or "; ".join(f"{f['location']}: {f['message']}"[:200] for f in failures[:3]))
    tally.check(f"DMP CDA: level 1 and level 3 documents judged ({dict(kinds)}), {asserted} rules fired", kinds["N1"] > 0 and kinds["N3"] > 0)


def shape(content):
    """Documents that differ by their values only are judged once: the names of elements, in order."""
    names = [element.tag for element in Header(content).root.iter() if isinstance(element.tag, str)]
    return hashlib.sha256(" ".join(sorted(set(names))).encode()).hexdigest()


def model_schema(kit, copy, template):
    """The newest schematron of a model."""
    return max(schema for schema in kit.schemas(copy) if Path(schema).name.startswith(MODELS[template]))
