//! What must hold of every text.

mod access;
mod check;
mod credspec;
mod fixes;
mod review;
mod suppress;

/// The line between the objects that are checked and those that the cluster has already.
pub(crate) const OLD: &str = "# ==== old\n";

/// Something that must hold of every text.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name.
    pub name: &'static str,
    /// Panics where it does not hold of this text.
    pub holds: fn(&str),
}

/// Every target.
pub const TARGETS: &[Target] = &[
    Target {
        name: "check",
        holds: check::holds,
    },
    Target {
        name: "fixes",
        holds: fixes::holds,
    },
    Target {
        name: "suppress",
        holds: suppress::holds,
    },
    Target {
        name: "credspec",
        holds: credspec::holds,
    },
    Target {
        name: "access",
        holds: access::holds,
    },
    Target {
        name: "review",
        holds: review::holds,
    },
];
