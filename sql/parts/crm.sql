-- Out to the CRM: one row per contact, account and lead, as reverse ETL wants them.
--
-- What the views show is stored, and written by refresh. A publication is all that one transaction writes: it holds a lock from
-- before it reads until it has committed, and all its rows bear one updated_at, later than that of every publication before. So
-- whoever has seen an instant has seen all that was published up to it, and a cursor on updated_at misses nothing.

CREATE TABLE pql.crm_contact_row (
	user_id text PRIMARY KEY,
	email text,
	full_name text,
	title text,
	department text,
	account_id text,
	signed_up_at timestamptz,
	signup_source text,
	trial_started_at timestamptz,
	trial_ends_at timestamptz,
	plan text,
	activated boolean,
	activated_at timestamptz,
	key_features text,
	enterprise_request boolean,
	model text,
	status text NOT NULL,
	score int,
	potential int,
	tier text,
	summary text,
	signals_met text,
	exclusions text,
	qualified_at timestamptz,
	lead_state text,
	owner_email text,
	disposition text,
	converted_at timestamptz,
	conversion_source text,
	mrr float8,
	last_active_on date,
	contactable boolean NOT NULL,
	not_contactable_reason text,
	updated_at timestamptz NOT NULL,
	met boolean[],
	due_at timestamptz
)
-- a row that changes stays on its page
WITH (fillfactor = 80);
CREATE INDEX crm_contact_row_by_update ON pql.crm_contact_row (updated_at);
CREATE INDEX crm_contact_row_by_account ON pql.crm_contact_row (account_id) WHERE account_id IS NOT NULL;
CREATE INDEX crm_contact_row_due ON pql.crm_contact_row (due_at) WHERE due_at IS NOT NULL;
COMMENT ON TABLE pql.crm_contact_row IS 'What pql.crm_contact shows: one row for each user ever known. Written by refresh where it differs; rows stay.';
COMMENT ON COLUMN pql.crm_contact_row.updated_at IS 'Of the publication that changed something of the row that is synced.';
COMMENT ON COLUMN pql.crm_contact_row.met IS 'Signals met, at the positions of pql.crm_column; without NULLs at its end. NULL: nothing is told of any.';
COMMENT ON COLUMN pql.crm_contact_row.due_at IS 'When it may differ though nothing happens: a suppression begins or ends.';
COMMENT ON COLUMN pql.crm_contact_row.status IS 'The verdict''s: converted, qualified, expired, excluded, hold, monitor, gated, below; or opted_out, suppressed, unscored (no model judges the user), merged (the row of the same person under another id counts), deleted (the person is in no table any more), forgotten.';

CREATE TABLE pql.crm_account_row (
	account_id text PRIMARY KEY,
	name text,
	domain text,
	employees int,
	industry text,
	crm_owner text,
	kind text,
	status text NOT NULL,
	users int NOT NULL,
	active_users_28d int NOT NULL,
	usage_28d int NOT NULL,
	departments int NOT NULL,
	growth_28d float8,
	enterprise_requests int NOT NULL,
	ready_users int NOT NULL,
	converted_users int NOT NULL,
	last_active_on date,
	model text,
	pqa_status text,
	pqa_score int,
	pqa_tier text,
	signals_met text,
	qualified_at timestamptz,
	updated_at timestamptz NOT NULL,
	met boolean[],
	due_at timestamptz
)
WITH (fillfactor = 80);
CREATE INDEX crm_account_row_by_update ON pql.crm_account_row (updated_at);
CREATE INDEX crm_account_row_due ON pql.crm_account_row (due_at) WHERE due_at IS NOT NULL;
COMMENT ON TABLE pql.crm_account_row IS 'What pql.crm_account shows: one row for each account ever known. Written by refresh where it differs; rows stay.';
COMMENT ON COLUMN pql.crm_account_row.updated_at IS 'As in pql.crm_contact_row.';
COMMENT ON COLUMN pql.crm_account_row.met IS 'As in pql.crm_contact_row.';
COMMENT ON COLUMN pql.crm_account_row.due_at IS 'When it may differ though nothing happens: a member''s first 28 days are over.';
COMMENT ON COLUMN pql.crm_account_row.status IS 'active, or deleted: it is in no table any more, and has no members.';

CREATE TABLE pql.crm_task_row (
	task_id text PRIMARY KEY,
	user_id text,
	account_id text,
	subject text NOT NULL,
	description text,
	status text NOT NULL,
	reason text,
	outcome text,
	outcome_reason text,
	priority text,
	score int,
	model text NOT NULL,
	owner_email text,
	owner_crm_id text,
	opened_at timestamptz,
	due_at timestamptz,
	assigned_at timestamptz,
	claimed_at timestamptz,
	first_touched_at timestamptz,
	last_touched_at timestamptz,
	touches int NOT NULL,
	replied_at timestamptz,
	meeting_at timestamptz,
	hand_raiser boolean NOT NULL,
	for_ae boolean NOT NULL,
	converted_at timestamptz,
	mrr float8,
	closed_at timestamptz,
	updated_at timestamptz NOT NULL
)
WITH (fillfactor = 80);
CREATE INDEX crm_task_row_by_update ON pql.crm_task_row (updated_at);
CREATE INDEX crm_task_row_by_user ON pql.crm_task_row (user_id);
COMMENT ON TABLE pql.crm_task_row IS 'What pql.crm_task shows: one row for each lead, but for those that are held out. Written by refresh where it differs; rows stay.';
COMMENT ON COLUMN pql.crm_task_row.task_id IS 'lead- and pql.lead.lead_id.';
COMMENT ON COLUMN pql.crm_task_row.due_at IS 'The deadline of the first touch.';
COMMENT ON COLUMN pql.crm_task_row.updated_at IS 'As in pql.crm_contact_row.';

CREATE TABLE pql.crm_usage (
	user_id text PRIMARY KEY,
	events_28d int NOT NULL,
	last_active_on date NOT NULL
);
COMMENT ON TABLE pql.crm_usage IS 'How much users did in the 28 days that ended at midnight (UTC), counted once a day by refresh. Who did nothing has no row.';
COMMENT ON COLUMN pql.crm_usage.last_active_on IS 'The last of these days with an event.';

CREATE TABLE pql.crm_publication (
	one text PRIMARY KEY DEFAULT 'the' CHECK (one = 'the'),
	published_at timestamptz NOT NULL,
	usage_until date NOT NULL
);
COMMENT ON TABLE pql.crm_publication IS 'One row: how far rows for the CRM have been published.';
COMMENT ON COLUMN pql.crm_publication.published_at IS 'updated_at of the last publication: the next one''s is later, whatever the clock says.';
COMMENT ON COLUMN pql.crm_publication.usage_until IS 'Up to the midnight at the beginning of which day (UTC) pql.crm_usage is counted.';

CREATE TABLE pql.crm_change (
	user_id text,
	account_id text
)
-- as pql.change
WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_cost_delay = 0);
COMMENT ON TABLE pql.crm_change IS 'Whose rows for the CRM are to be looked at by the next publication, beside those whom refresh has judged; written with what changed and in the same transaction. Both NULL: everybody''s. Not dumped: what is restored is noted anew.';

