//! SOAP 1.2 messages with WS-Addressing, alone or as the root of an MTOM package: written, and read back.

use diapason_core::Timestamp;
use roxmltree::{Document, Node};

use super::erreur::Echec;
use crate::document::noeud::{Noeud, noeud};

/// Namespace of SOAP 1.2.
pub const SOAP: &str = "http://www.w3.org/2003/05/soap-envelope";
/// Namespace of WS-Addressing.
pub const WSA: &str = "http://www.w3.org/2005/08/addressing";
/// Namespace of XOP.
pub const XOP: &str = "http://www.w3.org/2004/08/xop/include";
const WSSE: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
/// Stands for the signed assertion, whose bytes must not be touched, until the envelope is text.
const PLACE: &str = "vihf-ici";

/// A document that travels beside the envelope.
#[derive(Debug, Clone)]
pub struct Piece {
    /// Content id, without brackets.
    pub cid: String,
    /// Bytes.
    pub octets: Vec<u8>,
}

/// `xop:Include` of a piece.
pub fn inclusion(cid: &str) -> Noeud {
    noeud("xop:Include")
        .a("xmlns:xop", XOP)
        .a("href", format!("cid:{cid}"))
}

/// Addresses of a request.
#[derive(Debug, Clone)]
pub struct Adresses<'a> {
    /// `wsa:Action`.
    pub action: &'a str,
    /// `wsa:MessageID`.
    pub message_id: &'a str,
    /// `wsa:To`.
    pub vers: &'a str,
}

/// The envelope, before it becomes text.
pub fn enveloppe(adresses: &Adresses<'_>, corps: Noeud) -> Noeud {
    let header = noeud("soap:Header").avec([
        noeud("wsa:Action")
            .a("soap:mustUnderstand", "true")
            .dit(adresses.action),
        noeud("wsa:MessageID").dit(adresses.message_id),
        noeud("wsa:To").dit(adresses.vers),
        noeud("wsa:ReplyTo")
            .a("soap:mustUnderstand", "true")
            .avec([noeud("wsa:Address").dit(format!("{WSA}/anonymous"))]),
        noeud("wsse:Security")
            .a("xmlns:wsse", WSSE)
            .avec([noeud(PLACE)]),
    ]);
    noeud("soap:Envelope")
        .a("xmlns:soap", SOAP)
        .a("xmlns:wsa", WSA)
        .avec([header, noeud("soap:Body").avec([corps])])
}

/// The envelope as text, with the signed assertion in its place.
pub fn texte(enveloppe: &Noeud, assertion: &str) -> Result<String, Echec> {
    let interne = |e: &dyn std::fmt::Display| Echec::Interne(e.to_string());
    let octets = enveloppe.ecrire().map_err(|e| interne(&e))?;
    let texte = String::from_utf8(octets).map_err(|e| interne(&e))?;
    Ok(texte.replacen(&format!("<{PLACE}/>"), assertion, 1))
}

/// What goes on the wire: content type and body.
#[derive(Debug, Clone)]
pub struct Requete {
    /// Content type.
    pub type_contenu: String,
    /// Body.
    pub corps: Vec<u8>,
}

/// An envelope alone.
pub fn simple(texte: String, action: &str) -> Requete {
    Requete {
        type_contenu: format!("application/soap+xml; charset=UTF-8; action=\"{action}\""),
        corps: texte.into_bytes(),
    }
}

