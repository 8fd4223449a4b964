//! Runs a template's statements.
//!
//! The syntax tree is walked directly, with Python's semantics, on minijinja's values
//! and objects. minijinja's own machine is not used, because what dbt projects do
//! daily has no place there: operators on objects (`run_started_at - timedelta(...)`,
//! `'%s' % name`), values that change, macros that return values, errors with the place
//! of every expression. Its `State` carries the render, so that objects written in Rust
//! are called as minijinja calls them and may call macros back.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use minijinja::value::{Object, ObjectRepr};
use minijinja::{Error, State, Value};

use super::arguments::Arguments;
use super::macros::MacroEntry;
use super::render::{Render, Stop, current};
use super::syntax::{CallBlock, Definition, Expression, FilterCall, For, Node, Place, Symbol, Target, Template};
use super::values::{self, Pairs};
use crate::diagnostic::Diagnostic;

/// The text of one render may grow to this many bytes.
const MAX_OUTPUT: usize = 1 << 30;
/// A diagnostic shows at most this many calls that led to it.
const MAX_TRAIL: usize = 12;

/// How a statement ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    Next,
    Break,
    Continue,
}

type Variables = Vec<(Symbol, Value)>;

/// The variables of a block. They move to shared memory when a macro or call block is
/// defined that may read them later.
enum Scope {
    Own(Variables),
    Shared(Arc<Mutex<Variables>>),
}

fn lock(variables: &Mutex<Variables>) -> MutexGuard<'_, Variables> {
    variables.lock().unwrap_or_else(PoisonError::into_inner)
}

fn read(variables: &Variables, symbol: Symbol) -> Option<Value> {
    variables.iter().find(|(known, _)| *known == symbol).map(|(_, value)| value.clone())
}

fn write(variables: &mut Variables, symbol: Symbol, value: Value) {
    match variables.iter_mut().find(|(known, _)| *known == symbol) {
        Some((_, slot)) => *slot = value,
        None => variables.push((symbol, value)),
    }
}

impl Scope {
    fn get(&self, symbol: Symbol) -> Option<Value> {
        match self {
            Scope::Own(variables) => read(variables, symbol),
            Scope::Shared(variables) => read(&lock(variables), symbol),
        }
    }

    fn set(&mut self, symbol: Symbol, value: Value) {
        match self {
            Scope::Own(variables) => write(variables, symbol, value),
            Scope::Shared(variables) => write(&mut lock(variables), symbol, value),
        }
    }

    fn share(&mut self) -> Arc<Mutex<Variables>> {
        if let Scope::Own(variables) = self {
            *self = Scope::Shared(Arc::new(Mutex::new(std::mem::take(variables))));
        }
        match self {
            Scope::Shared(variables) => variables.clone(),
            Scope::Own(_) => Arc::default(),
        }
    }

    fn clear(&mut self) {
        match self {
            Scope::Own(variables) => variables.clear(),
            Scope::Shared(_) => *self = Scope::Own(Variables::new()),
        }
    }
}

/// The variables that a macro sees around its definition, outermost first. They live as
/// long as the template that defined it runs.
type Enclosing = Vec<Weak<Mutex<Variables>>>;

/// A macro defined inside of a template, or the body of a call block (`caller`).
pub struct Closure {
    pub definition: Arc<Definition>,
    template: Arc<Template>,
    enclosing: Enclosing,
}

impl std::fmt::Debug for Closure {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "<macro {}>", self.definition.name)
    }
}

impl Object for Closure {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let definition = &self.definition;
        match key.as_str()? {
            "name" => Some(Value::from(definition.name.as_ref())),
            "arguments" => {
                let names = definition.parameters.iter().map(|parameter| Value::from(parameter.name.as_ref()));
                Some(values::tuple(names.collect()))
            }
            "caller" => Some(Value::from(definition.caller.is_some())),
            "catch_kwargs" => Some(Value::from(definition.kwargs.is_some())),
            "catch_varargs" => Some(Value::from(definition.varargs.is_some())),
            _ => None,
        }
    }

    fn call(self: &Arc<Self>, state: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        call_from_rust(state, &Value::from_dyn_object(self.clone()), Arguments::from_values(args))
    }
}

