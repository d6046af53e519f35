#!/usr/bin/env python3
"""Compares our XSD validation of CDA documents with libxml2's (xmllint), on the user's copy of the official kit.

    python3 tests/parity/xsd.py KIT [--program PATH] [--mutants N] [--keep DIR]

KIT is an unpacked ANS `TestContenuCDA` folder (never committed). Every document of `ExemplesCDA` is validated as it is,
then mutated: N mutants of each document (default: one of each kind), chosen by a seed made of the file name and the kind,
so that two runs judge the same bytes. Prints a table and every difference; exits 1 when there is one.

`--program` is the built example `xsd` of `diapason-rules` (default: built with cargo when absent).
What libxml2 is known to judge wrongly is listed in KNOWN below, with the clause that says so.
"""

import argparse
import collections
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import time
import xml.parsers.expat

ROOT = pathlib.Path(__file__).resolve().parents[2]
HL7 = "urn:hl7-org:v3"
# Where libxml2 is known to be wrong: (part of the name of the mutation, verdict of xmllint, what the one that says
# "invalid" says, why). Ours must have found nothing else.
KNOWN = [
    (
        "dangling",
        "valid",
        "[cvc-id.1]",
        "libxml2 does not check that an IDREF names an ID (XSD 1.0 part 1, 3.15.4, cvc-id.1)",
    ),
    (
        "CDATA",
        "invalid",
        "Character content other than whitespace is not allowed",
        "libxml2 takes a CDATA section for text even when it holds white space only; cvc-complex-type.2.3 looks at "
        "characters, not at how they were written",
    ),
    (
        "padded",
        "invalid",
        "of the xsi:type attribute does not resolve",
        "libxml2 keeps the white space around the QName of xsi:type, which XSD collapses (part 2, 3.2.18 and 4.3.6)",
    ),
]


class Element:
    """An element of a source: byte offsets of its start tag, content and end."""

    def __init__(self, name, start):
        self.name = name
        self.start = start
        self.open_end = 0
        self.close_start = 0
        self.end = 0
        self.children = []
        self.text = False


def elements(source):
    """Elements inside ClinicalDocument, the root first."""
    found = []
    stack = []
    parser = xml.parsers.expat.ParserCreate(namespace_separator="|")
    inside = [0]

    def start(name, _):
        element = Element(name, parser.CurrentByteIndex)
        element.open_end = tag_end(source, element.start)
        if stack:
            stack[-1].children.append(element)
        stack.append(element)
        if inside[0] or name == HL7 + "|ClinicalDocument":
            inside[0] += 1
            found.append(element)

    def end(_):
        element = stack.pop()
        if source[element.open_end - 2 : element.open_end] == b"/>":
            element.close_start = element.end = element.open_end
        else:
            element.close_start = parser.CurrentByteIndex
            element.end = source.index(b">", element.close_start) + 1
        if inside[0]:
            inside[0] -= 1

    def text(data):
        if stack and data.strip():
            stack[-1].text = True

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    parser.Parse(source, True)
    return found


def tag_end(source, at):
    quote = None
    while True:
        byte = source[at : at + 1]
        if quote:
            if byte == quote:
                quote = None
        elif byte in (b'"', b"'"):
            quote = byte
        elif byte == b">":
            return at + 1
        at += 1


ATTRIBUTE = re.compile(rb'\s([\w:.-]+)\s*=\s*("[^"]*"|\'[^\']*\')')


def attributes(source, element, wanted=None):
    """Spans (start, end, name, value) of the attributes of an element, declarations left out."""
    tag = source[element.start : element.open_end]
    spans = []
    for match in ATTRIBUTE.finditer(tag):
        name = match.group(1).decode()
        if name.startswith("xmlns") or (wanted and name != wanted):
            continue
        first = element.start + match.start()
        spans.append((first, element.start + match.end(), name, match.group(2)[1:-1].decode("utf-8")))
    return spans


def pick(rng, items):
    return rng.choice(items) if items else None


def cut(source, start, end, by=b""):
    return source[:start] + by + source[end:]


def insert_attribute(source, element, text):
    at = element.start + len(re.match(rb"<[^\s/>]+", source[element.start : element.open_end]).group(0))
    return cut(source, at, at, b" " + text)


def with_content(found):
    return [e for e in found if e.close_start > e.open_end]


def parents(found):
    return [e for e in found if e.children]


