"""Canonical forms of every XML file of a folder, ours against libxml2's (lxml).

    python3 tests/parity/canonical.py FOLDER --program target/debug/examples/canonical

Four forms a file: inclusive and exclusive, with and without comments. Ends with `N passed, N failed`.
"""

import argparse
import io
import pathlib
import subprocess
import sys

from lxml import etree


def ours(program, mode, comments, files):
    """Our forms, in the order of the files."""
    asked = "".join(f"{path}\n" for path in files)
    word = "comments" if comments else "none"
    run = subprocess.run([program, mode, word, "-"], input=asked.encode(), capture_output=True, check=False)
    if run.returncode:
        sys.exit(run.stderr.decode())
    out = io.BytesIO(run.stdout)
    forms = []
    for _ in files:
        forms.append(out.read(int(out.readline())))
    return forms


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--program", required=True)
    args = parser.parse_args()
    files, trees = [], []
    for path in sorted(args.folder.rglob("*.xml")):
        data = path.read_bytes()
        if b"<!DOCTYPE" in data or data.startswith((b"\xff\xfe", b"\xfe\xff")) or b'encoding="ISO' in data[:200]:
            continue
        try:
            trees.append(etree.fromstring(data, etree.XMLParser(resolve_entities=False, huge_tree=True)))
            files.append(path)
        except etree.XMLSyntaxError:
            continue
    passed = failed = 0
    for mode in ("inclusive", "exclusive"):
        for comments in (False, True):
            for path, tree, mine in zip(files, trees, ours(args.program, mode, comments, files), strict=True):
                out = io.BytesIO()
                tree.getroottree().write_c14n(out, exclusive=mode == "exclusive", with_comments=comments)
                if out.getvalue() == mine:
                    passed += 1
                else:
                    failed += 1
                    print(f"differs: {mode} comments={comments} {path}")
    print(f"{len(files)} files, four forms each")
    print(f"{passed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