CREATE TABLE pql.crm_setting (
	setting text PRIMARY KEY CHECK (setting IN ('feature_categories', 'enterprise_signals')),
	value text NOT NULL
);
COMMENT ON TABLE pql.crm_setting IS 'What you want otherwise: ;-joined words.';
COMMENT ON COLUMN pql.crm_setting.setting IS 'feature_categories: signals of which categories are key_features. enterprise_signals: which signals are requests for enterprise features.';

CREATE TABLE pql.crm_column (
	object text NOT NULL CHECK (object IN ('contact', 'account')),
	position int NOT NULL CHECK (position BETWEEN 1 AND 1000),
	column_name name NOT NULL CHECK (column_name ~ '^met_[a-z0-9_]{1,59}$'),
	model text NOT NULL,
	signal text NOT NULL,
	published_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	retired_at timestamptz,
	dropped_at timestamptz,
	PRIMARY KEY (object, position)
);
CREATE UNIQUE INDEX crm_column_name ON pql.crm_column (object, column_name) WHERE dropped_at IS NULL;
CREATE UNIQUE INDEX crm_column_signal ON pql.crm_column (object, model, signal) WHERE dropped_at IS NULL;
COMMENT ON TABLE pql.crm_column IS 'Columns of signals in pql.crm_contact and pql.crm_account, as pql.publish made them. Positions are never used again.';
COMMENT ON COLUMN pql.crm_column.position IS 'In crm_contact_row.met or crm_account_row.met, and among the view''s columns.';
COMMENT ON COLUMN pql.crm_column.retired_at IS 'Since when the model has no such signal: the column is NULL then.';
COMMENT ON COLUMN pql.crm_column.dropped_at IS 'When it was taken from the view.';

SELECT pg_catalog.pg_extension_config_dump('pql.crm_contact_row', '');
SELECT pg_catalog.pg_extension_config_dump('pql.crm_account_row', '');
SELECT pg_catalog.pg_extension_config_dump('pql.crm_task_row', '');
SELECT pg_catalog.pg_extension_config_dump('pql.crm_usage', '');
SELECT pg_catalog.pg_extension_config_dump('pql.crm_setting', '');
SELECT pg_catalog.pg_extension_config_dump('pql.crm_column', '');
SELECT pg_catalog.pg_extension_config_dump('pql.crm_publication', '');

-- ---- whose rows may differ ----

CREATE FUNCTION pql.note_crm() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	CASE TG_OP
		WHEN 'INSERT' THEN
			EXECUTE format('INSERT INTO pql.crm_change (%1$I) SELECT DISTINCT a.%1$I FROM added a WHERE a.%1$I IS NOT NULL', TG_ARGV[0]);
		WHEN 'DELETE' THEN
			EXECUTE format('INSERT INTO pql.crm_change (%1$I) SELECT DISTINCT r.%1$I FROM removed r WHERE r.%1$I IS NOT NULL', TG_ARGV[0]);
		WHEN 'UPDATE' THEN
			EXECUTE format('INSERT INTO pql.crm_change (%1$I) SELECT a.%1$I FROM added a WHERE a.%1$I IS NOT NULL UNION SELECT r.%1$I FROM removed r WHERE r.%1$I IS NOT NULL', TG_ARGV[0]);
		ELSE
			INSERT INTO pql.crm_change DEFAULT VALUES;
	END CASE;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION pql.note_crm() IS 'Trigger, once a statement: notes whose rows for the CRM may differ. Argument: the column that names them, user_id or account_id.';

CREATE FUNCTION pql.note_crm_all() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	INSERT INTO pql.crm_change DEFAULT VALUES;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION pql.note_crm_all() IS 'Trigger of what concerns everybody''s rows.';

CREATE FUNCTION pql.note_crm_rep() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	INSERT INTO pql.crm_change (user_id) SELECT DISTINCT l.user_id FROM pql.lead l WHERE l.rep IN (OLD.email, NEW.email);
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION pql.note_crm_rep() IS 'Trigger: tasks tell the CRM''s id of their owner.';

CREATE FUNCTION pql.note_crm_score() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	INSERT INTO pql.crm_change (account_id) VALUES (CASE WHEN TG_OP = 'DELETE' THEN OLD.account_id ELSE NEW.account_id END);
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION pql.note_crm_score() IS 'Trigger: verdicts on accounts.';
REVOKE ALL ON FUNCTION pql.note_crm(), pql.note_crm_all(), pql.note_crm_rep(), pql.note_crm_score() FROM PUBLIC;

-- users judged come with the refresh; these are what changes beside it, and outside of it
CREATE TRIGGER crm_insert AFTER INSERT ON pql.lead REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION pql.note_crm('user_id');
CREATE TRIGGER crm_update AFTER UPDATE ON pql.lead REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION pql.note_crm('user_id');
CREATE TRIGGER crm_truncate AFTER TRUNCATE ON pql.lead FOR EACH STATEMENT EXECUTE FUNCTION pql.note_crm_all();
CREATE TRIGGER crm_insert AFTER INSERT ON pql.opt_out REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION pql.note_crm('user_id');
CREATE TRIGGER crm_update AFTER UPDATE ON pql.opt_out REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION pql.note_crm('user_id');
CREATE TRIGGER crm_delete AFTER DELETE ON pql.opt_out REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION pql.note_crm('user_id');
CREATE TRIGGER crm_insert AFTER INSERT ON pql.account REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION pql.note_crm('account_id');
CREATE TRIGGER crm_update AFTER UPDATE ON pql.account REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION pql.note_crm('account_id');
CREATE TRIGGER crm_delete AFTER DELETE ON pql.account REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION pql.note_crm('account_id');
CREATE TRIGGER crm_truncate AFTER TRUNCATE ON pql.account FOR EACH STATEMENT EXECUTE FUNCTION pql.note_crm_all();
CREATE TRIGGER crm_truncate AFTER TRUNCATE ON pql.person FOR EACH STATEMENT EXECUTE FUNCTION pql.note_crm_all();
CREATE TRIGGER crm_score AFTER INSERT OR UPDATE ON pql.score FOR EACH ROW WHEN (pql.is_account_key(NEW.user_id)) EXECUTE FUNCTION pql.note_crm_score();
CREATE TRIGGER crm_score_gone AFTER DELETE ON pql.score FOR EACH ROW WHEN (pql.is_account_key(OLD.user_id)) EXECUTE FUNCTION pql.note_crm_score();
CREATE TRIGGER crm_rep AFTER UPDATE ON pql.rep FOR EACH ROW WHEN (OLD.crm_id IS DISTINCT FROM NEW.crm_id OR OLD.email <> NEW.email) EXECUTE FUNCTION pql.note_crm_rep();
CREATE TRIGGER crm_routing AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON pql.routing FOR EACH STATEMENT EXECUTE FUNCTION pql.note_crm_all();
CREATE TRIGGER crm_set_aside AFTER INSERT ON pql.model_activation FOR EACH ROW WHEN (NEW.version IS NULL) EXECUTE FUNCTION pql.note_crm_all();
CREATE TRIGGER crm_setting AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON pql.crm_setting FOR EACH STATEMENT EXECUTE FUNCTION pql.note_crm_all();

