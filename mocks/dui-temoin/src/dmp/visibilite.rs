//! TD3.3a and b: who sees a document of ours that is in the DMP. An act of the professional (AIR), never of the structure:
//! the entry is read as the registry has it now, and given back whole with other confidentiality codes.

use diapason_core::driver::{DmpEnvoi, DmpVisibilite};
use diapason_formats::vihf::Mode;
use roxmltree::Node;

use super::acteur::{Acteur, Connexion};
use super::alimentation::{Tracee, appeler, client, code, tracer};
use super::client::{Demande, Transaction};
use super::envois::Etat;
use super::erreur::Echec;
use super::lot::{CONFIDENTIALITE, DOCUMENT, EnteteLot, VISIBILITE, membre, paquet, soumission};
use super::message::{Reponse, corps};
use super::registre::{self, RIM, libelle, slot};
use super::suppression::Impossible;
use crate::document::noeud::{Noeud, noeud};
use crate::document::nouvel_oid;
use crate::identite::usager::InsTenu;
use crate::state::AppState;

/// Changes who sees a document.
pub async fn changer(
    state: &AppState,
    form: &DmpVisibilite,
    acteur: &Acteur,
) -> Result<DmpEnvoi, Impossible> {
    let dit = |texte: &str| Impossible(texte.to_owned());
    if acteur.connexion != Connexion::Psc {
        return Err(dit(
            "La visibilité d'un document se choisit à sa validation. Pour la changer ensuite, connectez-vous avec Pro Santé Connect.",
        ));
    }
    let envoi = state.dossiers().dmp.envoi(&form.document).cloned();
    let envoi = envoi
        .filter(|e| e.etat == Etat::Envoye)
        .ok_or_else(|| dit("Ce document n'est pas dans le DMP."))?;
    let usager = state.dossiers().usagers.get(&envoi.usager).cloned();
    let ins = usager
        .and_then(|usager| usager.ins)
        .ok_or_else(|| dit("La personne n'a plus de matricule INS."))?;
    let mut outcome = essayer(state, form, &ins, acteur).await;
    // Somebody changed the entry meanwhile: it is read again, once.
    let depassee = |echec: &Echec| echec.est("XDSMetadataVersionError");
    if outcome.as_ref().is_err_and(depassee) && !state.mutant("dmp-stale-entry-not-read-again") {
        outcome = essayer(state, form, &ins, acteur).await;
    }
    tracer(
        state,
        acteur,
        &envoi.usager,
        Tracee {
            nature: "dmp.alimentation",
            transaction: "TD3.3a",
            code: code(&outcome),
            document: Some(&form.document),
        },
    );
    outcome.map_err(|echec| {
        Impossible(format!(
            "La visibilité n'a pas été changée. {}",
            echec.message()
        ))
    })?;
    let mut dossiers = state.dossiers();
    let envoi = dossiers
        .dmp
        .envoi_mut(&form.document)
        .ok_or_else(|| dit("Ce document n'est pas dans le dossier."))?;
    // A new version of the entry has another entryUUID.
    envoi.entree = None;
    Ok(envoi.view())
}

fn demande<'a>(
    transaction: Transaction,
    ins: &'a InsTenu,
    acteur: &'a Acteur,
    corps: Noeud,
) -> Demande<'a> {
    Demande {
        transaction,
        mode: Mode::IndirecteRenforcee,
        acteur,
        ins: Some(ins),
        secrete: false,
        corps,
        pieces: Vec::new(),
    }
}

async fn essayer(
    state: &AppState,
    form: &DmpVisibilite,
    ins: &InsTenu,
    acteur: &Acteur,
) -> Result<(), Echec> {
    let question = registre::requete(
        registre::GET_DOCUMENTS,
        "LeafClass",
        [slot(
            "$XDSDocumentEntryUniqueId",
            [format!("('{}')", form.document)],
        )],
    );
    let lue = appeler(
        state,
        demande(Transaction::Recherche, ins, acteur, question),
    )
    .await?;
    registre::issue(&lue)?;
    let (mut entree, version) = entree(&lue)?;
    confidentialite(&mut entree, form);
    if state.mutant("dmp-masking-loses-metadata") {
        entree
            .enfants
            .retain(|e| e.attribut("name") != Some("hash"));
    }
    let settings = client(state)?.settings();
    let lot = nouvel_oid();
    let entete = EnteteLot {
        ins,
        acteur,
        lot: &lot,
        titre: "Visibilité d'un document",
        date: state.now(),
        source: &settings.lps_oid,
        structure: &settings.structure,
    };
    let mut lien = membre("Membre01", DOCUMENT);
    lien.enfants.push(slot("PreviousVersion", [version]));
    let corps = soumission([paquet(&entete), entree, lien]);
    let reponse = appeler(state, demande(Transaction::Attributs, ins, acteur, corps)).await?;
    registre::issue(&reponse).map(|_| ())
}

