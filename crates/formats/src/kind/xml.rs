//! Kinds told by elements: CDA, XDS metadata, SOAP, SAML.
//!
//! A scanner of tags, not a parser: it accepts what a parser refuses, so that the judge says why.

use diapason_core::DocumentKind;

use super::{Detected, HEAD, Unknown, find};

const SOAP: [&str; 2] = [
    "http://www.w3.org/2003/05/soap-envelope",
    "http://schemas.xmlsoap.org/soap/envelope/",
];
const SAML2: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
const XSL: &str = "http://www.w3.org/1999/XSL/Transform";
const DSIG: &str = "http://www.w3.org/2000/09/xmldsig#";

/// Answers of HL7 V3 whose names do not say so.
const HL7_ANSWERS: [&str; 6] = [
    "PRPA_IN201306UV02",
    "PRPA_IN201308UV02",
    "PRPA_IN201312UV02",
    "PRPA_IN201313UV02",
    "PRPA_IN201315UV02",
    "PRPA_IN201316UV02",
];

/// Most tags looked at, and most bytes, before giving up on finding the body of a message.
const MOST_TAGS: usize = 50_000;
const MOST_BYTES: usize = 16 * 1024 * 1024;
/// Most namespace declarations kept at a time.
const MOST_NAMESPACES: usize = 500;
/// Longest tag looked at.
const LONGEST_TAG: usize = 64 * 1024;

pub(super) fn detect(bytes: &[u8], whole: bool) -> Result<Detected, Unknown> {
    let mut tags = Tags::new(bytes);
    let Some(root) = tags.next() else {
        return Err(Unknown::new(
            "du XML qui s'arrête avant son élément racine, ou un texte qui commence par « < »",
            "XML that stops before its root element, or text that begins with \"<\"",
        ));
    };
    let found = |kind, by: &str| {
        Ok(Detected {
            kind,
            by: by.to_owned(),
        })
    };
    match (root.local, root.namespace.as_str()) {
        ("ClinicalDocument", _) => found(DocumentKind::Cda, "ClinicalDocument"),
        ("stylesheet" | "transform", XSL) => wrapped(bytes, whole, "xsl:stylesheet"),
        ("Signature", DSIG) => wrapped(bytes, whole, "ds:Signature").or_else(|unknown| {
            let element = ["Manifest", "QualifyingProperties"]
                .into_iter()
                .find(|name| start_tag(bytes, name.as_bytes()).is_some());
            element.map_or(Err(unknown), |name| {
                found(DocumentKind::LotSignature, &format!("ds:Signature, {name}"))
            })
        }),
        ("SubmitObjectsRequest" | "ProvideAndRegisterDocumentSetRequest", _) => {
            found(DocumentKind::XdsMetadata, root.local)
        }
        ("Assertion", SAML2) => {
            let vihf = find(&bytes[..bytes.len().min(HEAD)], b"\"VIHF_Version\"").is_some();
            let by = if vihf {
                "saml:Assertion, VIHF_Version"
            } else {
                "saml:Assertion"
            };
            found(DocumentKind::SamlAssertion, by)
        }
        ("Envelope", namespace) if SOAP.contains(&namespace) => Ok(soap(tags)),
        _ => Err(other(&root)),
    }
}

/// The kind of a SOAP envelope whose tags come next: an answer relates to a request, or holds a fault or a result.
fn soap(tags: Tags<'_>) -> Detected {
    let mut part = "";
    for tag in tags {
        match tag.depth {
            1 => part = tag.local,
            2 if part == "Header" && tag.local == "RelatesTo" => return answer(tag.local),
            2 if part == "Body" => {
                let local = tag.local;
                let is_answer = local == "Fault"
                    || local == "RESULTAT"
                    || local.ends_with("Response")
                    || local.ends_with("Reponse")
                    || local.starts_with("MCCI_IN")
                    || HL7_ANSWERS.contains(&local);
                return if is_answer {
                    answer(local)
                } else {
                    Detected {
                        kind: DocumentKind::SoapRequest,
                        by: format!("Envelope, {local}"),
                    }
                };
            }
            _ => {}
        }
    }
    Detected {
        kind: DocumentKind::SoapRequest,
        by: "Envelope".to_owned(),
    }
}

fn answer(by: &str) -> Detected {
    Detected {
        kind: DocumentKind::SoapAnswer,
        by: format!("Envelope, {by}"),
    }
}

/// The kind of the first SOAP envelope in these bytes, which may begin by a MIME part or a chunk length.
pub(super) fn envelope_in(bytes: &[u8]) -> Option<Detected> {
    let at = start_tag(bytes, b"Envelope")?;
    let mut tags = Tags::new(&bytes[at..]);
    tags.next()
        .filter(|root| root.local == "Envelope")
        .map(|_| soap(tags))
}

