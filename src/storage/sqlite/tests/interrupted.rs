//! What crashes interrupt goes out in ever smaller windows, so that a message that ends the program is left alone.

use super::Scratch;
use crate::conformance::stage::{MAIL, Plan, Stage, at};
use oyez_domain::ledger::Window;

const PEOPLE: u32 = 60;

#[tokio::test]
async fn what_a_crash_interrupted_goes_with_few_others_and_what_two_did_goes_alone() {
    let scratch = Scratch::new();
    let mut stage = Stage::with_people(&scratch, PEOPLE).await;
    let plan = Plan {
        window_rows: 100,
        page_rows: 100,
        ..Plan::default()
    };
    // The first window of the release holds everybody.
    stage.release(&plan).await;
    let rows = |windows: Vec<Window>| -> Vec<usize> {
        windows.iter().map(|window| window.armed.len()).collect()
    };
    stage = stage.crash(at(20)).await;
    assert_eq!(rows(stage.windows(MAIL, at(21)).await), [16, 16, 16, 12]);
    stage = stage.crash(at(30)).await;
    assert_eq!(
        rows(stage.windows(MAIL, at(31)).await),
        vec![1; PEOPLE as usize]
    );
}

#[tokio::test]
async fn of_what_was_not_announced_again_another_crash_knows_nothing() {
    let scratch = Scratch::new();
    let mut stage = Stage::with_people(&scratch, PEOPLE).await;
    let plan = Plan {
        window_rows: 100,
        page_rows: 100,
        ..Plan::default()
    };
    stage.release(&plan).await;
    stage = stage.crash(at(20)).await;
    let again = stage.window(MAIL, at(21)).await;
    stage = stage.crash(at(30)).await;
    let windows = stage.windows(MAIL, at(31)).await;
    let twice: Vec<_> = windows
        .iter()
        .flat_map(|window| &window.armed)
        .filter(|armed| armed.unknowns > 1)
        .map(|armed| armed.ordinal)
        .collect();
    let announced: Vec<_> = again.armed.iter().map(|armed| armed.ordinal).collect();
    assert_eq!(twice, announced);
}
