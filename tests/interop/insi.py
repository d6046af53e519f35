"""INSi by the Python library zeep, driven from a WSDL that this test wrote: mutual TLS, both searches, every
persona, the writing styles, the twins, the faults. Each answer is also validated with lxml.
"""

import tomllib
import uuid
from datetime import datetime, timezone

import requests
import zeep
from lxml import etree
from zeep.exceptions import Fault, TransportError, XMLSyntaxError
from zeep.plugins import HistoryPlugin
from zeep.wsa import WsAddressingPlugin

import bench

FOLDER = bench.HERE / "insi"
EMETTEUR = "10B0990001"
SOAP = "{http://www.w3.org/2003/05/soap-envelope}"
RESULTAT = "{http://www.cnamts.fr/INSiResultat}RESULTAT"
ERREUR = "{urn:siram}Erreur"
STYLES = ["default", "env", "s", "ns2", "soap"]


class Insi:
    """zeep on one listener, with or without a client certificate."""

    def __init__(self, address, certificate="client-insi-manu"):
        session = requests.Session()
        session.trust_env = False
        session.verify = str(bench.PKI / "ca-bundle.pem")
        if certificate:
            session.cert = (str(bench.PKI / f"{certificate}.pem"), str(bench.PKI / f"{certificate}.key"))
        self.history = HistoryPlugin()
        client = zeep.Client(str(FOLDER / "insi.wsdl"), plugins=[WsAddressingPlugin(), self.history],
                             transport=zeep.Transport(session=session, operation_timeout=10))
        self.service = client.create_service("{http://www.cnamts.fr/webservice}RecherchesSoap12", address)

    @staticmethod
    def headers(couverture=None):
        now = datetime.now(timezone.utc)
        common = {"Temps": now, "Emetteur": EMETTEUR}
        return {
            "bam": {**common, "Id": str(uuid.uuid4()), "Version": "01_02", "Nature": "CTXBAM", "COUVERTURE": couverture or {}},
            "lps": {**common, "Id": str(uuid.uuid4()), "Version": "01_00", "Nature": "CTXLPS",
                    "LPS": {"IDAM": {"_value_1": "AAA00AA00AA0", "R": "4"}, "Version": "1.0", "Instance": str(uuid.uuid4()), "Nom": "Interop"}},
        }

    def traits(self, person, prenom=None, lieu=None):
        t = person["traits"]
        more = {"LieuNaissance": lieu} if lieu else {}
        return self.service.rechercherInsAvecTraitsIdentite(
            NomNaissance=t["nom_naissance"], Prenom=[prenom or t["prenoms"][0]], Sexe=t["sexe"],
            DateNaissance=t["date_naissance"], _soapheaders=self.headers(), **more)

    def carte(self, person, rang=None, ouvrant=None):
        number = (ouvrant or person)["ins"]["matricule"]
        who = {"NumIdentifiant": number[:13], "Cle": number[13:]}
        place = {"MatriculeOD": who} if ouvrant else {"MatriculeIndividu": who}
        t = person["traits"]
        more = {"RangNaissance": rang} if rang else {}
        beneficiaire = {"DateNai": t["date_naissance"]} | ({"Rang": int(rang)} if rang else {}) | (
            {} if ouvrant else {"Nir": {"Num": number[:13], "Cle": number[13:]}})
        couverture = {"ASSURE": {"Id": {"Num": number[:13], "Cle": number[13:]}}, "BENEFICIAIRE": beneficiaire}
        return self.service.rechercherInsAvecCarteVitale(
            NomNaissance=t["nom_naissance"], DateNaissance=t["date_naissance"], _soapheaders=self.headers(couverture),
            **place, **more)

    def received(self):
        return self.history.last_received["envelope"]


def problems(schema, envelope, name):
    """What lxml finds wrong in the element of that name, or that it is not there."""
    found = envelope.findall(f".//{name}")
    if len(found) != 1:
        return f"{len(found)} {name}"
    alone = etree.fromstring(etree.tostring(found[0]))
    return "" if schema.validate(alone) else str(schema.error_log.last_error)


