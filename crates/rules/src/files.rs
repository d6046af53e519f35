//! Data files as the engines see them: named bytes, wherever they come from.

use std::borrow::Cow;
use std::collections::BTreeMap;

/// Read access to a folder, its names separated by `/`. Implementations live with the caller: this crate opens no file.
pub trait Files: Send + Sync {
    /// The bytes of one file, or `None` when there is no file of exactly that path.
    fn read(&self, path: &str) -> Option<Cow<'_, [u8]>>;
    /// Every path, sorted: to repair the case of a name, and to pin the folder by hash.
    fn paths(&self) -> &[String];
}

/// Files held in memory.
#[derive(Debug, Clone, Default)]
pub struct MemoryFiles {
    files: BTreeMap<String, Cow<'static, [u8]>>,
    paths: Vec<String>,
}

impl MemoryFiles {
    /// From pairs of path and content.
    pub fn new(files: impl IntoIterator<Item = (String, Cow<'static, [u8]>)>) -> Self {
        let files: BTreeMap<_, _> = files.into_iter().collect();
        let paths = files.keys().cloned().collect();
        Self { files, paths }
    }
}

impl Files for MemoryFiles {
    fn read(&self, path: &str) -> Option<Cow<'_, [u8]>> {
        self.files.get(path).map(|bytes| Cow::Borrowed(&**bytes))
    }

    fn paths(&self) -> &[String] {
        &self.paths
    }
}
