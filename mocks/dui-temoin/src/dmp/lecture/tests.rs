//! Reading the DMP, without a network: what is asked, what is understood, what is kept, what is shown.

#![allow(clippy::unwrap_used)]

use diapason_core::ins::Statut;
use diapason_formats::signature::{Digest, digest};

use super::*;
use crate::dmp::message::{Reponse, SOAP};
use crate::dmp::registre::{RIM, RS};
use crate::document::noeud::Noeud;
use crate::identite::Usager;
use crate::identite::usager::tests::{at, ins, zoe};
use crate::mutants::Mutants;

const UNIQUE: &str = "2.25.7001";

fn none() -> Mutants {
    Mutants::default()
}

fn person() -> Usager {
    let mut zoe = zoe();
    zoe.statut = Statut::Qualifiee;
    zoe.ins = Some(ins("2751263220749", "1.2.250.1.213.1.4.8"));
    zoe
}

fn answer(body: &str) -> Reponse {
    let xml = format!("<s:Envelope xmlns:s=\"{SOAP}\"><s:Body>{body}</s:Body></s:Envelope>");
    Reponse::lire("application/soap+xml", xml.into_bytes()).unwrap()
}

fn described(class: &str, status: &str, extra: &str) -> String {
    format!(
        r#"<q:AdhocQueryResponse xmlns:q="urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0" xmlns:r="{RIM}" status="urn:x:Success"><r:RegistryObjectList>
<r:ExtrinsicObject id="urn:uuid:e1" lid="urn:uuid:l1" mimeType="text/xml" status="{status}">
<r:Slot name="creationTime"><r:ValueList><r:Value>20260110090000</r:Value></r:ValueList></r:Slot>
<r:Slot name="serviceStartTime"><r:ValueList><r:Value>20260114233000</r:Value></r:ValueList></r:Slot>
<r:Slot name="hash"><r:ValueList><r:Value>ABCDEF</r:Value></r:ValueList></r:Slot>
<r:Slot name="size"><r:ValueList><r:Value>12</r:Value></r:ValueList></r:Slot>
<r:Slot name="repositoryUniqueId"><r:ValueList><r:Value>1.2.3</r:Value></r:ValueList></r:Slot>
<r:Name><r:LocalizedString value="Compte rendu d'été"/></r:Name>
<r:Classification classificationScheme="urn:uuid:41a5887f-8865-4c09-adf7-e362475b143a" nodeRepresentation="{class}"/>
<r:Classification classificationScheme="urn:uuid:f0306f51-975f-434e-a61c-c59651d33983" nodeRepresentation="11488-4"/>
<r:Classification classificationScheme="urn:uuid:93606bcf-9494-43ec-9b4e-a7748d1a838d" nodeRepresentation="">
<r:Slot name="authorPerson"><r:ValueList><r:Value>899709900015^DUITEST^MEDCO^^^^^^&amp;1.2.250.1.71.4.2.1&amp;ISO^D^^^IDNPS</r:Value></r:ValueList></r:Slot>
<r:Slot name="authorInstitution"><r:ValueList><r:Value>CABINET^^^^^&amp;1.2&amp;ISO^IDNST^^^499</r:Value></r:ValueList></r:Slot></r:Classification>
<r:ExternalIdentifier identificationScheme="urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab" value="{UNIQUE}"/>
<r:ExternalIdentifier identificationScheme="urn:uuid:58a6f841-87b3-4a3e-92fd-a8ffeff98427" value="275126322074918^^^&amp;1.2.250.1.213.1.4.8&amp;ISO^NH"/>
</r:ExtrinsicObject>{extra}</r:RegistryObjectList></q:AdhocQueryResponse>"#
    )
}

fn one() -> Entree {
    let xml = described(
        "10",
        "urn:oasis:names:tc:ebxml-regrep:StatusType:Approved",
        "",
    );
    entrees(&answer(&xml)).unwrap().remove(0)
}

fn cda(matricule: Option<&str>, name: &str, birth: &str, body: &str) -> Vec<u8> {
    let id = matricule
        .map(|m| format!("<id root=\"1.2.250.1.213.1.4.8\" extension=\"{m}\"/>"))
        .unwrap_or_default();
    format!(
        "<ClinicalDocument xmlns=\"urn:hl7-org:v3\"><code code=\"11488-4\"/><title>Essai</title>\
<setId root=\"2.25.9\"/><versionNumber value=\"2\"/><recordTarget><patientRole>{id}<patient><name>\
<family qualifier=\"BR\">{name}</family></name><birthTime value=\"{birth}\"/></patient></patientRole></recordTarget>\
<component>{body}</component></ClinicalDocument>"
    )
    .into_bytes()
}