def same(answer, person):
    """The differences between an answer and the person the mock knows."""
    ins, tiq, known = answer.INDIVIDU.INSACTIF, answer.INDIVIDU.TIQ, person["traits"]
    seen = {
        "matricule": ins.IdIndividu.NumIdentifiant + (ins.IdIndividu.Cle or ""), "oid": ins.OID,
        "nom": tiq.NomNaissance, "sexe": tiq.Sexe, "date": tiq.DateNaissance, "lieu": tiq.LieuNaissance,
        "prenoms": tiq.ListePrenom or tiq.Prenom,
        "historique": [h.IdIndividu.NumIdentifiant + (h.IdIndividu.Cle or "") for h in answer.INDIVIDU.INSHISTO or []],
    }
    expected = {
        "matricule": person["ins"]["matricule"], "oid": person["ins"]["oid"], "nom": known["nom_naissance"],
        "sexe": known["sexe"], "date": known["date_naissance"], "lieu": known.get("lieu_naissance"),
        "prenoms": seen["prenoms"] if seen["prenoms"] in (" ".join(known["prenoms"]), known["prenoms"][0]) else known["prenoms"],
        "historique": [h["matricule"] for h in person.get("historique", [])],
    }
    return {key: (seen[key], expected[key]) for key in seen if seen[key] != expected[key]}


def run(tally):
    people = {p["id"]: p for p in tomllib.loads((bench.ROOT / "mocks/insi/data/personas.toml").read_text())["person"]}
    resultat = etree.XMLSchema(etree.parse(str(FOLDER / "resultat.xsd")))
    erreur = etree.XMLSchema(etree.parse(str(FOLDER / "erreur.xsd")))
    tally.check("INSi: personas of the mock", len(people) >= 18, str(len(people)))
    with bench.Serve() as serve:
        insi = Insi(serve.addresses["insi.tlsm"])
        for name, person in people.items():
            everybody(tally, insi, resultat, name, person)
        tally.section("INSi twins", lambda t: twins(t, insi, people))
        tally.section("INSi cards", lambda t: cards(t, insi, resultat, people))
        tally.section("INSi styles", lambda t: styles(t, serve, insi, resultat, people["p06-ecetinsi"]))
        tally.section("INSi faults", lambda t: faults(t, serve, insi, erreur, people["p01-adrun"]))
        tally.section("INSi TLS", lambda t: tls(t, serve, people["p01-adrun"]))


def everybody(tally, insi, schema, name, person):
    """The search procedure of insi.md 4.11, then the same person again with all the prénoms and the place."""
    lieu = person["traits"].get("lieu_naissance")
    answer = insi.traits(person)
    wrong = problems(schema, insi.received(), RESULTAT)
    if answer.CR.CodeCR == "02":
        answer = insi.traits(person, lieu=lieu)
        wrong = wrong or problems(schema, insi.received(), RESULTAT)
    if "ins" not in person:
        tally.check(f"INSi: {name}: CR 01 by traits, valid", answer.CR.CodeCR == "01" and answer.INDIVIDU is None and not wrong,
                    f"{answer.CR.CodeCR} {wrong}")
        return
    different = same(answer, person) if answer.CR.CodeCR == "00" else answer.CR.CodeCR
    tally.check(f"INSi: {name}: CR 00 by traits, the person known, valid", not different and not wrong, f"{different} {wrong}")


def twins(tally, insi, people):
    for name in ("jumeau-a", "jumeau-b", "p08-de-vinci"):
        person = people[name]
        without = insi.traits(person).CR.CodeCR
        found = insi.traits(person, lieu=person["traits"]["lieu_naissance"])
        tally.check(f"INSi: {name}: 02 without the place, 00 with it", without == "02" and not same(found, person), f"{without}, then {found.CR.CodeCR}")
    tchitchi = people["p09-tchitchi"]
    codes = [insi.traits(tchitchi, prenom=p).CR.CodeCR for p in ("OLA", "CATARINA")]
    tally.equal("INSi: p09-tchitchi: 01 by the first prénom, 00 by the second", codes, ["01", "00"])


