/*
 * signature.h
 *		Is a request from Slack? Its signature of version v0, and that it is new.
 */
#ifndef RELAY_SIGNATURE_H
#define RELAY_SIGNATURE_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

/*
 * timestamp and signature are the headers X-Slack-Request-Timestamp and X-Slack-Signature, either
 * of which may be NULL. True once for each signature that is right and at most five minutes old.
 */
extern bool signature_ok(const char *secret, const char *timestamp, const char *signature,
						 const char *body, size_t length, time_t now);

#endif
