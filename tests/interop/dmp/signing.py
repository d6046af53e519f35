"""XML signatures by `xmlsec1` (Debian) and by `signxml` (PyPI): verified, made, tampered. Nothing of Diapason's own code."""

import base64
import hashlib
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import signxml
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import NameOID
from lxml import etree
from signxml import DigestAlgorithm, SignatureConfiguration, SignatureMethod, XMLSigner, XMLVerifier, methods
from signxml.exceptions import InvalidInput, InvalidSignature

from .names import DS, ENVELOPED, EXC_C14N, RSA_SHA256, SAML, SHA1, SHA256, XADES_111, XADES_132, q
from .record import parse

#: Which attribute identifies the element that a signature may refer to.
IDENTIFIERS = [
    "--id-attr:ID", f"{SAML}:Assertion", "--id-attr:Id", f"{DS}:Manifest", "--id-attr:Id", f"{DS}:SignatureProperties",
    "--id-attr:Id", f"{XADES_111}:SignedProperties", "--id-attr:Id", f"{XADES_132}:SignedProperties",
]
ASSERTION_SIGNATURE = "//*[local-name()='Assertion']/*[local-name()='Signature']"
LOT_SIGNATURE = "/*[local-name()='Signature']"


@dataclass
class Verdict:
    """What a verifier said."""

    held: bool
    said: str
    #: References of the manifest that hold, and how many there are (`xmlsec1` only).
    manifest: tuple = (0, 0)


class Pki:
    """The authorities and the identities of the bench."""

    def __init__(self, folder):
        self.folder = folder

    def trust(self):
        """Root trusted, intermediate given: a chain must lead there."""
        root, issuer = self.folder / "racine.pem", self.folder / "ac-organisations.pem"
        return ["--trusted-pem", str(root), "--untrusted-pem", str(issuer)]

    def certificate(self, name):
        return x509.load_pem_x509_certificate((self.folder / f"{name}.pem").read_bytes())

    def key(self, name):
        return serialization.load_pem_private_key((self.folder / f"{name}.key").read_bytes(), None)

    def paths(self, name):
        return self.folder / f"{name}.key", self.folder / f"{name}.pem"


def distinguished_name(certificate, separator=","):
    """Subject, most specific first, attributes by their short names."""
    return separator.join(f"{_short(a)}={a.value}" for a in reversed(list(certificate.subject)))


def issuer_name(certificate):
    return ",".join(f"{_short(a)}={a.value}" for a in reversed(list(certificate.issuer)))


def _short(attribute):
    names = {NameOID.STATE_OR_PROVINCE_NAME: "ST", NameOID.COMMON_NAME: "CN", NameOID.ORGANIZATION_NAME: "O",
             NameOID.ORGANIZATIONAL_UNIT_NAME: "OU", NameOID.COUNTRY_NAME: "C", NameOID.LOCALITY_NAME: "L"}
    return names.get(attribute.oid, attribute.oid.dotted_string)


def xmlsec(xml, folder, pki=None, node=ASSERTION_SIGNATURE, documents=None):
    """`xmlsec1 --verify`. Without a PKI any certificate will do: only the signature is judged."""
    file = folder / "a-verifier.xml"
    file.write_bytes(xml)
    maps = []
    # A reference that cannot be had stops xmlsec1: what is not given is an empty file.
    named = re.findall(rb'URI=["\'](urn:oid:[^"\']*)', xml) if documents is not None else []
    given = {uri.decode(): b"" for uri in named} | (documents or {})
    for number, (uri, content) in enumerate(given.items()):
        document = folder / f"document-{number}"
        document.write_bytes(content)
        maps += [f"--url-map:{uri}", str(document)]
    trust = pki.trust() if pki else ["--insecure"]
    done = subprocess.run(
        ["xmlsec1", "--verify", "--enabled-key-data", "x509", *trust, *IDENTIFIERS, *maps, "--node-xpath", node, str(file)],
        capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=30)
    said = (done.stderr + done.stdout).strip()
    counts = re.search(r"Manifests References \(ok/all\): (\d+)/(\d+)", said)
    return Verdict(done.returncode == 0, said, tuple(map(int, counts.groups())) if counts else (0, 0))


#: SHA-1 is what the public samples of the DMP use: accepted here, rated by our rules.
LENIENT = SignatureConfiguration(
    require_x509=True,
    signature_methods=frozenset({SignatureMethod.RSA_SHA1, SignatureMethod.RSA_SHA256, SignatureMethod.RSA_SHA512}),
    digest_algorithms=frozenset({DigestAlgorithm.SHA1, DigestAlgorithm.SHA256, DigestAlgorithm.SHA512}),
)