-- ---- what the rows say ----

CREATE FUNCTION pql.crm_text(said text) RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'pql_crm_text';
COMMENT ON FUNCTION pql.crm_text(text) IS 'A text without blanks around it; NULL where nothing is left, for an empty one would leave a CRM''s field as it was.';

CREATE FUNCTION pql.crm_instant(at timestamptz) RETURNS timestamptz
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'pql_crm_instant';
COMMENT ON FUNCTION pql.crm_instant(timestamptz) IS 'The instant; NULL where it is infinite, or outside of the years 1 to 9999.';

CREATE FUNCTION pql.crm_words(words text[]) RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'pql_crm_words';
COMMENT ON FUNCTION pql.crm_words(text[]) IS 'Words as the value of a multi-select picklist: joined by ;. NULL: there are none.';

CREATE FUNCTION pql.crm_setting(setting text) RETURNS text[]
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT string_to_array(coalesce((SELECT s.value FROM pql.crm_setting s WHERE s.setting = crm_setting.setting),
		CASE setting WHEN 'feature_categories' THEN 'depth;breadth;feature_usage;collaboration;usage' WHEN 'enterprise_signals' THEN 'enterprise_request;enterprise_requested;enterprise_chosen' END), ';');
END;
COMMENT ON FUNCTION pql.crm_setting(text) IS 'A setting of pql.crm_setting, or what holds where there is none, as words.';

CREATE FUNCTION pql.account_reporting() RETURNS text
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT m.model FROM pql.active_model m LEFT JOIN pql.routing r ON r.model = m.model AND r.role = 'leads'
	WHERE m.unit = 'account'
	ORDER BY r.model IS NOT NULL DESC, m.model = 'account' DESC, m.model LIMIT 1;
END;
COMMENT ON FUNCTION pql.account_reporting() IS 'The model whose verdicts on accounts rows for the CRM tell: the one that routes leads; else the one named account. NULL: no active model judges accounts.';

CREATE FUNCTION pql.model_words() RETURNS TABLE (model text, signal text, category text, words text, n bigint)
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT m.model, s.value ->> 'signal', s.value ->> 'category',
		-- says may ask for values, which are not kept
		CASE WHEN s.value ->> 'says' ~ '[{]' THEN NULL ELSE s.value ->> 'says' END, s.ordinality
	FROM pql.active_model m CROSS JOIN LATERAL jsonb_array_elements(m.document -> 'signals') WITH ORDINALITY s;
END;
COMMENT ON FUNCTION pql.model_words() IS 'The signals of active models in order, with their own words where these need no value.';

CREATE FUNCTION pql.is_undecided(of_lead pql.lead) RETURNS boolean
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT (of_lead).state = 'control' OR (of_lead).state = 'not_routed' AND (of_lead).reason IS NULL AND (of_lead).next_at IS NOT NULL;
END;
COMMENT ON FUNCTION pql.is_undecided(pql.lead) IS 'Is a lead held out, or may it still be? The CRM is not to know its tier, nor to have a task for it.';

CREATE FUNCTION pql.crm_flags(of_object text, key text) RETURNS boolean[]
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT f.met[1:(SELECT max(i) FROM generate_subscripts(f.met, 1) i WHERE f.met[i] IS NOT NULL)]
	FROM (
		SELECT array_agg(CASE WHEN c.retired_at IS NULL AND c.dropped_at IS NULL THEN c.signal = ANY (s.signals) END ORDER BY g.position) AS met
		FROM generate_series(1, (SELECT max(x.position) FROM pql.crm_column x WHERE x.object = of_object)) g (position)
		LEFT JOIN pql.crm_column c ON c.object = of_object AND c.position = g.position
		LEFT JOIN (
			SELECT DISTINCT ON (v.model) v.model, v.signals FROM (
				SELECT u.model, u.signals, u.started_at FROM pql.score u WHERE of_object = 'contact' AND u.user_id = key
				UNION ALL
				SELECT a.model, a.signals, a.started_at FROM pql.score a WHERE of_object = 'account' AND a.user_id = pql.account_key(key)) v
			ORDER BY v.model, v.started_at DESC
		) s ON s.model = c.model
	) f
	WHERE f.met IS NOT NULL;
END;
COMMENT ON FUNCTION pql.crm_flags(text, text) IS 'What crm_contact_row.met is of a user, or crm_account_row.met of an account, by the latest verdict of each model. NULL: nothing is told.';

CREATE FUNCTION pql.many(items text[]) RETURNS SETOF text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE ROWS 1000 SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	RETURN QUERY SELECT i FROM unnest(items) i;
END
$$;
COMMENT ON FUNCTION pql.many(text[]) IS 'unnest, of which a plan that is made before the array is known expects a thousand rows and not ten.';

CREATE FUNCTION pql.latest_trials(users text[], as_of timestamptz)
RETURNS TABLE (user_id text, started_at timestamptz, ends_at timestamptz, plan text, mrr float8, conversion_source text, signup jsonb)
LANGUAGE plpgsql STABLE ROWS 1000 SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF EXISTS (SELECT FROM pql.trial) AND NOT EXISTS (SELECT FROM pql.aliases(as_of, NULL, users)) THEN
		-- looked up, one by one
		RETURN QUERY SELECT r.user_id, r.started_at, r.ends_at, r.plan, r.mrr, r.conversion_source, NULL::jsonb
		FROM pql.many(users) u CROSS JOIN LATERAL (
			SELECT x.* FROM pql.trial x WHERE x.user_id = u AND x.started_at >= '0001-01-01 00:00Z' AND x.started_at <= as_of ORDER BY x.started_at DESC LIMIT 1) r;
	ELSE
		-- where sign-ups start them, or people have several ids, all at once
		RETURN QUERY SELECT DISTINCT ON (t.user_id) t.user_id, t.started_at, t.ends_at, t.plan, t.mrr, t.conversion_source, t.signup
		FROM pql.trial_at(as_of, NULL, users) t ORDER BY t.user_id, t.started_at DESC;
	END IF;
END
$$;
COMMENT ON FUNCTION pql.latest_trials(text[], timestamptz) IS 'Each user''s trial that began last by an instant. Who has none has no row.';

