//! Rules over CIBA: the number shown, the pace of polling, its end.

use diapason_core::Service;
use serde_json::Value;

use super::wire::{json, member, param, status};
use crate::judge::Ctx;
use crate::record::SeenExchange;

/// Interval when the answer states none (CIBA Core 7.3), seconds.
const DEFAULT_INTERVAL: i64 = 5;
/// What `slow_down` adds (CIBA Core 11), seconds.
const SLOW_DOWN: i64 = 5;
/// Tolerance, milliseconds: two clocks reading the same instant, and a network whose delay varies
/// from one request to the next.
const JITTER_MS: i64 = 250;

/// PSC-H02B: the number is drawn anew, neither constant nor counted up. Two digits drawn three times make some regular
/// series once in a hundred: beyond « the same » and « the next », only five numbers tell.
pub(super) fn random_binding_message(ctx: &mut Ctx<'_>) {
    let asked = ctx.exchanges(Service::Psc, &["ciba"]);
    let numbers: Vec<i64> = asked
        .iter()
        .filter_map(|s| param(s, "binding_message")?.parse().ok())
        .collect();
    let (Some(last), true) = (asked.last(), numbers.len() >= 3) else {
        return;
    };
    let steps: Vec<i64> = numbers.windows(2).map(|w| w[1] - w[0]).collect();
    let same_step = steps.iter().all(|s| *s == steps[0]);
    let regular = same_step && (steps[0].abs() <= 1 || numbers.len() >= 5);
    ctx.check(
        !regular,
        last,
        "binding_message",
        "des nombres tirés au hasard",
        if steps[0] == 0 {
            format!("le même nombre {} fois", numbers.len())
        } else {
            format!("une suite régulière, de {} en {}", steps[0], steps[0])
        },
    );
}

/// PSC-H02C: the number sent is the number shown.
pub(super) fn shown_binding_message(ctx: &mut Ctx<'_>) {
    for seen in ctx.exchanges(Service::Psc, &["ciba"]) {
        let shown = ctx
            .steps()
            .iter()
            .find(|s| Some(s.number) == seen.step)
            .filter(|s| s.request.as_ref().is_some_and(|r| r.action == "psc.ciba"))
            .and_then(|s| s.answer.as_ref())
            .filter(|a| a.result.get("connecte").and_then(Value::as_bool) == Some(true));
        let (Some(answer), Some(sent)) = (shown, param(seen, "binding_message")) else {
            continue;
        };
        let shown = answer
            .result
            .get("binding_message")
            .and_then(Value::as_str)
            .unwrap_or("rien");
        ctx.check(
            shown == sent,
            seen,
            "binding_message",
            format!("{sent} affiché au poste"),
            shown,
        );
    }
}

/// A request and its polls, oldest first.
fn polls<'a>(ctx: &Ctx<'a>) -> Vec<(&'a SeenExchange, Vec<&'a SeenExchange>)> {
    let all = ctx.exchanges(Service::Psc, &["token_ciba"]);
    ctx.exchanges(Service::Psc, &["ciba"])
        .into_iter()
        .filter_map(|asked| {
            let id = member(asked, "auth_req_id")?;
            let mine: Vec<&SeenExchange> = all
                .iter()
                .copied()
                .filter(|p| param(p, "auth_req_id").as_ref() == Some(&id))
                .collect();
            Some((asked, mine))
        })
        .collect()
}

fn seconds(asked: &SeenExchange, name: &str) -> Option<i64> {
    json(asked)?.get(name)?.as_i64()
}

/// PSC-H04: never closer than the interval.
pub(super) fn respects_interval(ctx: &mut Ctx<'_>) {
    for (asked, mine) in polls(ctx) {
        let interval = seconds(asked, "interval").unwrap_or(DEFAULT_INTERVAL);
        paced(ctx, &mine, |slowed| !slowed, |_| interval);
    }
}

/// PSC-H05: five seconds more after `slow_down`.
pub(super) fn slows_down(ctx: &mut Ctx<'_>) {
    for (asked, mine) in polls(ctx) {
        let interval = seconds(asked, "interval").unwrap_or(DEFAULT_INTERVAL);
        paced(
            ctx,
            &mine,
            |slowed| slowed,
            |times| interval + SLOW_DOWN * times,
        );
    }
}

/// Checks the gap before each poll, where `concerned` says whether polls before or after a
/// `slow_down` are looked at, and `wanted` gives the least gap in seconds.
fn paced(
    ctx: &mut Ctx<'_>,
    mine: &[&SeenExchange],
    concerned: impl Fn(bool) -> bool,
    wanted: impl Fn(i64) -> i64,
) {
    let mut slowed = 0_i64;
    for pair in mine.windows(2) {
        let (before, after) = (pair[0], pair[1]);
        if member(before, "error").as_deref() == Some("slow_down") {
            slowed += 1;
        }
        if !concerned(slowed > 0) {
            continue;
        }
        let gap = after
            .exchange
            .received_at
            .millis_since(before.exchange.received_at);
        let least = wanted(slowed);
        ctx.check(
            gap + JITTER_MS >= least * 1000,
            after,
            "intervalle",
            format!("au moins {least} s depuis l'interrogation précédente"),
            format!("{gap} ms"),
        );
    }
}

/// PSC-H06B: no poll after a final answer.
pub(super) fn stops_on_final_answer(ctx: &mut Ctx<'_>) {
    for (_, mine) in polls(ctx) {
        let Some(end) = mine.iter().position(|p| is_final(p)) else {
            continue;
        };
        match mine.get(end + 1) {
            Some(more) => ctx.broken(
                more,
                "auth_req_id",
                "plus d'interrogation après une réponse finale",
                "une interrogation de plus",
            ),
            None => ctx.held(),
        }
    }
}

fn is_final(poll: &SeenExchange) -> bool {
    status(poll) == Some(200)
        || member(poll, "error").is_some_and(|e| e != "authorization_pending" && e != "slow_down")
}

/// PSC-H07B: no poll after the announced expiry.
pub(super) fn stops_at_expiry(ctx: &mut Ctx<'_>) {
    for (asked, mine) in polls(ctx) {
        let Some(lifetime) = seconds(asked, "expires_in") else {
            continue;
        };
        let Some(answered) = asked.answer.as_ref().map(|a| a.answered_at) else {
            continue;
        };
        for poll in mine {
            let age = poll.exchange.received_at.millis_since(answered);
            ctx.check(
                age <= lifetime * 1000,
                poll,
                "expires_in",
                format!("au plus {lifetime} s après la demande"),
                format!("{} s", age / 1000),
            );
        }
    }
}

/// PSC-H12: `login_hint` is the national id typed, intact.
pub(super) fn hint_is_intact(ctx: &mut Ctx<'_>) {
    for seen in ctx.exchanges(Service::Psc, &["ciba"]) {
        let typed = ctx
            .steps()
            .iter()
            .find(|s| Some(s.number) == seen.step)
            .and_then(|s| s.request.as_ref())
            .filter(|r| r.action == "psc.ciba")
            .and_then(|r| r.params.get("identifiant_national")?.as_str());
        let Some(typed) = typed else { continue };
        let sent = param(seen, "login_hint").unwrap_or_default();
        ctx.check(sent == typed, seen, "login_hint", typed, sent);
    }
}
