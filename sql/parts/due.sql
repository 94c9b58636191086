-- Is there anything for a refresh to do? Told before anything is planned for it.

CREATE FUNCTION pql.any_due(indexes regclass[], as_of timestamptz) RETURNS boolean
LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pql_any_due';
COMMENT ON FUNCTION pql.any_due(regclass[], timestamptz) IS 'Has any of these B-tree indexes, whose first column is a timestamptz, a row of as_of or before, or of no instant (which is at once)? By one look at each, without planning. Tables with row security for whoever asks count as having one. An ERROR: a table that they may not read, and what is no such index.';

CREATE FUNCTION pql.has_work(as_of timestamptz) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS $$
BEGIN
	-- Marks, verdicts whose time has come, leads, what reps have done, payments, rows for the CRM. What is seldom there is asked about by itself, for it takes
	-- longer to plan than to run.
	IF pql.any_due('{pql.change_by_time,pql.score_by_next_change,pql.lead_by_next,pql.activity_to_apply,pql.retention_due,pql.crm_contact_row_due,pql.crm_account_row_due}', as_of)
		OR pql.crm_is_due(as_of) OR pql.identities_are_due(as_of) THEN
		RETURN true;
	END IF;
	IF NOT pql.is_watched('pql.event', 'pql_events_insert') OR EXISTS (SELECT FROM pql.source s WHERE s.disconnected_at IS NULL) THEN
		IF pql.inputs_are_new() OR pql.sources_are_new() THEN
			RETURN true;
		END IF;
	END IF;
	IF EXISTS (SELECT FROM pql.pilot) THEN
		RETURN EXISTS (SELECT FROM pql.unwatched_pilots(as_of));
	END IF;
	RETURN false;
END
$$;
COMMENT ON FUNCTION pql.has_work(timestamptz) IS 'Would a refresh as of this instant (pql.check_as_of) do anything? Each part of it says what it waits for.';
