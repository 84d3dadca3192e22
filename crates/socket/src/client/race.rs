//! Happy Eyeballs (RFC 8305): a broken IPv6 or a dead address costs a moment, not a timeout.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use tokio::time::sleep;

/// Puts the addresses in the order of attempts: the families in turn, beginning with the first
/// address's, each family in its own order (§4).
pub(super) fn interleave(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let Some(first) = addresses.first().map(SocketAddr::is_ipv6) else { return addresses };
    let count = addresses.len();
    let (mut ours, mut others): (VecDeque<_>, VecDeque<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == first);
    let mut ordered = Vec::with_capacity(count);
    while ordered.len() < count {
        ordered.extend(ours.pop_front());
        ordered.extend(others.pop_front());
    }
    ordered
}

/// Connects to the first address that answers.
///
/// An attempt begins when the one before it has failed, or has run for `delay` (§5). The first to
/// succeed ends the others, which are dropped. If all fail, the error is that of the first address:
/// the one the system preferred.
pub(super) async fn race<T, F>(
    addresses: Vec<SocketAddr>,
    delay: Duration,
    connect: impl Fn(SocketAddr) -> F,
) -> io::Result<T>
where
    F: Future<Output = io::Result<T>>,
{
    let mut waiting = addresses.into_iter().enumerate();
    let mut attempts: Vec<(usize, Pin<Box<F>>)> = Vec::new();
    let mut failure: Option<(usize, io::Error)> = None;
    let mut timer = pin!(sleep(delay));
    let mut begin = true;
    poll_fn(|cx| {
        loop {
            let mut at = 0;
            while let Some((rank, attempt)) = attempts.get_mut(at) {
                match attempt.as_mut().poll(cx) {
                    Poll::Ready(Ok(stream)) => return Poll::Ready(Ok(stream)),
                    Poll::Ready(Err(error)) => {
                        if failure.as_ref().is_none_or(|(other, _)| *rank < *other) {
                            failure = Some((*rank, error));
                        }
                        attempts.remove(at);
                        begin = true;
                    }
                    Poll::Pending => at += 1,
                }
            }
            begin |= timer.as_mut().poll(cx).is_ready();
            match if begin { waiting.next() } else { None } {
                Some((rank, address)) => {
                    attempts.push((rank, Box::pin(connect(address))));
                    timer.as_mut().set(sleep(delay));
                    begin = false;
                }
                None => break,
            }
        }
        if !attempts.is_empty() {
            return Poll::Pending;
        }
        Poll::Ready(Err(match failure.take() {
            Some((_, error)) => error,
            None => io::Error::new(io::ErrorKind::NotFound, "the name has no address"),
        }))
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::future::pending;
    use std::rc::Rc;
    use std::time::Instant;

    use super::*;
    use crate::clock;

    const DELAY: Duration = Duration::from_millis(250);

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    /// Ports 1, 2, 3: the rank by which an attempt knows itself.
    fn addresses(count: u16) -> Vec<SocketAddr> {
        (1..=count).map(|port| SocketAddr::from(([192, 0, 2, 1], port))).collect()
    }

    fn refused() -> io::Error {
        io::ErrorKind::ConnectionRefused.into()
    }

    #[test]
    fn families_take_turns_beginning_with_the_first() {
        let v6 = ["[2001:db8::1]:80", "[2001:db8::2]:80", "[2001:db8::3]:80"].map(address);
        let v4 = ["192.0.2.1:80", "192.0.2.2:80"].map(address);
        let resolved = vec![v6[0], v6[1], v6[2], v4[0], v4[1]];
        assert_eq!(interleave(resolved), [v6[0], v4[0], v6[1], v4[1], v6[2]]);
        assert_eq!(interleave(vec![v4[0], v4[1], v6[0]]), [v4[0], v6[0], v4[1]]);
        assert_eq!(interleave(vec![]), []);
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_address_costs_the_delay() {
        let start = clock::now();
        let winner = race(addresses(3), DELAY, |address| async move {
            match address.port() {
                1 => pending().await,
                port => Ok(port),
            }
        });
        assert_eq!(winner.await.unwrap(), 2);
        let took = clock::now() - start;
        assert!(took >= DELAY && took < 2 * DELAY, "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusing_address_costs_nothing() {
        let start = clock::now();
        let winner = race(addresses(2), DELAY, |address| async move {
            match address.port() {
                1 => Err(refused()),
                port => Ok(port),
            }
        });
        assert_eq!(winner.await.unwrap(), 2);
        assert_eq!(clock::now(), start);
    }

    #[tokio::test(start_paused = true)]
    async fn attempts_begin_a_delay_apart_and_the_slow_first_one_may_still_win() {
        let begun: Rc<RefCell<Vec<(u16, Instant)>>> = Rc::default();
        let dropped = Rc::new(());
        let start = clock::now();
        let winner = race(addresses(4), DELAY, |address| {
            begun.borrow_mut().push((address.port(), clock::now()));
            let guard = dropped.clone();
            async move {
                let _guard = guard;
                if address.port() == 1 {
                    sleep(Duration::from_millis(600)).await;
                    return Ok(1);
                }
                pending().await
            }
        });
        assert_eq!(winner.await.unwrap(), 1);
        let begun: Vec<_> =
            begun.borrow().iter().map(|(port, at)| (*port, (*at - start).as_millis())).collect();
        let [(1, 0), (2, second), (3, third)] = begun[..] else { panic!("{begun:?}") };
        assert!((250..300).contains(&second) && (500..600).contains(&third), "{begun:?}");
        assert_eq!(Rc::strong_count(&dropped), 1, "the losers are gone");
    }

    #[tokio::test(start_paused = true)]
    async fn a_delay_longer_than_time_has_the_next_attempt_wait_for_a_failure() {
        let winner = race(addresses(2), Duration::MAX, |address| async move {
            match address.port() {
                1 => Err(refused()),
                port => Ok(port),
            }
        });
        assert_eq!(winner.await.unwrap(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn if_all_fail_the_first_address_has_the_word() {
        let result = race(addresses(3), DELAY, |address| async move {
            if address.port() == 1 {
                sleep(Duration::from_secs(1)).await;
                return Err::<(), _>(refused());
            }
            Err(io::ErrorKind::HostUnreachable.into())
        });
        assert_eq!(result.await.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    }

    #[tokio::test]
    async fn no_address_is_an_error_too() {
        let result = race(Vec::new(), DELAY, |_| async { Ok(()) });
        assert_eq!(result.await.unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