# Each mutation takes (source, elements, rng) and returns bytes, or None when the document has no place for it.
def delete_element(source, found, rng):
    element = pick(rng, found[1:])
    return element and cut(source, element.start, element.end)


def delete_header_element(source, found, rng):
    element = pick(rng, found[0].children)
    return element and cut(source, element.start, element.end)


def duplicate_element(source, found, rng):
    element = pick(rng, found[1:])
    return element and cut(source, element.end, element.end, source[element.start : element.end])


def duplicate_header_element(source, found, rng):
    element = pick(rng, found[0].children)
    return element and cut(source, element.end, element.end, source[element.start : element.end])


def swap(source, found, rng):
    pairs = [
        (a, b)
        for parent in parents(found)
        for a, b in zip(parent.children, parent.children[1:])
        if a.name != b.name
    ]
    pair = pick(rng, pairs)
    if not pair:
        return None
    a, b = pair
    middle = source[a.end : b.start]
    return cut(source, a.start, b.end, source[b.start : b.end] + middle + source[a.start : a.end])


def first_child_last(source, found, rng):
    parent = pick(rng, [p for p in parents(found) if len(p.children) > 1])
    if not parent:
        return None
    first, last = parent.children[0], parent.children[-1]
    moved = source[first.start : first.end]
    return source[: first.start] + source[first.end : last.end] + moved + source[last.end :]


def rename(source, found, rng):
    element = pick(rng, found[1:])
    if not element:
        return None
    written = re.match(rb"<([^\s/>]+)", source[element.start : element.open_end]).group(1)
    new = written + b"X"
    out = source
    if element.close_start > element.open_end:
        out = cut(out, element.close_start + 2, element.close_start + 2 + len(written), new)
    return cut(out, element.start + 1, element.start + 1 + len(written), new)


def unknown_child_first(source, found, rng):
    element = pick(rng, with_content(found))
    return element and cut(source, element.open_end, element.open_end, b"<inconnu/>")


def known_child_last(source, found, rng):
    element = pick(rng, with_content(found))
    return element and cut(source, element.close_start, element.close_start, b"<id root='1.2'/>")


def foreign_child(source, found, rng):
    element = pick(rng, with_content(found))
    return element and cut(source, element.close_start, element.close_start, b"<f:x xmlns:f='urn:essai'/>")


def no_namespace_child(source, found, rng):
    element = pick(rng, with_content(found))
    return element and cut(source, element.close_start, element.close_start, b"<x xmlns=''/>")


def unknown_attribute(source, found, rng):
    element = pick(rng, found)
    return element and insert_attribute(source, element, b'inconnu="1"')


def foreign_attribute(source, found, rng):
    element = pick(rng, found)
    return element and insert_attribute(source, element, b'xmlns:f="urn:essai" f:a="1"')


def xml_lang(source, found, rng):
    element = pick(rng, found)
    return element and insert_attribute(source, element, b'xml:lang="fr-FR"')


def delete_attribute(source, found, rng):
    spans = [s for e in found for s in attributes(source, e)]
    span = pick(rng, spans)
    return span and cut(source, span[0], span[1])


def change(wanted, value):
    def mutate(source, found, rng):
        spans = [s for e in found for s in attributes(source, e, wanted) if s[3] != value]
        span = pick(rng, spans)
        return span and cut(source, span[0], span[1], f' {span[2]}="{value}"'.encode())

    mutate.__name__ = f"{wanted or 'any'}={value!r}"
    return mutate


def padded(wanted):
    def mutate(source, found, rng):
        spans = [s for e in found for s in attributes(source, e, wanted)]
        span = pick(rng, spans)
        return span and cut(source, span[0], span[1], f' {span[2]}="  {span[3]} &#9;"'.encode())

    mutate.__name__ = f"{wanted or 'any'} padded"
    return mutate


def null_flavor(value):
    def mutate(source, found, rng):
        places = [e for e in found[1:] if not attributes(source, e, "nullFlavor")]
        element = pick(rng, places)
        return element and insert_attribute(source, element, f'nullFlavor="{value}"'.encode())

    mutate.__name__ = f"nullFlavor={value!r}"
    return mutate


def xsi_type(value):
    def mutate(source, found, rng):
        places = [e for e in found[1:] if not attributes(source, e, "xsi:type")]
        element = pick(rng, places)
        added = f'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:v3="{HL7}" xsi:type="{value}"'
        return element and b"xmlns:xsi" not in source[element.start : element.open_end] and insert_attribute(
            source, element, added.encode()
        )

    mutate.__name__ = f"xsi:type={value!r} added"
    return mutate


