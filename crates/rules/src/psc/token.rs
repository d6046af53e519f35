//! Rules over the exchange of the code: same return address, PKCE, one use, client certificate,
//! and what becomes of tokens that had to be refused.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use diapason_core::{Service, Sha256Hex};

use super::wire::{all, fault, location, member, param, presented, status};
use crate::judge::Ctx;
use crate::record::SeenExchange;

/// Longest wait between the return of the code and its exchange, milliseconds.
const CODE_LIFETIME_MS: i64 = 60_000;

/// Faults after which the tokens of the answer must serve nothing.
const REFUSE: [&str; 33] = [
    "PSC-F-ISS-WRONG",
    "PSC-F-ISS-PROD",
    "PSC-F-ISS-MISSING",
    "PSC-F-AUD-WRONG",
    "PSC-F-AUD-MISSING",
    "PSC-F-AUD-EXTRA",
    "PSC-F-AUD-EXTRA-AZP",
    "PSC-F-AZP-WRONG",
    "PSC-F-NONCE-WRONG",
    "PSC-F-NONCE-MISSING",
    "PSC-F-EXP-PAST",
    "PSC-F-EXP-MISSING",
    "PSC-F-IAT-MISSING",
    "PSC-F-IAT-OLD",
    "PSC-F-IAT-FUTURE",
    "PSC-F-SUB-MISSING",
    "PSC-F-SUB-EMPTY",
    "PSC-F-SIG-BROKEN",
    "PSC-F-SIG-ATTACKER",
    "PSC-F-ALG-NONE",
    "PSC-F-HS256-PUBLIC-KEY",
    "PSC-F-HS256-SECRET",
    "PSC-F-KID-UNKNOWN",
    "PSC-F-JKU",
    "PSC-F-X5U",
    "PSC-F-JWK-HEADER",
    "PSC-F-CRIT",
    "PSC-F-ATHASH-WRONG",
    "PSC-F-IDTOKEN-REPLAY",
    "PSC-F-IDTOKEN-IS-ACCESS",
    "PSC-F-NO-IDTOKEN",
    "PSC-F-TOKEN-TYPE-MAC",
    "PSC-F-CODE-OTHER",
];

/// The authentication request whose answer carried this code, and the answer that carried it.
fn origin<'a>(
    all: &[&'a SeenExchange],
    code: &str,
) -> Option<(&'a SeenExchange, &'a SeenExchange)> {
    let carrier = all.iter().find(|s| {
        matches!(s.exchange.operation.as_str(), "authorize" | "decision")
            && location(s).is_some_and(|(_, q)| q.iter().any(|(n, v)| n == "code" && v == code))
    })?;
    if carrier.exchange.operation == "authorize" {
        return Some((carrier, carrier));
    }
    let (_, query) = location(carrier)?;
    let state = query.iter().find(|(n, _)| n == "state").map(|(_, v)| v)?;
    let asked = all.iter().find(|s| {
        s.exchange.operation == "authorize" && param(s, "state").as_ref() == Some(state)
    })?;
    Some((asked, carrier))
}

/// PSC-C01B: the same `redirect_uri` as in the authentication request.
pub(super) fn same_redirect_uri(ctx: &mut Ctx<'_>) {
    let all = all(ctx);
    for seen in ctx.exchanges(Service::Psc, &["token_code"]) {
        let Some((asked, _)) = param(seen, "code").and_then(|c| origin(&all, &c)) else {
            continue;
        };
        let (first, then) = (param(asked, "redirect_uri"), param(seen, "redirect_uri"));
        ctx.check(
            first == then,
            seen,
            "redirect_uri",
            first.clone().unwrap_or_default(),
            then.unwrap_or_else(|| "absent".to_owned()),
        );
    }
}

/// PSC-C01C: a code is presented once.
pub(super) fn one_use_of_the_code(ctx: &mut Ctx<'_>) {
    let mut known = HashSet::new();
    for seen in ctx.exchanges(Service::Psc, &["token_code"]) {
        let Some(code) = param(seen, "code") else {
            continue;
        };
        ctx.check(
            known.insert(code),
            seen,
            "code",
            "un code présenté une seule fois",
            "un code déjà présenté",
        );
    }
}

/// PSC-C01D: the code is exchanged within a minute.
pub(super) fn code_in_time(ctx: &mut Ctx<'_>) {
    let all = all(ctx);
    for seen in ctx.exchanges(Service::Psc, &["token_code"]) {
        let Some((_, carrier)) = param(seen, "code").and_then(|c| origin(&all, &c)) else {
            continue;
        };
        let Some(answered) = carrier.answer.as_ref().map(|a| a.answered_at) else {
            continue;
        };
        let waited = seen.exchange.received_at.millis_since(answered);
        ctx.check(
            waited <= CODE_LIFETIME_MS,
            seen,
            "code",
            format!("au plus {} s après le retour", CODE_LIFETIME_MS / 1000),
            format!("{} s", waited / 1000),
        );
    }
}

