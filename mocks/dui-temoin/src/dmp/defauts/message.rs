//! Defects of the SOAP message and of its package.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::super::client::Transaction;
use super::super::message::{Piece, Requete};
use crate::document::noeud::Noeud;
use crate::mutants::Mutants;

/// Defects of the envelope and of what goes with it.
pub fn enveloppe(
    racine: &mut Noeud,
    pieces: &mut Vec<Piece>,
    transaction: Transaction,
    mutants: &Mutants,
) {
    if mutants.mutant("dmp-no-reply-to") {
        racine.retirer("soap:Header/wsa:ReplyTo");
    }
    if mutants.mutant("dmp-no-addressing") {
        for nom in ["Action", "MessageID", "To", "ReplyTo"] {
            racine.retirer(&format!("soap:Header/wsa:{nom}"));
        }
    }
    if mutants.mutant("dmp-answer-action-in-request")
        && let Some(action) = racine.premier("soap:Header/wsa:Action")
    {
        action.texte = Some(transaction.contrat().action_reponse.to_owned());
    }
    if mutants.mutant("dmp-security-must-understand")
        && let Some(securite) = racine.premier("soap:Header/wsse:Security")
    {
        securite.poser("soap:mustUnderstand", "true");
    }
    if mutants.mutant("dmp-two-security-headers")
        && let Some(securite) = racine.premier("soap:Header/wsse:Security").cloned()
        && let Some(header) = racine.premier("soap:Header")
    {
        let mut vide = securite;
        vide.enfants.clear();
        header.enfants.push(vide);
    }
    if transaction != Transaction::Soumission {
        return;
    }
    if mutants.mutant("dmp-documents-inline") {
        let contenus: Vec<String> = pieces.iter().map(|p| STANDARD.encode(&p.octets)).collect();
        let mut contenus = contenus.into_iter();
        racine.partout(&mut |n| {
            if n.nom == "xdsb:Document"
                && let Some(contenu) = contenus.next()
            {
                n.enfants.clear();
                n.texte = Some(contenu);
            }
        });
        pieces.clear();
    }
    if mutants.mutant("dmp-part-missing") {
        pieces.pop();
    }
    if mutants.mutant("dmp-part-left-over") {
        pieces.push(Piece {
            cid: "oublie@dui-temoin.diapason.test".to_owned(),
            octets: b"<brouillon/>".to_vec(),
        });
    }
    if mutants.mutant("dmp-part-in-base64")
        && let Some(piece) = pieces.first_mut()
    {
        piece.octets = STANDARD.encode(&piece.octets).into_bytes();
    }
    if mutants.mutant("dmp-part-with-bom")
        && let Some(piece) = pieces.first_mut()
    {
        piece.octets.splice(0..0, [0xEF, 0xBB, 0xBF]);
    }
}

/// Defects of the envelope as text.
pub fn texte(texte: String, mutants: &Mutants) -> String {
    if mutants.mutant("dmp-soap-1-1") {
        return texte.replace(
            "http://www.w3.org/2003/05/soap-envelope",
            "http://schemas.xmlsoap.org/soap/envelope/",
        );
    }
    if mutants.mutant("dmp-dtd-in-request") {
        return texte.replacen(
            "<soap:Envelope",
            "<!DOCTYPE soap:Envelope>\n<soap:Envelope",
            1,
        );
    }
    if mutants.mutant("dmp-unsigned-assertion-beside") {
        let autre = "<saml:Assertion xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\" ID=\"_autre\" IssueInstant=\"2026-01-15T09:00:00Z\" Version=\"2.0\"><saml:Issuer>CN=AUTRE</saml:Issuer></saml:Assertion></wsse:Security>";
        return texte.replacen("</wsse:Security>", autre, 1);
    }
    texte
}

/// Defects of what goes on the wire.
pub fn requete(mut requete: Requete, mutants: &Mutants) -> Requete {
    if mutants.mutant("dmp-package-without-start") {
        let kept: Vec<&str> = requete
            .type_contenu
            .split("; ")
            .filter(|part| !part.starts_with("start"))
            .collect();
        requete.type_contenu = kept.join("; ");
    }
    if mutants.mutant("dmp-content-type-text-xml")
        && requete.type_contenu.starts_with("application/soap+xml")
    {
        "text/xml; charset=UTF-8".clone_into(&mut requete.type_contenu);
    }
    requete
}

/// Defects of TD0.2.
pub fn existence(corps: &mut Noeud, mutants: &Mutants) {
    if mutants.mutant("dmp-existence-asks-for-data")
        && let Some(motif) = corps.premier("controlActProcess/reasonCode")
    {
        motif.poser("code", "CNSLT_DATA");
    }
    if mutants.mutant("dmp-existence-other-receiver")
        && let Some(id) = corps.premier("receiver/device/id")
    {
        id.poser("root", "1.2.250.1.213.4.1.1.1.2");
    }
    if mutants.mutant("dmp-existence-without-query-id") {
        corps.retirer("controlActProcess/queryByParameter/queryId");
    }
    let valeur = "controlActProcess/queryByParameter/parameterList/patientIdentifier/value";
    if let Some(valeur) = corps.premier(valeur) {
        let ins = valeur.attribut("extension").unwrap_or_default().to_owned();
        if mutants.mutant("dmp-existence-without-key") {
            valeur.poser("extension", ins.chars().take(13).collect::<String>());
        }
        if mutants.mutant("dmp-existence-former-oid") {
            valeur.poser("root", "1.2.250.1.213.1.4.2");
        }
    }
}