/// Is there a SOAP envelope in these bytes?
pub(super) fn holds_envelope(bytes: &[u8]) -> bool {
    start_tag(bytes, b"Envelope").is_some()
}

/// Where the first start tag of that local name begins.
fn start_tag(bytes: &[u8], name: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = bytes.get(from..).and_then(|rest| find(rest, name)) {
        let name_at = from + at;
        if is_start_tag(bytes, name_at, name.len()) {
            return bytes[..name_at].iter().rposition(|b| *b == b'<');
        }
        from = name_at + name.len();
    }
    None
}

/// Is the local name of `len` bytes at `at` that of a start tag, with or without a prefix?
fn is_start_tag(bytes: &[u8], at: usize, len: usize) -> bool {
    // No prefix is longer than this; looking further back would cost the square of the file.
    let before = &bytes[at.saturating_sub(64)..at];
    let prefix = before
        .iter()
        .rposition(|b| *b == b'<')
        .map(|lt| &before[lt + 1..]);
    let prefixed = prefix.is_some_and(|prefix| {
        let name = prefix.strip_suffix(b":").unwrap_or(prefix);
        name.len() + usize::from(!prefix.is_empty()) == prefix.len()
            && name.iter().all(|b| is_name(*b))
    });
    let ends = bytes
        .get(at + len)
        .is_none_or(|b| b.is_ascii_whitespace() || matches!(b, b'>' | b'/'));
    prefixed && ends
}

/// A CDA document inside a stylesheet or a signature.
fn wrapped(bytes: &[u8], whole: bool, by: &str) -> Result<Detected, Unknown> {
    if start_tag(bytes, b"ClinicalDocument").is_some() {
        return Ok(Detected {
            kind: DocumentKind::Cda,
            by: format!("{by}, ClinicalDocument"),
        });
    }
    let (fr, en) = if whole {
        ("", "")
    } else {
        (
            " (seul le début a été regardé)",
            " (only the beginning was looked at)",
        )
    };
    Err(Unknown::new(
        format!("{by} sans ClinicalDocument à l'intérieur{fr}"),
        format!("{by} with no ClinicalDocument inside{en}"),
    ))
}

fn other(root: &Tag<'_>) -> Unknown {
    let name = if root.namespace.is_empty() {
        root.local.to_owned()
    } else {
        format!("{{{}}}{}", root.namespace, root.local)
    };
    let hint = match root.local {
        "Envelope" => Some((
            " ; une enveloppe SOAP est dans l'espace de noms SOAP 1.1 ou 1.2",
            "; a SOAP envelope is in the namespace of SOAP 1.1 or 1.2",
        )),
        "Assertion" => Some((" ; seul SAML 2.0 est connu", "; only SAML 2.0 is known")),
        "EncryptedAssertion" | "Response" | "Security" => Some((
            " ; donnez l'assertion SAML elle-même",
            "; give the SAML assertion itself",
        )),
        "RegistryObjectList" | "RegistryPackage" | "ExtrinsicObject" => Some((
            " ; donnez le SubmitObjectsRequest entier",
            "; give the whole SubmitObjectsRequest",
        )),
        "AdhocQueryRequest"
        | "RetrieveDocumentSetRequest"
        | "setAuthorization"
        | "patientList"
        | "listAuthorizationByPatient" => Some((
            " ; donnez l'enveloppe SOAP entière",
            "; give the whole SOAP envelope",
        )),
        local if local.starts_with("PRPA_IN") => Some((
            " ; donnez l'enveloppe SOAP entière",
            "; give the whole SOAP envelope",
        )),
        "schema" | "pattern" => Some((
            " ; les schémas et schématrons jugent, ils ne sont pas jugés",
            "; schemas and schematrons judge, they are not judged",
        )),
        "RetrieveValueSetResponse" => Some((
            " ; un jeu de valeurs n'est pas jugé",
            "; a value set is not judged",
        )),
        "html" | "HTML" => Some((" ; une page HTML", "; an HTML page")),
        _ => None,
    };
    let (fr, en) = hint.unwrap_or_default();
    Unknown::new(
        format!("du XML de racine {name}{fr}"),
        format!("XML whose root is {name}{en}"),
    )
}

/// A start tag.
struct Tag<'a> {
    local: &'a str,
    namespace: String,
    /// Elements open around it.
    depth: usize,
}

/// Start tags, in order.
struct Tags<'a> {
    bytes: &'a [u8],
    at: usize,
    depth: usize,
    seen: usize,
    /// Depth, prefix, namespace.
    scope: Vec<(usize, &'a str, &'a str)>,
}

