//! The made-up town: numbered residents with an email address and a mobile number each.

use oyez_dispatch::Desk;
use oyez_domain::address::Address;
use oyez_domain::id::SubscriberId;
use oyez_domain::subscriber::NewSubscriber;
use oyez_sandbox::DemoScript;

/// People added in one transaction.
const SLICE: u32 = 5000;

/// Every so many residents read Arabic, from the third on.
const READ_ARABIC: (u64, u64) = (20, 3);

/// Fills the ledger with `residents` numbered residents.
pub(super) async fn populate(desk: &Desk, residents: u32) -> anyhow::Result<()> {
    let by = desk.by("demo");
    let mut first = 1;
    while first <= residents {
        let last = residents.min(first.saturating_add(SLICE - 1));
        let people = (first..=last)
            .map(|number| resident(desk, number))
            .collect::<Result<Vec<_>, _>>()?;
        desk.ledger.add_subscribers(&people, &by).await?;
        first = last + 1;
    }
    Ok(())
}

fn resident(desk: &Desk, number: u32) -> anyhow::Result<NewSubscriber> {
    let number = u64::from(number);
    let mut random = [0; 10];
    desk.random.fill(&mut random);
    Ok(NewSubscriber {
        id: SubscriberId::new(desk.clock.wall(), random),
        addresses: vec![
            Address::email(&DemoScript::email_of(number))?,
            Address::uk_telephone(&DemoScript::mobile_of(number))?,
        ],
        topics: Vec::new(),
        language: language(number).to_owned(),
    })
}

fn language(number: u64) -> &'static str {
    let (every, rest) = READ_ARABIC;
    if number % every == rest { "ar" } else { "en" }
}
