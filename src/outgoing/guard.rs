//! Which addresses may be connected to: a pure judgement over the special-purpose registries.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use thiserror::Error;
use url::Host;

/// Decides which addresses webhooks may be sent to, and recordings fetched from.
///
/// Only global unicast is allowed. `allow_private` adds loopback, private and shared ranges, and so
/// does the list of networks and hosts for those in it: never link-local ones, nor the addresses where
/// clouds hand out credentials.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AddressRules {
    allow_private: bool,
    networks: Vec<IpNet>,
    hosts: Vec<String>,
}

/// An entry of the list that names neither a network nor a host.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("webhooks.allow: {entry:?} is not a network such as 10.0.0.0/8, an IP address or a host name")]
pub struct BadAllowEntry {
    pub entry: String,
}

/// An address that must not be connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{address} is {kind}{}", kind.remedy())]
pub struct Forbidden {
    pub address: IpAddr,
    pub kind: AddressKind,
}

/// What makes an address special.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressKind {
    Unspecified,
    Loopback,
    Private,
    /// Between a provider and its customers (RFC 6598), and inside some VPNs.
    Shared,
    LinkLocal,
    Metadata,
    Documentation,
    Benchmarking,
    Multicast,
    Reserved,
    /// Carries an IPv4 address to a relay that is not ours to judge.
    Translated,
}

impl AddressRules {
    /// `allow` holds networks, addresses and host names. A host name stands for itself only.
    pub fn new(allow_private: bool, allow: &[String]) -> Result<Self, BadAllowEntry> {
        let mut rules = Self { allow_private, networks: vec![], hosts: vec![] };
        for entry in allow {
            if let Ok(network) = entry.parse() {
                rules.networks.push(network);
            } else if let Ok(address) = entry.parse::<IpAddr>() {
                rules.networks.push(address.into());
            } else {
                rules.hosts.push(host_name(entry).ok_or_else(|| BadAllowEntry { entry: entry.clone() })?);
            }
        }
        Ok(rules)
    }

    /// Judges an address that the host of this name has.
    pub fn judge(&self, host: &str, address: IpAddr) -> Result<(), Forbidden> {
        let address = match address {
            IpAddr::V4(_) => address,
            IpAddr::V6(v6) => embedded_v4(v6).map_or(address, IpAddr::V4),
        };
        let kind = match address {
            IpAddr::V4(v4) => kind_of_v4(v4),
            IpAddr::V6(v6) => kind_of_v6(v6),
        };
        match kind {
            Some(kind) if !(kind.is_private() && self.opens(host, address)) => {
                Err(Forbidden { address, kind })
            }
            Some(_) | None => Ok(()),
        }
    }

    fn opens(&self, host: &str, address: IpAddr) -> bool {
        self.allow_private
            || self.networks.iter().any(|network| network.contains(&address))
            || host_name(host).is_some_and(|name| self.hosts.contains(&name))
    }
}

/// A name in the one form that names are compared in; `None` if it is not a name.
fn host_name(text: &str) -> Option<String> {
    match Host::parse(text.strip_suffix('.').unwrap_or(text)) {
        Ok(Host::Domain(name)) if !name.is_empty() && !name.contains('*') => Some(name.to_ascii_lowercase()),
        Ok(Host::Domain(_) | Host::Ipv4(_) | Host::Ipv6(_)) | Err(_) => None,
    }
}

impl AddressKind {
    /// Whether the settings can open it.
    fn is_private(self) -> bool {
        match self {
            Self::Loopback | Self::Private | Self::Shared => true,
            Self::Unspecified
            | Self::LinkLocal
            | Self::Metadata
            | Self::Documentation
            | Self::Benchmarking
            | Self::Multicast
            | Self::Reserved
            | Self::Translated => false,
        }
    }

    /// What the operator may change, to be added to a message.
    pub(super) fn remedy(self) -> &'static str {
        if self.is_private() {
            " (allowed only with webhooks.allow_private = true, or by webhooks.allow)"
        } else {
            ""
        }
    }
}

impl fmt::Display for AddressKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unspecified => "an unspecified address",
            Self::Loopback => "a loopback address",
            Self::Private => "a private address",
            Self::Shared => "a shared (carrier-grade NAT) address",
            Self::LinkLocal => "a link-local address",
            Self::Metadata => "a cloud metadata address",
            Self::Documentation => "a documentation address",
            Self::Benchmarking => "a benchmarking address",
            Self::Multicast => "a multicast address",
            Self::Reserved => "a reserved address",
            Self::Translated => "an address that embeds another one",
        })
    }
}

