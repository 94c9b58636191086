/*
 * outbox.h
 *		The relay's side of pql.alert: take, acknowledge, fail; and a connection that comes back.
 */
#ifndef RELAY_OUTBOX_H
#define RELAY_OUTBOX_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct Alert
{
	char *id;
	char *dedupe_key;
	char *payload; /* NULL: there is nothing to send, its lead is gone */
} Alert;

typedef struct Outbox
{
	const char *conninfo;
	char consumer[300]; /* who we are; another in each life, for a life may end in the middle */
	char visibility[16];
	PGconn *conn;       /* NULL: there is none at present */
	int64_t connect_at; /* not before */
	int failures;
} Outbox;

extern void outbox_init(Outbox *outbox, const char *conninfo, int visibility);
extern void outbox_close(Outbox *outbox);

/* Connects where that is due, and listens. True: a new connection, so that all may be new. */
extern bool outbox_connect(Outbox *outbox);

/* True: pql_alert was notified since. */
extern bool outbox_notified(Outbox *outbox);

/* True: an alert of the channel, which is ours for as long as the visibility. */
extern bool outbox_take(Outbox *outbox, const char *channel, Alert *alert);
extern void outbox_forget(Alert *alert);

/* True: it is noted, or cannot be. False: the connection is gone, and it is to be said again. */
extern bool outbox_ack(Outbox *outbox, const Alert *alert);
extern bool outbox_nack(Outbox *outbox, const Alert *alert, const char *error, long retry_after,
						bool give_up);

#endif
