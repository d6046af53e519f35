"""The assertions that the toolkit's XUA tests name (`11966_expired`, `11966_unsigned`...), as VIHF.

The toolkit fetches them from a service when it runs and carries none: each is made here after its name, from a sound
VIHF, then judged and sent. A test plan says Fault or Success.
"""

from datetime import timedelta

from lxml import etree

from . import judged, made, signing
from . import message as m
from .names import ACTIONS, HL7, SAML, XSI, q
from .record import parse


def stamp(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def conditions(assertion, before, after):
    made_conditions = etree.Element(q(SAML, "Conditions"), NotBefore=stamp(before), NotOnOrAfter=stamp(after))
    assertion.find(q(SAML, "Subject")).addnext(made_conditions)
    return made_conditions


def expired(assertion):
    old = m.now() - timedelta(hours=2)
    assertion.set("IssueInstant", stamp(old))
    assertion.find(q(SAML, "AuthnStatement")).set("AuthnInstant", stamp(old))
    conditions(assertion, old, old + timedelta(minutes=5))


def notyetvalid(assertion):
    conditions(assertion, m.now() + timedelta(hours=1), m.now() + timedelta(hours=2))


def unknownaudience(assertion):
    within = conditions(assertion, m.now() - timedelta(minutes=1), m.now() + timedelta(minutes=5))
    etree.SubElement(etree.SubElement(within, q(SAML, "AudienceRestriction")), q(SAML, "Audience")).text = "urn:autre:destinataire"


def invalidauthnstatement(assertion):
    statement = assertion.find(q(SAML, "AuthnStatement"))
    del statement.attrib["AuthnInstant"]
    for child in list(statement):
        statement.remove(child)


def _attribute(assertion, end):
    return next(a for a in assertion.iter(q(SAML, "Attribute")) if a.get("Name").endswith(end))


def secondrole(assertion):
    attribute = _attribute(assertion, "subject:role")
    within = etree.SubElement(attribute, q(SAML, "AttributeValue"))
    role = etree.SubElement(within, q(HL7, "Role"), code="SI01", codeSystem="1.2.250.1.71.4.2.5", displayName="Savoir-faire infirmier", nsmap={None: HL7})
    role.set(q(XSI, "type"), "CE")


def secondpurposeofuse(assertion):
    attribute = _attribute(assertion, "purposeofuse")
    attribute.append(parse(etree.tostring(attribute[0])))
    attribute[1][0].set("code", "bris_de_glace")


def secondauthncontext(assertion):
    statement = assertion.find(q(SAML, "AuthnStatement"))
    again = parse(etree.tostring(statement))
    again.find(f".//{q(SAML, 'AuthnContextClassRef')}").text = "urn:oasis:names:tc:SAML:2.0:ac:classes:TLSClient"
    statement.addnext(again)


def withauthzconsent(assertion):
    statement = assertion.find(q(SAML, "AttributeStatement"))
    attribute = etree.SubElement(statement, q(SAML, "Attribute"), Name="urn:ihe:iti:bppc:2007:docid")
    etree.SubElement(attribute, q(SAML, "AttributeValue")).text = "urn:oid:2.25.77"


def unsigned(_assertion):
    """Signed by nobody: see `run`."""


KNOWN = "no public text says that the DMP looks at it; our rules do"

#: By name: what is changed, the rules of which one must speak, why the mock may answer otherwise than the test plan.
VARIANTS = {
    # A file alone has no clock: nothing in it is wrong.
    "expired": (expired, set(), ""),
    "notyetvalid": (notyetvalid, {"DMP-VIHF-36"}, ""),
    "unsigned": (unsigned, {"DMP-VIHF-04"}, ""),
    "unknownaudience": (unknownaudience, {"DMP-VIHF-15"}, KNOWN),
    "invalidauthnstatement": (invalidauthnstatement, {"DMP-VIHF-16", "DMP-VIHF-01"}, KNOWN),
    "secondpurposeofuse": (secondpurposeofuse, {"DMP-VIHF-13"}, KNOWN),
    "secondauthncontext": (secondauthncontext, set(), "the VIHF has no rule against a second statement of authentication"),
    "secondrole": (secondrole, set(), "a VIHF has one to four roles: a second one is the know-how"),
    "withauthzconsent": (withauthzconsent, set(), ""),
}


def run(tally, serve, pki, place, tests):
    from .toolkit import people, plan

    person, writer, client = people()["p01-adrun"], m.Writer(pki), m.Client(serve.addresses["dmp.tlsm"], pki)
    files, answers = {}, {}
    for name, (change, _rules, _why) in VARIANTS.items():
        assertion = writer.vihf(person)
        change(assertion)
        signed = assertion if name == "unsigned" else signing.sign_with_signxml(assertion, pki, writer.signature)
        xml = m.envelope(ACTIONS["td0.2"], m.existence(person), signed)
        files[f"{name}.xml"] = xml
        answers[name] = made.status(client.post("patients", f'application/soap+xml; action="{ACTIONS["td0.2"]}"', xml))
    said = judged.check(place / "saml", files)
    for name, (_change, rules, why) in VARIANTS.items():
        [(_step, (expected, _code, _documents))] = plan(tests, f"11966_{name}/submit").items()
        refused = answers[name].startswith("fault:")
        line = f"NIST: assertion {name}: the mock answers {'a fault' if refused else 'as usual'}"
        if why:
            tally.check(f"{line}, otherwise than the test plan ({expected}): {why}", not refused, answers[name])
        else:
            tally.check(f"{line}, as the test plan ({expected})", refused is (expected == "Fault"), answers[name])
        one = said[f"{name}.xml"]
        if rules:
            tally.check(f"NIST: check of the assertion {name}: one of {', '.join(sorted(rules))}", bool(one.rules() & rules), one.told())
        else:
            tally.check(f"NIST: check of the assertion {name}: no error", not one.errors, one.told())
