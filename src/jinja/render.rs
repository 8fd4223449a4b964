//! What one render shares among its macros: the engine, the node's context, the limits,
//! and what it records. Also how problems and `return(...)` travel, through Rust code
//! too.

use std::cell::Cell;
use std::error::Error as _;
use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use minijinja::{Error, ErrorKind, State, Value};

use super::macros::MacroEntry;
use super::syntax::Place;
use super::values::Fault;
use super::{Inner, MacroOverrides, Scope};
use crate::diagnostic::{Diagnostic, SourceFile, Span};

/// Why an evaluation ended before its end.
#[derive(Debug, Clone)]
pub enum Stop {
    /// `return(value)`, on its way to the macro that called it.
    Return(Value),
    Error(Box<Diagnostic>),
}

impl From<Diagnostic> for Stop {
    fn from(diagnostic: Diagnostic) -> Self {
        Stop::Error(Box::new(diagnostic))
    }
}

impl From<Fault> for Stop {
    fn from(message: Fault) -> Self {
        Stop::Error(Box::new(Diagnostic::error(message)))
    }
}

impl Stop {
    /// Gives an error without a place this one.
    pub fn at(self, place: Place, file: &Arc<SourceFile>) -> Self {
        match self {
            Stop::Error(mut diagnostic) if diagnostic.span.is_none() => {
                diagnostic.span = Some(place.span(file));
                Stop::Error(diagnostic)
            }
            stop => stop,
        }
    }

    /// As an error of minijinja, for code between here and the interpreter.
    pub fn into_error(self) -> Error {
        Error::new(ErrorKind::InvalidOperation, "stopped").with_source(Carried(self))
    }

    /// What an object written in Rust gave back.
    pub fn from_error(error: &Error) -> Self {
        let mut source = error.source();
        while let Some(cause) = source {
            if let Some(Carried(stop)) = cause.downcast_ref::<Carried>() {
                return stop.clone();
            }
            source = cause.source();
        }
        let message = match error.detail() {
            Some(detail) => detail.to_owned(),
            None => error.kind().to_string(),
        };
        Diagnostic::error(message).into()
    }
}

struct Carried(Stop);

impl fmt::Debug for Carried {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl fmt::Display for Carried {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Stop::Return(_) => formatter.write_str("`return` outside of a macro"),
            Stop::Error(diagnostic) => formatter.write_str(&diagnostic.message),
        }
    }
}

impl std::error::Error for Carried {}

/// A problem as objects written in Rust give it to the templates that call them; the
/// place of the call is added if it has none.
pub fn error(diagnostic: Diagnostic) -> Error {
    Stop::from(diagnostic).into_error()
}

thread_local! {
    /// What [`allow_stack`] said of this thread.
    static STACK_LIMIT: Cell<Option<usize>> = const { Cell::new(None) };
}

/// Lets renders on this thread use so many bytes of its stack, instead of what the
/// engine's options say. For threads that were made with a larger stack.
pub fn allow_stack(bytes: usize) {
    STACK_LIMIT.set(Some(bytes));
}

/// The state of one render.
pub struct Render {
    pub engine: Arc<Inner>,
    /// The package of the node that is rendered: names are found from there.
    pub package: Arc<str>,
    pub context: Value,
    /// dbt's parse phase: an undefined value can be called and read from, and gives
    /// itself.
    pub lenient: bool,
    pub overrides: Option<Arc<MacroOverrides>>,
    steps: AtomicU64,
    depth: AtomicUsize,
    stack_base: usize,
    stack_limit: usize,
    called: Mutex<Vec<Arc<MacroEntry>>>,
    position: Mutex<Option<(Arc<SourceFile>, Place)>>,
}

impl fmt::Debug for Render {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "<render in {}>", self.package)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// About where the stack is now.
fn stack_address() -> usize {
    let marker = 0_u8;
    std::ptr::from_ref(&marker) as usize
}

impl Render {
    pub fn new(engine: Arc<Inner>, scope: &Scope<'_>) -> Arc<Self> {
        Arc::new(Render {
            stack_limit: STACK_LIMIT.get().unwrap_or(engine.options.stack_limit),
            engine,
            package: scope.package.into(),
            context: scope.context.clone(),
            lenient: scope.parsing,
            overrides: scope.overrides.clone(),
            steps: AtomicU64::new(0),
            depth: AtomicUsize::new(0),
            stack_base: stack_address(),
            called: Mutex::new(Vec::new()),
            position: Mutex::new(None),
        })
    }

    /// Counts a step; fails when the template has used up its share.
    #[inline]
    pub fn step(&self) -> Result<(), Stop> {
        // One thread renders, so that a plain load and store suffice.
        let steps = self.steps.load(Ordering::Relaxed) + 1;
        self.steps.store(steps, Ordering::Relaxed);
        let limit = self.engine.options.step_limit;
        if steps > limit {
            return Err(Diagnostic::error(format!("the template does not end: stopped after {limit} steps"))
                .hint("look for a loop or a recursion that grows without bound")
                .into());
        }
        Ok(())
    }

    /// Fails when calls are nested so deeply that the stack would run out.
    #[inline]
    pub fn check_stack(&self) -> Result<(), Stop> {
        if self.stack_base.abs_diff(stack_address()) > self.stack_limit {
            return Err(Diagnostic::error("calls are nested too deeply")
                .hint("a macro that calls itself needs a condition that ends it")
                .into());
        }
        Ok(())
    }

    /// Enters a macro; records it if the rendered template itself called it.
    pub fn enter(&self, entry: &Arc<MacroEntry>) {
        let depth = self.depth.load(Ordering::Relaxed);
        if depth == 0 {
            let mut called = lock(&self.called);
            if !called.iter().any(|known| Arc::ptr_eq(known, entry)) {
                called.push(entry.clone());
            }
        }
        self.depth.store(depth + 1, Ordering::Relaxed);
    }

    pub fn leave(&self) {
        self.depth.store(self.depth.load(Ordering::Relaxed).saturating_sub(1), Ordering::Relaxed);
    }

    /// The macros that the rendered template called itself, in the order of their first
    /// call: what dbt puts in `depends_on.macros`.
    pub fn called(&self) -> Vec<String> {
        lock(&self.called).iter().map(|entry| entry.unique_id.clone()).collect()
    }

    pub fn set_position(&self, file: &Arc<SourceFile>, place: Place) {
        let mut position = lock(&self.position);
        match &mut *position {
            Some((known, at)) if Arc::ptr_eq(known, file) => *at = place,
            other => *other = Some((file.clone(), place)),
        }
    }

    /// The place of the call that is being made into Rust code.
    pub fn position(&self) -> Option<Span> {
        lock(&self.position).as_ref().map(|(file, place)| place.span(file))
    }

    /// What a name means outside of the template's own variables.
    pub fn global(&self, name: &str) -> Option<Value> {
        if let Some(value) = self.engine.registry.global(name, &self.package) {
            return Some(value);
        }
        if let Ok(value) = self.context.get_attr(name)
            && !value.is_undefined()
        {
            return Some(value);
        }
        self.engine.library.get(name).cloned()
    }
}

/// How a render is kept in minijinja's state, where objects written in Rust find it.
struct Handle(Arc<Render>);

pub fn attach(state: &mut State<'_, '_>, render: &Arc<Render>) {
    state.get_or_insert_extension(Handle(render.clone()));
}

/// The render in which an object is being called.
pub fn current(state: &State<'_, '_>) -> Option<Arc<Render>> {
    state.get_extension::<Handle>().map(|handle| handle.0.clone())
}
