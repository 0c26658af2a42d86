//! The words of `oyez user`.

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum User {
    /// Add a person who may sign in to the console, and print the link with which the person sets up the account.
    #[command(
        after_help = "The link works once and for 15 minutes. Give it to the person and to nobody else.\n
Permissions: write, approve, stop, subscribers, services, settings, api. Whoever writes or approves may also stop.\n
Examples:
  oyez user add officer1@example.org --name 'Officer 1' --may write
  oyez user add officer2@example.org --name 'Officer 2' --may approve,settings"
    )]
    Add {
        /// Email address; the person signs in with it.
        email: String,
        /// What colleagues call the person.
        #[arg(long)]
        name: String,
        /// What the person may do, separated by commas; nothing means look only.
        #[arg(long, value_delimiter = ',', value_name = "PERMISSION")]
        may: Vec<String>,
    },
    /// List everybody who may sign in, and what each may do.
    List,
    /// Print a new link for somebody who is locked out.
    #[command(
        after_help = "What the person signs in with now works until the link is used.\n\nExample:\n  oyez user recover officer1@example.org"
    )]
    Recover {
        /// Email address or identifier.
        user: String,
    },
    /// Bar somebody from signing in; every session of the person ends at once.
    Disable {
        /// Email address or identifier.
        user: String,
    },
    /// Let somebody sign in again.
    Enable {
        /// Email address or identifier.
        user: String,
    },
}
