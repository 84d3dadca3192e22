//! A seed is worth something only if it can be replayed.

use std::process::{Command, Output};

fn simulation(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_everwire-simulation")).args(args).output().unwrap()
}

#[test]
fn the_same_seed_has_the_same_history() {
    let mut histories = Vec::new();
    for seed in 0..12 {
        let seed = seed.to_string();
        let [first, again] = [(); 2].map(|()| simulation(&["--brief", "--seed", &seed]).stdout);
        assert!(first == again, "seed {seed} has two histories");
        histories.push(first);
    }
    histories.dedup();
    assert_eq!(histories.len(), 12, "seeds do not differ");
}

#[test]
fn a_seed_shows_its_history_and_a_run_of_many_says_what_came_of_them() {
    let one = simulation(&["--seed", "3"]);
    let text = String::from_utf8(one.stdout).unwrap();
    assert!(one.status.success(), "{text}");
    assert!(text.contains("hub: 1 starts") && text.ends_with("0 broken promises\n"), "{text}");
    let many = simulation(&["--seeds", "0..3"]);
    let text = String::from_utf8(many.stdout).unwrap();
    assert!(many.status.success() && text.contains("\n3 passed, 0 failed, "), "{text}");
}
