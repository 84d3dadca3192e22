//! References, as a redirect's `Location` has them: wherever one leads, it can be connected to, and only one
//! that names another host leads there.
#![no_main]

use everwire_wire::handshake::Target;
use libfuzzer_sys::fuzz_target;

// The base, a line break, which neither can have, and the reference.
fuzz_target!(|text: &str| {
    let Some((base, reference)) = text.split_once('\n') else { return };
    let Ok(base) = base.parse::<Target>() else { return };
    let Ok(target) = base.resolve(reference) else { return };
    assert!(target.resource().starts_with('/'));
    assert!(!target.resource().contains(['#', ' ', '\r', '\n']));
    let written = target.to_string();
    assert_eq!(base.resolve(&written).expect("what is written can be read").to_string(), written);

    let origin = |target: &Target| (target.secure(), target.host().to_owned(), target.port());
    let before_path = reference.split(['/', '?', '#']).next().unwrap_or_default();
    if !before_path.contains(':') && !reference.starts_with("//") {
        assert_eq!(origin(&target), origin(&base), "it names no host");
        let path = reference.split(['?', '#']).next().unwrap_or_default();
        let resolved = target.resource().split('?').next().unwrap_or_default();
        if !path.is_empty() {
            let is_dots = |segment: &str| matches!(segment, "." | "..");
            assert!(!resolved.split('/').any(is_dots), "{written}");
        }
    }
});
