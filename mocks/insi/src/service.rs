//! The teleservice behind both listeners: reads a request, finds the person, answers.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use diapason_core::exchange::PeerCertificate;
use diapason_core::persona::Person;
use diapason_core::{FaultId, PersonaId, Sha256Hex};
use diapason_formats::http::ContentType;
use diapason_formats::insi::answer::Family;
use diapason_formats::insi::request::{Content, SoapVersion};
use diapason_formats::insi::saml::signature_problems;
use diapason_formats::insi::xml::XmlProblem;
use diapason_formats::insi::{
    Answer, Envelope, Individu, Message, OP_UNKNOWN, OP_VERIFICATION, Request,
};
use diapason_mock_common::fault::Faults;
use diapason_mock_common::http::{Classified, HttpService, Incoming, Reply, TlsFault};

use crate::behaviour::{Behaviour, Refusal, Untrusted};
use crate::faults::{self, Scene, natural_status};
use crate::people::{People, cartes};
use crate::reply::soap_reply;
use crate::{fautes, guard, matching};

/// The only path.
pub(crate) const PATH: &str = "/lps";
/// Header blocks a receiver of this contract understands.
const UNDERSTOOD: [&str; 9] = [
    "ContexteBAM",
    "ContexteLPS",
    "Action",
    "MessageID",
    "Security",
    "To",
    "From",
    "ReplyTo",
    "FaultTo",
];

/// What changes during a run.
#[derive(Debug)]
struct State {
    people: People,
    /// Forced outcome of verifications.
    verification: Option<bool>,
}

/// The service.
#[derive(Debug)]
pub(crate) struct InsiService {
    behaviour: Behaviour,
    verification: bool,
    faults: Faults,
    state: Mutex<State>,
    calls: AtomicU32,
    /// Addresses by listener name, known once bound.
    pub(crate) addresses: OnceLock<BTreeMap<String, String>>,
}

/// The answer to a request that may be answered, and whom it is about.
struct Natural {
    message: Message,
    person: Option<Person>,
}

