//! SOAP envelopes over the arena tree: version, addressing, security header, body; and faults.
//!
//! Structure only: what a service makes of an envelope is said elsewhere. A damaged envelope is read as far as it goes.

use crate::xml::{NodeId, Tree};

/// SOAP 1.2 envelope.
pub const SOAP12: &str = "http://www.w3.org/2003/05/soap-envelope";
/// SOAP 1.1 envelope.
pub const SOAP11: &str = "http://schemas.xmlsoap.org/soap/envelope/";
/// WS-Addressing 2005/08.
pub const WSA: &str = "http://www.w3.org/2005/08/addressing";
/// The anonymous address of WS-Addressing.
pub const ANONYMOUS: &str = "http://www.w3.org/2005/08/addressing/anonymous";
/// WS-Security extension.
pub const WSSE: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
/// WS-Security utility (`wsu:Timestamp`).
pub const WSU: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
/// SAML 2.0 assertion.
pub const SAML: &str = "urn:oasis:names:tc:SAML:2.0:assertion";

/// Version of an envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Version {
    /// 1.1.
    V11,
    /// 1.2.
    V12,
}

impl Version {
    /// `1.1` or `1.2`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V11 => "1.1",
            Self::V12 => "1.2",
        }
    }

    /// Namespace of its envelope.
    pub fn namespace(self) -> &'static str {
        match self {
            Self::V11 => SOAP11,
            Self::V12 => SOAP12,
        }
    }
}

/// Addressing headers: the first value of each, and how many there are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Addressing {
    /// `wsa:MessageID`.
    pub message_id: Option<String>,
    /// How many `wsa:MessageID`.
    pub message_ids: usize,
    /// `wsa:Action`.
    pub action: Option<String>,
    /// How many `wsa:Action`.
    pub actions: usize,
    /// `wsa:To`; present and empty is `Some("")`.
    pub to: Option<String>,
    /// How many `wsa:To`.
    pub tos: usize,
    /// `wsa:ReplyTo/wsa:Address`; a `ReplyTo` without address is `Some("")`.
    pub reply_to: Option<String>,
    /// How many `wsa:ReplyTo`.
    pub reply_tos: usize,
    /// `wsa:RelatesTo`.
    pub relates_to: Option<String>,
    /// How many `wsa:RelatesTo`.
    pub relates_tos: usize,
}

/// First element of the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    /// Namespace; empty when there is none.
    pub namespace: String,
    /// Local name.
    pub local: String,
    /// Where it stands.
    pub node: NodeId,
}

/// An envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// Its version.
    pub version: Version,
    /// `Envelope`.
    pub node: NodeId,
    /// `Header`.
    pub header: Option<NodeId>,
    /// Header blocks, in order.
    pub headers: Vec<NodeId>,
    /// Header blocks that must be understood.
    pub must_understand: Vec<NodeId>,
    /// Addressing.
    pub addressing: Addressing,
    /// Every `wsse:Security` of the header.
    pub security: Vec<NodeId>,
    /// Every `saml:Assertion` of the whole envelope, wherever it hides, in document order.
    pub assertions: Vec<NodeId>,
    /// `Body`.
    pub body: Option<NodeId>,
    /// First element of the body.
    pub payload: Option<Payload>,
    /// How many elements the body holds.
    pub payloads: usize,
}

