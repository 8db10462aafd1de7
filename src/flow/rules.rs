//! The declarativeNetRequest session rules of a flow, as the browsers take them.

use crate::oauth::redirect_uri::escape;
use crate::plain::{Members, Plain};

use super::record::{Flow, TabId};

/// A `declarativeNetRequest.Rule`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its id.
    pub id: u32,
    /// Block beats everything but another block, so one priority will do.
    pub priority: u32,
    /// What happens.
    pub action: RuleAction,
    /// To which requests.
    pub condition: RuleCondition,
}

/// A `declarativeNetRequest.RuleAction`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleAction {
    /// The request never leaves the browser.
    Block,
    /// Request headers are changed.
    ModifyHeaders {
        /// `ModifyHeaderInfo`.
        request_headers: Vec<HeaderOperation>,
    },
}

/// A `declarativeNetRequest.ModifyHeaderInfo` that removes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderOperation {
    /// The header's name.
    pub header: &'static str,
    /// `remove`.
    pub operation: &'static str,
}

/// A `declarativeNetRequest.RuleCondition`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleCondition {
    /// RE2, escaped and anchored.
    pub regex_filter: Option<String>,
    /// Paths keep their case.
    pub is_url_filter_case_sensitive: bool,
    /// `main_frame` or `xmlhttprequest`.
    pub resource_types: Vec<&'static str>,
    /// Only these tabs.
    pub tab_ids: Option<Vec<TabId>>,
    /// Not to these hosts, nor to those below them.
    pub excluded_request_domains: Option<Vec<String>>,
    /// Only these methods.
    pub request_methods: Option<Vec<&'static str>>,
    /// Only requests of this extension: `browser` puts the extension's own host in.
    pub initiator_domains: Option<Vec<String>>,
    /// Whether `browser` has to fill `initiator_domains`.
    pub own_requests_only: bool,
}

/// From this number on, ids are those of rules that the browser keeps when the session ends.
const LASTING: u32 = 1_000_000_000;

impl Rule {
    /// Whether a rule of this id outlives the session: a dynamic rule, which stays through updates and restarts.
    #[must_use]
    pub fn lasts(id: u32) -> bool {
        id >= LASTING
    }

    /// The id of [`Rule::anchor`]. No flow's rule has it: their ids in the session start at 1.
    pub const ANCHOR: u32 = LASTING;

    /// A lasting rule that matches nothing (RFC 6761 section 6.4) and always stands. Firefox notes some seconds late that
    /// an extension has come to have lasting rules, and after a crash does not look for any where none was noted.
    #[must_use]
    pub fn anchor() -> Rule {
        block(
            Rule::ANCHOR,
            RuleCondition {
                regex_filter: Some(exactly("https://anchor.invalid/")),
                ..RuleCondition::default()
            },
        )
    }

    /// The id of a session rule that is not below this one; that of a lasting rule is by its flow's.
    #[must_use]
    pub(super) fn in_session(id: u32) -> u32 {
        id % LASTING
    }

    /// As `declarativeNetRequest.updateSessionRules` takes it. What is none is left out: the browsers take no null.
    #[must_use]
    pub fn to_plain(&self) -> Plain {
        let mut action = Members::default();
        match &self.action {
            RuleAction::Block => action.put_plain("type", text("block")),
            RuleAction::ModifyHeaders { request_headers } => {
                action.put_plain("type", text("modifyHeaders"));
                let headers = request_headers.iter().map(HeaderOperation::to_plain);
                action.put_plain("requestHeaders", Plain::List(headers.collect()));
            }
        }
        let RuleCondition {
            regex_filter,
            is_url_filter_case_sensitive,
            resource_types,
            tab_ids,
            excluded_request_domains,
            request_methods,
            initiator_domains,
            own_requests_only: _,
        } = &self.condition;
        let mut condition = Members::default();
        condition.put_some("regexFilter", regex_filter.as_ref());
        condition.put("isUrlFilterCaseSensitive", is_url_filter_case_sensitive);
        condition.put_plain("resourceTypes", texts(resource_types));
        condition.put_some("tabIds", tab_ids.as_ref());
        condition.put_some("excludedRequestDomains", excluded_request_domains.as_ref());
        if let Some(names) = request_methods {
            condition.put_plain("requestMethods", texts(names));
        }
        condition.put_some("initiatorDomains", initiator_domains.as_ref());
        let mut rule = Members::default();
        rule.put("id", &self.id);
        rule.put("priority", &self.priority);
        rule.put_plain("action", action.into_object());
        rule.put_plain("condition", condition.into_object());
        rule.into_object()
    }
}

impl HeaderOperation {
    fn to_plain(&self) -> Plain {
        let mut header = Members::default();
        header.put_plain("header", text(self.header));
        header.put_plain("operation", text(self.operation));
        header.into_object()
    }
}

fn text(text: &str) -> Plain {
    Plain::Text(text.to_owned())
}

fn texts(texts: &[&str]) -> Plain {
    Plain::List(texts.iter().copied().map(text).collect())
}

impl Flow {
    /// How many ids of session rules a flow owns: its tab's, the token request's, its `state`'s and a stray code's.
    pub const RULES: u32 = 4;

    /// All of the session that stand while it waits for the redirect.
    #[must_use]
    pub fn rules(&self, tab: TabId) -> Vec<Rule> {
        let mut rules = vec![self.tab_rule(tab), self.state_rule()];
        rules.extend(self.origin_rule());
        rules
    }