def by_signxml(element, pki, references=1, schema=True):
    """`signxml` on one signed element, alone; the certificate of the signature must lead to the PKI's root.

    `schema`: the signature must also be valid for the schema of XML signatures.
    """
    config = SignatureConfiguration(
        require_x509=True, expect_references=references, location="./" if element.tag != q(DS, "Signature") else ".//",
        signature_methods=LENIENT.signature_methods, digest_algorithms=LENIENT.digest_algorithms)
    try:
        XMLVerifier().verify(
            etree.tostring(element), ca_pem_file=str(pki.folder / "ca-bundle.pem"), expect_config=config,
            id_attribute="ID" if element.tag == q(SAML, "Assertion") else "Id", validate_schema=schema)
        return Verdict(True, "")
    except (InvalidSignature, InvalidInput, etree.DocumentInvalid) as error:
        return Verdict(False, f"{type(error).__name__}: {error}")


def sign_with_signxml(assertion, pki, identity, prefixes=None):
    """The assertion with a signature of `signxml` right after its Issuer: exclusive C14N, RSA-SHA256."""
    assertion = parse(etree.tostring(assertion))
    issuer = assertion.find(q(SAML, "Issuer"))
    issuer.addnext(etree.Element(q(DS, "Signature"), Id="placeholder", nsmap={"ds": DS}))
    signer = XMLSigner(method=methods.enveloped, signature_algorithm="rsa-sha256", digest_algorithm="sha256", c14n_algorithm=EXC_C14N)
    key, certificate = pki.paths(identity)
    return signer.sign(assertion, key=key.read_bytes(), cert=certificate.read_text(), reference_uri="#" + assertion.get("ID"),
                       inclusive_ns_prefixes=prefixes)


def sign_with_xmlsec(xml, folder, pki, identity, node=ASSERTION_SIGNATURE):
    """Fills the template that the XML holds."""
    template, result = folder / "modele.xml", folder / "signe.xml"
    template.write_bytes(xml)
    key, certificate = pki.paths(identity)
    done = subprocess.run(
        ["xmlsec1", "--sign", "--ignore-manifests", "--privkey-pem", f"{key},{certificate}", *IDENTIFIERS, "--node-xpath", node,
         "--output", str(result), str(template)], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=30)
    if done.returncode:
        raise RuntimeError(f"xmlsec1 --sign: {done.stderr}")
    return result.read_bytes()


def template(identifier, prefixes=None, digest=SHA256, method=RSA_SHA256):
    """An empty enveloped signature of the profile of the VIHF."""
    signature = etree.Element(q(DS, "Signature"), nsmap={"ds": DS})
    info = etree.SubElement(signature, q(DS, "SignedInfo"))
    etree.SubElement(info, q(DS, "CanonicalizationMethod"), Algorithm=EXC_C14N)
    etree.SubElement(info, q(DS, "SignatureMethod"), Algorithm=method)
    reference = etree.SubElement(info, q(DS, "Reference"), URI="#" + identifier)
    transforms = etree.SubElement(reference, q(DS, "Transforms"))
    etree.SubElement(transforms, q(DS, "Transform"), Algorithm=ENVELOPED)
    exclusive = etree.SubElement(transforms, q(DS, "Transform"), Algorithm=EXC_C14N)
    if prefixes:
        etree.SubElement(exclusive, q(EXC_C14N, "InclusiveNamespaces"), PrefixList=prefixes, nsmap={"ec": EXC_C14N})
    etree.SubElement(reference, q(DS, "DigestMethod"), Algorithm=digest)
    etree.SubElement(reference, q(DS, "DigestValue"))
    etree.SubElement(signature, q(DS, "SignatureValue"))
    etree.SubElement(etree.SubElement(signature, q(DS, "KeyInfo")), q(DS, "X509Data"))
    return signature


def with_template(assertion, **options):
    """The assertion with an empty signature after its Issuer."""
    assertion = parse(etree.tostring(assertion))
    assertion.find(q(SAML, "Issuer")).addnext(template(assertion.get("ID"), **options))
    return assertion


def is_xml(content):
    try:
        parse(content)
        return True
    except etree.XMLSyntaxError:
        return False


def digest_of(content, algorithm=SHA1):
    """Digest of a document as the lot signature has it: of the canonical form with comments, of the bytes if it is no XML."""
    if is_xml(content):
        content = etree.tostring(parse(content).getroottree(), method="c14n", with_comments=True)
    made = hashlib.sha1(content) if algorithm == SHA1 else hashlib.sha256(content)
    return base64.b64encode(made.digest()).decode()


def valid_for_schema(signature):
    """What the schema of XML signatures (as `signxml` carries it) objects to; empty when nothing."""
    folder = Path(signxml.__file__).parent / "schemas"
    schema = etree.XMLSchema(etree.parse(str(folder / "xmldsig1-schema.xsd")))
    return "" if schema.validate(parse(etree.tostring(signature))) else str(schema.error_log.last_error)