impl Envelope {
    /// Reads the document element; `None` when it is no SOAP envelope.
    pub fn read(tree: &Tree) -> Option<Self> {
        let node = tree.document_element()?;
        let version = [Version::V12, Version::V11]
            .into_iter()
            .find(|v| tree.is_named(node, v.namespace(), "Envelope"))?;
        let soap = version.namespace();
        let header = tree.child(node, soap, "Header");
        let headers: Vec<NodeId> = header
            .map(|h| tree.child_elements(h).collect())
            .unwrap_or_default();
        let must_understand = headers
            .iter()
            .copied()
            .filter(|h| {
                let must = tree.attribute_ns(*h, soap, "mustUnderstand");
                matches!(must.map(str::trim), Some("1" | "true"))
            })
            .collect();
        let body = tree.child(node, soap, "Body");
        let payload = body
            .and_then(|b| tree.child_elements(b).next())
            .map(|n| Payload {
                namespace: tree.namespace(n).to_owned(),
                local: tree.local(n).to_owned(),
                node: n,
            });
        let assertions = match tree.find_name(SAML, "Assertion") {
            None => Vec::new(),
            name => tree
                .descendant_elements(node)
                .filter(|n| tree.name_id(*n) == name)
                .collect(),
        };
        Some(Self {
            version,
            node,
            header,
            must_understand,
            addressing: addressing(tree, &headers),
            security: headers
                .iter()
                .copied()
                .filter(|h| tree.is_named(*h, WSSE, "Security"))
                .collect(),
            headers,
            assertions,
            payloads: body.map_or(0, |b| tree.child_elements(b).count()),
            body,
            payload,
        })
    }

    /// The assertion of the security header: the first that is a direct child of a `wsse:Security` of the header.
    pub fn assertion(&self, tree: &Tree) -> Option<NodeId> {
        self.assertions
            .iter()
            .copied()
            // Header blocks are in document order: a search by halves, for a header of thousands of them.
            .find(|a| {
                tree.parent(*a)
                    .is_some_and(|p| self.security.binary_search(&p).is_ok())
            })
    }
}

fn addressing(tree: &Tree, headers: &[NodeId]) -> Addressing {
    let mut found = Addressing::default();
    let keep = |slot: &mut Option<String>, count: &mut usize, value: String| {
        *count += 1;
        slot.get_or_insert(value);
    };
    for header in headers {
        if tree.namespace(*header) != WSA {
            continue;
        }
        let text = || tree.string_value(*header).trim().to_owned();
        match tree.local(*header) {
            "MessageID" => keep(&mut found.message_id, &mut found.message_ids, text()),
            "Action" => keep(&mut found.action, &mut found.actions, text()),
            "To" => keep(&mut found.to, &mut found.tos, text()),
            "RelatesTo" => keep(&mut found.relates_to, &mut found.relates_tos, text()),
            "ReplyTo" => {
                let address = tree
                    .child(*header, WSA, "Address")
                    .map(|a| tree.string_value(a).trim().to_owned())
                    .unwrap_or_default();
                keep(&mut found.reply_to, &mut found.reply_tos, address);
            }
            _ => {}
        }
    }
    found
}

/// A fault.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fault {
    /// Local part of the code: `Sender`, `Receiver` (1.2), `Client`, `Server` (1.1).
    pub code: String,
    /// Local part of the subcode.
    pub subcode: Option<String>,
    /// First reason.
    pub reason: String,
    /// `Detail`.
    pub detail: Option<NodeId>,
}

impl Fault {
    /// Reads `node`; `None` when it is no fault.
    pub fn read(tree: &Tree, node: NodeId) -> Option<Self> {
        if tree.local(node) != "Fault" {
            return None;
        }
        let text = |n: NodeId| tree.string_value(n).trim().to_owned();
        // `soap:Sender`: the prefix is an accident.
        let local = |n: NodeId| text(n).rsplit(':').next().unwrap_or_default().to_owned();
        match tree.namespace(node) {
            SOAP12 => {
                let find = |path: &[&str]| tree.find(node, SOAP12, path);
                Some(Self {
                    code: find(&["Code", "Value"]).map(local).unwrap_or_default(),
                    subcode: find(&["Code", "Subcode", "Value"]).map(local),
                    reason: find(&["Reason", "Text"]).map(text).unwrap_or_default(),
                    detail: find(&["Detail"]),
                })
            }
            SOAP11 => {
                let child = |name| tree.child_elements(node).find(|n| tree.local(*n) == name);
                Some(Self {
                    code: child("faultcode").map(local).unwrap_or_default(),
                    subcode: None,
                    reason: child("faultstring").map(text).unwrap_or_default(),
                    detail: child("detail"),
                })
            }
            _ => None,
        }
    }

    /// The fault of an envelope, if its body holds one.
    pub fn of(tree: &Tree, envelope: &Envelope) -> Option<Self> {
        Self::read(tree, envelope.payload.as_ref()?.node)
    }

