//! The product statement (`fiche-produit.toml`): the vendor answers once what the product is,
//! and conditions over those answers say what is *not applicable because ...*.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The whole statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProductStatement {
    /// Who and what.
    pub produit: Produit,
    /// What the product does; conditions are written over these names.
    pub profil: Profil,
    /// How it calls INSi.
    #[serde(default)]
    pub insi: InsiStatement,
    /// How it uses Pro Santé Connect.
    #[serde(default)]
    pub psc: PscStatement,
    /// How it uses the DMP.
    #[serde(default)]
    pub dmp: DmpStatement,
    /// Document types it produces (annexe 4 is not public: the vendor lists them).
    #[serde(default)]
    pub documents: Vec<String>,
}

/// Identity of the product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Produit {
    /// Product name.
    pub nom: String,
    /// Vendor.
    pub editeur: String,
    /// Version under test.
    pub version: String,
}

/// Answers that decide what applies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Profil {
    /// Is the product the structure's identity repository (référentiel d'identités)?
    pub referentiel_identites: bool,
    /// Do the structures deliver reimbursable acts?
    #[serde(default)]
    pub actes_remboursables: bool,
    /// Does it search INSi by traits?
    #[serde(default = "yes")]
    pub recherche_traits: bool,
    /// Does it search INSi with the carte Vitale?
    #[serde(default)]
    pub recherche_vitale: bool,
    /// Does it call INSi under a software certificate (the other means is the CPx card)?
    #[serde(default = "yes")]
    pub insi_certificat: bool,
    /// Does it verify an INS at INSi?
    #[serde(default)]
    pub verification_insi: bool,
    /// Does it integrate data referenced by an INS and coming from another domain?
    #[serde(default)]
    pub flux_tiers: bool,
    /// Does it keep a trust table of sending partners?
    #[serde(default)]
    pub table_confiance: bool,
    /// Does it collect the NSS used for reimbursement?
    #[serde(default)]
    pub collecte_nss: bool,
    /// Can an identity be flagged doubtful or fictitious?
    #[serde(default = "yes")]
    pub attributs_identite: bool,
    /// Does it keep copies of identity documents?
    #[serde(default = "yes")]
    pub copie_titre: bool,
    /// Does it promote the status by itself on a high-confidence document?
    #[serde(default)]
    pub validation_automatique: bool,
    /// Does it print or export identities on paper or PDF?
    #[serde(default = "yes")]
    pub editions: bool,
    /// Does it speak HL7 v2 PAM?
    #[serde(default)]
    pub hl7_pam: bool,
    /// Does it use Pro Santé Connect?
    #[serde(default = "yes")]
    pub psc: bool,
    /// Is Pro Santé Connect the only means of login?
    #[serde(default)]
    pub psc_seul: bool,
    /// PSC in a browser, server-side client (mode web)?
    #[serde(default = "yes")]
    pub psc_web: bool,
    /// PSC from a native application by CIBA?
    #[serde(default)]
    pub psc_ciba: bool,
    /// PSC from a native application, by browser?
    #[serde(default)]
    pub psc_natif: bool,
    /// Does a native application open PSC in a browser component of its own?
    #[serde(default)]
    pub psc_navigateur_interne: bool,
    /// Is the product in the PSC trust space (Espace de Confiance, mutual TLS only)?
    #[serde(default)]
    pub psc_edc: bool,
    /// Does it feed the DMP (profile alimentation)?
    #[serde(default)]
    pub dmp_alimentation: bool,
    /// Does it consult the DMP by web services, in AIR (authentification indirecte renforcée)?
    #[serde(default)]
    pub dmp_consultation: bool,
    /// Does it open the DMP's web site in context (TD0.9)?
    #[serde(default)]
    pub dmp_web: bool,
    /// Does it produce the DLU (document de liaison d'urgence) as CDA level 3?
    #[serde(default)]
    pub dlu: bool,
    /// Older people (PA).
    #[serde(default)]
    pub pa: bool,
    /// Disability (PH).
    #[serde(default)]
    pub ph: bool,
    /// Home care (Domicile).
    #[serde(default)]
    pub domicile: bool,
}

fn yes() -> bool {
    true
}

