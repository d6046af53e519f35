//! Documents attached to a submission: by inclusion of a part, or inline in base64.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::mtom::{Index, Package, PackageError, Part, XOP};
use crate::xds::XDSB;
use crate::xml::{Limits, NodeId, NodeKind, Tree};

/// An `xop:Include`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Include {
    /// Where it stands.
    pub node: NodeId,
    /// As written.
    pub href: String,
    /// Rank of the part it means.
    pub part: Option<usize>,
}

/// An `ihe:Document` of a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attached<'a> {
    /// Symbolic id of the entry.
    pub id: String,
    /// Where it stands.
    pub node: NodeId,
    /// Rank of the part that carries it; `None` when it is inline, or the part is missing.
    pub part: Option<usize>,
    /// Is its content in the envelope, in base64?
    pub inline: bool,
    /// Its bytes, decoded; `None` when there are none to be had.
    pub content: Option<Cow<'a, [u8]>>,
    /// Why not, or what is odd, in French.
    pub problem: Option<String>,
}

/// Every inclusion of an envelope.
pub(super) fn includes(tree: &Tree, package: Option<&Package>) -> Vec<Include> {
    let Some(name) = tree.find_name(XOP, "Include") else {
        return Vec::new();
    };
    let index = package.map(Package::index);
    tree.descendant_elements(NodeId::ROOT)
        .filter(|n| tree.name_id(*n) == Some(name))
        .map(|node| {
            let href = tree.attribute(node, "href").unwrap_or_default().to_owned();
            Include {
                part: index.as_ref().and_then(|i| i.rank(&href)),
                href,
                node,
            }
        })
        .collect()
}

/// Refuses inclusions that lead back to where they stand: to the root part, or around among parts that are packages' roots themselves.
pub(super) fn refuse_cycles(
    package: &Package,
    body: &[u8],
    root: &[Include],
) -> Result<(), PackageError> {
    if let Some(back) = root.iter().find(|i| i.part == Some(package.root)) {
        return Err(PackageError::Cycle(back.href.clone()));
    }
    // Only parts that say they hold inclusions are looked into.
    let edges: Vec<Vec<(usize, String)>> = package
        .parts
        .iter()
        .enumerate()
        .map(|(rank, part)| {
            let holds =
                rank != package.root && part.media_type().as_deref() == Some("application/xop+xml");
            if !holds {
                return Vec::new();
            }
            let content = package.content(part, body);
            let Ok(tree) = Tree::read(content, &Limits::default()) else {
                return Vec::new();
            };
            includes(&tree, Some(package))
                .into_iter()
                .filter_map(|i| Some((i.part?, i.href)))
                .collect()
        })
        .collect();
    // 0 not seen, 1 on the way, 2 done; a stack of (part, next edge) in place of recursion.
    let mut state = vec![0_u8; edges.len()];
    for from in 0..edges.len() {
        if state[from] != 0 {
            continue;
        }
        let mut stack = vec![(from, 0)];
        state[from] = 1;
        while let Some((part, edge)) = stack.pop() {
            let Some((to, href)) = edges[part].get(edge) else {
                state[part] = 2;
                continue;
            };
            stack.push((part, edge + 1));
            if *to == package.root || state[*to] == 1 {
                return Err(PackageError::Cycle(href.clone()));
            }
            if state[*to] == 0 {
                state[*to] = 1;
                stack.push((*to, 0));
            }
        }
    }
    Ok(())
}

/// The documents of a `ProvideAndRegisterDocumentSetRequest`.
pub(super) fn read<'a>(
    tree: &Tree,
    request: NodeId,
    package: Option<&Package>,
    body: &'a [u8],
) -> Vec<Attached<'a>> {
    let package = package.map(|p| (p, p.index()));
    tree.children_named(request, XDSB, "Document")
        .map(|node| document(tree, node, package.as_ref(), body))
        .collect()
}

fn document<'a>(
    tree: &Tree,
    node: NodeId,
    package: Option<&(&Package, Index<'_>)>,
    body: &'a [u8],
) -> Attached<'a> {
    let mut this = Attached {
        id: tree.attribute(node, "id").unwrap_or_default().to_owned(),
        node,
        part: None,
        inline: false,
        content: None,
        problem: None,
    };
    let mut elements = tree.child_elements(node);
    let Some(first) = elements.next() else {
        this.inline = true;
        match base64(tree.string_value(node).as_bytes()) {
            Ok(bytes) if bytes.is_empty() => this.problem = Some("le document est vide".to_owned()),
            Ok(bytes) => this.content = Some(Cow::Owned(bytes)),
            Err(problem) => this.problem = Some(problem),
        }
        return this;
    };
    if !tree.is_named(first, XOP, "Include") {
        this.problem = Some(format!(
            "un élément {} à la place de xop:Include",
            tree.name(first)
        ));
        return this;
    }
    let text = tree
        .children(node)
        .any(|n| tree.kind(n) == NodeKind::Text && !tree.text(n).trim().is_empty());
    if text || elements.next().is_some() {
        this.problem = Some("xop:Include n'est pas le seul contenu".to_owned());
    }
    let href = tree.attribute(first, "href").unwrap_or_default();
    let Some((package, index)) = package else {
        this.problem = Some(format!(
            "« {href} » désigne une partie, et le message n'est pas un paquet MTOM"
        ));
        return this;
    };
    let Some(rank) = index.rank(href) else {
        this.problem = Some(format!("aucune partie ne porte l'identifiant « {href} »"));
        return this;
    };
    this.part = Some(rank);
    let part = &package.parts[rank];
    match decoded(package.content(part, body), part) {
        Ok(content) => this.content = Some(content),
        Err(problem) => this.problem = Some(problem),
    }
    this
}

/// The content of a part, its transfer encoding undone.
pub(super) fn decoded<'a>(content: &'a [u8], part: &Part) -> Result<Cow<'a, [u8]>, String> {
    match part.transfer_encoding().as_deref() {
        None | Some("binary" | "8bit" | "7bit" | "") => Ok(Cow::Borrowed(content)),
        Some("base64") => base64(content).map(Cow::Owned),
        Some(other) => Err(format!("codage de transfert « {other} » inconnu")),
    }
}

/// Decodes base64, line breaks allowed; what is wrong is said in words.
fn base64(text: &[u8]) -> Result<Vec<u8>, String> {
    let compact: Vec<u8> = text
        .iter()
        .copied()
        .filter(|b| !b.is_ascii_whitespace())
        .collect();
    STANDARD.decode(&compact).map_err(|error| match error {
        base64::DecodeError::InvalidByte(at, byte) => {
            format!(
                "base64 : le caractère {at} est « {} »",
                char::from(byte).escape_default()
            )
        }
        base64::DecodeError::InvalidLength(len) => {
            format!("base64 : une longueur de {len} caractères ne peut pas être")
        }
        base64::DecodeError::InvalidLastSymbol { .. } => {
            "base64 : le dernier caractère ne convient pas à la longueur annoncée".to_owned()
        }
        base64::DecodeError::InvalidPadding => {
            "base64 : le remplissage (« = ») ne convient pas à la longueur".to_owned()
        }
    })
}
