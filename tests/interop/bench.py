"""What the parts of this test share: the bench's program, its PKI, counting checks."""

import json
import os
import subprocess
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
WORK = Path(os.environ.get("INTEROP_WORK", ROOT / "target" / "interop"))
DIAPASON = os.environ["INTEROP_DIAPASON"]
#: One test PKI for every part, kept between runs.
PKI = WORK / "pki"

FICHE = """[produit]
nom = "Banc d'interopérabilité"
editeur = "Diapason"
version = "1"

[profil]
referentiel_identites = true
actes_remboursables = false
psc = true
psc_web = true

[psc]
client_id = "{client_id}"
client_secret = "{secret}"
redirect_uris = ["{callback}"]
post_logout_redirect_uris = ["{after_logout}"]
"""


class Tally:
    """One line a check; the count at the end."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def check(self, name, held, said=""):
        if held:
            self.passed += 1
        else:
            self.failed += 1
        detail = f"  {said}" if said and not held else ""
        print(f"{'ok    ' if held else 'FAILED'} {name}{detail}", flush=True)
        return held

    def skip(self, name, why):
        """What cannot run here, said and counted."""
        self.skipped += 1
        print(f"skipped {name}: {why}", flush=True)

    def equal(self, name, seen, expected):
        return self.check(name, seen == expected, f"expected {expected!r}, saw {seen!r}")

    def section(self, name, run):
        """A part that breaks is a failed check, and the next parts still run."""
        try:
            run(self)
        except Exception as error:  # noqa: BLE001: whatever it is, it is told and counted
            import traceback

            traceback.print_exc()
            self.check(f"{name}: ran to its end", False, f"{type(error).__name__}: {error}")


def diapason(*args, cwd=None, **more):
    return subprocess.run([DIAPASON, *map(str, args)], cwd=cwd, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, **more)


class Serve:
    """`diapason serve --free-ports`, with its addresses; `arm` sends a setting."""

    def __init__(self, fiche=None, more=()):
        self.folder = Path(tempfile.mkdtemp(prefix="interop-serve-"))
        (self.folder / "fiche-produit.toml").write_text(
            fiche or FICHE.format(client_id="x", secret="x", callback="http://localhost:1/", after_logout="http://localhost:1/"))
        self.process = subprocess.Popen(
            [DIAPASON, "serve", "--free-ports", "--state", str(PKI), "--report", str(self.folder / "rapport"), *more],
            cwd=self.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=open(self.folder / "stderr", "w"), text=True)
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"serve did not start: {(self.folder / 'stderr').read_text()}")
        said = json.loads(line)
        self.addresses, self.pki, self.journal = said["addresses"], Path(said["pki"]), Path(said["journal"])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.send_signal(2)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        import shutil

        shutil.rmtree(self.folder, ignore_errors=True)

    def arm(self, setting):
        self.process.stdin.write(json.dumps(setting) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if not answer["ok"]:
            raise RuntimeError(f"{setting}: {answer['problem']}")


def campaign(client, scenarios, folder):
    """Plays scenarios against a client through its adapter. Gives the report and what the adapter saw."""
    import shutil

    from adapter import Adapter
    from clients import CLIENT_ID

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    ca = PKI / "ca-bundle.pem"
    adapter = Adapter(client.name, client.version(), client.base, ca, client.callback, client.logout,
                      lambda mocks: client.start(ca, mocks), client.stop)
    try:
        (folder / "fiche-produit.toml").write_text(FICHE.format(
            client_id=CLIENT_ID, secret=client.secret, callback=client.callback, after_logout=client.after_logout))
        (folder / "diapason.toml").write_text(f"""fiche = "fiche-produit.toml"
seed = 1

[driver]
kind = "http"
url = "{adapter.url}"

[timeouts]
observation_ms = 25000

[mocks]
pki = "{PKI}"
insi_tls = "127.0.0.1:0"
insi_tlsm = "127.0.0.1:0"
psc_auth = "127.0.0.1:0"
psc_wallet = "127.0.0.1:0"
dmp_tlsm = "127.0.0.1:0"
dmp_web = "127.0.0.1:0"
crl = "127.0.0.1:0"
""")
        wanted = [arg for one in scenarios for arg in ("--scenario", one)]
        done = diapason("--quiet", "run", "--report", folder / "rapport", "--unattended", *wanted, cwd=folder)
        (folder / "sortie.txt").write_text(done.stdout + done.stderr)
        if not (folder / "rapport" / "report.json").exists():
            raise RuntimeError(f"no report: {done.stdout[-500:]} {done.stderr[-1500:]}")
        return done, json.loads((folder / "rapport" / "report.json").read_text()), adapter.opened
    finally:
        adapter.close()
        client.close()
