"""Byte-level alterations of recorded requests: one thing changed, the rest as it was sent."""

import re

from lxml import etree

from . import record
from .names import DS, SAML, q


def replaced(exchange, old, new):
    """The recorded request with some bytes of its body replaced, and the length of the body set right."""
    head, _, body = exchange.raw_request.partition(b"\r\n\r\n")
    if body.count(old) != 1:
        raise ValueError(f"{body.count(old)} places to alter")
    body = body.replace(old, new)
    head = re.sub(rb"(?i)(content-length:\s*)\d+", lambda m: m[1] + str(len(body)).encode(), head)
    return head + b"\r\n\r\n" + body


def _other(character):
    return b"B" if character == b"A" else b"A"


def _first_base64(xml, name):
    """Start of the text of the first element of that name, whatever its prefix."""
    found = re.search(rb"<(?:[\w.-]+:)?" + name.encode() + rb"(?:\s[^>]*)?>\s*", xml)
    return found.end()


def flip(xml, name):
    """One character changed at the start of the content of the first element of that name."""
    at = _first_base64(xml, name)
    return xml[:at] + _other(xml[at:at + 1]) + xml[at + 1:]


def assertion_bytes(envelope):
    """The bytes of the assertion within its envelope."""
    found = re.search(rb"<((?:[\w.-]+:)?)Assertion[\s>].*?</\1Assertion>", envelope, re.S)
    return found[0]


def other_patient(assertion):
    """The last digit of the person's number, changed: the key no longer says the same, and neither does the digest."""
    found = re.search(rb"(\d)(\^\^\^&amp;)", assertion)
    digit = str((int(found[1]) + 1) % 10).encode()
    return assertion[:found.start(1)] + digit + assertion[found.end(1):]


def other_structure(assertion):
    return assertion.replace(b"10B0990001", b"10B0990002")


def added_attribute(assertion):
    """An attribute more, before the end."""
    found = re.search(rb"</((?:[\w.-]+:)?)AttributeStatement>", assertion)
    prefix = found[1]
    more = b"<" + prefix + b'Attribute Name="LPS_Ajout"><' + prefix + b"AttributeValue>1</" + prefix + b"AttributeValue></" + prefix + b"Attribute>"
    return assertion[:found.start()] + more + assertion[found.start():]


def unsigned(assertion):
    return re.sub(rb"<((?:[\w.-]+:)?)Signature[\s>].*?</\1Signature>", b"", assertion, count=1, flags=re.S)


#: Alterations of a VIHF: what changes, and how.
VIHF = {
    "another person": other_patient,
    "another structure": other_structure,
    "an attribute more": added_attribute,
    "a digest changed": lambda a: flip(a, "DigestValue"),
    "the value of the signature changed": lambda a: flip(a, "SignatureValue"),
    "no signature": unsigned,
}


def _manifest_digest(xml):
    """The digest of the document in the manifest: the last DigestValue before its end."""
    end = re.search(rb"</(?:[\w.-]+:)?Manifest>", xml).start()
    starts = [m.end() for m in re.finditer(rb"<(?:[\w.-]+:)?DigestValue(?:\s[^>]*)?>\s*", xml) if m.end() < end]
    at = starts[-1]
    return xml[:at] + _other(xml[at:at + 1]) + xml[at + 1:]


def _signing_time(xml):
    found = re.search(rb"SigningTime(?:\s[^>]*)?>(\d{4})", xml)
    return xml[:found.start(1)] + b"2001" + xml[found.end(1):]


#: Alterations of a lot signature.
LOT = {
    "the digest of a document changed": _manifest_digest,
    "the time of signing changed": _signing_time,
    "the value of the signature changed": lambda s: flip(s, "SignatureValue"),
}


def wrapped(envelope):
    """The signed assertion hidden in an extension of an unsigned one that says another structure, under another ID.

    The signature still holds over what it refers to: only a verifier that asks *what* is signed refuses it.
    """
    root = record.parse(envelope)
    good = root.find(f".//{q(SAML, 'Assertion')}")
    evil = record.parse(etree.tostring(good, with_tail=False))
    evil.set("ID", "_autre")
    for element in evil.iter():
        if element.text == "10B0990001":
            element.text = "10B0990002"
    signature = evil.find(q(DS, "Signature"))
    parent = good.getparent()
    parent.replace(good, evil)
    holder = etree.SubElement(signature, q(DS, "Object"))
    holder.append(record.parse(etree.tostring(good, with_tail=False)))
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")
