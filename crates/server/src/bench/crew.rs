//! The threads that carry the load.

use std::io;
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use super::process::ThreadTime;

/// Threads, each with a runtime and connections of its own; the thread that commands them is none.
/// They end with it.
#[derive(Debug)]
pub(super) struct Crew {
    hands: Vec<Hand>,
}

#[derive(Debug)]
struct Hand {
    runtime: Handle,
    /// Dropped, it lets the thread end.
    stay: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Crew {
    pub(super) fn hire(threads: u32) -> io::Result<Self> {
        let hands = (0..threads).map(|_| Hand::hire()).collect::<io::Result<_>>()?;
        Ok(Self { hands })
    }

    pub(super) fn len(&self) -> usize {
        self.hands.len()
    }

    /// Which thread has the connection with this number: they go round.
    pub(super) fn thread_of(&self, index: usize) -> usize {
        index % self.hands.len()
    }

    /// The runtime of the thread that has the connection with this number.
    pub(super) fn runtime_of(&self, index: usize) -> &Handle {
        &self.hands[self.thread_of(index)].runtime
    }

    /// What each thread has had of its processor.
    pub(super) async fn times(&self) -> Vec<ThreadTime> {
        let mut times = Vec::with_capacity(self.hands.len());
        for hand in &self.hands {
            // Only the thread itself can ask its clock.
            times.extend(hand.runtime.spawn(async { ThreadTime::now() }).await);
        }
        times
    }
}

impl Hand {
    fn hire() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stay, left) = oneshot::channel();
        let thread = thread::Builder::new().name("load".to_owned()).spawn(move || {
            let _ = runtime.block_on(left);
        })?;
        Ok(Self { runtime: handle, stay: Some(stay), thread: Some(thread) })
    }
}

impl Drop for Hand {
    fn drop(&mut self) {
        self.stay = None;
        if let Some(thread) = self.thread.take() {
            // It panics in no way of its own: tasks that do are caught by their runtime.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_thread_has_its_own_share_and_clock() {
        let runtime = Builder::new_current_thread().build().unwrap();
        let crew = Crew::hire(3).unwrap();
        let threads: Vec<_> = (0..7).map(|index| crew.thread_of(index)).collect();
        assert_eq!(threads, [0, 1, 2, 0, 1, 2, 0]);
        runtime.block_on(async {
            assert_eq!(crew.times().await.len(), 3);
            let ids = [0, 1, 3]
                .map(|index| crew.runtime_of(index).spawn(async { thread::current().id() }));
            let [first, second, third] = ids;
            let first = first.await.unwrap();
            assert_ne!(first, second.await.unwrap());
            assert_eq!(first, third.await.unwrap());
        });
    }
}
