//! Several providers of one channel in the configuration: which there are, in which order, and whether they fit together.

use crate::settings::{ChannelConfig, nearest};
use oyez_channels::registry::{KINDS, Via};
use oyez_domain::Refusal;
use oyez_domain::channel::Capabilities;

/// The least and the most that one provider may weigh.
const WEIGHTS: std::ops::RangeInclusive<u32> = 1..=1000;

impl ChannelConfig {
    /// Its providers, first first, each with its weight where each has a share of what is sent. Of those with a share the
    /// heaviest is first.
    pub(crate) fn providers(&self) -> Vec<(&Via, Option<u32>)> {
        let weight = |via: &Via| self.split.as_ref()?.get(via.kind()).copied();
        let mut providers: Vec<_> = self.via.iter().map(|via| (via, weight(via))).collect();
        providers.sort_by_key(|(via, weight)| {
            let order = self.failover.as_ref();
            let place = order.and_then(|order| order.iter().position(|kind| kind == via.kind()));
            (place, std::cmp::Reverse(*weight), via.kind())
        });
        providers
    }

    /// What its providers can do, first first.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = &'static Capabilities> {
        let kind = |(via, _): (&Via, _)| KINDS.iter().find(|kind| kind.kind == via.kind());
        self.providers().into_iter().filter_map(kind)
    }

    /// What is wrong with how its providers go together.
    pub(crate) fn check_providers(&self, field: &str) -> Vec<Refusal> {
        let mut faults = Vec::new();
        let mut refuse = |key: &str, code: &str, why: String| {
            faults.push(Refusal::new(format!("{field}.{key}"), code, why));
        };
        let kinds: Vec<_> = self.via.iter().map(Via::kind).collect();
        let both = "say either failover or split";
        match (&self.failover, &self.split) {
            (Some(_), Some(_)) => refuse("split", "contradictory", both.to_owned()),
            (None, None) if kinds.len() > 1 => {
                let why = format!(
                    "it has several providers ({}): say failover = [{:?}, …] (the first that works sends) or split = {{ {} = 50, … }}",
                    kinds.join(", "),
                    kinds[0],
                    kinds[0]
                );
                refuse("failover", "missing", why);
            }
            (Some(order), None) => {
                for why in names(&kinds, order) {
                    refuse("failover", "unknown_provider", why);
                }
            }
            (None, Some(shares)) => {
                let named: Vec<_> = shares.keys().cloned().collect();
                for why in names(&kinds, &named) {
                    refuse("split", "unknown_provider", why);
                }
                for (kind, _) in shares
                    .iter()
                    .filter(|(_, weight)| !WEIGHTS.contains(weight))
                {
                    let why = "must be between 1 and 1000; leave a provider without a share out";
                    refuse(&format!("split.{kind}"), "out_of_range", why.to_owned());
                }
            }
            (None, None) => {}
        }
        faults.extend(self.check_fit(field));
        faults
    }

    /// Providers of one channel carry the same message to the same addresses.
    fn check_fit(&self, field: &str) -> Vec<Refusal> {
        let mut kinds = self.kinds();
        let Some(first) = kinds.next() else {
            return Vec::new();
        };
        let same = |kind: &Capabilities| {
            (kind.family, kind.carries, kind.unit) == (first.family, first.carries, first.unit)
        };
        let others = kinds.filter(|kind| !same(kind)).map(|kind| {
            let (one, other) = (first.kind, kind.kind);
            let why = format!(
                "{one} and {other} do not carry the same messages to the same addresses; make two channels of them"
            );
            Refusal::new(format!("{field}.via.{other}"), "does_not_fit", why)
        });
        others.collect()
    }
}

/// What is wrong with a list that is to name each provider once.
fn names(kinds: &[&str], named: &[String]) -> Vec<String> {
    let strange = named.iter().filter(|name| !kinds.contains(&name.as_str()));
    let strange = strange.map(|name| match nearest(name, kinds) {
        Some(near) => format!("there is no via.{name} here; did you mean `{near}`?"),
        None => format!("there is no via.{name} here"),
    });
    let times = |kind: &str| named.iter().filter(|name| *name == kind).count();
    let wrong = kinds.iter().filter_map(|kind| match times(kind) {
        0 => Some(format!("via.{kind} is not named; name each provider once")),
        1 => None,
        _ => Some(format!("via.{kind} is named more than once")),
    });
    strange.chain(wrong).collect()
}

#[cfg(test)]
mod tests {
    use crate::settings::{Settings, Sources};

    /// Two gateways for texts, with more lines for the channel.
    fn read(lines: &str) -> Settings {
        let toml = format!(
            "[channels.sms]\n{lines}\n[channels.sms.via.kannel]\nurl = \"https://k.example/s\"\nusername = \"u\"\npassword = \"p\"\n\
             [channels.sms.via.vonage]\napi_key = \"k\"\napi_secret = \"s\"\nfrom = \"Council\"\n"
        );
        let overlays = vec![toml];
        Sources {
            overlays,
            ..Sources::default()
        }
        .read()
        .unwrap()
    }

    fn faults(lines: &str) -> Vec<String> {
        let faults = read(lines).check().into_iter();
        faults
            .map(|fault| format!("{} {}", fault.field, fault.code))
            .collect()
    }

    fn order(lines: &str) -> Vec<(&'static str, Option<u32>)> {
        let settings = read(lines);
        assert!(settings.check().is_empty(), "{:?}", settings.check());
        let providers = settings.channels["sms"].providers().into_iter();
        providers
            .map(|(via, weight)| (via.kind(), weight))
            .collect()
    }

    #[test]
    fn failover_says_the_order_and_split_the_shares() {
        assert_eq!(
            order("failover = [\"vonage\", \"kannel\"]"),
            [("vonage", None), ("kannel", None)]
        );
        assert_eq!(
            order("failover = [\"kannel\", \"vonage\"]"),
            [("kannel", None), ("vonage", None)]
        );
        let shares = "split = { kannel = 40, vonage = 60 }";
        assert_eq!(order(shares), [("vonage", Some(60)), ("kannel", Some(40))]);
    }

    #[test]
    fn each_provider_is_named_once_and_by_one_of_both() {
        for (lines, fault) in [
            ("", "channels.sms.failover missing"),
            (
                "failover = [\"kannel\"]",
                "channels.sms.failover unknown_provider",
            ),
            (
                "failover = [\"kannel\", \"vonage\", \"kannel\"]",
                "channels.sms.failover unknown_provider",
            ),
            (
                "split = { kannel = 40, vonage = 0 }",
                "channels.sms.split.vonage out_of_range",
            ),
        ] {
            assert_eq!(faults(lines), [fault], "{lines}");
        }
        let both = "failover = [\"kannel\", \"vonage\"]\nsplit = { kannel = 1, vonage = 1 }";
        assert_eq!(faults(both), ["channels.sms.split contradictory"]);
        assert_eq!(faults("failover = [\"kanel\", \"vonage\"]").len(), 2);
    }

    #[test]
    fn providers_that_carry_different_messages_are_two_channels() {
        let lines = "failover = [\"kannel\", \"vonage\", \"webhook\"]\nvia.webhook = {}";
        assert_eq!(faults(lines), ["channels.sms.via.webhook does_not_fit"]);
    }
}
