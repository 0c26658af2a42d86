//! Whether a start continues the last one, or runs on a copy, an older state, or after a long time with nobody there.
//!
//! A start that cannot be sure sends nothing: it holds everything, says why, and asks a person.

use super::common::audit;
use super::fault::Step;
use crate::directory::StorageSettings;
use crate::notes::Notes;
use oyez_domain::ledger::By;
use oyez_domain::time::Wall;
use rusqlite::{Connection, OptionalExtension, params};
use std::time::Duration;

/// How much newer the sign of life has to be before it is written with the next commit.
pub(super) const KEPT_EVERY_MICROS: i64 = 1_000_000;
/// The same, when it is written although nothing else is.
pub(super) const KEPT_AT_LEAST_EVERY_MICROS: i64 = 30_000_000;
/// A start after so long asks before it goes on with what is still due.
const LONG: Duration = Duration::from_secs(600);
/// A sign of life may be so much later than now before the clock is doubted.
const AHEAD: Duration = Duration::from_secs(60);

/// Where a database is: on which machine, and in which file of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Place {
    machine: String,
    file: String,
}

impl Place {
    /// Where we are now. A copy of the file has another number and was made at another time, whatever its name; neither
    /// changes when the machine starts anew.
    pub(super) fn here(settings: &StorageSettings) -> Self {
        use std::os::unix::fs::MetadataExt;
        let file = std::fs::metadata(settings.database()).map_or_else(
            |_| String::new(),
            |file| {
                let made = file.created().ok();
                let made = made.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
                let made = made.map_or(0, |since| since.as_nanos());
                format!("{}-{made}", file.ino())
            },
        );
        Self {
            machine: settings.machine.clone(),
            file,
        }
    }
}

/// What a start finds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Where the last start was; nothing before the first.
    pub(super) was: Option<Place>,
    /// The newest sign of life in the database.
    pub(super) alive_at: Option<Wall>,
    /// The newest one that was seen in it, as the notes beside it say.
    pub(super) noted: Option<Wall>,
    /// The file is not as it was closed.
    pub(super) altered: bool,
    /// Commits that stood in the write-ahead log behind a damaged place.
    pub(super) cut_off: u64,
    /// Something was released at some time.
    pub(super) released: bool,
    /// Broadcasts with something still to be sent that is still useful.
    pub(super) due: u64,
}

impl Found {
    /// What database and notes say.
    pub(super) fn read(
        connection: &Connection,
        notes: &Notes,
        altered: bool,
        cut_off: u64,
        now: Wall,
    ) -> Step<Self> {
        let machine = text(connection, "machine")?;
        let file = text(connection, "file")?;
        let released =
            connection.query_row("SELECT EXISTS (SELECT 1 FROM broadcast)", [], |row| {
                row.get(0)
            })?;
        let due: i64 = connection.query_row(
            "SELECT count(*) FROM broadcast WHERE state = 1 AND expires_at > ?1
             AND (planned = 0 OR asked > accepted + failed + unknown + suppressed + stopped + expired + superseded)",
            [now.0],
            |row| row.get(0),
        )?;
        Ok(Self {
            was: machine
                .zip(file)
                .map(|(machine, file)| Place { machine, file }),
            alive_at: alive_at(connection)?,
            noted: notes.alive_at,
            altered,
            cut_off,
            released,
            due: super::words::natural(due),
        })
    }

    /// Why nothing may be sent before a person has said so; nothing when this start continues the last one.
    pub(super) fn doubt(&self, here: &Place, now: Wall) -> Option<String> {
        // Before the first release there is nothing that could be sent twice.
        let (was, alive_at) = (self.was.as_ref()?, self.alive_at?);
        if !self.released {
            return None;
        }
        let other_machine =
            !was.machine.is_empty() && !here.machine.is_empty() && was.machine != here.machine;
        let away = now.since(alive_at);
        let found = if other_machine {
            "this data directory was last used on another machine".to_owned()
        } else if was.file != here.file {
            "this database is a copy of the one that was last used".to_owned()
        } else if self.noted.is_some_and(|noted| noted > alive_at) {
            "this database is older than the one that was last used here".to_owned()
        } else if self.cut_off > 0 {
            format!(
                "the write-ahead log is damaged and its last {} entries cannot be read: what they say was sent may be \
                 sent again",
                self.cut_off
            )
        } else if self.altered {
            "this database was changed while oyez did not run".to_owned()
        } else if alive_at.since(now) > AHEAD {
            format!(
                "the last sign of life is of {}, later than now",
                alive_at.rfc3339()
            )
        } else if away > LONG && self.due > 0 {
            format!(
                "nobody was here for {} minutes, and {} still due",
                away.as_secs() / 60,
                broadcasts(self.due)
            )
        } else {
            return None;
        };
        Some(format!(
            "{found}; if this is the only copy in use and the rest should still go out, let it go on with oyez system \
             resume; what should not, halt first with oyez update stop"
        ))
    }
}

