"""Python `zeep`, its messages and types made from the official WSDLs: existence, search, consultation against the mock.

A plugin does what zeep leaves aside: the assertion, `ReplyTo`, the WS-Addressing headers of a WSDL that does not ask
for them, the text of elements of mixed content (zeep writes these empty).
"""

import uuid
from pathlib import Path

import requests
import zeep
from lxml import etree
from zeep.exceptions import Fault
from zeep.plugins import HistoryPlugin, Plugin
from zeep.wsa import WsAddressingPlugin

from .message import ANONYMOUS, now
from .names import APPROVED, FIND_DOCUMENTS, GET_DOCUMENTS, HL7, REPOSITORY, RIM, SOAP, WSA, WSSE, q

SERVICES = {
    "patients": ("wsdl/GestionDossierPatientPartage.wsdl", "{asip:ci-sis:gdp:2010}GDP_Binding_Soap12"),
    "habilitations": ("wsdl/Habilitations.wsdl", "{urn:si-dmp-habilitations}HabilitationsEndPointImplServiceSoapBinding"),
    "registry": ("wsdl/XDS.b_DocumentRegistry.wsdl", "{urn:ihe:iti:xds-b:2007}DocumentRegistry_Binding_Soap12"),
    "repository": ("wsdl/XDS.b_DocumentRepository.wsdl", "{urn:ihe:iti:xds-b:2007}DocumentRepository_Binding"),
}


class Headers(Plugin):
    """The assertion of the moment, and where to answer."""

    def __init__(self):
        self.assertion = None

    def egress(self, envelope, http_headers, operation, binding_options):
        header = envelope.find(q(SOAP, "Header"))
        if header is None:
            header = etree.Element(q(SOAP, "Header"))
            envelope.insert(0, header)
        if not operation.abstract.wsa_action:
            WsAddressingPlugin().egress(envelope, http_headers, operation, binding_options)
        for name, text in (("semanticsText", "Patient.id"), ("receiver//softwareName", "DMP"), ("sender//softwareName", "Interop")):
            for element in envelope.iterfind(".//" + "//".join(q(HL7, step) for step in name.split("//"))):
                element.text = text
        reply = etree.SubElement(header, q(WSA, "ReplyTo"))
        etree.SubElement(reply, q(WSA, "Address")).text = ANONYMOUS
        if self.assertion is not None:
            etree.SubElement(header, q(WSSE, "Security"), nsmap={"wsse": WSSE}).append(self.assertion)
        return envelope, http_headers


