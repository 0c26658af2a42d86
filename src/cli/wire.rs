//! The API's JSON read back into the engine's own types: there, times are text and counts without receipts are null.

use crate::door;
use crate::exit::Failure;
use oyez_dispatch::progress::Progress;
use oyez_dispatch::queue::QueueRow;
use oyez_domain::time::Wall;
use serde_json::Value;

/// Members that hold a time.
const TIMES: [&str; 5] = [
    "as_of",
    "released_at",
    "until",
    "next_due_at",
    "waiting_until",
];

/// How an update goes.
pub(crate) fn progress(answer: &Value) -> Result<Progress, Failure> {
    let mut value = answer.clone();
    times(&mut value);
    // Together, channels with and without receipts are counted as they are; only a single channel says null.
    for key in ["delivered", "undelivered"] {
        if let Some(count) = value
            .pointer_mut(&format!("/counts/{key}"))
            .filter(|count| count.is_null())
        {
            *count = 0.into();
        }
    }
    door::read(&value)
}

/// What is waiting on each channel.
pub(crate) fn queue(answer: &Value) -> Result<Vec<QueueRow>, Failure> {
    let mut value = Value::Array(door::rows(answer).to_vec());
    times(&mut value);
    door::read(&value)
}

/// What stands in the way of the whole instance, a line each.
pub(crate) fn troubles(answer: &Value) -> Vec<String> {
    let troubles = answer.get("troubles").and_then(Value::as_array);
    let line = |trouble: &Value| Some(format!("Attention: {}.", trouble.get("line")?.as_str()?));
    troubles.into_iter().flatten().filter_map(line).collect()
}

fn times(value: &mut Value) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(times),
        Value::Object(members) => {
            for (key, member) in members {
                let time = member
                    .as_str()
                    .filter(|_| TIMES.contains(&key.as_str()))
                    .and_then(Wall::parse);
                match time {
                    Some(time) => *member = time.0.into(),
                    None => times(member),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_reads_back_with_times_and_without_receipts() {
        let counts = serde_json::json!({"asked": 0, "accepted": 0, "delivered": null, "undelivered": null, "failed": 0,
            "unknown": 0, "suppressed": 0, "stopped": 0, "expired": 0, "superseded": 0, "pending": 0});
        let answer = serde_json::json!({"update": oyez_domain::id::UpdateId::from_bytes([0; 16]).to_string(),
            "reference": "7QX-4HM", "headline": "h", "state": "released", "finished": true, "counts": counts,
            "broadcasts": [], "as_of": "1970-01-01T00:00:01Z"});
        let progress = progress(&answer).unwrap();
        assert_eq!(
            (progress.as_of, progress.counts.delivered),
            (Wall(1_000_000), 0)
        );
    }
}
