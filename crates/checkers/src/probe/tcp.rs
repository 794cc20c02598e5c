//! `TCP_CHECK`: a connection is enough.

use crate::dial::{connect, deadline};
use crate::outcome::{Evidence, Failure};
use crate::spec::Dial;

pub(super) async fn probe(dial: &Dial) -> Result<Evidence, Failure> {
    connect(dial, deadline(dial.timeout)).await?;
    Ok(Evidence::Connected)
}
