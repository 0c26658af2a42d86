//! Recent events with identifiers, so that a stream that broke off goes on where it ended.

use oyez_dispatch::event::{Event, Events};
use oyez_domain::Random;
use oyez_domain::channel::ChannelName;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::broadcast::{self, error::RecvError};
use tokio_util::sync::CancellationToken;

/// Events kept.
const KEPT: usize = 1024;

/// An event and its number in this start of the program.
pub(crate) type Numbered = (u64, Event);

/// The events of this start of the program, as far as they are kept.
pub(crate) struct Journal {
    /// Tells this start of the program from every other.
    start: String,
    state: Mutex<State>,
}

struct State {
    next: u64,
    kept: VecDeque<Numbered>,
    sender: broadcast::Sender<Numbered>,
}

/// What a stream begins with.
pub(crate) struct Opening {
    /// Events it missed.
    pub(crate) missed: Vec<Numbered>,
    /// Some that it missed are kept no more.
    pub(crate) gap: bool,
    /// Events from now on.
    pub(crate) rest: broadcast::Receiver<Numbered>,
}

impl Journal {
    pub(crate) fn new(random: &dyn Random) -> Self {
        let mut start = [0; 5];
        random.fill(&mut start);
        let sender = broadcast::Sender::new(KEPT);
        Self {
            start: data_encoding::BASE32_DNSSEC.encode(&start),
            state: Mutex::new(State {
                next: 1,
                kept: VecDeque::with_capacity(KEPT),
                sender,
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The identifier of an event as streams carry it.
    pub(crate) fn id(&self, number: u64) -> String {
        format!("{}-{number}", self.start)
    }

    /// Writes an event down and tells the streams.
    pub(crate) fn note(&self, event: Event) {
        let mut state = self.state();
        let numbered = (state.next, event);
        state.next += 1;
        if state.kept.len() == KEPT {
            state.kept.pop_front();
        }
        state.kept.push_back(numbered.clone());
        // An error means that nobody listens at the moment, which is fine.
        drop(state.sender.send(numbered));
    }

    /// Begins a stream after the event with this identifier, or with what comes now.
    pub(crate) fn open(&self, last: Option<&str>) -> Opening {
        let state = self.state();
        let rest = state.sender.subscribe();
        let Some(last) = last else {
            return Opening {
                missed: Vec::new(),
                gap: false,
                rest,
            };
        };
        let number = last
            .rsplit_once('-')
            .filter(|(start, _)| *start == self.start)
            .and_then(|(_, n)| n.parse::<u64>().ok());
        let oldest = state.kept.front().map_or(state.next, |(number, _)| *number);
        match number {
            Some(number) if number < state.next && number + 1 >= oldest => {
                let missed = state
                    .kept
                    .iter()
                    .filter(|(known, _)| *known > number)
                    .cloned()
                    .collect();
                Opening {
                    missed,
                    gap: false,
                    rest,
                }
            }
            Some(_) | None => Opening {
                missed: Vec::new(),
                gap: true,
                rest,
            },
        }
    }

    /// The newest events on these channels, newest first.
    pub(crate) fn recent(&self, channels: &[ChannelName], many: usize) -> Vec<Event> {
        let state = self.state();
        let theirs = state
            .kept
            .iter()
            .rev()
            .filter(|(_, event)| channels.contains(&event.channel));
        theirs.take(many).map(|(_, event)| event.clone()).collect()
    }

    /// Writes down what happens until the program ends.
    pub(crate) async fn keep(&self, events: &Events, end: &CancellationToken) {
        let mut listener = events.listen();
        loop {
            tokio::select! {
                () = end.cancelled() => return,
                heard = listener.recv() => match heard {
                    Ok(event) => self.note(event),
                    Err(RecvError::Lagged(lost)) => tracing::warn!(lost, "events came faster than they could be kept"),
                    Err(RecvError::Closed) => return,
                },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use oyez_domain::time::Wall;

    struct Same;
    impl Random for Same {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(7);
        }
    }

    fn event(line: usize) -> Event {
        Event {
            at: Wall(0),
            channel: "mail".parse().unwrap(),
            code: "paused".to_owned(),
            reason: None,
            line: line.to_string(),
        }
    }

    #[test]
    fn a_stream_that_comes_back_gets_what_it_missed() {
        let journal = Journal::new(&Same);
        (0..5).for_each(|line| journal.note(event(line)));
        let opening = journal.open(Some(&journal.id(3)));
        assert!(!opening.gap);
        assert_eq!(
            opening
                .missed
                .iter()
                .map(|(number, _)| *number)
                .collect::<Vec<_>>(),
            [4, 5]
        );
        assert!(journal.open(None).missed.is_empty());
    }

    #[test]
    fn what_is_kept_no_more_or_was_never_ours_is_a_gap() {
        let journal = Journal::new(&Same);
        (0..KEPT + 2).for_each(|line| journal.note(event(line)));
        assert!(journal.open(Some(&journal.id(1))).gap);
        assert!(!journal.open(Some(&journal.id(2))).gap);
        for foreign in ["other-5", "nonsense", &journal.id(99_999)] {
            assert!(journal.open(Some(foreign)).gap, "{foreign}");
        }
    }
}
