//! The verification operation: off by default, provisional.

use diapason_formats::insi::{Message, OP_VERIFICATION, VERIFICATION_ANSWER};
use diapason_mock_common::http::HttpService;

use super::*;

fn request(person: &Person, sexe: &str) -> Incoming {
    let t = &person.traits;
    let ins = person.ins.as_ref().unwrap();
    let payload = format!(
        "<q:IndividuVerifie xmlns:q=\"http://www.cnamts.fr/INSiLot2/REQUnitaire\"><q:INSFourni><q:IdIndividu><q:NumIdentifiant>{}</q:NumIdentifiant><q:Cle>{}</q:Cle></q:IdIndividu><q:OID>{}</q:OID></q:INSFourni><q:TraitsIdentiteIndividu><q:NomNaissance>{}</q:NomNaissance><q:ListePrenom>{}</q:ListePrenom><q:Sexe>{sexe}</q:Sexe><q:DateNaissance>{}</q:DateNaissance></q:TraitsIdentiteIndividu></q:IndividuVerifie>",
        ins.matricule.number(),
        ins.matricule.key(),
        ins.oid,
        t.nom_naissance,
        t.prenoms.join(" "),
        t.date_naissance,
    );
    post("tlsm", &envelope(OP_VERIFICATION, "", &payload))
}

#[test]
fn off_by_default() {
    let incoming = request(&who("p01-adrun"), "F");
    let service = service();
    assert_eq!(service.classify(&incoming).operation, OP_VERIFICATION);
    assert_eq!(ask(&service, &incoming).outcome, "Sender");
}

#[test]
fn compares_with_the_person_or_does_as_told() {
    let service = InsiService::new(Behaviour::default(), true, 11);
    let (right, wrong) = (
        request(&who("p05-dartagnan"), "M"),
        request(&who("p05-dartagnan"), "F"),
    );
    let reply = ask(&service, &right);
    assert_eq!((reply.status, reply.outcome.as_str()), (200, "ok"));
    assert!(String::from_utf8_lossy(&reply.body).contains(VERIFICATION_ANSWER));
    assert!(matches!(told(&reply), Message::Verification(_)));
    assert_eq!(ask(&service, &wrong).outcome, "ko");
    let persona = service.classify(&wrong).persona;
    assert_eq!(
        persona.map(|p| p.to_string()).as_deref(),
        Some("p05-dartagnan")
    );
    arm_service(&service, &Arm::Verification("ko".to_owned())).unwrap();
    assert_eq!(ask(&service, &right).outcome, "ko");
    arm_service(&service, &Arm::Verification("ok".to_owned())).unwrap();
    assert_eq!(ask(&service, &wrong).outcome, "ok");
    service.reset();
    assert_eq!(ask(&service, &wrong).outcome, "ko");
    arm(&service, "INSI-F-DESIR-1020", &[]);
    assert_eq!(ask(&service, &right).outcome, "desir_1020");
}
