//! Sequence diagram of a scenario, as SVG: who spoke to whom, in order. No script, no network.

use std::fmt::Write as _;

use diapason_core::Service;

use super::model::ScenarioLine;

const TOP: u32 = 30;
const ROW: u32 = 26;
const LANE: u32 = 210;
const LEFT: u32 = 90;
/// Most arrows drawn; the rest is counted.
const MOST: usize = 80;

/// One arrow.
struct Arrow {
    from: u32,
    to: u32,
    text: String,
    class: &'static str,
    link: Option<String>,
}

pub(super) fn svg(line: &ScenarioLine, number: usize) -> String {
    let lanes = lanes(line);
    let arrows = arrows(line, &lanes, number);
    let drawn = arrows.len().min(MOST);
    let width = LEFT * 2 + LANE * (lanes.len() as u32 - 1);
    let height = TOP + ROW * (drawn as u32 + 2);
    let mut out = String::new();
    let _ = write!(
        out,
        "<svg class=\"seq\" role=\"img\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\"><title>{}</title>",
        escape(line.id.as_str())
    );
    for (index, name) in lanes.iter().enumerate() {
        let x = LEFT + LANE * index as u32;
        let _ = write!(
            out,
            "<text x=\"{x}\" y=\"16\" class=\"lane\">{}</text><line x1=\"{x}\" y1=\"{TOP}\" x2=\"{x}\" y2=\"{height}\" class=\"life\"/>",
            escape(name)
        );
    }
    for (index, arrow) in arrows.iter().take(MOST).enumerate() {
        draw(&mut out, arrow, TOP + ROW * (index as u32 + 1));
    }
    if arrows.len() > MOST {
        let _ = write!(
            out,
            "<text x=\"{LEFT}\" y=\"{}\">+ {}</text>",
            height - 8,
            arrows.len() - MOST
        );
    }
    out.push_str("</svg>");
    out
}

fn draw(out: &mut String, arrow: &Arrow, y: u32) {
    let (x1, x2) = (LEFT + LANE * arrow.from, LEFT + LANE * arrow.to);
    let (head, middle) = if x2 > x1 {
        (x2 - 7, u32::midpoint(x1, x2))
    } else {
        (x2 + 7, u32::midpoint(x2, x1))
    };
    let text = format!(
        "<text x=\"{middle}\" y=\"{}\" class=\"label {}\">{}</text>",
        y - 4,
        arrow.class,
        escape(&short(&arrow.text))
    );
    let text = match &arrow.link {
        Some(link) => format!("<a href=\"#{link}\">{text}</a>"),
        None => text,
    };
    let _ = write!(
        out,
        "{text}<line x1=\"{x1}\" y1=\"{y}\" x2=\"{x2}\" y2=\"{y}\" class=\"arrow {0}\"/><path d=\"M{x2} {y} L{head} {1} L{head} {2} Z\" class=\"head {0}\"/>",
        arrow.class,
        y - 4,
        y + 4
    );
}

fn lanes(line: &ScenarioLine) -> Vec<String> {
    let mut lanes = vec!["Banc".to_owned(), "DUI".to_owned()];
    for service in [Service::Insi, Service::Psc, Service::Dmp, Service::Pki] {
        if line.exchanges.iter().any(|x| x.service == service) {
            lanes.push(lane_name(service).to_owned());
        }
    }
    lanes
}

fn lane_name(service: Service) -> &'static str {
    match service {
        Service::Insi => "INSi",
        Service::Psc => "Pro Santé Connect",
        Service::Dmp => "DMP",
        Service::Pki => "IGC de test",
    }
}

fn arrows(line: &ScenarioLine, lanes: &[String], number: usize) -> Vec<Arrow> {
    let mut arrows = Vec::new();
    for step in &line.steps {
        if let Some(action) = &step.action {
            arrows.push(Arrow {
                from: 0,
                to: 1,
                text: format!("{}. {action}", step.number),
                class: "ask",
                link: None,
            });
        }
        for x in line
            .exchanges
            .iter()
            .filter(|x| x.step == Some(step.number))
        {
            let name = lane_name(x.service);
            let Some(lane) = lanes.iter().position(|l| l == name) else {
                continue;
            };
            let lane = lane as u32;
            let link = Some(format!("s{number}x{}", x.id));
            arrows.push(Arrow {
                from: 1,
                to: lane,
                text: format!("x{} {}", x.id, x.operation),
                class: "call",
                link: link.clone(),
            });
            let status = x.status.map(|s| s.to_string()).unwrap_or_default();
            let outcome = x.outcome.clone().unwrap_or_default();
            let fault = x
                .fault
                .as_ref()
                .map(|f| format!(" ⚡{f}"))
                .unwrap_or_default();
            arrows.push(Arrow {
                from: lane,
                to: 1,
                text: format!("{status} {outcome}{fault}"),
                class: if x.fault.is_some() { "fault" } else { "reply" },
                link,
            });
        }
        if let (Some(_), Some(outcome)) = (&step.action, &step.outcome) {
            arrows.push(Arrow {
                from: 1,
                to: 0,
                text: outcome.clone(),
                class: if outcome == "done" { "reply" } else { "fault" },
                link: None,
            });
        }
    }
    arrows
}

fn short(text: &str) -> String {
    const MOST: usize = 30;
    if text.chars().count() <= MOST {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(MOST - 1).collect();
    cut.push('…');
    cut
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
