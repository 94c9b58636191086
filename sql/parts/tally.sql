-- Tallies: numbers by day, many in one pass (src/tally.c).

CREATE FUNCTION pql.tally_add(state internal, day date, amount float8, first_day date, last_day date) RETURNS internal
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pql_tally_add';
COMMENT ON FUNCTION pql.tally_add(internal, date, float8, date, date) IS 'Transition of pql.tally.';
CREATE FUNCTION pql.tally_sums(state internal) RETURNS float8[]
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pql_tally_sums';
COMMENT ON FUNCTION pql.tally_sums(internal) IS 'Result of pql.tally.';
CREATE FUNCTION pql.tally_combine(state internal, other internal) RETURNS internal
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pql_tally_combine';
COMMENT ON FUNCTION pql.tally_combine(internal, internal) IS 'Two states of pql.tally in one.';
CREATE FUNCTION pql.tally_serialize(state internal) RETURNS bytea
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pql_tally_serialize';
COMMENT ON FUNCTION pql.tally_serialize(internal) IS 'A state of pql.tally for another process.';
CREATE FUNCTION pql.tally_deserialize(bytes bytea, state internal) RETURNS internal
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pql_tally_deserialize';
COMMENT ON FUNCTION pql.tally_deserialize(bytea, internal) IS 'A state of pql.tally from another process.';
CREATE AGGREGATE pql.tally(day date, amount float8, first_day date, last_day date) (SFUNC = pql.tally_add, STYPE = internal, FINALFUNC = pql.tally_sums,
	COMBINEFUNC = pql.tally_combine, SERIALFUNC = pql.tally_serialize, DESERIALFUNC = pql.tally_deserialize, PARALLEL = SAFE);
COMMENT ON AGGREGATE pql.tally(date, float8, date, date) IS 'Sums of amounts by day: element 1 is for all days before the first, the others for the days from the first to the last; 0 where there is nothing. Later days, and NULLs, count nowhere. first_day and last_day are the same for all rows, and at most 100,000 days apart. No rows: NULL.';

CREATE FUNCTION pql.tally_keep(state internal, day date, amount float8, first_day date, last_day date) RETURNS internal
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pql_tally_keep';
COMMENT ON FUNCTION pql.tally_keep(internal, date, float8, date, date) IS 'Transition of pql.tally_median.';
CREATE FUNCTION pql.tally_medians(state internal) RETURNS float8[]
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pql_tally_medians';
COMMENT ON FUNCTION pql.tally_medians(internal) IS 'Result of pql.tally_median.';
CREATE FUNCTION pql.tally_median_combine(state internal, other internal) RETURNS internal
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pql_tally_median_combine';
COMMENT ON FUNCTION pql.tally_median_combine(internal, internal) IS 'Two states of pql.tally_median in one.';
CREATE FUNCTION pql.tally_median_serialize(state internal) RETURNS bytea
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pql_tally_median_serialize';
COMMENT ON FUNCTION pql.tally_median_serialize(internal) IS 'A state of pql.tally_median for another process.';
CREATE FUNCTION pql.tally_median_deserialize(bytes bytea, state internal) RETURNS internal
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pql_tally_median_deserialize';
COMMENT ON FUNCTION pql.tally_median_deserialize(bytea, internal) IS 'A state of pql.tally_median from another process.';
CREATE AGGREGATE pql.tally_median(day date, amount float8, first_day date, last_day date) (SFUNC = pql.tally_keep, STYPE = internal, FINALFUNC = pql.tally_medians,
	COMBINEFUNC = pql.tally_median_combine, SERIALFUNC = pql.tally_median_serialize, DESERIALFUNC = pql.tally_median_deserialize, PARALLEL = SAFE);
COMMENT ON AGGREGATE pql.tally_median(date, float8, date, date) IS 'The same of medians, as percentile_cont(0.5) has them; NULL where there is nothing, and for the days before the first.';
