//! How one update will look and fit on each channel, before anything is sent, and a person's consent to foldings.

use crate::desk::{Desk, DeskResult};
use crate::settings::ConfiguredChannel;
use oyez_domain::Refusal;
use oyez_domain::channel::{ChannelName, Family};
use oyez_domain::fitting::UNCONFIRMED;
use oyez_domain::id::UpdateId;
use oyez_domain::notice::Notice;
use oyez_domain::rendered::Fit;
use oyez_domain::update::UpdateState;
use serde::{Deserialize, Serialize};

/// One channel's version of an update.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Preview {
    /// The channel.
    pub channel: ChannelName,
    /// The adapter's kind.
    pub kind: String,
    /// Group.
    pub family: Family,
    /// Language of this version.
    pub language: String,
    /// The message as a person would read it; empty when it cannot be made.
    pub text: String,
    /// Its length against the limit and what was changed; absent when it cannot be made.
    pub fit: Option<Fit>,
    /// What one message costs, in pence, where the channel has a price.
    pub price_pence: Option<f64>,
    /// Why it cannot be sent like this, if so: by how much it is too long, which signs are not carried, or what a
    /// person has to accept first; in that case `text` and `fit` show what it would be then.
    pub refusal: Option<Refusal>,
}

impl Preview {
    /// Whether nothing but a person's consent to its foldings is missing.
    pub fn unconfirmed(&self) -> bool {
        let refusal = self.refusal.as_ref();
        refusal.is_some_and(|refusal| refusal.code == UNCONFIRMED)
    }
}

/// The versions of one notice on one channel, one for each of its languages.
pub fn previews(channel: &ConfiguredChannel, notice: &Notice) -> Vec<Preview> {
    let version = |language: &String| {
        let notice = Notice {
            language: language.clone(),
            ..notice.clone()
        };
        preview(channel, notice)
    };
    channel.settings.languages.iter().map(version).collect()
}

fn preview(channel: &ConfiguredChannel, mut notice: Notice) -> Preview {
    let capabilities = channel.adapter.capabilities();
    let rendered = channel.adapter.render(&notice);
    let refusal = rendered.as_ref().err().map(|refusal| Refusal {
        field: format!("channels.{}", channel.name),
        ..refusal.clone()
    });
    let mut preview = Preview {
        channel: channel.name.clone(),
        kind: capabilities.kind.to_owned(),
        family: capabilities.family,
        language: notice.language.clone(),
        text: String::new(),
        fit: None,
        price_pence: None,
        refusal,
    };
    let shown = if preview.unconfirmed() {
        notice.update.accept_folding = true;
        channel.adapter.render(&notice)
    } else {
        rendered
    };
    if let Ok(shown) = shown {
        let units = shown.fit.sms.map_or(1, |sms| sms.parts);
        let price = channel.settings.price_pence;
        preview.price_pence = price.map(|pence| pence * f64::from(units));
        (preview.text, preview.fit) = (shown.preview, Some(shown.fit));
    }
    preview
}

impl Desk {
    /// Stores with a draft that its foldings are accepted; nothing that is out is changed.
    pub async fn accept_folding(&self, update: UpdateId, actor: &str) -> DeskResult<()> {
        let mut update = self.ledger.update(update).await?;
        if update.state == UpdateState::Draft && !update.accept_folding {
            update.accept_folding = true;
            self.ledger
                .save_update(&update, None, &self.by(actor))
                .await?;
        }
        Ok(())
    }
}