impl Profil {
    /// The answers by name; each name may stand in a [`Condition`].
    pub fn facts(&self) -> BTreeMap<&'static str, bool> {
        BTreeMap::from([
            ("referentiel_identites", self.referentiel_identites),
            ("actes_remboursables", self.actes_remboursables),
            ("recherche_traits", self.recherche_traits),
            ("recherche_vitale", self.recherche_vitale),
            ("insi_certificat", self.insi_certificat),
            ("verification_insi", self.verification_insi),
            ("flux_tiers", self.flux_tiers),
            ("table_confiance", self.table_confiance),
            ("collecte_nss", self.collecte_nss),
            ("attributs_identite", self.attributs_identite),
            ("copie_titre", self.copie_titre),
            ("validation_automatique", self.validation_automatique),
            ("editions", self.editions),
            ("hl7_pam", self.hl7_pam),
            ("psc", self.psc),
            ("psc_seul", self.psc_seul),
            ("psc_web", self.psc_web),
            ("psc_ciba", self.psc_ciba),
            ("psc_natif", self.psc_natif),
            ("psc_navigateur_interne", self.psc_navigateur_interne),
            ("psc_edc", self.psc_edc),
            ("dmp_alimentation", self.dmp_alimentation),
            ("dmp_consultation", self.dmp_consultation),
            ("dmp_web", self.dmp_web),
            ("dlu", self.dlu),
            ("pa", self.pa),
            ("ph", self.ph),
            ("domicile", self.domicile),
        ])
    }
}

/// INSi authentication mode.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum InsiMode {
    /// Software certificate INSI-AUTO / INSI-MANU, mutual TLS (M2).
    #[default]
    Certificat,
    /// CPx card, signed assertion (M1).
    Cpx,
    /// Pro Santé Connect (M3, provisional).
    Psc,
}

/// How the product calls INSi.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InsiStatement {
    /// Authentication mode.
    #[serde(default)]
    pub mode: InsiMode,
    /// CNDA authorisation number sent as LPS/IDAM, 12 alphanumerics.
    #[serde(default)]
    pub idam: Option<String>,
    /// Product name sent as LPS/Nom.
    #[serde(default)]
    pub lps_nom: Option<String>,
    /// Product version sent as LPS/Version.
    #[serde(default)]
    pub lps_version: Option<String>,
}

/// PSC client authentication.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PscAuth {
    /// `client_secret_basic` or `client_secret_post`.
    #[default]
    Secret,
    /// `tls_client_auth`.
    Mtls,
    /// `private_key_jwt`.
    PrivateKeyJwt,
}

/// How the product uses PSC.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PscStatement {
    /// Client id the DUI sends.
    #[serde(default)]
    pub client_id: Option<String>,
    /// Client secret the DUI sends (a test value: the mock accepts only this one).
    #[serde(default)]
    pub client_secret: Option<String>,
    /// Authentication at the token endpoint.
    #[serde(default)]
    pub auth: PscAuth,
    /// Declared redirect URIs, compared byte by byte.
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    /// Declared post-logout URIs.
    #[serde(default)]
    pub post_logout_redirect_uris: Vec<String>,
    /// JSON Web Key Set (public) of the client, for `private_key_jwt`.
    #[serde(default)]
    pub jwks: Option<String>,
    /// Idle time after which the DUI logs out, seconds.
    #[serde(default)]
    pub inactivite_secondes: Option<u64>,
}

/// How the product uses the DMP.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DmpStatement {
    /// Product name sent as `LPS_Nom`, as homologated.
    #[serde(default)]
    pub lps_nom: Option<String>,
    /// Product version sent as `LPS_Version`, as homologated.
    #[serde(default)]
    pub lps_version: Option<String>,
    /// DMP homologation number sent as `LPS_ID_HOMOLOGATION_DMP`.
    #[serde(default)]
    pub homologation: Option<String>,
    /// Arc under which the product makes the OIDs of its lots and documents.
    #[serde(default)]
    pub arc_oid: Option<String>,
    /// Structure id of the VIHF when it is not the OU of the certificate (FINESS géographique under a
    /// certificate of the FINESS juridique).
    #[serde(default)]
    pub structure: Option<String>,
    /// How long after its validation a document must have left, seconds (default 60).
    #[serde(default)]
    pub delai_envoi_secondes: Option<u64>,
}

/// A condition over the names of [`Profil::facts`]: `and`, `or`, `not`, parentheses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Condition {
    text: String,
    tree: Node,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    Fact(String),
    Not(Box<Node>),
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
}

/// A condition that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("condition {text:?}: {problem}")]
pub struct ConditionError {
    text: String,
    problem: String,
}

impl Condition {
    /// `None` when it holds; otherwise the sentence that says why not.
    pub fn why_not(&self, profil: &Profil) -> Option<String> {
        let facts = profil.facts();
        if Self::eval(&self.tree, &facts) {
            return None;
        }
        let mut names = Vec::new();
        Self::names(&self.tree, &mut names);
        let said: Vec<String> = names
            .iter()
            .map(|n| format!("{n} = {}", facts.get(n.as_str()).copied().unwrap_or(false)))
            .collect();
        Some(format!(
            "fiche produit: {} (condition: {})",
            said.join(", "),
            self.text
        ))
    }

