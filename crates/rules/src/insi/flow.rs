//! Order of the calls of a search: given names one by one, where to stop, how to retry.
//!
//! Source: CNDA cases 2.06 and 2.07, clients that passed them. A search is the run of calls of one step
//! for one person with the same place.

use serde_json::Value;

use super::{TRAITS, calls};
use crate::Ctx;
use crate::record::SeenExchange;

/// Most attempts of one same query after failures.
const MOST_ATTEMPTS: usize = 3;

/// The calls of one search, in order.
struct Search<'a> {
    key: Vec<String>,
    calls: Vec<&'a SeenExchange>,
    /// Given names of the record searched, first included, when a step told them.
    known: Vec<String>,
}

/// Upper case, hyphens and apostrophes as spaces.
fn normal(name: &str) -> String {
    let spaced = name.replace(['-', '\''], " ").to_uppercase();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The given names of a call, joined.
fn sent(seen: &SeenExchange) -> String {
    let names: Vec<&str> = seen
        .fact("/insi/traits/prenoms")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    normal(&names.join(" "))
}

fn several_elements(seen: &SeenExchange) -> bool {
    seen.fact("/insi/traits/prenoms")
        .and_then(Value::as_array)
        .is_some_and(|a| a.len() > 1)
}

/// `00`, `01`, `02`, a fault code... empty when nothing was answered.
fn outcome(seen: &SeenExchange) -> &str {
    seen.answer.as_ref().map_or("", |a| a.outcome.as_str())
}

/// Was the answer damaged on purpose, so that the DUI could not read the code?
fn readable(seen: &SeenExchange) -> bool {
    seen.answer
        .as_ref()
        .is_some_and(|a| a.status == Some(200) && a.delivery.is_none())
}

/// Did the DUI read this return code in a plain answer?
fn answered(seen: &SeenExchange, code: &str) -> bool {
    readable(seen) && outcome(seen) == code
}

/// Given names of the person a step works on, as the DUI last told them.
fn known_names(ctx: &Ctx<'_>, step: Option<u32>) -> Vec<String> {
    let Some(number) = step else {
        return Vec::new();
    };
    let Some(id) = ctx
        .steps()
        .iter()
        .find(|s| s.number == number)
        .and_then(|s| s.request.as_ref())
        .and_then(|r| r.params.get("usager"))
    else {
        return Vec::new();
    };
    let view = ctx
        .steps()
        .iter()
        .rev()
        .filter(|s| s.number < number)
        .filter_map(|s| s.answer.as_ref()?.result.get("usager"))
        .find(|u| u.get("id") == Some(id));
    let Some(view) = view else { return Vec::new() };
    let first = view.get("premier_prenom").and_then(Value::as_str);
    let mut names: Vec<String> = view
        .get("prenoms")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(normal)
        .collect();
    if let Some(first) = first.map(normal) {
        put_first(&mut names, first);
    }
    names
}

/// Puts the first given name at the head of the list. A composite one may stand there already, in
/// as many items as it has words; those items are then one given name.
fn put_first(names: &mut Vec<String>, first: String) {
    let words = first.split(' ').count();
    let same = (1..=words.min(names.len())).find(|n| names[..*n].join(" ") == first);
    names.splice(..same.unwrap_or(0), [first]);
}

fn searches<'a>(ctx: &Ctx<'a>) -> Vec<Search<'a>> {
    let mut all: Vec<Search<'a>> = Vec::new();
    for seen in calls(ctx) {
        if seen.exchange.operation != TRAITS || seen.fact("/insi/traits").is_none() {
            continue;
        }
        let text = |key: &str| {
            seen.text(&format!("/insi/traits/{key}"))
                .unwrap_or_default()
                .to_owned()
        };
        let key = vec![
            seen.step.unwrap_or_default().to_string(),
            text("nom_naissance"),
            text("sexe"),
            text("date_naissance"),
            text("lieu_naissance"),
        ];
        match all.iter_mut().find(|s| s.key == key) {
            Some(search) => search.calls.push(seen),
            None => all.push(Search {
                known: known_names(ctx, seen.step),
                key,
                calls: vec![seen],
            }),
        }
    }
    all
}

