//! Scenario tests, a module per theme. They use what every user can: the public API.

mod corpus;
mod life_cycle;
mod sources;
mod stuck;
