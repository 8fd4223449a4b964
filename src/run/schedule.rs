//! The scheduler: which node runs when, on which thread.
//!
//! Works on plain numbers, so that its invariant (no node before its parents, each
//! node once, descendants of a failure skipped) is tested over any interleaving
//! without an engine. Ready nodes wait in a heap ordered by the length of the longest
//! path still behind them: the slowest chain goes first.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// What is to be run: tasks are numbers from zero, edges point from a task to those that wait for it.
#[derive(Debug, Default, Clone)]
pub struct Plan {
    /// For each task, the tasks that wait for it.
    pub children: Vec<Vec<usize>>,
    /// For each task, the tasks that wait for it and run however it ends.
    pub followers: Vec<Vec<usize>>,
    /// For each task, how many tasks it waits for.
    pub waiting_for: Vec<usize>,
    /// For each task, the length of the longest path behind it, in any unit.
    pub priority: Vec<u64>,
}

impl Plan {
    /// A plan from the parents of each task; every task weighs one.
    pub fn from_parents(parents: &[Vec<usize>]) -> Plan {
        let weights = vec![1; parents.len()];
        Plan::weighted(parents, &[], &weights)
    }

    /// A plan from the parents of each task, the tasks that it follows (none does if that is empty),
    /// and how long each is expected to take.
    pub fn weighted(parents: &[Vec<usize>], follows: &[Vec<usize>], weights: &[u64]) -> Plan {
        let none = || vec![Vec::new(); parents.len()];
        let (waiting_for, priority) = (vec![0; parents.len()], weights.to_vec());
        let mut plan = Plan { children: none(), followers: none(), waiting_for, priority };
        for (edges, next) in [(parents, &mut plan.children), (follows, &mut plan.followers)] {
            for (task, before) in edges.iter().enumerate() {
                plan.waiting_for[task] += before.len();
                before.iter().for_each(|before| next[*before].push(task));
            }
        }
        for task in plan.topological().into_iter().rev() {
            let longest = |next: &[usize]| next.iter().map(|next| plan.priority[*next]).max().unwrap_or(0);
            // What a task waits for goes before what it only follows.
            plan.priority[task] = (longest(&plan.children[task]) + weights[task]).max(longest(&plan.followers[task]));
        }
        plan
    }

    pub fn len(&self) -> usize {
        self.children.len()
    }

    pub fn is_empty(&self) -> bool {
        self.children.is_empty()
    }

    /// The tasks in an order in which parents come first; shorter if the plan has a cycle.
    pub fn topological(&self) -> Vec<usize> {
        let mut waiting_for = self.waiting_for.clone();
        let mut order: Vec<usize> = (0..self.len()).filter(|task| waiting_for[*task] == 0).collect();
        let mut next = 0;
        while next < order.len() {
            for child in self.children[order[next]].iter().chain(&self.followers[order[next]]) {
                waiting_for[*child] -= 1;
                if waiting_for[*child] == 0 {
                    order.push(*child);
                }
            }
            next += 1;
        }
        order
    }
}

/// How a task ended, as far as the order of the others is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// What waits for it is skipped.
    Failed,
    /// It failed and nothing new is to begin (`--fail-fast`).
    Stop,
}

/// What a worker is to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Run(usize),
    /// The task is skipped because of a failed ancestor: the direct parent that failed or was skipped.
    Skip(usize, usize),
    Finished,
}

struct State<'a> {
    plan: &'a Plan,
    waiting_for: Vec<usize>,
    /// The first parent that failed, for tasks that cannot run any more.
    blocked_by: Vec<Option<usize>>,
    ready: BinaryHeap<(u64, Reverse<usize>)>,
    running: usize,
    left: usize,
    stopped: bool,
    /// Threads that have nothing to do just now.
    idle: usize,
}

impl State<'_> {
    /// After a stop only tasks of which `has_begun` are still run.
    fn next(&mut self, has_begun: impl Fn(usize) -> bool) -> Option<Step> {
        if self.stopped {
            let blocked_by = &self.blocked_by;
            self.ready.retain(|(_, Reverse(task))| blocked_by[*task].is_none() && has_begun(*task));
        }
        if self.left == 0 || (self.stopped && self.running == 0 && self.ready.is_empty()) {
            return Some(Step::Finished);
        }
        let (_, Reverse(task)) = self.ready.pop()?;
        self.running += 1;
        Some(match self.blocked_by[task] {
            Some(parent) => Step::Skip(task, parent),
            None => Step::Run(task),
        })
    }

    fn finish(&mut self, task: usize, outcome: Outcome) {
        self.running -= 1;
        self.left -= 1;
        self.stopped |= outcome == Outcome::Stop;
        if outcome != Outcome::Done {
            for child in &self.plan.children[task] {
                self.blocked_by[*child].get_or_insert(task);
            }
        }
        for next in self.plan.children[task].iter().chain(&self.plan.followers[task]) {
            self.waiting_for[*next] -= 1;
            if self.waiting_for[*next] == 0 {
                self.ready.push((self.plan.priority[*next], Reverse(*next)));
            }
        }
    }
}

