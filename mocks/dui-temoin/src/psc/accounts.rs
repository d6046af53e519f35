//! Local accounts, and how a professional known to PSC reaches his own.
//!
//! The pivot is the national id, compared whole. A name, an e-mail address or a `sub` never leads to
//! an account; an account without national id takes one only after its password was given.

use std::collections::BTreeMap;

use diapason_core::driver::{CompteCreate, CompteView};

use super::jose::{Hmac, same};
use super::userinfo::Professional;

/// Rounds of PBKDF2. Far too low for a product: these are test accounts, made anew for each scenario.
const ROUNDS: u32 = 1_024;

/// A local account.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    /// What others may see of it.
    pub(crate) view: CompteView,
    salt: [u8; 16],
    password: [u8; 32],
}

/// Why an account cannot be created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CreateError {
    /// Login name already taken.
    Login,
    /// National id already held by another account.
    NationalId,
    /// A mandatory field is empty.
    Empty,
}

/// What a PSC login leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Match {
    /// The account of that national id; the flag says that the profession has changed since.
    Found {
        /// Account.
        id: String,
        /// Did the profession change since the last PSC login?
        profession_changed: bool,
    },
    /// Nobody here has that national id.
    Unknown,
}

/// The directory of accounts.
#[derive(Debug, Default)]
pub(crate) struct Accounts {
    accounts: BTreeMap<String, Account>,
    made: u64,
}

impl Accounts {
    /// Every account, by order of creation.
    pub(crate) fn views(&self) -> Vec<CompteView> {
        let mut all: Vec<&CompteView> = self.accounts.values().map(|a| &a.view).collect();
        all.sort_by_key(|view| (view.id.len(), view.id.clone()));
        all.into_iter().cloned().collect()
    }

    /// One account.
    pub(crate) fn get(&self, id: &str) -> Option<&CompteView> {
        self.accounts.get(id).map(|account| &account.view)
    }

    /// Creates an account.
    pub(crate) fn create(&mut self, asked: CompteCreate) -> Result<CompteView, CreateError> {
        let login = asked.identifiant.trim().to_owned();
        if login.is_empty() || asked.mot_de_passe.is_empty() {
            return Err(CreateError::Empty);
        }
        let national = asked.identifiant_national.filter(|id| !id.is_empty());
        if self.accounts.values().any(|a| a.view.identifiant == login) {
            return Err(CreateError::Login);
        }
        if national.is_some() && self.by_national_id(national.as_deref()).is_some() {
            return Err(CreateError::NationalId);
        }
        let mut salt = [0_u8; 16];
        rand::fill(&mut salt);
        let view = CompteView {
            id: self.next_id(),
            identifiant: login,
            identifiant_national: national,
            psc_sub: None,
            nom: asked.nom,
            prenom: asked.prenom,
            profession: None,
            droits: asked.droits,
        };
        let account = Account {
            view: view.clone(),
            password: pbkdf2(asked.mot_de_passe.as_bytes(), &salt),
            salt,
        };
        self.accounts.insert(view.id.clone(), account);
        Ok(view)
    }

    /// The account whose login name and password these are.
    pub(crate) fn authenticate(&self, login: &str, password: &str) -> Option<String> {
        let found = self
            .accounts
            .values()
            .find(|a| a.view.identifiant == login.trim());
        let (salt, expected) = found.map_or(([0; 16], [0; 32]), |a| (a.salt, a.password));
        // Worked out for an unknown name too: the time taken must not tell who has an account.
        let right = same(&pbkdf2(password.as_bytes(), &salt), &expected);
        found.filter(|_| right).map(|a| a.view.id.clone())
    }

