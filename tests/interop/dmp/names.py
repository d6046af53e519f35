"""Names of the DMP interface, written once: namespaces, identifiers, classification schemes. Facts, no text of anybody."""

SOAP = "http://www.w3.org/2003/05/soap-envelope"
WSA = "http://www.w3.org/2005/08/addressing"
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
DS = "http://www.w3.org/2000/09/xmldsig#"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
XSD = "http://www.w3.org/2001/XMLSchema"
HL7 = "urn:hl7-org:v3"
RIM = "urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0"
LCM = "urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0"
RS = "urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0"
QUERY = "urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0"
XDSB = "urn:ihe:iti:xds-b:2007"
XOP = "http://www.w3.org/2004/08/xop/include"
HABILITATIONS = "urn:si-dmp-habilitations"
XADES_111 = "http://uri.etsi.org/01903/v1.1.1#"
XADES_132 = "http://uri.etsi.org/01903/v1.3.2#"

EXC_C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"
C14N_COMMENTS = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments"
ENVELOPED = DS + "enveloped-signature"
SHA1 = DS + "sha1"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
RSA_SHA1 = DS + "rsa-sha1"
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"

OBJECT = "urn:oasis:names:tc:ebxml-regrep:ObjectType:RegistryObject:"
HAS_MEMBER = "urn:oasis:names:tc:ebxml-regrep:AssociationType:HasMember"
SIGNS = "urn:ihe:iti:2007:AssociationType:signs"
RPLC = "urn:ihe:iti:2007:AssociationType:RPLC"
APPROVED = "urn:oasis:names:tc:ebxml-regrep:StatusType:Approved"
STABLE = "urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1"
SUBMISSION_SET = "urn:uuid:a54d6aa5-d40d-43f9-88c5-b4633d873bdd"
FIND_DOCUMENTS = "urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d"
GET_DOCUMENTS = "urn:uuid:5c4f972b-d56b-40ac-a5fc-c8ca9b40b9d4"
REPOSITORY = "1.2.250.1.213.4.1.1.1.2"

#: Structures, as dmp.md 2.1.
PATHS = ("patients", "habilitations", "registry", "repository")
ACTIONS = {
    "td0.2": "urn:hl7-org:v3:PRPA_IN201307UV02",
    "td0.3": "urn:si-dmp-habilitations:HabilitationsEndPoint:setAuthorization",
    "td2.1": "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b",
    "td3.1": "urn:ihe:iti:2007:RegistryStoredQuery",
    "td3.2": "urn:ihe:iti:2007:RetrieveDocumentSet",
    "td3.3": "urn:ihe:iti:2010:UpdateDocumentSet",
}

NAMESPACES = {
    "soap": SOAP, "wsa": WSA, "wsse": WSSE, "saml": SAML, "ds": DS, "hl7": HL7, "rim": RIM, "lcm": LCM, "rs": RS,
    "query": QUERY, "ihe": XDSB, "xop": XOP,
}


def q(namespace, local):
    """A name as lxml writes it."""
    return f"{{{namespace}}}{local}"
