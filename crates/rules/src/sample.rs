//! Samples: raw HTTP requests kept as text beside the rules, from which a rule shows that it can fail.
//!
//! The first line, `# key=value ...`, tells what a mock would have recorded around the request.
//! `key=-` means absent.

use std::collections::BTreeMap;

use diapason_core::exchange::{PeerCertificate, TlsFacts};
use diapason_core::rule::{Replacement, Sample};
use diapason_core::{
    Exchange, ExchangeAnswer, ExchangeId, PersonaId, Service, Sha256Hex, Timestamp,
};

use crate::SeenExchange;

/// When a sample says nothing, it is as if it arrived then.
const DEFAULT_AT: &str = "2026-01-15T09:00:00Z";

/// Names that may stand in the first line.
const KEYS: &[&str] = &[
    "service",
    "operation",
    "listener",
    "at",
    "persona",
    "status",
    "outcome",
    "tls",
    "sni",
    "client_cn",
    "client_ou",
    "client_dn",
    "issuer_cn",
    "trust_problem",
];

/// A sample that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SampleError {
    /// Its first line is missing.
    #[error("sample {0}: the first line must be `# key=value ...`")]
    NoContext(String),
    /// A word of the first line.
    #[error("sample {sample}: {word:?} is not a known key=value of the first line")]
    Context {
        /// Sample.
        sample: String,
        /// The word.
        word: String,
    },
    /// A replacement that finds nothing.
    #[error("sample {sample}: {from:?} does not occur in it")]
    NothingToReplace {
        /// Sample.
        sample: String,
        /// What was looked for.
        from: String,
    },
}

/// Reads the base of `sample` (its text is `base`) and makes its replacements.
pub fn read(sample: &Sample, base: &str) -> Result<SeenExchange, SampleError> {
    parse(
        &sample.base,
        &replaced(&sample.base, base, &sample.replace)?,
    )
}

/// Makes replacements, in order; each must find its text, and replaces every occurrence.
pub fn replaced(name: &str, base: &str, all: &[Replacement]) -> Result<String, SampleError> {
    let mut text = base.to_owned();
    for Replacement { from, to } in all {
        if !text.contains(from.as_str()) {
            return Err(SampleError::NothingToReplace {
                sample: name.to_owned(),
                from: from.clone(),
            });
        }
        text = text.replace(from.as_str(), to);
    }
    Ok(text)
}

/// Reads a sample file: context line, then a raw request whose head may end its lines with LF alone.
pub fn parse(name: &str, text: &str) -> Result<SeenExchange, SampleError> {
    let no_context = || SampleError::NoContext(name.to_owned());
    let (first, rest) = text.split_once('\n').ok_or_else(no_context)?;
    let words = first.trim_end().strip_prefix("# ").ok_or_else(no_context)?;
    let mut context = BTreeMap::new();
    for word in words.split_whitespace() {
        let bad = || SampleError::Context {
            sample: name.to_owned(),
            word: word.to_owned(),
        };
        let (key, value) = word.split_once('=').ok_or_else(bad)?;
        if !KEYS.contains(&key) {
            return Err(bad());
        }
        if value != "-" {
            // `_` stands for a space, so that names of authorities can be written.
            context.insert(key, value.replace('_', " "));
        }
    }
    let bad = |key: &str| SampleError::Context {
        sample: name.to_owned(),
        word: format!("{key}={}", context.get(key).map_or("", String::as_str)),
    };
    let service = match context.get("service").map_or_else(
        || name.split('-').next().unwrap_or_default(),
        String::as_str,
    ) {
        "insi" => Service::Insi,
        "psc" => Service::Psc,
        "dmp" => Service::Dmp,
        "pki" => Service::Pki,
        _ => return Err(bad("service")),
    };
    let at: Timestamp = context
        .get("at")
        .map_or(DEFAULT_AT, String::as_str)
        .to_owned()
        .try_into()
        .map_err(|_| bad("at"))?;
    let status = match context.get("status") {
        None => Some(200),
        Some(text) => Some(text.parse().map_err(|_| bad("status"))?),
    };
    let persona = match context.get("persona") {
        None => None,
        Some(id) => Some(PersonaId::new(id.clone()).map_err(|_| bad("persona"))?),
    };
    let request = with_crlf_head(rest);
    let hash = Sha256Hex::of(&request);
    let get = |key: &str| context.get(key).cloned();
    let exchange = Exchange {
        id: ExchangeId(1),
        service,
        listener: get("listener").unwrap_or_default(),
        // The one key whose values hold underscores of their own.
        operation: get("operation").unwrap_or_default().replace(' ', "_"),
        connection: 1,
        peer: "127.0.0.1:50000".to_owned(),
        tls: get("tls").map(|version| tls(&version, &context, at, &hash)),
        request: hash,
        request_len: request.len() as u64,
        received_at: at,
        persona,
        presented: BTreeMap::new(),
        malformed: None,
    };
    let answer = ExchangeAnswer {
        id: exchange.id,
        status,
        response: None,
        response_len: 0,
        fault: None,
        delivery: None,
        issued: BTreeMap::new(),
        outcome: get("outcome").unwrap_or_else(|| "ok".to_owned()),
        answered_at: at,
    };
    let facts = diapason_formats::facts(&exchange, &request, Some(&answer));
    Ok(SeenExchange {
        exchange,
        answer: Some(answer),
        facts,
        request,
        response: Vec::new(),
        step: Some(1),
    })
}

