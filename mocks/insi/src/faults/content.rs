//! Faults of content: a well-formed answer that says something else.

use diapason_core::ins::OidIns;
use diapason_core::persona::Person;
use diapason_formats::insi::writer::Header;
use diapason_formats::insi::{ACTION_PREFIX, Answer, Individu, InsRendu, Message, Style};

use super::{Parameters, Scene};
use crate::people::{invented_history, other_sex, renewed};

/// Changes the answer or its wrapping; `false` when it has nothing to bite on.
pub(crate) fn play(id: &str, with: Parameters<'_>, scene: &mut Scene<'_>) -> bool {
    if wrapping(id, with, scene) {
        return true;
    }
    let somebody = |scene: &Scene<'_>, but: Option<&Person>| -> Option<Individu> {
        let wanted = scene.people.get(with.text("persona"));
        wanted
            .filter(|p| but.is_none_or(|b| b.id != p.id))
            .or_else(|| {
                let other = |p: &&Person| p.ins.is_some() && but.is_none_or(|b| b.id != p.id);
                scene.people.all().find(other)
            })
            .and_then(Individu::of)
    };
    let forced = match id {
        "INSI-F-CR-01" => Some(Answer::nobody()),
        "INSI-F-CR-02" => Some(Answer::several()),
        "INSI-F-CR-99" => Some(Answer {
            code: Some(with.text("code").to_owned()),
            libelle: with.text("libelle").to_owned(),
            individu: None,
        }),
        "INSI-F-CR-00-OTHER" => somebody(scene, scene.person).map(Answer::found),
        "INSI-F-CR-00-EMPTY" => Some(Answer {
            code: Some("00".to_owned()),
            libelle: "OK".to_owned(),
            individu: None,
        }),
        "INSI-F-CR-01-INDIVIDU" => Some(Answer {
            individu: somebody(scene, None),
            ..Answer::nobody()
        }),
        "INSI-F-CR-02-INDIVIDU" => Some(Answer {
            individu: somebody(scene, None),
            ..Answer::several()
        }),
        _ => None,
    };
    if let Some(answer) = forced {
        scene.natural = Message::Resultat(answer);
        return true;
    }
    let Message::Resultat(answer) = &mut scene.natural else {
        return false;
    };
    if id == "INSI-F-CR-MISSING" {
        answer.code = None;
        return true;
    }
    let (Some(individu), Some(person)) = (&mut answer.individu, scene.person) else {
        return false;
    };
    if id == "INSI-F-ORDER" {
        scene.envelope.dates_first = true;
        individu.actif.date_deb = Some("2009-07-14".to_owned());
        return true;
    }
    traits(id, with, individu, person) || matricule(id, with, individu, person)
}

fn wrapping(id: &str, with: Parameters<'_>, scene: &mut Scene<'_>) -> bool {
    let addressing = |scene: &Scene<'_>, relates_to: &str| Header::Addressing {
        action: format!("{ACTION_PREFIX}{}Response", scene.operation),
        message_id: format!("uuid:00000000-0000-4000-8000-{:012x}", scene.call),
        relates_to: relates_to.to_owned(),
    };
    match id {
        "INSI-F-STYLE" => {
            let rotation = Style::ALL[scene.call as usize % Style::ALL.len()];
            scene.envelope.style = Style::from_word(with.text("style")).unwrap_or(rotation);
        }
        "INSI-F-SOAP-HEADER-EMPTY" => scene.envelope.header = Header::Empty,
        "INSI-F-RELATES-TO-RIGHT" => {
            scene.envelope.header = addressing(scene, scene.message_id.unwrap_or_default());
        }
        "INSI-F-RELATES-TO-WRONG" => {
            let other = "uuid:00000000-0000-4000-8000-00000000d1a9";
            scene.envelope.header = addressing(scene, other);
        }
        _ => return false,
    }
    true
}

