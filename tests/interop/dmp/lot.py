"""A submission built from a CDA: metadata worked out here from its header, lot, signature, package.

The mapping is this test's own reading of dmp.md 7.3 and 10.6; it shares no code with the reference DUI.
"""

import hashlib
import re
from datetime import datetime, timezone

from lxml import etree

from . import message as m
from .names import HAS_MEMBER, HL7, OBJECT, RIM, RPLC, SIGNS, STABLE, SUBMISSION_SET, q
from .record import parse

CLASSES = {"28653-4": ("10", "Compte rendu"), "11490-0": ("10", "Compte rendu"), "74207-2": ("11", "Synthèse"), "34842-5": ("11", "Synthèse"),
           "80788-3": ("44", "Plan/protocole de soins")}
FORMATS = {
    "1.2.250.1.213.1.1.1.22": ("urn:asip:ci-sis:dlu:2015", "1.2.250.1.213.1.1.4.2.282", "DLU"),
    "1.3.6.1.4.1.19376.1.2.20": ("urn:ihe:iti:xds-sd:pdf:2008", "1.3.6.1.4.1.19376.1.2.3", "XDS-SD pdf"),
}
HL = {"h": HL7}


def utc(value):
    """A time of the CDA in UTC, to the second."""
    digits, offset = re.fullmatch(r"(\d+)([+-]\d{4})", value).groups()
    moment = datetime.strptime(digits.ljust(14, "0") + offset, "%Y%m%d%H%M%S%z")
    return moment.astimezone(timezone.utc).strftime("%Y%m%d%H%M%S")


class Header:
    """What the metadata take from a CDA."""

    def __init__(self, xml):
        self.root = parse(xml)

    def one(self, path):
        return self.root.find(path, HL)

    def value(self, path, attribute="value"):
        found = self.one(path)
        return None if found is None else found.get(attribute)

    def coded(self, path):
        found = self.one(path)
        return found.get("code"), found.get("codeSystem"), found.get("displayName")

    @property
    def unique_id(self):
        return self.value("h:id", "root")

    @property
    def person(self):
        first = self.one("h:recordTarget/h:patientRole/h:id")
        return m.Person(first.get("extension"), first.get("root"))

    def xcn(self, parent):
        """The professional of an assigned entity."""
        entity = self.one(parent)
        identifier = entity.find("h:id", HL).get("extension")
        name = entity.find("h:assignedPerson/h:name", HL)
        kind = "EI" if "/" in identifier else "IDNPS"
        return (f"{identifier}^{name.findtext('h:family', '', HL)}^{name.findtext('h:given', '', HL)}"
                f"^^^^^^&1.2.250.1.71.4.2.1&ISO^D^^^{kind}")

    def xon(self, parent):
        organisation = self.one(parent)
        return f"{organisation.findtext('h:name', '', HL)}^^^^^&1.2.250.1.71.4.2.2&ISO^IDNST^^^{organisation.find('h:id', HL).get('extension')}"


def renumbered(cda, set_id=None):
    """The same document under new identifiers: what is submitted must be new."""
    header = Header(cda)
    fresh = cda.replace(f'"{header.unique_id}"'.encode(), f'"{m.new_oid()}"'.encode())
    old_set = Header(fresh).value("h:setId", "root")
    return fresh.replace(f'"{old_set}"'.encode(), f'"{set_id or m.new_oid()}"'.encode())


