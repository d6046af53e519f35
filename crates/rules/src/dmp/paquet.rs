//! Rules over the HTTP head and the MTOM package: what is announced, references, parts, bytes.

use std::collections::HashSet;

use diapason_formats::dmp::{Message, Operation};
use diapason_formats::http::Request;
use diapason_formats::mtom::{Package, Part};
use diapason_formats::soap::WSA;
use diapason_formats::xml::{NodeId, Tree};

use super::lot::payload;
use crate::document::{DocumentCtx, DocumentRule};

/// Rule id to function.
pub(super) const RULES: &[(&str, DocumentRule)] = &[
    ("DMP-SOAP-07", readable),
    ("DMP-SOAP-11", content_type),
    ("DMP-SOAP-15", posted_to_its_service),
    ("DMP-SOAP-18", announced_action),
    ("DMP-SOAP-21", readable),
    ("DMP-MTOM-01", package_head),
    ("DMP-MTOM-02", references),
    ("DMP-MTOM-03", optimised),
    ("DMP-MTOM-04", bytes_as_they_are),
    ("DMP-MTOM-08", root_part),
    ("DMP-MTOM-09", transfer_encoding),
];

const SOAP: &str = "application/soap+xml";
const XOP: &str = "application/xop+xml";

/// The HTTP request line and headers, when the message came with them.
fn head(bytes: &[u8]) -> Option<Request> {
    // The body may be large and is not looked at here.
    let end = bytes
        .windows(4)
        .position(|w| w == b"\r\n\r\n")
        .map(|at| at + 4)
        .or_else(|| bytes.windows(2).position(|w| w == b"\n\n").map(|at| at + 2))?;
    let request = Request::parse(bytes.get(..end)?);
    request.malformed.is_none().then_some(request)
}

fn root(tree: &Tree) -> NodeId {
    tree.document_element().unwrap_or(NodeId::ROOT)
}

/// DMP-SOAP-07, DMP-SOAP-21: raised by the reading; they hold once there is a tree. An encoding that is not the one
/// declared, or not UTF-8, is refused there too.
fn readable(ctx: &mut DocumentCtx<'_>) {
    ctx.held();
}

/// DMP-SOAP-11: the Content-Type of a message without a package.
fn content_type(ctx: &mut DocumentCtx<'_>) {
    let (Some(message), Some(head)) = (ctx.message(), head(ctx.bytes())) else {
        return;
    };
    if message.package.is_some() {
        return;
    }
    let seen = head.content_type().map(|t| t.essence).unwrap_or_default();
    ctx.check(
        seen == SOAP,
        root(ctx.tree()),
        "Content-Type: application/soap+xml",
        format!("« {seen} »"),
    );
}

/// Last step of the path of the service that answers an operation.
fn service(operation: Operation) -> Option<&'static str> {
    match operation.as_str() {
        "td0.2" | "td0.4" | "td1.3a" => Some("patients"),
        "td0.3" | "td1.6" => Some("habilitations"),
        "td2.1" | "td3.2" => Some("repository"),
        "td3.1a" | "td3.1b" | "td3.3ab" | "td3.3c" | "td3.3d" => Some("registry"),
        _ => None,
    }
}

/// DMP-SOAP-15: a request goes to the service of its operation, by POST.
fn posted_to_its_service(ctx: &mut DocumentCtx<'_>) {
    let (Some(message), Some(head)) = (ctx.message(), head(ctx.bytes())) else {
        return;
    };
    let Some(service) = service(message.operation()) else {
        return;
    };
    let last = head.path.trim_end_matches('/').rsplit('/').next();
    ctx.check(
        head.method == "POST" && last == Some(service),
        root(ctx.tree()),
        format!("POST …/{service} pour {}", message.operation().as_str()),
        format!("{} {}", head.method, head.path),
    );
}

/// DMP-SOAP-18: the action announced in the Content-Type is the one of the envelope.
fn announced_action(ctx: &mut DocumentCtx<'_>) {
    let (Some(message), Some(head)) = (ctx.message(), head(ctx.bytes())) else {
        return;
    };
    let announced = match &message.package {
        Some(package) => package.action.clone(),
        None => head.content_type().and_then(|t| t.action),
    };
    let tree = ctx.tree();
    let action = tree
        .find_name(WSA, "Action")
        .and_then(|name| tree.nodes().find(|n| tree.name_id(*n) == Some(name)));
    let (Some(announced), Some(node)) = (announced, action) else {
        return;
    };
    let written = tree.string_value(node).trim().to_owned();
    ctx.check(
        announced == written,
        node,
        format!("l'action annoncée par le Content-Type, « {announced} »"),
        format!("« {written} »"),
    );
}

/// The package of an ITI-41.
fn package<'a>(ctx: &DocumentCtx<'a>) -> Option<(&'a Message<'a>, &'a Package)> {
    let message = ctx.message()?;
    Some((message, message.package.as_ref()?))
}

