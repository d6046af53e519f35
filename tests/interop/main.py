"""All of it. `run` prepares the tools, then calls this; arguments name the parts wanted: psc insi dmp reports."""

import sys

import bench


def main():
    wanted = sys.argv[1:] or ["psc", "insi", "dmp", "reports"]
    tally = bench.Tally()
    # Makes the PKI that every part uses, and shows that `serve` starts.
    with bench.Serve() as serve:
        tally.check("diapason serve: addresses and PKI", serve.addresses and (serve.pki / "ca-bundle.pem").exists())
    for part in wanted:
        tally.section(part, lambda t, p=part: __import__(p).run(t))
    more = f", {tally.skipped} skipped" if tally.skipped else ""
    print(f"{tally.passed} passed, {tally.failed} failed{more}")
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())