def xsi_nil(source, found, rng):
    element = pick(rng, [e for e in found[1:] if b"xmlns:xsi" not in source[e.start : e.open_end]])
    added = b'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:nil="true"'
    return element and insert_attribute(source, element, added)


def text_inside(text):
    def mutate(source, found, rng):
        element = pick(rng, [e for e in with_content(found)])
        return element and cut(source, element.open_end, element.open_end, text.encode())

    mutate.__name__ = f"text {text[:12]!r}"
    return mutate


def empty(source, found, rng):
    element = pick(rng, with_content(found[1:]))
    return element and cut(source, element.open_end, element.close_start)


def same_id(source, found, rng):
    spans = [s for e in found for s in attributes(source, e, "ID")]
    if len(spans) < 2:
        return None
    a, b = rng.sample(spans, 2)
    return cut(source, a[0], a[1], f' ID="{b[3]}"'.encode())


def dangling(source, found, rng):
    element = pick(rng, [e for e in found if e.name == HL7 + "|text" and e.children])
    added = b'<footnoteRef IDREF="nulle-part"/>'
    return element and cut(source, element.close_start, element.close_start, added)


def outside(source, found, rng):
    """A change that the schema does not see: comments and instructions between things."""
    element = pick(rng, with_content(found))
    return element and cut(source, element.open_end, element.open_end, b"<!--x--><?x y?>")


KINDS = [
    delete_element,
    delete_header_element,
    duplicate_element,
    duplicate_header_element,
    swap,
    first_child_last,
    rename,
    unknown_child_first,
    known_child_last,
    foreign_child,
    no_namespace_child,
    unknown_attribute,
    foreign_attribute,
    xml_lang,
    delete_attribute,
    change("root", "pas un OID"),
    change("root", ""),
    change("value", "abc"),
    change("value", "20240230"),
    change("code", "deux mots"),
    change("code", ""),
    change("codeSystem", "1.2.x"),
    change("classCode", "ZZZ"),
    change("moodCode", "zzz"),
    change("typeCode", "ZZZ"),
    change("use", "HP HP"),
    change("use", "HP ZZZ"),
    change("xsi:type", "TS"),
    change("xsi:type", "Inconnu"),
    change("xsi:type", "ANY"),
    change("unit", "m g"),
    change("mediaType", "image/jpeg"),
    change("representation", "HEX"),
    change("inversionInd", "oui"),
    change("determinerCode", "KIND"),
    padded("root"),
    padded("code"),
    padded("value"),
    padded("classCode"),
    padded(None),
    null_flavor("UNK"),
    null_flavor("ZZZ"),
    xsi_type("CD"),
    xsi_type("v3:II"),
    xsi_type("x:CD"),
    xsi_nil,
    text_inside("texte"),
    text_inside("\u00a0"),
    text_inside("<![CDATA[ ]]>"),
    text_inside("&#32;&#10;"),
    empty,
    same_id,
    dangling,
    outside,
]


def mutants(path, count):
    source = path.read_bytes()
    if source.startswith(b"\xef\xbb\xbf"):
        source = source[3:]
    found = elements(source)
    made = 0
    for kind in KINDS:
        rng = random.Random(f"{path.name}/{kind.__name__}")
        out = kind(source, found, rng)
        if out and out != source:
            try:
                parser = xml.parsers.expat.ParserCreate(namespace_separator="|")
                parser.Parse(out, True)
            except xml.parsers.expat.ExpatError:
                continue
            yield kind.__name__, out
            made += 1
            if count and made >= count:
                return


def xmllint(schema, paths):
    """Verdict and first error of each path."""
    verdicts = {}
    first = {}
    for at in range(0, len(paths), 200):
        some = paths[at : at + 200]
        run = subprocess.run(
            ["xmllint", "--nonet", "--noout", "--huge", "--schema", str(schema), *some],
            capture_output=True,
            text=True,
            check=False,
        )
        for line in run.stderr.splitlines():
            if line.endswith(" validates"):
                verdicts[line[: -len(" validates")]] = "valid"
            elif line.endswith(" fails to validate"):
                verdicts[line[: -len(" fails to validate")]] = "invalid"
            else:
                name = line.split(":", 1)[0]
                first.setdefault(name, line[len(name) + 1 :])
    return {p: (verdicts.get(p, "no answer"), first.get(p, "")) for p in paths}


