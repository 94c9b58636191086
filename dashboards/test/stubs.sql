-- What the report shows of pilots and signals, with answers made up for its tests, some of them hostile; and hostile
-- words where the catalogue has its own. Only for a database that is thrown away.

CREATE OR REPLACE FUNCTION pql.pilot_scorecard(of_pilot text DEFAULT NULL, as_of timestamptz DEFAULT now())
RETURNS TABLE (metric text, title text, value float8, numerator float8, denominator float8, low float8, high float8,
  target float8, target_high float8, minimum float8, breach float8, status text, unit text, action text, owner text)
LANGUAGE sql STABLE AS $$
  VALUES
    ('routed_conversion', 'Trial to paid, routed', 0.204::float8, 10::float8, 49::float8, 0.115::float8, 0.336::float8,
      0.15::float8, NULL::float8, 0.12::float8, NULL::float8, 'inconclusive', 'rate', NULL, NULL),
    ('acceptance_rate', '<script>alert("acceptance")</script>', 0.274, 23, 84, 0.190, 0.378, 0.5, NULL, 0.4, 0.3,
      'breach', 'rate', 'Tighten the model <b>now</b>', 'RevOps & "sales"'),
    ('sla_compliance', 'SLA compliance', 0.662, 102, 154, 0.584, 0.732, 0.8, NULL, 0.7, 0.6, 'inconclusive', 'rate',
      NULL, NULL),
    ('meeting_rate', 'Meetings', 0.2, 28, 140, 0.142, 0.274, 0.2, NULL, 0.15, NULL, 'inconclusive', 'rate', NULL, NULL),
    ('reply_rate', 'Replies', 0.21, 47, 224, 0.162, 0.268, 0.15, NULL, 0.1, NULL, 'ok', 'rate', NULL, NULL),
    ('complaint_rate', 'Complaints', 0.032, 5, 154, 0.014, 0.074, 0.02, NULL, 0.05, 0.05, 'inconclusive', 'rate', NULL,
      NULL),
    ('self_serve_change', 'Self-serve conversion, change', -0.003, NULL, NULL, -0.04, 0.035, 0, NULL, -0.01, -0.02,
      'inconclusive', 'change', NULL, NULL),
    ('nps_gap', 'NPS, contacted against not', NULL, NULL, NULL, NULL, NULL, 0, NULL, -5, NULL, 'no_data', 'points',
      NULL, NULL),
    ('triggered', 'Leads a business day', 8.4, 168, 20, NULL, NULL, 3, 8, NULL, NULL, 'warn', 'leads', NULL, NULL)
$$;

CREATE OR REPLACE FUNCTION pql.pilot_decision(of_pilot text DEFAULT NULL, as_of timestamptz DEFAULT now())
RETURNS TABLE (pilot text, decision text, reason text, decidable_on date, leads_needed int, details text)
LANGUAGE sql STABLE AS $$
  SELECT 'autumn </strong><script>alert(1)</script>', 'pause', 'minimum_missed', date '2026-11-23', 112,
    E'Acceptance 27.4 % is below the minimum of 40 %\n<img src=x onerror=alert(2)>'
$$;

CREATE OR REPLACE FUNCTION pql.signal_outcomes(as_of timestamptz DEFAULT now(), known_at timestamptz DEFAULT NULL)
RETURNS TABLE (signal text, category text, leads float8, dispositioned float8, accepted float8, acceptance_rate float8,
  low float8, high float8, without_rate float8, lift float8, disqualified float8, false_positive_rate float8,
  verdict text)
LANGUAGE sql STABLE AS $$
  VALUES
    ('invites', 'breadth', 88::float8, 51::float8, 22::float8, 0.431::float8, 0.305::float8, 0.567::float8,
      0.21::float8, 2.05::float8, 4::float8, 0.078::float8, 'predicts'),
    ('<script>alert("signal")</script>', '"depth" & width', 160, 80, 22, 0.275, 0.19, 0.381, 0.26, 1.06, 12, 0.15,
      'unclear'),
    ('{b} $& a signal with a name so long that no chart has room for all of it', 'intent', 41, 20, 3, 0.15, 0.052, 0.36,
      0.33, 0.45, 7, 0.35, 'noisy'),
    ('new_one', 'intent', 2, 0, 0, NULL, NULL, NULL, 0.3, NULL, 0, NULL, 'unclear')
$$;

UPDATE pql.metric_definition SET title = title || ' <script>alert("title")</script>'
WHERE metric IN ('triggered', 'lift', 'acv', 'sustained');
UPDATE pql.metric_definition
SET definition = '</p></figure><img src="http://elsewhere.invalid/x.png" onerror="alert(3)">' || definition
WHERE metric IN ('sla_compliance', 'complaint_rate');
