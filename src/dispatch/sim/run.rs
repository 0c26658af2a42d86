//! A run: one world, one store, one start of the program after another, until everything has an end or time is up.

use super::bugs::Bugs;
use super::people::{self, Act, People, Wish};
use super::program::{Ended, Program};
use super::provider::{Kind, Provider, SimProvider};
use super::store::{SimStore, Surroundings};
use super::weather::Weather;
use super::world::{Deed, StoreWeather, World};
use crate::clock_guard::ClockGuard;
use crate::settings::{ChannelSettings, ConfiguredChannel, EngineSettings};
use oyez_domain::Clock;
use oyez_domain::address::Address;
use oyez_domain::channel::ChannelName;
use oyez_domain::id::SubscriberId;
use oyez_domain::ledger::NewEndpoint;
use oyez_domain::parcel::Secret;
use oyez_domain::receipt::Callback;
use oyez_domain::subscriber::NewSubscriber;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// What a run is made of.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub(crate) seed: u64,
    pub(crate) bugs: Bugs,
    pub(crate) kinds: Vec<(Kind, ChannelSettings)>,
    /// Kinds whose provider is a further one of another's channel.
    pub(crate) pairs: Vec<Pair>,
    /// Residents, each with an email address and a mobile.
    pub(crate) residents: u32,
    pub(crate) partners: u32,
    pub(crate) incidents: usize,
    pub(crate) wishes: Vec<Wish>,
    pub(crate) settings: EngineSettings,
}

/// Two providers of one channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) first: Kind,
    pub(crate) second: Kind,
    /// Each gets its share; otherwise the first that works gets all.
    pub(crate) split: bool,
}

impl Pair {
    /// The channel that a kind's provider belongs to.
    pub(crate) fn channel(pairs: &[Self], kind: Kind) -> ChannelName {
        let pair = pairs.iter().find(|pair| pair.second == kind);
        people::name_of(pair.map_or(kind, |pair| pair.first))
    }

    fn weight(&self, kind: Kind) -> Option<u32> {
        let weights = [(self.first, 60), (self.second, 40)];
        let weight = weights.into_iter().find(|(of, _)| *of == kind);
        weight.filter(|_| self.split).map(|(_, weight)| weight)
    }
}

/// What has happened so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) starts: u64,
    pub(crate) crashes: u64,
    pub(crate) take_overs: u64,
    pub(crate) failures: u64,
}

/// A run.
pub(crate) struct Run {
    pub(crate) world: Arc<World>,
    pub(crate) store: SimStore,
    pub(crate) people: Arc<People>,
    pub(crate) tally: Tally,
    pub(crate) kinds: Vec<(Kind, ChannelSettings)>,
    pub(crate) pairs: Vec<Pair>,
    settings: EngineSettings,
    program: Option<Program>,
    /// A start that was taken over and does not know it yet.
    zombie: Option<Program>,
    /// Updates that somebody has begun to put out.
    begun: Vec<usize>,
    /// The program is wanted: when it ends, it is started again.
    wanted: bool,
}

impl Run {
    pub(crate) fn new(setup: &Setup) -> Self {
        let providers = setup.kinds.iter().map(|(kind, _)| {
            let name = people::name_of(*kind);
            (name, Provider::new(*kind))
        });
        let providers: BTreeMap<_, _> = providers.collect();
        let world = Arc::new(World::new(setup.seed, setup.bugs, providers));
        let weather = StoreWeather {
            world: Arc::clone(&world),
            chance: world.chance.fork(),
        };
        let surroundings: Arc<dyn Surroundings> = Arc::new(weather);
        let store = SimStore::new(Some(surroundings), setup.bugs);
        store.populate(&residents(setup.residents), &partners(setup.partners));
        Self {
            kinds: setup.kinds.clone(),
            pairs: setup.pairs.clone(),
            store,
            people: Arc::new(People::new(setup.wishes.clone(), setup.incidents)),
            tally: Tally::default(),
            settings: setup.settings.clone(),
            program: None,
            zombie: None,
            begun: Vec::new(),
            wanted: true,
            world,
        }
    }

    /// The start that runs, if one does.
    pub(crate) fn program(&self) -> Option<&Program> {
        self.program.as_ref()
    }

