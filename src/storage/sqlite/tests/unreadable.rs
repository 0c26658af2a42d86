//! An address that cannot be opened any more is set aside alone; everybody else is served.

use super::Scratch;
use crate::conformance::stage::{MAIL, Plan, Stage, at, email};
use oyez_domain::ledger::{Taken, Window};
use oyez_domain::outcome::Reason;

/// Spoils what is stored of these people's addresses for email.
fn spoil(scratch: &Scratch, people: &[u32]) {
    for number in people {
        let row = 2 * number + 1;
        scratch.tamper(&format!(
            "UPDATE address SET ciphertext = zeroblob(length(ciphertext)) WHERE id = {row}"
        ));
    }
}

fn reached(windows: &[Window]) -> Vec<String> {
    let armed = windows.iter().flat_map(|window| &window.armed);
    armed
        .map(|armed| armed.address.reveal().to_owned())
        .collect()
}

#[tokio::test]
async fn an_address_that_cannot_be_opened_is_set_aside_and_everybody_else_served() {
    let scratch = Scratch::new();
    let mut stage = Stage::with_people(&scratch, 9).await;
    // One in the window of the release, all of the second window, none of the third.
    spoil(&scratch, &[1, 3, 4, 5]);
    let plan = Plan {
        window_rows: 3,
        ..Plan::default()
    };
    let released = stage.release(&plan).await;
    let first = released.broadcasts[0].2.clone().unwrap();
    let mut windows = vec![first];
    loop {
        match stage.take(MAIL, at(12)).await {
            Taken::Window(window) => windows.push(window),
            // Nobody of that window is left: it is to be looked at again at once.
            Taken::Idle(Some(due)) if due == at(12) => {}
            Taken::Idle(_) | Taken::Held(_) => break,
        }
    }
    let well = [0, 2, 6, 7, 8].map(|number| email(number).reveal().to_owned());
    assert_eq!(reached(&windows), well);
    for window in &windows {
        stage.accept(window, at(13)).await;
    }
    let view = stage.view(released.update.id, MAIL).await;
    assert_eq!((view.counts.accepted, view.counts.failed), (5, 4));
    assert_eq!(view.reasons, [(Reason::Unreadable, 4)]);
    assert_eq!((view.in_flight, view.counts.pending), (0, 0));
}

#[tokio::test]
async fn the_judge_sees_everybody_else_when_an_address_cannot_be_opened() {
    let scratch = Scratch::new();
    let mut stage = Stage::with_people(&scratch, 4).await;
    let released = stage.release(&Plan::default()).await;
    spoil(&scratch, &[2]);
    let evidence = stage
        .ledger
        .evidence(released.broadcasts[0].0)
        .await
        .unwrap();
    let audience = evidence.audience.iter();
    let unreadable: Vec<_> = audience.map(|r| r.address.is_unreadable()).collect();
    assert_eq!(unreadable, [false, false, true, false]);
}
