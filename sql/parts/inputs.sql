-- Inputs: pql's own tables, to COPY straight into (the embedded default).
--
-- None of them refuses a row for what is in it: a NULL user, event or time is kept, ignored by the
-- engine and counted by pql.ignored_rows(). The customer's data is the customer's.

CREATE TABLE pql.event (
	user_id text,
	occurred_at timestamptz,
	event text,
	properties jsonb,
	received_at timestamptz DEFAULT now(),
	event_id text
);
CREATE INDEX event_by_user ON pql.event (user_id, occurred_at);
CREATE INDEX event_by_source_id ON pql.event (user_id, event_id) WHERE event_id IS NOT NULL;
COMMENT ON TABLE pql.event IS 'What users did: one row per event, COPY straight into it.';
COMMENT ON COLUMN pql.event.user_id IS 'One person in the product.';
COMMENT ON COLUMN pql.event.occurred_at IS 'When it happened. NULL or infinite: the row is ignored and counted.';
COMMENT ON COLUMN pql.event.event IS 'The name of the event, as the product writes it.';
COMMENT ON COLUMN pql.event.properties IS 'A JSON object. Any other shape has no properties.';
COMMENT ON COLUMN pql.event.received_at IS 'When it was loaded; known_at cuts here. NULL: known from the moment it happened.';
COMMENT ON COLUMN pql.event.event_id IS 'The source''s own id of the event: rows repeated for one user count once. NULL: never a repeat.';

CREATE TABLE pql.person (
	user_id text PRIMARY KEY,
	email text,
	full_name text,
	title text,
	account_id text,
	signed_up_at timestamptz,
	paid_at timestamptz,
	opted_out_at timestamptz,
	suppressed_at timestamptz,
	attributes jsonb,
	followed_at timestamptz
);
COMMENT ON TABLE pql.person IS 'What is known of each user. Columns and attributes are the facts person.* of models.';
COMMENT ON COLUMN pql.person.signed_up_at IS 'Start of a user who has no trial (freemium).';
COMMENT ON COLUMN pql.person.paid_at IS 'First payment ever, where it is known apart from trials.';
COMMENT ON COLUMN pql.person.opted_out_at IS 'When the person unsubscribed; the fact person.opted_out is true from then on.';
COMMENT ON COLUMN pql.person.suppressed_at IS 'When the person went on a do-not-contact list; the fact person.suppressed.';
COMMENT ON COLUMN pql.person.attributes IS 'Further facts, by name: {"plan": "team"} is person.plan.';
COMMENT ON COLUMN pql.person.followed_at IS 'Since when the row follows a connected table; NULL: it was written here. No fact.';

CREATE TABLE pql.account (
	account_id text PRIMARY KEY,
	name text,
	domain text,
	employees int,
	industry text,
	crm_owner text,
	kind text,
	attributes jsonb,
	followed_at timestamptz
);
COMMENT ON TABLE pql.account IS 'What is known of each company. Columns and attributes are the facts account.* of models.';
COMMENT ON COLUMN pql.account.kind IS 'prospect, customer, competitor, partner, internal …: as the model asks.';
COMMENT ON COLUMN pql.account.attributes IS 'Further facts, by name: {"tech_stack": "dbt"} is account.tech_stack.';
COMMENT ON COLUMN pql.account.followed_at IS 'Since when the row follows a connected table; NULL: it was written here. No fact.';

CREATE TABLE pql.trial (
	user_id text NOT NULL,
	started_at timestamptz NOT NULL,
	ends_at timestamptz,
	plan text,
	converted_at timestamptz,
	mrr float8,
	conversion_source text,
	followed_at timestamptz,
	PRIMARY KEY (user_id, started_at)
);
CREATE INDEX trial_assisted ON pql.trial (user_id, started_at) WHERE conversion_source = 'sales_assisted';
COMMENT ON TABLE pql.trial IS 'Trials, one row each. While it is empty, the event signup_complete starts trials.';
COMMENT ON COLUMN pql.trial.ends_at IS 'NULL: 14 local days after the start, in the model''s timezone.';
COMMENT ON COLUMN pql.trial.converted_at IS 'When this trial was paid for; NULL while it was not.';
COMMENT ON COLUMN pql.trial.mrr IS 'Monthly recurring revenue of the conversion, in the company''s currency.';
COMMENT ON COLUMN pql.trial.conversion_source IS 'self_serve or sales_assisted, where billing says so.';
COMMENT ON COLUMN pql.trial.followed_at IS 'Since when the row follows a connected table; NULL: it was written here.';

