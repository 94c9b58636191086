-- Evidence: sufficient statistics of one subject's events.

CREATE TYPE pql.evidence;

CREATE FUNCTION pql.evidence_in(cstring) RETURNS pql.evidence
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pql_evidence_in';
COMMENT ON FUNCTION pql.evidence_in(cstring) IS 'Text input: \x and hexadecimal digits. Anything that pql.gather could not have made is an ERROR.';
CREATE FUNCTION pql.evidence_out(pql.evidence) RETURNS cstring
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pql_evidence_out';
COMMENT ON FUNCTION pql.evidence_out(pql.evidence) IS 'Text output: \x and hexadecimal digits.';
CREATE FUNCTION pql.evidence_recv(internal) RETURNS pql.evidence
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pql_evidence_recv';
COMMENT ON FUNCTION pql.evidence_recv(internal) IS 'Binary input, checked like text.';
CREATE FUNCTION pql.evidence_send(pql.evidence) RETURNS bytea
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pql_evidence_send';
COMMENT ON FUNCTION pql.evidence_send(pql.evidence) IS 'Binary output: network byte order, the same on every machine.';

CREATE TYPE pql.evidence (
	INPUT = pql.evidence_in,
	OUTPUT = pql.evidence_out,
	RECEIVE = pql.evidence_recv,
	SEND = pql.evidence_send,
	INTERNALLENGTH = VARIABLE,
	STORAGE = extended
);
COMMENT ON TYPE pql.evidence IS 'Sufficient statistics of one subject''s events for one model''s layout: bounded, mergeable in any order, equal to the byte when the events are the same.';

CREATE FUNCTION pql.evidence_merge(pql.evidence, pql.evidence) RETURNS pql.evidence
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pql_evidence_merge_sql';
COMMENT ON FUNCTION pql.evidence_merge(pql.evidence, pql.evidence) IS 'Evidence of both sets of events. Different layouts or different starts are an ERROR.';
CREATE FUNCTION pql.evidence_eq(pql.evidence, pql.evidence) RETURNS boolean
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pql_evidence_eq';
COMMENT ON FUNCTION pql.evidence_eq(pql.evidence, pql.evidence) IS 'The same to the byte.';
CREATE FUNCTION pql.evidence_hash(pql.evidence) RETURNS int
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pql_evidence_hash';
COMMENT ON FUNCTION pql.evidence_hash(pql.evidence) IS 'For hash joins, DISTINCT and EXCEPT.';
CREATE FUNCTION pql.evidence_fits(evidence pql.evidence, model jsonb) RETURNS boolean
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pql_evidence_fits';
COMMENT ON FUNCTION pql.evidence_fits(pql.evidence, jsonb) IS 'Is it of the layout that the model keeps? Other weights are the same layout, other events or windows are not.';
CREATE FUNCTION pql.evidence_ignored(pql.evidence) RETURNS bigint
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pql_evidence_ignored';
COMMENT ON FUNCTION pql.evidence_ignored(pql.evidence) IS 'Rows that were ignored: without event, or without a finite time of the years 1 to 9999.';
CREATE FUNCTION pql.evidence_horizon(pql.evidence) RETURNS timestamptz
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pql_evidence_horizon';
COMMENT ON FUNCTION pql.evidence_horizon(pql.evidence) IS 'The latest instant of an event that counted: no verdict can be given as of an earlier one. NULL: no event counted.';

-- In pg_catalog, so that they are found whatever the search_path: || and =, DISTINCT and EXCEPT just work.
CREATE OPERATOR pg_catalog.|| (LEFTARG = pql.evidence, RIGHTARG = pql.evidence, FUNCTION = pql.evidence_merge, COMMUTATOR = OPERATOR(pg_catalog.||));
COMMENT ON OPERATOR pg_catalog.|| (pql.evidence, pql.evidence) IS 'merge';
CREATE OPERATOR pg_catalog.= (LEFTARG = pql.evidence, RIGHTARG = pql.evidence, FUNCTION = pql.evidence_eq, COMMUTATOR = OPERATOR(pg_catalog.=), RESTRICT = eqsel, JOIN = eqjoinsel, HASHES);
COMMENT ON OPERATOR pg_catalog.= (pql.evidence, pql.evidence) IS 'the same to the byte';
CREATE OPERATOR CLASS pql.evidence_ops DEFAULT FOR TYPE pql.evidence USING hash AS
	OPERATOR 1 pg_catalog.= (pql.evidence, pql.evidence), FUNCTION 1 pql.evidence_hash(pql.evidence);

CREATE FUNCTION pql.gather_add(internal, model jsonb, occurred_at timestamptz, event text, properties jsonb, started_at timestamptz) RETURNS internal
LANGUAGE c IMMUTABLE PARALLEL SAFE COST 10 AS 'MODULE_PATHNAME', 'pql_gather_add';
COMMENT ON FUNCTION pql.gather_add(internal, jsonb, timestamptz, text, jsonb, timestamptz) IS 'Transition of pql.gather.';
CREATE FUNCTION pql.gather_combine(internal, internal) RETURNS internal
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pql_gather_combine';
COMMENT ON FUNCTION pql.gather_combine(internal, internal) IS 'Combines workers'' states of pql.gather.';
CREATE FUNCTION pql.gather_serialize(internal) RETURNS bytea
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pql_gather_serialize';
COMMENT ON FUNCTION pql.gather_serialize(internal) IS 'A worker''s state of pql.gather as bytes.';
CREATE FUNCTION pql.gather_deserialize(bytea, internal) RETURNS internal
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pql_gather_deserialize';
COMMENT ON FUNCTION pql.gather_deserialize(bytea, internal) IS 'Back from bytes, checked.';
CREATE FUNCTION pql.gather_final(internal) RETURNS pql.evidence
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pql_gather_final';
COMMENT ON FUNCTION pql.gather_final(internal) IS 'The result of pql.gather.';

CREATE AGGREGATE pql.gather(model jsonb, occurred_at timestamptz, event text, properties jsonb, started_at timestamptz) (
	SFUNC = pql.gather_add,
	STYPE = internal,
	SSPACE = 384,
	FINALFUNC = pql.gather_final,
	COMBINEFUNC = pql.gather_combine,
	SERIALFUNC = pql.gather_serialize,
	DESERIALFUNC = pql.gather_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE pql.gather(jsonb, timestamptz, text, jsonb, timestamptz) IS 'Evidence of a subject''s events for a model. Events before started_at do not count; started_at NULL: a subject whose start is not known. Rows without event or usable time are ignored and counted; unknown events are ignored. No rows: NULL. Group by subject and start; pass only occurred_at <= as_of.';

CREATE AGGREGATE pql.merge(pql.evidence) (
	SFUNC = pql.evidence_merge,
	STYPE = pql.evidence,
	COMBINEFUNC = pql.evidence_merge,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE pql.merge(pql.evidence) IS 'Merges evidence gathered from parts of one subject''s events, in any order. NULLs are passed over; none: NULL.';
