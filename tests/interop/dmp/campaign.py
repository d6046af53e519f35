"""The DMP scenarios played by the reference DUI, then every signature of the journal read by others."""

import re
import shutil
from collections import Counter, defaultdict

import bench

from . import judged, record, signing, tamper
from .names import DS, RIM, XDSB, XOP, q

#: Rules that say a VIHF is not signed as it must be, and that a lot is not.
VIHF_RULES = {"DMP-VIHF-04"}
LOT_RULES = {"DMP-SIG-01", "DMP-SIG-02"}
#: How many requests of each operation are altered.
SAMPLES = 2


def play(tally, work):
    """The DMP family against the reference DUI; the exchanges it recorded."""
    report = work / "campagne"
    shutil.rmtree(report, ignore_errors=True)
    done = bench.diapason("demo", "--quiet", "--family", "dmp", "--report", report, "--state", bench.PKI, cwd=work)
    (work / "campagne.txt").write_text(done.stdout + done.stderr)
    tally.check("DMP: the reference DUI passes the DMP family", done.returncode == 0, done.stdout[-300:] + done.stderr[-300:])
    found = record.exchanges(report)
    counted = Counter(one.operation for one in found)
    print(f"       {len(found)} exchanges: " + ", ".join(f"{name} {count}" for name, count in sorted(counted.items())), flush=True)
    for operation in ("td0.2", "td2.1", "td3.1b", "td3.3c"):
        tally.check(f"DMP: the campaign holds {operation}", counted[operation] > 0)
    unread = [f"{one.scenario}: {one.request.problem}" for one in found if one.request.problem]
    tally.check("DMP: every request is taken apart by requests-toolbelt", not unread, "; ".join(unread[:3]))
    return found


def readable(exchange):
    return not exchange.request.problem and bool(exchange.request.envelope)


class Lot:
    """The documents and the signature of one submission, by symbolic id and unique id."""

    def __init__(self, message):
        root = message.root
        unique = {}
        for entry in root.iter(q(RIM, "ExtrinsicObject")):
            for identifier in entry.findall(q(RIM, "ExternalIdentifier")):
                if identifier.get("identificationScheme") == "urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab":
                    unique[entry.get("id")] = identifier.get("value")
        self.documents, self.signature = {}, None
        for document in root.iter(q(XDSB, "Document")):
            include = document.find(q(XOP, "Include"))
            content = message.part(include.get("href"))
            if record.parse(content).tag == q(DS, "Signature"):
                self.signature = content
            else:
                self.documents[unique[document.get("id")]] = content
        self.mapped = {f"urn:oid:{name}": content for name, content in self.documents.items()}


def lots(exchanges):
    """Every submission with attachments: (exchange, lot)."""
    for one in exchanges:
        if readable(one) and one.operation == "td2.1" and one.request.is_package:
            lot = Lot(one.request)
            yield one, lot


def vihf(tally, exchanges, pki, work):
    """Each assertion: by xmlsec1 up to the root of the test PKI, by signxml too."""
    by_operation = defaultdict(list)
    for one in exchanges:
        if readable(one) and one.request.assertions():
            by_operation[one.operation].append(one)
    tally.check("DMP: requests carry a VIHF", sum(map(len, by_operation.values())) > 20)
    for operation, those in sorted(by_operation.items()):
        wrong, second = [], []
        for one in those:
            seen = signing.xmlsec(one.request.envelope, work, pki)
            if not seen.held:
                wrong.append(f"{one.scenario}: {seen.said[-200:]}")
            other = signing.by_signxml(one.request.assertions()[0], pki)
            if not other.held:
                second.append(f"{one.scenario}: {other.said[:200]}")
        tally.check(f"DMP: xmlsec1 verifies the {len(those)} VIHF of {operation}", not wrong, f"{len(wrong)} not: {wrong[:2]}")
        tally.check(f"DMP: signxml verifies the {len(those)} VIHF of {operation}", not second, f"{len(second)} not: {second[:2]}")
    return by_operation


def lot_signatures(tally, exchanges, pki, work):
    """Each lot signature: SignedInfo by xmlsec1 and signxml, each document of the manifest by xmlsec1."""
    wrong, second, invalid, seen_lots = [], [], [], []
    for one, lot in lots(exchanges):
        if lot.signature is None:
            wrong.append(f"{one.scenario}: no signature in the lot")
            continue
        seen_lots.append((one, lot))
        seen = signing.xmlsec(lot.signature, work, pki, signing.LOT_SIGNATURE, lot.mapped)
        # The reference to the lot itself is never digested: one of the manifest's references cannot hold.
        if not seen.held or seen.manifest != (len(lot.documents), len(lot.documents) + 1):
            wrong.append(f"{one.scenario}: manifest {seen.manifest} {seen.said[-200:]}")
        root = record.parse(lot.signature)
        references = len(root.findall(f"{q(DS, 'SignedInfo')}/{q(DS, 'Reference')}"))
        other = signing.by_signxml(root, pki, references, schema=False)
        if not other.held:
            second.append(f"{one.scenario}: {other.said[:200]}")
        valid = signing.valid_for_schema(root)
        if valid:
            invalid.append(f"{one.scenario}: {valid}")
    tally.check(f"DMP: xmlsec1 verifies the {len(seen_lots)} lot signatures and each document of their manifests", not wrong and seen_lots, f"{len(wrong)} not: {wrong[:2]}")
    tally.check(f"DMP: signxml verifies the {len(seen_lots)} lot signatures", not second and seen_lots, f"{len(second)} not: {second[:2]}")
    tally.check(f"DMP: the {len(seen_lots)} lot signatures are valid for the schema of XML signatures", not invalid and seen_lots, f"{len(invalid)} not: {invalid[:2]}")
    return seen_lots