CREATE FUNCTION pql.crm_contacts(users text[], as_of timestamptz, stamp timestamptz) RETURNS SETOF pql.crm_contact_row
LANGUAGE sql STABLE
BEGIN ATOMIC
	WITH main AS MATERIALIZED (
		SELECT r.model FROM pql.reporting() r
	), words AS MATERIALIZED (
		SELECT w.*, w.category = ANY (s.features) AS is_feature, w.signal = ANY (s.requests) AS is_request
		FROM pql.model_words() w CROSS JOIN (SELECT pql.crm_setting('feature_categories') AS features, pql.crm_setting('enterprise_signals') AS requests OFFSET 0) s
	), trials AS MATERIALIZED (
		SELECT t.* FROM pql.latest_trials(users, as_of) t
	), same AS MATERIALIZED (
		SELECT a.user_id, a.same_as FROM pql.aliases(as_of, NULL, users) a
	), about AS MATERIALIZED (
		SELECT u.user_id, p, s, t, l, k, p.user_id IS NOT NULL AS is_person, s.user_id IS NOT NULL AS is_scored,
			CASE WHEN u.is_alias THEN 'merged' WHEN p.user_id IS NULL AND s.user_id IS NULL AND t.user_id IS NULL THEN 'deleted' END AS nobody, k.user_id IS NOT NULL AS was_there, l.lead_id IS NOT NULL AS is_lead,
			pql.is_undecided(l) AS undecided, l.started_at = s.started_at AS of_this_trial,
			-- asked only where there may be one
			CASE WHEN l.lead_id IS NOT NULL THEN pql.touch_barrier(l, as_of)
				WHEN p.opted_out_at IS NOT NULL OR p.suppressed_at IS NOT NULL OR u.user_id IN (SELECT a.same_as FROM same a) OR EXISTS (SELECT FROM pql.suppression) OR EXISTS (SELECT FROM pql.opt_out o WHERE o.user_id = u.user_id) THEN pql.contact_barrier(u.user_id, as_of) END AS barrier
		FROM (SELECT DISTINCT x AS user_id, x IN (SELECT a.user_id FROM same a) AS is_alias FROM pql.many(users) x WHERE x <> '' AND NOT pql.is_account_key(x)) u
		LEFT JOIN pql.person p ON p.user_id = u.user_id
		LEFT JOIN LATERAL (
			SELECT v.* FROM pql.score v WHERE v.user_id = u.user_id AND v.model = (SELECT m.model FROM main m) ORDER BY v.started_at DESC LIMIT 1
		) s ON true
		LEFT JOIN trials t ON t.user_id = u.user_id
		LEFT JOIN LATERAL (
			SELECT v.* FROM pql.lead v WHERE v.user_id = ANY (ARRAY(SELECT a.user_id FROM same a WHERE a.same_as = u.user_id) || u.user_id) AND v.model = (SELECT m.model FROM main m) ORDER BY v.started_at DESC, v.number DESC LIMIT 1
		) l ON true
		LEFT JOIN pql.crm_contact_row k ON k.user_id = u.user_id
	)
	SELECT a.user_id,
		-- of a person who is in no table any more, what the CRM has is the last that was known
		CASE WHEN a.is_person OR NOT a.was_there THEN pql.crm_text(coalesce((a.p).email, (a.t).signup ->> 'email')) ELSE (a.k).email END,
		CASE WHEN a.is_person OR NOT a.was_there THEN pql.crm_text((a.p).full_name) ELSE (a.k).full_name END,
		CASE WHEN a.is_person OR NOT a.was_there THEN pql.crm_text((a.p).title) ELSE (a.k).title END,
		CASE WHEN a.is_person OR NOT a.was_there THEN pql.crm_text((a.p).attributes ->> 'department') ELSE (a.k).department END,
		CASE WHEN a.is_person THEN pql.crm_text((a.p).account_id) WHEN a.is_scored THEN pql.crm_text((a.s).account_id) END,
		pql.crm_instant(coalesce((a.p).signed_up_at, (a.t).started_at, (a.s).started_at)),
		coalesce(pql.crm_text((a.p).attributes ->> 'signup_source'), pql.crm_text((a.t).signup ->> 'signup_source')),
		pql.crm_instant((a.t).started_at),
		pql.crm_instant(coalesce((a.s).ends_at, (a.t).ends_at)),
		pql.crm_text((a.t).plan),
		CASE WHEN a.is_scored THEN (a.s).activated_at IS NOT NULL END,
		pql.crm_instant((a.s).activated_at),
		f.key_features,
		f.enterprise_request,
		(a.s).model,
		CASE WHEN a.nobody IS NOT NULL THEN a.nobody WHEN (a.s).status = 'converted' THEN 'converted'
			WHEN a.barrier IN ('opted_out', 'suppressed') THEN a.barrier ELSE coalesce((a.s).status, 'unscored') END,
		(a.s).score,
		(a.s).potential,
		CASE WHEN NOT coalesce(a.undecided AND a.of_this_trial, false) THEN (a.s).tier END,
		CASE WHEN a.of_this_trial THEN coalesce(pql.crm_text((a.l).explanation ->> 'summary'), f.summary) ELSE f.summary END,
		pql.crm_words((a.s).signals),
		pql.crm_words((a.s).exclusions),
		pql.crm_instant((a.s).qualified_at),
		CASE WHEN NOT a.undecided THEN (a.l).state END,
		CASE WHEN (a.l).state NOT IN ('control', 'queued') THEN (a.l).rep END,
		(a.l).disposition,
		pql.crm_instant((a.s).converted_at),
		CASE WHEN (a.s).converted_at IS NOT NULL THEN coalesce(pql.crm_text((a.t).conversion_source), (a.l).conversion_source) END,
		CASE WHEN (a.s).converted_at IS NOT NULL THEN coalesce((a.t).mrr, (a.l).mrr) END,
		greatest(e.last_active_on, g.last_active_on),
		b.reason IS NULL,
		b.reason,
		stamp,
		CASE WHEN EXISTS (SELECT FROM pql.crm_column) THEN pql.crm_flags('contact', a.user_id) END,
		d.due_at
	FROM about a
	LEFT JOIN pql.crm_usage g ON g.user_id = a.user_id
	CROSS JOIN LATERAL (
		SELECT (max(pql.crm_instant(pql.evidence_horizon(s.evidence))) AT TIME ZONE 'UTC')::date AS last_active_on FROM pql.state s WHERE s.user_id = a.user_id
	) e
	CROSS JOIN LATERAL (
		SELECT pql.crm_words(array_agg(DISTINCT w.signal) FILTER (WHERE w.is_feature)) AS key_features,
			bool_or(w.is_request) AS enterprise_request,
			string_agg(coalesce(w.words, replace(w.signal, '_', ' ')), '; ' ORDER BY w.n) FILTER (WHERE w.model = (a.s).model) AS summary
		FROM (
			SELECT DISTINCT ON (v.model) v.model, v.signals FROM pql.score v WHERE v.user_id = a.user_id ORDER BY v.model, v.started_at DESC
		) v
		JOIN words w ON w.model = v.model AND w.signal = ANY (v.signals)
	) f
	CROSS JOIN LATERAL (
		SELECT CASE WHEN a.nobody IS NOT NULL THEN a.nobody WHEN a.barrier IS NOT NULL THEN a.barrier
			WHEN pql.crm_text(coalesce((a.p).email, (a.t).signup ->> 'email')) IS NULL THEN 'no_email' END AS reason
	) b
	CROSS JOIN LATERAL (
		SELECT min(x.at) AS due_at FROM (
			SELECT unnest(ARRAY[(a.p).opted_out_at, (a.p).suppressed_at]) AS at
			UNION ALL SELECT unnest(ARRAY[o.opted_out_at, o.opted_in_at]) FROM pql.opt_out o WHERE o.user_id = a.user_id
			UNION ALL SELECT unnest(ARRAY[q.suppressed_at, q.until]) FROM pql.suppressions(a.user_id) q
		) x
		WHERE x.at > as_of AND isfinite(x.at)
	) d
	WHERE (a.is_person OR a.is_scored OR (a.t).user_id IS NOT NULL OR a.was_there) AND ((a.k).status = 'forgotten') IS NOT TRUE;
