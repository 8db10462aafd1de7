//! Everything the sandbox knows: apps, members, grants, codes, tokens (linkedin.md section 11), and what tests set.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::delivery::Delivery;
use crate::faults::Faults;
use crate::hostile;
use crate::log::{Counters, Log};
use crate::{random, seed};

/// A code lives 30 minutes (linkedin.md section 4).
pub(crate) const CODE_LIFETIME: i64 = 1800;
/// `expires_in` as it really is; the documentation says 5184000 (section 0, item 6).
pub(crate) const ACCESS_TOKEN_LIFETIME: i64 = 5_183_999;
/// `refresh_token_expires_in` as seen at the first exchange (section 4).
pub(crate) const REFRESH_TOKEN_LIFETIME: i64 = 31_536_059;
/// Permissions of a new scope set lag this long behind with the `cache5min` quirk (section 0, item 8).
pub(crate) const PERMISSION_CACHE: i64 = 300;

/// A value that must not reach a debug print: client secrets, passwords, codes, tokens.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Secret(pub(crate) String);

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

/// A set of scopes, in the alphabetical order in which LinkedIn lists them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Scopes(pub(crate) BTreeSet<String>);

impl Scopes {
    /// Space-delimited; a comma works as well (section 2).
    pub(crate) fn parse(text: &str) -> Self {
        Self(Self::split(text).map(ToOwned::to_owned).collect())
    }

    /// The scopes in the order of the request.
    pub(crate) fn split(text: &str) -> impl Iterator<Item = &str> {
        text.split([',', ' ', '\t', '\r', '\n'])
            .filter(|scope| !scope.is_empty())
    }

    pub(crate) fn of(scopes: &[&str]) -> Self {
        Self(scopes.iter().map(|scope| (*scope).to_owned()).collect())
    }

    pub(crate) fn has(&self, scope: &str) -> bool {
        self.0.contains(scope)
    }

    /// As token answers have them: sorted, with commas (section 0, item 5).
    pub(crate) fn comma_separated(&self) -> String {
        self.0.iter().map(String::as_str).collect::<Vec<_>>().join(",")
    }
}

/// A registered application.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct App {
    pub(crate) client_id: String,
    pub(crate) client_secret: Secret,
    pub(crate) name: String,
    /// "Authorized redirect URLs" of the Auth tab.
    pub(crate) redirect_uris: Vec<String>,
    /// The scopes of the app's products.
    pub(crate) scopes: Scopes,
    /// Whether it gets refresh tokens (section 5).
    pub(crate) refresh: bool,
    /// Whether it may use the client credentials grant (section 4).
    pub(crate) two_legged: bool,
    /// Whether LinkedIn enabled the native PKCE flow for it (section 2).
    pub(crate) pkce: bool,
}

/// Somebody who can sign in.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Member {
    pub(crate) username: String,
    pub(crate) password: Secret,
    pub(crate) given_name: String,
    pub(crate) family_name: String,
    /// None: the claims `email` and `email_verified` are left out (section 7).
    pub(crate) email: Option<String>,
}

impl Member {
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.given_name, self.family_name)
    }
}

/// What a member consented to for an app.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) scopes: Scopes,
    pub(crate) authorized_at: i64,
}

/// An authorization code and what it is bound to.
#[derive(Clone, Debug)]
#[expect(clippy::struct_field_names, reason = "`code_challenge` is RFC 7636's name")]
pub(crate) struct Code {
    pub(crate) value: Secret,
    pub(crate) client_id: String,
    pub(crate) member: String,
    pub(crate) redirect_uri: String,
    pub(crate) scopes: Scopes,
    /// Of the native flow: S256 of the verifier (RFC 7636 section 4.2).
    pub(crate) code_challenge: Option<String>,
    pub(crate) authorized_at: i64,
    pub(crate) expires_at: i64,
    pub(crate) redeemed: bool,
}

/// Whether a token works, as introspection spells it (section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    Active,
    Expired,
    Revoked,
}

/// An access or refresh token.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) value: Secret,
    pub(crate) kind: TokenKind,
    pub(crate) client_id: String,
    /// None: an application token (2-legged).
    pub(crate) member: Option<String>,
    pub(crate) scopes: Scopes,
    /// The scopes of the grant that this token's grant replaced: what a `cache5min` host still believes.
    pub(crate) former_scopes: Option<Scopes>,
    pub(crate) authorized_at: i64,
    pub(crate) created_at: i64,
    pub(crate) expires_at: i64,
    pub(crate) revoked: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TokenKind {
    Access,
    Refresh,
}

