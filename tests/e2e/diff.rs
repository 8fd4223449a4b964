//! The difference between expected and actual lines.

/// A line of one text or of both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// The place in the left text; the right one has the same there.
    Both(usize),
    Left(usize),
    Right(usize),
}

/// The lines of two texts side by side, with as many in common as can be.
pub fn align(left: &[String], right: &[String]) -> Vec<Line> {
    let (rows, columns) = (left.len(), right.len());
    // The length of the longest common rest from each pair of lines on.
    let mut common = vec![vec![0u32; columns + 1]; rows + 1];
    for row in (0..rows).rev() {
        for column in (0..columns).rev() {
            common[row][column] = if left[row] == right[column] {
                common[row + 1][column + 1] + 1
            } else {
                common[row + 1][column].max(common[row][column + 1])
            };
        }
    }
    let (mut row, mut column, mut lines) = (0, 0, Vec::new());
    while row < rows || column < columns {
        if row < rows && column < columns && left[row] == right[column] {
            lines.push(Line::Both(row));
            (row, column) = (row + 1, column + 1);
        } else if column == columns || (row < rows && common[row + 1][column] >= common[row][column + 1]) {
            lines.push(Line::Left(row));
            row += 1;
        } else {
            lines.push(Line::Right(column));
            column += 1;
        }
    }
    lines
}

/// For people: lines that are missing begin with `-`, lines that came instead with `+`.
pub fn unified(expected: &[String], actual: &[String]) -> String {
    let shown = |line: Line| match line {
        Line::Both(at) => format!("  {}", expected[at]),
        Line::Left(at) => format!("- {}", expected[at]),
        Line::Right(at) => format!("+ {}", actual[at]),
    };
    align(expected, actual).into_iter().map(shown).collect::<Vec<String>>().join("\n")
}
