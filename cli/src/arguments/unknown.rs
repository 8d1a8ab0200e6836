//! Words that are no command: only what is near is proposed, and what people look for elsewhere is said.

use clap::error::{ContextKind, ContextValue};
use clap::{Error, Parser};

use super::Arguments;

/// What people look for among the commands, and where it is.
const ELSEWHERE: [(&str, &str); 2] = [
    (
        "cancel",
        "an order is cancelled by the API, DELETE /orders/{id}; all that are open by `courier halt … --cancel-working`",
    ),
    ("grants", "users grant algorithms their accounts: in the console, or by PUT /grants/{algorithm_id} of the API"),
];
/// One letter in so many may be wrong.
const LETTERS_TO_AN_ERROR: usize = 3;

/// The command line; else says what is wrong with it, and ends.
pub(crate) fn read() -> Arguments {
    Arguments::try_parse().unwrap_or_else(|error| without_far_guesses(error).exit())
}

/// Clap proposes `local` for `cancel`: worse than nothing.
fn without_far_guesses(mut error: Error) -> Error {
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand) else { return error };
    let word = word.clone();
    let guesses = match error.remove(ContextKind::SuggestedSubcommand) {
        Some(ContextValue::String(guess)) => vec![guess],
        Some(ContextValue::Strings(guesses)) => guesses,
        _ => Vec::new(),
    };
    let near: Vec<String> = guesses.into_iter().filter(|guess| is_near(&word, guess)).collect();
    if !near.is_empty() {
        error.insert(ContextKind::SuggestedSubcommand, ContextValue::Strings(near));
    }
    if let Some((_, tip)) =
        ELSEWHERE.iter().find(|(elsewhere, _)| word.trim_end_matches('s') == elsewhere.trim_end_matches('s'))
    {
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![(*tip).into()]));
    }
    error
}

/// Whether one is the other with a slip of the finger, or its beginning.
fn is_near(word: &str, guess: &str) -> bool {
    guess.starts_with(word) || distance(word, guess) <= (guess.len() / LETTERS_TO_AN_ERROR).max(1)
}

/// Letters that have to be put in, taken out or exchanged to make one word of the other (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.chars().count()).collect();
    for (line, letter) in one.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], line + 1);
        for (column, other_letter) in other.chars().enumerate() {
            let exchanged = diagonal + usize::from(letter != other_letter);
            diagonal = row[column + 1];
            row[column + 1] = exchanged.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(words: &[&str]) -> String {
        let line = ["courier"].iter().chain(words);
        without_far_guesses(Arguments::try_parse_from(line).unwrap_err()).to_string()
    }

    #[test]
    fn what_is_near_is_proposed_and_what_is_far_is_not() {
        for (words, near) in
            [(&["order"][..], "'orders'"), (&["conections"], "'connections'"), (&["halt", "usr"], "'user'")]
        {
            assert!(told(words).contains(&format!("a similar subcommand exists: {near}")), "{}", told(words));
        }
        for words in [&["grants", "list"][..], &["cancel"], &["orders", "cancel"], &["xyz"]] {
            assert!(!told(words).contains("similar"), "{}", told(words));
            assert!(
                told(words).contains("unrecognized subcommand") && told(words).contains("Usage"),
                "{}",
                told(words)
            );
        }
    }

    #[test]
    fn what_people_look_for_among_the_commands_is_said_to_be_elsewhere() {
        for words in [&["cancel", "u-7", "mr7-1"][..], &["orders", "cancel"]] {
            assert!(
                told(words).contains("--cancel-working") && told(words).contains("DELETE /orders/{id}"),
                "{}",
                told(words)
            );
        }
        assert!(told(&["grants"]).contains("PUT /grants/{algorithm_id}"), "{}", told(&["grants"]));
    }

    #[test]
    fn a_distance_counts_letters() {
        for (one, other, letters) in
            [("", "abc", 3), ("order", "orders", 1), ("cancel", "local", 4), ("usr", "user", 1)]
        {
            assert_eq!(distance(one, other), letters, "{one} {other}");
        }
    }
}