fn structured(text: &str) -> Vec<u8> {
    let body = format!(
        "<structuredBody><component><section><title>Titre</title><text>{text}</text></section></component></structuredBody>"
    );
    cda(None, "ECETINSI", "19751231", &body)
}

fn slots(noeud: &Noeud) -> std::collections::BTreeMap<String, String> {
    let octets = noeud.ecrire().unwrap();
    let text = String::from_utf8(octets).unwrap();
    let tree = roxmltree::Document::parse(&text).unwrap();
    tree.descendants()
        .filter(|n| n.has_tag_name((RIM, "Slot")))
        .map(|slot| {
            let value = slot.descendants().find(|n| n.has_tag_name((RIM, "Value")));
            (
                slot.attribute("name").unwrap().to_owned(),
                value.unwrap().text().unwrap().to_owned(),
            )
        })
        .collect()
}

#[test]
fn a_first_search_asks_for_current_documents_of_two_years() {
    let now = at("2026-01-15T09:00:00.000Z");
    let who = ins("2751263220749", "1.2.250.1.213.1.4.8");
    let asked = slots(&recherche(&who, &Criteres::default(), now, &none()).unwrap());
    assert_eq!(asked.len(), 3);
    assert_eq!(
        asked["$XDSDocumentEntryPatientId"],
        format!("'{}^^^&1.2.250.1.213.1.4.8&ISO^NH'", who.matricule)
    );
    assert_eq!(
        asked["$XDSDocumentEntryStatus"],
        "('urn:oasis:names:tc:ebxml-regrep:StatusType:Approved')"
    );
    assert_eq!(asked["$XDSDocumentEntryCreationTimeFrom"], "20240116090000");
}

#[test]
fn filters_reach_the_query() {
    let now = at("2026-01-15T09:00:00.000Z");
    let who = ins("2751263220749", "1.2.250.1.213.1.4.8");
    let types = ["80788-3".to_owned(), "BIL_AUTO".to_owned()];
    let criteres = Criteres {
        types: &types,
        depuis: Some("2026-01-01"),
        toutes_versions: true,
        deja_venu: true,
    };
    let asked = slots(&recherche(&who, &criteres, now, &none()).unwrap());
    assert_eq!(
        asked["$XDSDocumentEntryTypeCode"],
        "('80788-3^^2.16.840.1.113883.6.1','BIL_AUTO^^1.2.250.1.213.1.1.4.12')"
    );
    assert_eq!(
        asked["$XDSDocumentEntryServiceStartTimeFrom"],
        "20251231230000"
    );
    assert!(asked["$XDSDocumentEntryStatus"].contains(":Deprecated','urn:asip"));
    assert!(!asked.contains_key("$XDSDocumentEntryCreationTimeFrom"));
    let wrong = Criteres {
        depuis: Some("hier"),
        ..Criteres::default()
    };
    assert!(recherche(&who, &wrong, now, &none()).is_err());
}

#[test]
fn an_entry_is_read_and_shown_in_local_time() {
    let entree = one();
    assert_eq!(entree.unique_id, UNIQUE);
    assert_eq!(entree.auteur, "MEDCO DUITEST, CABINET");
    assert_eq!(entree.hash.as_deref(), Some("abcdef"));
    assert_eq!((entree.taille, entree.depot.as_str()), (Some(12), "1.2.3"));
    let mut lecture = Lecture::default();
    assert_eq!(
        lecture.lister(vec![entree], at("2026-01-15T09:00:00.000Z"), false),
        1
    );
    let liste = lecture.liste(&BTreeSet::new(), false);
    assert_eq!(liste.documents[0].date, "2026-01-15 00:30");
    assert_eq!(liste.documents[0].titre, "Compte rendu d'été");
    assert!(!liste.documents[0].integre && !liste.documents[0].produit_ici);
    assert!(lecture.liste(&BTreeSet::from([UNIQUE]), false).documents[0].produit_ici);
}

#[test]
fn signatures_are_no_documents_and_patients_documents_are_told() {
    let status = "urn:oasis:names:tc:ebxml-regrep:StatusType:Approved";
    let signature = described("urn:oid:1.3.6.1.4.1.19376.1.2.1.1.1", status, "");
    assert!(entrees(&answer(&signature)).unwrap().is_empty());
    let mut patient = one();
    assert!(!patient.du_patient());
    patient.classe = "90".to_owned();
    assert!(patient.du_patient());
    let typed = Entree {
        r#type: "DOCPAT03".to_owned(),
        ..Entree::default()
    };
    assert!(typed.du_patient());
}

