"""Bodies of requests and answers against the official schemas of the interface, by libxml2.

These have no licence that lets us carry them: `DIAPASON_DMP_WSDL` names the folder of the annex as published (`wsdl/`
and `schema/` within). `annexe/` beside this file has the same shape and is of this test's own writing: the part that the
mock and the reference DUI use. Both run, the official one when it is given.
"""

import base64
from pathlib import Path

from lxml import etree

from .names import HABILITATIONS, HL7, LCM, QUERY, RIM, RS, SOAP, XDSB, XOP, XSD, q
from .record import parse

#: What each namespace of a body is validated with, from the folder of the annex.
FILES = {
    QUERY: "schema/ebRS/query.xsd",
    LCM: "schema/ebRS/lcm.xsd",
    RS: "schema/ebRS/rs.xsd",
    RIM: "schema/ebRS/rim.xsd",
    XDSB: "schema/IHE/XDS.b_DocumentRepository.xsd",
}
HL7_FOLDERS = ("schema/HL7V3/NE2009/multicacheschemas", "schema/HL7V3/NE2008/multicacheschemas")
#: Services whose schema is written in the WSDL itself.
INLINE = {HABILITATIONS: "wsdl/Habilitations.wsdl", "urn:si-dmp-patients": "wsdl/PatientsSpecific.wsdl"}


class Schemas:
    """The official schemas, compiled when first needed."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.compiled = {}

    def of(self, body):
        """The schema of a body's root element; None when the annex has none."""
        name = etree.QName(body)
        key = (name.namespace, name.localname if name.namespace == HL7 or name.namespace in INLINE else "")
        if key not in self.compiled:
            self.compiled[key] = self._compile(name)
        return self.compiled[key]

    def _compile(self, name):
        if name.namespace == HL7:
            for folder in HL7_FOLDERS:
                file = self.folder / folder / f"{name.localname}.xsd"
                if file.exists():
                    try:
                        return etree.XMLSchema(etree.parse(str(file)))
                    except etree.XMLSchemaParseError as error:
                        if "Failed to load" not in str(error):
                            raise
                        continue  # the official folder of 2009 misses what PRPA_IN201305 includes
            return None
        if name.namespace in INLINE:
            file = self.folder / INLINE[name.namespace]
            inline = etree.parse(str(file)).find(f".//{q(XSD, 'schema')}") if file.exists() else None
            if inline is None or inline.find(f"{q(XSD, 'element')}[@name='{name.localname}']") is None:
                return None
            return etree.XMLSchema(etree.fromstring(etree.tostring(inline), base_url=str(file)))
        return etree.XMLSchema(etree.parse(str(self.folder / FILES[name.namespace]))) if name.namespace in FILES else None

    def problems(self, message):
        """What is wrong in the body of a message: lines of text, or `None` when there is nothing to judge by."""
        body = message.root.find(q(SOAP, "Body"))
        if body is None:
            return ["no SOAP 1.2 body"]
        if not len(body):
            return ["an empty body"]
        root = body[0]
        if root.tag == q(SOAP, "Fault"):
            return fault_problems(root)
        schema = self.of(root)
        if schema is None:
            return None
        alone = parse(etree.tostring(root, with_tail=False))
        inline_parts(alone, message)
        if schema.validate(alone):
            return []
        return sorted({f"{error.message}" for error in schema.error_log})


def inline_parts(root, message):
    """Puts back the content that XOP took out: the schema describes the message before it was packed."""
    for include in root.iter(q(XOP, "Include")):
        include.getparent().text = base64.b64encode(message.part(include.get("href"))).decode()
    for document in root.iter(q(XDSB, "Document")):
        for child in list(document):
            document.remove(child)


def fault_problems(fault):
    """The shape of a SOAP 1.2 fault: the annex has no schema for it."""
    wrong = []
    for path in ("Code/Value", "Reason/Text"):
        if fault.find("/".join(q(SOAP, step) for step in path.split("/"))) is None:
            wrong.append(f"a fault without {path}")
    code = fault.findtext(f"{q(SOAP, 'Code')}/{q(SOAP, 'Value')}") or ""
    if code.split(":")[-1] not in ("Sender", "Receiver", "VersionMismatch", "MustUnderstand", "DataEncodingUnknown"):
        wrong.append(f"a fault with code {code!r}")
    text = fault.find(f"{q(SOAP, 'Reason')}/{q(SOAP, 'Text')}")
    if text is not None and not text.get("{http://www.w3.org/XML/1998/namespace}lang"):
        wrong.append("a reason without its language")
    return wrong