fn kind_of_v4(address: Ipv4Addr) -> Option<AddressKind> {
    V4.iter().find(|(net, _)| net.contains(&address)).map(|(_, kind)| *kind)
}

/// Outside the table only 2000::/3 is global unicast; the rest is unassigned.
fn kind_of_v6(address: Ipv6Addr) -> Option<AddressKind> {
    match V6.iter().find(|(net, _)| net.contains(&address)) {
        Some((_, kind)) => Some(*kind),
        None if GLOBAL_UNICAST.contains(&address) => None,
        None => Some(AddressKind::Reserved),
    }
}

/// The IPv4 address that a connection to `address` really reaches: mapped ones are IPv4 to the
/// kernel, and behind DNS64 every IPv4 host has a name in the well-known NAT64 prefix.
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    if NAT64.contains(&address) {
        let [.., a, b, c, d] = address.octets();
        return Some(Ipv4Addr::new(a, b, c, d));
    }
    address.to_ipv4_mapped()
}

const GLOBAL_UNICAST: Ipv6Net = v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);
/// RFC 6052.
const NAT64: Ipv6Net = v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96);

/// The first match counts, so single addresses stand before the ranges they lie in. Sources: the
/// IANA IPv4 Special-Purpose Address Registry (RFC 6890) and the clouds' own documents.
const V4: &[(Ipv4Net, AddressKind)] = &[
    // AWS, Azure, Google, DigitalOcean and others; Alibaba; Oracle; Azure's wire server.
    (v4(169, 254, 169, 254, 32), AddressKind::Metadata),
    (v4(100, 100, 100, 200, 32), AddressKind::Metadata),
    (v4(192, 0, 0, 192, 32), AddressKind::Metadata),
    (v4(168, 63, 129, 16, 32), AddressKind::Metadata),
    (v4(0, 0, 0, 0, 8), AddressKind::Unspecified),
    (v4(127, 0, 0, 0, 8), AddressKind::Loopback),
    (v4(10, 0, 0, 0, 8), AddressKind::Private),
    (v4(172, 16, 0, 0, 12), AddressKind::Private),
    (v4(192, 168, 0, 0, 16), AddressKind::Private),
    (v4(100, 64, 0, 0, 10), AddressKind::Shared),
    (v4(169, 254, 0, 0, 16), AddressKind::LinkLocal),
    (v4(192, 0, 0, 0, 24), AddressKind::Reserved),
    (v4(192, 0, 2, 0, 24), AddressKind::Documentation),
    (v4(198, 51, 100, 0, 24), AddressKind::Documentation),
    (v4(203, 0, 113, 0, 24), AddressKind::Documentation),
    (v4(198, 18, 0, 0, 15), AddressKind::Benchmarking),
    // The withdrawn 6to4 relays (RFC 7526).
    (v4(192, 88, 99, 0, 24), AddressKind::Translated),
    (v4(224, 0, 0, 0, 4), AddressKind::Multicast),
    (v4(240, 0, 0, 0, 4), AddressKind::Reserved),
];

/// As [`V4`], from the IANA IPv6 Special-Purpose Address Registry.
const V6: &[(Ipv6Net, AddressKind)] = &[
    // AWS (its instance services share the prefix), Google, Scaleway.
    (v6([0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0], 32), AddressKind::Metadata),
    (v6([0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x0254], 128), AddressKind::Metadata),
    (v6([0xfd00, 0x0042, 0, 0, 0, 0, 0, 0x0042], 128), AddressKind::Metadata),
    (v6([0, 0, 0, 0, 0, 0, 0, 0], 128), AddressKind::Unspecified),
    (v6([0, 0, 0, 0, 0, 0, 0, 1], 128), AddressKind::Loopback),
    // IPv4-compatible, withdrawn by RFC 4291.
    (v6([0, 0, 0, 0, 0, 0, 0, 0], 96), AddressKind::Translated),
    // NAT64 with a local prefix, Teredo, 6to4: where the packet goes is decided elsewhere.
    (v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48), AddressKind::Translated),
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 32), AddressKind::Translated),
    (v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16), AddressKind::Translated),
    (v6([0x2001, 2, 0, 0, 0, 0, 0, 0], 48), AddressKind::Benchmarking),
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), AddressKind::Reserved),
    (v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), AddressKind::Documentation),
    (v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), AddressKind::Documentation),
    (v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7), AddressKind::Private),
    (v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10), AddressKind::LinkLocal),
    (v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8), AddressKind::Multicast),
];

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(groups: [u16; 8], prefix: u8) -> Ipv6Net {
    let [a, b, c, d, e, f, g, h] = groups;
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, e, f, g, h), prefix)
}

