"""What the bench writes, read by other people's readers: JUnit by lxml and junitparser, report.json and the
published schemas by Python's jsonschema, the driver contract by openapi-spec-validator.
"""

import json
import shutil

from jsonschema import Draft202012Validator
from jsonschema.validators import validator_for
from junitparser import Error, Failure, JUnitXml, Skipped
from lxml import etree
from openapi_spec_validator import validate as validate_openapi

import bench

#: A mutant, so that there are failures; a document scenario, so that something is inconclusive.
MUTANT = "accept-wrong-aud"
SCENARIOS = ["INS/va1.54.01", "PSC/ATT.D-05", "PSC/ATT.D-12", "PSC/DOC.01", "PSC/01.02"]


def run(tally):
    folder = bench.WORK / "reports"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    wanted = [arg for one in SCENARIOS for arg in ("--scenario", one)]
    done = bench.diapason("--quiet", "demo", "--mutant", MUTANT, "--state", bench.PKI, "--report", folder / "rapport", *wanted, cwd=folder)
    tally.check("reports: a demo with a mutant ends with deviations", done.returncode == 1, f"exit {done.returncode}: {done.stderr[-300:]}")
    report = json.loads((folder / "rapport" / "report.json").read_text())
    verdicts = {line["id"]: line["verdict"] for line in report["scenarios"]}

    junit_by_lxml(tally, folder / "rapport" / "junit.xml")
    junit_by_junitparser(tally, folder / "rapport" / "junit.xml", verdicts)
    published_schemas(tally, folder, report)


def junit_by_lxml(tally, path):
    schema = etree.XMLSchema(etree.parse(str(bench.HERE / "junit.xsd")))
    tally.check("reports: junit.xml has the shape Jenkins reads", schema.validate(etree.parse(str(path))), str(schema.error_log.last_error))


def junit_by_junitparser(tally, path, verdicts):
    suites = JUnitXml.fromfile(str(path))
    cases = [case for suite in suites for case in suite]
    tally.equal("reports: junitparser finds a case for each scenario", len(cases), len(verdicts))
    tally.check("reports: one suite a family", {suite.name for suite in suites} == {"diapason.ins", "diapason.psc"},
                str([suite.name for suite in suites]))
    for scenario, verdict in verdicts.items():
        case = next((c for c in cases if c.name.split()[0] == scenario), None)
        kinds = {type(result) for result in case.result} if case else None
        expected = {"conforme": set(), "reserve": set(), "non_conforme": {Failure}, "erreur_banc": {Error},
                    "non_concluant": {Skipped}, "non_applicable": {Skipped}}[verdict]
        tally.check(f"reports: junitparser reads {scenario} as {verdict}", kinds == expected, str(kinds))
    for suite in suites:
        counted = (suite.tests, suite.failures, suite.errors)
        real = (len(list(suite)), sum(any(isinstance(r, Failure) for r in c.result) for c in suite),
                sum(any(isinstance(r, Error) for r in c.result) for c in suite))
        tally.equal(f"reports: the counts of {suite.name} are those of its cases", counted, real)


def published_schemas(tally, folder, report):
    committed = bench.ROOT / "profiles" / "schemas"
    schema = json.loads((committed / "report.schema.json").read_text())
    wrong = [f"{e.json_path}: {e.message[:120]}" for e in list(Draft202012Validator(schema).iter_errors(report))[:3]]
    tally.check("reports: report.json is valid for jsonschema", not wrong, "; ".join(wrong))
    broken = json.loads(json.dumps(report))
    broken["scenarios"][0]["verdict"] = "presque"
    tally.check("reports: a wrong verdict word is not valid", not Draft202012Validator(schema).is_valid(broken))

    done = bench.diapason("contract", "--write-schemas", folder / "schemas")
    written = sorted((folder / "schemas").glob("*.schema.json"))
    tally.check("reports: contract --write-schemas writes schemas", done.returncode == 0 and len(written) > 5, done.stderr)
    for path in written:
        one = json.loads(path.read_text())
        try:
            validator_for(one, default=Draft202012Validator).check_schema(one)
            said = ""
        except Exception as error:  # noqa: BLE001: the kind does not matter, the text does
            said = str(error)[:200]
        tally.check(f"reports: {path.name} is a schema for jsonschema", not said, said)

    printed = bench.diapason("contract")
    document = json.loads(printed.stdout)
    try:
        validate_openapi(document)
        said = ""
    except Exception as error:  # noqa: BLE001
        said = f"{type(error).__name__}: {str(error)[:300]}"
    tally.check(f"reports: the driver contract is OpenAPI {document.get('openapi')} for openapi-spec-validator", not said, said)
    names = {path for path in document["paths"]}
    tally.check("reports: the contract has the driver's four paths",
                {"/capabilities", "/reset"} <= names and any("actions" in n for n in names) and any("observations" in n for n in names), str(names))
