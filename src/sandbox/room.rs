//! Rooms of staff on other people's networks: which network a path belongs to, and what each answers.

use hyper::Method;

use crate::backstage::Backstage;
use crate::exchange::{Outcome, Request};
use crate::play::ChannelPlay;
use crate::{discord, slack, teams, telegram};

/// A network, and what its path names.
#[derive(Clone, Copy)]
pub(crate) enum Room<'a> {
    /// The secret of an incoming webhook.
    Slack(&'a str),
    /// The token of a webhook that is written to.
    Discord(&'a str),
    /// Number and token of a webhook that is only asked for.
    DiscordWebhook(&'a str, &'a str),
    /// A workflow; what proves us stands behind the question mark.
    Teams,
    /// The token of a bot that writes.
    Telegram(&'a str),
    /// The token of a bot that asks for its chat.
    TelegramChat(&'a str),
}

impl<'a> Room<'a> {
    /// The network that a path behind the channel's name leads to.
    pub(crate) fn of(method: &Method, path: &'a str) -> Option<Self> {
        let post = method == Method::POST;
        let get = method == Method::GET;
        let parts: Vec<_> = path.split('/').collect();
        match parts[..] {
            ["slack", "services", _, _, secret] if post => Some(Self::Slack(secret)),
            ["discord", "api", "v10", "webhooks", _, token] if post => Some(Self::Discord(token)),
            ["discord", "api", "v10", "webhooks", id, token] if get => {
                Some(Self::DiscordWebhook(id, token))
            }
            ["teams", ..] if post => Some(Self::Teams),
            ["telegram", bot, "sendMessage"] if post => bot.strip_prefix("bot").map(Self::Telegram),
            ["telegram", bot, "getChat"] if get => bot.strip_prefix("bot").map(Self::TelegramChat),
            _ => None,
        }
    }

    pub(crate) fn can_have_an_effect(self) -> bool {
        match self {
            Self::Slack(_) | Self::Discord(_) | Self::Teams | Self::Telegram(_) => true,
            Self::DiscordWebhook(..) | Self::TelegramChat(_) => false,
        }
    }

    /// The room is the channel's own; of our names for a delivery it hears in a header that it pays no attention to.
    pub(crate) fn to_and_key(request: &Request) -> (String, String) {
        let key = request.header("x-request-id");
        (request.channel.clone(), key.to_owned())
    }

    /// The network's usual answer.
    pub(crate) fn answer(
        self,
        request: &Request,
        play: &ChannelPlay,
        backstage: &Backstage,
    ) -> Outcome {
        let id = backstage.next_id();
        match self {
            Self::Slack(secret) => slack::send(request, secret, play, &id),
            Self::Discord(token) => discord::send(request, token, play, &backstage.turns, &id),
            Self::DiscordWebhook(id, token) => discord::describe(id, token, play),
            Self::Teams => teams::send(request, play, &id),
            Self::Telegram(token) => telegram::send(request, token, play, &backstage.turns, &id),
            Self::TelegramChat(token) => telegram::describe(request, token, play),
        }
    }

    /// The network's own form of error.
    pub(crate) fn error(self, status: u16) -> String {
        match self {
            Self::Slack(_) => slack::error(status).to_owned(),
            Self::Discord(_) | Self::DiscordWebhook(..) => discord::error(status),
            Self::Teams => teams::error(status),
            Self::Telegram(_) | Self::TelegramChat(_) => telegram::error(status),
        }
    }
}