/// What the scheduler calls; shared by all threads.
pub trait Work: Sync {
    /// What a thread keeps from task to task (its connection).
    type Worker;

    /// Makes the worker of a thread; called on that thread. Threads count from zero.
    fn worker(&self, thread: usize) -> Self::Worker;

    fn run(&self, worker: &mut Self::Worker, task: usize) -> Outcome;

    /// Called in place of `run` for a task whose `parent` failed or was skipped.
    fn skip(&self, task: usize, parent: usize);

    /// Called on the worker's thread when nothing is left to do.
    fn close(&self, _worker: Self::Worker) {}

    /// Whether a part of a task's work has been done along with another task: it is brought to its end
    /// when nothing new is to begin (`--fail-fast`).
    fn has_begun(&self, _task: usize) -> bool {
        false
    }

    /// Whether to begin no further task (an interrupt).
    fn interrupted(&self) -> bool {
        false
    }
}

/// Stack of a worker thread: templates recurse.
const STACK_SIZE: usize = 64 << 20;

/// Runs every task of `plan` on at most `threads` threads; gives the tasks that were never begun.
pub fn execute<W: Work>(plan: &Plan, threads: usize, work: &W) -> Vec<usize> {
    let mut ready = BinaryHeap::new();
    for (task, waiting_for) in plan.waiting_for.iter().enumerate() {
        if *waiting_for == 0 {
            ready.push((plan.priority[task], Reverse(task)));
        }
    }
    let state = Mutex::new(State {
        plan,
        waiting_for: plan.waiting_for.clone(),
        blocked_by: vec![None; plan.len()],
        ready,
        running: 0,
        left: plan.len(),
        stopped: false,
        idle: 0,
    });
    let begun = Mutex::new(vec![false; plan.len()]);
    let changed = Condvar::new();
    let threads = threads.clamp(1, plan.len().max(1));
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (state, begun, changed) = (&state, &begun, &changed);
            let body = move || {
                crate::jinja::allow_stack(STACK_SIZE / 2);
                run_worker(work, thread, state, begun, changed);
            };
            let builder = std::thread::Builder::new().name(format!("Thread-{}", thread + 1)).stack_size(STACK_SIZE);
            if builder.spawn_scoped(scope, body).is_err() {
                // The machine refuses another thread: this one does the work, unless others do already.
                if thread == 0 {
                    run_worker(work, 0, state, begun, changed);
                }
                break;
            }
        }
    });
    let begun = begun.into_inner().unwrap_or_else(PoisonError::into_inner);
    begun.iter().enumerate().filter(|(_, begun)| !**begun).map(|(task, _)| task).collect()
}

fn run_worker<W: Work>(work: &W, thread: usize, state: &Mutex<State<'_>>, begun: &Mutex<Vec<bool>>, changed: &Condvar) {
    let mut worker = None;
    let mut step = wait_for_step(work, lock(state), changed);
    loop {
        let (task, outcome) = match step {
            Step::Finished => {
                changed.notify_all();
                if let Some(worker) = worker {
                    work.close(worker);
                }
                return;
            }
            Step::Skip(task, parent) => {
                lock(begun)[task] = true;
                work.skip(task, parent);
                (task, Outcome::Failed)
            }
            Step::Run(task) => {
                lock(begun)[task] = true;
                let worker = worker.get_or_insert_with(|| work.worker(thread));
                (task, work.run(worker, task))
            }
        };
        let mut guard = lock(state);
        guard.finish(task, outcome);
        // One task that became ready is this thread's own: it is awake and connected, which another thread
        // may not be. The others are woken for what there is beside it.
        for _ in 1..=guard.idle.min(guard.ready.len().saturating_sub(1)) {
            changed.notify_one();
        }
        step = wait_for_step(work, guard, changed);
    }
}