    fn eval(node: &Node, facts: &BTreeMap<&'static str, bool>) -> bool {
        match node {
            Node::Fact(name) => facts.get(name.as_str()).copied().unwrap_or(false),
            Node::Not(inner) => !Self::eval(inner, facts),
            Node::And(a, b) => Self::eval(a, facts) && Self::eval(b, facts),
            Node::Or(a, b) => Self::eval(a, facts) || Self::eval(b, facts),
        }
    }

    fn names(node: &Node, out: &mut Vec<String>) {
        match node {
            Node::Fact(name) => {
                if !out.contains(name) {
                    out.push(name.clone());
                }
            }
            Node::Not(inner) => Self::names(inner, out),
            Node::And(a, b) | Node::Or(a, b) => {
                Self::names(a, out);
                Self::names(b, out);
            }
        }
    }
}

impl FromStr for Condition {
    type Err = ConditionError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = |problem: String| ConditionError {
            text: text.to_owned(),
            problem,
        };
        let spaced = text.replace('(', " ( ").replace(')', " ) ");
        let mut words: Vec<&str> = spaced.split_whitespace().rev().collect();
        if words.len() > 64 {
            return Err(error("more than 64 words".to_owned()));
        }
        let tree = parse_or(&mut words).map_err(error)?;
        match words.pop() {
            None => Ok(Self {
                text: text.to_owned(),
                tree,
            }),
            Some(rest) => Err(error(format!("unexpected {rest:?}"))),
        }
    }
}

fn parse_or(words: &mut Vec<&str>) -> Result<Node, String> {
    let mut left = parse_and(words)?;
    while words.last() == Some(&"or") {
        words.pop();
        left = Node::Or(Box::new(left), Box::new(parse_and(words)?));
    }
    Ok(left)
}

fn parse_and(words: &mut Vec<&str>) -> Result<Node, String> {
    let mut left = parse_not(words)?;
    while words.last() == Some(&"and") {
        words.pop();
        left = Node::And(Box::new(left), Box::new(parse_not(words)?));
    }
    Ok(left)
}

fn parse_not(words: &mut Vec<&str>) -> Result<Node, String> {
    match words.pop() {
        Some("not") => Ok(Node::Not(Box::new(parse_not(words)?))),
        Some("(") => {
            let inner = parse_or(words)?;
            match words.pop() {
                Some(")") => Ok(inner),
                _ => Err("a parenthesis is not closed".to_owned()),
            }
        }
        Some(name) if known_facts().contains(&name) => Ok(Node::Fact(name.to_owned())),
        Some(name) => Err(format!(
            "{name:?} is not a product fact; known: {}",
            known_facts().join(", ")
        )),
        None => Err("ends too early".to_owned()),
    }
}

fn known_facts() -> Vec<&'static str> {
    let profil = Profil {
        referentiel_identites: false,
        actes_remboursables: false,
        recherche_traits: false,
        recherche_vitale: false,
        insi_certificat: false,
        verification_insi: false,
        flux_tiers: false,
        table_confiance: false,
        collecte_nss: false,
        attributs_identite: false,
        copie_titre: false,
        validation_automatique: false,
        editions: false,
        hl7_pam: false,
        psc: false,
        psc_seul: false,
        psc_web: false,
        psc_ciba: false,
        psc_natif: false,
        psc_navigateur_interne: false,
        psc_edc: false,
        dmp_alimentation: false,
        dmp_consultation: false,
        dmp_web: false,
        dlu: false,
        pa: false,
        ph: false,
        domicile: false,
    };
    profil.facts().into_keys().collect()
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl TryFrom<String> for Condition {
    type Error = ConditionError;
    fn try_from(value: String) -> Result<Self, Self::Error> {
        value.parse()
    }
}

impl From<Condition> for String {
    fn from(condition: Condition) -> String {
        condition.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profil() -> Profil {
        serde_json::from_str(r#"{"referentiel_identites":true,"psc_seul":false}"#).unwrap()
    }

    #[test]
    fn conditions_say_why_they_do_not_hold() {
        let c: Condition = "referentiel_identites and not psc_seul".parse().unwrap();
        assert_eq!(c.why_not(&profil()), None);
        let c: Condition = "psc_seul or (flux_tiers and psc)".parse().unwrap();
        assert_eq!(
            c.why_not(&profil()).unwrap(),
            "fiche produit: psc_seul = false, flux_tiers = false, psc = true (condition: psc_seul or (flux_tiers and psc))"
        );
    }

    #[test]
    fn a_condition_over_an_unknown_fact_is_refused() {
        assert!(
            "pcs_seul"
                .parse::<Condition>()
                .unwrap_err()
                .to_string()
                .contains("psc_seul")
        );
        assert!("psc and".parse::<Condition>().is_err());
        assert!("(psc".parse::<Condition>().is_err());
        assert!("psc psc".parse::<Condition>().is_err());
    }
}
