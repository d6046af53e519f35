//! The journal: append-only NDJSON, each line chained by SHA-256 to the one before, blobs by hash.
//!
//! A line is `{"v":1,"seq":N,"prev":"<hash of line N-1>","event":{...},"hash":"<64 hex>"}`; the hash is taken
//! over the line's bytes without its `hash` member, so that no canonical JSON is needed to verify it.
//! A line is handed to the operating system before `record` returns: what was acknowledged survives
//! `kill -9`. A torn last line is reported and left out; any other damage is an error that names the line.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::{Event, ExchangeId, Recorder, Sha256Hex};

/// Version of the line format, checked on reading.
pub const FORMAT_VERSION: u32 = 1;

/// File name of the journal inside a report folder.
pub const JOURNAL_FILE: &str = "journal.ndjson";
/// Folder of the blobs, beside the journal.
pub const BLOBS_DIR: &str = "blobs";

/// The journal cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// File system.
    #[error("{doing} {}", path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// On which file.
        path: PathBuf,
        /// Cause.
        #[source]
        source: std::io::Error,
    },
    /// A line is damaged (and it is not a torn tail).
    #[error("journal {} is damaged at line {line}: {problem}; a journal is evidence and cannot be repaired, use the original", path.display())]
    Damaged {
        /// File.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// A newer format.
    #[error("journal {} has format version {found}, this bench reads up to {FORMAT_VERSION}; use a newer diapason", path.display())]
    Version {
        /// File.
        path: PathBuf,
        /// Version found.
        found: u32,
    },
    /// An earlier write failed and could not be undone.
    #[error("journal {} was left damaged by a write that failed; nothing more can be recorded, free some space and run again", path.display())]
    Poisoned {
        /// File.
        path: PathBuf,
    },
    /// An event that JSON cannot hold.
    #[error("encode an event")]
    Encode(#[source] serde_json::Error),
}

/// One event as read back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Format version.
    pub v: u32,
    /// Sequence number, from 1.
    pub seq: u64,
    /// Hash of the line before.
    pub prev: Sha256Hex,
    /// The event.
    pub event: Event,
    /// Hash of this line.
    pub hash: Sha256Hex,
}

#[derive(Serialize)]
struct Body<'a> {
    v: u32,
    seq: u64,
    prev: &'a Sha256Hex,
    event: &'a Event,
}

/// Writes a journal. One per run.
#[derive(Debug)]
pub struct Journal {
    dir: PathBuf,
    tail: Mutex<Tail<File>>,
    exchanges: AtomicU64,
    connections: AtomicU64,
}

#[derive(Debug)]
struct Tail<F> {
    file: F,
    seq: u64,
    prev: Sha256Hex,
    /// Length of the whole lines written.
    len: u64,
    /// A torn line could not be taken back.
    poisoned: bool,
}

impl Tail<File> {
    /// Appends a line, whole or not at all: what a failed write left is taken back.
    fn append(&mut self, line: &[u8]) -> std::io::Result<()> {
        let undo = |file: &File, len| file.set_len(len);
        self.append_with(line, undo)
    }
}

impl<F: Write> Tail<F> {
    fn append_with(
        &mut self,
        line: &[u8],
        undo: impl FnOnce(&F, u64) -> std::io::Result<()>,
    ) -> std::io::Result<()> {
        match self.file.write_all(line) {
            Ok(()) => {
                self.len += line.len() as u64;
                Ok(())
            }
            Err(error) => {
                self.poisoned = undo(&self.file, self.len).is_err();
                Err(error)
            }
        }
    }
}

