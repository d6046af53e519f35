//! Kinds told by lines: raw HTTP, mail, JWT, YAML, TOML. Here a file's name may settle a doubt.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use diapason_core::DocumentKind;

use super::{Detected, HEAD, Unknown, find, xml};
use crate::mtom;

/// Most lines looked at.
const MOST_LINES: usize = 400;
/// Header fields that mail begins with.
const MAIL: &[&str] = &[
    "bcc",
    "cc",
    "content-transfer-encoding",
    "content-type",
    "date",
    "delivered-to",
    "dkim-signature",
    "from",
    "in-reply-to",
    "message-id",
    "mime-version",
    "received",
    "reply-to",
    "return-path",
    "sender",
    "subject",
    "to",
    "user-agent",
];
const SCENARIO: &[&str] = &[
    "id", "family", "kind", "title", "steps", "checks", "persona",
];
const METHODS: &[&str] = &[
    "GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "PROPFIND",
];

pub(super) fn detect(bytes: &[u8], name: Option<&str>) -> Result<Detected, Unknown> {
    let found = |kind, by: &str| {
        Ok(Detected {
            kind,
            by: by.to_owned(),
        })
    };
    let head = &bytes[..bytes.len().min(HEAD)];
    let text = String::from_utf8_lossy(head);
    let first = text.lines().next().unwrap_or_default().trim_end();
    if let Some(kind) = http(first) {
        return if xml::holds_envelope(head) || package_after_head(bytes) {
            found(kind, "HTTP, Envelope")
        } else {
            let first: String = first.chars().take(80).collect();
            Err(Unknown::new(
                format!("un message HTTP sans enveloppe SOAP ({first})"),
                format!("an HTTP message that carries no SOAP envelope ({first})"),
            ))
        };
    }
    if let Some(outcome) = token(bytes) {
        return outcome;
    }
    let name = name.unwrap_or_default().to_ascii_lowercase();
    let ends = |suffix: &str| name.ends_with(suffix);
    let fields = fields(&text);
    let known = fields
        .iter()
        .filter(|f| MAIL.contains(&f.to_ascii_lowercase().as_str()))
        .count();
    let keys = Keys::of(&text);
    let has = |key: &str| keys.top.iter().any(|k| k == key);
    if has("pack") && has("rules") {
        return found(DocumentKind::RulePack, "pack, rules");
    }
    if has("steps") {
        return found(DocumentKind::Scenario, "steps");
    }
    if keys.tables.iter().any(|t| t == "produit") {
        return found(DocumentKind::ProductStatement, "[produit]");
    }
    if known >= 2 || first.starts_with("From ") || (known >= 1 && ends(".eml")) {
        return found(DocumentKind::Email, "From, To, Subject");
    }
    if has("requirements") {
        return Err(Unknown::new(
            "un fichier d'exigences de Diapason ; il n'est pas jugé",
            "a requirement file of Diapason; it is not judged",
        ));
    }
    if keys.tables.iter().any(|t| t == "driver" || t == "mocks") {
        return Err(Unknown::new(
            "les réglages de Diapason (diapason.toml) ; `diapason doctor` les vérifie",
            "Diapason's settings (diapason.toml); `diapason doctor` checks them",
        ));
    }
    // What the content leaves open, the name settles.
    let yaml = ends(".yaml") || ends(".yml");
    if yaml && keys.top.iter().any(|k| SCENARIO.contains(&k.as_str())) {
        return found(DocumentKind::Scenario, "id");
    }
    if yaml && (has("pack") || has("rules")) {
        return found(DocumentKind::RulePack, "pack");
    }
    let file = name.rsplit(['/', '\\']).next().unwrap_or_default();
    if file == "fiche-produit.toml" {
        return found(DocumentKind::ProductStatement, "fiche-produit.toml");
    }
    let shown: String = first.chars().filter(|c| !c.is_control()).take(60).collect();
    Err(Unknown::new(
        format!("du texte qui commence par « {shown} »"),
        format!("text that begins with {shown:?}"),
    ))
}

/// Does a TOML table begin here, `[produit]`? A JSON list of one line holds no bare word.
pub(super) fn is_table(bytes: &[u8]) -> bool {
    let line = bytes.split(|b| *b == b'\n').next().unwrap_or_default();
    let line = line.split(|b| *b == b'#').next().unwrap_or_default();
    let name = line
        .trim_ascii()
        .strip_prefix(b"[")
        .and_then(|l| l.strip_suffix(b"]"));
    let bare = |b: &u8| b.is_ascii_alphanumeric() || b"_-.[]".contains(b);
    name.is_some_and(|name| {
        name.iter().all(bare)
            && name.iter().any(u8::is_ascii_alphabetic)
            && !matches!(name, b"true" | b"false" | b"null")
    })
}

/// Does an HTTP message begin here? What it carries may be binary.
pub(super) fn is_http(bytes: &[u8]) -> bool {
    let line = bytes.split(|b| *b == b'\n').next().unwrap_or_default();
    std::str::from_utf8(&line[..line.len().min(HEAD)])
        .is_ok_and(|line| http(line.trim_end()).is_some())
}

