//! From where somebody talks to us.

use std::net::{IpAddr, Ipv6Addr};

use axum::http::{HeaderMap, HeaderName};

/// The other end of the connection that a request came over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// What counts as one address: all of version 4, the network (/64) of version 6, which is what one customer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ClientAddress(IpAddr);

impl ClientAddress {
    /// The address that a request comes from: the other end, or, behind a proxy whose `header` is trusted, the last
    /// address in it, which is the one that the proxy itself has seen. What a client has put in front is not looked at.
    pub(crate) fn of(peer: Peer, headers: &HeaderMap, header: Option<&HeaderName>) -> Self {
        let told = header.and_then(|header| headers.get_all(header).iter().next_back());
        let last = told.and_then(|told| told.to_str().ok()?.rsplit(',').next()?.trim().parse().ok());
        Self(network(last.unwrap_or(peer.0)))
    }
}

fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64))),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(peer: &str, sent: &[&str], header: Option<&str>) -> IpAddr {
        let name = HeaderName::from_static("x-forwarded-for");
        let mut headers = HeaderMap::new();
        for value in sent {
            headers.append(&name, value.parse().unwrap());
        }
        let header = header.map(|header| header.parse().unwrap());
        ClientAddress::of(Peer(peer.parse().unwrap()), &headers, header.as_ref()).0
    }

    #[test]
    fn nobody_says_by_a_header_where_they_are_unless_it_is_trusted() {
        let trusted = Some("X-Forwarded-For");
        for (sent, header, found) in [
            (&["1.1.1.1"][..], None, "9.9.9.9"),
            (&[], trusted, "9.9.9.9"),
            (&["1.1.1.1"], trusted, "1.1.1.1"),
            (&["6.6.6.6, 1.1.1.1"], trusted, "1.1.1.1"),
            (&["6.6.6.6", "7.7.7.7,1.1.1.1"], trusted, "1.1.1.1"),
            (&["1.1.1.1, nonsense"], trusted, "9.9.9.9"),
            (&["1.1.1.1"], Some("x-real-ip"), "9.9.9.9"),
        ] {
            assert_eq!(of("9.9.9.9", sent, header), found.parse::<IpAddr>().unwrap(), "{sent:?} {header:?}");
        }
    }

    #[test]
    fn a_network_of_version_6_is_one_address() {
        assert_eq!(of("2001:db8:1:2:3:4:5:6", &[], None), of("2001:db8:1:2:ffff::", &[], None));
        assert_ne!(of("2001:db8:1:2::", &[], None), of("2001:db8:1:3::", &[], None));
        assert_eq!(of("::ffff:1.2.3.4", &[], None), of("1.2.3.4", &[], None));
    }
}
