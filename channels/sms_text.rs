//! What every kind that sends text messages says of an update, fitted to the signs and the parts that it carries.

use oyez_domain::Refusal;
use oyez_domain::channel::{Capabilities, ChannelName};
use oyez_domain::fitting::Room;
use oyez_domain::notice::Notice;
use oyez_domain::rendered::Rendered;
use oyez_domain::text::fold::Charset;
use oyez_domain::text::measure::{Limit, Measure};

/// The text as a preview with its fit. The pieces are left to the adapter, which knows what stands around the text.
///
/// # Errors
/// As [`Room::fit`]: too long, not carried, or folded without anybody's consent.
pub(crate) fn fitted(
    channel: &ChannelName,
    notice: &Notice,
    charset: Charset,
    capabilities: &Capabilities,
) -> Result<Rendered, Refusal> {
    let parts = |most| Limit {
        measure: Measure::Parts,
        most,
    };
    let limits: Vec<_> = capabilities.limit.map(parts).into_iter().collect();
    let room = Room {
        channel,
        limits: &limits,
        charset: Some(charset),
    };
    let fitted = room.fit(notice, &notice.text_message(channel))?;
    Ok(Rendered {
        pieces: Vec::new(),
        preview: fitted.text,
        fit: fitted.fit,
    })
}
