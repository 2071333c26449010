//! Medians, ratios and percentiles.

use crate::Figures;

/// Figures of several brokers over several rounds.
#[derive(Default)]
pub(crate) struct Table {
    rows: Vec<Row>,
}

struct Row {
    broker: &'static str,
    figures: Figures,
}

impl Table {
    pub(crate) fn add(&mut self, broker: &'static str, figures: Figures) {
        self.rows.push(Row { broker, figures });
    }

    /// Every round, the medians, and SealMQ's median divided by the other's.
    pub(crate) fn print(&self, title: &str) {
        println!("\n{title}");
        let Some(first) = self.rows.first() else { return };
        for (name, _) in &first.figures {
            let ours = self.of("sealmq", name);
            let theirs = self.of("mosquitto", name);
            print!("  {name:<44} sealmq {}", shown(&ours));
            if theirs.is_empty() {
                println!();
            } else {
                println!("   mosquitto {}   ratio {:.2}", shown(&theirs), median(&ours) / median(&theirs));
            }
        }
    }

    fn of(&self, broker: &str, name: &str) -> Vec<f64> {
        let rows = self.rows.iter().filter(|row| row.broker == broker);
        rows.flat_map(|row| &row.figures)
            .filter(|(known, _)| *known == name)
            .map(|(_, figure)| *figure)
            .collect()
    }
}

fn shown(figures: &[f64]) -> String {
    let each: Vec<String> = figures.iter().map(|figure| format!("{figure:.1}")).collect();
    format!("{:.1} ({})", median(figures), each.join(" "))
}

fn median(figures: &[f64]) -> f64 {
    percentile(figures.to_vec(), 50.0)
}

/// The figure that so many percent are not above; NaN of nothing.
pub(crate) fn percentile(mut figures: Vec<f64>, percent: f64) -> f64 {
    figures.sort_by(f64::total_cmp);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index of the list")]
    let index = ((figures.len().saturating_sub(1)) as f64 * percent / 100.0).round() as usize;
    figures.get(index).copied().unwrap_or(f64::NAN)
}
