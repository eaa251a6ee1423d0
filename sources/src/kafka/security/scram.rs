//! SCRAM (RFC 5802, with SHA-256 as of RFC 7677, and SHA-512): the client's side as a machine without I/O, which takes the
//! server's messages and gives its own. The fake cluster shares the arithmetic.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256, Sha512};

use super::{SaslMechanism, ScramError, Secret};

/// How many iterations a server may ask for. RFC 7677 sets the first; the last takes a second or so.
const ITERATIONS: std::ops::RangeInclusive<u64> = 4_096..=1_000_000;

/// What stands before the messages of a client that binds to no channel.
const GS2_HEADER: &str = "n,,";

/// Which hash is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hash {
    Sha256,
    Sha512,
}

/// Calls an expression with `$digest` as the type of the hash.
macro_rules! by_hash {
    ($hash:expr, $digest:ident => $then:expr) => {
        match $hash {
            Hash::Sha256 => {
                type $digest = Sha256;
                $then
            }
            Hash::Sha512 => {
                type $digest = Sha512;
                $then
            }
        }
    };
}

impl Hash {
    /// That of a mechanism; `None` for PLAIN, which has none.
    pub(crate) fn of(mechanism: SaslMechanism) -> Option<Self> {
        match mechanism {
            SaslMechanism::Plain => None,
            SaslMechanism::ScramSha256 => Some(Self::Sha256),
            SaslMechanism::ScramSha512 => Some(Self::Sha512),
        }
    }

    /// `H(data)`.
    pub(crate) fn digest(self, data: &[u8]) -> Vec<u8> {
        by_hash!(self, D => D::digest(data).to_vec())
    }

    /// `HMAC(key, data)`.
    pub(crate) fn mac(self, key: &[u8], data: &[u8]) -> Vec<u8> {
        by_hash!(self, D => {
            let mut mac = Hmac::<D>::new_from_slice(key).expect("a key may have any length");
            mac.update(data);
            mac.finalize().into_bytes().to_vec()
        })
    }

    /// Whether `mac` is `HMAC(key, data)`, in constant time.
    pub(crate) fn is_mac(self, key: &[u8], data: &[u8], mac: &[u8]) -> bool {
        by_hash!(self, D => {
            let mut own = Hmac::<D>::new_from_slice(key).expect("a key may have any length");
            own.update(data);
            own.verify_slice(mac).is_ok()
        })
    }

    /// `Hi(password, salt, iterations)`, which is PBKDF2.
    pub(crate) fn salted(self, password: &[u8], salt: &[u8], iterations: u32) -> Vec<u8> {
        by_hash!(self, D => {
            let mut salted = vec![0; <D as Digest>::output_size()];
            pbkdf2::pbkdf2_hmac::<D>(password, salt, iterations, &mut salted);
            salted
        })
    }
}

/// A client that has sent its first message.
#[derive(Debug)]
pub(crate) struct ScramClient {
    hash: Hash,
    password: Secret,
    nonce: String,
    first_bare: String,
}

/// A client that has sent its last message.
#[derive(Debug)]
pub(crate) struct ScramProof {
    hash: Hash,
    server_key: Secret,
    auth_message: String,
}

impl ScramClient {
    /// Begins: the client, and its first message. The nonce has to be unforeseeable, and printable without a comma.
    pub(crate) fn begin(hash: Hash, user: &str, password: Secret, nonce: String) -> (Self, String) {
        let user = user.replace('=', "=3D").replace(',', "=2C");
        let first_bare = format!("n={user},r={nonce}");
        let first = format!("{GS2_HEADER}{first_bare}");
        (Self { hash, password, nonce, first_bare }, first)
    }

    /// Takes the server's first message: what is left to check, and the client's last message.
    pub(crate) fn prove(self, server_first: &[u8]) -> Result<(ScramProof, String), ScramError> {
        let server_first = text(server_first)?;
        let challenge = Challenge::parse(server_first)?;
        // One that is ours alone would let an old exchange be played again.
        if !challenge.nonce.starts_with(&self.nonce) || challenge.nonce.len() == self.nonce.len() {
            return Err(ScramError::Nonce);
        }
        if !ITERATIONS.contains(&challenge.iterations) {
            return Err(ScramError::Iterations(challenge.iterations));
        }
        let iterations = u32::try_from(challenge.iterations).unwrap_or(u32::MAX);
        let hash = self.hash;
        let salted = hash.salted(self.password.expose(), &challenge.salt, iterations);
        let client_key = hash.mac(&salted, b"Client Key");
        let without_proof = format!("c={},r={}", STANDARD.encode(GS2_HEADER), challenge.nonce);
        let auth_message = format!("{},{server_first},{without_proof}", self.first_bare);
        let signature = hash.mac(&hash.digest(&client_key), auth_message.as_bytes());
        let proof: Vec<u8> =
            client_key.iter().zip(&signature).map(|(key, signature)| key ^ signature).collect();
        let server_key = Secret::new(hash.mac(&salted, b"Server Key"));
        let last = format!("{without_proof},p={}", STANDARD.encode(proof));
        Ok((ScramProof { hash, server_key, auth_message }, last))
    }
}

impl ScramProof {
    /// Takes the server's last message, by which it proves that it knows the password too.
    pub(crate) fn check(&self, server_last: &[u8]) -> Result<(), ScramError> {
        let first = text(server_last)?.split(',').next().unwrap_or_default();
        if let Some(error) = first.strip_prefix("e=") {
            return Err(ScramError::Server(error.chars().take(100).collect()));
        }
        let signature =
            first.strip_prefix("v=").ok_or(ScramError::Malformed("the last message has no signature"))?;
        let signature = STANDARD
            .decode(signature)
            .map_err(|_| ScramError::Malformed("the signature is not of base 64"))?;
        if self.hash.is_mac(self.server_key.expose(), self.auth_message.as_bytes(), &signature) {
            Ok(())
        } else {
            Err(ScramError::Signature)
        }
    }
}

