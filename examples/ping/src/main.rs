//! A ping that loops with `-t`.
fn main() {}
