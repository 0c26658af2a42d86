//! What a public post says of an update, whatever the network.

use oyez_domain::channel::ChannelName;
use oyez_domain::notice::Notice;
use oyez_domain::text::Line;

/// The author's own text for the channel, or the headline, every line of advice and the link.
pub(crate) fn text(notice: &Notice, channel: &ChannelName) -> String {
    let update = &notice.update;
    notice.own(channel).unwrap_or_else(|| {
        let dos = list("What to do", &update.what_to_do);
        // Without its heading, "Cancel your Direct Debit" would say the opposite of what was meant.
        let donts = list("What not to do", &update.what_not_to_do);
        format!("{}\n{dos}{donts}\n{}", notice.headline(), notice.url())
    })
}

/// Lines under a heading, or nothing.
fn list(heading: &str, lines: &[Line]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let lines: String = lines.iter().map(|line| format!("- {line}\n")).collect();
    format!("\n{heading}:\n{lines}")
}
