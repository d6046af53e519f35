//! What a user types, checked field by field: a trait that is wrong is refused with a sentence that
//! says why, never corrected in silence.

use diapason_core::Timestamp;
use diapason_core::driver::UsagerCreate;
use diapason_core::ins::{CodeLieu, DateNaissance, Sexe};

use super::lexique::{self, Genre};
use super::prenoms;
use super::usager::Identite;
use crate::mutants::Mutants;

/// Labels of the five compulsory traits, in the order of the form.
pub const OBLIGATOIRES: [&str; 5] = [
    "nom de naissance",
    "premier prénom de naissance",
    "date de naissance",
    "sexe",
    "lieu de naissance",
];

/// Strict traits from the creation form, and the alert to show.
pub fn identite(
    form: &UsagerCreate,
    now: Timestamp,
    mutants: &Mutants,
) -> Result<(Identite, Option<String>), String> {
    let given = [
        form.nom_naissance.as_deref(),
        form.premier_prenom.as_deref(),
        form.date_naissance.as_deref(),
        form.sexe.as_deref(),
        form.lieu_naissance.as_deref(),
    ];
    let missing: Vec<&str> = OBLIGATOIRES
        .into_iter()
        .zip(given)
        .filter(|(label, value)| {
            let optional = *label == "lieu de naissance" && mutants.mutant("birthplace-optional");
            value.is_none_or(str::is_empty) && !optional
        })
        .map(|(label, _)| label)
        .collect();
    if !missing.is_empty() {
        return Err(format!(
            "Champ obligatoire non rempli : {}.",
            missing.join(", ")
        ));
    }
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let premier = nom(
        "premier prénom de naissance",
        &text(&form.premier_prenom),
        Genre::Prenom,
        mutants,
    )?;
    let liste = if form.prenoms.is_empty() {
        vec![premier.clone()]
    } else {
        liste(&form.prenoms, mutants)?
    };
    let identite = Identite {
        nom_naissance: nom(
            "nom de naissance",
            &text(&form.nom_naissance),
            Genre::Nom,
            mutants,
        )?,
        premier_prenom: premier,
        prenoms: liste,
        sexe: sexe(&text(&form.sexe))?,
        date_naissance: date(&text(&form.date_naissance), now, mutants)?,
        lieu_naissance: match form.lieu_naissance.as_deref() {
            None | Some("") => None,
            Some(code) => Some(lieu(code)?),
        },
    };
    let alerte = alerte_prenom(&identite);
    Ok((identite, alerte))
}

/// The alert when the first prénom is not the beginning of the list.
pub fn alerte_prenom(identite: &Identite) -> Option<String> {
    (!prenoms::coherent(&identite.premier_prenom, &identite.prenoms)).then(|| {
        format!(
            "Le premier prénom ({}) n'est pas le début de la liste des prénoms ({}). Vérifiez la saisie.",
            identite.premier_prenom,
            identite.prenoms.join(" ")
        )
    })
}

/// A name, strict or used.
pub fn nom(label: &str, valeur: &str, genre: Genre, mutants: &Mutants) -> Result<String, String> {
    let mut valeur = valeur.to_owned();
    if mutants.mutant("drop-illegal-characters") {
        valeur.retain(|c| c.is_ascii_uppercase() || matches!(c, ' ' | '\'' | '-'));
    }
    if mutants.mutant("truncate-30") {
        valeur.truncate(
            valeur
                .char_indices()
                .nth(30)
                .map_or(valeur.len(), |(at, _)| at),
        );
    }
    if mutants.mutant("apostrophe-refused") && valeur.contains('\'') {
        return Err(format!("{label} : l'apostrophe est refusée."));
    }
    if mutants.mutant("lowercase-accepted") {
        return Ok(valeur);
    }
    if mutants.mutant("no-prenom-grammar") && genre == Genre::Prenom {
        lexique::verifier(&valeur, Genre::Nom).map_err(|why| format!("{label} : {why}"))?;
        return Ok(valeur);
    }
    lexique::verifier(&valeur, genre).map_err(|why| format!("{label} : {why}"))?;
    Ok(valeur)
}

/// The list of prénoms.
pub fn liste(valeurs: &[String], mutants: &Mutants) -> Result<Vec<String>, String> {
    if valeurs.is_empty() {
        return Err("liste des prénoms de naissance : la liste est vide.".to_owned());
    }
    valeurs
        .iter()
        .map(|p| nom("liste des prénoms de naissance", p, Genre::Prenom, mutants))
        .collect()
}

/// Sexe.
pub fn sexe(valeur: &str) -> Result<Sexe, String> {
    match valeur {
        "M" => Ok(Sexe::M),
        "F" => Ok(Sexe::F),
        "I" => Ok(Sexe::I),
        _ => Err("sexe : choisissez M (masculin), F (féminin) ou I (indéterminé).".to_owned()),
    }
}

