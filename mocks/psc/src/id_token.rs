//! The ID token, right by default, and the deviations faults make: each changes one thing and leaves
//! the rest right, signature included where it is not the thing.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use diapason_formats::jwt;
use serde_json::{Map, Value, json};

use crate::config::lifetime;
use crate::faults::Play;
use crate::keys::{self, Key};
use crate::professional::{Professional, uuid_of};
use crate::provider::{Call, Provider};
use crate::state::{Grant, Session, State};
use crate::tokens::{header, hs256, part};

/// Who and what the token speaks of.
pub(crate) struct Subject<'a> {
    pub(crate) grant: &'a Grant,
    pub(crate) session: &'a Session,
    pub(crate) person: &'a Professional,
    pub(crate) access: &'a str,
}

/// Who signs, and how.
enum Signer {
    Provider,
    Attacker,
    Nobody,
    Secret(Vec<u8>),
    Altered,
}

struct Draft {
    header: Map<String, Value>,
    claims: Map<String, Value>,
    signer: Signer,
}

impl Draft {
    fn claim(&mut self, name: &str, value: Value) {
        self.claims.insert(name.to_owned(), value);
    }

    fn head(&mut self, name: &str, value: Value) {
        self.header.insert(name.to_owned(), value);
    }

    fn hmac(&mut self, secret: Vec<u8>) {
        self.head("alg", json!("HS256"));
        self.signer = Signer::Secret(secret);
    }

    /// Signed by the attacker, who leads the client to his key by a header.
    fn lured(&mut self, name: &str, value: Value) {
        self.head("kid", json!(keys::attacker().kid));
        self.head(name, value);
        self.signer = Signer::Attacker;
    }

