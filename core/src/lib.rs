//! Micro-batch streaming.
