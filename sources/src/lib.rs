//! Connectors for batchmill.
