//! What the tests of Everwire share.
