//! Whether what a client says of its messages is what happened to them.

use std::collections::BTreeMap;

/// What became of a message, as the client tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    Sent,
    Unsure,
    NotSent,
}

/// What a client did and said. Messages are known by marks in them, which grow.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// What was taken, in order, each with its fate.
    pub taken: Vec<(u64, Told)>,
    /// What was refused.
    pub refused: Vec<u64>,
}

/// How many of each kind there were.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Count {
    pub sent: u64,
    pub unsure: u64,
    /// Of the unsure ones, how many had arrived.
    pub unsure_and_read: u64,
    pub not_sent: u64,
    pub refused: u64,
}

/// Every fate is true: what was sent was read once, what is unsure at most once, what was not sent or
/// refused never. What was read was read in order.
///
/// `read` is what the server has read, by connection, in the order of both. The error says which
/// message speaks against it.
pub fn judge(report: &Report, read: &[Vec<u64>]) -> Result<Count, String> {
    let mut times: BTreeMap<u64, u64> = BTreeMap::new();
    read.iter().flatten().for_each(|mark| *times.entry(*mark).or_default() += 1);
    let times = |mark: u64| times.get(&mark).copied().unwrap_or(0);

    let mut count = Count { refused: report.refused.len() as u64, ..Count::default() };
    for &(mark, told) in &report.taken {
        count.one(told, mark, times(mark))?;
    }
    if let Some(mark) = report.refused.iter().find(|mark| times(**mark) > 0) {
        return Err(format!("refused: {mark} was read"));
    }
    in_order(&report.taken, read)?;
    Ok(count)
}

impl Count {
    fn one(&mut self, told: Told, mark: u64, reads: u64) -> Result<(), String> {
        let truth = match told {
            Told::Sent => reads == 1,
            Told::Unsure => reads <= 1,
            Told::NotSent => reads == 0,
        };
        match told {
            Told::Sent => self.sent += 1,
            Told::Unsure => self.unsure += 1,
            Told::NotSent => self.not_sent += 1,
        }
        if told == Told::Unsure {
            self.unsure_and_read += reads;
        }
        if truth { Ok(()) } else { Err(format!("{told:?}: {mark} was read {reads} times")) }
    }
}

fn in_order(taken: &[(u64, Told)], read: &[Vec<u64>]) -> Result<(), String> {
    let mut before = None;
    for &mark in read.iter().flatten() {
        if taken.binary_search_by_key(&mark, |(mark, _)| *mark).is_err() {
            return Err(format!("{mark} was read and never sent"));
        }
        if before >= Some(mark) {
            return Err(format!("{mark} was read after {before:?}"));
        }
        before = Some(mark);
    }
    Ok(())
}

#[test]
fn the_judge_counts_what_is_true() {
    let count = Count { sent: 2, unsure: 1, unsure_and_read: 1, not_sent: 1, refused: 1 };
    assert_eq!(judge(&honest(), &[vec![1], vec![], vec![2, 3]]), Ok(count));
}

#[test]
fn the_judge_finds_every_lie() {
    let read = |read: &[&[u64]]| read.iter().map(|one| one.to_vec()).collect::<Vec<_>>();
    for (reads, complaint) in [
        (read(&[&[1]]), "Sent: 2 was read 0 times"),
        (read(&[&[1, 2], &[2]]), "Sent: 2 was read 2 times"),
        (read(&[&[1, 2, 3], &[3]]), "Unsure: 3 was read 2 times"),
        (read(&[&[1, 2, 5]]), "NotSent: 5 was read 1 times"),
        (read(&[&[1, 2, 4]]), "refused: 4 was read"),
        (read(&[&[2, 1]]), "1 was read after Some(2)"),
        (read(&[&[2], &[1]]), "1 was read after Some(2)"),
        (read(&[&[1, 2, 9]]), "9 was read and never sent"),
    ] {
        assert_eq!(judge(&honest(), &reads).unwrap_err(), complaint);
    }
}

/// Of five messages the fourth was refused.
fn honest() -> Report {
    let taken = vec![(1, Told::Sent), (2, Told::Sent), (3, Told::Unsure), (5, Told::NotSent)];
    Report { taken, refused: vec![4] }
}
