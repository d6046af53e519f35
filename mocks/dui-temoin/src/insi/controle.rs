//! Checks between an answer 00 and the comparison screen: what may be proposed to the user, what differs.
//!
//! Source: règles 6, 11, 12; the matricule's key (CNAM); coherence of the first prénom.

use diapason_core::ins::{CodeLieu, DateNaissance, Matricule, Oid, OidIns, Sexe};

use super::defauts;
use super::reponse::{Individu, Matricules};
use crate::identite::usager::InsTenu;
use crate::identite::{Identite, Proposition, prenoms};
use crate::mutants::Mutants;

/// Why an answer 00 is not proposed; the text is what the user reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refus(pub String);

/// A proposal, the fields that differ, and the alert to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparaison {
    /// Proposal.
    pub proposition: Proposition,
    /// Fields highlighted.
    pub differences: Vec<String>,
    /// Alert.
    pub alerte: Option<String>,
}

fn refus(raison: &str) -> Refus {
    Refus(format!(
        "L'identité renvoyée par INSi ne peut pas être reprise : {raison}. Le dossier n'est pas modifié."
    ))
}

/// Works out the proposal beside the local identity.
pub fn proposer(
    local: &Identite,
    rendu: &Individu,
    mutants: &Mutants,
) -> Result<Comparaison, Refus> {
    let rendu = &defauts::trim_history(rendu, mutants);
    let tiq = &rendu.tiq;
    let taken = |mutant: &str| mutants.mutant(mutant);
    if tiq.nom.is_empty() && !taken("import-empty-name") {
        return Err(refus("le nom de naissance est vide"));
    }
    if tiq.prenom.is_empty() && tiq.liste.is_empty() && !taken("import-empty-prenoms") {
        return Err(refus("les prénoms sont vides"));
    }
    if tiq.sexe.is_empty() && !taken("import-empty-sex") {
        return Err(refus("le sexe est vide"));
    }
    if tiq.liste.is_empty() && mutants.mutant("list-required") {
        return Err(refus("la liste des prénoms est vide"));
    }
    let sexe = match tiq.sexe.as_str() {
        "M" => Sexe::M,
        "F" => Sexe::F,
        "" => local.sexe,
        _ => return Err(refus("le sexe n'est ni M ni F")),
    };
    let date: DateNaissance = tiq
        .date
        .parse()
        .map_err(|_| refus("la date de naissance est absente ou impossible"))?;
    if date.is_lunar() && !mutants.mutant("import-lunar") {
        return Err(refus(
            "la date de naissance comporte un jour ou un mois à 00",
        ));
    }
    if tiq.lieu.starts_with("99") && mutants.mutant("foreign-cog-refused") {
        return Err(refus(
            "le code du lieu de naissance n'est pas celui d'une commune",
        ));
    }
    let lieu: Option<CodeLieu> = if tiq.lieu.is_empty() {
        if mutants.mutant("place-required") {
            return Err(refus("le lieu de naissance est absent"));
        }
        None
    } else {
        Some(
            tiq.lieu
                .to_ascii_uppercase()
                .parse()
                .map_err(|_| refus("le code du lieu de naissance est mal formé"))?,
        )
    };
    let actif = ins(&rendu.actif, mutants)?;
    // A former matricule that is malformed must not prevent the import of the active one.
    let historique: Vec<InsTenu> = rendu
        .historique
        .iter()
        .filter_map(|old| ins(old, mutants).ok())
        .collect();

    let mut alertes: Vec<String> = Vec::new();
    if historique.len() < rendu.historique.len() {
        alertes.push("Un matricule de l'historique est mal formé et n'est pas repris.".to_owned());
    }
    let source =
        if tiq.liste.is_empty() || (mutants.mutant("prenom-not-list") && !tiq.prenom.is_empty()) {
            &tiq.prenom
        } else {
            &tiq.liste
        };
    let connus: Vec<String> = std::iter::once(&local.premier_prenom)
        .chain(&local.prenoms)
        .cloned()
        .collect();
    let liste = if mutants.mutant("list-split-on-hyphen") {
        source.split([' ', '-']).map(str::to_owned).collect()
    } else {
        prenoms::separer(source, &connus)
    };
    let coherent = prenoms::coherent(&local.premier_prenom, &liste);
    let premier_prenom = if coherent || !mutants.mutant("overwrite-first-prenom") {
        local.premier_prenom.clone()
    } else {
        liste.first().cloned().unwrap_or_default()
    };
    if !coherent && !mutants.mutant("overwrite-first-prenom") {
        alertes.push(format!(
            "Le premier prénom du dossier ({}) n'est pas le début de la liste renvoyée par INSi ({source}) : il n'est pas remplacé. Vérifiez l'identité.",
            local.premier_prenom
        ));
    }
    if lieu.is_none() {
        alertes.push(
            "INSi n'a pas renvoyé le lieu de naissance : l'identité est incomplète.".to_owned(),
        );
    }
    let identite = Identite {
        nom_naissance: tiq.nom.clone(),
        premier_prenom,
        prenoms: liste,
        sexe,
        date_naissance: date,
        lieu_naissance: lieu,
    };
    let differences = differences(local, &identite, mutants);
    if differences
        .iter()
        .any(|d| d == "sexe" || d == "date_naissance")
    {
        alertes.push("Le sexe ou la date de naissance diffère de l'identité saisie : vérifiez qu'il s'agit de la même personne avant d'accepter.".to_owned());
    }
    Ok(Comparaison {
        proposition: Proposition {
            identite,
            ins: actif,
            historique,
        },
        differences,
        alerte: (!alertes.is_empty()).then(|| alertes.join(" ")),
    })
}

