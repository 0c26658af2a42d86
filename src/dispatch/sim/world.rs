//! What is outside the program and outlives it: time, providers, the weather, and what is going to happen.

use super::bugs::Bugs;
use super::chance::Chance;
use super::people::Act;
use super::provider::Provider;
use super::store::{Fate, Surroundings};
use super::time::SimClock;
use super::trace::Trace;
use super::weather::{Fault, Weather};
use oyez_domain::channel::ChannelName;
use oyez_domain::invariants::Request;
use oyez_domain::reference::ReferenceKey;
use oyez_domain::time::Boot;
use oyez_domain::{BoxFuture, Clock};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// Something that is going to happen.
#[derive(Debug, Clone)]
pub(crate) enum Deed {
    /// The weather changes.
    Weather(Weather),
    /// The program starts.
    Start,
    /// The program ends without a word; the disk forgets what nobody was told of, or not.
    Crash {
        /// Whether it forgets.
        forgets: bool,
    },
    /// The program is asked to end.
    ShutDown,
    /// Another start takes over while this one goes on.
    TakeOver,
    /// Whoever was taken over ends at last.
    ZombieOver,
    /// The wall clock is set off by so many microseconds.
    Step(i64),
    /// Something happens a while after the store's next verb of this name has begun, or the next request ("send") has
    /// reached a provider.
    With {
        /// The verb.
        verb: &'static str,
        /// How long after it began.
        wait: Duration,
        /// What happens.
        deed: Box<Deed>,
    },
    /// Somebody does something.
    Act(Act),
    /// A provider calls back.
    CallBack {
        /// Which channel's provider.
        channel: ChannelName,
        /// What it says.
        body: String,
    },
}

/// The world.
pub(crate) struct World {
    pub(crate) clock: Arc<SimClock>,
    pub(crate) chance: Chance,
    pub(crate) key: ReferenceKey,
    pub(crate) bugs: Bugs,
    pub(crate) trace: Trace,
    /// The number of the start that runs now.
    pub(crate) newest_start: AtomicU64,
    agenda: Mutex<Agenda>,
    weather: Mutex<Weather>,
    providers: Mutex<BTreeMap<ChannelName, Provider>>,
    /// Every request that reached a provider, in the order of time.
    log: Mutex<Vec<Logged>>,
}

/// A request that reached a provider.
#[derive(Debug, Clone)]
pub(crate) struct Logged {
    pub(crate) request: Request,
    /// It came from a start that had been taken over and did not know it yet.
    pub(crate) by_zombie: bool,
}

#[derive(Default)]
struct Agenda {
    deeds: BTreeMap<(Duration, u64), Deed>,
    next: u64,
    /// What waits for a verb, and how long after its beginning it happens.
    lurking: Vec<(&'static str, Duration, Deed)>,
}

impl World {
    pub(crate) fn new(seed: u64, bugs: Bugs, providers: BTreeMap<ChannelName, Provider>) -> Self {
        Self {
            clock: Arc::new(SimClock::new()),
            chance: Chance::new(seed),
            key: ReferenceKey::new(&[7; 32]),
            bugs,
            trace: Trace::default(),
            newest_start: AtomicU64::new(0),
            agenda: Mutex::default(),
            weather: Mutex::new(Weather::fair()),
            providers: Mutex::new(providers),
            log: Mutex::default(),
        }
    }

    /// The boot clock.
    pub(crate) fn now(&self) -> Duration {
        self.clock.now().0
    }

    /// Lets something happen after a while.
    pub(crate) fn after(&self, wait: Duration, deed: Deed) {
        let when = self.now().saturating_add(wait);
        let mut agenda = self.agenda.lock().unwrap();
        let place = (when, agenda.next);
        agenda.next += 1;
        agenda.deeds.insert(place, deed);
    }

    /// When the next thing happens, within the program or outside it.
    pub(crate) fn next(&self) -> Option<Duration> {
        let agenda = self.agenda.lock().unwrap();
        let deed = agenda.deeds.keys().next().map(|(when, _)| *when);
        deed.into_iter().chain(self.clock.next()).min()
    }

    /// What is to happen now, one at a time.
    pub(crate) fn due(&self) -> Option<Deed> {
        let now = self.now();
        let mut agenda = self.agenda.lock().unwrap();
        let first = agenda.deeds.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }

    /// Nothing that was to come happens any more, but for what providers still have to say.
    pub(crate) fn calm(&self) {
        let mut agenda = self.agenda.lock().unwrap();
        agenda.deeds.retain(|_, deed| match deed {
            Deed::CallBack { .. } | Deed::Start => true,
            Deed::Weather(_)
            | Deed::Crash { .. }
            | Deed::ShutDown
            | Deed::TakeOver
            | Deed::ZombieOver
            | Deed::Step(_)
            | Deed::With { .. }
            | Deed::Act(_) => false,
        });
        agenda.lurking.clear();
    }