/// INSI-F01: the first call carries the first given name alone.
pub(super) fn first_call_has_the_first_given_name(ctx: &mut Ctx<'_>) {
    for search in searches(ctx) {
        let seen = search.calls[0];
        let names = sent(seen);
        match search.known.first() {
            _ if several_elements(seen) => {
                ctx.broken(
                    seen,
                    "RECSANSVITALE/Prenom",
                    "un seul élément Prenom",
                    names,
                );
            }
            Some(first) => ctx.check(
                names == *first,
                seen,
                "RECSANSVITALE/Prenom",
                format!("{first}, le premier prénom de la fiche"),
                names,
            ),
            None => ctx.held(),
        }
    }
}

/// INSI-F02: after 01, the next given name of the list.
pub(super) fn given_names_in_order(ctx: &mut Ctx<'_>) {
    for search in searches(ctx) {
        // The last call, with all the names, is INSI-F04's business.
        for (i, seen) in search.calls.iter().enumerate() {
            let Some(expected) = search.known.get(i + 1) else {
                break;
            };
            if !answered(seen, "01") || sent(seen) != search.known[i] {
                break;
            }
            match search.calls.get(i + 1) {
                None => ctx.broken(
                    seen,
                    "RECSANSVITALE/Prenom",
                    format!("après le code 01, un appel avec {expected}"),
                    "aucun autre appel",
                ),
                Some(next) => {
                    let names = sent(next);
                    ctx.check(
                        names == *expected,
                        next,
                        "RECSANSVITALE/Prenom",
                        format!("{expected}, le prénom suivant de la fiche"),
                        names,
                    );
                }
            }
        }
    }
}

/// INSI-F03: nothing after the first 00.
pub(super) fn stops_at_the_first_identity(ctx: &mut Ctx<'_>) {
    for search in searches(ctx) {
        let Some(found) = search.calls.iter().position(|s| answered(s, "00")) else {
            continue;
        };
        match search.calls.get(found + 1) {
            None => ctx.held(),
            Some(next) => {
                let label = search.calls[found].exchange.id;
                ctx.broken(
                    next,
                    "appels de la recherche",
                    format!("aucun appel après le code 00 de {label}"),
                    format!("{} appel(s) de plus", search.calls.len() - found - 1),
                );
            }
        }
    }
}

/// INSI-F04: when nobody is found, a last call with all the given names.
pub(super) fn last_call_has_them_all(ctx: &mut Ctx<'_>) {
    for search in searches(ctx) {
        let count = search.known.len();
        let alone = search.calls.iter().take(count);
        if count < 2 || search.calls.len() < count || !alone.into_iter().all(|s| answered(s, "01"))
        {
            continue;
        }
        let all = search.known.join(" ");
        match search.calls.get(count) {
            None => ctx.broken(
                search.calls[count - 1],
                "appels de la recherche",
                format!("un dernier appel avec {all}"),
                format!("{count} appels, aucun avec tous les prénoms"),
            ),
            Some(last) => {
                let names = sent(last);
                ctx.check(
                    names == all && search.calls.len() == count + 1,
                    last,
                    "RECSANSVITALE/Prenom",
                    format!("{} appels, le dernier avec {all}", count + 1),
                    format!("{} appels, celui-ci avec {names}", search.calls.len()),
                );
            }
        }
    }
}

/// INSI-F05: the loop goes on after 01 only.
pub(super) fn stops_when_it_cannot_go_on(ctx: &mut Ctx<'_>) {
    for search in searches(ctx) {
        let Some(at) = search
            .calls
            .iter()
            .position(|s| !answered(s, "01") && !answered(s, "00"))
        else {
            continue;
        };
        let stopped = search.calls[at];
        let other = search.calls[at + 1..]
            .iter()
            .find(|s| answered(stopped, "02") || sent(s) != sent(stopped));
        match other {
            None => ctx.held(),
            Some(next) => {
                let names = sent(next);
                let (label, said) = (stopped.exchange.id, outcome(stopped));
                ctx.broken(
                    next,
                    "appels de la recherche",
                    format!("pas d'autre appel de la boucle après la réponse {said} de {label}"),
                    format!("appel avec {names}"),
                );
            }
        }
    }
}

