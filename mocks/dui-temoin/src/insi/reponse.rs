//! The answer: read by namespace and local name, whatever the prefixes; a DTD is refused.

use roxmltree::{Document, Node, ParsingOptions};

use super::defauts;
use crate::mutants::Mutants;

const SOAP12: &str = "http://www.w3.org/2003/05/soap-envelope";
const SOAP11: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const RESULTAT: &str = "http://www.cnamts.fr/INSiResultat";
const VERIFICATION: &str = "http://www.cnamts.fr/INSiLot2/REPUnitaire";
const SIRAM: &str = "urn:siram";
const WSA: &str = "http://www.w3.org/2005/08/addressing";

/// Deepest nesting accepted: the contract needs seven levels.
const PROFONDEUR_MAX: usize = 64;

/// A matricule as returned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Matricules {
    /// NumIdentifiant.
    pub numero: String,
    /// Cle.
    pub cle: Option<String>,
    /// OID.
    pub oid: String,
}

/// TIQ: the traits as returned; an absent element is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tiq {
    /// NomNaissance.
    pub nom: String,
    /// Prenom.
    pub prenom: String,
    /// ListePrenom.
    pub liste: String,
    /// Sexe.
    pub sexe: String,
    /// DateNaissance.
    pub date: String,
    /// LieuNaissance.
    pub lieu: String,
}

/// INDIVIDU.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Individu {
    /// INSACTIF.
    pub actif: Matricules,
    /// INSHISTO.
    pub historique: Vec<Matricules>,
    /// TIQ.
    pub tiq: Tiq,
}

/// What the service said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compte {
    /// RESULTAT with its return code; `individu` only with 00.
    Resultat {
        /// CodeCR, absent when the answer has none.
        code: Option<String>,
        /// INDIVIDU.
        individu: Option<Box<Individu>>,
    },
    /// A SOAP fault.
    Faute {
        /// Code of the error (`insi_102`), or the subcode, or the fault code.
        code: String,
    },
    /// Bytes that are not an answer of the service; the word says why, for the trace.
    Illisible(&'static str),
}

/// Reads an answer to the request `message_id`.
pub fn lire(body: &[u8], message_id: &str, mutants: &Mutants) -> Compte {
    let Ok(text) = std::str::from_utf8(body) else {
        return Compte::Illisible("octets");
    };
    if text.trim().is_empty() {
        return Compte::Illisible("vide");
    }
    if trop_profond(text) {
        return Compte::Illisible("profondeur");
    }
    if let Some(misread) = defauts::misread(text, mutants) {
        return misread;
    }
    let expanded;
    let text = if mutants.mutant("expand-entities") {
        expanded = defauts::expand(text);
        &expanded
    } else {
        text
    };
    let options = ParsingOptions {
        allow_dtd: false,
        nodes_limit: 50_000,
        ..ParsingOptions::default()
    };
    let Ok(doc) = Document::parse_with_options(text, options) else {
        return Compte::Illisible("xml");
    };
    let envelope = doc.root_element();
    let soap = match envelope.tag_name().namespace() {
        Some(ns @ (SOAP12 | SOAP11)) if envelope.tag_name().name() == "Envelope" => ns,
        _ => return Compte::Illisible("enveloppe"),
    };
    if let Some(header) = child(envelope, soap, "Header")
        && let Some(relates) = child(header, WSA, "RelatesTo")
        && text_of(relates) != message_id
        && !mutants.mutant("relates-to-ignored")
    {
        return Compte::Illisible("correlation");
    }
    let Some(body) = child(envelope, soap, "Body") else {
        return Compte::Illisible("corps");
    };
    if let Some(fault) = child(body, soap, "Fault") {
        return Compte::Faute {
            code: code_de_faute(fault, soap),
        };
    }
    let resultat = body.children().find(|node| {
        node.is_element() && matches!(node.tag_name().namespace(), Some(RESULTAT | VERIFICATION))
    });
    match resultat {
        Some(resultat) => lire_resultat(resultat),
        None => Compte::Illisible("resultat"),
    }
}

/// Depth of tags, counted without building a tree: a hostile answer must not exhaust the stack.
fn trop_profond(text: &str) -> bool {
    let mut depth = 0_usize;
    let mut opening = false;
    let mut before = b' ';
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'<' => match text.as_bytes().get(at + 1) {
                Some(b'/') => depth = depth.saturating_sub(1),
                Some(b'!' | b'?') | None => {}
                Some(_) => opening = true,
            },
            b'>' => {
                if opening && before != b'/' {
                    depth += 1;
                }
                opening = false;
            }
            _ => {}
        }
        if depth > PROFONDEUR_MAX {
            return true;
        }
        before = byte;
    }
    false
}

