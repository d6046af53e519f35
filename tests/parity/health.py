"""The defects of the kit as `kit.py` finds them by walking its files, against those our engine lists:
`python3 health.py KIT --program PARITY`.

Each missing include, wrong letter case and absent value set found here must be listed by the engine, for the same
schema. What the engine lists beyond (phases that activate what does not exist, expressions it cannot use) is printed.
Exit 1 when the engine stays silent on a defect.
"""

import argparse
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import kit as kits

# Kinds that are no defect of a schema: the engine meets them when it reads the file, or repairs them in silence.
NOT_LISTED = {"empty-value-set": "met when read", "unreadable": "met when read", "space-in-name": "trimmed"}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kit", type=Path)
    parser.add_argument("--program", required=True, help="the example `parity`, built")
    arguments = parser.parse_args()
    kit = arguments.kit.resolve()
    done = subprocess.run([arguments.program, str(kit), "--health"], capture_output=True, encoding="utf-8", check=True)
    listed = [json.loads(line) for line in done.stdout.splitlines()]
    silent, met, kinds = [], set(), Counter()
    for defect in kits.defects(kit):
        kinds[defect.kind] += 1
        if defect.kind in NOT_LISTED:
            continue
        found = [number for number, one in enumerate(listed) if one["schema"] == defect.schema and json.dumps(defect.detail, ensure_ascii=False) in one["problem"]]
        met.update(found)
        if not found:
            silent.append(defect)
    for defect in silent:
        print(f"the engine does not list: {defect.kind} {defect.detail} in {defect.file}, of {defect.schema}")
    for number, one in enumerate(listed):
        if number not in met:
            print(f"the engine also lists: {one['schema']}: {one['problem'][:200]}")
    print(f"{sum(kinds.values())} defects found by walking the files ({', '.join(f'{value} {key}' for key, value in sorted(kinds.items()))}); "
          f"{len(silent)} that the engine should list and does not; {len(listed)} listed by the engine")
    return 1 if silent else 0


if __name__ == "__main__":
    sys.exit(main())
