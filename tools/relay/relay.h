/*
 * relay.h
 *		From the outbox to the webhooks, until told to stop.
 */
#ifndef RELAY_RELAY_H
#define RELAY_RELAY_H

#include "server.h"
#include "settings.h"

/* Ends when something can be read from stop_fd, after what is under way. */
extern void relay_run(const Settings *settings, Health *health, int stop_fd);

#endif
