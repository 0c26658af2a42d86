//! Arms windows ahead of a worker, so that one slow reply stalls nothing.

use crate::breaker::Arming;
use crate::clock_guard::ClockGuard;
use crate::event::{Event, Events};
use crate::gate::Round;
use crate::providers::Turn;
use crate::supervisor::{Live, Probe};
use oyez_domain::ledger::{Ask, Ledger, Taken, Window};
use oyez_domain::time::Boot;
use oyez_domain::{Clock, LedgerError};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

/// How long nothing is looked for while nothing is due, unless the bell rings.
const IDLE: Duration = Duration::from_secs(60);
/// How long nothing is looked for while the disk is full.
const NO_ROOM: Duration = Duration::from_secs(2);
/// How long a provider may take to say whether it accepts us.
const CHECK: Duration = Duration::from_secs(30);

/// A window on its way to the worker, with the feeder's turn to arm the next.
pub(crate) struct Fed {
    pub(crate) window: Window,
    /// When it was armed; it ends with its round.
    pub(crate) round: Round,
    /// Given back when the next window may be armed.
    pub(crate) turn: Option<OwnedSemaphorePermit>,
    /// The window is the one delivery that is tried.
    pub(crate) probe: Option<Probe>,
}

/// What a channel's feeder works with.
pub(crate) struct Feeder {
    pub(crate) live: Arc<Live>,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) guard: Arc<ClockGuard>,
    pub(crate) events: Events,
    pub(crate) end: CancellationToken,
}

/// What came of looking for work.
enum Look {
    Found(Window, Option<Probe>),
    /// Nothing until this moment, unless the bell rings.
    Nothing(Boot),
}

impl Feeder {
    /// Feeds the worker until it is told to end.
    pub(crate) async fn run(self, feed: mpsc::Sender<Fed>) {
        let turns = Arc::new(Semaphore::new(1));
        while !self.end.is_cancelled() {
            // One window ahead at most: what is armed and not sent is what a crash makes uncertain.
            let turn = tokio::select! {
                biased;
                () = self.end.cancelled() => return,
                turn = Arc::clone(&turns).acquire_owned() => turn.ok(),
            };
            tokio::select! {
                biased;
                () = self.end.cancelled() => return,
                () = self.live.gate.agrees_with_the_ledger() => {}
            }
            let round = self.live.gate.round();
            let until = match self.look().await {
                Look::Found(window, probe) => {
                    let fed = Fed {
                        window,
                        round,
                        turn,
                        probe,
                    };
                    if feed.send(fed).await.is_err() {
                        return;
                    }
                    continue;
                }
                Look::Nothing(until) => until,
            };
            drop(turn);
            let woken = until.max(self.clock.now().plus(Duration::from_millis(1)));
            tokio::select! {
                biased;
                () = self.end.cancelled() => {}
                () = self.live.bell.notified() => {}
                () = self.clock.sleep_until(woken) => {}
            }
        }
    }

    /// Takes what the breaker lets through: a window, one delivery to try, or nothing.
    async fn look(&self) -> Look {
        let now = self.clock.now();
        let turn = self.turn();
        match self.live.breakers.arming(now) {
            Arming::Freely => {
                let rows = self.live.ahead.rows(self.live.share());
                self.take(rows, turn, false).await
            }
            Arming::One => self.take(1, turn, true).await,
            Arming::OneAfterCheck if self.is_accepted().await => self.take(1, turn, true).await,
            Arming::OneAfterCheck => {
                self.live.breakers.check_failed(self.clock.now());
                Look::Nothing(now)
            }
            Arming::NotBefore(until) => Look::Nothing(until),
        }
    }

    /// Whose turn it is among the channel's providers; tells when another one leads from now on.
    fn turn(&self) -> Turn {
        let (live, now) = (&self.live, self.live.moment());
        if let Some(moved) = live.providers.moved(now) {
            let (name, from, to) = (&live.channel.name, moved.from, moved.to);
            let line = match moved.reason {
                Some(reason) => {
                    let why = reason.label();
                    format!("{name}: {to} sends from now on in place of {from}: {why}.")
                }
                None => format!("{name}: {to} sends again in place of {from}."),
            };
            self.events.tell(Event {
                at: now.wall,
                channel: name.clone(),
                code: "moved".to_owned(),
                reason: moved.reason,
                line,
            });
            live.providers.ring();
        }
        live.providers.turn(live.rank, now)
    }

    /// Whether the provider accepts our credentials, as far as that can be known without sending.
    async fn is_accepted(&self) -> bool {
        let adapter = &self.live.channel.adapter;
        if !adapter.check_signs_in() {
            return true;
        }
        let too_late = self.clock.now().plus(CHECK);
        tokio::select! {
            biased;
            () = self.end.cancelled() => false,
            checked = adapter.check() => {
                tracing::debug!(channel.name = %self.live.channel.name, ?checked, "asked whether the provider accepts us");
                checked.is_ok()
            }
            () = self.clock.sleep_until(too_late) => false,
        }
    }

    async fn take(&self, rows: u32, turn: Turn, tries: bool) -> Look {
        let live = &self.live;
        let now = live.moment();
        let (only_its_own, again) = match turn {
            Turn::Any => (false, None),
            Turn::Own(again) => (true, again),
        };
        let not_later = |until: Boot| again.map_or(until, |again| again.min(until));
        let ask = Ask {
            channel: &live.channel.name,
            provider: live.channel.kind(),
            only_its_own,
            rows,
            now: now.wall,
            may_expire: self.guard.expiry_frozen().is_none(),
            shut_destinations: &live.breakers.not_to_arm(now),
        };
        match self.ledger.take(&ask).await {
            Ok(Taken::Window(window)) => {
                if turn == Turn::Any {
                    let share = live.share();
                    live.providers.armed(live.rank, window.armed.len(), share);
                }
                let probe = tries.then(|| Live::probe(live));
                Look::Found(window, probe)
            }
            Ok(Taken::Idle(Some(due))) => Look::Nothing(not_later(now.boot_at(due))),
            Ok(Taken::Idle(None) | Taken::Held(_)) => Look::Nothing(not_later(now.boot.plus(IDLE))),
            Err(LedgerError::Busy(_)) => Look::Nothing(now.boot.plus(Duration::from_millis(200))),
            // The store has told it, and tells when there is room again.
            Err(LedgerError::Full(_)) => Look::Nothing(now.boot.plus(NO_ROOM)),
            Err(error) => {
                tracing::error!(channel.name = %live.channel.name, %error, "nothing can be taken from the queue; trying again in 5 s");
                Look::Nothing(now.boot.plus(Duration::from_secs(5)))
            }
        }
    }
}
