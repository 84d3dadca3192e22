//! How many opening handshakes run at once.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bounds the opening handshakes in flight, in all and from each address, so that a flood of
/// half-done ones (or of clients that come back after a restart) costs a bounded amount of memory
/// and leaves room for others.
///
/// Enter before the handshake, hold the [`Ticket`] while it runs, drop it when the WebSocket is open
/// or the client refused. A connection that finds no room is dropped at once; clients that behave
/// come back after a random delay. Cloning is cheap, and all clones count together.
///
/// ```
/// use everwire::Admission;
///
/// let admission = Admission::new(1_000, 1);
/// let address = "192.0.2.1".parse().unwrap();
/// let ticket = admission.enter(address);
/// assert!(ticket.is_some());
/// assert!(admission.enter(address).is_none(), "one at a time from each address");
/// drop(ticket);
/// assert!(admission.enter(address).is_some());
/// ```
#[derive(Debug, Clone)]
pub struct Admission {
    hall: Arc<Hall>,
}

#[derive(Debug)]
struct Hall {
    max_handshakes: usize,
    max_handshakes_per_address: usize,
    present: Mutex<Present>,
}

/// One entry for each address that has a handshake in flight: never more than `max_handshakes`.
#[derive(Debug, Default)]
struct Present {
    total: usize,
    by_address: HashMap<IpAddr, usize>,
}

impl Default for Admission {
    /// 1,024 handshakes in all, 64 from each address.
    fn default() -> Self {
        Self::new(1_024, 64)
    }
}

impl Admission {
    /// At most `max_handshakes` in all, and `max_handshakes_per_address` from each address.
    ///
    /// An IPv6 address stands for its /64, which is what one subscriber is given.
    pub fn new(max_handshakes: usize, max_handshakes_per_address: usize) -> Self {
        let present = Mutex::default();
        Self { hall: Arc::new(Hall { max_handshakes, max_handshakes_per_address, present }) }
    }

    /// Lets a handshake begin; `None` if there is no room.
    pub fn enter(&self, address: IpAddr) -> Option<Ticket> {
        let address = subscriber(address);
        let mut present = self.hall.present();
        if present.total >= self.hall.max_handshakes {
            return None;
        }
        let here = present.by_address.entry(address).or_default();
        if *here >= self.hall.max_handshakes_per_address {
            // Zero only if the limit is: then the entry was made for nothing.
            if *here == 0 {
                present.by_address.remove(&address);
            }
            return None;
        }
        *here += 1;
        present.total += 1;
        Some(Ticket { hall: self.hall.clone(), address })
    }

    /// How many handshakes are in flight.
    pub fn in_flight(&self) -> usize {
        self.hall.present().total
    }
}

impl Hall {
    fn present(&self) -> MutexGuard<'_, Present> {
        self.present.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One handshake in flight; dropping it makes room.
#[derive(Debug)]
#[must_use = "dropping the ticket makes room for another handshake"]
pub struct Ticket {
    hall: Arc<Hall>,
    address: IpAddr,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut present = self.hall.present();
        present.total -= 1;
        if let Entry::Occupied(mut here) = present.by_address.entry(self.address) {
            *here.get_mut() -= 1;
            if *here.get() == 0 {
                here.remove();
            }
        }
    }
}

/// Who is behind an address: an IPv4 address, also one that a dual-stack socket dresses as IPv6, or
/// an IPv6 network of 64 bits.
fn subscriber(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address => address,
    }
}