    /// The account a PSC identity leads to; its technical tag, its names and its profession follow PSC.
    pub(crate) fn matched(
        &mut self,
        professional: &Professional,
        mutant: &dyn Fn(&str) -> bool,
    ) -> Match {
        let mut id = self.by_national_id(Some(&professional.national_id));
        if mutant("match-by-sub") {
            let sub = Some(professional.sub.as_str());
            let tagged = |a: &&Account| a.view.psc_sub.as_deref() == sub;
            let fresh = id
                .clone()
                .filter(|id| self.get(id).is_some_and(|v| v.psc_sub.is_none()));
            id = self
                .accounts
                .values()
                .find(tagged)
                .map(|a| a.view.id.clone())
                .or(fresh);
        }
        if mutant("match-by-name") {
            id = id.or_else(|| {
                let same_name = |a: &&Account| {
                    a.view.nom.eq_ignore_ascii_case(&professional.nom)
                        && a.view.prenom.eq_ignore_ascii_case(&professional.prenom)
                };
                self.accounts
                    .values()
                    .find(same_name)
                    .map(|a| a.view.id.clone())
            });
        }
        if mutant("psc-directory-apart") {
            let own = self.accounts.values().find(|a| a.password == [0; 32]);
            id = own.map(|a| a.view.id.clone());
        }
        if mutant("duplicate-account")
            || id.is_none() && mutant("psc-directory-apart")
            || id.is_none() && mutant("auto-create-rights")
        {
            id = Some(self.provision(professional));
        }
        match id {
            None => Match::Unknown,
            Some(id) => {
                let profession_changed = self.refresh(&id, professional, mutant);
                Match::Found {
                    id,
                    profession_changed,
                }
            }
        }
    }

    /// Gives an account without national id the one that was just proven; false when it has one already
    /// or when another account holds it.
    pub(crate) fn associate(
        &mut self,
        id: &str,
        professional: &Professional,
        mutant: &dyn Fn(&str) -> bool,
    ) -> bool {
        if self
            .by_national_id(Some(&professional.national_id))
            .is_some()
        {
            return false;
        }
        match self.accounts.get_mut(id) {
            Some(account) if account.view.identifiant_national.is_none() => {
                account.view.identifiant_national = Some(professional.national_id.clone());
            }
            _ => return false,
        }
        self.refresh(id, professional, mutant);
        true
    }

    /// Only the mutant `local-login-apart` opens an account of its own for the local means.
    pub(crate) fn apart_mutant(&mut self, id: &str) -> Option<String> {
        let account = self.accounts.get(id).filter(|a| a.view.psc_sub.is_some())?;
        let mut apart = account.clone();
        apart.view.id = self.next_id();
        apart.view.psc_sub = None;
        apart.view.identifiant.push_str("-local");
        let id = apart.view.id.clone();
        self.accounts.insert(id.clone(), apart);
        Some(id)
    }

    /// Any account without national id. Only the mutant `associate-without-proof` asks.
    pub(crate) fn without_national_id(&self) -> Option<String> {
        self.accounts
            .values()
            .find(|a| a.view.identifiant_national.is_none())
            .map(|a| a.view.id.clone())
    }

    /// Removes every account.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    fn next_id(&mut self) -> String {
        self.made += 1;
        format!("compte-{}", self.made)
    }

    fn by_national_id(&self, id: Option<&str>) -> Option<String> {
        self.accounts
            .values()
            .find(|a| a.view.identifiant_national.as_deref() == id)
            .map(|a| a.view.id.clone())
    }

    /// Notes what PSC says; true when the profession is another than the one known.
    fn refresh(
        &mut self,
        id: &str,
        professional: &Professional,
        mutant: &dyn Fn(&str) -> bool,
    ) -> bool {
        let Some(account) = self.accounts.get_mut(id) else {
            return false;
        };
        let view = &mut account.view;
        view.psc_sub = Some(professional.sub.clone());
        if mutant("national-id-overwritten") {
            view.identifiant_national = Some(professional.sub.clone());
        }
        if mutant("account-without-profession") {
            return false;
        }
        professional.nom.clone_into(&mut view.nom);
        professional.prenom.clone_into(&mut view.prenom);
        let codes: Vec<&str> = professional
            .situations
            .iter()
            .map(|s| s.profession.as_str())
            .filter(|code| !code.is_empty())
            .collect();
        let changed = view
            .profession
            .as_deref()
            .is_some_and(|known| !codes.contains(&known));
        let kept = view
            .profession
            .as_deref()
            .filter(|known| codes.contains(known));
        view.profession = kept.or(codes.first().copied()).map(str::to_owned);
        changed
    }

    /// Creates an account out of a PSC identity alone. Only mutants do that.
    fn provision(&mut self, professional: &Professional) -> String {
        let view = CompteView {
            id: self.next_id(),
            identifiant: professional.national_id.clone(),
            identifiant_national: Some(professional.national_id.clone()),
            psc_sub: Some(professional.sub.clone()),
            nom: professional.nom.clone(),
            prenom: professional.prenom.clone(),
            profession: None,
            droits: vec!["soignant".to_owned()],
        };
        let id = view.id.clone();
        let account = Account {
            view,
            salt: [0; 16],
            password: [0; 32],
        };
        self.accounts.insert(id.clone(), account);
        id
    }
}

