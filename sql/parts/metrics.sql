-- Metrics: what dashboards show, in words, with what is aimed at; and how a number is judged by it.

CREATE TABLE pql.metric_definition (
	dashboard text NOT NULL,
	position int NOT NULL,
	metric text NOT NULL,
	title text NOT NULL,
	definition text NOT NULL,
	formula text NOT NULL,
	unit text NOT NULL CHECK (unit IN ('count', 'rate', 'change', 'hours', 'days', 'minutes', 'points', 'money', 'touches', 'leads')),
	direction text NOT NULL CHECK (direction IN ('higher', 'lower', 'range', 'none')),
	target float8,
	target_high float8,
	minimum float8,
	breach float8,
	section text NOT NULL,
	PRIMARY KEY (dashboard, metric),
	UNIQUE (dashboard, position)
);
COMMENT ON TABLE pql.metric_definition IS 'The metrics as shipped. Targets of your own are in pql.metric_level.';

CREATE TABLE pql.metric_level (
	metric text PRIMARY KEY,
	target float8,
	target_high float8,
	minimum float8,
	breach float8
);
COMMENT ON TABLE pql.metric_level IS 'Targets of your own: a row replaces all four levels of a metric, on every dashboard and scorecard. NULL: none.';
SELECT pg_catalog.pg_extension_config_dump('pql.metric_level', '');

CREATE FUNCTION pql.check_metric_level() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF NOT EXISTS (SELECT FROM pql.metric_definition d WHERE d.metric = NEW.metric) THEN
		RAISE EXCEPTION 'there is no metric "%"', NEW.metric
			USING ERRCODE = 'undefined_object', HINT = coalesce('Did you mean ' || pql.nearest_word(NEW.metric, (SELECT array_agg(DISTINCT d.metric) FROM pql.metric_definition d)) || '? ', '') || 'SELECT metric, title FROM pql.metric; lists them.';
	END IF;
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION pql.check_metric_level() IS 'Trigger: only metrics that there are have levels.';
CREATE TRIGGER metric_level_is_of_a_metric BEFORE INSERT OR UPDATE ON pql.metric_level FOR EACH ROW EXECUTE FUNCTION pql.check_metric_level();

CREATE VIEW pql.metric AS
SELECT d.metric, d.dashboard, d.position, d.title, d.definition, d.formula, d.unit, d.direction,
	CASE WHEN l.metric IS NULL THEN d.target ELSE l.target END AS target, CASE WHEN l.metric IS NULL THEN d.target_high ELSE l.target_high END AS target_high,
	CASE WHEN l.metric IS NULL THEN d.minimum ELSE l.minimum END AS minimum, CASE WHEN l.metric IS NULL THEN d.breach ELSE l.breach END AS breach, d.section
FROM pql.metric_definition d
LEFT JOIN pql.metric_level l ON l.metric OPERATOR(pg_catalog.=) d.metric;
COMMENT ON VIEW pql.metric IS 'The catalogue of metrics: what each means, how it is reckoned, and the levels that it is judged by.';
COMMENT ON COLUMN pql.metric.dashboard IS 'Where it is shown; one that is shown on two has two rows.';
COMMENT ON COLUMN pql.metric.unit IS 'count; rate (0 to 1, with a 95 % interval); change (of a rate, or a share of what was before); hours (of business), days, minutes, points, money (the company''s currency), touches; leads (a rep and business day).';
COMMENT ON COLUMN pql.metric.direction IS 'What is better: higher, lower, or within a range; none: it is told for information.';
COMMENT ON COLUMN pql.metric.target IS 'What is aimed at; of a range its lower end. triggered: for each active rep and business day.';
COMMENT ON COLUMN pql.metric.target_high IS 'The upper end of a range.';
COMMENT ON COLUMN pql.metric.minimum IS 'What has to be reached at least (of lower: at most) for a pilot to go on.';
COMMENT ON COLUMN pql.metric.breach IS 'Beyond this somebody has to act.';
COMMENT ON COLUMN pql.metric.section IS 'Where docs/dashboards.md tells of it.';

