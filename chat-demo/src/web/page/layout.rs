//! What every page has around it.

use maud::{DOCTYPE, Markup, html};

use crate::web::assets;

/// A whole page.
pub(super) fn layout(title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                link rel="icon" type="image/svg+xml" href=(assets::url(assets::ICON));
                link rel="stylesheet" href=(assets::url(assets::STYLE));
                script type="module" src=(assets::url(assets::SCRIPT)) {}
            }
            body { (body) }
        }
    }
}

/// The way home.
pub(super) fn brand() -> Markup {
    html! {
        a.brand href="/" aria-label="Rooms, first page" {
            img src=(assets::url(assets::ICON)) alt="" width="32" height="32";
            span.brand-name { "Rooms" }
        }
    }
}

/// A page with one thing to say, in the middle of it.
pub(super) fn welcome(title: &str, content: &Markup) -> Markup {
    layout(title, &html! { main.welcome { (brand()) (content) } })
}