impl Token {
    pub(crate) fn status(&self, now: i64) -> Status {
        if self.revoked {
            Status::Revoked
        } else if now >= self.expires_at {
            Status::Expired
        } else {
            Status::Active
        }
    }
}

/// An authorization request that passed every check and waits for the member on a login or consent page.
#[derive(Clone, Debug)]
pub(crate) struct AuthorizationRequest {
    pub(crate) client_id: String,
    pub(crate) redirect_uri: String,
    pub(crate) scopes: Scopes,
    pub(crate) state: Option<String>,
    pub(crate) code_challenge: Option<String>,
    /// `enable_extended_login=true` (section 2).
    pub(crate) extended_login: bool,
}

/// Deviations that tests can switch on (section 11, last line), and the places where the sources disagree.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "independent switches, not a state")]
pub(crate) struct Quirks {
    /// A token whose scopes differ from the grant before it acts with the former ones for five minutes.
    pub(crate) cache5min: bool,
    /// A new token answers 65601 "revoked" for this long (section 5, S39).
    pub(crate) slow_activation_seconds: i64,
    /// REST and introspection answer 429.
    pub(crate) throttle: bool,
    /// Send CORS headers, which LinkedIn does not (section 0, item 3).
    pub(crate) cors: bool,
    /// Answer a differing `redirect_uri` with `invalid_request`, the other of the two values seen (section 4).
    pub(crate) redirect_mismatch_is_invalid_request: bool,
    /// Answer an unknown code with 400, as one copy of the documentation lists it (section 4).
    pub(crate) unknown_code_is_400: bool,
    /// Answer a missing bearer token with 65604 `EMPTY_ACCESS_TOKEN` (section 8, the newer form).
    pub(crate) empty_token_is_65604: bool,
    /// Name methods as older answers did: `GET /me` (section 8).
    pub(crate) old_permission_names: bool,
    /// Show the login page to whatever is no navigation, as a provider may that looks at `Sec-Fetch-Mode`.
    pub(crate) navigations_only: bool,
}

/// A page that a test put on one of the hosts.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

/// The whole of it.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) clock_offset_s: i64,
    pub(crate) apps: BTreeMap<String, App>,
    pub(crate) members: BTreeMap<String, Member>,
    /// Values of the cookie `li_at`, and whose they are.
    pub(crate) sessions: HashMap<Secret, String>,
    /// Every browser counts as logged in as this member.
    pub(crate) session: Option<String>,
    /// Requests that wait on a login or consent page, by the identifier in the page's form.
    pub(crate) waiting: HashMap<String, AuthorizationRequest>,
    /// Second steps of chained redirects.
    pub(crate) chained: HashMap<String, String>,
    pub(crate) grants: BTreeMap<(String, String), Grant>,
    pub(crate) codes: Vec<Code>,
    /// How often each value was posted as a code, known or not.
    pub(crate) code_posts: BTreeMap<Secret, u32>,
    pub(crate) tokens: Vec<Token>,
    /// When each member last commented, for the one-minute throttle (section 8).
    pub(crate) last_comment: HashMap<String, i64>,
    pub(crate) delivery: Delivery,
    pub(crate) quirks: Quirks,
    pub(crate) faults: Faults,
    pub(crate) hostile: hostile::Answers,
    pub(crate) pages: HashMap<(String, String), Page>,
    pub(crate) counters: Counters,
    pub(crate) log: Log,
}

impl State {
    /// The state at the start: the seeded apps and members, nobody logged in.
    pub(crate) fn new(redirect_uris: &[String]) -> Self {
        Self {
            clock_offset_s: 0,
            apps: seed::apps(redirect_uris)
                .into_iter()
                .map(|app| (app.client_id.clone(), app))
                .collect(),
            members: seed::members()
                .into_iter()
                .map(|member| (member.username.clone(), member))
                .collect(),
            sessions: HashMap::new(),
            session: None,
            waiting: HashMap::new(),
            chained: HashMap::new(),
            grants: BTreeMap::new(),
            codes: Vec::new(),
            code_posts: BTreeMap::new(),
            tokens: Vec::new(),
            last_comment: HashMap::new(),
            delivery: Delivery::default(),
            quirks: Quirks::default(),
            faults: Faults::default(),
            hostile: hostile::Answers::default(),
            pages: HashMap::new(),
            counters: Counters::default(),
            log: Log::default(),
        }
    }

