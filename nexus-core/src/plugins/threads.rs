//! Threads for calls. A thread that has given its answer waits for the next call instead of ending.

use std::cell::Cell;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// What a thread is to do. It says when it is ready for more, which is before it hands over its answer: so who has
/// the answer finds the thread free.
type Work = Box<dyn FnOnce(&dyn Fn()) + Send>;

type Idle = Mutex<Vec<SyncSender<Work>>>;

/// The threads of one instance: as many as calls were under way at the same time, and one for each that never ends.
/// Those that are idle end with this.
#[derive(Debug)]
pub(super) struct Threads {
    name: String,
    idle: Arc<Idle>,
}

impl Threads {
    /// None yet; all will have this name.
    pub fn named(name: String) -> Self {
        Self { name, idle: Arc::default() }
    }

    /// Runs `ask` on an idle thread or a new one, and hands its result to `answer` there. If `ask` panics, the thread
    /// ends, and `answer` is dropped.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub fn run<T: 'static>(
        &self,
        ask: impl FnOnce() -> T + Send + 'static,
        answer: impl FnOnce(T) + Send + 'static,
    ) -> std::io::Result<()> {
        let mut work: Work = Box::new(move |ready| {
            let result = ask();
            ready();
            answer(result);
        });
        while let Some(thread) = self.take() {
            match thread.send(work) {
                Ok(()) => return Ok(()),
                Err(returned) => work = returned.0,
            }
        }
        let idle = Arc::downgrade(&self.idle);
        std::thread::Builder::new().name(self.name.clone()).spawn(move || serve(work, &idle)).map(drop)
    }

    fn take(&self) -> Option<SyncSender<Work>> {
        lock(&self.idle).pop()
    }
}

fn lock(idle: &Idle) -> std::sync::MutexGuard<'_, Vec<SyncSender<Work>>> {
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve(first: Work, idle: &Weak<Idle>) {
    let mut work = first;
    loop {
        let (more, next) = sync_channel(1);
        let more = Cell::new(Some(more));
        // The other end moves to the idle ones: when these are gone, nothing comes any more.
        work(&|| {
            if let (Some(idle), Some(more)) = (idle.upgrade(), more.take()) {
                lock(&idle).push(more);
            }
        });
        drop(more);
        match next.recv() {
            Ok(another) => work = another,
            Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::thread::{self, ThreadId};

    use super::*;

    fn thread_of_a_call(threads: &Threads) -> ThreadId {
        let (answer, answered) = channel();
        threads.run(|| thread::current().id(), move |id| answer.send(id).unwrap()).unwrap();
        answered.recv().unwrap()
    }

    #[test]
    fn calls_one_after_the_other_share_a_thread() {
        let threads = Threads::named("plugin x".to_owned());
        let first = thread_of_a_call(&threads);
        assert!((0..100).all(|_| thread_of_a_call(&threads) == first));
    }

    #[test]
    fn a_call_that_has_not_ended_keeps_its_thread() {
        let threads = Threads::named("plugin x".to_owned());
        let (release, released) = channel::<()>();
        let (answer, answered) = channel();
        let hang = move || {
            released.recv().unwrap();
            thread::current().id()
        };
        threads.run(hang, move |id| answer.send(id).unwrap()).unwrap();
        let second = thread_of_a_call(&threads);
        release.send(()).unwrap();
        let first = answered.recv().unwrap();
        assert_ne!(first, second);
        let next = thread_of_a_call(&threads);
        assert!(next == first || next == second, "no third one is needed");
    }

    #[test]
    fn a_panic_costs_the_thread_and_the_answer() {
        let threads = Threads::named("plugin x".to_owned());
        let (answer, answered) = channel::<()>();
        threads.run(|| panic!("boom"), move |()| answer.send(()).unwrap()).unwrap();
        assert!(answered.recv().is_err());
        thread_of_a_call(&threads);
    }

    #[test]
    fn idle_threads_end_with_their_instance() {
        struct Told(std::sync::mpsc::Sender<()>);
        impl Drop for Told {
            fn drop(&mut self) {
                let _ = self.0.send(());
            }
        }
        thread_local!(static AT_THE_END: std::cell::RefCell<Option<Told>> = const { std::cell::RefCell::new(None) });
        let threads = Threads::named("plugin x".to_owned());
        let ((ended, end), (answer, answered)) = (channel(), channel());
        let keep = move || AT_THE_END.with(|slot| *slot.borrow_mut() = Some(Told(ended)));
        threads.run(keep, move |()| answer.send(()).unwrap()).unwrap();
        answered.recv().unwrap();
        drop(threads);
        end.recv_timeout(std::time::Duration::from_mins(1)).unwrap();
    }
}
