//! Who may sign in, and with what: the `Accounts` port.

use super::SqliteLedger;
use super::common::audit;
use super::fault::{Fault, Step, corrupt};
use super::vitals::Purpose;
use super::words::{collect, from_json, integer, to_json};
use crate::key::{KeyedHash, Keys};
use oyez_domain::accounts::{Accounts, Credentials, SecretHash};
use oyez_domain::address::{Address, AddressKind};
use oyez_domain::id::UserId;
use oyez_domain::ledger::{Answer, By};
use oyez_domain::text::Line;
use oyez_domain::time::Wall;
use oyez_domain::user::User;
use oyez_domain::{LedgerError, Refusal};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::sync::Arc;

const COLUMNS: &str = "u.id, u.email_hash, u.email, u.name, u.permissions, u.disabled, u.created_at, u.password, u.code_key";

/// A user as the table holds it, with what to sign in with.
type Entry = (User, Option<Credentials>);

fn read(row: &Row<'_>, keys: &Keys) -> Step<Entry> {
    let hash: KeyedHash = row.get(1)?;
    let email = keys.open_address(AddressKind::Email, &hash, &row.get::<_, Vec<u8>>(2)?)?;
    let name = Line::parse("name", &row.get::<_, String>(3)?, 60)
        .map_err(|fault| corrupt("user", "name", &fault))?;
    let password: Option<String> = row.get(7)?;
    let code_key: Option<Vec<u8>> = row.get(8)?;
    let credentials = match password.zip(code_key) {
        Some((password, sealed)) => Some(Credentials {
            password,
            code_key: keys.open_code_key(&hash, &sealed)?,
        }),
        None => None,
    };
    let user = User {
        id: UserId::from_bytes(row.get(0)?),
        email,
        name,
        permissions: from_json("user", &row.get::<_, String>(4)?)?,
        disabled: row.get(5)?,
        ready: credentials.is_some(),
        created_at: Wall(row.get(6)?),
    };
    Ok((user, credentials))
}

fn add(connection: &Connection, keys: &Keys, user: &User, by: &By) -> Step<()> {
    let hash = keys.hash(&user.email);
    let added = connection.execute(
        "INSERT OR IGNORE INTO user (id, email_hash, email, name, permissions, disabled, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            user.id.as_bytes(),
            hash,
            keys.seal_address(&user.email, &hash)?,
            user.name.to_string(),
            to_json("user", &user.permissions)?,
            user.disabled,
            user.created_at.0,
        ],
    )?;
    if added == 0 {
        let why = "somebody signs in with this address already";
        return Err(Refusal::new("email", "taken", why).into());
    }
    let detail = user.permissions.to_string();
    audit(connection, by, "add_user", &user.id.to_string(), &detail)
}

fn all(connection: &Connection, keys: &Keys) -> Step<Vec<User>> {
    let sql = format!("SELECT {COLUMNS} FROM user u ORDER BY u.name, u.id");
    let mut statement = connection.prepare_cached(&sql)?;
    collect(statement.query([])?, |row| Ok(read(row, keys)?.0))
}

fn find(connection: &Connection, keys: &Keys, id: UserId) -> Step<Entry> {
    let sql = format!("SELECT {COLUMNS} FROM user u WHERE u.id = ?1");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([id.as_bytes()])?;
    let row = rows.next()?;
    let row = row.ok_or_else(|| LedgerError::NotFound(format!("a user {id}")))?;
    read(row, keys)
}

fn by_email(connection: &Connection, keys: &Keys, email: &Address) -> Step<Option<Entry>> {
    let sql = format!("SELECT {COLUMNS} FROM user u WHERE u.email_hash = ?1");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([keys.hash(email)])?;
    rows.next()?.map(|row| read(row, keys)).transpose()
}

fn invite(
    connection: &Connection,
    id: UserId,
    token: &SecretHash,
    until: Wall,
    by: &By,
) -> Step<()> {
    exists(connection, id)?;
    connection.execute(
        "INSERT OR REPLACE INTO invitation (user_id, token_hash, until) VALUES (?1, ?2, ?3)",
        params![id.as_bytes(), token.as_slice(), until.0],
    )?;
    audit(connection, by, "invite_user", &id.to_string(), "")
}

fn exists(connection: &Connection, id: UserId) -> Step<()> {
    let found: Option<i64> = connection
        .prepare_cached("SELECT 1 FROM user WHERE id = ?1")?
        .query_row([id.as_bytes()], |row| row.get(0))
        .optional()?;
    match found {
        Some(_) => Ok(()),
        None => Err(LedgerError::NotFound(format!("a user {id}")).into()),
    }
}

fn invited(
    connection: &Connection,
    keys: &Keys,
    token: &SecretHash,
    now: Wall,
) -> Step<Option<User>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM invitation i JOIN user u ON u.id = i.user_id
         WHERE i.token_hash = ?1 AND i.until > ?2 AND u.disabled = 0"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params![token.as_slice(), now.0])?;
    let row = rows.next()?;
    row.map(|row| Ok(read(row, keys)?.0)).transpose()
}

