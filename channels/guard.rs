//! The one outbound guard: which URLs may be called, decided on the literal and again on every resolved address.

use crate::names::Names;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use url::{Host, Url};

/// More answers than this are not tried; all of them are checked.
const MOST_ANSWERS: usize = 16;

/// Ports that may be called outside the allowed networks.
const PUBLIC_PORTS: [u16; 2] = [443, 8443];

/// Why a target may not be called. It names no address: errors end up in logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Forbidden {
    /// The address is not on the public internet, and no allowed network has it.
    #[error(
        "the address belongs to a network that may not be called; network.allow_networks names the exceptions"
    )]
    Network,
    /// Neither https nor inside an allowed network.
    #[error("only https on port 443 or 8443 may be called outside the allowed networks")]
    Scheme,
    /// A user name or password in the URL.
    #[error("the URL carries a user name or password")]
    Credentials,
    /// No URL with a host.
    #[error("it is no URL that can be called")]
    Malformed,
}

/// How far a request may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Public addresses and allowed networks.
    Public,
    /// Allowed networks only.
    Inside,
}

/// The networks an operator has opened, and what turns names into addresses.
#[derive(Clone)]
pub(crate) struct Guard {
    allowed: Arc<[IpNet]>,
    names: Arc<Names>,
}

impl Guard {
    /// A guard that lets through the public internet and these networks.
    pub(crate) fn new(allowed: Arc<[IpNet]>, names: Arc<Names>) -> Self {
        Self { allowed, names }
    }

    /// Whether any network was opened.
    pub(crate) fn has_inside(&self) -> bool {
        !self.allowed.is_empty()
    }

    /// Whether this URL may be called, and how far its name may resolve.
    ///
    /// # Errors
    /// When it may not be called.
    pub(crate) fn reach(&self, url: &Url) -> Result<Reach, Forbidden> {
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Forbidden::Credentials);
        }
        let port = url.port_or_known_default().ok_or(Forbidden::Malformed)?;
        let reach = match url.scheme() {
            "https" if PUBLIC_PORTS.contains(&port) => Reach::Public,
            "https" | "http" => Reach::Inside,
            _ => return Err(Forbidden::Malformed),
        };
        let literal = match url.host().ok_or(Forbidden::Malformed)? {
            Host::Domain(_) => return Ok(reach),
            Host::Ipv4(address) => IpAddr::V4(address),
            Host::Ipv6(address) => IpAddr::V6(address),
        };
        self.check(literal, reach).map(|()| reach)
    }

    /// Whether this address may be connected to.
    fn check(&self, address: IpAddr, reach: Reach) -> Result<(), Forbidden> {
        let inside = self.allowed.iter().any(|net| net.contains(&address));
        match reach {
            _ if inside => Ok(()),
            Reach::Inside if is_public(address) => Err(Forbidden::Scheme),
            Reach::Public if is_public(address) => Ok(()),
            Reach::Inside | Reach::Public => Err(Forbidden::Network),
        }
    }

    /// The addresses that may be connected to. One forbidden answer spoils them all, so that a name cannot
    /// mix a decoy with its target.
    fn sift(&self, answers: Vec<SocketAddr>, reach: Reach) -> Result<Vec<SocketAddr>, Forbidden> {
        for answer in &answers {
            self.check(answer.ip(), reach)?;
        }
        Ok(answers.into_iter().take(MOST_ANSWERS).collect())
    }

    /// A resolver that connects to checked addresses only.
    pub(crate) fn resolver(&self, reach: Reach) -> Arc<GuardedResolver> {
        Arc::new(GuardedResolver {
            guard: self.clone(),
            reach,
        })
    }
}

/// Resolves names and checks every answer, at the moment of connecting.
pub(crate) struct GuardedResolver {
    guard: Guard,
    reach: Reach,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (guard, reach) = (self.guard.clone(), self.reach);
        Box::pin(async move {
            let answers = guard.names.addresses(name.as_str()).await?;
            let answers = answers.into_iter().map(|ip| SocketAddr::new(ip, 0));
            let answers = guard.sift(answers.collect(), reach)?;
            Ok(Box::new(answers.into_iter()) as Addrs)
        })
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !SPECIAL_V4.iter().any(|net| net.contains(&address)),
        IpAddr::V6(address) => {
            GLOBAL_V6.contains(&address)
                && !SPECIAL_V6.iter().any(|net| net.contains(&address))
                && !is_isatap(address)
        }
    }
}

