//! The service behind both listeners: reads a request, passes it through the checks, answers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use diapason_core::{Clock, FaultId, PersonaId, Sha256Hex, Timestamp};
use diapason_formats::dmp::{Message, MessageError, Operation};
use diapason_formats::soap::Version;
use diapason_mock_common::fault::{Faults, Playing};
use diapason_mock_common::http::{Bytes, Classified, HttpService, Incoming, Reply, TlsFault};
use diapason_mock_common::pki::Pki;

use crate::answer::mtom::Shape;
use crate::answer::soap::{Addressing, Fault, SOAP_TYPE};
use crate::behaviour::{Behaviour, Policy};
use crate::faults::{self, Before, Leaving, Parameters};
use crate::names::ANONYMOUS;
use crate::pipeline::Gate;
use crate::reply::{Outgoing, finish};
use crate::state::{State, uuid_of};
use crate::transactions::{Answered, Call, Twist, answer};
use crate::{author, guard, people, web};

/// Path of the SOAP services.
pub(crate) const PREFIX: &str = "/si-dmp-server/v2/services";
/// Services, below it.
const SERVICES: [&str; 4] = ["patients", "habilitations", "registry", "repository"];
/// Header blocks that a receiver of this contract understands.
const UNDERSTOOD: [&str; 9] = [
    "Action",
    "MessageID",
    "To",
    "From",
    "ReplyTo",
    "FaultTo",
    "RelatesTo",
    "Security",
    "Timestamp",
];

/// The service.
pub(crate) struct DmpService {
    behaviour: Behaviour,
    faults: Faults,
    state: Mutex<State>,
    clock: Clock,
    pki: Arc<Pki>,
}

