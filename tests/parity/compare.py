"""Our engine against the reference, document by document: `python3 compare.py KIT WORK --program PARITY`.

Reads the golden files that `oracle.py` and `mutants.py` left in `WORK`, runs the program (the example `parity` of the
crate `diapason-rules`) over the same pairs, with the kit **as it was published**, and compares:

- the failed assertions, as a multiset of messages (white space collapsed);
- how many rules fired;
- their places, exactly (`/ClinicalDocument[1]/author[2]/...`);
- the assertions that our engine could not evaluate.

Exit 1 on any difference that `explained.toml` does not explain, or on an entry there that explains nothing (with all
golden files present). A pair on which Saxon itself stopped is not compared; it is counted, and our engine must have
answered and must have reported something indeterminate.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from pathlib import Path

HERE = Path(__file__).parent
GOLDEN = ("golden.jsonl", "golden-mutants.jsonl", "golden-strangers.jsonl")
OTHERS = "golden-others.jsonl"
KINDS = ("missing", "extra", "blank", "place", "fired", "indeterminate", "error", "xpath")


class Explained:
    """The accepted differences, and which of them were met."""

    def __init__(self, path):
        self.entries = tomllib.loads(path.read_text(encoding="utf-8")).get("difference", [])
        self.met = Counter()
        for number, entry in enumerate(self.entries, 1):
            unknown = set(entry) - {"kind", "schema", "document", "text", "fault", "reason"}
            if unknown or entry.get("kind") not in KINDS or not entry.get("reason") or entry.get("fault") not in ("kit", "engine", "saxon"):
                raise SystemExit(f"explained.toml: entry {number} is not well made: {entry}")

    def accepts(self, difference):
        for number, entry in enumerate(self.entries):
            if entry["kind"] == difference["kind"] and all(
                re.search(entry[key], difference[key]) for key in ("schema", "document", "text") if key in entry
            ):
                self.met[number] += 1
                return entry
        return None


def message(text):
    return " ".join(text.split())


def squeezed(text):
    return "".join(text.split())


def place(location):
    """SVRL has no way to write the document node: the skeleton prints the root element there. One step, one name."""
    steps = [step if step.startswith("@") or step.endswith("]") or step.endswith("()") else f"{step}[1]"
             for step in (re.sub(r"^(@?)[^@:\[\]]*:", r"\1", part) for part in location.split("/") if part)]
    return "/" if len(steps) <= 1 else "/" + "/".join(steps)


def compare(golden, ours):
    """Differences of one pair: `[{kind, text}]`."""
    if "error" in ours:
        return [{"kind": "error", "text": ours["error"]}]
    found = [{"kind": "indeterminate", "text": f"{one['rule']}: {one['reason']}"} for one in ours["indeterminate"]]
    if "error" in golden:
        # Saxon stopped at the first error of this document: ours must have met it too, apart from absent value sets.
        if any("FODC" not in one["reason"] for one in ours["indeterminate"]):
            return []
        return [*found, {"kind": "error", "text": f"Saxon stopped ({golden['error'][:200]}), our engine saw nothing wrong"}]
    theirs, mine = (Counter(message(one["message"]) for one in side["failures"]) for side in (golden, ours))
    if golden["fired"] != ours["fired"]:
        found.append({"kind": "fired", "text": f"{golden['fired']} rules fired for Saxon, {ours['fired']} for our engine"})
    bare = Counter(squeezed(text) for text in (mine - theirs).elements())
    for text in (theirs - mine).elements():
        if bare[squeezed(text)] > 0:
            bare[squeezed(text)] -= 1
            found.append({"kind": "blank", "text": text})
        else:
            found.append({"kind": "missing", "text": text})
    found += [{"kind": "extra", "text": text} for text in bare.elements()]
    if not any(one["kind"] in ("missing", "extra") for one in found):
        theirs, mine = (Counter((place(one["location"]), squeezed(one["message"])) for one in side["failures"]) for side in (golden, ours))
        lost, new = sorted((theirs - mine).elements()), sorted((mine - theirs).elements())
        found += [{"kind": "place", "text": f"{old[0]} became {fresh[0]}: {old[1]}"} for old, fresh in zip(lost, new, strict=True)]
    return found


def run(program, kit, work, wanted):
    """One process for all the pairs, in their order; yields what it answers."""
    with tempfile.TemporaryFile("w+") as lines:
        for document, schema in wanted:
            folder = work if document.startswith("mutants/") else kit
            lines.write(f"{folder / document}\t{schema}\n")
        lines.seek(0)
        process = subprocess.Popen([program, str(kit)], stdin=lines, stdout=subprocess.PIPE, encoding="utf-8")
        for line in process.stdout:
            yield json.loads(line)
        if process.wait() != 0:
            raise SystemExit(f"{program} ended with {process.returncode}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kit", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--program", required=True, help="the example `parity`, built")
    parser.add_argument("--golden", action="append", help=f"golden files in WORK ({', '.join(GOLDEN)})")
    parser.add_argument("--only", default="", help="a regular expression on `document schema`")
    parser.add_argument("--explained", type=Path, default=HERE / "explained.toml")
    parser.add_argument("--repaired", action="store_true", help="judge with the repaired copy in WORK instead of the kit")
    parser.add_argument("--show", type=int, default=40, help="differences printed in full (40)")
    arguments = parser.parse_args()
    kit, work = arguments.kit.resolve(), arguments.work.resolve()
    names = arguments.golden or [name for name in (*GOLDEN, OTHERS) if (work / name).exists()]
    golden = [json.loads(line) for name in names for line in (work / name).open(encoding="utf-8")]
    golden = [one for one in golden if re.search(arguments.only, f"{one['document']} {one['schema']}")]
    if not golden:
        raise SystemExit("nothing to compare: run oracle.py and mutants.py first")
    explained = Explained(arguments.explained)
    begin, counts, unexplained, shown = time.perf_counter(), Counter(), [], 0
    answers = run(arguments.program, work / "kit" if arguments.repaired else kit, work, [(one["document"], one["schema"]) for one in golden])
    for reference, ours in zip(golden, answers, strict=True):
        counts["pairs"] += 1
        counts["failures"] += len(reference.get("failures", []))
        counts["stopped"] += "error" in reference
        differences = compare(reference, ours)
        new = []
        for difference in differences:
            difference.update(document=reference["document"], schema=reference["schema"])
            accepted = explained.accepts(difference)
            counts[f"explained: {accepted['fault']}" if accepted else f"unexplained: {difference['kind']}"] += 1
            if accepted is None:
                new.append(difference)
        counts["identical"] += not differences
        counts["explained pairs"] += bool(differences) and not new
        unexplained += new
        if new and shown < arguments.show:
            print(f"{reference['document']}  {reference['schema']}")
            for difference in new[: arguments.show - shown]:
                print(f"    {difference['kind']}: {difference['text'][:400]}")
                shown += 1
    seconds = time.perf_counter() - begin
    for number, entry in enumerate(explained.entries):
        if entry["kind"] == "xpath":
            continue
        print(f"explained ({entry['fault']}) x {explained.met[number]}: {entry['reason']}")
    useless = [entry for number, entry in enumerate(explained.entries) if not explained.met[number] and entry["kind"] != "xpath"]
    complete = not arguments.only and not arguments.repaired and set(GOLDEN) <= set(names)
    print(f"{counts['pairs']} pairs, {counts['failures']} failed assertions of Saxon: {counts['identical']} pairs identical, "
          f"{counts['explained pairs']} with explained differences only, {len({(one['document'], one['schema']) for one in unexplained})} with others "
          f"({counts['stopped']} where Saxon stopped); {seconds:.1f} s against {sum(one['seconds'] for one in golden):.1f} s of Saxon without its compilations")
    print("  " + ", ".join(f"{key} {value}" for key, value in sorted(counts.items()) if "explained:" in key))
    if complete and useless:
        print(f"{len(useless)} entries of explained.toml explain nothing any more: take them out")
    return 1 if unexplained or (complete and useless) else 0


if __name__ == "__main__":
    sys.exit(main())
