//! `oyez user`: who may sign in to the console.

use crate::args::{Global, User};
use crate::door::{self, Door, Need};
use crate::exit::Exit;
use crate::terminal;
use serde_json::{Value, json};

/// Adds, lists, recovers, bars and lets in again.
pub(crate) async fn run(command: User, global: &Global) -> anyhow::Result<Exit> {
    let need = match command {
        User::List => Need::Read,
        User::Add { .. } | User::Recover { .. } | User::Disable { .. } | User::Enable { .. } => {
            Need::Write
        }
    };
    door::through(global, need, async |door| {
        let (answer, said) = carry_out(door, command).await?;
        terminal::data(global.json, &answer, || said)?;
        Ok(Exit::Done)
    })
    .await
}

async fn carry_out(door: &Door, command: User) -> anyhow::Result<(Value, String)> {
    Ok(match command {
        User::Add { email, name, may } => {
            let user = json!({"email": email, "name": name, "permissions": may});
            let answer = door.post(&["users"], &user, None).await?;
            let said = invitation(door, &answer);
            (answer, said)
        }
        User::List => {
            let answer = door.get(&["users"], &[]).await?;
            let said = list(&answer);
            (answer, said)
        }
        User::Recover { user } => {
            let answer = door
                .post(&["users", &user, "recover"], &json!({}), None)
                .await?;
            let said = invitation(door, &answer);
            (answer, said)
        }
        User::Disable { user } => {
            let path = ["users", &user, "disable"];
            let answer = door.post(&path, &json!({}), None).await?;
            (answer, format!("{user} may no longer sign in."))
        }
        User::Enable { user } => {
            let path = ["users", &user, "enable"];
            let answer = door.post(&path, &json!({}), None).await?;
            (answer, format!("{user} may sign in again."))
        }
    })
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

fn invitation(door: &Door, answer: &Value) -> String {
    let serve = if door.nothing_sends() {
        "\nThe link opens while `oyez serve` runs, which it does not at the moment."
    } else {
        ""
    };
    format!(
        "{} sets up the account with this link, once, until {}:\n{}\nGive it to nobody else.{serve}",
        text(&answer["user"], "name"),
        text(answer, "until"),
        text(answer, "link"),
    )
}

fn list(answer: &Value) -> String {
    let users = answer.as_array().map_or(&[][..], Vec::as_slice);
    if users.is_empty() {
        return "There are no users yet; the token of this instance opens the console. Add one with: oyez user add"
            .to_owned();
    }
    let rows = users.iter().map(|user| {
        let permissions = user["permissions"]
            .as_array()
            .map_or(&[][..], Vec::as_slice);
        let permissions: Vec<_> = permissions.iter().filter_map(Value::as_str).collect();
        let state = match (user["disabled"].as_bool(), user["ready"].as_bool()) {
            (Some(true), _) => "may not sign in",
            (_, Some(false)) => "not set up yet",
            _ => "",
        };
        vec![
            text(user, "email").to_owned(),
            text(user, "name").to_owned(),
            if permissions.is_empty() {
                "look only".to_owned()
            } else {
                permissions.join(", ")
            },
            state.to_owned(),
        ]
    });
    let rows: Vec<_> = rows.collect();
    terminal::table(&["EMAIL", "NAME", "MAY", ""], &rows)
}
