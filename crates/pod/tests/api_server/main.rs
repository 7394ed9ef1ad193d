//! What the API server answers, rule by rule: the upstream tables' cases and the exact texts.

mod decoding;
mod host_ports;
mod host_process;
mod os;
mod pods;
mod serving;
mod windows_options;