/// A birth date: a day of the calendar, not in the future.
pub fn date(valeur: &str, now: Timestamp, mutants: &Mutants) -> Result<DateNaissance, String> {
    let mut valeur = valeur.to_owned();
    if mutants.mutant("impossible-date-accepted") && valeur.parse::<DateNaissance>().is_err() {
        // The defect of date pickers that roll over: 30 February becomes a day in March.
        valeur = roll_over(&valeur).unwrap_or(valeur);
    }
    let date: DateNaissance = valeur.parse().map_err(|_| {
        "date de naissance : cette date n'existe pas (jour de 1 à 31, mois de 1 à 12, année sur quatre chiffres).".to_owned()
    })?;
    if date.is_lunar() {
        return Err("date de naissance : le jour et le mois ne peuvent pas être 00.".to_owned());
    }
    if date.as_str() > &now.to_string()[..10] {
        return Err("date de naissance : cette date est dans le futur.".to_owned());
    }
    Ok(date)
}

fn roll_over(valeur: &str) -> Option<String> {
    let mut parts = valeur.splitn(3, '-');
    let year: i32 = parts.next()?.parse().ok()?;
    let month: i32 = parts.next()?.parse().ok()?;
    let day: i64 = parts.next()?.parse().ok()?;
    let (year, month) = (
        year + (month - 1).div_euclid(12),
        (month - 1).rem_euclid(12) + 1,
    );
    let month = time::Month::try_from(u8::try_from(month).ok()?).ok()?;
    let first = time::Date::from_calendar_date(year, month, 1).ok()?;
    let date = first.checked_add(time::Duration::days(day - 1))?;
    Some(format!(
        "{:04}-{:02}-{:02}",
        date.year(),
        u8::from(date.month()),
        date.day()
    ))
}

/// A birthplace code.
pub fn lieu(valeur: &str) -> Result<CodeLieu, String> {
    valeur.parse().map_err(|_| {
        "lieu de naissance : saisissez le code officiel géographique, cinq caractères (63220, 2A004, 99100).".to_owned()
    })
}

/// Reimbursement number: 13 characters, or 15 with its key.
pub fn nss(valeur: &str) -> Result<String, String> {
    let shape = matches!(valeur.len(), 13 | 15)
        && valeur
            .bytes()
            .all(|b| b.is_ascii_digit() || matches!(b, b'A' | b'B'));
    if shape {
        Ok(valeur.to_owned())
    } else {
        Err("numéro de sécurité sociale : 13 caractères, ou 15 avec la clé.".to_owned())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::identite::usager::tests::at;

    fn form() -> UsagerCreate {
        serde_json::from_value(serde_json::json!({
            "nom_naissance": "ADRUN", "premier_prenom": "ZOE", "sexe": "F",
            "date_naissance": "1975-12-31", "lieu_naissance": "63220"
        }))
        .unwrap()
    }

    fn check(form: &UsagerCreate) -> Result<(Identite, Option<String>), String> {
        identite(form, at("2026-01-15T09:00:00.000Z"), &Mutants::default())
    }

    #[test]
    fn each_of_the_five_traits_is_compulsory() {
        assert!(check(&form()).is_ok());
        for (field, label) in [
            ("nom_naissance", "nom de naissance"),
            ("premier_prenom", "premier prénom"),
            ("date_naissance", "date de naissance"),
            ("sexe", "sexe"),
            ("lieu_naissance", "lieu de naissance"),
        ] {
            let mut json = serde_json::to_value(form()).unwrap();
            json.as_object_mut().unwrap().remove(field);
            let message = check(&serde_json::from_value(json).unwrap()).unwrap_err();
            assert!(message.contains(label), "{message}");
        }
    }

    #[test]
    fn impossible_lunar_and_future_dates_are_refused() {
        for date in [
            "2023-02-30",
            "1980-13-01",
            "1980-01-32",
            "1975-00-00",
            "2026-01-16",
            "31/12/1975",
            "",
        ] {
            let mut form = form();
            form.date_naissance = Some(date.to_owned());
            assert!(check(&form).is_err(), "{date}");
        }
    }

    #[test]
    fn an_incoherent_first_name_is_an_alert_not_a_refusal() {
        let mut form = form();
        form.prenoms = vec!["CATARINA".to_owned(), "BELLA".to_owned()];
        let (_, alert) = check(&form).unwrap();
        assert!(alert.unwrap().contains("ZOE"));
    }

    #[test]
    fn the_defect_of_a_rolling_date_picker_is_what_it_says() {
        assert_eq!(roll_over("2023-02-30").as_deref(), Some("2023-03-02"));
        assert_eq!(roll_over("1980-13-01").as_deref(), Some("1981-01-01"));
    }
}
