//! What no product should send: told apart, never a panic.

use base64::Engine as _;

use super::*;

fn outcome(change: impl FnOnce(&mut Incoming)) -> (u16, String) {
    let mut request = existence(&vihf("INDIRECTE", ADRUN), ADRUN);
    change(&mut request);
    let told = Dmp::new().send(request);
    (told.reply.status, told.reply.outcome)
}

fn body(change: impl FnOnce(String) -> String) -> (u16, String) {
    outcome(|r| {
        let text = String::from_utf8(r.body.to_vec()).unwrap();
        r.body = change(text).into();
    })
}

#[test]
fn addresses_methods_and_types() {
    let is = |change: fn(&mut Incoming), status: u16, word: &str| {
        assert_eq!(outcome(change), (status, word.to_owned()));
    };
    is(|r| "/autre".clone_into(&mut r.path), 404, "http_404");
    is(|r| r.path = format!("{PREFIX}/inconnu"), 404, "http_404");
    is(|r| "GET".clone_into(&mut r.method), 405, "http_405");
    is(
        |r| r.path = format!("{PREFIX}/registry"),
        500,
        "fault:MOCK_OperationInconnue",
    );
    is(
        |r| "text/plain".clone_into(&mut r.headers[0].1),
        415,
        "fault:Sender",
    );
    is(|r| r.headers.clear(), 415, "fault:Sender");
    is(|r| r.path.push('/'), 200, "actif");
}

#[test]
fn envelopes_that_are_none() {
    for text in ["", "{}", "<s:Envelope", "<a/>"] {
        let (status, word) = body(|_| text.to_owned());
        assert_eq!(status, 500, "{text}");
        assert!(word.starts_with("fault:"), "{text}: {word}");
    }
    let bomb = body(|t| t.replace("<s:Envelope", "<!DOCTYPE s [<!ENTITY a \"b\">]><s:Envelope"));
    assert_eq!(bomb, (500, "fault:MOCK_Enveloppe".to_owned()));
    let deep = body(|_| "<a>".repeat(100_000));
    assert_eq!(deep.0, 500);
    let old = body(|t| t.replace(crate::names::SOAP12, crate::names::SOAP11));
    assert_eq!(old, (500, "fault:MOCK_VersionMismatch".to_owned()));
    let other = body(|t| t.replace("PRPA_IN201307UV02", "PRPA_IN209999UV02"));
    assert_eq!(other, (500, "fault:MOCK_OperationInconnue".to_owned()));
}

#[test]
fn addressing_that_is_missing_or_not_understood() {
    let missing = "fault:MessageAddressingHeaderRequired";
    for part in [
        "<a:MessageID>urn:uuid:4f3f2f10-0000-4000-8000-000000000004</a:MessageID>",
        "<a:To/>",
        "<a:Action s:mustUnderstand=\"true\">urn:hl7-org:v3:PRPA_IN201307UV02</a:Action>",
    ] {
        let told = body(|t| {
            assert!(t.contains(part), "{part}");
            t.replace(part, "")
        });
        assert_eq!(told, (500, missing.to_owned()), "{part}");
    }
    let elsewhere = body(|t| t.replace("addressing/anonymous", "addressing/none"));
    assert_eq!(elsewhere.1, "fault:OnlyAnonymousAddressSupported");
    let must = body(|t| {
        t.replace(
            "</s:Header>",
            "<z:Z xmlns:z=\"urn:z\" s:mustUnderstand=\"true\"/></s:Header>",
        )
    });
    assert_eq!(must.1, "fault:MOCK_MustUnderstand");
    // Another action than that of the body is not what decides.
    assert_eq!(
        body(|t| t.replace(
            "\">urn:hl7-org:v3:PRPA_IN201307UV02</a:Action>",
            "\">urn:autre</a:Action>"
        ))
        .1,
        "actif"
    );
}

#[test]
fn a_body_that_asks_for_nothing_is_refused() {
    let receiver = body(|t| t.replace(crate::names::DMP_OID, "1.2.3"));
    assert_eq!(receiver.1, "fault:MOCK_DMPSchema");
    let nobody = body(|t| t.replace("patientIdentifier", "autreIdentifier"));
    assert_eq!(nobody.1, "fault:MOCK_DMPSchema");
}

#[test]
fn damaged_packages_are_refused_by_a_fault() {
    let dmp = Dmp::new();
    let good = Lot::new("1").request(&vihf("INDIRECTE", ADRUN));
    let send = |change: &dyn Fn(&mut Incoming)| {
        let mut request = good.clone();
        change(&mut request);
        dmp.send(request).reply.outcome
    };
    let half = good.body.len() / 2;
    assert_eq!(
        send(&|r| r.body = r.body.slice(..half)),
        "fault:MOCK_MtomPackage"
    );
    assert_eq!(
        send(&|r| "multipart/related; boundary=autre".clone_into(&mut r.headers[0].1)),
        "fault:MOCK_MtomPackage"
    );
    assert_eq!(
        send(&|r| {
            let text = String::from_utf8(r.body.to_vec()).unwrap();
            r.body = text
                .replace("cid:doc@diapason.test", "cid:absent@diapason.test")
                .into();
        }),
        "failure:XDSMissingDocument"
    );
    assert!(dmp.service.state().registry.entries.is_empty());
}

#[test]
fn production_data_is_seen_and_base64_is_not_taken_for_it() {
    let dmp = Dmp::new();
    // A right key, but nobody's number.
    let real = diapason_core::ins::Matricule::from_number("1800175001123").unwrap();
    let guard = |request: &Incoming| dmp.service.guard(request);
    let mut request = post("patients", "application/soap+xml", format!("<a>{real}</a>"));
    let said = guard(&request).unwrap();
    assert!(!said.contains("1800175"), "{said}");
    request.body = format!("<v>'{real}^^^&amp;1.2.250.1.213.1.4.8&amp;ISO^NH'</v>").into();
    assert!(guard(&request).is_some());
    request.body = format!("INS {real}.").into();
    assert!(guard(&request).is_some());
    let mut in_path = request.clone();
    in_path.body = Bytes::new();
    in_path.path = format!("/AccesDirect/TableauDeBord/{real}");
    assert!(guard(&in_path).is_some());
    for harmless in [
        format!("2.25.{real}.1"),
        format!("AAAA+{real}/BBBB"),
        format!("{real}=="),
        "180017500112300".to_owned(),
        ADRUN.0.to_owned(),
        // Numbers that the INSi mock makes up for a person here.
        diapason_core::ins::Matricule::from_number("2751263220950")
            .unwrap()
            .to_string(),
        diapason_core::ins::Matricule::from_number("1751263220960")
            .unwrap()
            .to_string(),
    ] {
        request.body = harmless.clone().into();
        assert_eq!(guard(&request), None, "{harmless}");
    }
    // Whole megabytes of base64 and of bytes.
    let mut seed = 1_u64;
    let mut noise = Vec::with_capacity(3_000_000);
    while noise.len() < 3_000_000 {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        noise.extend_from_slice(&seed.to_be_bytes());
    }
    let text = base64::engine::general_purpose::STANDARD.encode(&noise);
    let lines: Vec<String> = text
        .as_bytes()
        .chunks(15)
        .map(|c| String::from_utf8_lossy(c).into_owned())
        .collect();
    for body in [
        Bytes::from(noise),
        Bytes::from(text),
        Bytes::from(lines.join("\n")),
    ] {
        request.body = body;
        assert_eq!(guard(&request), None);
    }
}