/// Jinja's `namespace()`.
#[derive(Debug, Default)]
pub struct Namespace(Mutex<Pairs>);

impl Namespace {
    pub fn new(pairs: Pairs) -> Self {
        Namespace(Mutex::new(pairs))
    }

    fn set(&self, name: &str, value: Value) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(Value::from(name), value);
    }
}

impl Object for Namespace {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    fn render(self: &Arc<Self>, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let pairs = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        write!(formatter, "<Namespace {}>", values::representation(&values::dict(pairs)))
    }
}

/// Jinja's `loop`.
#[derive(Debug)]
pub struct Loop {
    items: Vec<Value>,
    index: AtomicUsize,
    depth: usize,
    changed: Mutex<Option<Vec<Value>>>,
}

impl Loop {
    fn at(&self) -> usize {
        self.index.load(Ordering::Relaxed)
    }

    /// `loop.cycle(...)` and `loop.changed(...)`.
    pub fn method(&self, name: &str, arguments: &Arguments) -> Option<Result<Value, values::Fault>> {
        match name {
            "cycle" if arguments.positional.is_empty() => Some(Err("`loop.cycle` needs at least one value".to_owned())),
            "cycle" => Some(Ok(arguments.positional[self.at() % arguments.positional.len()].clone())),
            "changed" => {
                let mut last = self.changed.lock().unwrap_or_else(PoisonError::into_inner);
                let changed = last.as_ref().is_none_or(|last| {
                    last.len() != arguments.positional.len()
                        || !last.iter().zip(&arguments.positional).all(|(left, right)| values::equal(left, right))
                });
                *last = Some(arguments.positional.clone());
                Some(Ok(Value::from(changed)))
            }
            _ => None,
        }
    }
}

impl Object for Loop {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        let (at, length) = (self.at(), self.items.len());
        match key {
            "index" => Some(Value::from(at + 1)),
            "index0" => Some(Value::from(at)),
            "revindex" => Some(Value::from(length - at)),
            "revindex0" => Some(Value::from(length - at - 1)),
            "first" => Some(Value::from(at == 0)),
            "last" => Some(Value::from(at + 1 == length)),
            "length" => Some(Value::from(length)),
            "depth" => Some(Value::from(self.depth + 1)),
            "depth0" => Some(Value::from(self.depth)),
            "previtem" => at.checked_sub(1).and_then(|before| self.items.get(before)).cloned(),
            "nextitem" => self.items.get(at + 1).cloned(),
            _ => None,
        }
    }

    fn render(self: &Arc<Self>, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "<LoopContext {}/{}>", self.at() + 1, self.items.len())
    }
}

/// Runs one template or macro body.
pub struct Interpreter<'a, 's, 't, 'e> {
    pub state: &'s mut State<'t, 'e>,
    pub render: &'a Arc<Render>,
    pub template: &'a Arc<Template>,
    /// The macro whose body runs, if it is one's.
    pub entry: Option<&'a Arc<MacroEntry>>,
    scopes: Vec<Scope>,
    enclosing: Vec<Arc<Mutex<Variables>>>,
    loops: Vec<(Arc<Loop>, &'a For)>,
}

impl<'a, 's, 't, 'e> Interpreter<'a, 's, 't, 'e> {
    pub fn new(
        state: &'s mut State<'t, 'e>,
        render: &'a Arc<Render>,
        template: &'a Arc<Template>,
        entry: Option<&'a Arc<MacroEntry>>,
    ) -> Self {
        let scopes = vec![Scope::Own(Variables::new())];
        Interpreter { state, render, template, entry, scopes, enclosing: Vec::new(), loops: Vec::new() }
    }

    pub fn failed<T>(&self, message: impl Into<String>, place: Place) -> Result<T, Stop> {
        Err(Diagnostic::error(message).at(place.span(&self.template.file)).into())
    }

