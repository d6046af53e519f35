//! The transactions, once the caller is known: rights and state first, then what each one does.

mod alimentation;
mod attributs;
mod consultation;
mod existence;
mod habilitations;
mod recherche;

pub(crate) use alimentation::sha1;
pub(crate) use habilitations::status;

use std::collections::BTreeMap;

use diapason_core::scenario::{DmpAutorisation, DmpStatut};
use diapason_core::{PersonaId, Sha256Hex, Timestamp};
use diapason_formats::dmp::{Message, Operation};
use diapason_formats::vihf::Mode;
use diapason_mock_common::http::Bytes;

use crate::answer::ebrim::{self, Outcome, RegistryError};
use crate::answer::mtom::Attachment;
use crate::answer::soap::{Fault, Said};
use crate::behaviour::{Behaviour, Carrier};
use crate::caller::Caller;
use crate::droits::{Acces, Droit, Reponse};
use crate::names::MASQUE_PS;
use crate::pipeline::{MISMATCH, same_person};
use crate::state::{Access, Entry, State};
use crate::xml::Xml;

/// What a transaction works with.
pub(crate) struct Call<'a> {
    pub(crate) behaviour: &'a Behaviour,
    pub(crate) state: &'a mut State,
    pub(crate) caller: &'a Caller,
    pub(crate) now: Timestamp,
    pub(crate) message: &'a Message<'a>,
    /// The body the message was read from, shared.
    pub(crate) body: &'a Bytes,
    /// What a fault changes of its work.
    pub(crate) twist: &'a Twist,
}

/// What a fault changes of the service's work, which otherwise goes on as usual.
#[derive(Debug, Clone, Default)]
pub(crate) struct Twist {
    /// The registry finds no document any more.
    pub(crate) amnesia: bool,
    /// The last object asked for is missing.
    pub(crate) partial: bool,
    /// A warning goes with the success of a feeding.
    pub(crate) warning: Option<String>,
    /// Another answer to the existence test.
    pub(crate) existence: Option<Existence>,
}

/// Another answer to the existence test.
#[derive(Debug, Clone)]
pub(crate) enum Existence {
    /// No DMP.
    Nf,
    /// Closed, with that reason.
    Terminated(String),
    /// That code of AUTORISATION.
    Autorisation(String),
    /// Birth name, first name, birth date.
    Traits(String, String, String),
    /// Acknowledgement AE: code, text.
    Ack(String, String),
    /// About somebody else.
    OtherPatient,
}

/// An answer, before it is put into SOAP.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) said: Said,
    pub(crate) attachments: Vec<Attachment>,
    /// See [`diapason_core::ExchangeAnswer::issued`].
    pub(crate) issued: BTreeMap<String, Sha256Hex>,
}

impl Answered {
    fn body(xml: String, outcome: impl Into<String>) -> Self {
        Self {
            said: Said::Body {
                xml,
                outcome: outcome.into(),
            },
            attachments: Vec::new(),
            issued: BTreeMap::new(),
        }
    }

    pub(crate) fn fault(fault: Fault) -> Self {
        Self {
            said: Said::Fault(fault),
            attachments: Vec::new(),
            issued: BTreeMap::new(),
        }
    }
}

/// Answers a call whose caller has passed the gate.
pub(crate) fn answer(call: &mut Call<'_>) -> Answered {
    let operation = call.message.operation();
    match prepared(call, operation) {
        Err(answered) => *answered,
        Ok(persona) => act(call, operation, persona.as_ref()),
    }
}

fn act(call: &mut Call<'_>, operation: Operation, persona: Option<&PersonaId>) -> Answered {
    if operation == Operation::Patients {
        return habilitations::patients(call);
    }
    if matches!(operation, Operation::Existence | Operation::DonneesLecture) {
        return existence::test(call, persona);
    }
    let Some(persona) = persona else {
        return unknown_patient(call, operation);
    };
    let answered = match operation {
        Operation::Autorisation => habilitations::set(call, persona),
        Operation::Habilitations => habilitations::list(call, persona),
        Operation::Alimentation => alimentation::feed(call, persona),
        Operation::Recherche | Operation::Reference => recherche::query(call, persona),
        Operation::Consultation => consultation::retrieve(call, persona),
        Operation::Attributs | Operation::Suppression | Operation::Archivage => {
            attributs::update(call, persona, operation)
        }
        other => Answered::fault(Fault::sender(
            "MOCK_DMPTransactionFermee",
            format!(
                "La transaction {} n'est pas ouverte aux LPS.",
                other.as_str().to_uppercase()
            ),
        )),
    };
    if matches!(answered.said, Said::Body { .. }) {
        note_access(call, persona, operation);
    }
    answered
}

