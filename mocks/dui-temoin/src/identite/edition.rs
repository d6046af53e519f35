//! What leaves on paper or with a message: identity block and datamatrix content.
//!
//! Source: règles 28 and 32; ANS datamatrix format 2.2. The matricule leaves under qualifiée only.

use diapason_core::ins::{Oid, OidIns, Statut};

use super::statuts;
use super::usager::{InsTenu, Usager};
use crate::mutants::Mutants;

/// Closes a variable field of the datamatrix.
pub const GS: char = '\u{1d}';

/// Nature of a matricule, from its OID.
pub fn nature(oid: &Oid) -> &'static str {
    match OidIns::of(oid) {
        Some(OidIns::Nia) => "NIA",
        _ => "NIR",
    }
}

/// The matricule that may leave the DUI, if any.
pub fn ins_diffusable<'a>(usager: &'a Usager, mutants: &Mutants) -> Option<&'a InsTenu> {
    let allowed = usager.statut == Statut::Qualifiee
        || (usager.statut == Statut::Recuperee && mutants.mutant("matricule-leaves-recuperee"));
    usager
        .ins
        .as_ref()
        .filter(|_| allowed && !mutants.mutant("qualifiee-leaves-without-ins"))
}

/// Date as people read it.
pub fn date_lisible(date: &str) -> String {
    let mut parts: Vec<&str> = date.split('-').collect();
    parts.reverse();
    parts.join("/")
}

/// The identity block, one labelled trait per line.
pub fn bloc(usager: &Usager, ins: Option<&InsTenu>, optionnels: bool, mutants: &Mutants) -> String {
    let i = &usager.identite;
    let mut lines = vec![
        format!("Nom de naissance : {}", i.nom_naissance),
        format!("Premier prénom de naissance : {}", i.premier_prenom),
        format!(
            "Date de naissance : {}",
            date_lisible(i.date_naissance.as_str())
        ),
        format!("Sexe : {}", i.sexe.as_str()),
    ];
    if let Some(ins) = ins {
        if mutants.mutant("print-without-nature") {
            lines.push(format!("Matricule INS : {}", ins.matricule));
        } else {
            lines.push(format!(
                "Matricule INS : {} {}",
                ins.matricule,
                nature(&ins.oid)
            ));
        }
    } else if mutants.mutant("nss-as-ins")
        && let Some(nss) = &usager.nss
    {
        lines.push(format!("Matricule INS : {nss} NIR"));
    }
    if optionnels && !mutants.mutant("optional-traits-never-printed") {
        lines.push(format!(
            "Liste des prénoms de naissance : {}",
            i.prenoms.join(" ")
        ));
        if let Some(lieu) = &i.lieu_naissance {
            lines.push(format!("Code lieu de naissance : {lieu}"));
        }
        if let Some(nom) = &usager.nom_utilise {
            lines.push(format!("Nom utilisé : {nom}"));
        }
        if let Some(prenom) = &usager.prenom_utilise {
            lines.push(format!("Prénom utilisé : {prenom}"));
        }
    }
    lines.join("\n")
}

/// The page that is printed.
pub fn page(usager: &Usager, optionnels: bool, mutants: &Mutants) -> String {
    let ins = ins_diffusable(usager, mutants);
    let mut page = format!(
        "Fiche d'identité\n{}\nStatut de l'identité : {}",
        bloc(usager, ins, optionnels, mutants),
        statuts::libelle(usager.statut)
    );
    if ins.is_some() {
        page.push_str("\nDatamatrix INS ci-contre");
    }
    page
}

/// Content of the datamatrix, when the identity may have one.
pub fn datamatrix(usager: &Usager, mutants: &Mutants) -> Option<String> {
    let ins = match ins_diffusable(usager, mutants) {
        Some(ins) => ins,
        None if mutants.mutant("datamatrix-on-recuperee") => usager.ins.as_ref()?,
        None => return None,
    };
    let i = &usager.identite;
    let mut out = format!("IS01{}", "0".repeat(22));
    let fixed = |out: &mut String, tag: &str, value: &str| {
        out.push_str(tag);
        out.push_str(value);
    };
    let variable = |out: &mut String, tag: &str, value: &str, max: usize| {
        let value = &value[..value.len().min(max)];
        fixed(out, tag, value);
        if value.len() < max && !mutants.mutant("datamatrix-no-separator") {
            out.push(GS);
        }
    };
    fixed(&mut out, "S1", ins.matricule.as_str());
    variable(&mut out, "S2", ins.oid.as_str(), 20);
    variable(&mut out, "S3", &i.prenoms.join(" "), 100);
    variable(&mut out, "S4", &i.nom_naissance, 100);
    fixed(&mut out, "S5", i.sexe.as_str());
    let mut date: Vec<&str> = i.date_naissance.as_str().split('-').collect();
    if !mutants.mutant("datamatrix-iso-date") {
        date.reverse();
    }
    fixed(&mut out, "S6", &date.join("-"));
    if let Some(lieu) = &i.lieu_naissance {
        fixed(&mut out, "S7", lieu.as_str());
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::identite::usager::tests::{ins, zoe};

    #[test]
    fn the_datamatrix_has_its_header_tags_and_separators() {
        let none = Mutants::default();
        let mut zoe = zoe();
        zoe.ins = Some(ins("2751263220749", "1.2.250.1.213.1.4.8"));
        zoe.statut = Statut::Qualifiee;
        let content = datamatrix(&zoe, &none).unwrap();
        assert_eq!(
            content,
            "IS010000000000000000000000S1275126322074974S21.2.250.1.213.1.4.8\u{1d}S3ZOE\u{1d}S4ADRUN\u{1d}S5FS631-12-1975S763220"
        );
        assert_eq!(&content[..26], format!("IS01{}", "0".repeat(22)));
        zoe.ins = Some(ins("2790351215189", "1.2.250.1.213.1.4.10"));
        assert!(
            datamatrix(&zoe, &none)
                .unwrap()
                .contains("S21.2.250.1.213.1.4.10S3")
        );
    }

    #[test]
    fn the_matricule_leaves_under_qualifiee_only() {
        let none = Mutants::default();
        let mut zoe = zoe();
        zoe.nss = Some("275126322074974".to_owned());
        zoe.ins = Some(ins("2751263220749", "1.2.250.1.213.1.4.9"));
        for statut in [Statut::Provisoire, Statut::Recuperee, Statut::Validee] {
            zoe.statut = statut;
            assert!(
                !page(&zoe, true, &none).contains("275126322074974"),
                "{statut:?}"
            );
            assert_eq!(datamatrix(&zoe, &none), None);
        }
        zoe.statut = Statut::Qualifiee;
        let text = page(&zoe, false, &none);
        assert!(
            text.contains("Matricule INS : 275126322074974 NIA"),
            "{text}"
        );
        assert!(text.contains("Date de naissance : 31/12/1975"), "{text}");
    }
}