impl<'a> Tags<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes: &bytes[..bytes.len().min(MOST_BYTES)],
            at: 0,
            depth: 0,
            seen: 0,
            scope: Vec::new(),
        }
    }

    /// Moves past `end`, which must stand somewhere after `at + skip`.
    fn past(&mut self, skip: usize, end: &[u8]) -> Option<()> {
        let from = self.at + skip;
        let found = find(self.bytes.get(from..)?, end)?;
        self.at = from + found + end.len();
        Some(())
    }

    /// Moves past a document type declaration: its internal subset may hold anything.
    fn past_doctype(&mut self) -> Option<()> {
        let mut brackets = 0_usize;
        let mut quote = None;
        while let Some(byte) = self.bytes.get(self.at) {
            self.at += 1;
            match (quote, byte) {
                (Some(q), b) if q == *b => quote = None,
                (None, b'"' | b'\'') => quote = Some(*byte),
                (None, b'[') => brackets += 1,
                (None, b']') => brackets = brackets.saturating_sub(1),
                (None, b'>') if brackets == 0 => return Some(()),
                _ => {}
            }
        }
        None
    }

    /// Reads the tag that begins at `at`, its `<` passed.
    fn start(&mut self) -> Option<Tag<'a>> {
        let rest = &self.bytes[self.at..];
        let rest = &rest[..rest.len().min(LONGEST_TAG)];
        let mut quote = None;
        let mut end = None;
        for (i, byte) in rest.iter().enumerate() {
            match (quote, byte) {
                (Some(q), b) if q == *b => quote = None,
                (None, b'"' | b'\'') => quote = Some(*byte),
                (None, b'>') => {
                    end = Some(i);
                    break;
                }
                // A tag in a tag: this one was never closed.
                (None, b'<') => return None,
                _ => {}
            }
        }
        // The tag of a file cut short still has a name.
        let inner = &rest[..end.unwrap_or(rest.len())];
        self.at += inner.len() + usize::from(end.is_some());
        let closed = inner.ends_with(b"/");
        let inner = inner.strip_suffix(b"/").unwrap_or(inner);
        let name_len = inner
            .iter()
            .position(|b| !is_name(*b) && *b != b':')
            .unwrap_or(inner.len());
        let name = std::str::from_utf8(&inner[..name_len]).ok()?;
        let depth = self.depth;
        self.scope.retain(|(at, ..)| *at < depth);
        for (prefix, uri) in declarations(&inner[name_len..]) {
            if self.scope.len() < MOST_NAMESPACES {
                self.scope.push((depth, prefix, uri));
            }
        }
        let (prefix, local) = name.split_once(':').unwrap_or(("", name));
        let namespace = self
            .scope
            .iter()
            .rev()
            .find(|(_, p, _)| *p == prefix)
            .map(|(.., uri)| (*uri).to_owned())
            .unwrap_or_default();
        if !closed {
            self.depth += 1;
        }
        Some(Tag {
            local,
            namespace,
            depth,
        })
    }
}

impl<'a> Iterator for Tags<'a> {
    type Item = Tag<'a>;

    fn next(&mut self) -> Option<Tag<'a>> {
        loop {
            let rest = self.bytes.get(self.at..)?;
            let lt = rest.iter().position(|b| *b == b'<')?;
            self.at += lt;
            let rest = &rest[lt..];
            if rest.starts_with(b"<?") {
                self.past(2, b"?>")?;
            } else if rest.starts_with(b"<!--") {
                self.past(4, b"-->")?;
            } else if rest.starts_with(b"<![CDATA[") {
                self.past(9, b"]]>")?;
            } else if rest.starts_with(b"<!") {
                self.at += 2;
                self.past_doctype()?;
            } else if rest.starts_with(b"</") {
                self.past(2, b">")?;
                self.depth = self.depth.saturating_sub(1);
            } else {
                self.seen += 1;
                if self.seen > MOST_TAGS || !rest.get(1).is_some_and(|b| is_name(*b)) {
                    return None;
                }
                self.at += 1;
                return self.start();
            }
        }
    }
}

/// Namespace declarations among attributes: prefix, namespace.
fn declarations(attributes: &[u8]) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut rest = attributes;
    while let Some(eq) = rest.iter().position(|b| *b == b'=') {
        let name = rest[..eq].trim_ascii();
        let after = rest[eq + 1..].trim_ascii_start();
        let Some(quote @ (b'"' | b'\'')) = after.first() else {
            break;
        };
        let Some(len) = after[1..].iter().position(|b| b == quote) else {
            break;
        };
        let value = &after[1..=len];
        let prefix = match name {
            b"xmlns" => Some(&b""[..]),
            name => name.strip_prefix(b"xmlns:"),
        };
        if let Some(prefix) = prefix
            && let (Ok(prefix), Ok(value)) =
                (std::str::from_utf8(prefix), std::str::from_utf8(value))
        {
            found.push((prefix, value));
        }
        rest = &after[len + 2..];
    }
    found
}

/// May this byte stand in a name (bytes above ASCII may)?
fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.') || byte >= 0x80
}
