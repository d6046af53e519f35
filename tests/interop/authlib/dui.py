"""A small DUI over the Python library Authlib (its Flask client): a protected page, a login through
Pro Santé Connect, a logout. Plays the hurried vendor: what the library does not verify is not verified.

Settings come from the environment (see tests/interop/clients.py); the test CA from REQUESTS_CA_BUNDLE.
"""

import os
import secrets

from authlib.integrations.flask_client import OAuth
from flask import Flask, redirect, request, session
from markupsafe import escape

BASE = f"http://localhost:{os.environ['DUI_PORT']}"
PAGE = "<!doctype html><meta charset=utf-8><body>"

app = Flask(__name__)
app.secret_key = secrets.token_bytes(32)
app.config.update(SESSION_COOKIE_SECURE=True, SESSION_COOKIE_SAMESITE="Lax")
oauth = OAuth(app)
psc = oauth.register(
    name="psc",
    server_metadata_url=os.environ["PSC_DISCOVERY"],
    client_id=os.environ["PSC_CLIENT_ID"],
    client_secret=os.environ["PSC_CLIENT_SECRET"],
    client_kwargs={
        "scope": "openid scope_all",
        "code_challenge_method": "S256",
        "timeout": 3,
    },
)
# Held here rather than in Flask's cookie: a browser must not hold PSC tokens.
sessions = {}


@app.get("/")
def home():
    user = sessions.get(session.get("id"), {}).get("user")
    if user is None:
        return PAGE + "<a href=/connexion/psc>Pro Santé Connect</a>", 401
    idnat = escape(user.get("SubjectNameID", ""))
    name = escape(f"{user.get('given_name', '')} {user.get('family_name', '')}")
    return f'{PAGE}<main data-idnat="{idnat}">{name}</main>'


@app.get("/connexion/psc")
def login():
    return psc.authorize_redirect(os.environ["PSC_REDIRECT_URI"], acr_values="eidas1")


@app.get("/connexion/psc/retour")
def callback():
    token = psc.authorize_access_token()
    user = psc.userinfo(token=token)
    session.clear()
    session["id"] = secrets.token_urlsafe(24)
    sessions[session["id"]] = {"user": dict(user), "id_token": token.get("id_token")}
    return redirect("/")


@app.get("/deconnexion")
def logout():
    held = sessions.pop(session.get("id"), None)
    session.clear()
    if held is None or not held["id_token"]:
        return redirect("/")
    return psc.logout_redirect(post_logout_redirect_uri=f"{BASE}/", id_token_hint=held["id_token"])


@app.errorhandler(Exception)
def refused(error):
    said = f"{type(error).__name__} : {error}"
    print(f"refus : {said}", flush=True)
    return f"{PAGE}<p>La connexion a échoué : {escape(said)}</p>", 403


if __name__ == "__main__":
    app.run(host="127.0.0.1", port=int(os.environ["DUI_PORT"]), threaded=True)
