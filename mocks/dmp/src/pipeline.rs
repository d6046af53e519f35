//! The checks that the DMP is known to make of a call, in their order (fact sheet dmp.md 6.5): certificate of the
//! connection, assertion and its signature, names, structure, roles, attributes, person. Each gives a fault, or the caller.

use diapason_core::Timestamp;
use diapason_core::exchange::PeerCertificate;
use diapason_formats::dmp::{Message, Operation};
use diapason_formats::signature::{Certificate, Name, verify};
use diapason_formats::vihf::{Mode, Vihf};
use diapason_formats::xds::{Cx, Xon};
use diapason_mock_common::pki::Pki;

use crate::answer::soap::Fault;
use crate::behaviour::{Behaviour, Carrier, Policy};
use crate::caller::Caller;
use crate::droits::is_medecin;
use crate::structures::structure;

/// Sector of activity.
const SECTEURS: &str = "1.2.250.1.71.4.2.4";
/// Pharmacist of TRE_G15.
const PHARMACIEN: (&str, &str) = ("21", "1.2.250.1.71.1.2.7");

/// What the checks need.
pub(crate) struct Gate<'a> {
    pub(crate) behaviour: &'a Behaviour,
    pub(crate) pki: &'a Pki,
    pub(crate) now: Timestamp,
    pub(crate) tls: Option<&'a PeerCertificate>,
    pub(crate) message: &'a Message<'a>,
}

