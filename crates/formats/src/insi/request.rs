//! A request to the teleservice, read by namespace and local name.

use roxmltree::Node;

use super::context::{Bam, Lps};
use super::ns::{
    CTXBAM, CTXLPS, OP_TRAITS, OP_UNKNOWN, OP_VERIFICATION, OP_VITALE, RECSANS, RECVIT, SOAP11,
    SOAP12, WSA, WSSE,
};
use super::saml::Security;
use super::schema::{self, Child, check_attributes, check_sequence, names};
use super::xml::{self, XmlProblem, child, child_any, children, named, text, trimmed};

/// Version of the envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SoapVersion {
    /// 1.1.
    V11,
    /// 1.2.
    V12,
}

impl SoapVersion {
    /// `1.1` or `1.2`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V11 => "1.1",
            Self::V12 => "1.2",
        }
    }
}

/// A matricule as sent in a body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Matricule {
    /// NumIdentifiant.
    pub numero: Option<String>,
    /// Cle.
    pub cle: Option<String>,
    /// TypeMatricule.
    pub type_matricule: Option<String>,
}

/// The traits as sent, white space kept in names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TraitsQuery {
    /// NomNaissance.
    pub nom_naissance: Option<String>,
    /// One per Prenom element.
    pub prenoms: Vec<String>,
    /// ListePrenom (verification only).
    pub liste_prenom: Option<String>,
    /// Sexe.
    pub sexe: Option<String>,
    /// DateNaissance.
    pub date_naissance: Option<String>,
    /// LieuNaissance.
    pub lieu_naissance: Option<String>,
}

/// What was read on the card.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VitaleQuery {
    /// MatriculeIndividu.
    pub individu: Option<Matricule>,
    /// MatriculeOD.
    pub ouvrant_droit: Option<Matricule>,
    /// NomNaissance.
    pub nom_naissance: Option<String>,
    /// DateNaissance.
    pub date_naissance: Option<String>,
    /// RangNaissance.
    pub rang: Option<String>,
}

/// What is to be verified. Provisional: fields are found by local name, whatever the namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VerificationQuery {
    /// IdIndividu.
    pub matricule: Option<Matricule>,
    /// OID.
    pub oid: Option<String>,
    /// Traits.
    pub traits: TraitsQuery,
}

/// What the body asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// RECSANSVITALE.
    Traits(TraitsQuery),
    /// RECVITALE.
    Vitale(VitaleQuery),
    /// Body of an action that names the verification.
    Verification(VerificationQuery),
    /// Anything else.
    Other,
}

/// First element of the SOAP body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    /// Local name.
    pub element: String,
    /// Namespace.
    pub namespace: Option<String>,
    /// Elements in the SOAP body.
    pub count: usize,
    /// Local names of its children, in order.
    pub children: Vec<String>,
    /// Those that are not in the contract.
    pub unknown_children: Vec<String>,
    /// Are the known ones in the order of the contract?
    pub order_ok: bool,
    /// Departures from the contract.
    pub problems: Vec<String>,
    /// Content.
    pub content: Content,
}

/// A request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// Version of the envelope; `None` when the root is not one.
    pub soap_version: Option<SoapVersion>,
    /// Root element, `{namespace}local`.
    pub root: String,
    /// Every wsa:Action.
    pub actions: Vec<String>,
    /// Every wsa:MessageID.
    pub message_ids: Vec<String>,
    /// Local names of the header blocks, in order.
    pub headers: Vec<String>,
    /// Header blocks marked mustUnderstand.
    pub must_understand: Vec<String>,
    /// ContexteBAM.
    pub bam: Option<Bam>,
    /// ContexteLPS.
    pub lps: Option<Lps>,
    /// wsse:Security.
    pub security: Option<Security>,
    /// Body.
    pub body: Option<Body>,
}

impl Request {
    /// Reads the bytes of an HTTP body.
    pub fn parse(bytes: &[u8]) -> Result<Self, XmlProblem> {
        let document = xml::parse(bytes, xml::MAX_REQUEST)?;
        let root = document.root_element();
        let name = root.tag_name();
        let mut request = Self {
            root: format!(
                "{{{}}}{}",
                name.namespace().unwrap_or_default(),
                name.name()
            ),
            ..Self::default()
        };
        let (version, soap) = match (name.name(), name.namespace()) {
            ("Envelope", Some(SOAP12)) => (SoapVersion::V12, SOAP12),
            ("Envelope", Some(SOAP11)) => (SoapVersion::V11, SOAP11),
            _ => return Ok(request),
        };
        request.soap_version = Some(version);
        if let Some(header) = child(root, soap, "Header") {
            request.read_header(header, soap);
        }
        if let Some(body) = child(root, soap, "Body") {
            request.body = read_body(body, request.action());
        }
        Ok(request)
    }

    fn read_header(&mut self, header: Node<'_, '_>, soap: &str) {
        let all = |namespace, local| named(header, namespace, local).collect::<Vec<_>>();
        self.actions = all(WSA, "Action").into_iter().map(trimmed).collect();
        self.message_ids = all(WSA, "MessageID").into_iter().map(trimmed).collect();
        self.bam = Bam::read(&all(CTXBAM, "ContexteBAM"));
        self.lps = Lps::read(&all(CTXLPS, "ContexteLPS"));
        self.security = Security::read(&all(WSSE, "Security"));
        for block in children(header) {
            let local = block.tag_name().name().to_owned();
            let must = block.attribute((soap, "mustUnderstand"));
            if matches!(must, Some("1" | "true")) {
                self.must_understand.push(local.clone());
            }
            self.headers.push(local);
        }
    }

