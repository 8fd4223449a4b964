//! Makes the syntax tree of a template from its tokens.
//!
//! The grammar is Jinja2's with the extensions that dbt switches on (`do`, loop
//! controls, typed macro parameters, `materialization`, `test` and `docs` blocks).

mod expressions;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, LazyLock};

use minijinja::Value;

use super::lexer::{Token, TokenKind, tokenize};
use super::syntax::{
    CallBlock, Definition, Expression, FilterBlock, FilterCall, For, If, Kind, Node, Parameter, Place, SetBlock,
    Symbol, Target, Template, With,
};
use crate::diagnostic::{Diagnostic, SourceFile};

/// Statements and expressions may nest this deep; deeper ones are refused, so that
/// no text can exhaust the stack.
const MAX_DEPTH: usize = 100;
/// A chain such as `a + b + c` may have this many parts.
const MAX_CHAIN: usize = 500;

/// How many names most templates have at most, the three special ones among them.
const USUAL_NAMES: usize = 16;

/// Names that every template may read, wherever they come from.
static SPECIAL_NAMES: LazyLock<[Arc<str>; 3]> = LazyLock::new(|| ["caller", "varargs", "kwargs"].map(Arc::from));

type Parsed<T> = Result<T, Diagnostic>;

/// Parses a part of a file as a template. Fails on the first mistake in its syntax.
pub fn parse(file: &Arc<SourceFile>, range: Range<usize>) -> Parsed<Template> {
    let tokens = tokenize(file, range)?;
    let mut parser = Parser::new(file, tokens);
    let body = parser.statements(&[])?;
    Ok(Template { file: file.clone(), names: parser.names, body })
}

/// Parses the arguments of a macro's head, `(a, b=1)`, for [`super::blocks`].
pub fn parse_signature(file: &Arc<SourceFile>, range: Range<usize>) -> Parsed<Vec<(String, bool)>> {
    let mut tokens = tokenize(file, range)?;
    tokens.retain(|token| !matches!(token.kind, TokenKind::BlockBegin | TokenKind::BlockEnd));
    let mut parser = Parser::new(file, tokens);
    while !parser.is_symbol("(") && parser.token().kind != TokenKind::End {
        parser.next();
    }
    if parser.token().kind == TokenKind::End {
        return Ok(Vec::new());
    }
    let parameters = parser.parameters()?;
    Ok(parameters.into_iter().map(|parameter| (parameter.name.to_string(), parameter.default.is_some())).collect())
}

/// The adapter and the languages in the head of a materialization, for [`super::blocks`].
pub fn parse_materialization_head(
    file: &Arc<SourceFile>,
    range: Range<usize>,
) -> Parsed<(Option<String>, Option<Vec<String>>)> {
    let mut parser = Parser::new(file, tokenize(file, range)?);
    parser.next();
    parser.next();
    let head = parser.materialization_head()?;
    parser.block_end()?;
    let languages = head.languages.map(|languages| {
        let Kind::List(items) = languages.kind else { return Vec::new() };
        items
            .iter()
            .filter_map(|item| match &item.kind {
                Kind::Constant(value) => value.as_str().map(str::to_owned),
                _ => None,
            })
            .collect()
    });
    Ok((head.adapter.map(String::from), languages))
}

struct MaterializationHead<'a> {
    name: &'a str,
    adapter: Option<Box<str>>,
    languages: Option<Expression>,
}

struct Parser<'a> {
    file: &'a Arc<SourceFile>,
    tokens: Vec<Token>,
    at: usize,
    names: Vec<Arc<str>>,
    symbols: HashMap<Arc<str>, Symbol, foldhash::fast::FixedState>,
    depth: usize,
    loops: usize,
    /// The tags of the blocks that are open.
    opened: Vec<Place>,
    /// How often `caller`, `varargs`, `kwargs` were read so far.
    special_names: [(Symbol, usize); 3],
}