#[test]
fn statuses_and_replacements_are_read() {
    for (status, etat) in [
        (
            "urn:oasis:names:tc:ebxml-regrep:StatusType:Deprecated",
            Etat::Remplace,
        ),
        ("urn:asip:ci-sis:2010:StatusType:Archived", Etat::Archive),
        ("urn:asip:ci-sis:2010:StatusType:Deleted", Etat::Supprime),
        (
            "urn:oasis:names:tc:ebxml-regrep:StatusType:Approved",
            Etat::Actif,
        ),
    ] {
        let read = entrees(&answer(&described("10", status, ""))).unwrap();
        assert_eq!(read[0].etat, etat);
    }
    let link = "<r:Association associationType=\"urn:ihe:iti:2007:AssociationType:RPLC\" sourceObject=\"urn:uuid:e2\" targetObject=\"urn:uuid:e1\"/>";
    let read = associations(&answer(&described("10", "x", link))).unwrap();
    assert_eq!(
        (read[0].nature.as_str(), read[0].cible.as_str()),
        ("RPLC", "urn:uuid:e1")
    );
}

#[test]
fn what_is_new_is_what_was_never_listed() {
    let mut lecture = Lecture::default();
    let named = |id: &str| Entree {
        unique_id: id.to_owned(),
        ..Entree::default()
    };
    let now = at("2026-01-15T09:00:00.000Z");
    assert_eq!(lecture.lister(vec![named("1"), named("2")], now, false), 2);
    assert_eq!(lecture.lister(vec![named("2"), named("3")], now, false), 1);
    assert_eq!(lecture.lister(vec![named("1"), named("3")], now, false), 0);
    assert_eq!(lecture.vus.len(), 3);
}

fn recu(octets: Vec<u8>) -> Recu {
    Recu {
        unique_id: UNIQUE.to_owned(),
        octets,
    }
}

fn hexa(octets: &[u8]) -> String {
    use std::fmt::Write;
    octets.iter().fold(String::new(), |mut out, o| {
        write!(out, "{o:02x}").unwrap();
        out
    })
}

#[test]
fn a_document_that_is_not_the_one_announced_is_not_kept() {
    let zoe = person();
    let matricule = zoe.ins.as_ref().unwrap().matricule.to_string();
    let octets = cda(Some(&matricule), "X", "19000101", "<nonXMLBody/>");
    let announced = Entree {
        hash: Some(hexa(&digest(Digest::Sha1, &octets))),
        taille: Some(octets.len() as u64),
        ..one()
    };
    let kept = examiner(&recu(octets.clone()), Some(&announced), &zoe, &none()).unwrap();
    assert_eq!(
        (kept.set_id.as_deref(), kept.version),
        (Some("2.25.9"), Some(2))
    );
    let mut changed = octets.clone();
    let place = changed.len() - 30;
    changed[place] ^= 1;
    let said = examiner(&recu(changed), Some(&announced), &zoe, &none()).unwrap_err();
    assert!(said.contains("empreinte"), "{said}");
    let mut shorter = announced;
    shorter.hash = None;
    shorter.taille = Some(1);
    assert!(examiner(&recu(octets), Some(&shorter), &zoe, &none()).is_err());
    for wrong in [&b"\xff\xfe"[..], b"<a", b"<a/>", b"%PDF-1.4"] {
        assert!(examiner(&recu(wrong.to_vec()), None, &zoe, &none()).is_err());
    }
}

