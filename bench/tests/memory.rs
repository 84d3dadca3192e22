//! In a process of its own: what it holds is what is measured.

use everwire_bench::attack::memory::Process;

#[test]
fn what_was_held_for_a_moment_is_remembered_until_it_is_forgotten() {
    const LEN: u64 = 64 << 20;
    let process = Process::new(std::process::id());
    process.forget_the_most().unwrap();
    let before = process.memory().unwrap();
    drop(std::hint::black_box(vec![1_u8; LEN as usize]));
    assert!(process.most_memory().unwrap() >= before + LEN - (1 << 20));
    assert!(process.memory().unwrap() < before + LEN / 2);
    process.forget_the_most().unwrap();
    assert!(process.most_memory().unwrap() < before + LEN / 2);
}
