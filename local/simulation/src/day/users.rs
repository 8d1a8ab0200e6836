//! The users, each in a few bytes; one at a time is the [`Connection`] that the rules know.

use std::collections::BTreeSet;
use std::ops::Bound;

use domain::{Connection, ConnectionStatus, Inits, Sealed, SealedLiveSessionToken, SealedTokens, SessionState};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use store::{Connections, DUE_SHARDS};

/// A live session token's life (IBKR Web API, lifetimes).
pub(super) const TOKEN_LIFE: SignedDuration = SignedDuration::from_hours(24);
const NEVER: i64 = i64::MAX;

/// When a user is due, and which one.
pub(super) type Due = (i64, u32);

/// One user. Times are milliseconds since 1970; 0: none.
#[derive(Debug, Clone, Default)]
pub(super) struct User {
    due: i64,
    issued: i64,
    warm_until: i64,
    established: i64,
    init_at: i64,
    inits_of_day: u32,
    failures: u32,
    shard: u8,
    keep_warm: bool,
    /// Until when somebody holds the user's lane.
    pub(super) busy_until: i64,
    /// Until when the broker keeps the brokerage session without a further call.
    pub(super) alive_until: i64,
    /// Whether the outage cost the user something that they do not have again.
    pub(super) harmed: bool,
    pub(super) orders_waiting: u32,
    pub(super) inits: u32,
    second: i64,
    calls_in_second: u32,
}

/// All of them, and the index of what is due.
#[derive(Debug)]
pub(super) struct Users {
    pub(super) all: Vec<User>,
    due: Vec<BTreeSet<Due>>,
    scratch: Connection,
}

impl User {
    pub(super) fn is_established(&self) -> bool {
        self.established != 0
    }

    /// Whether the broker takes so many calls between these times, at the pace of one user. Counts them.
    pub(super) fn is_within_pace(&mut self, calls: u32, begins: i64, ends: i64, per_second: u32) -> bool {
        let mut within = true;
        for number in 0..calls {
            let second = (begins + (ends - begins) * i64::from(number) / i64::from(calls)) / 1000;
            if second != self.second {
                (self.second, self.calls_in_second) = (second, 0);
            }
            self.calls_in_second += 1;
            within &= self.calls_in_second <= per_second;
        }
        within
    }
}

impl Users {
    pub(super) fn new(count: u32, keep_warm_percent: u32, from: i64, random: &mut fastrand::Rng) -> Self {
        let mut users =
            Self { all: Vec::new(), due: vec![BTreeSet::new(); usize::from(DUE_SHARDS)], scratch: scratch() };
        for number in 0..count {
            let keep_warm = random.u32(0..100) < keep_warm_percent;
            let user_id = format!("u{number}").parse().expect("it is an id");
            users.all.push(User {
                due: NEVER,
                issued: from,
                established: if keep_warm { from } else { 0 },
                alive_until: if keep_warm { from + sessions::IDLE_ENDS_AFTER.as_secs() * 1000 } else { 0 },
                shard: Connections::shard_of(&user_id),
                keep_warm,
                ..User::default()
            });
            users.change(number, |connection| {
                // Tokens of all ages: users connected at any time of the day, on any day.
                let renewed_after = sessions::next_renewal(connection).map_or(0, Timestamp::as_millisecond) - from;
                if let Some(tokens) = &mut connection.tokens {
                    tokens.live_session_token = Some(token(from - random.i64(0..renewed_after.max(1))));
                }
                let spread = SignedDuration::from_millis(random.i64(0..domain::KEEP_WARM_EVERY.as_secs() * 1000));
                let due = sessions::next_due(connection, at(from));
                connection.next_renewal_at = if keep_warm { Some(at(from) + spread) } else { due };
            });
        }
        users
    }

    pub(super) fn get(&mut self, number: u32) -> &mut User {
        &mut self.all[usize::try_from(number).expect("32 bits")]
    }

    /// A page of a shard's users who are due, the longest due first, behind one before; and since when its first one is.
    pub(super) fn due(&self, shard: u8, now: i64, behind: Option<Due>, limit: u32) -> (Vec<Due>, Option<i64>) {
        let from = behind.map_or(Bound::Unbounded, Bound::Excluded);
        let due = self.due[usize::from(shard)].range((from, Bound::Included((now, u32::MAX))));
        let due: Vec<Due> = due.take(usize::try_from(limit).expect("32 bits")).copied().collect();
        let first = due.first().map(|(at, _)| *at);
        (due, first)
    }

    /// The connection as the rules know it.
    pub(super) fn read(&mut self, number: u32) -> &Connection {
        let user = &self.all[usize::try_from(number).expect("32 bits")];
        let connection = &mut self.scratch;
        connection.connection_id = format!("c{number}").parse().expect("it is an id");
        connection.session = match user.established {
            0 => SessionState::Closed,
            since => SessionState::Established { since: at(since) },
        };
        connection.failures = user.failures;
        connection.choices.keep_warm = user.keep_warm;
        connection.inits = (user.init_at != 0).then(|| Inits {
            day: TimeZone::UTC.to_datetime(at(user.init_at)).date(),
            count: user.inits_of_day,
            last_at: at(user.init_at),
        });
        connection.warm_until = (user.warm_until != 0).then(|| at(user.warm_until));
        connection.next_renewal_at = (user.due != NEVER).then(|| at(user.due));
        if let Some(tokens) = &mut connection.tokens {
            tokens.live_session_token = Some(token(user.issued));
        }
        connection
    }

    /// Changes a connection by a rule, and writes it back.
    pub(super) fn change<T>(&mut self, number: u32, rule: impl FnOnce(&mut Connection) -> T) -> T {
        self.read(number);
        let told = rule(&mut self.scratch);
        let connection = &self.scratch;
        let user = &mut self.all[usize::try_from(number).expect("32 bits")];
        user.established = match connection.session {
            SessionState::Established { since } => since.as_millisecond(),
            _ => 0,
        };
        user.failures = connection.failures;
        if let Some(inits) = connection.inits.filter(|inits| inits.last_at.as_millisecond() != user.init_at) {
            user.init_at = inits.last_at.as_millisecond();
            user.inits_of_day = inits.count;
            user.inits += 1;
        }
        user.warm_until = connection.warm_until.map_or(0, Timestamp::as_millisecond);
        let token = connection.tokens.as_ref().and_then(|tokens| tokens.live_session_token.as_ref());
        user.issued = token.map_or(0, |token| token.issued_at.as_millisecond());
        let due = connection.next_renewal_at.map_or(NEVER, Timestamp::as_millisecond);
        if due != user.due {
            let shard = &mut self.due[usize::from(user.shard)];
            shard.remove(&(user.due, number));
            user.due = due;
            if due != NEVER {
                shard.insert((due, number));
            }
        }
        told
    }
}

/// A live session token that was issued then.
pub(super) fn token(issued: i64) -> SealedLiveSessionToken {
    SealedLiveSessionToken { sealed: Sealed(String::new()), issued_at: at(issued), expires_at: at(issued) + TOKEN_LIFE }
}

/// A time of the model.
pub(super) fn at(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).expect("it is a time of our days")
}

fn scratch() -> Connection {
    let (user_id, connection_id) = ("u".parse().expect("it is an id"), "c".parse().expect("it is an id"));
    let mut connection = Connection::begin(user_id, connection_id, ("", ""), at(0));
    connection.status = ConnectionStatus::Connected;
    connection.tokens = Some(SealedTokens {
        access_token: Sealed(String::new()),
        access_token_secret: Sealed(String::new()),
        live_session_token: None,
    });
    connection
}