    /// First action.
    pub fn action(&self) -> Option<&str> {
        self.actions.first().map(String::as_str)
    }

    /// What follows the last colon of the action.
    pub fn action_operation(&self) -> Option<&str> {
        self.action().map(after_last_colon)
    }

    /// First message id.
    pub fn message_id(&self) -> Option<&str> {
        self.message_ids.first().map(String::as_str)
    }

    /// The operation: the body decides, then the action; `content_type_action` counts when there is no wsa:Action.
    pub fn operation(&self, content_type_action: Option<&str>) -> &'static str {
        let action = self
            .action()
            .or(content_type_action)
            .map(after_last_colon)
            .unwrap_or_default();
        match self.body.as_ref().map(|b| &b.content) {
            Some(Content::Traits(_)) => OP_TRAITS,
            Some(Content::Vitale(_)) => OP_VITALE,
            Some(Content::Verification(_)) => OP_VERIFICATION,
            Some(Content::Other) if action.starts_with("verifierIns") => OP_VERIFICATION,
            Some(Content::Other) | None => match action {
                OP_TRAITS => OP_TRAITS,
                OP_VITALE => OP_VITALE,
                OP_VERIFICATION => OP_VERIFICATION,
                _ => OP_UNKNOWN,
            },
        }
    }
}

fn after_last_colon(action: &str) -> &str {
    action.rsplit(':').next().unwrap_or_default()
}

fn read_body(soap_body: Node<'_, '_>, action: Option<&str>) -> Option<Body> {
    let node = children(soap_body).next()?;
    let (element, namespace) = (node.tag_name().name(), node.tag_name().namespace());
    let mut problems = Vec::new();
    let (content, sequence): (Content, &'static [Child]) = match (element, namespace) {
        ("RECSANSVITALE", Some(RECSANS)) => (Content::Traits(traits(node)), schema::RECSANSVITALE),
        ("RECVITALE", Some(RECVIT)) => (Content::Vitale(vitale(node)), schema::RECVITALE),
        _ if action.is_some_and(|a| after_last_colon(a).starts_with("verifierIns")) => {
            (Content::Verification(verification(node)), &[])
        }
        _ => (Content::Other, &[]),
    };
    let children: Vec<String> = children(node)
        .map(|n| n.tag_name().name().to_owned())
        .collect();
    let mut unknown_children = Vec::new();
    let mut order_ok = true;
    if let (Some(namespace), false) = (namespace, sequence.is_empty()) {
        check_attributes(node, &[], element, &mut problems);
        check_sequence(node, namespace, sequence, element, &mut problems);
        let rank = |name: &String| names(sequence).position(|n| n == name);
        unknown_children = children
            .iter()
            .filter(|c| rank(c).is_none())
            .cloned()
            .collect();
        let ranks: Vec<usize> = children.iter().filter_map(rank).collect();
        order_ok = ranks.is_sorted();
    }
    Some(Body {
        element: element.to_owned(),
        namespace: namespace.map(str::to_owned),
        count: xml::children(soap_body).count(),
        children,
        unknown_children,
        order_ok,
        problems,
        content,
    })
}

fn raw(node: Node<'_, '_>, local: &str) -> Option<String> {
    child_any(node, local).map(text)
}

fn tidy(node: Node<'_, '_>, local: &str) -> Option<String> {
    child_any(node, local).map(trimmed)
}

fn traits(node: Node<'_, '_>) -> TraitsQuery {
    TraitsQuery {
        nom_naissance: raw(node, "NomNaissance"),
        prenoms: children(node)
            .filter(|n| n.tag_name().name() == "Prenom")
            .map(text)
            .collect(),
        liste_prenom: raw(node, "ListePrenom"),
        sexe: raw(node, "Sexe"),
        date_naissance: raw(node, "DateNaissance"),
        lieu_naissance: raw(node, "LieuNaissance"),
    }
}

fn matricule(node: Node<'_, '_>) -> Matricule {
    Matricule {
        numero: tidy(node, "NumIdentifiant"),
        cle: tidy(node, "Cle"),
        type_matricule: tidy(node, "TypeMatricule"),
    }
}

fn vitale(node: Node<'_, '_>) -> VitaleQuery {
    VitaleQuery {
        individu: child_any(node, "MatriculeIndividu").map(matricule),
        ouvrant_droit: child_any(node, "MatriculeOD").map(matricule),
        nom_naissance: raw(node, "NomNaissance"),
        date_naissance: raw(node, "DateNaissance"),
        rang: tidy(node, "RangNaissance"),
    }
}

fn verification(node: Node<'_, '_>) -> VerificationQuery {
    let find = |local: &str| {
        node.descendants()
            .find(|n| n.is_element() && n.tag_name().name() == local)
    };
    VerificationQuery {
        matricule: find("IdIndividu").map(matricule).or_else(|| {
            find("NumIdentifiant")
                .and_then(|n| n.parent())
                .map(matricule)
        }),
        oid: find("OID").map(trimmed),
        traits: find("NomNaissance")
            .and_then(|n| n.parent())
            .map(traits)
            .unwrap_or_default(),
    }
}

/// Is it a message id in the shape of a UUID: bare, `uuid:` or `urn:uuid:`?
pub fn is_uuid(text: &str) -> bool {
    let bare = text
        .strip_prefix("urn:uuid:")
        .or_else(|| text.strip_prefix("uuid:"))
        .unwrap_or(text);
    bare.len() == 36
        && bare.bytes().enumerate().all(|(i, b)| match i {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}
