//! What the servers say of a stored token: a test call, introspection, revocation. It is no flow: it changes no token and
//! can be repeated at any time.

use crate::diagnosis::{
    Finding, Fix, RestEvidence, TokenFacts, TransportError, diagnose_call, diagnose_introspection, diagnose_rest,
    diagnose_revocation, diagnose_strange_answer, diagnose_unasked,
};
use crate::oauth::json::{self, Json};
use crate::oauth::secret::{ClientSecret, IdToken, RefreshToken};
use crate::oauth::text;
use crate::oauth::{
    Account, ApiRequest, EndpointUrl, HttpRequest, HttpResponse, Introspection, Scopes, TokenQuery, parse_account,
    parse_introspection_response,
};
use crate::plain::record;
use crate::profile::{Profile, TokenRecord, clock_skew_ms};
use crate::provider::{Probe, Provider, SecretRule, api_version};

use super::{FlowId, StoredToken};

/// The answer of one server, or why there is none.
pub type Answer = Result<HttpResponse, TransportError>;

/// How long after a try the next one comes while LinkedIn's caches settle: the first soon, because some tokens work after
/// seconds (linkedin.md section 5), then every minute.
const WAIT_MS: [u64; 3] = [5_000, 15_000, 60_000];

/// A question that waits for its hosts longer than this is forgotten: nobody expects the answer any more.
const WISH_MS: u64 = 10 * 60_000;

/// What was found out about one token, as it stands in storage.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// The flow that brought the token: of another token it says nothing.
    pub token: FlowId,
    /// Since when it waits for the hosts.
    pub wanted_ms: Option<u64>,
    /// When the servers answered.
    pub at_ms: Option<u64>,
    /// Whether an API call was made; else introspection is the whole test.
    pub called: bool,
    /// What is wrong with the token.
    pub finding: Option<Finding>,
    /// What introspection says against a token that works.
    pub doubt: Option<Finding>,
    /// Whom the API takes the bearer for.
    pub account: Option<Account>,
    /// What introspection says.
    pub introspection: Option<Introspection>,
    /// Tries that found the token not settled yet, and when the next one is due.
    pub tries: u32,
    /// See above.
    pub next_ms: Option<u64>,
    /// How an attempt to revoke it ended.
    pub revocation: Option<Revocation>,
}
record!(Check {
    token,
    wanted_ms,
    at_ms,
    called,
    finding,
    doubt,
    account,
    introspection,
    tries,
    next_ms,
    revocation
});

/// How an attempt to revoke a token ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Revocation {
    /// When.
    pub at_ms: u64,
    /// Why the revocation endpoint did not do it; none when it said that it did.
    pub finding: Option<Finding>,
    /// Whether introspection calls the token active afterwards; none where it could not be asked.
    pub active: Option<bool>,
}
record!(Revocation { at_ms, finding, active });

/// A token, and what is needed to ask about it.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Endpoints and habits.
    pub provider: &'static Provider,
    /// Client id.
    pub profile: Profile,
    /// The secret, where it may go to the provider.
    pub client_secret: Option<ClientSecret>,
    /// The token.
    pub stored: StoredToken,
}

/// The match patterns of the hosts that a test of a token with these scopes asks.
#[must_use]
pub fn check_hosts(provider: &Provider, granted: &Scopes) -> Vec<String> {
    let mut hosts = Vec::new();
    if let Some(api) = provider.probe(granted).and_then(api_host) {
        hosts.push(["https://", api, "/*"].concat());
    }
    if provider.secret == SecretRule::Required
        && let Some(endpoint) = provider.introspection_endpoint_url()
    {
        hosts.push(endpoint.host_permission());
    }
    hosts
}

