"""`diapason check` on files written here: what it says of each, by file name."""

import json

import bench


class Judged:
    """What was said of one file."""

    def __init__(self, entry):
        self.verdict, self.kind, self.reason = entry["verdict"], entry["kind"], entry["reason"]
        self.findings = [(f["rule"], f["level"], f["path"] or "", f["observed"]) for f in entry["findings"]]
        self.checks = {rule: count for pack in entry["checks"].values() for rule, count in pack.items()}

    def rules(self, *levels):
        """Rules that did not hold, of these levels, all of them when none is named."""
        return {rule for rule, level, *_ in self.findings if not levels or level in levels}

    @property
    def errors(self):
        return self.rules("error")

    def told(self, limit=4):
        """The first findings, for the line of a failed check."""
        return "; ".join(f"{rule} {path[-60:]}: {observed[:90]}" for rule, _level, path, observed in self.findings[:limit]) or self.reason or ""


def check(folder, files):
    """Writes the files, has them judged in one call, gives what is said by name."""
    import shutil

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    done = bench.diapason("check", "--quiet", "--format", "json", "--output", folder.with_suffix(".json"), folder)
    output = folder.with_suffix(".json")
    if not output.exists():
        raise RuntimeError(f"diapason check: {done.stdout[-500:]}{done.stderr[-1000:]}")
    said = json.loads(output.read_text())
    return {entry["path"].rsplit("/", 1)[-1]: Judged(entry) for entry in said["files"]}
