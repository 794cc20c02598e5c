//! `TCP_CHECK`: a connection is enough.

use tokio::time::Instant;

use crate::dial::connect;
use crate::outcome::{Evidence, Failure};
use crate::spec::Dial;

pub(super) async fn probe(dial: &Dial) -> Result<Evidence, Failure> {
    connect(dial, Instant::now() + dial.timeout).await?;
    Ok(Evidence::Connected)
}
