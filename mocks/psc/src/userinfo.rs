//! The userinfo endpoint.

use diapason_mock_common::http::Reply;
use serde_json::{Map, Value, json};

use crate::config::UserinfoForm;
use crate::faults::{Play, invalid_token};
use crate::input::bearer;
use crate::professional::uuid_of;
use crate::provider::{Call, Provider};
use crate::reply::{json_reply, oauth_error};
use crate::state::State;
use crate::token::certificate_digest;
use crate::tokens::{header, signed};

impl Provider {
    pub(crate) fn userinfo(&self, state: &State, call: &Call<'_>, play: &Play) -> Reply {
        // A token in the address is not read: PSC wants the header, and a form field is what RFC 6750 adds.
        let token = bearer(call.request).or_else(|| {
            call.input
                .form("access_token")
                .filter(|_| call.request.method == "POST")
        });
        let Some(token) = token else {
            let mut reply = oauth_error(401, "invalid_request", "no access token");
            reply.headers.push((
                "WWW-Authenticate".to_owned(),
                "Bearer realm=\"esante-wallet\"".to_owned(),
            ));
            return reply.outcome("missing_token");
        };
        let Some((access, session)) = state.live_access(token, call.now) else {
            return invalid_token();
        };
        if let Some(bound) = &access.bound_to
            && certificate_digest(call) != Some(bound)
        {
            return invalid_token().outcome("certificate_mismatch");
        }
        let Some(person) = self.person(&session.persona) else {
            return invalid_token();
        };
        let mut info = person.userinfo(&session.sub, &session.channel, self.config.profile);
        self.deviate_info(&mut info, play);
        let jwt = matches!(play.name(), "UI-JWT" | "UI-JWT-BADSIG")
            || self.config.switches.userinfo == UserinfoForm::Jwt;
        if !jwt {
            return json_reply(200, &Value::Object(info)).outcome("ok");
        }
        info.insert("iss".to_owned(), json!(call.endpoints.issuer));
        info.insert("aud".to_owned(), json!(access.grant.client_id));
        let mut token = signed(state, &header(state), &Value::Object(info));
        if play.is("UI-JWT-BADSIG") {
            token = altered(&token);
        }
        let mut reply = json_reply(200, &Value::Null).outcome("ok");
        "application/jwt".clone_into(&mut reply.headers[0].1);
        reply.body = token.into_bytes();
        reply
    }

    fn deviate_info(&self, info: &mut Map<String, Value>, play: &Play) {
        let mut set = |name: &str, value: Value| {
            info.insert(name.to_owned(), value);
        };
        match play.name() {
            "UI-SUB-WRONG" => set("sub", json!(uuid_of("psc-sub-other"))),
            "UI-SUB-MISSING" => drop(info.remove("sub")),
            "UI-NO-IDNAT" if play.flag("empty") => set("SubjectNameID", json!("")),
            "UI-NO-IDNAT" => drop(info.remove("SubjectNameID")),
            "UI-IDNAT-OTHER" => {
                if let Some(other) = self.person_named(&play.text("persona")) {
                    set("SubjectNameID", json!(other.identifiant_national));
                }
            }
            "UI-XSS" => {
                let text = json!(play.text("text"));
                set("family_name", text.clone());
                if info.contains_key("SubjectOrganization") {
                    info.insert("SubjectOrganization".to_owned(), text.clone());
                }
                each_activity(info, |activity| {
                    activity.insert("raisonSocialeSite".to_owned(), text.clone());
                });
            }
            "UI-EXTRA" => {
                set("diapason_inconnu", json!({ "liste": [1, null] }));
                for optional in ["SubjectOrganizationID", "PSISubjectNameID", "authMode"] {
                    info.remove(optional);
                }
            }
            "UI-NO-ACTIVITIES" => each_exercice(info, |exercice| {
                exercice.insert("activities".to_owned(), json!([]));
            }),
            "UI-LONG-LABEL" => {
                let length = usize::try_from(play.number("length"))
                    .unwrap_or_default()
                    .min(10_000);
                let label: String = "RÉSIDENCE D'ÉTÉ ÇÀ ÑŒ "
                    .chars()
                    .cycle()
                    .take(length)
                    .collect();
                let label = json!(label);
                if info.contains_key("SubjectOrganization") {
                    info.insert("SubjectOrganization".to_owned(), label.clone());
                }
                each_activity(info, |activity| {
                    activity.insert("raisonSocialeSite".to_owned(), label.clone());
                });
            }
            "UI-PROFESSION" => {
                let code = play.text("code");
                if info.contains_key("SubjectRole") {
                    let role = format!("{code}^1.2.250.1.213.1.1.5.5");
                    info.insert("SubjectRole".to_owned(), json!([role]));
                }
                each_exercice(info, |exercice| {
                    exercice.insert("codeProfession".to_owned(), json!(code));
                });
            }
            _ => {}
        }
    }
}

fn each_exercice(info: &mut Map<String, Value>, mut change: impl FnMut(&mut Map<String, Value>)) {
    let all = info
        .get_mut("SubjectRefPro")
        .and_then(|r| r.get_mut("exercices"))
        .and_then(Value::as_array_mut);
    for exercice in all.into_iter().flatten().filter_map(Value::as_object_mut) {
        change(exercice);
    }
}

fn each_activity(info: &mut Map<String, Value>, mut change: impl FnMut(&mut Map<String, Value>)) {
    each_exercice(info, |exercice| {
        let all = exercice.get_mut("activities").and_then(Value::as_array_mut);
        for activity in all.into_iter().flatten().filter_map(Value::as_object_mut) {
            change(activity);
        }
    });
}

/// The token with the first character of its signature changed.
fn altered(token: &str) -> String {
    match token.rsplit_once('.') {
        Some((input, signature)) => {
            let first = if signature.starts_with('A') { 'B' } else { 'A' };
            let rest: String = signature.chars().skip(1).collect();
            format!("{input}.{first}{rest}")
        }
        None => token.to_owned(),
    }
}
