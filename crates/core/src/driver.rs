//! Messages between the bench and a driver: what the DUI is asked to do, what it answers.
//!
//! An action says *what*, never *how*. The names and shapes here are published by
//! `diapason contract`; the reference DUI and every vendor's adapter speak them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Timestamp;
use crate::ins::{Attribut, Statut};

/// `GET /capabilities`: what the adapter can do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Capabilities {
    /// Product name, shown in the report.
    pub product: String,
    /// Product version.
    pub version: String,
    /// Names of the actions supported (see [`ACTIONS`]).
    pub actions: Vec<String>,
    /// Names of the observations supported (see [`OBSERVATIONS`]).
    pub observations: Vec<String>,
}

/// `POST /actions/{name}` body, and the JSON line a `command` driver reads on stdin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ActionRequest {
    /// Name of the action (see [`ACTIONS`]).
    pub action: String,
    /// Its parameters; each action has a JSON Schema.
    pub params: Value,
    /// Scenario that asks.
    pub scenario: String,
    /// Step that asks, from 1.
    pub step: u32,
    /// Milliseconds left before the bench stops waiting.
    pub deadline_ms: u64,
}

/// How an action ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ActionStatus {
    /// The DUI did it.
    Done,
    /// The DUI refused, as software should when a rule forbids it; `message` is what the user reads.
    Refused,
    /// The adapter does not know how.
    Unsupported,
    /// It went wrong: the DUI crashed, the adapter lost its way.
    Failed,
}

/// Answer to an action: HTTP 200 body, or the one JSON line a `command` driver prints.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ActionAnswer {
    /// How it ended.
    pub status: ActionStatus,
    /// What the DUI shows its user, word for word, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Result, shaped by the action's schema.
    #[serde(default)]
    pub result: Value,
}

/// Answer to `GET /observations/{what}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Observation {
    /// What was asked.
    pub what: String,
    /// When the DUI answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// The value, shaped by the observation's schema.
    pub value: Value,
}

/// Every action, with what it asks for. Parameter and result types are named in the second column.
pub const ACTIONS: &[(&str, &str)] = &[
    (
        "clock.advance",
        "move the DUI's clock forward (test builds only): ClockAdvance -> nothing",
    ),
    (
        "config.set",
        "change a site-level setting: ConfigSet -> nothing",
    ),
    (
        "usager.create",
        "create a person by hand: UsagerCreate -> UsagerResult",
    ),
    (
        "usager.update",
        "change fields of a person: UsagerUpdate -> UsagerResult",
    ),
    (
        "usager.search",
        "local search (antériorité): UsagerSearch -> UsagerList",
    ),
    (
        "usager.attribut",
        "set or clear homonyme, douteux, fictif: UsagerAttribut -> UsagerResult",
    ),
    (
        "usager.justificatif",
        "record an identity document: UsagerJustificatif -> UsagerResult",
    ),
    (
        "usager.valider",
        "validate an identity by hand: UsagerRef -> UsagerResult",
    ),
    (
        "usager.afficher",
        "open a person on screen: UsagerRef -> UsagerResult",
    ),
    (
        "ins.search",
        "call INSi for a person: InsSearch -> InsSearchResult",
    ),
    (
        "ins.accept",
        "accept the identity INSi proposed: UsagerRef -> UsagerResult",
    ),
    (
        "ins.refuse",
        "refuse the identity INSi proposed: UsagerRef -> UsagerResult",
    ),
    (
        "ins.verify",
        "verify the INS of a person at INSi: UsagerRef -> InsVerifyResult",
    ),
    (
        "identite.recevoir",
        "an identity arrives from a partner: IdentiteRecue -> IdentiteResult",
    ),
    (
        "identite.envoyer",
        "send an identity to a partner: IdentiteEnvoi -> IdentiteEnvoyee",
    ),
    (
        "edition.imprimer",
        "print the identity of a person: UsagerRef -> Edition",
    ),
    (
        "document.create",
        "produce and keep a document about a person, or a new version of one: DocumentCreate -> DocumentResult",
    ),
    (
        "document.lire",
        "read a document kept by the DUI again, byte for byte: DocumentRef -> DocumentResult",
    ),
    (
        "document.valider",
        "validate a draft, with what its author chose for the DMP: DocumentValider -> DocumentResult",
    ),
    (
        "dmp.verifier",
        "ask whether a person has a DMP (TD0.2): UsagerSession -> DmpEtat",
    ),
    (
        "dmp.consentement",
        "record what the person said of feeding and of consulting the DMP: DmpConsentement -> nothing",
    ),
    (
        "dmp.supprimer",
        "remove a document from the DMP (TD3.3c): DmpDocumentRef -> DmpEnvoiResult",
    ),
    (
        "dmp.visibilite",
        "change who sees a document of the DMP (TD3.3a, b): DmpVisibilite -> DmpEnvoiResult",
    ),
    (
        "dmp.autoriser",
        "declare the access authorisation of the professional (TD0.3): DmpAutoriser -> DmpEtat",
    ),
    (
        "dmp.rechercher",
        "search the documents of a person's DMP (TD3.1): DmpRecherche -> DmpListe",
    ),
    (
        "dmp.consulter",
        "open a document of the DMP (TD3.2), and keep it when asked: DmpConsultation -> DmpContenu",
    ),
    (
        "dmp.ouvrir",
        "open the DMP's web site in the context of a person or of the dashboard (TD0.9): DmpOuvrir -> DmpPage",
    ),
    (
        "dmp.reprendre",
        "send again now what waits: nothing -> DmpEnvois",
    ),
    (
        "dmp.historique",
        "send in bulk the documents validated before the product was connected: DmpHistorique -> DmpEnvois",
    ),
    (
        "application.redemarrer",
        "stop the product and start it again, with what it had on disk: nothing -> nothing",
    ),
    (
        "compte.create",
        "create a local account: CompteCreate -> CompteResult",
    ),
    (
        "local.login",
        "log in with the DUI's own means: LocalLogin -> LoginResult",
    ),
    (
        "psc.login",
        "press the PSC button in a browser session and follow to the end: PscLogin -> LoginResult",
    ),
    (
        "psc.callback",
        "open a callback address in a browser session: PscCallback -> LoginResult",
    ),
    ("psc.ciba", "log in by CIBA: PscCiba -> LoginResult"),
    (
        "session.visit",
        "open a protected page in a browser session: SessionRef -> LoginResult",
    ),
    (
        "session.copy",
        "copy the cookies of a session into another (a stolen cookie): SessionCopy -> nothing",
    ),
    (
        "session.choisir",
        "choose a professional situation: SessionChoisir -> LoginResult",
    ),
    ("session.logout", "log out: SessionRef -> LoginResult"),
];