fn set_up(
    connection: &Connection,
    keys: &Keys,
    token: &SecretHash,
    credentials: &Credentials,
    recovery_codes: &[SecretHash],
    by: &By,
) -> Step<User> {
    let user = invited(connection, keys, token, by.at)?
        .ok_or_else(|| LedgerError::NotFound("this invitation".to_owned()))?;
    let id = user.id.as_bytes();
    let hash = keys.hash(&user.email);
    connection.execute(
        "UPDATE user SET password = ?2, code_key = ?3, last_step = 0 WHERE id = ?1",
        params![
            id,
            credentials.password,
            keys.seal_code_key(&credentials.code_key, &hash)?
        ],
    )?;
    connection.execute("DELETE FROM invitation WHERE user_id = ?1", [id])?;
    connection.execute("DELETE FROM recovery_code WHERE user_id = ?1", [id])?;
    for code in recovery_codes {
        connection.execute(
            "INSERT OR IGNORE INTO recovery_code (user_id, code_hash) VALUES (?1, ?2)",
            params![id, code.as_slice()],
        )?;
    }
    audit(connection, by, "set_up_user", &user.id.to_string(), "")?;
    Ok(User {
        ready: true,
        ..user
    })
}

fn use_step(connection: &Connection, id: UserId, step: u64) -> Step<bool> {
    let changed = connection.execute(
        "UPDATE user SET last_step = ?2 WHERE id = ?1 AND last_step < ?2",
        params![id.as_bytes(), integer(step)],
    )?;
    Ok(changed > 0)
}

fn use_recovery_code(
    connection: &Connection,
    id: UserId,
    code: &SecretHash,
    by: &By,
) -> Step<Option<u32>> {
    let used = connection.execute(
        "DELETE FROM recovery_code WHERE user_id = ?1 AND code_hash = ?2",
        params![id.as_bytes(), code.as_slice()],
    )?;
    if used == 0 {
        return Ok(None);
    }
    let left: u32 = connection.query_row(
        "SELECT count(*) FROM recovery_code WHERE user_id = ?1",
        [id.as_bytes()],
        |row| row.get(0),
    )?;
    let detail = format!("{left} left");
    audit(
        connection,
        by,
        "use_recovery_code",
        &id.to_string(),
        &detail,
    )?;
    Ok(Some(left))
}

fn set_disabled(connection: &Connection, id: UserId, disabled: bool, by: &By) -> Step<()> {
    exists(connection, id)?;
    connection.execute(
        "UPDATE user SET disabled = ?2 WHERE id = ?1",
        params![id.as_bytes(), disabled],
    )?;
    let action = if disabled {
        "disable_user"
    } else {
        "enable_user"
    };
    audit(connection, by, action, &id.to_string(), "")
}

impl SqliteLedger {
    /// A read that needs the keys.
    async fn look<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection, &Keys) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, LedgerError> {
        let keys = Arc::clone(&self.keys);
        self.read(move |c| work(c, &keys)).await
    }

    /// A change that has to work while there is little room: signing in comes before stopping.
    async fn change<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection, &Keys) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, LedgerError> {
        let keys = Arc::clone(&self.keys);
        self.write_for(Purpose::Keep, move |c| work(c, &keys)).await
    }
}

impl Accounts for SqliteLedger {
    fn add_user<'a>(&'a self, user: &'a User, by: &'a By) -> Answer<'a, ()> {
        let (user, by) = (user.clone(), by.clone());
        Box::pin(self.change(move |c, keys| add(c, keys, &user, &by)))
    }

    fn users(&self) -> Answer<'_, Vec<User>> {
        Box::pin(self.look(all))
    }

    fn user(&self, id: UserId) -> Answer<'_, User> {
        Box::pin(self.look(move |c, keys| Ok(find(c, keys, id)?.0)))
    }

    fn user_by_email<'a>(&'a self, email: &'a Address) -> Answer<'a, Option<Entry>> {
        let email = email.clone();
        Box::pin(self.look(move |c, keys| by_email(c, keys, &email)))
    }

    fn credentials(&self, id: UserId) -> Answer<'_, Option<Credentials>> {
        Box::pin(self.look(move |c, keys| Ok(find(c, keys, id)?.1)))
    }

    fn invite<'a>(
        &'a self,
        id: UserId,
        token: &'a SecretHash,
        until: Wall,
        by: &'a By,
    ) -> Answer<'a, ()> {
        let (token, by) = (*token, by.clone());
        Box::pin(self.change(move |c, _| invite(c, id, &token, until, &by)))
    }

    fn invited<'a>(&'a self, token: &'a SecretHash, now: Wall) -> Answer<'a, Option<User>> {
        let token = *token;
        Box::pin(self.look(move |c, keys| invited(c, keys, &token, now)))
    }

    fn set_up<'a>(
        &'a self,
        token: &'a SecretHash,
        credentials: &'a Credentials,
        recovery_codes: &'a [SecretHash],
        by: &'a By,
    ) -> Answer<'a, User> {
        let (token, by) = (*token, by.clone());
        let (credentials, codes) = (credentials.clone(), recovery_codes.to_vec());
        Box::pin(self.change(move |c, keys| set_up(c, keys, &token, &credentials, &codes, &by)))
    }

    fn use_step(&self, id: UserId, step: u64) -> Answer<'_, bool> {
        Box::pin(self.change(move |c, _| use_step(c, id, step)))
    }

    fn use_recovery_code<'a>(
        &'a self,
        id: UserId,
        code: &'a SecretHash,
        by: &'a By,
    ) -> Answer<'a, Option<u32>> {
        let (code, by) = (*code, by.clone());
        Box::pin(self.change(move |c, _| use_recovery_code(c, id, &code, &by)))
    }

    fn set_disabled<'a>(&'a self, id: UserId, disabled: bool, by: &'a By) -> Answer<'a, ()> {
        let by = by.clone();
        Box::pin(self.change(move |c, _| set_disabled(c, id, disabled, &by)))
    }
}
