//! An issuer, a leaf, and answers about it: good ones, and every kind that must not be believed.

use std::sync::Arc;

use sealmq_pki::crl::Reason;
use sealmq_pki::ocsp::{
    Answer, CertId, Draft, Good, HashAlgorithm, Question, Refused, ResponderId, Status, verify,
};
use sealmq_pki::{
    Ca, CaSubject, Certificate, End, Facts, Holder, HostName, LeafRequest, Signer, SoftKey, Timestamp,
    issue_leaf, issue_root,
};

use crate::asn1::{ECDSA_SHA256, der, seq};
use crate::fixture::{NOW, key, serial};

/// 1.3.6.1.5.5.7, then these arcs.
const PKIX: [u8; 6] = [0x2b, 6, 1, 5, 5, 7];
pub(crate) const OCSP_SIGNING: [u8; 2] = [3, 9];
pub(crate) const SERVER_AUTH: [u8; 2] = [3, 1];

pub(crate) fn pkix(arcs: &[u8]) -> Vec<u8> {
    der(0x06, &[PKIX.as_slice(), arcs].concat())
}

pub(crate) struct Issuer {
    pub(crate) key: Arc<SoftKey>,
    pub(crate) ca: Ca,
    pub(crate) leaf: Certificate,
}

impl Issuer {
    pub(crate) fn new() -> Issuer {
        Issuer::at(NOW)
    }

    pub(crate) fn at(now: Timestamp) -> Issuer {
        let key = key();
        let ca = issue_root(key.clone(), &CaSubject::root("test 4f2a", 1).unwrap(), serial(1), now).unwrap();
        let hosts = [HostName::parse("broker.example").unwrap()];
        let leaf_key = SoftKey::generate().unwrap();
        let request = LeafRequest {
            holder: Holder::Server(&hosts),
            public_key: leaf_key.public_key(),
            serial: serial(3),
            now,
            end: End::Profile,
        };
        let leaf = issue_leaf(&ca, &request).unwrap();
        Issuer { key, ca, leaf }
    }

    pub(crate) fn id(&self, hash: HashAlgorithm) -> CertId {
        CertId::new(hash, self.ca.facts(), &self.leaf.facts().serial)
    }

    /// "Good" about the leaf, for an hour around [`NOW`].
    pub(crate) fn answer(&self) -> Answer {
        Answer {
            id: self.id(HashAlgorithm::Sha1),
            status: Status::Good,
            this_update: NOW.plus_secs(-1800),
            next_update: Some(NOW.plus_secs(1800)),
        }
    }

    /// The answer in the issuer's own name.
    pub(crate) fn draft(&self, answers: Vec<Answer>) -> Draft {
        Draft { responder: ResponderId::by_key(self.ca.facts()), produced_at: NOW, answers, nonce: None }
    }

    pub(crate) fn signed(&self, answers: Vec<Answer>) -> Vec<u8> {
        self.draft(answers).sign(self.key.as_ref(), &[]).unwrap()
    }

    pub(crate) fn question(&self) -> Question<'_> {
        Question { certificate: self.leaf.facts(), issuer: self.ca.facts(), nonce: None, now: NOW }
    }

    pub(crate) fn verify(&self, response: &[u8]) -> Result<Good, Refused> {
        verify(response, &self.question())
    }

    /// What comes of this one answer, signed by the issuer.
    pub(crate) fn verdict(&self, answer: Answer) -> Result<Good, Refused> {
        self.verify(&self.signed(vec![answer]))
    }
}

pub(crate) const REVOKED: Status =
    Status::Revoked { at: Timestamp::from_secs(NOW.as_secs() - 60), reason: Reason::KeyCompromise };

/// A certificate by hand, with whatever extensions.
pub(crate) struct Handmade<'a> {
    pub(crate) issuer: &'a Facts,
    pub(crate) signer: &'a SoftKey,
    pub(crate) public_key: &'a SoftKey,
    pub(crate) dates: [&'a [u8]; 2],
    pub(crate) extensions: Vec<Vec<u8>>,
}

