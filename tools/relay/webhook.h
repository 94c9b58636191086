/*
 * webhook.h
 *		One message to one incoming webhook, and what its answer means.
 */
#ifndef RELAY_WEBHOOK_H
#define RELAY_WEBHOOK_H

#include "outbox.h"

#include <curl/curl.h>

typedef enum Meaning
{
	DELIVERED,
	TRY_AGAIN,
	GIVE_UP
} Meaning;

typedef struct Outcome
{
	Meaning meaning;
	long retry_after; /* seconds that the receiver asks for; 0: it does not say */
	char words[300];  /* for last_error and the log: nothing secret */
} Outcome;

typedef struct Webhook
{
	CURL *curl;
	struct curl_slist *headers;
	char reply[64];
	size_t reply_length;
} Webhook;

/* Begins to send; the alert stays until webhook_finish. mark comes back as CURLINFO_PRIVATE. */
extern bool webhook_start(Webhook *hook, CURLM *multi, const char *url, const Alert *alert,
						  int timeout, void *mark);
extern Outcome webhook_finish(Webhook *hook, CURLM *multi, CURLcode code);

#endif
