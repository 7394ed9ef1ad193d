//! The app of the host-file tutorial.
fn main() {}
