//! Production data is refused before anything is stored: a matricule that is nobody's here.
//!
//! The qualification platform answers test people with production OIDs, so the number decides, never the OID.

use diapason_core::ins::{Matricule, matricule_key};
use diapason_formats::insi::Request;
use diapason_formats::insi::request::Content;
use diapason_mock_common::http::Incoming;

use crate::people::People;

/// What looks like production data in a request, without the data itself.
pub(crate) fn real_data(incoming: &Incoming, people: &People) -> Option<String> {
    let request = Request::parse(&incoming.body).unwrap_or_default();
    let fields = numbers(&request)
        .into_iter()
        .find(|(_, number)| is_foreign(number, people))
        .map(|(place, _)| format!("matricule hors des jeux de test dans {place}"));
    // Anywhere else only a whole matricule whose key is right is taken for one: 13 digits alone are too common.
    let head = incoming
        .headers
        .iter()
        .map(|(_, value)| value.as_bytes())
        .chain([incoming.path.as_bytes(), incoming.query.as_bytes()]);
    fields.or_else(|| {
        head.chain([&incoming.body[..]])
            .flat_map(whole_matricules)
            .any(|m| is_foreign(m.number(), people))
            .then(|| "matricule complet hors des jeux de test dans le message".to_owned())
    })
}

/// 13 characters laid out as a matricule that nobody of the bench has.
fn is_foreign(number: &str, people: &People) -> bool {
    let number = number.to_ascii_uppercase();
    let Some(number) = number.get(..13) else {
        return false;
    };
    let test = Matricule::from_number(number).is_ok_and(|m| m.is_test());
    matricule_key(number).is_some() && !(test && people.knows_number(number))
}

fn numbers(request: &Request) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    let mut push = |place, number: Option<&String>| {
        if let Some(number) = number {
            let compact: String = number.chars().filter(|c| !c.is_whitespace()).collect();
            found.push((place, compact));
        }
    };
    let cover = request.bam.as_ref().and_then(|b| b.couverture.as_ref());
    if let Some(cover) = cover {
        push(
            "ContexteBAM/ASSURE",
            cover.assure.as_ref().and_then(|a| a.numero.as_ref()),
        );
        let nir = cover.beneficiaire.as_ref().and_then(|b| b.nir.as_ref());
        push(
            "ContexteBAM/BENEFICIAIRE",
            nir.and_then(|n| n.numero.as_ref()),
        );
    }
    match request.body.as_ref().map(|b| &b.content) {
        Some(Content::Vitale(v)) => {
            push(
                "RECVITALE/MatriculeIndividu",
                v.individu.as_ref().and_then(|m| m.numero.as_ref()),
            );
            push(
                "RECVITALE/MatriculeOD",
                v.ouvrant_droit.as_ref().and_then(|m| m.numero.as_ref()),
            );
        }
        Some(Content::Verification(v)) => push(
            "la vérification",
            v.matricule.as_ref().and_then(|m| m.numero.as_ref()),
        ),
        _ => {}
    }
    found
}

/// Words of exactly 15 characters that are a matricule, key included.
fn whole_matricules(body: &[u8]) -> impl Iterator<Item = Matricule> {
    body.split(|b| !b.is_ascii_alphanumeric())
        .filter(|w| w.len() == 15)
        .filter_map(|w| std::str::from_utf8(w).ok())
        .filter_map(|w| w.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::post;

    #[test]
    fn only_numbers_of_the_bench_pass() {
        let people = People::new(2);
        let body = |text: &str| real_data(&post("tls", text), &people);
        assert_eq!(body("<a>275126322074974</a>"), None);
        assert_eq!(body("<a>297022A02077878</a>"), None);
        // A right key, but nobody's number: what a production record would look like.
        let real = Matricule::from_number("1800175001123").expect("well laid out");
        let found = body(&format!("<a>{real}</a>")).expect("refused");
        assert!(!found.contains("1800175"), "{found}");
        assert_eq!(body("<a>180017500112300</a>"), None);
        assert_eq!(body("{\"at\": 1763999999999}"), None);
        let foreign_order = Matricule::from_number("1800175001950").expect("well laid out");
        assert!(body(&foreign_order.to_string()).is_some());
        let mut in_query = post("tls", "");
        in_query.query = format!("ins={real}");
        assert!(real_data(&in_query, &people).is_some());
    }
}