    pub fn placed<T>(&self, result: Result<T, values::Fault>, place: Place) -> Result<T, Stop> {
        result.map_err(|message| Stop::from(message).at(place, &self.template.file))
    }

    // --- variables ---

    /// A variable of the template itself.
    pub fn local(&self, symbol: Symbol) -> Option<Value> {
        let own = self.scopes.iter().rev().find_map(|scope| scope.get(symbol));
        own.or_else(|| self.enclosing.iter().rev().find_map(|variables| read(&lock(variables), symbol)))
    }

    /// The names of the variables that are set here, for suggestions.
    pub fn local_names(&self) -> Vec<String> {
        let name = |symbol: Symbol| self.template.name(symbol).to_string();
        let mut names = Vec::new();
        for scope in &self.scopes {
            match scope {
                Scope::Own(variables) => names.extend(variables.iter().map(|(symbol, _)| name(*symbol))),
                Scope::Shared(variables) => names.extend(lock(variables).iter().map(|(symbol, _)| name(*symbol))),
            }
        }
        names
    }

    fn set(&mut self, symbol: Symbol, value: Value) {
        if let Some(scope) = self.scopes.last_mut() {
            scope.set(symbol, value);
        }
    }

    fn scoped<T>(&mut self, run: impl FnOnce(&mut Self) -> Result<T, Stop>) -> Result<T, Stop> {
        self.scopes.push(Scope::Own(Variables::new()));
        let result = run(self);
        self.scopes.pop();
        result
    }

    #[inline(never)]
    fn assign(&mut self, target: &'a Target, value: Value) -> Result<(), Stop> {
        match target {
            Target::Name(symbol) => {
                self.set(*symbol, value);
                Ok(())
            }
            Target::Attribute(place, symbol, attribute) => {
                let name = self.template.name(*symbol).clone();
                let holder = self.local(*symbol).or_else(|| self.render.global(&name)).unwrap_or_default();
                match holder.downcast_object_ref::<Namespace>() {
                    Some(namespace) => {
                        namespace.set(attribute, value);
                        Ok(())
                    }
                    None => self.failed(format!("cannot set `{attribute}`: `{name}` is not a `namespace()`"), *place),
                }
            }
            Target::Tuple(place, targets) => {
                let items = self.placed(values::items(&value), *place)?;
                if items.len() != targets.len() {
                    let message = format!("expected {} values to unpack, got {}", targets.len(), items.len());
                    return self.failed(message, *place);
                }
                for (target, item) in targets.iter().zip(items) {
                    self.assign(target, item)?;
                }
                Ok(())
            }
        }
    }

    // --- statements ---

    pub fn run(&mut self, nodes: &'a [Node], output: &mut String) -> Result<Flow, Stop> {
        for node in nodes {
            self.render.step()?;
            let flow = self.statement(node, output)?;
            if flow != Flow::Next {
                return Ok(flow);
            }
        }
        Ok(Flow::Next)
    }

    fn statement(&mut self, node: &'a Node, output: &mut String) -> Result<Flow, Stop> {
        match node {
            Node::Text(text) => {
                output.push_str(text);
                if output.len() > MAX_OUTPUT {
                    return Err(Diagnostic::error("the rendered text is larger than a gigabyte").into());
                }
            }
            Node::Print(expression) => {
                let value = self.evaluate(expression)?;
                values::write_text(&value, output);
            }
            Node::If(node) => return self.if_block(node, output),
            Node::For(node) => self.for_block(node, output)?,
            Node::Set(target, expression) => {
                let value = self.evaluate(expression)?;
                self.assign(target, value)?;
            }
            Node::SetBlock(node) => self.set_block(node)?,
            Node::Macro(symbol, definition) => {
                let closure = self.closure(definition);
                self.set(*symbol, closure);
            }
            Node::Call(node) => self.call_block(node, output)?,
            Node::Filter(node) => self.filter_block(node, output)?,
            Node::With(node) => return self.with_block(node, output),
            Node::Do(expression) => {
                self.evaluate(expression)?;
            }
            Node::Scope(body) => return self.scoped(|interpreter| interpreter.run(body, output)),
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
        }
        Ok(Flow::Next)
    }