impl InsiService {
    pub(crate) fn new(behaviour: Behaviour, verification: bool, seed: u64) -> Self {
        Self {
            behaviour,
            verification,
            faults: Faults::new(faults::faults()),
            state: Mutex::new(State {
                people: People::new(seed),
                verification: None,
            }),
            calls: AtomicU32::new(0),
            addresses: OnceLock::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Back to the start.
    pub(crate) fn reset(&self) {
        self.faults.clear();
        self.calls.store(0, Ordering::SeqCst);
        let mut state = self.state();
        state.people.reset();
        state.verification = None;
    }

    pub(crate) fn faults(&self) -> &Faults {
        &self.faults
    }

    pub(crate) fn people<T>(&self, of: impl FnOnce(&mut People) -> T) -> T {
        of(&mut self.state().people)
    }

    pub(crate) fn force_verification(&self, ok: bool) {
        self.state().verification = Some(ok);
    }

    pub(crate) fn switches(&self) -> BTreeMap<String, String> {
        self.behaviour.describe(self.verification)
    }

    fn envelope(&self) -> Envelope {
        Envelope {
            style: self.behaviour.style,
            ..Envelope::default()
        }
    }

    fn other_listener(&self, name: &str) -> String {
        let other = if name == "tls" { "tlsm" } else { "tls" };
        self.addresses
            .get()
            .and_then(|a| a.get(other))
            .cloned()
            .unwrap_or_else(|| format!("https://localhost:1{PATH}"))
    }

    /// Why the call does not get as far as the application.
    fn refusal(&self, incoming: &Incoming, read: &Result<Request, XmlProblem>) -> Option<Reply> {
        let fault = |status, message: &Message| Some(soap_reply(status, message, &self.envelope()));
        let stack = |code, text: &str| fautes::soap_stack(Family::A, code, text);
        let message_id = read.as_ref().ok().and_then(|r| r.message_id());
        if incoming.listener == "tlsm"
            && let Some(why) = self.certificate_problem(certificate(incoming))
        {
            return fault(500, &fautes::desir_560(message_id, &why));
        }
        let request = match read {
            Ok(request) => request,
            Err(problem) => {
                let text = format!("the envelope cannot be read: {problem}");
                return fault(500, &stack("Sender", &text));
            }
        };
        if request.soap_version == Some(SoapVersion::V11) {
            let text = "this service speaks SOAP 1.2 only";
            let message = fautes::soap_stack(Family::Soap11, "VersionMismatch", text);
            return fault(500, &message);
        }
        let essence = content_type(incoming).map(|c| c.essence);
        if essence.as_deref() != Some("application/soap+xml") {
            let text = "content type application/soap+xml expected";
            return fault(415, &stack("Sender", text));
        }
        if request.soap_version.is_none() {
            let text = format!("a SOAP 1.2 envelope is expected, not {}", request.root);
            return fault(500, &stack("VersionMismatch", &text));
        }
        if let Some(block) = request
            .must_understand
            .iter()
            .find(|b| !UNDERSTOOD.contains(&b.as_str()))
        {
            let text = format!("header {block} is not understood");
            return fault(500, &stack("MustUnderstand", &text));
        }
        let operation = operation(request, incoming);
        let served = operation != OP_UNKNOWN
            && (self.verification || operation != OP_VERIFICATION)
            && !matches!(
                request.body.as_ref().map(|b| &b.content),
                None | Some(Content::Other)
            );
        if !served {
            let asked = request.action().unwrap_or("none");
            let text = format!("no operation for action {asked} with this body");
            return fault(500, &stack("Sender", &text));
        }
        let assertions = request.security.as_ref().map_or(0, |s| s.assertions.len());
        if incoming.listener == "tls"
            && assertions == 0
            && self.behaviour.no_assertion == Refusal::Fault
        {
            let why = "aucune assertion ne dit qui appelle";
            return fault(500, &fautes::desir_560(message_id, why));
        }
        if assertions > 0 && self.behaviour.bad_signature == Refusal::Fault {
            let problems = signature_problems(&incoming.body);
            if let Some(problem) = problems.iter().flatten().find(|p| !p.is_empty()) {
                let why = format!("la signature de l'assertion ne se vérifie pas : {problem}");
                return fault(500, &fautes::desir_560(message_id, &why));
            }
        }
        let idam = request.lps.as_ref().and_then(|l| l.idam.as_deref());
        let idam_ok =
            idam.is_some_and(|i| i.len() == 12 && i.bytes().all(|b| b.is_ascii_alphanumeric()));
        if !idam_ok && self.behaviour.idam == Refusal::Fault {
            return fault(500, &fautes::desir_550(message_id));
        }
        None
    }

    fn certificate_problem(&self, certificate: Option<&PeerCertificate>) -> Option<String> {
        let Some(certificate) = certificate else {
            return (self.behaviour.untrusted_client == Untrusted::Fault)
                .then(|| "aucun certificat client".to_owned());
        };
        if !certificate.trusted && self.behaviour.untrusted_client == Untrusted::Fault {
            return Some("certificat client non reconnu".to_owned());
        }
        let cn = certificate.subject_cn.as_deref();
        (self.behaviour.other_cn == Refusal::Fault
            && !matches!(cn, Some("INSI-AUTO" | "INSI-MANU")))
        .then(|| "le certificat n'est ni INSI-AUTO ni INSI-MANU".to_owned())
    }

    /// What the application answers.
    fn natural(&self, request: &Request) -> Natural {
        let state = self.state();
        let people = &state.people;
        let search = |found: &[&Person]| match found {
            [] => (Answer::nobody(), None),
            [only] => (
                Individu::of(only).map_or_else(Answer::nobody, Answer::found),
                Some((*only).clone()),
            ),
            _ => (Answer::several(), None),
        };
        let (message, person) = match request.body.as_ref().map(|b| &b.content) {
            Some(Content::Traits(t)) => {
                let nameless = t
                    .nom_naissance
                    .as_deref()
                    .is_none_or(|n| n.trim().is_empty());
                if nameless && self.behaviour.missing_nom == Refusal::Fault {
                    (fautes::insi_19(&self.behaviour.severite), None)
                } else {
                    let prefixes = self.behaviour.prefix_prenoms;
                    let (answer, person) = search(&matching::by_traits(people, t, prefixes));
                    (Message::Resultat(answer), person)
                }
            }
            Some(Content::Vitale(v)) => {
                let (answer, person) = search(&matching::by_card(people, cartes(), v));
                (Message::Resultat(answer), person)
            }
            Some(Content::Verification(v)) => {
                let person = matching::verified(people, v);
                let ok = state.verification.unwrap_or(person.is_some());
                let (code, libelle) = if ok { ("00", "OK") } else { ("01", "KO") };
                let answer = Answer {
                    code: Some(code.to_owned()),
                    libelle: libelle.to_owned(),
                    individu: None,
                };
                (Message::Verification(answer), person.cloned())
            }
            Some(Content::Other) | None => {
                // `refusal` answers these first.
                let text = "no operation for this body";
                (fautes::soap_stack(Family::A, "Sender", text), None)
            }
        };
        Natural { message, person }
    }

    fn persona(&self, request: &Request) -> Option<PersonaId> {
        let state = self.state();
        let people = &state.people;
        let person = match request.body.as_ref().map(|b| &b.content)? {
            Content::Traits(t) => matching::about(people, t),
            Content::Vitale(v) => matching::by_card(people, cartes(), v).first().copied(),
            Content::Verification(v) => {
                let number = v.matricule.as_ref().and_then(|m| m.numero.as_deref());
                let holds = |p: &&Person| {
                    p.ins
                        .iter()
                        .chain(&p.historique)
                        .any(|i| number == Some(i.matricule.number()))
                };
                people
                    .all()
                    .find(holds)
                    .or_else(|| matching::about(people, &v.traits))
            }
            Content::Other => None,
        };
        person.map(|p| p.id.clone())
    }
}

fn certificate(incoming: &Incoming) -> Option<&PeerCertificate> {
    incoming.tls.as_ref()?.client_certificate.as_ref()
}

fn content_type(incoming: &Incoming) -> Option<ContentType> {
    incoming.header("content-type").map(ContentType::parse)
}

fn operation(request: &Request, incoming: &Incoming) -> &'static str {
    let action = content_type(incoming).and_then(|c| c.action);
    request.operation(action.as_deref())
}

fn is_call(incoming: &Incoming) -> bool {
    incoming.method == "POST" && incoming.path == PATH
}

impl HttpService for InsiService {
    fn classify(&self, incoming: &Incoming) -> Classified {
        let mut classified = Classified {
            operation: OP_UNKNOWN.to_owned(),
            ..Classified::default()
        };
        if !is_call(incoming) {
            return classified;
        }
        if let Ok(request) = Request::parse(&incoming.body) {
            operation(&request, incoming).clone_into(&mut classified.operation);
            classified.persona = self.persona(&request);
            if let Some(id) = request.message_id() {
                let hash = Sha256Hex::of(id.as_bytes());
                classified.presented.insert("message_id".to_owned(), hash);
            }
        }
        classified
    }

