//! Rules: what they are called, and what they say of themselves.

use std::fmt;

/// A rule that something is checked by.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Rule {
    /// Its kebab-case name, by which it is suppressed and explained.
    pub name: &'static str,
    /// Who enforces it.
    pub enforcer: Enforcer,
    /// What it asks for, why, and where that is written: the text of its doc comment.
    pub explanation: &'static str,
}

/// Who enforces a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Enforcer {
    /// The API server: the object is refused.
    ApiServer,
    /// Pod Security admission, where the namespace asks for it: the pod is refused.
    PodSecurity,
    /// The GMSA webhook: the pod is refused.
    Webhook,
    /// The node: the object is taken and does not run.
    Node,
    /// Nobody: it is porthole's advice.
    Advice,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// Declares rules, each a constant whose doc comment is also its explanation, and the list of them.
#[macro_export]
macro_rules! rules {
    ($enforcer:ident: $($(#[doc = $doc:literal])+ $id:ident = $name:literal;)+) => {
        $(
            $(#[doc = $doc])+
            pub(crate) static $id: $crate::Rule = $crate::Rule {
                name: $name,
                enforcer: $crate::Enforcer::$enforcer,
                explanation: concat!($($doc, "\n"),+),
            };
        )+

        /// The rules of this module.
        pub(crate) static RULES: &[&$crate::Rule] = &[$(&$id),+];
    };
}

pub(crate) use rules;