fn io(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> JournalError {
    let path = path.to_owned();
    move |source| JournalError::Io {
        doing,
        path,
        source,
    }
}

impl Journal {
    /// Creates `dir/journal.ndjson` and `dir/blobs/`; an existing journal there is an error.
    pub fn create(dir: &Path) -> Result<Self, JournalError> {
        let blobs = dir.join(BLOBS_DIR);
        fs::create_dir_all(&blobs).map_err(io("create", &blobs))?;
        let path = dir.join(JOURNAL_FILE);
        let file = OpenOptions::new()
            .create_new(true)
            .append(true)
            .open(&path)
            .map_err(io("create", &path))?;
        Ok(Self {
            dir: dir.to_owned(),
            tail: Mutex::new(Tail {
                file,
                seq: 0,
                prev: Sha256Hex::zero(),
                len: 0,
                poisoned: false,
            }),
            exchanges: AtomicU64::new(0),
            connections: AtomicU64::new(0),
        })
    }

    /// Folder of the journal.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Asks the disk to keep what was written, for a machine that may lose power.
    pub fn sync(&self) -> Result<(), JournalError> {
        let tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        tail.file
            .sync_data()
            .map_err(io("sync", &self.dir.join(JOURNAL_FILE)))
    }
}

impl Recorder for Journal {
    fn record(&self, event: Event) -> Result<u64, JournalError> {
        let mut tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        if tail.poisoned {
            return Err(JournalError::Poisoned {
                path: self.dir.join(JOURNAL_FILE),
            });
        }
        let seq = tail.seq + 1;
        let (line, hash) = encode(seq, &tail.prev, &event)?;
        tail.append(line.as_bytes())
            .map_err(io("append to", &self.dir.join(JOURNAL_FILE)))?;
        tail.seq = seq;
        tail.prev = hash;
        Ok(seq)
    }

    fn blob(&self, bytes: &[u8]) -> Result<Sha256Hex, JournalError> {
        self.blob_parts(&[bytes])
    }

    fn blob_parts(&self, parts: &[&[u8]]) -> Result<Sha256Hex, JournalError> {
        let hash = Sha256Hex::of_parts(parts);
        let path = self.dir.join(BLOBS_DIR).join(hash.as_str());
        if !path.exists() {
            // Written aside and renamed: a blob is whole or absent.
            let unique = self.connections.load(Ordering::Relaxed);
            let aside = self.dir.join(BLOBS_DIR).join(format!(
                ".{}-{unique}-{:?}",
                hash.as_str(),
                std::thread::current().id()
            ));
            let write = || {
                let mut file = fs::File::create(&aside)?;
                parts.iter().try_for_each(|part| file.write_all(part))
            };
            write().map_err(io("write", &aside))?;
            fs::rename(&aside, &path).map_err(io("rename to", &path))?;
        }
        Ok(hash)
    }

    fn next_exchange(&self) -> ExchangeId {
        ExchangeId(self.exchanges.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn next_connection(&self) -> u64 {
        self.connections.fetch_add(1, Ordering::Relaxed) + 1
    }
}

fn encode(seq: u64, prev: &Sha256Hex, event: &Event) -> Result<(String, Sha256Hex), JournalError> {
    let mut line = serde_json::to_string(&Body {
        v: FORMAT_VERSION,
        seq,
        prev,
        event,
    })
    .map_err(JournalError::Encode)?;
    let hash = Sha256Hex::of(line.as_bytes());
    line.pop();
    line.push_str(",\"hash\":\"");
    line.push_str(hash.as_str());
    line.push_str("\"}\n");
    Ok((line, hash))
}

/// A torn last line: the process died while writing it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TornTail {
    /// Line, from 1.
    pub line: usize,
    /// Its length in bytes.
    pub bytes: usize,
}

/// A journal as read back.
#[derive(Debug)]
pub struct JournalRead {
    /// Folder it came from.
    pub dir: PathBuf,
    /// Every whole event, the chain verified.
    pub entries: Vec<Entry>,
    /// Torn last line, left out.
    pub torn: Option<TornTail>,
}

impl JournalRead {
    /// Bytes of a blob.
    pub fn blob(&self, hash: &Sha256Hex) -> Result<Vec<u8>, JournalError> {
        let path = self.dir.join(BLOBS_DIR).join(hash.as_str());
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                return Err(JournalError::Damaged {
                    path,
                    line: 1,
                    problem: "the blob is missing".to_owned(),
                });
            }
            Err(e) => return Err(io("read", &path)(e)),
        };
        if Sha256Hex::of(&bytes) == *hash {
            Ok(bytes)
        } else {
            Err(JournalError::Damaged {
                path,
                line: 1,
                problem: "the blob's bytes do not have the hash in its name".to_owned(),
            })
        }
    }
}

/// Reads and verifies a journal: a file, or a folder that holds `journal.ndjson`.
pub fn read(path: &Path) -> Result<JournalRead, JournalError> {
    let file = if path.is_dir() {
        path.join(JOURNAL_FILE)
    } else {
        path.to_owned()
    };
    let mut bytes = Vec::new();
    File::open(&file)
        .and_then(|mut f| f.read_to_end(&mut bytes))
        .map_err(io("read", &file))?;
    let dir = file
        .parent()
        .map_or_else(|| PathBuf::from("."), Path::to_owned);
    let (entries, torn) = parse(&file, &bytes)?;
    Ok(JournalRead { dir, entries, torn })
}