    /// Runs until `done` says so or the clock shows `end`; whether it was done.
    pub(crate) fn until(&mut self, end: Duration, done: impl Fn(&Self) -> bool) -> bool {
        loop {
            self.settle();
            if done(self) {
                return true;
            }
            match self.world.next().filter(|next| *next <= end) {
                Some(next) => self.world.clock.advance(next),
                None => {
                    self.world.clock.advance(end);
                    self.settle();
                    return done(self);
                }
            }
        }
    }

    /// Does everything that is to be done at this moment.
    fn settle(&mut self) {
        loop {
            for program in self.program.iter().chain(&self.zombie) {
                program.run();
            }
            self.notice_ends();
            match self.world.due() {
                Some(deed) => self.perform(deed),
                None => return,
            }
        }
    }

    /// A start that has ended by itself is gone; if it was the one that counts, another follows.
    fn notice_ends(&mut self) {
        if self
            .zombie
            .as_ref()
            .is_some_and(|zombie| zombie.ended().is_some())
        {
            self.zombie = None;
        }
        if let Some(how) = self.program.as_ref().and_then(Program::ended) {
            self.program = None;
            self.tally.failures += u64::from(how == Ended::Fatally);
            self.start_again();
        }
    }

    fn start_again(&self) {
        if self.wanted {
            let wait = self.world.chance.milliseconds(100, 2000);
            self.world.after(wait, Deed::Start);
        }
    }

    pub(crate) fn perform(&mut self, deed: Deed) {
        match deed {
            Deed::Weather(weather) => self.world.set_weather(weather),
            Deed::Start => self.start(),
            Deed::Crash { forgets } => self.crash(forgets),
            Deed::ShutDown => {
                if let Some(program) = &self.program {
                    program.shut_down();
                }
            }
            Deed::TakeOver => self.take_over(),
            Deed::ZombieOver => self.zombie = None,
            Deed::Step(microseconds) => self.world.clock.set_step(microseconds),
            Deed::With { verb, wait, deed } => self.world.lurk(verb, wait, *deed),
            Deed::Act(act) => self.act(act),
            Deed::CallBack { channel, body } => self.call_back(channel, body),
        }
    }

    fn start(&mut self) {
        if self.program.is_some() {
            return;
        }
        // Nothing tells a start that its clock is wrong: then a person is asked first, and sets it right.
        if self.world.clock.is_off() {
            return self.world.after(Duration::from_secs(1), Deed::Start);
        }
        let ledger = self.store.start(self.world.clock.wall());
        self.tally.starts += 1;
        let number = self.tally.starts;
        self.world.newest_start.store(number, Ordering::Relaxed);
        let guard = Arc::new(ClockGuard::new(Arc::clone(&self.world.clock) as _));
        let channels = self.kinds.iter().map(|(kind, settings)| ConfiguredChannel {
            weight: self.pairs.iter().find_map(|pair| pair.weight(*kind)),
            name: Pair::channel(&self.pairs, *kind),
            settings: settings.clone(),
            adapter: Arc::new(SimProvider::new(
                &self.world,
                *kind,
                number,
                Arc::clone(&guard) as _,
            )),
        });
        let settings = self.settings.clone();
        let program = Program::start(&self.world, &guard, ledger, channels.collect(), settings);
        self.program = Some(program);
        for number in self.people.not_out() {
            if self.begun.contains(&number) {
                self.act(Act::Release(number));
            }
        }
    }

    fn crash(&mut self, forgets: bool) {
        if self.program.take().is_none() {
            return;
        }
        self.tally.crashes += 1;
        // A disk that forgets is one that lost its power, and then nobody else runs either.
        if forgets {
            self.zombie = None;
        }
        self.store.crash(forgets);
        self.start_again();
    }

    fn take_over(&mut self) {
        let off = self.world.clock.is_off();
        if self.zombie.is_some() || self.program.is_none() || off {
            return;
        }
        self.zombie = self.program.take();
        self.tally.take_overs += 1;
        self.world
            .after(self.world.chance.milliseconds(1, 20_000), Deed::ZombieOver);
        self.start();
    }

