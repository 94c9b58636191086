-- State: what is kept from one refresh to the next, what has changed since, and what came of it.
--
-- user_id leads every key of what is kept per user, so that all of it can be distributed by user.

-- Models of accounts (accounts.sql) keep theirs in the same tables.

CREATE FUNCTION pql.account_key(account_id text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
	SELECT 'account:' || account_id;
END;
COMMENT ON FUNCTION pql.account_key(text) IS 'How an account stands in tables that are kept by user: as user_id of pql.score, pql.score_history, pql.lead and pql.lead_event, of account models.';

CREATE FUNCTION pql.is_account_key(user_id text) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
	SELECT user_id ^@ 'account:';
END;
COMMENT ON FUNCTION pql.is_account_key(text) IS 'Is it an account that stands there?';

CREATE FUNCTION pql.members_model(model text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
	SELECT model || '_members';
END;
COMMENT ON FUNCTION pql.members_model(text) IS 'The model of users beside a model of accounts.';

CREATE TABLE pql.change (
	user_id text,
	since timestamptz NOT NULL,
	until timestamptz NOT NULL DEFAULT 'infinity',
	backfill boolean NOT NULL DEFAULT false,
	due_at timestamptz NOT NULL DEFAULT '-infinity',
	logged_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	source text,
	waits_for text,
	reason text
)
-- rows come and go all the time: what is gone is to be swept out before indexes are full of it
WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX change_by_user ON pql.change (user_id);
CREATE INDEX change_by_time ON pql.change (due_at, logged_at);
COMMENT ON TABLE pql.change IS 'Users to be judged again by the next refresh, written with what changed and in the same transaction. Not dumped: what is restored is marked anew.';
COMMENT ON COLUMN pql.change.user_id IS 'NULL: everybody.';
COMMENT ON COLUMN pql.change.since IS 'The earliest of the events that came. -infinity: some went or changed, so that all are read again; infinity: no event did.';
COMMENT ON COLUMN pql.change.until IS 'The latest of them; infinity: it is not known whether something is still to come.';
COMMENT ON COLUMN pql.change.backfill IS 'Nothing happened to the user: a model was activated, or history was connected. Leads found so are flagged.';
COMMENT ON COLUMN pql.change.due_at IS 'Not before: an event, a trial or a fact is in the future still.';
COMMENT ON COLUMN pql.change.source IS 'Where the events are; NULL: anywhere.';
COMMENT ON COLUMN pql.change.waits_for IS 'A source without which the user could not be judged, and which could not be read.';

CREATE TABLE pql.ignored (
	source text NOT NULL,
	reason text NOT NULL,
	rows bigint NOT NULL
);
COMMENT ON TABLE pql.ignored IS 'Rows loaded that can never count, until the next refresh puts them into its report. Not dumped.';
COMMENT ON COLUMN pql.ignored.reason IS 'As in pql.ignored_rows.';

CREATE TABLE pql.state (
	user_id text NOT NULL,
	model text NOT NULL,
	started_at timestamptz NOT NULL,
	evidence pql.evidence,
	seen_until timestamptz NOT NULL,
	rev int NOT NULL DEFAULT 1,
	PRIMARY KEY (user_id, model, started_at)
)
-- a row that changes stays on its page
WITH (fillfactor = 80);
COMMENT ON TABLE pql.state IS 'Evidence of every subject, so that what follows is judged without reading the events before. Not dumped: a row that is missing is made from the events.';
COMMENT ON COLUMN pql.state.started_at IS '-infinity: the start is not known.';
COMMENT ON COLUMN pql.state.evidence IS 'NULL: no events.';
COMMENT ON COLUMN pql.state.seen_until IS 'Of what comes, events later than this are not in the evidence yet. -infinity: there are none in it.';

CREATE TABLE pql.score (
	user_id text NOT NULL,
	model text NOT NULL,
	started_at timestamptz NOT NULL,
	started_on date,
	ends_at timestamptz,
	converted_at timestamptz,
	activated_at timestamptz,
	sustained_at timestamptz,
	version int NOT NULL,
	account_id text,
	status text NOT NULL,
	score int NOT NULL,
	potential int NOT NULL,
	tier text,
	signals text[] NOT NULL,
	exclusions text[] NOT NULL,
	qualified_at timestamptz,
	next_change_at timestamptz,
	changed_at timestamptz NOT NULL,
	PRIMARY KEY (user_id, model, started_at)
);
-- by the day first: who looks up a user is not to be led here by the model
CREATE INDEX score_by_start ON pql.score (started_on, model);
CREATE INDEX score_by_next_change ON pql.score (next_change_at) WHERE next_change_at IS NOT NULL;
CREATE INDEX score_by_account ON pql.score (account_id, model) WHERE account_id IS NOT NULL;
COMMENT ON TABLE pql.score IS 'The verdict on every subject as of the last refresh. A row is written only when it differs.';
COMMENT ON COLUMN pql.score.user_id IS 'Of account models account: and the account''s id (pql.account_key), as in pql.score_history, pql.lead and pql.lead_event.';
COMMENT ON COLUMN pql.score.started_at IS '-infinity: the start is not known.';
COMMENT ON COLUMN pql.score.started_on IS 'Its local date, in the model''s timezone.';
COMMENT ON COLUMN pql.score.ends_at IS 'When the trial ends: as it says, else 14 local days after the start. NULL: it has none.';
COMMENT ON COLUMN pql.score.converted_at IS 'When it was paid for.';
COMMENT ON COLUMN pql.score.activated_at IS 'When a signal with the stage activated was first met; sustained_at: one with the stage sustained.';
COMMENT ON COLUMN pql.score.version IS 'Of the model, when the row was written last.';
COMMENT ON COLUMN pql.score.next_change_at IS 'When the verdict may differ though nothing happens: refresh judges it again then.';
COMMENT ON COLUMN pql.score.changed_at IS 'as_of of the refresh that found what a person would see of the verdict changed.';

CREATE TABLE pql.score_history (
	user_id text NOT NULL,
	model text NOT NULL,
	started_at timestamptz NOT NULL,
	changed_at timestamptz NOT NULL,
	version int NOT NULL,
	status text NOT NULL,
	score int NOT NULL,
	potential int NOT NULL,
	tier text,
	signals text[] NOT NULL,
	exclusions text[] NOT NULL,
	qualified_at timestamptz
);
CREATE INDEX score_history_by_user ON pql.score_history (user_id, model, started_at, changed_at);
COMMENT ON TABLE pql.score_history IS 'Every verdict that a refresh found changed, as of when.';

CREATE TABLE pql.lead (
	user_id text NOT NULL,
	lead_id bigint GENERATED BY DEFAULT AS IDENTITY,
	model text NOT NULL,
	started_at timestamptz NOT NULL,
	number int NOT NULL DEFAULT 1,
	account_id text,
	version int NOT NULL,
	status text NOT NULL,
	state text NOT NULL DEFAULT 'not_routed'
		CHECK (state IN ('not_routed', 'control', 'queued', 'assigned', 'claimed', 'contacted', 'meeting', 'closed')),
	score int NOT NULL,
	tier text,
	triggered_at timestamptz NOT NULL,
	qualified_at timestamptz,
	late boolean NOT NULL,
	backfilled boolean NOT NULL,
	unsupported_at timestamptz,
	explanation jsonb,
	trial_ends_at timestamptz,
	trial_converted_at timestamptz,
	signals text[] NOT NULL DEFAULT '{}',
	segment text,
	reason text,
	flags text[] NOT NULL DEFAULT '{}',
	queued_until timestamptz,
	waits_for text,
	rep text,
	counts_on date,
	assigned_at timestamptz,
	clock_started_at timestamptz,
	first_touch_due_at timestamptz,
	escalations text[] NOT NULL DEFAULT '{}',
	claimed_at timestamptz,
	touches int NOT NULL DEFAULT 0,
	first_touched_at timestamptz,
	last_touched_at timestamptz,
	replied_at timestamptz,
	met_at timestamptz,
	stopped_at timestamptz,
	stop_reason text,
	disposition text,
	disposition_reason text,
	converted_at timestamptz,
	reopened_at timestamptz,
	closed_at timestamptz,
	next_at timestamptz,
	-- what has come of it, once and for all: what a new sequence does not begin anew
	queued_at timestamptz,
	dequeued_at timestamptz,
	routed_at timestamptz,
	trigger_due_at timestamptz,
	sla_due_at timestamptz,
	taken_at timestamptz,
	contacted_at timestamptz,
	contact_hours float8,
	channel text,
	template text,
	touches_ever int NOT NULL DEFAULT 0,
	emails int NOT NULL DEFAULT 0,
	email_replies int NOT NULL DEFAULT 0,
	answered_at timestamptz,
	declined_at timestamptz,
	complained_at timestamptz,
	meeting_at timestamptz,
	amount float8,
	disposed_at timestamptz,
	accepted_at timestamptz,
	engaged_at timestamptz,
	disqualified_at timestamptz,
	ended_at timestamptz,
	returned_at timestamptz,
	mrr float8,
	conversion_source text,
	conversion_touches int,
	PRIMARY KEY (user_id, lead_id),
	UNIQUE (user_id, model, started_at, number)
);
-- kept apart, for a lead changes often and its explanation never
ALTER TABLE pql.lead ALTER COLUMN explanation SET STORAGE EXTERNAL;
CREATE UNIQUE INDEX lead_by_id ON pql.lead (lead_id);
CREATE INDEX lead_by_next ON pql.lead (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX lead_by_rep ON pql.lead (rep, counts_on);
CREATE INDEX lead_queued ON pql.lead (lead_id) WHERE state = 'queued';
CREATE INDEX lead_at_work ON pql.lead (rep) WHERE state IN ('assigned', 'claimed', 'contacted', 'meeting');
CREATE INDEX lead_returned ON pql.lead (returned_at) WHERE returned_at IS NOT NULL;
CREATE INDEX lead_by_account ON pql.lead (account_id) WHERE account_id IS NOT NULL;
COMMENT ON TABLE pql.lead IS 'One row each time a subject qualifies: one a trial, of other models numbered. What is here stays, whatever the verdict becomes.';
COMMENT ON COLUMN pql.lead.status IS 'The verdict''s, when it was triggered.';
COMMENT ON COLUMN pql.lead.state IS 'What has been done about it. not_routed: no model routes leads.';
COMMENT ON COLUMN pql.lead.triggered_at IS 'as_of of the refresh that found it.';
COMMENT ON COLUMN pql.lead.qualified_at IS 'When the rule first held; NULL where the model cannot tell.';
COMMENT ON COLUMN pql.lead.late IS 'The trial was over, or paid for, when it was found.';
COMMENT ON COLUMN pql.lead.backfilled IS 'Found by going through history, or by the first refresh of all and late; no part of the pipeline''s volume.';
COMMENT ON COLUMN pql.lead.unsupported_at IS 'As of when data corrected since do not support it any more; NULL: they do.';
COMMENT ON COLUMN pql.lead.explanation IS 'Why, as of triggered_at.';
COMMENT ON COLUMN pql.lead.trial_ends_at IS 'When its trial ends; NULL: it has none.';
COMMENT ON COLUMN pql.lead.trial_converted_at IS 'When its trial was paid for, as pql.score has it; converted_at is when that was noted of the lead.';
COMMENT ON COLUMN pql.lead.signals IS 'Signals met when it was triggered, rose in tier or was dispositioned, whichever came last.';
COMMENT ON COLUMN pql.lead.segment IS 'Of pql.segment_rule, when it was routed last.';
COMMENT ON COLUMN pql.lead.reason IS 'Why it is in its state: how it was routed, why it waits, why it is not routed, or what closed it.';
COMMENT ON COLUMN pql.lead.flags IS 'What is to be known besides: hand_raiser, outside_icp and deal_for_ae of the lead; owner_inactive, over_cap and team_empty of its assignment.';
COMMENT ON COLUMN pql.lead.queued_until IS 'When it is tried again, at the latest; NULL: not queued, or until routing is resumed.';
COMMENT ON COLUMN pql.lead.waits_for IS 'The rep whose next day it waits for; NULL: anybody of the team.';
COMMENT ON COLUMN pql.lead.rep IS 'Whose it is, or was last: pql.rep.email.';
COMMENT ON COLUMN pql.lead.counts_on IS 'The business day of the rep''s cap that it counts toward.';
COMMENT ON COLUMN pql.lead.clock_started_at IS 'From when on business time counts: assignment, or the next opening.';
COMMENT ON COLUMN pql.lead.first_touch_due_at IS 'The deadline of the first touch.';
COMMENT ON COLUMN pql.lead.escalations IS 'Which have been made: channel, manager, deadline, breach.';
COMMENT ON COLUMN pql.lead.touches IS 'Sent, of the sequence that runs.';
COMMENT ON COLUMN pql.lead.met_at IS 'When the meeting is, or was recorded.';
COMMENT ON COLUMN pql.lead.stopped_at IS 'Since when there is nothing more to send.';
COMMENT ON COLUMN pql.lead.reopened_at IS 'When a new sequence began, last.';
COMMENT ON COLUMN pql.lead.next_at IS 'When refresh has something to do about it though nothing happens; NULL: never.';
COMMENT ON COLUMN pql.lead.queued_at IS 'When it was queued for its first rep; dequeued_at: when that ended, in whatever way.';
COMMENT ON COLUMN pql.lead.routed_at IS 'When a rep got it first.';
COMMENT ON COLUMN pql.lead.trigger_due_at IS 'What the deadline would be, had the clock started when it was triggered.';
COMMENT ON COLUMN pql.lead.sla_due_at IS 'The deadline of the first touch, of the first sequence.';
COMMENT ON COLUMN pql.lead.taken_at IS 'When it was claimed first, or written about.';
COMMENT ON COLUMN pql.lead.contacted_at IS 'When the first touch of all was sent; contact_hours: business hours of the rep from the trigger to it; channel, template: its own.';
COMMENT ON COLUMN pql.lead.touches_ever IS 'Of all sequences; emails: those that were e-mails; email_replies: e-mails that were answered.';
COMMENT ON COLUMN pql.lead.answered_at IS 'The first answer, whatever it was; declined_at: the first that was not_interested; complained_at: the first unsubscribe or complaint.';
COMMENT ON COLUMN pql.lead.meeting_at IS 'When a meeting was agreed first.';
COMMENT ON COLUMN pql.lead.amount IS 'What the deal may be worth, as it was said last.';
COMMENT ON COLUMN pql.lead.disposed_at IS 'The first disposition; accepted_at: the first that was meeting_set or converted; engaged_at: nurture or routed_to_cs; disqualified_at: disqualified.';
COMMENT ON COLUMN pql.lead.ended_at IS 'When it closed first.';
COMMENT ON COLUMN pql.lead.returned_at IS 'When it came back first: given back, reopened, or met after it had closed. Whose it was when is then told by the log alone.';
COMMENT ON COLUMN pql.lead.mrr IS 'Of the conversion, as are conversion_source and conversion_touches, the touches before it.';

CREATE TABLE pql.lead_event (
	user_id text NOT NULL,
	lead_id bigint NOT NULL,
	event_id bigint GENERATED BY DEFAULT AS IDENTITY,
	event text NOT NULL,
	occurred_at timestamptz NOT NULL,
	recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	details jsonb NOT NULL DEFAULT '{}',
	external_id text,
	PRIMARY KEY (user_id, lead_id, event_id)
);
CREATE INDEX lead_event_by_time ON pql.lead_event (occurred_at);
CREATE INDEX lead_event_by_kind ON pql.lead_event (event, occurred_at);
CREATE UNIQUE INDEX lead_event_once ON pql.lead_event (user_id, lead_id, external_id) WHERE external_id IS NOT NULL;
COMMENT ON TABLE pql.lead_event IS 'All that happened to leads, in order. Rows are only ever added.';
COMMENT ON COLUMN pql.lead_event.event IS 'pql_triggered, and what is done about it.';
COMMENT ON COLUMN pql.lead_event.details IS 'Of pql_triggered: model, pql_score, priority_tier, signals_met, qualified_at.';

CREATE FUNCTION pql.refuse_rewriting() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	-- of somebody who is forgotten, what happened stays, and whose it was and what was said goes
	IF TG_OP = 'UPDATE' AND OLD.user_id NOT LIKE 'forgotten:%' AND NEW.user_id LIKE 'forgotten:%'
		AND (NEW.lead_id, NEW.event_id, NEW.event, NEW.occurred_at, NEW.recorded_at) = (OLD.lead_id, OLD.event_id, OLD.event, OLD.occurred_at, OLD.recorded_at)
		AND OLD.details @> NEW.details AND NEW.external_id IS NULL THEN
		RETURN NEW;
	END IF;
	RAISE EXCEPTION 'what happened to lead % cannot be changed', OLD.lead_id
		USING ERRCODE = 'object_not_in_prerequisite_state', DETAIL = 'pql.lead_event is a log.',
			HINT = 'Record what is true now as a further row.';
END
$$;
COMMENT ON FUNCTION pql.refuse_rewriting() IS 'Trigger: pql.lead_event is only ever added to, but for pql.forget, which takes away what is personal.';
CREATE TRIGGER lead_event_is_a_log BEFORE UPDATE OR DELETE ON pql.lead_event
FOR EACH ROW EXECUTE FUNCTION pql.refuse_rewriting();

CREATE TABLE pql.run (
	run_id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
	as_of timestamptz NOT NULL,
	started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	finished_at timestamptz,
	phase text,
	pid int DEFAULT pg_backend_pid(),
	users bigint NOT NULL DEFAULT 0,
	reread bigint NOT NULL DEFAULT 0,
	changed bigint NOT NULL DEFAULT 0,
	triggered bigint NOT NULL DEFAULT 0,
	ignored jsonb,
	lag interval,
	error text
);
CREATE INDEX run_by_instant ON pql.run (as_of);
CREATE INDEX run_at_work ON pql.run (run_id) WHERE phase IS NOT NULL;
COMMENT ON TABLE pql.run IS 'Every refresh that found something to do.';
COMMENT ON COLUMN pql.run.phase IS 'While it is not finished: reading (everybody''s events) or judging.';
COMMENT ON COLUMN pql.run.pid IS 'Of the server process that does it.';
COMMENT ON COLUMN pql.run.users IS 'Users judged.';
COMMENT ON COLUMN pql.run.reread IS 'Of whom events were read again.';
COMMENT ON COLUMN pql.run.changed IS 'Verdicts that differ from before.';
COMMENT ON COLUMN pql.run.triggered IS 'Leads.';
COMMENT ON COLUMN pql.run.ignored IS 'Rows loaded since the run before that can never count: how many, by source and reason.';
COMMENT ON COLUMN pql.run.lag IS 'From the change to the verdict, the longest (backfills not counted).';
COMMENT ON COLUMN pql.run.error IS 'What ended it, if anything did; what was done by then is kept.';

COMMENT ON SEQUENCE pql.lead_lead_id_seq IS 'Ids of leads.';
COMMENT ON SEQUENCE pql.lead_event_event_id_seq IS 'Ids of what happened to leads, in order.';
COMMENT ON SEQUENCE pql.run_run_id_seq IS 'Ids of runs.';

SELECT pg_catalog.pg_extension_config_dump('pql.score', '');
SELECT pg_catalog.pg_extension_config_dump('pql.score_history', '');
SELECT pg_catalog.pg_extension_config_dump('pql.lead', '');
SELECT pg_catalog.pg_extension_config_dump('pql.lead_event', '');
SELECT pg_catalog.pg_extension_config_dump('pql.run', '');
SELECT pg_catalog.pg_extension_config_dump('pql.lead_lead_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('pql.lead_event_event_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('pql.run_run_id_seq', '');
