//! Traces as a page shows them.

use crate::flow::Engine;
use crate::flow::trace::{INTERRUPTED, SUPERSEDED, TOKEN_STORED, Trace, seconds};

/// One flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceView {
    /// Names the text of what kind of flow it was.
    pub title: &'static str,
    /// The profile's name at that time.
    pub profile_name: String,
    /// When it began, in milliseconds of the Unix epoch.
    pub began_ms: u64,
    /// Names the text of how it stands.
    pub state: &'static str,
    /// Why it failed: the code of the finding.
    pub finding: Option<String>,
    /// What happened.
    pub steps: Vec<TraceStepView>,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceStepView {
    /// Since the flow began.
    pub time: String,
    /// What happened, as the trace names it; `trace_step_<what>` is its text.
    pub what: String,
    /// Lines of `name: value`.
    pub detail: String,
}

/// The newest first.
#[must_use]
pub fn trace_views(traces: &[Trace], engine: &Engine) -> Vec<TraceView> {
    let mut views: Vec<TraceView> = traces.iter().map(|trace| view(trace, engine)).collect();
    views.sort_by_key(|view| std::cmp::Reverse(view.began_ms));
    views
}

fn view(trace: &Trace, engine: &Engine) -> TraceView {
    let mut finding = None;
    let state = match trace.outcome.as_deref() {
        Some(TOKEN_STORED) => "trace_done",
        Some(SUPERSEDED) => "trace_superseded",
        Some(INTERRUPTED) => "trace_interrupted",
        Some(code) => {
            finding = Some(code.to_owned());
            "trace_failed"
        }
        None if engine.flow(&trace.flow).is_some() => "trace_running",
        None => "trace_interrupted",
    };
    let steps = trace.steps.iter().map(|step| TraceStepView {
        time: seconds(step.at_ms.saturating_sub(trace.began_ms)),
        what: step.what.clone(),
        detail: step.detail.trim_end().to_owned(),
    });
    TraceView {
        title: if trace.renewal {
            "trace_renewal"
        } else {
            "trace_authorization"
        },
        profile_name: trace.profile_name.clone(),
        began_ms: trace.began_ms,
        state,
        finding,
        steps: steps.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::FlowId;
    use crate::flow::trace::TraceStep;

    fn trace(began_ms: u64, outcome: Option<&str>) -> Trace {
        Trace {
            flow: FlowId("f".into()),
            profile: "p".into(),
            profile_name: "My app".into(),
            renewal: began_ms == 2,
            began_ms,
            steps: vec![TraceStep {
                at_ms: began_ms + 61_005,
                what: "callback".into(),
                detail: "parameters: code\n".into(),
            }],
            outcome: outcome.map(str::to_owned),
        }
    }

    #[test]
    fn newest_first_and_each_with_its_state() {
        let traces = [
            trace(1, Some(TOKEN_STORED)),
            trace(2, Some("token_refused")),
            trace(3, None),
            trace(4, Some(SUPERSEDED)),
        ];
        let views = trace_views(&traces, &Engine::new());
        let states: Vec<_> = views
            .iter()
            .map(|view| (view.title, view.state, view.finding.as_deref()))
            .collect();
        assert_eq!(
            states,
            [
                ("trace_authorization", "trace_superseded", None),
                ("trace_authorization", "trace_interrupted", None),
                ("trace_renewal", "trace_failed", Some("token_refused")),
                ("trace_authorization", "trace_done", None),
            ]
        );
        assert_eq!(views[0].steps[0].time, "61.005 s");
        assert_eq!(views[0].steps[0].detail, "parameters: code");
        assert_eq!(trace_views(&[], &Engine::new()), []);
    }
}
