//! What admission decides of a Windows pod.
//!
//! [`gmsa`] is the view of the GMSA webhook: may this pod's service account use the credential specs that the pod names, and
//! does the pod hold what those specs hold? It is asked of manifests; a server asks the same.
//!
//! [`classes`] is what the built-in plug-ins `Priority` and `RuntimeClass` say.
//!
//! There is no input or output here.

pub mod classes;
pub mod gmsa;
