//! porthole's verdict compared with that of real API servers.
//!
//! [`Generator`] makes Windows workloads, and the objects beside them, after the API's own schema: mostly sensible ones, now
//! and then careless ones. [`change`] makes others of them, as [`updates`] asks about.
//! [`server`] asks a real API server about each, [`porthole`] asks the library; [`answer::difference`] says what is not
//! the same, [`shrink`] leaves the least of the object that shows it, and [`coverage`] proves that both sides of the
//! rules were seen. [`record`] keeps answers, so that they can be compared without the server.

pub mod answer;
pub mod author;
pub mod beside;
pub mod careless;
pub mod change;
pub mod coverage;
pub mod generator;
pub mod growth;
pub mod namespaces;
pub mod porthole;
pub mod random;
pub mod record;
pub mod run;
pub mod server;
pub mod shrink;
pub mod tree;
pub mod unseen;
pub mod updates;
pub mod values;
pub mod yaml;

pub use answer::Answer;
pub use generator::{Generator, Sample};
