//! From a profile to what its flow carries.

use crate::oauth::secret::ClientSecret;
use crate::profile::Profile;
use crate::provider::{OriginPolicy, Provider};

use super::record::Snapshot;

impl Snapshot {
    /// Copies what a flow needs.
    #[must_use]
    pub fn new(profile: &Profile, provider: &Provider, client_secret: Option<ClientSecret>) -> Self {
        Self {
            provider: provider.id.to_owned(),
            issuer: Some(provider.issuer.to_owned()),
            iss_required: provider.iss.is_required(),
            authorization_endpoint: provider.authorization_endpoint_url(),
            token_endpoint: provider.token_endpoint_url(),
            client_id: profile.client_id.clone(),
            client_secret,
            authentication: provider.client_authentication,
            redirect_uri: profile.redirect_uri.clone(),
            scopes: profile.scopes.clone(),
            scope_separator: provider.scope_separator.to_owned(),
            extra: provider.extra_parameters(),
            code_lifetime_s: provider.code_lifetime_s,
            remove_origin: provider.origin == OriginPolicy::Remove,
            hosts: profile.hosts(),
        }
    }
}
