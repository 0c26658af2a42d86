//! What every engine behind the `Ledger` port has to promise, one function a promise.
//!
//! An engine's tests implement [`Store`] and call [`ledger_promises!`](crate::ledger_promises), which makes
//! one test of each. Beside them [`counters_stay_true_in_game`] plays
//! one random game, different for each seed.

mod audience;
mod crash;
mod decisions;
mod dice;
mod doubt;
mod fence;
mod halt;
mod incident_order;
mod lists;
mod misses;
mod outcomes;
mod parked;
mod partners;
mod people;
mod providers;
mod receipt_orders;
mod receipts;
mod release;
mod second_tries;
mod shut;
pub mod stage;
mod superseding;
mod test_messages;
mod truth;

pub use audience::*;
pub use crash::*;
pub use decisions::*;
pub use doubt::*;
pub use fence::*;
pub use halt::*;
pub use incident_order::*;
pub use misses::*;
pub use outcomes::*;
pub use parked::*;
pub use partners::*;
pub use people::*;
pub use providers::*;
pub use receipt_orders::*;
pub use receipts::*;
pub use release::*;
pub use second_tries::*;
pub use shut::*;
pub use superseding::*;
pub use test_messages::*;
pub use truth::*;

use oyez_domain::BoxFuture;
use oyez_domain::ledger::Ledger;
use oyez_domain::time::Wall;

/// An engine with an empty store of its own.
pub trait Store: Send + Sync {
    /// Opens the store as a start of the program at `now` would. What was opened before is dropped first; unless
    /// it was told to end, that is a crash.
    fn open(&self, now: Wall) -> BoxFuture<'_, Box<dyn Ledger>>;

    /// Opens it as a start does that does not know of the one before, whose hold on the store was lost. What was
    /// opened before stays open; verbs of both may come at the same time.
    fn open_beside(&self, now: Wall) -> BoxFuture<'_, Box<dyn Ledger>>;
}

