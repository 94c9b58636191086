#include "webhook.h"

#include "text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* Who asks us to come back tomorrow has us come back in an hour, to be asked again. */
#define RETRY_AFTER_MOST 3600
/* For receivers that ask for a pause, and do not say how long. */
#define RETRY_AFTER_DEFAULT 30

/* The beginning of the answer is kept, the rest read and thrown away. */
static size_t
keep_reply(char *data, size_t size, size_t count, void *to)
{
	Webhook *hook = to;
	size_t room = sizeof(hook->reply) - 1 - hook->reply_length;
	size_t n = size * count < room ? size * count : room;

	memcpy(hook->reply + hook->reply_length, data, n);
	hook->reply_length += n;
	return size * count;
}

static void
add_header(Webhook *hook, const char *header)
{
	hook->headers = need(curl_slist_append(hook->headers, header));
}

bool
webhook_start(Webhook *hook, CURLM *multi, const char *url, const Alert *alert, int timeout,
			  void *mark)
{
	CURL *curl = need(curl_easy_init());
	char *key = need(curl_easy_escape(curl, alert->dedupe_key, 0));
	char *header = NULL;
	size_t size = 0;
	FILE *to = need(open_memstream(&header, &size));

	*hook = (Webhook){.curl = curl};
	/* percent-encoded, since a key may be any words */
	fprintf(to, "Idempotency-Key: %s", key);
	fclose(to);
	add_header(hook, header);
	add_header(hook, "Content-Type: application/json; charset=utf-8");
	add_header(hook, "Expect:");
	free(header);
	curl_free(key);

	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDS, alert->payload);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, hook->headers);
	curl_easy_setopt(curl, CURLOPT_USERAGENT, "pql-relay/" PQL_VERSION);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long) timeout);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long) timeout);
	/* redirections are not followed: the address is where it was said to be */
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep_reply);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, hook);
	curl_easy_setopt(curl, CURLOPT_PRIVATE, mark);
	if (curl_multi_add_handle(multi, curl) == CURLM_OK)
		return true;
	curl_slist_free_all(hook->headers);
	curl_easy_cleanup(curl);
	return false;
}

/*
 * Slack answers with a word such as no_service, which helps. A page of any other server may repeat
 * the URL, which is secret, and is left out.
 */
static const char *
word_of(Webhook *hook)
{
	hook->reply[hook->reply_length] = '\0';
	for (const char *c = hook->reply; *c != '\0'; c++)
	{
		if (!isalnum((unsigned char) *c) && *c != '_')
			return "";
	}
	return hook->reply;
}

static Outcome
meaning_of(Webhook *hook, CURLcode code)
{
	Outcome o = {.meaning = TRY_AGAIN};
	curl_off_t retry_after = 0;
	long status = 0;

	if (code != CURLE_OK)
	{
		snprintf(o.words, sizeof(o.words), "%s", curl_easy_strerror(code));
		return o;
	}
	curl_easy_getinfo(hook->curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(hook->curl, CURLINFO_RETRY_AFTER, &retry_after);
	snprintf(o.words, sizeof(o.words), "HTTP %ld %s", status, word_of(hook));
	if (status >= 200 && status < 300)
		o.meaning = DELIVERED;
	else if (status == 429 || status == 503)
	{
		if (retry_after == 0 && status == 429)
			retry_after = RETRY_AFTER_DEFAULT;
		o.retry_after = (long) (retry_after < RETRY_AFTER_MOST ? retry_after : RETRY_AFTER_MOST);
	}
	else if (status != 408 && status < 500)
		o.meaning = GIVE_UP;
	return o;
}

Outcome
webhook_finish(Webhook *hook, CURLM *multi, CURLcode code)
{
	Outcome o = meaning_of(hook, code);

	curl_multi_remove_handle(multi, hook->curl);
	curl_easy_cleanup(hook->curl);
	curl_slist_free_all(hook->headers);
	*hook = (Webhook){0};
	return o;
}
