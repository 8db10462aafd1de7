//! The protocol, without a browser, a clock or randomness: every step is a request builder and a response parser.

pub mod api;
pub mod authorization;
pub mod client_auth;
pub mod endpoint;
pub mod form;
pub mod http;
pub mod id_token;
pub mod introspection;
pub(crate) mod json;
pub mod pkce;
pub mod redirect;
pub mod redirect_uri;
pub mod revocation;
pub mod scope;
pub mod secret;
pub mod text;
pub mod token;
pub mod userinfo;
pub mod web_url;

pub use api::ApiRequest;
pub use authorization::AuthorizationRequest;
pub use client_auth::ClientAuthentication;
pub use endpoint::EndpointUrl;
pub use http::{HttpRequest, HttpResponse, Method};
pub use id_token::{IdTokenClaims, IdTokenError, unverified_claims};
pub use introspection::{Introspection, IntrospectionError, TokenQuery, parse_introspection_response};
pub use pkce::CodeChallenge;
pub use redirect::{AuthorizationError, Expected, RedirectError, parse_authorization_response, state_of};
pub use redirect_uri::{RedirectUri, RedirectUriError};
pub use revocation::parse_revocation_response;
pub use scope::{ScopeError, Scopes};
pub use secret::{AccessToken, AuthorizationCode, ClientSecret, CodeVerifier, IdToken, RefreshToken, State};
pub use token::{RefreshRequest, TokenError, TokenRequest, TokenResponse, parse_token_response};
pub use userinfo::{Account, AccountError, parse_account};
