"""Pro Santé Connect: clients nobody here wrote, through our own scenarios, compared with `expected.json`.

For each row of that table and each client: did the session open, as expected? And where a client deviates,
did our scenario find it, under the rule that claims it? A careful client must raise no error anywhere.
"""

import json
from concurrent.futures import ThreadPoolExecutor

import bench
import clients

#: Played beside the table's scenarios: the happy path, what every request must look like, logout.
ALWAYS = ["PSC/01.01", "PSC/08.01", "PSC/ATT.A-14", "PSC/ATT.B-04", "PSC/ATT.B-12", "PSC/ATT.G-03", "PSC/COM.A-06",
          "PSC/COM.A-08", "PSC/COM.B-13", "PSC/COM.E-20", "PSC/COM.G-01", "PSC/COM.G-02", "PSC/COM.G-04",
          "PSC/PAN.G-05"]
HAPPY = "PSC/01.01"


def play(kind, scenarios):
    client = kind(bench.WORK / "psc")
    return bench.campaign(client, scenarios, bench.WORK / "psc" / client.name / "campagne")


def check_client(tally, kind, table, played):
    done, report, opened = played
    name = kind.name
    lines = {line["id"]: line for line in report["scenarios"]}
    said = {one["rule"]: one["why"] for one in table["also"].get(name, [])}

    tally.equal(f"{name}: version measured", kind(bench.WORK / "psc").version(), table["clients"][name])
    stopped = [f"{i} {line['reason']}" for i, line in lines.items() if line["verdict"] in ("erreur_banc", "non_concluant")]
    tally.check(f"{name}: {len(lines)} scenarios played to their end", len(lines) >= len(ALWAYS) and not stopped, "; ".join(stopped))
    tally.check(f"{name}: happy path", opened.get((HAPPY, "A")) is True and HAPPY in lines)

    found, errors = {}, {}
    for scenario, line in lines.items():
        for finding in line["findings"]:
            if finding["level"] in ("warning", "error"):
                found.setdefault(scenario, set()).add(finding["rule"])
            if finding["level"] == "error":
                errors.setdefault(scenario, set()).add(finding["rule"])

    claimed = {}
    for row in table["rows"]:
        scenario, rule = row["scenario"], row["rule"]
        deviates = name in row["deviates"]
        good = row["good"] == "accepted"
        seen = opened.get((scenario, row["session"]))
        expected = good != deviates
        what = "accepted" if expected else "refused"
        if seen is not expected:
            tally.check(f"{name}: {row['row']}: {what}", False, f"protected page open: {seen}")
        elif deviates:
            claimed.setdefault(scenario, set()).add(rule)
            tally.check(f"{name}: {row['row']}: {what}, found as {rule}", rule in found.get(scenario, ()),
                        f"found only {sorted(found.get(scenario, ()))}")
        else:
            tally.check(f"{name}: {row['row']}: {what}", True)

    alarms = sorted(f"{scenario} {rule}" for scenario, rules in errors.items()
                    for rule in rules - claimed.get(scenario, set()) if rule not in said)
    known = sorted({rule for rules in errors.values() for rule in rules if rule in said})
    what = "no error" if kind.careful else "no error but the table's"
    tally.check(f"{name}: {what} in {len(lines)} scenarios" + (f", {', '.join(known)} explained" if known else ""),
                not alarms, ", ".join(alarms))
    unseen = sorted(set(said) - set(known))
    tally.check(f"{name}: every explanation in the table is still needed", not unseen, ", ".join(unseen))


def run(tally):
    table = json.loads((bench.HERE / "expected.json").read_text())
    scenarios = sorted({row["scenario"] for row in table["rows"]} | set(ALWAYS))
    with ThreadPoolExecutor(max_workers=2) as pool:
        plays = [(kind, pool.submit(play, kind, scenarios)) for kind in clients.ALL]
        for kind, future in plays:
            tally.section(kind.name, lambda t, k=kind, f=future: check_client(t, k, table, f.result()))