/// DMP-MTOM-01: what the head says of the package.
fn package_head(ctx: &mut DocumentCtx<'_>) {
    let Some((_, package)) = package(ctx) else {
        return;
    };
    if package.guessed {
        return;
    }
    let at = root(ctx.tree());
    let mut checks = vec![
        (
            package
                .kind
                .as_deref()
                .is_some_and(|k| k.eq_ignore_ascii_case(XOP)),
            "type=\"application/xop+xml\"",
            format!("type « {} »", package.kind.as_deref().unwrap_or_default()),
        ),
        (
            package.start.as_deref().is_some_and(|s| !s.is_empty()),
            "start : l'identifiant de la partie racine",
            "pas de start".to_owned(),
        ),
        (
            package
                .start_info
                .as_deref()
                .is_some_and(|s| s.trim().to_ascii_lowercase().starts_with(SOAP)),
            "start-info=\"application/soap+xml\"",
            format!(
                "start-info « {} »",
                package.start_info.as_deref().unwrap_or_default()
            ),
        ),
    ];
    if let Some(head) = head(ctx.bytes()) {
        let seen = head.content_type().map(|t| t.essence).unwrap_or_default();
        checks.push((
            seen == "multipart/related",
            "Content-Type: multipart/related",
            format!("« {seen} »"),
        ));
    }
    for (ok, expected, observed) in checks {
        ctx.check(ok, at, expected, observed);
    }
}

/// DMP-MTOM-02: every inclusion has its part, every part its inclusion.
fn references(ctx: &mut DocumentCtx<'_>) {
    let Some((message, package)) = package(ctx) else {
        return;
    };
    let mut meant = HashSet::new();
    for include in message.includes() {
        match include.part {
            None => ctx.broken(
                include.node,
                "une partie du paquet dont le Content-ID est celui de href",
                format!("aucune partie pour « {} »", include.href),
            ),
            Some(rank) if !meant.insert(rank) => ctx.broken(
                include.node,
                "une partie pour chaque inclusion",
                format!(
                    "« {} », déjà désignée par une autre inclusion",
                    include.href
                ),
            ),
            Some(_) => ctx.held(),
        }
    }
    let at = root(ctx.tree());
    for rank in message.leftover_parts() {
        let id = package.parts[rank].content_id.clone().unwrap_or_default();
        ctx.broken(
            at,
            "un paquet dont chaque partie est désignée par l'enveloppe",
            format!("la partie {} (« {id} ») ne l'est pas", rank + 1),
        );
    }
}

/// DMP-MTOM-03: documents travel as parts, not in the envelope.
fn optimised(ctx: &mut DocumentCtx<'_>) {
    let Some(message) = ctx.message() else {
        return;
    };
    if message.operation() != Operation::Alimentation {
        return;
    }
    for attached in message.attached() {
        ctx.check(
            !attached.inline,
            attached.node,
            "un document porté par une partie du paquet (xop:Include)",
            "un document écrit en base64 dans l'enveloppe",
        );
    }
    if payload(ctx.tree()).is_some() && message.attached().is_empty() {
        ctx.held();
    }
}

/// The first bytes of a part tell what was done to the document.
fn disguise(content: &[u8]) -> Option<&'static str> {
    let text = content.trim_ascii_start();
    if content.starts_with(b"\xEF\xBB\xBF") {
        return Some("une marque d'ordre des octets (BOM) en tête");
    }
    if content.starts_with(b"\xFF\xFE") || content.starts_with(b"\xFE\xFF") {
        return Some("du texte en UTF-16");
    }
    if content.starts_with(b"\x1F\x8B") || content.starts_with(b"PK\x03\x04") {
        return Some("un contenu compressé");
    }
    if text.starts_with(b"&lt;") {
        return Some("du XML échappé (&lt;)");
    }
    // "<?xml" and "<Cli" in base64.
    if text.starts_with(b"PD94bWwg") || text.starts_with(b"PENsaW5pY2Fs") {
        return Some("du base64 : le document est codé une fois de trop");
    }
    if text.is_empty() {
        return Some("un contenu vide");
    }
    None
}

/// DMP-MTOM-04: the part is the document, byte for byte.
fn bytes_as_they_are(ctx: &mut DocumentCtx<'_>) {
    let Some((message, _)) = package(ctx) else {
        return;
    };
    for attached in message.attached() {
        let Some(content) = attached.content.as_deref() else {
            continue;
        };
        match disguise(content) {
            None => ctx.held(),
            Some(what) => ctx.broken(
                attached.node,
                "les octets du document tels qu'ils ont été signés, en UTF-8, sans marque ni recodage",
                what,
            ),
        }
    }
}

/// DMP-MTOM-08: headers of the root part.
fn root_part(ctx: &mut DocumentCtx<'_>) {
    let Some((_, package)) = package(ctx) else {
        return;
    };
    let Some(part) = package.root_part() else {
        return;
    };
    let at = root(ctx.tree());
    let written = part.header("content-type").unwrap_or_default();
    let media = part.media_type().unwrap_or_default();
    ctx.check(
        media == XOP,
        at,
        "une partie racine de type application/xop+xml",
        format!("« {written} »"),
    );
    ctx.check(
        written.to_ascii_lowercase().contains(SOAP),
        at,
        "type=\"application/soap+xml\" dans le type de la partie racine",
        format!("« {written} »"),
    );
}

/// DMP-MTOM-09: parts are not encoded.
fn transfer_encoding(ctx: &mut DocumentCtx<'_>) {
    let Some((_, package)) = package(ctx) else {
        return;
    };
    let at = root(ctx.tree());
    let odd = |part: &Part| {
        let seen = part.transfer_encoding().unwrap_or_default();
        (!matches!(seen.as_str(), "" | "binary" | "8bit")).then_some(seen)
    };
    for (rank, part) in package.parts.iter().enumerate() {
        if rank == package.root {
            continue;
        }
        match odd(part) {
            None => ctx.held(),
            Some(seen) => ctx.broken(
                at,
                "des parties en Content-Transfer-Encoding: binary",
                format!("« {seen} » pour la partie {}", rank + 1),
            ),
        }
    }
}
