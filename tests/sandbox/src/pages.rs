//! The pages that people see. Plain, headed "Sandbox", without the look of anybody's brand.

use crate::http::{escape_html, script_string};
use crate::state::{App, AuthorizationRequest, Member};

/// The heading of a failure that is not redirected (linkedin.md section 3).
pub(crate) const BUMMER: &str = "Bummer, something went wrong.";

const STYLE: &str = "\
:root{color-scheme:light dark;--line:#8886;--accent:#2f6f62}
body{margin:0;font:16px/1.5 system-ui,sans-serif}
header{padding:12px 24px;border-bottom:1px solid var(--line);font-weight:600}
header small{font-weight:400;opacity:.75;margin-left:8px}
main{max-width:400px;margin:48px auto;padding:0 24px}
h1{font-size:22px;line-height:1.3;margin:0 0 16px}
label{display:block;margin:16px 0 4px}
input{box-sizing:border-box;width:100%;padding:8px;font:inherit;border:1px solid var(--line);border-radius:6px}
ul{padding-left:20px}code{font-size:14px}
.actions{display:flex;gap:8px;margin-top:24px}
button{font:inherit;padding:8px 24px;border-radius:6px;border:1px solid var(--line);background:none;color:inherit}
button.main{background:var(--accent);border-color:var(--accent);color:#fff}
.problem{border-left:4px solid #b3402e;padding-left:12px}";

fn layout(title: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title><link rel=\"icon\" href=\"data:,\">\
         <style>{STYLE}</style></head>\
         <body><header>Sandbox<small>a stand-in for tests, not LinkedIn</small></header>\
         <main>{body}</main></body></html>\n",
        title = escape_html(title)
    )
}

/// A page that is not redirected: the heading and one line.
pub(crate) fn bummer(sentence: &str) -> String {
    layout(
        BUMMER,
        &format!("<h1>{BUMMER}</h1><p class=\"problem\">{}</p>", escape_html(sentence)),
    )
}

/// The sign-in form. `action` carries what is to happen afterwards.
pub(crate) fn login(action: &str, request: Option<&AuthorizationRequest>, problem: Option<&str>) -> String {
    let problem = problem
        .map(|text| format!("<p class=\"problem\" role=\"alert\">{}</p>", escape_html(text)))
        .unwrap_or_default();
    let extended = match request {
        Some(AuthorizationRequest {
            extended_login: true, ..
        }) => "<p id=\"extended-login\">Here LinkedIn would also offer Google, Apple and passkeys.</p>",
        _ => "",
    };
    let cancel = match request {
        Some(_) => "<button id=\"cancel\" name=\"action\" value=\"cancel\" formnovalidate>Cancel</button>",
        None => "",
    };
    layout(
        "Sandbox: sign in",
        &format!(
            "<h1>Sign in</h1>{problem}<form method=\"post\" action=\"{action}\">\
             <label for=\"username\">Email</label>\
             <input id=\"username\" name=\"session_key\" type=\"email\" autocomplete=\"username\" required autofocus>\
             <label for=\"password\">Password</label>\
             <input id=\"password\" name=\"session_password\" type=\"password\" autocomplete=\"current-password\" required>\
             {extended}<div class=\"actions\">\
             <button id=\"sign-in\" class=\"main\" name=\"action\" value=\"sign_in\">Sign in</button>{cancel}</div></form>",
            action = escape_html(action)
        ),
    )
}

/// The consent form: the app, every scope, all or nothing (linkedin.md section 2).
pub(crate) fn consent(action: &str, app: &App, member: &Member, request: &AuthorizationRequest) -> String {
    let item = |scope: &String| format!("<li>{} <code>{}</code></li>", meaning(scope), escape_html(scope));
    let scopes = request.scopes.0.iter().map(item).collect::<Vec<_>>().concat();
    layout(
        "Sandbox: allow access",
        &format!(
            "<h1><span id=\"app-name\">{app}</span> would like to:</h1><ul id=\"scopes\">{scopes}</ul>\
             <p>Signed in as <span id=\"member-name\">{member}</span>.</p>\
             <form method=\"post\" action=\"{action}\"><div class=\"actions\">\
             <button id=\"allow\" class=\"main\" name=\"action\" value=\"allow\">Allow</button>\
             <button id=\"cancel\" name=\"action\" value=\"cancel\">Cancel</button></div></form>",
            app = escape_html(&app.name),
            member = escape_html(&member.name()),
            action = escape_html(action)
        ),
    )
}

/// What a scope means to the member.
fn meaning(scope: &str) -> &'static str {
    match scope {
        "openid" => "Know who you are",
        "profile" | "r_liteprofile" | "r_basicprofile" => "Use your name and photo",
        "email" | "r_emailaddress" => "Use the primary email address of your account",
        "w_member_social" => "Create, modify and delete posts, comments and reactions on your behalf",
        _ => "Use",
    }
}

/// The page after a sign-in that nobody else asked for.
pub(crate) fn signed_in(member: &Member) -> String {
    layout(
        "Sandbox: signed in",
        &format!("<h1 id=\"signed-in\">Signed in as {}</h1>", escape_html(&member.name())),
    )
}

/// A page whose script goes on to `location`.
pub(crate) fn script_redirect(location: &str) -> String {
    layout(
        "Sandbox: one moment",
        &format!("<script>window.location.href={}</script>", script_string(location)),
    )
}

/// A page with a meta refresh to `location`.
pub(crate) fn meta_redirect(location: &str) -> String {
    layout(
        "Sandbox: one moment",
        &format!(
            "<meta http-equiv=\"refresh\" content=\"0;url={}\">",
            escape_html(location)
        ),
    )
}

/// A page that posts `pairs` to `action` by itself.
pub(crate) fn form_post(action: &str, pairs: &[(&'static str, String)]) -> String {
    let input = |(name, value): &(&str, String)| {
        format!(
            "<input type=\"hidden\" name=\"{name}\" value=\"{}\">",
            escape_html(value)
        )
    };
    let inputs = pairs.iter().map(input).collect::<Vec<_>>().concat();
    layout(
        "Sandbox: one moment",
        &format!(
            "<form method=\"post\" action=\"{}\">{inputs}</form><script>document.forms[0].submit()</script>",
            escape_html(action)
        ),
    )
}

/// A path that is not there.
pub(crate) fn not_found() -> String {
    layout("Sandbox: not found", "<h1>Not found</h1>")
}