fn ins(rendu: &Matricules, mutants: &Mutants) -> Result<InsTenu, Refus> {
    let number = rendu.numero.to_ascii_uppercase();
    let computed =
        Matricule::from_number(&number).map_err(|_| refus("le matricule INS est mal formé"))?;
    if defauts::refuses_matricule(&rendu.numero, computed.key(), &rendu.oid, mutants) {
        return Err(refus("le matricule INS est mal formé"));
    }
    if rendu.cle.is_none() && mutants.mutant("key-required") {
        return Err(refus("le matricule INS n'a pas de clé"));
    }
    if let Some(cle) = &rendu.cle
        && cle != computed.key()
        && !mutants.mutant("accept-wrong-key")
    {
        return Err(refus("la clé du matricule INS est fausse"));
    }
    let oid: Oid = rendu
        .oid
        .parse()
        .map_err(|_| refus("l'OID est absent ou mal formé"))?;
    if mutants.mutant("guess-oid-nir") {
        return Ok(InsTenu {
            matricule: computed,
            oid: nir(),
        });
    }
    let nss_taken = OidIns::of(&oid).is_some() && mutants.mutant("accept-nss-oid");
    if !OidIns::of(&oid).is_some_and(OidIns::is_ins)
        && !nss_taken
        && !mutants.mutant("accept-any-oid")
    {
        return Err(refus("l'OID n'est pas celui d'un matricule INS"));
    }
    Ok(InsTenu {
        matricule: computed,
        oid,
    })
}

fn nir() -> Oid {
    OidIns::Nir
        .as_str()
        .parse()
        .expect("a constant OID is well formed")
}