INSERT INTO pql.metric_definition (section, dashboard, position, metric, title, definition, formula, unit, direction, target, target_high, minimum, breach) VALUES
	('Pipeline', 'pipeline', 1, 'triggered', 'Leads triggered', 'Leads found in the period, but for those found by going through history.', 'leads by triggered_at', 'count', 'range', 1.5, 4, NULL, NULL),
	('Pipeline', 'pipeline', 2, 'routed', '… routed', 'Of the triggered, those that a rep has got.', 'with routed_at', 'count', 'none', NULL, NULL, NULL, NULL),
	('Pipeline', 'pipeline', 3, 'queued', '… queued', 'Of the triggered, those that wait for a rep.', 'standing queued', 'count', 'none', NULL, NULL, NULL, NULL),
	('Pipeline', 'pipeline', 4, 'control', '… held out', 'Of the triggered, those of the control arm.', 'standing control', 'count', 'none', NULL, NULL, NULL, NULL),
	('Pipeline', 'pipeline', 5, 'paused', '… paused', 'Of the triggered, those that wait because routing is paused.', 'standing paused', 'count', 'none', NULL, NULL, NULL, NULL),
	('Pipeline', 'pipeline', 6, 'not_routed', '… not routed', 'Of the triggered, those that go to nobody: too late, excluded, paid, a tier or a segment without reps, merged, lapsed in the queue.', 'standing not_routed', 'count', 'none', NULL, NULL, NULL, NULL),
	('Pipeline', 'pipeline', 7, 'demand_per_rep', 'Demand per rep and day', 'Leads triggered for each active rep and business day.', 'triggered ÷ (active reps × Mondays to Fridays)', 'leads', 'lower', NULL, NULL, NULL, 10),
	('Pipeline', 'pipeline', 8, 'dispositioned', 'Leads dispositioned', 'Leads by their first disposition.', 'leads by disposed_at', 'count', 'none', NULL, NULL, NULL, NULL),
	('Pipeline', 'pipeline', 9, 'acceptance_rate', 'Acceptance', 'Leads that ever were meeting_set or converted, of those first dispositioned in the period.', '(meeting_set + converted) ÷ dispositioned', 'rate', 'higher', 0.5, NULL, 0.4, 0.3),
	('Pipeline', 'pipeline', 10, 'acceptance_rate_wide', 'Acceptance, with nurture and CS', 'The same, counting nurture and routed_to_cs as well.', '(meeting_set + converted + nurture + routed_to_cs) ÷ dispositioned', 'rate', 'none', NULL, NULL, NULL, NULL),
	('Pipeline', 'pipeline', 11, 'rejection_rate', 'Rejection', 'Leads that never were anything but disqualified or no_response.', '(disqualified + no_response) ÷ dispositioned', 'rate', 'none', NULL, NULL, NULL, NULL),
	('Pipeline', 'pipeline', 12, 'sla_compliance', 'SLA compliance', 'First touches by the deadline, of the leads whose deadline fell in the period. A lead that closed untouched before it counts nowhere.', 'first touch within SLA ÷ deadlines', 'rate', 'higher', 0.8, NULL, 0.7, 0.6),
	('Pipeline', 'pipeline', 13, 'sla_from_trigger', 'SLA compliance, from the trigger', 'The same, had the clock started when the lead was found.', 'first touch within SLA of the trigger ÷ deadlines', 'rate', 'none', NULL, NULL, NULL, NULL),
	('Pipeline', 'pipeline', 14, 'first_touch_hours', 'Time to first touch, mean', 'Business hours of the rep from the trigger to the first touch, of leads first touched in the period. By tier the target is the tier''s SLA.', 'Σ hours ÷ leads touched', 'hours', 'lower', NULL, NULL, NULL, NULL),
	('Pipeline', 'pipeline', 15, 'first_touch_hours_median', 'Time to first touch, median', 'The same, the median.', 'median hours', 'hours', 'lower', NULL, NULL, NULL, NULL),
	('Pipeline', 'pipeline', 16, 'queue_depth', 'Queue', 'Leads that waited for their first rep when the period ended.', 'queued, and not yet taken out', 'count', 'none', NULL, NULL, NULL, NULL),
	('Pipeline', 'pipeline', 17, 'unclaimed', 'Unclaimed', 'Leads that a rep had, and nobody had claimed or touched, when the period ended.', 'routed, and not yet claimed, touched or closed', 'count', 'none', NULL, NULL, NULL, NULL),
	('Pipeline', 'pipeline', 18, 'escalations', 'Escalations', 'Times that a channel or a manager was told of a lead that waited.', 'events pql_escalated', 'count', 'none', NULL, NULL, NULL, NULL),
	('Pipeline', 'pipeline', 19, 'load_lag', 'Lag', 'The longest time from a row''s arrival to its verdict, in the runs of the period.', 'max pql.run.lag', 'minutes', 'lower', 15, NULL, NULL, NULL),

	('Conversion impact', 'conversion', 1, 'trials', 'Trials, mature', 'Trials whose end and the seven days after it have passed, converted or not. All rates of this dashboard are over these.', 'trials with ends_at + 7 days passed', 'count', 'none', NULL, NULL, NULL, NULL),
	('Conversion impact', 'conversion', 2, 'open_trials', 'Trials, open', 'Trials that are not mature yet. They count in no rate.', 'the others', 'count', 'none', NULL, NULL, NULL, NULL),
	('Conversion impact', 'conversion', 3, 'trial_to_paid', 'Trial to paid', 'Trials that were paid for.', 'converted ÷ trials', 'rate', 'none', NULL, NULL, NULL, NULL),
	('Conversion impact', 'conversion', 4, 'lift', 'Lift over the baseline', 'How much higher trial to paid is than the baseline, as a share of it.', 'trial_to_paid ÷ baseline − 1', 'change', 'higher', 0.2, 0.3, NULL, NULL),
	('Conversion impact', 'conversion', 5, 'routed_trials', 'Routed trials', 'Trials whose lead a rep has got.', 'with routed_at', 'count', 'none', NULL, NULL, NULL, NULL),
	('Conversion impact', 'conversion', 6, 'routed_conversion', 'Trial to paid, routed', 'Routed trials that were paid for. Against the unrouted this is selection, not effect: the control arm tells what sales add.', 'converted ÷ routed trials', 'rate', 'higher', 0.15, NULL, 0.12, NULL),
	('Conversion impact', 'conversion', 7, 'unrouted_conversion', 'Trial to paid, unrouted', 'Trials that went to nobody, and were not held out, that were paid for. They shrink to the weaker ones as routing takes the best away.', 'converted ÷ unrouted trials', 'rate', 'none', NULL, NULL, NULL, NULL),
	('Conversion impact', 'conversion', 8, 'control_conversion', 'Trial to paid, control arm', 'Trials whose lead was held out, that were paid for.', 'converted ÷ held out', 'rate', 'none', NULL, NULL, NULL, NULL),
	('Conversion impact', 'conversion', 9, 'incremental_conversion', 'Effect of sales', 'Routed trials against the control arm: what sales added.', 'routed_conversion − control_conversion', 'change', 'higher', 0, NULL, NULL, NULL),
	('Conversion impact', 'conversion', 10, 'contacted', 'Contacted', 'Trials whose person has been written to or called.', 'with contacted_at', 'count', 'none', NULL, NULL, NULL, NULL),
	('Conversion impact', 'conversion', 11, 'assisted_conversion', 'Sales-assisted conversion', 'Contacted trials that were paid for after a touch.', 'converted after a touch ÷ contacted', 'rate', 'higher', 0.12, NULL, NULL, NULL),
	('Conversion impact', 'conversion', 12, 'meeting_rate', 'Meetings', 'Contacted trials that agreed to meet.', 'meeting ÷ contacted', 'rate', 'higher', 0.2, NULL, 0.15, NULL),
	('Conversion impact', 'conversion', 13, 'reply_rate', 'Replies', 'E-mails that were answered, each once.', 'e-mails answered ÷ e-mails sent', 'rate', 'higher', 0.15, NULL, 0.1, NULL),
	('Conversion impact', 'conversion', 14, 'touches_to_conversion', 'Touches to conversion', 'Touches before the payment, of those paid after a touch.', 'Σ touches ÷ converted after a touch', 'touches', 'none', NULL, NULL, NULL, NULL),
	('Conversion impact', 'conversion', 15, 'assisted_mrr', 'MRR, sales-assisted', 'Monthly recurring revenue of sales-assisted conversions.', 'Σ MRR', 'money', 'none', NULL, NULL, NULL, NULL),
	('Conversion impact', 'conversion', 16, 'assisted_conversions', 'Conversions, sales-assisted', 'What billing says of the payment; where it says nothing, whether somebody had been in touch before.', 'conversion_source sales_assisted', 'count', 'none', NULL, NULL, NULL, NULL),
	('Conversion impact', 'conversion', 17, 'self_serve_conversions', 'Conversions, self-serve', 'All others.', 'converted − sales-assisted', 'count', 'none', NULL, NULL, NULL, NULL),
	('Conversion impact', 'conversion', 18, 'converted_untouched', 'Converted untouched', 'Paid before anybody wrote, or without.', 'influence untouched, or no lead', 'count', 'none', NULL, NULL, NULL, NULL),
	('Conversion impact', 'conversion', 19, 'converted_touched', 'Converted after a touch', 'Paid after a touch that nobody answered.', 'influence touched', 'count', 'none', NULL, NULL, NULL, NULL),
	('Conversion impact', 'conversion', 20, 'converted_engaged', 'Converted engaged', 'Paid after an answer or a meeting.', 'influence engaged', 'count', 'none', NULL, NULL, NULL, NULL),

	('Guardrails', 'guardrails', 1, 'complaint_rate', 'Complaints', 'Leads that unsubscribed or complained, of those contacted first in the period.', 'unsubscribe or complaint ÷ contacted', 'rate', 'lower', 0.02, NULL, 0.05, 0.05),
	('Guardrails', 'guardrails', 2, 'not_interested_rate', 'Not interested', 'Leads that said so, of the same.', 'not_interested ÷ contacted', 'rate', 'none', NULL, NULL, NULL, NULL),
	('Guardrails', 'guardrails', 3, 'nps_contacted', 'NPS, contacted', 'Share of 9 and 10 less share of 0 to 6, in points, of the last answers in the period of people who had been contacted before.', '100 × (promoters − detractors) ÷ answers', 'points', 'none', NULL, NULL, NULL, NULL),
	('Guardrails', 'guardrails', 4, 'nps_not_contacted', 'NPS, not contacted', 'The same of all others.', '100 × (promoters − detractors) ÷ answers', 'points', 'none', NULL, NULL, NULL, NULL),
	('Guardrails', 'guardrails', 5, 'nps_gap', 'NPS, contacted against not', 'How much higher it is of those contacted.', 'nps_contacted − nps_not_contacted', 'points', 'higher', 0, NULL, -5, NULL),
	('Guardrails', 'guardrails', 6, 'csat_gap', 'CSAT, contacted against not', 'Share of 4 and 5 of the last answers, in points, of people contacted before, less that of all others.', '100 × (satisfied ÷ answers − satisfied ÷ answers)', 'points', 'higher', 0, NULL, -5, NULL),
	('Guardrails', 'guardrails', 7, 'retention_30_contacted', '30-day retention, contacted', 'People who paid in the period after a touch and used the product in the week that ended 30 days later.', 'seen ÷ paid 30 days ago', 'rate', 'none', NULL, NULL, NULL, NULL),
	('Guardrails', 'guardrails', 8, 'retention_30_not_contacted', '30-day retention, not contacted', 'The same of all others who paid.', 'seen ÷ paid 30 days ago', 'rate', 'none', NULL, NULL, NULL, NULL),
	('Guardrails', 'guardrails', 9, 'retention_90_contacted', '90-day retention, contacted', 'As after 30 days, after 90.', 'seen ÷ paid 90 days ago', 'rate', 'none', NULL, NULL, NULL, NULL),
	('Guardrails', 'guardrails', 10, 'retention_90_not_contacted', '90-day retention, not contacted', 'As after 30 days, after 90.', 'seen ÷ paid 90 days ago', 'rate', 'none', NULL, NULL, NULL, NULL),
	('Guardrails', 'guardrails', 11, 'utilisation', 'New leads per rep and day', 'Leads assigned, by the day of the cap that they count toward.', 'assigned ÷ (active reps × Mondays to Fridays)', 'leads', 'range', 3, 5, NULL, NULL),
	('Guardrails', 'guardrails', 12, 'open_load', 'Open leads per rep', 'Leads that reps had, and that had not closed, when the period ended.', 'open leads ÷ active reps', 'leads', 'none', NULL, NULL, NULL, NULL),
	('Guardrails', 'guardrails', 13, 'false_positive_rate', 'False positives', 'Leads that were disqualified, of those first dispositioned in the period.', 'disqualified ÷ dispositioned', 'rate', 'lower', 0.2, NULL, NULL, NULL),
	('Guardrails', 'guardrails', 14, 'self_serve_conversion', 'Self-serve conversion', 'Trials that did not qualify, by start, that were paid for without sales; mature ones only.', 'converted self-serve ÷ trials without a lead', 'rate', 'none', NULL, NULL, NULL, NULL),
	('Guardrails', 'guardrails', 15, 'self_serve_change', 'Self-serve conversion, change', 'The same against trials of the same kind that started in the 90 days before routing did.', 'self_serve_conversion − before', 'change', 'higher', 0, NULL, -0.01, -0.02),

	('Playbook', 'playbook', 1, 'pql_volume', 'Leads', 'Leads triggered in the month, but for those found by going through history.', 'leads by triggered_at', 'count', 'none', NULL, NULL, NULL, NULL),
	('Playbook', 'playbook', 2, 'pql_to_sql', 'Lead to accepted', 'Leads of the month that ever were meeting_set or converted.', 'accepted ÷ triggered', 'rate', 'range', 0.3, 0.5, NULL, NULL),
	('Playbook', 'playbook', 3, 'pql_to_close', 'Lead to paid', 'Leads of the month that were paid for after they had been found.', 'converted ÷ triggered', 'rate', 'range', 0.15, 0.3, NULL, NULL),
	('Playbook', 'playbook', 4, 'pipeline_created', 'Pipeline created', 'Amounts of deals from leads, created in the month; without deals, amounts told with meetings.', 'Σ amount', 'money', 'none', NULL, NULL, NULL, NULL),
	('Playbook', 'playbook', 5, 'sales_cycle_days', 'Sales cycle, from leads', 'Days from the trigger to the close, of deals from leads won in the month.', 'mean days', 'days', 'none', NULL, NULL, NULL, NULL),
	('Playbook', 'playbook', 6, 'sales_cycle_outbound_days', 'Sales cycle, outbound', 'Days from the creation to the close, of outbound deals won in the month.', 'mean days', 'days', 'none', NULL, NULL, NULL, NULL),
	('Playbook', 'playbook', 7, 'sales_cycle_saving', 'Sales cycle, shorter by', 'How much shorter it is from leads than outbound.', '1 − sales_cycle_days ÷ sales_cycle_outbound_days', 'change', 'higher', 0.5, 0.7, NULL, NULL),
	('Playbook', 'playbook', 8, 'acv', 'Annual contract value', 'Amount of new deals won in the month. By source, and by band: SMB below 5,000, mid-market below 50,000, enterprise above.', 'Σ amount ÷ deals', 'money', 'none', NULL, NULL, NULL, NULL),
	('Playbook', 'playbook', 9, 'incremental_mrr', 'Incremental MRR', 'What sales added, by the control arm: MRR per routed trial less MRR per trial held out, times routed trials; mature trials that started in the month. No data while each arm has but one.', '(MRR ÷ routed − MRR ÷ held out) × routed', 'money', 'higher', 0, NULL, NULL, NULL),
	('Playbook', 'playbook', 10, 'expansion_share', 'Expansion', 'Share of expansion in what was won in the month.', 'expansion ÷ won', 'change', 'range', 0.3, 0.5, NULL, NULL),
	('Playbook', 'playbook', 11, 'self_serve_change', 'Self-serve conversion, change', 'Trials of the month that did not qualify and were paid for without sales, against the 90 days before routing started.', 'self-serve conversion − before', 'change', 'higher', 0, NULL, -0.01, -0.02),
	('Playbook', 'playbook', 12, 'reply_rate_change', 'Replies, change', 'Reply rate of e-mails to leads first contacted in the month, against the month before.', 'reply rate − month before', 'change', 'higher', 0, NULL, NULL, NULL),
	('Playbook', 'playbook', 13, 'first_touch_hours_change', 'Time to first touch, change', 'Mean business hours to the first touch, against the month before.', 'hours − month before', 'hours', 'lower', 0, NULL, NULL, NULL),
	('Playbook', 'playbook', 14, 'nps_gap', 'NPS, contacted against not', 'As on the guardrails, of the month.', 'nps_contacted − nps_not_contacted', 'points', 'higher', 0, NULL, -5, NULL),

	('Feedback', 'feedback', 1, 'dispositioned', 'Leads dispositioned', 'Leads by their first disposition.', 'leads by disposed_at', 'count', 'none', NULL, NULL, NULL, NULL),
	('Feedback', 'feedback', 2, 'acceptance_rate', 'Accepted', 'Of these, those that ever were meeting_set or converted.', 'accepted ÷ dispositioned', 'rate', 'higher', 0.5, NULL, 0.4, 0.3),
	('Feedback', 'feedback', 3, 'engaged_rate', 'Nurture or CS', 'Of these, those that were at best nurture or routed_to_cs.', 'nurture or routed_to_cs ÷ dispositioned', 'rate', 'none', NULL, NULL, NULL, NULL),
	('Feedback', 'feedback', 4, 'false_positive_rate', 'Disqualified', 'Of these, those that were ever disqualified.', 'disqualified ÷ dispositioned', 'rate', 'lower', 0.2, NULL, NULL, NULL),
	('Feedback', 'feedback', 5, 'no_response_rate', 'No response', 'Of these, those of which nothing else ever came.', 'no_response ÷ dispositioned', 'rate', 'none', NULL, NULL, NULL, NULL),
	('Feedback', 'feedback', 6, 'replies', 'Answers', 'Answers in the period, by whatever channel.', 'events reply_received', 'count', 'none', NULL, NULL, NULL, NULL),
	('Feedback', 'feedback', 7, 'positive_reply_rate', 'Positive', 'Of these, the positive ones.', 'positive ÷ answers', 'rate', 'none', NULL, NULL, NULL, NULL),
	('Feedback', 'feedback', 8, 'reply_rate', 'Replies to e-mails', 'E-mails sent in the period that were answered, each once.', 'e-mails answered ÷ e-mails sent', 'rate', 'higher', 0.15, NULL, 0.1, NULL),
	('Feedback', 'feedback', 9, 'released', 'Given back', 'Times that a rep gave a lead back.', 'events pql_released', 'count', 'none', NULL, NULL, NULL, NULL),
	('Feedback', 'feedback', 10, 'reopened', 'Reopened', 'Leads that showed something new after they had been closed.', 'events lead_reopened', 'count', 'none', NULL, NULL, NULL, NULL),
	('Feedback', 'feedback', 11, 'unsupported', 'Unsupported', 'Times that corrected data took a lead''s support away.', 'events support_lost', 'count', 'none', NULL, NULL, NULL, NULL),

	('Cohort funnel', 'funnel', 1, 'signup', 'Signed up', 'Mature trials, by the week in which they started; of accounts the first.', 'all', 'rate', 'none', NULL, NULL, NULL, NULL),
	('Cohort funnel', 'funnel', 2, 'activated', 'Activated', 'Of these, those that met a signal with the stage activated.', 'with activated_at ÷ signed up', 'rate', 'none', NULL, NULL, NULL, NULL),
	('Cohort funnel', 'funnel', 3, 'sustained', 'Sustained', 'Of these, those that met a signal with the stage sustained.', 'with sustained_at ÷ signed up', 'rate', 'none', NULL, NULL, NULL, NULL),
	('Cohort funnel', 'funnel', 4, 'qualified', 'Qualified', 'Of these, those that became a lead.', 'leads ÷ signed up', 'rate', 'none', NULL, NULL, NULL, NULL),
	('Cohort funnel', 'funnel', 5, 'contacted', 'Contacted', 'Of these, those whose person has been written to or called.', 'with contacted_at ÷ signed up', 'rate', 'none', NULL, NULL, NULL, NULL),
	('Cohort funnel', 'funnel', 6, 'meeting', 'Meeting', 'Of these, those that agreed to meet.', 'with meeting_at ÷ signed up', 'rate', 'none', NULL, NULL, NULL, NULL),
	('Cohort funnel', 'funnel', 7, 'paid', 'Paid', 'Of these, those that were paid for, with sales or without.', 'converted ÷ signed up', 'rate', 'none', NULL, NULL, NULL, NULL),
	('Cohort funnel', 'funnel', 8, 'open', 'Open', 'Trials that are not mature yet, and count in no stage.', 'the others', 'count', 'none', NULL, NULL, NULL, NULL);