fn broadcasts(many: u64) -> String {
    match many {
        1 => "1 broadcast is".to_owned(),
        many => format!("{many} broadcasts are"),
    }
}

/// Notes where we are and that we are here, and holds everything when there is a doubt. A hold that is there already
/// keeps its own reason.
pub(super) fn begin(
    connection: &Connection,
    here: &Place,
    doubt: Option<&str>,
    now: Wall,
) -> Step<()> {
    put(connection, "machine", &here.machine)?;
    put(connection, "file", &here.file)?;
    keep_alive(connection, now)?;
    let Some(why) = doubt else { return Ok(()) };
    connection.execute(
        "INSERT OR IGNORE INTO hold (channel, reason, actor, at) VALUES ('', ?1, 'engine', ?2)",
        params![why, now.0],
    )?;
    let by = By {
        actor: "engine".to_owned(),
        at: now,
    };
    audit(connection, &by, "hold", "system", why)
}

/// The sign of life.
pub(super) fn keep_alive(connection: &Connection, at: Wall) -> Step<()> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO meta (name, value) VALUES ('alive', ?1)")?
        .execute([at.0])?;
    Ok(())
}

fn alive_at(connection: &Connection) -> Step<Option<Wall>> {
    let sql = "SELECT value FROM meta WHERE name = 'alive'";
    Ok(connection
        .query_row(sql, [], |row| row.get(0))
        .optional()?
        .map(Wall))
}

fn text(connection: &Connection, name: &str) -> Step<Option<String>> {
    let sql = "SELECT value FROM meta WHERE name = ?1";
    Ok(connection
        .query_row(sql, [name], |row| row.get(0))
        .optional()?)
}

fn put(connection: &Connection, name: &str, value: &str) -> Step<()> {
    let sql = "INSERT OR REPLACE INTO meta (name, value) VALUES (?1, ?2)";
    connection.execute(sql, [name, value])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Wall = Wall(1_764_000_000_000_000);

    fn at(seconds_ago: i64) -> Wall {
        Wall(NOW.0 - seconds_ago * 1_000_000)
    }

    fn place(machine: &str, file: &str) -> Place {
        Place {
            machine: machine.to_owned(),
            file: file.to_owned(),
        }
    }

    /// A start that continues the last one after ten seconds, in the middle of a broadcast.
    fn found() -> Found {
        Found {
            was: Some(place("m", "17-5")),
            alive_at: Some(at(10)),
            noted: None,
            altered: false,
            cut_off: 0,
            released: true,
            due: 2,
        }
    }

    #[test]
    fn a_start_soon_after_the_last_one_in_the_same_place_goes_on() {
        let here = place("m", "17-5");
        assert_eq!(found().doubt(&here, NOW), None);
        let longest = Found {
            alive_at: Some(at(600)),
            ..found()
        };
        assert_eq!(longest.doubt(&here, NOW), None);
        let settled = Found {
            alive_at: Some(at(86_400)),
            due: 0,
            ..found()
        };
        assert_eq!(settled.doubt(&here, NOW), None, "nothing waits");
        assert_eq!(
            Found::default().doubt(&here, NOW),
            None,
            "the very first start"
        );
    }

    #[test]
    fn a_machine_without_a_name_is_not_another_one() {
        for (was, here) in [("", "m"), ("m", "")] {
            let found = Found {
                was: Some(place(was, "17-5")),
                ..found()
            };
            assert_eq!(found.doubt(&place(here, "17-5"), NOW), None);
        }
    }

    #[test]
    fn every_reason_to_ask_is_named() {
        let here = place("m", "17-5");
        let table = [
            (found(), place("other", "17-5"), "another machine"),
            (found(), place("m", "18-9"), "is a copy"),
            (
                Found {
                    noted: Some(at(9)),
                    ..found()
                },
                here.clone(),
                "is older than",
            ),
            (
                Found {
                    altered: true,
                    ..found()
                },
                here.clone(),
                "was changed while",
            ),
            (
                Found {
                    cut_off: 7,
                    ..found()
                },
                here.clone(),
                "its last 7 entries cannot be read",
            ),
            (
                Found {
                    alive_at: Some(at(-61)),
                    ..found()
                },
                here.clone(),
                "later than now",
            ),
            (
                Found {
                    alive_at: Some(at(660)),
                    ..found()
                },
                here,
                "nobody was here for 11 minutes, and 2 broadcasts are still due",
            ),
        ];
        for (found, here, words) in table {
            let doubt = found.doubt(&here, NOW).unwrap_or_default();
            assert!(doubt.contains(words), "{words}: {doubt}");
            assert!(doubt.contains("oyez system resume"), "{doubt}");
            let unused = Found {
                released: false,
                ..found
            };
            assert_eq!(unused.doubt(&here, NOW), None, "nothing was ever released");
        }
    }
}