fn child<'a, 'i>(node: Node<'a, 'i>, ns: &str, name: &str) -> Option<Node<'a, 'i>> {
    node.children().find(|n| n.has_tag_name((ns, name)))
}

fn text_of(node: Node<'_, '_>) -> String {
    node.descendants()
        .filter(Node::is_text)
        .filter_map(|n| n.text())
        .collect::<String>()
        .trim()
        .to_owned()
}

fn text_at(node: Node<'_, '_>, ns: &str, name: &str) -> String {
    child(node, ns, name).map_or_else(String::new, text_of)
}

/// Local part of the first code found, from the most precise to the least.
fn code_de_faute(fault: Node<'_, '_>, soap: &str) -> String {
    if let Some(erreur) = fault
        .descendants()
        .find(|n| n.has_tag_name((SIRAM, "Erreur")))
        && let Some(code) = erreur.attribute("code")
    {
        return code.to_owned();
    }
    let local = |value: String| value.rsplit(':').next().unwrap_or_default().to_owned();
    let code = child(fault, soap, "Code");
    let subcode = code.and_then(|c| child(c, soap, "Subcode"));
    [subcode, code]
        .into_iter()
        .flatten()
        .map(|node| local(text_at(node, soap, "Value")))
        .chain([local(text_at(fault, "", "faultcode"))])
        .chain(
            fault
                .children()
                .filter(|n| n.tag_name().name() == "faultcode")
                .map(|n| local(text_of(n))),
        )
        .find(|value| !value.is_empty())
        .unwrap_or_else(|| "faute".to_owned())
}

fn lire_resultat(resultat: Node<'_, '_>) -> Compte {
    let ns = resultat.tag_name().namespace().unwrap_or_default();
    let code = child(resultat, ns, "CR")
        .map(|cr| text_at(cr, ns, "CodeCR"))
        .filter(|code| !code.is_empty());
    let individu = child(resultat, ns, "INDIVIDU").map(|node| {
        let tiq = child(node, ns, "TIQ");
        let trait_of = |name| tiq.map_or_else(String::new, |tiq| text_at(tiq, ns, name));
        Box::new(Individu {
            actif: child(node, ns, "INSACTIF")
                .map_or_else(Matricules::default, |n| matricule(n, ns)),
            historique: node
                .children()
                .filter(|n| n.has_tag_name((ns, "INSHISTO")))
                .map(|n| matricule(n, ns))
                .collect(),
            tiq: Tiq {
                nom: trait_of("NomNaissance"),
                prenom: trait_of("Prenom"),
                liste: trait_of("ListePrenom"),
                sexe: trait_of("Sexe"),
                date: trait_of("DateNaissance"),
                lieu: trait_of("LieuNaissance"),
            },
        })
    });
    Compte::Resultat { code, individu }
}