fn wait_for_step<'a, 'b, W: Work>(work: &W, mut guard: MutexGuard<'a, State<'b>>, changed: &Condvar) -> Step {
    loop {
        let interrupted = work.interrupted();
        guard.stopped |= interrupted;
        if let Some(step) = guard.next(|task| !interrupted && work.has_begun(task)) {
            return step;
        }
        guard.idle += 1;
        guard = changed.wait(guard).unwrap_or_else(PoisonError::into_inner);
        guard.idle -= 1;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Records in which order tasks ran; tasks in `failing` fail.
    struct Recorder {
        order: Mutex<Vec<usize>>,
        skipped: Mutex<Vec<usize>>,
        failing: Vec<usize>,
        begun: Vec<usize>,
        stop: bool,
    }

    impl Work for Recorder {
        type Worker = ();

        fn worker(&self, _thread: usize) {}

        fn run(&self, _worker: &mut (), task: usize) -> Outcome {
            lock(&self.order).push(task);
            match self.failing.contains(&task) {
                true if self.stop => Outcome::Stop,
                true => Outcome::Failed,
                false => Outcome::Done,
            }
        }

        fn skip(&self, task: usize, _parent: usize) {
            lock(&self.skipped).push(task);
        }

        fn has_begun(&self, task: usize) -> bool {
            self.begun.contains(&task)
        }
    }

    fn recorder(failing: &[usize], begun: &[usize], stop: bool) -> Recorder {
        let (failing, begun) = (failing.to_vec(), begun.to_vec());
        Recorder { order: Mutex::default(), skipped: Mutex::default(), failing, begun, stop }
    }

    fn run(
        parents: &[Vec<usize>],
        threads: usize,
        failing: &[usize],
        stop: bool,
    ) -> (Vec<usize>, Vec<usize>, Vec<usize>) {
        let recorder = recorder(failing, &[], stop);
        let left = execute(&Plan::from_parents(parents), threads, &recorder);
        let mut skipped = recorder.skipped.into_inner().unwrap();
        skipped.sort_unstable();
        (recorder.order.into_inner().unwrap(), skipped, left)
    }

    #[test]
    fn the_longest_chain_goes_first() {
        // 0 alone; 1 <- 2 <- 3
        let (order, _, _) = run(&[vec![], vec![], vec![1], vec![2]], 1, &[], false);
        assert_eq!(order, [1, 2, 0, 3]);
    }

    #[test]
    fn a_task_follows_another_however_it_ends() {
        // 0 <- 1; 1 follows 2, which fails
        let recorder = recorder(&[2], &[], false);
        let plan = Plan::weighted(&[vec![], vec![0], vec![]], &[vec![], vec![2]], &[1, 1, 1]);
        assert!(execute(&plan, 1, &recorder).is_empty());
        assert_eq!(recorder.order.into_inner().unwrap(), [0, 2, 1]);
        assert!(recorder.skipped.into_inner().unwrap().is_empty());
    }

    /// Which threads ran tasks, which take a while.
    struct Threads(Mutex<std::collections::BTreeSet<usize>>);

    impl Work for Threads {
        type Worker = usize;

        fn worker(&self, thread: usize) -> usize {
            thread
        }

        fn run(&self, worker: &mut usize, _task: usize) -> Outcome {
            lock(&self.0).insert(*worker);
            std::thread::sleep(std::time::Duration::from_millis(2));
            Outcome::Done
        }

        fn skip(&self, _task: usize, _parent: usize) {}
    }

    #[test]
    fn a_chain_stays_on_its_thread_and_a_fan_takes_all() {
        let chain: Vec<Vec<usize>> = (0..30usize).map(|task| task.checked_sub(1).into_iter().collect()).collect();
        let fan: Vec<Vec<usize>> = (0..30usize).map(|task| if task == 0 { vec![] } else { vec![0] }).collect();
        for (parents, expected) in [(chain, 1), (fan, 6)] {
            let work = Threads(Mutex::default());
            execute(&Plan::from_parents(&parents), 6, &work);
            assert_eq!(work.0.into_inner().unwrap().len(), expected);
        }
    }

    #[test]
    fn a_failed_task_skips_its_descendants_only() {
        let (order, skipped, left) = run(&[vec![], vec![0], vec![1], vec![]], 2, &[0], false);
        assert_eq!((order.contains(&3), skipped, left), (true, vec![1, 2], vec![]));
    }

    #[test]
    fn stopping_leaves_the_rest_unbegun() {
        let (order, _, left) = run(&[vec![], vec![0], vec![1]], 1, &[0], true);
        assert_eq!((order, left), (vec![0], vec![1, 2]));
    }

    #[test]
    fn stopping_brings_to_its_end_what_has_begun() {
        let recorder = recorder(&[1], &[2, 4], true);
        // 0 <- 1, 2, 3; 1 <- 4
        let plan = Plan::from_parents(&[vec![], vec![0], vec![0], vec![0], vec![1]]);
        let left = execute(&plan, 1, &recorder);
        assert_eq!((recorder.order.into_inner().unwrap(), left), (vec![0, 1, 2], vec![3, 4]));
    }

    proptest! {
        #[test]
        fn parents_always_come_first(edges in prop::collection::vec((0usize..40, 0usize..40), 0..120), threads in 1usize..6, fails in prop::collection::vec(0usize..40, 0..4)) {
            let mut parents = vec![Vec::new(); 40];
            for (one, other) in edges {
                if one < other && !parents[other].contains(&one) {
                    parents[other].push(one);
                }
            }
            let (order, skipped, left) = run(&parents, threads, &fails, false);
            prop_assert!(left.is_empty());
            prop_assert_eq!(order.len() + skipped.len(), 40);
            let place = |task: usize| order.iter().position(|ran| *ran == task);
            for (task, parents) in parents.iter().enumerate() {
                let blocked = parents.iter().any(|parent| skipped.contains(parent) || fails.contains(parent));
                prop_assert_eq!(blocked, skipped.contains(&task));
                for parent in parents {
                    if let (Some(before), Some(after)) = (place(*parent), place(task)) {
                        prop_assert!(before < after);
                    }
                }
            }
        }
    }
}