/// The entry as the registry has it, under a symbolic id, and its version.
fn entree(reponse: &Reponse) -> Result<(Noeud, String), Echec> {
    let document = reponse.document()?;
    let racine = corps(&document).ok_or(Echec::Illisible("corps vide"))?;
    // The current one, when the registry tells several versions of its metadata.
    let version_de = |n: &Node<'_, '_>| -> u32 {
        n.children()
            .find(|e| e.has_tag_name((RIM, "VersionInfo")))
            .and_then(|v| v.attribute("versionName"))
            .and_then(|v| v.parse().ok())
            .unwrap_or(1)
    };
    let lue = racine
        .descendants()
        .filter(|n| n.has_tag_name((RIM, "ExtrinsicObject")))
        .max_by_key(version_de)
        .ok_or(Echec::Illisible("document introuvable au registre"))?;
    let ancien = lue.attribute("id").unwrap_or_default().to_owned();
    let version = version_de(&lue).to_string();
    let mut noeud = copier(lue);
    noeud.enfants.retain(|e| e.nom != "rim:VersionInfo");
    let mut rang = 0_u32;
    noeud.partout(&mut |n| {
        for (nom, valeur) in &mut n.attributs {
            match nom.as_str() {
                "classifiedObject" | "registryObject" => DOCUMENT.clone_into(valeur),
                "id" if *valeur == ancien => DOCUMENT.clone_into(valeur),
                "id" => {
                    rang += 1;
                    *valeur = format!("{DOCUMENT}-{rang:02}");
                }
                _ => {}
            }
        }
    });
    Ok((noeud, version))
}

fn copier(node: Node<'_, '_>) -> Noeud {
    let mut copie = noeud(&format!("rim:{}", node.tag_name().name()));
    for attribut in node.attributes() {
        let nom = match attribut.namespace() {
            Some("http://www.w3.org/XML/1998/namespace") => format!("xml:{}", attribut.name()),
            _ => attribut.name().to_owned(),
        };
        copie = copie.a(&nom, attribut.value());
    }
    let enfants: Vec<Noeud> = node
        .children()
        .filter(Node::is_element)
        .map(copier)
        .collect();
    if enfants.is_empty() {
        copie.texte = node.text().map(str::to_owned);
    }
    copie.avec(enfants)
}

/// Sets or removes the codes asked about; the others stay.
fn confidentialite(entree: &mut Noeud, form: &DmpVisibilite) {
    let schema = format!("urn:uuid:{CONFIDENTIALITE}");
    for (voulu, visible) in [
        (form.masque_ps, "MASQUE_PS"),
        (form.invisible_patient, "INVISIBLE_PATIENT"),
    ] {
        let Some(voulu) = voulu else { continue };
        let porte = |e: &Noeud| {
            e.attribut("classificationScheme") == Some(schema.as_str())
                && e.attribut("nodeRepresentation") == Some(visible)
        };
        if !voulu {
            entree.enfants.retain(|e| !porte(e));
        } else if !entree.enfants.iter().any(porte) {
            let label = if visible == "MASQUE_PS" {
                "Masqué aux professionnels de santé"
            } else {
                "Document non visible par le patient"
            };
            let code = noeud("rim:Classification")
                .a("classificationScheme", &schema)
                .a("classifiedObject", DOCUMENT)
                .a("id", format!("{DOCUMENT}-{visible}"))
                .a("nodeRepresentation", visible)
                .avec([
                    slot("codingScheme", [VISIBILITE]),
                    libelle("rim:Name", label),
                ]);
            entree.apres("rim:Classification", code);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::dmp::message::SOAP;

    fn form(masque_ps: Option<bool>) -> DmpVisibilite {
        DmpVisibilite {
            document: "2.25.1".to_owned(),
            session: None,
            masque_ps,
            invisible_patient: None,
        }
    }

    #[test]
    fn the_entry_comes_back_whole_but_for_what_was_asked() {
        let xml = format!(
            "<s:Envelope xmlns:s=\"{SOAP}\"><s:Body><q xmlns:r=\"{RIM}\"><r:ExtrinsicObject id=\"urn:uuid:1\" lid=\"urn:uuid:9\" status=\"x\"><r:Slot name=\"hash\"><r:ValueList><r:Value>abc</r:Value></r:ValueList></r:Slot><r:VersionInfo versionName=\"3\"/><r:Classification classificationScheme=\"urn:uuid:{CONFIDENTIALITE}\" classifiedObject=\"urn:uuid:1\" id=\"urn:uuid:2\" nodeRepresentation=\"N\"/><r:ExternalIdentifier id=\"urn:uuid:3\" registryObject=\"urn:uuid:1\" value=\"2.25.1\"/></r:ExtrinsicObject></q></s:Body></s:Envelope>"
        );
        let answer = Reponse::lire("application/soap+xml", xml.into_bytes()).unwrap();
        let (mut read, version) = entree(&answer).unwrap();
        assert_eq!(version, "3");
        assert_eq!(
            (read.attribut("id"), read.attribut("lid")),
            (Some(DOCUMENT), Some("urn:uuid:9"))
        );
        assert_eq!(
            read.premier("rim:Slot/rim:ValueList/rim:Value")
                .unwrap()
                .texte
                .as_deref(),
            Some("abc")
        );
        let before = read.clone();
        confidentialite(&mut read, &form(Some(true)));
        let names: Vec<&str> = read.enfants.iter().map(|e| e.nom.as_str()).collect();
        assert_eq!(
            names,
            [
                "rim:Slot",
                "rim:Classification",
                "rim:Classification",
                "rim:ExternalIdentifier"
            ]
        );
        confidentialite(&mut read, &form(None));
        confidentialite(&mut read, &form(Some(false)));
        assert_eq!(read, before);
    }
}
