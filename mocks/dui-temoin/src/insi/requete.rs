//! The request: SOAP 1.2 envelope, two contexts, one body.

use diapason_core::Timestamp;
use diapason_core::ins::{CodeLieu, DateNaissance, Matricule, Oid, Sexe};
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};
use uuid::Uuid;

use crate::mutants::Mutants;

const SOAP12: &str = "http://www.w3.org/2003/05/soap-envelope";
const SOAP11: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const WSA: &str = "http://www.w3.org/2005/08/addressing";
const WSSE: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
const CTXBAM: &str = "urn:siram:bam:ctxbam";
const CTXLPS: &str = "urn:siram:lps:ctxlps";
const ACTION: &str = "urn:ServiceIdentiteCertifiee:1.0.0:";

/// Operations the DUI calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// WS_INS2.
    Traits,
    /// WS_INS1.
    Vitale,
    /// WS_INS3, provisional contract.
    Verification,
}

impl Operation {
    /// Its name in the contract.
    pub fn name(self) -> &'static str {
        match self {
            Self::Traits => "rechercherInsAvecTraitsIdentite",
            Self::Vitale => "rechercherInsAvecCarteVitale",
            Self::Verification => "verifierInsAvecTraitsIdentite",
        }
    }
}

/// The five traits of a search; one call carries one prénom (or all of them joined).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traits {
    /// Nom de naissance.
    pub nom: String,
    /// Prénom, or all prénoms joined by spaces.
    pub prenom: String,
    /// Sexe.
    pub sexe: Sexe,
    /// Date de naissance.
    pub date: DateNaissance,
    /// COG, sent only to refine a search.
    pub lieu: Option<CodeLieu>,
}

/// What the reader saw on a carte Vitale, for the beneficiary chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carte {
    /// Number on the card, 13 characters.
    pub numero: String,
    /// Is it the beneficiary's own number (certified), or the ouvrant droit's?
    pub propre: bool,
    /// Name of the beneficiary.
    pub nom: String,
    /// Birth date of the beneficiary.
    pub date: DateNaissance,
    /// Birth rank of the beneficiary.
    pub rang: u8,
}

/// Body of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Corps {
    /// RECSANSVITALE.
    Traits(Traits),
    /// RECVITALE.
    Vitale(Carte),
    /// IndividuVerifie: an INS with the traits it should belong to.
    Verification {
        /// Matricule.
        matricule: Matricule,
        /// OID.
        oid: Oid,
        /// Traits, with all the prénoms.
        traits: Traits,
    },
}

impl Corps {
    /// Operation it belongs to.
    pub fn operation(&self) -> Operation {
        match self {
            Self::Traits(_) => Operation::Traits,
            Self::Vitale(_) => Operation::Vitale,
            Self::Verification { .. } => Operation::Verification,
        }
    }
}

/// What identifies the software and the structure in each request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Logiciel {
    /// CNDA authorisation number.
    pub idam: String,
    /// Product name.
    pub nom: String,
    /// Product version.
    pub version: String,
    /// One installation, always the same.
    pub instance: Uuid,
    /// Structure identifier.
    pub emetteur: String,
}

/// Ids of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ids {
    /// wsa:MessageID.
    pub message: String,
    /// ContexteBAM/Id.
    pub bam: String,
    /// ContexteLPS/Id.
    pub lps: String,
}

impl Ids {
    /// Fresh ones.
    pub fn fresh() -> Self {
        Self {
            message: format!("uuid:{}", Uuid::new_v4()),
            bam: Uuid::new_v4().to_string(),
            lps: Uuid::new_v4().to_string(),
        }
    }
}

/// A request ready to leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Requete {
    /// Value of the `Content-Type` header.
    pub content_type: String,
    /// Bytes.
    pub corps: Vec<u8>,
}

