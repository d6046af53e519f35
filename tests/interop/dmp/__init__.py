"""The DMP: what the reference DUI and the mock say, read by programs nobody here wrote.

From the registries alone: `xmlsec1`, `signxml`, `lxml`, `zeep`, `requests-toolbelt`. No package of PyPI, npm or Debian was found to carry the schemas of
IHE XDS.b, ebRS or HL7 V3: `annexe/` holds the part of them that is used here, written by us. With fetched material, when its folder is
given, otherwise skipped and counted as skipped:

- `DIAPASON_DMP_WSDL`: the annex of the official WSDLs and schemas (`wsdl/`, `schema/`);
- `DIAPASON_CDA_KIT`: the official kit of CDA content, as for `tests/parity`;
- `DIAPASON_NIST_TESTKIT`: the `testkit` of the NIST XDS toolkit;
- `DIAPASON_ESIGNSANTE`: the signed test files of esignsante.
"""

import os
import shutil
from pathlib import Path

import bench

from . import against_schemas, against_wsdl, campaign, made, signing

#: WSDLs and schemas of our own writing, in the shape of the official annex.
OWN = Path(__file__).resolve().parent / "annexe"
WHY = {
    "DIAPASON_DMP_WSDL": "the official WSDLs and schemas have no licence that lets them be carried here",
    "DIAPASON_CDA_KIT": "the official CDA kit has no licence that lets it be carried here",
    "DIAPASON_NIST_TESTKIT": "the NIST toolkit is fetched on the day",
    "DIAPASON_ESIGNSANTE": "the files of esignsante are fetched on the day",
}


def given(tally, variable, what):
    """The folder that a variable names, or a skip in words."""
    folder = os.environ.get(variable, "")
    if folder and os.path.isdir(folder):
        return folder
    if folder:
        tally.check(f"DMP: {variable} names a folder", False, folder)
    else:
        tally.skip(f"DMP: {what}", f"{variable} is not set; {WHY[variable]}")
    return ""


def run(tally):
    work = bench.WORK / "dmp"
    work.mkdir(parents=True, exist_ok=True)
    pki = signing.Pki(bench.PKI)
    tally.check("DMP: xmlsec1 is installed", shutil.which("xmlsec1") is not None)
    exchanges = []
    tally.section("DMP campaign", lambda t: exchanges.extend(campaign.play(t, work)))
    documents = campaign.documents(exchanges)
    tally.check("DMP: the campaign fed a level 1 and a level 3 document", set(documents) == {"n1", "dlu"}, str(sorted(documents)))
    tally.section("DMP signatures", lambda t: signatures(t, exchanges, pki, work))
    tally.section("DMP requests taken alone", lambda t: campaign.no_error(t, exchanges, work))
    tally.section("DMP made elsewhere", lambda t: made.by_check(t, pki, work, documents))
    with bench.Serve() as serve:
        tally.section("DMP mock", lambda t: made.by_mock(t, serve, pki, work, documents))
    annexes = [(str(OWN), "this test's annex", False)]
    if folder := given(tally, "DIAPASON_DMP_WSDL", "requests and answers against the official schemas; zeep from the official WSDLs"):
        annexes.append((folder, "official annex", True))
    for folder, whose, whole in annexes:
        tally.section(f"DMP schemas, {whose}", lambda t: against_schemas.run(t, exchanges, folder, f"schemas ({whose})", whole))
        tally.section(f"DMP zeep, {whose}", lambda t: against_wsdl.run(t, pki, work, documents, folder, f"DMP zeep ({whose})"))
    if folder := given(tally, "DIAPASON_CDA_KIT", "the CDA of the reference DUI against the official Schematron kit"):
        from . import against_kit

        tally.section("DMP CDA kit", lambda t: against_kit.run(t, exchanges, work, folder))
    if folder := given(tally, "DIAPASON_NIST_TESTKIT", "messages of the NIST toolkit"):
        from . import toolkit

        tally.section("DMP NIST toolkit", lambda t: toolkit.run(t, pki, work, documents, folder))
    if given(tally, "DIAPASON_ESIGNSANTE", "signed files of esignsante"):
        from . import fixtures

        tally.section("esignsante", fixtures.run)


def signatures(tally, exchanges, pki, work):
    by_operation = campaign.vihf(tally, exchanges, pki, work)
    seen = campaign.lot_signatures(tally, exchanges, pki, work)
    campaign.altered(tally, by_operation, seen, pki, work)
