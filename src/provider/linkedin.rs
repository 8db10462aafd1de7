//! LinkedIn (linkedin.md §1 to §4, §9).

use super::{
    Access, GrantType, IssSupport, OriginPolicy, Pkce, Probe, Provider, RedirectRule, RefreshTokens, ScopeInfo,
    ScopeStatus::{self, Closed, Current, Legacy},
    SecretRule,
};
use crate::oauth::ClientAuthentication;

pub(super) static PROVIDERS: [Provider; 3] = [LINKEDIN, NATIVE, APPLICATION];

/// The ordinary flow of a web app.
const LINKEDIN: Provider = Provider {
    id: "linkedin",
    name: "LinkedIn",
    issuer: "https://www.linkedin.com/oauth",
    authorization_endpoint: "https://www.linkedin.com/oauth/v2/authorization",
    token_endpoint: "https://www.linkedin.com/oauth/v2/accessToken",
    userinfo_endpoint: Some("https://api.linkedin.com/v2/userinfo"),
    introspection_endpoint: Some("https://www.linkedin.com/oauth/v2/introspectToken"),
    // Undocumented: it stands in other people's code only (linkedin.md §1).
    revocation_endpoint: Some("https://www.linkedin.com/oauth/v2/revoke"),
    permitted_services_url: Some("https://www.linkedin.com/psettings/permitted-services"),
    // A code_verifier is answered with invalid_client, even when the secret is right (linkedin.md §0, item 2).
    pkce: Pkce::Off,
    grant_type: GrantType::AuthorizationCode,
    client_authentication: ClientAuthentication::Body,
    // linkedin.md §5.
    refresh_tokens: RefreshTokens::Kept,
    secret: SecretRule::Required,
    scope_separator: " ",
    default_scopes: &["openid", "profile", "email"],
    // linkedin.md §0, item 8.
    scope_change_revokes: true,
    iss: IssSupport::Never,
    code_lifetime_s: 1800,
    extra_authorization_parameters: &[],
    origin: OriginPolicy::Remove,
    redirect_rule: RedirectRule::Any,
    app_settings_url: "https://www.linkedin.com/developers/apps",
    scopes: &SCOPES,
    probes: &[
        Probe {
            names_member: true,
            ..read("https://api.linkedin.com/v2/userinfo", &["openid", "profile"])
        },
        Probe {
            names_member: true,
            ..read("https://api.linkedin.com/v2/me", &["r_liteprofile"])
        },
        Probe {
            names_member: true,
            ..read("https://api.linkedin.com/v2/me", &["r_basicprofile"])
        },
        Probe {
            versioned: true,
            ..read(ORGANIZATIONS, &["rw_organization_admin"])
        },
        Probe {
            versioned: true,
            ..read(ORGANIZATIONS, &["r_organization_admin"])
        },
    ],
};

/// The PKCE flow of native clients, for apps that LinkedIn has enabled (linkedin.md §2, native PKCE variant).
const NATIVE: Provider = Provider {
    id: "linkedin-native",
    name: "LinkedIn (native PKCE)",
    authorization_endpoint: "https://www.linkedin.com/oauth/native-pkce/authorization",
    pkce: Pkce::Required,
    client_authentication: ClientAuthentication::None,
    secret: SecretRule::None,
    redirect_rule: RedirectRule::LoopbackIpOnly,
    ..LINKEDIN
};

/// The pages that the member may administer.
const ORGANIZATIONS: &str = "https://api.linkedin.com/rest/organizationAcls?q=roleAssignee";