def ours(program, kit, paths):
    run = subprocess.run(
        [program, str(kit)], input="\n".join(paths) + "\n", capture_output=True, text=True, check=False
    )
    lines = run.stdout.splitlines()
    if run.returncode != 0 or len(lines) != len(paths) + 1:
        sys.exit(f"our program stopped: {run.returncode} {run.stderr[-2000:]}")
    loaded = lines[0].split("\t")
    return loaded, {p: line.split("\t") for p, line in zip(paths, lines[1:])}


def explained(kind, theirs, mine):
    """Why a difference is libxml2's fault, if it is known."""
    for part, verdict, text, why in KNOWN:
        said = mine[2] if verdict == "valid" else theirs[1]
        alone = verdict == "invalid" or mine[2].startswith("1 in all")
        if part in kind and theirs[0] == verdict and mine[0] != "unjudged" and text in said and alone:
            return why
    return None


def build():
    subprocess.run(
        ["cargo", "build", "--quiet", "-p", "diapason-rules", "--example", "xsd"], cwd=ROOT, check=True
    )
    target = os.environ.get("CARGO_TARGET_DIR", ROOT / "target")
    return str(pathlib.Path(target) / "debug" / "examples" / "xsd")


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("kit", type=pathlib.Path)
    options.add_argument("--program")
    options.add_argument("--mutants", type=int, default=0, help="most mutants of one document; 0: one of each kind")
    options.add_argument("--keep", type=pathlib.Path, help="where to keep the mutants")
    given = options.parse_args()
    schema = given.kit / "infrastructure/cda/CDA_extended.xsd"
    samples = sorted((given.kit / "ExemplesCDA").glob("*.xml"))
    if not schema.is_file() or not samples:
        sys.exit(f"{given.kit} is not an unpacked kit")
    program = given.program or build()
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.keep or pathlib.Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        kinds = {str(path): "as published" for path in samples}
        for number, path in enumerate(samples):
            for kind_number, (kind, content) in enumerate(mutants(path, given.mutants)):
                mutant = folder / f"{number:03}-{kind_number:02}.xml"
                mutant.write_bytes(content)
                kinds[str(mutant)] = kind
        paths = list(kinds)
        start = time.monotonic()
        theirs = xmllint(schema, paths)
        their_time = time.monotonic() - start
        start = time.monotonic()
        loaded, mine = ours(program, given.kit, paths)
        our_time = time.monotonic() - start

    table = collections.defaultdict(lambda: [0, 0, 0, 0])
    differences = []
    for path in paths:
        row = table[kinds[path]]
        row[0] += 1
        row[1] += theirs[path][0] == "invalid"
        row[2] += mine[path][0] == "invalid"
        if mine[path][0] != theirs[path][0]:
            row[3] += 1
            differences.append(path)
    print(f"{'kind':32} {'documents':>9} {'xmllint: invalid':>17} {'ours: invalid':>14} {'differ':>7}")
    for kind, row in table.items():
        print(f"{kind:32} {row[0]:9} {row[1]:17} {row[2]:14} {row[3]:7}")
    total = [sum(row[i] for row in table.values()) for i in range(4)]
    print(f"{'all':32} {total[0]:9} {total[1]:17} {total[2]:14} {total[3]:7}")
    times = sorted(float(mine[p][1]) for p in kinds if kinds[p] == "as published")
    print(f"\nours: loaded in {loaded[1]} ms; one published document: median {times[len(times) // 2]:.1f} ms, "
          f"longest {times[-1]:.1f} ms (reading included); all: {our_time:.1f} s. xmllint, all: {their_time:.1f} s.")
    unexplained = 0
    shown = collections.Counter()
    for path in differences:
        why = explained(kinds[path], theirs[path], mine[path])
        unexplained += why is None
        shown[why] += 1
        if why and shown[why] > 2:
            continue
        print(f"\n{kinds[path]}: {path}\n  xmllint {theirs[path][0]}: {theirs[path][1]}\n"
              f"  ours    {mine[path][0]}: {mine[path][2] if len(mine[path]) > 2 else ''}\n  {why or 'NOT EXPLAINED'}")
    for why, times in shown.items():
        print(f"\n{times} x {why or 'NOT EXPLAINED'}")
    print(f"\n{len(differences)} difference(s), {unexplained} not explained")
    unjudged = sum(m[0] in ("unjudged", "unread") for m in mine.values())
    print(f"{len(paths) - len(samples)} mutants of {len(samples)} documents; {unjudged} not judged by ours")
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