CREATE TYPE pql.counted AS (grain text, period date, last_day date, member text, metric text, value float8, numerator float8, denominator float8, low float8, high float8, scale float8, target float8);
COMMENT ON TYPE pql.counted IS 'A metric as it was counted. last_day: of the period. value NULL: numerator ÷ denominator, or of counts and money the numerator. low, high: an interval that is not that of a rate. scale: what the catalogue''s target is to be multiplied by (NULL: it has none here). target: instead of the catalogue''s.';

CREATE FUNCTION pql.metric_status(direction text, value float8, low float8, high float8, target float8, target_high float8, minimum float8, breach float8, complete boolean) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT CASE
		WHEN value IS NULL THEN 'no_data'
		WHEN direction = 'none' OR coalesce(target, target_high, minimum, breach) IS NULL THEN 'ok'
		WHEN low <= coalesce(minimum, target, breach) AND high >= coalesce(minimum, target, breach) THEN 'inconclusive'
		WHEN direction = 'range' THEN CASE WHEN value > breach THEN 'breach' WHEN value < target AND NOT complete THEN 'inconclusive' WHEN value < target OR value > target_high THEN 'warn' ELSE 'ok' END
		WHEN CASE direction WHEN 'higher' THEN value < coalesce(breach, minimum) ELSE value > coalesce(breach, minimum) END THEN 'breach'
		WHEN CASE direction WHEN 'higher' THEN value < target ELSE value > target OR value = target AND target > 0 END THEN 'warn'
		ELSE 'ok' END;
