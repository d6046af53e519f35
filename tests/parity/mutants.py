"""Documents broken on purpose, from the official examples: `python3 mutants.py KIT WORK`.

Writes them to `WORK/mutants/NAME.xml`, then Saxon's verdicts on them to `WORK/golden-mutants.jsonl`. Everything is
deterministic. Four families:

- named ones (`header-…`, `body-…`): one fault each, of the kind vendors make;
- `hole-…`: what the official kit is known not to see (its rules must stay as blind in our engine);
- `form-…`: the same content written otherwise (prefixes, CDATA, comments, entities, odd white space), where an engine
  that takes a short cut goes wrong;
- `sweep-…`: three edits each, at places drawn by a fixed step over many examples.

`--strangers N` adds every example judged by N schematrons of other models: thousands of failing assertions for little.
"""

import argparse
import random
import re
import sys
from pathlib import Path

import kit as kits
from oracle import judge
from spans import Document

DLU = "DLU-EHPAD-DLU_2022.01"
FLUDT = "DLU-EHPAD-FLUDT_2022.01"
VSM = "VSM_1.4_2022.01"
LEVEL1 = "DOC_NON_STRUCTURE_CDA-R2-N1"
ORDER = "eP-MED-DM_2024.01_PosoStruct"
BIO = "BIO-CR-BIO_2024.01_Microbiologie_V1"
ORG = "1.2.250.1.71.4.2.2"