/// PBKDF2-HMAC-SHA-256, one block.
fn pbkdf2(password: &[u8], salt: &[u8]) -> [u8; 32] {
    let mac = Hmac::new(password);
    let mut round = mac.mac(&[salt, &[0, 0, 0, 1]].concat());
    let mut out = round;
    for _ in 1..ROUNDS {
        round = mac.mac(&round);
        for (o, r) in out.iter_mut().zip(round) {
            *o ^= r;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::userinfo::Situation;
    use super::*;

    fn create(login: &str, national: Option<&str>) -> CompteCreate {
        CompteCreate {
            identifiant: login.to_owned(),
            mot_de_passe: "un long mot de passe".to_owned(),
            identifiant_national: national.map(str::to_owned),
            nom: "DUITEST".to_owned(),
            prenom: "IDEC".to_owned(),
            droits: vec!["soignant".to_owned()],
        }
    }

    fn professional(national_id: &str, sub: &str, profession: &str) -> Professional {
        Professional {
            sub: sub.to_owned(),
            national_id: national_id.to_owned(),
            nom: "DUITEST".to_owned(),
            prenom: "IDEC".to_owned(),
            situations: vec![Situation {
                profession: profession.to_owned(),
                ..Situation::default()
            }],
        }
    }

    #[test]
    fn the_national_id_alone_leads_to_an_account() {
        let mut accounts = Accounts::default();
        let id = accounts
            .create(create("idec", Some("899709900023")))
            .unwrap()
            .id;
        let found = |accounts: &mut Accounts, national: &str, sub: &str| {
            accounts.matched(&professional(national, sub, "60"), &|_| false)
        };
        let same = Match::Found {
            id: id.clone(),
            profession_changed: false,
        };
        assert_eq!(found(&mut accounts, "899709900023", "s-1"), same);
        // The technical subject changes, the person does not.
        assert_eq!(found(&mut accounts, "899709900023", "s-2"), same);
        assert_eq!(accounts.get(&id).unwrap().psc_sub.as_deref(), Some("s-2"));
        // Same names, even same sub: somebody else.
        assert_eq!(found(&mut accounts, "899709900080", "s-2"), Match::Unknown);
        assert_eq!(accounts.views().len(), 1);
    }

    #[test]
    fn a_changed_profession_is_noticed_once() {
        let mut accounts = Accounts::default();
        accounts
            .create(create("idec", Some("899709900023")))
            .unwrap();
        let mut changed = |code: &str| {
            let found = accounts.matched(&professional("899709900023", "s", code), &|_| false);
            matches!(
                found,
                Match::Found {
                    profession_changed: true,
                    ..
                }
            )
        };
        assert!(!changed("60"));
        assert!(!changed("60"));
        assert!(changed("10"));
        assert!(!changed("10"));
    }

    #[test]
    fn an_account_takes_a_national_id_once() {
        let mut accounts = Accounts::default();
        let id = accounts.create(create("idec", None)).unwrap().id;
        let other = accounts.create(create("autre", None)).unwrap().id;
        let one = professional("30B0990001/CPET00042", "s-1", "");
        assert!(accounts.associate(&id, &one, &|_| false));
        assert!(!accounts.associate(&id, &professional("x", "s-2", ""), &|_| false));
        assert!(!accounts.associate(&other, &one, &|_| false));
        assert_eq!(
            accounts.get(&id).unwrap().identifiant_national.as_deref(),
            Some("30B0990001/CPET00042")
        );
    }

    #[test]
    fn passwords_are_checked_and_names_are_unique() {
        let mut accounts = Accounts::default();
        let id = accounts
            .create(create("idec", Some("899709900023")))
            .unwrap()
            .id;
        assert_eq!(
            accounts.authenticate("idec", "un long mot de passe"),
            Some(id)
        );
        assert_eq!(accounts.authenticate("idec", "un autre"), None);
        assert_eq!(accounts.authenticate("inconnu", ""), None);
        assert_eq!(
            accounts.create(create("idec", None)),
            Err(CreateError::Login)
        );
        assert_eq!(
            accounts.create(create("x", Some("899709900023"))),
            Err(CreateError::NationalId)
        );
        assert_eq!(accounts.create(create(" ", None)), Err(CreateError::Empty));
    }
}
