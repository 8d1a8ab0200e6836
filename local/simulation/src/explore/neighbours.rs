//! Worlds in which everything is well but one user's broker: nobody else's orders may wait for it.

use super::dice::Dice;
use super::lives::{PEOPLE, Person};
use super::plan::{Act, Mode, Plan, Stop};

/// Such worlds, of a thousand.
const OFTEN: u64 = 120;

/// How the broker misbehaves towards one user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Each answer takes about as long as one may.
    Slow,
    /// Each call is answered 503 after ten seconds.
    Away,
    /// Each answer is lost.
    Mute,
    /// No answer can be read.
    Garbles,
}

impl Plan {
    /// The person who is in trouble, if it is such a world. Dice of its own, so that the rest of a world does not depend on it.
    pub(crate) fn troubled(seed: u64) -> Option<usize> {
        const APART: u64 = 0x006e_6569_6768_626f;
        Dice::new(seed ^ APART).per_mille(OFTEN).then_some(1)
    }

    /// What befalls the one who is in trouble.
    pub(crate) fn add_trouble_of_one(&mut self, dice: &mut Dice, index: usize) {
        let (end, person) = (self.storm_ends_ms, PEOPLE[index]);
        self.put_side_by_side(dice, index);
        for _ in 0..dice.between(1, 3) {
            let from = dice.between(0, end - 30_000);
            let to = (from + dice.between(10_000, 90_000)).min(end);
            self.add_one_trouble(dice, index, person, (from, to));
        }
    }

    fn add_one_trouble(&mut self, dice: &mut Dice, index: usize, person: Person, (from, to): (i64, i64)) {
        match dice.weigh(&[(10, 0), (2, 1), (1, 2), (1, 3), (2, 4)]) {
            0 => {
                let trouble =
                    dice.pick(&[Trouble::Slow, Trouble::Slow, Trouble::Away, Trouble::Mute, Trouble::Garbles]);
                self.span(from, to, |on| Act::Misbehaves(person, on.then_some(trouble)));
            }
            1 => self.span(from, to, |on| Act::Elsewhere(person, on)),
            2 => self.acts.push((from, Act::SessionEnds(person))),
            3 => self.acts.push((from, Act::TokenGone(person))),
            _ => self.span(from, to, |on| Act::Halt(Stop::User(index), Mode::All, on)),
        }
    }

    /// Most orders of the others come at the same moment as one of theirs, so that one invocation has both; what is said about
    /// them moves along.
    fn put_side_by_side(&mut self, dice: &mut Dice, index: usize) {
        let is_theirs = |life: usize| self.lives[life].person.user_id == PEOPLE[index].user_id;
        let placed: Vec<(i64, usize)> = self
            .acts
            .iter()
            .filter_map(|(at, act)| if let Act::Place(life) = act { Some((*at, *life)) } else { None })
            .collect();
        let times: Vec<i64> = placed.iter().filter(|(_, life)| is_theirs(*life)).map(|(at, _)| *at).collect();
        for (before, life) in placed.into_iter().filter(|(_, life)| !is_theirs(*life)) {
            if times.is_empty() || !dice.per_mille(600) {
                continue;
            }
            let moved = dice.pick(&times) - before;
            for (at, _) in self.acts.iter_mut().filter(|(_, act)| act.is_about(life)) {
                *at += moved;
            }
        }
    }
}
