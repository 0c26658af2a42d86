//! What each class of provider is asked, sent and spared when nobody can tell.

use super::*;
use crate::retry::tests::{armed, case};
use oyez_domain::channel::IdempotencyClass::{LookUp, NativeKey, Nothing, Receipt};

const HOUR: u32 = 3_600;

/// An orphan: a crash came before its outcome.
fn orphan() -> Armed {
    Armed {
        unsure: true,
        last_reason: Some(Reason::Interrupted),
        ..armed(2, 0, 1)
    }
}

/// Let go by a person who read that it may arrive twice.
fn decided() -> Armed {
    Armed {
        unsure: true,
        last_reason: Some(Reason::Decided),
        ..armed(3, 0, 0)
    }
}

fn at(seconds: u64, case: Circumstances) -> Circumstances {
    Circumstances {
        now: Wall(0).plus(Duration::from_secs(seconds)),
        ..case
    }
}

/// Seconds until the next attempt, or what else follows.
fn waits(follow: Follow, case: &Circumstances) -> Result<u64, Follow> {
    if let Follow::Wait { not_before, .. } = follow {
        Ok(not_before.since(case.now).as_secs())
    } else {
        Err(follow)
    }
}

fn after_timeout(armed: &Armed, case: &Circumstances) -> Result<u64, Follow> {
    waits(follow(Reason::Timeout, armed, case), case)
}

const LEFT: Result<u64, Follow> = Err(Follow::Unknown);

#[test]
fn a_key_is_relied_on_for_four_fifths_of_its_life_and_a_bounded_number_of_times() {
    let post = Circumstances {
        key_seconds: Some(HOUR),
        ..case(NativeKey, OnUnknown::Hold)
    };
    assert_eq!(after_timeout(&armed(1, 0, 0), &post), Ok(1));
    assert_eq!(after_timeout(&armed(2, 0, 1), &post), Ok(2));
    assert_eq!(after_timeout(&armed(3, 0, 2), &post), LEFT, "three in all");
    assert_eq!(first(&armed(2, 0, 1), &at(2_879, post)), First::Send);
    assert_eq!(first(&armed(2, 0, 1), &at(2_881, post)), First::Leave);
    assert_eq!(first(&orphan(), &at(2_881, post)), First::Leave);
    let put_back = Circumstances {
        now: Wall(-1),
        ..post
    };
    assert_eq!(first(&orphan(), &put_back), First::Leave);
    let for_good = case(NativeKey, OnUnknown::Hold);
    assert_eq!(first(&armed(2, 0, 1), &at(90_000, for_good)), First::Send);
}

#[test]
fn a_provider_that_forgot_the_key_is_asked_before_anything_is_sent() {
    let post = Circumstances {
        key_seconds: Some(HOUR),
        look_up: true,
        ..case(NativeKey, OnUnknown::Hold)
    };
    assert_eq!(first(&orphan(), &post), First::Send);
    assert_eq!(first(&orphan(), &at(3_000, post)), First::LookUp);
    assert_eq!(after_timeout(&armed(1, 0, 0), &at(2_880, post)), Ok(60));
    assert_eq!(after_timeout(&armed(3, 0, 2), &post), Ok(60));
}

#[test]
fn a_message_that_can_be_looked_up_is_sent_again_only_after_two_negative_answers() {
    let asked = Circumstances {
        look_up: true,
        ..case(LookUp, OnUnknown::Hold)
    };
    assert_eq!(after_timeout(&armed(1, 0, 0), &asked), Ok(60), "it settles");
    let settled = armed(2, 0, 1);
    assert_eq!(first(&settled, &asked), First::LookUp);
    assert!(!is_missing_for_sure(&settled));
    let once = follow(Reason::NotFoundYet, &settled, &asked);
    assert_eq!(waits(once, &asked), Ok(60));
    let missed = Armed {
        last_reason: Some(Reason::NotFoundYet),
        ..armed(3, 0, 2)
    };
    assert_eq!(first(&missed, &asked), First::LookUp);
    assert!(is_missing_for_sure(&missed));
    assert_eq!(first(&orphan(), &asked), First::LookUp);
    assert!(!is_missing_for_sure(&orphan()));
}