/// Every observation, with the query it takes and the type of its value.
pub const OBSERVATIONS: &[(&str, &str)] = &[
    ("usager", "?id= -> UsagerView"),
    ("usagers", "-> UsagerList"),
    ("traces", "functional traces, oldest first -> list of Trace"),
    ("liste_travail", "worklist -> list of TravailEntry"),
    (
        "documents",
        "documents kept, oldest first; ?usager= for one person -> list of DocumentResume",
    ),
    (
        "dmp_envois",
        "documents and their way to the DMP, oldest first; ?usager= for one person -> list of DmpEnvoi",
    ),
    (
        "dmp_documents",
        "documents of a person's DMP known to the product; ?usager= -> DmpListe",
    ),
    (
        "dmp_tableau",
        "dashboard of the documents fed; ?du= and ?au= (AAAA-MM-JJ) -> DmpTableau",
    ),
    ("comptes", "local accounts -> list of CompteView"),
    ("session", "?session= -> SessionView"),
    (
        "journal_technique",
        "technical log of the DUI, as text -> string",
    ),
    ("configuration", "settings -> object"),
];

macro_rules! message {
    ($(#[$doc:meta])* $name:ident { $($(#[$fdoc:meta])* $field:ident : $ty:ty),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $name { $($(#[$fdoc])* pub $field: $ty,)* }
    };
}

message!(/// Parameters of `clock.advance`.
    ClockAdvance { /// Seconds to add.
        secondes: u64 });
message!(/// Parameters of `config.set`. The settings that scenarios use:
    /// `validation_automatique` (boolean: a high-confidence document validates by itself),
    /// `justificatifs_haute_confiance` (list of document natures), `table_confiance` (list of trusted senders),
    /// `edition_traits_optionnels` (boolean: printed identities show the optional traits),
    /// `mention_rgpd` (text printed at the foot of every document).
    ConfigSet { /// Name of the setting.
        cle: String, /// Value.
        valeur: Value });
message!(/// Names a person of the DUI.
    UsagerRef { /// Id given by `usager.create`.
        usager: String, /// Who acts: `soignant` (default), `super_utilisateur`, `sans_droit_insi`, `sans_droit`.
        #[serde(default, skip_serializing_if = "Option::is_none")] role: Option<String> });
message!(/// Parameters of `usager.create`. Fields are optional so that an incomplete creation can be tried.
    UsagerCreate { /// Nom de naissance.
        #[serde(default, skip_serializing_if = "Option::is_none")] nom_naissance: Option<String>, /// Premier prénom de naissance.
        #[serde(default, skip_serializing_if = "Option::is_none")] premier_prenom: Option<String>, /// Prénoms de naissance, first included.
        #[serde(default, skip_serializing_if = "Vec::is_empty")] prenoms: Vec<String>, /// `M`, `F` or `I`.
        #[serde(default, skip_serializing_if = "Option::is_none")] sexe: Option<String>, /// `AAAA-MM-JJ`, as typed: may be impossible.
        #[serde(default, skip_serializing_if = "Option::is_none")] date_naissance: Option<String>, /// COG.
        #[serde(default, skip_serializing_if = "Option::is_none")] lieu_naissance: Option<String>, /// Nom utilisé.
        #[serde(default, skip_serializing_if = "Option::is_none")] nom_utilise: Option<String>, /// Prénom utilisé.
        #[serde(default, skip_serializing_if = "Option::is_none")] prenom_utilise: Option<String>, /// NSS used for reimbursement, not an INS.
        #[serde(default, skip_serializing_if = "Option::is_none")] nss: Option<String>, /// Who acts.
        #[serde(default, skip_serializing_if = "Option::is_none")] role: Option<String> });
message!(/// Parameters of `usager.update`: fields of [`UsagerCreate`] by name.
    UsagerUpdate { /// Person.
        usager: String, /// Field to new value.
        changements: BTreeMap<String, Value>, /// Who acts.
        #[serde(default, skip_serializing_if = "Option::is_none")] role: Option<String> });
message!(/// Parameters of `usager.search`.
    UsagerSearch { /// `AAAA-MM-JJ`.
        #[serde(default, skip_serializing_if = "Option::is_none")] date_naissance: Option<String>, /// First letters of a name (birth or used).
        #[serde(default, skip_serializing_if = "Option::is_none")] nom: Option<String>, /// First letters of a given name (birth or used).
        #[serde(default, skip_serializing_if = "Option::is_none")] prenom: Option<String>, /// Matricule with key.
        #[serde(default, skip_serializing_if = "Option::is_none")] matricule: Option<String>, /// Who acts.
        #[serde(default, skip_serializing_if = "Option::is_none")] role: Option<String> });
message!(/// Parameters of `usager.attribut`.
    UsagerAttribut { /// Person.
        usager: String, /// Attribute.
        attribut: Attribut, /// Set or clear.
        actif: bool });
message!(/// Parameters of `usager.justificatif`.
    UsagerJustificatif { /// Person.
        usager: String, /// `passeport`, `carte_identite`, `titre_sejour`, `livret_famille`, `carte_vitale`, `permis_conduire`...
        nature: String });
message!(/// A matricule held by the DUI.
    InsView { /// 15 characters.
        matricule: String, /// OID.
        oid: String });
message!(/// A past status.
    StatutChange { /// Status before.
        avant: Option<Statut>, /// Status after.
        apres: Statut, /// When.
        date: Timestamp, /// Who.
        auteur: String });
message!(/// A person as the DUI holds it.
    UsagerView { /// Id.
        id: String, /// Status.
        statut: Statut, /// Attributes.
        #[serde(default)] attributs: Vec<Attribut>, /// Nom de naissance.
        nom_naissance: String, /// Premier prénom.
        premier_prenom: String, /// Liste des prénoms.
        prenoms: Vec<String>, /// Sexe.
        sexe: String, /// `AAAA-MM-JJ`.
        date_naissance: String, /// COG.
        #[serde(default)] lieu_naissance: Option<String>, /// Nom utilisé.
        #[serde(default)] nom_utilise: Option<String>, /// Prénom utilisé.
        #[serde(default)] prenom_utilise: Option<String>, /// Matricule and OID, only when the status allows them.
        #[serde(default)] ins: Option<InsView>, /// Former matricules.
        #[serde(default)] historique_ins: Vec<InsView>, /// NSS.
        #[serde(default)] nss: Option<String>, /// Status history, oldest first.
        #[serde(default)] historique_statut: Vec<StatutChange>, /// Identity documents recorded.
        #[serde(default)] justificatifs: Vec<String> });
message!(/// Result of the actions on one person; `usager` is absent when nothing was created.
    UsagerResult { /// The person after the action.
        #[serde(default)] usager: Option<UsagerView>, /// Alert shown, if any.
        #[serde(default)] alerte: Option<String> });
message!(/// Result of `usager.search`.
    UsagerList { /// Persons found.
        usagers: Vec<UsagerView> });
message!(/// Parameters of `ins.search`.
    InsSearch { /// Person.
        usager: String, /// `traits` (default) or `vitale`; in `vitale` mode the person's NSS stands in for the card.
        #[serde(default, skip_serializing_if = "Option::is_none")] mode: Option<String>, /// Add the COG to the query (the user's answer to "several identities").
        #[serde(default)] avec_lieu: bool, /// Who acts.
        #[serde(default, skip_serializing_if = "Option::is_none")] role: Option<String> });

/// How a search ended for the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum InsIssue {
    /// One identity, shown beside the local one, waiting for acceptance.
    Proposition,
    /// Nobody found.
    Aucune,
    /// Several identities: nothing may be picked.
    Plusieurs,
    /// Technical failure, or an answer the DUI must not import.
    Echec,
    /// The DUI forbids the call (douteux, fictif, rights).
    Bloquee,
}

message!(/// Result of `ins.search`.
    InsSearchResult { /// How it ended.
        issue: InsIssue, /// Traits returned and shown beside the local ones, when there is a proposal.
        #[serde(default)] proposition: Option<UsagerProposition>, /// Fields highlighted as different (`date_naissance`, `prenoms`...).
        #[serde(default)] differences: Vec<String>, /// Alert shown, if any.
        #[serde(default)] alerte: Option<String> });
message!(/// An identity proposed by INSi, as shown.
    UsagerProposition { /// Nom de naissance.
        nom_naissance: String, /// Premier prénom as derived by the DUI.
        premier_prenom: String, /// Liste des prénoms.
        prenoms: Vec<String>, /// Sexe.
        sexe: String, /// `AAAA-MM-JJ`.
        date_naissance: String, /// COG.
        #[serde(default)] lieu_naissance: Option<String> });
message!(/// Result of `ins.verify`.
    InsVerifyResult { /// `ok`, `ko` or `echec`.
        issue: String, /// The person afterwards.
        #[serde(default)] usager: Option<UsagerView>, /// Alert shown.
        #[serde(default)] alerte: Option<String> });
message!(/// Parameters of `identite.recevoir`: an identity comes with documents from a partner.
    IdentiteRecue { /// Sender, as in the trust table.
        emetteur: String, /// Nom de naissance.
        nom_naissance: String, /// Prénoms.
        prenoms: Vec<String>, /// Sexe.
        sexe: String, /// Birth date.
        date_naissance: String, /// COG.
        #[serde(default, skip_serializing_if = "Option::is_none")] lieu_naissance: Option<String>, /// Matricule with key.
        matricule: String, /// OID.
        oid: String });
message!(/// Result of `identite.recevoir`.
    IdentiteResult { /// Person created or matched, if any.
        #[serde(default)] usager: Option<UsagerView>, /// Was a line added to the worklist?
        liste_travail: bool, /// Alert shown.
        #[serde(default)] alerte: Option<String> });
message!(/// Parameters of `identite.envoyer`.
    IdentiteEnvoi { /// Person.
        usager: String, /// Recipient.
        destinataire: String });
message!(/// Result of `identite.envoyer`: the identity block as it leaves.
    IdentiteEnvoyee { /// What leaves, as text.
        contenu: String, /// Matricule that leaves, if any.
        #[serde(default)] ins: Option<InsView> });
message!(/// Result of `edition.imprimer`.
    Edition { /// Text of the page.
        texte: String, /// Content of the datamatrix, if there is one.
        #[serde(default)] datamatrix: Option<String> });
message!(/// A professional to whom a document is to be sent.
    DocumentDestinataire { /// National id (idNat).
        identifiant_national: String, /// Family name.
        nom: String, /// Given name.
        prenom: String, /// National id of the structure (`1` and FINESS), when known.
        #[serde(default, skip_serializing_if = "Option::is_none")] structure: Option<String> });
message!(/// Parameters of `document.create`.
    DocumentCreate { /// Person the document is about.
        usager: String, /// `projet_personnalise`, `projet_accueil`, `compte_rendu`, `courrier`, `lettre_entree`, `grille_evaluation`,
        /// `fiche_suivi`, `document_medico_social`, `prescription`, `dlu` (document de liaison d'urgence, level 3), or a type code of JDV_J07 such as `80788-3`.
        r#type: String, /// Title, as the user typed it.
        titre: String, /// Text of the document, one paragraph a line; what it says does not matter.
        #[serde(default, skip_serializing_if = "Option::is_none")] texte: Option<String>, /// Id of the document that this one replaces.
        #[serde(default, skip_serializing_if = "Option::is_none")] remplace: Option<String>, /// Recipients foreseen.
        #[serde(default, skip_serializing_if = "Vec::is_empty")] destinataires: Vec<DocumentDestinataire>,
        /// Browser session of the professional who writes and validates; absent: a professional of the site, known to the directory.
        #[serde(default, skip_serializing_if = "Option::is_none")] session: Option<String>,
        /// Keep it as a draft: `document.valider` validates it.
        #[serde(default)] brouillon: bool,
        /// What its author chose for the DMP.
        #[serde(default, skip_serializing_if = "Option::is_none")] dmp: Option<DmpChoix>,
        /// Day of the act, `AAAA-MM-JJ`, when it is not the day of writing.
        #[serde(default, skip_serializing_if = "Option::is_none")] date_acte: Option<String>, /// Who acts, as in the other actions.
        #[serde(default, skip_serializing_if = "Option::is_none")] role: Option<String> });
message!(/// Choices about the DMP made when a document is validated. By default a document leaves, visible to all.
    #[derive(Default)]
    DmpChoix { /// Do not send it.
        #[serde(default)] ne_pas_envoyer: bool, /// Hide it from professionals (`MASQUE_PS`).
        #[serde(default)] masque_ps: bool, /// Hide it from the person until it is announced (`INVISIBLE_PATIENT`).
        #[serde(default)] invisible_patient: bool, /// Hide it from legal representatives (`INVISIBLE_REPRESENTANTS_LEGAUX`).
        #[serde(default)] invisible_representants: bool, /// Secret connection: the access itself is hidden from legal representatives.
        #[serde(default)] connexion_secrete: bool });
message!(/// Parameters of `document.valider`.
    DocumentValider { /// Draft.
        document: String, /// Choices for the DMP.
        #[serde(default, skip_serializing_if = "Option::is_none")] dmp: Option<DmpChoix>, /// Browser session of the professional who validates.
        #[serde(default, skip_serializing_if = "Option::is_none")] session: Option<String> });
message!(/// Names a person, and the professional who acts.
    UsagerSession { /// Person.
        usager: String, /// Browser session of the professional; absent: a professional of the site.
        #[serde(default, skip_serializing_if = "Option::is_none")] session: Option<String> });
message!(/// What the product knows of a person's DMP and shows.
    DmpEtat { /// `actif`, `ferme`, `absent`, or `inconnu` when it could not be asked.
        statut: String, /// `valide`, `expire`, `interdit`, `inexistant`, when the answer said so.
        #[serde(default)] autorisation: Option<String>, /// Is it attached to Mon espace santé?
        #[serde(default)] rattache_mes: Option<bool>, /// Traits of the DMP that differ from the local ones (names of fields, never the DMP's values).
        #[serde(default)] divergences: Vec<String>, /// What the product offers (`consulter`, `demander_autorisation`...).
        #[serde(default)] propose: Vec<String>, /// Alert shown.
        #[serde(default)] alerte: Option<String> });
message!(/// Parameters of `dmp.consentement`. What is absent stays as it is.
    DmpConsentement { /// Person.
        usager: String, /// Does the person oppose the feeding of the DMP?
        #[serde(default, skip_serializing_if = "Option::is_none")] opposition_alimentation: Option<bool>, /// Does the person consent to consultation?
        #[serde(default, skip_serializing_if = "Option::is_none")] consultation: Option<bool> });
message!(/// Names a document of the product that is in the DMP.
    DmpDocumentRef { /// Id of the document (its uniqueId).
        document: String, /// Browser session of the professional.
        #[serde(default, skip_serializing_if = "Option::is_none")] session: Option<String> });
message!(/// Parameters of `dmp.visibilite`. What is absent stays as it is.
    DmpVisibilite { /// Id of the document (its uniqueId).
        document: String, /// Browser session of the professional.
        #[serde(default, skip_serializing_if = "Option::is_none")] session: Option<String>, /// Hide it from professionals, or show it again.
        #[serde(default, skip_serializing_if = "Option::is_none")] masque_ps: Option<bool>, /// Hide it from the person, or announce it.
        #[serde(default, skip_serializing_if = "Option::is_none")] invisible_patient: Option<bool> });
message!(/// Parameters of `dmp.autoriser`.
    DmpAutoriser { /// Person.
        usager: String, /// Browser session of the professional.
        #[serde(default, skip_serializing_if = "Option::is_none")] session: Option<String>, /// The professional confirmed that the person consents.
        confirme: bool, /// Remove the authorisation instead.
        #[serde(default)] retirer: bool });
message!(/// Parameters of `dmp.rechercher`.
    DmpRecherche { /// Person.
        usager: String, /// Browser session of the professional.
        #[serde(default, skip_serializing_if = "Option::is_none")] session: Option<String>, /// Only these type codes.
        #[serde(default, skip_serializing_if = "Vec::is_empty")] types: Vec<String>, /// Documents of acts since this day, `AAAA-MM-JJ`.
        #[serde(default, skip_serializing_if = "Option::is_none")] depuis: Option<String>, /// Only what came since the last visit.
        #[serde(default)] nouveautes: bool, /// Also archived and replaced documents.
        #[serde(default)] toutes_versions: bool });
message!(/// A document of the DMP, as listed.
    DmpEntree { /// uniqueId.
        unique_id: String, /// Type code.
        r#type: String, /// Title.
        titre: String, /// Date of the act as shown: local time, `AAAA-MM-JJ HH:MM`.
        date: String, /// Author as shown.
        auteur: String, /// `actif`, `remplace`, `archive`.
        etat: String, /// Published by the person.
        #[serde(default)] du_patient: bool, /// Already kept in the record.
        #[serde(default)] integre: bool, /// Made by this product.
        #[serde(default)] produit_ici: bool });
message!(/// Documents of a DMP.
    DmpListe { /// The documents.
        documents: Vec<DmpEntree>, /// How many are new since the last visit.
        #[serde(default)] nouveaux: Option<u32>, /// Alert shown.
        #[serde(default)] alerte: Option<String> });
message!(/// Parameters of `dmp.consulter`.
    DmpConsultation { /// Person.
        usager: String, /// uniqueIds to open.
        documents: Vec<String>, /// Browser session of the professional.
        #[serde(default, skip_serializing_if = "Option::is_none")] session: Option<String>, /// Keep them in the record.
        #[serde(default)] integrer: bool });
message!(/// A document of the DMP, as opened.
    DmpOuvert { /// uniqueId.
        unique_id: String, /// The document as kept, byte for byte, in base64.
        contenu: String, /// What the reader sees first: `pdf`, `texte`, `html`.
        #[serde(default)] affichage: Option<String>, /// HTML shown, when it is shown as HTML.
        #[serde(default)] html: Option<String>, /// Was it asked of the DMP, or had the product kept it?
        telecharge: bool });
message!(/// Result of `dmp.consulter`.
    DmpContenu { /// The documents that came.
        documents: Vec<DmpOuvert>, /// uniqueIds that did not come.
        #[serde(default)] manquants: Vec<String>, /// Alert shown.
        #[serde(default)] alerte: Option<String> });
message!(/// Parameters of `dmp.ouvrir`.
    DmpOuvrir { /// Person; absent: the dashboard without a person.
        #[serde(default, skip_serializing_if = "Option::is_none")] usager: Option<String>, /// Page (`TableauDeBord`, `DossierPatient`, `Documents`...).
        page: String, /// Browser session of the professional.
        #[serde(default, skip_serializing_if = "Option::is_none")] session: Option<String> });
message!(/// Result of `dmp.ouvrir`.
    DmpPage { /// Address opened.
        url: String, /// HTTP status of the page.
        #[serde(default)] statut_http: Option<u16> });
message!(/// Parameters of `dmp.historique`.
    DmpHistorique { /// Documents validated since this day, `AAAA-MM-JJ`.
        #[serde(default, skip_serializing_if = "Option::is_none")] depuis: Option<String>, /// Only count what would leave.
        #[serde(default)] essai: bool });
message!(/// A document and its way to the DMP.
    DmpEnvoi { /// Id of the document (its uniqueId).
        document: String, /// Person.
        usager: String, /// `brouillon`, `en_attente`, `envoye`, `refuse`, `bloque`, `remplace`, `supprime`, `non_envoye`.
        etat: String, /// What the user reads: why it waits, was refused or is blocked.
        #[serde(default)] message: Option<String>, /// Code of the DMP's last answer (subcode, registry error), or `timeout`, `http_503`...
        #[serde(default)] code: Option<String>, /// Attempts made.
        #[serde(default)] tentatives: u32, /// When the DMP accepted it.
        #[serde(default)] date: Option<Timestamp>, /// uniqueId of the lot.
        #[serde(default)] lot: Option<String>, /// entryUUID, when known.
        #[serde(default)] entree: Option<String> });
message!(/// Documents and their way to the DMP.
    DmpEnvois { /// The documents concerned.
        envois: Vec<DmpEnvoi> });
message!(/// Result of the actions on one document of the DMP.
    DmpEnvoiResult { /// The document afterwards.
        envoi: DmpEnvoi, /// Alert shown.
        #[serde(default)] alerte: Option<String> });
message!(/// Dashboard of feeding (SC.TBB.01.MS1).
    DmpTableau { /// First day counted, `AAAA-MM-JJ`.
        du: String, /// Last day counted.
        au: String, /// Documents accepted by the DMP.
        alimentes: u32, /// Documents validated about persons whose INS is qualified.
        ins_qualifiee: u32, /// Documents validated about persons whose INS is not qualified.
        ins_non_qualifiee: u32, /// Documents waiting, refused or blocked.
        en_souffrance: u32, /// Accepted documents by structure id.
        par_structure: BTreeMap<String, u32>, /// Accepted documents by national id of their author.
        par_professionnel: BTreeMap<String, u32> });
message!(/// Names a document kept by the DUI.
    DocumentRef { /// Its id.
        document: String });
message!(/// A document as it leaves the DUI.
    DocumentView { /// Id of this version: for a CDA, `ClinicalDocument/id/@root`.
        id: String, /// Id common to every version.
        set_id: String, /// Version, from 1.
        version: u32, /// `cda-n1`, `cda-n3`.
        format: String, /// Media type of the content.
        type_media: String, /// The content, in base64.
        contenu: String });
message!(/// Result of `document.create` and `document.lire`.
    DocumentResult { /// The document.
        document: DocumentView });
message!(/// A document kept, without its content.
    DocumentResume { /// Id of this version.
        id: String, /// Id common to every version.
        set_id: String, /// Version, from 1.
        version: u32, /// Person.
        usager: String, /// Type code of JDV_J07.
        r#type: String, /// Title.
        titre: String, /// When it was validated (a draft: when it was written).
        date: Timestamp, /// Not validated yet.
        #[serde(default)] brouillon: bool, /// Id of the document it replaces.
        #[serde(default)] remplace: Option<String> });
message!(/// No parameter.
    #[derive(Default)]
    Rien {});
message!(/// A functional trace.
    Trace { /// When.
        date: Timestamp, /// Who.
        auteur: String, /// `insi.recherche`, `insi.verification`, `identite.acces`, `identite.creation`, `identite.modification`, `identite.envoi`, `document.creation`, `dmp.existence`, `dmp.alimentation`, `dmp.suppression`, `dmp.recherche`, `dmp.consultation`, `dmp.autorisation`, `connexion`, `deconnexion`, `connexion.echec`.
        nature: String, /// Person concerned.
        #[serde(default)] usager: Option<String>, /// Search mode (`traits`, `vitale`), recipient of a sending, means of login...
        #[serde(default)] mode: Option<String>, /// Return code (`00`, `01`, `02`, `OK`, `KO`, fault code, `timeout`...).
        #[serde(default)] code: Option<String>, /// Whatever else the trace holds; for an INSi code 00: `matricule`, `oid`, `historique`, `traits`.
        #[serde(default)] details: BTreeMap<String, Value> });
message!(/// A line of the worklist.
    TravailEntry { /// Person concerned.
        #[serde(default)] usager: Option<String>, /// Why.
        motif: String, /// When.
        date: Timestamp });
message!(/// Parameters of `compte.create`.
    CompteCreate { /// Local login name.
        identifiant: String, /// Local password.
        mot_de_passe: String, /// National id (idNat), when known.
        #[serde(default, skip_serializing_if = "Option::is_none")] identifiant_national: Option<String>, /// Family name.
        nom: String, /// Given name.
        prenom: String, /// Rights: `soignant`, `super_utilisateur`...
        #[serde(default, skip_serializing_if = "Vec::is_empty")] droits: Vec<String> });
message!(/// A local account.
    CompteView { /// Id.
        id: String, /// Local login name.
        identifiant: String, /// National id.
        #[serde(default)] identifiant_national: Option<String>, /// PSC `sub`, a technical tag only.
        #[serde(default)] psc_sub: Option<String>, /// Family name.
        nom: String, /// Given name.
        prenom: String, /// Profession code.
        #[serde(default)] profession: Option<String>, /// Rights.
        droits: Vec<String> });
message!(/// Result of `compte.create`.
    CompteResult { /// The account.
        compte: CompteView });
message!(/// Parameters of `local.login`.
    LocalLogin { /// Browser session (`A`, `B`...); created on first use.
        session: String, /// Login name.
        identifiant: String, /// Password.
        mot_de_passe: String });
message!(/// Parameters of `psc.login`.
    PscLogin { /// Browser session (`A`, `B`...); created on first use.
        session: String, /// Stop before opening the callback, and give its address in the result.
        #[serde(default)] sans_callback: bool, /// Return-address parameter to add to the login page's address, if the DUI has one.
        #[serde(default, skip_serializing_if = "Option::is_none")] retour: Option<String> });
message!(/// Parameters of `psc.callback`.
    PscCallback { /// Browser session.
        session: String, /// Address to open.
        url: String });
message!(/// Parameters of `psc.ciba`.
    PscCiba { /// Browser (workstation) session.
        session: String, /// National id typed by the user.
        identifiant_national: String, /// `CARD` or `MOBILE`.
        canal: String, /// Answer as soon as the number is shown, without waiting for the user's answer;
        /// `session.visit` then tells how the login ended.
        #[serde(default)] sans_attente: bool });
message!(/// Names a browser session.
    SessionRef { /// Browser session.
        session: String });
message!(/// Parameters of `session.copy`.
    SessionCopy { /// Copied from.
        session: String, /// Copied to.
        vers: String });
message!(/// Parameters of `session.choisir`.
    SessionChoisir { /// Browser session.
        session: String, /// One of [`LoginResult::situations`].
        situation: String });
message!(/// Is someone logged in, and who?
    LoginResult { /// Does a protected page open in this session?
        connecte: bool, /// Account reached.
        #[serde(default)] compte: Option<CompteView>, /// Means: `psc`, `local`.
        #[serde(default)] moyen: Option<String>, /// Situations the user must choose from.
        #[serde(default)] situations: Vec<String>, /// Situation in use.
        #[serde(default)] situation: Option<String>, /// What the page says of the user, or the error shown.
        #[serde(default)] page: Option<String>, /// HTTP status of the last page.
        #[serde(default)] statut_http: Option<u16>, /// Address of the last page, or the callback not opened.
        #[serde(default)] url: Option<String>, /// CIBA binding message shown on the workstation.
        #[serde(default)] binding_message: Option<String>, /// Are other means of login still offered on the page?
        #[serde(default)] autres_moyens: Option<bool> });
message!(/// Value of the observation `session`: what a person with a browser's tools sees.
    SessionView { /// Is someone logged in?
        connecte: bool, /// Cookies, as `Set-Cookie` lines.
        cookies: Vec<String>, /// Web storage, key to value.
        #[serde(default)] stockage: BTreeMap<String, String>, /// Source of the last page.
        page: String, /// Address of the last page.
        url: String, /// When the user logged in.
        #[serde(default)] connecte_depuis: Option<Timestamp> });

/// JSON Schema of an action's parameters, by name.
pub fn params_schema(action: &str) -> Option<schemars::Schema> {
    use schemars::schema_for;
    Some(match action {
        "clock.advance" => schema_for!(ClockAdvance),
        "config.set" => schema_for!(ConfigSet),
        "usager.create" => schema_for!(UsagerCreate),
        "usager.update" => schema_for!(UsagerUpdate),
        "usager.search" => schema_for!(UsagerSearch),
        "usager.attribut" => schema_for!(UsagerAttribut),
        "usager.justificatif" => schema_for!(UsagerJustificatif),
        "usager.valider" | "usager.afficher" | "ins.accept" | "ins.refuse" | "ins.verify"
        | "edition.imprimer" => schema_for!(UsagerRef),
        "ins.search" => schema_for!(InsSearch),
        "identite.recevoir" => schema_for!(IdentiteRecue),
        "identite.envoyer" => schema_for!(IdentiteEnvoi),
        "document.create" => schema_for!(DocumentCreate),
        "document.lire" => schema_for!(DocumentRef),
        "document.valider" => schema_for!(DocumentValider),
        "dmp.verifier" => schema_for!(UsagerSession),
        "dmp.consentement" => schema_for!(DmpConsentement),
        "dmp.supprimer" => schema_for!(DmpDocumentRef),
        "dmp.visibilite" => schema_for!(DmpVisibilite),
        "dmp.autoriser" => schema_for!(DmpAutoriser),
        "dmp.rechercher" => schema_for!(DmpRecherche),
        "dmp.consulter" => schema_for!(DmpConsultation),
        "dmp.ouvrir" => schema_for!(DmpOuvrir),
        "dmp.historique" => schema_for!(DmpHistorique),
        "dmp.reprendre" | "application.redemarrer" => schema_for!(Rien),
        "compte.create" => schema_for!(CompteCreate),
        "local.login" => schema_for!(LocalLogin),
        "psc.login" => schema_for!(PscLogin),
        "psc.callback" => schema_for!(PscCallback),
        "psc.ciba" => schema_for!(PscCiba),
        "session.visit" | "session.logout" => schema_for!(SessionRef),
        "session.copy" => schema_for!(SessionCopy),
        "session.choisir" => schema_for!(SessionChoisir),
        _ => return None,
    })
}

/// JSON Schema of an action's result (when its status is `done`), by name; `None` when it has none.
pub fn result_schema(action: &str) -> Option<schemars::Schema> {
    use schemars::schema_for;
    Some(match action {
        "usager.create"
        | "usager.update"
        | "usager.attribut"
        | "usager.justificatif"
        | "usager.valider"
        | "usager.afficher"
        | "ins.accept"
        | "ins.refuse" => {
            schema_for!(UsagerResult)
        }
        "usager.search" => schema_for!(UsagerList),
        "ins.search" => schema_for!(InsSearchResult),
        "ins.verify" => schema_for!(InsVerifyResult),
        "identite.recevoir" => schema_for!(IdentiteResult),
        "identite.envoyer" => schema_for!(IdentiteEnvoyee),
        "edition.imprimer" => schema_for!(Edition),
        "document.create" | "document.lire" | "document.valider" => schema_for!(DocumentResult),
        "dmp.verifier" | "dmp.autoriser" => schema_for!(DmpEtat),
        "dmp.supprimer" | "dmp.visibilite" => schema_for!(DmpEnvoiResult),
        "dmp.rechercher" => schema_for!(DmpListe),
        "dmp.consulter" => schema_for!(DmpContenu),
        "dmp.ouvrir" => schema_for!(DmpPage),
        "dmp.reprendre" | "dmp.historique" => schema_for!(DmpEnvois),
        "compte.create" => schema_for!(CompteResult),
        "local.login" | "psc.login" | "psc.callback" | "psc.ciba" | "session.visit"
        | "session.choisir" | "session.logout" => schema_for!(LoginResult),
        _ => return None,
    })
}

/// JSON Schema of an observation's value, by name.
pub fn observation_schema(what: &str) -> Option<schemars::Schema> {
    use schemars::schema_for;
    Some(match what {
        "usager" => schema_for!(UsagerView),
        "usagers" => schema_for!(UsagerList),
        "traces" => schema_for!(Vec<Trace>),
        "liste_travail" => schema_for!(Vec<TravailEntry>),
        "documents" => schema_for!(Vec<DocumentResume>),
        "dmp_envois" => schema_for!(Vec<DmpEnvoi>),
        "dmp_documents" => schema_for!(DmpListe),
        "dmp_tableau" => schema_for!(DmpTableau),
        "comptes" => schema_for!(Vec<CompteView>),
        "session" => schema_for!(SessionView),
        "journal_technique" => schema_for!(String),
        "configuration" => schema_for!(BTreeMap<String, Value>),
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
