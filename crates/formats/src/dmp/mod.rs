//! Messages of the DMP ("LPS" interface): what a request asks, and its facts.
//!
//! A request is taken apart whatever is wrong in it; what cannot be read at all is a [`MessageError`]. Nothing is judged.

mod attached;
mod facts;
mod operation;
mod patients;

use std::borrow::Cow;
use std::collections::HashSet;

use crate::mtom::{self, Package, PackageError};
use crate::soap::Envelope;
use crate::vihf::{Vihf, is_vihf};
use crate::xds::{Cx, Lot, Query, RetrieveRequest};
use crate::xml::{Limits, NodeId, ReadError, Tree};

pub use attached::{Attached, Include};
pub use facts::facts;
pub use operation::Operation;
pub use patients::{Autorisation, Existence, Instance};

/// HL7 V3 messages.
pub const HL7: &str = "urn:hl7-org:v3";
/// Authorisations (TD0.3, TD1.6).
pub const HABILITATIONS: &str = "urn:si-dmp-habilitations";
/// Patients (TD0.4, TD1.5).
pub const PATIENTS: &str = "urn:si-dmp-patients";
/// Repository of the DMP.
pub const REPOSITORY: &str = "1.2.250.1.213.4.1.1.1.2";
/// The DMP, as a device.
pub const DEVICE: &str = "1.2.250.1.213.4.1.1.1";

/// Most problems said of one package.
const MOST_PROBLEMS: usize = 100;

/// A request of the "LPS" interface, taken apart.
#[derive(Debug)]
pub struct Message<'a> {
    /// The envelope: the root part of a package, or the whole body.
    pub tree: Tree,
    /// The package, when the body is one.
    pub package: Option<Package>,
    /// The body, as received.
    pub body: &'a [u8],
    envelope: Option<Envelope>,
    operation: Operation,
    lot: Option<Lot>,
    query: Option<Query>,
    retrieve: Option<RetrieveRequest>,
    existence: Option<Existence>,
    autorisation: Option<Autorisation>,
    attached: Vec<Attached<'a>>,
    includes: Vec<Include>,
}

/// Why a request cannot be taken apart.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// The envelope is no XML that can be read.
    #[error("the envelope cannot be read: {0}")]
    Envelope(ReadError),
    /// The package is damaged.
    #[error("the MTOM package cannot be read: {0}")]
    Package(String),
}

impl From<PackageError> for MessageError {
    fn from(error: PackageError) -> Self {
        Self::Package(error.to_string())
    }
}