impl<'a> Parser<'a> {
    fn new(file: &'a Arc<SourceFile>, tokens: Vec<Token>) -> Self {
        let mut parser = Parser {
            file,
            tokens,
            at: 0,
            names: Vec::with_capacity(USUAL_NAMES),
            symbols: HashMap::default(),
            depth: 0,
            loops: 0,
            opened: Vec::new(),
            special_names: [(0, 0); 3],
        };
        for (index, name) in SPECIAL_NAMES.iter().enumerate() {
            parser.special_names[index].0 = parser.add_name(name.clone());
        }
        parser
    }

    fn intern(&mut self, name: &str) -> Symbol {
        match self.symbols.get(name) {
            Some(symbol) => *symbol,
            None => self.add_name(name.into()),
        }
    }

    fn add_name(&mut self, name: Arc<str>) -> Symbol {
        let symbol = Symbol::try_from(self.names.len()).unwrap_or(Symbol::MAX);
        self.names.push(name.clone());
        self.symbols.insert(name, symbol);
        symbol
    }

    // --- tokens ---

    fn token(&self) -> &Token {
        // The last token is `End` and is never passed.
        &self.tokens[self.at.min(self.tokens.len() - 1)]
    }

    fn kind_after(&self, distance: usize) -> Option<&TokenKind> {
        self.tokens.get(self.at + distance).map(|token| &token.kind)
    }

    /// Takes the token that stands next: none is looked at again but for its place.
    fn next(&mut self) -> Token {
        let last = self.tokens.len() - 1;
        if self.at >= last {
            return self.tokens[last].clone();
        }
        let token = &mut self.tokens[self.at];
        self.at += 1;
        Token { kind: std::mem::replace(&mut token.kind, TokenKind::End), place: token.place }
    }

    fn place(&self) -> Place {
        self.token().place
    }

    fn last_place(&self) -> Place {
        self.tokens[self.at.saturating_sub(1)].place
    }