/// Makes one `#[tokio::test]` of each promise; `$store` makes a fresh [`Store`].
#[macro_export]
macro_rules! ledger_promises {
    ($store:expr; $($promise:ident,)*) => {
        $(
            #[tokio::test]
            async fn $promise() {
                $crate::conformance::$promise(&$store).await;
            }
        )*
    };
    ($store:expr) => {
        $crate::ledger_promises! { $store;
            an_audience_is_frozen_as_of_its_release,
            pages_of_any_size_find_the_same_people,
            an_address_is_asked_once,
            topics_and_languages_choose_whom_it_concerns,
            a_recipient_keeps_their_language,
            a_channel_asks_only_addresses_it_carries,
            a_suppressed_address_is_counted_and_never_armed,
            an_opt_out_stops_a_retry,
            a_partner_is_reached_where_they_moved_to,
            an_old_key_signs_beside_a_new_one_for_a_while,
            a_partner_that_is_gone_gets_nothing_until_it_is_registered_again,
            a_partner_that_was_taken_away_gets_nothing_more,
            orphans_are_sent_again_and_nobody_else_is,
            an_orphan_says_that_the_program_ended,
            orphans_of_a_holding_kind_are_unknown,
            every_crash_orphans_only_what_is_on_its_way,
            a_receipt_saves_an_orphan,
            a_wait_survives_a_crash,
            an_orphan_of_a_stopped_broadcast_is_unknown,
            unclean_ends_are_counted,
            an_end_with_something_on_its_way_is_unclean,
            a_retry_knows_the_age_of_its_key,
            a_retry_knows_that_it_may_be_a_second_copy,
            an_orphan_knows_that_it_may_be_a_second_copy,
            what_was_given_back_leaves_no_doubt,
            a_retry_knows_why_it_is_one,
            only_what_was_surely_not_sent_changes_the_provider,
            an_identifier_is_that_of_one_provider,
            who_does_not_lead_begins_with_nobody,
            an_orphan_waits_for_its_own_provider,
            what_an_older_start_cannot_tell_stays_with_its_provider,
            a_person_lets_it_go_through_any_provider,
            a_person_settles_what_may_have_been_sent,
            a_person_lets_what_may_have_been_sent_go_again,
            decisions_are_made_in_bulk,
            a_late_receipt_outranks_any_decision,
            a_decision_with_the_same_key_happens_once,
            what_is_over_does_not_go_again,
            what_goes_again_does_not_overtake_a_newer_update,
            each_unknown_delivery_is_listed,
            only_what_failed_for_these_reasons_is_retried,
            a_retry_leaves_out_who_must_not_get_it,
            what_is_over_is_not_retried,
            a_stop_settles_exactly_what_is_not_on_its_way,
            a_second_stop_changes_nothing,
            what_is_given_back_after_a_stop_is_stopped,
            what_may_have_been_sent_is_never_called_unsent,
            one_channel_is_stopped_alone,
            a_draft_cannot_be_stopped,
            a_held_update_waits_and_goes_on,
            a_held_channel_says_why_and_starts_nothing,
            the_whole_system_can_be_held,
            nothing_is_sent_after_it_expired,
            a_channel_wakes_when_a_wait_expires,
            a_newer_update_waits_until_the_older_has_begun_with_all,
            nobody_gets_the_newer_update_before_the_older,
            a_retry_waits_behind_the_older_update,
            stopping_the_older_update_frees_the_newer,
            an_unknown_delivery_holds_up_nobody,
            order_survives_a_crash,
            order_binds_one_incident_only,
            an_urgent_update_overtakes_other_incidents,
            urgency_passes_to_the_older_update_of_its_incident,
            a_correction_goes_first_and_the_rest_gives_way,
            the_older_update_is_not_announced_any_more,
            what_is_on_its_way_ends_before_the_correction,
            what_waits_gives_way_to_the_correction,
            the_few_who_are_not_in_the_newer_audience_get_the_older,
            the_many_who_are_not_in_the_newer_audience_get_the_older,
            nobody_is_left_with_nothing_while_audiences_grow,
            a_correction_can_be_corrected,
            a_correction_has_the_turn_of_what_it_corrects,
            a_correction_survives_a_crash_at_any_point,
            an_older_start_announces_nothing,
            an_older_start_never_announces_while_a_newer_begins,
            what_an_older_start_knows_is_kept,
            a_late_word_takes_the_doubt_away,
            a_late_word_opens_what_was_called_unknown,
            a_late_word_does_not_let_the_old_overtake_the_new,
            a_late_acceptance_calls_back_what_was_to_go_again,
            a_repeated_batch_changes_nothing,
            a_deferred_delivery_is_due_at_its_time,
            what_is_due_goes_before_what_is_fresh,
            a_window_keeps_to_both_limits,
            disarming_gives_back_exactly_the_unsent_rest,
            what_was_given_back_is_no_orphan,
            a_retry_that_was_given_back_keeps_its_history,
            an_unknown_outcome_is_called_unknown,
            what_follows_is_what_the_evidence_shows,
            a_dead_address_is_not_used_again,
            an_outcome_of_nothing_is_refused,
            a_delivery_shows_each_attempt,
            deliveries_can_be_paged_and_filtered,
            an_identifier_means_one_message_of_one_channel,
            receipts_that_come_too_early_are_joined_with_the_acceptance,
            a_parked_complaint_counts_from_when_it_is_joined,
            a_parked_receipt_is_no_evidence_before_it_is_joined,
            a_parked_receipt_is_forgotten_in_the_end,
            parking_has_an_end,
            an_import_becomes_visible_at_once,
            an_import_that_is_given_up_leaves_nothing,
            an_interrupted_import_is_given_up,
            people_are_added_all_or_none,
            a_suppressed_person_stays_suppressed,
            an_opt_out_of_nobody_is_not_found,
            start_lifts_a_stop_by_text_and_no_other,
            writing_with_the_same_key_happens_once,
            kinds_are_counted_apart,
            receipts_in_any_order_end_in_one_state,
            forged_receipts_change_nothing,
            a_complaint_proves_the_message_and_stops_the_next,
            a_dead_address_is_known_by_its_receipt,
            an_address_that_mail_keeps_missing_is_given_up,
            a_receipt_may_come_before_the_outcome,
            a_receipt_outranks_a_refusal,
            receipts_may_come_twice_and_in_any_order,
            a_repeated_receipt_is_counted_as_one,
            a_receipt_for_nothing_is_counted_and_ignored,
            a_receipt_ends_a_wait,
            a_receipt_resolves_the_unknown,
            a_receipt_in_the_middle_of_a_retry_counts_once,
            a_release_with_the_same_key_happens_once,
            a_reused_key_with_another_request_is_refused,
            a_released_update_never_changes,
            an_update_for_nobody_is_refused,
            a_channel_with_nobody_is_done_at_once,
            only_an_idle_channel_starts_with_the_release,
            drafts_crowd_out_nothing_that_was_released,
            a_post_goes_to_the_channels_own_account,
            a_statement_is_frozen_at_release,
            a_release_announces_nothing_for_who_is_shut,
            a_shut_destination_waits_uncharged_and_holds_up_nobody,
            a_retry_waits_on_for_a_shut_destination,
            a_test_message_is_announced_once,
            a_test_message_reaches_nobody_by_accident,
            a_partners_test_goes_where_the_partner_is,
            nothing_expires_while_the_clock_is_not_trusted,
        }
    };
}