def cards(tally, insi, schema, people):
    for name in ("p01-adrun", "p06-ecetinsi", "p11-corse"):
        answer = insi.carte(people[name])
        wrong = problems(schema, insi.received(), RESULTAT)
        tally.check(f"INSi: {name}: CR 00 by carte Vitale, valid", not same(answer, people[name]) and not wrong, wrong)
    holder, child = people["p01-adrun"], people["ayant-droit"]
    answer = insi.carte(child, rang="1", ouvrant=holder)
    tally.check("INSi: a child on a parent's card, by the birth rank", not same(answer, child), str(answer.CR.CodeCR))


def styles(tally, serve, insi, schema, person):
    for style in STYLES:
        serve.arm({"clear": True})
        serve.arm({"fault": {"id": "INSI-F-STYLE", "with": {"style": style}}})
        answer = insi.traits(person)
        wrong = problems(schema, insi.received(), RESULTAT)
        tally.check(f"INSi: namespaces written in the style {style}", not same(answer, person) and not wrong, wrong)
    serve.arm({"clear": True})
    for fault in ("TIQ-PRENOM-ONLY", "TIQ-PRENOM-AND-LISTE", "CLE-MISSING", "TIQ-NO-LIEU", "SOAP-HEADER-EMPTY", "RELATES-TO-RIGHT", "HTTP-CHUNKED"):
        serve.arm({"fault": {"id": f"INSI-F-{fault}", "times": 1}})
        answer = insi.traits(person)
        wrong = problems(schema, insi.received(), RESULTAT)
        tally.check(f"INSi: a permitted answer, {fault}", answer.CR.CodeCR == "00" and not wrong, wrong)


def faults(tally, serve, insi, schema, person):
    for name, code in (("INSI-102", "insi_102"), ("INSI-111", "insi_111"), ("INSI-19", "insi_19"), ("DESIR-550", "desir_550"),
                       ("DESIR-560", "desir_560"), ("DESIR-1020", "desir_1020"), ("CODE-UNKNOWN", None)):
        serve.arm({"fault": {"id": f"INSI-F-{name}", "times": 1}})
        try:
            said = f"no fault: {insi.traits(person).CR.CodeCR}"
        except Fault as fault:
            found = fault.detail.find(ERREUR) if fault.detail is not None else None
            if found is None:
                said = f"no {ERREUR} in the detail"
            else:
                alone = etree.fromstring(etree.tostring(found))
                said = "" if schema.validate(alone) else str(schema.error_log.last_error)
                if not said and code and found.get("code") != code:
                    said = f"code {found.get('code')}"
                if not said and not fault.message:
                    said = "no reason"
        tally.check(f"INSi: {name} is raised as zeep.exceptions.Fault, its Erreur valid", not said, said)
    # zeep reads the well-formed HTML of a 503 as a fault without a name.
    for name, raised in (("HTTP-503", (TransportError, Fault)), ("XML-MALFORMED", (XMLSyntaxError, TransportError))):
        serve.arm({"fault": {"id": f"INSI-F-{name}", "times": 1}})
        try:
            said = f"an answer: {insi.traits(person).CR.CodeCR}"
        except raised:
            said = ""
        tally.check(f"INSi: {name} is an error for zeep, not an answer", not said, said)
    tally.equal("INSi: after the faults, the service answers again", insi.traits(person).CR.CodeCR, "00")


def tls(tally, serve, person):
    """Mutual TLS is asked for, and the certificate that calls is judged."""
    try:
        said = f"answered {Insi(serve.addresses['insi.tlsm'], None).traits(person).CR.CodeCR}"
    except requests.exceptions.RequestException:
        said = ""
    except Fault as fault:
        said = f"fault {fault.message}"
    tally.check("INSi: no client certificate, no conversation", not said, said)
    try:
        said = f"answered {Insi(serve.addresses['insi.tlsm'], 'client-etranger').traits(person).CR.CodeCR}"
    except (requests.exceptions.RequestException, Fault):
        said = ""
    tally.check("INSi: a certificate of a foreign CA is turned away", not said, said)
    tally.equal("INSi: INSI-AUTO is answered too", Insi(serve.addresses["insi.tlsm"], "client-insi-auto").traits(person).CR.CodeCR, "00")
