//! Announcements: before every effect (I2), none after a success (I4), by one start of the program at a time (I5).

use super::Judgement;
use super::case::{Case, Event, is_an_attempt};
use super::findings::Findings;
use super::scene::{CLOCK_SET, NO_LOG, RESOLUTION, Scene};
use crate::address::{Address, AddressKind};
use crate::outcome::OutcomeCode;
use crate::time::Wall;
use std::time::Duration;

/// The clocks of provider and ledger may differ by this much when both run on one machine.
const CLOCK_TOLERANCE: Duration = Duration::from_millis(50);
/// A start that was taken over writes down what it knew within this time.
const LATE_TOLERANCE: Duration = Duration::from_secs(30);
/// A receipt is dated when it arrives and is durable a little later.
const RECEIPT_TOLERANCE: Duration = Duration::from_secs(1);

pub(super) fn announced_first(scene: &Scene<'_>) -> Judgement {
    let mut found = Findings::default();
    if !scene.has_log() {
        found.missing(NO_LOG);
    }
    if !scene.steady {
        found.missing(CLOCK_SET);
    }
    for request in scene.evidence.requests.iter().flatten() {
        if request.effect && request.place.is_none() {
            found.broken(|| "something was sent with a key that is not ours".to_owned());
        }
    }
    for (id, ordinal) in &scene.unknown_broadcasts {
        let (id, ordinal) = (id.0, ordinal.0);
        found.broken(|| format!("broadcast {id}, ordinal {ordinal}: the ledger does not know it"));
    }
    for case in &scene.cases {
        for ordinal in &case.strangers {
            found.broken(|| format!("{}: not in the audience", case.name_of(*ordinal)));
        }
        for (place, _) in case.places() {
            announced(scene, case, place, &mut found);
        }
    }
    found.judge(
        "I2",
        "nothing reached anybody before its sending was announced for exactly that person",
    )
}

/// Looks at one delivery.
fn announced(scene: &Scene<'_>, case: &Case<'_>, place: usize, found: &mut Findings) {
    let mut standing: u64 = 0;
    let mut taken_back: u64 = 0;
    let mut first: Option<Wall> = None;
    let mut ended = false;
    for event in case.events(place) {
        match event {
            Event::Armed(run) => {
                standing += 1;
                first = Some(first.map_or(run.at, |first| first.min(run.at)));
            }
            Event::Disarmed(_) => taken_back += 1,
            Event::Ended(end) => ended |= is_an_attempt(end.code),
            Event::Settled(_) | Event::Receipt(_) => {}
        }
    }
    let standing = standing.saturating_sub(taken_back);
    if ended && first.is_none() {
        found.broken(|| format!("{}: an outcome and no announcement", case.name(place)));
    }
    let copies = case.copies(place);
    if copies > standing {
        found.broken(|| {
            let name = case.name(place);
            format!("{name}: announced {standing} times, reached {copies} times")
        });
    }
    let Some(recipient) = case.evidence.audience.get(place) else {
        return;
    };
    for effect in case.effects(place) {
        if !is_for(&effect.to, &recipient.address) {
            found.broken(|| format!("{}: reached somebody else", case.name(place)));
        }
        let late = first.is_some_and(|first| first > effect.at.plus(CLOCK_TOLERANCE));
        if scene.steady && late {
            found.broken(|| format!("{}: sent before it was announced", case.name(place)));
        }
    }
}

/// Whether a provider's way of writing an address means this one. Providers write numbers with and without signs,
/// and name an endpoint by the end of its path.
fn is_for(written: &str, address: &Address) -> bool {
    const TOLD_APART_BY: usize = 9;
    let ours = address.reveal();
    let last_digits = |text: &str| -> String {
        let digits = text.chars().rev().filter(char::is_ascii_digit);
        digits.take(TOLD_APART_BY).collect()
    };
    written.is_empty()
        || address.is_unreadable()
        || match address.kind() {
            AddressKind::Email => written.eq_ignore_ascii_case(ours),
            AddressKind::Account => written == ours,
            AddressKind::Mobile | AddressKind::Landline => {
                last_digits(written) == last_digits(ours)
            }
            AddressKind::Endpoint => written == ours || ours.ends_with(&format!("/{written}")),
        }
}

