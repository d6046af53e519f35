//! The CDA of a document that somebody else put there: header of the structuration minimale, and a body of one of the forms.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use diapason_core::ins::Sexe;

use super::times::local;
use super::{AUTEUR, Ecrit, Forme, pdf};
use crate::names::{HL7, XSI};
use crate::xml::Xml;

const CONTENU: &str = "urn:asip-sante:ci-sis";
const XSL: &str = "http://www.w3.org/1999/XSL/Transform";

/// The document, UTF-8.
pub(super) fn write(ecrit: &Ecrit<'_>) -> Vec<u8> {
    let declaration = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>";
    match ecrit.forme {
        Forme::Pdf | Forme::N3 => {
            let mut cda = Cda::new("");
            cda.document(ecrit);
            format!("{declaration}{}", cda.out.done()).into_bytes()
        }
        Forme::Presentable | Forme::Hostile => {
            let mut cda = Cda::new("cda:");
            cda.document(ecrit);
            let hostile = ecrit.forme == Forme::Hostile;
            presented(declaration, &cda.out.done(), hostile).into_bytes()
        }
    }
}

/// The self-presenting form: a stylesheet that is the document, its data inside.
fn presented(declaration: &str, cda: &str, hostile: bool) -> String {
    let mut out = Xml::new();
    out.raw(declaration)
        .raw("<?xml-stylesheet type=\"text/xsl\" href=\"#\"?>")
        .open(
            "xsl:stylesheet",
            &[
                ("xmlns:xsl", XSL),
                ("xmlns:data", CONTENU),
                ("xmlns:cda", HL7),
                ("version", "1.0"),
            ],
        )
        .empty("xsl:output", &[("method", "html"), ("encoding", "UTF-8")])
        .open("data:Contenu", &[])
        .raw(cda)
        .close("data:Contenu")
        .open("xsl:template", &[("match", "/")])
        .open("html", &[])
        .open("head", &[])
        .leaf("title", "Document");
    if hostile {
        out.leaf("script", "document.title = 'DIAPASON-SCRIPT-EXECUTE'");
    }
    out.close("head").open("body", &[]);
    out.open("h1", &[])
        .empty(
            "xsl:value-of",
            &[("select", "//data:Contenu/cda:ClinicalDocument/cda:title")],
        )
        .close("h1");
    if hostile {
        out.empty(
            "img",
            &[
                ("src", "https://localhost:1/mouchard.png"),
                ("onerror", "document.title = 'DIAPASON-SCRIPT-EXECUTE'"),
            ],
        )
        .open("a", &[("href", "javascript:alert(1)")])
        .text("Voir la suite")
        .close("a")
        .empty("iframe", &[("src", "https://localhost:1/cadre")]);
    }
    out.empty(
        "xsl:copy-of",
        &[(
            "select",
            "//data:Contenu//cda:structuredBody//cda:text/node()",
        )],
    )
    .close("body")
    .close("html")
    .close("xsl:template")
    .close("xsl:stylesheet");
    out.done()
}

/// A CDA being written, its elements prefixed or not.
struct Cda {
    out: Xml,
    prefix: &'static str,
}

impl Cda {
    fn new(prefix: &'static str) -> Self {
        Self {
            out: Xml::new(),
            prefix,
        }
    }

    fn open(&mut self, name: &str, attributes: &[(&str, &str)]) -> &mut Self {
        self.out.open(&format!("{}{name}", self.prefix), attributes);
        self
    }

    fn empty(&mut self, name: &str, attributes: &[(&str, &str)]) -> &mut Self {
        self.out
            .empty(&format!("{}{name}", self.prefix), attributes);
        self
    }

    fn close(&mut self, name: &str) -> &mut Self {
        self.out.close(&format!("{}{name}", self.prefix));
        self
    }

    fn leaf(&mut self, name: &str, text: &str) -> &mut Self {
        self.out.leaf(&format!("{}{name}", self.prefix), text);
        self
    }