END;
COMMENT ON FUNCTION pql.crm_contacts(text[], timestamptz, timestamptz) IS 'Rows of some users for pql.crm_contact_row, as of an instant. stamp: their updated_at, should they differ. Of users of whom nothing is or was known there is none; nor of who is forgotten.';

CREATE FUNCTION pql.crm_accounts(accounts text[], as_of timestamptz, stamp timestamptz) RETURNS SETOF pql.crm_account_row
LANGUAGE sql STABLE
BEGIN ATOMIC
	WITH day AS MATERIALIZED (
		SELECT (as_of AT TIME ZONE 'UTC')::date AS today, pql.account_reporting() AS model
	)
	SELECT x.account_id, pql.crm_text(CASE WHEN a.account_id IS NULL THEN k.name ELSE a.name END), pql.crm_text(CASE WHEN a.account_id IS NULL THEN k.domain ELSE a.domain END),
		CASE WHEN a.account_id IS NULL THEN k.employees ELSE a.employees END, pql.crm_text(CASE WHEN a.account_id IS NULL THEN k.industry ELSE a.industry END), pql.crm_text(a.crm_owner), pql.crm_text(a.kind),
		CASE WHEN a.account_id IS NULL AND m.users = 0 THEN 'deleted' ELSE 'active' END,
		m.users, m.active_users, m.usage, m.departments,
		m.newcomers / nullif(m.users - m.newcomers - m.later, 0)::float8,
		m.enterprise_requests, m.ready_users, m.converted_users, m.last_active_on,
		s.model, s.status, s.score, s.tier, pql.crm_words(s.signals), pql.crm_instant(s.qualified_at),
		stamp, CASE WHEN EXISTS (SELECT FROM pql.crm_column) THEN pql.crm_flags('account', x.account_id) END, m.due_at
	FROM (SELECT DISTINCT y AS account_id FROM pql.many(accounts) y WHERE y <> '') x
	CROSS JOIN day d
	LEFT JOIN pql.account a ON a.account_id = x.account_id
	LEFT JOIN pql.crm_account_row k ON k.account_id = x.account_id
	LEFT JOIN LATERAL (
		SELECT v.* FROM pql.score v WHERE v.user_id = pql.account_key(x.account_id) AND v.model = d.model ORDER BY v.started_at DESC LIMIT 1
	) s ON true
	CROSS JOIN LATERAL (
		SELECT count(*)::int AS users, count(g.user_id)::int AS active_users, least(coalesce(sum(g.events_28d), 0), 2147483647)::int AS usage,
			count(DISTINCT lower(c.department))::int AS departments,
			count(*) FILTER (WHERE j.joined_on > d.today - 28 AND j.joined_on <= d.today)::int AS newcomers,
			count(*) FILTER (WHERE j.joined_on > d.today)::int AS later,
			count(*) FILTER (WHERE c.enterprise_request)::int AS enterprise_requests,
			count(*) FILTER (WHERE c.status = 'qualified')::int AS ready_users,
			count(*) FILTER (WHERE c.converted_at IS NOT NULL)::int AS converted_users,
			max(c.last_active_on) AS last_active_on,
			-- the first of them to join, or to have been there for 28 days
			min((CASE WHEN j.joined_on > d.today THEN j.joined_on ELSE j.joined_on + 28 END)::timestamp) FILTER (WHERE j.joined_on > d.today - 28) AT TIME ZONE 'UTC' AS due_at
		FROM pql.crm_contact_row c
		LEFT JOIN pql.crm_usage g ON g.user_id = c.user_id
		CROSS JOIN LATERAL (SELECT (c.signed_up_at AT TIME ZONE 'UTC')::date AS joined_on) j
		WHERE c.account_id = x.account_id AND c.status NOT IN ('deleted', 'forgotten', 'merged')
	) m
	WHERE a.account_id IS NOT NULL OR m.users > 0 OR k.account_id IS NOT NULL;
END;
COMMENT ON FUNCTION pql.crm_accounts(text[], timestamptz, timestamptz) IS 'Rows of some accounts for pql.crm_account_row, as of an instant, from the rows of their members. stamp: their updated_at, should they differ.';

CREATE FUNCTION pql.crm_tasks(users text[], stamp timestamptz) RETURNS SETOF pql.crm_task_row
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT format('lead-%s', l.lead_id), CASE WHEN l.user_id NOT LIKE 'forgotten:%' AND NOT pql.is_account_key(l.user_id) THEN l.user_id END, pql.crm_text(l.account_id),
		format('%s: %s', initcap(replace(coalesce(l.tier, 'pql'), '_', ' ')), CASE WHEN l.user_id LIKE 'forgotten:%' THEN 'forgotten' WHEN pql.is_account_key(l.user_id) THEN coalesce(pql.crm_text(a.name), pql.crm_text(a.domain), l.account_id) ELSE coalesce(pql.crm_text(p.full_name), pql.crm_text(p.email), l.user_id) END),
		pql.crm_text(l.explanation ->> 'summary'), l.state, l.reason, l.disposition, pql.crm_text(l.disposition_reason), CASE WHEN l.state <> 'control' THEN l.tier END, l.score, l.model,
		CASE WHEN l.state <> 'queued' THEN l.rep END, CASE WHEN l.state <> 'queued' THEN pql.crm_text(r.crm_id) END,
		pql.crm_instant(l.triggered_at), pql.crm_instant(l.first_touch_due_at), pql.crm_instant(l.assigned_at), pql.crm_instant(l.claimed_at), pql.crm_instant(l.first_touched_at), pql.crm_instant(l.last_touched_at), l.touches,
		pql.crm_instant(l.replied_at), pql.crm_instant(l.met_at), 'hand_raiser' = ANY (l.flags), 'deal_for_ae' = ANY (l.flags), pql.crm_instant(l.converted_at), l.mrr, pql.crm_instant(l.closed_at), stamp
	FROM (SELECT DISTINCT x AS user_id FROM pql.many(users) x) u
	JOIN pql.lead l ON l.user_id = u.user_id
	LEFT JOIN pql.person p ON p.user_id = l.user_id
	LEFT JOIN pql.account a ON a.account_id = l.account_id
	LEFT JOIN pql.rep r ON r.email = l.rep
	WHERE (NOT pql.is_undecided(l) OR EXISTS (SELECT FROM pql.crm_task_row k WHERE k.task_id = format('lead-%s', l.lead_id)));
END;
COMMENT ON FUNCTION pql.crm_tasks(text[], timestamptz) IS 'Rows of some users'' leads for pql.crm_task_row. stamp: their updated_at, should they differ. Of those that are held out, or that have not been drawn yet, there is none.';

-- ---- publications ----

CREATE FUNCTION pql.lock_crm() RETURNS void
LANGUAGE sql VOLATILE SET lock_timeout = 0
BEGIN ATOMIC
	SELECT pg_catalog.pg_advisory_xact_lock(7370828, 1026);
