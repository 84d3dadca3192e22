//! The system calls that the standard library does not offer: epoll, the backlog, the file limit,
//! resets, connecting from an address.
//!
//! The only file of this package with `unsafe` in it.
#![allow(unsafe_code)]

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// Readiness to read; wake-ups repeat until the bytes are read.
pub const READ: u32 = libc::EPOLLIN as u32;
/// Readiness to write.
pub const WRITE: u32 = libc::EPOLLOUT as u32;
/// Wake up once per change instead of for as long as the state lasts.
pub const EDGE: u32 = libc::EPOLLET as u32;

/// An epoll instance with room for one batch of events.
pub struct Epoll {
    fd: OwnedFd,
    events: Vec<libc::epoll_event>,
}

impl std::fmt::Debug for Epoll {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Epoll").field("fd", &self.fd).finish_non_exhaustive()
    }
}

impl Epoll {
    /// Makes an instance that reports at most 1,024 events a call.
    ///
    /// # Errors
    ///
    /// When the process is out of file descriptors.
    pub fn new() -> io::Result<Self> {
        // SAFETY: no pointers; the result is checked before it becomes an `OwnedFd`.
        let fd = unsafe {
            let fd = check(libc::epoll_create1(libc::EPOLL_CLOEXEC))?;
            OwnedFd::from_raw_fd(fd)
        };
        Ok(Self { fd, events: vec![libc::epoll_event { events: 0, u64: 0 }; 1024] })
    }

    /// Watches `fd` for `interest`; events carry the descriptor's number.
    ///
    /// # Errors
    ///
    /// When `fd` is watched already, or cannot be.
    pub fn add(&self, fd: &impl AsRawFd, interest: u32) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, fd.as_raw_fd(), interest)
    }

    /// Replaces the interest in `fd`, which must be watched. A closed descriptor leaves by itself.
    ///
    /// # Errors
    ///
    /// When `fd` is not watched.
    pub fn modify(&self, fd: &impl AsRawFd, interest: u32) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_MOD, fd.as_raw_fd(), interest)
    }

    /// Waits for events and returns how many there are, for [`Epoll::event`].
    ///
    /// `timeout_ms` of -1 waits for ever, 0 does not wait.
    ///
    /// # Errors
    ///
    /// Never for an interrupted call, which counts as no events.
    pub fn wait(&mut self, timeout_ms: i32) -> io::Result<usize> {
        let room = self.events.len() as i32;
        // SAFETY: the kernel writes at most `room` events to a vector that holds that many.
        let count = unsafe {
            libc::epoll_wait(self.fd.as_raw_fd(), self.events.as_mut_ptr(), room, timeout_ms)
        };
        match check(count) {
            Ok(count) => Ok(count as usize),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// The event number `index` of the last [`Epoll::wait`]: the descriptor and its readiness.
    #[must_use]
    pub fn event(&self, index: usize) -> (RawFd, u32) {
        let event = self.events[index];
        (event.u64 as RawFd, event.events)
    }

    fn control(&self, operation: i32, fd: RawFd, interest: u32) -> io::Result<()> {
        let mut event = libc::epoll_event { events: interest, u64: fd as u64 };
        // SAFETY: `event` lives for the whole call, and the kernel checks both descriptors.
        check(unsafe { libc::epoll_ctl(self.fd.as_raw_fd(), operation, fd, &mut event) })?;
        Ok(())
    }
}

/// Raises the limit of open files to the hard limit and returns it.
///
/// # Errors
///
/// When the kernel refuses.
pub fn raise_file_limit() -> io::Result<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: both calls get a pointer to `limit`, which outlives them.
    unsafe {
        check(libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit))?;
        limit.rlim_cur = limit.rlim_max;
        check(libc::setrlimit(libc::RLIMIT_NOFILE, &limit))?;
    }
    Ok(limit.rlim_cur)
}

/// Gives a listening socket a longer queue than the 128 of the standard library.
///
/// # Errors
///
/// When `listener` is not a listening socket.
pub fn set_backlog(listener: &impl AsRawFd, backlog: i32) -> io::Result<()> {
    // SAFETY: no pointers; Linux lets a second `listen` change the queue's length.
    check(unsafe { libc::listen(listener.as_raw_fd(), backlog) })?;
    Ok(())
}

/// Lets the socket end with a reset when it is closed, which leaves nothing behind.
///
/// # Errors
///
/// When it is not a socket.
pub fn reset_on_close(socket: &impl AsRawFd) -> io::Result<()> {
    let linger = libc::linger { l_onoff: 1, l_linger: 0 };
    // SAFETY: the kernel reads as many bytes as `linger` has.
    check(unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_LINGER,
            (&raw const linger).cast(),
            size_of::<libc::linger>() as libc::socklen_t,
        )
    })?;
    Ok(())
}

/// Connects from an address of this machine, with room for about `receive_buffer` bytes that are
/// not read.
///
/// # Errors
///
/// When the address is not this machine's, or nobody listens at `target`.
pub fn connect_from(
    source: Ipv4Addr,
    target: SocketAddrV4,
    receive_buffer: i32,
) -> io::Result<TcpStream> {
    let kind = libc::SOCK_STREAM | libc::SOCK_CLOEXEC;
    // SAFETY: no pointers; the result is checked before it becomes an `OwnedFd`.
    let socket = unsafe { OwnedFd::from_raw_fd(check(libc::socket(libc::AF_INET, kind, 0))?) };
    let (source, target) = (inet(SocketAddrV4::new(source, 0)), inet(target));
    let len = size_of::<libc::sockaddr_in>() as libc::socklen_t;
    let fd = socket.as_raw_fd();
    // SAFETY: the kernel reads as many bytes from each pointer as the length beside it says, and
    // all three values live to the end of this function.
    unsafe {
        check(libc::setsockopt(
            fd,
            libc::SOL_SOCKET,
            libc::SO_RCVBUF,
            (&raw const receive_buffer).cast(),
            size_of::<i32>() as libc::socklen_t,
        ))?;
        check(libc::bind(fd, (&raw const source).cast(), len))?;
        check(libc::connect(fd, (&raw const target).cast(), len))?;
    }
    Ok(socket.into())
}

fn inet(address: SocketAddrV4) -> libc::sockaddr_in {
    libc::sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: address.port().to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from(*address.ip()).to_be() },
        sin_zero: [0; 8],
    }
}

fn check(result: i32) -> io::Result<i32> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