    /// Blocks everything at the redirect URI in the flow's tab.
    #[must_use]
    pub fn tab_rule(&self, tab: TabId) -> Rule {
        block(
            self.rule,
            RuleCondition {
                regex_filter: Some(self.snapshot.profile.redirect_uri.rule_regex()),
                tab_ids: Some(vec![tab]),
                ..RuleCondition::default()
            },
        )
    }

    /// Blocks, in any tab, only what carries this flow's `state`: a callback in a popup, a tab reopened later. The
    /// person's own logins at that host don't.
    #[must_use]
    pub fn state_rule(&self) -> Rule {
        block(
            self.rule.saturating_add(2),
            RuleCondition {
                regex_filter: Some(
                    self.snapshot
                        .profile
                        .redirect_uri
                        .rule_regex_with("state", self.state.expose()),
                ),
                ..RuleCondition::default()
            },
        )
    }

    /// Blocks what carries this flow's `state` wherever it goes but to the provider, and is kept by the browser when an
    /// update of the extension takes session and session rules away. It stands on the disk, so it does not say whose it is.
    #[must_use]
    pub fn lasting_rule(&self) -> Rule {
        let endpoint = self.snapshot.provider.authorization_endpoint_url();
        let mut regex = r"^[^?#]*\?([^#]*&)?state=".to_owned();
        escape(&mut regex, self.state.expose());
        regex.push_str("([&#]|$)");
        block(
            LASTING.saturating_add(self.rule),
            RuleCondition {
                regex_filter: Some(regex),
                excluded_request_domains: endpoint.url().host_str().map(|host| vec![host.to_owned()]),
                ..RuleCondition::default()
            },
        )
    }

    /// Blocks, in any tab, what carries a code that came without this flow's `state`: nobody may have it. `code` is
    /// the raw text of the query. Its beginning tells it from any other; Chromium has no memory for more.
    #[must_use]
    pub fn code_rule(&self, code: &str) -> Rule {
        const BEGINNING: usize = 60;
        let redirect_uri = &self.snapshot.profile.redirect_uri;
        let regex = match code.get(..BEGINNING) {
            Some(beginning) => redirect_uri.rule_regex_beginning("code", beginning),
            None => redirect_uri.rule_regex_with_raw("code", code),
        };
        block(
            self.rule.saturating_add(3),
            RuleCondition {
                regex_filter: Some(regex),
                ..RuleCondition::default()
            },
        )
    }

    /// Takes the `Origin` header off this extension's own token request (security.md section 2.5).
    #[must_use]
    pub fn origin_rule(&self) -> Option<Rule> {
        self.snapshot.removes_origin().then(|| Rule {
            id: self.rule.saturating_add(1),
            priority: 1,
            action: RuleAction::ModifyHeaders {
                request_headers: vec![HeaderOperation {
                    header: "origin",
                    operation: "remove",
                }],
            },
            condition: RuleCondition {
                regex_filter: Some(exactly(self.snapshot.provider.token_endpoint_url().url().as_str())),
                is_url_filter_case_sensitive: true,
                resource_types: vec!["xmlhttprequest"],
                request_methods: Some(vec!["post"]),
                own_requests_only: true,
                ..RuleCondition::default()
            },
        })
    }

    /// The ids this flow owns.
    #[must_use]
    pub fn rule_ids(&self) -> [u32; 5] {
        // What a damaged record makes of it, the browser refuses.
        [0, 1, 2, 3, LASTING].map(|own| self.rule.saturating_add(own))
    }
}

fn block(id: u32, condition: RuleCondition) -> Rule {
    Rule {
        id,
        priority: 1,
        action: RuleAction::Block,
        condition: RuleCondition {
            is_url_filter_case_sensitive: true,
            resource_types: vec!["main_frame"],
            ..condition
        },
    }
}

/// A regular expression that matches this URL alone.
fn exactly(url: &str) -> String {
    let mut regex = String::with_capacity(url.len() + 16);
    regex.push('^');
    for character in url.chars() {
        if !character.is_ascii_alphanumeric() {
            regex.push('\\');
        }
        regex.push(character);
    }
    regex.push('$');
    regex
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(rule: &Rule) -> String {
        serde_json::to_string(&rule.to_plain()).unwrap()
    }

    #[test]
    fn written_as_the_browsers_take_it() {
        let condition = RuleCondition {
            regex_filter: Some("^x$".to_owned()),
            tab_ids: Some(vec![TabId(7)]),
            ..RuleCondition::default()
        };
        assert_eq!(
            json(&block(3, condition)),
            r#"{"id":3,"priority":1,"action":{"type":"block"},"condition":{"regexFilter":"^x$","isUrlFilterCaseSensitive":true,"resourceTypes":["main_frame"],"tabIds":[7]}}"#
        );
        let rule = Rule {
            id: 4,
            priority: 1,
            action: RuleAction::ModifyHeaders {
                request_headers: vec![HeaderOperation {
                    header: "origin",
                    operation: "remove",
                }],
            },
            condition: RuleCondition {
                request_methods: Some(vec!["post"]),
                initiator_domains: Some(vec!["own".to_owned()]),
                own_requests_only: true,
                ..RuleCondition::default()
            },
        };
        assert_eq!(
            json(&rule),
            r#"{"id":4,"priority":1,"action":{"type":"modifyHeaders","requestHeaders":[{"header":"origin","operation":"remove"}]},"condition":{"isUrlFilterCaseSensitive":false,"resourceTypes":[],"requestMethods":["post"],"initiatorDomains":["own"]}}"#
        );
    }
}