END;
COMMENT ON FUNCTION pql.lock_crm() IS 'Until the transaction ends, nobody else publishes. The last of all locks, and in a statement of its own.';

CREATE FUNCTION pql.next_publication() RETURNS timestamptz
LANGUAGE sql VOLATILE
BEGIN ATOMIC
	SELECT greatest(clock_timestamp(), (SELECT p.published_at + interval '1 microsecond' FROM pql.crm_publication p WHERE isfinite(p.published_at)));
END;
COMMENT ON FUNCTION pql.next_publication() IS 'updated_at of a publication: now, and later than that of the one before. After pql.lock_crm.';

CREATE FUNCTION pql.note_publication(stamp timestamptz) RETURNS void
LANGUAGE sql VOLATILE
BEGIN ATOMIC
	INSERT INTO pql.crm_publication AS o (published_at, usage_until) VALUES (stamp, '-infinity')
	ON CONFLICT (one) DO UPDATE SET published_at = EXCLUDED.published_at;
END;
COMMENT ON FUNCTION pql.note_publication(timestamptz) IS 'Notes that rows bear this updated_at.';

CREATE FUNCTION pql.write_contacts(users text[], as_of timestamptz, stamp timestamptz) RETURNS void
LANGUAGE sql VOLATILE
BEGIN ATOMIC
	INSERT INTO pql.crm_contact_row AS o (user_id, email, full_name, title, department, account_id, signed_up_at, signup_source, trial_started_at, trial_ends_at, plan, activated, activated_at, key_features, enterprise_request, model, status, score, potential, tier, summary, signals_met, exclusions, qualified_at, lead_state, owner_email, disposition, converted_at, conversion_source, mrr, last_active_on, contactable, not_contactable_reason, met, updated_at, due_at)
	SELECT n.user_id, n.email, n.full_name, n.title, n.department, n.account_id, n.signed_up_at, n.signup_source, n.trial_started_at, n.trial_ends_at, n.plan, n.activated, n.activated_at, n.key_features, n.enterprise_request, n.model, n.status, n.score, n.potential, n.tier, n.summary, n.signals_met, n.exclusions, n.qualified_at, n.lead_state, n.owner_email, n.disposition, n.converted_at, n.conversion_source, n.mrr, n.last_active_on, n.contactable, n.not_contactable_reason, n.met,
		CASE WHEN c.differs THEN n.updated_at ELSE k.updated_at END, n.due_at
	FROM pql.crm_contacts(users, as_of, stamp) n
	LEFT JOIN pql.crm_contact_row k ON k.user_id = n.user_id
	CROSS JOIN LATERAL (
		SELECT k.user_id IS NULL OR (n.email, n.full_name, n.title, n.department, n.account_id, n.signed_up_at, n.signup_source, n.trial_started_at, n.trial_ends_at, n.plan, n.activated, n.activated_at, n.key_features, n.enterprise_request, n.model, n.status, n.score, n.potential, n.tier, n.summary, n.signals_met, n.exclusions, n.qualified_at, n.lead_state, n.owner_email, n.disposition, n.converted_at, n.conversion_source, n.mrr, n.last_active_on, n.contactable, n.not_contactable_reason, n.met)
			IS DISTINCT FROM (k.email, k.full_name, k.title, k.department, k.account_id, k.signed_up_at, k.signup_source, k.trial_started_at, k.trial_ends_at, k.plan, k.activated, k.activated_at, k.key_features, k.enterprise_request, k.model, k.status, k.score, k.potential, k.tier, k.summary, k.signals_met, k.exclusions, k.qualified_at, k.lead_state, k.owner_email, k.disposition, k.converted_at, k.conversion_source, k.mrr, k.last_active_on, k.contactable, k.not_contactable_reason, k.met) AS differs
	) c
	WHERE c.differs OR n.due_at IS DISTINCT FROM k.due_at
	ON CONFLICT (user_id) DO UPDATE SET (email, full_name, title, department, account_id, signed_up_at, signup_source, trial_started_at, trial_ends_at, plan, activated, activated_at, key_features, enterprise_request, model, status, score, potential, tier, summary, signals_met, exclusions, qualified_at, lead_state, owner_email, disposition, converted_at, conversion_source, mrr, last_active_on, contactable, not_contactable_reason, met, updated_at, due_at)
		= (EXCLUDED.email, EXCLUDED.full_name, EXCLUDED.title, EXCLUDED.department, EXCLUDED.account_id, EXCLUDED.signed_up_at, EXCLUDED.signup_source, EXCLUDED.trial_started_at, EXCLUDED.trial_ends_at, EXCLUDED.plan, EXCLUDED.activated, EXCLUDED.activated_at, EXCLUDED.key_features, EXCLUDED.enterprise_request, EXCLUDED.model, EXCLUDED.status, EXCLUDED.score, EXCLUDED.potential, EXCLUDED.tier, EXCLUDED.summary, EXCLUDED.signals_met, EXCLUDED.exclusions, EXCLUDED.qualified_at, EXCLUDED.lead_state, EXCLUDED.owner_email, EXCLUDED.disposition, EXCLUDED.converted_at, EXCLUDED.conversion_source, EXCLUDED.mrr, EXCLUDED.last_active_on, EXCLUDED.contactable, EXCLUDED.not_contactable_reason, EXCLUDED.met, EXCLUDED.updated_at, EXCLUDED.due_at);
END;
COMMENT ON FUNCTION pql.write_contacts(text[], timestamptz, timestamptz) IS 'Writes the rows of some users that differ from what is published, with stamp as their updated_at. In a publication.';

CREATE FUNCTION pql.write_accounts(accounts text[], as_of timestamptz, stamp timestamptz) RETURNS void
LANGUAGE sql VOLATILE
BEGIN ATOMIC
	INSERT INTO pql.crm_account_row AS o (account_id, name, domain, employees, industry, crm_owner, kind, status, users, active_users_28d, usage_28d, departments, growth_28d, enterprise_requests, ready_users, converted_users, last_active_on, model, pqa_status, pqa_score, pqa_tier, signals_met, qualified_at, met, updated_at, due_at)
	SELECT n.account_id, n.name, n.domain, n.employees, n.industry, n.crm_owner, n.kind, n.status, n.users, n.active_users_28d, n.usage_28d, n.departments, n.growth_28d, n.enterprise_requests, n.ready_users, n.converted_users, n.last_active_on, n.model, n.pqa_status, n.pqa_score, n.pqa_tier, n.signals_met, n.qualified_at, n.met,
		CASE WHEN c.differs THEN n.updated_at ELSE k.updated_at END, n.due_at
	FROM pql.crm_accounts(accounts, as_of, stamp) n
	LEFT JOIN pql.crm_account_row k ON k.account_id = n.account_id
	CROSS JOIN LATERAL (
		SELECT k.account_id IS NULL OR (n.name, n.domain, n.employees, n.industry, n.crm_owner, n.kind, n.status, n.users, n.active_users_28d, n.usage_28d, n.departments, n.growth_28d, n.enterprise_requests, n.ready_users, n.converted_users, n.last_active_on, n.model, n.pqa_status, n.pqa_score, n.pqa_tier, n.signals_met, n.qualified_at, n.met)
			IS DISTINCT FROM (k.name, k.domain, k.employees, k.industry, k.crm_owner, k.kind, k.status, k.users, k.active_users_28d, k.usage_28d, k.departments, k.growth_28d, k.enterprise_requests, k.ready_users, k.converted_users, k.last_active_on, k.model, k.pqa_status, k.pqa_score, k.pqa_tier, k.signals_met, k.qualified_at, k.met) AS differs
	) c
	WHERE c.differs OR n.due_at IS DISTINCT FROM k.due_at
	ON CONFLICT (account_id) DO UPDATE SET (name, domain, employees, industry, crm_owner, kind, status, users, active_users_28d, usage_28d, departments, growth_28d, enterprise_requests, ready_users, converted_users, last_active_on, model, pqa_status, pqa_score, pqa_tier, signals_met, qualified_at, met, updated_at, due_at)
		= (EXCLUDED.name, EXCLUDED.domain, EXCLUDED.employees, EXCLUDED.industry, EXCLUDED.crm_owner, EXCLUDED.kind, EXCLUDED.status, EXCLUDED.users, EXCLUDED.active_users_28d, EXCLUDED.usage_28d, EXCLUDED.departments, EXCLUDED.growth_28d, EXCLUDED.enterprise_requests, EXCLUDED.ready_users, EXCLUDED.converted_users, EXCLUDED.last_active_on, EXCLUDED.model, EXCLUDED.pqa_status, EXCLUDED.pqa_score, EXCLUDED.pqa_tier, EXCLUDED.signals_met, EXCLUDED.qualified_at, EXCLUDED.met, EXCLUDED.updated_at, EXCLUDED.due_at);
