//! HTTP around a SOAP answer.

use diapason_formats::insi::answer::Family;
use diapason_formats::insi::{Envelope, Message, write};
use diapason_mock_common::http::Reply;

/// Content type of the answers.
pub(crate) const SOAP_TYPE: &str = "application/soap+xml; charset=utf-8";

/// A SOAP message as an HTTP answer.
pub(crate) fn soap_reply(status: u16, message: &Message, envelope: &Envelope) -> Reply {
    let content_type = match message {
        Message::Fault(f) if f.family == Family::Soap11 => "text/xml; charset=utf-8",
        _ => SOAP_TYPE,
    };
    let word = match (message, message.word().as_str()) {
        (Message::Verification(_), "00") => "ok".to_owned(),
        (Message::Verification(_), _) => "ko".to_owned(),
        (_, word) => word.to_owned(),
    };
    Reply::new(status, content_type, write(message, envelope)).outcome(word)
}