/// PSC-C03: in the trust space, a client certificate in each server call.
pub(super) fn trust_space_certificate(ctx: &mut Ctx<'_>) {
    if !ctx.product().profil.psc_edc {
        return;
    }
    let operations = [
        "token_code",
        "token_refresh",
        "token_ciba",
        "token_other",
        "userinfo",
        "introspect",
        "revoke",
        "ciba",
    ];
    for seen in ctx.exchanges(Service::Psc, &operations) {
        let shown = seen
            .exchange
            .tls
            .as_ref()
            .is_some_and(|tls| tls.client_certificate.is_some());
        ctx.check(
            shown,
            seen,
            "certificat client",
            "un certificat client présenté",
            "aucun certificat client",
        );
    }
}

/// PSC-C04: the verifier hashes to the challenge.
pub(super) fn verifier_matches(ctx: &mut Ctx<'_>) {
    let all = all(ctx);
    for seen in ctx.exchanges(Service::Psc, &["token_code"]) {
        let Some((asked, _)) = param(seen, "code").and_then(|c| origin(&all, &c)) else {
            continue;
        };
        let Some(challenge) = param(asked, "code_challenge") else {
            continue;
        };
        let Some(verifier) = param(seen, "code_verifier") else {
            ctx.broken(
                seen,
                "code_verifier",
                "le vérifieur du défi envoyé",
                "absent",
            );
            continue;
        };
        let plain = param(asked, "code_challenge_method").as_deref() != Some("S256");
        let worked = if plain { verifier } else { s256(&verifier) };
        // Code injection: the code came from a request the DUI did not make.
        if fault(asked) == Some("PSC-F-CODE-OTHER") {
            continue;
        }
        ctx.check(
            worked == challenge,
            seen,
            "code_verifier",
            "un vérifieur dont l'empreinte est le défi envoyé",
            "une autre empreinte",
        );
    }
}

/// base64url, without padding, of the SHA-256 of the text.
fn s256(text: &str) -> String {
    let hex = Sha256Hex::of(text.as_bytes());
    let digits = hex.as_str().as_bytes();
    let value = |d: u8| (d as char).to_digit(16).unwrap_or(0) as u8;
    let bytes: Vec<u8> = digits
        .chunks(2)
        .map(|pair| value(pair[0]) << 4 | value(pair[1]))
        .collect();
    URL_SAFE_NO_PAD.encode(bytes)
}

/// PSC-D00: tokens that had to be refused serve nothing.
pub(super) fn refused_tokens_are_dead(ctx: &mut Ctx<'_>) {
    let all = all(ctx);
    for (at, seen) in all.iter().enumerate() {
        let tainted = matches!(
            seen.exchange.operation.as_str(),
            "token_code" | "token_ciba"
        ) && status(seen) == Some(200)
            && fault(seen).is_some_and(|f| REFUSE.contains(&f));
        if !tainted {
            continue;
        }
        let tokens = [member(seen, "access_token"), member(seen, "refresh_token")];
        let later = all.iter().skip(at + 1).find(|s| {
            s.exchange.operation != "revoke"
                && presented(s).is_some_and(|t| tokens.contains(&Some(t)))
        });
        match later {
            Some(used) => ctx.broken(
                used,
                "jeton",
                format!("aucun usage des jetons refusables de {}", seen.label()),
                format!("appel {} avec l'un d'eux", used.exchange.operation),
            ),
            None => ctx.held(),
        }
    }
}

/// PSC-D24B: an unknown key makes the key set be read again at most twice.
pub(super) fn keys_are_not_hammered(ctx: &mut Ctx<'_>) {
    const MOST: usize = 2;
    for seen in ctx.exchanges(Service::Psc, &["token_code", "token_ciba"]) {
        if fault(seen) != Some("PSC-F-KID-UNKNOWN") {
            continue;
        }
        let reads = ctx
            .exchanges(Service::Psc, &["jwks"])
            .into_iter()
            .filter(|s| s.step == seen.step && s.exchange.id > seen.exchange.id)
            .count();
        ctx.check(
            reads <= MOST,
            seen,
            "jwks_uri",
            format!("au plus {MOST} lectures du jeu de clés"),
            format!("{reads} lectures"),
        );
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_challenge_is_worked_out_as_in_rfc_7636() {
        // Appendix B of the RFC.
        assert_eq!(
            super::s256("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }
}
