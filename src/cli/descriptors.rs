//! File descriptors: every connection takes one, and the system's first answer is often a low limit.

use oyez_http::connections_at_most;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors that the program needs for everything but connections from outside: store, providers, log.
const OWN: usize = 512;

/// Raises the limit of this process as far as the system lets it, and returns how many connections fit, at most `wanted`.
pub(crate) fn make_room(wanted: usize) -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    // Where even that is forbidden, what there is has to do.
    let current = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    let allowed = current.map_or(usize::MAX, |many| {
        usize::try_from(many).unwrap_or(usize::MAX)
    });
    let fitting = fitting(wanted, allowed);
    if fitting < wanted {
        tracing::warn!(
            descriptors.limit = allowed,
            connections = fitting,
            "the system lets this program have fewer connections than http.connections asks for: raise its limit of open files"
        );
    }
    fitting
}

/// The most places, at most `wanted`, whose connections leave [`OWN`] of the `allowed` descriptors, or half where there
/// are few.
fn fitting(wanted: usize, allowed: usize) -> usize {
    let left = allowed.saturating_sub(OWN).max(allowed / 2);
    (1..=wanted)
        .rev()
        .find(|places| connections_at_most(*places) <= left)
        .unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_connections_as_there_are_descriptors_for() {
        assert_eq!(fitting(2048, 1 << 20), 2048);
        let few = fitting(2048, 1024);
        assert!(connections_at_most(few) <= 512, "{few}");
        assert!(connections_at_most(few + 1) > 512, "{few}");
        assert_eq!(fitting(2048, 0), 1);
    }
}
