//! What the API server answers, rule by rule: the upstream tables' cases and the exact texts.

mod decoding;
mod host_ports;
mod host_process;
mod jobs;
mod metadata;
mod os;
mod pod_security_admission;
mod pod_security_checks;
mod pod_security_namespaces;
mod pod_security_servers;
mod pods;
mod windows_options;
mod workloads;
