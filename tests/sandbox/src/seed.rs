//! The apps and members that are there at the start. Every name, id and secret is made up.

use crate::state::{App, Member, Scopes, Secret};

/// Self-serve products: the OIDC sign-in and Share on LinkedIn (linkedin.md section 9).
pub(crate) const ORDINARY: &str = "77sandboxapp01";
/// A second app of the same products.
pub(crate) const SECOND: &str = "78sandboxapp02";
/// An app for which LinkedIn enabled the native PKCE flow.
pub(crate) const NATIVE: &str = "77sandboxpkce1";
/// An app with the Advertising API, which gets refresh tokens.
pub(crate) const REFRESH: &str = "78sandboxref01";
/// An app with the Community Management API, which gets refresh tokens and has no `openid`.
pub(crate) const COMMUNITY: &str = "86sandboxcomm1";
/// An app of before 2023: legacy scopes, a secret of 16 alphanumerics, and the client credentials grant.
pub(crate) const LEGACY: &str = "86sandbox2leg1";

/// The member that the ready line names.
pub(crate) const MEMBER: &str = "member.one@sandbox.test";
/// Another one.
pub(crate) const SECOND_MEMBER: &str = "member.two@sandbox.test";

pub(crate) fn apps(redirect_uris: &[String]) -> Vec<App> {
    let app = |client_id: &str, client_secret: &str, name: &str, scopes: &[&str]| App {
        client_id: client_id.to_owned(),
        client_secret: Secret(client_secret.to_owned()),
        name: name.to_owned(),
        redirect_uris: redirect_uris.to_vec(),
        scopes: Scopes::of(scopes),
        refresh: false,
        two_legged: false,
        pkce: false,
    };
    let sign_in_and_share = ["openid", "profile", "email", "w_member_social"];
    vec![
        app(
            ORDINARY,
            "WPL_AP1.SandboxSecret001.a+b/cQ==",
            "Sandbox App One",
            &sign_in_and_share,
        ),
        app(
            SECOND,
            "WPL_AP1.SandboxSecret002.d/e+fg==",
            "Sandbox App Two",
            &sign_in_and_share,
        ),
        App {
            // The port of a native app is random and not registered.
            redirect_uris: Vec::new(),
            pkce: true,
            ..app(
                NATIVE,
                "WPL_AP1.SandboxSecret003.g+h/iA==",
                "Sandbox Native App",
                &sign_in_and_share,
            )
        },
        App {
            refresh: true,
            ..app(
                REFRESH,
                "WPL_AP1.SandboxSecret004.j/k+lw==",
                "Sandbox Advertising App",
                &[
                    "openid",
                    "profile",
                    "email",
                    "r_ads",
                    "rw_ads",
                    "r_ads_reporting",
                    "r_basicprofile",
                ],
            )
        },
        App {
            refresh: true,
            ..app(
                COMMUNITY,
                "WPL_AP1.SandboxSecret005.m+n/oQ==",
                "Sandbox Community App",
                &[
                    "r_organization_social",
                    "w_organization_social",
                    "rw_organization_admin",
                    "r_basicprofile",
                    "w_member_social",
                ],
            )
        },
        App {
            two_legged: true,
            ..app(
                LEGACY,
                "Sandbox2Legged01",
                "Sandbox Legacy App",
                &["r_liteprofile", "r_emailaddress"],
            )
        },
    ]
}

pub(crate) fn members() -> Vec<Member> {
    let member = |number: &str| Member {
        username: format!("member.{}@sandbox.test", number.to_lowercase()),
        password: Secret(format!("sandbox-password-{}", number.to_lowercase())),
        given_name: "Member".to_owned(),
        family_name: number.to_owned(),
        email: Some(format!("member.{}@sandbox.test", number.to_lowercase())),
    };
    vec![
        member("One"),
        member("Two"),
        Member {
            email: None,
            ..member("Three")
        },
    ]
}
