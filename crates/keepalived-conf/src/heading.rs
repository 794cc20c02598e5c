//! Where the blocks that the model is made of begin: the model itself knows no places.

use crate::span::Span;

/// Where blocks of the model begin, in its order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headings {
    /// Names of [`Model::instances`](crate::Model::instances).
    pub instances: Vec<Span>,
    /// First words after `virtual_server` of [`Model::virtual_servers`](crate::Model::virtual_servers).
    pub virtual_servers: Vec<Span>,
}
