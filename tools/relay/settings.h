/*
 * settings.h
 *		What the relay is told: by a file, and by the environment, which comes before it.
 */
#ifndef RELAY_SETTINGS_H
#define RELAY_SETTINGS_H

#include <stdbool.h>

#define MAX_CHANNELS 64

typedef struct Address
{
	char *channel;
	char *url; /* secret: who knows it can write to the channel */
} Address;

typedef struct Settings
{
	char *database;       /* conninfo; NULL: libpq's own environment */
	char *signing_secret; /* NULL: no slash commands */
	char *listen;         /* host:port, or none */
	int poll_interval;    /* seconds, as all that follow */
	int timeout;
	int visibility;
	int num_addresses;
	Address addresses[MAX_CHANNELS];
} Settings;

/*
 * Reads the file (NULL: none), then the environment. False when something is wrong, which has then
 * been said, without values.
 */
extern bool settings_read(Settings *settings, const char *file);

/* Forgets all of it, secrets for good. */
extern void settings_forget(Settings *settings);

#endif
