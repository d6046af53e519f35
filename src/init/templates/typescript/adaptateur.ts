// Adaptateur Diapason : point de départ, sans dépendance à l'exécution (Node 20 ou plus).
//
// Il répond au contrat (`diapason contract`) avec un petit magasin en mémoire, pour que la première
// campagne tourne tout de suite. À vous de remplacer le magasin par votre DUI : une API interne, un
// crochet de test ou un navigateur piloté. Chaque action à brancher est une fonction de la table `actions`.
//
//     npm install && npm run build && npm start        (ou : npx tsx adaptateur.ts)

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

const PRODUIT = "Mon DUI";
const VERSION = "1.0.0";
const TAILLE_MAXIMALE = 1_000_000;

type Params = Record<string, unknown>;

interface Usager {
  id: string;
  statut: "provisoire" | "recuperee" | "validee" | "qualifiee";
  attributs: string[];
  nom_naissance: string;
  premier_prenom: string;
  prenoms: string[];
  sexe: string;
  date_naissance: string;
  lieu_naissance: string | null;
  nom_utilise: string | null;
  prenom_utilise: string | null;
  nss: string | null;
}

interface Trace {
  date: string;
  auteur: string;
  nature: string;
  usager: string;
}

interface Reponse {
  status: "done" | "refused" | "unsupported" | "failed";
  message?: string;
  result: unknown;
}

/** Le logiciel refuse : le message est celui que lit l'utilisateur. */
class Refus extends Error {}

/** L'observation demandée n'existe pas ici. */
class Introuvable extends Error {}

const usagers = new Map<string, Usager>();
const traces: Trace[] = [];

function tracer(nature: string, usager: string): void {
  traces.push({ date: new Date().toISOString(), auteur: "adaptateur", nature, usager });
}

function texte(params: Params, cle: string): string | null {
  const valeur = params[cle];
  return typeof valeur === "string" && valeur !== "" ? valeur : null;
}

function trouver(params: Params): Usager {
  const usager = usagers.get(texte(params, "usager") ?? "");
  if (usager === undefined) {
    throw new Refus("Usager inconnu.");
  }
  return usager;
}

// --- Actions : à brancher sur votre DUI ---------------------------------------------------------------

/** usager.create : créer un usager à la main. */
function creer(params: Params): unknown {
  const nom = texte(params, "nom_naissance");
  if (nom === null) {
    throw new Refus("Le nom de naissance est obligatoire.");
  }
  const prenoms = Array.isArray(params.prenoms) ? params.prenoms.map(String) : [];
  const premier = texte(params, "premier_prenom") ?? prenoms[0];
  if (premier === undefined) {
    throw new Refus("Le premier prénom de naissance est obligatoire.");
  }
  const usager: Usager = {
    id: String(usagers.size + 1),
    statut: "provisoire",
    attributs: [],
    nom_naissance: nom,
    premier_prenom: premier,
    prenoms: prenoms.length > 0 ? prenoms : [premier],
    sexe: texte(params, "sexe") ?? "",
    date_naissance: texte(params, "date_naissance") ?? "",
    lieu_naissance: texte(params, "lieu_naissance"),
    nom_utilise: texte(params, "nom_utilise"),
    prenom_utilise: texte(params, "prenom_utilise"),
    nss: texte(params, "nss"),
  };
  usagers.set(usager.id, usager);
  tracer("identite.creation", usager.id);
  return { usager };
}

/** usager.update : changer des champs d'un usager. */
function modifier(params: Params): unknown {
  const usager = trouver(params);
  const { id, statut } = usager;
  const changements = (params.changements ?? {}) as Partial<Usager>;
  const connus = Object.entries(changements).filter(([champ]) => champ in usager);
  Object.assign(usager, Object.fromEntries(connus), { id, statut });
  tracer("identite.modification", id);
  return { usager };
}

/** usager.afficher : ouvrir le dossier d'un usager. */
function afficher(params: Params): unknown {
  const usager = trouver(params);
  tracer("identite.acces", usager.id);
  return { usager };
}

/** usager.search : recherche locale (antériorité). */
function chercher(params: Params): unknown {
  const date = texte(params, "date_naissance");
  const commence = (debut: string | null, ...champs: (string | null)[]): boolean =>
    debut === null || champs.some((c) => c?.toUpperCase().startsWith(debut.toUpperCase()) ?? false);
  const trouves = [...usagers.values()].filter(
    (u) =>
      (date === null || date === u.date_naissance) &&
      commence(texte(params, "nom"), u.nom_naissance, u.nom_utilise) &&
      commence(texte(params, "prenom"), u.premier_prenom, u.prenom_utilise) &&
      texte(params, "matricule") === null,
  );
  return { usagers: trouves };
}

