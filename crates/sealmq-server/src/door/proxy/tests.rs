//! Headers as proxies send them, and what is none.

use proptest::prelude::*;

use super::*;

const MAGIC: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
const IPV4: [u8; 12] = [192, 0, 2, 5, 127, 0, 0, 1, 0x18, 0x83, 0x07, 0x5b];

fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len()).expect("a short header").to_be_bytes();
    [MAGIC, &[0x20 | command, family], &length, rest].concat()
}

fn field(kind: u8, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).expect("a short field").to_be_bytes();
    [&[kind], &length[..], value].concat()
}

fn tls(client: u8, verify: u32, fields: &[Vec<u8>]) -> Vec<u8> {
    field(0x20, &[&[client], &verify.to_be_bytes()[..], &fields.concat()].concat())
}

fn with_fields(fields: &[Vec<u8>]) -> Vec<u8> {
    v2(1, 0x11, &[IPV4.to_vec(), fields.concat()].concat())
}

fn client(version: ProxyVersion, bytes: &[u8]) -> ProxiedClient {
    match parse(version, bytes) {
        Ok(Parsed::Header { header: Header::Client(client), bytes: taken }) => {
            assert_eq!(taken, bytes.len());
            client
        }
        other => panic!("{other:?}"),
    }
}

fn at(text: &str) -> Source {
    Source::Ip(text.parse().expect("an address"))
}

