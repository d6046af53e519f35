"""A second, independent writer of DMP requests, in Python: VIHF, envelope, lot, lot signature, MTOM package, over mutual TLS.

It shares nothing with the reference DUI but the facts of the interface, so that two readings of them meet at the mock.
"""

import base64
import hashlib
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timezone

import requests
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from . import signing
from .names import (ACTIONS, C14N_COMMENTS, DS, FIND_DOCUMENTS, HABILITATIONS, HL7, LCM, OBJECT, QUERY, REPOSITORY, RIM, RSA_SHA1,
                    RSA_SHA256, SAML, SHA1, SOAP, STABLE, WSA, WSSE, XADES_111, XDSB, XOP, XSD, XSI, q)
from .record import message as read_message

STRUCTURE = "10B0990001"
RPPS = "899709900023"
ANONYMOUS = "http://www.w3.org/2005/08/addressing/anonymous"


def now():
    return datetime.now(timezone.utc)


def new_oid():
    """Under 2.25: a UUID as a number."""
    return f"2.25.{uuid.uuid4().int}"


@dataclass
class Person:
    """Whose record it is."""

    matricule: str
    oid: str

    @property
    def cx(self):
        return f"{self.matricule}^^^&{self.oid}&ISO^NH"


@dataclass
class Writer:
    """Who signs and how."""

    pki: signing.Pki
    mode: str = "INDIRECTE"
    signature: str = "client-dui-signature"
    structure: str = STRUCTURE
    #: When the assertion says it was issued.
    at: datetime = None
    changes: dict = field(default_factory=dict)

    def vihf(self, person):
        """The assertion, not signed."""
        at = (self.at or now()).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        certificate = self.pki.certificate(self.signature)
        root = etree.Element(q(SAML, "Assertion"), ID="_" + str(uuid.uuid4()), IssueInstant=at, Version="2.0",
                             nsmap={"saml": SAML, "xsi": XSI, "xs": XSD})
        issuer = etree.SubElement(root, q(SAML, "Issuer"), Format="urn:oasis:names:tc:SAML:1.1:nameid-format:X509SubjectName")
        issuer.text = signing.distinguished_name(certificate)
        etree.SubElement(etree.SubElement(root, q(SAML, "Subject")), q(SAML, "NameID")).text = RPPS
        statement = etree.SubElement(root, q(SAML, "AuthnStatement"), AuthnInstant=at)
        context = etree.SubElement(statement, q(SAML, "AuthnContext"))
        etree.SubElement(context, q(SAML, "AuthnContextClassRef")).text = "urn:oasis:names:tc:SAML:2.0:ac:classes:Password"
        if self.mode == "INDIRECTE_RENFORCEE":
            etree.SubElement(context, q(SAML, "AuthnContextDecl")).text = "urn:oasis:names:tc:SAML:2.0:ac:classes:SmartcardPKI"
        attributes = etree.SubElement(root, q(SAML, "AttributeStatement"))
        values = {
            "VIHF_Version": "3.0", "Authentification_Mode": self.mode, "Identifiant_Structure": self.structure,
            "Secteur_Activite": "SA17^1.2.250.1.71.4.2.4", "urn:oasis:names:tc:xspa:1.0:subject:subject-id": "DUITEST IDEC",
            "urn:oasis:names:tc:xacml:2.0:subject:role": [("60", "1.2.250.1.71.1.2.7", "Infirmier")],
            "urn:oasis:names:tc:xacml:2.0:resource:resource-id": person.cx, "Ressource_URN": "urn:dmp",
            "urn:oasis:names:tc:xspa:1.0:subject:purposeofuse": "normal",
            "LPS_ID": "2.25.1", "LPS_Nom": "Interop", "LPS_Version": "1.0", "LPS_ID_HOMOLOGATION_DMP": "INT-000-001",
        } | self.changes
        for name, value in values.items():
            if value is not None:
                self._attribute(attributes, name, value)
        return root

    @staticmethod
    def _attribute(statement, name, value):
        attribute = etree.SubElement(statement, q(SAML, "Attribute"), Name=name)
        if name.endswith("subject:role"):
            for code, system, label in value:
                within = etree.SubElement(attribute, q(SAML, "AttributeValue"))
                role = etree.SubElement(within, q(HL7, "Role"), code=code, codeSystem=system, displayName=label, nsmap={None: HL7})
                role.set(q(XSI, "type"), "CE")
            return
        within = etree.SubElement(attribute, q(SAML, "AttributeValue"))
        if name.endswith("purposeofuse"):
            use = etree.SubElement(within, q(HL7, "PurposeOfUse"), code=value, codeSystem="1.2.250.1.213.1.1.4.248",
                                   codeSystemName="mode acces VIHF 2.0", displayName="Accès normal", nsmap={None: HL7})
            use.set(q(XSI, "type"), "CE")
        else:
            within.set(q(XSI, "type"), "xs:string")
            within.text = value

    def assertion(self, person):
        """Signed by signxml."""
        return signing.sign_with_signxml(self.vihf(person), self.pki, self.signature)


