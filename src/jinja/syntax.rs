//! The syntax tree of a template: what [`super::parser`] makes and
//! [`super::interpreter`] walks.
//!
//! Every expression keeps its place in the file that the user wrote, so that a
//! problem met while rendering points at line and column. Variables are numbers
//! ([`Symbol`]) into the template's table of names: a lookup in a scope compares
//! numbers, never strings.

use std::sync::Arc;

use minijinja::Value;

use super::filters::Filter;
use super::tests::Test;
use crate::diagnostic::{SourceFile, Span};

/// A range of bytes in the template's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    pub start: u32,
    pub end: u32,
}

impl Place {
    pub fn new(start: usize, end: usize) -> Self {
        let clamp = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Place { start: clamp(start), end: clamp(end) }
    }

    /// From the start of this place to the end of another.
    pub fn to(self, other: Place) -> Self {
        Place { start: self.start, end: other.end.max(self.end) }
    }

    pub fn span(self, file: &Arc<SourceFile>) -> Span {
        Span::new(file, self.start as usize, self.end as usize)
    }
}

/// A variable's number in its template.
pub type Symbol = u32;

/// One parsed template (a model, a string of YAML) or one parsed macro.
#[derive(Debug)]
pub struct Template {
    pub file: Arc<SourceFile>,
    pub names: Vec<Arc<str>>,
    pub body: Vec<Node>,
}

impl Template {
    pub fn name(&self, symbol: Symbol) -> &Arc<str> {
        &self.names[symbol as usize]
    }
}

/// A statement.
#[derive(Debug)]
pub enum Node {
    Text(Box<str>),
    Print(Expression),
    If(Box<If>),
    For(Box<For>),
    Set(Target, Expression),
    SetBlock(Box<SetBlock>),
    Macro(Symbol, Arc<Definition>),
    Call(Box<CallBlock>),
    Filter(Box<FilterBlock>),
    With(Box<With>),
    Do(Expression),
    Scope(Vec<Node>),
    Break,
    Continue,
}

#[derive(Debug)]
pub struct If {
    pub branches: Vec<(Expression, Vec<Node>)>,
    pub otherwise: Vec<Node>,
}

#[derive(Debug)]
pub struct For {
    pub target: Target,
    pub iterable: Expression,
    pub condition: Option<Expression>,
    pub body: Vec<Node>,
    pub otherwise: Vec<Node>,
    pub recursive: bool,
    /// The symbol of `loop`, if the body mentions it.
    pub loop_symbol: Option<Symbol>,
}

#[derive(Debug)]
pub struct SetBlock {
    pub target: Target,
    pub filters: Vec<FilterCall>,
    pub body: Vec<Node>,
}

#[derive(Debug)]
pub struct CallBlock {
    pub call: Expression,
    pub definition: Arc<Definition>,
}

#[derive(Debug)]
pub struct FilterBlock {
    pub filters: Vec<FilterCall>,
    pub body: Vec<Node>,
}

#[derive(Debug)]
pub struct With {
    pub assignments: Vec<(Target, Expression)>,
    pub body: Vec<Node>,
}

/// A macro, or the body of a call block.
#[derive(Debug)]
pub struct Definition {
    pub name: Arc<str>,
    pub place: Place,
    pub parameters: Vec<Parameter>,
    pub body: Vec<Node>,
    /// The symbols of these names where the body mentions them.
    pub caller: Option<Symbol>,
    pub varargs: Option<Symbol>,
    pub kwargs: Option<Symbol>,
}

#[derive(Debug)]
pub struct Parameter {
    pub name: Arc<str>,
    pub symbol: Symbol,
    pub default: Option<Expression>,
}

/// What can be assigned to.
#[derive(Debug)]
pub enum Target {
    Name(Symbol),
    /// `ns.name`, where `ns` is a `namespace()`.
    Attribute(Place, Symbol, Arc<str>),
    Tuple(Place, Vec<Target>),
}

#[derive(Debug)]
pub struct Expression {
    pub place: Place,
    pub kind: Kind,
}

#[derive(Debug)]
pub enum Kind {
    Constant(Value),
    Name(Symbol),
    List(Vec<Expression>),
    Tuple(Vec<Expression>),
    Dict(Vec<(Expression, Expression)>),
    Attribute(Box<Expression>, Arc<str>),
    Item(Box<Expression>, Box<Expression>),
    Slice(Box<Expression>, Box<[Option<Expression>; 3]>),
    Call(Box<Call>),
    Filter(Box<Expression>, Box<FilterCall>),
    Test(Box<Expression>, Box<TestCall>),
    Negate(Box<Expression>),
    Positive(Box<Expression>),
    Not(Box<Expression>),
    Binary(Operator, Box<(Expression, Expression)>),
    And(Box<(Expression, Expression)>),
    Or(Box<(Expression, Expression)>),
    Concat(Vec<Expression>),
    Compare(Box<Expression>, Vec<(Comparison, Expression)>),
    /// `then if condition else otherwise`.
    Condition(Box<(Expression, Expression, Option<Expression>)>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    FloorDivide,
    Remainder,
    Power,
}

impl Operator {
    pub fn sign(self) -> &'static str {
        match self {
            Operator::Add => "+",
            Operator::Subtract => "-",
            Operator::Multiply => "*",
            Operator::Divide => "/",
            Operator::FloorDivide => "//",
            Operator::Remainder => "%",
            Operator::Power => "**",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    NotIn,
}

#[derive(Debug)]
pub struct Call {
    pub callee: Expression,
    pub arguments: CallArguments,
}

#[derive(Debug, Default)]
pub struct CallArguments {
    pub positional: Vec<Expression>,
    pub named: Vec<(Arc<str>, Expression)>,
    pub star: Option<Expression>,
    pub double_star: Option<Expression>,
}

#[derive(Debug)]
pub struct FilterCall {
    pub place: Place,
    pub name: Arc<str>,
    pub filter: Option<Filter>,
    pub arguments: CallArguments,
}

#[derive(Debug)]
pub struct TestCall {
    pub place: Place,
    pub name: Arc<str>,
    pub test: Option<Test>,
    pub negated: bool,
    pub arguments: CallArguments,
}
