//! What is answered to the broker's questions: data, by message id.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The policy that the project ships.
const STANDARD: &str = include_str!("../question-policy.json");

/// A policy. What it does not list is declined.
#[derive(Debug, Clone, Deserialize)]
pub struct QuestionPolicy {
    #[serde(rename = "about")]
    _about: String,
    accept: BTreeMap<String, String>,
    decline: BTreeMap<String, String>,
    /// What the sender of an order can do about a question that is declined.
    #[serde(default)]
    advice: BTreeMap<String, String>,
}

/// What is answered to one question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Yes.
    Accept,
    /// No: these messages are on the list of what is declined, with their meaning, and what can be done about them.
    Decline {
        /// Each message's id and meaning.
        messages: Vec<String>,
        /// Each advice once.
        advice: Vec<String>,
    },
    /// No: these message ids are on no list. A person should put them on one.
    Unlisted(Vec<String>),
}

impl QuestionPolicy {
    /// The policy that the project ships.
    pub fn standard() -> Result<Self, serde_json::Error> {
        serde_json::from_str(STANDARD)
    }

    /// The answer to a question with these messages: yes only if each of them is accepted. A question without a
    /// message id is on no list.
    #[must_use]
    pub fn verdict(&self, message_ids: &[String]) -> Verdict {
        if message_ids.is_empty() {
            return Verdict::Unlisted(Vec::new());
        }
        let declined: Vec<String> = message_ids
            .iter()
            .filter_map(|id| self.decline.get(id).map(|meaning| format!("{id} ({meaning})")))
            .collect();
        let unlisted: Vec<String> = message_ids
            .iter()
            .filter(|id| !self.accept.contains_key(*id) && !self.decline.contains_key(*id))
            .cloned()
            .collect();
        match (unlisted.is_empty(), declined.is_empty()) {
            (false, _) => Verdict::Unlisted(unlisted),
            (true, false) => {
                let mut advice: Vec<String> =
                    message_ids.iter().filter_map(|id| self.advice.get(id).cloned()).collect();
                advice.dedup();
                Verdict::Decline { messages: declined, advice }
            }
            (true, true) => Verdict::Accept,
        }
    }
}

/// Options of a prompt that go on with the order, and those that end it, in lower case. Others are chosen by nobody.
const YES: [&str; 7] = ["yes", "ok", "submit", "confirm", "accept", "continue", "transmit"];
const NO: [&str; 6] = ["no", "cancel", "decline", "reject", "discard", "close"];

/// The option of a prompt that says yes, or the one that says no; `None` where none says so in known words.
pub(crate) fn option_for(options: &[String], accepted: bool) -> Option<&str> {
    let words: &[&str] = if accepted { &YES } else { &NO };
    options.iter().map(String::as_str).find(|option| words.contains(&option.trim().to_lowercase().as_str()))
}

#[cfg(test)]
mod tests {
    use super::{QuestionPolicy, Verdict, option_for};

    #[test]
    fn an_option_is_chosen_only_by_a_word_that_is_known() {
        let options = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let usual = options(&["Yes", "No"]);
        assert_eq!((option_for(&usual, true), option_for(&usual, false)), (Some("Yes"), Some("No")));
        let other = options(&["SUBMIT", "Cancel"]);
        assert_eq!((option_for(&other, true), option_for(&other, false)), (Some("SUBMIT"), Some("Cancel")));
        let strange = options(&["Notify me", "Yes, and do not ask again"]);
        assert_eq!((option_for(&strange, true), option_for(&strange, false)), (None, None));
    }

    fn verdict(ids: &[&str]) -> Verdict {
        let ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
        QuestionPolicy::standard().unwrap().verdict(&ids)
    }

    #[test]
    fn a_question_is_accepted_only_if_each_of_its_messages_is() {
        assert_eq!(verdict(&["o354"]), Verdict::Accept);
        assert_eq!(verdict(&["o354", "o10151"]), Verdict::Accept);
        let Verdict::Decline { messages, advice } = verdict(&["o354", "o163"]) else { panic!("o163 is declined") };
        assert_eq!((messages.len(), advice.len()), (1, 1));
        assert!(advice[0].contains("nearer to the market"), "{advice:?}");
    }

    #[test]
    fn what_is_on_no_list_is_declined_and_named() {
        assert_eq!(verdict(&["o354", "o99999"]), Verdict::Unlisted(vec!["o99999".to_owned()]));
        assert_eq!(verdict(&[]), Verdict::Unlisted(vec![]));
    }

    #[test]
    fn only_what_is_accepted_anyway_is_switched_off_for_a_session() {
        let suppressed = access::suppressed_questions();
        assert!(!suppressed.is_empty());
        for id in suppressed {
            assert_eq!(verdict(&[&id]), Verdict::Accept, "{id}");
        }
    }

    #[test]
    fn the_page_on_questions_lists_each_with_its_answer() {
        let page = include_str!("../../../docs/questions.md");
        let (yes, no) = page.split_once("## Answered with no").unwrap();
        let policy = QuestionPolicy::standard().unwrap();
        for (ids, half) in [(&policy.accept, yes), (&policy.decline, no)] {
            let listed: std::collections::BTreeSet<&str> =
                half.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`').map(|(id, _)| id)).collect();
            let answered: std::collections::BTreeSet<&str> = ids.keys().map(String::as_str).collect();
            assert_eq!(listed, answered, "docs/questions.md");
        }
    }

    #[test]
    fn no_message_is_on_both_lists() {
        let policy = QuestionPolicy::standard().unwrap();
        assert!(policy.accept.keys().all(|id| !policy.decline.contains_key(id)));
        assert!(policy.advice.keys().all(|id| policy.decline.contains_key(id)));
        assert_eq!(policy.accept.len() + policy.decline.len(), 25, "the 25 ids that IBKR's documents list");
    }
}
