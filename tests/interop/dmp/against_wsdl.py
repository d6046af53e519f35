"""zeep, from WSDLs, asks the mock: existence, search, reference, authorisation, consultation, faults."""

import tomllib

from lxml import etree
from zeep.exceptions import Fault

import bench

from . import lot, official
from . import message as m
from .names import APPROVED
from .record import Message
from .schemas import Schemas

#: One person of each state of a DMP, by the search for existence: filled from the mock's own data.
PEOPLE = bench.ROOT / "mocks/insi/data/personas.toml"


def run(tally, pki, work, documents, folder, whose):
    """`whose`: the words for the lines."""
    schemas = Schemas(folder)
    with bench.Serve() as serve:
        base = serve.addresses["dmp.tlsm"]
        plain = official.Official(folder, base, m.Writer(pki))
        strong = official.Official(folder, base, m.Writer(pki, mode="INDIRECTE_RENFORCEE"))
        tally.section(f"{whose} existence", lambda t: existence(t, whose, serve, plain, schemas))
        tally.section(f"{whose} documents", lambda t: feeding(t, whose, serve, pki, work, documents, plain, strong, schemas))
        tally.section(f"{whose} faults", lambda t: faults(t, whose, plain))


def wrong(schemas, client):
    """What the schemas say of the last answer."""
    found = schemas.problems(Message("", {}, b"", envelope=etree.tostring(client.received())))
    return ["no schema"] if found is None else found


#: What is set before asking: persona, setting, what zeep must read.
STATES = {
    "p02-adrdeux": ({"statut": "absent"}, "NF"),
    "p05-dartagnan": ({"statut": "ferme"}, "OK terminated"),
    "p06-ecetinsi": ({"autorisation": "expire"}, "OK active EXPIRE"),
    "p07-provisoire": ({"autorisation": "interdit"}, "OK active INTERDIT"),
    "p08-de-vinci": ({"rattache_mes": False, "medecin_traitant": True}, "OK active VALIDE"),
}


def existence(tally, whose, serve, client, schemas):
    """TD0.2 of every persona, in every state of a DMP."""
    people = {p["id"]: p for p in tomllib.loads(PEOPLE.read_text())["person"] if "ins" in p}
    for name, (setting, _) in STATES.items():
        serve.arm({"dmp": {"persona": name} | setting})
    seen = {}
    for name, known in people.items():
        person = m.Person(known["ins"]["matricule"], known["ins"]["oid"])
        try:
            answer = client.existence(person)
        except Fault as fault:
            tally.check(f"{whose}: TD0.2 of {name}", False, f"fault {fault.message}")
            continue
        act = answer.controlActProcess
        code = act.queryAck.queryResponseCode.code
        acknowledged = [a.typeCode for a in answer.acknowledgement]
        echoed = answer.acknowledgement[0].targetMessage.id.extension
        sent = client.sent().find(".//{urn:hl7-org:v3}id").get("extension")
        problems = wrong(schemas, client)
        right = acknowledged == ["AA"] and echoed == sent and not problems and code in ("OK", "NF")
        if code == "OK":
            patient = act.subject[0].registrationEvent.subject1.patient
            numbers = {i.extension for i in patient.id}
            right = right and person.matricule in numbers
            values = [v.get("code") for v in client.received().iterfind(".//{urn:hl7-org:v3}attentionLine/{urn:hl7-org:v3}value") if v.get("code")]
            code = " ".join(["OK", patient.statusCode.code, *(values if patient.statusCode.code == "active" else [])])
        seen.setdefault(code, []).append(name)
        tally.check(f"{whose}: TD0.2 of {name}: typed, valid, echoes the request ({code})", right, f"{acknowledged} {problems}")
    met = {name: code for code, names in seen.items() for name in names}
    for name, (setting, code) in STATES.items():
        tally.equal(f"{whose}: {name} set to {setting}", met.get(name), code)
    tally.equal(f"{whose}: all the others have an open DMP", {code for name, code in met.items() if name not in STATES}, {"OK active VALIDE"})
    serve.arm({"clear": True})
    person = m.Person(people["p01-adrun"]["ins"]["matricule"], people["p01-adrun"]["ins"]["oid"])
    answer = client.existence(person, reason="CNSLT_DATA")
    tally.check(f"{whose}: TD1.3a, valid", not wrong(schemas, client) and answer.controlActProcess.queryAck.queryResponseCode.code == "OK")