def envelope(action, body, assertion):
    """SOAP 1.2, WS-Addressing, the assertion alone in the security header."""
    root = etree.Element(q(SOAP, "Envelope"), nsmap={"soap": SOAP, "wsa": WSA})
    header = etree.SubElement(root, q(SOAP, "Header"))
    etree.SubElement(header, q(WSA, "Action"), {q(SOAP, "mustUnderstand"): "true"}).text = action
    etree.SubElement(header, q(WSA, "MessageID")).text = f"urn:uuid:{uuid.uuid4()}"
    etree.SubElement(header, q(WSA, "To")).text = ""
    reply = etree.SubElement(header, q(WSA, "ReplyTo"), {q(SOAP, "mustUnderstand"): "true"})
    etree.SubElement(reply, q(WSA, "Address")).text = ANONYMOUS
    if assertion is not None:
        etree.SubElement(header, q(WSSE, "Security"), nsmap={"wsse": WSSE}).append(assertion)
    etree.SubElement(root, q(SOAP, "Body")).append(body)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def existence(person, reason="TEST_EXST"):
    """TD0.2."""
    def node(parent, name, **attributes):
        return etree.SubElement(parent, q(HL7, name), **attributes)

    root = etree.Element(q(HL7, "PRPA_IN201307UV02"), ITSVersion="XML_1.0", nsmap={None: HL7, "xsi": XSI})
    node(root, "id", root="2.25.1.1", extension=str(uuid.uuid4()))
    node(root, "creationTime", value=now().strftime("%Y%m%d%H%M%S"))
    node(root, "interactionId", root="2.16.840.1.113883.1.6", extension="PRPA_IN201307UV02")
    for name, code in (("processingCode", "D"), ("processingModeCode", "T"), ("acceptAckCode", "AL")):
        node(root, name, code=code)
    for name, kind, identifier, software in (("receiver", "RCV", "1.2.250.1.213.4.1.1.1", "DMP"), ("sender", "SND", "2.25.1", "Interop")):
        device = node(node(root, name, typeCode=kind), "device", classCode="DEV", determinerCode="INSTANCE")
        node(device, "id", root=identifier)
        node(device, "softwareName").text = software
    act = node(root, "controlActProcess", classCode="CACT", moodCode="EVN")
    node(act, "reasonCode", code=reason, codeSystem="1.2.250.1.213.1.1.4.11")
    query = node(act, "queryByParameter")
    node(query, "queryId", root="2.25.1.2", extension=str(uuid.uuid4()))
    node(query, "statusCode", code="new")
    identifier = node(node(query, "parameterList"), "patientIdentifier")
    node(identifier, "value", root=person.oid, extension=person.matricule)
    node(identifier, "semanticsText").text = "Patient.id"
    return root


def stored_query(identifier, slots, return_type="LeafClass"):
    """ITI-18; `slots` maps the names to lists of values, already quoted."""
    root = etree.Element(q(QUERY, "AdhocQueryRequest"), nsmap={"query": QUERY, "rim": RIM})
    etree.SubElement(root, q(QUERY, "ResponseOption"), returnComposedObjects="true", returnType=return_type)
    asked = etree.SubElement(root, q(RIM, "AdhocQuery"), id=identifier)
    for name, values in slots.items():
        slot(asked, name, *values)
    return root


