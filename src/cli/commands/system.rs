//! `oyez system`: holds everything, and goes on.

use crate::args::{Global, System};
use crate::door::{self, Need};
use crate::exit::Exit;
use crate::terminal;
use serde_json::json;

/// Holds or resumes the whole system.
pub(crate) async fn run(command: System, global: &Global) -> anyhow::Result<Exit> {
    door::through(global, Need::Write, async |door| {
        let (answer, said) = match command {
            System::Hold { reason } => (
                door.post(&["system", "hold"], &json!({"reason": reason}), None)
                    .await?,
                "Everything is held. Go on with: oyez system resume",
            ),
            System::Resume => (
                door.post(&["system", "resume"], &json!({}), None).await?,
                "Everything goes on.",
            ),
        };
        terminal::data(global.json, &answer, || said.to_owned())?;
        Ok(Exit::Done)
    })
    .await
}