/// ISATAP carries an IPv4 address in its last half (RFC 5214 §6.1).
fn is_isatap(address: Ipv6Addr) -> bool {
    matches!(address.segments(), [.., 0x0000 | 0x0200, 0x5efe, _, _])
}

const fn v4(a: u8, b: u8, c: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, 0), prefix)
}

const fn v6(a: u16, b: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, 0, 0, 0, 0, 0, 0), prefix)
}

/// The IANA special-purpose registry for IPv4, multicast and the reserved rest.
const SPECIAL_V4: [Ipv4Net; 15] = [
    v4(0, 0, 0, 8),
    v4(10, 0, 0, 8),
    v4(100, 64, 0, 10),
    v4(127, 0, 0, 8),
    v4(169, 254, 0, 16),
    v4(172, 16, 0, 12),
    v4(192, 0, 0, 24),
    v4(192, 0, 2, 24),
    v4(192, 88, 99, 24),
    v4(192, 168, 0, 16),
    v4(198, 18, 0, 15),
    v4(198, 51, 100, 24),
    v4(203, 0, 113, 24),
    v4(224, 0, 0, 4),
    v4(240, 0, 0, 4),
];

/// Everything outside is loopback, mapped, translated, local, multicast or not assigned.
const GLOBAL_V6: Ipv6Net = v6(0x2000, 0, 3);

