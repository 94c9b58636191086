-- The schema is closed to everybody but its owner, and so is each function in it. Who is to use pql is given one of its roles: pql.grant_to.
REVOKE ALL ON ALL ROUTINES IN SCHEMA pql FROM PUBLIC;