class Official:
    """The services of the mock as the official WSDLs describe them."""

    def __init__(self, folder, base, writer, identity="client-dui"):
        self.writer = writer
        self.headers, self.history = Headers(), HistoryPlugin()
        session = requests.Session()
        session.trust_env = False
        session.verify = str(writer.pki.folder / "ca-bundle.pem")
        key, certificate = writer.pki.paths(identity)
        session.cert = (str(certificate), str(key))
        transport = zeep.Transport(session=session, operation_timeout=20)
        self.clients, self.services = {}, {}
        for path, (wsdl, binding) in SERVICES.items():
            client = zeep.Client(str(Path(folder) / wsdl), transport=transport, plugins=[self.headers, self.history])
            # zeep knows no substitution groups: the objects of a list in the official schema stay XML elements.
            client.settings.strict, client.settings.xml_huge_tree = path != "registry", True
            self.clients[path], self.services[path] = client, client.create_service(binding, f"{base.rstrip('/')}/{path}")

    def received(self):
        return self.history.last_received["envelope"]

    def sent(self):
        return self.history.last_sent["envelope"]

    def existence(self, person, reason="TEST_EXST"):
        self.headers.assertion = self.writer.assertion(person)
        return self.services["patients"]["PatientGetDemographics_PRPA_IN201307UV02"](
            ITSVersion="XML_1.0", id={"root": "2.25.1.1", "extension": str(uuid.uuid4())},
            creationTime={"value": now().strftime("%Y%m%d%H%M%S")},
            interactionId={"root": "2.16.840.1.113883.1.6", "extension": "PRPA_IN201307UV02"},
            processingCode={"code": "D"}, processingModeCode={"code": "T"}, acceptAckCode={"code": "AL"},
            receiver=[{"typeCode": "RCV", "device": self._device("1.2.250.1.213.4.1.1.1")}],
            sender={"typeCode": "SND", "device": self._device("2.25.1")},
            controlActProcess={
                "classCode": "CACT", "moodCode": "EVN", "reasonCode": [{"code": reason, "codeSystem": "1.2.250.1.213.1.1.4.11"}],
                "queryByParameter": {
                    "queryId": {"root": "2.25.1.2", "extension": str(uuid.uuid4())}, "statusCode": {"code": "new"},
                    "parameterList": {"patientIdentifier": [{
                        "value": [{"root": person.oid, "extension": person.matricule}],
                        "semanticsText": {}}]}}})

    @staticmethod
    def _device(identifier):
        return {"classCode": "DEV", "determinerCode": "INSTANCE", "id": [{"root": identifier}], "softwareName": {}}

    def query(self, person, identifier, slots, return_type):
        self.headers.assertion = self.writer.assertion(person)
        return self.services["registry"]["DocumentRegistry_RegistryStoredQuery"](
            ResponseOption={"returnComposedObjects": True, "returnType": return_type},
            AdhocQuery={"id": identifier, "Slot": [{"name": name, "ValueList": {"_value_1": [{"Value": value} for value in values]}} for name, values in slots.items()]})

    def find(self, person, return_type="LeafClass"):
        return self.query(person, FIND_DOCUMENTS, {
            "$XDSDocumentEntryPatientId": [f"'{person.cx}'"], "$XDSDocumentEntryStatus": [f"('{APPROVED}')"]}, return_type)

    def reference(self, person, unique_id):
        """TD3.1b: the entryUUID of a document one knows by its unique id."""
        return self.query(person, GET_DOCUMENTS, {"$XDSDocumentEntryUniqueId": [f"('{unique_id}')"]}, "ObjectRef")

    def authorize(self, person, action="AJOUT"):
        self.headers.assertion = self.writer.assertion(person)
        return self.services["habilitations"]["setAuthorization"](action=action)

    def retrieve(self, person, unique_id, repository=REPOSITORY):
        self.headers.assertion = self.writer.assertion(person)
        return self.services["repository"]["DocumentRepository_RetrieveDocumentSet"](
            DocumentRequest=[{"RepositoryUniqueId": repository, "DocumentUniqueId": unique_id}])


def objects(answer):
    """The objects of a registry answer, as XML elements or as typed values: (id, status, unique id, type code)."""
    found = []
    held = answer.RegistryObjectList
    for one in getattr(held, "_raw_elements", None) or []:
        found.append((one.get("id"), one.get("status"), _unique(one.findall(q(RIM, "ExternalIdentifier")), lambda e, a: e.get(a)),
                      _type(one.findall(q(RIM, "Classification")), lambda e, a: e.get(a))))
    for item in getattr(held, "_value_1", None) or []:
        for one in item.values():
            found.append((one.id, getattr(one, "status", None), _unique(getattr(one, "ExternalIdentifier", []), getattr),
                          _type(getattr(one, "Classification", []), getattr)))
    return found


def _unique(identifiers, read):
    return next((read(i, "value") for i in identifiers if read(i, "identificationScheme") == "urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab"), None)


def _type(classifications, read):
    return next((read(c, "nodeRepresentation") for c in classifications if read(c, "classificationScheme") == "urn:uuid:f0306f51-975f-434e-a61c-c59651d33983"), None)


def fault_of(call, *args, **kwargs):
    """The fault that a call raises, or None."""
    try:
        call(*args, **kwargs)
    except Fault as fault:
        return fault
    return None