/// An envelope with its documents.
pub fn paquet(texte: &str, pieces: &[Piece], limite: &str, action: &str) -> Requete {
    const RACINE: &str = "enveloppe@dui-temoin.diapason.test";
    let taille: usize = pieces.iter().map(|p| p.octets.len() + 300).sum();
    let mut corps = Vec::with_capacity(texte.len() + taille + 600);
    let entete = |corps: &mut Vec<u8>, cid: &str, nature: &str| {
        corps.extend_from_slice(
            format!(
                "--{limite}\r\nContent-Type: {nature}\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <{cid}>\r\n\r\n"
            )
            .as_bytes(),
        );
    };
    entete(
        &mut corps,
        RACINE,
        "application/xop+xml; charset=UTF-8; type=\"application/soap+xml\"",
    );
    corps.extend_from_slice(texte.as_bytes());
    corps.extend_from_slice(b"\r\n");
    for piece in pieces {
        entete(&mut corps, &piece.cid, "text/xml; charset=UTF-8");
        corps.extend_from_slice(&piece.octets);
        corps.extend_from_slice(b"\r\n");
    }
    corps.extend_from_slice(format!("--{limite}--\r\n").as_bytes());
    Requete {
        type_contenu: format!(
            "multipart/related; type=\"application/xop+xml\"; boundary=\"{limite}\"; start=\"<{RACINE}>\"; start-info=\"application/soap+xml\"; action=\"{action}\""
        ),
        corps,
    }
}

/// An answer: its envelope, and the documents that came with it.
#[derive(Debug, Clone)]
pub struct Reponse {
    /// The envelope, as text.
    pub enveloppe: String,
    /// When it came.
    pub date: Option<Timestamp>,
    pieces: Vec<Piece>,
}

impl Reponse {
    /// Takes an answer apart.
    pub fn lire(type_contenu: &str, corps: Vec<u8>) -> Result<Self, Echec> {
        let essence = type_contenu.split(';').next().unwrap_or_default().trim();
        let (racine, pieces) = if essence.eq_ignore_ascii_case("multipart/related") {
            let limite = parametre(type_contenu, "boundary")
                .ok_or(Echec::Illisible("paquet sans délimiteur"))?;
            let start = parametre(type_contenu, "start");
            demonter(&corps, &limite, start.as_deref())?
        } else if essence.eq_ignore_ascii_case("application/soap+xml") {
            (corps, Vec::new())
        } else {
            return Err(Echec::Illisible("type de contenu"));
        };
        let enveloppe =
            String::from_utf8(racine).map_err(|_| Echec::Illisible("texte qui n'est pas UTF-8"))?;
        Ok(Self {
            enveloppe,
            date: None,
            pieces,
        })
    }

    /// The envelope as a tree. DTDs are refused.
    pub fn document(&self) -> Result<Document<'_>, Echec> {
        let document = Document::parse(&self.enveloppe).map_err(|_| Echec::Illisible("xml"))?;
        if !document.root_element().has_tag_name((SOAP, "Envelope")) {
            return Err(Echec::Illisible("enveloppe"));
        }
        Ok(document)
    }

    /// The document that an `xop:Include` names.
    pub fn piece(&self, href: &str) -> Option<&[u8]> {
        let cid = decoder(href.strip_prefix("cid:")?);
        self.pieces
            .iter()
            .find(|p| p.cid == cid)
            .map(|p| p.octets.as_slice())
    }
}

/// A child by namespace and name.
pub fn enfant<'a>(node: Node<'a, 'a>, espace: &str, nom: &str) -> Option<Node<'a, 'a>> {
    node.children()
        .find(|n| n.is_element() && n.has_tag_name((espace, nom)))
}

/// What is in the body of an envelope.
pub fn corps<'a>(document: &'a Document<'a>) -> Option<Node<'a, 'a>> {
    enfant(document.root_element(), SOAP, "Body")?
        .children()
        .find(Node::is_element)
}

/// Text of a WS-Addressing header.
pub fn adresse<'a>(document: &'a Document<'a>, nom: &str) -> Option<&'a str> {
    let header = enfant(document.root_element(), SOAP, "Header")?;
    enfant(header, WSA, nom)?.text().map(str::trim)
}