    /// Somebody does something, if there is a desk to do it at.
    fn act(&mut self, act: Act) {
        if let Act::Release(number) = act
            && !self.begun.contains(&number)
        {
            self.begun.push(number);
        }
        if let Some(program) = &self.program {
            let (people, world) = (Arc::clone(&self.people), Arc::clone(&self.world));
            let desk = program.desk.clone();
            program.spawn(people::perform(act, desk, people, world));
        }
    }

    /// Hands a provider's callback in; a provider that is not answered well calls again.
    fn call_back(&self, channel: oyez_domain::channel::ChannelName, body: String) {
        let world = Arc::clone(&self.world);
        let again = Deed::CallBack {
            channel: channel.clone(),
            body: body.clone(),
        };
        let Some(program) = &self.program else {
            return world.after(Duration::from_secs(1), again);
        };
        let desk = program.desk.clone();
        let (named, pairs) = (channel, &self.pairs);
        let mut kinds = self.kinds.iter().map(|(kind, _)| *kind);
        let kind = kinds.find(|kind| kind.channel() == named.as_str()).unwrap();
        let channel = Pair::channel(pairs, kind);
        program.spawn(async move {
            let callback = Callback {
                method: "POST",
                url: "https://updates.test/callbacks",
                headers: &[],
                body: body.as_bytes(),
            };
            let provider = Some(named.as_str());
            let answer = desk.receive_callback(&channel, provider, &callback).await;
            if let Err(crate::DeskError::Ledger(_)) = answer {
                world.after(Duration::from_secs(1), again);
            }
        });
    }

    /// The faults are over, and people let everything go on.
    pub(crate) fn heal(&mut self) {
        self.world.calm();
        self.world.set_weather(Weather::fair());
        self.world.clock.set_step(0);
        self.zombie = None;
        if self.program.is_none() {
            self.start();
        }
        self.resume_all();
        for number in self.people.not_out() {
            self.act(Act::Release(number));
        }
    }

    /// People let everything go on.
    pub(crate) fn resume_all(&mut self) {
        let kinds: Vec<_> = self.kinds.iter().map(|(kind, _)| *kind).collect();
        let kinds = kinds.into_iter();
        let resumes = kinds.map(|kind| Act::ResumeChannel(Some(kind)));
        let resumes = [Act::ResumeChannel(None)].into_iter().chain(resumes);
        let updates = (0..self.people.wishes.len()).map(Act::Resume);
        for act in resumes.chain(updates) {
            self.act(act);
        }
    }

    /// Why channels send nothing at the moment, for people.
    pub(crate) fn pauses(&self) -> String {
        let lives = self
            .program
            .iter()
            .flat_map(|program| program.desk.lives.all());
        let pauses = lives.filter_map(|live| Some((live.channel.name.as_str(), live.pause()?)));
        let words = pauses.map(|(name, pause)| format!("{name}: {pause:?}"));
        words.collect::<Vec<_>>().join(", ")
    }

    /// The program ends on purpose and is not started again.
    pub(crate) fn end(&mut self) -> bool {
        self.wanted = false;
        self.perform(Deed::ShutDown);
        let patience = self.world.now() + Duration::from_secs(120);
        self.until(patience, |run| run.program.is_none())
    }
}

fn residents(many: u32) -> Vec<NewSubscriber> {
    let resident = |number: u32| {
        let [_, a, b, c] = number.to_be_bytes();
        NewSubscriber {
            id: SubscriberId::new(super::time::BEGINNING, [0, 0, 0, 0, 0, 0, 0, a, b, c]),
            addresses: vec![
                Address::email(&format!("resident{number:07}@example.org")).unwrap(),
                Address::uk_telephone(&format!("07700{number:06}")).unwrap(),
            ],
            topics: Vec::new(),
            language: "en".to_owned(),
        }
    };
    (0..many).map(resident).collect()
}

fn partners(many: u32) -> Vec<NewEndpoint> {
    let partner = |number: u32| NewEndpoint {
        name: format!("borough_{number}"),
        url: Address::endpoint(&format!("https://borough{number}.test/hook")).unwrap(),
        secret: Secret::new("whsec_simulated"),
    };
    (0..many).map(partner).collect()
}