    fn qualified(&mut self, name: &str, qualifier: &str, text: &str) -> &mut Self {
        let name = format!("{}{name}", self.prefix);
        self.out
            .open(&name, &[("qualifier", qualifier)])
            .text(text)
            .close(&name);
        self
    }

    fn coded(&mut self, name: &str, code: &str, system: &str, label: &str) -> &mut Self {
        self.empty(
            name,
            &[
                ("code", code),
                ("codeSystem", system),
                ("displayName", label),
            ],
        )
    }

    fn document(&mut self, ecrit: &Ecrit<'_>) {
        let time = local(ecrit.at);
        if self.prefix.is_empty() {
            self.open("ClinicalDocument", &[("xmlns", HL7), ("xmlns:xsi", XSI)]);
        } else {
            self.open("ClinicalDocument", &[("xmlns:xsi", XSI)]);
        }
        self.empty("realmCode", &[("code", "FR")])
            .empty(
                "typeId",
                &[
                    ("root", "2.16.840.1.113883.1.3"),
                    ("extension", "POCD_HD000040"),
                ],
            )
            .empty("templateId", &[("root", "2.16.840.1.113883.2.8.2.1")])
            .empty("templateId", &[("root", "1.2.250.1.213.1.1.1.1")]);
        // Level 1, or a model of the bench's own.
        let model = if ecrit.forme == Forme::Pdf {
            "1.3.6.1.4.1.19376.1.2.20".to_owned()
        } else {
            super::oid_of("modèle de document du banc")
        };
        self.empty("templateId", &[("root", &model)]);
        self.empty("id", &[("root", ecrit.unique_id)]);
        self.coded(
            "code",
            &ecrit.kind.code,
            &ecrit.kind.systeme,
            &ecrit.kind.libelle,
        )
        .leaf("title", ecrit.titre)
        .empty("effectiveTime", &[("value", &time)])
        .coded(
            "confidentialityCode",
            "N",
            "2.16.840.1.113883.5.25",
            "Normal",
        )
        .empty("languageCode", &[("code", "fr-FR")])
        .empty("setId", &[("root", ecrit.set_id)])
        .empty("versionNumber", &[("value", &ecrit.version.to_string())]);
        self.patient(ecrit);
        self.author(ecrit, &time);
        self.custodian(ecrit);
        self.legal(&time);
        self.event(&time);
        if let Some(replaced) = ecrit.replaces {
            self.open("relatedDocument", &[("typeCode", "RPLC")])
                .open("parentDocument", &[])
                .empty("id", &[("root", replaced)])
                .close("parentDocument")
                .close("relatedDocument");
        }
        self.encounter();
        self.body(ecrit);
        self.close("ClinicalDocument");
    }

    fn patient(&mut self, ecrit: &Ecrit<'_>) {
        let t = &ecrit.person.traits;
        let (sex, label) = match t.sexe {
            Sexe::F => ("F", "Féminin"),
            Sexe::M => ("M", "Masculin"),
            Sexe::I => ("U", "Inconnu"),
        };
        let first = t.prenoms.first().map_or("", String::as_str);
        let local_id = format!("DIAPASON-{}", ecrit.person.id);
        self.open("recordTarget", &[])
            .open("patientRole", &[("classCode", "PAT")])
            .empty(
                "id",
                &[
                    ("extension", ecrit.ins.matricule.as_str()),
                    ("root", ecrit.ins.oid.as_str()),
                ],
            )
            .empty(
                "id",
                &[
                    ("extension", &local_id),
                    ("root", &AUTEUR.etablissement.oid_local),
                ],
            )
            .empty("addr", &[("nullFlavor", "NASK")])
            .empty("telecom", &[("nullFlavor", "NASK")])
            .open("patient", &[])
            .open("name", &[])
            .qualified("family", "BR", &t.nom_naissance)
            .leaf("given", &t.prenoms.join(" "))
            .qualified("given", "BR", first)
            .close("name")
            .coded(
                "administrativeGenderCode",
                sex,
                "2.16.840.1.113883.5.1",
                label,
            )
            .empty(
                "birthTime",
                &[("value", &t.date_naissance.as_str().replace('-', ""))],
            )
            .open("birthplace", &[])
            .open("place", &[])
            .open("addr", &[]);
        match &t.lieu_naissance {
            Some(code) => self.leaf("county", &code.to_string()),
            None => self.empty("county", &[("nullFlavor", "UNK")]),
        };
        self.close("addr")
            .close("place")
            .close("birthplace")
            .close("patient")
            .close("patientRole")
            .close("recordTarget");
    }