pub(super) fn nothing_after_success(scene: &Scene<'_>) -> Judgement {
    let mut found = Findings::default();
    for case in &scene.cases {
        for (place, _) in case.places() {
            after_success(scene, case, place, &mut found);
        }
    }
    if !scene.steady {
        found.remark(CLOCK_SET);
    }
    found.judge("I4", "nothing was announced again after it had succeeded")
}

fn after_success(scene: &Scene<'_>, case: &Case<'_>, place: usize, found: &mut Findings) {
    let events = case.events(place);
    let mut accepted: Option<(u32, Wall, bool)> = None;
    let mut received: Option<Wall> = None;
    for event in events {
        match event {
            Event::Ended(end) => match end.code {
                OutcomeCode::Accepted | OutcomeCode::Confirmed => {
                    let this = (end.attempt, end.at, end.late);
                    accepted = Some(accepted.map_or(this, |first| first.min(this)));
                }
                OutcomeCode::Throttled
                | OutcomeCode::Deferred
                | OutcomeCode::Rejected
                | OutcomeCode::BadMessage
                | OutcomeCode::ChannelDown
                | OutcomeCode::ChannelRefused
                | OutcomeCode::Unknown
                | OutcomeCode::Suppressed
                | OutcomeCode::Stopped
                | OutcomeCode::Expired
                | OutcomeCode::Superseded
                | OutcomeCode::Orphaned
                | OutcomeCode::Reopened
                | OutcomeCode::GivenUp => {}
            },
            Event::Receipt(receipt) => {
                received = Some(received.map_or(receipt.at, |first| first.min(receipt.at)));
            }
            Event::Armed(_) | Event::Disarmed(_) | Event::Settled(_) => {}
        }
    }
    let known = |at: Wall, late: bool| at.plus(if late { LATE_TOLERANCE } else { RESOLUTION });
    // A receipt that came before the acceptance may have been understood only with it.
    let understood = |at: Wall| match accepted {
        Some((_, accepted, true)) => at.max(accepted.plus(LATE_TOLERANCE)),
        Some((_, accepted, false)) => at.max(accepted),
        None => at,
    };
    let received = received.map(understood);
    for event in events {
        let Event::Armed(run) = event else { continue };
        // What a start that was taken over knew, its successor learns later: it may have begun the next attempt.
        let again = |(attempt, at, late): (u32, Wall, bool)| {
            run.attempt > attempt && (run.at > known(at, late) || !(scene.steady || late))
        };
        if let Some((attempt, ..)) = accepted.filter(|first| again(*first)) {
            found.broken(|| {
                let (name, second) = (case.name(place), run.attempt);
                format!("{name}: attempt {second} announced after attempt {attempt} was accepted")
            });
        } else if scene.steady && received.is_some_and(|at| run.at > at.plus(RECEIPT_TOLERANCE)) {
            found.broken(|| {
                let (name, attempt) = (case.name(place), run.attempt);
                format!("{name}: attempt {attempt} announced after a receipt had come")
            });
        }
    }
}