/// Steps 10 and 11: rights, then the state of the record. Gives the person when there is a DMP.
fn prepared(call: &mut Call<'_>, operation: Operation) -> Result<Option<PersonaId>, Box<Answered>> {
    let refuse = |fault: Fault| Box::new(Answered::fault(fault));
    let persona = call
        .caller
        .ins
        .as_ref()
        .and_then(|(ins, oid)| call.state.persona_of(ins, oid));
    let mt = persona.as_ref().is_some_and(|p| is_mt(call, p));
    for droit in needed(operation, call) {
        if call.caller.may(droit, mt) == Reponse::Non {
            return Err(refuse(denied(droit)));
        }
    }
    // The person of a lot or of a query, when that is told by a registry error.
    if call.behaviour.patient_mismatch == Carrier::Registry
        && let (Some(asked), Some(resource)) = (call.message.ins(), &call.caller.ins)
        && !same_person(&asked, resource)
    {
        return Err(Box::new(refused_by_registry(
            operation,
            vec![RegistryError::new("XDSPatientIdDoesNotMatch", MISMATCH)],
        )));
    }
    let Some(persona) = persona else {
        return Ok(None);
    };
    let statut = call.state.statut(&persona);
    if matches!(
        operation,
        Operation::Existence | Operation::DonneesLecture | Operation::Patients
    ) {
        return Ok(statut.map(|_| persona));
    }
    match statut {
        None => return Ok(None),
        Some(DmpStatut::Ferme) => {
            return Err(refuse(Fault::sender(
                "MOCK_DMPFerme",
                "Le DMP de ce patient est fermé.",
            )));
        }
        Some(_) => {}
    }
    let dossier = call.state.dossier(&persona);
    let authorisation = dossier.authorisation(call.caller.holder(), call.now);
    if call.caller.mode != Mode::Indirecte {
        if authorisation == DmpAutorisation::Interdit {
            return Err(refuse(Fault::sender(
                "MOCK_DMPAccessDenied",
                "Le patient a bloqué l'accès de ce professionnel à son DMP.",
            )));
        }
        let reads = matches!(
            operation,
            Operation::Recherche
                | Operation::Consultation
                | Operation::Attributs
                | Operation::Archivage
                | Operation::Habilitations
        );
        if reads && call.caller.acces == Acces::Normal && authorisation != DmpAutorisation::Valide {
            return Err(refuse(Fault::sender(
                "MOCK_DMPAutorisation",
                "Aucune autorisation d'accès en cours de validité sur ce DMP.",
            )));
        }
    }
    Ok(Some(persona))
}

/// Rights that an operation needs whatever the document.
fn needed(operation: Operation, call: &Call<'_>) -> Vec<Droit> {
    match operation {
        Operation::Existence | Operation::DonneesLecture => vec![Droit::Existence],
        Operation::Autorisation => {
            let asked = call.message.autorisation();
            let removes = asked.is_some_and(|a| a.action.as_deref() == Some("SUPPRESSION"));
            let role = asked.is_some_and(|a| a.role.is_some());
            match (removes, role) {
                (true, true) => vec![Droit::RetraitMt],
                (true, false) => vec![Droit::AutorisationRetrait],
                (false, _) => vec![Droit::AutorisationAjout],
            }
        }
        Operation::Patients => vec![Droit::ListePatients],
        Operation::RecherchePatient => vec![Droit::RechercheSansIns],
        Operation::Habilitations => vec![Droit::ListeAutorisations],
        Operation::Alimentation => vec![Droit::Alimentation],
        Operation::Recherche => vec![Droit::RechercheMetadonnees],
        Operation::Reference => vec![Droit::RechercheReference],
        Operation::Consultation => vec![Droit::Consultation],
        Operation::AccesWeb => vec![Droit::AccesWeb],
        // Of the status asked for, or of the visibility: looked at entry by entry.
        Operation::Suppression
        | Operation::Archivage
        | Operation::Attributs
        | Operation::Creation
        | Operation::Reactivation
        | Operation::DonneesModification
        | Operation::Fermeture
        | Operation::AccesPatient
        | Operation::Unknown => Vec::new(),
    }
}

