//! URIs: what is taken has a host, a path and no fragment, and reads the same when written again.
#![no_main]

use everwire_wire::handshake::Target;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(target) = text.parse::<Target>() else { return };
    assert!(!target.host().is_empty());
    assert!(
        target.resource().starts_with('/') && !target.resource().contains(['#', ' ', '\r', '\n'])
    );
    assert!(!target.authority().contains(['@', '/', ' ', '\r', '\n']));
    // Written again it is the same place; a default port may be left out.
    let written = target.to_string();
    let again: Target = written.parse().expect("what is written can be read");
    assert_eq!(
        (again.secure(), again.host(), again.port(), again.resource()),
        (target.secure(), target.host(), target.port(), target.resource()),
    );
    assert_eq!(again.to_string(), written);
});