const fn read(url: &'static str, scopes: &'static [&'static str]) -> Probe {
    Probe {
        scopes,
        url,
        versioned: false,
        names_member: false,
    }
}

/// Tokens of the app itself, for apps that LinkedIn has enabled (linkedin.md §4, client credentials).
const APPLICATION: Provider = Provider {
    id: "linkedin-application",
    name: "LinkedIn (application token)",
    grant_type: GrantType::ClientCredentials,
    default_scopes: &[],
    ..LINKEDIN
};

/// A product of the portal.
struct Product {
    name: &'static str,
    access: Access,
}

const fn self_serve(name: &'static str) -> Product {
    Product {
        name,
        access: Access::SelfServe,
    }
}

const fn apply(name: &'static str) -> Product {
    Product {
        name,
        access: Access::Apply,
    }
}

#[expect(clippy::needless_pass_by_value, reason = "a const that is used up")]
const fn scope(name: &'static str, product: Product, status: ScopeStatus) -> ScopeInfo {
    ScopeInfo {
        name,
        product: product.name,
        access: match status {
            Current => product.access,
            Legacy { .. } => Access::Legacy,
            Closed => Access::Closed,
        },
        status,
    }
}

const OIDC: Product = self_serve("Sign In with LinkedIn using OpenID Connect");
const SIGN_IN: Product = apply("Sign In with LinkedIn (legacy)");
const SHARE: Product = self_serve("Share on LinkedIn");
const ADS: Product = apply("Advertising API");
const ADS_OR_COMMUNITY: Product = apply("Advertising API or Community Management API");
const COMMUNITY: Product = apply("Community Management API");
const LEADS: Product = apply("Lead Sync");
const CONVERSIONS: Product = apply("Conversions API");
const AUDIENCES: Product = apply("Matched Audiences");
const EVENTS: Product = apply("Events Management");
const LIVE: Product = apply("Live Events");
const VERIFIED: Product = apply("Verified on LinkedIn");
const PORTABILITY_OWN: Product = self_serve("Member Data Portability");
const PORTABILITY: Product = apply("Member Data Portability");
const SALES: Product = apply("Sales Navigator");
const COMPLIANCE: Product = apply("Compliance");
const RETIRED: Product = apply("(retired)");

/// linkedin.md §9. A scope of several products stands with the one that is easiest to get, or with both that take the same pains.
static SCOPES: [ScopeInfo; 54] = [
    scope("openid", OIDC, Current),
    scope("profile", OIDC, Current),
    scope("email", OIDC, Current),
    scope("w_member_social", SHARE, Current),
    scope(
        "r_liteprofile",
        SIGN_IN,
        Legacy {
            successor: "openid profile",
        },
    ),
    scope(
        "r_emailaddress",
        SIGN_IN,
        Legacy {
            successor: "openid email",
        },
    ),
    scope("r_ads", ADS, Current),
    scope("rw_ads", ADS, Current),
    scope("r_ads_reporting", ADS, Current),
    scope("r_organization_admin", ADS, Current),
    scope("r_basicprofile", ADS_OR_COMMUNITY, Current),
    scope("rw_organization_admin", ADS_OR_COMMUNITY, Current),
    scope("r_organization_social", ADS_OR_COMMUNITY, Current),
    scope("w_organization_social", ADS_OR_COMMUNITY, Current),
    scope("r_1st_connections_size", ADS_OR_COMMUNITY, Current),
    scope("r_organization_social_feed", COMMUNITY, Current),
    scope("w_organization_social_feed", COMMUNITY, Current),
    scope("w_member_social_feed", COMMUNITY, Current),
    scope("r_member_social_feed", COMMUNITY, Current),
    scope("r_member_postAnalytics", COMMUNITY, Current),
    scope("r_member_profileAnalytics", COMMUNITY, Current),
    scope("r_organization_followers", COMMUNITY, Current),
    scope("r_member_social", COMMUNITY, Closed),
    scope("r_marketing_leadgen_automation", LEADS, Current),
    scope("rw_conversions", CONVERSIONS, Current),
    scope("rw_dmp_segments", AUDIENCES, Current),
    scope("r_events", EVENTS, Current),
    scope("rw_events", EVENTS, Current),
    scope("r_member_live", LIVE, Current),
    scope("w_member_live", LIVE, Current),
    scope("r_organization_live", LIVE, Current),
    scope("w_organization_live", LIVE, Current),
    scope("r_profile_basicinfo", VERIFIED, Current),
    scope("r_verify", VERIFIED, Current),
    scope("r_verify_details", VERIFIED, Current),
    scope("r_primary_current_experience", VERIFIED, Current),
    scope("r_most_recent_education", VERIFIED, Current),
    scope("r_dma_portability_self_serve", PORTABILITY_OWN, Current),
    scope("r_dma_portability_3rd_party", PORTABILITY, Current),
    scope("r_dma_admin_pages_content", PORTABILITY, Current),
    scope("r_sales_nav_analytics", SALES, Current),
    scope("r_sales_nav_display", SALES, Current),
    scope("r_sales_nav_validation", SALES, Current),
    scope("r_sales_nav_profiles", SALES, Current),
    scope("r_compliance", COMPLIANCE, Closed),
    scope("w_compliance", COMPLIANCE, Closed),
    scope(
        "r_fullprofile",
        RETIRED,
        Legacy {
            successor: "openid profile",
        },
    ),
    scope(
        "r_contactinfo",
        RETIRED,
        Legacy {
            successor: "openid email",
        },
    ),
    scope(
        "w_share",
        RETIRED,
        Legacy {
            successor: "w_member_social",
        },
    ),
    scope(
        "rw_nus",
        RETIRED,
        Legacy {
            successor: "w_member_social",
        },
    ),
    scope(
        "rw_company_admin",
        RETIRED,
        Legacy {
            successor: "rw_organization_admin",
        },
    ),
    scope("r_network", RETIRED, Closed),
    scope("rw_groups", RETIRED, Closed),
    scope("w_messages", RETIRED, Closed),
];
