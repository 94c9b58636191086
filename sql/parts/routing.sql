-- Routing: who gets a lead, and by when.

CREATE TABLE pql.channel (
	channel text PRIMARY KEY,
	kind text NOT NULL DEFAULT 'slack' CHECK (kind IN ('slack', 'webhook')),
	name text,
	calendar text REFERENCES pql.calendar ON UPDATE CASCADE,
	timezone text CHECK (pql.check_timezone(timezone)),
	paused_at timestamptz
);
COMMENT ON TABLE pql.channel IS 'Where alerts go. Addresses and secrets are the relay''s, not the database''s.';
COMMENT ON COLUMN pql.channel.channel IS 'The name by which a relay finds its address.';
COMMENT ON COLUMN pql.channel.kind IS 'slack: Block Kit. webhook: the same facts as plain JSON.';
COMMENT ON COLUMN pql.channel.name IS 'As people know it: #sales-leads.';
COMMENT ON COLUMN pql.channel.calendar IS 'Quiet hours: alerts wait while it is closed. With timezone, or mon-fri 09:00-18:00 there; neither: none.';
COMMENT ON COLUMN pql.channel.paused_at IS 'Since when nothing is sent; what comes meanwhile waits.';
SELECT pg_catalog.pg_extension_config_dump('pql.channel', '');

CREATE TABLE pql.team (
	team text PRIMARY KEY,
	manager text,
	channel text REFERENCES pql.channel ON UPDATE CASCADE,
	manager_channel text REFERENCES pql.channel ON UPDATE CASCADE
);
COMMENT ON TABLE pql.team IS 'Teams of reps: sdr, inside_sales, ae, or any other.';
COMMENT ON COLUMN pql.team.manager IS 'E-mail, or Slack handle, of who is told when a lead waits.';
COMMENT ON COLUMN pql.team.channel IS 'Where the team''s leads are announced; NULL: the channel named default.';
COMMENT ON COLUMN pql.team.manager_channel IS 'Where the manager is told; NULL: the same.';
SELECT pg_catalog.pg_extension_config_dump('pql.team', '');

CREATE TABLE pql.rep (
	email text PRIMARY KEY CHECK (email <> ''),
	name text,
	slack_handle text UNIQUE,
	crm_id text UNIQUE,
	timezone text CHECK (pql.check_timezone(timezone)),
	calendar text REFERENCES pql.calendar ON UPDATE CASCADE,
	team text NOT NULL DEFAULT 'sdr',
	active boolean NOT NULL DEFAULT true,
	daily_cap int NOT NULL DEFAULT 5 CHECK (daily_cap >= 0)
);
COMMENT ON TABLE pql.rep IS 'Sales reps.';
COMMENT ON COLUMN pql.rep.email IS 'Who it is, everywhere.';
COMMENT ON COLUMN pql.rep.team IS 'As in pql.segment_rule. What is to be known of the team itself is in pql.team.';
COMMENT ON COLUMN pql.rep.slack_handle IS 'Slack''s user id (U…): what mentions and /claim know.';
COMMENT ON COLUMN pql.rep.crm_id IS 'The CRM''s id of the user: account owners may be named so.';
COMMENT ON COLUMN pql.rep.timezone IS 'IANA name; NULL: the calendar''s.';
COMMENT ON COLUMN pql.rep.calendar IS 'NULL: mon-fri 09:00-18:00, without holidays.';
COMMENT ON COLUMN pql.rep.active IS 'Whether new leads come. Leads of a rep who is not stay until they are reassigned.';
COMMENT ON COLUMN pql.rep.daily_cap IS 'New leads on one business day.';
SELECT pg_catalog.pg_extension_config_dump('pql.rep', '');
