-- Verdicts: what a model says of one subject at one instant.

CREATE TYPE pql.verdict AS (
	status text,
	score int,
	potential int,
	tier text,
	signals text[],
	exclusions text[],
	qualified_at timestamptz,
	next_change_at timestamptz,
	explanation jsonb
);
COMMENT ON TYPE pql.verdict IS 'What a model says of one subject at one instant. Never stored as such; call functions that return it through LATERAL.';

CREATE FUNCTION pql.judge(model jsonb, evidence pql.evidence, profile jsonb, as_of timestamptz) RETURNS pql.verdict
LANGUAGE c IMMUTABLE PARALLEL SAFE COST 1000 AS 'MODULE_PATHNAME', 'pql_judge';
COMMENT ON FUNCTION pql.judge(jsonb, pql.evidence, jsonb, timestamptz) IS 'The verdict of a model on evidence and a profile {"person": {…}, "account": {…}, "trial": {"started_at", "ends_at", "converted_at"}, "lead": {…}, "history": {"account.employees": [{"value", "recorded_at"}]}, "lists": {"name": […]}}. NULL evidence: no events. NULL when model or as_of is NULL or the trial has not started. as_of before the evidence''s latest event is an ERROR.';

CREATE FUNCTION pql.judge_brief(model jsonb, evidence pql.evidence, profile jsonb, as_of timestamptz) RETURNS pql.verdict
LANGUAGE c IMMUTABLE PARALLEL SAFE COST 300 AS 'MODULE_PATHNAME', 'pql_judge_brief';
COMMENT ON FUNCTION pql.judge_brief(jsonb, pql.evidence, jsonb, timestamptz) IS 'pql.judge without the explanation, which costs more than everything else together.';

CREATE FUNCTION pql.judge_live(model jsonb, evidence pql.evidence, profile jsonb, as_of timestamptz) RETURNS pql.verdict
LANGUAGE c IMMUTABLE PARALLEL SAFE COST 1000 AS 'MODULE_PATHNAME', 'pql_judge_live';
COMMENT ON FUNCTION pql.judge_live(jsonb, pql.evidence, jsonb, timestamptz) IS 'pql.judge, explained with numbers that drift with as_of as well, such as days of silence.';

CREATE FUNCTION pql.signal_series(model jsonb, evidence pql.evidence, signal text, as_of timestamptz) RETURNS float8[]
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pql_signal_series';
COMMENT ON FUNCTION pql.signal_series(jsonb, pql.evidence, text, timestamptz) IS 'The number of a signal''s measure as of an instant, as its only element; of weeks_rising and weeks_falling the events in each complete week that is kept, the last one first. NULL: there is none, or the signal measures no events. A signal that there is not is an ERROR.';
