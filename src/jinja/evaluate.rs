//! Computes a template's expressions and makes its calls.

use std::sync::Arc;

use minijinja::value::{DynObject, ObjectRepr, ValueKind};
use minijinja::{ErrorKind, Value};

use super::arguments::{Arguments, truth};
use super::interpreter::{Closure, Interpreter, Loop};
use super::library::Builtin;
use super::macros::{MacroEntry, PackageNamespace};
use super::render::Stop;
use super::syntax::{Call, CallArguments, Comparison, Expression, FilterCall, Kind, Operator, Place, TestCall};
use super::values::{self, Number};
use super::{methods, operators};
use crate::diagnostic::{Diagnostic, nearest};

/// What a list or a text may grow to by one operation.
const MAX_TEXT: usize = 1 << 28;

impl<'a> Interpreter<'a, '_, '_, '_> {
    /// The value of an expression.
    ///
    /// Each kind has a function of its own, which keeps this one's frame small: it is on
    /// the stack many times where macros call macros.
    pub fn evaluate(&mut self, expression: &'a Expression) -> Result<Value, Stop> {
        let place = expression.place;
        match &expression.kind {
            Kind::Constant(value) => return Ok(value.clone()),
            Kind::Name(symbol) => return Ok(self.name(*symbol)),
            _ => self.render.check_stack()?,
        }
        match &expression.kind {
            Kind::Constant(value) => Ok(value.clone()),
            Kind::Name(symbol) => Ok(self.name(*symbol)),
            Kind::List(items) => self.sequence(items, values::list),
            Kind::Tuple(items) => self.sequence(items, values::tuple),
            Kind::Dict(pairs) => self.dict(pairs),
            Kind::Attribute(base, name) => self.attribute(base, name),
            Kind::Item(base, index) => self.item(base, index),
            Kind::Slice(base, parts) => self.slice(base, parts, place),
            Kind::Call(call) => self.call_given(call, place, None),
            Kind::Filter(base, filter) => {
                let value = self.evaluate(base)?;
                self.filter(value, filter)
            }
            Kind::Test(base, test) => self.test(base, test),
            Kind::Negate(inner) => self.signed(inner, true, place),
            Kind::Positive(inner) => self.signed(inner, false, place),
            Kind::Not(inner) => Ok(Value::from(!self.evaluate(inner)?.is_true())),
            Kind::Binary(operator, operands) => self.binary(*operator, operands, place),
            Kind::And(operands) => {
                let left = self.evaluate(&operands.0)?;
                if left.is_true() { self.evaluate(&operands.1) } else { Ok(left) }
            }
            Kind::Or(operands) => {
                let left = self.evaluate(&operands.0)?;
                if left.is_true() { Ok(left) } else { self.evaluate(&operands.1) }
            }
            Kind::Concat(parts) => self.concat(parts, place),
            Kind::Compare(first, rest) => self.compare(first, rest),
            Kind::Condition(parts) => self.condition(parts),
        }
    }

    fn evaluate_all(&mut self, items: &'a [Expression]) -> Result<Vec<Value>, Stop> {
        let mut found = Vec::with_capacity(items.len());
        for item in items {
            found.push(self.evaluate(item)?);
        }
        Ok(found)
    }

    #[inline(never)]
    fn sequence(&mut self, items: &'a [Expression], make: fn(Vec<Value>) -> Value) -> Result<Value, Stop> {
        Ok(make(self.evaluate_all(items)?))
    }

    #[inline(never)]
    fn dict(&mut self, pairs: &'a [(Expression, Expression)]) -> Result<Value, Stop> {
        let mut result = values::Pairs::with_capacity(pairs.len());
        for (key, value) in pairs {
            let (key, place) = (self.evaluate(key)?, key.place);
            self.placed(values::hashable(&key), place)?;
            let value = self.evaluate(value)?;
            result.insert(key, value);
        }
        Ok(values::dict(result))
    }

    #[inline(never)]
    fn slice(&mut self, base: &'a Expression, parts: &'a [Option<Expression>; 3], place: Place) -> Result<Value, Stop> {
        let value = self.evaluate(base)?;
        let mut bounds = [None, None, None];
        for (bound, part) in bounds.iter_mut().zip(parts) {
            if let Some(part) = part {
                *bound = Some(self.evaluate(part)?);
            }
        }
        if value.is_undefined() {
            return self.undefined_use(base);
        }
        self.placed(operators::slice(&value, &bounds), place)
    }

    #[inline(never)]
    fn signed(&mut self, inner: &'a Expression, negative: bool, place: Place) -> Result<Value, Stop> {
        let value = self.evaluate(inner)?;
        self.defined(&value, inner)?;
        if negative { self.placed(operators::negate(&value), place) } else { Ok(value) }
    }

    #[inline(never)]
    fn binary(
        &mut self,
        operator: Operator,
        operands: &'a (Expression, Expression),
        place: Place,
    ) -> Result<Value, Stop> {
        let left = self.evaluate(&operands.0)?;
        let right = self.evaluate(&operands.1)?;
        self.defined(&left, &operands.0)?;
        if left.as_str().is_none() || operator != Operator::Remainder {
            self.defined(&right, &operands.1)?;
        }
        self.placed(operators::binary(operator, &left, &right), place)
    }

    #[inline(never)]
    fn condition(&mut self, parts: &'a (Expression, Expression, Option<Expression>)) -> Result<Value, Stop> {
        let (then, condition, otherwise) = parts;
        if self.evaluate(condition)?.is_true() {
            return self.evaluate(then);
        }
        match otherwise {
            Some(otherwise) => self.evaluate(otherwise),
            None => Ok(Value::UNDEFINED),
        }
    }

    fn name(&mut self, symbol: super::syntax::Symbol) -> Value {
        if let Some(value) = self.local(symbol) {
            return value;
        }
        let name = self.template.name(symbol);
        if let Some(value) = self.render.global(name) {
            return value;
        }
        // A macro of a package finds its own package's macros, where dbt only finds
        // those of the rendered node's package.
        let own = self.entry.and_then(|entry| self.render.engine.registry.find(name, &entry.source.package));
        own.map(|entry| Value::from_dyn_object(entry.clone())).unwrap_or_default()
    }

    // --- undefined values ---

    fn is_lenient(&self, expression: &Expression) -> bool {
        if !self.render.lenient {
            return false;
        }
        // In a macro, a name that nothing defines is a mistake also while parsing.
        match (&expression.kind, self.entry) {
            (Kind::Name(symbol), Some(_)) => self.local(*symbol).is_some(),
            _ => true,
        }
    }

    /// Something is read from or called on an undefined value.
    #[inline(never)]
    fn undefined_use(&self, expression: &Expression) -> Result<Value, Stop> {
        if self.is_lenient(expression) { Ok(Value::UNDEFINED) } else { Err(self.undefined(expression)) }
    }

    /// Fails for an undefined operand.
    fn defined(&self, value: &Value, expression: &Expression) -> Result<(), Stop> {
        if value.is_undefined() { Err(self.undefined(expression)) } else { Ok(()) }
    }

    #[inline(never)]
    fn undefined(&self, expression: &Expression) -> Stop {
        let file = &self.template.file;
        let written = file.text.get(expression.place.start as usize..expression.place.end as usize).unwrap_or("");
        let mut shown: String = written.chars().take(60).collect();
        if shown.len() < written.len() {
            shown.push_str("...");
        }
        let diagnostic = Diagnostic::error(format!("`{shown}` is undefined")).at(expression.place.span(file));
        match &expression.kind {
            Kind::Name(symbol) => self.suggest_name(diagnostic, self.template.name(*symbol)),
            _ => diagnostic,
        }
        .into()
    }

    #[inline(never)]
    fn suggest_name(&self, diagnostic: Diagnostic, name: &str) -> Diagnostic {
        let registry = &self.render.engine.registry;
        let locals = self.local_names();
        let context: Vec<String> =
            values::items(&self.render.context).unwrap_or_default().iter().map(values::text).collect();
        let mut known = registry.names(&self.render.package);
        known.extend(locals.iter().chain(&context).map(String::as_str));
        known.extend(self.render.engine.library.keys().copied());
        if name == "caller" {
            return diagnostic.hint("a macro has it where a `{% call %}` block calls it");
        }
        if let Some(near) = nearest(name, known) {
            return diagnostic.hint(format!("did you mean `{near}`?"));
        }
        let mut holders: Vec<&str> = registry
            .entries()
            .filter(|entry| entry.source.name == name)
            .map(|entry| entry.source.package.as_str())
            .collect();
        holders.sort_unstable();
        match holders.first() {
            Some(package) => diagnostic.hint(format!("package `{package}` has it: `{package}.{name}`")),
            None => diagnostic
                .hint("check the name; a macro of a package needs the package in `packages.yml`, and `tform deps`"),
        }
    }

    /// `package.name`, where the package has no such macro.
    #[inline(never)]
    fn unknown_macro(&self, package: &PackageNamespace, name: &str, place: Place) -> Stop {
        Diagnostic::error(format!("package `{}` has no macro `{name}`", package.name))
            .at(place.span(&self.template.file))
            .suggest(name, package.names())
            .into()
    }

    // --- attributes and items ---

    #[inline(never)]
    fn attribute(&mut self, base: &'a Expression, name: &str) -> Result<Value, Stop> {
        let value = self.evaluate(base)?;
        if value.is_undefined() { self.undefined_use(base) } else { Ok(get_attribute(&value, name)) }
    }

    #[inline(never)]
    fn item(&mut self, base: &'a Expression, index: &'a Expression) -> Result<Value, Stop> {
        let value = self.evaluate(base)?;
        let index = self.evaluate(index)?;
        if value.is_undefined() { self.undefined_use(base) } else { Ok(get_item(&value, &index)) }
    }

    // --- operators ---

    #[inline(never)]
    fn concat(&mut self, parts: &'a [Expression], place: Place) -> Result<Value, Stop> {
        let mut text = String::new();
        for part in parts {
            let value = self.evaluate(part)?;
            values::write_text(&value, &mut text);
        }
        if text.len() > MAX_TEXT {
            return self.failed("the text is too large", place);
        }
        Ok(Value::from(text))
    }

    #[inline(never)]
    fn compare(&mut self, first: &'a Expression, rest: &'a [(Comparison, Expression)]) -> Result<Value, Stop> {
        let mut left = self.evaluate(first)?;
        let mut left_expression = first;
        for (comparison, expression) in rest {
            let right = self.evaluate(expression)?;
            let ordered =
                !matches!(comparison, Comparison::Equal | Comparison::NotEqual | Comparison::In | Comparison::NotIn);
            if ordered {
                self.defined(&left, left_expression)?;
                self.defined(&right, expression)?;
            }
            let place = left_expression.place.to(expression.place);
            if !self.placed(operators::compare(*comparison, &left, &right), place)? {
                return Ok(Value::from(false));
            }
            left = right;
            left_expression = expression;
        }
        Ok(Value::from(true))
    }

    // --- filters and tests ---

    #[inline(never)]
    pub fn filter(&mut self, value: Value, call: &'a FilterCall) -> Result<Value, Stop> {
        let arguments = self.arguments(&call.arguments)?;
        let Some(filter) = call.filter else {
            return Err(Diagnostic::error(format!("there is no filter `{}`", call.name))
                .at(call.place.span(&self.template.file))
                .suggest(&call.name, super::filters::names())
                .into());
        };
        self.placed(filter(&value, arguments), call.place)
    }

    #[inline(never)]
    fn test(&mut self, base: &'a Expression, call: &'a TestCall) -> Result<Value, Stop> {
        let value = self.evaluate(base)?;
        let arguments = self.arguments(&call.arguments)?;
        let Some(test) = call.test else {
            return Err(Diagnostic::error(format!("there is no test `{}`", call.name))
                .at(call.place.span(&self.template.file))
                .suggest(&call.name, super::tests::names())
                .into());
        };
        let holds = self.placed(test(&value, arguments), call.place)?;
        Ok(Value::from(holds != call.negated))
    }

    // --- calls ---

    fn arguments(&mut self, arguments: &'a CallArguments) -> Result<Arguments, Stop> {
        let mut result = Arguments { positional: self.evaluate_all(&arguments.positional)?, named: Vec::new() };
        for (name, expression) in &arguments.named {
            let value = self.evaluate(expression)?;
            result.named.push((name.clone(), value));
        }
        if arguments.star.is_some() || arguments.double_star.is_some() {
            self.unpacked(arguments, &mut result)?;
        }
        Ok(result)
    }

    /// Adds what `*` and `**` stand for.
    #[inline(never)]
    fn unpacked(&mut self, arguments: &'a CallArguments, result: &mut Arguments) -> Result<(), Stop> {
        if let Some(star) = &arguments.star {
            let more = self.evaluate(star)?;
            result.positional.extend(self.placed(values::items(&more), star.place)?);
        }
        let Some(double_star) = &arguments.double_star else { return Ok(()) };
        let more = self.evaluate(double_star)?;
        let Some(pairs) = values::pairs(&more) else {
            let message = format!("`**` needs a dict, not a value of type `{}`", values::type_name(&more));
            return self.failed(message, double_star.place);
        };
        for (key, value) in pairs {
            let name: Arc<str> = values::text(&key).into();
            if result.named.iter().any(|(known, _)| *known == name) {
                return self.failed(format!("argument `{name}` is given twice"), double_star.place);
            }
            result.named.push((name, value));
        }
        Ok(())
    }

    /// The call of a call block, with its `caller`.
    #[inline(never)]
    pub fn call_with_caller(&mut self, call: &'a Expression, caller: Value) -> Result<Value, Stop> {
        match &call.kind {
            Kind::Call(inner) => self.call_given(inner, call.place, Some(caller)),
            _ => self.evaluate(call),
        }
    }

    #[inline(never)]
    fn call_given(&mut self, call: &'a Call, place: Place, caller: Option<Value>) -> Result<Value, Stop> {
        self.render.step()?;
        if let Kind::Attribute(base, name) = &call.callee.kind {
            return self.call_attribute(call, (base, name), place, caller);
        }
        let callee = self.evaluate(&call.callee)?;
        let mut arguments = self.arguments(&call.arguments)?;
        arguments.named.extend(caller.map(|caller| ("caller".into(), caller)));
        if callee.is_undefined() {
            return self.undefined_use(&call.callee);
        }
        self.call_value(&callee, arguments, place)
    }

    #[inline(never)]
    fn call_attribute(
        &mut self,
        call: &'a Call,
        (base, name): (&'a Expression, &str),
        place: Place,
        caller: Option<Value>,
    ) -> Result<Value, Stop> {
        let receiver = self.evaluate(base)?;
        let mut arguments = self.arguments(&call.arguments)?;
        arguments.named.extend(caller.map(|caller| ("caller".into(), caller)));
        if receiver.is_undefined() {
            return self.undefined_use(base);
        }
        match self.call_method(&receiver, name, arguments, place)? {
            Some(value) => Ok(value),
            None => self.no_method(&receiver, name, &call.callee),
        }
    }

    #[inline(never)]
    fn no_method(&self, receiver: &Value, name: &str, callee: &Expression) -> Result<Value, Stop> {
        // What is only read may never be reached when the node runs.
        if self.render.lenient {
            return Ok(Value::UNDEFINED);
        }
        if let Some(package) = receiver.downcast_object_ref::<PackageNamespace>() {
            return Err(self.unknown_macro(package, name, callee.place));
        }
        let kind = values::type_name(receiver);
        Err(Diagnostic::error(format!("a value of type `{kind}` has no method `{name}`"))
            .at(callee.place.span(&self.template.file))
            .suggest(name, methods::names(receiver).iter().copied())
            .into())
    }

    /// Calls a method; `None` if the receiver has none of that name.
    #[inline(never)]
    fn call_method(
        &mut self,
        receiver: &Value,
        name: &str,
        arguments: Arguments,
        place: Place,
    ) -> Result<Option<Value>, Stop> {
        let Some(object) = receiver.as_object() else {
            return methods::call(receiver, name, arguments).map(|result| self.placed(result, place)).transpose();
        };
        // A dict's methods come before macros of their names, as in dbt, where a package is a dict.
        if let Some(package) = receiver.downcast_object_ref::<PackageNamespace>()
            && !methods::names(receiver).contains(&name)
        {
            let Some(entry) = package.get(name) else { return Ok(None) };
            return self.call_macro(entry, arguments, place).map(Some);
        }
        if let Some(state) = receiver.downcast_object_ref::<Loop>()
            && let Some(result) = state.method(name, &arguments)
        {
            return self.placed(result, place).map(Some);
        }
        if let Some(list) = receiver.downcast_object_ref::<values::List>()
            && name == "sort"
            && arguments.named.iter().any(|(name, _)| name.as_ref() == "key")
        {
            return self.sort_by_function(list, arguments, place).map(Some);
        }
        if methods::is_own(receiver) {
            if methods::names(receiver).contains(&name) {
                return methods::call(receiver, name, arguments).map(|result| self.placed(result, place)).transpose();
            }
        } else {
            self.render.set_position(&self.template.file, place);
            match object.call_method(self.state, name, &arguments.clone().into_values()) {
                Ok(value) => return Ok(Some(value)),
                Err(error) if error.kind() == ErrorKind::UnknownMethod => {}
                Err(error) => return Err(Stop::from_error(&error).at(place, &self.template.file)),
            }
        }
        match object.get_value_by_str(name).filter(|value| !value.is_undefined()) {
            Some(callee) => self.call_value(&callee, arguments, place).map(Some),
            None => methods::call(receiver, name, arguments).map(|result| self.placed(result, place)).transpose(),
        }
    }

    /// `list.sort(key=function)`.
    #[inline(never)]
    fn sort_by_function(&mut self, list: &values::List, arguments: Arguments, place: Place) -> Result<Value, Stop> {
        let [reverse, key] = self.placed(arguments.bind("sort", ["reverse", "key"]), place)?;
        let items = list.lock().clone();
        let mut keyed = Vec::with_capacity(items.len());
        for item in items {
            let by = match key.as_ref().filter(|key| !key.is_none()) {
                Some(key) => {
                    let arguments = Arguments { positional: vec![item.clone()], named: Vec::new() };
                    self.call_value(key, arguments, place)?
                }
                None => item.clone(),
            };
            keyed.push((by, item));
        }
        self.placed(values::sort_by_key(&mut keyed, truth(reverse.as_ref(), false)), place)?;
        *list.lock() = keyed.into_iter().map(|(_, item)| item).collect();
        Ok(values::none())
    }

    /// Calls a value.
    pub fn call_value(&mut self, callee: &Value, arguments: Arguments, place: Place) -> Result<Value, Stop> {
        let Some(object) = callee.as_object() else {
            let kind = values::type_name(callee);
            return self.failed(format!("a value of type `{kind}` cannot be called"), place);
        };
        if let Some(entry) = callee.downcast_object::<MacroEntry>() {
            return self.call_macro(&entry, arguments, place);
        }
        self.call_object(callee, object, arguments, place)
    }

    /// Calls what is not a macro of the project.
    #[inline(never)]
    fn call_object(
        &mut self,
        callee: &Value,
        object: &DynObject,
        arguments: Arguments,
        place: Place,
    ) -> Result<Value, Stop> {
        if let Some(closure) = callee.downcast_object::<Closure>() {
            return self.call_closure(&closure, arguments, place);
        }
        if let Some(builtin) = callee.downcast_object_ref::<Builtin>() {
            self.render.set_position(&self.template.file, place);
            return builtin.invoke(self.render, arguments).map_err(|stop| stop.at(place, &self.template.file));
        }
        if callee.downcast_object_ref::<Loop>().is_some() {
            return self.recurse(callee, &arguments, place);
        }
        if let Some(method) = callee.downcast_object_ref::<methods::BoundMethod>() {
            let result = self.call_method(&method.receiver, &method.name, arguments, place)?;
            return Ok(result.unwrap_or_default());
        }
        if is_container(object) {
            let kind = values::type_name(callee);
            return self.failed(format!("a value of type `{kind}` cannot be called"), place);
        }
        self.render.set_position(&self.template.file, place);
        object
            .call(self.state, &arguments.into_values())
            .map_err(|error| Stop::from_error(&error).at(place, &self.template.file))
    }
}

