//! The documents that `doc()` and `document()` reach: value sets and terminologies of a pack, read when first
//! asked for, never from the network, indexed by the attributes or texts they are asked by.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, OnceLock};

use diapason_formats::xml::{Limits, NodeId, NodeKind, Tree};

use crate::files::Files;

/// A document reached.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) tree: Tree,
    /// Indexes by element name and key names.
    indexes: Mutex<HashMap<IndexKey, Arc<Index>>>,
}

type IndexKey = (String, String, Vec<KeyPart>);
/// Hash of a key and the node it is of, sorted: a terminology has tens of thousands, a map of strings would weigh more
/// than the document.
type Index = Vec<(u64, NodeId)>;

fn hash(key: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}

/// What an index is keyed by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum KeyPart {
    /// An attribute, by local name.
    Attribute(String),
    /// A text child.
    Text,
}

impl Loaded {
    /// Elements of that name, by the values of `parts` joined with U+001F.
    pub(crate) fn lookup(
        &self,
        namespace: &str,
        local: &str,
        parts: &[KeyPart],
        key: &str,
    ) -> Vec<NodeId> {
        let name = (namespace.to_owned(), local.to_owned(), parts.to_vec());
        let index = {
            let mut indexes = self
                .indexes
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            Arc::clone(
                indexes
                    .entry(name)
                    .or_insert_with(|| Arc::new(self.build(namespace, local, parts))),
            )
        };
        let wanted = hash(key);
        let start = index.partition_point(|(hash, _)| *hash < wanted);
        index[start..]
            .iter()
            .take_while(|(hash, _)| *hash == wanted)
            .map(|(_, node)| *node)
            .filter(|node| self.keys(*node, parts).iter().any(|k| k == key))
            .collect()
    }

    /// The keys of an element: one for each combination of the values of the parts.
    fn keys(&self, node: NodeId, parts: &[KeyPart]) -> Vec<String> {
        let tree = &self.tree;
        let mut keys = vec![String::new()];
        for (rank, part) in parts.iter().enumerate() {
            let values: Vec<&str> = match part {
                KeyPart::Attribute(local) => tree.attribute(node, local).into_iter().collect(),
                KeyPart::Text => tree
                    .children(node)
                    .filter(|c| tree.kind(*c) == NodeKind::Text)
                    .map(|c| tree.text(c))
                    .collect(),
            };
            keys = keys
                .iter()
                .flat_map(|key| {
                    values.iter().map(move |value| {
                        if rank == 0 {
                            (*value).to_owned()
                        } else {
                            format!("{key}\u{1f}{value}")
                        }
                    })
                })
                .collect();
        }
        keys
    }

    fn build(&self, namespace: &str, local: &str, parts: &[KeyPart]) -> Index {
        let mut index = Index::new();
        let tree = &self.tree;
        let Some(name) = tree.find_name(namespace, local) else {
            return index;
        };
        for node in tree
            .nodes()
            .filter(|n| tree.is_element(*n) && tree.name_id(*n) == Some(name))
        {
            index.extend(self.keys(node, parts).iter().map(|k| (hash(k), node)));
        }
        index.sort_unstable();
        index.dedup();
        index.shrink_to_fit();
        index
    }
}

struct Entry {
    path: String,
    loaded: OnceLock<Result<Loaded, String>>,
}

/// The documents of a folder, by path.
pub(crate) struct Documents {
    files: Arc<dyn Files>,
    entries: Vec<Entry>,
    by_path: HashMap<String, u32>,
    /// Lower-case path to path, for names written in the wrong case.
    by_lower_case: HashMap<String, u32>,
    limits: Limits,
}

impl std::fmt::Debug for Documents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Documents")
            .field("entries", &self.entries.len())
            .finish_non_exhaustive()
    }
}

impl Documents {
    /// Over a folder. Nothing is read yet.
    pub(crate) fn new(files: Arc<dyn Files>) -> Self {
        let mut entries = Vec::new();
        let mut by_path = HashMap::new();
        let mut by_lower_case = HashMap::new();
        for path in files.paths() {
            let dot = path.rfind('.').map_or("", |at| &path[at + 1..]);
            if !["xml", "rdf", "sch", "xsd"]
                .iter()
                .any(|e| dot.eq_ignore_ascii_case(e))
            {
                continue;
            }
            let id = entries.len() as u32;
            by_path.insert(path.clone(), id);
            by_lower_case.entry(path.to_lowercase()).or_insert(id);
            entries.push(Entry {
                path: path.clone(),
                loaded: OnceLock::new(),
            });
        }
        Self {
            files,
            entries,
            by_path,
            by_lower_case,
            limits: Limits::default(),
        }
    }

    /// The rank of a document: exact path first, then whatever its case.
    pub(crate) fn find(&self, path: &str) -> Option<u32> {
        self.by_path
            .get(path)
            .or_else(|| self.by_lower_case.get(&path.to_lowercase()))
            .copied()
    }

    /// The path on the disk of what [`Self::find`] finds.
    pub(crate) fn written(&self, path: &str) -> Option<&str> {
        let entry = self.entries.get(self.find(path)? as usize)?;
        Some(&entry.path)
    }

    /// Reads it at the first call. An error names the file.
    pub(crate) fn get(&self, rank: u32) -> Result<&Loaded, String> {
        let entry = self
            .entries
            .get(rank as usize)
            .ok_or_else(|| format!("no document {rank}"))?;
        entry
            .loaded
            .get_or_init(|| {
                let bytes = self
                    .files
                    .read(&entry.path)
                    .ok_or_else(|| format!("{} cannot be read", entry.path))?;
                let tree = Tree::read(&bytes, &self.limits)
                    .map_err(|error| format!("{}: {error}", entry.path))?;
                Ok(Loaded {
                    tree,
                    indexes: Mutex::default(),
                })
            })
            .as_ref()
            .map_err(Clone::clone)
    }
}

/// `reference` resolved against the folder of `base`; `None` when it leaves the root or names a scheme.
pub(crate) fn resolve(base: &str, reference: &str) -> Option<String> {
    let reference = reference.trim().replace('\\', "/");
    if reference.contains("://") || reference.starts_with("urn:") || reference.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = base.split('/').collect();
    parts.pop();
    for part in reference.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}