    fn write(self, key: &Key) -> String {
        let input = format!(
            "{}.{}",
            part(&Value::Object(self.header)),
            part(&Value::Object(self.claims))
        );
        let signature = match self.signer {
            Signer::Provider => key.sign(input.as_bytes()),
            Signer::Attacker => keys::attacker().sign(input.as_bytes()),
            Signer::Nobody => Vec::new(),
            Signer::Secret(secret) => hs256(&secret, &input),
            Signer::Altered => {
                let mut signature = key.sign(input.as_bytes());
                if let Some(byte) = signature.first_mut() {
                    *byte ^= 0x40;
                }
                signature
            }
        };
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

impl Provider {
    fn right_claims(
        state: &mut State,
        call: &Call<'_>,
        subject: &Subject<'_>,
    ) -> Map<String, Value> {
        let Subject {
            grant,
            session,
            person,
            access,
        } = subject;
        let mut claims = json!({
            "exp": call.now + lifetime::ACCESS,
            "iat": call.now,
            "auth_time": session.auth_time,
            "jti": state.uuid(),
            "iss": call.endpoints.issuer,
            "aud": grant.client_id,
            "sub": session.sub,
            "typ": "ID",
            "azp": grant.client_id,
        });
        if let Some(nonce) = &grant.nonce {
            claims["nonce"] = json!(nonce);
        }
        for (name, value) in [
            ("sid", grant.sid.as_str()),
            ("session_state", grant.sid.as_str()),
            ("at_hash", &jwt::at_hash(access)),
            ("acr", "eidas1"),
            ("preferred_username", &person.identifiant_national),
            ("given_name", &person.prenom),
            ("family_name", &person.nom),
            ("SubjectNameID", &person.identifiant_national),
        ] {
            claims[name] = json!(value);
        }
        match claims {
            Value::Object(map) => map,
            _ => Map::new(),
        }
    }

    /// Makes the ID token.
    pub(crate) fn id_token(
        &self,
        state: &mut State,
        call: &Call<'_>,
        subject: &Subject<'_>,
        play: &Play,
    ) -> String {
        let claims = Self::right_claims(state, call, subject);
        let head = match header(state) {
            Value::Object(map) => map,
            _ => Map::new(),
        };
        let client = &subject.grant.client_id;
        let earlier = state.last_id_token.get(client).cloned();
        if play.is("IDTOKEN-REPLAY")
            && play.flag("verbatim")
            && let Some((text, _)) = &earlier
        {
            return text.clone();
        }
        let mut draft = Draft {
            header: head,
            claims: claims.clone(),
            signer: Signer::Provider,
        };
        if play.is("IDTOKEN-REPLAY") {
            // The nonce and jti of the earlier login; the rest as it would be today, so that only the
            // nonce tells.
            let other = |name: &str| earlier.as_ref().and_then(|(_, c)| c.get(name)).cloned();
            let nonce = other("nonce").unwrap_or_else(|| json!(state.opaque(32)));
            let jti = other("jti").unwrap_or_else(|| json!(state.uuid()));
            draft.claim("nonce", nonce);
            draft.claim("jti", jti);
        } else {
            self.deviate(state, call, subject, play, &mut draft);
        }
        let text = draft.write(state.keys.signing());
        if play.name().is_empty() {
            state
                .last_id_token
                .insert(client.clone(), (text.clone(), claims));
        }
        text
    }

    fn deviate(
        &self,
        state: &mut State,
        call: &Call<'_>,
        subject: &Subject<'_>,
        play: &Play,
        draft: &mut Draft,
    ) {
        let client = &subject.grant.client_id;
        let now = call.now;
        match play.name() {
            "ISS-WRONG" | "REFRESH-ISS-OTHER" => draft.claim("iss", json!(play.text("iss"))),
            "ISS-PROD" => draft.claim("iss", json!(other_environment(&call.endpoints.issuer))),
            "ISS-MISSING" => drop(draft.claims.remove("iss")),
            "AUD-WRONG" => draft.claim("aud", json!(play.text("aud"))),
            "AUD-MISSING" => drop(draft.claims.remove("aud")),
            "AUD-ARRAY" => draft.claim("aud", json!([client])),
            "AUD-EXTRA" => {
                draft.claim("aud", json!([client, play.text("aud")]));
                draft.claims.remove("azp");
            }
            "AUD-EXTRA-AZP" => draft.claim("aud", json!([client, play.text("aud")])),
            "AZP-WRONG" => draft.claim("azp", json!(play.text("azp"))),
            "NONCE-WRONG" => {
                let other = state.opaque(32);
                draft.claim("nonce", json!(other));
            }
            "NONCE-MISSING" => drop(draft.claims.remove("nonce")),
            "EXP-PAST" | "EXP-60" => draft.claim("exp", json!(now - play.number("seconds"))),
            "EXP-MISSING" => drop(draft.claims.remove("exp")),
            "IAT-MISSING" => drop(draft.claims.remove("iat")),
            "IAT-OLD" => draft.claim("iat", json!(now - play.number("seconds"))),
            "IAT-FUTURE" => draft.claim("iat", json!(now + play.number("seconds"))),
            "SUB-MISSING" => drop(draft.claims.remove("sub")),
            "SUB-EMPTY" => draft.claim("sub", json!("")),
            "REFRESH-SUB-OTHER" => draft.claim("sub", json!(uuid_of("psc-sub-other"))),
            "ATHASH-WRONG" => draft.claim("at_hash", json!(jwt::at_hash("another token"))),
            "ATHASH-MISSING" => drop(draft.claims.remove("at_hash")),
            "ACR-MISSING" => drop(draft.claims.remove("acr")),
            "ACR-LOW" | "ACR-EIDAS2" => draft.claim("acr", json!(play.text("acr"))),
            "IDTOKEN-EXTRA" => draft.claim("diapason_inconnu", json!({ "liste": [1, 2, null] })),
            "SIG-BROKEN" => draft.signer = Signer::Altered,
            "SIG-ATTACKER" => draft.signer = Signer::Attacker,
            "ALG-NONE" => {
                draft.head("alg", json!(play.text("alg")));
                draft.signer = Signer::Nobody;
            }
            "HS256-PUBLIC-KEY" => {
                let spki = state.keys.signing().spki.clone();
                let secret = match play.text("form").as_str() {
                    "der" => spki,
                    _ => jwt::pem("PUBLIC KEY", &spki).into_bytes(),
                };
                draft.hmac(secret);
            }
            "HS256-SECRET" => {
                let secret = self
                    .client(client)
                    .and_then(|c| c.secret.clone())
                    .unwrap_or_default();
                draft.hmac(secret.into_bytes());
                // Nobody who signs with the secret would name a key of the set.
                draft.header.remove("kid");
            }
            "KID-ABSENT" => drop(draft.header.remove("kid")),
            "KID-UNKNOWN" => {
                let other = state.opaque(32);
                draft.head("kid", json!(other));
            }
            "JKU" => draft.lured(
                "jku",
                json!(format!("{}/jwks.json", call.endpoints.attacker)),
            ),
            "X5U" => draft.lured(
                "x5u",
                json!(format!("{}/certificat.pem", call.endpoints.attacker)),
            ),
            "JWK-HEADER" => draft.lured("jwk", keys::attacker().public().clone()),
            "CRIT" => {
                draft.head("crit", json!(["urn:diapason:extension"]));
                draft.head("urn:diapason:extension", json!(true));
            }
            _ => {}
        }
    }
}

/// The issuer of production, or of the sandbox for a mock that poses as production.
fn other_environment(issuer: &str) -> &'static str {
    const PRODUCTION: &str = "https://auth.esw.esante.gouv.fr/auth/realms/esante-wallet";
    if issuer == PRODUCTION {
        "https://auth.bas.psc.esante.gouv.fr/auth/realms/esante-wallet"
    } else {
        PRODUCTION
    }
}