/// The server's first message.
struct Challenge<'a> {
    nonce: &'a str,
    salt: Vec<u8>,
    iterations: u64,
}

impl<'a> Challenge<'a> {
    fn parse(text: &'a str) -> Result<Self, ScramError> {
        let mut parts = text.split(',');
        let mut next = |prefix, else_say| match parts.next() {
            Some(part) if part.starts_with("e=") => {
                Err(ScramError::Server(part[2..].chars().take(100).collect()))
            }
            // An extension that has to be understood, which none is here.
            Some(part) if part.starts_with("m=") => Err(ScramError::Malformed("it has an unknown extension")),
            part => part.and_then(|part| part.strip_prefix(prefix)).ok_or(ScramError::Malformed(else_say)),
        };
        let nonce = next("r=", "the first message has no nonce")?;
        let salt = next("s=", "the first message has no salt")?;
        let iterations = next("i=", "the first message has no iterations")?;
        if nonce.is_empty() || !nonce.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ScramError::Malformed("the nonce has other bytes than a nonce may"));
        }
        let salt = STANDARD.decode(salt).map_err(|_| ScramError::Malformed("the salt is not of base 64"))?;
        if salt.is_empty() {
            return Err(ScramError::Malformed("the salt is empty"));
        }
        if iterations.is_empty() || !iterations.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(ScramError::Malformed("the iterations are no number"));
        }
        // One that no number can hold is too large all the same.
        let iterations = iterations.parse().unwrap_or(u64::MAX);
        Ok(Self { nonce, salt, iterations })
    }
}

fn text(message: &[u8]) -> Result<&str, ScramError> {
    std::str::from_utf8(message).map_err(|_| ScramError::Malformed("it is not of UTF-8"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The exchange in RFC 7677.
    const FIRST: &str =
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
    const LAST: &str = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

    fn client() -> ScramClient {
        let nonce = "rOprNGfwEbeRWgbNEkqO".to_owned();
        ScramClient::begin(Hash::Sha256, "user", Secret::new("pencil"), nonce).0
    }

    #[test]
    fn the_exchange_of_rfc_7677_is_as_it_stands_there() {
        let (client, first) = ScramClient::begin(
            Hash::Sha256,
            "user",
            Secret::new("pencil"),
            "rOprNGfwEbeRWgbNEkqO".to_owned(),
        );
        assert_eq!(first, "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        let (proof, last) = client.prove(FIRST.as_bytes()).unwrap();
        assert_eq!(
            last,
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        assert_eq!(proof.check(LAST.as_bytes()), Ok(()));
        assert!(!format!("{proof:?}").contains("pencil"));
    }

    #[test]
    fn commas_and_equals_signs_in_a_name_are_spelt_out() {
        let (_, first) = ScramClient::begin(Hash::Sha512, "a=b,c", Secret::new("p"), "n".to_owned());
        assert_eq!(first, "n,,n=a=3Db=2Cc,r=n");
    }

    #[test]
    fn a_hostile_server_is_found_out() {
        let prove = |message: &str| client().prove(message.as_bytes()).map(|_| ()).unwrap_err();
        let with = |from: &str, to: &str| prove(&FIRST.replace(from, to));
        assert_eq!(with("%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0", ""), ScramError::Nonce);
        assert_eq!(with("rOprNG", "rOprNg"), ScramError::Nonce);
        assert_eq!(with("i=4096", "i=1"), ScramError::Iterations(1));
        assert_eq!(with("i=4096", "i=4095"), ScramError::Iterations(4_095));
        assert_eq!(with("i=4096", "i=2147483648"), ScramError::Iterations(1 << 31));
        assert_eq!(with("i=4096", "i=99999999999999999999999"), ScramError::Iterations(u64::MAX));
        assert_eq!(with("i=4096", "i=-1"), ScramError::Malformed("the iterations are no number"));
        assert_eq!(with("s=W2", "s=!!"), ScramError::Malformed("the salt is not of base 64"));
        assert_eq!(with("r=rOp", "m=x,r=rOp"), ScramError::Malformed("it has an unknown extension"));
        assert_eq!(prove("e=other-error"), ScramError::Server("other-error".to_owned()));
        assert!(matches!(prove(""), ScramError::Malformed(_)));
        assert!(matches!(client().prove(&[0xff]), Err(ScramError::Malformed(_))));

        let (proof, _) = client().prove(FIRST.as_bytes()).unwrap();
        let check = |message: &str| proof.check(message.as_bytes()).unwrap_err();
        assert_eq!(check(&LAST.replace("6rri", "7rri")), ScramError::Signature);
        assert_eq!(check("v="), ScramError::Signature);
        assert_eq!(check("v=*"), ScramError::Malformed("the signature is not of base 64"));
        assert_eq!(check("e=invalid-proof"), ScramError::Server("invalid-proof".to_owned()));
        assert_eq!(check(""), ScramError::Malformed("the last message has no signature"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn no_message_makes_the_client_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "[resivm=,0-9A-Za-z+/]{0,60}") {
            let _ = client().prove(&bytes);
            let _ = client().prove(text.as_bytes());
            let (proof, _) = client().prove(FIRST.as_bytes()).unwrap();
            prop_assert!(proof.check(&bytes).is_err());
            prop_assert!(proof.check(text.as_bytes()).is_err());
        }
    }
}