END;
COMMENT ON FUNCTION pql.write_accounts(text[], timestamptz, timestamptz) IS 'Writes the rows of some accounts that differ from what is published. In a publication, after those of their members.';

CREATE FUNCTION pql.write_tasks(users text[], stamp timestamptz) RETURNS void
LANGUAGE sql VOLATILE
BEGIN ATOMIC
	INSERT INTO pql.crm_task_row AS o (task_id, user_id, account_id, subject, description, status, reason, outcome, outcome_reason, priority, score, model, owner_email, owner_crm_id, opened_at, due_at, assigned_at, claimed_at, first_touched_at, last_touched_at, touches, replied_at, meeting_at, hand_raiser, for_ae, converted_at, mrr, closed_at, updated_at)
	SELECT n.task_id, n.user_id, n.account_id, n.subject, n.description, n.status, n.reason, n.outcome, n.outcome_reason, n.priority, n.score, n.model, n.owner_email, n.owner_crm_id, n.opened_at, n.due_at, n.assigned_at, n.claimed_at, n.first_touched_at, n.last_touched_at, n.touches, n.replied_at, n.meeting_at, n.hand_raiser, n.for_ae, n.converted_at, n.mrr, n.closed_at,
		CASE WHEN c.differs THEN n.updated_at ELSE k.updated_at END
	FROM pql.crm_tasks(users, stamp) n
	LEFT JOIN pql.crm_task_row k ON k.task_id = n.task_id
	CROSS JOIN LATERAL (
		SELECT k.task_id IS NULL OR (n.user_id, n.account_id, n.subject, n.description, n.status, n.reason, n.outcome, n.outcome_reason, n.priority, n.score, n.model, n.owner_email, n.owner_crm_id, n.opened_at, n.due_at, n.assigned_at, n.claimed_at, n.first_touched_at, n.last_touched_at, n.touches, n.replied_at, n.meeting_at, n.hand_raiser, n.for_ae, n.converted_at, n.mrr, n.closed_at)
			IS DISTINCT FROM (k.user_id, k.account_id, k.subject, k.description, k.status, k.reason, k.outcome, k.outcome_reason, k.priority, k.score, k.model, k.owner_email, k.owner_crm_id, k.opened_at, k.due_at, k.assigned_at, k.claimed_at, k.first_touched_at, k.last_touched_at, k.touches, k.replied_at, k.meeting_at, k.hand_raiser, k.for_ae, k.converted_at, k.mrr, k.closed_at) AS differs
	) c
	WHERE c.differs
	ON CONFLICT (task_id) DO UPDATE SET (user_id, account_id, subject, description, status, reason, outcome, outcome_reason, priority, score, model, owner_email, owner_crm_id, opened_at, due_at, assigned_at, claimed_at, first_touched_at, last_touched_at, touches, replied_at, meeting_at, hand_raiser, for_ae, converted_at, mrr, closed_at, updated_at)
		= (EXCLUDED.user_id, EXCLUDED.account_id, EXCLUDED.subject, EXCLUDED.description, EXCLUDED.status, EXCLUDED.reason, EXCLUDED.outcome, EXCLUDED.outcome_reason, EXCLUDED.priority, EXCLUDED.score, EXCLUDED.model, EXCLUDED.owner_email, EXCLUDED.owner_crm_id, EXCLUDED.opened_at, EXCLUDED.due_at, EXCLUDED.assigned_at, EXCLUDED.claimed_at, EXCLUDED.first_touched_at, EXCLUDED.last_touched_at, EXCLUDED.touches, EXCLUDED.replied_at, EXCLUDED.meeting_at, EXCLUDED.hand_raiser, EXCLUDED.for_ae, EXCLUDED.converted_at, EXCLUDED.mrr, EXCLUDED.closed_at, EXCLUDED.updated_at);
END;
COMMENT ON FUNCTION pql.write_tasks(text[], timestamptz) IS 'Writes the rows of some users'' leads that differ from what is published. In a publication.';

CREATE FUNCTION pql.count_usage(as_of timestamptz, unreadable text[] DEFAULT '{}') RETURNS int
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET enable_seqscan = on SET jit = off AS $$
DECLARE
	today date := (as_of AT TIME ZONE 'UTC')::date;
	n int;
BEGIN
	IF unreadable <> '{}' OR EXISTS (SELECT FROM pql.crm_publication p WHERE p.usage_until >= today) THEN
		RETURN 0;
	END IF;
	EXECUTE format($q$
		WITH counted AS MATERIALIZED (
			SELECT e.user_id, least(count(*), 2147483647)::int AS events_28d, (max(e.occurred_at) AT TIME ZONE 'UTC')::date AS last_active_on
			FROM (%s) e WHERE e.occurred_at >= $1 AND e.occurred_at < $2 AND e.user_id <> ''
			GROUP BY e.user_id
		), gone AS (
			DELETE FROM pql.crm_usage u WHERE NOT EXISTS (SELECT FROM counted c WHERE c.user_id = u.user_id) RETURNING u.user_id
		), written AS (
			INSERT INTO pql.crm_usage AS o (user_id, events_28d, last_active_on) SELECT c.user_id, c.events_28d, c.last_active_on FROM counted c
			ON CONFLICT (user_id) DO UPDATE SET events_28d = EXCLUDED.events_28d, last_active_on = EXCLUDED.last_active_on
				WHERE (o.events_28d, o.last_active_on) IS DISTINCT FROM (EXCLUDED.events_28d, EXCLUDED.last_active_on)
			RETURNING o.user_id
		)
		INSERT INTO pql.crm_change (user_id) SELECT w.user_id FROM written w UNION ALL SELECT g.user_id FROM gone g$q$, pql.event_query())
	USING ((today - 28)::timestamp AT TIME ZONE 'UTC'), (today::timestamp AT TIME ZONE 'UTC');
	GET DIAGNOSTICS n = ROW_COUNT;
	INSERT INTO pql.crm_publication AS o (published_at, usage_until) VALUES ('-infinity', today)
	ON CONFLICT (one) DO UPDATE SET usage_until = EXCLUDED.usage_until;
	RETURN n;