fn traits(id: &str, with: Parameters<'_>, individu: &mut Individu, person: &Person) -> bool {
    let t = &person.traits;
    let tiq = &mut individu.tiq;
    let first = t.prenoms.first().cloned();
    let list = Some(t.prenoms.join(" "));
    let given = |name: &str| Some(with.text(name).to_owned());
    let date = t.date_naissance.as_str();
    let (year, month, day) = (&date[..4], &date[5..7], &date[8..]);
    match id {
        "INSI-F-TIQ-PRENOM-ONLY" => (tiq.prenom, tiq.liste_prenom) = (first, None),
        "INSI-F-TIQ-LISTE-ONLY" => (tiq.prenom, tiq.liste_prenom) = (None, list),
        "INSI-F-TIQ-PRENOM-AND-LISTE" => (tiq.prenom, tiq.liste_prenom) = (first, list),
        "INSI-F-TIQ-INCOHERENT" => (tiq.prenom, tiq.liste_prenom) = (given("prenom"), list),
        "INSI-F-TIQ-NO-LIEU" => tiq.lieu_naissance = None,
        "INSI-F-TIQ-SEXE" => {
            let other = if t.sexe.as_str() == "M" { "F" } else { "M" };
            tiq.sexe = Some(other.to_owned());
        }
        "INSI-F-TIQ-DATE" => tiq.date_naissance = given("date"),
        "INSI-F-TIQ-NOM" => tiq.nom_naissance = given("nom"),
        "INSI-F-TIQ-PRENOM" => tiq.liste_prenom = given("prenoms"),
        "INSI-F-TIQ-LIEU" => tiq.lieu_naissance = given("lieu"),
        "INSI-F-TIQ-EMPTY-NOM" => tiq.nom_naissance = Some(String::new()),
        "INSI-F-TIQ-EMPTY-PRENOMS" => tiq.liste_prenom = Some(String::new()),
        "INSI-F-TIQ-EMPTY-SEXE" => tiq.sexe = Some(String::new()),
        "INSI-F-LUNAR-DAY" => tiq.date_naissance = Some(format!("{year}-{month}-00")),
        "INSI-F-LUNAR-MONTH" => tiq.date_naissance = Some(format!("{year}-00-{day}")),
        "INSI-F-LUNAR-BOTH" => tiq.date_naissance = Some(format!("{year}-00-00")),
        _ => return false,
    }
    true
}

fn matricule(id: &str, with: Parameters<'_>, individu: &mut Individu, person: &Person) -> bool {
    let oid = |kind: OidIns| kind.as_str().to_owned();
    let rendered = |m: diapason_core::ins::Matricule, oid: String| InsRendu {
        numero: m.number().to_owned(),
        cle: Some(m.key().to_owned()),
        type_matricule: Some("NIR".to_owned()),
        oid,
        ..InsRendu::default()
    };
    let actif = &mut individu.actif;
    match id {
        "INSI-F-CLE-MISSING" => actif.cle = None,
        "INSI-F-CLE-WRONG" => {
            let key: u8 = actif.cle.as_deref().unwrap_or("0").parse().unwrap_or(0);
            actif.cle = Some(format!("{:02}", key % 97 + 1));
        }
        "INSI-F-CORSICA-LOWER" => {
            let lower = actif.numero.to_ascii_lowercase();
            if lower == actif.numero {
                return false;
            }
            actif.numero = lower;
        }
        "INSI-F-OID-TEST" => actif.oid = oid(OidIns::NirTest),
        "INSI-F-OID-DEMO" => actif.oid = oid(OidIns::NirDemo),
        "INSI-F-OID-NIA" => actif.oid = oid(OidIns::Nia),
        "INSI-F-OID-NSS" => actif.oid = oid(OidIns::NssNir),
        "INSI-F-OID-UNKNOWN" => with.text("oid").clone_into(&mut actif.oid),
        "INSI-F-HISTORY-NONE" => individu.historique.clear(),
        "INSI-F-HISTORY-MANY" => {
            let count = with.number("count") as usize;
            individu.historique = invented_history(person, count)
                .into_iter()
                .map(|m| rendered(m, oid(OidIns::Nir)))
                .collect();
        }
        "INSI-F-HISTORY-ACTIVE" => individu.historique.insert(0, actif.clone()),
        "INSI-F-HISTORY-SEX" => {
            let Some(former) = person.ins.as_ref().and_then(other_sex) else {
                return false;
            };
            individu
                .historique
                .insert(0, rendered(former, oid(OidIns::Nir)));
        }
        "INSI-F-HISTORY-DATES" => {
            let former = invented_history(person, 1)
                .into_iter()
                .map(|m| rendered(m, oid(OidIns::Nir)));
            let dated = former.map(|i| InsRendu {
                date_deb: Some("2019-03-01".to_owned()),
                date_fin: Some("2019-02-28".to_owned()),
                ..i
            });
            individu.historique = dated.collect();
        }
        "INSI-F-MATRICULE-CHANGED" | "INSI-F-NIA-TO-NIR" => {
            let Some(new) = renewed(person) else {
                return false;
            };
            let mut former = actif.clone();
            if id == "INSI-F-NIA-TO-NIR" {
                former.oid = oid(OidIns::Nia);
            } else {
                former.type_matricule = Some("NIR".to_owned());
            }
            *actif = rendered(new, oid(OidIns::Nir));
            actif.type_matricule = None;
            individu.historique.insert(0, former);
        }
        _ => return false,
    }
    true
}
