"""Speed and memory, ours against SaxonC, on the same documents in one run: `python3 speed.py KIT WORK --diapason BIN --program PARITY`.

One document (the DLU example) through its model's schematron and the five transverse ones, from the kit as published:

- cold: from process start to verdict. Ours is `diapason check --cda-kit KIT DOCUMENT`, which also judges by our own pack
  and by the kit's XML Schema; SaxonC's is a fresh Python
  process that compiles the six schematrons with the kit's skeleton and runs them (and a second figure, kinder to it,
  with the XSLT already made);
- warm: everything compiled, the document read again each time, one process, one thread; median and 95th percentile;
- peak memory of each process, from the kernel (`ru_maxrss`).

Then every official example with its own schematrons, warm, and a folder of 10,000 small documents judged by
`diapason check`, its memory sampled over time. Prints figures, ratios and the targets; exit 1 when a target is missed.
The two programs must be release builds. Nothing else should run on the machine meanwhile; it says what the load was.
"""

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import kit as kits

EXAMPLE = "ExemplesCDA/DLU-EHPAD-DLU_2022.01.xml"
SMALL = "ExemplesCDA/DOC_NON_STRUCTURE_CDA-R2-N1.xml"

# What SaxonC does, in a process of its own so that its memory is its own.
SAXON = """
import json, sys, time
sys.path.insert(0, sys.argv[1])
from pathlib import Path
import kit as kits
from saxon import Saxon
copy, document, schemas, runs = Path(sys.argv[2]), sys.argv[3], json.loads(sys.argv[4]), int(sys.argv[5])
saxon = Saxon(copy)
compiled = [saxon.compile(schema) for schema in schemas]
times = []
for _ in range(runs):
    begin = time.perf_counter()
    for schema in compiled:
        outcome = saxon.run(schema, document)
        assert "error" not in outcome, outcome
    times.append((time.perf_counter() - begin) * 1000)
print(json.dumps({"version": saxon.version, "milliseconds": times}))
"""


def measured(command, stdin="", expected=(0, 1)):
    """Runs a command: (seconds, peak memory in MB, standard output)."""
    begin = time.perf_counter()
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as errors:
        given.write(stdin.encode())
        given.seek(0)
        process = subprocess.Popen(command, stdin=given, stdout=subprocess.PIPE, stderr=errors)
        output = process.stdout.read()
        _pid, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in expected:
            errors.seek(0)
            raise SystemExit(f"{command[0]} ended with {process.returncode}: {errors.read().decode(errors='replace')[-2000:]}")
    return seconds, usage.ru_maxrss / 1024, output.decode()


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]


class Table:
    """What was found, and which targets were missed."""

    def __init__(self):
        self.missed = []

    def line(self, what, value, target=None, met=None):
        mark = "" if target is None else f"   target {target}: {'met' if met else 'MISSED'}"
        print(f"{what:<66} {value}{mark}", flush=True)
        if met is False:
            self.missed.append(what)


def ours(table, arguments, kit, work):
    document = kit / EXAMPLE
    schemas = kits.called(kit, document)
    command = [arguments.diapason, "check", "--cda-kit", str(kit), str(document)]
    # What is timed must have run the six schematrons.
    _s, _peak, output = measured([*command, "--format", "json"])
    judged = {name.removeprefix("kit/") for name in json.loads(output)["files"][0]["checks"] if name.startswith("kit/")}
    if judged != {Path(schema).stem for schema in schemas}:
        raise SystemExit(f"diapason check judged with {sorted(judged)}, not with {schemas}")
    cold = [measured(command) for _ in range(arguments.runs)]
    cold_ms = statistics.median(one[0] for one in cold) * 1000
    table.line("ours, cold: `diapason check`, process start to verdict, median", f"{cold_ms:8.0f} ms", "< 500 ms", cold_ms < 500)
    peak = max(one[1] for one in cold)
    table.line("ours, cold: peak memory", f"{peak:8.0f} MB", "< 100 MB", peak < 100)
    pairs = "".join(f"{document}\t{schema}\n" for schema in schemas)
    _s, peak, output = measured([arguments.program, str(kit), "--repeat", "60"], stdin=pairs)
    runs = json.loads(output.splitlines()[-1])["milliseconds"][10:]
    warm = statistics.median(runs)
    table.line("ours, warm: one document, six schematrons, median", f"{warm:8.1f} ms", "< 50 ms", warm < 50)
    table.line("ours, warm: 95th percentile", f"{percentile(runs, 0.95):8.1f} ms")
    table.line("ours, warm: peak memory of the process", f"{peak:8.0f} MB", "< 100 MB", peak < 100)
    return cold_ms, warm


