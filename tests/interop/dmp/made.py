"""Requests made here, by other hands than the reference DUI's: judged by `diapason check`, then sent to the mock."""

import hashlib
import uuid

import requests
from lxml import etree

from . import judged, lot, signing
from . import message as m
from .names import ACTIONS, GET_DOCUMENTS, HL7, RIM, RS, RSA_SHA1, RSA_SHA256, SHA1, SHA256, SOAP, XDSB, XOP, q
from .record import parse

PATH = "/si-dmp-server/v2/services"
SIGNATURE_RULES = {"DMP-VIHF-03", "DMP-VIHF-04", "DMP-VIHF-06", "DMP-VIHF-07"}
LOT_RULES = {"DMP-SIG-01", "DMP-SIG-02", "DMP-SIG-03", "DMP-SIG-04"}


def assertions(writer, person, work):
    """The same assertion signed in the ways that are met: by whom, with what, over which canonical form."""
    pki, name = writer.pki, writer.signature
    yield "signxml, RSA-SHA256", signing.sign_with_signxml(writer.vihf(person), pki, name)
    # With xsi in its PrefixList, what signxml signs does not hold for xmlsec1, nor for us.
    yield "signxml, PrefixList ds saml", signing.sign_with_signxml(writer.vihf(person), pki, name, prefixes=["ds", "saml"])
    for what, options in (
            ("RSA-SHA256", {"digest": SHA256, "method": RSA_SHA256}),
            ("RSA-SHA1", {"digest": SHA1, "method": RSA_SHA1}),
            ("SHA-256 digest under RSA-SHA1", {"digest": SHA256, "method": RSA_SHA1}),
            ("PrefixList ds saml #default xsi", {"prefixes": "ds saml #default xsi"})):
        template = etree.tostring(signing.with_template(writer.vihf(person), **options))
        yield f"xmlsec1, {what}", parse(signing.sign_with_xmlsec(template, work, pki, name))


def by_check(tally, pki, work, documents):
    """`diapason check` accepts what is well made, and names what is not."""
    person = lot.Header(documents["n1"]).person
    writer = m.Writer(pki)
    files, expected = {}, {}

    def add(what, content, held, rules, suffix="xml"):
        name = f"{len(files):02}.{suffix}"
        files[name], expected[name] = content, (what, held, rules)

    for what, signed in assertions(writer, person, work):
        add(f"a lone VIHF signed by {what}", etree.tostring(signed, xml_declaration=True, encoding="UTF-8"), True, SIGNATURE_RULES)
        add(f"a TD0.2 with a VIHF signed by {what}", m.envelope(ACTIONS["td0.2"], m.existence(person), signed), True, SIGNATURE_RULES)
    for identity, rules in (("client-dui", {"DMP-VIHF-06"}), ("client-signature-expiree", {"DMP-VIHF-06", "DMP-VIHF-04"})):
        other = m.Writer(pki, signature=identity)
        if (pki.folder / f"{identity}.pem").exists():
            signed = signing.sign_with_signxml(other.vihf(person), pki, identity)
            held = identity != "client-dui"  # the clock of a lone file is not known: an end of validity is a matter of a campaign
            add(f"a VIHF signed with {identity}", m.envelope(ACTIONS["td0.2"], m.existence(person), signed), held, rules)
    for kind, cda in documents.items():
        for algorithm, name in ((SHA1, "SHA-1"), (SHA256, "SHA-256")):
            submission = lot.Submission(lot.renumbered(cda), pki, work)
            header = lot.Header(submission.documents["Document01"][1])
            submission.signature = m.lot_signature(submission.lot_id, {header.unique_id: submission.documents["Document01"][1]}, pki, work, algorithm=algorithm)
            submission.documents["Signature01"] = ("text/xml", submission.signature)
            content_type, body = submission.packed(writer.assertion(submission.person))
            add(f"a lot of {kind} whose XAdES xmlsec1 signed with {name}", m.capture(f"{PATH}/repository", content_type, body), True, LOT_RULES, "http")
    submission = lot.Submission(lot.renumbered(documents["n1"]), pki, work)
    submission.signature = m.lot_signature(submission.lot_id, {submission.unique_id: documents["dlu" if "dlu" in documents else "n1"] + b"<!-- -->"}, pki, work)
    submission.documents["Signature01"] = ("text/xml", submission.signature)
    content_type, body = submission.packed(writer.assertion(submission.person))
    add("a lot whose XAdES signs another document", m.capture(f"{PATH}/repository", content_type, body), False, {"DMP-SIG-02"}, "http")
    said = judged.check(work / "faits", files)
    clean = []
    for name, (what, held, rules) in expected.items():
        one = said[name]
        found = one.rules("error") & rules
        if held:
            ran = {rule for rule in rules if one.checks.get(rule)}
            tally.check(f"DMP: diapason check accepts {what}", ran and not found, one.told() or f"none of {sorted(rules)} ran")
            clean += [f"{what}: {one.told(3)}"] if one.errors else []
        else:
            tally.check(f"DMP: diapason check rejects {what}, under {', '.join(sorted(rules))}", bool(found), one.told())
    tally.check("DMP: no error in any of the well-made requests of the second writer", not clean, f"{len(clean)}: {clean[:3]}")