/// wsa:Action of an operation.
fn action(operation: Operation, mutants: &Mutants) -> String {
    let named = match operation {
        Operation::Traits if mutants.mutant("wrong-action") => Operation::Vitale,
        other => other,
    };
    format!("{ACTION}{}", named.name())
}

fn temps(now: Timestamp, mutants: &Mutants) -> String {
    if mutants.mutant("local-time-temps") {
        // Paris winter time, without saying so.
        let local = Timestamp::from_unix_millis(now.unix_millis() + 3_600_000).to_string();
        return local.trim_end_matches('Z').to_owned();
    }
    now.to_string()
}

type Xml = Writer<Vec<u8>>;

/// Writes the request.
pub(super) fn ecrire(
    corps: &Corps,
    ids: &Ids,
    logiciel: &Logiciel,
    now: Timestamp,
    mutants: &Mutants,
) -> std::io::Result<Requete> {
    let operation = corps.operation();
    let action = action(operation, mutants);
    let temps = temps(now, mutants);
    let soap11 = mutants.mutant("soap11");
    let mut xml = Writer::new(Vec::new());
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    if mutants.mutant("sends-doctype") {
        xml.write_event(Event::DocType(BytesText::from_escaped("Envelope")))?;
    }
    let soap = if soap11 { SOAP11 } else { SOAP12 };
    xml.create_element("s:Envelope")
        .with_attributes([("xmlns:s", soap), ("xmlns:wsa", WSA)])
        .write_inner_content(|xml| {
            xml.create_element("s:Header").write_inner_content(|xml| {
                contexte_bam(xml, corps, &ids.bam, &temps, logiciel, mutants)?;
                contexte_lps(xml, &ids.lps, &temps, logiciel, mutants)?;
                if mutants.mutant("sends-assertion") {
                    assertion(xml, &temps)?;
                }
                leaf(xml, "wsa:Action", &action)?;
                if mutants.mutant("double-message-id") {
                    leaf(xml, "wsa:MessageID", &ids.message)?;
                }
                leaf(xml, "wsa:MessageID", &ids.message)
            })?;
            xml.create_element("s:Body")
                .write_inner_content(|xml| body(xml, corps, mutants))?;
            Ok(())
        })?;
    let content_type = if soap11 || mutants.mutant("text-xml-content-type") {
        "text/xml; charset=utf-8".to_owned()
    } else if mutants.mutant("no-action-parameter") {
        "application/soap+xml; charset=utf-8".to_owned()
    } else {
        format!("application/soap+xml; charset=utf-8; action=\"{action}\"")
    };
    Ok(Requete {
        content_type,
        corps: xml.into_inner(),
    })
}

fn leaf(xml: &mut Xml, name: &str, value: &str) -> std::io::Result<()> {
    // Apostrophes stay as they are: only what XML requires is escaped.
    let escaped = BytesText::from_escaped(quick_xml::escape::partial_escape(value));
    xml.create_element(name).write_text_content(escaped)?;
    Ok(())
}

/// A professional's assertion, which has no place in certificate mode: only the mutant `sends-assertion` adds it.
fn assertion(xml: &mut Xml, temps: &str) -> std::io::Result<()> {
    xml.create_element("w:Security")
        .with_attribute(("xmlns:w", WSSE))
        .write_inner_content(|xml| {
            xml.create_element("a:Assertion")
                .with_attributes([
                    ("xmlns:a", "urn:oasis:names:tc:SAML:2.0:assertion"),
                    ("Version", "2.0"),
                    ("ID", "_00000000-0000-4000-8000-000000000001"),
                    ("IssueInstant", temps),
                ])
                .write_inner_content(|xml| {
                    leaf(xml, "a:Issuer", "CN=899700000001")?;
                    xml.create_element("a:Subject").write_inner_content(|xml| {
                        xml.create_element("a:NameID")
                            .with_attribute(("NameQualifier", "CPS"))
                            .write_text_content(BytesText::new("899700000001"))?;
                        Ok(())
                    })?;
                    Ok(())
                })?;
            Ok(())
        })?;
    Ok(())
}