CREATE TABLE pql.conversion (
	conversion_id text,
	user_id text,
	account_id text,
	converted_at timestamptz,
	plan text,
	mrr float8,
	conversion_source text,
	followed_at timestamptz
);
CREATE INDEX conversion_by_id ON pql.conversion (conversion_id) WHERE conversion_id IS NOT NULL;
CREATE INDEX conversion_by_user ON pql.conversion (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX conversion_by_account ON pql.conversion (account_id) WHERE account_id IS NOT NULL;
COMMENT ON TABLE pql.conversion IS 'Payments, where they are known apart from trials: one row each. Each converts the trial that it belongs to.';
COMMENT ON COLUMN pql.conversion.conversion_id IS 'The source''s own id: rows that repeat one count once, the earliest. NULL: never a repeat.';
COMMENT ON COLUMN pql.conversion.user_id IS 'Who paid.';
COMMENT ON COLUMN pql.conversion.account_id IS 'The company that paid: all its members did, and one of their trials has the MRR.';
COMMENT ON COLUMN pql.conversion.converted_at IS 'When. NULL or infinite: the row is ignored.';
COMMENT ON COLUMN pql.conversion.plan IS 'What was bought. A trial''s own plan stays as it is.';
COMMENT ON COLUMN pql.conversion.mrr IS 'Monthly recurring revenue, in the company''s currency.';
COMMENT ON COLUMN pql.conversion.conversion_source IS 'self_serve or sales_assisted, where billing says so.';
COMMENT ON COLUMN pql.conversion.followed_at IS 'Since when the row follows a connected table; NULL: it was written here.';

CREATE TABLE pql.fact (
	subject text NOT NULL,
	name text NOT NULL,
	value jsonb,
	source text,
	recorded_at timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (subject, name, recorded_at)
);
CREATE INDEX fact_of_account ON pql.fact ((value #>> '{}')) WHERE name = 'person.account_id';
COMMENT ON TABLE pql.fact IS 'History of facts that changed, or whose source gives them a time.';
COMMENT ON COLUMN pql.fact.subject IS 'user_id for person.*, trial.* and lead.*; account_id for account.*.';
COMMENT ON COLUMN pql.fact.name IS 'Dotted: account.employees, person.title, lead.disposition …';
COMMENT ON COLUMN pql.fact.value IS 'NULL or JSON null: unknown from then on.';
COMMENT ON COLUMN pql.fact.source IS 'Who said so: enrichment, crm, form …';
COMMENT ON COLUMN pql.fact.recorded_at IS 'Known from this instant on; -infinity: from the beginning.';

CREATE TABLE pql.survey (
	user_id text NOT NULL,
	answered_at timestamptz NOT NULL,
	kind text NOT NULL,
	score float8 NOT NULL,
	followed_at timestamptz,
	PRIMARY KEY (user_id, answered_at, kind)
);
COMMENT ON TABLE pql.survey IS 'Answers to surveys: one row each.';
COMMENT ON COLUMN pql.survey.kind IS 'nps (score 0 to 10) or csat (1 to 5). Others are kept, and counted nowhere.';
COMMENT ON COLUMN pql.survey.followed_at IS 'Since when the row follows a connected table; NULL: it was written here.';

CREATE TABLE pql.deal (
	deal_id text PRIMARY KEY,
	user_id text,
	account_id text,
	source text,
	kind text,
	amount float8,
	created_at timestamptz,
	closed_at timestamptz,
	outcome text,
	followed_at timestamptz
);
COMMENT ON TABLE pql.deal IS 'Deals, or opportunities, as the CRM has them: one row each.';
COMMENT ON COLUMN pql.deal.user_id IS 'Whose lead it came of; NULL: it is known by its account.';
COMMENT ON COLUMN pql.deal.source IS 'pql, outbound, inbound, marketing …, as the CRM says. NULL: pql, if its user or account had a lead before, else unknown.';
COMMENT ON COLUMN pql.deal.kind IS 'new, expansion or renewal; NULL: new.';
COMMENT ON COLUMN pql.deal.amount IS 'A year''s, in the company''s currency.';
COMMENT ON COLUMN pql.deal.closed_at IS 'NULL: it is open.';
COMMENT ON COLUMN pql.deal.outcome IS 'won or lost. NULL: won, once it is closed.';
COMMENT ON COLUMN pql.deal.followed_at IS 'Since when the row follows a connected table; NULL: it was written here.';

CREATE TABLE pql.list_entry (
	list text NOT NULL,
	entry text NOT NULL,
	PRIMARY KEY (list, entry)
);
COMMENT ON TABLE pql.list_entry IS 'Named lists that models ask with in_list: test_accounts, target_industries …';