def feeding(tally, whose, serve, pki, work, documents, plain, strong, schemas):
    """Two documents fed by the second writer, then found, referenced and fetched by zeep."""
    writer, client = m.Writer(pki), m.Client(serve.addresses["dmp.tlsm"], pki)
    fed = {}
    for kind, cda in documents.items():
        submission = lot.Submission(lot.renumbered(cda), pki, work)
        client.post("repository", *submission.packed(writer.assertion(submission.person)))
        fed.setdefault(submission.person.matricule, []).append(submission)
    for submissions in fed.values():
        person = submissions[0].person
        answer = strong.find(person)
        found = official.objects(answer)
        problems = wrong(schemas, strong)
        expected = {s.unique_id for s in submissions}
        tally.check(f"{whose}: TD3.1 finds the {len(expected)} documents fed, typed and valid",
                    {unique for _, _, unique, _ in found} == expected and not problems and answer.status.endswith("Success") and answer.totalResultCount == len(found),
                    f"{problems} {found}")
        tally.check(f"{whose}: every entry found is Approved and none is a signature", found and all(state == APPROVED and kind != "E1762" for _, state, _, kind in found), str(found))
        answer = strong.find(person, "ObjectRef")
        references = {identifier for identifier, *_ in official.objects(answer)}
        tally.check(f"{whose}: TD3.1 by reference, the same objects, valid", not wrong(schemas, strong) and references == {identifier for identifier, *_ in found}, str(references))
        for submission in submissions:
            answer = plain.reference(person, submission.unique_id)
            tally.check(f"{whose}: TD3.1b in INDIRECTE, valid", not wrong(schemas, plain) and len(official.objects(answer)) == 1)
            [received] = strong.retrieve(person, submission.unique_id).DocumentResponse
            # zeep drops the line end before a boundary, and the one before it: only the end of the document may differ.
            content = submission.documents["Document01"][1]
            tally.check(f"{whose}: TD3.2 gives the bytes that were fed", received.Document.rstrip() == content.rstrip() and received.mimeType == "text/xml",
                        f"{len(received.Document)} bytes of {len(content)}")
        answer = strong.authorize(person)
        tally.check(f"{whose}: TD0.3 in INDIRECTE_RENFORCEE", getattr(answer, "status", "") == "DMPOk", str(answer))


def faults(tally, whose, plain):
    """What must be refused is raised as a fault of zeep, with a subcode and a reason in French."""
    people = {p["id"]: p for p in tomllib.loads(PEOPLE.read_text())["person"] if "ins" in p}
    known, other = people["p01-adrun"]["ins"], people["p02-adrdeux"]["ins"]
    person = m.Person(known["matricule"], known["oid"])
    fault = official.fault_of(plain.find, person)
    tally.check(f"{whose}: a search in INDIRECTE is raised as Fault", fault is not None and bool(fault.message) and bool(fault.subcodes), str(fault))
    fault = official.fault_of(plain.authorize, person)
    tally.check(f"{whose}: TD0.3 in INDIRECTE is raised as Fault", fault is not None and bool(fault.message), str(fault))
    plain.writer.structure = "10B0990777"
    fault = official.fault_of(plain.existence, person)
    plain.writer.structure = m.STRUCTURE
    tally.check(f"{whose}: an unknown structure is raised as Fault", fault is not None and "Structure" in fault.message, str(fault))
    made = plain.writer.assertion
    plain.writer.assertion = lambda _person: made(m.Person(other["matricule"], other["oid"]))
    fault = official.fault_of(plain.existence, person)
    del plain.writer.assertion
    tally.check(f"{whose}: a VIHF of another person is raised as Fault", fault is not None, str(fault))
