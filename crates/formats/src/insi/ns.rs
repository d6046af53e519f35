//! Namespaces, actions and operation names of the teleservice.

/// SOAP 1.2 envelope.
pub const SOAP12: &str = "http://www.w3.org/2003/05/soap-envelope";
/// SOAP 1.1 envelope, never right here.
pub const SOAP11: &str = "http://schemas.xmlsoap.org/soap/envelope/";
/// WS-Addressing 2005/08.
pub const WSA: &str = "http://www.w3.org/2005/08/addressing";
/// WS-Security extension.
pub const WSSE: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
/// WS-Security utility (`wsu:Id`).
pub const WSU: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
/// SAML 2.0 assertion.
pub const SAML: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
/// XML signature.
pub const DSIG: &str = "http://www.w3.org/2000/09/xmldsig#";
/// ContexteBAM.
pub const CTXBAM: &str = "urn:siram:bam:ctxbam";
/// ContexteLPS.
pub const CTXLPS: &str = "urn:siram:lps:ctxlps";
/// Erreur, in the Detail of a fault.
pub const SIRAM: &str = "urn:siram";
/// RECSANSVITALE.
pub const RECSANS: &str = "http://www.cnamts.fr/INSiRecSans";
/// RECVITALE.
pub const RECVIT: &str = "http://www.cnamts.fr/INSiRecVit";
/// RESULTAT of both searches.
pub const RESULTAT: &str = "http://www.cnamts.fr/INSiResultat";
/// Answer of the unit verification (provisional contract).
pub const VERIFICATION_ANSWER: &str = "http://www.cnamts.fr/INSiLot2/REPUnitaire";

/// What comes before the operation in an action.
pub const ACTION_PREFIX: &str = "urn:ServiceIdentiteCertifiee:1.0.0:";
/// Search by traits (WS_INS2).
pub const OP_TRAITS: &str = "rechercherInsAvecTraitsIdentite";
/// Search by carte Vitale (WS_INS1).
pub const OP_VITALE: &str = "rechercherInsAvecCarteVitale";
/// Unit verification (WS_INS3, provisional contract).
pub const OP_VERIFICATION: &str = "verifierInsAvecTraitsIdentite";
/// Anything else.
pub const OP_UNKNOWN: &str = "unknown";