    fn answer(&self, incoming: &Incoming, classified: &Classified) -> Reply {
        if incoming.path != PATH {
            let text = format!("Rien à cette adresse : le téléservice est sous {PATH}.\n");
            return Reply::new(404, "text/plain; charset=utf-8", text).outcome("http_404");
        }
        if incoming.method != "POST" {
            let text = "Seul POST est admis.\n";
            let mut reply = Reply::new(405, "text/plain; charset=utf-8", text).outcome("http_405");
            reply.headers.push(("Allow".to_owned(), "POST".to_owned()));
            return reply;
        }
        let read = Request::parse(&incoming.body);
        if let Some(refused) = self.refusal(incoming, &read) {
            return refused;
        }
        let request = read.unwrap_or_default();
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        let Natural { message, person } = self.natural(&request);
        let playing = self
            .faults
            .take(&classified.operation, classified.persona.as_ref());
        let Some(playing) = playing else {
            return soap_reply(natural_status(&message), &message, &self.envelope());
        };
        let people = self.state().people.clone();
        faults::play(
            &playing,
            Scene {
                natural: message,
                envelope: self.envelope(),
                message_id: request.message_id(),
                person: person.as_ref(),
                people: &people,
                other_listener: &self.other_listener(incoming.listener),
                operation: &classified.operation,
                call,
            },
        )
    }

    fn guard(&self, incoming: &Incoming) -> Option<String> {
        guard::real_data(incoming, &self.state().people)
    }

    fn tls_fault(&self, _listener: &'static str) -> Option<(FaultId, TlsFault)> {
        let playing = self.faults.take("tls", None)?;
        let fault = faults::tls(&playing.id)?;
        Some((playing.id, fault))
    }
}
