"""A generic adapter of the `http` driver: plays the browser of a small DUI, cookie jars included.

It knows nothing of the DUI but four pages: `/` (protected: 200 when someone is logged in), `/connexion/psc`,
its callback, and a logout page. Standard library only.
"""

import http.client
import json
import re
import ssl
import threading
from html import unescape
from http.cookiejar import CookieJar, DefaultCookiePolicy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urljoin, urlsplit
from urllib.request import HTTPCookieProcessor, HTTPRedirectHandler, HTTPSHandler, ProxyHandler, Request, build_opener

MAX_REDIRECTS = 10
PATIENCE = 12.0
ACTIONS = ["compte.create", "psc.login", "psc.callback", "session.visit", "session.copy", "session.logout"]
OBSERVATIONS = ["session"]


class NoRedirect(HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


class Browser:
    """One browser session: cookies, and the page it shows."""

    def __init__(self, ca, base):
        # As browsers do: what is served on localhost is as good as https, Secure cookies included.
        self.jar = CookieJar(DefaultCookiePolicy(secure_protocols=("http", "https")))
        self.opener = build_opener(
            ProxyHandler({}),
            HTTPSHandler(context=ssl.create_default_context(cafile=ca)),
            HTTPCookieProcessor(self.jar),
            NoRedirect,
        )
        self.base = base
        self.url, self.status, self.page, self.cookies = base + "/", None, "", []

    def open(self, url, stop=None):
        """Follows redirects, at most ten; stops before an address that starts with `stop`."""
        url = urljoin(self.base, url)
        for _ in range(MAX_REDIRECTS + 1):
            self.url = url
            if stop and url.startswith(stop):
                return
            try:
                answer = self.opener.open(Request(url, headers={"Accept": "text/html"}), timeout=PATIENCE)
            except OSError as error:  # an HTTPError is one: 3xx to 5xx come here
                if not hasattr(error, "code"):
                    self.status, self.page = None, f"page injoignable : {error}"
                    return
                answer = error
            except http.client.HTTPException as error:
                self.status, self.page = None, f"page illisible : {error}"
                return
            with answer:
                self.status = answer.getcode()
                self.page = answer.read().decode("utf-8", "replace")
                self.cookies += answer.headers.get_all("Set-Cookie") or []
                to = answer.headers.get("Location")
            if self.status not in (301, 302, 303, 307, 308) or not to:
                return
            url = urljoin(url, to)
        self.page = f"plus de {MAX_REDIRECTS} redirections"

    def probe(self):
        """The protected page, opened beside what the browser shows: its text, or nothing."""
        kept = self.url, self.status, self.page
        self.open("/")
        opened = self.page if self.status == 200 else None
        self.url, self.status, self.page = kept
        return opened


def text(html):
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).split())


class Adapter:
    """Serves one DUI. `start(mocks)` (re)starts it and returns when it answers; `stop()` ends it."""

    def __init__(self, name, version, base, ca, callback, logout, start, stop):
        self.name, self.version, self.base, self.ca = name, version, base, ca
        self.callback, self.logout_page = callback, logout
        self.start, self.stop = start, stop
        self.browsers, self.accounts = {}, 0
        # What was seen, by scenario and browser session: did the protected page open?
        self.opened = {}
        self.lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                outer.get(self)

            def do_POST(self):
                outer.post(self)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.stop()

    @staticmethod
    def send(handler, status, content):
        body = json.dumps(content, ensure_ascii=False).encode()
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json; charset=utf-8")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def get(self, handler):
        path, _, query = unquote(handler.path).partition("?")
        if path == "/capabilities":
            answer = {"product": self.name, "version": self.version, "actions": ACTIONS, "observations": OBSERVATIONS}
            return self.send(handler, 200, answer)
        if path == "/observations/session" and query.startswith("session="):
            with self.lock:
                browser = self.browser(query.removeprefix("session="))
                opened = browser.probe()
            value = {"connecte": opened is not None, "cookies": browser.cookies, "page": browser.page, "url": browser.url}
            return self.send(handler, 200, {"what": "session", "value": value})
        self.send(handler, 404, {"error": f"{path} : adresse inconnue"})

    def post(self, handler):
        asked = json.loads(handler.rfile.read(int(handler.headers.get("Content-Length") or 0)) or b"{}")
        path = unquote(urlsplit(handler.path).path)
        with self.lock:
            if path == "/reset":
                self.browsers, self.accounts = {}, 0
                self.start(asked["mocks"])
                return self.send(handler, 200, {})
            action = path.removeprefix("/actions/")
            if action not in ACTIONS:
                return self.send(handler, 404, {"error": f"action {action} inconnue"})
            result = self.act(action, asked["params"], asked["scenario"])
        self.send(handler, 200, {"status": "done", "result": result})

    def browser(self, session):
        if session not in self.browsers:
            self.browsers[session] = Browser(self.ca, self.base)
        return self.browsers[session]

    def act(self, action, params, scenario):
        if action == "compte.create":
            # These DUIs keep no accounts: whoever PSC vouches for enters.
            self.accounts += 1
            return {"compte": {"id": str(self.accounts), "identifiant": params["identifiant"],
                               "identifiant_national": params.get("identifiant_national"), "nom": params["nom"],
                               "prenom": params["prenom"], "droits": params.get("droits", [])}}
        browser = self.browser(params["session"])
        if action == "session.copy":
            target = self.browser(params["vers"])
            target.jar.clear()
            for cookie in browser.jar:
                target.jar.set_cookie(cookie)
            return None
        if action == "psc.login":
            browser.open("/connexion/psc", stop=self.callback if params.get("sans_callback") else None)
        elif action == "psc.callback":
            browser.open(params["url"])
        elif action == "session.logout":
            browser.open(self.logout_page)
        else:
            browser.open("/")
        return self.result(browser, scenario, params["session"])

    def result(self, browser, scenario, session):
        page = browser.probe()
        self.opened[(scenario, session)] = page is not None
        result = {"connecte": page is not None, "page": text(browser.page), "statut_http": browser.status,
                  "url": browser.url}
        if page is not None:
            found = re.search(r'data-idnat="([^"]*)">([^<]*)<', page)
            idnat, name = (unescape(found[1]), unescape(found[2]).strip()) if found else ("", "")
            given, _, family = name.partition(" ")
            result |= {"moyen": "psc", "page": text(page) if browser.status == 200 else result["page"],
                       "compte": {"id": idnat, "identifiant": idnat, "identifiant_national": idnat, "nom": family,
                                  "prenom": given, "droits": []}}
        return result