impl Gate<'_> {
    /// Steps 1 to 9.
    pub(crate) fn pass(&self) -> Result<Caller, Fault> {
        let tls = self.connection()?;
        let (vihf, certificate) = self.assertion()?;
        names(&vihf, &certificate, tls)?;
        let mode = mode(&vihf)?;
        self.period(&vihf)?;
        let caller = Caller::of(&vihf, mode);
        structure_known(&vihf, &certificate, &caller)?;
        roles(&caller)?;
        attributes(&vihf, mode)?;
        self.person(&caller)?;
        self.author_institution(&caller)?;
        Ok(caller)
    }

    /// 1. The certificate of the connection.
    fn connection(&self) -> Result<&PeerCertificate, Fault> {
        let refused = |why: &str| Fault::sender("MOCK_DMPCertificatClient", why.to_owned());
        let certificate = self
            .tls
            .ok_or_else(|| refused("Aucun certificat client sur la connexion."))?;
        match &certificate.trust_problem {
            None if certificate.trusted => Ok(certificate),
            problem => Err(refused(&format!(
                "Certificat client refusé : {}.",
                problem.as_deref().unwrap_or("non reconnu")
            ))),
        }
    }

    /// 2. One assertion, whose signature holds, by a certificate that is trusted and made for signatures.
    fn assertion(&self) -> Result<(Vihf, Certificate), Fault> {
        let tree = &self.message.tree;
        let assertions = self.message.envelope().map_or(0, |e| e.assertions.len());
        let security = self.message.envelope().map_or(0, |e| e.security.len());
        if assertions > 1 || security > 1 {
            let why = "Une seule assertion VIHF est attendue.";
            return Err(Fault::sender("MOCK_VihfMultiple", why));
        }
        let absent = || Fault::sender("MOCK_VihfAbsent", "Aucune assertion VIHF dans l'en-tête.");
        let node = self
            .message
            .envelope()
            .and_then(|e| e.assertion(tree))
            .ok_or_else(absent)?;
        let vihf = Vihf::read(tree, node);
        let invalid = |why: String| Fault::sender("MOCK_VihfSignature", why);
        let signature = vihf
            .signature
            .ok_or_else(|| invalid("L'assertion VIHF n'est pas signée.".to_owned()))?;
        let seen = verify(tree, signature);
        let Some(certificate) = seen.certificate.clone() else {
            return Err(invalid(
                "Aucun certificat dans la signature du VIHF.".to_owned(),
            ));
        };
        if let Some(problem) = self.signer_problem(&certificate, &vihf) {
            return Err(Fault::sender(
                "DMPInvalidCertificate",
                format!(
                    "Le certificat du VIHF n'est pas un certificat de signature reconnu ({problem})."
                ),
            ));
        }
        if !seen.holds() || !seen.covers(node) {
            return Err(invalid(format!(
                "La signature du VIHF ne se vérifie pas : {}.",
                if seen.problems.is_empty() {
                    "elle ne couvre pas l'assertion".to_owned()
                } else {
                    seen.said()
                }
            )));
        }
        Ok((vihf, certificate))
    }

    /// Why the signing certificate is not trusted: that of a structure, or of a person in direct mode.
    fn signer_problem(&self, certificate: &Certificate, vihf: &Vihf) -> Option<String> {
        if vihf.mode() != Some(Mode::Directe) {
            return self.pki.signer_problem(certificate.der(), self.now);
        }
        let authority = self
            .pki
            .content("ac-personnes.cer")
            .and_then(|der| Certificate::from_der(der).ok());
        if !authority.is_some_and(|a| certificate.issued_by(&a)) {
            return Some("unknown issuer".to_owned());
        }
        if !certificate.valid_at(self.now) {
            return Some("out of date".to_owned());
        }
        (!certificate.key_usage().non_repudiation).then(|| "no signature usage".to_owned())
    }

    /// The instants of the assertion.
    fn period(&self, vihf: &Vihf) -> Result<(), Fault> {
        let limit = i64::from(self.behaviour.clock_seconds);
        if limit == 0 {
            return Ok(());
        }
        let late = |why: String| Fault::sender("MOCK_VihfPeriod", why);
        match vihf.age_s(self.now) {
            Some(age) if age.abs() <= limit => {}
            Some(age) => {
                return Err(late(format!(
                    "Le VIHF date de {age} s au regard de l'heure du serveur : vérifiez l'horloge."
                )));
            }
            None => return Err(late("L'heure d'émission du VIHF ne se lit pas.".to_owned())),
        }
        let instant = |text: &Option<String>| {
            let text = text.clone()?;
            Timestamp::try_from(text).ok()
        };
        if instant(&vihf.not_before).is_some_and(|t| self.now.millis_since(t) < -limit * 1000)
            || instant(&vihf.not_on_or_after).is_some_and(|t| t <= self.now)
        {
            return Err(late(
                "Le VIHF n'est pas dans sa période de validité.".to_owned(),
            ));
        }
        Ok(())
    }

    /// 8. The person of the body is the person of the VIHF.
    fn person(&self, caller: &Caller) -> Result<(), Fault> {
        let operation = self.message.operation();
        if matches!(operation, Operation::Patients | Operation::RecherchePatient) {
            return Ok(());
        }
        let Some(resource) = &caller.ins else {
            return Err(Fault::sender(
                "MOCK_VihfPatient",
                "Le VIHF ne nomme pas le titulaire du DMP (resource-id).",
            ));
        };
        let asked = self.message.ins();
        if self.behaviour.patient_mismatch == Carrier::Fault
            && asked.is_some_and(|a| !same_person(&a, resource))
        {
            return Err(Fault::sender("XDSPatientIdDoesNotMatch", MISMATCH));
        }
        Ok(())
    }

    /// 9. A lot comes from the structure of the VIHF.
    fn author_institution(&self, caller: &Caller) -> Result<(), Fault> {
        if self.message.operation() != Operation::Alimentation
            || self.behaviour.author_institution == Policy::Accept
        {
            return Ok(());
        }
        let Some(set) = self.message.lot().and_then(|l| l.submission_set.as_ref()) else {
            return Ok(());
        };
        let mut institutions = set.authors.iter().flat_map(|a| &a.institutions);
        let is = |x: &Xon| x.id == caller.structure;
        if institutions.any(|i| i.value.as_ref().is_some_and(is)) {
            return Ok(());
        }
        Err(Fault::sender(
            "MOCK_DMPAuthorInstitution",
            "Aucun AuthorInstitution ne correspond à l'utilisateur du VIHF",
        ))
    }
}

/// What is said of another person.
pub(crate) const MISMATCH: &str = "L'identifiant du patient n'est pas celui du VIHF (resource-id).";

/// Same matricule and OID.
pub(crate) fn same_person(a: &(String, String), b: &(String, String)) -> bool {
    a.0.eq_ignore_ascii_case(&b.0) && a.1 == b.1
}

/// Matricule and OID of a CX.
pub(crate) fn person_of(cx: &str) -> Option<(String, String)> {
    let cx = Cx::parse(cx).0?;
    let root = cx.root().to_owned();
    Some((cx.id, root))
}