/// Names of the strict traits that are not equal on both sides.
fn differences(local: &Identite, rendu: &Identite, mutants: &Mutants) -> Vec<String> {
    if mutants.mutant("hide-differences") {
        return Vec::new();
    }
    let pairs = [
        ("nom_naissance", local.nom_naissance != rendu.nom_naissance),
        (
            "premier_prenom",
            !prenoms::coherent(&local.premier_prenom, &rendu.prenoms),
        ),
        (
            "prenoms",
            local.prenoms.join(" ") != rendu.prenoms.join(" "),
        ),
        ("sexe", local.sexe != rendu.sexe),
        (
            "date_naissance",
            local.date_naissance != rendu.date_naissance,
        ),
        (
            "lieu_naissance",
            local.lieu_naissance != rendu.lieu_naissance,
        ),
    ];
    pairs
        .into_iter()
        .filter(|(name, differ)| {
            let unseen = match *name {
                "nom_naissance" => mutants.mutant("name-not-compared"),
                "date_naissance" => mutants.mutant("date-not-compared"),
                "sexe" => mutants.mutant("sex-not-compared"),
                _ => false,
            };
            *differ && !unseen
        })
        .map(|(name, _)| name.to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::reponse::Tiq;
    use super::*;
    use crate::identite::usager::tests::zoe;

    fn rendu() -> Individu {
        Individu {
            actif: Matricules {
                numero: "2751263220749".to_owned(),
                cle: Some("74".to_owned()),
                oid: "1.2.250.1.213.1.4.8".to_owned(),
            },
            historique: Vec::new(),
            tiq: Tiq {
                nom: "ADRUN".to_owned(),
                prenom: String::new(),
                liste: "ZOE".to_owned(),
                sexe: "F".to_owned(),
                date: "1975-12-31".to_owned(),
                lieu: "63220".to_owned(),
            },
        }
    }

    fn check(change: impl FnOnce(&mut Individu)) -> Result<Comparaison, Refus> {
        let mut rendu = rendu();
        change(&mut rendu);
        proposer(&zoe().identite, &rendu, &Mutants::default())
    }

    #[test]
    fn an_equal_identity_has_no_difference_and_no_alert() {
        let found = check(|_| ()).unwrap();
        assert_eq!((found.differences, found.alerte), (Vec::new(), None));
        assert_eq!(found.proposition.ins.matricule.as_str(), "275126322074974");
    }

    #[test]
    fn what_must_not_be_imported_is_refused() {
        type Change = fn(&mut Individu);
        let changes: [(&str, Change); 11] = [
            ("lunar day", |r| r.tiq.date = "1975-12-00".to_owned()),
            ("lunar month", |r| r.tiq.date = "1975-00-31".to_owned()),
            ("no date", |r| r.tiq.date = String::new()),
            ("empty name", |r| r.tiq.nom = String::new()),
            ("empty prénoms", |r| r.tiq.liste = String::new()),
            ("empty sex", |r| r.tiq.sexe = String::new()),
            ("wrong key", |r| r.actif.cle = Some("75".to_owned())),
            ("no number", |r| r.actif.numero = String::new()),
            ("unknown OID", |r| {
                r.actif.oid = "1.2.250.1.999.1.4.8".to_owned();
            }),
            ("OID of a NSS", |r| {
                r.actif.oid = "1.2.250.1.213.1.4.13".to_owned();
            }),
            ("no OID", |r| r.actif.oid = String::new()),
        ];
        for (name, change) in changes {
            assert!(check(change).is_err(), "{name}");
        }
    }

    #[test]
    fn what_is_only_unusual_is_accepted() {
        assert!(check(|r| r.actif.cle = None).is_ok());
        assert!(check(|r| r.actif.oid = "1.2.250.1.213.1.4.10".to_owned()).is_ok());
        let corsica = check(|r| {
            r.actif.numero = "297022a020778".to_owned();
            r.actif.cle = Some("78".to_owned());
        });
        assert_eq!(
            corsica.unwrap().proposition.ins.matricule.as_str(),
            "297022A02077878"
        );
        let incomplete = check(|r| r.tiq.lieu = String::new()).unwrap();
        assert!(incomplete.alerte.unwrap().contains("lieu"));
        let prenom_only = check(|r| r.tiq.prenom = std::mem::take(&mut r.tiq.liste)).unwrap();
        assert_eq!(prenom_only.proposition.identite.prenoms, ["ZOE"]);
    }

    #[test]
    fn the_list_wins_over_prenom_and_an_incoherent_first_name_stays() {
        let found = check(|r| {
            r.tiq.prenom = "OLA".to_owned();
            r.tiq.liste = "ZOE ALIX".to_owned();
        })
        .unwrap();
        assert_eq!(found.proposition.identite.prenoms, ["ZOE", "ALIX"]);
        assert_eq!(found.differences, ["prenoms"]);
        let other = check(|r| r.tiq.liste = "CATARINA BELLA".to_owned()).unwrap();
        assert_eq!(other.proposition.identite.premier_prenom, "ZOE");
        assert!(other.alerte.unwrap().contains("CATARINA BELLA"));
    }

    #[test]
    fn another_sex_or_date_is_highlighted_with_an_alert() {
        let found = check(|r| {
            r.tiq.sexe = "M".to_owned();
            r.tiq.date = "1950-05-05".to_owned();
        })
        .unwrap();
        assert_eq!(found.differences, ["sexe", "date_naissance"]);
        assert!(found.alerte.is_some());
    }
}
