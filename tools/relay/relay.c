/*
 * One thread, one connection to the database, one message under way in each channel.
 *
 * Channels do not wait for each other: transfers run side by side (libcurl's multi interface). An
 * alert is acknowledged only after its receiver said 2xx, and what came of it is kept until the
 * database has been told; if we die in between, the alert is given out again when its time is over.
 */
#include "relay.h"

#include "outbox.h"
#include "text.h"
#include "webhook.h"

#include <stdlib.h>
#include <string.h>

/* Slack takes about one message a second in a channel. */
#define PACE_MS 1000
/* A channel that fails is left alone for a while, so that alerts do not use up their attempts. */
#define PAUSE_MOST_MS 60000
/* At the end, for telling the database what came of the last messages. */
#define STOP_REPORT_MS 5000

typedef enum State
{
	IDLE,
	SENDING,
	REPORTING /* sent or not; the database does not know yet */
} State;

typedef struct Channel
{
	const Address *address;
	State state;
	bool look;        /* there may be an alert */
	int64_t ready_at; /* not before */
	int failures;     /* in a row */
	Alert alert;
	Webhook hook;
	Outcome outcome;
} Channel;

typedef struct Relay
{
	const Settings *settings;
	Health *health;
	Outbox outbox;
	CURLM *multi;
	int num_channels;
	Channel channels[MAX_CHANNELS];
	int64_t poll_at;
	bool stopping;
	int64_t stop_at;
} Relay;

static bool
busy(const Relay *r, State least)
{
	for (int i = 0; i < r->num_channels; i++)
	{
		if (r->channels[i].state >= least)
			return true;
	}
	return false;
}

static void
look_everywhere(Relay *r)
{
	for (int i = 0; i < r->num_channels; i++)
		r->channels[i].look = true;
	r->poll_at = now_ms() + r->settings->poll_interval * 1000;
}

static void
start_next(Relay *r, Channel *c)
{
	c->look = false;
	if (!outbox_take(&r->outbox, c->address->channel, &c->alert))
		return;
	c->look = true;
	if (c->alert.payload == NULL)
	{
		c->outcome = (Outcome){.meaning = GIVE_UP, .words = "there is nothing to send"};
		c->state = REPORTING;
		return;
	}
	c->ready_at = now_ms() + PACE_MS;
	if (webhook_start(&c->hook, r->multi, c->address->url, &c->alert, r->settings->timeout, c))
		c->state = SENDING;
	else
	{
		c->outcome = (Outcome){.meaning = TRY_AGAIN, .words = "it could not be sent"};
		c->state = REPORTING;
	}
}

/* When the channel may be asked again, after what came of a message. */
static void
pace(Channel *c)
{
	int64_t pause;

	if (c->outcome.meaning != TRY_AGAIN)
	{
		c->failures = 0;
		return;
	}
	pause = doubled(PACE_MS, c->failures++, PAUSE_MOST_MS);
	if (c->outcome.retry_after > 0)
		pause = c->outcome.retry_after * 1000;
	c->ready_at = now_ms() + jittered(pause);
}

static void
take_outcomes(Relay *r)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(r->multi, &left)) != NULL)
	{
		Channel *c;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &c);
		c->outcome = webhook_finish(&c->hook, r->multi, message->data.result);
		c->state = REPORTING;
		pace(c);
		if (c->outcome.meaning == DELIVERED)
			atomic_fetch_add(&r->health->delivered, 1);
		else
		{
			atomic_fetch_add(&r->health->failed, 1);
			say("alert %s to channel \"%s\": %s%s", c->alert.id, c->address->channel,
				c->outcome.words, c->outcome.meaning == GIVE_UP ? "; given up" : "");
		}
	}
}

static void
report(Relay *r, Channel *c)
{
	bool said = c->outcome.meaning == DELIVERED
					? outbox_ack(&r->outbox, &c->alert)
					: outbox_nack(&r->outbox, &c->alert, c->outcome.words, c->outcome.retry_after,
								  c->outcome.meaning == GIVE_UP);

	if (!said)
		return;
	outbox_forget(&c->alert);
	c->state = IDLE;
}

/* All that can be done now, for each channel. */
static void
step(Relay *r)
{
	if (outbox_connect(&r->outbox) || now_ms() >= r->poll_at || outbox_notified(&r->outbox))
		look_everywhere(r);
	for (int i = 0; i < r->num_channels; i++)
	{
		Channel *c = &r->channels[i];

		if (r->outbox.conn == NULL)
			break;
		if (c->state == REPORTING)
			report(r, c);
		if (c->state == IDLE && c->look && !r->stopping && now_ms() >= c->ready_at)
			start_next(r, c);
	}
	atomic_store(&r->health->connected, r->outbox.conn != NULL);
}

/* How long nothing is to be done unless something happens. */
static int
idle_ms(const Relay *r)
{
	int64_t now = now_ms();
	int64_t until = r->poll_at;

	if (r->outbox.conn == NULL)
		until = r->outbox.connect_at;
	for (int i = 0; i < r->num_channels && r->outbox.conn != NULL; i++)
	{
		const Channel *c = &r->channels[i];

		if (c->state == REPORTING)
			return 0;
		if (c->state == IDLE && c->look && !r->stopping && c->ready_at < until)
			until = c->ready_at;
	}
	if (r->stopping && until > now + 100)
		until = now + 100;
	return until > now ? (int) (until - now) : 0;
}

static void
wait_for_something(Relay *r, int stop_fd)
{
	struct curl_waitfd fds[2] = {{.fd = stop_fd, .events = CURL_WAIT_POLLIN}};
	/* once it can be read, it always can be */
	unsigned int first = r->stopping ? 1 : 0;
	unsigned int n = 1;

	if (r->outbox.conn != NULL)
		fds[n++] = (struct curl_waitfd){.fd = PQsocket(r->outbox.conn), .events = CURL_WAIT_POLLIN};
	curl_multi_poll(r->multi, fds + first, n - first, idle_ms(r), NULL);
	if (!r->stopping && (fds[0].revents & CURL_WAIT_POLLIN) != 0)
	{
		r->stopping = true;
		r->stop_at = now_ms() + r->settings->timeout * 1000 + STOP_REPORT_MS;
		say("stopping%s", busy(r, SENDING) ? "; waiting for what is being sent" : "");
	}
}

void
relay_run(const Settings *settings, Health *health, int stop_fd)
{
	Relay *r = need(calloc(1, sizeof(Relay)));

	r->settings = settings;
	r->health = health;
	r->multi = need(curl_multi_init());
	r->num_channels = settings->num_addresses;
	for (int i = 0; i < r->num_channels; i++)
		r->channels[i].address = &settings->addresses[i];
	outbox_init(&r->outbox, settings->database, settings->visibility);
	while (!r->stopping || (busy(r, SENDING) && now_ms() < r->stop_at))
	{
		int running;

		step(r);
		curl_multi_perform(r->multi, &running);
		take_outcomes(r);
		wait_for_something(r, stop_fd);
	}
	for (int i = 0; i < r->num_channels; i++)
	{
		if (r->channels[i].state == SENDING)
			webhook_finish(&r->channels[i].hook, r->multi, CURLE_OPERATION_TIMEDOUT);
		outbox_forget(&r->channels[i].alert);
	}
	outbox_close(&r->outbox);
	curl_multi_cleanup(r->multi);
	free(r);
}
