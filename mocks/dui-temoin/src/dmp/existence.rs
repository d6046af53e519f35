//! TD0.2: has this person a DMP, in which state, and what may the caller do there?

use diapason_core::Timestamp;
use diapason_core::driver::DmpEtat;
use diapason_core::ins::Sexe;
use roxmltree::Node;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::erreur::Echec;
use super::lot::utc;
use super::message::{Reponse, corps};
use crate::config::DmpSettings;
use crate::document::noeud::{Noeud, noeud};
use crate::identite::Usager;
use crate::identite::usager::InsTenu;
use crate::mutants::Mutants;

const HL7: &str = "urn:hl7-org:v3";
/// The DMP as a device.
const DMP: &str = "1.2.250.1.213.4.1.1.1";
const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// State of a DMP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Statut {
    /// Open.
    Actif,
    /// Closed.
    Ferme,
    /// There is none.
    Absent,
}

/// What TD0.2 said of a person's DMP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Existence {
    /// State.
    pub statut: Statut,
    /// Authorisation of the caller, in lower case, as the DMP names it.
    pub autorisation: Option<String>,
    /// Attached to Mon espace santé?
    pub rattache_mes: Option<bool>,
    /// Names of the local traits from which the DMP's differ; never its values.
    pub divergences: Vec<String>,
    /// When it was asked.
    pub date: Timestamp,
    /// Under which matricule.
    #[serde(default)]
    pub matricule: String,
}

impl Existence {
    /// What the user sees.
    pub fn etat(&self, mutants: &Mutants) -> DmpEtat {
        let statut = match self.statut {
            Statut::Actif => "actif",
            Statut::Ferme if !mutants.mutant("dmp-closed-shown-as-absent") => "ferme",
            Statut::Ferme | Statut::Absent => "absent",
        };
        let mut propose = Vec::new();
        if self.statut == Statut::Actif {
            match self.autorisation.as_deref() {
                Some("valide") => propose.push("consulter".to_owned()),
                Some("interdit") => {}
                Some("expire") if mutants.mutant("dmp-expired-authorisation-unsaid") => {}
                _ => propose.push("demander_autorisation".to_owned()),
            }
        }
        let mut alertes = Vec::new();
        match self.statut {
            Statut::Absent => {
                alertes
                    .push("Cette personne n'a pas de DMP : ses documents restent dans le dossier.");
            }
            Statut::Ferme => {
                alertes.push("Le DMP de cette personne est fermé : aucun document n'y est envoyé.");
            }
            Statut::Actif => {}
        }
        match self.autorisation.as_deref() {
            Some("interdit") => alertes.push(
                "La personne a bloqué votre accès à son DMP : vous ne pouvez pas le consulter, l'alimentation reste possible.",
            ),
            Some("expire") if !mutants.mutant("dmp-expired-authorisation-unsaid") => alertes.push(
                "Votre autorisation d'accès à ce DMP a expiré : vous pouvez la renouveler avec l'accord de la personne. L'alimentation n'est pas concernée.",
            ),
            _ => {}
        }
        if !self.divergences.is_empty() {
            alertes.push(
                "L'identité connue du DMP diffère de celle du dossier : vérifiez l'identité de la personne.",
            );
        }
        DmpEtat {
            statut: statut.to_owned(),
            autorisation: self.autorisation.clone(),
            rattache_mes: self.rattache_mes,
            divergences: self.divergences.clone(),
            propose,
            alerte: (!alertes.is_empty()).then(|| alertes.join(" ")),
        }
    }
}

fn appareil(element: &str, code: &str, oid: &str, nom: &str) -> Noeud {
    noeud(element).a("typeCode", code).avec([noeud("device")
        .a("classCode", "DEV")
        .a("determinerCode", "INSTANCE")
        .avec([noeud("id").a("root", oid), noeud("softwareName").dit(nom)])])
}

fn vide(element: &str) -> Noeud {
    noeud(element).a("xsi:nil", "true")
}