/// INSI-F08: one action of the user, one person.
pub(super) fn one_person_per_action(ctx: &mut Ctx<'_>) {
    let mut by_step: Vec<(u32, Vec<String>, &SeenExchange)> = Vec::new();
    for seen in calls(ctx) {
        let Some(step) = seen.step else { continue };
        let text = |pointer: &str| seen.text(pointer).unwrap_or_default();
        let person = if seen.fact("/insi/vitale").is_some() {
            format!(
                "{} {} {}",
                text("/insi/vitale/matricule_individu/numero"),
                text("/insi/vitale/nom_naissance"),
                text("/insi/vitale/date_naissance"),
            )
        } else if seen.fact("/insi/traits").is_some() {
            format!(
                "{} {} {}",
                text("/insi/traits/nom_naissance"),
                text("/insi/traits/sexe"),
                text("/insi/traits/date_naissance"),
            )
        } else {
            continue;
        };
        match by_step.iter_mut().find(|(number, ..)| *number == step) {
            Some((_, people, last)) => {
                if !people.contains(&person) {
                    people.push(person);
                    *last = seen;
                }
            }
            None => by_step.push((step, vec![person], seen)),
        }
    }
    for (step, people, last) in by_step {
        ctx.check(
            people.len() == 1,
            last,
            "appels de l'étape",
            "une seule personne par action de l'utilisateur",
            format!(
                "{} personnes à l'étape {step} : {}",
                people.len(),
                people.join(", ")
            ),
        );
    }
}