    fn author(&mut self, ecrit: &Ecrit<'_>, time: &str) {
        self.open("author", &[]).empty("time", &[("value", time)]);
        if ecrit.by_patient {
            let t = &ecrit.person.traits;
            let first = t.prenoms.first().map_or("", String::as_str);
            self.open("assignedAuthor", &[])
                .empty(
                    "id",
                    &[
                        ("extension", ecrit.ins.matricule.as_str()),
                        ("root", ecrit.ins.oid.as_str()),
                    ],
                )
                .empty("addr", &[("nullFlavor", "NASK")])
                .empty("telecom", &[("nullFlavor", "NASK")])
                .open("assignedPerson", &[])
                .open("name", &[])
                .leaf("family", &t.nom_naissance)
                .leaf("given", first)
                .close("name")
                .close("assignedPerson")
                .close("assignedAuthor");
        } else {
            self.open("assignedAuthor", &[]);
            self.professional();
            self.close("assignedAuthor");
        }
        self.close("author");
    }

    /// What an assignedAuthor and an assignedEntity hold about the hospital's physician.
    fn professional(&mut self) {
        let (p, e) = (&AUTEUR.professionnel, &AUTEUR.etablissement);
        self.empty(
            "id",
            &[
                ("root", "1.2.250.1.71.4.2.1"),
                ("extension", &p.identifiant),
            ],
        )
        .coded(
            "code",
            &p.specialite,
            &p.specialite_systeme,
            &p.specialite_libelle,
        )
        .empty("addr", &[("nullFlavor", "NASK")])
        .empty("telecom", &[("nullFlavor", "NASK")])
        .open("assignedPerson", &[])
        .open("name", &[])
        .leaf("family", &p.nom)
        .leaf("given", &p.prenom)
        .close("name")
        .close("assignedPerson")
        .open("representedOrganization", &[])
        .empty(
            "id",
            &[
                ("root", "1.2.250.1.71.4.2.2"),
                ("extension", &e.identifiant),
            ],
        )
        .leaf("name", &e.nom)
        .close("representedOrganization");
    }

    fn custodian(&mut self, ecrit: &Ecrit<'_>) {
        let e = &AUTEUR.etablissement;
        self.open("custodian", &[])
            .open("assignedCustodian", &[])
            .open("representedCustodianOrganization", &[]);
        if ecrit.by_patient {
            self.empty("id", &[("root", "1.2.250.1.213.4.1")])
                .leaf("name", "DMP");
        } else {
            self.empty(
                "id",
                &[
                    ("root", "1.2.250.1.71.4.2.2"),
                    ("extension", &e.identifiant),
                ],
            )
            .leaf("name", &e.nom);
        }
        self.empty("telecom", &[("nullFlavor", "NASK")])
            .empty("addr", &[("nullFlavor", "NASK")])
            .close("representedCustodianOrganization")
            .close("assignedCustodian")
            .close("custodian");
    }

    fn legal(&mut self, time: &str) {
        self.open("legalAuthenticator", &[])
            .empty("time", &[("value", time)])
            .empty("signatureCode", &[("code", "S")])
            .open("assignedEntity", &[]);
        self.professional();
        self.close("assignedEntity").close("legalAuthenticator");
    }