impl<'a> Message<'a> {
    /// Takes a request apart. `content_type` is the value of the HTTP header, absent for an envelope alone or a
    /// package captured without its head.
    pub fn read(content_type: Option<&str>, body: &'a [u8]) -> Result<Self, MessageError> {
        let package = match content_type {
            Some(value) if mtom::is_multipart(value) => Some(mtom::read(value, body)?),
            _ if looks_like_xml(body) => None,
            _ => mtom::read_bare(body).transpose()?,
        };
        let root: Cow<'a, [u8]> = match &package {
            None => Cow::Borrowed(body),
            Some(package) => match package.root_part() {
                None => Cow::Borrowed(&[][..]),
                Some(part) => {
                    attached::decoded(package.content(part, body), part).map_err(|problem| {
                        MessageError::Package(format!("partie racine : {problem}"))
                    })?
                }
            },
        };
        let tree = Tree::read(&root, &Limits::default()).map_err(MessageError::Envelope)?;
        let includes = attached::includes(&tree, package.as_ref());
        if let Some(package) = &package {
            attached::refuse_cycles(package, body, &includes)?;
        }
        let envelope = Envelope::read(&tree);
        let payload = match &envelope {
            Some(envelope) => envelope.payload.clone(),
            // A body alone, without its envelope, is read too.
            None => tree.document_element().map(|node| crate::soap::Payload {
                namespace: tree.namespace(node).to_owned(),
                local: tree.local(node).to_owned(),
                node,
            }),
        };
        let mut this = Self {
            package,
            body,
            envelope,
            operation: Operation::Unknown,
            lot: None,
            query: None,
            retrieve: None,
            existence: None,
            autorisation: None,
            attached: Vec::new(),
            includes,
            tree,
        };
        if let Some(payload) = payload {
            let (tree, node) = (&this.tree, payload.node);
            if matches!(
                payload.local.as_str(),
                "ProvideAndRegisterDocumentSetRequest" | "SubmitObjectsRequest"
            ) {
                let lot = Lot::read(tree, node);
                this.lot = lot.list.is_some().then_some(lot);
            }
            this.query = Query::read(tree, node);
            this.retrieve = RetrieveRequest::read(tree, node);
            this.existence = Existence::read(tree, node);
            this.autorisation = Autorisation::read(tree, node);
            this.operation = operation::of(tree, &payload, this.lot.as_ref(), this.query.as_ref());
            this.attached = attached::read(tree, node, this.package.as_ref(), body);
        }
        Ok(this)
    }

    /// The envelope; `None` when the document element is none.
    pub fn envelope(&self) -> Option<&Envelope> {
        self.envelope.as_ref()
    }

    /// The transaction, told by the body.
    pub fn operation(&self) -> Operation {
        self.operation
    }

    /// The lot of an ITI-41 or an ITI-57.
    pub fn lot(&self) -> Option<&Lot> {
        self.lot.as_ref()
    }

    /// The stored query of an ITI-18.
    pub fn query(&self) -> Option<&Query> {
        self.query.as_ref()
    }

    /// The documents asked for by an ITI-43.
    pub fn retrieve(&self) -> Option<&RetrieveRequest> {
        self.retrieve.as_ref()
    }

    /// TD0.2 or TD1.3a.
    pub fn existence(&self) -> Option<&Existence> {
        self.existence.as_ref()
    }

    /// TD0.3.
    pub fn autorisation(&self) -> Option<&Autorisation> {
        self.autorisation.as_ref()
    }

    /// The assertion of the security header; failing that, the first of the message.
    pub fn assertion(&self) -> Option<NodeId> {
        let envelope = self.envelope.as_ref()?;
        envelope
            .assertion(&self.tree)
            .or_else(|| envelope.assertions.first().copied())
    }

    /// The person the request is about, INS and OID: told by the body, else by the assertion.
    pub fn ins(&self) -> Option<(String, String)> {
        let of_cx = |cx: &Cx| (cx.id.clone(), cx.root().to_owned());
        let existence = self.existence.as_ref().and_then(|e| e.patient.as_ref());
        if let Some(patient) = existence {
            let extension = patient.extension.clone().unwrap_or_default();
            return Some((extension, patient.root.clone()));
        }
        let lot = self.lot.as_ref().and_then(|lot| {
            let set = lot.submission_set.as_ref();
            let of_set = set.and_then(|s| s.patient_id.as_ref());
            let of_entries = lot.entries.iter().find_map(|e| e.patient_id.as_ref());
            of_set.or(of_entries)?.value.clone()
        });
        let query = || {
            let text = self.query.as_ref()?.patient()?;
            Cx::parse(text).0
        };
        lot.or_else(query)
            .as_ref()
            .map(of_cx)
            .or_else(|| self.resource())
    }

    /// The person the assertion names, INS and OID.
    pub fn resource(&self) -> Option<(String, String)> {
        let vihf = Vihf::read(&self.tree, self.assertion()?);
        let (ins, oid) = vihf.ins()?;
        Some((ins.to_owned(), oid.to_owned()))
    }

    /// Every document attached to an ITI-41, the signature included.
    pub fn attached(&self) -> &[Attached<'a>] {
        &self.attached
    }

    /// Every `xop:Include` of the envelope.
    pub fn includes(&self) -> &[Include] {
        &self.includes
    }

    /// Parts that no inclusion means, the root left out: their ranks.
    pub fn leftover_parts(&self) -> Vec<usize> {
        let Some(package) = &self.package else {
            return Vec::new();
        };
        let mut used = vec![false; package.parts.len()];
        for rank in self.includes.iter().filter_map(|i| i.part) {
            used[rank] = true;
        }
        (0..package.parts.len())
            .filter(|rank| *rank != package.root && !used[*rank])
            .collect()
    }

    /// Departures of the package and of its inclusions from MTOM, in French: dangling inclusions, parts left over,
    /// a part meant twice, documents that cannot be decoded.
    pub fn problems(&self) -> Vec<String> {
        let of_package = self.package.iter().flat_map(|p| p.problems.clone());
        let mut meant = HashSet::new();
        let of_includes = self
            .includes
            .iter()
            .filter_map(|include| match include.part {
                Some(rank) if !meant.insert(rank) => {
                    Some(format!("deux inclusions désignent « {} »", include.href))
                }
                None => Some(format!("aucune partie pour « {} »", include.href)),
                Some(_) => None,
            });
        let leftover = self.leftover_parts().into_iter().map(|rank| {
            let part = self.package.as_ref().and_then(|p| p.parts.get(rank));
            let id = part
                .and_then(|p| p.content_id.as_deref())
                .unwrap_or_default();
            format!(
                "la partie {} (« {id} ») n'est désignée par aucune inclusion",
                rank + 1
            )
        });
        let of_documents = self.attached.iter().filter_map(|a| {
            let problem = a.problem.as_ref()?;
            Some(format!("document « {} » : {problem}", a.id))
        });
        of_package
            .chain(of_includes)
            .chain(leftover)
            .chain(of_documents)
            .take(MOST_PROBLEMS)
            .collect()
    }

    /// Documents of a lot that is fed: symbolic id of the entry, bytes as attached; the signature of the lot is not one.
    pub fn documents(&self) -> Vec<(String, &[u8])> {
        self.contents(false)
    }

    /// The signature document of the lot: symbolic id, bytes as attached.
    pub fn signature(&self) -> Option<(String, &[u8])> {
        self.contents(true).into_iter().next()
    }

    fn contents(&self, signature: bool) -> Vec<(String, &[u8])> {
        let signatures: HashSet<&str> = self
            .lot
            .iter()
            .flat_map(|l| &l.entries)
            .filter(|e| e.signature)
            .map(|e| e.id.as_str())
            .collect();
        self.attached
            .iter()
            .filter(|a| signatures.contains(a.id.as_str()) == signature)
            .filter_map(|a| Some((a.id.clone(), a.content.as_deref()?)))
            .collect()
    }

    /// Does it carry a lot (ITI-41, ITI-57)?
    pub fn has_lot(&self) -> bool {
        self.lot.is_some()
    }
}

/// Does the body begin like XML, a byte order mark and blanks left aside?
fn looks_like_xml(body: &[u8]) -> bool {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    body.trim_ascii_start().first() == Some(&b'<')
}

/// Is this envelope meant for the DMP? The names it uses tell: those of its body, of its action, of its assertion.
/// A body without its envelope is meant for it too.
pub fn is_dmp(tree: &Tree) -> bool {
    let is_ours = |namespace: &str, local: &str| {
        operation::is_dmp_namespace(namespace)
            || (namespace == HL7 && local.starts_with("PRPA_IN2013"))
    };
    let Some(envelope) = Envelope::read(tree) else {
        return tree
            .document_element()
            .is_some_and(|root| is_ours(tree.namespace(root), tree.local(root)));
    };
    let by_body = envelope
        .payload
        .as_ref()
        .is_some_and(|p| is_ours(&p.namespace, &p.local));
    let by_action = envelope
        .addressing
        .action
        .as_deref()
        .is_some_and(operation::is_dmp_action);
    by_body
        || by_action
        || envelope
            .assertions
            .iter()
            .any(|assertion| is_vihf(tree, *assertion))
}

#[cfg(test)]
mod tests;
