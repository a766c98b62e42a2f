//! Where the API listens, and the names under which it answers.

use muster_protocol::address::{self, Address, AddressError};

/// The port of the API where none is given.
const PORT: u16 = 7411;

/// Reads where to listen; without a port it is the usual one.
pub fn listening(text: &str) -> Result<String, String> {
    let address: Address = text.parse().map_err(|error: AddressError| error.to_string())?;
    let (host, port) = address.or_port(PORT);
    Ok(address::joined(&host, port))
}

/// Reads a name of the coordinator, as the `Host` header has it: without a port, an IPv6 address in brackets.
pub fn host_name(text: &str) -> Result<String, String> {
    let address: Address = text.parse().map_err(|error: AddressError| error.to_string())?;
    match address.port {
        None => Ok(address.to_string()),
        Some(port) => Err(format!("{text:?} is given without its port {port}")),
    }
}