#[test]
fn a_document_about_someone_else_is_not_kept() {
    let mut zoe = person();
    let birth = zoe.identite.date_naissance.as_str().replace('-', "");
    let name = zoe.identite.nom_naissance.clone();
    let body = "<nonXMLBody/>";
    let look = |zoe: &Usager, octets: Vec<u8>, entree: Option<&Entree>| {
        examiner(&recu(octets), entree, zoe, &none())
    };
    let other = "190115126300109";
    let said = look(&zoe, cda(Some(other), &name, &birth, body), None).unwrap_err();
    assert!(said.contains("autre personne"), "{said}");
    // The registry holds it under that matricule, and the birth name and date are hers: an earlier matricule.
    let under = |m: &str| Entree {
        patient: format!("{m}^^^&1.2.250.1.213.1.4.8&ISO^NH"),
        ..Entree::default()
    };
    assert!(
        look(
            &zoe,
            cda(Some(other), &name, &birth, body),
            Some(&under(other))
        )
        .is_ok()
    );
    assert!(
        look(
            &zoe,
            cda(Some(other), "AUTRE", &birth, body),
            Some(&under(other))
        )
        .is_err()
    );
    assert!(
        look(
            &zoe,
            cda(Some(other), &name, "19010101", body),
            Some(&under(other))
        )
        .is_err()
    );
    // Without a matricule, the traits decide.
    assert!(look(&zoe, cda(None, &name.to_lowercase(), &birth, body), None).is_ok());
    assert!(look(&zoe, cda(None, "AUTRE", &birth, body), None).is_err());
    // An earlier matricule that this product knows.
    let former = ins("2751263220749", "1.2.250.1.213.1.4.8");
    zoe.ins = Some(ins("2751263220750", "1.2.250.1.213.1.4.8"));
    zoe.historique_ins = vec![former.clone()];
    let octets = cda(Some(&former.matricule.to_string()), "X", "19000101", body);
    assert!(look(&zoe, octets, None).is_ok());
}

#[test]
fn half_a_document_is_left_out_and_a_double_one_refused() {
    let response = |docs: &str| {
        format!(
            "<x:RetrieveDocumentSetResponse xmlns:x=\"urn:ihe:iti:xds-b:2007\"><r:RegistryResponse xmlns:r=\"{RS}\" status=\"urn:x:Success\"/>{docs}</x:RetrieveDocumentSetResponse>"
        )
    };
    let one = |id: &str, content: &str| {
        format!(
            "<x:DocumentResponse><x:DocumentUniqueId>{id}</x:DocumentUniqueId><x:mimeType>text/xml</x:mimeType><x:Document>{content}</x:Document></x:DocumentResponse>"
        )
    };
    let docs = [
        one("1", " Z\nnJh "),
        one("2", "Zn#*Jh"),
        one(
            "3",
            "<i:Include xmlns:i=\"http://www.w3.org/2004/08/xop/include\" href=\"cid:absent\"/>",
        ),
        one("4", ""),
    ]
    .concat();
    let read = documents_recus(&answer(&response(&docs)), &none()).unwrap();
    assert_eq!(read.len(), 1);
    assert_eq!(
        (read[0].unique_id.as_str(), read[0].octets.as_slice()),
        ("1", &b"fra"[..])
    );
    let twice = [one("1", "ZnJh"), one("1", "ZnJh")].concat();
    assert!(documents_recus(&answer(&response(&twice)), &none()).is_err());
}

#[test]
fn nothing_of_a_hostile_document_becomes_markup() {
    let hostile = structured(
        "<content onclick=\"alert(1)\">&lt;script&gt;alert(2)&lt;/script&gt;</content>\
<h:script xmlns:h=\"http://www.w3.org/1999/xhtml\">alert(3)</h:script><script>alert(4)</script>\
<linkHtml href=\"javascript:alert(5)\">ici</linkHtml><linkHtml href=\"https://exemple.test/?a=1&amp;b='\">là</linkHtml>\
<table><tbody><tr><td colspan=\"2\" rowspan=\"x\" style=\"background:url(x)\">1 &lt; 2 &amp; 3</td></tr></tbody></table>\
<img src=\"x\" onerror=\"alert(6)\"/>",
    );
    let Affichage::Html(html) = afficher(&hostile, &none()) else {
        panic!("HTML was expected");
    };
    let lower = html.to_lowercase();
    for word in [
        "<script",
        "onclick",
        "onerror",
        "javascript:",
        "style=",
        "<img",
        "alert(3)",
        "alert(4)",
    ] {
        assert!(!lower.contains(word), "{word} in {html}");
    }
    assert!(html.contains("&lt;script&gt;alert(2)"));
    assert!(html.contains("<td colspan=\"2\">1 &lt; 2 &amp; 3</td>"));
    assert!(html.contains("href=\"https://exemple.test/?a=1&amp;b=&#39;\""));
    assert!(html.contains("<h2>Titre</h2>"));
    let raw = Mutants::of(&["dmp-raw-html"]);
    assert!(matches!(afficher(&hostile, &raw), Affichage::Html(html) if html.contains("<script>")));
}

