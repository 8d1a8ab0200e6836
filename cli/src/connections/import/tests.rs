//! A first party's token, at the paper broker.

use broker::{
    Api, BrokerAddress, Consumer, ConsumerIdentity, DiffieHellmanParameters, EncryptionKey, HttpTransport,
    QuerySigning, SignatureKey,
};
use domain::{ConnectionStatus, Secret, SessionState};
use paper_broker::{ConsumerRegistration, MachineClock, MachineEntropy, Options, PaperBroker, Serving, User};
use sessions::{End, EndedBy};
use store::{Sealer, SealingKeys};

use super::*;
use crate::testing::World;

const SIGNATURE: &str = include_str!("../../../../shared/broker/tests/it/keys/private_signature.pem");
const ENCRYPTION: &str = include_str!("../../../../shared/broker/tests/it/keys/private_encryption.pem");
const DHPARAM: &str = include_str!("../../../../shared/broker/tests/it/keys/dhparam.pem");
const CONSUMER: &str = "COURIERXX";

async fn first_party(paper: &PaperBroker) -> (Api, Serving) {
    let registration = ConsumerRegistration {
        consumer_key: CONSUMER.to_owned(),
        public_signature_pem: include_str!("../../../../shared/broker/tests/it/keys/public_signature.pem").to_owned(),
        public_encryption_pem: include_str!("../../../../shared/broker/tests/it/keys/public_encryption.pem").to_owned(),
        dhparam_pem: DHPARAM.to_owned(),
        callback_url: String::new(),
        first_party: true,
        active: true,
    };
    paper.register_consumer(&registration).unwrap();
    let accounts = vec!["DU0000001".to_owned()];
    paper.register_user(User { username: "owner".to_owned(), paper: true, accounts }).unwrap();
    paper.change_options(|options| options.established_delay_ms = 0);
    let serving = paper.serve_locally().await.unwrap();
    let url: url::Url = format!("{}/v1/api", serving.url()).parse().unwrap();
    let address = BrokerAddress { api: url.clone(), authorize: url, query_signing: QuerySigning::Omit };
    let transport = Arc::new(HttpTransport::new().unwrap());
    (Api::new(address, transport, Arc::new(MachineClock), Arc::new(MachineEntropy)), serving)
}

#[tokio::test]
async fn a_first_partys_token_becomes_a_connection_and_is_ended_by_the_operator() {
    let paper = PaperBroker::new(Arc::new(MachineClock), Arc::new(MachineEntropy), Options::default());
    let (api, _serving) = first_party(&paper).await;
    let World { store, .. } = World::new().await;
    let keys = SealingKeys { current: Secret::new("0123456789abcdef0123456789abcdef".to_owned()), other: None };
    let sealer = Arc::new(Sealer::new(&keys).unwrap());
    let tokens = access::Tokens::new(sealer, Arc::new(SystemEntropy));
    let connections = store.connections.clone();
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy));
    let sharing = domain::AccountSharing::Refused;
    let import = Import { connections, tokens: tokens.clone(), sharing, clock: clock.clone(), entropy };
    let consumer = Consumer::new(
        api.clone(),
        ConsumerIdentity::new(CONSUMER, None).unwrap(),
        SignatureKey::from_pem(SIGNATURE).unwrap(),
        DiffieHellmanParameters::from_pem(DHPARAM).unwrap(),
    );
    let (user, key) = ("u-7".parse().unwrap(), EncryptionKey::from_pem(ENCRYPTION).unwrap());
    let granted = paper.grant(CONSUMER, "owner").unwrap();
    let secret = Secret::new(granted.access_token_secret);
    let token = AccessToken::new(&granted.access_token).unwrap();

    let wrong_key = EncryptionKey::from_pem(SIGNATURE).unwrap();
    assert!(import.import(&consumer, &wrong_key, &user, token.clone(), &secret).await.is_err());
    assert!(store.connections.list(&user).await.unwrap().is_empty(), "nothing is kept before the proof");

    let connection = import.import(&consumer, &key, &user, token, &secret).await.unwrap();
    assert_eq!(connection.status, ConnectionStatus::Connected);
    assert_eq!(connection.accounts, ["DU0000001".parse().unwrap()]);
    assert!(matches!(connection.session, SessionState::Established { .. }), "{:?}", connection.last_error);
    assert!(connection.next_renewal_at.is_some());
    let (listed, more) = crate::connections::list(&store.connections, None).await.unwrap();
    assert_eq!((listed, more), (vec![connection.clone()], false));

    let end = End { connections: store.connections.clone(), tokens, api, readers: None, clock };
    end.end_by(EndedBy::Operator, &user, &connection.connection_id).await.unwrap();
    let ended = store.connections.get(&user, &connection.connection_id).await.unwrap().unwrap().value;
    assert_eq!((ended.status, ended.tokens), (ConnectionStatus::Disconnected, None));
    assert_eq!(ended.last_error.unwrap().code, "disconnected_by_operator");
    assert!(!paper.end_session("owner"), "the broker was told");
}