# name, base, what is done. The paths start at ClinicalDocument.
NAMED = [
    ("header-realmCode-absent", DLU, lambda d: d.delete("realmCode")),
    ("header-realmCode-other", DLU, lambda d: d.set("realmCode", "code", "BE")),
    ("header-typeId-absent", DLU, lambda d: d.delete("typeId")),
    ("header-typeId-extension", DLU, lambda d: d.set("typeId", "extension", "POCD_HD000041")),
    ("header-templateIds-absent", DLU, lambda d: [d.delete(one) for one in d.all("templateId")]),
    ("header-templateId-twice", DLU, lambda d: d.duplicate("templateId[2]")),
    ("header-model-absent", DLU, lambda d: d.delete("templateId[3]")),
    ("header-model-version", DLU, lambda d: d.set("templateId[3]", "extension", "2099.01")),
    ("header-id-not-an-oid", DLU, lambda d: d.set("id", "root", "urn:oid:1.2.250")),
    ("header-id-nullFlavor", DLU, lambda d: d.replace("id", '<id nullFlavor="UNK"/>')),
    ("header-code-absent", DLU, lambda d: d.delete("code")),
    ("header-code-not-in-value-set", DLU, lambda d: d.set("code", "code", "00000-0")),
    ("header-code-no-displayName", DLU, lambda d: d.drop("code", "displayName")),
    ("header-title-absent", DLU, lambda d: d.delete("title")),
    ("header-title-empty", DLU, lambda d: d.text("title", "")),
    ("header-effectiveTime-iso8601", DLU, lambda d: d.set("effectiveTime", "value", "2020-03-27T15:35:00+01:00")),
    ("header-effectiveTime-month-13", DLU, lambda d: d.set("effectiveTime", "value", "20201327153500+0100")),
    ("header-effectiveTime-30-february", DLU, lambda d: d.set("effectiveTime", "value", "20200230153500+0100")),
    ("header-effectiveTime-twice", DLU, lambda d: d.duplicate("effectiveTime")),
    ("header-confidentiality-x", DLU, lambda d: d.set("confidentialityCode", "code", "X")),
    ("header-languageCode-free", DLU, lambda d: d.set("languageCode", "code", "Français")),
    ("header-setId-absent", DLU, lambda d: d.delete("setId")),
    ("header-versionNumber-letters", DLU, lambda d: d.set("versionNumber", "value", "un")),
    ("header-recordTarget-absent", DLU, lambda d: d.delete("recordTarget")),
    ("header-recordTarget-twice", DLU, lambda d: d.duplicate("recordTarget")),
    ("header-patient-id-oid", DLU, lambda d: d.set("recordTarget/patientRole/id[2]", "root", "1.2.3.x")),
    ("header-patient-id-extension-absent", DLU, lambda d: d.drop("recordTarget/patientRole/id[1]", "extension")),
    ("header-patient-ins-without-traits", DLU, lambda d: d.delete("recordTarget//birthplace")),
    ("header-name-qualifier-zz", DLU, lambda d: d.set("recordTarget//name/family[1]", "qualifier", "ZZ")),
    ("header-name-family-absent", DLU, lambda d: [d.delete(one) for one in d.all("recordTarget/patientRole/patient/name/family")]),
    ("header-birthTime-5-digits", DLU, lambda d: d.set("recordTarget//birthTime", "value", "19790")),
    ("header-gender-z", DLU, lambda d: d.set("recordTarget//administrativeGenderCode", "code", "Z")),
    ("header-telecom-without-value", DLU, lambda d: d.drop("recordTarget//telecom[1]", "value")),
    ("header-telecom-free", DLU, lambda d: d.set("recordTarget//telecom[1]", "value", "01 44 53 45 51")),
    ("header-address-both-forms", DLU, lambda d: d.first("recordTarget//addr[1]", "<streetAddressLine>28 avenue</streetAddressLine>")),
    ("header-nullFlavor-forbidden", DLU, lambda d: d.replace("recordTarget//addr[1]", '<addr nullFlavor="OTH"/>')),
    ("header-author-absent", DLU, lambda d: d.delete("author")),
    ("header-author-code-system", DLU, lambda d: d.set("author/assignedAuthor/code", "codeSystem", "1.2.250.1.71.1.2.7")),
    ("header-author-time-absent", DLU, lambda d: d.delete("author/time")),
    ("header-author-prefix-free", DLU, lambda d: d.text("author//prefix", "Madame")),
    ("header-custodian-absent", DLU, lambda d: d.delete("custodian")),
    ("header-custodian-id-without-root", DLU, lambda d: d.drop("custodian//id", "root")),
    ("header-legalAuthenticator-absent", DLU, lambda d: d.delete("legalAuthenticator")),
    ("header-legalAuthenticator-time-nullFlavor", DLU, lambda d: d.replace("legalAuthenticator/time", '<time nullFlavor="UNK"/>')),
    ("header-legalAuthenticator-not-signed", DLU, lambda d: d.set("legalAuthenticator/signatureCode", "code", "X")),
    ("header-documentationOf-absent", DLU, lambda d: d.delete("documentationOf")),
    ("header-serviceEvent-low-absent", DLU, lambda d: d.delete("documentationOf/serviceEvent/effectiveTime/low")),
    ("header-performer-twice", DLU, lambda d: d.duplicate("documentationOf/serviceEvent/performer")),
    ("header-practice-setting", DLU, lambda d: d.set("documentationOf//standardIndustryClassCode", "code", "EHPAD")),
    ("header-participant-type", DLU, lambda d: d.set("participant", "typeCode", "ZZZ")),
    ("header-componentOf-absent", DLU, lambda d: d.delete("componentOf")),
    ("header-facility-code", DLU, lambda d: d.set("componentOf//healthCareFacility/code", "code", "SA99")),
    ("header-encounter-code", DLU, lambda d: d.set("componentOf/encompassingEncounter/code", "code", "XXX")),
    ("header-unknown-element", DLU, lambda d: d.before("custodian", "<dossier><numero>1</numero></dossier>")),
    ("header-relatedDocument-apnd", DLU, lambda d: d.before("componentOf", '<relatedDocument typeCode="APND"><parentDocument><id root="1.2.3"/></parentDocument></relatedDocument>')),
    ("body-section-absent", DLU, lambda d: d.delete("component/structuredBody/component[1]")),
    ("body-section-loinc", DLU, lambda d: d.set("component/structuredBody/component[1]/section/code", "code", "11111-1")),
    ("body-section-templateId", DLU, lambda d: d.set("component/structuredBody/component[1]/section/templateId[1]", "root", "1.2.3.4")),
    ("body-section-without-text", DLU, lambda d: d.delete("component/structuredBody/component[1]/section/text")),
    ("body-section-without-title", DLU, lambda d: d.delete("component/structuredBody/component[1]/section/title")),
    ("body-optional-section-absent", DLU, lambda d: d.delete("component/structuredBody/component[3]")),
    ("body-value-not-in-terminology", DLU, lambda d: d.set("component//value[@code='J41.0']", "code", "J41.99")),
    ("body-value-no-code", DLU, lambda d: d.drop("component//value[@code='J41.0']", "code")),
    ("body-entry-id-absent", DLU, lambda d: d.delete("component//entry/act/id")),
    ("body-entry-statusCode", DLU, lambda d: d.set("component//entry/act/statusCode[@code='completed']", "code", "finished")),
    ("body-entry-code-absent", DLU, lambda d: d.delete("component//entry/act/code")),
    ("body-entryRelationship-type", DLU, lambda d: d.set("component//entryRelationship", "typeCode", "XXXX")),
    ("body-interval-inverted", DLU, lambda d: [d.set("component//effectiveTime[@type='IVL_TS']/low", "value", "20200309"), d.set("component//effectiveTime[@type='IVL_TS']/high", "value", "20200302")]),
    ("body-observation-twice", DLU, lambda d: d.duplicate("component//entry/observation")),
    ("body-effectiveTime-absent", DLU, lambda d: d.delete("component//entry/observation/effectiveTime")),
    ("body-unit-not-ucum", BIO, lambda d: d.set("component//value[@unit]", "unit", "gouttes")),
    ("body-fludt-vital-signs-absent", FLUDT, lambda d: d.delete("component/structuredBody/component[2]")),
    ("body-fludt-all-sections-absent", FLUDT, lambda d: [d.delete(one) for one in d.all("component/structuredBody/component")[1:]]),
    ("body-vsm-first-section-absent", VSM, lambda d: d.delete("component/structuredBody/component[1]")),
    ("body-vsm-entries-absent", VSM, lambda d: [d.delete(one) for one in d.all("component//entry")]),
    ("body-order-dose-absent", ORDER, lambda d: d.delete("component//doseQuantity")),
    ("body-order-id-absent", ORDER, lambda d: d.delete("component//substanceAdministration/id")),
    ("body-order-period-free", ORDER, lambda d: d.set("component//period", "value", "chaque jour")),
    ("level1-model-other", LEVEL1, lambda d: d.set("templateId[3]", "root", "1.2.250.1.213.1.1.1.58")),
    ("level1-body-absent", LEVEL1, lambda d: d.delete("component/nonXMLBody/text")),
]

