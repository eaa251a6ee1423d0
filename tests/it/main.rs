//! Scenario tests.

mod corpus;
