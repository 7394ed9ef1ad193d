//! Pods of jobs, their names, and when they are started.