HOLES = [
    ("hole-time-without-offset", DLU, lambda d: d.set("effectiveTime", "value", "20200327153500")),
    ("hole-time-to-the-day", DLU, lambda d: d.set("effectiveTime", "value", "20200327")),
    ("hole-signature-time-to-the-day", DLU, lambda d: d.set("legalAuthenticator/time", "value", "20200327")),
    ("hole-ins-key", DLU, lambda d: d.set("recordTarget/patientRole/id[1]", "extension", "279035121518900")),
    ("hole-ins-14-digits", DLU, lambda d: d.set("recordTarget/patientRole/id[1]", "extension", "27903512151898")),
    ("hole-version-zero", DLU, lambda d: d.set("versionNumber", "value", "0")),
    ("hole-relatedDocument-xfrm", DLU, lambda d: d.before("componentOf", '<relatedDocument typeCode="XFRM"><parentDocument><id root="1.2.3"/></parentDocument></relatedDocument>')),
    ("hole-raceCode", DLU, lambda d: d.after("recordTarget//birthTime", '<raceCode code="2106-3" codeSystem="2.16.840.1.113883.6.238"/>')),
    ("hole-religion", DLU, lambda d: d.after("recordTarget//birthTime", '<religiousAffiliationCode code="1013" codeSystem="2.16.840.1.113883.5.1076"/>')),
    ("hole-id-extension", DLU, lambda d: d.set("id", "extension", "doc-1")),
    ("hole-level1-not-base64", LEVEL1, lambda d: d.text("component/nonXMLBody/text", "Ceci n'est pas du base64 !")),
    ("hole-level1-jpeg", LEVEL1, lambda d: d.set("component/nonXMLBody/text", "mediaType", "image/jpeg")),
    ("hole-level1-empty", LEVEL1, lambda d: d.text("component/nonXMLBody/text", "")),
]


def prefixed(source, prefix, types):
    """The document with its HL7 elements behind a prefix; `types`: are `xsi:type` values brought along?"""
    text = source.decode()
    text = re.sub(r"<(/?)(?![\w.-]+:)([A-Za-z][\w.-]*)(?=[\s/>])", rf"<\1{prefix}:\2", text)
    text = text.replace(' xmlns="urn:hl7-org:v3"', f' xmlns:{prefix}="urn:hl7-org:v3"')
    if types:
        text = re.sub(r'xsi:type="([A-Z_]+)"', rf'xsi:type="{prefix}:\1"', text)
    return text.encode()


