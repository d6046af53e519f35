#!/usr/bin/env python3
"""Adaptateur Diapason : point de départ, sans dépendance.

Il répond au contrat (`diapason contract`) avec un petit magasin en mémoire, pour que la première campagne
tourne tout de suite. À vous de remplacer le magasin par votre DUI : une API interne, un crochet de test
ou un navigateur piloté. Chaque action à brancher est une fonction de la table ACTIONS.

    python3 adaptateur.py [--port 8790]
"""

import argparse
import json
import re
import threading
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

PRODUIT = "Mon DUI"
VERSION = "1.0.0"
TAILLE_MAXIMALE = 1_000_000

verrou = threading.Lock()
usagers = {}
traces = []


def maintenant():
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def tracer(nature, usager):
    traces.append(
        {"date": maintenant(), "auteur": "adaptateur", "nature": nature, "usager": usager}
    )


class Refus(Exception):
    """Le logiciel refuse : le message est celui que lit l'utilisateur."""


class Introuvable(Exception):
    """L'observation demandée n'existe pas ici."""


# --- Actions : à brancher sur votre DUI -------------------------------------------------------------


def creer(params):
    """usager.create : créer un usager à la main."""
    if not params.get("nom_naissance"):
        raise Refus("Le nom de naissance est obligatoire.")
    prenoms = params.get("prenoms") or [p for p in [params.get("premier_prenom")] if p]
    if not prenoms:
        raise Refus("Le premier prénom de naissance est obligatoire.")
    numero = str(len(usagers) + 1)
    usagers[numero] = {
        "id": numero,
        "statut": "provisoire",
        "attributs": [],
        "nom_naissance": params["nom_naissance"],
        "premier_prenom": params.get("premier_prenom") or prenoms[0],
        "prenoms": prenoms,
        "sexe": params.get("sexe") or "",
        "date_naissance": params.get("date_naissance") or "",
        "lieu_naissance": params.get("lieu_naissance"),
        "nom_utilise": params.get("nom_utilise"),
        "prenom_utilise": params.get("prenom_utilise"),
        "nss": params.get("nss"),
    }
    tracer("identite.creation", numero)
    return {"usager": usagers[numero]}


def modifier(params):
    """usager.update : changer des champs d'un usager."""
    usager = trouver(params["usager"])
    for champ, valeur in params["changements"].items():
        if champ in usager and champ not in ("id", "statut"):
            usager[champ] = valeur
    tracer("identite.modification", usager["id"])
    return {"usager": usager}


def afficher(params):
    """usager.afficher : ouvrir le dossier d'un usager."""
    usager = trouver(params["usager"])
    tracer("identite.acces", usager["id"])
    return {"usager": usager}


def chercher(params):
    """usager.search : recherche locale (antériorité)."""

    def convient(usager):
        if params.get("date_naissance") not in (None, usager["date_naissance"]):
            return False
        for cle, champs in (
            ("nom", ("nom_naissance", "nom_utilise")),
            ("prenom", ("premier_prenom", "prenom_utilise")),
        ):
            debut = params.get(cle)
            if debut and not any(
                (usager[champ] or "").upper().startswith(debut.upper()) for champ in champs
            ):
                return False
        return "matricule" not in params

    return {"usagers": [usager for usager in usagers.values() if convient(usager)]}


ACTIONS = {
    "usager.create": creer,
    "usager.update": modifier,
    "usager.afficher": afficher,
    "usager.search": chercher,
    # Ensuite : "ins.search", "ins.accept", "psc.login"... La liste complète : `diapason contract`.
}


# --- Observations : ce que le DUI détient -----------------------------------------------------------


def voir_usager(question):
    numero = question.get("id", "")
    if numero not in usagers:
        raise Introuvable(f"usager {numero} inconnu")
    return usagers[numero]


OBSERVATIONS = {
    "usager": voir_usager,
    "usagers": lambda question: {"usagers": list(usagers.values())},
    "traces": lambda question: traces,
}


def trouver(numero):
    if numero not in usagers:
        raise Refus(f"Usager {numero} inconnu.")
    return usagers[numero]


def remettre_a_zero(reglages):
    """Appelé avant chaque scénario. `reglages["mocks"]` donne les adresses des simulateurs."""
    usagers.clear()
    traces.clear()


# --- Le contrat en HTTP : rien à changer ci-dessous ---------------------------------------------------


def agir(nom, demande):
    if nom not in ACTIONS:
        return {"status": "unsupported", "message": f"action {nom} non branchée", "result": None}
    try:
        return {"status": "done", "result": ACTIONS[nom](demande["params"])}
    except Refus as refus:
        return {"status": "refused", "message": str(refus), "result": None}


class Adaptateur(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        adresse = urlsplit(self.path)
        chemin = unquote(adresse.path)
        observation = re.fullmatch(r"/observations/([a-z_]+)", chemin)
        if chemin == "/capabilities":
            self.repondre(
                200,
                {
                    "product": PRODUIT,
                    "version": VERSION,
                    "actions": sorted(ACTIONS),
                    "observations": sorted(OBSERVATIONS),
                },
            )
        elif observation and observation[1] in OBSERVATIONS:
            nom = observation[1]
            question = {cle: valeurs[0] for cle, valeurs in parse_qs(adresse.query).items()}
            try:
                with verrou:
                    valeur = OBSERVATIONS[nom](question)
                    reponse = {"what": nom, "at": maintenant(), "value": valeur}
                    self.repondre(200, reponse)
            except Introuvable as absent:
                self.repondre(404, {"error": str(absent)})
        else:
            self.repondre(404, {"error": f"{chemin} : adresse inconnue"})

    def do_POST(self):
        taille = int(self.headers.get("Content-Length") or 0)
        if taille > TAILLE_MAXIMALE:
            self.close_connection = True
            self.repondre(413, {"error": "demande trop longue"})
            return
        corps = self.rfile.read(taille)
        chemin = unquote(urlsplit(self.path).path)
        action = re.fullmatch(r"/actions/([a-z._]+)", chemin)
        try:
            demande = json.loads(corps or b"{}")
            with verrou:
                if chemin == "/reset":
                    remettre_a_zero(demande)
                    self.repondre(200, {})
                elif action:
                    self.repondre(200, agir(action[1], demande))
                else:
                    self.repondre(404, {"error": f"{chemin} : adresse inconnue"})
        except (ValueError, KeyError, TypeError, AttributeError) as erreur:
            self.repondre(500, {"error": f"{type(erreur).__name__} : {erreur}"})

    def repondre(self, statut, contenu):
        octets = json.dumps(contenu, ensure_ascii=False).encode("utf-8")
        self.send_response(statut)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(octets)))
        self.end_headers()
        self.wfile.write(octets)

    def log_message(self, format, *args):
        pass


def main():
    arguments = argparse.ArgumentParser(description="Adaptateur Diapason")
    arguments.add_argument("--port", type=int, default=8790, help="0 : choisi par le système")
    port = arguments.parse_args().port
    serveur = ThreadingHTTPServer(("127.0.0.1", port), Adaptateur)
    print(f"adaptateur prêt : http://127.0.0.1:{serveur.server_port}", flush=True)
    try:
        serveur.serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