END
$$;
COMMENT ON FUNCTION pql.count_usage(timestamptz, text[]) IS 'Counts, once a day, what users did in the 28 days before, and notes those of whom it differs. After pql.lock_crm; part of every refresh that can read all sources. Returns how many differ.';

CREATE FUNCTION pql.crm_is_due(as_of timestamptz) RETURNS boolean
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT EXISTS (SELECT FROM pql.crm_change) OR NOT EXISTS (SELECT FROM pql.crm_publication p WHERE p.usage_until >= (as_of AT TIME ZONE 'UTC')::date) AND as_of IS NOT NULL;
END;
COMMENT ON FUNCTION pql.crm_is_due(timestamptz) IS 'Is anybody noted whose rows for the CRM are to be written, or is usage to be counted, because a day has passed (as_of NULL: that is not asked)?';

CREATE FUNCTION pql.write_crm(as_of timestamptz, users text[] DEFAULT '{}', unreadable text[] DEFAULT '{}', last boolean DEFAULT true, wait boolean DEFAULT true, most_users int DEFAULT NULL) RETURNS int
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET jit = off
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
	-- so many are written by one statement
	most CONSTANT int := 1000;
	of_users text[] := coalesce(users, '{}');
	of_accounts text[];
	everybody boolean;
	stamp timestamptz;
	n int;
BEGIN
	IF of_users = '{}' AND NOT pql.any_due('{pql.crm_contact_row_due,pql.crm_account_row_due}', as_of) AND NOT pql.crm_is_due(CASE WHEN last AND unreadable = '{}' THEN as_of END) THEN
		RETURN 0;
	END IF;
	IF wait THEN
		PERFORM pql.lock_crm();
	ELSIF NOT pg_try_advisory_xact_lock(7370828, 1026) THEN
		-- whoever is at it, or the next, does the rest
		INSERT INTO pql.crm_change (user_id) SELECT u FROM unnest(of_users) u;
		RETURN 0;
	END IF;
	as_of := greatest(as_of, (SELECT max(r.as_of) FROM pql.run r));
	IF unreadable <> '{}' AND NOT EXISTS (SELECT FROM pql.trial) THEN
		-- sources tell what trials there are, and of whom
		INSERT INTO pql.crm_change (user_id) SELECT u FROM unnest(of_users) u;
		RETURN 0;
	END IF;
	IF last THEN
		PERFORM pql.count_usage(as_of, unreadable);
	END IF;
	-- what is read from here on is at least as new as what was noted
	WITH taken AS (
		DELETE FROM pql.crm_change c
		WHERE most_users IS NULL OR c.user_id IS NULL OR EXISTS (SELECT FROM pql.crm_change e WHERE e.user_id IS NULL AND e.account_id IS NULL) OR c.user_id IN (SELECT f.user_id FROM pql.crm_change f WHERE f.user_id IS NOT NULL LIMIT most_users)
		RETURNING c.user_id, c.account_id
	)
	SELECT of_users || coalesce(array_agg(DISTINCT t.user_id) FILTER (WHERE t.user_id IS NOT NULL), '{}'), coalesce(array_agg(DISTINCT t.account_id) FILTER (WHERE t.account_id IS NOT NULL), '{}'),
		coalesce(bool_or(t.user_id IS NULL AND t.account_id IS NULL), false)
	INTO of_users, of_accounts, everybody FROM taken t;
	-- apart, for what is planned for nothing takes longer than what there is to do
	IF everybody THEN
		of_users := of_users || ARRAY(SELECT p.user_id FROM pql.person p UNION SELECT s.user_id FROM pql.score s UNION SELECT r.user_id FROM pql.crm_contact_row r);
		of_accounts := of_accounts || ARRAY(SELECT a.account_id FROM pql.account a UNION SELECT r.account_id FROM pql.crm_account_row r);
	END IF;
	-- what is known of one id is told of the person
	of_users := pql.ids_of(ARRAY(SELECT DISTINCT u FROM unnest(of_users || ARRAY(SELECT r.user_id FROM pql.crm_contact_row r WHERE r.due_at <= as_of)) u));
	-- the accounts that they leave, and those that they come to
	of_accounts := of_accounts || ARRAY(SELECT r.account_id FROM pql.crm_account_row r WHERE r.due_at <= as_of)
		|| ARRAY(SELECT r.account_id FROM pql.many(of_users) u JOIN pql.crm_contact_row r ON r.user_id = u WHERE r.account_id IS NOT NULL);
	-- what told the CRM that somebody is forgotten has been there long enough
	DELETE FROM pql.crm_contact_row r WHERE r.due_at <= as_of AND r.status = 'forgotten';
	stamp := pql.next_publication();
	FOR i IN 0 .. (cardinality(of_users) - 1) / most LOOP
		PERFORM pql.write_contacts(of_users[i * most + 1:(i + 1) * most], as_of, stamp);
		IF EXISTS (SELECT FROM pql.lead l WHERE l.user_id = ANY (of_users[i * most + 1:(i + 1) * most])) THEN
			PERFORM pql.write_tasks(of_users[i * most + 1:(i + 1) * most], stamp);
		END IF;
	END LOOP;
	of_accounts := ARRAY(SELECT DISTINCT a FROM unnest(of_accounts || ARRAY(SELECT r.account_id FROM pql.crm_contact_row r WHERE r.updated_at = stamp AND r.account_id IS NOT NULL)) a);
	FOR i IN 0 .. (cardinality(of_accounts) - 1) / most LOOP
		PERFORM pql.write_accounts(of_accounts[i * most + 1:(i + 1) * most], as_of, stamp);
	END LOOP;
	n := (SELECT count(*) FROM pql.crm_contact_row r WHERE r.updated_at = stamp) + (SELECT count(*) FROM pql.crm_account_row r WHERE r.updated_at = stamp) + (SELECT count(*) FROM pql.crm_task_row r WHERE r.updated_at = stamp);
	IF n > 0 THEN
		PERFORM pql.note_publication(stamp);
	END IF;
	RETURN n;
END
$$;
COMMENT ON FUNCTION pql.write_crm(timestamptz, text[], text[], boolean, boolean, int) IS 'Publishes: brings the rows for the CRM in line for these users, for those noted in pql.crm_change, for those whose time has come, and for their accounts. Part of every refresh. unreadable: sources that cannot be read. last: usage is counted, too, where a day has passed. Returns how many rows differ from before; NULL users: none but those noted. most_users: of those noted so many rows at most, the others stay noted; NULL: all. wait: for who publishes at the moment; else the users are noted for the next publication. Holds pql.lock_crm until the transaction ends.';