    fn event(&mut self, time: &str) {
        let e = &AUTEUR.etablissement;
        self.open("documentationOf", &[])
            .open("serviceEvent", &[])
            .open("effectiveTime", &[])
            .empty("low", &[("value", time)])
            .empty("high", &[("value", time)])
            .close("effectiveTime")
            .open("performer", &[("typeCode", "PRF")])
            .open("assignedEntity", &[])
            .empty(
                "id",
                &[
                    ("root", "1.2.250.1.71.4.2.1"),
                    ("extension", &AUTEUR.professionnel.identifiant),
                ],
            )
            .empty("addr", &[("nullFlavor", "NASK")])
            .empty("telecom", &[("nullFlavor", "NASK")])
            .open("representedOrganization", &[])
            .empty(
                "id",
                &[
                    ("root", "1.2.250.1.71.4.2.2"),
                    ("extension", &e.identifiant),
                ],
            )
            .leaf("name", &e.nom)
            .coded(
                "standardIndustryClassCode",
                &e.cadre,
                "1.2.250.1.213.1.1.4.9",
                &e.cadre_libelle,
            )
            .close("representedOrganization")
            .close("assignedEntity")
            .close("performer")
            .close("serviceEvent")
            .close("documentationOf");
    }

    fn encounter(&mut self) {
        let e = &AUTEUR.etablissement;
        self.open("componentOf", &[])
            .open("encompassingEncounter", &[])
            .empty("effectiveTime", &[("nullFlavor", "UNK")])
            .open("location", &[])
            .open("healthCareFacility", &[])
            .coded("code", &e.secteur, "1.2.250.1.71.4.2.4", &e.secteur_libelle)
            .close("healthCareFacility")
            .close("location")
            .close("encompassingEncounter")
            .close("componentOf");
    }

    fn body(&mut self, ecrit: &Ecrit<'_>) {
        let t = &ecrit.person.traits;
        let said = format!(
            "{} {}, né(e) le {}",
            t.nom_naissance,
            t.prenoms.join(" "),
            t.date_naissance
        );
        let lines = [
            ecrit.titre.to_owned(),
            said,
            format!("INS {}", ecrit.ins.matricule),
            "Document fictif écrit par le banc d'essai.".to_owned(),
        ];
        self.open("component", &[]);
        if ecrit.forme == Forme::Pdf {
            let encoded = STANDARD.encode(pdf::write(&lines));
            self.open("nonXMLBody", &[]).open(
                "text",
                &[("mediaType", "application/pdf"), ("representation", "B64")],
            );
            self.out.text(&encoded);
            self.close("text").close("nonXMLBody");
        } else {
            self.open("structuredBody", &[])
                .open("component", &[])
                .open("section", &[])
                .empty(
                    "templateId",
                    &[("root", &super::oid_of("modèle de section du banc"))],
                )
                .empty(
                    "id",
                    &[(
                        "root",
                        &super::oid_of(&format!("section {}", ecrit.unique_id)),
                    )],
                )
                .coded("code", "48767-8", "2.16.840.1.113883.6.1", "Commentaire")
                .leaf("title", "Synthèse")
                .open("text", &[]);
            for line in &lines {
                self.leaf("paragraph", line);
            }
            if ecrit.forme == Forme::Hostile {
                self.leaf(
                    "paragraph",
                    "<script>document.title = 'DIAPASON-SCRIPT-EXECUTE'</script>",
                );
            }
            self.close("text").close("section").close("component");
            if ecrit.forme == Forme::N3 {
                self.pdf_copy(&lines);
            }
            self.close("structuredBody");
        }
        self.close("component");
    }

    /// The section that carries a PDF of the whole document, to be shown first.
    fn pdf_copy(&mut self, lines: &[String; 4]) {
        let encoded = STANDARD.encode(pdf::write(lines));
        self.open("component", &[])
            .open("section", &[])
            .empty("templateId", &[("root", "1.2.250.1.213.1.1.2.243")])
            .coded("code", "55108-5", "2.16.840.1.113883.6.1", "Présentation")
            .leaf("title", "Copie du document")
            .leaf("text", "Copie du document au format PDF.")
            .open("entry", &[])
            .open(
                "observationMedia",
                &[("classCode", "OBS"), ("moodCode", "EVN")],
            )
            .open(
                "value",
                &[("mediaType", "application/pdf"), ("representation", "B64")],
            );
        self.out.text(&encoded);
        self.close("value")
            .close("observationMedia")
            .close("entry")
            .close("section")
            .close("component");
    }
}
