//! The search procedure: first prénom alone, then the others one by one, then all together; it stops
//! at the first 00, at 02 and at the first breakdown. Nothing is retried by itself.

use diapason_core::Clock;
use diapason_core::ins::CodeLieu;

use super::client::{Appel, InsiClient, Issue, Panne};
use super::requete::{Carte, Corps, Ids, Traits};
use crate::identite::{Usager, prenoms};
use crate::mutants::Mutants;

/// A search to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recherche {
    /// By traits; the place refines it.
    Traits {
        /// Add the COG?
        avec_lieu: bool,
    },
    /// By carte Vitale.
    Vitale(Carte),
}

/// How a search ended: the issue of its last call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fin {
    /// Issue.
    pub issue: Issue,
    /// Number of calls made.
    pub appels: usize,
}

/// Makes the search. `apres` is called after each call, before the next one.
pub async fn chercher(
    client: &InsiClient,
    clock: &Clock,
    usager: &Usager,
    recherche: &Recherche,
    mutants: &Mutants,
    mut apres: impl FnMut(&Appel),
) -> Fin {
    let plan = corps(usager, recherche, mutants);
    let first_ids = Ids::fresh();
    let mut fin = Fin {
        issue: Issue::Personne,
        appels: 0,
    };
    for corps in plan {
        let mut tries = 0;
        loop {
            let mut ids = Ids::fresh();
            if mutants.mutant("reuse-message-id") {
                ids.message.clone_from(&first_ids.message);
            }
            let appel = client.appeler(clock, &corps, &ids).await;
            apres(&appel);
            fin.appels += 1;
            fin.issue = appel.issue;
            tries += 1;
            if !retry(&fin.issue, tries, mutants) {
                break;
            }
        }
        let goes_on = match &fin.issue {
            Issue::Personne => true,
            Issue::Trouve(_) | Issue::Verifie(_) => mutants.mutant("no-stop-at-00"),
            Issue::Plusieurs => mutants.mutant("loop-after-02"),
            Issue::Panne(_) => mutants.mutant("loop-after-fault"),
        };
        if !goes_on {
            break;
        }
    }
    fin
}

/// Only mutants call again by themselves.
fn retry(issue: &Issue, tries: u32, mutants: &Mutants) -> bool {
    match issue {
        Issue::Panne(Panne::Faute(code)) if code == "desir_550" => {
            (mutants.mutant("retry-on-550") || mutants.mutant("retry-storm")) && tries < 6
        }
        Issue::Panne(_) => mutants.mutant("retry-storm") && tries < 6,
        Issue::Plusieurs => mutants.mutant("retry-after-02") && tries < 3,
        _ => false,
    }
}

/// The bodies of the successive calls.
fn corps(usager: &Usager, recherche: &Recherche, mutants: &Mutants) -> Vec<Corps> {
    let avec_lieu = match recherche {
        Recherche::Vitale(carte) => return vec![Corps::Vitale(carte.clone())],
        Recherche::Traits { avec_lieu } => *avec_lieu && !mutants.mutant("place-never-sent"),
    };
    let i = &usager.identite;
    let mut premier = i.premier_prenom.clone();
    if mutants.mutant("composite-prenom-cut") {
        premier = premier
            .split(['-', ' '])
            .next()
            .unwrap_or_default()
            .to_owned();
    }
    if mutants.mutant("prenom-utilise-sent")
        && let Some(utilise) = &usager.prenom_utilise
    {
        premier.clone_from(utilise);
    }
    let mut essais = prenoms::essais(&premier, &i.prenoms);
    if mutants.mutant("first-call-all-prenoms") {
        essais.insert(0, i.prenoms.join(" "));
    }
    if mutants.mutant("no-next-prenom") {
        essais.truncate(1);
    }
    if mutants.mutant("no-joined-call") && essais.len() > 1 {
        essais.pop();
    }
    if mutants.mutant("prenoms-backwards") && essais.len() > 2 {
        let last = essais.len() - 1;
        essais[1..last].reverse();
    }
    let nom = match &usager.nom_utilise {
        Some(utilise) if mutants.mutant("nom-utilise-sent") => utilise,
        _ => &i.nom_naissance,
    };
    let lieu: Option<CodeLieu> = i
        .lieu_naissance
        .clone()
        .filter(|_| avec_lieu || mutants.mutant("postal-code-as-cog"));
    essais
        .into_iter()
        .map(|prenom| {
            Corps::Traits(Traits {
                nom: nom.clone(),
                prenom,
                sexe: i.sexe,
                date: i.date_naissance.clone(),
                lieu: lieu.clone(),
            })
        })
        .collect()
}

/// The verification of the INS that a person holds, or that came with her.
pub async fn verifier(client: &InsiClient, clock: &Clock, corps: &Corps) -> Appel {
    client.appeler(clock, corps, &Ids::fresh()).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identite::usager::tests::zoe;

    fn prenoms_of(plan: &[Corps]) -> Vec<&str> {
        plan.iter()
            .map(|corps| match corps {
                Corps::Traits(traits) => traits.prenom.as_str(),
                _ => "?",
            })
            .collect()
    }

    #[test]
    fn three_prenoms_make_at_most_four_calls() {
        let mut usager = zoe();
        usager.identite.premier_prenom = "PIERRE".to_owned();
        usager.identite.prenoms = ["PIERRE", "PAUL", "JACQUES"].map(str::to_owned).to_vec();
        let plan = corps(
            &usager,
            &Recherche::Traits { avec_lieu: false },
            &Mutants::default(),
        );
        assert_eq!(
            prenoms_of(&plan),
            ["PIERRE", "PAUL", "JACQUES", "PIERRE PAUL JACQUES"]
        );
        assert!(
            plan.iter()
                .all(|c| matches!(c, Corps::Traits(t) if t.lieu.is_none()))
        );
        let refined = corps(
            &usager,
            &Recherche::Traits { avec_lieu: true },
            &Mutants::default(),
        );
        assert!(
            refined
                .iter()
                .all(|c| matches!(c, Corps::Traits(t) if t.lieu.is_some()))
        );
    }

    #[test]
    fn used_names_are_never_sent() {
        let mut usager = zoe();
        usager.nom_utilise = Some("AUTRE".to_owned());
        usager.prenom_utilise = Some("LOU".to_owned());
        let plan = corps(
            &usager,
            &Recherche::Traits { avec_lieu: false },
            &Mutants::default(),
        );
        assert!(matches!(&plan[..], [Corps::Traits(t)] if t.nom == "ADRUN" && t.prenom == "ZOE"));
    }
}