def find_documents(person, **more):
    return stored_query(FIND_DOCUMENTS, {
        "$XDSDocumentEntryPatientId": [f"'{person.cx}'"],
        "$XDSDocumentEntryStatus": ["('urn:oasis:names:tc:ebxml-regrep:StatusType:Approved')"]} | more)


def retrieve(*unique_ids):
    """ITI-43."""
    root = etree.Element(q(XDSB, "RetrieveDocumentSetRequest"), nsmap={"ihe": XDSB})
    for identifier in unique_ids:
        asked = etree.SubElement(root, q(XDSB, "DocumentRequest"))
        etree.SubElement(asked, q(XDSB, "RepositoryUniqueId")).text = REPOSITORY
        etree.SubElement(asked, q(XDSB, "DocumentUniqueId")).text = identifier
    return root


def set_authorization(action="AJOUT"):
    """TD0.3."""
    root = etree.Element(q(HABILITATIONS, "setAuthorization"), nsmap={"hab": HABILITATIONS})
    etree.SubElement(root, q(HABILITATIONS, "action")).text = action
    return root


def slot(parent, name, *values):
    made = etree.SubElement(parent, q(RIM, "Slot"), name=name)
    within = etree.SubElement(made, q(RIM, "ValueList"))
    for value in values:
        etree.SubElement(within, q(RIM, "Value")).text = value
    return made


def localized(parent, element, text):
    made = etree.SubElement(parent, q(RIM, element))
    etree.SubElement(made, q(RIM, "LocalizedString"), {"value": text, "charset": "UTF8", "{http://www.w3.org/XML/1998/namespace}lang": "FR"})


def coded(parent, scheme, code, system, label):
    made = etree.SubElement(parent, q(RIM, "Classification"), id=f"c{uuid.uuid4().hex}", classificationScheme=scheme,
                            classifiedObject=parent.get("id"), nodeRepresentation=code, objectType=OBJECT + "Classification")
    slot(made, "codingScheme", system)
    localized(made, "Name", label)


def identifier(parent, scheme, value, label):
    made = etree.SubElement(parent, q(RIM, "ExternalIdentifier"), id=f"e{uuid.uuid4().hex}", identificationScheme=scheme,
                            registryObject=parent.get("id"), value=value, objectType=OBJECT + "ExternalIdentifier")
    localized(made, "Name", label)


def association(kind, source, target, status="Original", **slots):
    made = etree.Element(q(RIM, "Association"), id=f"a{uuid.uuid4().hex}", associationType=kind, sourceObject=source, targetObject=target,
                         objectType=OBJECT + "Association")
    if status:
        slot(made, "SubmissionSetStatus", status)
    for name, value in slots.items():
        slot(made, name, value)
    return made


def signature_entry(person, unique_id, facility, practice, name="Signature01"):
    """The entry of the lot's signature (dmp.md 9)."""
    entry = etree.Element(q(RIM, "ExtrinsicObject"), id=name, mimeType="text/xml", objectType=STABLE, nsmap={"rim": RIM})
    stamp = now().strftime("%Y%m%d%H%M%S")
    for key, value in (("creationTime", stamp), ("languageCode", "art"),
                       ("legalAuthenticator", f"{RPPS}^DUITEST^IDEC^^^^^^&1.2.250.1.71.4.2.1&ISO^D^^^IDNPS"),
                       ("serviceStartTime", stamp), ("sourcePatientId", person.cx)):
        slot(entry, key, value)
    localized(entry, "Name", "Source")
    author(entry, "urn:uuid:93606bcf-9494-43ec-9b4e-a7748d1a838d")
    for scheme, code, system, label in (
            ("urn:uuid:41a5887f-8865-4c09-adf7-e362475b143a", "urn:oid:1.3.6.1.4.1.19376.1.2.1.1.1", "URN", "Digital Signature"),
            ("urn:uuid:f4f85eac-e6cb-4883-b524-f2705394840f", "N", "2.16.840.1.113883.5.25", "Normal"),
            ("urn:uuid:f4f85eac-e6cb-4883-b524-f2705394840f", "MASQUE_PS", "1.2.250.1.213.1.1.4.13", "Masqué aux professionnels de santé"),
            ("urn:uuid:f4f85eac-e6cb-4883-b524-f2705394840f", "INVISIBLE_PATIENT", "1.2.250.1.213.1.1.4.13", "Non visible par le patient"),
            ("urn:uuid:2c6b8cb7-8b2a-4051-b291-b1ae6a575ef4", "1.2.840.10065.1.12.1.14", "1.2.840.10065.1.12", "Source"),
            ("urn:uuid:a09d5840-386c-46f2-b5ad-9c3699a4309d", DS, "URN", "Default Signature Style"),
            ("urn:uuid:f33fb8ac-18af-42cc-ae0e-ed0b0bdb91e1", *facility),
            ("urn:uuid:cccf5598-8b07-4b77-a05e-ae952c785ead", *practice),
            ("urn:uuid:f0306f51-975f-434e-a61c-c59651d33983", "E1762", "ASTM", "Full Document")):
        coded(entry, scheme, code, system, label)
    identifier(entry, "urn:uuid:58a6f841-87b3-4a3e-92fd-a8ffeff98427", person.cx, "XDSDocumentEntry.patientId")
    identifier(entry, "urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab", unique_id, "XDSDocumentEntry.uniqueId")
    return entry


