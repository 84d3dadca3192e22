//! What a connection costs while nothing happens.

use everwire_wire::Connection;

#[test]
fn a_connection_fits_in_320_bytes() {
    let size = size_of::<Connection>();
    assert!(size <= 320, "{size}");
}
