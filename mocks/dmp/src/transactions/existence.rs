//! TD0.2 and TD1.3a: is there a DMP, in what state, and may the caller enter it?

use diapason_core::PersonaId;
use diapason_core::ins::{Sexe, Traits};
use diapason_core::scenario::{DmpAutorisation, DmpStatut};
use diapason_formats::dmp::Instance;

use super::{Answered, Call, Existence as Twisted};
use crate::answer::hl7::{Ack, Closing, Echo, Existence, PatientView};
use crate::answer::soap::Fault;
use crate::names::DMP_OID;

/// Answers the test. `persona`: whose DMP it is, when there is one.
pub(super) fn test(call: &mut Call<'_>, persona: Option<&PersonaId>) -> Answered {
    match existence(call, persona) {
        Ok(existence) => Answered::body(existence.write(), existence.outcome()),
        Err(fault) => Answered::fault(fault),
    }
}

/// The answer as a value, so that a fault can change it.
pub(super) fn existence(
    call: &mut Call<'_>,
    persona: Option<&PersonaId>,
) -> Result<Existence, Fault> {
    let Some(asked) = call.message.existence() else {
        return Err(Fault::sender(
            "MOCK_DMPSchema",
            "Le corps n'est pas une demande de test d'existence.",
        ));
    };
    let addressed = asked.receiver.as_ref().map(|r| r.root.as_str());
    if asked.patient.is_none() || addressed != Some(DMP_OID) {
        return Err(Fault::sender(
            "MOCK_DMPSchema",
            "Le test d'existence ne nomme pas le patient ou n'est pas adressé au DMP.",
        ));
    }
    let pair = |instance: Option<&Instance>| {
        instance.map_or_else(Default::default, |i| {
            (i.root.clone(), i.extension.clone().unwrap_or_default())
        })
    };
    let echo = Echo {
        message: pair(asked.id.as_ref()),
        query: pair(asked.query_id.as_ref()),
        processing: asked.processing.clone().unwrap_or_else(|| "P".to_owned()),
        sender: (
            pair(asked.sender.as_ref()).0,
            asked.software.clone().unwrap_or_default(),
        ),
        reason: asked.reason.clone().unwrap_or_default(),
    };
    let id = call.state.fresh("existence");
    let mut answer = Existence {
        id: id.trim_start_matches("urn:uuid:").to_owned(),
        at: call.now,
        echo,
        ack: Ack::Accepted,
        authorisation: None,
        patient: None,
    };
    if let Some(persona) = persona {
        let dossier = call.state.dossier(persona);
        let holder = call.caller.holder();
        let code = code(call, dossier.authorisation(holder, call.now));
        answer.authorisation = Some((code, dossier.is_medecin_traitant(holder)));
        answer.patient = view(call, persona);
    }
    if let Some(twist) = &call.twist.existence {
        twisted(&mut answer, twist, call);
    }
    Ok(answer)
}

/// Another answer than the natural one, as a fault asks.
fn twisted(answer: &mut Existence, twist: &Twisted, call: &Call<'_>) {
    match (twist, &mut answer.patient) {
        (Twisted::Nf, _) => (answer.patient, answer.authorisation) = (None, None),
        (Twisted::Ack(code, text), _) => {
            answer.ack = Ack::Error(code.clone(), text.clone());
            (answer.patient, answer.authorisation) = (None, None);
        }
        (Twisted::Autorisation(code), _) => {
            answer.authorisation = Some((code.clone(), false));
        }
        (Twisted::Terminated(motif), Some(patient)) => {
            patient.active = false;
            patient.closing = Some(Closing {
                at: call.now,
                motif: motif.clone(),
                text: motif.clone(),
            });
        }
        (Twisted::Traits(nom, prenom, date), Some(patient)) => {
            patient.birth_name.clone_from(nom);
            patient.given.clone_from(prenom);
            patient.birth.clone_from(date);
        }
        (Twisted::OtherPatient, Some(patient)) => {
            let own = patient.ids.last().map(|i| i.matricule.clone());
            let other = call
                .state
                .people
                .all()
                .filter_map(|p| p.ins.clone())
                .find(|i| Some(&i.matricule) != own.as_ref());
            patient.ids = other.into_iter().collect();
        }
        (Twisted::Terminated(_) | Twisted::Traits(..) | Twisted::OtherPatient, None) => {}
    }
}

fn code(call: &Call<'_>, authorisation: DmpAutorisation) -> String {
    let [expired, forbidden, absent] = &call.behaviour.autorisation_codes;
    match authorisation {
        DmpAutorisation::Valide => "VALIDE".to_owned(),
        DmpAutorisation::Expire => expired.clone(),
        DmpAutorisation::Interdit => forbidden.clone(),
        DmpAutorisation::Inexistant => absent.clone(),
    }
}

/// Traits as the DMP holds them.
fn traits(call: &Call<'_>, persona: &PersonaId) -> Option<Traits> {
    let person = call.state.people.get(persona)?;
    let Some(patch) = call.state.dossier(persona).traits else {
        return Some(person.traits.clone());
    };
    let mut json = serde_json::to_value(&person.traits).ok()?;
    diapason_mock_common::persona::merge(&mut json, &patch);
    serde_json::from_value(json).ok()
}

fn view(call: &Call<'_>, persona: &PersonaId) -> Option<PatientView> {
    let traits = traits(call, persona)?;
    let statut = call.state.statut(persona)?;
    let dossier = call.state.dossier(persona);
    let mut ids = call.state.people.matricules(persona);
    ids.reverse();
    Some(PatientView {
        ids,
        active: statut == DmpStatut::Actif,
        closing: dossier.closing,
        civility: match traits.sexe {
            Sexe::F => "MME",
            Sexe::M => "M",
            Sexe::I => "",
        }
        .to_owned(),
        given: traits.prenoms.first().cloned().unwrap_or_default(),
        birth_name: traits.nom_naissance.clone(),
        sex: match traits.sexe {
            Sexe::I => "U",
            known => known.as_str(),
        }
        .to_owned(),
        birth: traits.date_naissance.as_str().to_owned(),
        rattache_ens: !dossier.not_attached,
    })
}
