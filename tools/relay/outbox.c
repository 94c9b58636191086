#include "outbox.h"

#include "database.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* While we wait for the database nothing is sent, so not for long. */
#define CONNECT_MS 3000
#define QUERY_MS 10000
#define RECONNECT_MS 500
#define RECONNECT_MOST_MS 30000

void
outbox_init(Outbox *o, const char *conninfo, int visibility)
{
	char host[200] = "";

	gethostname(host, sizeof(host) - 1);
	*o = (Outbox){.conninfo = conninfo};
	snprintf(o->consumer, sizeof(o->consumer), "%s %ld %lld", host, (long) getpid(),
			 (long long) time(NULL));
	snprintf(o->visibility, sizeof(o->visibility), "%d", visibility);
}

void
outbox_close(Outbox *o)
{
	PQfinish(o->conn);
	o->conn = NULL;
}

static void
lost(Outbox *o, const char *why)
{
	o->connect_at = now_ms() + jittered(doubled(RECONNECT_MS, o->failures++, RECONNECT_MOST_MS));
	say_once("no database: %s", why);
	outbox_close(o);
}

/* NULL: the connection is lost, or the server refused, which is said; refused tells which. */
static PGresult *
query(Outbox *o, const char *sql, int n, const char *const *values, bool *refused)
{
	PGresult *result;

	*refused = false;
	if (o->conn == NULL)
		return NULL;
	result = database_query(o->conn, sql, n, values, now_ms() + QUERY_MS);
	if (result == NULL)
	{
		lost(o, *PQerrorMessage(o->conn) != '\0' ? PQerrorMessage(o->conn) : "it does not answer");
		return NULL;
	}
	if (PQresultStatus(result) != PGRES_TUPLES_OK && PQresultStatus(result) != PGRES_COMMAND_OK)
	{
		*refused = true;
		say_once("the database refuses: %s", PQresultErrorMessage(result));
		PQclear(result);
		return NULL;
	}
	return result;
}

bool
outbox_connect(Outbox *o)
{
	char error[500];
	PGresult *result;
	bool refused;

	if (o->conn != NULL || now_ms() < o->connect_at)
		return false;
	o->conn = database_connect(o->conninfo, now_ms() + CONNECT_MS, error, sizeof(error));
	if (o->conn == NULL)
	{
		lost(o, error);
		return false;
	}
	result = query(o, "LISTEN pql_alert", 0, NULL, &refused);
	if (result == NULL)
	{
		if (refused)
			lost(o, "it does not let us listen");
		return false;
	}
	PQclear(result);
	if (o->failures > 0)
		say("the database is back");
	o->failures = 0;
	return true;
}

bool
outbox_notified(Outbox *o)
{
	PGnotify *notify;
	bool any = false;

	if (o->conn == NULL)
		return false;
	if (!PQconsumeInput(o->conn))
	{
		lost(o, PQerrorMessage(o->conn));
		return false;
	}
	while ((notify = PQnotifies(o->conn)) != NULL)
	{
		PQfreemem(notify);
		any = true;
	}
	return any;
}

bool
outbox_take(Outbox *o, const char *channel, Alert *alert)
{
	const char *values[] = {o->consumer, o->visibility, channel};
	bool refused;
	PGresult *result = query(o,
							 "SELECT a.alert_id, a.dedupe_key, a.payload FROM "
							 "pql.take_alerts($1::text, 1, pg_catalog.make_interval(secs => "
							 "$2::float8), ARRAY[$3::text]) a",
							 3, values, &refused);
	bool any;

	if (result == NULL)
		return false;
	any = PQntuples(result) > 0;
	if (any)
	{
		alert->id = need(strdup(PQgetvalue(result, 0, 0)));
		alert->dedupe_key = need(strdup(PQgetvalue(result, 0, 1)));
		alert->payload = PQgetisnull(result, 0, 2) ? NULL : need(strdup(PQgetvalue(result, 0, 2)));
	}
	PQclear(result);
	return any;
}

void
outbox_forget(Alert *alert)
{
	free(alert->id);
	free(alert->dedupe_key);
	free(alert->payload);
	*alert = (Alert){0};
}

bool
outbox_ack(Outbox *o, const Alert *alert)
{
	const char *values[] = {alert->id};
	bool refused;
	PGresult *result = query(o, "SELECT pql.ack_alert($1::bigint)", 1, values, &refused);
	bool said = result != NULL || refused;

	PQclear(result);
	return said;
}

bool
outbox_nack(Outbox *o, const Alert *alert, const char *error, long retry_after, bool give_up)
{
	char seconds[24];
	const char *values[] = {alert->id, error, NULL, give_up ? "true" : "false", o->consumer};
	bool refused;
	bool said;
	PGresult *result;

	if (retry_after > 0)
	{
		snprintf(seconds, sizeof(seconds), "%ld", retry_after);
		values[2] = seconds;
	}
	result = query(o,
				   "SELECT pql.nack_alert($1::bigint, $2::text, pg_catalog.make_interval(secs => "
				   "$3::float8), $4::boolean, $5::text)",
				   5, values, &refused);
	said = result != NULL || refused;
	PQclear(result);
	return said;
}
