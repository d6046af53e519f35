"""The ANS kit (TestContenuCDA) as this suite sees it: which schematrons a document calls for, what is broken in the
kit, and a working copy in which that is repaired so that Saxon can run at all. The kit itself is only read.

The defects are found here by our own walk of the files, without any Schematron engine, so that they can be held
against what the engine under test says of the same folder.
"""

import hashlib
import json
import os
import re
import shutil
import xml.parsers.expat
from collections import namedtuple
from pathlib import Path

ISO = "http://purl.oclc.org/dsdl/schematron"
HL7 = "urn:hl7-org:v3"
SCHEMAS = "schematrons"
STRUCTURE = f"{SCHEMAS}/profils/structurationMinimale/ASIP-STRUCT-MIN-StrucMin.sch"
TERMINOLOGY = f"{SCHEMAS}/profils/terminologies/schematron/terminologie.sch"
BODY = [f"{SCHEMAS}/profils/{name}.sch" for name in ("IHE", "CI-SIS_ModelesDeContenusCDA", "CI-SIS_Modeles_ANS")]
# The value set of document types: the header schematron reads it from a file the kit does not hold.
TYPE_CODES = f"{SCHEMAS}/profils/structurationMinimale/include/voc-1.2.250.1.213.1.1.5.471-DYNAMIC.xml"
TYPE_CODES_FROM = "jeuxDeValeurs/JDV_J07_XdsTypeCode_CISIS.xml"

Defect = namedtuple("Defect", "kind schema file detail")


def schemas(kit):
    """The schemas of the kit that stand alone: one per document model, and the five transverse ones."""
    models = sorted(path.relative_to(kit).as_posix() for path in (kit / SCHEMAS).glob("*.sch"))
    return models + [schema for schema in (STRUCTURE, TERMINOLOGY, *BODY) if (kit / schema).exists()]


def documents(kit):
    """The official examples, as paths below the kit."""
    return sorted(path.relative_to(kit).as_posix() for path in (kit / "ExemplesCDA").glob("*.xml"))


def exact_case(root, relative):
    """The path below `root` that differs from `relative` in letter case only; None when there is none."""
    here = root
    for part in Path(relative).parts:
        if part == "..":
            here = here.parent
            continue
        exact = here / part
        if not exact.exists() or exact.name not in os.listdir(here):
            close = [name for name in sorted(os.listdir(here)) if name.lower() == part.lower()] if here.is_dir() else []
            if not close:
                return None
            exact = here / close[0]
        here = exact
    return here


def called(kit, path):
    """The schematrons one document is judged by: those its `oxygen` instructions name, and the transverse ones."""
    named, level = [], {"structured": True}
    known = {Path(schema).name.lower(): [schema] for schema in schemas(kit)}

    def instruction(target, data):
        if target == "oxygen":
            for name in re.findall(r'SCHSchema="([^"]*)"', data):
                found = exact_case(path.parent, name.replace("\\", "/"))
                if found is not None and found.is_relative_to(kit):
                    named.append(Path(os.path.relpath(found, kit)).as_posix())
                else:  # a document from elsewhere: the schema of that file name
                    named.extend(known.get(Path(name.replace("\\", "/")).name.lower(), []))

    def start(name, _attributes):
        if name == f"{HL7} nonXMLBody":
            level["structured"] = False

    parser = xml.parsers.expat.ParserCreate(namespace_separator=" ")
    parser.ProcessingInstructionHandler = instruction
    parser.StartElementHandler = start
    parser.Parse(path.read_bytes(), True)
    transverse = [STRUCTURE, TERMINOLOGY] + (BODY if level["structured"] else [])
    return sorted(set(named) | {schema for schema in transverse if (kit / schema).exists()})


def pairs(kit):
    """Every (document, schematron) of the official examples."""
    return [(document, schema) for document in documents(kit) for schema in called(kit, kit / document)]


def _elements(path):
    """(element, attributes, line) of one file, in document order, namespaces dropped for foreign elements."""
    found = []
    parser = xml.parsers.expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = lambda name, attributes: found.append((name, attributes, parser.CurrentLineNumber))
    parser.Parse(path.read_bytes(), True)
    return found


_LITERAL = re.compile(r"""'([^']*\.(?:xml|rdf))'|"([^"]*\.(?:xml|rdf))\"""")


