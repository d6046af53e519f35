//! Rules over authentication requests: declared return address, values never reused.

use std::collections::HashSet;

use diapason_core::Service;

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
    for seen in ctx.exchanges(Service::Psc, &["authorize"]) {
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