def theirs(table, arguments, kit, work):
    document, schemas = kit / EXAMPLE, json.dumps(kits.called(kit, kit / EXAMPLE))
    copy = kits.working_copy(kit, work)
    here = str(Path(__file__).parent)

    def saxon(runs):
        return measured([sys.executable, "-c", SAXON, here, str(copy), str(document), schemas, str(runs)], expected=(0,))

    for schema in json.loads(schemas):
        (copy / schema).with_suffix(".oracle.xsl").unlink(missing_ok=True)
    first, peak, _output = saxon(1)
    table.line("SaxonC, cold: from the .sch files", f"{first * 1000:8.0f} ms, {peak:.0f} MB")
    ready, peak_ready, _output = saxon(1)
    table.line("SaxonC, cold: XSLT already made", f"{ready * 1000:8.0f} ms, {peak_ready:.0f} MB")
    _s, peak, output = saxon(20)
    answer = json.loads(output.splitlines()[-1])
    warm = statistics.median(answer["milliseconds"][5:])
    table.line(f"{answer['version']}, warm: median, after 5 runs", f"{warm:8.1f} ms, {peak:.0f} MB")
    return first * 1000, ready * 1000, warm


def examples(table, arguments, kit):
    pairs = "".join(f"{kit / document}\t{schema}\n" for document, schema in kits.pairs(kit))
    seconds, peak, output = measured([arguments.program, str(kit), "--repeat", "5"], stdin=pairs)
    medians = [statistics.median(json.loads(line)["milliseconds"]) for line in output.splitlines()]
    median = statistics.median(medians)
    table.line(f"ours, warm: {len(medians)} examples with all their schematrons, median", f"{median:8.1f} ms", "< 50 ms", median < 50)
    table.line("ours, warm: the same, 95th percentile", f"{percentile(medians, 0.95):8.1f} ms")
    table.line("ours: 5 rounds of all examples, 59 schematrons compiled", f"{seconds:8.1f} s, {peak:.0f} MB")


def folder(table, arguments, kit, work):
    """10,000 small level-1 documents, each with its own identifiers."""
    where = work / "folder"
    shutil.rmtree(where, ignore_errors=True)
    where.mkdir()
    source = (kit / SMALL).read_bytes()
    source = re.sub(rb"<!--.*?-->", b"", source, flags=re.S)
    source = re.sub(rb"(<text[^>]*>)[^<]{1000,}(</text>)", rb"\1JVBERi0xLjQKJSVFT0YK\2", source)
    for number in range(arguments.count):
        text = re.sub(rb'(<id root=")[^"]*(")', rb"\g<1>1.2.250.1.999.%d\2" % number, source, count=1)
        (where / f"document-{number:05}.xml").write_bytes(text)
    begin = time.perf_counter()
    with (work / "folder.out").open("wb") as sink:
        process = subprocess.Popen([arguments.diapason, "check", "--cda-kit", str(kit), str(where)], stdout=sink, stderr=subprocess.DEVNULL)
        samples = []
        while process.poll() is None:
            try:
                status = Path(f"/proc/{process.pid}/status").read_text()
                samples.append((time.perf_counter() - begin, int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) / 1024))
            except (OSError, AttributeError):
                break
            time.sleep(0.2)
        code = process.wait()
    seconds = time.perf_counter() - begin
    size = sum(file.stat().st_size for file in where.iterdir()) / 1e6
    shutil.rmtree(where)
    table.line(f"ours: folder of {arguments.count} documents ({size:.0f} MB), exit {code}", f"{seconds:8.1f} s, {arguments.count / seconds:.0f} a second", "exit 0 or 1", code in (0, 1))
    tenths = [samples[min(len(samples) - 1, len(samples) * tenth // 10)] for tenth in range(11)]
    print("    memory over time: " + ", ".join(f"{at:.0f} s {rss:.0f} MB" for at, rss in tenths))
    half = len(samples) // 2
    early, late = (max((rss for _at, rss in part), default=0) for part in (samples[len(samples) // 10:half], samples[half:]))
    table.line("ours: folder, peak of the second half over the first", f"{late / max(early, 1):8.2f}", "< 1.10", late < 1.10 * early)
    table.line("ours: folder, peak", f"{max(early, late):8.0f} MB")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kit", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--diapason", required=True, help="the program, release build")
    parser.add_argument("--program", required=True, help="the example `parity`, release build")
    parser.add_argument("--runs", type=int, default=11, help="cold runs (11)")
    parser.add_argument("--count", type=int, default=10_000, help="documents in the folder (10000)")
    parser.add_argument("--skip", action="append", default=[], choices=("saxon", "examples", "folder"))
    arguments = parser.parse_args()
    kit, work = arguments.kit.resolve(), arguments.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    table = Table()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; {EXAMPLE}: {(kit / EXAMPLE).stat().st_size / 1e6:.1f} MB")
    cold, warm = ours(table, arguments, kit, work)
    if "saxon" not in arguments.skip:
        first, ready, steady = theirs(table, arguments, kit, work)
        table.line("ratio cold, from the sources", f"{first / cold:8.0f} times")
        table.line("ratio cold, XSLT already made", f"{ready / cold:8.0f} times")
        table.line("ratio warm", f"{steady / warm:8.0f} times", ">= 15", steady >= 15 * warm)
    if "examples" not in arguments.skip:
        examples(table, arguments, kit)
    if "folder" not in arguments.skip:
        folder(table, arguments, kit, work)
    print(f"load at the end {os.getloadavg()[0]:.1f}; {len(table.missed)} targets missed")
    return 1 if table.missed else 0


if __name__ == "__main__":
    sys.exit(main())