    #[inline(never)]
    fn if_block(&mut self, node: &'a super::syntax::If, output: &mut String) -> Result<Flow, Stop> {
        self.render.check_stack()?;
        for (condition, body) in &node.branches {
            if self.evaluate(condition)?.is_true() {
                return self.run(body, output);
            }
        }
        self.run(&node.otherwise, output)
    }

    #[inline(never)]
    fn for_block(&mut self, node: &'a For, output: &mut String) -> Result<(), Stop> {
        let iterable = self.evaluate(&node.iterable)?;
        self.for_loop(node, &iterable, output)
    }

    #[inline(never)]
    fn set_block(&mut self, node: &'a super::syntax::SetBlock) -> Result<(), Stop> {
        let text = self.captured(&node.body)?;
        let value = self.filtered(text, &node.filters)?;
        self.assign(&node.target, value)
    }

    #[inline(never)]
    fn filter_block(&mut self, node: &'a super::syntax::FilterBlock, output: &mut String) -> Result<(), Stop> {
        let text = self.captured(&node.body)?;
        let value = self.filtered(text, &node.filters)?;
        values::write_text(&value, output);
        Ok(())
    }

    #[inline(never)]
    fn with_block(&mut self, node: &'a super::syntax::With, output: &mut String) -> Result<Flow, Stop> {
        let mut assigned = Vec::new();
        for (target, expression) in &node.assignments {
            assigned.push((target, self.evaluate(expression)?));
        }
        self.scoped(|interpreter| {
            for (target, value) in assigned {
                interpreter.assign(target, value)?;
            }
            interpreter.run(&node.body, output)
        })
    }

    /// The text of a block of its own.
    #[inline(never)]
    fn captured(&mut self, body: &'a [Node]) -> Result<Value, Stop> {
        let mut text = String::new();
        self.scoped(|interpreter| interpreter.run(body, &mut text))?;
        Ok(Value::from(text))
    }

    fn filtered(&mut self, mut value: Value, filters: &'a [FilterCall]) -> Result<Value, Stop> {
        for filter in filters {
            value = self.filter(value, filter)?;
        }
        Ok(value)
    }

    // --- loops ---

    #[inline(never)]
    fn for_loop(&mut self, node: &'a For, iterable: &Value, output: &mut String) -> Result<(), Stop> {
        self.render.check_stack()?;
        let mut items = self.placed(values::items(iterable), node.iterable.place)?;
        if let Some(condition) = &node.condition {
            let mut kept = Vec::with_capacity(items.len());
            for item in items {
                self.render.step()?;
                let keep = self.scoped(|interpreter| {
                    interpreter.assign(&node.target, item.clone())?;
                    interpreter.evaluate(condition)
                })?;
                if keep.is_true() {
                    kept.push(item);
                }
            }
            items = kept;
        }
        if items.is_empty() {
            self.scoped(|interpreter| interpreter.run(&node.otherwise, output))?;
            return Ok(());
        }
        let result = self.scoped(|interpreter| match node.loop_symbol {
            Some(symbol) => interpreter.counted_loop(node, items, symbol, output),
            None => interpreter.plain_loop(node, items, output),
        });
        // Running out of steps has no place of its own; the loop is the best one.
        result.map_err(|stop| stop.at(node.iterable.place, &self.template.file))
    }

    fn plain_loop(&mut self, node: &'a For, items: Vec<Value>, output: &mut String) -> Result<(), Stop> {
        for item in items {
            self.render.step()?;
            if let Some(scope) = self.scopes.last_mut() {
                scope.clear();
            }
            self.assign(&node.target, item)?;
            if self.run(&node.body, output)? == Flow::Break {
                break;
            }
        }
        Ok(())
    }

