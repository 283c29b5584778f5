//! What the first-party plugins that speak HTTP have in common.
//!
//! ```text
//! connection   certificates, proxy, time-out: the settings, and their part of the JSON Schema
//! exchange     one request and its answer, within the deadline of a call; redirects of a GET
//! answer       status, headers and body; JSON or not; Retry-After
//! error        why there was no answer, and whether the request may have taken effect all the same
//! retry        asking again while that helps
//! once         what is asked for once, whoever comes first
//! pause        the time, injected
//! settings     what stands in the settings of several plugins
//! shown        an address without what nobody else should read
//! xml          an answer in XML
//! ```
//!
//! What a status or a body means is the plugin's own business.

mod agent;
mod answer;
mod connection;
mod error;
mod exchange;
mod once;
pub mod pause;
mod retry;
pub mod settings;
mod shown;
pub mod xml;

pub use answer::{Answer, NoJson, Wait};
pub use connection::Connection;
pub use error::{TransportError, Trouble};
pub use exchange::{Http, Request};
pub use once::Once;
pub use retry::{Again, while_it_helps};
pub use shown::shown;
pub use ureq::http::{HeaderName, HeaderValue, Method, StatusCode, header};