/// The host of a probe, which is always https.
fn api_host(probe: &'static Probe) -> Option<&'static str> {
    probe.url.strip_prefix("https://")?.split('/').next()
}

impl Subject {
    fn token(&self) -> &TokenRecord {
        &self.stored.token
    }

    /// Which hosts a test asks.
    #[must_use]
    pub fn hosts(&self) -> Vec<String> {
        check_hosts(self.provider, self.token().scopes())
    }

    /// The call that shows whether the token works; none where its scopes allow no request that only reads.
    #[must_use]
    pub fn call(&self, now_ms: u64) -> Option<HttpRequest> {
        let probe = self.provider.probe(self.token().scopes())?;
        let version = probe.versioned.then(|| api_version(now_ms));
        let request = ApiRequest {
            url: probe.url,
            access_token: &self.token().access_token,
            version: version.as_deref(),
        };
        Some(request.http_request())
    }

    /// The question whether the token is active; none for a client without a secret, which may not ask (linkedin.md
    /// section 6).
    #[must_use]
    pub fn introspection(&self) -> Option<HttpRequest> {
        self.client_secret.as_ref()?;
        let endpoint = self.provider.introspection_endpoint_url()?;
        Some(self.query(&endpoint))
    }

    /// The request to revoke the token.
    #[must_use]
    pub fn revocation(&self) -> Option<HttpRequest> {
        let endpoint = self.provider.revocation_endpoint_url()?;
        Some(self.query(&endpoint))
    }

    fn query(&self, endpoint: &EndpointUrl) -> HttpRequest {
        let query = TokenQuery {
            endpoint,
            client_id: &self.profile.client_id,
            client_secret: self.client_secret.as_ref(),
            authentication: self.provider.client_authentication,
            access_token: &self.token().access_token,
        };
        query.http_request()
    }

    /// What must not be seen in anybody's words.
    fn secrets(&self) -> Vec<&str> {
        let token = self.token();
        let mut secrets = vec![token.access_token.expose()];
        secrets.extend(self.client_secret.as_ref().map(ClientSecret::expose));
        secrets.extend(token.refresh_token.as_ref().map(RefreshToken::expose));
        secrets.extend(token.id_token.as_ref().map(IdToken::expose));
        secrets
    }
}

impl Check {
    /// Nothing is known yet.
    #[must_use]
    pub fn new(token: FlowId) -> Self {
        Self {
            token,
            wanted_ms: None,
            at_ms: None,
            called: false,
            finding: None,
            doubt: None,
            account: None,
            introspection: None,
            tries: 0,
            next_ms: None,
            revocation: None,
        }
    }

    /// What is known of this token; nothing when it was another's.
    #[must_use]
    pub fn of(before: Option<Self>, token: &FlowId) -> Self {
        let own = before.filter(|check| check.token == *token);
        own.unwrap_or_else(|| Self::new(token.clone()))
    }

    /// It waits for the hosts, and no try is due without them.
    #[must_use]
    pub fn waiting(self, now_ms: u64) -> Self {
        Self {
            wanted_ms: Some(now_ms),
            next_ms: None,
            ..self
        }
    }

    /// Whether it still waits for the hosts.
    #[must_use]
    pub fn waits(&self, now_ms: u64) -> bool {
        self.wanted_ms
            .is_some_and(|since| now_ms.saturating_sub(since) < WISH_MS)
    }

    /// Whether the next try is due.
    #[must_use]
    pub fn is_due(&self, now_ms: u64) -> bool {
        self.next_ms.is_some_and(|next| next <= now_ms)
    }

    /// The person refused the hosts.
    #[must_use]
    pub fn refused(self, hosts: &[String]) -> Self {
        Self {
            wanted_ms: None,
            next_ms: None,
            finding: Some(diagnose_unasked(hosts)),
            ..self
        }
    }

    /// The servers answered: the API, introspection, or both. None was not asked.
    #[must_use]
    pub fn answered(self, subject: &Subject, now_ms: u64, call: Option<&Answer>, asked: Option<&Answer>) -> Self {
        let secrets = subject.secrets();
        let token = subject.token();
        // A token that we revoked is dead and not new.
        let revoked = self.revocation.as_ref().is_some_and(|tried| tried.finding.is_none());
        let facts = TokenFacts {
            obtained_ms: if revoked { 0 } else { token.obtained_ms },
            expires_ms: token.expires_ms,
            now_ms,
            granted: token.scopes(),
            has_refresh_token: token.refresh_token.is_some(),
            refresh_expires_ms: token.refresh_expires_ms,
        };
        let provider = subject.provider;
        let probe = provider.probe(token.scopes());
        let mut account = None;
        let finding = match (call, probe) {
            (Some(Ok(response)), Some(probe)) if response.is_success() => {
                account = parse_account(response).ok().map(|account| account.without(&secrets));
                let strange = account.is_none() && (probe.names_member || !is_object(response));
                strange.then(|| diagnose_strange_answer(response, &secrets))
            }
            (Some(Ok(response)), _) => {
                let evidence = RestEvidence::read(response, &secrets);
                Some(diagnose_rest(&evidence, provider, &facts))
            }
            (Some(Err(error)), Some(probe)) => Some(diagnose_call(error, api_host(probe).unwrap_or_default())),
            _ => None,
        };
        let introspection = asked.and_then(|answer| said(answer, &secrets, subject.token(), now_ms));
        let objection = match asked {
            Some(Ok(response)) => diagnose_introspection(response, provider, &secrets),
            Some(Err(error)) => provider
                .introspection_endpoint_url()
                .map(|endpoint| diagnose_call(error, endpoint.host())),
            None => None,
        };
        // Beside a call that was made, only what introspection says of the token and of the client matters.
        let objection =
            objection.filter(|said| call.is_none() || introspection.is_some() || said.fix == Fix::EditProfile);
        let (finding, doubt) = match call {
            Some(_) => (finding, objection),
            None => (objection, None),
        };
        let settling = finding.as_ref().is_some_and(|finding| finding.code == "token_settling");
        let tries = if settling { self.tries.saturating_add(1) } else { 0 };
        Self {
            wanted_ms: None,
            at_ms: Some(now_ms),
            called: call.is_some(),
            finding,
            doubt,
            account: account.or(self.account),
            introspection,
            tries,
            next_ms: settling.then(|| (now_ms + wait(tries)).min(facts.settled_ms())),
            ..self
        }
    }

    /// The revocation endpoint answered, and introspection afterwards. A test of before says nothing any more.
    #[must_use]
    pub fn revoked(self, subject: &Subject, now_ms: u64, answer: &Answer, asked: Option<&Answer>) -> Self {
        let secrets = subject.secrets();
        let finding = match answer {
            Ok(response) => diagnose_revocation(response, subject.provider, &secrets),
            Err(error) => subject
                .provider
                .revocation_endpoint_url()
                .map(|endpoint| diagnose_call(error, endpoint.host())),
        };
        let introspection = asked.and_then(|answer| said(answer, &secrets, subject.token(), now_ms));
        let active = introspection.as_ref().map(|said| said.active);
        Self {
            account: self.account,
            introspection,
            revocation: Some(Revocation {
                at_ms: now_ms,
                finding,
                active,
            }),
            ..Self::new(self.token)
        }
    }

    /// When the token ends: what introspection says of an active one, where that is more than a minute from what was
    /// computed when it came. Both are the server's own words (linkedin.md sections 4 and 6), and the later ones know of
    /// what happened since.
    #[must_use]
    pub fn expires_ms(&self, computed_ms: Option<u64>) -> Option<u64> {
        let stated = self.introspection.as_ref().filter(|said| said.active);
        match (stated.and_then(|said| said.expires_ms), computed_ms) {
            (Some(stated), Some(computed)) if stated.abs_diff(computed) <= 60_000 => Some(computed),
            (Some(stated), _) => Some(stated),
            (None, computed) => computed,
        }
    }
}

/// What introspection says, its times by this computer's clock: the server counts by its own.
fn said(asked: &Answer, secrets: &[&str], token: &TokenRecord, now_ms: u64) -> Option<Introspection> {
    let answer = asked.as_ref().ok()?;
    let mut said = parse_introspection_response(answer).ok()?;
    if let Some(status) = &mut said.status {
        text::hide(status, secrets);
    }
    let skew_ms = match answer.date_ms() {
        Some(date_ms) => clock_skew_ms(date_ms, now_ms),
        None => token.clock_skew_ms,
    };
    let skew_ms = skew_ms.unwrap_or_default().saturating_neg();
    said.expires_ms = said.expires_ms.map(|end_ms| end_ms.saturating_add_signed(skew_ms));
    Some(said)
}

fn is_object(response: &HttpResponse) -> bool {
    matches!(json::parse(&response.body), Json::Object(_))
}

fn wait(tries: u32) -> u64 {
    let place = (tries.max(1) - 1) as usize;
    WAIT_MS[place.min(WAIT_MS.len() - 1)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::redirect_uri::RedirectUri;
    use crate::oauth::token::parse_token_response;
    use crate::provider;

    const NOW_MS: u64 = 1_790_000_000_000;
    const HOUR_MS: u64 = 3_600_000;

    #[expect(clippy::unnecessary_wraps, reason = "one of the two kinds of answer")]
    fn response(status: u16, body: &str) -> Answer {
        Ok(HttpResponse {
            status,
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: body.as_bytes().to_vec(),
            truncated: false,
        })
    }

    fn subject(provider: &str, scope: &str) -> Subject {
        let provider = provider::by_id(provider).unwrap();
        let answer = response(200, r#"{"access_token":"AQVcanary","expires_in":5183999}"#).unwrap();
        let scopes = Scopes::parse(scope).unwrap();
        Subject {
            provider,
            profile: Profile {
                id: "p".to_owned(),
                name: "P".to_owned(),
                provider: provider.id.to_owned(),
                client_id: "77x".to_owned(),
                redirect_uri: RedirectUri::parse("http://127.0.0.1:1/cb").unwrap(),
                scopes: scopes.clone(),
                renew_automatically: true,
                renew_in_tab: false,
                copy_as: None,
                look: crate::profile::Look::default(),
                created_ms: 0,
                first_app: None,
            },
            client_secret: (provider.secret == SecretRule::Required).then(|| ClientSecret::new("canary-secret")),
            stored: StoredToken {
                flow: FlowId("f1".to_owned()),
                token: TokenRecord::from_response(&parse_token_response(&answer).unwrap(), &scopes, NOW_MS),
            },
        }
    }

    fn check(subject: &Subject, now_ms: u64, call: Option<&Answer>, asked: Option<&Answer>) -> Check {
        Check::new(subject.stored.flow.clone()).answered(subject, now_ms, call, asked)
    }

    fn code(finding: Option<&Finding>) -> Option<&str> {
        finding.map(|finding| finding.code.as_str())
    }

    const USERINFO: &str = r#"{"sub":"s","name":"Ada Lovelace"}"#;
    const ACTIVE: &str = r#"{"active":true,"status":"active","expires_at":1795183999}"#;
    const REVOKED: &str = r#"{"status":401,"serviceErrorCode":65601,"code":"REVOKED_ACCESS_TOKEN","message":"x"}"#;

    #[test]
    fn the_requests_go_to_the_pinned_hosts_only() {
        let ordinary = subject("linkedin", "openid profile");
        assert_eq!(
            ordinary.hosts(),
            ["https://api.linkedin.com/*", "https://www.linkedin.com/*"]
        );
        let call = ordinary.call(NOW_MS).unwrap();
        assert_eq!(call.url, "https://api.linkedin.com/v2/userinfo");
        assert!(call.headers.iter().all(|(name, _)| name != "linkedin-version"));
        assert!(ordinary.introspection().is_some() && ordinary.revocation().is_some());

        let pages = subject("linkedin", "rw_organization_admin");
        let call = pages.call(NOW_MS).unwrap();
        assert!(
            call.headers
                .contains(&("linkedin-version".to_owned(), api_version(NOW_MS)))
        );

        let writes = subject("linkedin", "w_member_social");
        assert!(writes.call(NOW_MS).is_none() && writes.introspection().is_some());
        assert_eq!(writes.hosts(), ["https://www.linkedin.com/*"]);

        let native = subject("linkedin-native", "openid profile");
        assert!(native.call(NOW_MS).is_some() && native.introspection().is_none());
        assert_eq!(native.hosts(), ["https://api.linkedin.com/*"]);
        assert!(subject("linkedin-native", "w_member_social").hosts().is_empty());
    }

    #[test]
    fn a_token_that_works() {
        let subject = subject("linkedin", "openid profile");
        let works = check(
            &subject,
            NOW_MS,
            Some(&response(200, USERINFO)),
            Some(&response(200, ACTIVE)),
        );
        assert_eq!(
            (&works.finding, &works.doubt, works.next_ms, works.called),
            (&None, &None, None, true)
        );
        assert_eq!(works.account.unwrap().name.as_deref(), Some("Ada Lovelace"));
        assert!(works.introspection.unwrap().active);
    }

    #[test]
    fn introspection_objects_to_a_token_that_works() {
        let subject = subject("linkedin", "openid profile");
        for (asked, expected) in [
            (
                response(200, r#"{"active":false,"status":"expired"}"#),
                Some("token_expired"),
            ),
            (
                response(200, r#"{"active":false,"status":"revoked"}"#),
                Some("token_revoked"),
            ),
            (response(200, r#"{"active":false}"#), Some("token_of_another_app")),
            (response(401, "{}"), Some("client_authentication_failed")),
            // These say nothing of the token, which works.
            (response(429, "{}"), None),
            (response(503, ""), None),
            (response(200, "<html>"), None),
            (Err(TransportError::Timeout), None),
        ] {
            let found = check(&subject, NOW_MS, Some(&response(200, USERINFO)), Some(&asked));
            assert_eq!(found.finding, None, "{asked:?}");
            assert_eq!(code(found.doubt.as_ref()), expected, "{asked:?}");
        }
    }

    #[test]
    fn a_token_that_may_only_write_is_tested_by_introspection() {
        let subject = subject("linkedin", "w_member_social");
        for (asked, expected) in [
            (response(200, ACTIVE), None),
            (
                response(200, r#"{"active":false,"status":"revoked"}"#),
                Some("token_revoked"),
            ),
            (response(429, "{}"), Some("token_rate_limited")),
            (Err(TransportError::Redirected), Some("call_redirected")),
        ] {
            let found = check(&subject, NOW_MS, None, Some(&asked));
            assert_eq!(code(found.finding.as_ref()), expected, "{asked:?}");
            assert_eq!((found.doubt, found.called), (None, false));
        }
    }

    #[test]
    fn answers_that_are_none() {
        let subject = subject("linkedin", "openid profile");
        for (call, expected) in [
            (response(200, "<html>Welcome to the hotel</html>"), "call_malformed"),
            (response(200, "{}"), "call_malformed"),
            (Err(TransportError::Redirected), "call_redirected"),
            (Err(TransportError::Timeout), "call_failed"),
            (Err(TransportError::TooLarge), "call_failed"),
            (Err(TransportError::Cut), "call_failed"),
        ] {
            let found = check(&subject, NOW_MS, Some(&call), None);
            assert_eq!(code(found.finding.as_ref()), Some(expected), "{call:?}");
        }
        // A finder answers with a list, which names nobody.
        let pages = self::subject("linkedin", "r_organization_admin");
        assert_eq!(
            check(&pages, NOW_MS, Some(&response(200, r#"{"elements":[]}"#)), None).finding,
            None
        );
        assert!(
            check(&pages, NOW_MS, Some(&response(200, "<html>")), None)
                .finding
                .is_some()
        );
    }

    #[test]
    fn a_fresh_token_settles_and_then_the_truth_is_told() {
        let subject = subject("linkedin", "openid profile");
        let call = response(401, REVOKED);
        let mut now_ms = NOW_MS + 1_000;
        let mut state = Check::new(subject.stored.flow.clone());
        let mut waits = Vec::new();
        loop {
            assert!(!state.is_due(now_ms - 1) || waits.is_empty());
            state = state.answered(&subject, now_ms, Some(&call), Some(&response(200, ACTIVE)));
            let Some(next_ms) = state.next_ms else { break };
            assert_eq!(code(state.finding.as_ref()), Some("token_settling"));
            assert!(state.is_due(next_ms) && !state.is_due(next_ms - 1));
            waits.push((next_ms - now_ms) / 1000);
            now_ms = next_ms;
        }
        assert_eq!(waits, [5, 15, 60, 60, 60, 60, 39]);
        assert_eq!(now_ms, NOW_MS + 5 * 60_000);
        assert_eq!(code(state.finding.as_ref()), Some("token_revoked"));
        assert_eq!(state.tries, 0);

        let state = check(&subject, NOW_MS, Some(&call), None);
        let state = state.answered(&subject, NOW_MS + 5_000, Some(&response(200, USERINFO)), None);
        assert_eq!((state.finding, state.next_ms), (None, None));
    }

    #[test]
    fn what_we_revoked_does_not_settle() {
        let subject = subject("linkedin", "openid profile");
        let inactive = response(200, r#"{"active":false,"status":"revoked"}"#);
        let works = check(&subject, NOW_MS, Some(&response(200, USERINFO)), None);
        let state = works.revoked(&subject, NOW_MS, &response(200, ""), Some(&inactive));
        assert_eq!(
            (state.at_ms, state.account.is_some()),
            (None, true),
            "the test of before is gone"
        );
        let tried = state.revocation.clone().unwrap();
        assert_eq!((tried.finding, tried.active), (None, Some(false)));
        let state = state.answered(&subject, NOW_MS, Some(&response(401, REVOKED)), Some(&inactive));
        assert_eq!(code(state.finding.as_ref()), Some("token_revoked"));
        assert_eq!(state.next_ms, None);
    }

    #[test]
    fn a_revocation_that_was_refused() {
        let subject = subject("linkedin", "openid profile");
        let revoked = |answer: &Answer, asked: &Answer| {
            let state = Check::new(FlowId("f1".to_owned())).revoked(&subject, NOW_MS, answer, Some(asked));
            state.revocation.unwrap()
        };
        let tried = revoked(&response(404, "<html>Not found</html>"), &response(200, ACTIVE));
        assert_eq!(code(tried.finding.as_ref()), Some("revocation_refused"));
        assert_eq!(tried.active, Some(true));
        let tried = revoked(&Err(TransportError::Timeout), &Err(TransportError::Timeout));
        assert_eq!(code(tried.finding.as_ref()), Some("call_failed"));
        assert_eq!(tried.active, None);
    }

    #[test]
    fn of_another_token_it_says_nothing() {
        let subject = subject("linkedin", "openid profile");
        let works = check(&subject, NOW_MS, Some(&response(200, USERINFO)), None);
        assert_eq!(Check::of(Some(works.clone()), &FlowId("f1".to_owned())), works);
        let newer = FlowId("f2".to_owned());
        assert_eq!(Check::of(Some(works), &newer), Check::new(newer));
    }

    #[test]
    fn a_question_that_waits_is_forgotten_and_a_refusal_ends_it() {
        let waiting = Check::new(FlowId("f".to_owned())).waiting(NOW_MS);
        assert!(waiting.waits(NOW_MS + WISH_MS - 1) && !waiting.waits(NOW_MS + WISH_MS));
        let due = Check {
            next_ms: Some(NOW_MS),
            ..waiting.clone()
        };
        assert!(due.is_due(NOW_MS) && !due.waiting(NOW_MS).is_due(NOW_MS));
        let refused = waiting.refused(&["https://api.linkedin.com/*".to_owned()]);
        assert!(!refused.waits(NOW_MS));
        assert_eq!(code(refused.finding.as_ref()), Some("call_not_allowed"));
    }

    #[test]
    fn the_end_that_introspection_states() {
        let with = |body: &str| {
            check(
                &subject("linkedin", "w_member_social"),
                NOW_MS,
                None,
                Some(&response(200, body)),
            )
        };
        let active = with(ACTIVE);
        let stated = 1_795_183_999_000;
        for (computed, expected) in [
            (None, Some(stated)),
            (Some(stated + 60_000), Some(stated + 60_000)),
            (Some(stated - 60_001), Some(stated)),
            (Some(stated + HOUR_MS), Some(stated)),
        ] {
            assert_eq!(active.expires_ms(computed), expected, "{computed:?}");
        }
        for silent in [
            r#"{"active":true}"#,
            // Milliseconds, as an old design had them, are no seconds.
            r#"{"active":true,"expires_at":1795183999000}"#,
            r#"{"active":false,"status":"expired","expires_at":1999999999}"#,
        ] {
            assert_eq!(with(silent).expires_ms(Some(7)), Some(7), "{silent}");
        }
    }

    #[test]
    fn the_stated_end_goes_by_this_computers_clock() {
        const LIFE_MS: u64 = 30 * 60_000;
        // By the server it is 2026-01-01, and the token has half an hour.
        const SERVER_MS: u64 = 1_767_225_600_000;
        let body = |end_ms: u64| format!(r#"{{"active":true,"expires_at":{}}}"#, end_ms / 1000);
        let dated = |body: &str, date: Option<&str>| {
            let mut answer = response(200, body);
            if let (Ok(answer), Some(date)) = (&mut answer, date) {
                answer.headers.push(("date".to_owned(), date.to_owned()));
            }
            answer
        };
        for (date, known_ms, ahead_ms, expected_ms) in [
            // The clock here is an hour ahead, or behind, as the answer itself shows.
            (Some("Thu, 01 Jan 2026 00:00:00 GMT"), None, 3_600_000, LIFE_MS),
            (Some("Thu, 01 Jan 2026 00:00:00 GMT"), None, -3_600_000, LIFE_MS),
            // It was put right since the token came.
            (Some("Thu, 01 Jan 2026 00:00:00 GMT"), Some(-3_600_000), 0, LIFE_MS),
            // An answer that does not say goes by the one that brought the token.
            (None, Some(-3_600_000), 3_600_000, LIFE_MS),
            (Some("yesterday"), Some(-3_600_000), 3_600_000, LIFE_MS),
            (None, None, 0, LIFE_MS),
            (Some("Thu, 01 Jan 2026 00:00:59 GMT"), None, 0, LIFE_MS),
        ] {
            let now_ms = SERVER_MS.saturating_add_signed(ahead_ms);
            let mut subject = subject("linkedin", "w_member_social");
            subject.stored.token.clock_skew_ms = known_ms;
            let asked = dated(&body(SERVER_MS + LIFE_MS), date);
            let tested = check(&subject, now_ms, None, Some(&asked));
            let left_ms = tested.expires_ms(None).map(|end_ms| end_ms - now_ms);
            assert_eq!(left_ms, Some(expected_ms), "{date:?} {known_ms:?} {ahead_ms}");
            let revoked =
                Check::new(FlowId("f1".to_owned())).revoked(&subject, now_ms, &response(200, ""), Some(&asked));
            assert_eq!(revoked.expires_ms(None), tested.expires_ms(None));
        }
        // No clock is so wrong that this overflows.
        let mut subject = subject("linkedin", "w_member_social");
        for skew_ms in [i64::MIN, i64::MAX] {
            subject.stored.token.clock_skew_ms = Some(skew_ms);
            assert!(
                check(&subject, 0, None, Some(&dated(&body(SERVER_MS), None)))
                    .expires_ms(None)
                    .is_some()
            );
        }
    }

    #[test]
    fn no_secret_stands_in_the_record() {
        let mut subject = subject("linkedin", "openid profile");
        let echo = "AQVcanary canary-secret canary-refresh canary-id";
        subject.stored.token.refresh_token = Some(RefreshToken::new("canary-refresh"));
        subject.stored.token.id_token = Some(IdToken::new("canary-id"));
        for status in [200, 400, 401, 403, 404, 418, 429, 500] {
            for body in [
                format!(r#"{{"message":"{echo}","error":"{echo}","error_description":"{echo}"}}"#),
                format!("<html>{echo}</html>"),
            ] {
                let answer = response(status, &body);
                let state = check(&subject, NOW_MS + HOUR_MS, Some(&answer), Some(&answer));
                let state = state.revoked(&subject, NOW_MS, &answer, Some(&answer));
                let again = check(&subject, NOW_MS + HOUR_MS, Some(&answer), Some(&answer));
                let written = serde_json::to_string(&(&state.revocation, &again)).unwrap();
                assert!(!written.contains("canary"), "{status} {written}");
            }
        }
    }
}