fn is_container(object: &DynObject) -> bool {
    object.downcast_ref::<values::List>().is_some()
        || object.downcast_ref::<values::Dict>().is_some()
        || object.downcast_ref::<minijinja::value::Tuple>().is_some()
}

/// `value.name`: what Python's object has, else the item of that name, else undefined.
pub fn get_attribute(value: &Value, name: &str) -> Value {
    let Some(object) = value.as_object() else {
        return methods::bound(value, name).unwrap_or_default();
    };
    if methods::is_own(value)
        && let Some(method) = methods::bound(value, name)
    {
        return method;
    }
    let found = object.get_value_by_str(name).filter(|value| !value.is_undefined());
    found.or_else(|| methods::bound(value, name)).unwrap_or_default()
}

/// `value[index]`: the item, else what Python's object has under that name, else
/// undefined.
pub fn get_item(value: &Value, index: &Value) -> Value {
    if let Some(text) = value.as_str() {
        let Some(Number::Integer(at)) = Number::of(index) else {
            return index.as_str().and_then(|name| methods::bound(value, name)).unwrap_or_default();
        };
        let length = if at < 0 { text.chars().count() } else { usize::MAX >> 1 };
        let at = i64::try_from(at).ok().and_then(|at| values::position(at, length));
        return at.and_then(|at| text.chars().nth(at)).map(Value::from).unwrap_or_default();
    }
    let Some(object) = value.as_object() else { return Value::UNDEFINED };
    let found = match (object.repr(), Number::of(index)) {
        (ObjectRepr::Seq, Some(Number::Integer(at))) => {
            let length = object.enumerator_len().unwrap_or(0);
            let at = i64::try_from(at).ok().and_then(|at| values::position(at, length));
            at.and_then(|at| object.get_value(&Value::from(at)))
        }
        _ => object.get_value(index),
    };
    if let Some(found) = found.filter(|found| found.kind() != ValueKind::Undefined) {
        return found;
    }
    index.as_str().and_then(|name| methods::bound(value, name)).unwrap_or_default()
}
