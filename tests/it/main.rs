//! Integration tests: the real parts against a real RabbitMQ that the tests start themselves. One module a topic.

mod agent;
mod amqp;
mod attribution;
mod broker;
mod cache;
mod controls;
mod durable;
mod full;
mod hunts;
mod ioc;
mod journals;
mod keys;
mod lists;
mod meanwhile;
mod moving;
mod newcomer;
mod owed;
mod refused;
mod scene;
mod stall;
mod states;
mod steps;
mod symbols;
mod tls;
mod tree;
mod wall;