    /// Lets something happen a while after the next verb of this name has begun.
    pub(crate) fn lurk(&self, verb: &'static str, wait: Duration, deed: Deed) {
        let mut agenda = self.agenda.lock().unwrap();
        agenda.lurking.push((verb, wait, deed));
    }

    /// A verb begins. Whether something else happens with it.
    fn begins(&self, verb: &'static str) -> bool {
        let mut agenda = self.agenda.lock().unwrap();
        let lurks = agenda.lurking.iter().position(|(known, ..)| *known == verb);
        let found = lurks.map(|at| agenda.lurking.remove(at));
        drop(agenda);
        let lurked = found.is_some();
        if let Some((_, wait, deed)) = found {
            self.after(wait, deed);
        }
        lurked
    }

    pub(crate) fn set_weather(&self, weather: Weather) {
        *self.weather.lock().unwrap() = weather;
    }

    /// Whether a fault happens on a channel now.
    pub(crate) fn hits(&self, channel: &ChannelName, fault: Fault) -> bool {
        let weather = self.weather.lock().unwrap();
        weather.hits(&self.chance, channel, fault)
    }

    /// The provider behind a channel.
    pub(crate) fn provider<T>(
        &self,
        channel: &ChannelName,
        look: impl FnOnce(&mut Provider) -> T,
    ) -> T {
        let mut providers = self.providers.lock().unwrap();
        look(providers.get_mut(channel).unwrap())
    }

    /// Writes a request into the log.
    pub(crate) fn saw(&self, request: Request, start: u64) {
        let place = request
            .place
            .map_or(0, |(b, o)| u64::from(b.0) << 32 | u64::from(o.0));
        let now = u64::try_from(self.now().as_nanos()).unwrap();
        let kind = u64::from(request.effect) | u64::from(request.refused_us) << 1;
        self.trace.note("request", &[now, place, kind]);
        self.begins("send");
        let by_zombie = start != self.newest_start.load(Ordering::Relaxed);
        self.log.lock().unwrap().push(Logged { request, by_zombie });
    }

    /// A request to a provider, seen now.
    pub(crate) fn request(&self, provider: &ChannelName, key: &str, to: &str) -> Request {
        let now = self.now();
        Request {
            place: self.key.open(key),
            provider: provider.to_string(),
            to: to.to_owned(),
            at: self.clock.untouched(now),
            since_boot: Boot(now),
            effect: false,
            refused_us: false,
            not_before: None,
        }
    }

    /// Every request so far.
    pub(crate) fn log(&self) -> MutexGuard<'_, Vec<Logged>> {
        self.log.lock().unwrap()
    }
}

/// How long a verb takes at most with which something else happens, in milliseconds.
const LONG: u64 = 400;

/// How the store behaves in this weather.
pub(crate) struct StoreWeather {
    pub(crate) world: Arc<World>,
    /// Draws of its own: how long a commit takes must not change what providers do.
    pub(crate) chance: Chance,
}

impl StoreWeather {
    fn pause(&self) -> Option<Duration> {
        let slow = self.world.weather.lock().unwrap().slow;
        self.pause_of_at_most(slow)
    }

    fn pause_of_at_most(&self, slow: u64) -> Option<Duration> {
        let pause = self.chance.below(slow + 1);
        (pause > 0).then(|| Duration::from_millis(pause))
    }

    async fn sleep(&self, pause: Duration) {
        let clock = &self.world.clock;
        clock.sleep_until(clock.now().plus(pause)).await;
    }

    fn fate(&self, verb: &str) -> Fate {
        let weather = self.world.weather.lock().unwrap();
        let happens = |often: Option<u64>| often.is_some_and(|often| self.chance.one_in(often));
        if happens(weather.busy) {
            Fate::Refused
        } else if happens(weather.unsaid) {
            // Where that ends the program it has to stay rare, or nothing would be sent.
            let ends = matches!(verb, "take" | "release") && !self.chance.one_in(20);
            if ends {
                Fate::Refused
            } else {
                Fate::KeptUnsaid
            }
        } else if happens(weather.down) {
            Fate::Down
        } else {
            Fate::Kept
        }
    }
}

impl Surroundings for StoreWeather {
    fn before<'a>(&'a self, verb: &'static str) -> BoxFuture<'a, Fate> {
        Box::pin(async move {
            // Whatever happens with a verb meets one that takes its time.
            let pause = if self.world.begins(verb) {
                self.pause_of_at_most(LONG)
            } else {
                self.pause()
            };
            if let Some(pause) = pause {
                self.sleep(pause).await;
            }
            self.fate(verb)
        })
    }

    fn after<'a>(&'a self, _verb: &'static str) -> BoxFuture<'a, ()> {
        Box::pin(async {
            if let Some(pause) = self.pause() {
                self.sleep(pause).await;
            }
        })
    }

    fn committed(&self, verb: &'static str) {
        let now = u64::try_from(self.world.now().as_nanos()).unwrap();
        self.world.trace.note(verb, &[now]);
    }
}
