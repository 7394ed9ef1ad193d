//! What the API server answers, rule by rule: the upstream tables' cases and the exact texts.

mod annotations;
mod container_env;
mod container_handlers;
mod container_lists;
mod container_mounts;
mod container_resources;
mod container_security;
mod container_warnings;
mod decoding;
mod host_ports;
mod host_process;
mod jobs;
mod metadata;
mod objects;
mod os;
mod pod_fields;
mod pod_security_admission;
mod pod_security_checks;
mod pod_security_namespaces;
mod pod_security_servers;
mod pods;
mod scheduling;
mod serving;
mod volumes;
mod windows_options;
mod workloads;
