//! The harness: real brokers, real processes, real trees, and oracles that share no code with the product.
//!
//! * [`broker`]: a private RabbitMQ.
//! * [`disk`]: a small disk that fills. [`doctor`]: what `muster doctor` says.
//! * [`eventually`]: waiting with a deadline.
//! * [`fleet`]: broker, coordinator and agents as processes. [`fault`]: kills, and what must hold afterwards.
//! * [`machine`]: another host name and machine id.
//! * [`once`]: the agent alone, on one sealed request, as any user.
//! * [`attack`]: everything that one agent's credentials can send.
//! * [`authority`]: certificates, by `openssl`. [`program`]: the programs as a person runs them.
//! * [`syscall_trace`]: what a process asked of the kernel, in order, by `strace`. [`frames`]: AMQP in what it sent and
//!   received.
//! * [`fuzz`]: damaged messages for whoever decodes them. [`hostile`]: one agent's credentials in the wrong hands.
//! * [`oracle`]: what must come back, by `find` and `sha256sum`. [`independent_oracle`]: every row and figure, by
//!   `oracle/oracle.py`.
//! * [`raw_amqp`]: any bytes as routing key, properties and body, past the client library.
//! * [`seed`]: what made-up inputs begin with.
//! * [`stored`]: the store of a fleet of many agents after some weeks. [`swarm`]: many real agents in a few processes.
//! * [`tree`]: a tree full of traps and what must come back. [`adversarial_tree`]: the traps that only the independent
//!   oracle judges. [`mounts_fixture`]: mounts of every sort, a file system that never answers among them.

pub mod adversarial_tree;
pub mod attack;
pub mod authority;
pub mod broker;
pub mod disk;
pub mod doctor;
pub mod eventually;
pub mod fault;
pub mod fleet;
pub mod frames;
pub mod fuzz;
pub mod hostile;
pub mod independent_oracle;
pub mod machine;
pub mod mounts_fixture;
pub mod once;
pub mod oracle;
pub mod program;
pub mod raw_amqp;
pub mod seed;
pub mod stored;
pub mod swarm;
pub mod syscall_trace;
pub mod tree;
