//! The DMP's own web site, opened in the context of a person (TD0.9).
//!
//! The address holds the page and, for a qualified identity, the matricule: nothing else about anybody.

use crate::config::DmpSettings;
use crate::http::TlsClient;
use crate::identite::Usager;
use crate::identite::usager::InsTenu;
use crate::mutants::Mutants;
use crate::serveur::DuiError;

/// Pages that are about a person.
const PERSONNE: [&str; 7] = [
    "DossierPatient",
    "GestionDMPPatient",
    "Documents",
    "ParcoursDeSoins",
    "HistoriqueAcces",
    "VolontesEtDroits",
    "CarnetVaccination",
];
/// Pages that are not, or not only.
const GENERALES: [&str; 2] = ["TableauDeBord", "Parametrages"];

/// The address of a page; `Err` is what the user reads.
pub fn adresse(
    base: &str,
    page: &str,
    personne: Option<(&Usager, Option<&InsTenu>)>,
    mutants: &Mutants,
) -> Result<String, String> {
    let base = base.trim_end_matches('/');
    let generale = GENERALES.contains(&page);
    if !generale && !PERSONNE.contains(&page) {
        return Err(format!("Page inconnue du DMP : {page}."));
    }
    let Some((usager, ins)) = personne else {
        if generale {
            return Ok(format!("{base}/{page}"));
        }
        return Err("Choisissez une personne pour ouvrir cette page du DMP.".to_owned());
    };
    if page == "Parametrages" {
        return Ok(format!("{base}/{page}"));
    }
    let Some(ins) = ins else {
        if mutants.mutant("dmp-web-unqualified") {
            return Ok(format!("{base}/{page}"));
        }
        return Err(
            "L'identité de cette personne n'est pas qualifiée : son DMP ne peut pas être ouvert depuis le dossier."
                .to_owned(),
        );
    };
    let mut url = format!("{base}/{page}/{}", ins.matricule);
    if mutants.mutant("dmp-web-address-names-the-person") {
        let i = &usager.identite;
        let mut suite = url::form_urlencoded::Serializer::new(String::new());
        suite.append_pair("nom", &i.nom_naissance);
        suite.append_pair("naissance", i.date_naissance.as_str());
        url = format!("{url}?{}", suite.finish());
    }
    Ok(url)
}

/// What opens it: a browser, which trusts the site and has no certificate of the structure.
pub fn navigateur(settings: &DmpSettings) -> Result<reqwest::Client, DuiError> {
    TlsClient {
        service: "DMP web",
        ca: &settings.ca,
        identity: None,
        crl: settings.crl.as_deref(),
        timeout: Some(std::time::Duration::from_millis(settings.timeout_ms)),
    }
    .builder()?
    .build()
    .map_err(|source| DuiError::Client {
        service: "DMP web",
        source,
    })
}
