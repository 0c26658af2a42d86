//! The words of `oyez verify`.

use clap::Args;
use oyez_domain::channel::ChannelName;
use std::path::PathBuf;
use std::str::FromStr;

#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Examples:\n  oyez verify --config oyez.toml --log sandbox.jsonl\n  oyez verify --data-dir store --log sandbox.jsonl --rate residents_sms=50:5"
)]
pub(crate) struct Verify {
    /// The data directory, instead of the one in the configuration.
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// The sandbox's log.
    #[arg(long, value_name = "FILE")]
    pub(crate) log: Option<PathBuf>,
    /// A channel's limit and burst, where the configuration does not say it or it was another.
    #[arg(long, value_name = "CHANNEL=R[:BURST]")]
    pub(crate) rate: Vec<RateOf>,
    /// Everything had time to end: what is still open is a violation.
    #[arg(long)]
    pub(crate) ended: bool,
}

/// A channel's limit, as the command line says it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RateOf {
    pub(crate) channel: ChannelName,
    /// Messages a second.
    pub(crate) per_second: f64,
    /// How many late ones may be made up for at once.
    pub(crate) burst: Option<u32>,
}

impl FromStr for RateOf {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let form = || format!("{text:?} is not of the form CHANNEL=R or CHANNEL=R:BURST");
        let (channel, limit) = text.split_once('=').ok_or_else(form)?;
        let (rate, burst) = match limit.split_once(':') {
            Some((rate, burst)) => (rate, Some(burst.parse().map_err(|_| form())?)),
            None => (limit, None),
        };
        let per_second = rate.parse().map_err(|_| form())?;
        if !(0.0 < per_second && per_second <= 100_000.0) {
            return Err("a rate is more than 0 and at most 100000 a second".to_owned());
        }
        Ok(Self {
            channel: channel.parse().map_err(|fault| format!("{fault}"))?,
            per_second,
            burst,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_channel_a_rate_and_perhaps_a_burst() {
        let read = |text: &str| text.parse::<RateOf>();
        let rate = read("residents_sms=2.5:7").unwrap();
        assert_eq!(
            (rate.channel.as_str(), rate.per_second, rate.burst),
            ("residents_sms", 2.5, Some(7))
        );
        assert_eq!(read("sms=100").unwrap().burst, None);
        for wrong in [
            "sms",
            "sms=",
            "sms=0",
            "sms=-1",
            "sms=nan",
            "sms=5:many",
            "SMS=5",
            "=5",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