#[cfg(test)]
mod tests {
    use super::AddressKind::*;
    use super::*;

    fn strict() -> AddressRules {
        AddressRules::default()
    }

    fn open() -> AddressRules {
        allowing(true, &[])
    }

    fn allowing(private: bool, list: &[&str]) -> AddressRules {
        AddressRules::new(private, &list.iter().map(|entry| entry.to_string()).collect::<Vec<_>>()).unwrap()
    }

    fn judged(rules: &AddressRules, address: &str) -> Option<AddressKind> {
        judged_as(rules, "receiver.example", address)
    }

    fn judged_as(rules: &AddressRules, host: &str, address: &str) -> Option<AddressKind> {
        rules.judge(host, address.parse().unwrap()).err().map(|forbidden| forbidden.kind)
    }

    /// First and last address of each range, and the embedded forms of some.
    #[rustfmt::skip]
    const FORBIDDEN: &[(&str, AddressKind)] = &[
        ("0.0.0.0", Unspecified), ("0.255.255.255", Unspecified),
        ("127.0.0.0", Loopback), ("127.0.0.1", Loopback), ("127.255.255.255", Loopback),
        ("10.0.0.0", Private), ("10.255.255.255", Private),
        ("172.16.0.0", Private), ("172.31.255.255", Private),
        ("192.168.0.0", Private), ("192.168.255.255", Private),
        ("100.64.0.0", Shared), ("100.127.255.255", Shared),
        ("169.254.0.0", LinkLocal), ("169.254.255.255", LinkLocal),
        ("169.254.169.254", Metadata), ("100.100.100.200", Metadata),
        ("192.0.0.192", Metadata), ("168.63.129.16", Metadata),
        ("192.0.0.0", Reserved), ("192.0.0.8", Reserved), ("192.0.0.170", Reserved), ("192.0.0.255", Reserved),
        ("192.0.2.0", Documentation), ("192.0.2.255", Documentation),
        ("198.51.100.0", Documentation), ("198.51.100.255", Documentation),
        ("203.0.113.0", Documentation), ("203.0.113.255", Documentation),
        ("198.18.0.0", Benchmarking), ("198.19.255.255", Benchmarking),
        ("192.88.99.0", Translated), ("192.88.99.255", Translated),
        ("224.0.0.0", Multicast), ("239.255.255.255", Multicast),
        ("240.0.0.0", Reserved), ("255.255.255.255", Reserved),
        ("::", Unspecified), ("::1", Loopback),
        ("::2", Translated), ("::127.0.0.1", Translated), ("::8.8.8.8", Translated),
        ("::ffff:127.0.0.1", Loopback), ("::ffff:7f00:1", Loopback), ("::ffff:0.0.0.0", Unspecified),
        ("::ffff:10.1.2.3", Private), ("::ffff:169.254.169.254", Metadata), ("::ffff:224.0.0.1", Multicast),
        ("::ffff:100.64.0.1", Shared), ("::ffff:203.0.113.1", Documentation),
        ("64:ff9b::7f00:1", Loopback), ("64:ff9b::10.0.0.1", Private), ("64:ff9b::a9fe:a9fe", Metadata),
        ("64:ff9b:1::", Translated), ("64:ff9b:1:ffff:ffff:ffff:ffff:ffff", Translated),
        ("64:ff9b::1:0:0", Reserved), ("100::1", Reserved), ("100:0:0:1::1", Reserved),
        ("2001::1", Translated), ("2001:0:ffff:ffff::1", Translated),
        ("2001:1::1", Reserved), ("2001:20::1", Reserved), ("2001:1ff:ffff::1", Reserved),
        ("2001:2::1", Benchmarking), ("2001:2:0:ffff::1", Benchmarking),
        ("2001:db8::1", Documentation), ("3fff::1", Documentation), ("3fff:fff:ffff::1", Documentation),
        ("2002:7f00:1::", Translated), ("2002:a9fe:a9fe::1", Translated), ("2002:808:808::1", Translated),
        ("fc00::1", Private), ("fd12:3456::1", Private), ("fdff:ffff::1", Private),
        ("fd00:ec2::254", Metadata), ("fd00:ec2::23", Metadata), ("fd20:ce::254", Metadata), ("fd00:42::42", Metadata),
        ("fe80::1", LinkLocal), ("febf:ffff::1", LinkLocal), ("fec0::1", Reserved), ("5f00::1", Reserved),
        ("4000::1", Reserved), ("1fff::1", Reserved), ("e000::1", Reserved),
        ("ff00::", Multicast), ("ff02::1", Multicast), ("ffff:ffff::1", Multicast),
    ];