    fn counted_loop(
        &mut self,
        node: &'a For,
        items: Vec<Value>,
        symbol: Symbol,
        output: &mut String,
    ) -> Result<(), Stop> {
        let depth = self.loops.last().filter(|(_, of)| std::ptr::eq(*of, node)).map_or(0, |(outer, _)| outer.depth + 1);
        let state = Arc::new(Loop { items, index: AtomicUsize::new(0), depth, changed: Mutex::new(None) });
        self.loops.push((state.clone(), node));
        let result = self.each(node, &state, symbol, output);
        self.loops.pop();
        result
    }

    fn each(&mut self, node: &'a For, state: &Arc<Loop>, symbol: Symbol, output: &mut String) -> Result<(), Stop> {
        for (index, item) in state.items.iter().enumerate() {
            self.render.step()?;
            state.index.store(index, Ordering::Relaxed);
            if let Some(scope) = self.scopes.last_mut() {
                scope.clear();
            }
            self.set(symbol, Value::from_dyn_object(state.clone()));
            self.assign(&node.target, item.clone())?;
            if self.run(&node.body, output)? == Flow::Break {
                break;
            }
        }
        Ok(())
    }

    /// `loop(items)` of a recursive loop.
    pub fn recurse(&mut self, state: &Value, arguments: &Arguments, place: Place) -> Result<Value, Stop> {
        let target = state.downcast_object_ref::<Loop>();
        let found =
            self.loops.iter().find(|(known, _)| target.is_some_and(|target| std::ptr::eq(known.as_ref(), target)));
        let Some((_, node)) = found.filter(|(_, node)| node.recursive) else {
            return self.failed("`loop` can only be called inside of a loop that is marked `recursive`", place);
        };
        let (node, items) = (*node, arguments.positional.first().cloned().unwrap_or_default());
        let mut text = String::new();
        self.for_loop(node, &items, &mut text)?;
        Ok(Value::from(text))
    }

    // --- macros ---

    #[inline(never)]
    fn closure(&mut self, definition: &Arc<Definition>) -> Value {
        let mut enclosing: Enclosing = self.enclosing.iter().map(Arc::downgrade).collect();
        enclosing.extend(self.scopes.iter_mut().map(|scope| Arc::downgrade(&scope.share())));
        Value::from_object(Closure { definition: definition.clone(), template: self.template.clone(), enclosing })
    }

    #[inline(never)]
    fn call_block(&mut self, node: &'a CallBlock, output: &mut String) -> Result<(), Stop> {
        let caller = self.closure(&node.definition);
        let value = self.call_with_caller(&node.call, caller)?;
        values::write_text(&value, output);
        Ok(())
    }

    /// Calls a macro of the project.
    pub fn call_macro(&mut self, entry: &Arc<MacroEntry>, arguments: Arguments, place: Place) -> Result<Value, Stop> {
        let result = self.run_macro(entry, arguments);
        result.map_err(|stop| self.trailed(stop, &format!("{}.{}", entry.source.package, entry.source.name), place))
    }

    fn run_macro(&mut self, entry: &Arc<MacroEntry>, arguments: Arguments) -> Result<Value, Stop> {
        self.render.step()?;
        self.render.check_stack()?;
        if let Some(value) = self.render.overrides.as_ref().and_then(|overrides| overrides.get(&entry.unique_id)) {
            return Ok(value.clone());
        }
        let parsed = entry.parsed()?;
        self.render.enter(entry);
        let mut inner = Interpreter::new(self.state, self.render, &parsed.template, Some(entry));
        let result = inner.body_of(&parsed.definition, arguments);
        self.render.leave();
        match result {
            Err(Stop::Return(value)) => Ok(value),
            result => result,
        }
    }

    /// Calls a macro that a template defined, or `caller`.
    pub fn call_closure(&mut self, closure: &Closure, arguments: Arguments, place: Place) -> Result<Value, Stop> {
        self.render.step()?;
        self.render.check_stack()?;
        let mut inner = Interpreter::new(self.state, self.render, &closure.template, self.entry);
        inner.enclosing = closure.enclosing.iter().filter_map(Weak::upgrade).collect();
        let result = inner.body_of(&closure.definition, arguments);
        match result {
            // `return` in a macro that the rendered template itself defines.
            Err(Stop::Return(value)) if self.entry.is_none() && closure.definition.name.as_ref() != "caller" => {
                Ok(value)
            }
            result => result.map_err(|stop| match closure.definition.name.as_ref() {
                "caller" => stop,
                name => self.trailed(stop, name, place),
            }),
        }
    }

