//! Puts an answer into SOAP and HTTP: alone, or as a package when it is a retrieval's.

use diapason_formats::dmp::Operation;
use diapason_mock_common::http::Reply;

use crate::answer::mtom::{self, Shape};
use crate::answer::soap::{Addressing, SOAP_TYPE};
use crate::transactions::Answered;

/// An answer about to leave.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outgoing<'a> {
    pub(crate) operation: Operation,
    pub(crate) answered: &'a Answered,
    pub(crate) addressing: &'a Addressing,
    pub(crate) shape: &'a Shape,
}

/// The reply. `edit` is given the envelope and gives the bytes that go out.
pub(crate) fn finish(outgoing: Outgoing<'_>, edit: impl FnOnce(String) -> Vec<u8>) -> Reply {
    let Outgoing {
        operation,
        answered,
        addressing,
        shape,
    } = outgoing;
    let said = &answered.said;
    let envelope = edit(said.envelope(addressing));
    // Every answer of a retrieval is a package, faults included.
    let reply = if operation == Operation::Consultation {
        mtom::reply(
            said.status(),
            envelope,
            &addressing.message_id,
            &answered.attachments,
            shape,
        )
    } else {
        Reply::new(said.status(), SOAP_TYPE, envelope)
    };
    Reply {
        issued: answered.issued.clone(),
        ..reply.outcome(said.outcome())
    }
}
