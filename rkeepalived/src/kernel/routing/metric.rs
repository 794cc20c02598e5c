//! What the kernel keeps for connections that take a route (`RTAX_*` of linux/rtnetlink.h).

use keepalived_conf::{Metric, RouteMetrics};
use netlink_packet_core::Nla;
use netlink_packet_route::route::RouteMetric;

/// `RTAX_FEATURE_ECN`.
const ECN: u32 = 1;

/// The metrics that were given, and which of them the kernel may not change.
pub(super) fn metrics(given: &RouteMetrics) -> Vec<RouteMetric> {
    let mut found = Found::default();
    let millis = |time: std::time::Duration| u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
    found.lockable(&given.mtu, |mtu| RouteMetric::Mtu(*mtu));
    found.plain(given.hop_limit.map(|n| RouteMetric::Hoplimit(n.into())));
    found.lockable(&given.advertised_mss, |mss| RouteMetric::Advmss(*mss));
    // In eighths and quarters of a millisecond.
    found.lockable(&given.rtt, |time| {
        RouteMetric::Rtt(millis(*time).saturating_mul(8))
    });
    found.lockable(&given.rtt_variance, |time| {
        RouteMetric::RttVar(millis(*time).saturating_mul(4))
    });
    found.lockable(&given.reordering, |n| RouteMetric::Reordering(*n));
    found.plain(given.window.map(RouteMetric::Window));
    found.lockable(&given.congestion_window, |n| RouteMetric::Cwnd(*n));
    found.lockable(&given.slow_start_threshold, |n| RouteMetric::SsThresh(*n));
    found.lockable(&given.minimum_rto, |time| {
        RouteMetric::RtoMin(millis(*time))
    });
    found.plain(given.initial_congestion_window.map(RouteMetric::InitCwnd));
    found.plain(given.initial_receive_window.map(RouteMetric::InitRwnd));
    found.plain(given.ecn.then_some(RouteMetric::Features(ECN)));
    let flag = |on: bool| u32::from(on);
    found.plain(given.quick_ack.map(|on| RouteMetric::QuickAck(flag(on))));
    found.lockable(&given.congestion_control, |name| {
        RouteMetric::CcAlgo(name.clone())
    });
    let no_cookie = given.fast_open_no_cookie.map(flag);
    found.plain(no_cookie.map(RouteMetric::FastopenNoCookie));
    found.list()
}

#[derive(Default)]
struct Found {
    metrics: Vec<RouteMetric>,
    /// A bit for each number.
    locked: u32,
}

impl Found {
    fn plain(&mut self, metric: Option<RouteMetric>) {
        self.metrics.extend(metric);
    }

    fn lockable<T>(&mut self, given: &Option<Metric<T>>, make: impl FnOnce(&T) -> RouteMetric) {
        let Some(Metric { value, locked }) = given else {
            return;
        };
        let metric = make(value);
        if *locked {
            self.locked |= 1 << metric.kind();
        }
        self.metrics.push(metric);
    }

    fn list(mut self) -> Vec<RouteMetric> {
        if self.locked != 0 {
            self.metrics.push(RouteMetric::Lock(self.locked));
        }
        self.metrics
    }
}