def context(answer):
    """What the first registry error or the fault says, in words."""
    error = answer.root.find(f".//{q(RS, 'RegistryError')}")
    reason = answer.root.findtext(f".//{q(SOAP, 'Text')}")
    return (error.get("codeContext") if error is not None else reason) or ""


def status(answer):
    """Status of a registry answer, with its first error code."""
    root = answer.root.find(q(SOAP, "Body"))[0]
    if root.tag == q(SOAP, "Fault"):
        subcode = root.findtext(f"{q(SOAP, 'Code')}/{q(SOAP, 'Subcode')}/{q(SOAP, 'Value')}") or ""
        return "fault:" + subcode.split(":")[-1]
    holder = root if root.get("status") else root.find(f".//{q(RS, 'RegistryResponse')}")
    error = root.find(f".//{q(RS, 'RegistryError')}")
    name = (holder.get("status") if holder is not None else "none").split(":")[-1]
    return name + (f":{error.get('errorCode')}" if error is not None else "")


def by_mock(tally, serve, pki, work, documents):
    """The life of a document, seen by a client that is not the reference DUI."""
    base = serve.addresses["dmp.tlsm"]
    writer, client = m.Writer(pki), m.Client(base, pki)
    person = lot.Header(documents["n1"]).person

    def ask(path, td, body, by=writer):
        return client.ask(path, td, body, by.assertion(person))

    answer = ask("patients", "td0.2", m.existence(person))
    code = answer.root.find(f".//{q(HL7, 'queryResponseCode')}")
    tally.check("DMP mock: TD0.2 of a second writer answers OK", code is not None and code.get("code") == "OK", answer.body[:300].decode(errors="replace"))
    for what, signed in assertions(writer, person, work):
        answer = client.ask("patients", "td0.2", m.existence(person), signed)
        tally.check(f"DMP mock: serves a VIHF signed by {what}", answer.root.find(f".//{q(HL7, 'queryAck')}") is not None, answer.body[:300].decode(errors="replace"))

    def submit(cda, replaces=None, **changes):
        submission = lot.Submission(cda, pki, work, replaces, **changes)
        content_type, body = submission.packed(writer.assertion(submission.person))
        return submission, client.post("repository", content_type, body)

    references = {}
    for kind, cda in documents.items():
        submission, answer = submit(lot.renumbered(cda))
        tally.equal(f"DMP mock: TD2.1 of a {kind}", status(answer), "Success")
        answer = ask("registry", "td3.1", m.stored_query(GET_DOCUMENTS, {"$XDSDocumentEntryUniqueId": [f"('{submission.unique_id}')"]}, "ObjectRef"))
        found = [ref.get("id") for ref in answer.root.iter(q(RIM, "ObjectRef"))]
        tally.check(f"DMP mock: TD3.1b gives one reference of the {kind}", status(answer) == "Success" and len(found) == 1, f"{status(answer)} {found}")
        references[kind] = (submission, found[0] if found else f"urn:uuid:{uuid.uuid4()}")
    first, reference = references["n1"]
    again = lot.Submission(first.documents["Document01"][1], pki, work)
    content_type, body = again.packed(writer.assertion(again.person))
    answer = client.post("repository", content_type, body)
    tally.check("DMP mock: the same document again is refused as a duplicate", "Duplicate" in status(answer) or "NonIdentical" in status(answer), status(answer))
    renewed = lot.renumbered(documents["n1"], lot.Header(first.documents["Document01"][1]).value("h:setId", "root"))
    second, answer = submit(renewed, replaces=reference)
    tally.equal("DMP mock: a replacement", status(answer), "Success")
    _, answer = submit(lot.renumbered(documents["n1"]), replaces=reference)
    tally.equal("DMP mock: replacing what is replaced already", status(answer), "Failure:XDSRegistryDeprecatedDocumentError")
    _, answer = submit(lot.renumbered(documents["n1"]), replaces=f"urn:uuid:{uuid.uuid4()}")
    tally.equal("DMP mock: replacing what does not exist", status(answer), "Failure:UnresolvedReferenceException")
    _, answer = submit(lot.renumbered(documents["n1"]), hash=[hashlib.sha1(b"autre").hexdigest()])
    tally.equal("DMP mock: a wrong hash", status(answer), "Failure:XDSRepositoryMetadataError")
    _, answer = submit(lot.renumbered(documents["n1"]), size=["12"])
    tally.equal("DMP mock: a wrong size", status(answer), "Failure:XDSRepositoryMetadataError")
    _, answer = submit(lot.renumbered(documents["n1"]), hash=None, size=None)
    tally.equal("DMP mock: neither hash nor size", status(answer), "Success")
    answer = ask("registry", "td3.1", m.find_documents(person))
    tally.check("DMP mock: a search in INDIRECTE is refused", status(answer).startswith("fault:"), status(answer))
    strong = m.Writer(pki, mode="INDIRECTE_RENFORCEE")
    answer = ask("registry", "td3.1", m.find_documents(person), strong)
    seen = {i.get("value") for i in answer.root.iter(q(RIM, "ExternalIdentifier")) if i.get("identificationScheme") == "urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab"}
    tally.check("DMP mock: a search in INDIRECTE_RENFORCEE gives the new version, not the old", second.unique_id in seen and first.unique_id not in seen, f"{status(answer)} {len(seen)}")
    answer = ask("repository", "td3.2", m.retrieve(second.unique_id), strong)
    include = answer.root.find(f".//{q(XDSB, 'Document')}/{q(XOP, 'Include')}")
    content = answer.part(include.get("href")) if include is not None else b""
    tally.check("DMP mock: TD3.2 gives the bytes that were submitted", content == renewed, f"{status(answer)} {len(content)} bytes of {len(renewed)}")
    answer = ask("repository", "td3.2", m.retrieve(reference), strong)
    tally.check("DMP mock: TD3.2 by an entryUUID is XDSDocumentUniqueIdError", "XDSDocumentUniqueIdError" in status(answer), status(answer))
    answer = client.ask("patients", "td0.2", m.existence(person), writer.vihf(person))
    tally.check("DMP mock: a VIHF without signature is refused", status(answer).startswith("fault:"), answer.body[:200].decode(errors="replace"))
    with_authentication = signing.sign_with_signxml(m.Writer(pki, signature="client-dui").vihf(person), pki, "client-dui")
    tally.equal("DMP mock: a VIHF signed by the authentication certificate",
                status(client.ask("patients", "td0.2", m.existence(person), with_authentication)), "fault:DMPInvalidCertificate")
    bare = requests.Session()
    bare.trust_env, bare.verify = False, str(pki.folder / "ca-bundle.pem")
    try:
        answer = bare.post(f"{base}/patients", data=m.envelope(ACTIONS["td0.2"], m.existence(person), writer.assertion(person)),
                           headers={"Content-Type": "application/soap+xml"}, timeout=20)
        said = str(answer.status_code)
        refused = b"queryAck" not in answer.content
    except requests.exceptions.RequestException as error:
        refused, said = True, type(error).__name__
    tally.check("DMP mock: nothing is served without a client certificate", refused, said)
