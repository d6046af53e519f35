//! Which model a document follows, by its templateIds: for people, and for the choice of official schematrons.

use diapason_formats::xml::Tree;

use super::{HL7, clinical_document, is_level_1};

/// Models of the CI-SIS a DUI meets, by OID. Source: ASS_A11 (ANS) and the volumes of the CI-SIS.
const MODELS: [(&str, &str); 18] = [
    ("1.2.250.1.213.1.1.1.13", "VSM"),
    ("1.2.250.1.213.1.1.1.20", "PPS-PAERPA"),
    ("1.2.250.1.213.1.1.1.21", "LDL-EES"),
    ("1.2.250.1.213.1.1.1.22", "DLU-EHPAD-DLU"),
    ("1.2.250.1.213.1.1.1.23", "DLU-EHPAD-FLUDT"),
    ("1.2.250.1.213.1.1.1.24", "DLU-EHPAD-FLUDR"),
    ("1.2.250.1.213.1.1.1.26", "CANCER-PPS"),
    ("1.2.250.1.213.1.1.1.29", "LDL-SES"),
    ("1.2.250.1.213.1.1.1.39", "eP-MED-DM"),
    ("1.2.250.1.213.1.1.1.40", "ANEST-CR-ANEST"),
    ("1.2.250.1.213.1.1.1.41", "ANEST-CR-CPA"),
    ("1.2.250.1.213.1.1.1.46", "VAC-NOTE"),
    ("1.2.250.1.213.1.1.1.48", "DLU-DOM-DLU"),
    ("1.2.250.1.213.1.1.1.49", "DLU-DOM-FLUDT"),
    ("1.2.250.1.213.1.1.1.50", "DLU-DOM-FLUDR"),
    ("1.2.250.1.213.1.1.1.51", "IPS-FR"),
    ("1.2.250.1.213.1.1.1.56", "PPP"),
    ("1.2.250.1.213.1.1.1.58", "EXPORT-DUI"),
];

/// Templates that every document declares.
const COMMON: [&str; 2] = ["2.16.840.1.113883.2.8.2.1", "1.2.250.1.213.1.1.1.1"];

/// Name of the model with its version (`DLU-EHPAD-DLU_2022.01`), `CDA N1` and the type, or the templateIds when none is known.
pub fn model(tree: &Tree) -> String {
    let Some(document) = clinical_document(tree) else {
        return "CDA".to_owned();
    };
    let templates: Vec<(&str, Option<&str>)> = tree
        .children_named(document, HL7, "templateId")
        .filter_map(|n| Some((tree.attribute(n, "root")?, tree.attribute(n, "extension"))))
        .filter(|(root, _)| !COMMON.contains(root))
        .collect();
    for (root, extension) in &templates {
        if let Some((_, name)) = MODELS.iter().find(|(oid, _)| oid == root) {
            return match extension {
                Some(version) => format!("{name}_{version}"),
                None => (*name).to_owned(),
            };
        }
    }
    if is_level_1(tree) {
        let code = tree
            .child(document, HL7, "code")
            .and_then(|n| tree.attribute(n, "code"));
        return match code {
            Some(code) => format!("CDA N1 {code}"),
            None => "CDA N1".to_owned(),
        };
    }
    let roots: Vec<&str> = templates.into_iter().map(|(root, _)| root).collect();
    format!("CDA N3 {}", roots.join(" "))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use diapason_formats::xml::Limits;

    use super::*;

    #[test]
    fn models_are_named() {
        for (body, expected) in [
            (
                r#"<templateId root="1.2.250.1.213.1.1.1.1"/><templateId root="1.2.250.1.213.1.1.1.22" extension="2022.01"/>"#,
                "DLU-EHPAD-DLU_2022.01",
            ),
            (
                r#"<code code="80788-3"/><component><nonXMLBody/></component>"#,
                "CDA N1 80788-3",
            ),
            (r#"<templateId root="2.999.1"/>"#, "CDA N3 2.999.1"),
        ] {
            let xml =
                format!(r#"<ClinicalDocument xmlns="urn:hl7-org:v3">{body}</ClinicalDocument>"#);
            let tree = Tree::read(xml.as_bytes(), &Limits::default()).unwrap();
            assert_eq!(model(&tree), expected);
        }
    }
}
