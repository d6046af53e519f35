//! Who answers a search. The real service's matching is not public: exact, save for what the switches say.

use diapason_core::ins::{CodeLieu, DateNaissance};
use diapason_core::persona::Person;
use diapason_formats::insi::request::{TraitsQuery, VerificationQuery, VitaleQuery};

use crate::people::{Carte, People};

/// Hyphens, apostrophes and runs of spaces are the same thing; case and accents count.
fn form(name: &str) -> String {
    name.split([' ', '-', '\''])
        .filter(|w| !w.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Is `sent` the birth date of a person, or, when INSi does not know the day or the month, the date that
/// the RNIV writes in its place?
fn same_date(known: &DateNaissance, sent: &str) -> bool {
    if known.as_str() == sent {
        return true;
    }
    let (year, month, day) = (
        &known.as_str()[..4],
        &known.as_str()[5..7],
        &known.as_str()[8..],
    );
    let written = match (month, day) {
        ("00", "00") => format!("{year}-12-31"),
        ("00", day) => format!("{year}-01-{day}"),
        (month, "00") => format!("{year}-{month}-01"),
        _ => return false,
    };
    written == sent
}

fn same_prenoms(person: &Person, sent: &[String], prefixes: bool) -> bool {
    let sent = form(&sent.join(" "));
    let list: Vec<String> = person.traits.prenoms.iter().map(|p| form(p)).collect();
    let upto = |n: usize| list[..n].join(" ");
    !sent.is_empty()
        && (1..=list.len())
            .filter(|n| prefixes || *n == 1 || *n == list.len())
            .any(|n| upto(n) == sent)
}

fn same_core(person: &Person, query: &TraitsQuery) -> bool {
    let t = &person.traits;
    query
        .nom_naissance
        .as_deref()
        .is_some_and(|n| form(n) == form(&t.nom_naissance))
        && query.sexe.as_deref() == Some(t.sexe.as_str())
        && query
            .date_naissance
            .as_deref()
            .is_some_and(|d| same_date(&t.date_naissance, d))
}

/// People with an INS who fit the traits sent.
pub(crate) fn by_traits<'a>(
    people: &'a People,
    query: &TraitsQuery,
    prefixes: bool,
) -> Vec<&'a Person> {
    people
        .all()
        .filter(|p| p.ins.is_some())
        .filter(|p| same_core(p, query) && same_prenoms(p, &query.prenoms, prefixes))
        .filter(|p| {
            let place = query.lieu_naissance.as_deref().filter(|l| !l.is_empty());
            place.is_none() || place == p.traits.lieu_naissance.as_ref().map(CodeLieu::as_str)
        })
        .collect()
}

/// The person a request is about, found or not: for correlation only.
pub(crate) fn about<'a>(people: &'a People, query: &TraitsQuery) -> Option<&'a Person> {
    let fold = diapason_formats::insi::lexical::fold;
    let near = |p: &&Person, with_date: bool| {
        query
            .nom_naissance
            .as_deref()
            .is_some_and(|n| fold(n) == fold(&p.traits.nom_naissance))
            && (!with_date
                || query
                    .date_naissance
                    .as_deref()
                    .is_some_and(|d| same_date(&p.traits.date_naissance, d)))
    };
    by_traits(people, query, false)
        .first()
        .copied()
        .or_else(|| people.all().find(|p| same_core(p, query)))
        .or_else(|| people.all().find(|p| near(p, true)))
        .or_else(|| people.all().find(|p| near(p, false)))
}

