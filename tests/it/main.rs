//! Scenario tests, a module per theme. They use what every user can: the public API.

mod corpus;
mod errors;
mod life_cycle;
mod mistakes;
mod receivers;
mod sources;
mod stuck;
