//! What became of everybody: nobody is lost (I1), the counts are true (I12), everything ends (I14).

use super::case::{Case, Event};
use super::findings::Findings;
use super::scene::Scene;
use super::{Judgement, counts};
use crate::broadcast::BroadcastState;
use crate::delivery::DeliveryState;
use crate::outcome::OutcomeCode;

/// Whom the ledger calls reached although the log knows nothing, and who has no end in a broadcast that is done.
pub(super) fn lost(scene: &Scene<'_>) -> Findings {
    let mut lost = Findings::default();
    for case in &scene.cases {
        let done = case.evidence.view.state == BroadcastState::Done;
        let logged = scene.is_logged(case);
        for ((place, _), state) in case.places().zip(&case.states) {
            let open = !state.is_settled() && *state != DeliveryState::Unknown;
            if open && done {
                lost.broken(|| {
                    let (name, state) = (case.name(place), state.code());
                    format!("{name}: still {state} in a broadcast that is done")
                });
            } else if logged
                && state.is_taken()
                && case.copies(place) == 0
                && !is_a_persons_word(case, place)
            {
                lost.broken(|| {
                    let (name, state) = (case.name(place), state.code());
                    format!("{name}: the ledger says {state}, the log knows nothing")
                });
            }
        }
    }
    lost
}

/// Whether nothing but a person's decision says that a delivery was taken.
fn is_a_persons_word(case: &Case<'_>, place: usize) -> bool {
    case.events(place).iter().all(|event| match event {
        Event::Ended(end) => end.code != OutcomeCode::Accepted,
        Event::Receipt(_) => false,
        Event::Armed(_) | Event::Disarmed(_) | Event::Settled(_) => true,
    })
}

pub(super) fn nobody_is_lost(scene: &Scene<'_>, mut lost: Findings) -> Judgement {
    if !scene.has_log() {
        lost.remark("that those accepted were reached needs a provider's log (--log)");
    }
    lost.judge(
        "I1",
        "everybody asked ends in one state, and whoever was accepted was reached",
    )
}

pub(super) fn counts_are_true(scene: &Scene<'_>) -> Judgement {
    let mut untrue = Findings::default();
    for case in &scene.cases {
        let view = &case.evidence.view;
        let folded = counts(case.states.iter().copied());
        if folded != view.counts || !view.counts.adds_up() {
            untrue.broken(|| {
                let (id, shown) = (view.id.0, view.counts);
                format!("broadcast {id}: shown {shown:?}, the ledger adds up to {folded:?}")
            });
        }
    }
    untrue.judge(
        "I12",
        "the counts on screen are the sums of what the ledger holds",
    )
}

pub(super) fn everything_ends(scene: &Scene<'_>) -> Judgement {
    let mut open = Findings::default();
    if !scene.evidence.ended {
        open.missing("a ledger shows one moment: needs to know that everything had time to end");
    }
    let cases = scene.cases.iter().filter(|_| scene.evidence.ended);
    for case in cases {
        let view = &case.evidence.view;
        let pending = counts(case.states.iter().copied()).pending;
        match view.state {
            BroadcastState::Sending | BroadcastState::Stopped if pending > 0 => open.broken(|| {
                let (id, channel) = (view.id.0, &view.channel);
                format!("broadcast {id} ({channel}): {pending} have no end")
            }),
            BroadcastState::Sending if !view.planned => {
                let (id, channel) = (view.id.0, &view.channel);
                open.broken(|| format!("broadcast {id} ({channel}): its audience is not planned"));
            }
            // What a person holds waits for that person; what is done and open is lost.
            BroadcastState::Sending
            | BroadcastState::Held
            | BroadcastState::Stopped
            | BroadcastState::Done => {}
        }
    }
    open.judge("I14", "everything ends once the faults are over")
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{play, violated};
    use super::super::{Finding, judge};
    use super::*;

    #[test]
    fn who_was_accepted_and_never_reached_is_lost() {
        let mut play = play();
        play.requests.as_mut().unwrap().pop();
        assert_eq!(violated(&play), ["I1"]);
        assert_eq!(judge(&play.evidence()).lost, 1);
    }

    #[test]
    fn whom_only_a_person_calls_reached_is_not_lost() {
        let mut play = play();
        play.forget(2);
        play.end(2, 1, OutcomeCode::Unknown, 1500);
        play.end(2, 2, OutcomeCode::Confirmed, 9000);
        assert_eq!(violated(&play), [] as [String; 0]);
    }

    #[test]
    fn a_channel_outside_the_log_is_not_missed_in_it() {
        let mut play = play();
        play.requests.as_mut().unwrap().clear();
        let mut evidence = play.evidence();
        assert_eq!(judge(&evidence).lost, 3);
        evidence.not_logged = vec![play.broadcast.view.id];
        assert_eq!(judge(&evidence).lost, 0);
    }

    #[test]
    fn a_delivery_without_an_end_is_lost_when_its_broadcast_is_done() {
        let mut play = play();
        play.broadcast.ends.pop();
        assert_eq!(violated(&play), ["I1"]);
        play.broadcast.view.state = BroadcastState::Sending;
        assert_eq!(violated(&play), ["I14"], "everything had time to end");
        let evidence = super::super::Evidence {
            ended: false,
            ..play.evidence()
        };
        let judged = judge(&evidence).invariants;
        let ends = judged.iter().find(|j| j.id == "I14").unwrap();
        assert_eq!(ends.finding, Finding::NotCheckable);
    }

    #[test]
    fn counts_that_say_something_else_are_found() {
        let mut play = play();
        play.broadcast.view.counts = counts(std::iter::repeat_n(DeliveryState::Accepted, 3));
        assert_eq!(violated(&play), [] as [String; 0]);
        play.broadcast.view.counts.accepted = 2;
        assert_eq!(violated(&play), ["I12"]);
    }
}
