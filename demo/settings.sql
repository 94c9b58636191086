-- How psql shows what the demos print: \ir settings.sql.

\set QUIET on
\set ON_ERROR_STOP on
\timing off
\pset border 0
\pset linestyle ascii
\pset footer off
\pset null '-'
\pset pager off
\pset columns 200
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET client_min_messages = warning;
