"""The OpenID Connect clients nobody here wrote, each as a small DUI: how it is started, stopped, named."""

import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, build_opener

HERE = Path(__file__).resolve().parent
CLIENT_ID = "interop-bas"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Client:
    """A small DUI on its own port. `start` is called at each reset: nothing is left of the scenario before."""

    name = ""
    #: Does the application add what its library leaves to it? Then no scenario may find an error in it.
    careful = False
    logout = "/deconnexion"

    def __init__(self, work):
        self.work = work / self.name
        self.work.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.base = f"http://localhost:{self.port}"
        self.callback = f"{self.base}/connexion/psc/retour"
        self.after_logout = f"{self.base}/"
        self.secret = secrets.token_urlsafe(24)
        self.process = None

    def version(self):
        raise NotImplementedError

    def command(self, ca, discovery):
        raise NotImplementedError

    def environment(self, ca, discovery):
        return os.environ | {
            "DUI_PORT": str(self.port), "PSC_DISCOVERY": discovery, "PSC_CA": str(ca),
            "PSC_CLIENT_ID": CLIENT_ID, "PSC_CLIENT_SECRET": self.secret, "PSC_REDIRECT_URI": self.callback,
        }

    def start(self, ca, mocks):
        self.stop()
        discovery = mocks["psc.discovery"]
        with open(self.work / "sortie.txt", "ab") as out:
            self.process = subprocess.Popen(
                self.command(ca, discovery), env=self.environment(ca, discovery), cwd=self.work,
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)
        self.wait()

    def wait(self):
        opener = build_opener(ProxyHandler({}))
        end = time.monotonic() + 20
        while time.monotonic() < end:
            try:
                opener.open(self.base + "/", timeout=5).close()
                return
            except HTTPError as error:
                error.close()
                return
            except (URLError, OSError):
                if self.process.poll() is not None:
                    break
                time.sleep(0.02)
        raise RuntimeError(f"{self.name} does not start; see {self.work / 'sortie.txt'}")

    def close(self):
        """Ended for good."""
        self.stop()

    def stop(self):
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(3)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        self.process = None


class RustOpenidconnect(Client):
    name = "rust-openidconnect"
    careful = True

    def version(self):
        lock = (HERE / "rust-openidconnect" / "Cargo.lock").read_text()
        return re.search(r'name = "openidconnect"\nversion = "([^"]+)"', lock)[1]

    def command(self, ca, discovery):
        return [os.environ["INTEROP_RUST_DUI"]]


class OpenidClient(Client):
    name = "openid-client"

    def version(self):
        package = Path(os.environ["INTEROP_NODE"]) / "node_modules/openid-client/package.json"
        return json.loads(package.read_text())["version"]

    def command(self, ca, discovery):
        return ["node", str(Path(os.environ["INTEROP_NODE"]) / "dui.mjs")]

    def environment(self, ca, discovery):
        return super().environment(ca, discovery) | {"NODE_EXTRA_CA_CERTS": str(ca)}


class OpenidClientChecked(OpenidClient):
    name = "openid-client+nonrep"

    def environment(self, ca, discovery):
        return super().environment(ca, discovery) | {"NON_REPUDIATION": "1"}


class Authlib(Client):
    name = "authlib"

    def version(self):
        from importlib.metadata import version

        return version("Authlib")

    def command(self, ca, discovery):
        import sys

        return [sys.executable, str(HERE / "authlib" / "dui.py")]

    def environment(self, ca, discovery):
        return super().environment(ca, discovery) | {"REQUESTS_CA_BUNDLE": str(ca)}


class ModAuthOpenidc(Client):
    name = "mod_auth_openidc"
    careful = True

    def __init__(self, work):
        super().__init__(work)
        # Apache drops root: what it reads must stand where another user may walk.
        self.kept = self.work / "error.log"
        self.work = Path(tempfile.mkdtemp(prefix="interop-apache-"))
        self.work.chmod(0o755)
        self.after_logout = f"{self.base}/bienvenue.html"
        self.logout = f"{self.callback}?logout={self.after_logout.replace(':', '%3A').replace('/', '%2F')}"

    def version(self):
        said = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", "libapache2-mod-auth-openidc"],
                              capture_output=True, text=True, check=True).stdout
        return said.split("-")[0]

    def command(self, ca, discovery):
        shutil.copytree(HERE / "mod_auth_openidc" / "pages", self.work / "pages", dirs_exist_ok=True)
        shutil.copy(ca, self.work / "ca.pem")
        for file in self.work.rglob("*"):
            file.chmod(0o755 if file.is_dir() else 0o644)
        values = {"dir": self.work, "port": self.port, "base": self.base, "discovery": discovery,
                  "client_id": CLIENT_ID, "client_secret": self.secret, "redirect_uri": self.callback,
                  "passphrase": secrets.token_urlsafe(24), "ca": self.work / "ca.pem"}
        template = (HERE / "mod_auth_openidc" / "httpd.conf").read_text()
        conf = self.work / "httpd.conf"
        conf.write_text(re.sub(r"@(\w+)@", lambda m: str(values[m[1]]), template))
        conf.chmod(0o600)
        return ["/usr/sbin/apache2", "-X", "-f", str(conf)]

    def close(self):
        self.stop()
        log = self.work / "error.log"
        if log.exists():
            shutil.copy(log, self.kept)
        shutil.rmtree(self.work, ignore_errors=True)


ALL = [RustOpenidconnect, ModAuthOpenidc, OpenidClientChecked, OpenidClient, Authlib]
