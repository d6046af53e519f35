"""Metadata of the NIST toolkit, written in ebRIM 2.1, turned into the ebRIM 3.0 of XDS.b, as its runner does.

The runner also fills in patient, unique ids and sources; so does this, and it adds what any lot of the DMP has: the
signature and the institution that speaks. What a test is about (hash, size, associations, codes, times) is left alone.
"""

import uuid

from lxml import etree

from . import message as m
from .names import HAS_MEMBER, OBJECT, RIM, SIGNS, SUBMISSION_SET, q
from .record import parse

OLD = "{urn:oasis:names:tc:ebxml-regrep:rim:xsd:2.1}"
FOLDER = "urn:uuid:d9d542f3-6cc4-48b6-8870-ea235fbc94c2"
PATIENT = ("urn:uuid:58a6f841-87b3-4a3e-92fd-a8ffeff98427", "urn:uuid:6b5aea1a-874d-4603-a4bc-96a0a7b38446")
SOURCE = ("urn:uuid:554ac39e-e3fe-47fe-b233-965d2a147832",)
UNIQUE = ("urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab", "urn:uuid:96fdda7c-d067-4183-912e-bf5ee74998a8")
INSTITUTION = f"EHPAD FICTIF DIAPASON TEST^^^^^&1.2.250.1.71.4.2.2&ISO^IDNST^^^{m.STRUCTURE}"
FACILITY = ("SA17", "1.2.250.1.71.4.2.4", "Etablissement pour personnes âgées")
PRACTICE = ("ESSMS", "1.2.250.1.213.1.1.4.9", "Etablissement ou Service Social ou Médico-Social")
#: Children of an object, in the order of ebRIM 3.0.
ORDER = ("Slot", "Name", "Description", "VersionInfo", "Classification", "ExternalIdentifier")
#: What only a repository adds, and a lot must not carry when another document is attached.
REPOSITORY_SLOTS = ("repositoryUniqueId", "URI")


def local(element):
    return etree.QName(element).localname


