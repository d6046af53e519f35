//! Choices made where the real behaviour is not public, and why.

use std::collections::BTreeMap;

use diapason_formats::insi::Style;

/// What happens to a call that the real service would refuse in an unknown way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// A fault of family B.
    Fault,
    /// It is served all the same.
    Serve,
}

/// What happens to a client certificate outside the test PKI, expired or revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Untrusted {
    /// A fault of family B: the exchange is recorded whole.
    Fault,
    /// A TLS alert in the handshake.
    Alert,
    /// It is served all the same.
    Serve,
}

/// The switches of the mock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Behaviour {
    /// Prefixes of the answers.
    pub style: Style,
    /// `severite` of family A faults.
    pub severite: String,
    /// Client certificate whose CN is neither INSI-AUTO nor INSI-MANU.
    pub other_cn: Refusal,
    /// Client certificate that the test PKI does not stand behind.
    pub untrusted_client: Untrusted,
    /// Call on the listener without mutual TLS that carries no assertion.
    pub no_assertion: Refusal,
    /// Assertion whose signature does not hold over the bytes received. One without a signature is served.
    pub bad_signature: Refusal,
    /// IDAM absent or not of 12 alphanumerics.
    pub idam: Refusal,
    /// Search without a birth name.
    pub missing_nom: Refusal,
    /// Also finds by the first two, three... prénoms of the list.
    pub prefix_prenoms: bool,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            style: Style::Env,
            severite: "fatal".to_owned(),
            other_cn: Refusal::Fault,
            untrusted_client: Untrusted::Fault,
            no_assertion: Refusal::Fault,
            bad_signature: Refusal::Fault,
            idam: Refusal::Serve,
            missing_nom: Refusal::Fault,
            prefix_prenoms: false,
        }
    }
}

impl Behaviour {
    /// Name to `value (provenance)`, for the report.
    pub(crate) fn describe(&self, verification: bool) -> BTreeMap<String, String> {
        let refusal = |r: Refusal, fault: &str| match r {
            Refusal::Fault => fault.to_owned(),
            Refusal::Serve => "served".to_owned(),
        };
        let untrusted = match self.untrusted_client {
            Untrusted::Fault => "fault desir_560, family B",
            Untrusted::Alert => "TLS alert",
            Untrusted::Serve => "served",
        };
        let prenoms = if self.prefix_prenoms {
            "exact on the first prénom, the whole list or any beginning of it"
        } else {
            "exact on the first prénom or the whole list"
        };
        let verification = if verification {
            "provisional contract served"
        } else {
            "refused as an unknown operation"
        };
        [
            (
                "insi.prefixes",
                format!("{} (capture)", self.style.as_str()),
            ),
            ("insi.soap_header", "none in answers (capture)".to_owned()),
            (
                "insi.tiq",
                "ListePrenom without Prenom (capture)".to_owned(),
            ),
            (
                "insi.oid",
                "production OID for test people (capture)".to_owned(),
            ),
            (
                "insi.severite_family_a",
                format!("{} (capture)", self.severite),
            ),
            (
                "insi.other_cn",
                format!(
                    "{} (code: spec, form: guess)",
                    refusal(self.other_cn, "fault desir_560, family B")
                ),
            ),
            ("insi.untrusted_client", format!("{untrusted} (guess)")),
            (
                "insi.no_assertion",
                format!(
                    "{} (guess)",
                    refusal(self.no_assertion, "fault siram_100 desir_560, family B")
                ),
            ),
            (
                "insi.bad_signature",
                format!(
                    "{} (guess)",
                    refusal(self.bad_signature, "fault siram_100 desir_560, family B")
                ),
            ),
            (
                "insi.idam",
                format!(
                    "absent or ill-formed: {} (guess)",
                    refusal(self.idam, "fault desir_550, family B")
                ),
            ),
            (
                "insi.missing_nom",
                format!(
                    "{} (third-party client)",
                    refusal(self.missing_nom, "fault insi_19, family A")
                ),
            ),
            ("insi.matching_prenoms", format!("{prenoms} (guess)")),
            (
                "insi.matching_names",
                "case and accents count; hyphen, apostrophe and space are equal (guess)".to_owned(),
            ),
            (
                "insi.matching_lunar",
                "a date with 00 is found by the date that the RNIV writes in its place (guess)"
                    .to_owned(),
            ),
            (
                "insi.matching_card",
                "own number, else ouvrant droit's number with birth date and rank (guess)"
                    .to_owned(),
            ),
            (
                "insi.soap11",
                "SOAP 1.1 VersionMismatch fault, HTTP 500 (spec)".to_owned(),
            ),
            (
                "insi.content_type",
                "other than application/soap+xml: 415 with a fault (spec)".to_owned(),
            ),
            (
                "insi.unreadable",
                "Sender fault, HTTP 500 (guess)".to_owned(),
            ),
            (
                "insi.action_mismatch",
                "the body element decides (guess)".to_owned(),
            ),
            ("insi.verification", format!("{verification} (guess)")),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
    }
}
