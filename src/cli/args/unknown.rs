//! The words of `oyez unknown`.

use clap::{Args, Subcommand, ValueEnum};
use oyez_domain::ledger::Decision;

#[derive(Debug, Subcommand)]
pub(crate) enum Unknown {
    /// List what may have been sent, by update, channel and reason.
    #[command(
        after_help = "These messages left, but no answer came back: nobody can tell whether the provider took them. oyez sends\nthem again only where that is safe or configured; the rest stands here until a receipt comes or you decide.\n\nExamples:\n  oyez unknown list\n  oyez unknown list --update 7QX-4HM --json"
    )]
    List(UnknownWhich),
    /// Settle what may have been sent.
    #[command(
        after_help = "  was-sent    they count as accepted; nothing is sent\n  send-again  they are sent; some people may get it twice\n  give-up     they stay unknown and are listed no more; nothing is sent\n\nIt says first how many messages it concerns. On a terminal it asks; elsewhere it needs --yes.\n\nExamples:\n  oyez unknown decide send-again --update 7QX-4HM --channel residents_email\n  oyez unknown decide was-sent --channel council_mastodon --yes"
    )]
    Decide(UnknownDecide),
}

/// Which messages are meant; what is left out does not narrow.
#[derive(Debug, Clone, Args)]
pub(crate) struct UnknownWhich {
    /// Only of this update: identifier or reference.
    #[arg(long, value_name = "REF")]
    pub(crate) update: Option<String>,
    /// Only on this channel.
    #[arg(long, value_name = "NAME")]
    pub(crate) channel: Option<String>,
    /// Only with this reason.
    #[arg(long, value_name = "CODE")]
    pub(crate) reason: Option<String>,
    /// Only to this address.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) to: Option<String>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct UnknownDecide {
    /// What became of them, or is to become of them.
    pub(crate) decision: Decided,
    #[command(flatten)]
    pub(crate) which: UnknownWhich,
    /// Do not ask.
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Decided {
    WasSent,
    SendAgain,
    GiveUp,
}

impl From<Decided> for Decision {
    fn from(decided: Decided) -> Self {
        match decided {
            Decided::WasSent => Self::WasSent,
            Decided::SendAgain => Self::SendAgain,
            Decided::GiveUp => Self::GiveUp,
        }
    }
}
