-- Alerts about signals: people are told when somebody newly meets one, whether they qualify or not.

CREATE TABLE pql.signal_alert (
	model text NOT NULL,
	signal text NOT NULL,
	channel text,
	PRIMARY KEY (model, signal)
);
COMMENT ON TABLE pql.signal_alert IS 'Of which signals people are told. Once for each subject; not of what a backfill finds, nor of the control arm, nor while routing is paused.';
COMMENT ON COLUMN pql.signal_alert.model IS 'An active one.';
COMMENT ON COLUMN pql.signal_alert.signal IS 'Of that model; or tier:hot, for whoever comes to that tier.';
COMMENT ON COLUMN pql.signal_alert.channel IS 'NULL: the channel named default.';
SELECT pg_catalog.pg_extension_config_dump('pql.signal_alert', '');

CREATE FUNCTION pql.check_signal_alert() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	names text[] := ARRAY(SELECT s.signal FROM pql.active_model m CROSS JOIN LATERAL pql.model_signals(m.document) s WHERE m.model = NEW.model
		UNION ALL SELECT 'tier:' || t.tier FROM pql.tier_rules(NEW.model) t);
	near text;
BEGIN
	-- models that a dump brings may be restored later
	IF NOT current_setting('check_function_bodies')::boolean OR NEW.signal = ANY (names) THEN
		RETURN NEW;
	END IF;
	near := pql.nearest_word(NEW.signal, names);
	RAISE EXCEPTION 'model "%" has no signal "%"', NEW.model, NEW.signal
		USING ERRCODE = 'undefined_object', DETAIL = CASE WHEN names = '{}' THEN 'It is not active.' ELSE format('It has %s.', array_to_string(names, ', ')) END,
			HINT = coalesce(format('Did you mean "%s"?', near), 'SELECT signal FROM pql.coverage(…); lists the signals of a model.');
END
$$;
COMMENT ON FUNCTION pql.check_signal_alert() IS 'Trigger: a signal that there is not is an ERROR.';
CREATE TRIGGER signal_is_known BEFORE INSERT OR UPDATE ON pql.signal_alert FOR EACH ROW EXECUTE FUNCTION pql.check_signal_alert();

CREATE FUNCTION pql.tell_signals(met jsonb, as_of timestamptz) RETURNS int
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	m record;
	says text;
	who text;
	message jsonb;
	channel_kind text;
	n int := 0;
BEGIN
	IF met IS NULL OR pql.paused() IS NOT NULL THEN
		RETURN 0;
	END IF;
	FOR m IN
		SELECT x.model, x.user_id, x.started_at, x.signal, x.channel, p.full_name, p.email, p.title, a.name AS company, a.employees
		FROM jsonb_to_recordset(met) x (model text, user_id text, started_at timestamptz, signal text, channel text)
		LEFT JOIN pql.person p ON p.user_id = x.user_id
		LEFT JOIN pql.account a ON a.account_id = p.account_id
		WHERE NOT EXISTS (SELECT FROM pql.lead l WHERE l.user_id = x.user_id AND l.state = 'control')
		ORDER BY x.user_id, x.model, x.signal
	LOOP
		says := CASE WHEN m.signal LIKE 'tier:%' THEN format('%s: %s', m.model, substr(m.signal, 6)) ELSE replace(m.signal, '_', ' ') END;
		who := concat_ws(', ', coalesce(pql.one_line(m.full_name), pql.one_line(m.email), pql.one_line(m.user_id)), pql.one_line(m.title), pql.one_line(m.company), m.employees || ' employees');
		channel_kind := (SELECT c.kind FROM pql.channel c WHERE c.channel = coalesce(m.channel, 'default'));
		message := CASE WHEN channel_kind = 'webhook' THEN jsonb_build_object('kind', 'signal', 'model', m.model, 'signal', m.signal, 'user_id', m.user_id, 'who', who)
			ELSE jsonb_build_object('text', pql.slack_cut(pql.slack_escape(format('%s: %s', says, who)), 3000), 'blocks', jsonb_build_array(
				jsonb_build_object('type', 'header', 'text', pql.slack_plain(says, 150)),
				jsonb_build_object('type', 'section', 'text', pql.slack_plain(who, 3000)))) END;
		IF pql.post_alert('signal', format('signal:%s:%s:%s:%s', m.model, m.user_id, m.started_at, m.signal), m.channel, message, as_of, m.user_id) IS NOT NULL THEN
			n := n + 1;
		END IF;
	END LOOP;
	RETURN n;
END
$$;
COMMENT ON FUNCTION pql.tell_signals(jsonb, timestamptz) IS 'Posts an alert about each signal newly met: an array of model, user_id, started_at, signal and channel. Returns how many had not been told before.';
