//! People, as SharePoint names them, and the user names they have here.

use serde_json::Value;

/// Which name of a person is their user name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UserName {
    /// The login name.
    #[default]
    Account,
    /// The mail address.
    Mail,
    /// The mail address without its domain.
    MailLocal,
}

/// A person.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Person {
    /// The login name, without what says where it is from.
    pub account: Option<String>,
    /// Full name.
    pub name: Option<String>,
    /// Mail address.
    pub mail: Option<String>,
}

impl Person {
    /// From an expanded column of `_api`, an entry of the user list, or a person of Microsoft Graph.
    pub fn read(value: &Value) -> Option<Self> {
        let text = |keys: &[&str]| keys.iter().find_map(|key| filled(value.get(key)?));
        let person = Self {
            account: text(&["Name", "UserName", "userPrincipalName"]).and_then(|name| account(&name)),
            name: text(&["Title", "LookupValue", "displayName", "name"]),
            mail: text(&["EMail", "Email", "email", "mail", "address"]).filter(|mail| mail.contains('@')),
        };
        (person != Self::default()).then_some(person)
    }

    /// One person, or several in an array or in `results`.
    pub fn read_all(value: &Value) -> Vec<Self> {
        match value {
            Value::Array(several) => several.iter().filter_map(Self::read).collect(),
            Value::Object(one) => match one.get("results") {
                Some(several) => Self::read_all(several),
                None => Self::read(value).into_iter().collect(),
            },
            // A column of text.
            Value::String(text) => filled(&Value::String(text.clone())).map_or_else(Vec::new, |text| {
                let mail = text.contains('@').then(|| text.clone());
                vec![Self { account: account(&text), name: None, mail }]
            }),
            _ => Vec::new(),
        }
    }

    /// The user name. Who has no login name is known by mail.
    pub fn user_name(&self, rule: UserName) -> Option<String> {
        let mail = self.mail.as_ref();
        match rule {
            UserName::Account => self.account.clone().or_else(|| mail.cloned()),
            UserName::Mail => {
                mail.cloned().or_else(|| self.account.clone().filter(|name| name.contains('@')))
            }
            UserName::MailLocal => mail
                .and_then(|mail| Some(mail.split_once('@')?.0.to_owned()))
                .or_else(|| self.account.clone()),
        }
    }

    /// Whether it is the person with this user name or one of these mail addresses. Capitals do not matter.
    pub fn is(&self, rule: UserName, user: Option<&str>, mails: &[String]) -> bool {
        let user_name = self.user_name(rule);
        let ours = [self.account.as_deref(), self.mail.as_deref(), user_name.as_deref()];
        let is_ours = |text: &str| ours.iter().flatten().any(|name| same(name, text));
        user.is_some_and(|user| is_ours(user) || account(user).is_some_and(|user| is_ours(&user)))
            || mails.iter().any(|mail| is_ours(mail))
    }
}

/// A login name without the prefix of a claim (all up to the last `|`) and without its domain.
fn account(name: &str) -> Option<String> {
    let name = name.rsplit('|').next().unwrap_or(name);
    let name = name.rsplit('\\').next().unwrap_or(name).trim();
    (!name.is_empty()).then(|| name.to_owned())
}

fn same(a: &str, b: &str) -> bool {
    a.trim().to_lowercase() == b.trim().to_lowercase()
}

fn filled(value: &Value) -> Option<String> {
    let text = value.as_str()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn name(login: &str) -> Option<String> {
        Person::read(&json!({"Name": login, "Title": "x"})).unwrap().user_name(UserName::Account)
    }

    #[test]
    fn login_names_lose_what_says_where_they_are_from() {
        assert_eq!(name("i:0#.w|example\\ada").as_deref(), Some("ada"));
        assert_eq!(name("i:0#.f|membership|ada@contoso.com").as_deref(), Some("ada@contoso.com"));
        assert_eq!(name("EXAMPLE\\Ada").as_deref(), Some("Ada"));
        assert_eq!(name("ada").as_deref(), Some("ada"));
        assert_eq!(name("i:0#.w|"), None);
    }

    #[test]
    fn the_rule_can_be_the_mail() {
        let person = Person::read(&json!({"Name": "EX\\al17", "EMail": "ada@example.org"})).unwrap();
        assert_eq!(person.user_name(UserName::Mail).as_deref(), Some("ada@example.org"));
        assert_eq!(person.user_name(UserName::MailLocal).as_deref(), Some("ada"));
        let bare = Person::read(&json!({"displayName": "Ada", "email": "ada@example.org"})).unwrap();
        assert_eq!(bare.user_name(UserName::Account).as_deref(), Some("ada@example.org"));
    }

    #[test]
    fn the_same_person_by_any_of_their_names() {
        let person = Person::read(&json!({"Name": "EX\\al17", "EMail": "Ada@example.org"})).unwrap();
        let is = |user: Option<&str>, mails: &[&str]| {
            person.is(UserName::Account, user, &mails.iter().map(|&mail| mail.to_owned()).collect::<Vec<_>>())
        };
        assert!(is(Some("AL17"), &[]) && is(Some("ex\\al17"), &[]) && is(Some("ada@EXAMPLE.org"), &[]));
        assert!(is(Some("lovelace"), &["ada@example.org"]));
        assert!(!is(Some("ada"), &[]), "the part before the @ is no name unless the settings say so");
        assert!(person.is(UserName::MailLocal, Some("ada"), &[]));
        assert!(!is(None, &[]));
    }

    #[test]
    fn one_several_and_none() {
        let ada = json!({"Title": "Lovelace, Ada", "EMail": "a@x.org", "Name": "X\\ada"});
        assert_eq!(Person::read_all(&ada).len(), 1);
        assert_eq!(Person::read_all(&json!([ada, ada])).len(), 2);
        assert_eq!(Person::read_all(&json!({"results": [ada]})).len(), 1);
        assert_eq!(Person::read_all(&json!("X\\ada")).len(), 1);
        assert!(Person::read_all(&json!(null)).is_empty() && Person::read_all(&json!({})).is_empty());
        assert!(Person::read_all(&json!({"Title": "", "EMail": " "})).is_empty());
    }
}
