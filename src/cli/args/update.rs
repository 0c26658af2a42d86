//! The words of `oyez update`.

use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum Update {
    /// Write an update.
    New(UpdateNew),
    /// Show how an update will look and fit on each channel. Sends nothing.
    Render {
        /// Identifier or reference.
        update: String,
    },
    /// Put an update out.
    Send(UpdateSend),
    /// Watch an update on its way. Ctrl-C ends the watching only.
    Watch {
        /// Identifier or reference.
        update: String,
        /// Give up watching after so many seconds (exit 8).
        #[arg(long)]
        timeout: Option<u64>,
    },
    /// Halt what is unsent, at once.
    Stop(UpdateStop),
    /// Try again what failed, by reason. Without a reason it lists which can succeed.
    Retry(UpdateRetry),
    /// Hold: nothing new leaves until it is resumed.
    Hold {
        /// Identifier or reference.
        update: String,
        /// This channel only.
        #[arg(long)]
        channel: Option<String>,
    },
    /// Go on with what is held.
    Resume {
        /// Identifier or reference.
        update: String,
        /// This channel only.
        #[arg(long)]
        channel: Option<String>,
    },
    /// What happened, in all or to one address.
    #[command(
        after_help = "Examples:\n  oyez update report 7QX-4HM\n  oyez update report 7QX-4HM --to jo@example.org"
    )]
    Report {
        /// Identifier or reference.
        update: String,
        /// Each attempt to this address.
        #[arg(long, value_name = "ADDRESS")]
        to: Option<String>,
    },
    /// List updates, newest first.
    List,
}

#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Examples:\n  oyez update new --file update.json\n  oyez update new --incident inc_01k… --headline 'Do not cancel your Direct Debit' \\\n      --do 'Do not cancel your Direct Debit.' --next none"
)]
pub(crate) struct UpdateNew {
    /// The whole update as JSON.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["headline", "what_to_do"])]
    pub(crate) file: Option<PathBuf>,
    /// The incident; with --file only where the file names none.
    #[arg(long)]
    pub(crate) incident: Option<String>,
    /// update, correction, all_clear or exercise.
    #[arg(long)]
    pub(crate) kind: Option<String>,
    /// One line, at most 80 characters.
    #[arg(long)]
    pub(crate) headline: Option<String>,
    /// What to do; once for each line.
    #[arg(long = "do", value_name = "LINE")]
    pub(crate) what_to_do: Vec<String>,
    /// What not to do; once for each line.
    #[arg(long = "dont", value_name = "LINE")]
    pub(crate) what_not_to_do: Vec<String>,
    /// More detail.
    #[arg(long)]
    pub(crate) detail: Option<String>,
    /// Your own short text for SMS; {ref} becomes the reference.
    #[arg(long)]
    pub(crate) sms: Option<String>,
    /// The language it is written in; en when left out.
    #[arg(long, value_name = "LANGUAGE")]
    pub(crate) language: Option<String>,
    /// Your own short version in one language, for channels that have no room for the whole and for readers of another
    /// language; once for each.
    #[arg(long, value_name = "LANGUAGE=TEXT")]
    pub(crate) short: Vec<String>,
    /// Characters that a gateway cannot carry, or that cost dear, may become the plainer ones that `render` shows.
    #[arg(long)]
    pub(crate) accept_folding: bool,
    /// When the next update comes (2025-11-27T16:00:00Z), or none.
    #[arg(long = "next", alias = "next-update-by", value_name = "TIME")]
    pub(crate) next_update_by: Option<String>,
    /// Only these channels; once for each.
    #[arg(long = "channel", value_name = "NAME")]
    pub(crate) channels: Vec<String>,
    /// Overtakes everything else.
    #[arg(long)]
    pub(crate) urgent: bool,
    /// Takes the place of older updates of the incident that are still waiting; corrections, all clears and urgent
    /// updates always do.
    #[arg(long)]
    pub(crate) supersede: bool,
}

#[derive(Debug, Clone, Args)]
#[command(
    after_help = "On a terminal it asks for the number of messages first; elsewhere it needs --yes. Without a running
`oyez serve` it sends by itself and stays until all is settled.

Exit 0: all taken, 3: it cannot be sent as it is, 7: some deliveries failed, 9: stopped or held.\n\nExamples:
  oyez update send 7QX-4HM --dry-run\n  oyez update send 7QX-4HM --watch
  oyez update send 7QX-4HM --yes --idempotency-key monday-1"
)]
pub(crate) struct UpdateSend {
    /// Identifier or reference.
    pub(crate) update: String,
    /// Watch it to its end.
    #[arg(long)]
    pub(crate) watch: bool,
    /// Do not ask.
    #[arg(long)]
    pub(crate) yes: bool,
    /// Render, count and say what would be sent; send nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Characters that a gateway cannot carry, or that cost dear, become the plainer ones that `render` shows.
    #[arg(long)]
    pub(crate) accept_folding: bool,
    /// Send it although the same text went to the same people within the last day.
    #[arg(long)]
    pub(crate) again: bool,
    /// Makes a repeat of this very command harmless.
    #[arg(long, value_name = "KEY")]
    pub(crate) idempotency_key: Option<String>,
}

#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Only what another attempt can mend is tried again, with nothing charged.\n\nExamples:\n  oyez update retry 7QX-4HM\n  oyez update retry 7QX-4HM --reason phone_off --reason inbox_full\n  oyez update retry 7QX-4HM --reason auth_failed --channel residents_sms"
)]
pub(crate) struct UpdateRetry {
    /// Identifier or reference.
    pub(crate) update: String,
    /// Reason code; once for each.
    #[arg(long = "reason", value_name = "CODE")]
    pub(crate) reasons: Vec<String>,
    /// This channel only.
    #[arg(long)]
    pub(crate) channel: Option<String>,
    /// Makes a repeat of this very command harmless.
    #[arg(long, value_name = "KEY")]
    pub(crate) idempotency_key: Option<String>,
}

#[derive(Debug, Clone, Args)]
#[command(
    after_help = "What is on its way ends and is recorded; nothing else leaves, ever.\n\nExample:\n  oyez update stop 7QX-4HM --reason 'wrong number'"
)]
pub(crate) struct UpdateStop {
    /// Identifier or reference.
    pub(crate) update: String,
    /// This channel only.
    #[arg(long)]
    pub(crate) channel: Option<String>,
    /// Why; it stands in the record.
    #[arg(long)]
    pub(crate) reason: String,
}