fn tls(
    version: &str,
    context: &BTreeMap<&str, String>,
    at: Timestamp,
    hash: &Sha256Hex,
) -> TlsFacts {
    const DAY_MS: i64 = 86_400_000;
    let days = |n: i64| Timestamp::from_unix_millis(at.unix_millis() + n * DAY_MS);
    let ou = context.get("client_ou").cloned();
    let trust_problem = context.get("trust_problem").cloned();
    TlsFacts {
        offered_versions: vec![version.to_owned()],
        version: Some(version.to_owned()),
        cipher_suite: Some("TLS_AES_128_GCM_SHA256".to_owned()),
        sni: context.get("sni").cloned(),
        client_certificate: context.get("client_cn").map(|cn| PeerCertificate {
            subject_cn: Some(cn.clone()),
            subject: context
                .get("client_dn")
                .cloned()
                .unwrap_or_else(|| format!("CN={cn},OU={}", ou.as_deref().unwrap_or_default())),
            subject_ou: ou,
            issuer_cn: context.get("issuer_cn").cloned(),
            not_before: days(-30),
            not_after: days(if trust_problem.as_deref() == Some("expired") {
                -1
            } else {
                365
            }),
            serial: "01".to_owned(),
            extended_key_usage: vec!["clientAuth".to_owned()],
            trusted: trust_problem.is_none(),
            trust_problem,
            sha256: hash.clone(),
        }),
    }
}

/// Ends every line of the head with CR LF, as on the wire; the body is left as it is.
fn with_crlf_head(text: &str) -> Vec<u8> {
    let text = text.strip_prefix('\n').unwrap_or(text);
    let (head, body) = match (text.split_once("\r\n\r\n"), text.split_once("\n\n")) {
        (Some(parts), _) | (None, Some(parts)) => parts,
        (None, None) => (text.trim_end_matches(['\r', '\n']), ""),
    };
    let lines: Vec<&str> = head.lines().map(|l| l.trim_end_matches('\r')).collect();
    let mut out = lines.join("\r\n").into_bytes();
    out.extend_from_slice(b"\r\n\r\n");
    out.extend_from_slice(body.strip_suffix('\n').unwrap_or(body).as_bytes());
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const BASE: &str = "# operation=token_code listener=auth tls=1.3 sni=localhost client_cn=X client_ou=10B0990001\nPOST /t HTTP/1.1\nHost: localhost\n\na=b\n";

    #[test]
    fn a_sample_is_read_with_its_context() {
        let seen = parse("psc-token", BASE).unwrap();
        assert_eq!(seen.exchange.service, Service::Psc);
        assert_eq!(seen.exchange.operation, "token_code");
        assert!(seen.request.ends_with(b"Host: localhost\r\n\r\na=b"));
        assert_eq!(
            seen.text("/tls/client_certificate/subject_ou"),
            Some("10B0990001")
        );
        assert_eq!(
            seen.fact("/http/body_len")
                .and_then(serde_json::Value::as_u64),
            Some(3)
        );
    }

    #[test]
    fn what_cannot_be_read_or_replaced_is_said() {
        assert!(matches!(
            parse("psc-x", "GET / HTTP/1.1\n\n"),
            Err(SampleError::NoContext(_))
        ));
        let unknown = parse("psc-x", "# operaton=x\nGET / HTTP/1.1\n\n").unwrap_err();
        assert!(unknown.to_string().contains("operaton"), "{unknown}");
        let sample = Sample {
            base: "psc-token".to_owned(),
            replace: vec![Replacement {
                from: "zzz".to_owned(),
                to: String::new(),
            }],
        };
        assert!(matches!(
            read(&sample, BASE),
            Err(SampleError::NothingToReplace { .. })
        ));
    }

    #[test]
    fn a_replacement_in_the_first_line_changes_the_context() {
        let sample = Sample {
            base: "psc-token".to_owned(),
            replace: vec![
                Replacement {
                    from: "sni=localhost".to_owned(),
                    to: "sni=-".to_owned(),
                },
                Replacement {
                    from: "client_ou".to_owned(),
                    to: "trust_problem=expired client_ou".to_owned(),
                },
            ],
        };
        let seen = read(&sample, BASE).unwrap();
        assert_eq!(seen.fact("/tls/sni"), None);
        assert_eq!(
            seen.text("/tls/client_certificate/trust_problem"),
            Some("expired")
        );
    }
}
