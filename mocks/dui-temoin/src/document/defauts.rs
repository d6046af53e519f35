//! Seeded defects of documents, kept apart because there are many: what real vendors get wrong in a CDA of level 1, and
//! in a DLU of level 3.
//!
//! Each is one line that changes the finished tree, the PDF or the bytes; the writer itself knows none of them.

use diapason_core::ins::{Matricule, matricule_key};

use super::noeud::{Noeud, noeud};
use crate::identite::Usager;
use crate::mutants::Mutants;

type Defaut = (&'static str, fn(&mut Noeud));

fn sur(racine: &mut Noeud, chemin: &str, agir: fn(&mut Noeud)) {
    racine.chaque(chemin, &mut |n| agir(n));
}

fn valeur(racine: &mut Noeud, chemin: &str, attribut: &str, nouvelle: &str) {
    racine.chaque(chemin, &mut |n| n.poser(attribut, nouvelle));
}

fn sans(racine: &mut Noeud, chemin: &str, attribut: &str) {
    racine.chaque(chemin, &mut |n| n.oter(attribut));
}

fn sans_decalage(n: &mut Noeud) {
    if let Some(value) = n.attribut("value").map(|v| v[..v.len() - 5].to_owned()) {
        n.poser("value", value);
    }
}

const NOM: &str = "recordTarget/patientRole/patient/name";
const ACTE: &str = "documentationOf/serviceEvent";
const LIEU: &str = "componentOf/encompassingEncounter/location/healthCareFacility";
const CORPS: &str = "component/nonXMLBody/text";

/// Document and its versions.
const DOCUMENT: &[Defaut] = &[
    ("cda-no-realm-code", |r| r.retirer("realmCode")),
    ("cda-wrong-type-id", |r| {
        valeur(r, "typeId", "extension", "POCD_HD000041");
    }),
    ("cda-no-n1-template", |r| {
        r.enfants
            .retain(|e| e.attribut("root") != Some("1.3.6.1.4.1.19376.1.2.20"));
    }),
    ("cda-no-cisis-template", |r| {
        r.enfants.retain(|e| {
            e.nom != "templateId" || e.attribut("root") != Some("1.2.250.1.213.1.1.1.1")
        });
    }),
    ("cda-model-template-on-n1", |r| {
        let modele = noeud("templateId")
            .a("root", "1.2.250.1.213.1.1.1.22")
            .a("extension", "2022.01");
        r.apres("templateId", modele);
    }),
    ("cda-id-with-extension", |r| {
        valeur(r, "id", "extension", "1");
    }),
    ("cda-id-not-oid", |r| {
        let root = r
            .premier("id")
            .and_then(|id| id.attribut("root").map(str::to_owned));
        valeur(
            r,
            "id",
            "root",
            &format!("urn:oid:{}", root.unwrap_or_default()),
        );
    }),
    ("cda-type-code-unknown", |r| {
        valeur(r, "code", "code", "34109-9");
    }),
    ("cda-code-without-system", |r| sans(r, "code", "codeSystem")),
    ("cda-code-without-label", |r| sans(r, "code", "displayName")),
    ("cda-no-title", |r| r.retirer("title")),
    ("cda-title-too-long", |r| {
        sur(r, "title", |t| t.texte = Some("Projet ".repeat(30)));
    }),
    ("cda-time-without-offset", |r| {
        sur(r, "effectiveTime", sans_decalage);
    }),
    ("cda-time-day-only", |r| {
        sur(r, "effectiveTime", |t| {
            let day = t.attribut("value").unwrap_or_default()[..8].to_owned();
            t.poser("value", day);
        });
    }),
    ("cda-time-iso", |r| {
        sur(r, "effectiveTime", |t| {
            t.poser("value", "2026-01-15T10:00:00+01:00");
        });
    }),
    ("cda-time-utc", |r| {
        sur(r, "effectiveTime", |t| {
            let local = t.attribut("value").unwrap_or_default()[..14].to_owned();
            t.poser("value", format!("{local}+0000"));
        });
    }),
    ("cda-confidentiality-unknown", |r| {
        valeur(r, "confidentialityCode", "code", "X");
    }),
    ("cda-language-fr", |r| {
        valeur(r, "languageCode", "code", "fr");
    }),
    ("cda-no-set-id", |r| r.retirer("setId")),
    ("cda-version-from-zero", |r| {
        sur(r, "versionNumber", |v| {
            let number: u32 = v
                .attribut("value")
                .and_then(|n| n.parse().ok())
                .unwrap_or(1);
            v.poser("value", (number.saturating_sub(1)).to_string());
        });
    }),
    ("cda-copy-time", |r| {
        let copie = noeud("copyTime").a("value", "20260115100000+0100");
        r.apres("versionNumber", copie);
    }),
    ("cda-no-rplc", |r| r.retirer("relatedDocument")),
    ("cda-rplc-to-set", |r| {
        let set = r
            .premier("setId")
            .and_then(|id| id.attribut("root").map(str::to_owned));
        valeur(
            r,
            "relatedDocument/parentDocument/id",
            "root",
            &set.unwrap_or_default(),
        );
    }),
    ("cda-appends-instead-of-rplc", |r| {
        valeur(r, "relatedDocument", "typeCode", "APND");
    }),
    ("cda-rplc-of-itself", |r| {
        let id = r
            .premier("id")
            .and_then(|id| id.attribut("root").map(str::to_owned));
        valeur(
            r,
            "relatedDocument/parentDocument/id",
            "root",
            &id.unwrap_or_default(),
        );
    }),
    ("cda-rplc-on-first-version", |r| {
        if r.premier("relatedDocument").is_none() {
            let parent = noeud("parentDocument").avec([noeud("id").a("root", "2.25.1")]);
            let lien = noeud("relatedDocument")
                .a("typeCode", "RPLC")
                .avec([parent]);
            r.apres("documentationOf", lien);
        }
    }),
    ("cda-namespace-missing", |r| r.oter("xmlns")),
    ("cda-offset-of-winter-all-year", |r| {
        r.partout(&mut |n| {
            if let Some(winter) = n.attribut("value").and_then(|v| v.strip_suffix("+0200")) {
                let winter = format!("{winter}+0100");
                n.poser("value", winter);
            }
        });
    }),
    ("cda-recipients-forgotten", |r| {
        r.retirer("informationRecipient");
    }),
    ("cda-first-recipient-only", |r| {
        let mut seen = false;
        r.enfants
            .retain(|e| e.nom != "informationRecipient" || !std::mem::replace(&mut seen, true));
    }),
];

/// Person.
const PERSONNE: &[Defaut] = &[
    ("cda-no-local-id-extension", |r| {
        sur(r, "recordTarget/patientRole/id", |id| {
            if id
                .attribut("root")
                .is_some_and(|root| root.starts_with("2.25."))
            {
                id.oter("extension");
            }
        });
    }),
    ("cda-ins-root-of-cnam", |r| {
        sur(r, "recordTarget/patientRole/id", |id| {
            if est_ins(id) {
                id.poser("root", "1.2.250.1.213.1.4.2");
            }
        });
    }),
    ("cda-ins-root-is-nss", |r| {
        sur(r, "recordTarget/patientRole/id", |id| {
            if est_ins(id) {
                id.poser("root", "1.2.250.1.213.1.4.13");
            }
        });
    }),
    ("cda-wrong-ins-key", |r| {
        sur(r, "recordTarget/patientRole/id", |id| {
            if let Some(true_one) = matricule(id) {
                let wrong = if true_one.key() == "01" { "02" } else { "01" };
                id.poser("extension", format!("{}{wrong}", true_one.number()));
            }
        });
    }),
    ("cda-ins-without-key", |r| {
        sur(r, "recordTarget/patientRole/id", |id| {
            if let Some(whole) = matricule(id) {
                id.poser("extension", whole.number());
            }
        });
    }),
    ("cda-ins-with-spaces", |r| {
        sur(r, "recordTarget/patientRole/id", |id| {
            if let Some(whole) = matricule(id) {
                id.poser("extension", format!("{} {}", whole.number(), whole.key()));
            }
        });
    }),
    ("cda-ins-after-local-id", |r| {
        if let Some(role) = r.premier("recordTarget/patientRole") {
            let ids = role.enfants.iter().take_while(|e| e.nom == "id").count();
            role.enfants[..ids].reverse();
        }
    }),
    ("cda-nia-as-nir", |r| {
        sur(r, "recordTarget/patientRole/id", |id| {
            if est_ins(id) {
                id.poser("root", "1.2.250.1.213.1.4.8");
            }
        });
    }),
    ("cda-corsican-key-of-2a-for-2b", |r| {
        sur(r, "recordTarget/patientRole/id", |id| {
            if let Some(whole) = matricule(id)
                && whole.number().contains("2B")
                && let Some(key) = matricule_key(&whole.number().replace("2B", "2A"))
            {
                id.poser("extension", format!("{}{key:02}", whole.number()));
            }
        });
    }),
    ("cda-ins-unknown-but-written", |r| {
        let id = noeud("id")
            .a("root", "1.2.250.1.213.1.4.8")
            .a("nullFlavor", "UNK");
        sans_ins(r, id);
    }),
    ("cda-placeholder-matricule", |r| {
        let id = noeud("id")
            .a("root", "1.2.250.1.213.1.4.8")
            .a("extension", "000000000000000");
        sans_ins(r, id);
    }),
    ("cda-family-without-qualifier", |r| {
        sans(r, &format!("{NOM}/family"), "qualifier");
    }),
    ("cda-family-qualifier-sp", |r| {
        valeur(r, &format!("{NOM}/family"), "qualifier", "SP");
    }),
    ("cda-no-birth-given", |r| {
        sur(r, NOM, |n| {
            n.enfants
                .retain(|e| e.nom != "given" || e.attribut("qualifier") != Some("BR"));
        });
    }),
    ("cda-no-list-of-givens", |r| {
        sur(r, NOM, |n| {
            n.enfants
                .retain(|e| e.nom != "given" || e.attribut("qualifier").is_some());
        });
    }),
    ("cda-one-given-per-element", |r| {
        sur(r, NOM, |n| {
            let (mut givens, mut others) = (Vec::new(), Vec::new());
            for e in n.enfants.drain(..) {
                if e.nom == "given" && e.attribut("qualifier").is_none() {
                    let list = e.texte.unwrap_or_default();
                    givens.extend(list.split(' ').map(|p| noeud("given").dit(p)));
                } else {
                    others.push(e);
                }
            }
            others.splice(1..1, givens);
            n.enfants = others;
        });
    }),
    ("cda-names-in-lower-case", |r| {
        sur(r, NOM, |n| {
            for e in &mut n.enfants {
                e.texte = e.texte.as_ref().map(|t| t.to_lowercase());
            }
        });
    }),
    ("cda-typographic-apostrophe", |r| {
        sur(r, NOM, |n| {
            for e in &mut n.enfants {
                e.texte = e.texte.as_ref().map(|t| t.replace('\'', "\u{2019}"));
            }
        });
    }),
    ("cda-double-hyphen-joined", |r| {
        sur(r, &format!("{NOM}/family"), |f| {
            f.texte = f.texte.as_ref().map(|t| t.replace("--", "-"));
        });
    }),
    ("cda-used-name-as-birth-name", |r| {
        sur(r, NOM, |n| {
            let is_family = |e: &Noeud, q| e.nom == "family" && e.attribut("qualifier") == Some(q);
            let used = n.enfants.iter().find(|e| is_family(e, "CL"));
            if let Some(used) = used.and_then(|e| e.texte.clone()) {
                for e in n.enfants.iter_mut().filter(|e| is_family(e, "BR")) {
                    e.texte = Some(used.clone());
                }
            }
        });
    }),
    ("cda-used-names-missing", |r| {
        sur(r, NOM, |n| {
            n.enfants.retain(|e| e.attribut("qualifier") != Some("CL"));
        });
    }),
    ("cda-gender-as-a-digit", |r| {
        valeur(
            r,
            "recordTarget/patientRole/patient/administrativeGenderCode",
            "code",
            "1",
        );
    }),
    ("cda-birth-time-with-dashes", |r| {
        sur(r, "recordTarget/patientRole/patient/birthTime", |t| {
            let day = t.attribut("value").unwrap_or_default().to_owned();
            t.poser(
                "value",
                format!("{}-{}-{}", &day[..4], &day[4..6], &day[6..]),
            );
        });
    }),
    ("cda-no-county", |r| {
        r.retirer("recordTarget/patientRole/patient/birthplace");
    }),
    ("cda-race-code", |r| {
        let race = noeud("raceCode").a("nullFlavor", "UNK");
        if let Some(patient) = r.premier("recordTarget/patientRole/patient") {
            patient.apres("birthTime", race);
        }
    }),
    ("cda-null-flavor-not-allowed", |r| {
        valeur(r, "recordTarget/patientRole/telecom", "nullFlavor", "NA");
    }),
    ("cda-two-persons", |r| {
        if let Some(first) = r.premier("recordTarget").cloned() {
            r.apres("recordTarget", first);
        }
    }),
];

/// Professionals, structures and care.
const INTERVENANTS: &[Defaut] = &[
    ("cda-author-time-without-offset", |r| {
        sur(r, "author/time", sans_decalage);
    }),
    ("cda-author-id-without-root", |r| {
        sans(r, "author/assignedAuthor/id", "root");
    }),
    ("cda-author-id-of-another-system", |r| {
        valeur(r, "author/assignedAuthor/id", "root", "1.2.250.1.71.4.2.3");
    }),
    ("cda-author-specialty-unknown", |r| {
        valeur(r, "author/assignedAuthor/code", "code", "INFIRMIERE");
    }),
    ("cda-author-without-name", |r| {
        r.retirer("author/assignedAuthor/assignedPerson/name/family");
    }),
    ("cda-prefix-dr", |r| {
        sur(r, "author/assignedAuthor/assignedPerson/name", |n| {
            n.enfants.retain(|e| e.nom != "prefix");
            n.enfants.insert(0, noeud("prefix").dit("DR"));
        });
    }),
    ("cda-telecom-without-scheme", |r| {
        valeur(r, "author/assignedAuthor/telecom", "value", "0199001200");
    }),
    ("cda-telecom-empty", |r| {
        valeur(r, "author/assignedAuthor/telecom", "value", "tel:");
    }),
    ("cda-no-custodian", |r| r.retirer("custodian")),
    ("cda-custodian-siret-root", |r| {
        valeur(
            r,
            "custodian/assignedCustodian/representedCustodianOrganization/id",
            "root",
            "1.2.250.1.71.4.2.3",
        );
    }),
    ("cda-recipient-by-name-only", |r| {
        sans(r, "informationRecipient/intendedRecipient/id", "root");
    }),
    ("cda-no-legal-authenticator", |r| {
        r.retirer("legalAuthenticator");
    }),
    ("cda-software-as-legal-authenticator", |r| {
        sur(r, "legalAuthenticator/assignedEntity", |a| {
            a.enfants
                .retain(|e| e.nom != "assignedPerson" && e.nom != "code");
            for e in &mut a.enfants {
                if e.nom == "id" {
                    e.poser("extension", "10B0990001/DUI-TEMOIN");
                }
            }
            let systeme = noeud("code")
                .a("code", "LOGICIEL_DUI")
                .a("displayName", "Logiciel de Dossier Usager Informatisé")
                .a("codeSystem", "1.2.250.1.213.1.1.4.6");
            a.apres("id", systeme);
        });
    }),
    ("cda-signature-code-x", |r| {
        valeur(r, "legalAuthenticator/signatureCode", "code", "X");
    }),
    ("cda-legal-time-without-offset", |r| {
        sur(r, "legalAuthenticator/time", sans_decalage);
    }),
    ("cda-legal-time-unknown", |r| {
        sur(r, "legalAuthenticator/time", |t| {
            t.oter("value");
            t.poser("nullFlavor", "UNK");
        });
    }),
    ("cda-no-service-event", |r| r.retirer("documentationOf")),
    ("cda-service-event-without-low", |r| {
        sur(r, &format!("{ACTE}/effectiveTime"), |t| {
            for e in &mut t.enfants {
                "high".clone_into(&mut e.nom);
            }
        });
    }),
    ("cda-service-event-low-without-offset", |r| {
        sur(r, &format!("{ACTE}/effectiveTime/low"), sans_decalage);
    }),
    ("cda-no-performer", |r| {
        r.retirer(&format!("{ACTE}/performer"));
    }),
    ("cda-no-practice-setting", |r| {
        r.retirer(&format!(
            "{ACTE}/performer/assignedEntity/representedOrganization/standardIndustryClassCode"
        ));
    }),
    ("cda-practice-setting-unknown", |r| {
        valeur(
            r,
            &format!(
                "{ACTE}/performer/assignedEntity/representedOrganization/standardIndustryClassCode"
            ),
            "code",
            "EHPAD",
        );
    }),
    ("cda-facility-unknown", |r| {
        sur(r, &format!("{LIEU}/code"), |c| {
            c.attributs.clear();
            c.poser("nullFlavor", "UNK");
        });
    }),
    ("cda-facility-of-another-set", |r| {
        valeur(r, &format!("{LIEU}/code"), "code", "EHPAD");
    }),
    ("cda-no-component-of", |r| r.retirer("componentOf")),
];

/// Body.
const CONTENU: &[Defaut] = &[
    ("cda-pdf-called-jpeg", |r| {
        valeur(r, CORPS, "mediaType", "image/jpeg");
    }),
    ("cda-media-type-html", |r| {
        valeur(r, CORPS, "mediaType", "text/html");
    }),
    ("cda-no-media-type", |r| sans(r, CORPS, "mediaType")),
    ("cda-no-representation", |r| {
        sans(r, CORPS, "representation");
    }),
    ("cda-base64-garbage", |r| {
        sur(r, CORPS, |t| {
            let base64 = t.texte.clone().unwrap_or_default();
            t.texte = Some(format!("{}#*!{}", &base64[..40], &base64[43..]));
        });
    }),
    ("cda-base64-for-urls", |r| {
        sur(r, CORPS, |t| {
            let base64 = t.texte.clone().unwrap_or_default();
            t.texte = Some(base64.replace('+', "-").replace('/', "_"));
        });
    }),
    ("cda-base64-twice", |r| {
        use base64::Engine;
        sur(r, CORPS, |t| {
            let base64 = t.texte.clone().unwrap_or_default();
            t.texte = Some(base64::engine::general_purpose::STANDARD.encode(base64));
        });
    }),
    ("cda-body-empty", |r| {
        sur(r, CORPS, |t| t.texte = None);
    }),
];

/// The DLU of level 3.
const DLU: &[Defaut] = &[
    ("dmp-dlu-without-model-version", |r| {
        sur(r, "templateId", |t| t.oter("extension"));
    }),
    ("dmp-dlu-claims-level-1-too", |r| {
        if corps_structure(r).is_some() {
            let n1 = noeud("templateId").a("root", "1.3.6.1.4.1.19376.1.2.20");
            r.apres("templateId", n1);
        }
    }),
    ("dmp-dlu-without-usual-doctor", |r| r.retirer("participant")),
    ("dmp-dlu-act-without-code", |r| {
        r.retirer(&format!("{ACTE}/code"));
    }),
    ("dmp-dlu-without-treatments", |r| {
        sans_section(r, "10160-0");
    }),
    ("dmp-dlu-without-directives", |r| {
        sans_section(r, "42348-3");
    }),
    ("dmp-dlu-without-words", |r| {
        if let Some(corps) = corps_structure(r) {
            corps.retirer("component/section/text");
        }
    }),
    ("dmp-dlu-risks-without-code", |r| {
        if let Some(corps) = corps_structure(r) {
            corps.retirer("component/section/entry/observation/code");
        }
    }),
    ("dmp-dlu-copy-is-no-pdf", |r| {
        if let Some(corps) = corps_structure(r) {
            valeur(
                corps,
                "component/section/entry/organizer/component/observationMedia/value",
                "mediaType",
                "text/xml",
            );
        }
    }),
];

fn corps_structure(r: &mut Noeud) -> Option<&mut Noeud> {
    r.premier("component/structuredBody")
}

/// Removes the section of that code.
fn sans_section(r: &mut Noeud, code: &str) {
    if let Some(corps) = corps_structure(r) {
        corps.enfants.retain_mut(|component| {
            component
                .premier("section/code")
                .is_none_or(|c| c.attribut("code") != Some(code))
        });
    }
}

/// Puts an identifier first when there is no INS.
fn sans_ins(r: &mut Noeud, id: Noeud) {
    if let Some(role) = r.premier("recordTarget/patientRole")
        && !role.enfants.iter().any(est_ins)
    {
        role.enfants.insert(0, id);
    }
}

fn est_ins(id: &Noeud) -> bool {
    id.attribut("root")
        .is_some_and(|root| root.starts_with("1.2.250.1.213.1.4."))
}

fn matricule(id: &Noeud) -> Option<Matricule> {
    id.attribut("extension")?
        .parse()
        .ok()
        .filter(|_| est_ins(id))
}

/// Changes the finished tree.
pub fn arbre(racine: &mut Noeud, usager: &Usager, mutants: &Mutants) {
    if mutants.is_empty() {
        return;
    }
    for (nom, agir) in [DOCUMENT, PERSONNE, INTERVENANTS, CONTENU, DLU].concat() {
        if mutants.mutant(nom) {
            agir(racine);
        }
    }
    let lieu = usager
        .identite
        .lieu_naissance
        .as_ref()
        .map(diapason_core::ins::CodeLieu::as_str);
    let county = "recordTarget/patientRole/patient/birthplace/place/addr/county";
    if mutants.mutant("cda-no-county-abroad") && lieu.is_some_and(|l| l.starts_with("99")) {
        racine.retirer("recordTarget/patientRole/patient/birthplace");
    }
    if mutants.mutant("cda-corsica-as-20") && lieu.is_some_and(|l| l.starts_with('2')) {
        racine.chaque(county, &mut |c| {
            c.texte = c.texte.as_ref().map(|t| format!("20{}", &t[2..]));
        });
    }
    if mutants.mutant("cda-place-name-as-county") {
        racine.chaque(county, &mut |c| c.texte = Some("PARIS".to_owned()));
    }
    if mutants.mutant("cda-long-name-cut") {
        racine.chaque(&format!("{NOM}/family"), &mut |f| {
            f.texte = f.texte.as_ref().map(|t| t.chars().take(20).collect());
        });
    }
    if let Some(nss) = usager
        .nss
        .as_ref()
        .filter(|_| mutants.mutant("cda-nss-as-ins"))
        && usager.ins.is_none()
        && let Some(role) = racine.premier("recordTarget/patientRole")
    {
        let id = noeud("id")
            .a("root", "1.2.250.1.213.1.4.8")
            .a("extension", nss);
        role.enfants.insert(0, id);
    }
}

/// Changes the PDF.
pub fn fichier(pdf: Vec<u8>, mutants: &Mutants) -> Vec<u8> {
    let texte = || String::from_utf8_lossy(&pdf).into_owned();
    if mutants.mutant("cda-pdf-is-html") {
        return b"<html><body><h1>Projet</h1></body></html>".to_vec();
    }
    if mutants.mutant("cda-pdf-cut") {
        return pdf[..pdf.len() / 2].to_vec();
    }
    if mutants.mutant("cda-pdf-not-pdfa") {
        return texte().replace("pdfaid", "autre1").into_bytes();
    }
    if mutants.mutant("cda-pdf-with-script") {
        return texte()
            .replace(
                "/Type /Catalog",
                "/Type /Catalog /OpenAction <</S /JavaScript /JS (app.alert\\(1\\))>>",
            )
            .into_bytes();
    }
    pdf
}

/// Changes the bytes.
pub fn octets(octets: Vec<u8>, mutants: &Mutants) -> Vec<u8> {
    if mutants.is_empty() {
        return octets;
    }
    let texte = || String::from_utf8_lossy(&octets).into_owned();
    let latin = |texte: &str| -> Vec<u8> {
        texte
            .chars()
            .map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?'))
            .collect()
    };
    if mutants.mutant("cda-declared-latin1") {
        return latin(&texte().replacen("UTF-8", "ISO-8859-1", 1));
    }
    if mutants.mutant("cda-latin1-called-utf8") {
        return latin(&texte());
    }
    if mutants.mutant("cda-utf16") {
        let text = texte().replacen("UTF-8", "UTF-16", 1);
        let units = std::iter::once(0xFEFF).chain(text.encode_utf16());
        return units.flat_map(u16::to_le_bytes).collect();
    }
    if mutants.mutant("cda-doctype") {
        return texte()
            .replacen(
                "<ClinicalDocument",
                "<!DOCTYPE ClinicalDocument SYSTEM \"CDA.dtd\">\n<ClinicalDocument",
                1,
            )
            .into_bytes();
    }
    if mutants.mutant("cda-separate-stylesheet") {
        return texte()
            .replacen(
                "<ClinicalDocument",
                "<?xml-stylesheet type=\"text/xsl\" href=\"cda.xsl\"?>\n<ClinicalDocument",
                1,
            )
            .into_bytes();
    }
    if mutants.mutant("cda-schema-location") {
        return texte()
            .replacen(
                "<ClinicalDocument",
                "<ClinicalDocument xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
xsi:schemaLocation=\"urn:hl7-org:v3 CDA.xsd\"",
                1,
            )
            .into_bytes();
    }
    if mutants.mutant("cda-title-not-escaped") {
        return texte()
            .replace("&lt;", "<")
            .replace("&amp;", "&")
            .into_bytes();
    }
    if mutants.mutant("cda-escaped-twice") {
        return texte().replace("&amp;", "&amp;amp;").into_bytes();
    }
    octets
}