fn parse(path: &Path, bytes: &[u8]) -> Result<(Vec<Entry>, Option<TornTail>), JournalError> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut prev = Sha256Hex::zero();
    let mut rest = bytes;
    let mut number = 0;
    while !rest.is_empty() {
        number += 1;
        let Some(end) = rest.iter().position(|b| *b == b'\n') else {
            return Ok((
                entries,
                Some(TornTail {
                    line: number,
                    bytes: rest.len(),
                }),
            ));
        };
        let (line, tail) = (&rest[..end], &rest[end + 1..]);
        rest = tail;
        let damaged = |problem: String| JournalError::Damaged {
            path: path.to_owned(),
            line: number,
            problem,
        };
        check_version(path, line)?;
        let entry: Entry = serde_json::from_slice(line).map_err(|e| damaged(e.to_string()))?;
        // `,"hash":"` + 64 + `"}`
        let cut = line
            .len()
            .checked_sub(75)
            .ok_or_else(|| damaged("too short".to_owned()))?;
        let mut body = line[..cut].to_vec();
        body.push(b'}');
        if Sha256Hex::of(&body) != entry.hash {
            return Err(damaged("its hash is not the hash of its bytes".to_owned()));
        }
        if entry.prev != prev {
            return Err(damaged(format!(
                "it follows {}, not the line before it",
                entry.prev
            )));
        }
        if entry.seq != number as u64 {
            return Err(damaged(format!(
                "sequence number {}, expected {number}",
                entry.seq
            )));
        }
        prev = entry.hash.clone();
        entries.push(entry);
    }
    Ok((entries, None))
}

/// Looks at the version before the event, so that a newer format is not called damage.
fn check_version(path: &Path, line: &[u8]) -> Result<(), JournalError> {
    #[derive(Deserialize)]
    struct Version {
        v: u32,
    }
    match serde_json::from_slice::<Version>(line) {
        Ok(Version { v }) if v > FORMAT_VERSION => Err(JournalError::Version {
            path: path.to_owned(),
            found: v,
        }),
        _ => Ok(()),
    }
}

/// A journal in memory, for tests and for `serve` without a folder.
#[derive(Debug, Default)]
pub struct MemoryRecorder {
    events: Mutex<Vec<Event>>,
    blobs: Mutex<std::collections::BTreeMap<Sha256Hex, Vec<u8>>>,
    exchanges: AtomicU64,
    connections: AtomicU64,
}

impl MemoryRecorder {
    /// Everything recorded so far.
    pub fn events(&self) -> Vec<Event> {
        self.events
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// A blob's bytes.
    pub fn bytes(&self, hash: &Sha256Hex) -> Option<Vec<u8>> {
        self.blobs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(hash)
            .cloned()
    }
}

impl Recorder for MemoryRecorder {
    fn record(&self, event: Event) -> Result<u64, JournalError> {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        events.push(event);
        Ok(events.len() as u64)
    }

    fn blob(&self, bytes: &[u8]) -> Result<Sha256Hex, JournalError> {
        let hash = Sha256Hex::of(bytes);
        self.blobs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(hash.clone(), bytes.to_vec());
        Ok(hash)
    }

