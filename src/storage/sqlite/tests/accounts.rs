//! Accounts on disk: nothing readable without the key, each secret used once, and all of it there after a restart.

use super::Scratch;
use crate::conformance::stage::{at, by};
use oyez_domain::accounts::{Accounts, Credentials};
use oyez_domain::id::UserId;
use oyez_domain::parcel::Secret;
use oyez_domain::time::Wall;
use oyez_domain::user::{User, UserDraft};

fn user(number: u8) -> User {
    let draft = UserDraft {
        email: format!("officer{number}@example.org"),
        name: format!("Officer {number}"),
        permissions: vec!["write".to_owned()],
    };
    draft
        .check(UserId::new(Wall(1), [number; 10]), at(1))
        .unwrap()
}

fn credentials() -> Credentials {
    Credentials {
        password: "$argon2id$stand-in".to_owned(),
        code_key: Secret::new("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ".to_owned()),
    }
}

#[tokio::test]
async fn an_account_is_there_after_a_restart_and_its_address_and_key_are_not_in_the_file() {
    let scratch = Scratch::new();
    let ledger = scratch.open().unwrap();
    let (officer, token) = (user(1), [9; 32]);
    ledger.add_user(&officer, &by(at(2))).await.unwrap();
    ledger
        .invite(officer.id, &token, at(100), &by(at(2)))
        .await
        .unwrap();
    let codes = [[1; 32], [2; 32]];
    ledger
        .set_up(&token, &credentials(), &codes, &by(at(3)))
        .await
        .unwrap();
    drop(ledger);
    let ledger = scratch.open().unwrap();
    let (found, known) = ledger.user_by_email(&officer.email).await.unwrap().unwrap();
    assert_eq!((found.ready, known), (true, Some(credentials())));
    let bytes = std::fs::read(scratch.settings().database()).unwrap();
    for secret in ["officer1@example.org", "GEZDGNBVGY3TQOJQ"] {
        let found = bytes
            .windows(secret.len())
            .any(|part| part == secret.as_bytes());
        assert!(!found, "{secret} can be read in the file");
    }
}

#[tokio::test]
async fn an_invitation_ends_with_its_time_its_use_the_next_one_and_the_account() {
    let scratch = Scratch::new();
    let ledger = scratch.open().unwrap();
    let officer = user(1);
    ledger.add_user(&officer, &by(at(1))).await.unwrap();
    let invited = async |token: u8, now: u64| {
        let found = ledger.invited(&[token; 32], at(now)).await.unwrap();
        found.is_some()
    };
    ledger
        .invite(officer.id, &[1; 32], at(100), &by(at(1)))
        .await
        .unwrap();
    assert!(invited(1, 99).await && !invited(1, 100).await);
    ledger
        .invite(officer.id, &[2; 32], at(100), &by(at(1)))
        .await
        .unwrap();
    assert!(!invited(1, 50).await, "the next one was made");
    ledger
        .set_disabled(officer.id, true, &by(at(1)))
        .await
        .unwrap();
    assert!(!invited(2, 50).await, "the account is barred");
    ledger
        .set_disabled(officer.id, false, &by(at(1)))
        .await
        .unwrap();
    ledger
        .set_up(&[2; 32], &credentials(), &[], &by(at(50)))
        .await
        .unwrap();
    assert!(!invited(2, 50).await, "it was used");
    assert!(
        ledger
            .set_up(&[2; 32], &credentials(), &[], &by(at(51)))
            .await
            .is_err()
    );
}

#[tokio::test]
async fn every_code_works_once_and_none_of_before() {
    let scratch = Scratch::new();
    let ledger = scratch.open().unwrap();
    let (officer, other) = (user(1), user(2));
    for user in [&officer, &other] {
        ledger.add_user(user, &by(at(1))).await.unwrap();
        let token = [user.id.as_bytes()[15]; 32];
        ledger
            .invite(user.id, &token, at(100), &by(at(1)))
            .await
            .unwrap();
        let codes = [[7; 32], [8; 32]];
        ledger
            .set_up(&token, &credentials(), &codes, &by(at(2)))
            .await
            .unwrap();
    }
    assert!(ledger.use_step(officer.id, 10).await.unwrap());
    assert!(!ledger.use_step(officer.id, 10).await.unwrap(), "again");
    assert!(!ledger.use_step(officer.id, 9).await.unwrap(), "of before");
    assert!(
        ledger.use_step(other.id, 10).await.unwrap(),
        "everybody has their own"
    );
    let recover = async |code: u8| {
        let (code, by) = ([code; 32], by(at(3)));
        ledger
            .use_recovery_code(officer.id, &code, &by)
            .await
            .unwrap()
    };
    assert_eq!(recover(7).await, Some(1));
    assert_eq!(recover(7).await, None);
    assert_eq!(recover(9).await, None, "never given");
    assert_eq!(recover(8).await, Some(0));
}

#[tokio::test]
async fn an_address_signs_in_one_person() {
    let scratch = Scratch::new();
    let ledger = scratch.open().unwrap();
    ledger.add_user(&user(1), &by(at(1))).await.unwrap();
    let twin = User {
        id: UserId::new(Wall(2), [5; 10]),
        ..user(1)
    };
    assert!(ledger.add_user(&twin, &by(at(1))).await.is_err());
    assert_eq!(ledger.users().await.unwrap().len(), 1);
}
