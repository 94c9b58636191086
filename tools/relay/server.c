#include "server.h"

#include "signature.h"
#include "slash.h"
#include "text.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* A slash command is about a kilobyte. */
#define BODY_MOST 16384
#define CONNECTIONS_MOST 64
#define IDLE_SECONDS 5
/* Longer than a slash command can take. */
#define STOP_MS 4000

struct Server
{
	const Settings *settings;
	Health *health;
	struct MHD_Daemon *daemon;
};

typedef struct Request
{
	size_t length;
	bool too_long;
	char body[BODY_MOST];
} Request;

static enum MHD_Result
reply(struct MHD_Connection *connection, unsigned int status, const char *type, const char *body)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(strlen(body), (void *) body, MHD_RESPMEM_MUST_COPY);
	enum MHD_Result queued;

	if (response == NULL)
		return MHD_NO;
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW,
								strcmp(body, "POST\n") == 0 ? "POST" : "GET");
	queued = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return queued;
}

static enum MHD_Result
reply_text(struct MHD_Connection *connection, unsigned int status, const char *words)
{
	return reply(connection, status, "text/plain; charset=utf-8", words);
}

static enum MHD_Result
reply_health(struct MHD_Connection *connection, Health *h)
{
	bool connected = atomic_load(&h->connected);
	char body[200];

	snprintf(body, sizeof(body), "{\"database\":\"%s\",\"delivered\":%lu,\"failed\":%lu}\n",
			 connected ? "connected" : "away", atomic_load(&h->delivered), atomic_load(&h->failed));
	return reply(connection, connected ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE,
				 "application/json", body);
}

static const char *
header(struct MHD_Connection *connection, const char *name)
{
	return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

/* The signature is over the whole body, so nothing of it is read before that is right. */
static enum MHD_Result
reply_claim(struct MHD_Connection *connection, const Server *s, const Request *r)
{
	enum MHD_Result queued;
	char *json;

	if (r->too_long)
		return reply_text(connection, MHD_HTTP_CONTENT_TOO_LARGE, "too long\n");
	if (s->settings->signing_secret == NULL)
		return reply_text(connection, MHD_HTTP_NOT_FOUND, "no signing secret is set\n");
	if (!signature_ok(s->settings->signing_secret, header(connection, "X-Slack-Request-Timestamp"),
					  header(connection, "X-Slack-Signature"), r->body, r->length, time(NULL)))
		return reply_text(connection, MHD_HTTP_UNAUTHORIZED, "not signed, or not of now\n");
	json = slash_answer(s->settings->database, r->body, r->length);
	if (json == NULL)
		return reply_text(connection, MHD_HTTP_BAD_REQUEST, "no slash command\n");
	queued = reply(connection, MHD_HTTP_OK, "application/json; charset=utf-8", json);
	free(json);
	return queued;
}

/* Called once for the headers, then for each piece of the body, then with none left. */
static enum MHD_Result
handle(void *server, struct MHD_Connection *connection, const char *url, const char *method,
	   const char *version, const char *data, size_t *size, void **state)
{
	const Server *s = server;
	Request *r = *state;

	(void) version;
	if (r == NULL)
	{
		*state = need(calloc(1, sizeof(Request)));
		return MHD_YES;
	}
	if (*size > 0)
	{
		r->too_long |= *size > BODY_MOST - r->length;
		if (!r->too_long)
		{
			memcpy(r->body + r->length, data, *size);
			r->length += *size;
		}
		*size = 0;
		return MHD_YES;
	}
	if (strcmp(url, "/health") == 0)
	{
		if (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0)
			return reply_health(connection, s->health);
		return reply_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "GET\n");
	}
	if (strcmp(url, "/claim") == 0)
	{
		if (strcmp(method, "POST") == 0)
			return reply_claim(connection, s, r);
		return reply_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "POST\n");
	}
	return reply_text(connection, MHD_HTTP_NOT_FOUND, "there is /claim and /health\n");
}

static void
completed(void *server, struct MHD_Connection *connection, void **state,
		  enum MHD_RequestTerminationCode why)
{
	(void) server;
	(void) connection;
	(void) why;
	free(*state);
	*state = NULL;
}

/* host:port, [v6]:port, or a port of this machine */
static bool
resolve(const char *listen, struct addrinfo **found)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
							 .ai_flags = AI_NUMERICSERV | AI_NUMERICHOST | AI_PASSIVE};
	char host[100] = "127.0.0.1";
	const char *colon = strrchr(listen, ':');
	const char *begin = listen;
	size_t length = colon != NULL ? (size_t) (colon - listen) : 0;

	if (length >= 2 && listen[0] == '[' && colon[-1] == ']')
	{
		begin++;
		length -= 2;
	}
	if (length >= sizeof(host))
		return false;
	if (length > 0)
	{
		memcpy(host, begin, length);
		host[length] = '\0';
	}
	return getaddrinfo(host, colon != NULL ? colon + 1 : listen, &hints, found) == 0;
}

/* libmicrohttpd's own words, of requests that are none; who sends them can send many. */
static void
log_nothing(void *to, const char *format, va_list args)
{
	(void) to;
	(void) format;
	(void) args;
}

Server *
server_start(const Settings *settings, Health *health)
{
	Server *s = need(calloc(1, sizeof(Server)));
	struct addrinfo *at = NULL;
	const union MHD_DaemonInfo *info;

	s->settings = settings;
	s->health = health;
	if (!resolve(settings->listen, &at))
	{
		say("cannot listen at \"%s\": write address:port, as in 127.0.0.1:8087", settings->listen);
		free(s);
		return NULL;
	}
	s->daemon = MHD_start_daemon(
		MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL |
			MHD_USE_ERROR_LOG | (at->ai_family == AF_INET6 ? MHD_USE_IPv6 : 0),
		0, NULL, NULL, handle, s, MHD_OPTION_EXTERNAL_LOGGER, log_nothing, NULL,
		MHD_OPTION_SOCK_ADDR, at->ai_addr, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned int) CONNECTIONS_MOST, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned int) IDLE_SECONDS,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t) 16384, MHD_OPTION_NOTIFY_COMPLETED, completed,
		NULL, MHD_OPTION_LISTENING_ADDRESS_REUSE, 1U, MHD_OPTION_END);
	freeaddrinfo(at);
	if (s->daemon == NULL)
	{
		say("cannot listen at \"%s\": is another relay there?", settings->listen);
		free(s);
		return NULL;
	}
	info = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_BIND_PORT);
	say("listening at %s, port %u%s", settings->listen, info != NULL ? info->port : 0,
		settings->signing_secret == NULL ? "; no signing secret is set, so no /claim" : "");
	return s;
}

void
server_stop(Server *s)
{
	int64_t until = now_ms() + STOP_MS;
	MHD_socket listening;

	if (s == NULL)
		return;
	listening = MHD_quiesce_daemon(s->daemon);
	if (listening != MHD_INVALID_SOCKET)
		close(listening);
	while (now_ms() < until)
	{
		const union MHD_DaemonInfo *info =
			MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);
		struct timespec moment = {.tv_nsec = 20000000};

		if (info == NULL || info->num_connections == 0)
			break;
		nanosleep(&moment, NULL);
	}
	MHD_stop_daemon(s->daemon);
	free(s);
}