    const ALLOWED: &[&str] = &[
        "1.1.1.1",
        "8.8.8.8",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "169.253.255.255",
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.0",
        "192.0.3.0",
        "192.88.98.255",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "::ffff:8.8.8.8",
        "64:ff9b::808:808",
        "2001:200::1",
        "2001:4860:4860::8888",
        "2003::1",
        "2606:4700::1111",
        "2620:4f:8000::1",
        "3ffe::1",
        "3fff:1000::1",
    ];

    #[test]
    fn every_special_address_is_forbidden_by_its_kind() {
        for (address, kind) in FORBIDDEN {
            assert_eq!(judged(&strict(), address), Some(*kind), "{address}");
        }
    }

    #[test]
    fn addresses_just_outside_the_ranges_are_allowed() {
        for address in ALLOWED {
            assert_eq!(judged(&strict(), address), None, "{address}");
            assert_eq!(judged(&open(), address), None, "{address}");
        }
    }

    #[test]
    fn allow_private_opens_loopback_private_and_shared_only() {
        for (address, kind) in FORBIDDEN {
            let expected = if kind.is_private() { None } else { Some(*kind) };
            assert_eq!(judged(&open(), address), expected, "{address}");
        }
        for address in ["127.0.0.1", "::1", "::ffff:127.0.0.1", "10.0.0.1", "fd12::1", "100.64.0.1"] {
            assert_eq!(judged(&open(), address), None, "{address}");
        }
    }

    #[test]
    fn the_message_names_the_setting_only_where_it_would_help() {
        let message = |address: &str| strict().judge("a", address.parse().unwrap()).unwrap_err().to_string();
        assert!(message("10.0.0.1").contains("webhooks.allow_private"));
        assert_eq!(message("169.254.169.254"), "169.254.169.254 is a cloud metadata address");
    }

    #[test]
    fn what_is_listed_is_allowed_and_nothing_else_that_is_private() {
        let rules = allowing(false, &["10.1.0.0/16", "fd12::/16", "192.168.1.7", "Receiver.LAN"]);
        for address in
            ["10.1.2.3", "::ffff:10.1.2.3", "64:ff9b::10.1.2.3", "fd12::9", "192.168.1.7", "8.8.8.8"]
        {
            assert_eq!(judged(&rules, address), None, "{address}");
        }
        for address in ["10.2.0.1", "192.168.1.8", "127.0.0.1", "fd13::1"] {
            assert!(judged(&rules, address).is_some(), "{address}");
        }
        for host in ["receiver.lan", "RECEIVER.lan."] {
            assert_eq!(judged_as(&rules, host, "127.0.0.1"), None, "{host}");
        }
        assert_eq!(judged_as(&rules, "a.receiver.lan", "127.0.0.1"), Some(Loopback));
    }

    #[test]
    fn no_list_opens_link_local_and_metadata_addresses() {
        let rules = allowing(true, &["0.0.0.0/0", "::/0", "receiver.lan"]);
        for address in
            ["169.254.169.254", "169.254.1.1", "fe80::1", "fd00:ec2::254", "100.100.100.200", "0.0.0.0"]
        {
            assert!(judged_as(&rules, "receiver.lan", address).is_some(), "{address}");
        }
    }

    #[test]
    fn an_entry_that_means_nothing_is_named() {
        for entry in ["", "10.0.0.0/33", "http://a/", "a b", "a:80", "*.example.com", "1.2.3.4.5"] {
            let error = AddressRules::new(false, &[entry.to_owned()]).unwrap_err();
            assert_eq!(error, BadAllowEntry { entry: entry.to_owned() });
            assert!(error.to_string().starts_with("webhooks.allow: "));
        }
    }
}