/// People who fit what was read on the card: own number when it is there, else the ouvrant droit's
/// with birth date and rank.
pub(crate) fn by_card<'a>(
    people: &'a People,
    cartes: &[Carte],
    query: &VitaleQuery,
) -> Vec<&'a Person> {
    let number = |m: &Option<diapason_formats::insi::request::Matricule>| {
        m.as_ref()
            .and_then(|m| m.numero.as_deref())
            .filter(|n| !n.is_empty())
            .map(str::to_ascii_uppercase)
    };
    let holds = |p: &Person, n: &str| {
        p.ins
            .iter()
            .chain(&p.historique)
            .any(|i| i.matricule.number() == n)
    };
    let fits = |p: &&Person| {
        let name = query.nom_naissance.as_deref().filter(|n| !n.is_empty());
        let date = query.date_naissance.as_deref().filter(|d| !d.is_empty());
        p.ins.is_some()
            && name.is_none_or(|n| form(n) == form(&p.traits.nom_naissance))
            && date.is_none_or(|d| same_date(&p.traits.date_naissance, d))
    };
    if let Some(own) = number(&query.individu) {
        return people
            .all()
            .filter(|p| holds(p, &own))
            .filter(fits)
            .collect();
    }
    let Some(insured) = number(&query.ouvrant_droit) else {
        return Vec::new();
    };
    // Without a birth date the ouvrant droit's number names nobody in particular.
    if query.date_naissance.as_deref().is_none_or(str::is_empty) {
        return Vec::new();
    }
    let on_card = |p: &Person| {
        cartes.iter().any(|c| {
            let same_card = people
                .get(c.ouvrant_droit.as_str())
                .is_some_and(|od| holds(od, &insured));
            let rank = query.rang.as_deref().filter(|r| !r.is_empty());
            same_card
                && c.beneficiaires.iter().any(|b| {
                    b.persona == p.id
                        && rank.is_none_or(|r| r.parse::<u8>().is_ok_and(|r| r == b.rang))
                })
        })
    };
    people
        .all()
        .filter(|p| holds(p, &insured) || on_card(p))
        .filter(fits)
        .collect()
}

