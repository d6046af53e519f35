//! The browser the driver plays: cookies, redirections, and what can be read on a page.
//!
//! One browser per driver session. It reaches this DUI through its real address, and Pro Santé Connect
//! with the configured authorities, as a user's browser would. It runs no script.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{ACCEPT, COOKIE, HOST, HeaderMap, LOCATION, SET_COOKIE};
use url::Url;

use super::client::plain_client;
use crate::{AppState, DuiConfig, DuiError};

/// Redirections followed for one navigation: what browsers of today do. Fewer would hide a loop.
const MAX_HOPS: usize = 20;
/// What the browser waits for when nothing is configured, and at most for a page of the DUI beyond the
/// DUI's own deadlines, milliseconds.
const PATIENCE: u64 = 4_000;

/// A cookie as set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cookie {
    site: String,
    name: String,
    value: String,
    path: String,
    secure: bool,
    /// The `Set-Cookie` line.
    pub(crate) line: String,
}

/// One browser.
#[derive(Debug, Clone, Default)]
pub(crate) struct Browser {
    cookies: Vec<Cookie>,
    /// Source of the last page.
    pub(crate) page: String,
    /// Its address.
    pub(crate) url: String,
    /// Its status; none when nothing answered.
    pub(crate) status: Option<u16>,
}

/// The browsers of the driver, by session name.
#[derive(Debug)]
pub(super) struct Browsers {
    http: reqwest::Client,
    public: Option<String>,
    all: Mutex<BTreeMap<String, Browser>>,
}

impl Browsers {
    /// From the configuration.
    pub(super) fn new(config: &DuiConfig) -> Result<Self, DuiError> {
        let builder = match &config.psc {
            Some(settings) => {
                let patience = Duration::from_millis(settings.timeout_ms + PATIENCE);
                plain_client(settings, None, patience)?
            }
            None => reqwest::Client::builder()
                .no_proxy()
                .tls_certs_only([])
                .redirect(reqwest::redirect::Policy::none())
                .timeout(Duration::from_millis(PATIENCE)),
        };
        let http = builder
            .user_agent("Mozilla/5.0 (X11; Linux x86_64) DUI-temoin-navigateur")
            .build()
            .map_err(|source| DuiError::Client {
                service: "browser",
                source,
            })?;
        let public = config
            .psc
            .as_ref()
            .and_then(|settings| Url::parse(&settings.redirect_uri).ok())
            .map(|url| url.origin().ascii_serialization());
        Ok(Self {
            http,
            public,
            all: Mutex::default(),
        })
    }

    /// The browser of a session, created on first use.
    pub(super) fn get(&self, session: &str) -> Browser {
        self.lock().get(session).cloned().unwrap_or_default()
    }

    /// Puts a browser back after use.
    pub(super) fn put(&self, session: &str, browser: Browser) {
        self.lock().insert(session.to_owned(), browser);
    }

    /// Closes every browser.
    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Browser>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The DUI's public address: that of its redirect URI. Its own listener answers there.
    fn public(&self, state: &AppState) -> String {
        self.public.clone().unwrap_or_else(|| state.base_url())
    }
}

/// What a navigation sends.
pub(crate) enum Send<'a> {
    /// A link.
    Get,
    /// A form.
    Post(&'a [(&'a str, &'a str)]),
}