impl DmpService {
    pub(crate) fn new(
        behaviour: Behaviour,
        people: Vec<diapason_core::persona::Person>,
        clock: Clock,
        pki: Arc<Pki>,
    ) -> Self {
        Self {
            behaviour,
            faults: Faults::new(faults::armed_catalogue()),
            state: Mutex::new(State::new(people::People::new(people))),
            clock,
            pki,
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn faults(&self) -> &Faults {
        &self.faults
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Back to the start.
    pub(crate) fn reset(&self) {
        self.faults.clear();
        self.state().reset();
    }

    pub(crate) fn switches(&self) -> BTreeMap<String, String> {
        self.behaviour.describe()
    }

    /// Addressing of an answer. Its MessageID comes from the exchange number: the same run gives the same ids.
    fn addressing(
        incoming: &Incoming,
        operation: Operation,
        message_id: Option<&str>,
    ) -> Addressing {
        Addressing {
            action: operation.answer_action().unwrap_or_default(),
            message_id: uuid_of(&format!("answer {}", incoming.exchange.0)),
            relates_to: message_id.map(ToOwned::to_owned),
        }
    }

    /// Why the call does not get as far as the checks of its caller.
    fn malformed(
        &self,
        incoming: &Incoming,
        service: &str,
        read: &Result<Message<'_>, MessageError>,
    ) -> Option<(u16, Fault)> {
        let stack = |subcode: &str, text: String| Some((500, Fault::sender(subcode, text)));
        let message = match read {
            Ok(message) => message,
            Err(MessageError::Package(problem)) => {
                return stack(
                    "MOCK_MtomPackage",
                    format!("Paquet MTOM illisible : {problem}."),
                );
            }
            Err(error @ MessageError::Envelope(_)) => {
                return stack("MOCK_Enveloppe", format!("Enveloppe illisible : {error}."));
            }
        };
        let content_type = incoming.header("content-type").unwrap_or_default();
        let essence = content_type
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase();
        let envelope = message.envelope();
        let operation = message.operation();
        let soap11 = envelope.is_some_and(|e| e.version == Version::V11);
        let feeding11 = soap11
            && operation == Operation::Alimentation
            && self.behaviour.soap11_feeding == Policy::Accept;
        let known = essence == "application/soap+xml"
            || essence == "multipart/related"
            || (feeding11 && essence == "text/xml");
        if !known {
            let text = format!("Content-Type application/soap+xml attendu, {essence} reçu.");
            return Some((415, Fault::sender("", text)));
        }
        let Some(envelope) = envelope else {
            return stack("", "Une enveloppe SOAP 1.2 est attendue.".to_owned());
        };
        if soap11 && !feeding11 {
            return stack(
                "MOCK_VersionMismatch",
                "Une enveloppe SOAP 1.2 est attendue.".to_owned(),
            );
        }
        let foreign = envelope.must_understand.iter().find_map(|block| {
            let name = message.tree.local(*block);
            (!UNDERSTOOD.contains(&name)).then(|| name.to_owned())
        });
        if let Some(name) = foreign {
            let text = format!("L'en-tête {name} (mustUnderstand) n'est pas compris.");
            return stack("MOCK_MustUnderstand", text);
        }
        let addressing = &envelope.addressing;
        let missing = [
            (addressing.message_id.is_some(), "MessageID"),
            (addressing.action.is_some(), "Action"),
            (addressing.tos > 0, "To"),
        ]
        .into_iter()
        .find(|(there, _)| !there);
        if let Some((_, name)) = missing {
            let text = format!("Propriété d'adressage obligatoire absente : {name}.");
            return stack("wsa:MessageAddressingHeaderRequired", text);
        }
        if addressing
            .reply_to
            .as_deref()
            .is_some_and(|r| r != ANONYMOUS)
        {
            let text = "Seule l'adresse de réponse anonyme est admise.".to_owned();
            return stack("wsa:OnlyAnonymousAddressSupported", text);
        }
        if operation.service() != Some(service) {
            let asked = envelope
                .payload
                .as_ref()
                .map_or("aucun corps", |p| p.local.as_str());
            let text = format!("Le service {service} ne connaît pas l'opération {asked}.");
            return stack("MOCK_OperationInconnue", text);
        }
        None
    }

    /// The answer of the service, faults aside.
    fn natural(
        &self,
        incoming: &Incoming,
        message: &Message<'_>,
        body: &Bytes,
        twist: &Twist,
    ) -> Answered {
        let tls = incoming
            .tls
            .as_ref()
            .and_then(|t| t.client_certificate.as_ref());
        let now = self.now();
        let gate = Gate {
            behaviour: &self.behaviour,
            pki: &self.pki,
            now,
            tls,
            message,
        };
        match gate.pass() {
            Err(fault) => Answered::fault(fault),
            Ok(caller) => answer(&mut Call {
                behaviour: &self.behaviour,
                state: &mut self.state(),
                caller: &caller,
                now,
                message,
                body,
                twist,
            }),
        }
    }

    /// A SOAP call.
    fn call(&self, incoming: &Incoming, classified: &Classified, service: &str) -> Reply {
        let body = &incoming.body;
        let read = Message::read(incoming.header("content-type"), body);
        let operation = read.as_ref().map_or(Operation::Unknown, Message::operation);
        let message_id = read
            .as_ref()
            .ok()
            .and_then(|m| m.envelope())
            .and_then(|e| e.addressing.message_id.clone());
        let addressing = Self::addressing(incoming, operation, message_id.as_deref());
        let shape = Shape::default();
        let plain = |answered: &Answered| {
            finish(
                Outgoing {
                    operation,
                    answered,
                    addressing: &addressing,
                    shape: &shape,
                },
                String::into_bytes,
            )
        };
        let playing = self
            .faults
            .take(&classified.operation, classified.persona.as_ref());
        let persona = classified.persona.as_ref();
        let (twist, renumber) = match &playing {
            None => (Twist::default(), false),
            Some(playing) => match faults::before(playing, operation, read.as_ref().ok()) {
                Before::Say(said) => {
                    let mut reply = plain(&said);
                    self.said_instead(playing, &mut reply);
                    return reply;
                }
                Before::Http(mut reply) => {
                    reply.fault = Some(playing.id.clone());
                    return *reply;
                }
                Before::Work { twist, renumber } => (*twist, renumber),
            },
        };
        if let Some((status, fault)) = self.malformed(incoming, service, &read) {
            let mut reply = plain(&Answered::fault(fault));
            reply.status = status;
            return reply;
        }
        let Ok(message) = read else {
            // `malformed` has answered it.
            return Reply::new(500, SOAP_TYPE, Vec::new());
        };
        if renumber && let Some(persona) = persona {
            self.state().renumber(persona);
        }
        let answered = self.natural(incoming, &message, body, &twist);
        match &playing {
            None => plain(&answered),
            Some(playing) => faults::after(
                playing,
                Leaving {
                    operation,
                    answered,
                    addressing,
                    foreign: &|| self.foreign(persona),
                },
            ),
        }
    }

    /// What remains to be changed of an answer that a fault gave.
    fn said_instead(&self, playing: &Playing, reply: &mut Reply) {
        reply.fault = Some(playing.id.clone());
        match playing.id.as_str() {
            "DMP-F-FAULT-200" => reply.status = 200,
            "DMP-F-CLOCK" => {
                let shift = Parameters::of(playing).number("seconds");
                let shift = i64::try_from(shift).unwrap_or(0) * 1_000;
                let at = Timestamp::from_unix_millis(self.now().unix_millis() + shift);
                reply
                    .headers
                    .push(("Date".to_owned(), diapason_mock_common::http::http_date(at)));
            }
            _ => {}
        }
    }

    /// A document of somebody else than that person.
    fn foreign(&self, persona: Option<&PersonaId>) -> Bytes {
        let state = self.state();
        let other = state
            .people
            .all()
            .find(|p| p.ins.is_some() && Some(&p.id) != persona);
        let now = self.now();
        other
            .and_then(|p| Some(author::foreign(p, p.ins.as_ref()?, now)))
            .unwrap_or_default()
    }
}

/// The service that a path names, when it is one of the four.
fn service(path: &str) -> Option<&'static str> {
    let rest = path.strip_prefix(PREFIX)?.strip_prefix('/')?;
    SERVICES
        .into_iter()
        .find(|s| rest.trim_end_matches('/') == *s)
}

impl HttpService for DmpService {
    fn classify(&self, incoming: &Incoming) -> Classified {
        let mut classified = Classified {
            operation: "unknown".to_owned(),
            ..Classified::default()
        };
        if incoming.listener == "web" {
            if let Some((_, ins)) = web::page(&incoming.path) {
                Operation::AccesWeb
                    .as_str()
                    .clone_into(&mut classified.operation);
                classified.persona = ins.and_then(|ins| web::persona(&self.state(), ins));
            }
            return classified;
        }
        if incoming.method != "POST" || service(&incoming.path).is_none() {
            return classified;
        }
        let Ok(message) = Message::read(incoming.header("content-type"), &incoming.body) else {
            return classified;
        };
        message
            .operation()
            .as_str()
            .clone_into(&mut classified.operation);
        classified.persona = message
            .ins()
            .and_then(|(ins, oid)| self.state().persona_of(&ins, &oid));
        let mut present = |kind: &str, value: Option<&str>| {
            if let Some(value) = value.filter(|v| !v.is_empty()) {
                let hash = Sha256Hex::of(value.as_bytes());
                classified.presented.insert(kind.to_owned(), hash);
            }
        };
        let addressing = message.envelope().map(|e| &e.addressing);
        present(
            "message_id",
            addressing.and_then(|a| a.message_id.as_deref()),
        );
        let assertion = message
            .assertion()
            .and_then(|n| message.tree.attribute(n, "ID"));
        present("assertion_id", assertion);
        let target = message.lot().and_then(|l| {
            l.associations
                .iter()
                .map(|a| a.target.as_str())
                .find(|t| t.starts_with("urn:uuid:"))
        });
        present("entry_uuid", target);
        classified
    }

    fn answer(&self, incoming: &Incoming, classified: &Classified) -> Reply {
        if incoming.listener == "web" {
            return web::answer(&self.state(), incoming);
        }
        let Some(service) = service(&incoming.path) else {
            let text = format!(
                "Rien à cette adresse : les services sont sous {PREFIX} ({}).\n",
                SERVICES.join(", ")
            );
            return Reply::new(404, "text/plain; charset=utf-8", text).outcome("http_404");
        };
        if incoming.method != "POST" {
            let text = "Seul POST est admis.\n";
            let mut reply = Reply::new(405, "text/plain; charset=utf-8", text).outcome("http_405");
            reply.headers.push(("Allow".to_owned(), "POST".to_owned()));
            return reply;
        }
        self.call(incoming, classified, service)
    }

    fn guard(&self, incoming: &Incoming) -> Option<String> {
        guard::real_data(incoming, &self.state().people)
    }

    fn tls_fault(&self, listener: &'static str) -> Option<(FaultId, TlsFault)> {
        if listener != "tlsm" {
            return None;
        }
        let playing = self.faults.take("tls", None)?;
        let fault = faults::tls(&playing.id)?;
        Some((playing.id, fault))
    }
}
