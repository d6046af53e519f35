"""Every request of the reference DUI and every answer of the mock in the campaign, against schemas, by libxml2."""

from collections import Counter, defaultdict

from lxml import etree

from . import campaign
from .names import SOAP, q
from .schemas import Schemas

#: Faults whose answer is meant to be no valid message, or no message at all. Under any other fault it must be valid.
BROKEN = {
    "DMP-F-HTTP-503", "DMP-F-HTTP-429", "DMP-F-HTTP-HTML", "DMP-F-HTTP-GARBAGE", "DMP-F-REDIRECT", "DMP-F-EMPTY-BODY", "DMP-F-CUT", "DMP-F-SOAP11",
    "DMP-F-XML-MALFORMED", "DMP-F-XML-NOT-UTF8", "DMP-F-ENTITY-BOMB", "DMP-F-XML-EXTERNAL-ENTITY", "DMP-F-NOT-XML", "DMP-F-MTOM-CUT", "DMP-F-MTOM-CID",
    "DMP-F-MTOM-PART-MISSING", "DMP-F-MTOM-PART-TWICE", "DMP-F-MTOM-CYCLE", "DMP-F-MTOM-BOUNDARY", "DMP-F-ANSWER-LOST", "DMP-F-ANSWER-LOST-SILENT",
    "DMP-F-ANSWER-LOST-502", "DMP-F-SILENCE", "DMP-F-RESET", "DMP-F-HTML-502", "DMP-F-HTTP-500", "DMP-F-HUGE", "DMP-F-XML-DEEP",
}


def run(tally, exchanges, folder, whose, whole):
    """`whose`: the words for the lines. `whole`: the schemas hold every message of the interface."""
    schemas = Schemas(folder)
    requests(tally, schemas, exchanges, whose, whole)
    answers(tally, schemas, exchanges, whose, whole)
    teeth(tally, schemas, exchanges, whose)


def _wrong(those, whole):
    """What is not valid; what there is no schema for is wrong only where there should be one."""
    return [f"{one.scenario}: {problems if problems is not None else 'no schema'}" for one, problems in those if problems or (problems is None and whole)]


def _judge(schemas, message):
    try:
        return schemas.problems(message)
    except (etree.XMLSyntaxError, KeyError) as error:
        return [f"{type(error).__name__}: {error}"]


def requests(tally, schemas, exchanges, whose, whole):
    by_operation = defaultdict(list)
    for one in exchanges:
        if campaign.readable(one):
            by_operation[one.operation].append((one, _judge(schemas, one.request)))
    for operation, those in sorted(by_operation.items()):
        wrong = _wrong(those, whole)
        tally.check(f"DMP {whose}: the {judged(those)} requests {operation} are valid", not wrong, f"{len(wrong)} not: {wrong[:2]}")


def answers(tally, schemas, exchanges, whose, whole):
    plain, under, counted = defaultdict(list), defaultdict(list), Counter()
    for one in exchanges:
        if not one.raw_answer:
            counted["nothing answered"] += 1
        elif one.fault:
            under[one.fault].append((one, ["cut"] if one.answer.problem else _judge(schemas, one.answer)))
        else:
            plain[one.operation].append((one, _judge(schemas, one.answer)))
    for operation, those in sorted(plain.items()):
        wrong = _wrong(those, whole)
        faults = sum(one.answer.root.find(f".//{q(SOAP, 'Fault')}") is not None for one, problems in those if problems == [])
        tally.check(f"DMP {whose}: the {judged(those)} answers to {operation} are valid ({faults} SOAP faults)", not wrong, f"{len(wrong)} not: {wrong[:2]}")
    for fault, those in sorted(under.items()):
        wrong = _wrong(those, whole)
        if fault in BROKEN:
            counted["broken on purpose"] += len(those)
            continue
        tally.check(f"DMP {whose}: the {judged(those)} answers under {fault} are valid", not wrong, f"{len(wrong)} not: {wrong[:2]}")
    print("       " + ", ".join(f"{what} {count}" for what, count in counted.items()), flush=True)


def judged(those):
    without = sum(problems is None for _, problems in those)
    return f"{len(those)}" + (f" ({without} without a schema here)" if without else "")


def teeth(tally, schemas, exchanges, whose):
    """The schemas do refuse: one attribute or element less in one valid request of each operation."""
    seen = set()
    for one in exchanges:
        if one.operation in seen or not campaign.readable(one) or _judge(schemas, one.request) != []:
            continue
        seen.add(one.operation)
        root = one.request.root
        body = root.find(q(SOAP, "Body"))[0]
        if len(body) == 0:
            continue
        body.append(etree.Element("{urn:autre}inconnu"))
        schema = schemas.of(body)
        tally.check(f"DMP {whose}: refuse a foreign element in {one.operation}", not schema.validate(etree.fromstring(etree.tostring(body))))