impl Browser {
    /// Opens a page of this DUI, or any address, and follows redirections. When `stop` says so, the next
    /// address is not opened but becomes the browser's address.
    pub(crate) async fn open(
        &mut self,
        state: &AppState,
        address: &str,
        send: Send<'_>,
        stop: impl Fn(&Url) -> bool,
    ) {
        let browsers = &state.psc().browsers;
        let public = browsers.public(state);
        let base = Url::parse(&public).ok();
        let Some(mut url) = Url::options().base_url(base.as_ref()).parse(address).ok() else {
            return self.failed(address, "adresse invalide");
        };
        let mut form = match send {
            Send::Get => None,
            Send::Post(form) => Some(form),
        };
        for _ in 0..=MAX_HOPS {
            let own = own_address(state, &public, &url);
            let elsewhere = own.is_none();
            let target = own.unwrap_or_else(|| url.clone());
            let mut request = match form.take() {
                Some(form) => browsers.http.post(target).form(form),
                None => browsers.http.get(target),
            };
            if elsewhere && let Some(settings) = state.config().psc.as_ref() {
                request = request.timeout(Duration::from_millis(settings.timeout_ms));
            }
            request = request
                .header(HOST, authority(&url))
                .header(ACCEPT, "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")
                .header("Sec-Fetch-Dest", "document")
                .header("Sec-Fetch-Mode", "navigate");
            if let Some(cookies) = self.cookies_for(&url) {
                request = request.header(COOKIE, cookies);
            }
            let Ok(response) = request.send().await else {
                return self.failed(url.as_str(), "le navigateur n'a reçu aucune réponse");
            };
            self.keep_cookies(&url, response.headers());
            let status = response.status();
            let next = response
                .headers()
                .get(LOCATION)
                .filter(|_| status.is_redirection())
                .and_then(|value| value.to_str().ok())
                .and_then(|value| url.join(value).ok());
            if let Some(next) = next {
                url = next;
                if stop(&url) {
                    url.as_str().clone_into(&mut self.url);
                    self.page.clear();
                    self.status = Some(status.as_u16());
                    return;
                }
                continue;
            }
            self.status = Some(status.as_u16());
            url.as_str().clone_into(&mut self.url);
            self.page = response.text().await.unwrap_or_default();
            return;
        }
        self.failed(url.as_str(), "trop de redirections");
    }

    fn failed(&mut self, url: &str, why: &str) {
        self.status = None;
        url.clone_into(&mut self.url);
        self.page = format!("<main>Page inaccessible : {why}.</main>");
    }

    /// Path of the address shown.
    pub(crate) fn path(&self) -> String {
        Url::parse(&self.url).map_or_else(|_| String::new(), |url| url.path().to_owned())
    }

    /// Takes the cookies of another browser in place of its own.
    pub(crate) fn steal_cookies(&mut self, other: &Self) {
        self.cookies.clone_from(&other.cookies);
    }

    /// The cookies set by this DUI, as `Set-Cookie` lines.
    pub(crate) fn own_cookies(&self, state: &AppState) -> Vec<String> {
        let public = state.psc().browsers.public(state);
        let site = Url::parse(&public).map_or_else(|_| String::new(), |url| authority(&url));
        self.cookies
            .iter()
            .filter(|cookie| cookie.site == site)
            .map(|cookie| cookie.line.clone())
            .collect()
    }

    fn cookies_for(&self, url: &Url) -> Option<String> {
        let site = authority(url);
        let trusted = url.scheme() == "https" || is_loopback(url);
        let pairs: Vec<String> = self
            .cookies
            .iter()
            .filter(|c| c.site == site && url.path().starts_with(&c.path) && (trusted || !c.secure))
            .map(|c| format!("{}={}", c.name, c.value))
            .collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    fn keep_cookies(&mut self, url: &Url, headers: &HeaderMap) {
        let site = authority(url);
        for line in headers.get_all(SET_COOKIE) {
            let Some(cookie) = line
                .to_str()
                .ok()
                .and_then(|line| parse_cookie(&site, line))
            else {
                continue;
            };
            let gone = cookie.1;
            let cookie = cookie.0;
            self.cookies.retain(|c| {
                c.site != cookie.site || c.name != cookie.name || c.path != cookie.path
            });
            if !gone {
                self.cookies.push(cookie);
            }
        }
    }
}

/// A cookie and whether the line deletes it.
fn parse_cookie(site: &str, line: &str) -> Option<(Cookie, bool)> {
    let mut parts = line.split(';').map(str::trim);
    let (name, value) = parts.next()?.split_once('=')?;
    let mut cookie = Cookie {
        site: site.to_owned(),
        name: name.to_owned(),
        value: value.to_owned(),
        path: "/".to_owned(),
        secure: false,
        line: line.to_owned(),
    };
    let mut gone = value.is_empty();
    for part in parts {
        let (attribute, value) = part.split_once('=').unwrap_or((part, ""));
        match attribute.to_ascii_lowercase().as_str() {
            "path" if value.starts_with('/') => value.clone_into(&mut cookie.path),
            "secure" => cookie.secure = true,
            "max-age" if value.parse::<i64>().is_ok_and(|age| age <= 0) => gone = true,
            _ => {}
        }
    }
    Some((cookie, gone))
}

/// Host and port: services that have hosts of their own in real life share one here.
fn authority(url: &Url) -> String {
    match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (host, _) => host.unwrap_or_default().to_owned(),
    }
}