class Metadata:
    """The objects of a file of metadata."""

    def __init__(self, file, symbols=None):
        text = file.read_text(encoding="utf-8")
        for symbol, value in (symbols or {}).items():
            text = text.replace(symbol, value.replace("&", "&amp;"))
        objects = [e for e in parse(text.strip().encode())[0] if isinstance(e.tag, str)]
        self.packages, self.entries, self.associations, dropped = {}, {}, [], set()
        for one in objects:
            if local(one) == "Classification" and one.get("classificationNode") == FOLDER:
                dropped.add(one.get("classifiedObject"))
        for one in objects:
            name = local(one)
            if name == "RegistryPackage" and one.get("id") not in dropped:
                self.packages[one.get("id")] = self._object(one)
            elif name == "ExtrinsicObject":
                self.entries[one.get("id")] = self._object(one)
            elif name == "Association" and dropped & {one.get("sourceObject"), one.get("targetObject")}:
                dropped.add(one.get("id") or "-")
        for one in objects:
            if local(one) == "Association" and not dropped & {one.get("id") or "", one.get("sourceObject"), one.get("targetObject")}:
                self.associations.append(self._association(one))
        for symbol, package in self.packages.items():
            mark = etree.Element(q(RIM, "Classification"), id=f"c{uuid.uuid4().hex}", classifiedObject=symbol, classificationNode=SUBMISSION_SET,
                                 objectType=OBJECT + "Classification")
            first = package.find(q(RIM, "ExternalIdentifier"))
            first.addprevious(mark)
        #: Was a folder left out? The profile of the DMP has none.
        self.without_folder = bool(dropped)

    def _object(self, old):
        made = etree.Element(q(RIM, local(old)), nsmap={"rim": RIM})
        for name in ("id", "mimeType", "objectType", "status", "lid"):
            if old.get(name):
                made.set(name, old.get(name))
        if local(old) == "RegistryPackage":
            made.set("objectType", OBJECT + "RegistryPackage")
        children = [c for c in old if isinstance(c.tag, str)]
        for kind in ORDER:
            for child in children:
                if local(child) == kind and (len(child) or kind == "VersionInfo"):
                    made.append(self._child(child, old.get("id")))
        return made

    def _child(self, old, of):
        made = etree.Element(q(RIM, local(old)))
        for name, value in old.attrib.items():
            made.set(name, value)
        if local(old) in ("Classification", "ExternalIdentifier"):
            made.set("id", old.get("id") or f"x{uuid.uuid4().hex}")
            made.set("objectType", OBJECT + local(old))
            made.set("classifiedObject" if local(old) == "Classification" else "registryObject", of)
        for kind in ("Slot", "Name", "Description", "LocalizedString", "ValueList", "Value"):
            for child in old:
                if isinstance(child.tag, str) and local(child) == kind:
                    made.append(self._child(child, of))
        if local(old) == "Value":
            made.text = old.text
        return made

    @staticmethod
    def _association(old):
        kind = old.get("associationType")
        full = HAS_MEMBER if kind == "HasMember" else kind if ":" in kind else f"urn:ihe:iti:2007:AssociationType:{kind}"
        made = etree.Element(q(RIM, "Association"), id=f"a{uuid.uuid4().hex}", associationType=full, sourceObject=old.get("sourceObject"),
                             targetObject=old.get("targetObject"), objectType=OBJECT + "Association")
        for slot in old:
            if isinstance(slot.tag, str) and local(slot) == "Slot":
                m.slot(made, slot.get("name"), *[v.text for v in slot.iter(OLD + "Value")])
        return made

    def identifiers(self, schemes):
        for owner in (*self.packages.values(), *self.entries.values()):
            for one in owner.findall(q(RIM, "ExternalIdentifier")):
                if one.get("identificationScheme") in schemes:
                    yield owner, one

    def assign(self, person, keep_patients=False):
        """The patient and fresh unique ids; gives the unique id by symbol."""
        unique = {}
        for owner, one in self.identifiers(PATIENT):
            if not keep_patients:
                one.set("value", person.cx)
        for _, one in self.identifiers(SOURCE):
            one.set("value", "2.25.1")
        for owner, one in self.identifiers(UNIQUE):
            # What is not an identifier already (a symbol, a placeholder) is given one.
            if not one.get("value").replace(".", "").isdigit():
                one.set("value", m.new_oid())
            unique[owner.get("id")] = one.get("value")
        return unique

    def slots(self, symbol):
        return {s.get("name"): [v.text for v in s.iter(q(RIM, "Value"))] for s in self.entries[symbol].findall(q(RIM, "Slot"))}

    def remove_slots(self, *names):
        for entry in self.entries.values():
            for slot in entry.findall(q(RIM, "Slot")):
                if slot.get("name") in names:
                    entry.remove(slot)

    def complete(self):
        """What the DMP asks of an entry beyond IHE, where it is missing."""
        for symbol, entry in self.entries.items():
            for name, value in (("languageCode", "fr-FR"), ("serviceStartTime", "20041224"),
                                ("legalAuthenticator", f"{m.RPPS}^DUITEST^IDEC^^^^^^&1.2.250.1.71.4.2.1&ISO^D^^^IDNPS")):
                if name not in self.slots(symbol):
                    entry.insert(0, m.slot(entry, name, value))

    def institution(self):
        """The lot speaks for the structure of the VIHF: the DMP asks it of every sender."""
        for package in self.packages.values():
            for slot in package.iter(q(RIM, "Slot")):
                if slot.get("name") == "authorInstitution":
                    values = slot.find(q(RIM, "ValueList"))
                    for value in list(values)[1:]:
                        values.remove(value)
                    values[0].text = INSTITUTION

    def objects(self, person, signature_id):
        """Everything, with the entry of the lot's signature and its associations."""
        package = next(iter(self.packages))
        return [
            *self.packages.values(), *self.entries.values(), m.signature_entry(person, signature_id, FACILITY, PRACTICE), *self.associations,
            m.association(HAS_MEMBER, package, "Signature01"), m.association(SIGNS, "Signature01", package)]