/// INSI-D08: after a failure, few attempts, further and further apart.
pub(super) fn no_retry_storm(ctx: &mut Ctx<'_>) {
    for search in searches(ctx) {
        let mut attempts: Vec<&SeenExchange> = Vec::new();
        let mut failed = false;
        for seen in search.calls {
            if attempts.first().is_some_and(|a| sent(a) != sent(seen)) {
                attempts.clear();
            }
            attempts.push(seen);
            if attempts.len() > MOST_ATTEMPTS {
                ctx.broken(
                    seen,
                    "appels de la recherche",
                    format!("{MOST_ATTEMPTS} tentatives au plus pour une même demande"),
                    format!("{} tentatives", attempts.len()),
                );
                failed = true;
                break;
            }
            let waits: Vec<i64> = attempts
                .windows(2)
                .map(|w| {
                    w[1].exchange
                        .received_at
                        .millis_since(w[0].exchange.received_at)
                })
                .collect();
            if waits.windows(2).any(|w| w[1] <= w[0]) {
                ctx.broken(
                    seen,
                    "délai entre deux tentatives",
                    "un délai qui grandit d'une tentative à l'autre",
                    format!("{waits:?} ms"),
                );
                failed = true;
                break;
            }
        }
        let had_failure = attempts
            .iter()
            .any(|s| !(answered(s, "00") || answered(s, "01") || answered(s, "02")));
        if had_failure && !failed {
            ctx.held();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_support::{Run, insi};
    use serde_json::{Value, json};

    fn call(outcome: &str, prenoms: &[&str]) -> (String, Value) {
        let traits = json!({
            "nom_naissance": "TCHITCHI", "prenoms": prenoms, "sexe": "F", "date_naissance": "1936-06-21",
        });
        insi(outcome, json!({ "traits": traits }))
    }

    /// A record with the three given names, searched at step 2.
    fn run(calls: Vec<(String, Value)>) -> Run {
        let view = json!({"usager": {"id": "7", "premier_prenom": "OLA", "prenoms": ["OLA", "CATARINA", "BELLA"]}});
        Run::default()
            .action(1, "usager.create", json!({}), view)
            .action(2, "ins.search", json!({"usager": "7"}), json!({}))
            .calls(2, calls)
    }

    fn broken(run: &Run) -> Vec<String> {
        let mut rules: Vec<String> = run
            .all_findings()
            .into_iter()
            .map(|f| f.rule.to_string())
            .filter(|r| r.starts_with("INSI-F") || r == "INSI-D08")
            .collect();
        rules.sort();
        rules.dedup();
        rules
    }

    #[test]
    fn the_expected_procedure_breaks_nothing() {
        let good = run(vec![call("01", &["OLA"]), call("00", &["CATARINA"])]);
        assert!(broken(&good).is_empty(), "{:?}", good.all_findings());
        for rule in ["INSI-F01", "INSI-F02", "INSI-F03", "INSI-F08"] {
            assert!(good.checks(rule) > 0, "{rule}");
        }
        let nobody = vec![
            call("01", &["OLA"]),
            call("01", &["CATARINA"]),
            call("01", &["BELLA"]),
            call("01", &["OLA CATARINA BELLA"]),
        ];
        let nobody = run(nobody);
        assert!(broken(&nobody).is_empty(), "{:?}", nobody.all_findings());
        assert_eq!(nobody.checks("INSI-F04"), 1);
        let joined_as_elements = run(vec![
            call("01", &["OLA"]),
            call("01", &["CATARINA"]),
            call("01", &["BELLA"]),
            call("01", &["OLA", "CATARINA", "BELLA"]),
        ]);
        assert!(broken(&joined_as_elements).is_empty());
    }

    #[test]
    fn each_departure_is_found_by_its_rule() {
        for (rule, calls) in [
            ("INSI-F01", vec![call("00", &["CATARINA"])]),
            ("INSI-F01", vec![call("00", &["OLA", "CATARINA"])]),
            (
                "INSI-F02",
                vec![call("01", &["OLA"]), call("00", &["BELLA"])],
            ),
            ("INSI-F02", vec![call("01", &["OLA"])]),
            (
                "INSI-F03",
                vec![call("00", &["OLA"]), call("01", &["CATARINA"])],
            ),
            (
                "INSI-F04",
                vec![
                    call("01", &["OLA"]),
                    call("01", &["CATARINA"]),
                    call("01", &["BELLA"]),
                ],
            ),
            (
                "INSI-F05",
                vec![call("02", &["OLA"]), call("01", &["CATARINA"])],
            ),
            (
                "INSI-F05",
                vec![call("insi_102", &["OLA"]), call("00", &["CATARINA"])],
            ),
            ("INSI-F05", vec![call("02", &["OLA"]), call("02", &["OLA"])]),
        ] {
            assert_eq!(broken(&run(calls)), [rule]);
        }
    }

    #[test]
    fn a_composite_first_name_may_be_listed_in_pieces() {
        let names = |first: &str, list: &[&str]| {
            let mut names: Vec<String> = list.iter().map(|n| (*n).to_owned()).collect();
            super::put_first(&mut names, first.to_owned());
            names
        };
        let whole = ["ANNE LISE", "OLA"];
        assert_eq!(names("ANNE LISE", &["ANNE", "LISE", "OLA"]), whole);
        assert_eq!(names("ANNE LISE", &["ANNE LISE", "OLA"]), whole);
        assert_eq!(names("ANNE LISE", &["OLA"]), whole);
        assert_eq!(names("ANNE", &[]), ["ANNE"]);
    }

    #[test]
    fn two_people_in_one_action_are_found() {
        let mut second = call("00", &["ZOE"]);
        second.1["traits"]["nom_naissance"] = json!("ADRUN");
        assert_eq!(
            broken(&run(vec![call("00", &["OLA"]), second])),
            ["INSI-F01", "INSI-F08"]
        );
    }

    #[test]
    fn a_storm_is_found_and_a_patient_retry_is_not() {
        let four = vec![call("insi_102", &["OLA"]); 4];
        assert_eq!(
            broken(&run(four.clone()).spaced(2, &[0, 100, 300, 900])),
            ["INSI-D08"]
        );
        let three = four[..3].to_vec();
        assert_eq!(
            broken(&run(three.clone()).spaced(2, &[0, 100, 200])),
            ["INSI-D08"]
        );
        let patient = run(three).spaced(2, &[0, 100, 300]);
        assert!(broken(&patient).is_empty());
        assert_eq!(patient.checks("INSI-D08"), 1);
    }
}
