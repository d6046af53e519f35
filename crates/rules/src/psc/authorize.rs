//! Rules over authentication requests: declared return address, values never reused.

use std::collections::HashSet;

use diapason_core::Service;
use serde_json::Value;

use super::wire::param;
use crate::judge::Ctx;

/// PSC-A05: the return address is one of the declared ones, byte for byte.
pub(super) fn declared_redirect_uri(ctx: &mut Ctx<'_>) {
    let declared = &ctx.product().psc.redirect_uris;
    if declared.is_empty() {
        return;
    }
    for seen in ctx.exchanges(Service::Psc, &["authorize"]) {
        let sent = param(seen, "redirect_uri").unwrap_or_default();
        ctx.check(
            declared.contains(&sent),
            seen,
            "redirect_uri",
            format!("l'une des adresses déclarées : {}", declared.join(", ")),
            sent,
        );
    }
}

/// PSC-A10B: the page of PSC is not opened by a component of the application, unless the product
/// statement declares that browser of its own.
pub(super) fn system_browser(ctx: &mut Ctx<'_>) {
    if ctx.product().profil.psc_navigateur_interne {
        return;
    }
    for seen in ctx.exchanges(Service::Psc, &["authorize"]) {
        let embedded = seen.fact("/psc/webview").and_then(Value::as_bool) == Some(true);
        ctx.check(
            !embedded,
            seen,
            "User-Agent",
            "le navigateur du système",
            "un composant de navigation embarqué",
        );
    }
}

/// PSC-A06B: the state is new in each request.
pub(super) fn state_is_new(ctx: &mut Ctx<'_>) {
    never_twice(ctx, "state");
}

/// PSC-A07B: the nonce is new in each request.
pub(super) fn nonce_is_new(ctx: &mut Ctx<'_>) {
    never_twice(ctx, "nonce");
}

fn never_twice(ctx: &mut Ctx<'_>, name: &str) {
    let mut known = HashSet::new();
    let requests = ctx.exchanges(Service::Psc, &["authorize"]);
    if requests.len() > 1 && requests.iter().all(|seen| param(seen, name).is_none()) {
        // Nothing is reused; that it is missing is the business of another rule.
        ctx.held();
    }
    for seen in requests {
        let Some(value) = param(seen, name) else {
            continue;
        };
        let first = known.is_empty();
        let new = known.insert(value);
        if !first {
            ctx.check(
                new,
                seen,
                name,
                format!("un {name} jamais envoyé auparavant"),
                format!("le {name} d'une demande précédente"),
            );
        }
    }
}