END;
COMMENT ON FUNCTION pql.metric_status(text, float8, float8, float8, float8, float8, float8, float8, boolean) IS 'How a number stands to its levels: no_data (there is none), inconclusive (the 95 % interval holds the minimum, or else the target; or the period is not over and the number may still grow into its range), breach (beyond that level; where there is none, beyond the minimum), warn (short of the target), ok.';

CREATE FUNCTION pql.reporting() RETURNS TABLE (model text, timezone text, since timestamptz)
LANGUAGE sql STABLE ROWS 1
BEGIN ATOMIC
	SELECT m.model, coalesce(m.document ->> 'timezone', 'UTC'), o.since
	FROM pql.active_model m
	CROSS JOIN LATERAL pql.model_info(m.document) i
	LEFT JOIN pql.routing r ON r.model = m.model AND r.role = 'leads'
	LEFT JOIN pql.routed_model o ON o.model = m.model
	WHERE m.document ->> 'unit' = 'user'
	ORDER BY r.model IS NOT NULL DESC, o.since DESC NULLS LAST, i.per_trial DESC, m.model = 'trial' DESC, m.model LIMIT 1;
END;
COMMENT ON FUNCTION pql.reporting() IS 'The model whose trials cohorts are made of, and in whose timezone periods begin: the one that routes leads; else the one that did last; else an active one over trials. since: when its routing was started first.';

