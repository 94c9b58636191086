/*
 * server.h
 *		HTTP: POST /claim for Slack, GET /health for whoever watches.
 */
#ifndef RELAY_SERVER_H
#define RELAY_SERVER_H

#include "settings.h"

#include <stdatomic.h>

/* What GET /health tells; the delivering thread writes it. */
typedef struct Health
{
	atomic_bool connected;
	atomic_ulong delivered;
	atomic_ulong failed; /* attempts, given up or to be repeated */
} Health;

typedef struct Server Server;

/* NULL: it cannot listen there, which has been said. Settings and health outlive it. */
extern Server *server_start(const Settings *settings, Health *health);

/* Ends what is under way, and takes nothing new. NULL is fine. */
extern void server_stop(Server *server);

#endif
