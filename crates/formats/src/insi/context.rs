//! ContexteBAM and ContexteLPS, as sent.

use roxmltree::Node;

use super::ns::{CTXBAM, CTXLPS};
use super::schema::{self, check_attributes, check_sequence};
use super::temps::{self, DateTime};
use super::xml::{child, children, trimmed};

/// What the two contexts share.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context {
    /// How many such headers there are; the first is read.
    pub count: usize,
    /// `Version` attribute.
    pub version: Option<String>,
    /// `Nature` attribute.
    pub nature: Option<String>,
    /// Id.
    pub id: Option<String>,
    /// Temps, as written.
    pub temps: Option<String>,
    /// Temps, read.
    pub at: Option<DateTime>,
    /// Emetteur.
    pub emetteur: Option<String>,
    /// Departures from the contract.
    pub problems: Vec<String>,
}

/// A number and its key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Numero {
    /// 13 characters, as sent.
    pub numero: Option<String>,
    /// Key, as sent.
    pub cle: Option<String>,
}

/// Beneficiary of the cover.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Beneficiaire {
    /// Nir.
    pub nir: Option<Numero>,
    /// Nir/DateCertification.
    pub date_certification: Option<String>,
    /// DateNai.
    pub date_naissance: Option<String>,
    /// Rang.
    pub rang: Option<String>,
    /// Porteur.
    pub porteur: Option<String>,
}

/// COUVERTURE.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Couverture {
    /// Holds no element and no text.
    pub empty: bool,
    /// GrandRegime.
    pub grand_regime: Option<String>,
    /// Organisme.
    pub organisme: Option<String>,
    /// CodeCentre.
    pub code_centre: Option<String>,
    /// ASSURE/Id, the ouvrant droit; `Some` when ASSURE is there.
    pub assure: Option<Numero>,
    /// BENEFICIAIRE.
    pub beneficiaire: Option<Beneficiaire>,
}

/// ContexteBAM.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bam {
    /// Shared part.
    pub context: Context,
    /// COUVERTURE.
    pub couverture: Option<Couverture>,
}

/// ContexteLPS.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lps {
    /// Shared part.
    pub context: Context,
    /// IDAM.
    pub idam: Option<String>,
    /// `R` attribute of IDAM.
    pub idam_r: Option<String>,
    /// Version of the product.
    pub version: Option<String>,
    /// Instance.
    pub instance: Option<String>,
    /// Nom of the product.
    pub nom: Option<String>,
}

fn value(node: Node<'_, '_>, namespace: &'static str, local: &'static str) -> Option<String> {
    child(node, namespace, local).map(trimmed)
}

fn context(
    node: Node<'_, '_>,
    count: usize,
    namespace: &'static str,
    sequence: &'static [schema::Child],
    attributes: &'static [schema::Attribute],
) -> Context {
    let mut problems = Vec::new();
    let name = node.tag_name().name();
    check_attributes(node, attributes, name, &mut problems);
    check_sequence(node, namespace, sequence, name, &mut problems);
    let temps = value(node, namespace, "Temps");
    Context {
        count,
        version: node.attribute("Version").map(str::to_owned),
        nature: node.attribute("Nature").map(str::to_owned),
        id: value(node, namespace, "Id"),
        at: temps.as_deref().and_then(temps::date_time),
        temps,
        emetteur: value(node, namespace, "Emetteur"),
        problems,
    }
}

fn numero(node: Node<'_, '_>) -> Numero {
    Numero {
        numero: value(node, CTXBAM, "Num"),
        cle: value(node, CTXBAM, "Cle"),
    }
}

fn couverture(node: Node<'_, '_>) -> Couverture {
    let beneficiaire = |b: Node<'_, '_>| {
        let nir = child(b, CTXBAM, "Nir");
        Beneficiaire {
            nir: nir.map(numero),
            date_certification: nir.and_then(|n| value(n, CTXBAM, "DateCertification")),
            date_naissance: value(b, CTXBAM, "DateNai"),
            rang: value(b, CTXBAM, "Rang"),
            porteur: value(b, CTXBAM, "Porteur"),
        }
    };
    Couverture {
        empty: children(node).next().is_none() && trimmed(node).is_empty(),
        grand_regime: value(node, CTXBAM, "GrandRegime"),
        organisme: value(node, CTXBAM, "Organisme"),
        code_centre: value(node, CTXBAM, "CodeCentre"),
        assure: child(node, CTXBAM, "ASSURE")
            .map(|a| child(a, CTXBAM, "Id").map(numero).unwrap_or_default()),
        beneficiaire: child(node, CTXBAM, "BENEFICIAIRE").map(beneficiaire),
    }
}

impl Bam {
    /// Reads the first of `nodes`.
    pub(crate) fn read(nodes: &[Node<'_, '_>]) -> Option<Self> {
        let node = *nodes.first()?;
        Some(Self {
            context: context(
                node,
                nodes.len(),
                CTXBAM,
                schema::BAM,
                schema::BAM_ATTRIBUTES,
            ),
            couverture: child(node, CTXBAM, "COUVERTURE").map(couverture),
        })
    }
}

impl Lps {
    /// Reads the first of `nodes`.
    pub(crate) fn read(nodes: &[Node<'_, '_>]) -> Option<Self> {
        let node = *nodes.first()?;
        let lps = child(node, CTXLPS, "LPS");
        let of = |local| lps.and_then(|l| value(l, CTXLPS, local));
        Some(Self {
            context: context(
                node,
                nodes.len(),
                CTXLPS,
                schema::LPS,
                schema::LPS_ATTRIBUTES,
            ),
            idam: of("IDAM"),
            idam_r: lps
                .and_then(|l| child(l, CTXLPS, "IDAM"))
                .and_then(|n| n.attribute("R").map(str::to_owned)),
            version: of("Version"),
            instance: of("Instance"),
            nom: of("Nom"),
        })
    }
}