/// Within [`GLOBAL_V6`]: IETF protocols with Teredo, documentation, 6to4.
const SPECIAL_V6: [Ipv6Net; 4] = [
    v6(0x2001, 0, 23),
    v6(0x2001, 0xdb8, 32),
    v6(0x2002, 0, 16),
    v6(0x3fff, 0, 20),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::StoppedClock;
    use std::collections::BTreeMap;

    fn guard(allowed: &[&str]) -> Guard {
        let allowed = allowed.iter().map(|network| network.parse().unwrap());
        let names = Names::new(BTreeMap::new(), Arc::new(StoppedClock));
        Guard::new(allowed.collect(), names)
    }

    fn reach(guard: &Guard, url: &str) -> Result<Reach, Forbidden> {
        guard.reach(&Url::parse(url).unwrap())
    }

    /// Addresses that must never be called unless their network was opened.
    const FORBIDDEN: &[&str] = &[
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "10.255.255.255",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.1",
        "127.0.1",
        "127.255.255.254",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "017700000001",
        "0177.0.0.1",
        "0x7f.0x0.0x0.0x1",
        "169.254.0.1",
        "169.254.169.254",
        "0xa9fea9fe",
        "2852039166",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.1",
        "192.0.0.170",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.1",
        "192.168.255.255",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "[::]",
        "[::1]",
        "[::2]",
        "[::ffff:127.0.0.1]",
        "[::ffff:10.0.0.1]",
        "[::ffff:8.8.8.8]",
        "[::7f00:1]",
        "[::ffff:0:7f00:1]",
        "[::5efe:127.0.0.1]",
        "[2a00:1450::5efe:7f00:1]",
        "[2a00:1450::200:5efe:7f00:1]",
        "[64:ff9b::7f00:1]",
        "[64:ff9b::808:808]",
        "[64:ff9b:1::7f00:1]",
        "[100::1]",
        "[2001::1]",
        "[2001:0:4136:e378:8000:63bf:3fff:fdd2]",
        "[2001:10::1]",
        "[2001:20::1]",
        "[2001:db8::1]",
        "[2002:7f00:1::]",
        "[2002:c0a8:101::1]",
        "[3fff::1]",
        "[3fff:fff:ffff::1]",
        "[4000::1]",
        "[5f00::1]",
        "[fc00::1]",
        "[fd00:ec2::254]",
        "[fdff::1]",
        "[fe80::1]",
        "[febf::1]",
        "[fec0::1]",
        "[ff02::1]",
        "[ff0e::1]",
    ];

    #[test]
    fn no_spelling_of_a_forbidden_address_is_called() {
        let guard = guard(&[]);
        for host in FORBIDDEN {
            for port in ["", ":8443"] {
                let url = format!("https://{host}{port}/x");
                assert_eq!(reach(&guard, &url), Err(Forbidden::Network), "{url}");
            }
        }
    }

    #[test]
    fn a_resolved_address_is_judged_like_a_literal_one() {
        let guard = guard(&[]);
        for host in FORBIDDEN {
            let url = Url::parse(&format!("https://{host}/")).unwrap();
            let address = match url.host().unwrap() {
                Host::Ipv4(address) => IpAddr::V4(address),
                Host::Ipv6(address) => IpAddr::V6(address),
                Host::Domain(name) => panic!("{name} is no address"),
            };
            let decoy = SocketAddr::from(([8, 8, 8, 8], 0));
            for answers in [
                vec![SocketAddr::new(address, 0)],
                vec![decoy, SocketAddr::new(address, 0)],
            ] {
                assert_eq!(
                    guard.sift(answers, Reach::Public),
                    Err(Forbidden::Network),
                    "{host}"
                );
            }
        }
    }

    #[test]
    fn the_public_internet_is_called_by_https_only() {
        let guard = guard(&[]);
        for host in [
            "partner.example.org",
            "8.8.8.8",
            "[2606:4700::1111]",
            "192.0.3.1",
            "172.32.0.1",
        ] {
            assert_eq!(
                reach(&guard, &format!("https://{host}/x")),
                Ok(Reach::Public),
                "{host}"
            );
            assert_eq!(
                reach(&guard, &format!("https://{host}:8443/x")),
                Ok(Reach::Public),
                "{host}"
            );
        }
        for url in [
            "http://8.8.8.8/",
            "https://8.8.8.8:22/",
            "https://[2606:4700::1111]:25/",
        ] {
            assert_eq!(reach(&guard, url), Err(Forbidden::Scheme), "{url}");
        }
        let answers = vec![SocketAddr::from(([8, 8, 8, 8], 0))];
        assert_eq!(reach(&guard, "http://name.example/"), Ok(Reach::Inside));
        assert_eq!(guard.sift(answers, Reach::Inside), Err(Forbidden::Scheme));
    }

    #[test]
    fn an_allowed_network_is_opened_and_nothing_beside_it() {
        let guard = guard(&["127.0.0.0/8", "fd00:1::/32"]);
        assert_eq!(reach(&guard, "http://127.0.0.1:8080/x"), Ok(Reach::Inside));
        assert_eq!(reach(&guard, "https://[fd00:1::5]/x"), Ok(Reach::Public));
        for url in [
            "http://10.0.0.1/",
            "https://[::1]/",
            "https://[fd00:2::1]/",
            "https://[::ffff:127.0.0.1]/",
        ] {
            assert_eq!(reach(&guard, url), Err(Forbidden::Network), "{url}");
        }
    }

    #[test]
    fn credentials_and_other_schemes_are_refused() {
        let guard = guard(&[]);
        assert_eq!(
            reach(&guard, "https://u:p@example.org/"),
            Err(Forbidden::Credentials)
        );
        assert_eq!(
            reach(&guard, "https://u@example.org/"),
            Err(Forbidden::Credentials)
        );
        for url in [
            "file:///etc/passwd",
            "ftp://example.org/",
            "gopher://example.org/",
            "data:,x",
        ] {
            assert_eq!(reach(&guard, url), Err(Forbidden::Malformed), "{url}");
        }
    }

    #[test]
    fn no_more_than_sixteen_answers_are_tried() {
        let answers = (0..40)
            .map(|n| SocketAddr::from(([8, 8, 8, n], 0)))
            .collect();
        assert_eq!(guard(&[]).sift(answers, Reach::Public).unwrap().len(), 16);
    }
}
