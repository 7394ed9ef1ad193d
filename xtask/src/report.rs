//! What came of the tiers: one table at the end.

use std::fmt::Write as _;
use std::time::Duration;

use crate::command::Failure;

/// What came of one tier.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It ran and everything in it is good. With what the test runners counted, or another remark.
    Passed(String),
    /// It could not run, and why.
    Skipped(String),
    /// It ran, and something in it is not good.
    Failed(Failure),
}

/// One line of the table.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) tier: &'static str,
    pub(crate) outcome: Outcome,
    pub(crate) took: Duration,
}

/// The table, and whether the whole is good. A skipped tier is an error where `strict` is set.
pub(crate) fn table(lines: &[Line], strict: bool) -> (String, bool) {
    let width = lines.iter().map(|line| line.tier.len()).max().unwrap_or(0);
    let mut text = String::new();
    let mut good = true;
    for line in lines {
        let (word, remark) = match &line.outcome {
            Outcome::Passed(remark) => ("pass", remark.clone()),
            Outcome::Skipped(reason) if strict => ("SKIP", format!("{reason} (an error under CI=true)")),
            Outcome::Skipped(reason) => ("skip", reason.clone()),
            Outcome::Failed(failure) => ("FAIL", failure.to_string()),
        };
        good &= word.chars().all(char::is_lowercase);
        // Of a remark of several lines the first is enough here: the whole was printed where it arose.
        let remark = remark.lines().next().unwrap_or_default();
        let took = line.took.as_secs_f64();
        let row = format!("{word}  {:<width$}  {took:>6.1} s  {remark}", line.tier);
        text.push_str(row.trim_end());
        text.push('\n');
    }
    let total: Duration = lines.iter().map(|line| line.took).sum();
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "{}  in {:.0} s",
        if good { "all good" } else { "NOT GOOD" },
        total.as_secs_f64()
    );
    (text, good)
}

/// What the test runners of one tier counted: the sums of their closing lines.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) ignored: u64,
    /// The tests that failed, by their names.
    pub(crate) names: Vec<String>,
}

impl Count {
    /// Adds a line of output if it is a closing line of libtest, as in
    /// `test result: ok. 4 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s`, or tells that a test failed:
    /// `test NAME ... FAILED`.
    pub(crate) fn add(&mut self, line: &str) {
        if let Some(name) = line
            .strip_prefix("test ")
            .and_then(|rest| rest.strip_suffix(" ... FAILED"))
        {
            self.names.push(name.to_owned());
        }
        let Some(result) = line.strip_prefix("test result: ") else {
            return;
        };
        let words: Vec<&str> = result
            .split([' ', ';', '.'])
            .filter(|word| !word.is_empty())
            .collect();
        for pair in words.windows(2) {
            let Ok(number) = pair[0].parse::<u64>() else {
                continue;
            };
            match pair[1] {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.ignored += number,
                _ => {}
            }
        }
    }
}

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        if self.ignored > 0 {
            write!(f, ", {} left to other tiers", self.ignored)?;
        }
        if !self.names.is_empty() {
            // What went before may be cut off where only the end of the output is kept.
            write!(f, ": {}", self.names.join(", "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(tier: &'static str, outcome: Outcome) -> Line {
        Line {
            tier,
            outcome,
            took: Duration::from_millis(1250),
        }
    }

    #[test]
    fn sums_the_closing_lines() {
        let mut count = Count::default();
        count.add("running 4 tests");
        count.add("test tests::one ... ok");
        count.add("test tests::another ... FAILED");
        count.add(
            "test result: ok. 4 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s",
        );
        count.add(
            "test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 3 filtered out; finished in 1s",
        );
        assert_eq!(
            count,
            Count {
                passed: 5,
                failed: 2,
                ignored: 1,
                names: vec!["tests::another".to_owned()],
            }
        );
        assert_eq!(
            count.to_string(),
            "5 passed, 2 failed, 1 left to other tiers: tests::another"
        );
    }

    #[test]
    fn shows_every_tier_with_its_reason() {
        let lines = [
            line("fmt", Outcome::Passed(String::new())),
            line("wine", Outcome::Skipped("no wine".to_owned())),
            line(
                "unit",
                Outcome::Failed(Failure::new("run `cargo test`", "exit status: 101")),
            ),
        ];
        let (text, good) = table(&lines, false);
        assert_eq!(
            text,
            "pass  fmt      1.2 s\nskip  wine     1.2 s  no wine\n\
             FAIL  unit     1.2 s  run `cargo test`: exit status: 101\nNOT GOOD  in 4 s\n"
        );
        assert!(!good);
    }

    #[test]
    fn takes_a_skipped_tier_for_an_error_only_when_strict() {
        let lines = [line("wine", Outcome::Skipped("no wine".to_owned()))];
        assert!(table(&lines, false).1);
        assert!(!table(&lines, true).1);
    }
}
