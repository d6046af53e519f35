//! Who is who: the people of the DUI and the users of its sessions, as its own answers tell.

use diapason_core::driver::ActionStatus;
use serde_json::Value;

use super::{member, param};
use crate::Ctx;

/// People as the DUI showed them, in order.
pub(super) struct People<'a>(Vec<(u32, &'a Value)>);

impl<'a> People<'a> {
    /// Every view of a person in the answers of the scenario.
    pub(super) fn of(ctx: &Ctx<'a>) -> Self {
        Self(
            ctx.steps()
                .iter()
                .filter_map(|s| Some((s.number, s.answer.as_ref()?.result.get("usager")?)))
                .filter(|(_, view)| member(view, "id").is_some())
                .collect(),
        )
    }

    /// Did the DUI show anybody?
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Ids of the people who had this matricule, now or before, by the end of a step.
    pub(super) fn of_matricule(&self, matricule: &str, step: u32) -> Vec<&'a str> {
        let mut ids: Vec<&str> = self
            .0
            .iter()
            .filter(|(number, view)| *number <= step && bears(view, matricule))
            .filter_map(|(_, view)| member(view, "id"))
            .collect();
        ids.dedup();
        ids
    }

    /// Are these two matricules of one person, by the end of a step?
    pub(super) fn same_person(&self, one: &str, other: &str, step: Option<u32>) -> bool {
        let step = step.unwrap_or_default();
        let ids = self.of_matricule(one, step);
        self.of_matricule(other, step)
            .iter()
            .any(|id| ids.contains(id))
    }

    /// The last view of a person, step not included or included.
    fn last(&self, id: &str, before: u32) -> Option<&'a Value> {
        self.0
            .iter()
            .rev()
            .find(|(number, view)| *number < before && member(view, "id") == Some(id))
            .map(|(_, view)| *view)
    }

    /// Was the identity qualified when the step began, or when it ended?
    pub(super) fn qualified(&self, id: &str, step: u32) -> bool {
        [step, step + 1]
            .into_iter()
            .filter_map(|before| self.last(id, before))
            .any(|view| member(view, "statut") == Some("qualifiee"))
    }

    /// The last view of the qualified person who bears this matricule, by the end of a step.
    pub(super) fn bearer(&self, matricule: &str, step: u32) -> Option<&'a Value> {
        self.of_matricule(matricule, step)
            .into_iter()
            .filter_map(|id| self.last(id, step + 1))
            .find(|view| {
                view.pointer("/ins/matricule").and_then(Value::as_str) == Some(matricule)
                    && member(view, "statut") == Some("qualifiee")
            })
    }
}

fn bears(view: &Value, matricule: &str) -> bool {
    let former = view
        .get("historique_ins")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    view.get("ins")
        .into_iter()
        .chain(former)
        .any(|ins| member(ins, "matricule") == Some(matricule))
}

/// Who was logged in where, in order.
pub(super) struct Users<'a>(Vec<(u32, &'a str, Option<&'a str>)>);

impl<'a> Users<'a> {
    /// Every login and logout the DUI answered.
    pub(super) fn of(ctx: &Ctx<'a>) -> Self {
        let mut all = Vec::new();
        for step in ctx.steps() {
            let (Some(request), Some(answer)) = (&step.request, &step.answer) else {
                continue;
            };
            let Some(session) = param(request, "session") else {
                continue;
            };
            if answer.status == ActionStatus::Done
                && let Some(connected) = answer.result.get("connecte").and_then(Value::as_bool)
            {
                let id = answer.result.pointer("/compte/identifiant_national");
                all.push((
                    step.number,
                    session,
                    id.and_then(Value::as_str).filter(|_| connected),
                ));
            }
        }
        Self(all)
    }

    /// The user of a session when a step begins.
    pub(super) fn in_session(&self, session: &str, step: u32) -> Option<&'a str> {
        self.0
            .iter()
            .rev()
            .find(|(number, name, _)| *number < step && *name == session)
            .and_then(|(.., id)| *id)
    }

    /// Everybody seen logged in.
    pub(super) fn everybody(&self) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter_map(|(.., id)| *id)
    }
}
