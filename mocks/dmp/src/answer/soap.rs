//! The envelope of an answer, and SOAP faults.

use crate::names::{ANONYMOUS, SOAP12, WSA};
use crate::xml::Xml;

/// Content type of an answer without attachment.
pub(crate) const SOAP_TYPE: &str = "application/soap+xml;charset=UTF-8";

/// A SOAP fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// Is it the caller's doing (`Sender`), or ours (`Receiver`)?
    pub(crate) sender: bool,
    /// Subcode; none when empty.
    pub(crate) subcode: String,
    /// What the caller reads, in French.
    pub(crate) reason: String,
}

impl Fault {
    pub(crate) fn sender(subcode: &str, reason: impl Into<String>) -> Self {
        Self {
            sender: true,
            subcode: subcode.to_owned(),
            reason: reason.into(),
        }
    }

    pub(crate) fn receiver(subcode: &str, reason: impl Into<String>) -> Self {
        Self {
            sender: false,
            ..Self::sender(subcode, reason)
        }
    }

    /// Word of the journal.
    pub(crate) fn word(&self) -> String {
        let code = if self.sender { "Sender" } else { "Receiver" };
        let said = if self.subcode.is_empty() {
            code
        } else {
            &self.subcode
        };
        format!("fault:{}", said.rsplit(':').next().unwrap_or(said))
    }

    fn body(&self) -> String {
        let mut out = Xml::new();
        let code = if self.sender { "Sender" } else { "Receiver" };
        out.open("soap:Fault", &[])
            .open("soap:Code", &[])
            .leaf("soap:Value", &format!("soap:{code}"));
        if !self.subcode.is_empty() {
            // A code of the DMP is a QName in the prefix of SOAP, as seen; one with a prefix keeps it.
            let name = if self.subcode.contains(':') {
                self.subcode.clone()
            } else {
                format!("soap:{}", self.subcode)
            };
            out.open("soap:Subcode", &[])
                .leaf("soap:Value", &name)
                .close("soap:Subcode");
        }
        out.close("soap:Code")
            .open("soap:Reason", &[])
            .open("soap:Text", &[("xml:lang", "fr")])
            .text(&self.reason)
            .close("soap:Text")
            .close("soap:Reason")
            .close("soap:Fault");
        out.done()
    }
}

/// What goes around a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Addressing {
    pub(crate) action: String,
    pub(crate) message_id: String,
    /// MessageID answered; no header when the request had none.
    pub(crate) relates_to: Option<String>,
}

/// Action of a fault.
pub(crate) const FAULT_ACTION: &str = "http://www.w3.org/2005/08/addressing/soap/fault";

/// An envelope around a body.
pub(crate) fn envelope(addressing: &Addressing, body: &str) -> String {
    let mut out = Xml::new();
    out.raw("<?xml version=\"1.0\" encoding=\"UTF-8\"?>")
        .open(
            "soap:Envelope",
            &[("xmlns:soap", SOAP12), ("xmlns:wsa", WSA)],
        )
        .open("soap:Header", &[])
        .leaf("wsa:Action", &addressing.action)
        .leaf("wsa:MessageID", &addressing.message_id)
        .leaf("wsa:To", ANONYMOUS);
    if let Some(relates_to) = &addressing.relates_to {
        out.leaf("wsa:RelatesTo", relates_to);
    }
    out.close("soap:Header")
        .open("soap:Body", &[])
        .raw(body)
        .close("soap:Body")
        .close("soap:Envelope");
    out.done()
}

/// An answer of a service, before it is put into HTTP.
#[derive(Debug, Clone)]
pub(crate) enum Said {
    /// Body of a normal answer, and its outcome word.
    Body { xml: String, outcome: String },
    /// A fault.
    Fault(Fault),
}

impl Said {
    pub(crate) fn outcome(&self) -> String {
        match self {
            Self::Body { outcome, .. } => outcome.clone(),
            Self::Fault(fault) => fault.word(),
        }
    }

    /// 200, or 500 for a fault.
    pub(crate) fn status(&self) -> u16 {
        match self {
            Self::Body { .. } => 200,
            Self::Fault(_) => 500,
        }
    }

    /// The envelope.
    pub(crate) fn envelope(&self, addressing: &Addressing) -> String {
        match self {
            Self::Body { xml, .. } => envelope(addressing, xml),
            Self::Fault(fault) => {
                let addressing = Addressing {
                    action: FAULT_ACTION.to_owned(),
                    ..addressing.clone()
                };
                envelope(&addressing, &fault.body())
            }
        }
    }
}
