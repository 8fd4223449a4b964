//! What full-text search reads: descriptions, columns and SQL, each text once.
//!
//! Search finds substrings (so Hangul needs no word boundaries), and browsers find a
//! substring in megabytes within milliseconds; so there are no lists of n-grams, which would
//! be larger than the texts. Names are in the index of all and need no file.

use indexmap::IndexMap;

use crate::docs::details::Detail;
use crate::docs::entries::Entries;
use crate::resource::ResourceType;

/// How many entries' texts stand in one file.
pub(super) const SHARD: usize = 2_048;

/// One text: what it is (`d`escription, `c`olumn, `n`ame of a column, `s`ql), itself, whose it is,
/// and the names of the columns that it describes.
pub(super) type Document<'a> = Vec<Text<'a>>;
pub(super) type Text<'a> = (char, &'a str, Vec<u32>, Vec<&'a str>);
/// The texts of a file by what they are, with their owners and columns.
type Texts<'a> = IndexMap<(char, &'a str), (Vec<u32>, Vec<&'a str>)>;

pub(super) fn count(entries: usize) -> usize {
    entries.div_ceil(SHARD)
}

/// The texts of the entries from `start` on.
pub(super) fn document<'a>(start: usize, details: &[Detail<'a, '_>], entries: &Entries<'a>) -> Document<'a> {
    let mut texts = Texts::new();
    for (at, (detail, entry)) in details.iter().zip(&entries.list[start..]).enumerate() {
        let number = u32::try_from(start + at).unwrap_or(u32::MAX);
        let mut add = |field: char, text: &'a str, column: Option<&'a str>| {
            if text.is_empty() {
                return;
            }
            let (owners, columns) = texts.entry((field, text)).or_default();
            if let Some(column) = column {
                columns.push(column);
                owners.push(number);
            } else if owners.last() != Some(&number) {
                owners.push(number);
            }
        };
        add('d', detail.description, None);
        for column in &detail.columns {
            add('n', column.name, None);
            add('c', column.description, Some(column.name));
        }
        if entry.kind() != ResourceType::Test || detail.compiled.is_none() {
            add('s', detail.raw, None);
        }
    }
    texts.into_iter().map(|((field, text), (owners, columns))| (field, text, owners, columns)).collect()
}
