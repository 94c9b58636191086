#include "signature.h"

#include "text.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define MOST_SECONDS 300
#define BYTES 32
#define PREFIX "v0="

/* What was accepted lately: what comes a second time was recorded by somebody. */
#define REMEMBERED 4096
static unsigned char seen[REMEMBERED][BYTES];
static size_t seen_next;
static pthread_mutex_t seen_lock = PTHREAD_MUTEX_INITIALIZER;

/* "v0=" and 64 hexadecimal digits in lower case, and nothing else. */
static bool
read_signature(const char *signature, unsigned char *bytes)
{
	const char *digits = signature + strlen(PREFIX);

	if (strncmp(signature, PREFIX, strlen(PREFIX)) != 0 || strlen(digits) != 2 * BYTES ||
		strspn(digits, "0123456789abcdef") != 2 * BYTES)
		return false;
	for (size_t i = 0; i < BYTES; i++)
		bytes[i] = (unsigned char) (hex_digit(digits[2 * i]) * 16 + hex_digit(digits[2 * i + 1]));
	return true;
}

static bool
recent(const char *timestamp, time_t now)
{
	size_t length = strspn(timestamp, "0123456789");
	long long at;

	if (length == 0 || length > 12 || timestamp[length] != '\0')
		return false;
	at = strtoll(timestamp, NULL, 10);
	return at >= (long long) now - MOST_SECONDS && at <= (long long) now + MOST_SECONDS;
}

/* HMAC-SHA256 of "v0:timestamp:body" */
static bool
sign(const char *secret, const char *timestamp, const char *body, size_t length,
	 unsigned char *bytes)
{
	size_t head = strlen("v0::") + strlen(timestamp);
	unsigned char *message = need(malloc(head + length + 1));
	unsigned int size = 0;
	bool ok;

	snprintf((char *) message, head + 1, "v0:%s:", timestamp);
	memcpy(message + head, body, length);
	ok = HMAC(EVP_sha256(), secret, (int) strlen(secret), message, head + length, bytes, &size) !=
			 NULL &&
		 size == BYTES;
	free(message);
	return ok;
}

static bool
first_time(const unsigned char *bytes)
{
	bool first = true;

	pthread_mutex_lock(&seen_lock);
	for (size_t i = 0; i < REMEMBERED && first; i++)
		first = memcmp(seen[i], bytes, BYTES) != 0;
	if (first)
		memcpy(seen[seen_next++ % REMEMBERED], bytes, BYTES);
	pthread_mutex_unlock(&seen_lock);
	return first;
}

bool
signature_ok(const char *secret, const char *timestamp, const char *signature, const char *body,
			 size_t length, time_t now)
{
	unsigned char given[BYTES];
	unsigned char right[EVP_MAX_MD_SIZE];

	if (timestamp == NULL || signature == NULL || !recent(timestamp, now) ||
		!read_signature(signature, given))
		return false;
	return sign(secret, timestamp, body, length, right) &&
		   CRYPTO_memcmp(given, right, BYTES) == 0 && first_time(right);
}
