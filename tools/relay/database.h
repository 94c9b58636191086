/*
 * database.h
 *		libpq with a time by which it has to be done.
 */
#ifndef RELAY_DATABASE_H
#define RELAY_DATABASE_H

#include <libpq-fe.h>
#include <stdint.h>

/* A connection, or NULL; then error says why. Deadlines are of now_ms(). */
extern PGconn *database_connect(const char *conninfo, int64_t deadline, char *error, size_t size);

/*
 * Runs one statement with parameters as text. NULL: the connection is of no use any more, and to be
 * closed. What the server refused is a result like others.
 */
extern PGresult *database_query(PGconn *conn, const char *sql, int n, const char *const *values,
								int64_t deadline);

#endif
