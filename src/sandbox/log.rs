//! The sandbox's log: one JSON line per request, written before the reply leaves, so that it can judge a killed sender.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::clock;

/// One request as a provider saw it. The residents named in it are made up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogRecord {
    /// When the reply was decided, in microseconds of `CLOCK_BOOTTIME`. Lines stand in this order.
    pub t_us: u64,
    /// The same moment on the calendar.
    pub wall: Timestamp,
    /// First segment of the request's path, or the name an SMTP client gave in EHLO.
    pub channel: String,
    /// Mail address, telephone number, account or endpoint; empty when the request ended before naming one.
    pub to: String,
    /// The sender's own reference: local part of the Message-ID, SMS reference, idempotency key or `webhook-id`.
    pub key: String,
    /// What was answered: `250`, `550 5.1.1`, `429`, or `dropped` when the connection was cut instead.
    pub reply: String,
    /// Whether this request reached the resident, so that a second one would be a second message.
    pub effect: bool,
    /// The provider's own id of what it took.
    pub provider_id: Option<String>,
    /// Size of the message or request body.
    pub bytes: u64,
}

/// How much a channel has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Lines in the log.
    pub requests: u64,
    /// Lines with `effect`.
    pub effects: u64,
    /// Receipts that the callback address answered with a 2xx, duplicates and forgeries included.
    pub receipts_taken: u64,
    /// Receipts that were refused (4xx) or given up after the last try.
    pub receipts_refused: u64,
}

/// What a server reports of one request; the log adds the time.
#[derive(Clone, Copy, Serialize)]
pub(crate) struct Entry<'a> {
    pub(crate) channel: &'a str,
    pub(crate) to: &'a str,
    pub(crate) key: &'a str,
    pub(crate) reply: &'a str,
    pub(crate) effect: bool,
    pub(crate) provider_id: Option<&'a str>,
    pub(crate) bytes: usize,
}

#[derive(Serialize)]
struct Line<'a> {
    t_us: u64,
    wall: Timestamp,
    #[serde(flatten)]
    entry: Entry<'a>,
}

/// The one writer of a log file.
pub(crate) struct Log {
    path: PathBuf,
    inner: Mutex<Inner>,
}

struct Inner {
    file: File,
    line: Vec<u8>,
    counts: BTreeMap<String, Counts>,
    latest: BTreeMap<String, Bytes>,
}

impl Log {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let inner = Inner {
            file,
            line: Vec::with_capacity(512),
            counts: BTreeMap::new(),
            latest: BTreeMap::new(),
        };
        Ok(Self {
            path: path.to_owned(),
            inner: Mutex::new(inner),
        })
    }

    /// Writes one whole line with one `write(2)`. The time is taken under the lock, so lines stand in its order.
    /// A server that gets an error must not answer: an effect that is missing here would be a false oracle.
    pub(crate) fn append(&self, entry: Entry<'_>) -> io::Result<()> {
        let mut guard = self.lock();
        let inner = &mut *guard;
        inner.line.clear();
        let line = Line {
            t_us: clock::boottime_us(),
            wall: clock::wall(),
            entry,
        };
        serde_json::to_writer(&mut inner.line, &line)?;
        inner.line.push(b'\n');
        inner.file.write_all(&inner.line)?;
        inner.count(entry.channel, |counts| {
            counts.requests += 1;
            counts.effects += u64::from(entry.effect);
        });
        Ok(())
    }

    /// Keeps the last message that reached somebody, for whoever wants to look at one.
    pub(crate) fn keep(&self, channel: &str, body: Bytes) {
        let mut inner = self.lock();
        match inner.latest.get_mut(channel) {
            Some(latest) => *latest = body,
            None => {
                inner.latest.insert(channel.to_owned(), body);
            }
        }
    }

    pub(crate) fn count_receipt(&self, channel: &str, taken: bool) {
        self.lock().count(channel, |counts| {
            if taken {
                counts.receipts_taken += 1;
            } else {
                counts.receipts_refused += 1;
            }
        });
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn counts(&self) -> BTreeMap<String, Counts> {
        self.lock().counts.clone()
    }

    pub(crate) fn latest(&self, channel: &str) -> Option<Bytes> {
        self.lock().latest.get(channel).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Allocates the name only the first time a channel is seen.
    fn count(&mut self, channel: &str, note: impl FnOnce(&mut Counts)) {
        if let Some(counts) = self.counts.get_mut(channel) {
            note(counts);
        } else {
            note(self.counts.entry(channel.to_owned()).or_default());
        }
    }
}

/// Reads a log file. A last line without its line feed is still being written and is left out.
///
/// # Errors
/// When the file cannot be read, or a whole line is not a record.
pub fn read_log(path: &Path) -> io::Result<Vec<LogRecord>> {
    let text = std::fs::read_to_string(path)?;
    let whole = text
        .rfind('\n')
        .map_or("", |end| text.get(..end).unwrap_or(""));
    whole
        .lines()
        .map(|line| serde_json::from_str(line).map_err(io::Error::from))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(effect: bool) -> Entry<'static> {
        Entry {
            channel: "sms",
            to: "+447700900001",
            key: "k\"1",
            reply: "202",
            effect,
            provider_id: Some("p1"),
            bytes: 7,
        }
    }

    #[test]
    fn what_is_appended_is_read_back_in_time_order() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let log = Log::open(&path).unwrap();
        for turn in 0..100 {
            log.append(entry(turn % 4 == 0)).unwrap();
        }
        let records = read_log(&path).unwrap();
        assert_eq!(records.len(), 100);
        assert!(records.is_sorted_by_key(|record| record.t_us));
        assert_eq!(records[0].key, "k\"1");
        assert_eq!(
            log.counts()["sms"],
            Counts {
                requests: 100,
                effects: 25,
                ..Counts::default()
            }
        );
    }

    #[test]
    fn a_torn_last_line_is_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        Log::open(&path).unwrap().append(entry(true)).unwrap();
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"{\"t_us\":1,").unwrap();
        assert_eq!(read_log(&path).unwrap().len(), 1);
    }
}
