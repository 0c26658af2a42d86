//! `oyez system`: holds everything, goes on, and says how the instance is.

use crate::args::{Global, System};
use crate::door::{self, Need};
use crate::exit::Exit;
use crate::terminal;
use crate::wire;
use serde_json::json;

/// Holds or resumes the whole system, or says how it is.
pub(crate) async fn run(command: System, global: &Global) -> anyhow::Result<Exit> {
    door::through(global, Need::Write, async |door| {
        let (answer, said) = match command {
            System::Hold { reason } => (
                door.post(&["system", "hold"], &json!({"reason": reason}), None)
                    .await?,
                "Everything is held. Go on with: oyez system resume".to_owned(),
            ),
            System::Resume => (
                door.post(&["system", "resume"], &json!({}), None).await?,
                "Everything goes on.".to_owned(),
            ),
            System::Status => {
                let answer = door.get(&["system"], &[]).await?;
                let said = all_is_well(&wire::troubles(&answer));
                (answer, said)
            }
            System::TrustClock => (
                door.post(&["system", "trust-clock"], &json!({}), None)
                    .await?,
                "The clock is trusted; what is too late expires.".to_owned(),
            ),
        };
        terminal::data(global.json, &answer, || said)?;
        Ok(Exit::Done)
    })
    .await
}

fn all_is_well(troubles: &[String]) -> String {
    match troubles {
        [] => "All is well.".to_owned(),
        troubles => troubles.join("\n"),
    }
}