/// A parameter of a content type, quoted or not.
fn parametre(type_contenu: &str, nom: &str) -> Option<String> {
    let mut reste = type_contenu.split_once(';')?.1;
    loop {
        let (cle, suite) = reste.split_once('=')?;
        let suite = suite.trim_start();
        let (valeur, apres) = match suite.strip_prefix('"') {
            Some(cite) => cite.split_once('"')?,
            None => match suite.find(';') {
                Some(fin) => (suite[..fin].trim(), &suite[fin..]),
                None => (suite.trim(), ""),
            },
        };
        if cle
            .trim()
            .trim_start_matches(';')
            .trim()
            .eq_ignore_ascii_case(nom)
        {
            return Some(valeur.to_owned());
        }
        reste = apres.trim_start().strip_prefix(';').unwrap_or("");
    }
}

/// `%40` and its like.
fn decoder(texte: &str) -> String {
    let octets = texte.as_bytes();
    let mut out = Vec::with_capacity(octets.len());
    let mut i = 0;
    while i < octets.len() {
        let hexa = octets
            .get(i + 1..i + 3)
            .filter(|_| octets[i] == b'%')
            .and_then(|paire| std::str::from_utf8(paire).ok())
            .and_then(|paire| u8::from_str_radix(paire, 16).ok());
        if let Some(octet) = hexa {
            out.push(octet);
            i += 3;
        } else {
            out.push(octets[i]);
            i += 1;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn trouver(octets: &[u8], motif: &[u8], depuis: usize) -> Option<usize> {
    let premier = *motif.first()?;
    let mut i = depuis;
    while i + motif.len() <= octets.len() {
        i += octets[i..].iter().position(|o| *o == premier)?;
        if octets[i..].starts_with(motif) {
            return Some(i);
        }
        i += 1;
    }
    None
}

/// The root and the other parts of a package. One that is cut short, or names a part twice, is refused whole.
fn demonter(
    octets: &[u8],
    limite: &str,
    start: Option<&str>,
) -> Result<(Vec<u8>, Vec<Piece>), Echec> {
    let marque = format!("--{limite}").into_bytes();
    let mut ici = trouver(octets, &marque, 0).ok_or(Echec::Illisible("paquet vide"))?;
    let mut parties: Vec<Piece> = Vec::new();
    loop {
        let apres = ici + marque.len();
        if octets[apres..].starts_with(b"--") {
            break;
        }
        let debut = trouver(octets, b"\n", apres).ok_or(Echec::Illisible("paquet tronqué"))? + 1;
        let mut suivant = trouver(octets, &marque, debut);
        while let Some(place) = suivant {
            if octets[..place].ends_with(b"\n") {
                break;
            }
            suivant = trouver(octets, &marque, place + 1);
        }
        let suivant = suivant.ok_or(Echec::Illisible("paquet tronqué"))?;
        let partie = partie(&octets[debut..suivant])?;
        if !partie.cid.is_empty() && parties.iter().any(|p| p.cid == partie.cid) {
            return Err(Echec::Illisible("partie en double"));
        }
        parties.push(partie);
        ici = suivant;
    }
    let nom = start.map(|s| s.trim_start_matches('<').trim_end_matches('>').to_owned());
    let place = match nom {
        Some(nom) => parties.iter().position(|p| p.cid == nom),
        None => (!parties.is_empty()).then_some(0),
    };
    let racine = parties.remove(place.ok_or(Echec::Illisible("paquet sans racine"))?);
    Ok((racine.octets, parties))
}

fn partie(octets: &[u8]) -> Result<Piece, Echec> {
    let (fin, debut) = match (trouver(octets, b"\r\n\r\n", 0), trouver(octets, b"\n\n", 0)) {
        (Some(crlf), Some(lf)) if lf < crlf => (lf, lf + 2),
        (Some(crlf), _) => (crlf, crlf + 4),
        (None, Some(lf)) => (lf, lf + 2),
        (None, None) => return Err(Echec::Illisible("partie sans en-tête")),
    };
    let entetes = String::from_utf8_lossy(&octets[..fin]);
    let cid = entetes
        .lines()
        .filter_map(|ligne| ligne.split_once(':'))
        .find(|(nom, _)| nom.trim().eq_ignore_ascii_case("content-id"))
        .map(|(_, valeur)| {
            valeur
                .trim()
                .trim_start_matches('<')
                .trim_end_matches('>')
                .to_owned()
        })
        .unwrap_or_default();
    let contenu = &octets[debut..];
    let contenu = contenu
        .strip_suffix(b"\r\n")
        .or_else(|| contenu.strip_suffix(b"\n"))
        .unwrap_or(contenu);
    Ok(Piece {
        cid,
        octets: contenu.to_vec(),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn piece(cid: &str, octets: &[u8]) -> Piece {
        Piece {
            cid: cid.to_owned(),
            octets: octets.to_vec(),
        }
    }

    #[test]
    fn a_package_comes_back_byte_for_byte() {
        let odd = b"\r\n--autre\r\n\xff\x00--limite sans fin\n";
        let sent = paquet(
            "<a/>",
            &[piece("d:1@x", odd), piece("s", b"")],
            "limite",
            "urn:a",
        );
        let read = Reponse::lire(&sent.type_contenu, sent.corps).unwrap();
        assert_eq!(read.enveloppe, "<a/>");
        assert_eq!(read.piece("cid:d%3A1%40x").unwrap(), odd);
        assert_eq!(read.piece("cid:s").unwrap(), b"");
        assert!(read.piece("cid:absent").is_none());
    }

    #[test]
    fn a_root_that_is_not_first_is_found_by_its_name() {
        let body = b"preambule\r\n--B\r\nContent-ID: <d>\r\n\r\nDOC\r\n--B\r\ncontent-id:<r>\r\n\r\n<a/>\r\n--B--\r\nfin".to_vec();
        let read = Reponse::lire(
            "Multipart/Related; boundary=B; type=\"application/xop+xml\"; start=\"<r>\"",
            body,
        )
        .unwrap();
        assert_eq!(
            (read.enveloppe.as_str(), read.piece("cid:d").unwrap()),
            ("<a/>", &b"DOC"[..])
        );
    }

    #[test]
    fn a_package_cut_or_doubled_is_refused() {
        let kind = "multipart/related; boundary=\"B\"";
        for body in [
            &b""[..],
            b"--B\r\nContent-ID: <r>\r\n\r\n<a/>",
            b"--B\r\nContent-ID: <r>\r\n\r\n<a/>\r\n--B\r\nContent-ID: <d>\r\n\r\nx\r\n--B\r\nContent-ID: <d>\r\n\r\nx\r\n--B--",
            b"--B--",
        ] {
            assert!(Reponse::lire(kind, body.to_vec()).is_err());
        }
        assert!(Reponse::lire("text/html", b"<html/>".to_vec()).is_err());
        assert!(Reponse::lire("multipart/related; start=\"x", b"".to_vec()).is_err());
    }

    #[test]
    fn a_dtd_is_refused_and_headers_are_read() {
        let read = |xml: &str| Reponse::lire("application/soap+xml", xml.as_bytes().to_vec());
        assert!(read("<!DOCTYPE a><a/>").unwrap().document().is_err());
        let noeud = enveloppe(
            &Adresses {
                action: "urn:a",
                message_id: "urn:uuid:1",
                vers: "https://x",
            },
            noeud("b").dit("é"),
        );
        let text = texte(&noeud, "<saml/>").unwrap();
        let read = read(&text).unwrap();
        let document = read.document().unwrap();
        assert_eq!(adresse(&document, "MessageID"), Some("urn:uuid:1"));
        assert_eq!(corps(&document).unwrap().text(), Some("é"));
        assert!(text.contains("<saml/>") && !text.contains(PLACE));
    }
}
