//! What texts tell people to type or to read, held against what there is: commands, files, headings, fields of the log.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::CommandFactory;

use super::Arguments;

/// Folders with nothing of ours in them.
const NOT_OURS: [&str; 7] = ["target", ".git", "node_modules", "vendor", "corpus", ".aws-sam", "__pycache__"];
/// Files in which people read.
const KINDS: [&str; 7] = ["md", "rs", "py", "js", "json", "yaml", "html"];
/// What stands before a command of ours.
const BEGINNINGS: [&str; 2] = ["courier ", "cargo run --release -- "];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// Every text of the project, by its path.
fn texts(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let (path, name) = (entry.path(), entry.file_name().into_string().unwrap_or_default());
        if path.is_dir() && !NOT_OURS.contains(&name.as_str()) {
            texts(&path, found);
        } else if path.extension().is_some_and(|kind| KINDS.iter().any(|known| kind == *known)) {
            found.extend(std::fs::read_to_string(&path).ok().map(|text| (path, text)));
        }
    }
}

fn all_texts() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    texts(&root(), &mut found);
    assert!(found.len() > 300, "{}", found.len());
    found
}

/// The commands in a text: between backticks, or on a line of their own.
fn commands(text: &str) -> Vec<&str> {
    let spans = text.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
    let lines = text.lines().map(|line| line.trim_start_matches([' ', '/', '#', '$', '"']));
    spans
        .chain(lines)
        .filter_map(|line| BEGINNINGS.iter().find_map(|beginning| line.strip_prefix(beginning)))
        .filter(|rest| rest.starts_with(|letter: char| letter.is_ascii_lowercase() || letter == '-'))
        .collect()
}

/// What is wrong with the words after `courier`, if anything.
fn fault(words: &str) -> Option<String> {
    let mut command = Arguments::command();
    command.build();
    for word in words.split_whitespace() {
        let word = word.trim_end_matches([',', '.', ';', ':', ')', '`', '\'', '"', '\\']);
        if let Some(option) = word.strip_prefix("--") {
            let option = option.split('=').next().unwrap_or_default();
            if !has_option(&command, option) {
                return Some(format!("{} has no --{option}", command.get_name()));
            }
        } else if let Some(next) = command.find_subcommand(word) {
            command = next.clone();
        } else if command.has_subcommands() && word.chars().all(|letter| letter.is_ascii_lowercase() || letter == '-') {
            return Some(format!("{} has no command {word:?}", command.get_name()));
        } else if command.has_subcommands() {
            break;
        }
    }
    None
}

fn has_option(command: &clap::Command, option: &str) -> bool {
    let own = |argument: &clap::Arg| {
        argument.get_long() == Some(option)
            || argument.get_all_aliases().is_some_and(|aliases| aliases.contains(&option))
    };
    matches!(option, "help" | "version" | "")
        || command.get_arguments().any(own)
        || command.get_subcommands().any(|command| has_option(command, option))
}

#[test]
fn every_command_that_a_text_names_is_one() {
    let mut faults = Vec::new();
    let mut seen = BTreeSet::new();
    for (path, text) in all_texts() {
        for words in commands(&text) {
            seen.insert(words.to_owned());
            faults.extend(fault(words).map(|fault| format!("{}: `courier {words}`: {fault}", path.display())));
        }
    }
    assert!(seen.len() > 80, "{}", seen.len());
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_command_that_is_none_is_found() {
    for (words, wrong) in [
        ("halt list", false),
        ("halt … --cancel-working", false),
        ("orders review u-7 mr7-1 --never-placed --because 'x' --yes", false),
        ("orders", false),
        ("halt nothing", true),
        ("orders list --page 2", true),
        ("resume all --cancel-working", true),
        ("keys make", true),
    ] {
        assert_eq!(fault(words).is_some(), wrong, "{words}: {:?}", fault(words));
    }
}

/// A heading as the address of its place (GitHub's way).
fn place_of(heading: &str) -> String {
    let heading = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = heading.chars().filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'));
    kept.collect::<String>().replace(' ', "-")
}

/// The headings of a page, outside of its blocks of code.
fn headings(page: &str) -> Vec<&str> {
    page.split("```").step_by(2).flat_map(str::lines).filter(|line| line.starts_with('#')).collect()
}

#[test]
fn every_link_of_a_page_leads_somewhere() {
    let mut faults = Vec::new();
    let mut links = 0;
    for (path, text) in all_texts().into_iter().filter(|(path, _)| path.extension().is_some_and(|kind| kind == "md")) {
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") || link.starts_with("mailto:") || link.contains(' ') {
                continue;
            }
            links += 1;
            let (file, place) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            let leads = if place.is_empty() {
                target.exists()
            } else {
                let page = std::fs::read_to_string(&target).unwrap_or_default();
                headings(&page).iter().any(|heading| place_of(heading) == place)
            };
            if !leads {
                faults.push(format!("{}: {link}", path.display()));
            }
        }
    }
    assert!(links > 60, "{links}");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The pages and headings that a text names, such as `docs/contract.md (Stack)` or `README.md, What you need`.
fn named(text: &str) -> Vec<(String, Option<String>)> {
    let mut found = Vec::new();
    for (end, _) in text.match_indices(".md") {
        let begin = text[..end].rfind(|letter: char| !letter.is_ascii_alphanumeric() && !"/-_".contains(letter));
        let page = format!("{}.md", &text[begin.map_or(0, |begin| begin + 1)..end]);
        let rest = &text[end + 3..];
        let heading = [", ", " ("].iter().find_map(|between| rest.strip_prefix(between)).map(|rest| {
            rest.split(|letter: char| !letter.is_alphanumeric() && !" '".contains(letter)).next().unwrap_or_default()
        });
        let heading = heading.filter(|heading| heading.starts_with(|letter: char| letter.is_ascii_uppercase()));
        found.push((page, heading.map(|heading| heading.trim().to_owned())));
    }
    found
}

#[test]
fn every_page_and_heading_that_the_code_names_is_there() {
    let mut faults = Vec::new();
    let mut pages = 0;
    for (path, text) in all_texts().into_iter().filter(|(path, _)| path.extension().is_some_and(|kind| kind == "rs")) {
        for (page, heading) in
            named(&text).into_iter().filter(|(page, _)| page.starts_with("docs/") || page == "README.md")
        {
            pages += 1;
            let Ok(content) = std::fs::read_to_string(root().join(&page)) else {
                faults.push(format!("{}: there is no {page}", path.display()));
                continue;
            };
            let is_there = |heading: &String| {
                headings(&content).iter().any(|one| one.trim_start_matches(['#', ' ']).starts_with(heading.as_str()))
            };
            if heading.as_ref().is_some_and(|heading| !is_there(heading)) {
                faults.push(format!("{}: {page} has no heading {heading:?}", path.display()));
            }
        }
    }
    assert!(pages > 8, "{pages}");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_field_of_the_log_that_a_page_names_is_written() {
    let code: String = all_texts()
        .into_iter()
        .filter(|(path, _)| path.extension().is_some_and(|kind| kind == "rs" || kind == "yaml"))
        .map(|(_, text)| text)
        .collect();
    let runbook = std::fs::read_to_string(root().join("docs/operations.md")).unwrap();
    let named: Vec<&str> = runbook.split("lines with `").skip(1).filter_map(|rest| rest.split('`').next()).collect();
    assert!(named.len() >= 3, "{named:?}");
    for field in named {
        assert!(code.contains(&format!("metric.{field} =")), "nothing writes `{field}` to the log");
    }
}
