//! Rules over the life of tokens: refresh, load, log-out.

use diapason_core::Service;

use super::wire::{all, chains, json, member, param, presented, status};
use crate::judge::Ctx;

/// Longest pace PSC asks of a client: one refresh or introspection per user and per 30 seconds.
const PACE_MS: i64 = 30_000;

/// PSC-F02: each refresh uses the latest refresh token of its chain.
pub(super) fn newest_refresh_token(ctx: &mut Ctx<'_>) {
    let all = all(ctx);
    for (at, seen) in all.iter().enumerate() {
        if seen.exchange.operation != "token_refresh" {
            continue;
        }
        let Some(used) = param(seen, "refresh_token") else {
            continue;
        };
        let known = chains(&all, at);
        let Some(chain) = known.iter().rev().find(|c| c.refresh.contains(&used)) else {
            continue;
        };
        let newest = chain.refresh.last() == Some(&used);
        ctx.check(
            newest,
            seen,
            "refresh_token",
            "le dernier jeton de rafraîchissement reçu",
            "un jeton de rafraîchissement déjà remplacé",
        );
    }
}

/// PSC-F03B: a refused refresh token is not presented again.
pub(super) fn no_refresh_loop(ctx: &mut Ctx<'_>) {
    let refreshes = ctx.exchanges(Service::Psc, &["token_refresh"]);
    let mut refused: Vec<String> = Vec::new();
    for seen in refreshes {
        let Some(used) = param(seen, "refresh_token") else {
            continue;
        };
        if refused.contains(&used) {
            ctx.broken(
                seen,
                "refresh_token",
                "un jeton refusé n'est plus présenté",
                "le même jeton, après invalid_grant",
            );
        } else if member(seen, "error").as_deref() == Some("invalid_grant") {
            ctx.held();
            refused.push(used);
        }
    }
}

/// PSC-F08: on average at most one refresh or introspection per 30 seconds and per user.
pub(super) fn gentle_pace(ctx: &mut Ctx<'_>) {
    let all = all(ctx);
    for chain in chains(&all, all.len()) {
        let mut count = 0_i64;
        for seen in &all {
            let concerned = matches!(
                seen.exchange.operation.as_str(),
                "token_refresh" | "introspect"
            ) && status(seen) == Some(200)
                && presented(seen).is_some_and(|t| chain.holds(&t));
            if !concerned {
                continue;
            }
            count += 1;
            let elapsed = seen.exchange.received_at.unix_millis() - chain.since_ms;
            ctx.check(
                count <= 1 + elapsed / PACE_MS,
                seen,
                "fréquence",
                "en moyenne un appel par 30 s et par utilisateur",
                format!("{count} appels en {} s", elapsed / 1000),
            );
        }
    }
}

/// PSC-G01C: `id_token_hint` is an ID token PSC gave to the DUI.
pub(super) fn hint_is_ours(ctx: &mut Ctx<'_>) {
    let all = all(ctx);
    for (at, seen) in all.iter().enumerate() {
        if seen.exchange.operation != "logout" {
            continue;
        }
        let Some(hint) = param(seen, "id_token_hint") else {
            continue;
        };
        let known = chains(&all, at);
        if known.iter().all(|c| c.id.is_empty()) {
            continue;
        }
        let ours = known.iter().any(|c| c.id.contains(&hint));
        ctx.check(
            ours,
            seen,
            "id_token_hint",
            "un jeton d'identité remis par PSC pendant ce scénario",
            "une autre valeur",
        );
    }
}

/// PSC-G04: the return address after log-out is a declared one.
pub(super) fn declared_post_logout(ctx: &mut Ctx<'_>) {
    let declared = &ctx.product().psc.post_logout_redirect_uris;
    if declared.is_empty() {
        return;
    }
    for seen in ctx.exchanges(Service::Psc, &["logout"]) {
        let Some(sent) = param(seen, "post_logout_redirect_uri") else {
            continue;
        };
        ctx.check(
            declared.contains(&sent),
            seen,
            "post_logout_redirect_uri",
            format!("l'une des adresses déclarées : {}", declared.join(", ")),
            sent,
        );
    }
}

/// PSC-G06: after log-out, the tokens of the session are used no more.
pub(super) fn no_token_after_logout(ctx: &mut Ctx<'_>) {
    let all = all(ctx);
    for (at, seen) in all.iter().enumerate() {
        if seen.exchange.operation != "logout" {
            continue;
        }
        let Some(hint) = param(seen, "id_token_hint") else {
            continue;
        };
        let known = chains(&all, at);
        let Some(chain) = known.iter().find(|c| c.id.contains(&hint)) else {
            continue;
        };
        let later = all.iter().skip(at + 1).find(|s| {
            s.exchange.operation != "revoke" && presented(s).is_some_and(|t| chain.holds(&t))
        });
        match later {
            Some(used) => ctx.broken(
                used,
                "jeton",
                format!(
                    "aucun usage des jetons de la session fermée par {}",
                    seen.label()
                ),
                format!("appel {} avec l'un d'eux", used.exchange.operation),
            ),
            None => ctx.held(),
        }
    }
}

/// PSC-I07: the identity sent to INSi is that of the professional connected through PSC.
pub(super) fn same_identity_downstream(ctx: &mut Ctx<'_>) {
    for seen in ctx.exchanges(Service::Insi, &[]) {
        let Some(name_id) = seen.text("/insi/security/assertions/0/name_id") else {
            continue;
        };
        let before = ctx
            .exchanges(Service::Psc, &["userinfo"])
            .into_iter()
            .filter(|u| u.exchange.id < seen.exchange.id)
            .filter_map(|u| json(u)?.get("SubjectNameID")?.as_str().map(str::to_owned))
            .next_back();
        if let Some(connected) = before {
            ctx.check(
                name_id == connected,
                seen,
                "Subject/NameID",
                format!("l'identifiant national du professionnel connecté ({connected})"),
                name_id,
            );
        }
    }
}