    fn next_exchange(&self) -> ExchangeId {
        ExchangeId(self.exchanges.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn next_connection(&self) -> u64 {
        self.connections.fetch_add(1, Ordering::Relaxed) + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(message: &str) -> Event {
        Event::BenchError {
            scenario: None,
            message: message.to_owned(),
        }
    }

    fn written() -> (tempfile::TempDir, Vec<u8>) {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::create(dir.path()).unwrap();
        for n in 0..5 {
            journal.record(note(&format!("événement {n}"))).unwrap();
        }
        let bytes = fs::read(dir.path().join(JOURNAL_FILE)).unwrap();
        (dir, bytes)
    }

    #[test]
    fn what_is_written_is_read_back_and_blobs_verify() {
        let (dir, _) = written();
        let read = read(dir.path()).unwrap();
        assert_eq!(read.entries.len(), 5);
        assert_eq!(read.entries[4].event, note("événement 4"));
        assert_eq!(read.torn, None);
        let other = tempfile::tempdir().unwrap();
        let journal = Journal::create(other.path()).unwrap();
        let hash = journal.blob(b"octets").unwrap();
        assert_eq!(
            super::read(other.path()).unwrap().blob(&hash).unwrap(),
            b"octets"
        );
        fs::write(other.path().join(BLOBS_DIR).join(hash.as_str()), b"autres").unwrap();
        assert!(super::read(other.path()).unwrap().blob(&hash).is_err());
    }

    #[test]
    fn a_cut_anywhere_loses_at_most_the_line_being_written() {
        let (dir, bytes) = written();
        let path = dir.path().join("cut.ndjson");
        for cut in 0..bytes.len() {
            let (entries, torn) = parse(&path, &bytes[..cut]).unwrap();
            let whole = bytes[..cut].split(|b| *b == b'\n').count() - 1;
            assert_eq!(entries.len(), whole, "cut at {cut}");
            assert_eq!(
                torn.is_some(),
                cut > 0 && bytes[cut - 1] != b'\n',
                "cut at {cut}"
            );
        }
    }

    #[test]
    fn a_changed_removed_or_swapped_line_is_named() {
        let (dir, bytes) = written();
        let path = dir.path().join("x.ndjson");
        let text = String::from_utf8(bytes).unwrap();
        let changed = text.replacen("événement 2", "événement 9", 1);
        let error = parse(&path, changed.as_bytes()).unwrap_err().to_string();
        assert!(error.contains("line 3"), "{error}");
        let lines: Vec<&str> = text.lines().collect();
        let removed = format!("{}\n{}\n", lines[0], lines[2]);
        assert!(
            parse(&path, removed.as_bytes())
                .unwrap_err()
                .to_string()
                .contains("line 2")
        );
        let swapped = format!("{}\n{}\n{}\n", lines[0], lines[2], lines[1]);
        assert!(parse(&path, swapped.as_bytes()).is_err());
        let newer = text.replacen("\"v\":1", "\"v\":2", 1);
        assert!(matches!(
            parse(&path, newer.as_bytes()).unwrap_err(),
            JournalError::Version { found: 2, .. }
        ));
    }

    /// Writes that many bytes, then no more: a full disk.
    struct Full {
        kept: Vec<u8>,
        room: usize,
    }

    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let taken = bytes.len().min(self.room);
            if taken == 0 {
                return Err(std::io::ErrorKind::StorageFull.into());
            }
            self.room -= taken;
            self.kept.extend_from_slice(&bytes[..taken]);
            Ok(taken)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_write_that_fails_midway_is_taken_back_or_ends_the_journal() {
        let tail = || Tail {
            file: Full {
                kept: Vec::new(),
                room: 15,
            },
            seq: 0,
            prev: Sha256Hex::zero(),
            len: 0,
            poisoned: false,
        };
        let mut undone = tail();
        undone.append_with(b"0123456789", |_, _| Ok(())).unwrap();
        let mut back_to = None;
        undone
            .append_with(b"0123456789", |file, len| {
                assert_eq!(file.kept.len(), 15);
                back_to = Some(len);
                Ok(())
            })
            .unwrap_err();
        assert_eq!((back_to, undone.poisoned), (Some(10), false));

        let mut left = tail();
        let refuse = |_: &Full, _| Err(std::io::ErrorKind::Unsupported.into());
        left.append_with(&[b'x'; 20], refuse).unwrap_err();
        assert!(left.poisoned);

        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::create(dir.path()).unwrap();
        journal.record(note("un")).unwrap();
        journal.tail.lock().unwrap().poisoned = true;
        let error = journal.record(note("deux")).unwrap_err();
        assert!(matches!(error, JournalError::Poisoned { .. }), "{error}");
        assert_eq!(read(dir.path()).unwrap().entries.len(), 1);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_an_error_of_that_record() {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::create(dir.path()).unwrap();
        let full = OpenOptions::new().append(true).open("/dev/full").unwrap();
        journal.tail.lock().unwrap().file = full;
        assert!(journal.record(note("un")).is_err());
        assert_eq!(journal.tail.lock().unwrap().seq, 0);
    }

    #[test]
    fn a_missing_blob_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::create(dir.path()).unwrap();
        journal.record(note("un")).unwrap();
        let hash = journal.blob("pièce".as_bytes()).unwrap();
        fs::remove_file(dir.path().join(BLOBS_DIR).join(hash.as_str())).unwrap();
        let error = read(dir.path()).unwrap().blob(&hash).unwrap_err();
        assert!(error.to_string().contains(hash.as_str()), "{error}");
        assert!(matches!(error, JournalError::Damaged { .. }));
    }

    #[test]
    fn an_existing_journal_is_never_overwritten() {
        let (dir, _) = written();
        assert!(Journal::create(dir.path()).is_err());
    }
}