def author(parent, scheme, before=None):
    made = etree.Element(q(RIM, "Classification"), id=f"c{uuid.uuid4().hex}", classificationScheme=scheme,
                         classifiedObject=parent.get("id"), nodeRepresentation="", objectType=OBJECT + "Classification")
    slot(made, "authorInstitution", f"EHPAD FICTIF DIAPASON TEST^^^^^&1.2.250.1.71.4.2.2&ISO^IDNST^^^{STRUCTURE}")
    slot(made, "authorPerson", f"{RPPS}^DUITEST^IDEC^^^^^^&1.2.250.1.71.4.2.1&ISO^D^^^IDNPS")
    slot(made, "authorSpecialty", "G15_60^Infirmier^1.2.250.1.213.1.1.4.5")
    if before is None:
        parent.append(made)
    else:
        before.addprevious(made)
    return made


def lot_signature(lot_id, documents, pki, folder, identity="client-dui-signature", algorithm=SHA1, changed=None):
    """The XAdES 1.1.1 signature of a lot, its manifest worked out with libxml2, signed by `xmlsec1`.

    `documents`: unique id to bytes. `changed` may alter the template before it is signed.
    """
    certificate = pki.certificate(identity)
    der = certificate.public_bytes(Encoding.DER)
    root = etree.Element(q(DS, "Signature"), Id="lot-signature", nsmap={"ds": DS})

    def node(parent, name, text=None, namespace=DS, **attributes):
        made = etree.SubElement(parent, q(namespace, name), **attributes)
        made.text = text
        return made

    def reference(parent, uri, digest_value, canonical, **attributes):
        made = node(parent, "Reference", URI=uri, **attributes)
        if canonical:
            node(node(made, "Transforms"), "Transform", Algorithm=C14N_COMMENTS)
        node(made, "DigestMethod", Algorithm=algorithm)
        node(made, "DigestValue", digest_value)

    info = node(root, "SignedInfo")
    node(info, "CanonicalizationMethod", Algorithm=C14N_COMMENTS)
    node(info, "SignatureMethod", Algorithm=RSA_SHA1 if algorithm == SHA1 else RSA_SHA256)
    reference(info, "#IHEManifest", "", True, Type=DS + "Manifest")
    reference(info, "#lot-SignedProperties", "", True, Type=XADES_111 + "SignedProperties")
    node(root, "SignatureValue")
    node(node(root, "KeyInfo"), "X509Data")
    manifest = node(node(root, "Object"), "Manifest", Id="IHEManifest")
    reference(manifest, f"urn:oid:{lot_id}", "AA==", False)
    for unique_id, content in documents.items():
        reference(manifest, f"urn:oid:{unique_id}", signing.digest_of(content, algorithm), signing.is_xml(content))
    # In no namespace, as the published capture: a property of the signature namespace may not hold text alone.
    purpose = etree.SubElement(node(root, "Object"), "SignatureProperties")
    etree.SubElement(purpose, "SignatureProperty", Id="purposeOfSignature", Target="#lot-signature").text = "1.2.840.10065.1.12.1.14"
    qualifying = etree.SubElement(node(root, "Object"), q(XADES_111, "QualifyingProperties"), Target="#lot-signature", nsmap={"xad": XADES_111})
    signed = node(node(qualifying, "SignedProperties", namespace=XADES_111, Id="lot-SignedProperties"), "SignedSignatureProperties", namespace=XADES_111)
    node(signed, "SigningTime", now().strftime("%Y-%m-%dT%H:%M:%SZ"), namespace=XADES_111)
    cert = node(node(signed, "SigningCertificate", namespace=XADES_111), "Cert", namespace=XADES_111)
    made = node(cert, "CertDigest", namespace=XADES_111)
    node(made, "DigestMethod", namespace=XADES_111, Algorithm=SHA1)
    node(made, "DigestValue", base64.b64encode(hashlib.sha1(der).digest()).decode(), namespace=XADES_111)
    serial = node(cert, "IssuerSerial", namespace=XADES_111)
    node(serial, "X509IssuerName", signing.issuer_name(certificate))
    node(serial, "X509SerialNumber", str(certificate.serial_number))
    node(node(signed, "SignaturePolicyIdentifier", namespace=XADES_111), "SignaturePolicyImplied", namespace=XADES_111)
    if changed:
        changed(root)
    return signing.sign_with_xmlsec(etree.tostring(root, xml_declaration=True, encoding="UTF-8"), folder, pki, identity, signing.LOT_SIGNATURE)