fn contexte_bam(
    xml: &mut Xml,
    corps: &Corps,
    id: &str,
    temps: &str,
    logiciel: &Logiciel,
    mutants: &Mutants,
) -> std::io::Result<()> {
    let version = if mutants.mutant("bam-version") {
        "1.0"
    } else {
        "01_02"
    };
    let emetteur = if mutants.mutant("emetteur-mismatch") {
        "10B0999999"
    } else {
        &logiciel.emetteur
    };
    xml.create_element("b:ContexteBAM")
        .with_attributes([
            ("xmlns:b", CTXBAM),
            ("Nature", "CTXBAM"),
            ("Version", version),
        ])
        .write_inner_content(|xml| {
            leaf(xml, "b:Id", id)?;
            if !mutants.mutant("no-bam-temps") {
                leaf(xml, "b:Temps", temps)?;
            }
            leaf(xml, "b:Emetteur", emetteur)?;
            let couverture = xml.create_element("b:COUVERTURE");
            match corps {
                Corps::Vitale(carte) if !mutants.mutant("vitale-without-couverture") => {
                    couverture.write_inner_content(|xml| {
                        xml.create_element("b:ASSURE")
                            .write_inner_content(|xml| numero(xml, "b:Id", &carte.numero))?;
                        xml.create_element("b:BENEFICIAIRE")
                            .write_inner_content(|xml| {
                                if carte.propre {
                                    numero(xml, "b:Nir", &carte.numero)?;
                                }
                                leaf(xml, "b:DateNai", carte.date.as_str())?;
                                leaf(xml, "b:Rang", &carte.rang.to_string())
                            })?;
                        Ok(())
                    })?;
                }
                Corps::Traits(traits) if mutants.mutant("traits-with-couverture") => {
                    couverture.write_inner_content(|xml| {
                        xml.create_element("b:BENEFICIAIRE")
                            .write_inner_content(|xml| {
                                leaf(xml, "b:DateNai", traits.date.as_str())
                            })?;
                        Ok(())
                    })?;
                }
                _ => {
                    couverture.write_empty()?;
                }
            }
            Ok(())
        })?;
    Ok(())
}

fn numero(xml: &mut Xml, element: &str, numero: &str) -> std::io::Result<()> {
    let cle = cle(numero);
    xml.create_element(element).write_inner_content(|xml| {
        leaf(xml, "b:Num", numero)?;
        leaf(xml, "b:Cle", &cle)
    })?;
    Ok(())
}

fn cle(numero: &str) -> String {
    diapason_core::ins::matricule_key(numero).map_or_else(String::new, |key| format!("{key:02}"))
}

fn contexte_lps(
    xml: &mut Xml,
    id: &str,
    temps: &str,
    logiciel: &Logiciel,
    mutants: &Mutants,
) -> std::io::Result<()> {
    let version = if mutants.mutant("lps-version") {
        "1.0"
    } else {
        "01_00"
    };
    let instance = if mutants.mutant("instance-changes") {
        Uuid::new_v4()
    } else {
        logiciel.instance
    };
    xml.create_element("l:ContexteLPS")
        .with_attributes([
            ("xmlns:l", CTXLPS),
            ("Nature", "CTXLPS"),
            ("Version", version),
        ])
        .write_inner_content(|xml| {
            if mutants.mutant("contexts-out-of-order") {
                leaf(xml, "l:Temps", temps)?;
                leaf(xml, "l:Id", id)?;
            } else {
                if !mutants.mutant("no-lps-id") {
                    leaf(xml, "l:Id", id)?;
                }
                leaf(xml, "l:Temps", temps)?;
            }
            leaf(xml, "l:Emetteur", &logiciel.emetteur)?;
            xml.create_element("l:LPS").write_inner_content(|xml| {
                let idam = xml.create_element("l:IDAM");
                if mutants.mutant("idam-without-r") {
                    idam.write_text_content(BytesText::new(&logiciel.idam))?;
                } else if !mutants.mutant("no-idam") {
                    idam.with_attribute(("R", "4"))
                        .write_text_content(BytesText::new(&logiciel.idam))?;
                }
                leaf(xml, "l:Version", &logiciel.version)?;
                leaf(xml, "l:Instance", &instance.to_string())?;
                leaf(xml, "l:Nom", &logiciel.nom)
            })?;
            Ok(())
        })?;
    Ok(())
}