def _text_nodes(function):
    """Rewrites each non-blank text between two tags that holds no markup of its own."""
    return lambda source: re.sub(rb"(<title>)([^<&]+)(</title>)", lambda m: m.group(1) + function(m.group(2)) + m.group(3), source)


def _outside_comments(function, source):
    parts = re.split(rb"(<!--.*?-->)", source, flags=re.S)
    return b"".join(part if part.startswith(b"<!--") else function(part) for part in parts)


FORMS = [
    ("form-prefix-with-types", DLU, lambda s: prefixed(s, "hl7", types=True)),
    ("form-prefix-without-types", DLU, lambda s: prefixed(s, "h", types=False)),
    ("form-prefix-order", ORDER, lambda s: prefixed(s, "cda", types=True)),
    ("form-cdata", DLU, _text_nodes(lambda text: b"<![CDATA[" + text + b"]]>")),
    ("form-comment-in-text", DLU, _text_nodes(lambda text: text[:3] + b"<!-- c -->" + text[3:])),
    ("form-instruction-in-text", DLU, _text_nodes(lambda text: text[:3] + b"<?x y?>" + text[3:])),
    ("form-comments-between", VSM, lambda s: _outside_comments(lambda part: re.sub(rb"(<(?:templateId|code|value|id)\b[^>]*/>)", rb"\1<!-- x -->", part), s)),
    ("form-character-references", DLU, lambda s: s.replace(b'code="J41.0"', b'code="J&#52;1&#x2E;0"').replace(b'code="fr-FR"', b'code="fr&#45;FR"')),
    ("form-attribute-line-breaks", DLU, lambda s: s.replace(b'code="J41.0"', b'code="\nJ41.0\t"').replace(b'displayName="Soeur"', b'displayName="So\r\neur"')),
    ("form-line-feeds", VSM, lambda s: s.replace(b"\r\n", b"\n")),
    ("form-carriage-returns", VSM, lambda s: s.replace(b"\r\n", b"\r")),
    ("form-byte-order-mark", VSM, lambda s: b"\xef\xbb\xbf" + s.removeprefix(b"\xef\xbb\xbf")),
    ("form-no-indentation", VSM, lambda s: re.sub(rb">\s+<", b"><", s)),
    ("form-wrapped", VSM, lambda s: re.sub(rb"(<ClinicalDocument\b.*</ClinicalDocument>)", rb'<lot xmlns="urn:x">\1</lot>', s, flags=re.S)),
    ("form-other-namespace", VSM, lambda s: s.replace(b"urn:hl7-org:v3", b"urn:hl7-org:v2")),
    ("form-type-unknown", DLU, lambda s: s.replace(b'xsi:type="CD"', b'xsi:type="XYZ"')),
    ("form-type-prefix-undeclared", DLU, lambda s: s.replace(b'xsi:type="CD"', b'xsi:type="q:CD"')),
    ("form-type-blank", DLU, lambda s: s.replace(b'xsi:type="IVL_TS"', b'xsi:type=" IVL_TS "')),
    ("form-attributes-emptied", VSM, lambda s: re.sub(rb' value="[^"]*"', b' value=""', s)),
    ("form-codes-emptied", DLU, lambda s: re.sub(rb' code="[^"]*"', b' code=""', s)),
    ("form-everything-null", VSM, lambda s: re.sub(rb"<(code|value|effectiveTime|id)\b(?![^>]*nullFlavor)", rb'<\1 nullFlavor="UNK"', s)),
    ("form-nullFlavor-both", DLU, lambda s: re.sub(rb'<(telecom|birthTime|low|high) value=', rb'<\1 nullFlavor="NAV" value=', s)),
    ("form-numbers-odd", BIO, lambda s: re.sub(rb' value="(\d)', rb' value="-.\1e5', s)),
    ("form-dates-with-offset", DLU, lambda s: re.sub(rb'value="(20\d{6})"', rb'value="\g<1>120000+0200"', s)),
    ("form-templates-everywhere", VSM, lambda s: re.sub(rb"<section>", b'<section><templateId root="1.3.6.1.4.1.19376.1.5.3.1.3.6"/><templateId root="1.3.6.1.4.1.19376.1.5.3.1.3.19"/>', s)),
]

SWEEPS = 120


