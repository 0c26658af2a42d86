//! What neither a ledger nor a log can show, and why.

use super::Judgement;
use super::findings::Findings;

fn not_here(id: &str, says: &str, why: &str) -> Judgement {
    let mut findings = Findings::default();
    findings.missing(why);
    findings.judge(id, says)
}

pub(super) fn approved() -> Judgement {
    not_here(
        "I7",
        "nothing left without approval",
        "needs approvals, which this version does not have",
    )
}

pub(super) fn audit() -> Judgement {
    not_here(
        "I15",
        "the audit trail is whole",
        "needs a chain of hashes, which this version's audit trail does not have",
    )
}

pub(super) fn isolated() -> Judgement {
    not_here(
        "I18",
        "a fault on one channel leaves the others at full speed",
        "needs a second run without the fault to compare speeds with",
    )
}

pub(super) fn private() -> Judgement {
    not_here(
        "I19",
        "no address stands in a log, a metric or a dump",
        "needs the program's own logs and dumps, which are not among the evidence",
    )
}