/// The body of the request.
pub fn demande(ins: &InsTenu, settings: &DmpSettings, now: Timestamp) -> Noeud {
    let message = "PRPA_IN201307UV02";
    let frais = |arc: &str| {
        noeud("id")
            .a("root", format!("{}.{arc}", settings.lps_oid))
            .a("extension", Uuid::new_v4().to_string())
    };
    let mut requete = frais("2");
    "queryId".clone_into(&mut requete.nom);
    let parametres = noeud("parameterList").avec([
        vide("dataSource"),
        noeud("patientIdentifier").avec([
            noeud("value")
                .a("root", ins.oid.as_str())
                .a("extension", ins.matricule.as_str()),
            noeud("semanticsText").dit("Patient.id"),
        ]),
    ]);
    noeud(message)
        .a("xmlns", HL7)
        .a("xmlns:xsi", XSI)
        .a("ITSVersion", "XML_1.0")
        .avec([
            frais("1"),
            noeud("creationTime").a("value", utc(now)),
            noeud("interactionId")
                .a("root", "2.16.840.1.113883.1.6")
                .a("extension", message),
            noeud("processingCode").a("code", "D"),
            noeud("processingModeCode").a("code", "T"),
            noeud("acceptAckCode").a("code", "AL"),
            appareil("receiver", "RCV", DMP, "DMP"),
            appareil("sender", "SND", &settings.lps_oid, &settings.lps_nom),
            vide("attentionLine"),
            noeud("controlActProcess")
                .a("classCode", "CACT")
                .a("moodCode", "EVN")
                .avec([
                    noeud("reasonCode")
                        .a("code", "TEST_EXST")
                        .a("codeSystem", "1.2.250.1.213.1.1.4.11"),
                    noeud("queryByParameter").avec([
                        requete,
                        noeud("statusCode").a("code", "new"),
                        parametres,
                    ]),
                ]),
        ])
}

fn hl7<'a>(node: Node<'a, 'a>, chemin: &str) -> Option<Node<'a, 'a>> {
    chemin.split('/').try_fold(node, |ici, nom| {
        ici.children().find(|n| n.has_tag_name((HL7, nom)))
    })
}

/// Reads the answer, held against the local traits.
pub fn lire(
    reponse: &Reponse,
    usager: &Usager,
    ins: &InsTenu,
    now: Timestamp,
    mutants: &Mutants,
) -> Result<Existence, Echec> {
    let document = reponse.document()?;
    let racine = corps(&document).ok_or(Echec::Illisible("corps vide"))?;
    let accuse = hl7(racine, "acknowledgement").ok_or(Echec::Illisible("sans accusé"))?;
    let type_accuse = accuse
        .attribute("typeCode")
        .or_else(|| hl7(accuse, "typeCode").and_then(|n| n.attribute("code")))
        .unwrap_or_default();
    if type_accuse != "AA" && !mutants.mutant("dmp-acknowledgement-unread") {
        let detail = hl7(accuse, "acknowledgementDetail");
        let code = detail
            .and_then(|d| hl7(d, "code"))
            .and_then(|c| c.attribute("code"));
        let texte = detail
            .and_then(|d| hl7(d, "text"))
            .and_then(|t| t.text())
            .unwrap_or_default();
        return Err(Echec::Accuse {
            code: code.unwrap_or(type_accuse).to_owned(),
            texte: texte.trim().to_owned(),
        });
    }
    let acte = hl7(racine, "controlActProcess").ok_or(Echec::Illisible("sans acte"))?;
    let dit = hl7(acte, "queryAck/queryResponseCode")
        .and_then(|n| n.attribute("code"))
        .unwrap_or_default();
    let mut existence = Existence {
        statut: Statut::Absent,
        autorisation: attention(racine, "AUTORISATION").map(str::to_lowercase),
        rattache_mes: None,
        divergences: Vec::new(),
        date: now,
        matricule: ins.matricule.to_string(),
    };
    match dit {
        "NF" => return Ok(existence),
        "OK" => {}
        _ => return Err(Echec::Illisible("code de réponse inconnu")),
    }
    let patient = hl7(acte, "subject/registrationEvent/subject1/patient")
        .ok_or(Echec::Illisible("sans patient"))?;
    // An answer about somebody else says nothing about this person.
    let ids: Vec<&str> = patient
        .children()
        .filter(|n| n.has_tag_name((HL7, "id")))
        .filter_map(|n| n.attribute("extension"))
        .collect();
    let autre = !ids.is_empty() && !ids.contains(&ins.matricule.as_str());
    if autre && !mutants.mutant("dmp-existence-of-another-person-taken") {
        return Err(Echec::Incoherente("personne"));
    }
    existence.statut = match hl7(patient, "statusCode").and_then(|n| n.attribute("code")) {
        Some("active") => Statut::Actif,
        Some("terminated") if mutants.mutant("dmp-closed-read-as-open") => Statut::Actif,
        Some("terminated") => Statut::Ferme,
        _ => return Err(Echec::Illisible("statut inconnu")),
    };
    existence.rattache_mes = patient
        .descendants()
        .filter(|n| n.has_tag_name((HL7, "administrativeObservation")))
        .find(|n| hl7(*n, "code").and_then(|c| c.attribute("code")) == Some("RATTACHEMENT_ENS"))
        .and_then(|n| hl7(n, "value"))
        .and_then(|v| v.attribute("value"))
        .map(|v| v == "true");
    existence.divergences = divergences(patient, usager, mutants);
    Ok(existence)
}

