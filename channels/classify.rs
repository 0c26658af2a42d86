//! What a provider's answer means: the only place where statuses and reply codes become outcomes.

pub(crate) mod http;
pub(crate) mod retry_after;
pub(crate) mod returned;
pub(crate) mod smtp;
