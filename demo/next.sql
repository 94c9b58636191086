-- The end of the demo: what to try next. Run by demo/run after all else.

\echo
\echo '=== What to try next'
\echo
\echo '  scripts/with-cluster demo/run --psql     plays this again and leaves you at a prompt; then, say'
\echo
\echo '  SELECT * FROM pql.coverage(''trial'', ''2026-10-31'');'
\echo '  SELECT pql.put_model(pql.adapt(''trial'', ''{"timezone": "Europe/Berlin"}'')::text);'
\echo '  SELECT * FROM pql.score_all(''playbook'', ''2026-10-31'') ORDER BY score DESC LIMIT 20;'
\echo