/// Browsers trust loopback as they trust https.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// The DUI's public address leads to its listener, as a reverse proxy would do.
fn own_address(state: &AppState, public: &str, url: &Url) -> Option<Url> {
    let origin = url.origin().ascii_serialization();
    if origin != public && origin != state.base_url() {
        return None;
    }
    let mut own = Url::parse(&format!("http://{}", state.address()?)).ok()?;
    own.set_path(url.path());
    own.set_query(url.query());
    Some(own)
}

/// What a person reads in the main part of a page.
pub(crate) fn text(html: &str) -> String {
    let main = html
        .split_once("<main")
        .and_then(|(_, rest)| rest.split_once('>'))
        .map_or(html, |(_, rest)| {
            rest.split("</main>").next().unwrap_or(rest)
        });
    let mut out = String::new();
    let mut rest = main;
    while let Some((before, after)) = rest.split_once('<') {
        out.push_str(before);
        out.push(' ');
        rest = after.split_once('>').map_or("", |(_, rest)| rest);
    }
    out.push_str(rest);
    unescape(&out)
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

/// The value of an attribute of the first tag that contains `marker`.
pub(crate) fn attribute(html: &str, marker: &str, name: &str) -> Option<String> {
    let tag = html.split('<').find(|tag| tag.contains(marker))?;
    let tag = tag.split('>').next()?;
    let value = tag.split_once(&format!(" {name}=\""))?.1;
    Some(unescape(value.split('"').next()?))
}

/// The values of every `name` field of a page's forms.
pub(crate) fn fields(html: &str, name: &str) -> Vec<String> {
    let marker = format!("name=\"{name}\"");
    html.split('<')
        .filter(|tag| tag.contains(&marker))
        .filter_map(|tag| attribute(&format!("<{tag}"), &marker, "value"))
        .collect()
}

fn unescape(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#x27;", "'")
        .replace("&#x2f;", "/")
        .replace("&#39;", "'")
        .replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_page_is_read_as_a_person_reads_it() {
        let html = "<body><header>x</header><main data-moyen=\"psc\" data-situation=\"M&#x27;A\"><h1>T</h1><p>a &lt;b&gt;</p></main>";
        assert_eq!(text(html), "T a <b>");
        assert_eq!(
            attribute(html, "data-moyen", "data-situation").unwrap(),
            "M'A"
        );
        assert_eq!(attribute(html, "data-moyen", "data-compte"), None);
        let form = "<input name=\"csrf\" value=\"k\"><input type=\"radio\" name=\"s\" value=\"a\"> <input name=\"s\" value=\"b\" required>";
        assert_eq!(fields(form, "csrf"), ["k"]);
        assert_eq!(fields(form, "s"), ["a", "b"]);
    }

    #[test]
    fn secure_cookies_go_to_https_and_loopback_only() {
        let mut browser = Browser::default();
        let mut headers = HeaderMap::new();
        headers.insert(SET_COOKIE, "s=1; Path=/; Secure".parse().unwrap());
        for (address, sent) in [
            ("http://localhost:8080/", true),
            ("http://127.0.0.1:8080/", true),
            ("https://dui.test/", true),
            ("http://dui.test/", false),
        ] {
            let url = Url::parse(address).unwrap();
            browser.keep_cookies(&url, &headers);
            assert_eq!(browser.cookies_for(&url).is_some(), sent, "{address}");
        }
        let url = Url::parse("https://dui.test/").unwrap();
        headers.insert(SET_COOKIE, "s=; Path=/; Max-Age=0".parse().unwrap());
        browser.keep_cookies(&url, &headers);
        assert_eq!(browser.cookies_for(&url), None);
    }
}
