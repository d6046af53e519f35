//! Bytes to structures and facts: HTTP, SOAP, INSi, SAML, JWT.
//!
//! Pure: no file, no socket, no clock. Nothing here panics on any input.

pub mod cda;
pub mod dmp;
pub mod facts;
pub mod http;
pub mod insi;
pub mod jwt;
pub mod kind;
pub mod mtom;
pub mod psc;
pub mod signature;
pub mod soap;
pub mod vihf;
pub mod xades;
pub mod xds;
pub mod xml;

pub use facts::facts;