fn body(xml: &mut Xml, corps: &Corps, mutants: &Mutants) -> std::io::Result<()> {
    match corps {
        Corps::Traits(traits) => recsansvitale(xml, traits, mutants),
        Corps::Vitale(carte) => recvitale(xml, carte, mutants),
        Corps::Verification {
            matricule,
            oid,
            traits,
        } => verification(xml, matricule, oid, traits),
    }
}

/// Names as they leave. The entry form has checked them: nothing is to be done, and nothing is.
fn nom_envoye(nom: &str, mutants: &Mutants) -> String {
    if mutants.mutant("lowercase-sent") {
        let mut letters = nom.chars();
        return letters.next().map_or_else(String::new, |first| {
            format!("{first}{}", letters.as_str().to_lowercase())
        });
    }
    if mutants.mutant("apostrophe-dropped") {
        return nom.replace('\'', " ");
    }
    if mutants.mutant("double-hyphen-collapsed") {
        return nom.replace("--", "-");
    }
    nom.to_owned()
}

fn date_envoyee(date: &DateNaissance, mutants: &Mutants) -> String {
    if mutants.mutant("french-date-sent") {
        return crate::identite::edition::date_lisible(date.as_str());
    }
    date.to_string()
}

fn recsansvitale(xml: &mut Xml, traits: &Traits, mutants: &Mutants) -> std::io::Result<()> {
    let nom = nom_envoye(&traits.nom, mutants);
    let prenom = nom_envoye(&traits.prenom, mutants);
    let date = date_envoyee(&traits.date, mutants);
    xml.create_element("r:RECSANSVITALE")
        .with_attribute(("xmlns:r", "http://www.cnamts.fr/INSiRecSans"))
        .write_inner_content(|xml| {
            if mutants.mutant("wrong-element-order") {
                leaf(xml, "r:Prenom", &prenom)?;
                leaf(xml, "r:NomNaissance", &nom)?;
            } else {
                leaf(xml, "r:NomNaissance", &nom)?;
                leaf(xml, "r:Prenom", &prenom)?;
            }
            leaf(xml, "r:Sexe", traits.sexe.as_str())?;
            if !mutants.mutant("birth-date-omitted") {
                leaf(xml, "r:DateNaissance", &date)?;
            }
            if let Some(lieu) = &traits.lieu {
                let code = if mutants.mutant("postal-code-as-cog") {
                    format!("{}000", &lieu.as_str()[..2]).replace(['A', 'B'], "0")
                } else {
                    lieu.to_string()
                };
                leaf(xml, "r:LieuNaissance", &code)?;
            }
            if mutants.mutant("extra-matricule") {
                leaf(xml, "r:Matricule", "")?;
            }
            if mutants.mutant("extra-address") {
                leaf(xml, "r:Adresse", "1 RUE DE L'ESSAI")?;
            }
            Ok(())
        })?;
    Ok(())
}