/// Does the identity submitted hold together with what INSi has? Provisional.
pub(crate) fn verified<'a>(people: &'a People, query: &VerificationQuery) -> Option<&'a Person> {
    let matricule = query.matricule.as_ref()?;
    let number = matricule.numero.as_deref()?.to_ascii_uppercase();
    people.all().find(|p| {
        let same_ins = p.ins.as_ref().is_some_and(|i| {
            i.matricule.number() == number
                && matricule
                    .cle
                    .as_deref()
                    .is_none_or(|c| c == i.matricule.key())
                && query.oid.as_deref().is_none_or(|o| o == i.oid.as_str())
        });
        let prenoms = if query.traits.prenoms.is_empty() {
            query.traits.liste_prenom.iter().cloned().collect()
        } else {
            query.traits.prenoms.clone()
        };
        let place = query
            .traits
            .lieu_naissance
            .as_deref()
            .filter(|l| !l.is_empty());
        same_ins
            && same_core(p, &query.traits)
            && same_prenoms(p, &prenoms, false)
            && (place.is_none() || place == p.traits.lieu_naissance.as_ref().map(CodeLieu::as_str))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::people::cartes;
    use diapason_formats::insi::request::Matricule;

    fn traits(person: &Person, prenoms: &[&str]) -> TraitsQuery {
        TraitsQuery {
            nom_naissance: Some(person.traits.nom_naissance.clone()),
            prenoms: prenoms.iter().map(|p| (*p).to_owned()).collect(),
            liste_prenom: None,
            sexe: Some(person.traits.sexe.as_str().to_owned()),
            date_naissance: Some(person.traits.date_naissance.to_string()),
            lieu_naissance: None,
        }
    }

    fn ids(found: &[&Person]) -> Vec<String> {
        found.iter().map(|p| p.id.to_string()).collect()
    }

    #[test]
    fn everybody_is_found_by_the_first_prenom_with_the_place_and_by_the_list() {
        let people = People::new(4);
        for person in people.all().filter(|p| p.ins.is_some()) {
            let first = person.traits.prenoms[0].as_str();
            let mut query = traits(person, &[first]);
            query.lieu_naissance = person
                .traits
                .lieu_naissance
                .as_ref()
                .map(ToString::to_string);
            assert_eq!(
                ids(&by_traits(&people, &query, false)),
                [person.id.to_string()]
            );
            for list in [
                vec![person.traits.prenoms.join(" ")],
                person.traits.prenoms.clone(),
            ] {
                let list: Vec<&str> = list.iter().map(String::as_str).collect();
                query.prenoms = list.iter().map(|p| (*p).to_owned()).collect();
                assert_eq!(
                    ids(&by_traits(&people, &query, false)),
                    [person.id.to_string()]
                );
            }
        }
    }

    #[test]
    fn twins_need_the_place_or_the_whole_list() {
        let people = People::new(4);
        for (id, others) in [("jumeau-a", 2), ("p08-de-vinci", 2)] {
            let person = people.get(id).expect("in the file");
            let query = traits(person, &[&person.traits.prenoms[0]]);
            assert_eq!(by_traits(&people, &query, false).len(), others);
            assert_eq!(
                about(&people, &query).map(|p| p.id.to_string()).as_deref(),
                Some(id)
            );
            let list = traits(person, &[&person.traits.prenoms.join(" ")]);
            assert_eq!(ids(&by_traits(&people, &list, false)), [id]);
        }
    }

    #[test]
    fn the_given_name_procedure_finds_whom_it_should() {
        let people = People::new(4);
        let tchitchi = people.get("p09-tchitchi").expect("in the file");
        for (prenoms, found) in [
            (&["OLA"][..], 0),
            (&["CATARINA"], 1),
            (&["CATARINA BELLA"], 1),
            (&["CATARINA", "BELLA"], 1),
            (&["BELLA"], 0),
            (&["Catarina"], 0),
            (&[], 0),
        ] {
            let query = traits(tchitchi, prenoms);
            assert_eq!(
                by_traits(&people, &query, false).len(),
                found,
                "{prenoms:?}"
            );
            assert_eq!(
                about(&people, &query).map(|p| p.id.as_str()),
                Some("p09-tchitchi")
            );
        }
        let houilles = people.get("p10-houilles").expect("in the file");
        for prenoms in ["PIERRE", "PAUL", "JACQUES", "PIERRE PAUL JACQUES"] {
            assert!(by_traits(&people, &traits(houilles, &[prenoms]), false).is_empty());
        }
        let dartagnan = people.get("p05-dartagnan").expect("in the file");
        let mut spaced = traits(dartagnan, &["PIERRE ALAIN"]);
        spaced.nom_naissance = Some("D ARTAGNAN DE L HERAULT".to_owned());
        assert_eq!(by_traits(&people, &spaced, false).len(), 1);
        let ecetinsi = people.get("p06-ecetinsi").expect("in the file");
        let two = traits(ecetinsi, &["PIERRE-ALAIN MURIEL"]);
        assert_eq!(by_traits(&people, &two, false).len(), 0);
        assert_eq!(by_traits(&people, &two, true).len(), 1);
    }

    #[test]
    fn a_lunar_date_is_found_by_the_date_written_in_its_place() {
        let people = People::new(4);
        for (id, date) in [("lunaire", "1948-12-31"), ("lunaire-jour", "1952-05-01")] {
            let person = people.get(id).expect("in the file");
            let mut query = traits(person, &[&person.traits.prenoms[0]]);
            query.date_naissance = Some(date.to_owned());
            assert_eq!(ids(&by_traits(&people, &query, false)), [id]);
            query.date_naissance = Some("1948-01-01".to_owned());
            assert!(by_traits(&people, &query, false).is_empty());
        }
    }

    #[test]
    fn a_card_gives_its_holder_and_its_dependants() {
        let people = People::new(4);
        let of = |numero: &str| {
            Some(Matricule {
                numero: Some(numero.to_owned()),
                ..Matricule::default()
            })
        };
        let own = VitaleQuery {
            individu: of("2751263220749"),
            ..VitaleQuery::default()
        };
        assert_eq!(ids(&by_card(&people, cartes(), &own)), ["p01-adrun"]);
        let former = VitaleQuery {
            individu: of("2090763220834"),
            ..VitaleQuery::default()
        };
        assert_eq!(ids(&by_card(&people, cartes(), &former)), ["p06-ecetinsi"]);
        let child = |rang: Option<&str>| VitaleQuery {
            ouvrant_droit: of("2751263220749"),
            date_naissance: Some("2012-09-05".to_owned()),
            rang: rang.map(str::to_owned),
            ..VitaleQuery::default()
        };
        assert_eq!(
            ids(&by_card(&people, cartes(), &child(Some("1")))),
            ["ayant-droit"]
        );
        assert_eq!(by_card(&people, cartes(), &child(None)).len(), 2);
        assert!(by_card(&people, cartes(), &VitaleQuery::default()).is_empty());
        let no_date = VitaleQuery {
            ouvrant_droit: of("2751263220749"),
            ..VitaleQuery::default()
        };
        assert!(by_card(&people, cartes(), &no_date).is_empty());
    }
}