fn denied(droit: Droit) -> Fault {
    Fault::sender(
        "MOCK_DMPAccessDenied",
        format!(
            "Votre profil ne donne pas droit à cette transaction ({}).",
            droit.row().replace('_', " ")
        ),
    )
}

fn is_mt(call: &Call<'_>, persona: &PersonaId) -> bool {
    call.state
        .dossier(persona)
        .is_medecin_traitant(call.caller.holder())
}

/// No DMP for the INS.
fn unknown_patient(call: &Call<'_>, operation: Operation) -> Answered {
    let xds = operation
        .service()
        .is_some_and(|s| s == "registry" || s == "repository");
    let text = "Aucun DMP pour cet identifiant.";
    if xds && call.behaviour.unknown_patient == Carrier::Registry {
        return refused_by_registry(
            operation,
            vec![RegistryError::new("XDSUnknownPatientId", text)],
        );
    }
    Answered::fault(Fault::sender("XDSUnknownPatientId", text))
}

/// A refusal in the form of the operation's own answer.
pub(crate) fn refused_by_registry(operation: Operation, errors: Vec<RegistryError>) -> Answered {
    let outcome = Outcome::failed(errors);
    match operation {
        Operation::Recherche | Operation::Reference => {
            recherche::answered(&ebrim::Found::default(), false, &outcome)
        }
        Operation::Consultation => consultation::answered(&[], &outcome),
        _ => registry_response(&outcome),
    }
}

/// `rs:RegistryResponse` alone.
fn registry_response(outcome: &Outcome) -> Answered {
    let mut out = Xml::new();
    ebrim::response(&mut out, outcome);
    Answered::body(out.done(), outcome.word())
}

/// May the caller see a document that is hidden from professionals?
fn sees_masked(call: &Call<'_>, entry: &Entry, mt: bool) -> bool {
    let own_structure = || entry.structures().any(|s| s == call.caller.structure);
    match call.caller.may(Droit::ConsultationMasque, mt) {
        Reponse::Oui | Reponse::Structure | Reponse::Periode | Reponse::Reference => true,
        Reponse::Propres => entry.is_of(&call.caller.actor),
        Reponse::SiPatient => call.behaviour.emergency_masked,
        Reponse::PropresStructure => own_structure(),
        // A structure may still find its own documents again, to delete or to replace them.
        Reponse::Non => call.caller.mode == Mode::Indirecte && own_structure(),
    }
}

/// May the caller know of that document at all?
fn sees(call: &Call<'_>, entry: &Entry, mt: bool) -> bool {
    !entry.object.is(MASQUE_PS) || sees_masked(call, entry, mt)
}

fn note_access(call: &mut Call<'_>, persona: &PersonaId, operation: Operation) {
    let what = match operation {
        Operation::Autorisation => "autorisation d'accès",
        Operation::Habilitations => "liste des professionnels autorisés",
        Operation::Alimentation => "ajout de document",
        Operation::Recherche => "recherche de documents",
        Operation::Reference => "recherche de référence",
        Operation::Consultation => "consultation de document",
        Operation::Attributs => "changement de visibilité",
        Operation::Suppression => "suppression de document",
        Operation::Archivage => "archivage de document",
        _ => return,
    };
    let access = Access {
        at: call.now,
        who: call.caller.shown(),
        structure: call.caller.structure_name(),
        what: what.to_owned(),
        secret: call.caller.secret,
    };
    call.state.dossier_mut(persona).accesses.push(access);
}