pub(super) fn one_start_at_a_time(scene: &Scene<'_>) -> Judgement {
    let mut found = Findings::default();
    let mut windows: Vec<_> = scene
        .cases
        .iter()
        .flat_map(|case| case.evidence.armed.iter())
        .map(|run| (run.window, run.boot, run.at))
        .collect();
    windows.sort_unstable();
    windows.dedup_by_key(|(window, ..)| *window);
    let mut newest = i64::MIN;
    for (window, boot, at) in windows {
        let next = |start: &&crate::ledger::Start| start.boot > boot;
        let taken_over = scene.evidence.system.starts.iter().find(next);
        let late = taken_over.is_some_and(|next| at > next.at.plus(RESOLUTION));
        if boot < newest || (scene.steady && late) {
            found.broken(|| {
                let window = window.0;
                format!("window {window} was announced by start {boot} after a newer one had begun")
            });
        }
        newest = newest.max(boot);
    }
    for case in &scene.cases {
        for (place, _) in case.places() {
            twice_at_once(case, place, &mut found);
        }
    }
    found.judge(
        "I5",
        "one start of the program announces at a time, and nothing that stands announced",
    )
}

/// The same attempt of a delivery may be announced again only after it was taken back.
fn twice_at_once(case: &Case<'_>, place: usize, found: &mut Findings) {
    let events = case.events(place);
    let armed = |event: &&Event<'_>| matches!(event, Event::Armed(_));
    if events.iter().filter(armed).count() < 2 {
        return;
    }
    let mut standing: Vec<(u32, i32)> = Vec::new();
    for event in events {
        let (attempt, more) = match event {
            Event::Armed(run) => (run.attempt, 1),
            Event::Disarmed(run) => (run.attempt, -1),
            Event::Ended(_) | Event::Settled(_) | Event::Receipt(_) => continue,
        };
        match standing.iter_mut().find(|(known, _)| *known == attempt) {
            Some((_, announced)) => *announced += more,
            None => standing.push((attempt, more)),
        }
    }
    for (attempt, _) in standing.iter().filter(|(_, announced)| *announced > 1) {
        found.broken(|| format!("{}: attempt {attempt} announced twice", case.name(place)));
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{play, reached, start, violated, wall};
    use super::*;
    use crate::id::Ordinal;
    use crate::ledger::ReceiptSeen;
    use crate::receipt::ReceiptStatus;

    #[test]
    fn what_was_sent_before_it_was_announced_is_found() {
        let mut play = play();
        play.broadcast.armed[0].at = wall(1149);
        assert_eq!(violated(&play), [] as [String; 0], "within the tolerance");
        play.broadcast.armed[0].at = wall(1151);
        assert_eq!(violated(&play), ["I2"]);
    }

    #[test]
    fn what_was_sent_to_somebody_else_or_under_no_key_of_ours_is_found() {
        let mut play = play();
        play.requests.as_mut().unwrap()[0].to = "somebody else".to_owned();
        assert_eq!(violated(&play), ["I2"]);
        for strange in [
            None,
            Some((crate::id::BroadcastId(1), Ordinal(3))),
            Some((crate::id::BroadcastId(8), Ordinal(0))),
        ] {
            let mut play = super::super::fixture::play();
            play.requests.as_mut().unwrap().push(super::super::Request {
                place: strange,
                ..reached(1, 0, 1900)
            });
            assert_eq!(violated(&play), ["I2"], "{strange:?}");
        }
    }

    #[test]
    fn providers_write_addresses_in_their_own_way() {
        let mobile = Address::uk_telephone("07700900123").unwrap();
        for written in ["+447700900123", "447700900123", "07700 900123"] {
            assert!(is_for(written, &mobile), "{written}");
        }
        assert!(!is_for("+447700900124", &mobile) && !is_for("123", &mobile));
        let endpoint = Address::endpoint("http://198.51.100.7/partners/hook/p1").unwrap();
        assert!(is_for("p1", &endpoint) && !is_for("1", &endpoint));
        let email = Address::email("ann@example.org").unwrap();
        assert!(is_for("ann@EXAMPLE.org", &email) && !is_for("anne@example.org", &email));
    }

    #[test]
    fn what_was_sent_although_it_was_taken_back_is_found() {
        let mut play = play();
        let window = play.broadcast.armed[0].window;
        play.disarm(window, 1, 1);
        assert_eq!(violated(&play), ["I2"]);
        play.arm(1, 1, 1, 1050);
        assert_eq!(violated(&play), [] as [String; 0], "announced anew");
    }

    #[test]
    fn an_outcome_of_what_was_never_announced_is_found() {
        let mut play = play();
        play.forget(2);
        play.end(2, 1, OutcomeCode::Rejected, 1500);
        assert_eq!(violated(&play), [] as [String; 0]);
        play.broadcast.armed[0].hi = Ordinal(1);
        assert_eq!(violated(&play), ["I2"]);
    }

    #[test]
    fn another_attempt_after_an_acceptance_is_found() {
        let mut play = play();
        play.arm(1, 1, 2, 1501);
        assert_eq!(
            violated(&play),
            [] as [String; 0],
            "the acceptance was not written yet"
        );
        play.broadcast.armed[1].at = wall(1502);
        assert_eq!(violated(&play), ["I4"]);
        play.broadcast.ends[1].late = true;
        let why = "its successor could not know";
        assert_eq!(violated(&play), [] as [String; 0], "{why}");
        play.broadcast.armed[1].at = wall(31_501);
        assert_eq!(violated(&play), ["I4"], "by now it did");
    }

    #[test]
    fn another_attempt_after_a_receipt_is_found() {
        let mut play = play();
        play.forget(1);
        play.reach(1, 1200);
        play.end_again(1, 1, OutcomeCode::Unknown, 1500);
        play.broadcast.receipts.push(ReceiptSeen {
            ordinal: Ordinal(1),
            status: ReceiptStatus::Underway,
            at: wall(2000),
        });
        play.arm(1, 1, 2, 3000);
        assert_eq!(violated(&play), [] as [String; 0], "on its way to the disk");
        play.broadcast.armed[1].at = wall(3001);
        assert_eq!(violated(&play), ["I4"]);
        play.end(1, 2, OutcomeCode::Accepted, 3500);
        assert_eq!(
            violated(&play),
            [] as [String; 0],
            "understood with the acceptance"
        );
    }

    #[test]
    fn a_receipt_of_what_a_start_that_was_taken_over_sent_is_understood_with_its_last_words() {
        let mut play = play();
        play.forget(1);
        play.reach(1, 1200);
        play.end(1, 1, OutcomeCode::Accepted, 1500);
        play.broadcast.ends.last_mut().unwrap().late = true;
        play.broadcast.receipts.push(ReceiptSeen {
            ordinal: Ordinal(1),
            status: ReceiptStatus::Underway,
            at: wall(2000),
        });
        play.arm(1, 1, 2, 31_500);
        assert_eq!(violated(&play), [] as [String; 0]);
        play.broadcast.armed[1].at = wall(32_501);
        assert_eq!(violated(&play), ["I4"]);
    }

    #[test]
    fn a_start_that_was_taken_over_may_announce_nothing() {
        let mut play = play();
        play.system.starts.push(start(2, 2000, true));
        play.forget(2);
        play.reach(2, 1300);
        play.end_again(2, 1, OutcomeCode::Orphaned, 2000);
        play.arm_by(2, 2, 2, 2, 2100);
        play.end(2, 2, OutcomeCode::Rejected, 2200);
        assert_eq!(violated(&play), [] as [String; 0]);
        play.broadcast.armed[0].at = wall(2002);
        assert!(
            violated(&play).contains(&"I5".to_owned()),
            "by the starts' times"
        );
        play.broadcast.armed[0].at = wall(1000);
        play.broadcast.armed[0].boot = 3;
        assert_eq!(violated(&play), ["I5"], "by the order of windows");
    }

    #[test]
    fn one_attempt_announced_in_two_windows_is_found() {
        let mut play = play();
        play.arm(0, 0, 1, 1001);
        assert_eq!(violated(&play), ["I5"]);
        let window = play.broadcast.armed[1].window;
        play.disarm(window, 0, 1);
        assert_eq!(violated(&play), [] as [String; 0]);
    }
}