/// The first line of an HTTP message.
fn http(first: &str) -> Option<DocumentKind> {
    if let Some(rest) = first.strip_prefix("HTTP/") {
        let status = rest.split(' ').nth(1)?;
        let is_status = status.len() == 3 && status.bytes().all(|b| b.is_ascii_digit());
        return is_status.then_some(DocumentKind::SoapAnswer);
    }
    let mut words = first.split(' ');
    let (method, _, version) = (words.next()?, words.next()?, words.next()?);
    let is_request =
        METHODS.contains(&method) && version.starts_with("HTTP/") && words.next().is_none();
    is_request.then_some(DocumentKind::SoapRequest)
}

/// Does an HTTP head announce a package whose root, further than the beginning, is an envelope?
fn package_after_head(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(HEAD)];
    let Some(end) = find(head, b"\r\n\r\n")
        .map_or_else(|| find(head, b"\n\n").map(|at| at + 2), |at| Some(at + 4))
    else {
        return false;
    };
    let text = String::from_utf8_lossy(&head[..end]);
    let content_type = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim()
            .eq_ignore_ascii_case("content-type")
            .then(|| value.trim())
    });
    let body = &bytes[end..];
    content_type
        .and_then(|value| mtom::read(value, body).ok())
        .and_then(|package| Some(package.content(package.root_part()?, body)))
        .is_some_and(|root| xml::holds_envelope(&root[..root.len().min(HEAD)]))
}

/// A package captured without its HTTP head: it begins with a delimiter, or with MIME headers.
pub(super) fn package(bytes: &[u8]) -> Option<Detected> {
    let head = &bytes[..bytes.len().min(HEAD)];
    let first = head
        .split(|b| *b == b'\n')
        .find(|l| !l.trim_ascii().is_empty())?;
    let delimiter = first.starts_with(b"--") && first.trim_ascii().len() > 2;
    let is_header =
        |line: &[u8]| line.len() < 4096 && line.contains(&b':') && !line.starts_with(b"<");
    if !delimiter && !is_header(first) {
        return None;
    }
    let mut found = if let Ok(package) = mtom::read_bare(bytes)? {
        let root = package.content(package.root_part()?, bytes);
        xml::envelope_in(&root[..root.len().min(HEAD)])?
    } else {
        // Damaged: its judge says how, if it is one at all.
        let text = String::from_utf8_lossy(&head[..head.len().min(4096)]).to_ascii_lowercase();
        if !text.contains("content-") {
            return None;
        }
        xml::envelope_in(head)?
    };
    found.by = format!("MTOM, {}", found.by);
    Some(found)
}

/// A token: three parts in base64url, the first of which is a JSON header.
fn token(bytes: &[u8]) -> Option<Result<Detected, Unknown>> {
    let bytes = bytes.trim_ascii();
    let bytes = bytes.strip_prefix(b"Bearer ").unwrap_or(bytes).trim_ascii();
    let mut dots = 0;
    let mut first_dot = None;
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'.' => {
                first_dot.get_or_insert(at);
                dots += 1;
            }
            b if b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-') => {}
            _ => return None,
        }
        if at > 4 * HEAD {
            return None;
        }
    }
    let header = bytes.get(..first_dot?.min(8 * 1024))?;
    let header = URL_SAFE_NO_PAD.decode(header).ok()?;
    if !header.trim_ascii_start().starts_with(b"{") {
        return None;
    }
    Some(match dots {
        2 => Ok(Detected {
            kind: DocumentKind::Jwt,
            by: "header.payload.signature".to_owned(),
        }),
        4 => Err(Unknown::new(
            "un JWT chiffré (JWE) ; son contenu ne peut être jugé sans la clé",
            "an encrypted JWT (JWE); its content cannot be judged without the key",
        )),
        _ => Err(Unknown::new(
            format!("un jeton de {} parties ; un JWT en a 3", dots + 1),
            format!("a token of {} parts; a JWT has 3", dots + 1),
        )),
    })
}

/// Names of the header fields at the beginning; nothing when the lines are not those of a header.
fn fields(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for line in text.lines().take(MOST_LINES) {
        let line = line.trim_end_matches('\r');
        if line.is_empty() {
            break;
        }
        if line.starts_with([' ', '\t']) {
            continue;
        }
        let Some((name, _)) = line.split_once(':') else {
            if line.starts_with("From ") {
                continue;
            }
            break;
        };
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_graphic()) {
            break;
        }
        found.push(name);
    }
    found
}

/// Keys of the outermost level: of YAML, and tables of TOML.
#[derive(Default)]
struct Keys {
    top: Vec<String>,
    tables: Vec<String>,
}

impl Keys {
    fn of(text: &str) -> Self {
        let mut keys = Self::default();
        for line in text.lines().take(MOST_LINES * 10) {
            let word = |text: &str| {
                let text = text.trim().trim_matches(['"', '\'']);
                let plain = text
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
                (plain && !text.is_empty()).then(|| text.to_owned())
            };
            if let Some(table) = line.strip_prefix('[') {
                let table = table.trim_start_matches('[').split([']', '.']).next();
                keys.tables.extend(table.and_then(word));
            } else if line.starts_with([' ', '\t', '#', '-']) {
            } else if let Some((key, rest)) = line.split_once(':')
                && (rest.is_empty() || rest.starts_with([' ', '\t', '\r']))
                && let Some(key) = word(key)
            {
                keys.top.push(key);
            } else if let Some((key, _)) = line.split_once('=') {
                // `produit.nom = "x"` is a key of the table `produit`.
                keys.tables
                    .extend(key.split_once('.').and_then(|(t, _)| word(t)));
            }
        }
        keys
    }
}
