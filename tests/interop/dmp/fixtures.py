"""The signed files of esignsante, the signature service of the ANS: good, altered, corrupted, expired, without certificate.

Our verifier (the example program `verify` of `diapason-formats`) against `xmlsec1` on the whole signature, and against
libxml2 with `cryptography` on its value alone. `DIAPASON_ESIGNSANTE` names a folder that holds the XML files.
"""

import base64
import json
import os
import subprocess
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from lxml import etree

from . import signing
from .names import DS, EXC_C14N, q
from .record import parse

HASHES = {"rsa-sha1": hashes.SHA1, "rsa-sha256": hashes.SHA256, "rsa-sha512": hashes.SHA512}

#: What the name of a file promises of its signature: True holds, False does not. Files whose names say something of the
#: certificate only (expired, revoked, class) promise a signature that holds.
PROMISES = {
    "Signature_Dsig_Enveloppante_passant.xml": True,
    "XmldSig-certificat_expire.xml": True,
    "XmldSig-1569492460769-CNOSF_D001O6TA_Signe.xml": True,
    "signed_fragment_inside.xml": True,
    "Signature_Dsig_Enveloppee_doc_altere_Signature_intacte.xml": False,
    "Signature_Dsig_enveloppee_document_modifie.xml": False,
    "Signature_Dsig_enveloppante_alteree.xml": False,
    "Signature_modifiee.xml": False,
    "XmldSig-certificat_modifie_avec_TAG.xml": False,
    "XADES_enveloppee_signature_corrompue.xml": False,
    "XADES_enveloppante_sans_certificat.xml": False,
    "FichierSigne_SansCertificat.xml": False,
}

#: Where our verifier and `xmlsec1` say otherwise, and why.
EXPLAINED = {
    "REC-xpath-19991116": "an XPath transform: outside the profile of the VIHF and of the lot signature, never run by us",
    "xmldsig#base64": "a base64 transform: outside the profile, never run by us",
}


def run(tally):
    folder = Path(os.environ["DIAPASON_ESIGNSANTE"])
    files = sorted(folder.glob("*.xml"))
    done = subprocess.run([os.environ["INTEROP_VERIFY"], *map(str, files)], capture_output=True, text=True, check=True)
    ours = {Path(one["file"]).name: one for one in map(json.loads, done.stdout.splitlines())}
    work = Path(os.environ["INTEROP_WORK"]) / "dmp" / "esignsante"
    work.mkdir(parents=True, exist_ok=True)
    counts = {"signed": 0, "whole": 0, "value": 0, "outside": 0}
    for file in files:
        said = ours[file.name]
        promise = PROMISES.get(file.name)
        if promise is not None and said.get("signatures"):
            first = said["signatures"][0]
            # A transform that is never run is no proof: something that was looked at must fail.
            failed = [problem for problem in first["problems"] if not any(mark in problem for mark in EXPLAINED)]
            tally.check(f"esignsante: {file.name}: {'holds' if promise else 'does not hold'}, as its name says",
                        first["holds"] if promise else not first["holds"] and failed, "; ".join(first["problems"]))
        if said.get("signatures"):
            counts["signed"] += 1
            compare(tally, file, said["signatures"], work, counts)
    missing = sorted(name for name in PROMISES if name not in ours)
    tally.check("esignsante: the files that the table names are there", not missing, ", ".join(missing))
    tally.check(f"esignsante: {counts['signed']} signed files read, {counts['whole']} compared whole with xmlsec1, "
                f"{counts['value']} values compared with libxml2, {counts['outside']} outside the profile",
                counts["signed"] >= 25 and counts["whole"] >= 10 and counts["value"] >= 20)


def compare(tally, file, ours, work, counts):
    """One file: its first signature whole, and the value of each."""
    first = ours[0]
    content = file.read_bytes()
    if first["outside"]:
        counts["outside"] += 1
        explained = [why for mark, why in EXPLAINED.items() if any(mark in problem for problem in first["problems"])]
        tally.check(f"esignsante: {file.name}: outside the profile, for a reason we know", bool(explained), "; ".join(first["problems"]))
    else:
        counts["whole"] += 1
        theirs = signing.xmlsec(content, work, node="(//*[local-name()='Signature'])[1]")
        tally.check(f"esignsante: {file.name}: the verdict of xmlsec1 ({theirs.held})", theirs.held == first["holds"],
                    f"ours {first['holds']}: {'; '.join(first['problems'])}")
    signatures = list(parse(content).iter(q(DS, "Signature")))
    for signature, one in zip(signatures, ours):
        if one["value"] is None:
            continue
        theirs = value_holds(signature)
        if theirs is not None:
            counts["value"] += 1
            tally.equal(f"esignsante: {file.name}: the value of the signature by libxml2", one["value"], theirs)


def value_holds(signature):
    """Does the value hold over `SignedInfo`, under the certificate of the file? None when it cannot be worked out here."""
    info = signature.find(q(DS, "SignedInfo"))
    how = info.find(q(DS, "CanonicalizationMethod")).get("Algorithm")
    method = info.find(q(DS, "SignatureMethod")).get("Algorithm").split("#")[-1]
    if not how.startswith(EXC_C14N) or method not in HASHES:
        return None
    canonical = etree.tostring(info, method="c14n", exclusive=True, with_comments=how.endswith("WithComments"))
    try:
        certificate = x509.load_der_x509_certificate(base64.b64decode(signature.findtext(f".//{q(DS, 'X509Certificate')}")))
        value = base64.b64decode(signature.findtext(q(DS, "SignatureValue")))
        certificate.public_key().verify(value, canonical, padding.PKCS1v15(), HASHES[method]())
        return True
    except InvalidSignature:
        return False
    except (ValueError, TypeError):
        return None