/// 3. The issuer is the holder of the signing certificate, who is the holder of the connection's.
fn names(vihf: &Vihf, certificate: &Certificate, tls: &PeerCertificate) -> Result<(), Fault> {
    let issuer = vihf.issuer.as_deref().and_then(|i| Name::parse(i).ok());
    if !issuer.is_some_and(|i| i.same_as(certificate.subject())) {
        return Err(Fault::sender(
            "MOCK_VihfIssuer",
            "L'émetteur du VIHF n'est pas le titulaire du certificat de signature.",
        ));
    }
    // A person signs with the card; the connection is the card's or the structure's.
    if vihf.mode() == Some(Mode::Directe) {
        return Ok(());
    }
    let holder = Name::parse(&tls.subject).ok();
    if !holder.is_some_and(|h| h.same_as(certificate.subject())) {
        return Err(Fault::sender(
            "MOCK_DMPTitulaires",
            "Le certificat de la connexion et celui de la signature n'ont pas le même titulaire.",
        ));
    }
    Ok(())
}

fn mode(vihf: &Vihf) -> Result<Mode, Fault> {
    vihf.mode().ok_or_else(|| {
        Fault::sender(
            "MOCK_VihfAttribut",
            "Authentification_Mode n'est aucun des modes connus.",
        )
    })
}

/// 4 and 5. The structure is known, open, and that of the certificate; in direct mode, that of the professional.
fn structure_known(vihf: &Vihf, certificate: &Certificate, caller: &Caller) -> Result<(), Fault> {
    let known = vihf
        .structure
        .as_deref()
        .and_then(structure)
        .filter(|s| s.active);
    let speaks = |ou: Option<&str>| known.is_some_and(|s| ou.is_some_and(|ou| s.speaks(ou)));
    let theirs = match caller.mode {
        Mode::Directe => known.is_some(),
        _ => speaks(certificate.subject().get("OU")),
    };
    if !theirs {
        return Err(Fault::sender(
            "MOCK_DMPStructure",
            "Structure introuvable ou Inactive",
        ));
    }
    if caller.mode == Mode::Directe
        && !known.is_some_and(|s| s.professionnels.contains(&caller.actor))
    {
        return Err(Fault::sender(
            "MOCK_DMPLienStructure",
            "PS et Structure non liés",
        ));
    }
    Ok(())
}

/// 6. Roles.
fn roles(caller: &Caller) -> Result<(), Fault> {
    let Some(first) = caller.roles.first() else {
        return Err(Fault::sender(
            "MOCK_DMPRole",
            "Aucune profession dans le VIHF.",
        ));
    };
    let pharmacist = (
        first.code.as_deref().unwrap_or_default(),
        first.code_system.as_deref().unwrap_or_default(),
    ) == PHARMACIEN;
    if caller.roles.len() < 2 && (is_medecin(first) || pharmacist) {
        return Err(Fault::sender(
            "MOCK_DMPSpecialite",
            "Aucune spécialité dans le vihf. Spécialité obligatoire pour les Médecins et les Pharmaciens.",
        ));
    }
    Ok(())
}

/// 7. Attributes present and coded.
fn attributes(vihf: &Vihf, mode: Mode) -> Result<(), Fault> {
    let filled = |text: &Option<String>| text.as_deref().is_some_and(|t| !t.trim().is_empty());
    let sector = vihf
        .secteur()
        .is_some_and(|(code, oid)| code.starts_with("SA") && oid == SECTEURS);
    let missing = [
        (sector, "Secteur_Activite"),
        (
            matches!(vihf.vihf_version.as_deref(), Some("3.0" | "4.0")),
            "VIHF_Version",
        ),
        (
            vihf.ressource_urn.as_deref() == Some("urn:dmp"),
            "Ressource_URN",
        ),
        (
            vihf.purpose.as_ref().is_some_and(|p| p.code.is_some()),
            "purposeofuse",
        ),
        (filled(&vihf.lps_nom), "LPS_Nom"),
        (filled(&vihf.lps_version), "LPS_Version"),
        (filled(&vihf.homologation), "LPS_ID_HOMOLOGATION_DMP"),
        (filled(&vihf.name_id), "NameID"),
        (
            mode == Mode::Directe || filled(&vihf.subject_id),
            "subject-id",
        ),
    ];
    match missing.iter().find(|(there, _)| !there) {
        None => Ok(()),
        Some((_, name)) => Err(Fault::sender(
            "MOCK_VihfAttribut",
            format!("Attribut absent ou mal codé dans le VIHF : {name}."),
        )),
    }
}
