/*
 * compat.h: what differs between the PostgreSQL versions pql builds on. Every test of
 * PG_VERSION_NUM stands here and nowhere else.
 */
#ifndef PQL_COMPAT_H
#define PQL_COMPAT_H

#if PG_VERSION_NUM < 150000
#error "pql needs PostgreSQL 15 or later"
#endif

#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#include "common/jsonapi.h"

/* Callbacks of the JSON parser return nothing before 16, a result code from then on. */
#if PG_VERSION_NUM >= 160000
typedef JsonParseErrorType PqlJsonResult;
#define PQL_JSON_OK return JSON_SUCCESS
#else
typedef void PqlJsonResult;
#define PQL_JSON_OK return
#endif

/* The lexer's constructor: 17 lets the caller own the memory. */
static inline JsonLexContext *
pql_json_lexer(char *text, int length, int encoding)
{
#if PG_VERSION_NUM >= 170000
	return makeJsonLexContextCstringLen(NULL, text, length, encoding, true);
#else
	return makeJsonLexContextCstringLen(text, length, encoding, true);
#endif
}

#endif