    fn text(&self, place: Place) -> &'a str {
        self.file.text.get(place.start as usize..place.end as usize).unwrap_or("")
    }

    fn is_symbol(&self, symbol: &str) -> bool {
        matches!(self.token().kind, TokenKind::Symbol(found) if found == symbol)
    }

    fn skip_symbol(&mut self, symbol: &str) -> bool {
        let found = self.is_symbol(symbol);
        if found {
            self.next();
        }
        found
    }

    fn is_name(&self, name: &str) -> bool {
        let token = self.token();
        token.kind == TokenKind::Name && self.text(token.place) == name
    }

    fn is_any_name(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.is_name(name))
    }

    fn skip_name(&mut self, name: &str) -> bool {
        let found = self.is_name(name);
        if found {
            self.next();
        }
        found
    }

    fn fail(&self, message: impl Into<String>, place: Place) -> Diagnostic {
        Diagnostic::error(message).at(place.span(self.file))
    }

    fn describe(&self) -> String {
        let token = self.token();
        match &token.kind {
            TokenKind::End => "the end of the template".to_owned(),
            TokenKind::Text(_) => "text".to_owned(),
            _ => format!("`{}`", self.text(token.place).trim()),
        }
    }

    fn expected(&self, what: &str) -> Diagnostic {
        let problem = self.fail(format!("expected {what}, found {}", self.describe()), self.place());
        match what {
            "an expression" => problem
                .hint("what stands before it needs a value behind it: a name, a text in quotes, a number, a call"),
            "`}}`" | "`%}`" => problem.hint(format!(
                "close the tag with {what}, or join the two by an operator, `~`, `|` or `,`; texts stand in quotes"
            )),
            _ => problem,
        }
    }

    fn expect_symbol(&mut self, symbol: &str) -> Parsed<Place> {
        if self.is_symbol(symbol) { Ok(self.next().place) } else { Err(self.expected(&format!("`{symbol}`"))) }
    }

    fn expect_kind(&mut self, kind: &TokenKind, what: &str) -> Parsed<Place> {
        if self.token().kind == *kind { Ok(self.next().place) } else { Err(self.expected(what)) }
    }

    fn expect_name(&mut self, what: &str) -> Parsed<(&'a str, Place)> {
        if self.token().kind != TokenKind::Name {
            return Err(self.expected(what));
        }
        let place = self.next().place;
        Ok((self.text(place), place))
    }

    fn block_end(&mut self) -> Parsed<Place> {
        self.expect_kind(&TokenKind::BlockEnd, "`%}`")
    }

    fn deeper<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= MAX_DEPTH {
            return Err(self.fail(format!("nested more than {MAX_DEPTH} levels deep"), self.place()));
        }
        self.depth += 1;
        let result = parse(self);
        self.depth -= 1;
        result
    }

    // --- statements ---

    /// Statements up to (and not including) the tag that starts with one of `ends`;
    /// its `{%` is consumed. With no `ends`, up to the end of the template.
    fn statements(&mut self, ends: &[&str]) -> Parsed<Vec<Node>> {
        let mut nodes = Vec::new();
        loop {
            match &self.token().kind {
                TokenKind::Text(_) => {
                    if let TokenKind::Text(text) = self.next().kind {
                        nodes.push(Node::Text(text));
                    }
                }
                TokenKind::VariableBegin => {
                    self.next();
                    let value = self.tuple(true, &[])?;
                    self.expect_kind(&TokenKind::VariableEnd, "`}}`")?;
                    nodes.push(Node::Print(value));
                }
                TokenKind::BlockBegin => {
                    self.next();
                    if self.is_any_name(ends) {
                        return Ok(nodes);
                    }
                    let start = self.last_place();
                    self.opened.push(start.to(self.place()));
                    let statement = self.deeper(|parser| parser.statement(ends))?;
                    self.opened.pop();
                    nodes.extend(statement);
                    self.block_end()?;
                }
                TokenKind::End if ends.is_empty() => return Ok(nodes),
                TokenKind::End => {
                    let closing = ends.last().copied().unwrap_or_default();
                    let opened = self.opened.last().copied().unwrap_or_default();
                    let message = format!("`{}` block is not closed", closing.trim_start_matches("end"));
                    return Err(self.fail(message, opened).hint(format!("close it with `{{% {closing} %}}`")));
                }
                _ => return Err(self.expected("text or a tag")),
            }
        }
    }

    /// The end of a tag that opens a block; Jinja2 allows a colon before it.
    fn head_end(&mut self) -> Parsed<()> {
        self.skip_symbol(":");
        self.block_end().map(|_| ())
    }

    fn body(&mut self, end: &str) -> Parsed<Vec<Node>> {
        self.head_end()?;
        let body = self.statements(&[end])?;
        self.next();
        Ok(body)
    }

    fn statement(&mut self, ends: &[&str]) -> Parsed<Option<Node>> {
        let (tag, place) = self.expect_name("a statement")?;
        let node = match tag {
            "if" => self.if_block()?,
            "for" => self.for_block()?,
            "set" => self.set()?,
            "macro" => self.macro_block(place, "endmacro", str::to_owned)?,
            "test" | "data_test" => {
                let end = if tag == "test" { "endtest" } else { "enddata_test" };
                self.macro_block(place, end, |name| format!("test_{name}"))?
            }
            "materialization" => self.materialization(place)?,
            "docs" => {
                self.expect_name("the name of the block")?;
                self.body("enddocs")?;
                return Ok(None);
            }
            "call" => self.call_block(place)?,
            "filter" => {
                let filters = self.filter_chain()?;
                let body = self.body("endfilter")?;
                Node::Filter(Box::new(FilterBlock { filters, body }))
            }
            "with" => self.with_block()?,
            "do" => Node::Do(self.tuple(true, &[])?),
            "print" => Node::Print(self.tuple(true, &[])?),
            "block" => {
                self.expect_name("the name of the block")?;
                let body = self.body("endblock")?;
                self.skip_trailing_name();
                Node::Scope(body)
            }
            "autoescape" => {
                self.expression()?;
                Node::Scope(self.body("endautoescape")?)
            }
            "break" | "continue" if self.loops == 0 => {
                return Err(self.fail(format!("`{tag}` outside of a loop"), place));
            }
            "break" => Node::Break,
            "continue" => Node::Continue,
            _ => return Err(self.unknown_tag(tag, place, ends)),
        };
        Ok(Some(node))
    }

    fn unknown_tag(&self, tag: &str, place: Place, ends: &[&str]) -> Diagnostic {
        const TAGS: [&str; 28] = [
            "if",
            "elif",
            "else",
            "endif",
            "for",
            "endfor",
            "set",
            "endset",
            "macro",
            "endmacro",
            "call",
            "endcall",
            "filter",
            "endfilter",
            "with",
            "endwith",
            "do",
            "raw",
            "endraw",
            "test",
            "endtest",
            "materialization",
            "endmaterialization",
            "snapshot",
            "endsnapshot",
            "docs",
            "enddocs",
            "break",
        ];
        match tag {
            "include" | "import" | "from" | "extends" => self
                .fail(format!("`{tag}` is not part of dbt's Jinja"), place)
                .hint("macros of the project and its packages are known everywhere without an import"),
            _ if (tag.starts_with("end") || tag == "else" || tag == "elif") && TAGS.contains(&tag) => {
                let diagnostic = self.fail(format!("`{tag}` without a block that it belongs to"), place);
                match ends.last() {
                    Some(end) => diagnostic.hint(format!("the innermost open block ends with `{end}`")),
                    None => diagnostic,
                }
            }
            _ => self.fail(format!("unknown tag `{tag}`"), place).suggest(tag, TAGS),
        }
    }

    fn skip_trailing_name(&mut self) {
        if self.token().kind == TokenKind::Name {
            self.next();
        }
    }

    fn if_block(&mut self) -> Parsed<Node> {
        let mut branches = Vec::new();
        let mut otherwise = Vec::new();
        loop {
            let condition = self.tuple(true, &[])?;
            self.head_end()?;
            let body = self.statements(&["elif", "else", "endif"])?;
            branches.push((condition, body));
            if self.skip_name("elif") {
                continue;
            }
            if self.skip_name("else") {
                self.head_end()?;
                otherwise = self.statements(&["endif"])?;
            }
            self.next();
            return Ok(Node::If(Box::new(If { branches, otherwise })));
        }
    }

    fn for_block(&mut self) -> Parsed<Node> {
        let target = self.target_list(&["in"])?;
        if !self.skip_name("in") {
            return Err(self.expected("`in`"));
        }
        let iterable = self.tuple(false, &["recursive"])?;
        let condition = if self.skip_name("if") { Some(self.expression()?) } else { None };
        let recursive = self.skip_name("recursive");
        self.head_end()?;
        self.loops += 1;
        let body = self.statements(&["else", "endfor"]);
        self.loops -= 1;
        let body = body?;
        let mut otherwise = Vec::new();
        if self.skip_name("else") {
            self.head_end()?;
            otherwise = self.statements(&["endfor"])?;
        }
        self.next();
        let loop_symbol = self.symbols.get("loop").copied();
        Ok(Node::For(Box::new(For { target, iterable, condition, body, otherwise, recursive, loop_symbol })))
    }

    fn set(&mut self) -> Parsed<Node> {
        let target = self.target_list(&[])?;
        if self.skip_symbol("=") {
            return Ok(Node::Set(target, self.tuple(true, &[])?));
        }
        let filters = if self.skip_symbol("|") { self.filter_chain()? } else { Vec::new() };
        if self.token().kind != TokenKind::BlockEnd {
            return Err(self.expected("`=` or `%}`"));
        }
        let body = self.body("endset")?;
        Ok(Node::SetBlock(Box::new(SetBlock { target, filters, body })))
    }

    fn with_block(&mut self) -> Parsed<Node> {
        let mut assignments = Vec::new();
        while self.token().kind != TokenKind::BlockEnd {
            if !assignments.is_empty() {
                self.expect_symbol(",")?;
            }
            let target = self.target()?;
            self.expect_symbol("=")?;
            assignments.push((target, self.expression()?));
        }
        let body = self.body("endwith")?;
        Ok(Node::With(Box::new(With { assignments, body })))
    }

    fn filter_chain(&mut self) -> Parsed<Vec<FilterCall>> {
        let mut filters = vec![self.filter_call()?];
        while self.skip_symbol("|") {
            filters.push(self.filter_call()?);
        }
        Ok(filters)
    }

    // --- macros ---

    fn macro_block(&mut self, place: Place, end: &str, rename: fn(&str) -> String) -> Parsed<Node> {
        let (name, name_place) = self.expect_name("the macro's name")?;
        let name = rename(name);
        let parameters = self.parameters()?;
        let definition = self.definition(&name, place.to(name_place), parameters, end)?;
        self.skip_trailing_name();
        let symbol = self.intern(&name);
        Ok(Node::Macro(symbol, Arc::new(definition)))
    }

    fn materialization(&mut self, place: Place) -> Parsed<Node> {
        let head = self.materialization_head()?;
        let default = head.languages.unwrap_or_else(|| {
            let sql = Expression { place, kind: Kind::Constant(Value::from("sql")) };
            Expression { place, kind: Kind::List(vec![sql]) }
        });
        let symbol = self.intern("supported_languages");
        let parameter = Parameter { name: "supported_languages".into(), symbol, default: Some(default) };
        let adapter = head.adapter.as_deref().unwrap_or("default");
        let name = format!("materialization_{}_{adapter}", head.name);
        let definition = self.definition(&name, place.to(self.last_place()), vec![parameter], "endmaterialization")?;
        let symbol = self.intern(&name);
        Ok(Node::Macro(symbol, Arc::new(definition)))
    }

    fn materialization_head(&mut self) -> Parsed<MaterializationHead<'a>> {
        let (name, _) = self.expect_name("the materialization's name")?;
        let mut head = MaterializationHead { name, adapter: None, languages: None };
        while self.skip_symbol(",") {
            let (option, option_place) = self.expect_name("`default`, `adapter` or `supported_languages`")?;
            match option {
                "default" => {}
                "adapter" => {
                    self.expect_symbol("=")?;
                    let token = self.next();
                    let TokenKind::String(text) = token.kind else {
                        return Err(self.fail("the adapter's name must be a string", token.place));
                    };
                    head.adapter = Some(text);
                }
                "supported_languages" => {
                    self.expect_symbol("=")?;
                    head.languages = Some(self.expression()?);
                }
                _ => {
                    let message = format!("materialization `{name}` has an unknown argument `{option}`");
                    let known = ["default", "adapter", "supported_languages"];
                    return Err(self.fail(message, option_place).suggest(option, known));
                }
            }
        }
        Ok(head)
    }

    fn parameters(&mut self) -> Parsed<Vec<Parameter>> {
        self.expect_symbol("(")?;
        let mut parameters: Vec<Parameter> = Vec::new();
        while !self.is_symbol(")") {
            if !parameters.is_empty() {
                self.expect_symbol(",")?;
                if self.is_symbol(")") {
                    break;
                }
            }
            let (name, place) = self.expect_name("the name of a parameter")?;
            if self.skip_symbol(":") {
                self.type_name()?;
            }
            let default = if self.skip_symbol("=") { Some(self.expression()?) } else { None };
            if default.is_none() && parameters.iter().any(|parameter| parameter.default.is_some()) {
                let message = format!("parameter `{name}` has no default but follows one that has");
                return Err(self.fail(message, place));
            }
            if parameters.iter().any(|parameter| *parameter.name == *name) {
                return Err(self.fail(format!("parameter `{name}` is declared twice"), place));
            }
            let symbol = self.intern(name);
            parameters.push(Parameter { name: name.into(), symbol, default });
        }
        self.expect_symbol(")")?;
        Ok(parameters)
    }

    fn type_name(&mut self) -> Parsed<()> {
        self.expect_name("the name of a type")?;
        if self.skip_symbol("[") {
            self.deeper(Self::type_name)?;
            while self.skip_symbol(",") {
                self.deeper(Self::type_name)?;
            }
            self.expect_symbol("]")?;
        }
        Ok(())
    }

    fn definition(&mut self, name: &str, place: Place, parameters: Vec<Parameter>, end: &str) -> Parsed<Definition> {
        let before = self.special_names;
        let loops = std::mem::take(&mut self.loops);
        let body = self.body(end);
        self.loops = loops;
        let body = body?;
        let used = |index: usize| {
            let (symbol, count) = self.special_names[index];
            let declared = parameters.iter().any(|parameter| parameter.symbol == symbol);
            (count > before[index].1 && !declared).then_some(symbol)
        };
        let (caller, varargs, kwargs) = (used(0), used(1), used(2));
        Ok(Definition { name: name.into(), place, parameters, body, caller, varargs, kwargs })
    }

    fn call_block(&mut self, place: Place) -> Parsed<Node> {
        let parameters = if self.is_symbol("(") { self.parameters()? } else { Vec::new() };
        let call = self.expression()?;
        if !matches!(call.kind, Kind::Call(_)) {
            return Err(self.fail("`call` needs a call such as `my_macro()`", call.place));
        }
        let definition = self.definition("caller", place.to(call.place), parameters, "endcall")?;
        Ok(Node::Call(Box::new(CallBlock { call, definition: Arc::new(definition) })))
    }

    // --- assignment targets ---

    fn target_list(&mut self, ends: &[&str]) -> Parsed<Target> {
        let start = self.place();
        let first = self.target()?;
        if !self.is_symbol(",") {
            return Ok(first);
        }
        let mut targets = vec![first];
        while self.skip_symbol(",") {
            if self.is_any_name(ends) || self.is_symbol("=") {
                break;
            }
            targets.push(self.target()?);
        }
        Ok(Target::Tuple(start.to(self.last_place()), targets))
    }

    fn target(&mut self) -> Parsed<Target> {
        let start = self.place();
        if self.skip_symbol("(") {
            let target = self.deeper(|parser| parser.target_list(&[]))?;
            let end = self.expect_symbol(")")?;
            return Ok(match target {
                Target::Tuple(_, targets) => Target::Tuple(start.to(end), targets),
                single => single,
            });
        }
        let (name, place) = self.expect_name("the name of a variable")?;
        if matches!(name, "true" | "false" | "none" | "True" | "False" | "None") {
            return Err(self.fail(format!("cannot assign to `{name}`"), place));
        }
        let symbol = self.intern(name);
        if self.skip_symbol(".") {
            let (attribute, end) = self.expect_name("the name of an attribute")?;
            return Ok(Target::Attribute(place.to(end), symbol, attribute.into()));
        }
        Ok(Target::Name(symbol))
    }
}

/// The text of a template without any sign of Jinja, which dbt leaves as it is.
pub fn plain_text(text: &str) -> Option<String> {
    let has_tag = text.as_bytes().windows(2).any(|pair| {
        (pair[0] == b'{' && matches!(pair[1], b'{' | b'%' | b'#'))
            || (pair[1] == b'}' && matches!(pair[0], b'}' | b'%' | b'#'))
    });
    if has_tag { None } else { Some(text.to_owned()) }
}
