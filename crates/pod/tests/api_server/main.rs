//! What the API server answers, rule by rule: the upstream tables' cases and the exact texts.

mod decoding;
mod host_ports;
mod host_process;
mod os;
mod pod_security_admission;
mod pod_security_checks;
mod pod_security_namespaces;
mod pods;
mod windows_options;
