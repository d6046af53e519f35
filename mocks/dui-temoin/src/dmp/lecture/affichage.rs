//! How a document of the DMP is shown: its PDF first when it has one, else its words as neutral HTML.
//!
//! Nothing of the document reaches the page as markup: elements are ours, chosen from a short list, and every word is
//! escaped. Style sheets, scripts, attributes and addresses other than `http(s)` of the document are left behind.

use roxmltree::Node;

use super::consultation::{cda, fils};
use crate::mutants::Mutants;

const HL7: &str = "urn:hl7-org:v3";
/// Section that carries a PDF of the whole document.
const COPIE_PDF: &str = "1.2.250.1.213.1.1.2.243";
/// How deep the narrative of a document is followed.
const PROFONDEUR: usize = 64;

/// What the reader sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Affichage {
    /// The PDF.
    Pdf,
    /// Plain text.
    Texte,
    /// HTML of ours.
    Html(String),
    /// Nothing: a form that is not shown here.
    Rien,
}

impl Affichage {
    /// Word of the driver contract.
    pub fn as_str(&self) -> Option<&'static str> {
        match self {
            Self::Pdf => Some("pdf"),
            Self::Texte => Some("texte"),
            Self::Html(_) => Some("html"),
            Self::Rien => None,
        }
    }
}

/// Chooses what the reader sees first.
pub fn afficher(octets: &[u8], mutants: &Mutants) -> Affichage {
    let Ok(texte) = std::str::from_utf8(octets) else {
        return Affichage::Rien;
    };
    if mutants.mutant("dmp-raw-html") && !texte.contains("<nonXMLBody") {
        return Affichage::Html(brut(texte));
    }
    let Ok(document) = roxmltree::Document::parse(texte) else {
        return Affichage::Rien;
    };
    let Some(racine) = cda(&document) else {
        return Affichage::Rien;
    };
    if let Some(corps) = fils(racine, "component/nonXMLBody/text") {
        return match corps.attribute("mediaType") {
            Some("application/pdf") => Affichage::Pdf,
            Some("text/plain") => Affichage::Texte,
            _ => Affichage::Rien,
        };
    }
    let sections: Vec<Node<'_, '_>> = racine
        .descendants()
        .filter(|n| n.has_tag_name((HL7, "section")))
        .collect();
    if sections.iter().any(|s| copie_pdf(*s)) && !mutants.mutant("dmp-pdf-copy-ignored") {
        return Affichage::Pdf;
    }
    let mut html = String::from("<article>");
    if let Some(titre) = fils(racine, "title").and_then(|n| n.text()) {
        balise(&mut html, "h1", titre);
    }
    for section in sections {
        html.push_str("<section>");
        for enfant in section.children().filter(Node::is_element) {
            match enfant.tag_name().name() {
                "title" => balise(&mut html, "h2", enfant.text().unwrap_or_default()),
                "text" => recit(&mut html, enfant, 0),
                _ => {}
            }
        }
        html.push_str("</section>");
    }
    html.push_str("</article>");
    Affichage::Html(html)
}

/// What a product does that hands the document to a browser as it came.
fn brut(texte: &str) -> String {
    texte.replace("&lt;", "<").replace("&gt;", ">")
}

fn copie_pdf(section: Node<'_, '_>) -> bool {
    let modele = |n: Node<'_, '_>| {
        n.has_tag_name((HL7, "templateId")) && n.attribute("root") == Some(COPIE_PDF)
    };
    section.children().any(modele)
        && section.descendants().any(|n| {
            n.has_tag_name((HL7, "value"))
                && n.attribute("mediaType") == Some("application/pdf")
                && n.text().is_some_and(|t| !t.trim().is_empty())
        })
}

fn balise(html: &mut String, nom: &str, texte: &str) {
    html.extend(["<", nom, ">"]);
    echapper(html, texte.trim());
    html.extend(["</", nom, ">"]);
}

fn echapper(html: &mut String, texte: &str) {
    for c in texte.chars() {
        match c {
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '&' => html.push_str("&amp;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            c => html.push(c),
        }
    }
}

/// The element of ours for an element of a narrative; none: its words alone are shown.
fn equivalent(nom: &str) -> Option<&'static str> {
    Some(match nom {
        "content" | "footnote" => "span",
        "paragraph" => "p",
        "list" => "ul",
        "item" => "li",
        "table" => "table",
        "thead" => "thead",
        "tfoot" => "tfoot",
        "tbody" => "tbody",
        "tr" => "tr",
        "th" => "th",
        "td" => "td",
        "caption" => "caption",
        "sub" => "sub",
        "sup" => "sup",
        _ => return None,
    })
}

fn recit(html: &mut String, node: Node<'_, '_>, profondeur: usize) {
    if profondeur > PROFONDEUR {
        return;
    }
    for enfant in node.children() {
        if enfant.is_text() {
            echapper(html, enfant.text().unwrap_or_default());
            continue;
        }
        // What is not of the CDA narrative (an HTML script, a style) is not even read for its words.
        if !enfant.is_element() || enfant.tag_name().namespace() != Some(HL7) {
            continue;
        }
        match enfant.tag_name().name() {
            "br" => html.push_str("<br>"),
            "renderMultiMedia" => html.push_str("<em>[pièce jointe]</em>"),
            "linkHtml" => lien(html, enfant, profondeur),
            "script" | "style" => {}
            nom => match equivalent(nom) {
                Some(nom) => {
                    html.push('<');
                    html.push_str(nom);
                    portee(html, enfant);
                    html.push('>');
                    recit(html, enfant, profondeur + 1);
                    html.extend(["</", nom, ">"]);
                }
                None => recit(html, enfant, profondeur + 1),
            },
        }
    }
}

/// How many columns and rows a cell spans: the only attributes that pass, and only as numbers.
fn portee(html: &mut String, node: Node<'_, '_>) {
    for nom in ["colspan", "rowspan"] {
        let nombre = node.attribute(nom).and_then(|v| v.parse::<u16>().ok());
        if let Some(nombre) = nombre {
            html.extend([" ", nom, "=\"", &nombre.to_string(), "\""]);
        }
    }
}

fn lien(html: &mut String, node: Node<'_, '_>, profondeur: usize) {
    let sur = node.attribute("href").filter(|href| {
        url::Url::parse(href).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
    });
    if let Some(href) = sur {
        html.push_str("<a rel=\"noopener noreferrer\" href=\"");
        echapper(html, href);
        html.push_str("\">");
    }
    recit(html, node, profondeur + 1);
    if sur.is_some() {
        html.push_str("</a>");
    }
}