/// UTCTime around [`NOW`].
pub(crate) const DATES: [&[u8]; 2] = [b"260501000000Z", b"260701000000Z"];

impl<'a> Handmade<'a> {
    /// A responder's certificate as it should be.
    pub(crate) fn responder(issuer: &'a Issuer, public_key: &'a SoftKey) -> Handmade<'a> {
        Handmade {
            issuer: issuer.ca.facts(),
            signer: &issuer.key,
            public_key,
            dates: DATES,
            extensions: vec![purposes(&[pkix(&OCSP_SIGNING)])],
        }
    }

    pub(crate) fn certificate(&self) -> Certificate {
        let cn = seq(&[der(0x06, &[0x55, 0x04, 0x03]), der(0x0c, b"responder")]);
        let tbs = seq(&[
            der(0xa0, &der(0x02, &[2])),
            der(0x02, &[9]),
            ECDSA_SHA256.to_vec(),
            self.issuer.subject.der().to_vec(),
            seq(&[der(0x17, self.dates[0]), der(0x17, self.dates[1])]),
            seq(&[der(0x31, &cn)]),
            self.public_key.public_key().spki_der().to_vec(),
            der(0xa3, &seq(&self.extensions)),
        ]);
        let signature = self.signer.sign(&tbs).unwrap();
        let whole = seq(&[tbs, ECDSA_SHA256.to_vec(), der(0x03, &[&[0], signature.as_slice()].concat())]);
        Certificate::from_der(whole).unwrap()
    }
}

/// An extension of a certificate or of a message.
pub(crate) fn extension(oid: Vec<u8>, critical: bool, value: &[u8]) -> Vec<u8> {
    let mut parts = vec![oid];
    if critical {
        parts.push(der(0x01, &[0xff]));
    }
    parts.push(der(0x04, value));
    seq(&parts)
}

/// extendedKeyUsage.
pub(crate) fn purposes(oids: &[Vec<u8>]) -> Vec<u8> {
    extension(der(0x06, &[0x55, 0x1d, 37]), false, &seq(oids))
}

/// An OCSPResponse around these parts of a BasicOCSPResponse, signed.
pub(crate) fn response_around(tbs: &[u8], algorithm: &[u8], key: &SoftKey) -> Vec<u8> {
    let signature = der(0x03, &[&[0], key.sign(tbs).unwrap().as_slice()].concat());
    successful(&seq(&[tbs.to_vec(), algorithm.to_vec(), signature]))
}

/// An OCSPResponse around a BasicOCSPResponse.
pub(crate) fn successful(basic: &[u8]) -> Vec<u8> {
    let bytes = seq(&[pkix(&[48, 1, 1]), der(0x04, basic)]);
    seq(&[der(0x0a, &[0]), der(0xa0, &bytes)])
}

/// A ResponseData: responder by key, one answer made of these parts, and whatever follows.
pub(crate) fn data(issuer: &Issuer, single: &[Vec<u8>], rest: &[Vec<u8>]) -> Vec<u8> {
    let ResponderId::KeyHash(hash) = ResponderId::by_key(issuer.ca.facts()) else { unreachable!() };
    let mut parts = vec![der(0xa2, &der(0x04, &hash)), der(0x18, b"20260601000000Z"), seq(&[seq(single)])];
    parts.extend_from_slice(rest);
    seq(&parts)
}

/// The parts of a single answer that says "good" about the leaf now.
pub(crate) fn single(issuer: &Issuer) -> Vec<Vec<u8>> {
    vec![
        issuer.id(HashAlgorithm::Sha1).der().to_vec(),
        der(0x80, &[]),
        der(0x18, b"20260531234500Z"),
        der(0xa0, &der(0x18, b"20260601010000Z")),
    ]
}
