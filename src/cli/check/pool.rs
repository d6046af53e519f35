//! Work shared between threads, its results given back in the order of the inputs.
//!
//! Memory is bounded whatever the number of inputs: an input is only taken when there is room for its result,
//! and a result waits for those before it.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

/// Results that may wait, for each thread.
const WINDOW: usize = 4;
/// Rules recurse with the depth of the document.
const STACK: usize = 16 * 1024 * 1024;

/// Runs `work` on every input with `jobs` threads, and `each` on every result, in order, in this thread.
/// Stops early when `each` breaks.
pub(crate) fn run<I: Send, T: Send>(
    jobs: usize,
    inputs: impl Iterator<Item = I> + Send,
    work: impl Fn(I) -> T + Sync,
    mut each: impl FnMut(T) -> ControlFlow<()>,
) -> std::io::Result<()> {
    let jobs = jobs.max(1);
    let window = jobs * WINDOW;
    let (permit, permits) = sync_channel::<()>(window);
    let (task, tasks) = sync_channel::<(usize, I)>(jobs);
    let (done, results) = sync_channel::<(usize, T)>(window);
    for _ in 0..window {
        // The channel has room for exactly these.
        let _ = permit.send(());
    }
    let tasks = Mutex::new(tasks);
    let stopped = AtomicBool::new(false);
    thread::scope(|scope| {
        let (tasks, work, stopped) = (&tasks, &work, &stopped);
        for _ in 0..jobs {
            let done = done.clone();
            thread::Builder::new()
                .stack_size(STACK)
                .spawn_scoped(scope, move || {
                    while let Some((number, input)) = next(tasks) {
                        // Once stopped, what was taken is thrown away: whoever feeds must not wait for ever.
                        if !stopped.load(Ordering::Relaxed) {
                            let _ = done.send((number, work(input)));
                        }
                    }
                })?;
        }
        drop(done);
        thread::Builder::new().spawn_scoped(scope, move || {
            for numbered in inputs.enumerate() {
                if permits.recv().is_err() || task.send(numbered).is_err() {
                    break;
                }
            }
        })?;
        let mut waiting = BTreeMap::new();
        let mut wanted = 0;
        // Moved in: when this loop ends early, the others see it and end too.
        let (results, permit) = (results, permit);
        for (number, result) in &results {
            waiting.insert(number, result);
            while let Some(result) = waiting.remove(&wanted) {
                wanted += 1;
                if each(result).is_break() {
                    stopped.store(true, Ordering::Relaxed);
                    return Ok(());
                }
                let _ = permit.send(());
            }
        }
        Ok(())
    })
}

fn next<I>(tasks: &Mutex<Receiver<(usize, I)>>) -> Option<(usize, I)> {
    // A thread that fell while it held the lock took nothing away from the channel.
    let tasks = tasks
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    tasks.recv().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use std::sync::atomic::AtomicUsize;
    use std::time::Duration;

    use super::*;

    #[test]
    fn results_come_in_order_and_few_wait() {
        let (taken, given) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let mut seen = Vec::new();
        let inputs = (0..500_usize).inspect(|_| {
            let ahead = taken.fetch_add(1, Ordering::SeqCst) - given.load(Ordering::SeqCst);
            assert!(ahead <= 3 * WINDOW + 1, "{ahead}");
        });
        let work = |n: usize| {
            // The first of each ten is the slowest.
            if n.is_multiple_of(10) {
                thread::sleep(Duration::from_millis(2));
            }
            n
        };
        run(3, inputs, work, |n| {
            given.fetch_add(1, Ordering::SeqCst);
            seen.push(n);
            ControlFlow::Continue(())
        })
        .unwrap();
        assert_eq!(seen, (0..500).collect::<Vec<_>>());
    }

    #[test]
    fn stopping_early_ends_every_thread() {
        let mut seen = 0;
        run(
            4,
            0..u64::MAX,
            |n| n,
            |_| {
                seen += 1;
                if seen == 50 {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            },
        )
        .unwrap();
        assert_eq!(seen, 50);
    }
}
