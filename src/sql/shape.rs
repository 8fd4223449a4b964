//! What is known of the columns of a relation or a query while it is read.

use std::sync::Arc;

use super::Kind;

/// A relation that is read, by its place in the list of them.
pub(super) type Base = u32;

/// A column of a base relation that a column is made of; `Copied` stands for `Renamed` too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Input {
    pub base: Base,
    pub column: Arc<str>,
    pub kind: Kind,
}

/// A column and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    pub name: Arc<str>,
    pub data_type: Option<Arc<str>>,
    pub inputs: Arc<[Input]>,
    /// Why the inputs may not be all.
    pub unknown: Option<Arc<str>>,
}

/// Further columns than those that are listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Rest {
    /// Those of a relation, unchanged. `declared`: it is assumed that there are none.
    Of { base: Base, declared: bool },
    /// Each is a part of these inputs: fields of a value, columns of a function's result.
    Parts { inputs: Arc<[Input]>, reason: Arc<str> },
    /// Nobody can tell whose they are. `declared`: it is assumed that there are none.
    Unclear { reason: Arc<str>, declared: bool },
}

/// The columns of something that can stand in a `from`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Shape {
    pub columns: Vec<Column>,
    pub rest: Option<Rest>,
}

impl Column {
    pub fn of(name: impl Into<Arc<str>>, inputs: Arc<[Input]>) -> Column {
        Column { name: name.into(), data_type: None, inputs, unknown: None }
    }

    /// A column of which nothing is known but its name.
    pub fn unknown(name: impl Into<Arc<str>>, reason: impl Into<Arc<str>>) -> Column {
        Column { unknown: Some(reason.into()), ..Column::of(name, Arc::from([])) }
    }

    pub fn named(mut self, name: Arc<str>) -> Column {
        self.name = name;
        self
    }

    /// The same column as part of an expression.
    pub fn raised(self, kind: Kind) -> Column {
        Column { inputs: raised(&self.inputs, kind), data_type: None, ..self }
    }
}

/// The inputs where each is at least of this kind.
pub(super) fn raised(inputs: &Arc<[Input]>, kind: Kind) -> Arc<[Input]> {
    if inputs.iter().all(|input| input.kind >= kind) {
        return inputs.clone();
    }
    inputs.iter().map(|input| Input { kind: input.kind.max(kind), ..input.clone() }).collect()
}

/// Several columns' inputs, each once, with its strongest kind.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub inputs: Vec<Input>,
    pub unknown: Option<Arc<str>>,
}

impl Gathered {
    pub fn add(&mut self, column: &Column) {
        self.add_inputs(&column.inputs, Kind::Copied);
        self.add_unknown(column.unknown.as_ref());
    }

    pub fn add_inputs(&mut self, inputs: &[Input], kind: Kind) {
        for input in inputs {
            let kind = input.kind.max(kind);
            match self.inputs.iter_mut().find(|have| have.base == input.base && have.column == input.column) {
                Some(have) => have.kind = have.kind.max(kind),
                None => self.inputs.push(Input { kind, ..input.clone() }),
            }
        }
    }

    pub fn add_unknown(&mut self, unknown: Option<&Arc<str>>) {
        if self.unknown.is_none() {
            self.unknown = unknown.cloned();
        }
    }

    pub fn column(self, name: impl Into<Arc<str>>) -> Column {
        Column { name: name.into(), data_type: None, inputs: self.inputs.into(), unknown: self.unknown }
    }
}

/// Two columns that give one, as the sides of a union do.
pub(super) fn merged(left: &Column, right: &Column) -> Column {
    let mut gathered = Gathered::default();
    gathered.add(left);
    gathered.add(right);
    let data_type = left.data_type.clone().filter(|left| Some(left) == right.data_type.as_ref());
    Column { data_type, ..gathered.column(left.name.clone()) }
}

impl Shape {
    /// The place of the column of this name: as it is written, or else whatever its case.
    pub fn position(&self, name: &str) -> Option<usize> {
        let exact = self.columns.iter().position(|column| *column.name == *name);
        exact.or_else(|| self.columns.iter().position(|column| column.name.eq_ignore_ascii_case(name)))
    }

    /// The column of this name, listed or not; `None` if there is certainly none.
    pub fn column(&self, name: &str) -> Option<Column> {
        match self.position(name) {
            Some(position) => self.columns.get(position).cloned(),
            None => self.rest.as_ref().map(|rest| rest.column(name)),
        }
    }

    /// All columns as one value.
    pub fn row(&self) -> Gathered {
        let mut gathered = Gathered::default();
        for column in &self.columns {
            gathered.add_inputs(&column.inputs, Kind::Derived);
            gathered.add_unknown(column.unknown.as_ref());
        }
        match &self.rest {
            Some(Rest::Parts { inputs, .. }) => gathered.add_inputs(inputs, Kind::Derived),
            Some(rest) if rest.is_declared() => {}
            Some(Rest::Of { .. }) => gathered.add_unknown(Some(&Arc::from("a whole row whose columns are not known"))),
            Some(Rest::Unclear { reason, .. }) => gathered.add_unknown(Some(reason)),
            None => {}
        }
        gathered
    }

    /// The columns under the names of an alias (`as t(a, b)`).
    pub fn renamed(mut self, names: &[Arc<str>]) -> Shape {
        if names.is_empty() {
            return self;
        }
        let known = self.columns.len();
        for (column, name) in self.columns.iter_mut().zip(names) {
            column.name = name.clone();
        }
        for name in names.iter().skip(known) {
            let column = match &self.rest {
                Some(Rest::Parts { inputs, .. }) => Column::of(name.clone(), raised(inputs, Kind::Derived)),
                _ => Column::unknown(name.clone(), format!("`{name}` renames a column that is not known")),
            };
            self.columns.push(column);
        }
        if names.len() > known && matches!(self.rest, Some(Rest::Parts { .. })) {
            self.rest = None;
        }
        self
    }
}

impl Rest {
    /// The column of this name that is not among the listed ones.
    pub fn column(&self, name: &str) -> Column {
        match self {
            Rest::Of { base, .. } => {
                let input = Input { base: *base, column: name.into(), kind: Kind::Copied };
                Column::of(name, Arc::from([input]))
            }
            Rest::Parts { inputs, .. } => Column::of(name, raised(inputs, Kind::Derived)),
            Rest::Unclear { reason, .. } => Column::unknown(name, reason.clone()),
        }
    }

    /// Whether it is assumed that there are no further columns.
    pub fn is_declared(&self) -> bool {
        matches!(self, Rest::Of { declared: true, .. } | Rest::Unclear { declared: true, .. })
    }

    /// The further columns of several relations side by side.
    pub fn of_all(mut rests: Vec<&Rest>) -> Option<Rest> {
        if rests.len() < 2 {
            return rests.pop().cloned();
        }
        let declared = rests.iter().all(|rest| rest.is_declared());
        Some(Rest::Unclear { reason: "one of several relations whose columns are not all known".into(), declared })
    }

    /// The further columns when two queries' columns come together by position.
    pub fn of_both(left: Option<Rest>, right: Option<Rest>) -> Option<Rest> {
        match (left, right) {
            (None, None) => None,
            (Some(one), Some(other)) if one == other => Some(one),
            (left, right) => {
                let declared = left.iter().chain(&right).all(Rest::is_declared);
                let reason = "a set operation on columns that are not all known".into();
                Some(Rest::Unclear { reason, declared })
            }
        }
    }
}
