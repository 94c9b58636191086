#include "database.h"

#include "text.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

/* True: the socket has what was waited for. False: time is over. */
static bool
wait_for(PGconn *conn, short events, int64_t deadline)
{
	struct pollfd fd = {.fd = PQsocket(conn), .events = events};

	if (fd.fd < 0)
		return false;
	for (;;)
	{
		int64_t left = deadline - now_ms();
		int n = left > 0 ? poll(&fd, 1, (int) left) : 0;

		if (n > 0)
			return true;
		if (n == 0 || errno != EINTR)
			return false;
	}
}

PGconn *
database_connect(const char *conninfo, int64_t deadline, char *error, size_t size)
{
	/* The first is a whole conninfo, which may name any of the others. */
	const char *keywords[] = {"dbname", "fallback_application_name", NULL};
	const char *values[] = {conninfo != NULL ? conninfo : "", "pql-relay", NULL};
	PGconn *conn =
		PQconnectStartParams(conninfo != NULL ? keywords : keywords + 1,
							 conninfo != NULL ? values : values + 1, conninfo != NULL ? 1 : 0);
	PostgresPollingStatusType status = PGRES_POLLING_WRITING;

	need(conn);
	while (PQstatus(conn) != CONNECTION_BAD && status != PGRES_POLLING_OK &&
		   status != PGRES_POLLING_FAILED)
	{
		if (!wait_for(conn, status == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline))
		{
			snprintf(error, size, "it does not answer");
			PQfinish(conn);
			return NULL;
		}
		status = PQconnectPoll(conn);
	}
	if (PQstatus(conn) != CONNECTION_OK || PQsetClientEncoding(conn, "UTF8") != 0)
	{
		snprintf(error, size, "%s", PQerrorMessage(conn));
		PQfinish(conn);
		return NULL;
	}
	return conn;
}

PGresult *
database_query(PGconn *conn, const char *sql, int n, const char *const *values, int64_t deadline)
{
	PGresult *last = NULL;
	PGresult *result;

	if (!PQsendQueryParams(conn, sql, n, NULL, values, NULL, NULL, 0))
		return NULL;
	for (;;)
	{
		while (PQisBusy(conn))
		{
			if (!wait_for(conn, POLLIN, deadline) || !PQconsumeInput(conn))
			{
				PQclear(last);
				return NULL;
			}
		}
		result = PQgetResult(conn);
		if (result == NULL)
			break;
		PQclear(last);
		last = result;
	}
	if (PQstatus(conn) != CONNECTION_OK)
	{
		PQclear(last);
		return NULL;
	}
	return last;
}