    /// Is the sender at fault, so that sending again is in vain?
    pub fn is_sender(&self) -> bool {
        matches!(self.code.as_str(), "Sender" | "Client")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::xml::Limits;

    fn read(text: &str) -> Tree {
        Tree::read(text.as_bytes(), &Limits::default()).unwrap()
    }

    #[test]
    fn an_envelope_is_taken_apart() {
        let tree = read(&format!(
            "<e:Envelope xmlns:e='{SOAP12}' xmlns:a='{WSA}' xmlns:w='{WSSE}' xmlns:s='{SAML}'><e:Header>\
             <a:MessageID> urn:uuid:1 </a:MessageID><a:MessageID>2</a:MessageID><a:To/>\
             <a:ReplyTo e:mustUnderstand='true'><a:Address>{ANONYMOUS}</a:Address></a:ReplyTo>\
             <a:Action e:mustUnderstand='1'>urn:x</a:Action><a:ReplyTo/><w:Security><s:Assertion/></w:Security>\
             </e:Header><e:Body><b xmlns='urn:b'><s:Assertion/></b><c/></e:Body></e:Envelope>"
        ));
        let envelope = Envelope::read(&tree).unwrap();
        assert_eq!(envelope.version, Version::V12);
        let addressing = &envelope.addressing;
        assert_eq!(addressing.message_id.as_deref(), Some("urn:uuid:1"));
        assert_eq!((addressing.message_ids, addressing.actions), (2, 1));
        assert_eq!((addressing.to.as_deref(), addressing.tos), (Some(""), 1));
        assert_eq!(addressing.reply_to.as_deref(), Some(ANONYMOUS));
        assert_eq!((addressing.reply_tos, addressing.relates_tos), (2, 0));
        assert_eq!(envelope.must_understand.len(), 2);
        assert_eq!(envelope.security.len(), 1);
        assert_eq!(envelope.assertions.len(), 2);
        assert_eq!(envelope.assertion(&tree), Some(envelope.assertions[0]));
        let payload = envelope.payload.as_ref().unwrap();
        assert_eq!((&*payload.namespace, &*payload.local), ("urn:b", "b"));
        assert_eq!(envelope.payloads, 2);
    }

    #[test]
    fn an_assertion_outside_the_security_header_is_not_the_one_used() {
        let tree = read(&format!(
            "<e:Envelope xmlns:e='{SOAP12}' xmlns:w='{WSSE}' xmlns:s='{SAML}'><e:Header><x><w:Security><s:Assertion/></w:Security></x></e:Header><e:Body/></e:Envelope>"
        ));
        let envelope = Envelope::read(&tree).unwrap();
        assert_eq!(envelope.assertions.len(), 1);
        assert_eq!(envelope.assertion(&tree), None);
        assert!(envelope.security.is_empty() && envelope.payload.is_none());
        assert!(Envelope::read(&read("<Envelope/>")).is_none());
    }

    #[test]
    fn faults_of_both_versions_are_read() {
        let tree = read(&format!(
            "<s:Envelope xmlns:s='{SOAP12}'><s:Body><s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>s:DMPInvalidCertificate</s:Value></s:Subcode></s:Code><s:Reason><s:Text xml:lang='fr'>Refus\u{e9}</s:Text></s:Reason></s:Fault></s:Body></s:Envelope>"
        ));
        let fault = Fault::of(&tree, &Envelope::read(&tree).unwrap()).unwrap();
        assert!(fault.is_sender());
        assert_eq!(fault.subcode.as_deref(), Some("DMPInvalidCertificate"));
        assert_eq!(fault.reason, "Refus\u{e9}");
        let tree = read(&format!(
            "<s:Envelope xmlns:s='{SOAP11}'><s:Body><s:Fault><faultcode>s:Server</faultcode><faultstring>x</faultstring></s:Fault></s:Body></s:Envelope>"
        ));
        let fault = Fault::of(&tree, &Envelope::read(&tree).unwrap()).unwrap();
        assert_eq!((&*fault.code, &*fault.reason), ("Server", "x"));
        assert!(!fault.is_sender());
    }
}