def sweep(kit, number):
    """Three edits at drawn places of a drawn example: `(name, base, bytes)`."""
    names = [Path(one).stem for one in kits.documents(kit)]
    base = names[number * 7 % len(names)]
    draw = random.Random(f"diapason-{number}")  # noqa: S311 - reproducible, not secret
    document = Document((kit / "ExemplesCDA" / f"{base}.xml").read_bytes())
    pool = [one for one in document.clinical.descendants() if one.name not in _NARRATIVE]
    taken = []
    while len(taken) < 3:
        element = draw.choice(pool)
        if any(element.start < end and start < element.end for start, end in taken):
            continue
        edit = draw.choice(("delete", "duplicate", "drop", "set", "null", "rename"))
        keys = sorted(set(element.attributes) & {"code", "codeSystem", "value", "root", "extension", "unit", "typeCode", "classCode", "displayName"})
        if edit in ("drop", "set") and not keys:
            continue
        if edit == "delete" and element.end - element.start > 20_000:
            continue
        if edit == "delete":
            document.delete(element)
        elif edit == "duplicate":
            document.duplicate(element)
        elif edit == "drop":
            document.drop(element, draw.choice(keys))
        elif edit == "set":
            document.set(element, draw.choice(keys), draw.choice(("", "XX", "0", "1.2.3", "20201301", "-1", "UNK", "é")))
        elif edit == "null":
            if "nullFlavor" in element.attributes:
                continue
            document.set(element, "nullFlavor", draw.choice(("UNK", "NA", "OTH", "ZZ")))
        elif edit == "rename":
            document.rename(element, draw.choice(("inconnu", "code", "value", "templateId")))
        taken.append((element.start, element.end))
    return f"sweep-{number:03}", base, document.result()


_NARRATIVE = {"text", "table", "thead", "tbody", "tr", "td", "th", "content", "br", "paragraph", "list", "item", "linkHtml", "ClinicalDocument"}


def make(kit, folder):
    """Writes every mutant; `[(name, base)]`. A mutant equal to its base is a mistake in this file."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.xml"):
        old.unlink()
    made = []

    def write(name, base, content):
        source = (kit / "ExemplesCDA" / f"{base}.xml").read_bytes()
        if content == source:
            raise SystemExit(f"{name} changes nothing in {base}")
        (folder / f"{name}.xml").write_bytes(content)
        made.append((name, base))

    for name, base, edit in NAMED + HOLES:
        document = Document((kit / "ExemplesCDA" / f"{base}.xml").read_bytes())
        edit(document)
        write(name, base, document.result())
    for name, base, rewrite in FORMS:
        write(name, base, rewrite((kit / "ExemplesCDA" / f"{base}.xml").read_bytes()))
    for number in range(SWEEPS):
        write(*sweep(kit, number))
    return made


def strangers(kit, count):
    """Every example with `count` schematrons of other models, spread evenly."""
    models = [schema for schema in kits.schemas(kit) if schema.count("/") == 1]
    found = []
    for index, document in enumerate(kits.documents(kit)):
        own = set(kits.called(kit, kit / document))
        others = [schema for schema in models if schema not in own]
        step = max(1, len(others) // count)
        found += [(document, others[(index + step * turn) % len(others)]) for turn in range(count)]
    return sorted(set(found))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kit", type=Path, help="an unpacked TestContenuCDA folder, only read")
    parser.add_argument("work", type=Path, help="the folder given to oracle.py")
    parser.add_argument("--strangers", type=int, default=6, metavar="N", help="schematrons of other models per example (6)")
    parser.add_argument("--make-only", action="store_true", help="write the documents, run nothing")
    arguments = parser.parse_args()
    source, work = arguments.kit.resolve(), arguments.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    made = make(source, work / "mutants")
    print(f"{len(made)} mutants of {len({base for _name, base in made})} examples")
    if arguments.make_only:
        return 0
    copy = kits.working_copy(source, work)
    wanted = []
    for name, base in made:
        # The schematrons of the base: a mutation must not change who judges it.
        wanted += [(f"mutants/{name}.xml", work / "mutants" / f"{name}.xml", schema)
                   for schema in kits.called(source, source / "ExemplesCDA" / f"{base}.xml")]
    judge(copy, wanted, work / "golden-mutants.jsonl")
    foreign = [(document, copy / document, schema) for document, schema in strangers(source, arguments.strangers)]
    judge(copy, foreign, work / "golden-strangers.jsonl")
    return 0


if __name__ == "__main__":
    sys.exit(main())