def defects(kit):
    """What is wrong with the kit: (kind, top-level schema, file concerned, detail), sorted.

    Kinds: `missing-include`, `case-include`, `missing-value-set`, `case-value-set`, `empty-value-set`,
    `unreadable` (not well formed, or empty) and `space-in-name`.
    """
    found = set()
    for schema in schemas(kit):
        folder = (kit / schema).parent
        seen = set()

        def walk(file, schema=schema, folder=folder, seen=seen):
            if file in seen:
                return
            seen.add(file)
            relative = Path(os.path.relpath(file, kit)).as_posix()
            try:
                elements = _elements(file)
            except xml.parsers.expat.ExpatError as error:
                found.add(Defect("unreadable", schema, relative, str(error)))
                return
            for name, attributes, _line in elements:
                local = name.removeprefix(f"{ISO} ")
                if local == name:
                    continue
                if local == "include":
                    href = attributes.get("href", "").split("#")[0].replace("\\", "/")
                    target = Path(os.path.normpath(file.parent / href))
                    near = exact_case(file.parent, href)
                    if near is None or not near.is_file():
                        found.add(Defect("missing-include", schema, relative, href))
                        continue
                    if near.resolve() != target.resolve() or not target.exists():
                        found.add(Defect("case-include", schema, relative, href))
                    walk(near)
                    continue
                if local in ("let", "param") and attributes.get("name", "") != attributes.get("name", "").strip():
                    found.add(Defect("space-in-name", schema, relative, attributes["name"]))
                for value in attributes.values():
                    literals = [a or b for a, b in _LITERAL.findall(value)]
                    if local == "param" and re.fullmatch(r"[^'\"$(]*\.(?:xml|rdf)", value):
                        literals.append(value)
                    for literal in literals:
                        if "/" not in literal:
                            continue
                        near = exact_case(folder, literal)
                        if near is None:
                            found.add(Defect("missing-value-set", schema, relative, literal))
                        elif not (folder / literal).exists():
                            found.add(Defect("case-value-set", schema, relative, literal))

        walk(kit / schema)
    for file in sorted((kit / "jeuxDeValeurs").glob("*.xml")):
        relative = file.relative_to(kit).as_posix()
        try:
            if not any(name.rsplit(" ", 1)[-1] in ("Concept", "concept") for name, _a, _l in _elements(file)):
                found.add(Defect("empty-value-set", "", relative, "no concept"))
        except xml.parsers.expat.ExpatError as error:
            found.add(Defect("unreadable", "", relative, str(error)))
    return sorted(found)


def digest(kit):
    """One hash for the parts of the kit that decide: schematrons, value sets, examples."""
    total = hashlib.sha256()
    for part in (SCHEMAS, "jeuxDeValeurs", "ExemplesCDA"):
        for path in sorted((kit / part).rglob("*")):
            if path.is_file():
                total.update(path.relative_to(kit).as_posix().encode() + b"\0")
                total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def working_copy(kit, work):
    """A copy of the rules below `work/kit`, repaired; made again when the kit or this file has changed."""
    copy = work / "kit"
    stamp = work / "kit.stamp"
    identity = json.dumps([digest(kit), hashlib.sha256(Path(__file__).read_bytes()).hexdigest()])
    if stamp.exists() and stamp.read_text() == identity:
        return copy
    shutil.rmtree(copy, ignore_errors=True)
    for part in (SCHEMAS, "jeuxDeValeurs", "ExemplesCDA"):
        shutil.copytree(kit / part, copy / part)
    for defect in defects(copy):
        file, base = copy / defect.file, (copy / defect.schema).parent
        if defect.kind == "case-include":
            _link(file.parent, defect.detail)
        elif defect.kind == "case-value-set":
            _link(base, defect.detail)
        elif defect.kind == "missing-include":
            text = file.read_text(encoding="utf-8-sig")
            pattern = re.compile(r"<(?:\w+:)?include\s[^>]*href=(['\"])" + re.escape(defect.detail) + r"\1[^>]*?(?:/>|>\s*</(?:\w+:)?include>)")
            file.write_text(pattern.sub("", text), encoding="utf-8")
    if (copy / TYPE_CODES).parent.exists() and not (copy / TYPE_CODES).exists():
        (copy / TYPE_CODES).write_text(_type_codes(copy / TYPE_CODES_FROM), encoding="utf-8")
    stamp.write_text(identity)
    return copy


def _link(base, href):
    """Makes `href` readable from `base` by links at the names that are written in the wrong letter case."""
    here = base
    for part in Path(href.replace("\\", "/")).parts:
        if part != ".." and not (here / part).exists():
            right = exact_case(here, part)
            (here / part).symlink_to(right.name)
        here = here / part if part != ".." else here.parent


def _type_codes(source):
    """The value set of document types in ART-DECOR's form, from the same set in SVS form."""
    concepts = [attributes for name, attributes, _line in _elements(source) if name.endswith(" Concept")]
    quote = lambda value: value.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")  # noqa: E731
    rows = "\n".join(
        "      <concept " + " ".join(f'{key}="{quote(one[key])}"' for key in ("code", "codeSystem", "displayName") if key in one) + "/>"
        for one in concepts
    )
    return (f'<?xml version="1.0" encoding="UTF-8"?>\n<valueSets xmlns="{HL7}">\n  <valueSet xmlns="" id="1.2.250.1.213.1.1.5.471">\n'
            f"    <conceptList>\n{rows}\n    </conceptList>\n  </valueSet>\n</valueSets>\n")