def package(envelope_xml, parts):
    """The content type and the body of an MTOM package; `parts`: Content-ID to (type, bytes)."""
    boundary = f"interop-{uuid.uuid4().hex}"
    pieces = [("root.message@interop", 'application/xop+xml; charset=UTF-8; type="application/soap+xml"', "8bit", envelope_xml)]
    pieces += [(name, kind, "binary", content) for name, (kind, content) in parts.items()]
    body = b""
    for name, kind, encoding, content in pieces:
        head = f"--{boundary}\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: {encoding}\r\nContent-ID: <{name}>\r\n\r\n"
        body += head.encode() + content + b"\r\n"
    body += f"--{boundary}--\r\n".encode()
    content_type = (f'multipart/related; type="application/xop+xml"; boundary="{boundary}"; start="<root.message@interop>"; '
                    'start-info="application/soap+xml"')
    return content_type, body


def provide_and_register(objects, documents):
    """ITI-41: the body, and the parts of its package. `documents`: symbolic id to (type, bytes)."""
    root = etree.Element(q(XDSB, "ProvideAndRegisterDocumentSetRequest"), nsmap={"ihe": XDSB, "lcm": LCM, "rim": RIM})
    within = etree.SubElement(etree.SubElement(root, q(LCM, "SubmitObjectsRequest")), q(RIM, "RegistryObjectList"))
    within.extend(objects)
    parts = {}
    for symbol, (kind, content) in documents.items():
        name = f"{symbol}.{uuid.uuid4().hex}@interop"
        parts[name] = (kind, content)
        document = etree.SubElement(root, q(XDSB, "Document"), id=symbol)
        etree.SubElement(document, q(XOP, "Include"), href=f"cid:{name}", nsmap={"xop": XOP})
    return root, parts


def capture(path, content_type, body):
    """The bytes of the HTTP request, as a proxy would write them."""
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


class Client:
    """Posts to the mock with the establishment's TLS certificate."""

    def __init__(self, base, pki, identity="client-dui"):
        self.base = base.rstrip("/")
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = str(pki.folder / "ca-bundle.pem")
        key, certificate = pki.paths(identity)
        self.session.cert = (str(certificate), str(key))

    def post(self, path, content_type, body):
        """The answer, taken apart."""
        answer = self.session.post(f"{self.base}/{path}", data=body, headers={"Content-Type": content_type}, timeout=30)
        head = f"HTTP/1.1 {answer.status_code}\r\n" + "".join(f"{k}: {v}\r\n" for k, v in answer.headers.items() if k.lower() != "transfer-encoding")
        return read_message(head.encode() + b"\r\n" + answer.content)

    def ask(self, path, td, body, assertion):
        """A request without attachment."""
        xml = envelope(ACTIONS[td], body, assertion)
        return self.post(path, f'application/soap+xml; charset=UTF-8; action="{ACTIONS[td]}"', xml)