    #[inline(never)]
    fn trailed(&self, stop: Stop, name: &str, place: Place) -> Stop {
        let Stop::Error(mut diagnostic) = stop else { return stop };
        let here = place.span(&self.template.file);
        if diagnostic.span.is_none() {
            diagnostic.span = Some(here);
        } else if diagnostic.span.as_ref() != Some(&here) && diagnostic.notes.len() < MAX_TRAIL {
            diagnostic.notes.push((format!("in macro `{name}`, called here"), Some(here)));
        }
        Stop::Error(diagnostic)
    }

    fn body_of(&mut self, definition: &'a Definition, arguments: Arguments) -> Result<Value, Stop> {
        self.bind(definition, arguments)?;
        let mut output = String::new();
        self.run(&definition.body, &mut output)?;
        Ok(Value::from(output))
    }

    /// Puts the arguments of a call into the macro's variables.
    #[inline(never)]
    fn bind(&mut self, definition: &'a Definition, arguments: Arguments) -> Result<(), Stop> {
        let parameters = &definition.parameters;
        let Arguments { positional, named } = arguments;
        let mut given: Vec<Option<Value>> = vec![None; parameters.len()];
        let mut rest = Vec::new();
        for (index, value) in positional.into_iter().enumerate() {
            match given.get_mut(index) {
                Some(slot) => *slot = Some(value),
                None => rest.push(value),
            }
        }
        if !rest.is_empty() && definition.varargs.is_none() {
            let message = format!("takes at most {}, got {}", count(parameters.len()), parameters.len() + rest.len());
            return Err(self.wrong_argument(definition, &message));
        }
        let mut others = Pairs::new();
        let mut caller = None;
        for (name, value) in named {
            if let Some(index) = parameters.iter().position(|parameter| parameter.name == name) {
                if given[index].is_some() {
                    return Err(self.wrong_argument(definition, &format!("got argument `{name}` twice")));
                }
                given[index] = Some(value);
            } else if name.as_ref() == "caller" && definition.caller.is_some() {
                caller = Some(value);
            } else if definition.kwargs.is_some() {
                others.insert(Value::from(name.as_ref()), value);
            } else {
                return Err(self.unknown_argument(definition, &name));
            }
        }
        for (parameter, value) in parameters.iter().zip(given) {
            let value = match (value, &parameter.default) {
                (Some(value), _) => value,
                (None, Some(default)) => self.evaluate(default)?,
                (None, None) => Value::UNDEFINED,
            };
            self.set(parameter.symbol, value);
        }
        if let Some(symbol) = definition.caller {
            self.set(symbol, caller.unwrap_or_default());
        }
        if let Some(symbol) = definition.varargs {
            self.set(symbol, values::tuple(rest));
        }
        if let Some(symbol) = definition.kwargs {
            self.set(symbol, values::dict(others));
        }
        Ok(())
    }

    /// A call that does not fit; it gets its place from the call.
    #[inline(never)]
    fn wrong_argument(&self, definition: &Definition, message: &str) -> Stop {
        let diagnostic = Diagnostic::error(format!("macro `{}` {message}", definition.name));
        diagnostic.note_at(signature(definition), definition.place.span(&self.template.file)).into()
    }

    /// A named argument that the macro has no parameter for, in the words of Jinja2, which callers look for.
    #[inline(never)]
    fn unknown_argument(&self, definition: &Definition, name: &str) -> Stop {
        let text = format!("macro 'dbt_macro__{}' takes no keyword argument '{name}'", definition.name);
        let diagnostic = Diagnostic::error(text);
        let diagnostic = diagnostic.note_at(signature(definition), definition.place.span(&self.template.file));
        let known = definition.parameters.iter().map(|parameter| parameter.name.as_ref());
        match name {
            "caller" => diagnostic.hint("a macro used with `{% call %}` must use `caller()`").into(),
            _ => diagnostic.suggest(name, known).into(),
        }
    }

