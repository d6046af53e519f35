//! Threads that hold compiled schemas: compiled once per thread that validates, bounded in time, replaced when they fail.
//!
//! A run that does not end in time is given up: its thread is left to end by itself and the document is unjudged.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::engine::{Engine, Run, Runner, Start};
use super::flat::Flat;
use super::source::Source;
use super::{Unjudged, XsdLimits};

/// Most threads alive for one set of schemas, those given up included.
const MOST_THREADS: usize = 64;

/// Stack of a thread: schemas and regular expressions recurse.
const STACK: usize = 16 << 20;

/// A set of schemas that documents can be run against, from any thread.
pub(super) struct Pool {
    engine: Arc<dyn Engine>,
    source: Arc<Source>,
    start: Start,
    limits: XsdLimits,
    free: Mutex<Vec<Worker>>,
    alive: Arc<AtomicUsize>,
    missing: Vec<String>,
}

struct Job {
    flat: Flat,
    most: usize,
    answer: Sender<Answer>,
}

/// A run, and whether the thread retires after it.
struct Answer {
    run: Result<Run, String>,
    retires: bool,
}

struct Worker {
    jobs: Sender<Job>,
}

/// Counts a thread while it lives.
struct Alive(Arc<AtomicUsize>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Pool {
    /// Compiles the schemas on a first thread.
    pub(super) fn new(
        engine: Arc<dyn Engine>,
        source: Arc<Source>,
        start: Start,
        limits: XsdLimits,
    ) -> Result<Self, Unjudged> {
        let mut pool = Self {
            engine,
            source,
            start,
            limits,
            free: Mutex::new(Vec::new()),
            alive: Arc::new(AtomicUsize::new(0)),
            missing: Vec::new(),
        };
        let (worker, missing) = pool.spawn()?;
        pool.missing = missing;
        pool.give_back(worker);
        Ok(pool)
    }

    /// Imports and includes that are not in the folder.
    pub(super) fn missing(&self) -> &[String] {
        &self.missing
    }

    /// Runs one document.
    pub(super) fn run(&self, flat: Flat, most: usize) -> Result<Run, Unjudged> {
        let (answer, result) = channel();
        let mut job = Job { flat, most, answer };
        let worker = loop {
            let free = self
                .free
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .pop();
            let worker = match free {
                Some(worker) => worker,
                None => self.spawn()?.0,
            };
            match worker.jobs.send(job) {
                Ok(()) => break worker,
                // That thread retired: take another.
                Err(back) => job = back.0,
            }
        };
        match receive(&result, self.limits.document) {
            Ok(answer) => {
                if !answer.retires {
                    self.give_back(worker);
                }
                answer
                    .run
                    .map_err(|e| Unjudged(format!("validation XSD impossible : {e}")))
            }
            Err(unjudged) => Err(unjudged),
        }
    }

    fn give_back(&self, worker: Worker) {
        self.free
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(worker);
    }

    /// Starts a thread and waits until it has compiled.
    fn spawn(&self) -> Result<(Worker, Vec<String>), Unjudged> {
        if self.alive.fetch_add(1, Ordering::Relaxed) >= MOST_THREADS {
            self.alive.fetch_sub(1, Ordering::Relaxed);
            return Err(Unjudged(
                "trop de validations XSD en cours, dont certaines n'ont pas pris fin".to_owned(),
            ));
        }
        let alive = Alive(Arc::clone(&self.alive));
        let (jobs, inbox) = channel::<Job>();
        let (ready, compiled) = channel();
        let (engine, source, start) = (
            Arc::clone(&self.engine),
            Arc::clone(&self.source),
            self.start.clone(),
        );
        std::thread::Builder::new()
            .name("xsd".to_owned())
            .stack_size(STACK)
            .spawn(move || {
                let _alive = alive;
                let told = ready.clone();
                let outcome = engine.serve(&source, &start, &mut |runner| {
                    if told.send(Ok(runner.missing())).is_ok() {
                        serve(runner, &inbox);
                    }
                });
                if let Err(problem) = outcome {
                    let _ = ready.send(Err(problem));
                }
            })
            .map_err(|e| {
                Unjudged(format!(
                    "pas de fil d'exécution pour la validation XSD : {e}"
                ))
            })?;
        let missing = receive(&compiled, self.limits.compile)?
            .map_err(|e| Unjudged(format!("les schémas ne se compilent pas : {e}")))?;
        Ok((Worker { jobs }, missing))
    }
}

fn serve(runner: &dyn Runner, inbox: &Receiver<Job>) {
    while let Ok(job) = inbox.recv() {
        let run = runner.run(&job.flat, job.most);
        let retires = runner.worn();
        let _ = job.answer.send(Answer { run, retires });
        if retires {
            return;
        }
    }
}

fn receive<T>(from: &Receiver<T>, limit: Duration) -> Result<T, Unjudged> {
    from.recv_timeout(limit).map_err(|e| match e {
        RecvTimeoutError::Timeout => Unjudged(format!(
            "la validation XSD n'a pas pris fin en {} s",
            limit.as_secs_f32()
        )),
        RecvTimeoutError::Disconnected => {
            Unjudged("le moteur XSD s'est interrompu de lui-même".to_owned())
        }
    })
}