CREATE FUNCTION pql.pipeline_models() RETURNS text[]
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT coalesce((SELECT array_agg(r.model) FROM pql.routed_model r), ARRAY(SELECT DISTINCT v.model FROM pql.model_version v));
END;
COMMENT ON FUNCTION pql.pipeline_models() IS 'Models whose leads count: those that route, or have routed; all while none has.';

CREATE FUNCTION pql.member_of(by text, tier text, rep text, segment text, model text, channel text, template text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT CASE WHEN by IS NULL THEN '' ELSE coalesce(CASE by WHEN 'tier' THEN tier WHEN 'rep' THEN rep WHEN 'segment' THEN segment WHEN 'model' THEN model WHEN 'channel' THEN channel WHEN 'variant' THEN template END, 'none') END;
END;
COMMENT ON FUNCTION pql.member_of(text, text, text, text, text, text, text) IS 'Which row of a dashboard by tier, rep, segment, model, channel or variant (the latter two of the first touch) a lead counts to; none: it has no such. by NULL: all to one without a name.';

CREATE FUNCTION pql.check_dimension(by text, known text[]) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF by <> ALL (known) THEN
		RAISE EXCEPTION 'this dashboard cannot be split by "%"', by
			USING ERRCODE = 'invalid_parameter_value', HINT = format('Split it by %s, or leave it out.', array_to_string(known, ', '));
	END IF;
	RETURN by;
END
$$;
COMMENT ON FUNCTION pql.check_dimension(text, text[]) IS 'What a dashboard is split by, if it can be; else an ERROR. NULL: not at all.';

CREATE FUNCTION pql.period_of(grain text, day date) RETURNS date
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT CASE grain WHEN 'day' THEN day WHEN 'week' THEN day - (((day - date '2001-01-01') % 7) + 7) % 7 WHEN 'month' THEN date_trunc('month', day::timestamp)::date END;
END;
COMMENT ON FUNCTION pql.period_of(text, date) IS 'The first day of the day, week or month that a day is in.';

CREATE FUNCTION pql.last_day_of(grain text, period date) RETURNS date
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT CASE grain WHEN 'day' THEN period WHEN 'week' THEN period + 6 WHEN 'month' THEN (period::timestamp + interval '1 month')::date - 1 END;
END;
COMMENT ON FUNCTION pql.last_day_of(text, date) IS 'The last day of the day, week or month that begins on a day.';

CREATE FUNCTION pql.is_weekday(day date) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT (((day - date '2001-01-01') % 7) + 7) % 7 < 5;
END;
COMMENT ON FUNCTION pql.is_weekday(date) IS 'Is it a Monday, Tuesday, Wednesday, Thursday or Friday?';

CREATE FUNCTION pql.shown_from(day date, today date) RETURNS date
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT CASE WHEN day < today - 1827 THEN today - 1827 ELSE day END;
END;
COMMENT ON FUNCTION pql.shown_from(date, date) IS 'The day, but at most five years back. NULL of NULL.';

CREATE FUNCTION pql.first_day_shown(as_of timestamptz, timezone text) RETURNS date
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT pql.period_of('week', pql.shown_from(pql.local_date(min(e.occurred_at), timezone), pql.local_date(as_of, timezone))) FROM pql.lead_event e WHERE e.event = 'pql_triggered';
END;
COMMENT ON FUNCTION pql.first_day_shown(timestamptz, text) IS 'The Monday from which dashboards count: of the week of the first lead, at most five years back. NULL: there are no leads.';

CREATE FUNCTION pql.is_mature(started_at timestamptz, ends_at timestamptz, as_of timestamptz) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	-- a week for payments; where a trial has no end, three weeks in all
	SELECT coalesce(ends_at, started_at + '336 hours') <= as_of - '168 hours'::interval;
END;
COMMENT ON FUNCTION pql.is_mature(timestamptz, timestamptz, timestamptz) IS 'Have the trial''s end and the seven days after it passed? Of who has no trial: 21 days since the start.';

CREATE FUNCTION pql.baseline(of_model text, as_of timestamptz) RETURNS float8
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT coalesce((
		SELECT coalesce(p.baseline, (
			SELECT nullif(avg((s.converted_at <= as_of IS TRUE)::int), 0)::float8 FROM pql.score s
			-- looked up by day
			WHERE s.model = of_model AND s.started_on >= pql.local_date(p.started_at, 'UTC') - 1 AND s.started_on <= pql.local_date(p.started_at, 'UTC') + 15
				AND s.started_at >= p.started_at AND s.started_at < p.started_at + '336 hours'::interval AND pql.is_mature(s.started_at, s.ends_at, as_of)
				AND NOT EXISTS (SELECT FROM pql.lead l WHERE l.user_id = s.user_id AND l.model = s.model AND l.started_at = s.started_at AND l.routed_at <= as_of)))
		FROM pql.pilot p WHERE p.model = of_model AND p.started_at <= as_of ORDER BY p.started_at DESC LIMIT 1), 0.08);
END;
COMMENT ON FUNCTION pql.baseline(text, timestamptz) IS 'Trial to paid without sales, against which lift is told: that of the latest pilot, or else of the mature trials of its first two weeks that were not routed; where nothing is known, an assumed 8 %.';

CREATE FUNCTION pql.check_instant(as_of timestamptz) RETURNS timestamptz
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF as_of IS NULL OR NOT isfinite(as_of) THEN
		RAISE EXCEPTION 'as_of is no instant' USING ERRCODE = 'invalid_parameter_value', HINT = 'Leave it out for now, or write ''2026-10-01''.';
	END IF;
	RETURN as_of;
END
$$;
COMMENT ON FUNCTION pql.check_instant(timestamptz) IS 'The instant; NULL and infinite ones are an ERROR.';

CREATE FUNCTION pql.check_subject(subject text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF subject IS NULL OR subject NOT IN ('user', 'account') THEN
		RAISE EXCEPTION 'a funnel of "%" there is not', subject
			USING ERRCODE = 'invalid_parameter_value', HINT = 'It is of ''user'' or of ''account''.';
	END IF;
	RETURN subject;
END
$$;
COMMENT ON FUNCTION pql.check_subject(text) IS 'user or account; what else there is is an ERROR.';

CREATE FUNCTION pql.first_week(of_model text, today date) RETURNS date
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT pql.period_of('week', pql.shown_from(min(s.started_on), today)) FROM pql.score s WHERE s.model = of_model;
END;
COMMENT ON FUNCTION pql.first_week(text, date) IS 'The week of the first trial of a model, at most five years back. NULL: there are none.';