#[test]
fn the_style_sheet_of_a_document_is_left_behind() {
    let inside = String::from_utf8(structured("Bonjour")).unwrap();
    let page = format!(
        "<xsl:stylesheet xmlns:xsl=\"http://www.w3.org/1999/XSL/Transform\" version=\"1.0\"><xsl:template match=\"/\"><html><script>alert(1)</script></html></xsl:template><c:Contenu xmlns:c=\"urn:asip-sante:ci-sis\">{inside}</c:Contenu></xsl:stylesheet>"
    );
    let Affichage::Html(html) = afficher(page.as_bytes(), &none()) else {
        panic!("HTML was expected");
    };
    assert!(
        html.contains("Bonjour") && !html.contains("script"),
        "{html}"
    );
}

#[test]
fn a_pdf_comes_first_and_what_cannot_be_shown_is_not() {
    let n1 = |media: &str| {
        let body = format!(
            "<nonXMLBody><text mediaType=\"{media}\" representation=\"B64\">JVBERg==</text></nonXMLBody>"
        );
        cda(None, "X", "19000101", &body)
    };
    assert_eq!(afficher(&n1("application/pdf"), &none()), Affichage::Pdf);
    assert_eq!(afficher(&n1("text/plain"), &none()), Affichage::Texte);
    assert_eq!(afficher(&n1("text/html"), &none()), Affichage::Rien);
    for nothing in [&b""[..], b"\xff", b"<a/>"] {
        assert_eq!(afficher(nothing, &none()), Affichage::Rien);
    }
    let copy = |pdf: &str| {
        let body = format!(
            "<structuredBody><component><section><templateId root=\"1.2.250.1.213.1.1.2.243\"/><title>Copie</title><text>Copie</text><entry><observationMedia><value mediaType=\"application/pdf\" representation=\"B64\">{pdf}</value></observationMedia></entry></section></component></structuredBody>"
        );
        cda(None, "X", "19000101", &body)
    };
    assert_eq!(afficher(&copy("JVBERg=="), &none()), Affichage::Pdf);
    assert!(matches!(afficher(&copy(" "), &none()), Affichage::Html(_)));
    let deep = format!(
        "{}x{}",
        "<list><item>".repeat(400),
        "</item></list>".repeat(400)
    );
    assert!(matches!(
        afficher(&structured(&deep), &none()),
        Affichage::Html(_)
    ));
}

#[test]
fn kept_documents_that_were_replaced_are_told_once() {
    let mut lecture = Lecture::default();
    lecture.imports.push(Import {
        unique_id: UNIQUE.to_owned(),
        depot: "1.2.3".to_owned(),
        entry_uuid: Some("urn:uuid:e1".to_owned()),
        set_id: None,
        version: Some(1),
        r#type: "11488-4".to_owned(),
        titre: "Compte rendu".to_owned(),
        date_acte: "20260114233000".to_owned(),
        auteur: "MEDCO".to_owned(),
        du_patient: false,
        etat: Etat::Actif,
        date: at("2026-01-15T09:00:00.000Z"),
        par: "899709900015".to_owned(),
        contenu: String::new(),
    });
    let current = one();
    assert!(
        lecture
            .suivre(std::slice::from_ref(&current), &BTreeSet::new())
            .is_empty()
    );
    let replaced = BTreeSet::from(["urn:uuid:e1".to_owned()]);
    let told = lecture.suivre(std::slice::from_ref(&current), &replaced);
    assert_eq!(told, ["Compte rendu"]);
    assert!(
        lecture
            .suivre(std::slice::from_ref(&current), &replaced)
            .is_empty()
    );
    let liste = lecture.liste(&BTreeSet::new(), false);
    assert_eq!(
        (liste.documents[0].etat.as_str(), liste.documents[0].integre),
        ("remplace", true)
    );
}

#[test]
fn the_address_of_the_web_site_holds_the_matricule_and_nothing_else() {
    let zoe = person();
    let who = zoe.ins.clone().unwrap();
    let base = "https://localhost:1/AccesDirect/";
    let open = |page: &str, about| adresse(base, page, about, &none());
    assert_eq!(
        open("TableauDeBord", None).unwrap(),
        "https://localhost:1/AccesDirect/TableauDeBord"
    );
    assert_eq!(
        open("Documents", Some((&zoe, Some(&who)))).unwrap(),
        format!(
            "https://localhost:1/AccesDirect/Documents/{}",
            who.matricule
        )
    );
    assert_eq!(
        open("Parametrages", Some((&zoe, Some(&who)))).unwrap(),
        "https://localhost:1/AccesDirect/Parametrages"
    );
    for refused in [
        open("Documents", None),
        open("Documents", Some((&zoe, None))),
        open("TableauDeBord", Some((&zoe, None))),
        open("../admin", Some((&zoe, Some(&who)))),
    ] {
        assert!(refused.is_err());
    }
}
