//! The least it can cost: the table as it stands, handed to the kernel in batches. No process, no configuration.

use std::net::{SocketAddr, SocketAddrV4};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use ipvs_netlink::{
    Client, DestinationSpec, Forwarding, Operation, Protocol, Scheduler, Service, ServiceFlags,
    ServiceKey, ServiceSpec, Table, diff,
};

use crate::subject::Run;
use crate::table;
use crate::workload::{PORT, Workload};

/// Loads the table and deletes its services again, in the current network namespace.
pub fn run(workload: Workload) -> Result<Run> {
    let want = wanted(workload)?;
    let started = Instant::now();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    let mut client = runtime
        .block_on(Client::connect())
        .context("connecting to IPVS")?;
    apply(&mut client, &diff(&Table::default(), &want))?;
    let load = started.elapsed();
    table::check(workload)?;
    let stop = remove(&mut client, &want)?;
    Ok(Run {
        load,
        stop,
        left: table::entries()?,
        memory: None,
    })
}

fn remove(client: &mut Client, table: &Table) -> Result<Duration> {
    let asked = Instant::now();
    apply(client, &diff(table, &Table::default()))?;
    Ok(asked.elapsed())
}

fn apply(client: &mut Client, operations: &[Operation]) -> Result<()> {
    let applied = client.apply(operations);
    if let Some(failure) = applied.failed.first() {
        bail!("the kernel refused an operation: {failure:?}");
    }
    Ok(())
}

fn wanted(workload: Workload) -> Result<Table> {
    let scheduler = Scheduler::new("wlc").context("the scheduler wlc")?;
    let mut table = Table::default();
    for (vip, reals) in workload.services() {
        let key = ServiceKey::Socket(Protocol::Tcp, SocketAddr::V4(SocketAddrV4::new(vip, PORT)));
        let spec = ServiceSpec {
            scheduler: scheduler.clone(),
            flags: ServiceFlags::default(),
            persistence: None,
        };
        let destination = |(rip, weight)| {
            let spec = DestinationSpec::new(Forwarding::DirectRoute, u32::from(weight));
            (SocketAddr::V4(SocketAddrV4::new(rip, PORT)), spec)
        };
        let destinations = reals.into_iter().map(destination).collect();
        table
            .services
            .insert(key, Service { spec, destinations }.into());
    }
    Ok(table)
}
