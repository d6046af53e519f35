"""What a campaign recorded of the DMP: each exchange, its messages taken apart by libraries of other authors."""

import json
import re
from dataclasses import dataclass, field
from email import message_from_bytes
from email.parser import BytesHeaderParser
from urllib.parse import unquote

from lxml import etree
from requests_toolbelt.multipart import decoder

from .names import SAML, q

#: No entity is resolved, no network is used.
PARSER = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True, remove_blank_text=False)


def parse(xml):
    return etree.fromstring(xml, PARSER)


@dataclass
class Message:
    """An HTTP message with its body: the envelope, and the parts by Content-ID."""

    start_line: str
    headers: dict
    body: bytes
    envelope: bytes = b""
    parts: dict = field(default_factory=dict)
    #: Why the body could not be taken apart.
    problem: str = ""

    @property
    def root(self):
        return parse(self.envelope)

    @property
    def is_package(self):
        return bool(self.parts)

    def part(self, href):
        return self.parts[unquote(href.removeprefix("cid:"))]

    def assertions(self):
        return self.root.findall(f".//{q(SAML, 'Assertion')}")


def message(raw):
    """Reads the bytes of one HTTP message, as a mock recorded them."""
    head, separator, body = raw.partition(b"\r\n\r\n")
    if not separator:
        return Message("", {}, raw, problem="no end of the HTTP head")
    start, _, lines = head.partition(b"\r\n")
    parsed = BytesHeaderParser().parsebytes(lines + b"\r\n\r\n")
    headers = {name.lower(): value for name, value in parsed.items()}
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body = _unchunk(body)
    found = Message(start.decode("latin-1"), headers, body)
    _take_apart(found)
    return found


def _unchunk(body):
    whole = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size.split(b";")[0] or b"0", 16)
        if not length:
            break
        whole, body = whole + body[:length], body[length + 2:]
    return whole


def _take_apart(found):
    content_type = found.headers.get("content-type", "")
    if not content_type.lower().startswith("multipart/"):
        found.envelope = found.body
        return
    try:
        for number, part in enumerate(decoder.MultipartDecoder(found.body, content_type).parts):
            name = part.headers.get(b"Content-ID", f"part-{number}".encode()).decode("latin-1").strip().strip("<>")
            found.parts[name] = part.content
    except decoder.ImproperBodyPartContentException as error:
        # requests-toolbelt knows neither a preamble nor an epilogue; the standard library does.
        whole = message_from_bytes(b"Content-Type: " + content_type.encode("latin-1") + b"\r\n\r\n" + found.body)
        if not whole.is_multipart() or whole.defects:
            found.problem = f"{error} {whole.defects}"
            return
        found.parts = {part.get("Content-ID", "").strip().strip("<>"): part.get_payload(decode=True) for part in whole.get_payload()}
    start = re.search(r'start="?<?([^">;]+)>?"?', content_type)
    first = next(iter(found.parts), "")
    found.envelope = found.parts.get(start[1] if start else first, b"")


@dataclass
class Exchange:
    """One request of the DMP and its answer."""

    number: int
    scenario: str
    listener: str
    operation: str
    raw_request: bytes
    raw_answer: bytes
    status: int
    fault: str
    outcome: str
    request: Message
    answer: Message


def exchanges(report):
    """Every exchange of the DMP's SOAP services in the journal of a report folder."""
    events = [json.loads(line)["event"] for line in (report / "journal.ndjson").read_text().splitlines()]
    received, scenario, found = {}, "", []
    for event in events:
        kind = event["event"]
        if kind == "scenario_started":
            scenario = event["scenario"]
        elif kind == "exchange_received" and event["service"] == "dmp" and event["listener"] == "tlsm":
            received[event["id"]] = (event, scenario)
        elif kind == "exchange_answered" and event["id"] in received:
            asked, of = received.pop(event["id"])
            raw, answer = _blob(report, asked["request"]), _blob(report, event["response"])
            found.append(Exchange(
                asked["id"], of, asked["listener"], asked["operation"], raw, answer, event["status"],
                event.get("fault") or "", event.get("outcome") or "", message(raw), message(answer)))
    return found


def _blob(report, digest):
    return (report / "blobs" / digest).read_bytes() if digest else b""