fn recvitale(xml: &mut Xml, carte: &Carte, mutants: &Mutants) -> std::io::Result<()> {
    let element = if carte.propre {
        "v:MatriculeIndividu"
    } else {
        "v:MatriculeOD"
    };
    let cle = cle(&carte.numero);
    xml.create_element("v:RECVITALE")
        .with_attribute(("xmlns:v", "http://www.cnamts.fr/INSiRecVit"))
        .write_inner_content(|xml| {
            if !mutants.mutant("vitale-without-number") {
                xml.create_element(element).write_inner_content(|xml| {
                    leaf(xml, "v:NumIdentifiant", &carte.numero)?;
                    leaf(xml, "v:Cle", &cle)
                })?;
            }
            leaf(xml, "v:NomNaissance", &carte.nom)?;
            leaf(xml, "v:DateNaissance", carte.date.as_str())?;
            leaf(xml, "v:RangNaissance", &carte.rang.to_string())
        })?;
    Ok(())
}

fn verification(
    xml: &mut Xml,
    matricule: &Matricule,
    oid: &Oid,
    traits: &Traits,
) -> std::io::Result<()> {
    xml.create_element("q:IndividuVerifie")
        .with_attribute(("xmlns:q", "http://www.cnamts.fr/INSiLot2/REQUnitaire"))
        .write_inner_content(|xml| {
            xml.create_element("q:INSFourni")
                .write_inner_content(|xml| {
                    xml.create_element("q:IdIndividu")
                        .write_inner_content(|xml| {
                            leaf(xml, "q:NumIdentifiant", matricule.number())?;
                            leaf(xml, "q:Cle", matricule.key())
                        })?;
                    leaf(xml, "q:OID", oid.as_str())
                })?;
            xml.create_element("q:TraitsIdentiteIndividu")
                .write_inner_content(|xml| {
                    leaf(xml, "q:NomNaissance", &traits.nom)?;
                    leaf(xml, "q:ListePrenom", &traits.prenom)?;
                    leaf(xml, "q:Sexe", traits.sexe.as_str())?;
                    leaf(xml, "q:DateNaissance", traits.date.as_str())?;
                    if let Some(lieu) = &traits.lieu {
                        leaf(xml, "q:LieuNaissance", lieu.as_str())?;
                    }
                    Ok(())
                })?;
            Ok(())
        })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn logiciel() -> Logiciel {
        Logiciel {
            idam: "AAA00AA00AA0".to_owned(),
            nom: "DUI témoin".to_owned(),
            version: "1.0".to_owned(),
            instance: Uuid::nil(),
            emetteur: "10B0990001".to_owned(),
        }
    }

    fn traits() -> Traits {
        Traits {
            nom: "D'ARTAGNAN DE L'HERAULT".to_owned(),
            prenom: "PIERRE-ALAIN".to_owned(),
            sexe: Sexe::M,
            date: "2001-06-17".parse().unwrap(),
            lieu: Some("63220".parse().unwrap()),
        }
    }

    fn write(corps: &Corps, mutants: &Mutants) -> (Requete, String) {
        let now = Timestamp::try_from("2026-01-15T09:00:00.000Z".to_owned()).unwrap();
        let requete = ecrire(corps, &Ids::fresh(), &logiciel(), now, mutants).unwrap();
        let text = String::from_utf8(requete.corps.clone()).unwrap();
        (requete, text)
    }

    fn names(doc: &roxmltree::Document<'_>, parent: &str) -> Vec<String> {
        doc.descendants()
            .find(|n| n.tag_name().name() == parent)
            .unwrap()
            .children()
            .filter(roxmltree::Node::is_element)
            .map(|n| n.tag_name().name().to_owned())
            .collect()
    }

    #[test]
    fn a_traits_request_has_the_shape_of_the_contract() {
        let (requete, text) = write(&Corps::Traits(traits()), &Mutants::default());
        let doc = roxmltree::Document::parse(&text).unwrap();
        assert_eq!(doc.root_element().tag_name().namespace(), Some(SOAP12));
        assert_eq!(
            names(&doc, "RECSANSVITALE"),
            [
                "NomNaissance",
                "Prenom",
                "Sexe",
                "DateNaissance",
                "LieuNaissance"
            ]
        );
        assert_eq!(
            names(&doc, "ContexteBAM"),
            ["Id", "Temps", "Emetteur", "COUVERTURE"]
        );
        assert_eq!(names(&doc, "LPS"), ["IDAM", "Version", "Instance", "Nom"]);
        let idam = doc
            .descendants()
            .find(|n| n.tag_name().name() == "IDAM")
            .unwrap();
        assert_eq!(idam.attribute("R"), Some("4"));
        assert!(text.contains("2026-01-15T09:00:00.000Z"));
        assert!(requete.content_type.ends_with(
            "action=\"urn:ServiceIdentiteCertifiee:1.0.0:rechercherInsAvecTraitsIdentite\""
        ));
        let nom = doc
            .descendants()
            .find(|n| n.tag_name().name() == "NomNaissance")
            .unwrap();
        assert_eq!(nom.text(), Some("D'ARTAGNAN DE L'HERAULT"));
    }

    #[test]
    fn a_vitale_request_fills_the_cover() {
        let carte = Carte {
            numero: "180032B020401".to_owned(),
            propre: false,
            nom: "CORSE".to_owned(),
            date: "1980-03-02".parse().unwrap(),
            rang: 1,
        };
        let (_, text) = write(&Corps::Vitale(carte), &Mutants::default());
        let doc = roxmltree::Document::parse(&text).unwrap();
        assert_eq!(
            names(&doc, "RECVITALE"),
            [
                "MatriculeOD",
                "NomNaissance",
                "DateNaissance",
                "RangNaissance"
            ]
        );
        assert_eq!(names(&doc, "COUVERTURE"), ["ASSURE", "BENEFICIAIRE"]);
        assert!(text.contains("<b:Cle>23</b:Cle>"), "{text}");
    }

    #[test]
    fn a_verification_carries_the_ins_and_all_the_prenoms() {
        let corps = Corps::Verification {
            matricule: Matricule::from_number("2751263220749").unwrap(),
            oid: "1.2.250.1.213.1.4.8".parse().unwrap(),
            traits: traits(),
        };
        let (_, text) = write(&corps, &Mutants::default());
        let doc = roxmltree::Document::parse(&text).unwrap();
        assert_eq!(
            names(&doc, "IndividuVerifie"),
            ["INSFourni", "TraitsIdentiteIndividu"]
        );
        assert!(text.contains("2751263220749"));
    }

    #[test]
    fn wire_mutants_change_what_they_say() {
        for (mutant, sign) in [
            ("soap11", SOAP11),
            ("bam-version", "Version=\"1.0\""),
            (
                "lps-version",
                "ContexteLPS xmlns:l=\"urn:siram:lps:ctxlps\" Nature=\"CTXLPS\" Version=\"1.0\"",
            ),
            ("idam-without-r", "<l:IDAM>"),
            ("emetteur-mismatch", "10B0999999"),
            ("local-time-temps", "2026-01-15T10:00:00.000<"),
            ("wrong-action", "CarteVitale"),
            ("sends-doctype", "<!DOCTYPE"),
            ("lowercase-sent", "D'artagnan"),
            ("apostrophe-dropped", "D ARTAGNAN"),
            ("french-date-sent", "17/06/2001"),
            ("postal-code-as-cog", "63000"),
            ("extra-address", "r:Adresse"),
            ("traits-with-couverture", "b:BENEFICIAIRE"),
        ] {
            let (_, text) = write(&Corps::Traits(traits()), &Mutants::of(&[mutant]));
            assert!(text.contains(sign), "{mutant}: {text}");
        }
        for (mutant, sign) in [
            ("no-idam", "IDAM"),
            ("birth-date-omitted", "DateNaissance"),
            ("no-bam-temps", "b:Temps"),
        ] {
            let (_, text) = write(&Corps::Traits(traits()), &Mutants::of(&[mutant]));
            assert!(!text.contains(sign), "{mutant}: {text}");
        }
    }
}