def altered(tally, by_operation, seen_lots, pki, work):
    """What xmlsec1 rejects, `diapason check` rejects, under the rule of the signature; what it accepts, too."""
    files, expected = {}, {}

    def add(name, raw, held, rules, what):
        file = f"{len(files):03}-{re.sub('[^a-z0-9]+', '-', name.lower())}.http"
        files[file], expected[file] = raw, (held, rules, what)

    for operation, those in sorted(by_operation.items()):
        for one in those[:SAMPLES]:
            add(f"{operation} intact", one.raw_request, True, VIHF_RULES, f"{operation} as sent")
            whole = one.request.envelope
            assertion = tamper.assertion_bytes(whole)
            for what, change in tamper.VIHF.items():
                changed = change(assertion)
                if changed == assertion:
                    continue
                seen = signing.xmlsec(whole.replace(assertion, changed), work, pki)
                tally.check(f"DMP: xmlsec1 rejects a VIHF of {operation} with {what}", not seen.held)
                add(f"{operation} {what}", tamper.replaced(one, assertion, changed), False, VIHF_RULES, f"{operation}, {what}")
            add(f"{operation} wrapped", tamper.replaced(one, whole, tamper.wrapped(whole)), False, VIHF_RULES, f"{operation}, a wrapped assertion")
    for one, lot in seen_lots[:SAMPLES]:
        for what, change in tamper.LOT.items():
            changed = change(lot.signature)
            seen = signing.xmlsec(changed, work, pki, signing.LOT_SIGNATURE, lot.mapped)
            tally.check(f"DMP: xmlsec1 rejects a lot signature with {what}", not seen.held)
            add(f"lot {what}", tamper.replaced(one, lot.signature, changed), False, LOT_RULES, f"lot signature, {what}")
        document = next(iter(lot.documents.values()))
        changed = _other_document(document)
        mapped = {uri: changed if content == document else content for uri, content in lot.mapped.items()}
        seen = signing.xmlsec(lot.signature, work, pki, signing.LOT_SIGNATURE, mapped)
        tally.check("DMP: xmlsec1 sees a document that is not the one signed", seen.manifest[0] == len(lot.documents) - 1, str(seen.manifest))
        add("lot document", tamper.replaced(one, document, changed), False, LOT_RULES, "lot signature, a document")
        add("lot intact", one.raw_request, True, LOT_RULES, "lot as sent")
    said = judged.check(work / "alteres", files)
    for file, (held, rules, what) in expected.items():
        one = said[file]
        found = one.rules("error", "warning") & rules
        if held:
            ran = all(one.checks.get(rule) for rule in rules)
            tally.check(f"DMP: diapason check accepts {what}", ran and not found, one.told() or f"rules not run: {rules}")
        else:
            tally.check(f"DMP: diapason check rejects {what}", bool(found), one.told())


def _other_document(document):
    """One digit of the creation date changed."""
    found = re.search(rb'effectiveTime value="(\d{3})(\d)', document)
    digit = str((int(found[2]) + 1) % 10).encode()
    return document[:found.start(2)] + digit + document[found.end(2):]


def no_error(tally, exchanges, work):
    """`diapason check` finds no error in any request of the reference DUI, taken alone."""
    files, seen = {}, set()
    for one in exchanges:
        if readable(one) and one.raw_request not in seen:
            seen.add(one.raw_request)
            files[f"{one.number:05}-{one.operation}.http"] = one.raw_request
    said = judged.check(work / "requetes", files)
    wrong = [f"{name}: {one.told(2)}" for name, one in sorted(said.items()) if one.errors]
    unjudged = [f"{name}: {one.reason}" for name, one in sorted(said.items()) if one.verdict in ("non_concluant", "erreur_banc")]
    tally.check(f"DMP: diapason check finds no error in {len(files)} requests of the reference DUI", not wrong and files, f"{len(wrong)}: {wrong[:3]}")
    tally.check("DMP: diapason check judges each of them", not unjudged, f"{len(unjudged)}: {unjudged[:2]}")


def documents(exchanges):
    """One document of each kind that the campaign fed: `n1`, `dlu`."""
    found = {}
    for _one, lot in lots(exchanges):
        for content in lot.documents.values():
            found.setdefault("n1" if b"nonXMLBody" in content else "dlu", content)
    return found