/// Value of an `attentionLine`, by its key word.
fn attention<'a>(racine: Node<'a, 'a>, cle: &str) -> Option<&'a str> {
    racine
        .children()
        .filter(|n| n.has_tag_name((HL7, "attentionLine")))
        .find(|n| hl7(*n, "keyWordText").and_then(|k| k.attribute("code")) == Some(cle))
        .and_then(|n| hl7(n, "value"))
        .and_then(|v| v.attribute("code").or_else(|| v.attribute("value")))
}

/// Letters alone, in upper case: how names are compared.
fn nu(texte: &str) -> String {
    texte
        .chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_uppercase)
        .collect()
}

fn divergences(patient: Node<'_, '_>, usager: &Usager, mutants: &Mutants) -> Vec<String> {
    if mutants.mutant("dmp-traits-not-compared") {
        return Vec::new();
    }
    let Some(personne) = hl7_owned(patient, "patientPerson") else {
        return Vec::new();
    };
    let noms: Vec<Node<'_, '_>> = personne
        .descendants()
        .filter(|n| n.has_tag_name((HL7, "family")))
        .collect();
    let naissance = noms
        .iter()
        .find(|n| n.attribute("qualifier") == Some("BR"))
        .and_then(Node::text);
    let prenoms: Vec<&str> = personne
        .descendants()
        .filter(|n| n.has_tag_name((HL7, "given")))
        .filter_map(|n| n.text())
        .collect();
    let attribut = |element: &str, nom: &str| {
        personne
            .children()
            .find(|n| n.has_tag_name((HL7, element)))
            .and_then(|n| n.attribute(nom))
    };
    let i = &usager.identite;
    let mut out = Vec::new();
    if naissance.is_some_and(|nom| nu(nom) != nu(&i.nom_naissance)) {
        out.push("nom_naissance".to_owned());
    }
    let premier = nu(&i.premier_prenom);
    let tous = nu(&i.prenoms.concat());
    if !prenoms.is_empty()
        && !prenoms.iter().any(|p| {
            let p = nu(p);
            p == premier || p == tous || p.starts_with(&premier)
        })
    {
        out.push("premier_prenom".to_owned());
    }
    let sexe = match i.sexe {
        Sexe::M => "M",
        Sexe::F => "F",
        Sexe::I => "UN",
    };
    if attribut("administrativeGenderCode", "code").is_some_and(|code| code != sexe) {
        out.push("sexe".to_owned());
    }
    let locale = i.date_naissance.as_str().replace('-', "");
    if attribut("birthTime", "value").is_some_and(|v| {
        let jour: String = v.chars().take(8).collect();
        !locale.starts_with(&jour)
    }) {
        out.push("date_naissance".to_owned());
    }
    out
}

fn hl7_owned<'a, 'i>(node: Node<'a, 'i>, nom: &str) -> Option<Node<'a, 'i>> {
    node.children().find(|n| n.has_tag_name((HL7, nom)))
}
