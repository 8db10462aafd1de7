//! LinkedIn (linkedin.md §1 to §4, §9).

use super::{
    IssSupport, OriginPolicy, Pkce, Probe, Provider, RedirectRule, ScopeInfo,
    ScopeStatus::{self, Closed, Current, Legacy},
    SecretRule,
};
use crate::oauth::ClientAuthentication;

pub(super) static PROVIDERS: [Provider; 2] = [LINKEDIN, NATIVE];

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
    client_authentication: ClientAuthentication::Body,
    secret: SecretRule::Required,
    scope_separator: " ",
    default_scopes: &["openid", "profile", "email"],
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

const fn scope(name: &'static str, product: &'static str, status: ScopeStatus) -> ScopeInfo {
    ScopeInfo { name, product, status }
}

const OIDC: &str = "Sign In with LinkedIn using OpenID Connect";
const SHARE: &str = "Share on LinkedIn";
const ADS: &str = "Advertising API";
const COMMUNITY: &str = "Community Management API";
const LIVE: &str = "Live Events";
const VERIFIED: &str = "Verified on LinkedIn";
const PORTABILITY: &str = "Member Data Portability";
const SALES: &str = "Sales Navigator";
const COMPLIANCE: &str = "Compliance";
const RETIRED: &str = "(retired)";

/// linkedin.md §9. A scope of several products stands with the one that is easiest to get.
static SCOPES: [ScopeInfo; 54] = [
    scope("openid", OIDC, Current),
    scope("profile", OIDC, Current),
    scope("email", OIDC, Current),
    scope("w_member_social", SHARE, Current),
    scope(
        "r_liteprofile",
        "Sign In with LinkedIn (legacy)",
        Legacy {
            successor: "openid profile",
        },
    ),
    scope(
        "r_emailaddress",
        "Sign In with LinkedIn (legacy)",
        Legacy {
            successor: "openid email",
        },
    ),
    scope("r_ads", ADS, Current),
    scope("rw_ads", ADS, Current),
    scope("r_ads_reporting", ADS, Current),
    scope("r_basicprofile", ADS, Current),
    scope("r_organization_admin", ADS, Current),
    scope("rw_organization_admin", ADS, Current),
    scope("r_organization_social", ADS, Current),
    scope("w_organization_social", ADS, Current),
    scope("r_1st_connections_size", ADS, Current),
    scope("r_organization_social_feed", COMMUNITY, Current),
    scope("w_organization_social_feed", COMMUNITY, Current),
    scope("w_member_social_feed", COMMUNITY, Current),
    scope("r_member_social_feed", COMMUNITY, Current),
    scope("r_member_postAnalytics", COMMUNITY, Current),
    scope("r_member_profileAnalytics", COMMUNITY, Current),
    scope("r_organization_followers", COMMUNITY, Current),
    scope("r_member_social", COMMUNITY, Closed),
    scope("r_marketing_leadgen_automation", "Lead Sync", Current),
    scope("rw_conversions", "Conversions API", Current),
    scope("rw_dmp_segments", "Matched Audiences", Current),
    scope("r_events", "Events Management", Current),
    scope("rw_events", "Events Management", Current),
    scope("r_member_live", LIVE, Current),
    scope("w_member_live", LIVE, Current),
    scope("r_organization_live", LIVE, Current),
    scope("w_organization_live", LIVE, Current),
    scope("r_profile_basicinfo", VERIFIED, Current),
    scope("r_verify", VERIFIED, Current),
    scope("r_verify_details", VERIFIED, Current),
    scope("r_primary_current_experience", VERIFIED, Current),
    scope("r_most_recent_education", VERIFIED, Current),
    scope("r_dma_portability_self_serve", PORTABILITY, Current),
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
