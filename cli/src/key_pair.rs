//! An RSA key pair, as a vendor makes two of them for IBKR.

use getrandom::SysRng;
use rsa::PrivateKey;
use rsa::pkcs8::{EncodePrivateKey, EncodePublicKey, LineEnding};
use rsa::rand_core::UnwrapErr;

use crate::error::CourierError;

/// What the broker asks for (IBKR Web API, commands).
const KEY_BITS: usize = 2_048;

/// A key pair. Not `Debug`: a half of it is private.
pub(crate) struct KeyPair {
    pub(crate) private_pem: String,
    pub(crate) public_pem: String,
}

impl KeyPair {
    /// Makes two pairs, on threads of their own.
    pub(crate) async fn make_two() -> Result<[Self; 2], CourierError> {
        let [one, other] = [(); 2].map(|()| tokio::task::spawn_blocking(Self::make));
        Ok([one.await.map_err(failed)??, other.await.map_err(failed)??])
    }

    fn make() -> Result<Self, CourierError> {
        let key = PrivateKey::new(&mut UnwrapErr(SysRng), KEY_BITS).map_err(failed)?;
        Ok(Self {
            private_pem: key.to_pkcs8_pem(LineEnding::LF).map_err(failed)?.to_string(),
            public_pem: key.to_public_key().to_public_key_pem(LineEnding::LF).map_err(failed)?,
        })
    }
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> CourierError {
    CourierError::Machine { doing: "making an RSA key pair", source: error.into() }
}
