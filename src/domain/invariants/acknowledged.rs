//! What was acknowledged stands (I13): no answer is forgotten, and no request releases twice.

use super::Judgement;
use super::findings::Findings;
use super::scene::Scene;
use std::collections::HashMap;

pub(super) fn stands(scene: &Scene<'_>) -> Judgement {
    let mut found = Findings::default();
    for answered in &scene.evidence.system.answered {
        if !answered.stands {
            let made = &answered.made;
            found.broken(|| format!("a request was answered with {made}, which does not exist"));
        }
    }
    let mut released = HashMap::new();
    for case in &scene.cases {
        let view = &case.evidence.view;
        if let Some(first) = released.insert((view.update, &view.channel), view.id) {
            found.broken(|| {
                let (reference, channel) = (&view.reference, &view.channel);
                let (first, second) = (first.0, view.id.0);
                format!(
                    "{reference} was released twice on {channel}: broadcasts {first} and {second}"
                )
            });
        }
    }
    found.judge(
        "I13",
        "what was acknowledged still stands, and nothing was released twice",
    )
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{broadcast, play, violated};

    #[test]
    fn an_answer_whose_result_is_gone_is_found() {
        let mut play = play();
        play.system.answered[0].stands = false;
        assert_eq!(violated(&play), ["I13"]);
    }

    #[test]
    fn one_update_released_twice_on_a_channel_is_found() {
        let mut play = play();
        play.newer = Some(broadcast(2, 0));
        assert_eq!(violated(&play), [] as [String; 0], "another update");
        play.newer.as_mut().unwrap().view.update = play.broadcast.view.update;
        assert_eq!(violated(&play), ["I13"]);
    }
}