fn matricule(node: Node<'_, '_>, ns: &str) -> Matricules {
    let id = child(node, ns, "IdIndividu");
    Matricules {
        numero: id.map_or_else(String::new, |id| text_at(id, ns, "NumIdentifiant")),
        cle: id
            .map(|id| text_at(id, ns, "Cle"))
            .filter(|cle| !cle.is_empty()),
        oid: text_at(node, ns, "OID"),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An answer 00, with the style of prefixes asked for.
    pub(crate) fn trouve(soap: &str, prefix: &str, tiq: &str) -> String {
        let p = if prefix.is_empty() {
            String::new()
        } else {
            format!("{prefix}:")
        };
        let declaration = if prefix.is_empty() {
            "xmlns".to_owned()
        } else {
            format!("xmlns:{prefix}")
        };
        format!(
            "<{soap}:Envelope xmlns:{soap}=\"{SOAP12}\"><S:Body xmlns:S=\"{SOAP12}\"><{p}RESULTAT {declaration}=\"{RESULTAT}\">\
             <{p}CR><{p}CodeCR>00</{p}CodeCR><{p}LibelleCR>OK</{p}LibelleCR></{p}CR><{p}INDIVIDU><{p}INSACTIF><{p}IdIndividu>\
             <{p}NumIdentifiant>2751263220749</{p}NumIdentifiant><{p}Cle>74</{p}Cle></{p}IdIndividu><{p}OID>1.2.250.1.213.1.4.8</{p}OID></{p}INSACTIF>\
             <{p}TIQ>{tiq}</{p}TIQ></{p}INDIVIDU></{p}RESULTAT></S:Body></{soap}:Envelope>"
        )
    }

    fn read(body: &str) -> Compte {
        lire(body.as_bytes(), "uuid:1", &Mutants::default())
    }

    fn code(compte: Compte) -> String {
        match compte {
            Compte::Resultat { code, .. } => format!("cr {}", code.unwrap_or_default()),
            Compte::Faute { code } => format!("faute {code}"),
            Compte::Illisible(why) => format!("illisible {why}"),
        }
    }

    #[test]
    fn every_prefix_style_is_read() {
        for (soap, prefix) in [("soap", ""), ("S", "ns2"), ("env", "r")] {
            let tiq = if prefix.is_empty() {
                "<NomNaissance>ADRUN</NomNaissance>".to_owned()
            } else {
                format!("<{prefix}:NomNaissance>ADRUN</{prefix}:NomNaissance>")
            };
            let Compte::Resultat {
                individu: Some(individu),
                ..
            } = read(&trouve(soap, prefix, &tiq))
            else {
                panic!("{soap} {prefix}");
            };
            assert_eq!(individu.tiq.nom, "ADRUN");
            assert_eq!(individu.actif.cle.as_deref(), Some("74"));
        }
    }

    #[test]
    fn faults_of_both_families_give_their_code() {
        let fault = |detail: &str| {
            format!(
                "<soap:Envelope xmlns:soap=\"{SOAP12}\"><soap:Body><soap:Fault><soap:Code><soap:Value>soap:Sender</soap:Value><soap:Subcode>\
                 <soap:Value>soap:siram_100</soap:Value></soap:Subcode></soap:Code><soap:Reason><soap:Text xml:lang=\"fr\">non</soap:Text>\
                 </soap:Reason>{detail}</soap:Fault></soap:Body></soap:Envelope>"
            )
        };
        let detail = "<soap:Detail><e:Erreur xmlns:e=\"urn:siram\" code=\"desir_550\" severite=\"erreur\">non</e:Erreur></soap:Detail>";
        assert_eq!(code(read(&fault(detail))), "faute desir_550");
        assert_eq!(code(read(&fault(""))), "faute siram_100");
        let soap11 = format!(
            "<s:Envelope xmlns:s=\"{SOAP11}\"><s:Body><s:Fault><faultcode>s:Client</faultcode></s:Fault></s:Body></s:Envelope>"
        );
        assert_eq!(code(read(&soap11)), "faute Client");
    }

    #[test]
    fn what_is_not_an_answer_is_unreadable_and_never_a_crash() {
        let bomb = format!(
            "<!DOCTYPE x [<!ENTITY a \"A\"><!ENTITY b \"&a;&a;\">]>{}",
            trouve("soap", "", "<NomNaissance>&b;</NomNaissance>")
        );
        let deep = format!(
            "<soap:Envelope xmlns:soap=\"{SOAP12}\">{}{}",
            "<a>".repeat(20_000),
            "</a>".repeat(20_000)
        );
        let other = format!(
            "<soap:Envelope xmlns:soap=\"{SOAP12}\" xmlns:w=\"{WSA}\"><soap:Header><w:RelatesTo>uuid:2</w:RelatesTo></soap:Header><soap:Body/></soap:Envelope>"
        );
        for (body, why) in [
            (String::new(), "vide"),
            ("<html><body>503</body></html>".to_owned(), "enveloppe"),
            ("not xml".to_owned(), "xml"),
            (trouve("soap", "", "")[..300].to_owned(), "xml"),
            (bomb, "xml"),
            (deep, "profondeur"),
            (other, "correlation"),
            (
                format!("<soap:Envelope xmlns:soap=\"{SOAP12}\"><soap:Body/></soap:Envelope>"),
                "resultat",
            ),
        ] {
            assert_eq!(code(read(&body)), format!("illisible {why}"), "{body:.80}");
        }
        assert_eq!(
            code(lire(&[0x1f, 0x8b, 0xff], "uuid:1", &Mutants::default())),
            "illisible octets"
        );
    }

    #[test]
    fn a_damaged_answer_never_panics() {
        let whole = trouve("soap", "", "<NomNaissance>ADRUN</NomNaissance>").into_bytes();
        for at in 0..whole.len() {
            lire(&whole[..at], "uuid:1", &Mutants::default());
            for byte in [b'<', b'>', b'&', b'/', 0, 0xff] {
                let mut damaged = whole.clone();
                damaged[at] = byte;
                lire(&damaged, "uuid:1", &Mutants::default());
            }
        }
        let slow = "<a/".repeat(300_000);
        assert_eq!(code(read(&slow)), "illisible xml");
    }

    #[test]
    fn a_missing_return_code_is_seen() {
        let body = trouve("soap", "", "").replace("<CodeCR>00</CodeCR>", "");
        assert_eq!(code(read(&body)), "cr ");
    }
}