#[test]
fn a_line_of_either_family_gives_the_clients_address() {
    let v1 = |line: &str| client(ProxyVersion::V1, line.as_bytes()).source;
    assert_eq!(v1("PROXY TCP4 192.0.2.5 127.0.0.1 6275 1234\r\n"), at("192.0.2.5:6275"));
    assert_eq!(v1("PROXY TCP6 2001:db8::1 ::1 6275 1234\r\n"), at("[2001:db8::1]:6275"));
    let longest = "PROXY TCP6 ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n"
        .replace("ffff:f...f:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
    assert_eq!(v1(&longest), at("[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"));
}

#[test]
fn unknown_says_nothing_whatever_follows() {
    for line in ["PROXY UNKNOWN\r\n", "PROXY UNKNOWN \r\n", "PROXY UNKNOWN ffff::1 ::1 65535 1\r\n"] {
        assert_eq!(
            parse(ProxyVersion::V1, line.as_bytes()),
            Ok(Parsed::Header { header: Header::Unknown, bytes: line.len() })
        );
    }
}

#[test]
fn a_line_that_is_not_its_grammar_is_refused() {
    for line in [
        "PROXY TCP3 192.0.2.5 127.0.0.1 6275 1234\r\n",
        "PROXY TCP4 192.0.2.5 127.0.0.1 6275\r\n",
        "PROXY TCP4 \r\n",
        "PROXY TCP4\r\n",
        "PROXY \r\n",
        "PROXY TCP4 192.0.2.5 127.0.0.1 6275 1234 \r\n",
        "PROXY TCP4  192.0.2.5 127.0.0.1 6275 1234\r\n",
        "PROXY TCP4 192.0.2.5 127.0.0.1 6275 0\r\n",
        "PROXY TCP4 192.0.2.5 127.0.0.1 65536 1\r\n",
        "PROXY TCP4 192.0.2.5 127.0.0.1 +1 1\r\n",
        "PROXY TCP4 192.0.2.256 127.0.0.1 6275 1234\r\n",
        "PROXY TCP4 ::1 ::1 6275 1234\r\n",
        "PROXY TCP6 192.0.2.5 127.0.0.1 6275 1234\r\n",
        "PROXY TCP4 192.0.2.5 127.0.0.\u{e9} 6275 1234\r\n",
    ] {
        assert!(matches!(parse(ProxyVersion::V1, line.as_bytes()), Err(HeaderError::Text(_))), "{line:?}");
    }
}

#[test]
fn a_line_is_bounded_and_another_protocol_is_known_by_its_first_bytes() {
    let endless = [b"PROXY UNKNOWN ".as_slice(), &[b'x'; 200]].concat();
    assert_eq!(parse(ProxyVersion::V1, &endless[..106]), Ok(Parsed::Incomplete));
    assert!(parse(ProxyVersion::V1, &endless[..107]).is_err());
    assert!(parse(ProxyVersion::V1, &[&endless[..], b"\r\n"].concat()).is_err());
    for other in [&b"\x10"[..], b"\x16\x03\x01", b"GET / HTTP/1.1\r\n", MAGIC] {
        assert!(parse(ProxyVersion::V1, other).is_err());
    }
    for other in [&b"\x10"[..], b"\x16\x03\x01", b"GET", b"PROXY"] {
        assert!(parse(ProxyVersion::V2, other).is_err());
    }
}

#[test]
fn every_piece_of_a_header_is_incomplete_and_what_follows_it_is_left_alone() {
    let headers = [
        (ProxyVersion::V1, b"PROXY TCP4 192.0.2.5 127.0.0.1 6275 1234\r\n".to_vec()),
        (ProxyVersion::V2, with_fields(&[tls(5, 0, &[field(0x22, b"device-1")])])),
        (ProxyVersion::V2, v2(0, 0, b"")),
    ];
    for (version, header) in headers {
        for end in 0..header.len() {
            assert_eq!(parse(version, &header[..end]), Ok(Parsed::Incomplete), "{end}");
        }
        let followed = [header.as_slice(), b"\x10\x0c\0\x04MQTT"].concat();
        assert!(
            matches!(parse(version, &followed), Ok(Parsed::Header { bytes, .. }) if bytes == header.len())
        );
    }
}

#[test]
fn a_binary_header_gives_the_clients_address() {
    assert_eq!(client(ProxyVersion::V2, &v2(1, 0x11, &IPV4)).source, at("192.0.2.5:6275"));
    let mut ipv6 = [0; 36];
    ipv6[..4].copy_from_slice(&[0x20, 1, 0x0d, 0xb8]);
    ipv6[15] = 1;
    ipv6[32..34].copy_from_slice(&6275_u16.to_be_bytes());
    assert_eq!(client(ProxyVersion::V2, &v2(1, 0x21, &ipv6)).source, at("[2001:db8::1]:6275"));
}

#[test]
fn a_unix_path_may_be_cut_short_and_fields_stand_behind_both_paths() {
    let short = client(ProxyVersion::V2, &v2(1, 0x31, b"/path"));
    assert_eq!(short.source, Source::Unix("/path".into()));
    let mut both = vec![0; 216];
    both[..5].copy_from_slice(b"/path");
    both.extend(tls(1, 1, &[]));
    let long = client(ProxyVersion::V2, &v2(1, 0x31, &both));
    assert_eq!(long.source, Source::Unix("/path".into()));
    assert!(long.tls.is_some());
}

#[test]
fn local_is_local_whatever_address_it_gives() {
    for header in [v2(0, 0, b""), v2(0, 0x11, &IPV4), v2(0, 0xff, b"x")] {
        assert!(matches!(parse(ProxyVersion::V2, &header), Ok(Parsed::Header { header: Header::Local, .. })));
    }
}

#[test]
fn what_the_proxy_knows_of_tls() {
    let fields =
        [field(0x21, b"TLSv1.3"), field(0x23, b"pqrstuv"), field(0x22, b"device-1"), field(0x24, b"RSA")];
    let found = client(ProxyVersion::V2, &with_fields(&[field(2, b"host"), tls(5, 0, &fields)])).tls;
    assert_eq!(
        found,
        Some(ProxiedTls {
            certificate: ProxiedCertificate::Verified,
            version: Some("TLSv1.3".to_owned()),
            cipher: Some("pqrstuv".to_owned()),
            common_name: Some(b"device-1".to_vec()),
        })
    );
}

#[test]
fn a_certificate_counts_as_verified_only_with_both_bits_and_a_verification_of_zero() {
    let found = |bits, verify| client(ProxyVersion::V2, &with_fields(&[tls(bits, verify, &[])])).tls;
    assert_eq!(found(5, 0).map(|tls| tls.certificate), Some(ProxiedCertificate::Verified));
    assert_eq!(found(7, 0).map(|tls| tls.certificate), Some(ProxiedCertificate::Verified));
    assert_eq!(found(5, 1).map(|tls| tls.certificate), Some(ProxiedCertificate::Unverified));
    assert_eq!(found(1, 0).map(|tls| tls.certificate), Some(ProxiedCertificate::None));
    assert_eq!(found(3, 0).map(|tls| tls.certificate), Some(ProxiedCertificate::None));
    assert_eq!(found(4, 0), None, "a certificate without TLS is none");
    assert_eq!(found(0, u32::MAX), None, "haproxy's word for a client without TLS");
}

#[test]
fn broken_binary_headers_are_refused() {
    let prefix = |bytes: &[u8]| [MAGIC, bytes].concat();
    for (header, what) in [
        (prefix(&[0x31, 0x11, 0, 12]), "version"),
        (prefix(&[0x23, 0x11, 0, 12]), "command"),
        (prefix(&[0x21, 0x00, 0, 12]), "an unspecified family"),
        (prefix(&[0x21, 0x12, 0, 12]), "UDP"),
        (prefix(&[0x21, 0x11, 0, 11]), "too short for IPv4"),
        (prefix(&[0x21, 0x21, 0, 35]), "too short for IPv6"),
        (prefix(&[0x21, 0x11, 0x01, 0xf5]), "501 bytes"),
        (prefix(&[0x20, 0x00, 0xff, 0xff]), "a long health check"),
    ] {
        assert!(matches!(parse(ProxyVersion::V2, &header), Err(HeaderError::Binary(_))), "{what}");
    }
    for family in [0x11, 0x21, 0x31] {
        assert_eq!(parse(ProxyVersion::V2, &prefix(&[0x21, family, 0, 0])), Err(HeaderError::Empty));
    }
}

#[test]
fn broken_fields_are_refused_and_the_address_is_told() {
    let subfield_too_long = [&[5, 0, 0, 0, 0, 0x21, 0, 7][..], b"TLSv1."].concat();
    for (fields, what) in [
        (vec![0x20, 0, 1, 0x21], "TLS shorter than 5 bytes"),
        (vec![2, 0], "no length"),
        (vec![2, 0, 9, 1], "longer than the header"),
        (field(0x20, &subfield_too_long), "a subfield longer than its field"),
        ([tls(1, 1, &[]), tls(5, 0, &[])].concat(), "TLS twice"),
        ([tls(0, 1, &[]), tls(5, 0, &[])].concat(), "TLS twice, once to say no"),
        (tls(5, 0, &[field(0x22, b"a"), field(0x22, b"b")]), "two common names"),
        (field(3, &[0; 4]), "a wrong CRC32C"),
        (field(3, &[0; 3]), "a short CRC32C"),
    ] {
        let header = v2(1, 0x11, &[&IPV4[..], &fields].concat());
        let Err(HeaderError::Fields { address, .. }) = parse(ProxyVersion::V2, &header) else {
            panic!("{what} was taken");
        };
        assert_eq!(address, at("192.0.2.5:6275"));
    }
}

#[test]
fn a_checksum_that_matches_is_taken() {
    let mut header = with_fields(&[field(3, &[0; 4]), tls(5, 0, &[])]);
    let at = MAGIC.len() + 4 + IPV4.len() + 3;
    // From another implementation, over the header with zeros in its place.
    header[at..at + 4].copy_from_slice(&CHECKSUM.to_be_bytes());
    assert!(client(ProxyVersion::V2, &header).tls.is_some());
    header[20] ^= 1;
    assert!(parse(ProxyVersion::V2, &header).is_err());
}

const CHECKSUM: u32 = 0x033b_453c;

proptest! {
    #[test]
    fn no_bytes_make_it_panic_or_take_more_than_there_is(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        crate::fuzzing::proxy_header(&bytes);
    }

    #[test]
    fn no_fields_make_it_panic(rest in prop::collection::vec(any::<u8>(), 0..520), family in 0_u8..0x40) {
        crate::fuzzing::proxy_header(&v2(1, family, &rest));
    }
}
