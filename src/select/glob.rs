//! Shell patterns as selection has them: `*`, `?`, `[abc]`, `[!a-z]`.
//!
//! A `*` in a name matches anything, dots and slashes too; in a path it stays within one
//! folder, and `**` goes through any number of them.

/// A pattern for a whole text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob {
    tokens: Vec<Token>,
    /// The text itself where nothing in it is special.
    literal: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Many,
    One,
    Literal(char),
    Set { negated: bool, ranges: Vec<(char, char)> },
}

impl Glob {
    pub fn new(pattern: &str) -> Glob {
        let letters: Vec<char> = pattern.chars().collect();
        let mut tokens = Vec::new();
        let mut at = 0;
        while let Some(letter) = letters.get(at) {
            at += 1;
            tokens.push(match letter {
                '*' => Token::Many,
                '?' => Token::One,
                '[' => match set(&letters[at..]) {
                    Some((set, length)) => {
                        at += length;
                        set
                    }
                    None => Token::Literal('['),
                },
                letter => Token::Literal(*letter),
            });
        }
        let plain = tokens.iter().all(|token| matches!(token, Token::Literal(_)));
        Glob { tokens, literal: plain.then(|| pattern.to_owned()) }
    }

    /// Whether it matches everything.
    pub fn is_any(&self) -> bool {
        !self.tokens.is_empty() && self.tokens.iter().all(|token| *token == Token::Many)
    }

    pub fn matches(&self, text: &str) -> bool {
        if let Some(literal) = &self.literal {
            return literal == text;
        }
        let letters: Vec<char> = text.chars().collect();
        let (mut token, mut letter) = (0, 0);
        // Where to go on from if what follows the last `*` does not fit here.
        let mut retry: Option<(usize, usize)> = None;
        while letter < letters.len() {
            match self.tokens.get(token) {
                Some(Token::Many) => {
                    retry = Some((token + 1, letter));
                    token += 1;
                    continue;
                }
                Some(found) if found.fits(letters[letter]) => {
                    token += 1;
                    letter += 1;
                    continue;
                }
                _ => {}
            }
            let Some((after, from)) = retry else { return false };
            retry = Some((after, from + 1));
            (token, letter) = (after, from + 1);
        }
        self.tokens[token.min(self.tokens.len())..].iter().all(|token| *token == Token::Many)
    }
}

impl Token {
    fn fits(&self, letter: char) -> bool {
        match self {
            Token::Many | Token::One => true,
            Token::Literal(own) => *own == letter,
            Token::Set { negated, ranges } => {
                ranges.iter().any(|(first, last)| (*first..=*last).contains(&letter)) != *negated
            }
        }
    }
}

/// Reads a set after its `[`; gives it with the number of letters that it takes up.
fn set(letters: &[char]) -> Option<(Token, usize)> {
    let negated = letters.first() == Some(&'!');
    let begin = usize::from(negated);
    // A `]` that comes first stands for itself.
    let end = letters.iter().skip(begin + 1).position(|letter| *letter == ']')? + begin + 1;
    let members = &letters[begin..end];
    let mut ranges = Vec::new();
    let mut at = 0;
    while at < members.len() {
        match members.get(at + 1..at + 3) {
            Some(['-', last]) => {
                ranges.push((members[at], *last));
                at += 3;
            }
            _ => {
                ranges.push((members[at], members[at]));
                at += 1;
            }
        }
    }
    Some((Token::Set { negated, ranges }, end + 1))
}

/// Whether any letter of a text is special in a pattern.
pub fn has_wildcard(text: &str) -> bool {
    text.contains(['*', '?', '[', ']'])
}

/// A pattern for a path relative to the project's root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathGlob(Vec<Step>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// `**`: any number of folders.
    Folders,
    Part(Glob),
}

impl PathGlob {
    pub fn new(pattern: &str) -> PathGlob {
        let parts = pattern.split(['/', '\\']).filter(|part| !part.is_empty() && *part != ".");
        PathGlob(parts.map(|part| if part == "**" { Step::Folders } else { Step::Part(Glob::new(part)) }).collect())
    }

    /// Whether it matches the file, or a folder that the file lies in.
    pub fn holds(&self, path: &str) -> bool {
        let parts: Vec<&str> = path.split(['/', '\\']).collect();
        fits(&self.0, &parts, true)
    }

    /// Whether it matches the file itself.
    pub fn is(&self, path: &str) -> bool {
        let parts: Vec<&str> = path.split(['/', '\\']).collect();
        fits(&self.0, &parts, false)
    }
}

fn fits(steps: &[Step], parts: &[&str], or_below: bool) -> bool {
    match (steps.split_first(), parts.split_first()) {
        (None, rest) => or_below || rest.is_none(),
        (Some((Step::Folders, rest)), _) => (0..=parts.len()).any(|skipped| fits(rest, &parts[skipped..], or_below)),
        (Some((Step::Part(glob), steps)), Some((part, parts))) => glob.matches(part) && fits(steps, parts, or_below),
        (Some((Step::Part(_), _)), None) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_like_a_shells() {
        for (pattern, text, expected) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("*", "", true),
            ("stg_*", "stg_orders", true),
            ("*_v2", "orders_v2_v2", true),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b", "xxaxxbxx", false),
            ("m?del", "model", true),
            ("m?del", "mdel", false),
            ("model_[ab]", "model_b", true),
            ("model_[!ab]", "model_b", false),
            ("model_[a-c]x", "model_bx", true),
            ("model_[", "model_[", true),
            ("[]]", "]", true),
            ("데이*", "데이터", true),
        ] {
            assert_eq!(Glob::new(pattern).matches(text), expected, "{pattern} {text}");
        }
        assert!(Glob::new("*").is_any() && !Glob::new("a*").is_any() && !Glob::new("").is_any());
    }

    #[test]
    fn paths_match_files_and_what_lies_below_folders() {
        for (pattern, path, expected) in [
            ("models/staging", "models/staging/a.sql", true),
            ("models/staging/", "models/staging/deep/a.sql", true),
            ("models/stag", "models/staging/a.sql", false),
            ("./models/a.sql", "models/a.sql", true),
            ("models/*.sql", "models/deep/a.sql", false),
            ("models/*.sql", "models/a.sql", true),
            ("models/*", "models/deep/a.sql", true),
            ("models/**/a.sql", "models/x/y/a.sql", true),
            ("models/**/a.sql", "models/a.sql", true),
            ("models/**", "models/x/a.sql", true),
            ("models/**/marts", "models/x/marts/a.sql", true),
            ("*.yml", "models/a.yml", false),
        ] {
            assert_eq!(PathGlob::new(pattern).holds(path), expected, "{pattern} {path}");
        }
        assert!(!PathGlob::new("models").is("models/a.yml"));
    }
}
