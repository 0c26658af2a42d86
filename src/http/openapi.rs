//! `/api/v1/openapi.json`: the API described from its own types (OpenAPI 3.1).

use crate::problem::{Fault, ProblemBody};
use crate::{
    channel_tests, channels, deliveries, endpoints, events, incidents, releases, retries, services,
    subscribers, system, unknowns, updates, users,
};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

#[derive(OpenApi)]
#[openapi(
    info(title = "oyez", description = "One update, every channel. Rely on codes and states, never on the wording of texts."),
    paths(
        incidents::open, incidents::list, incidents::one,
        services::list, services::put,
        updates::write, updates::list, updates::one, updates::render_draft, updates::render,
        releases::send, releases::stop, releases::hold, releases::resume, releases::progress, releases::report,
        retries::failures, retries::retry, unknowns::list, unknowns::decide,
        deliveries::list, events::stream, events::all,
        channels::list, channels::queue, channels::hold, channels::resume, channel_tests::send, channels::hold_system, channels::resume_system,
        system::show, system::trust_clock,
        subscribers::add, subscribers::import,
        endpoints::list, endpoints::put, endpoints::change_key, endpoints::remove,
        users::list, users::add, users::recover, users::disable, users::enable,
    ),
    components(schemas(ProblemBody, Fault, events::EventBody)),
    security(("token" = [])),
    modifiers(&Token)
)]
struct Document;

struct Token;

impl Modify for Token {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(bearer));
    }
}

/// The description; it holds no secrets, so it needs no token.
pub(crate) async fn document() -> axum::Json<utoipa::openapi::OpenApi> {
    axum::Json(Document::openapi())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_is_openapi_3_1_and_every_answer_can_be_a_problem() {
        let document = serde_json::to_value(Document::openapi()).unwrap();
        assert_eq!(document["openapi"], "3.1.0");
        let operations = document["paths"]
            .as_object()
            .unwrap()
            .values()
            .flat_map(|path| path.as_object().unwrap().values());
        let mut seen = 0;
        for operation in operations {
            let problem = &operation["responses"]["default"]["content"];
            assert!(problem.is_object(), "{operation}");
            seen += 1;
        }
        assert_eq!(seen, 43);
    }
}