def entry(cda, symbol="Document01", **changes):
    """The DocumentEntry of a CDA. `changes`: slots to set, or to leave out with None."""
    h = Header(cda)
    made = etree.Element(q(RIM, "ExtrinsicObject"), id=symbol, mimeType="text/xml", objectType=STABLE, nsmap={"rim": RIM})
    author = "h:author/h:assignedAuthor"
    names = h.one("h:recordTarget/h:patientRole/h:patient/h:name")
    family = names.findtext("h:family[@qualifier='BR']", "", HL)
    given = next((g.text for g in names.findall("h:given", HL) if not g.get("qualifier")), "")
    local = h.root.findall("h:recordTarget/h:patientRole/h:id", HL)
    source = f"{local[1].get('extension')}^^^&{local[1].get('root')}&ISO^PI" if len(local) > 1 else h.person.cx
    event = "h:documentationOf/h:serviceEvent/h:effectiveTime"
    slots = {
        "creationTime": [utc(h.value("h:effectiveTime"))],
        "hash": [hashlib.sha1(cda).hexdigest()],
        "languageCode": [h.value("h:languageCode", "code")],
        "legalAuthenticator": [h.xcn("h:legalAuthenticator/h:assignedEntity")],
        "serviceStartTime": [utc(h.value(f"{event}/h:low"))],
        "serviceStopTime": [utc(h.value(f"{event}/h:high"))] if h.value(f"{event}/h:high") else None,
        "size": [str(len(cda))],
        "sourcePatientId": [source],
        "sourcePatientInfo": [
            f"PID-5|{family}^{given.split(' ')[0]}^^^^^L", f"PID-7|{h.value('h:recordTarget/h:patientRole/h:patient/h:birthTime')[:8]}",
            f"PID-8|{h.value('h:recordTarget/h:patientRole/h:patient/h:administrativeGenderCode', 'code')}"],
    } | changes
    for name, values in slots.items():
        if values:
            m.slot(made, name, *values)
    m.localized(made, "Name", h.one("h:title").text)
    who = m.author(made, "urn:uuid:93606bcf-9494-43ec-9b4e-a7748d1a838d")
    code, system, label = h.coded(f"{author}/h:code")
    for name, value in (("authorInstitution", h.xon(f"{author}/h:representedOrganization")), ("authorPerson", h.xcn(author)),
                        ("authorSpecialty", f"{code}^{label}^{system}")):
        who.find(f"{q(RIM, 'Slot')}[@name='{name}']//{q(RIM, 'Value')}").text = value
    kind, kind_system, kind_label = h.coded("h:code")
    template = next(t for t in reversed(h.root.findall("h:templateId", HL)) if t.get("root") in FORMATS)
    family_code, family_label = CLASSES[kind]
    facility, practice = facility_and_practice(h)
    for scheme, *rest in (
            ("urn:uuid:41a5887f-8865-4c09-adf7-e362475b143a", family_code, "1.2.250.1.213.1.1.4.1", family_label),
            ("urn:uuid:f4f85eac-e6cb-4883-b524-f2705394840f", *h.coded("h:confidentialityCode")),
            ("urn:uuid:a09d5840-386c-46f2-b5ad-9c3699a4309d", *FORMATS[template.get("root")]),
            ("urn:uuid:f33fb8ac-18af-42cc-ae0e-ed0b0bdb91e1", *facility),
            ("urn:uuid:cccf5598-8b07-4b77-a05e-ae952c785ead", *practice),
            ("urn:uuid:f0306f51-975f-434e-a61c-c59651d33983", kind, kind_system, kind_label)):
        m.coded(made, scheme, *rest)
    m.identifier(made, "urn:uuid:58a6f841-87b3-4a3e-92fd-a8ffeff98427", h.person.cx, "XDSDocumentEntry.patientId")
    m.identifier(made, "urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab", h.unique_id, "XDSDocumentEntry.uniqueId")
    return made


def facility_and_practice(header):
    performer = "h:documentationOf/h:serviceEvent/h:performer/h:assignedEntity/h:representedOrganization/h:standardIndustryClassCode"
    return (header.coded("h:componentOf/h:encompassingEncounter/h:location/h:healthCareFacility/h:code"), header.coded(performer))


def submission_set(person, unique_id, symbol="SubmissionSet01", institution=None):
    """The RegistryPackage of a lot."""
    made = etree.Element(q(RIM, "RegistryPackage"), id=symbol, objectType=OBJECT + "RegistryPackage", nsmap={"rim": RIM})
    m.slot(made, "submissionTime", m.now().strftime("%Y%m%d%H%M%S"))
    who = m.author(made, "urn:uuid:a7058bb9-b4e4-4307-ba5b-e3f0ab85e12d")
    if institution:
        who.find(f"{q(RIM, 'Slot')}[@name='authorInstitution']//{q(RIM, 'Value')}").text = institution
    m.coded(made, "urn:uuid:aa543740-bdda-424e-8c96-df4873be8500", "07", "1.2.250.1.213.2.2", "Consultation")
    etree.SubElement(made, q(RIM, "Classification"), id=f"c{unique_id.replace('.', '')[-24:]}", classifiedObject=symbol,
                     classificationNode=SUBMISSION_SET, objectType=OBJECT + "Classification")
    for scheme, value, label in (("urn:uuid:6b5aea1a-874d-4603-a4bc-96a0a7b38446", person.cx, "patientId"),
                                 ("urn:uuid:554ac39e-e3fe-47fe-b233-965d2a147832", "2.25.1", "sourceId"),
                                 ("urn:uuid:96fdda7c-d067-4183-912e-bf5ee74998a8", unique_id, "uniqueId")):
        m.identifier(made, scheme, value, f"XDSSubmissionSet.{label}")
    return made


class Submission:
    """One lot of one CDA, with its signature: parts may be changed before it is packed."""

    def __init__(self, cda, pki, work, replaces=None, **changes):
        header = Header(cda)
        self.person, self.unique_id, self.lot_id = header.person, header.unique_id, m.new_oid()
        facility, practice = facility_and_practice(header)
        self.signature = m.lot_signature(self.lot_id, {self.unique_id: cda}, pki, work)
        self.objects = [
            submission_set(self.person, self.lot_id), entry(cda, **changes),
            m.signature_entry(self.person, m.new_oid(), facility, practice),
            m.association(HAS_MEMBER, "SubmissionSet01", "Document01"), m.association(HAS_MEMBER, "SubmissionSet01", "Signature01"),
            m.association(SIGNS, "Signature01", "SubmissionSet01")]
        if replaces:
            self.objects.append(m.association(RPLC, "Document01", replaces, status=None))
        self.documents = {"Document01": ("text/xml", cda), "Signature01": ("text/xml", self.signature)}

    def packed(self, assertion):
        """Content type and body."""
        body, parts = m.provide_and_register(self.objects, self.documents)
        return m.package(m.envelope(m.ACTIONS["td2.1"], body, assertion), parts)
