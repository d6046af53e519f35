"""Reference verdicts on the official examples: `python3 oracle.py KIT WORK`.

Every example is judged by SaxonC, through the kit's own skeleton, with the schematrons it names and the transverse
ones. Writes `WORK/golden.jsonl` (one line per document and schematron) and `WORK/defects.json` (what is wrong with the
kit). `--documents FOLDER` judges instead the documents of a folder, with the schematrons of the kit whose file names
they mention, into `WORK/golden-others.jsonl`: documents nobody looked at while the engine was written.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import kit as kits
from saxon import Saxon


def judge(copy, wanted, output):
    """Runs `wanted`, pairs of (name, file, schema), schema by schema, and writes one line each."""
    saxon = Saxon(copy)
    by_schema = {}
    for name, file, schema in wanted:
        by_schema.setdefault(schema, []).append((name, file))
    counts = {"pairs": 0, "failing": 0, "failures": 0, "errors": 0}
    partial = output.with_suffix(".partial")
    with partial.open("w", encoding="utf-8") as lines:
        for schema, tasks in sorted(by_schema.items()):
            begin = time.perf_counter()
            try:
                compiled, refused = saxon.compile(schema), None
            except Exception as error:  # noqa: BLE001 - see saxon.py
                compiled, refused = None, " ".join(str(error).split())
            built = time.perf_counter() - begin
            for name, file in tasks:
                outcome = {"error": refused, "seconds": 0.0} if refused else saxon.run(compiled, file)
                counts["pairs"] += 1
                counts["errors"] += "error" in outcome
                counts["failing"] += bool(outcome.get("failures"))
                counts["failures"] += len(outcome.get("failures", []))
                lines.write(json.dumps({"document": name, "schema": schema, **outcome}, ensure_ascii=False) + "\n")
            lines.flush()
            print(f"{time.perf_counter() - begin:7.1f} s ({built:5.1f} s to compile) {len(tasks):4} documents  {schema}", flush=True)
    partial.rename(output)
    print(f"{saxon.version}: {counts['pairs']} pairs, {counts['failing']} with failures ({counts['failures']} in all), "
          f"{counts['errors']} ended in an error of the engine -> {output}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kit", type=Path, help="an unpacked TestContenuCDA folder, only read")
    parser.add_argument("work", type=Path, help="a folder of ours, outside the repository")
    parser.add_argument("--documents", type=Path, help="judge the documents of this folder instead of the examples")
    arguments = parser.parse_args()
    source, work = arguments.kit.resolve(), arguments.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    defects = kits.defects(source)
    (work / "defects.json").write_text(json.dumps([one._asdict() for one in defects], ensure_ascii=False, indent=1) + "\n")
    print(f"kit {kits.digest(source)[:16]}: {len(defects)} defects")
    copy = kits.working_copy(source, work)
    if arguments.documents:
        files = sorted(file for file in arguments.documents.resolve().rglob("*") if file.suffix.lower() == ".xml" and b"ClinicalDocument" in file.read_bytes())
        judge(copy, [(str(file), file, schema) for file in files for schema in kits.called(source, file)], work / "golden-others.jsonl")
        return 0
    judge(copy, [(document, copy / document, schema) for document, schema in kits.pairs(source)], work / "golden.jsonl")
    return 0


if __name__ == "__main__":
    sys.exit(main())