const actions: Record<string, (params: Params) => unknown> = {
  "usager.create": creer,
  "usager.update": modifier,
  "usager.afficher": afficher,
  "usager.search": chercher,
  // Ensuite : "ins.search", "ins.accept", "psc.login"... La liste complète : `diapason contract`.
};

// --- Observations : ce que le DUI détient ---------------------------------------------------------------

const observations: Record<string, (question: URLSearchParams) => unknown> = {
  usager: (question) => {
    const usager = usagers.get(question.get("id") ?? "");
    if (usager === undefined) {
      throw new Introuvable("usager inconnu");
    }
    return usager;
  },
  usagers: () => ({ usagers: [...usagers.values()] }),
  traces: () => traces,
};

/** Appelé avant chaque scénario. `reglages.mocks` donne les adresses des simulateurs. */
function remettreAZero(_reglages: Params): void {
  usagers.clear();
  traces.length = 0;
}

// --- Le contrat en HTTP : rien à changer ci-dessous -------------------------------------------------------

function agir(nom: string, params: Params): Reponse {
  const action = actions[nom];
  if (action === undefined) {
    return { status: "unsupported", message: `action ${nom} non branchée`, result: null };
  }
  try {
    return { status: "done", result: action(params) };
  } catch (erreur) {
    if (erreur instanceof Refus) {
      return { status: "refused", message: erreur.message, result: null };
    }
    throw erreur;
  }
}

async function lire(requete: IncomingMessage): Promise<Params> {
  const morceaux: Buffer[] = [];
  let taille = 0;
  for await (const morceau of requete) {
    taille += (morceau as Buffer).length;
    if (taille > TAILLE_MAXIMALE) {
      throw new Error("demande trop longue");
    }
    morceaux.push(morceau as Buffer);
  }
  const corps = Buffer.concat(morceaux).toString("utf-8");
  return corps === "" ? {} : (JSON.parse(corps) as Params);
}

async function traiter(requete: IncomingMessage): Promise<[number, unknown]> {
  const adresse = new URL(requete.url ?? "/", "http://127.0.0.1");
  const chemin = decodeURIComponent(adresse.pathname);
  const inconnu: [number, unknown] = [404, { error: `${chemin} : adresse inconnue` }];
  if (requete.method === "POST") {
    const demande = await lire(requete);
    if (chemin === "/reset") {
      remettreAZero(demande);
      return [200, {}];
    }
    const action = /^\/actions\/([a-z._]+)$/.exec(chemin)?.[1];
    return action === undefined ? inconnu : [200, agir(action, (demande.params ?? {}) as Params)];
  }
  if (requete.method !== "GET") {
    return inconnu;
  }
  if (chemin === "/capabilities") {
    const noms = { actions: Object.keys(actions), observations: Object.keys(observations) };
    return [200, { product: PRODUIT, version: VERSION, ...noms }];
  }
  const nom = /^\/observations\/([a-z_]+)$/.exec(chemin)?.[1] ?? "";
  const observation = observations[nom];
  if (observation === undefined) {
    return inconnu;
  }
  const value = observation(adresse.searchParams);
  return [200, { what: nom, at: new Date().toISOString(), value }];
}

function repondre(reponse: ServerResponse, statut: number, contenu: unknown): void {
  const octets = Buffer.from(JSON.stringify(contenu), "utf-8");
  reponse.writeHead(statut, {
    "Content-Type": "application/json; charset=utf-8",
    "Content-Length": octets.length,
  });
  reponse.end(octets);
}

const serveur = createServer((requete, reponse) => {
  traiter(requete).then(
    ([statut, contenu]) => repondre(reponse, statut, contenu),
    (erreur: unknown) => {
      const statut = erreur instanceof Introuvable ? 404 : 500;
      repondre(reponse, statut, { error: erreur instanceof Error ? erreur.message : String(erreur) });
    },
  );
});

const port = Number(process.argv[2] ?? 8790);
serveur.listen(port, "127.0.0.1", () => {
  const { port: choisi } = serveur.address() as AddressInfo;
  console.log(`adaptateur prêt : http://127.0.0.1:${choisi}`);
});
