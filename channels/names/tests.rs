use super::*;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

const OLD: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 1));
const NEW: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 2));
const HOST: &str = "mail.provider.example";

/// A clock that is turned by hand.
#[derive(Default)]
struct Hands(AtomicI64);

impl Hands {
    fn turn(&self, by: Duration) {
        self.0
            .fetch_add(i64::try_from(by.as_secs()).unwrap(), Ordering::Relaxed);
    }
}

impl Clock for Hands {
    fn now(&self) -> Boot {
        Boot(Duration::from_secs(
            self.0.load(Ordering::Relaxed).unsigned_abs(),
        ))
    }
    fn wall(&self) -> oyez_domain::time::Wall {
        oyez_domain::time::Wall(self.0.load(Ordering::Relaxed) * 1_000_000)
    }
    fn sleep_until(&self, _: Boot) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// What the resolver does when it is asked.
#[derive(Clone, Copy)]
enum Says {
    Address(IpAddr),
    No,
    Nothing,
}

struct Stage {
    clock: Arc<Hands>,
    says: Arc<Mutex<Says>>,
    asked: Arc<AtomicU64>,
    names: Arc<Names>,
}

impl Stage {
    fn new(says: Says) -> Self {
        let clock = Arc::new(Hands::default());
        let (says, asked) = (Arc::new(Mutex::new(says)), Arc::new(AtomicU64::new(0)));
        let (script, count) = (Arc::clone(&says), Arc::clone(&asked));
        let resolver: Resolver = Arc::new(move |_| {
            count.fetch_add(1, Ordering::Relaxed);
            let says = *lock(&script);
            Box::pin(async move {
                match says {
                    Says::Address(address) => Ok(vec![address]),
                    Says::No => Err(io::Error::other("NXDOMAIN")),
                    Says::Nothing => std::future::pending().await,
                }
            })
        });
        let written_down = BTreeMap::from([("pinned.example".to_owned(), vec![NEW])]);
        let time = Arc::clone(&clock) as Arc<dyn Clock>;
        let names = Names::with(written_down, time, resolver, Duration::from_millis(20));
        Self {
            clock,
            says,
            asked,
            names,
        }
    }

    fn turns_to(&self, says: Says) {
        *lock(&self.says) = says;
    }

    async fn finds(&self) -> Option<IpAddr> {
        self.names.addresses(HOST).await.ok().map(|found| found[0])
    }

    fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }
}

#[tokio::test]
async fn what_is_written_down_and_what_is_an_address_asks_nobody() {
    let stage = Stage::new(Says::Nothing);
    for host in ["pinned.example", "Pinned.Example."] {
        assert_eq!(stage.names.addresses(host).await, Ok(vec![NEW]), "{host}");
    }
    assert_eq!(stage.names.addresses("203.0.113.1").await, Ok(vec![OLD]));
    assert_eq!(stage.asked(), 0);
}

#[tokio::test]
async fn while_the_resolver_answers_its_newest_answer_counts() {
    let stage = Stage::new(Says::Address(OLD));
    assert_eq!(stage.finds().await, Some(OLD));
    stage.turns_to(Says::Address(NEW));
    assert_eq!(stage.finds().await, Some(NEW));
}

#[tokio::test]
async fn a_resolver_that_fails_is_bridged_for_a_day_and_no_longer() {
    for failure in [Says::No, Says::Nothing] {
        let stage = Stage::new(Says::Address(OLD));
        assert_eq!(stage.finds().await, Some(OLD));
        stage.turns_to(failure);
        stage.clock.turn(GOOD_FOR - Duration::from_secs(1));
        assert_eq!(stage.finds().await, Some(OLD));
        stage.clock.turn(Duration::from_secs(1));
        assert_eq!(stage.finds().await, None);
    }
}

#[tokio::test]
async fn what_was_never_known_is_not_found() {
    for failure in [Says::No, Says::Nothing] {
        assert_eq!(Stage::new(failure).finds().await, None);
    }
}

#[tokio::test]
async fn a_failing_resolver_is_waited_for_once_and_asked_seldom() {
    let stage = Stage::new(Says::Address(OLD));
    stage.finds().await;
    stage.turns_to(Says::No);
    for _ in 0..100 {
        assert_eq!(stage.finds().await, Some(OLD));
    }
    assert_eq!(
        stage.asked(),
        2,
        "once for the answer, once for the failure"
    );
    stage.clock.turn(ASK_AGAIN);
    stage.turns_to(Says::Address(NEW));
    // Nobody waits for it, so the old answer is given once more at most.
    while stage.finds().await != Some(NEW) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_silent_resolver_is_waited_for_once_however_many_names_there_are() {
    let stage = Stage::new(Says::Address(OLD));
    let host = |number: u32| format!("borough{number}.example");
    for number in 0..200 {
        stage.names.addresses(&host(number)).await.unwrap();
    }
    stage.turns_to(Says::Nothing);
    stage.clock.turn(Duration::from_secs(60));
    let asked = stage.asked();
    for number in 0..200 {
        let found = stage.names.addresses(&host(number)).await;
        assert_eq!(found, Ok(vec![OLD]), "{number}");
    }
    assert_eq!(stage.asked(), asked + 1);
}

#[tokio::test]
async fn one_question_at_a_time_is_asked_about_a_name() {
    let stage = Stage::new(Says::Nothing);
    let many = (0..50).map(|_| stage.finds());
    for found in futures_util::future::join_all(many).await {
        assert_eq!(found, None);
    }
    assert_eq!(stage.asked(), 1);
}
