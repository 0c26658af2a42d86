//! Partners beside each other: one in trouble, one that hangs, and how little is remembered of the rest.

use super::*;

const ACCEPTED: Outcome = Outcome::Accepted { reference: None };

fn at(milliseconds: u64) -> Moment {
    Moment {
        boot: Boot(Duration::from_millis(milliseconds)),
        wall: Wall(0).plus(Duration::from_millis(milliseconds)),
    }
}

fn known(breakers: &Breakers) -> usize {
    breakers.lock().destinations.len()
}

#[test]
fn a_partner_that_hangs_holds_a_quarter_of_the_places_and_others_wait_longer_for_it() {
    let breakers = Breakers::new(16);
    for _ in 0..4 {
        assert_eq!(breakers.visit("camden", at(0).boot), Ok(()));
    }
    let until = |now: u64| breakers.visit("camden", at(now).boot).map_err(|b| b.0);
    assert_eq!(until(0), Err(Duration::from_millis(50)));
    assert_eq!(until(400), Err(Duration::from_millis(800)));
    assert_eq!(until(9000), Err(Duration::from_millis(10_000)));
    assert_eq!(breakers.visit("hackney", at(0).boot), Ok(()));
}

#[test]
fn a_partner_is_tried_with_one_delivery_and_the_next_waits_for_its_answer_only() {
    let breakers = Breakers::new(16);
    let refused = Outcome::ChannelRefused {
        reason: Reason::AuthFailed,
        scope: Scope::Destination,
    };
    breakers.visit("camden", at(0).boot).unwrap();
    breakers.observe("camden", &refused, at(0).boot, at(0));
    breakers.left("camden", at(0).boot);
    let visit = |now: u64| breakers.visit("camden", at(now).boot);
    assert_eq!(visit(59_999), Err(at(60_000).boot));
    assert_eq!(visit(60_000), Ok(()));
    assert_eq!(visit(60_010), Err(at(60_060).boot));
    breakers.observe("camden", &ACCEPTED, at(60_000).boot, at(60_020));
    breakers.left("camden", at(60_020).boot);
    assert_eq!(visit(60_020), Ok(()));
}

#[test]
fn one_partners_trouble_is_its_own() {
    let breakers = Breakers::new(16);
    let refused = Outcome::ChannelRefused {
        reason: Reason::AuthFailed,
        scope: Scope::Destination,
    };
    breakers.visit("camden", at(0).boot).unwrap();
    let told = breakers.observe("camden", &refused, at(0).boot, at(5));
    breakers.left("camden", at(5).boot);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].destination.as_deref(), Some("camden"));
    assert_eq!(breakers.leave(at(5).boot), Leave::Now);
    let shut = breakers.not_to_arm(at(5));
    assert_eq!(shut, [("camden".to_owned(), at(60_005).wall)]);
    assert!(breakers.not_to_arm(at(60_005)).is_empty());
    assert!(breakers.is_down("camden") && !breakers.is_down("hackney"));
}

#[test]
fn a_timeout_is_a_partners_own_and_without_partners_the_channels() {
    let breakers = Breakers::new(16);
    let timeout = Outcome::Unknown {
        reason: Reason::Timeout,
    };
    for _ in 0..5 {
        breakers.visit("camden", at(0).boot).unwrap();
        breakers.observe("camden", &timeout, at(0).boot, at(1));
        breakers.left("camden", at(1).boot);
    }
    assert_eq!(breakers.shut(at(2)).len(), 1);
    assert_eq!(breakers.state(), BreakerState::Closed);
    for _ in 0..5 {
        breakers.observe("", &timeout, at(1).boot, at(2));
    }
    assert_eq!(breakers.state(), BreakerState::Open);
}

#[test]
fn partners_without_trouble_are_forgotten_and_those_in_trouble_are_bounded() {
    let breakers = Breakers::new(16);
    breakers.visit("camden", at(0).boot).unwrap();
    breakers.observe("camden", &ACCEPTED, at(0).boot, at(1));
    breakers.left("camden", at(1).boot);
    assert_eq!(known(&breakers), 0);
    let busy = Outcome::Throttled {
        until: at(60_000).wall,
        scope: Scope::Destination,
    };
    for number in 0..2 * MOST_PARTNERS {
        let name = format!("partner{number}");
        breakers.visit(&name, at(0).boot).unwrap();
        breakers.observe(&name, &busy, at(0).boot, at(1));
        breakers.left(&name, at(1).boot);
    }
    assert_eq!(known(&breakers), MOST_PARTNERS);
}