#[test]
fn a_provider_that_never_answers_a_look_up_leaves_it_to_a_person() {
    let asked = Circumstances {
        look_up: true,
        ..case(LookUp, OnUnknown::Hold)
    };
    let asks = (0..100).take_while(|doubts| after_timeout(&armed(1, 0, *doubts), &asked) != LEFT);
    assert_eq!(asks.count(), 5, "the first attempt and five look-ups");
}

#[test]
fn a_receipt_is_waited_for_ten_minutes_and_two_when_it_is_urgent() {
    let text = case(Receipt, OnUnknown::Retry);
    let urgent = Circumstances {
        urgent: true,
        ..text
    };
    assert_eq!(after_timeout(&armed(1, 0, 0), &text), Ok(600));
    assert_eq!(after_timeout(&armed(1, 0, 0), &urgent), Ok(120));
    assert_eq!(after_timeout(&armed(2, 1, 1), &urgent), LEFT, "once only");
    let held = case(Receipt, OnUnknown::Hold);
    assert_eq!(after_timeout(&armed(1, 0, 0), &held), LEFT);
    // A crash: nothing says how far the attempt came, so its receipt may come too.
    assert_eq!(first(&orphan(), &urgent), First::AwaitReceipt);
    let waiting = await_receipt(&orphan(), &urgent);
    assert_eq!(waits(waiting, &urgent), Ok(120));
    let awaited = Armed {
        last_reason: Some(Reason::Uncertain),
        ..armed(3, 0, 1)
    };
    assert_eq!(first(&awaited, &urgent), First::Send);
    assert_eq!(first(&awaited, &held), First::Leave);
}

#[test]
fn without_any_way_to_know_it_is_sent_once_more_or_left_to_a_person() {
    let mail = case(Nothing, OnUnknown::Retry);
    assert_eq!(after_timeout(&armed(1, 0, 0), &mail), Ok(1));
    assert_eq!(after_timeout(&armed(2, 1, 1), &mail), LEFT, "once only");
    assert_eq!(first(&orphan(), &mail), First::Send);
    assert_eq!(
        after_timeout(&orphan(), &mail),
        LEFT,
        "a crash was the once"
    );
    let held = case(Nothing, OnUnknown::Hold);
    assert_eq!(after_timeout(&armed(1, 0, 0), &held), LEFT);
    assert_eq!(first(&orphan(), &held), First::Leave);
}

#[test]
fn what_a_person_lets_go_is_sent_whatever_the_class() {
    let held = |class| case(class, OnUnknown::Hold);
    assert_eq!(first(&decided(), &held(Nothing)), First::Send);
    assert_eq!(first(&decided(), &held(Receipt)), First::Send);
    let asked = Circumstances {
        look_up: true,
        ..held(LookUp)
    };
    assert_eq!(first(&decided(), &asked), First::LookUp);
    assert!(is_missing_for_sure(&decided()), "asked once, then sent");
    // An outage in between takes nothing of the decision back.
    let meanwhile = Armed {
        last_reason: Some(Reason::Connect),
        ..decided()
    };
    assert_eq!(first(&meanwhile, &held(Nothing)), First::Send);
}

#[test]
fn nothing_is_waited_for_beyond_its_usefulness() {
    let late = Circumstances {
        expires_at: Wall(30_000_000),
        look_up: true,
        ..case(LookUp, OnUnknown::Hold)
    };
    assert_eq!(after_timeout(&armed(1, 0, 0), &late), LEFT);
    assert_eq!(await_receipt(&orphan(), &late), Follow::Unknown);
}
