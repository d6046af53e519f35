"""XPath alone, ours against Saxon's: `python3 xpath.py WORK --program PARITY`. Needs no kit.

Evaluates each expression of `xpath.txt` on the document element of `xpath.xml`: by SaxonC in a stylesheet of
version 2.0, by our engine in a `let` of a one-assertion schema. The value, as strings joined by `|`, must be the same,
and where Saxon sees an error ours must see one.
"""

import argparse
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from xml.sax.saxutils import quoteattr

from compare import Explained

HERE = Path(__file__).parent
SHOW = "string-join(for $i in $v return string($i), '|')"
NAMESPACES = {"d": "urn:d", "e": "urn:e", "xs": "http://www.w3.org/2001/XMLSchema", "xsi": "http://www.w3.org/2001/XMLSchema-instance"}


def saxon(expressions, folder):
    import saxonche

    processor = saxonche.PySaxonProcessor(license=False)
    xslt = processor.new_xslt30_processor()
    bound = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in NAMESPACES.items())
    answers = []
    for expression in expressions:
        sheet = (f'<xsl:stylesheet version="2.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform" {bound}>'
                 f'<xsl:output method="text"/><xsl:template match="/"><xsl:apply-templates select="/*"/></xsl:template><xsl:template match="/*">'
                 f'<xsl:variable name="v" select={quoteattr(expression)}/><xsl:value-of select={quoteattr(SHOW)}/></xsl:template></xsl:stylesheet>')
        try:
            answers.append(xslt.compile_stylesheet(stylesheet_text=sheet).transform_to_string(source_file=str(folder / "xpath.xml")) or "")
        except Exception as error:  # noqa: BLE001 - see saxon.py
            answers.append(("ERROR", " ".join(str(error).split())[:160]))
    return answers


def ours(expressions, folder, program):
    bound = "".join(f"<ns prefix={quoteattr(prefix)} uri={quoteattr(uri)}/>" for prefix, uri in NAMESPACES.items())
    patterns = "".join(
        f'<pattern><rule context="/*"><let name="v" value={quoteattr(expression)}/>'
        f'<report id="x{number}" test="true()">x{number}=<value-of select={quoteattr(SHOW)}/></report></rule></pattern>'
        for number, expression in enumerate(expressions)
    )
    (folder / "xpath.sch").write_text(f'<schema xmlns="http://purl.oclc.org/dsdl/schematron" queryBinding="xslt2">{bound}{patterns}</schema>', encoding="utf-8")
    done = subprocess.run([program, str(folder)], input=f"{folder / 'xpath.xml'}\txpath.sch\n", capture_output=True, encoding="utf-8")
    if done.returncode != 0:
        raise SystemExit(f"{program}: {done.stderr}")
    outcome = json.loads(done.stdout)
    if "error" in outcome:
        raise SystemExit(f"{program}: {outcome['error']}")
    answers = {}
    for failure in outcome["failures"]:
        name, value = failure["message"].split("=", 1)
        # The mark of a value that could not be worked out.
        answers[int(name[1:])] = ("ERROR", "") if value == "(?)" else value
    return [answers.get(number, ("ERROR", "")) for number in range(len(expressions))]


def same(theirs, mine):
    if isinstance(theirs, tuple) or isinstance(mine, tuple):
        return isinstance(theirs, tuple) and isinstance(mine, tuple)
    return theirs.split() == mine.split()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--program", required=True, help="the example `parity`, built")
    arguments = parser.parse_args()
    folder = arguments.work.resolve() / "xpath"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "xpath.xml").write_bytes((HERE / "xpath.xml").read_bytes())
    expressions = [line for line in (HERE / "xpath.txt").read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    explained = Explained(HERE / "explained.toml")
    counts = Counter()
    for expression, theirs, mine in zip(expressions, saxon(expressions, folder), ours(expressions, folder, arguments.program), strict=True):
        if same(theirs, mine):
            counts["the same error" if isinstance(theirs, tuple) else "the same value"] += 1
            continue
        text = f"{expression}   Saxon: {theirs!r}   ours: {mine!r}"
        accepted = explained.accepts({"kind": "xpath", "text": text, "schema": "", "document": ""})
        counts["explained" if accepted else "different"] += 1
        print(f"{'explained' if accepted else 'DIFFERENT'}: {text}" + (f"   ({accepted['reason']})" if accepted else ""))
    print(f"{len(expressions)} expressions: " + ", ".join(f"{value} {key}" for key, value in counts.items()))
    return 1 if counts["different"] else 0


if __name__ == "__main__":
    sys.exit(main())