    /// Seconds since the epoch by the sandbox's clock, which tests can move.
    pub(crate) fn now(&self) -> i64 {
        let elapsed = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs();
        i64::try_from(elapsed)
            .unwrap_or(i64::MAX)
            .saturating_add(self.clock_offset_s)
    }

    pub(crate) fn token(&self, value: &str) -> Option<&Token> {
        self.tokens.iter().find(|token| token.value.0 == value)
    }

    /// Whether consent is bypassed: the same scopes are granted, and a token of theirs is alive (section 11).
    pub(crate) fn consent_given(&self, client_id: &str, member: &str, scopes: &Scopes) -> bool {
        let now = self.now();
        self.grants
            .get(&(client_id.to_owned(), member.to_owned()))
            .is_some_and(|grant| grant.scopes == *scopes)
            && self.tokens.iter().any(|token| {
                token.kind == TokenKind::Access
                    && token.client_id == client_id
                    && token.member.as_deref() == Some(member)
                    && token.scopes == *scopes
                    && token.status(now) == Status::Active
            })
    }

    /// Mints an authorization code for a request that `member` allowed.
    pub(crate) fn mint_code(&mut self, request: &AuthorizationRequest, member: &str) -> Secret {
        let now = self.now();
        let key = (request.client_id.clone(), member.to_owned());
        let authorized_at = match self.grants.get(&key) {
            Some(grant) if grant.scopes == request.scopes => grant.authorized_at,
            _ => now,
        };
        let value = Secret(random::code());
        self.codes.push(Code {
            value: value.clone(),
            client_id: request.client_id.clone(),
            member: member.to_owned(),
            redirect_uri: request.redirect_uri.clone(),
            scopes: request.scopes.clone(),
            code_challenge: request.code_challenge.clone(),
            authorized_at,
            expires_at: now + CODE_LIFETIME,
            redeemed: false,
        });
        value
    }

    /// Records what a member granted. A different scope set revokes every earlier token of that member and app
    /// (section 0, item 8). Returns the scopes that it replaced.
    pub(crate) fn grant(
        &mut self,
        client_id: &str,
        member: &str,
        scopes: &Scopes,
        authorized_at: i64,
    ) -> Option<Scopes> {
        let grant = Grant {
            scopes: scopes.clone(),
            authorized_at,
        };
        let former = self.grants.insert((client_id.to_owned(), member.to_owned()), grant)?;
        if former.scopes == *scopes {
            return None;
        }
        self.revoke_all(client_id, member);
        Some(former.scopes)
    }

    /// Revokes every token of a member and app; returns how many were still unrevoked.
    pub(crate) fn revoke_all(&mut self, client_id: &str, member: &str) -> usize {
        let mut count = 0;
        for token in &mut self.tokens {
            if token.client_id == client_id && token.member.as_deref() == Some(member) && !token.revoked {
                token.revoked = true;
                count += 1;
            }
        }
        count
    }

    /// Adds an access token that lives `lifetime` seconds.
    pub(crate) fn mint_access_token(&mut self, new: NewToken<'_>, lifetime: i64) -> Secret {
        self.mint(TokenKind::Access, random::access_token(), new, lifetime)
    }

    /// Adds a refresh token, which lives a year from the authorization and no longer (section 5).
    pub(crate) fn mint_refresh_token(&mut self, new: NewToken<'_>) -> Secret {
        self.mint(TokenKind::Refresh, random::refresh_token(), new, REFRESH_TOKEN_LIFETIME)
    }

    fn mint(&mut self, kind: TokenKind, value: String, new: NewToken<'_>, lifetime: i64) -> Secret {
        let now = self.now();
        let value = Secret(value);
        self.tokens.push(Token {
            value: value.clone(),
            kind,
            client_id: new.client_id.to_owned(),
            member: new.member.map(ToOwned::to_owned),
            scopes: new.scopes.clone(),
            former_scopes: new.former_scopes.clone(),
            authorized_at: new.authorized_at,
            created_at: now,
            expires_at: now + lifetime,
            revoked: false,
        });
        value
    }
}

/// What a new token is for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewToken<'a> {
    pub(crate) client_id: &'a str,
    pub(crate) member: Option<&'a str>,
    pub(crate) scopes: &'a Scopes,
    pub(crate) former_scopes: &'a Option<Scopes>,
    pub(crate) authorized_at: i64,
}