    /// The value of a template that gives one thing, or else its text: how dbt renders
    /// the arguments of generic tests and the strings of configuration files.
    pub fn native(&mut self, nodes: &'a [Node]) -> Result<Value, Stop> {
        let mut parts = Vec::new();
        self.native_parts(nodes, &mut parts)?;
        if parts.len() == 1 {
            return Ok(parts.swap_remove(0));
        }
        let mut text = String::new();
        parts.iter().for_each(|part| values::write_text(part, &mut text));
        Ok(Value::from(text))
    }

    fn native_parts(&mut self, nodes: &'a [Node], parts: &mut Vec<Value>) -> Result<(), Stop> {
        for node in nodes {
            match node {
                Node::Print(expression) => parts.push(self.native_expression(expression)?),
                Node::If(node) => {
                    let mut chosen = &node.otherwise;
                    for (condition, body) in &node.branches {
                        if self.evaluate(condition)?.is_true() {
                            chosen = body;
                            break;
                        }
                    }
                    self.native_parts(chosen, parts)?;
                }
                _ => {
                    let mut text = String::new();
                    self.statement(node, &mut text)?;
                    if !text.is_empty() {
                        parts.push(Value::from(text));
                    }
                }
            }
        }
        Ok(())
    }

    fn native_expression(&mut self, expression: &'a Expression) -> Result<Value, Stop> {
        let (value, filter) = self.native_operand(expression)?;
        if super::native::is_constant(expression) {
            return Ok(Value::from(values::text(&value)));
        }
        let Some(filter) = filter else { return Ok(value) };
        let converted = super::native::convert(filter, &value);
        self.placed(converted, expression.place)
    }

    /// A value, and the filter that says what becomes of it when the whole is done. Until then dbt has a text
    /// there: `x | as_bool and y` gives `y` also where `x` is false.
    fn native_operand(&mut self, expression: &'a Expression) -> Result<(Value, Option<&'a str>), Stop> {
        use super::syntax::Kind;
        match &expression.kind {
            Kind::Filter(_, filter) => Ok((self.evaluate(expression)?, Some(&filter.name))),
            Kind::And(pair) => {
                let first = self.native_operand(&pair.0)?;
                if super::native::is_true(&first) { self.native_operand(&pair.1) } else { Ok(first) }
            }
            Kind::Or(pair) => {
                let first = self.native_operand(&pair.0)?;
                if super::native::is_true(&first) { Ok(first) } else { self.native_operand(&pair.1) }
            }
            Kind::Not(inner) => {
                let inner = self.native_operand(inner)?;
                Ok((Value::from(!super::native::is_true(&inner)), None))
            }
            _ => Ok((self.evaluate(expression)?, None)),
        }
    }
}

fn count(parameters: usize) -> String {
    match parameters {
        0 => "no argument".to_owned(),
        1 => "1 argument".to_owned(),
        more => format!("{more} arguments"),
    }
}

/// `name(a, b=...)`.
fn signature(definition: &Definition) -> String {
    let parameters: Vec<String> = definition
        .parameters
        .iter()
        .map(|parameter| match parameter.default {
            Some(_) => format!("{}=...", parameter.name),
            None => parameter.name.to_string(),
        })
        .collect();
    format!("it is defined as `{}({})`", definition.name, parameters.join(", "))
}

/// Calls a value of a template from Rust code that runs within a render.
pub fn call_from_rust(state: &mut State<'_, '_>, callee: &Value, arguments: Arguments) -> Result<Value, Error> {
    let Some(render) = current(state) else {
        let message = "a macro can only be called while a template is rendered";
        return Err(Stop::from(message.to_owned()).into_error());
    };
    let template = render.engine.empty.clone();
    let mut interpreter = Interpreter::new(state, &render, &template, None);
    interpreter.call_value(callee, arguments, Place::default()).map_err(Stop::into_error)
}
