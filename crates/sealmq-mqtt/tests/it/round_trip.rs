//! decode ∘ encode = identity, for every packet of every version.

use crate::{generators::spec, wire::limits};
use proptest::prelude::*;
use sealmq_mqtt::{Decoded, decode, encode, encoded_len};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn what_is_encoded_decodes_to_the_same_packet(spec in spec()) {
        let packet = spec.packet();
        let mut out = b"before".to_vec();
        encode(&packet, spec.version, &mut out).unwrap();
        let bytes = &out[6..];
        prop_assert_eq!(bytes.len(), encoded_len(&packet, spec.version).unwrap());
        let again = decode(bytes, spec.version, &limits(spec.sender()));
        prop_assert_eq!(again, Ok(Decoded::Packet { packet, len: bytes.len() }));
    }

    #[test]
    fn what_follows_a_packet_is_left_alone(spec in spec(), tail in proptest::collection::vec(any::<u8>(), 0..20)) {
        let packet = spec.packet();
        let mut out = Vec::new();
        encode(&packet, spec.version, &mut out).unwrap();
        let len = out.len();
        out.extend(tail);
        prop_assert_eq!(decode(&out, spec.version, &limits(spec.sender())), Ok(Decoded::Packet { packet, len }));
    }

    #[test]
    fn every_front_of_a_packet_is_incomplete(spec in spec()) {
        let mut out = Vec::new();
        encode(&spec.packet(), spec.version, &mut out).unwrap();
        for cut in 0..out.len() {
            match decode(&out[..cut], spec.version, &limits(spec.sender())) {
                Ok(Decoded::Incomplete { need }) => {
                    prop_assert!(need > cut && need <= out.len(), "need {} of {} at {}", need, out.len(), cut);
                }
                other => prop_assert!(false, "cut at {}: {:?}", cut, other),
            }
        }
    }
}
