/*
 * value.h: JSON values (event properties, profile facts) and the comparisons of the model language.
 *
 * Values point into memory that the caller keeps: nothing is copied unless it must be aligned.
 */
#ifndef PQL_VALUE_H
#define PQL_VALUE_H

#include "utils/jsonb.h"

/* Three-valued truth: an unknown fact is neither true nor false. */
typedef enum PqlTruth
{
	PQL_FALSE = 0,
	PQL_TRUE = 1,
	PQL_UNKNOWN = 2
} PqlTruth;

static inline PqlTruth
pql_not(PqlTruth t)
{
	return t == PQL_UNKNOWN ? PQL_UNKNOWN : (t == PQL_TRUE ? PQL_FALSE : PQL_TRUE);
}

typedef enum PqlValueKind
{
	PQL_ABSENT = 0, /* missing, or JSON null */
	PQL_STRING,
	PQL_NUMBER,
	PQL_BOOL,
	PQL_ARRAY,
	PQL_OBJECT
} PqlValueKind;

typedef struct PqlValue
{
	PqlValueKind kind;
	bool truth;
	int length;       /* of data, in bytes */
	const char *data; /* string: its bytes; array, object: the container; number: see below */
	double number;    /* when data is NULL; else data is the numeric, perhaps not aligned */
} PqlValue;

typedef enum PqlOp
{
	PQL_AT_LEAST,
	PQL_AT_MOST,
	PQL_MORE_THAN,
	PQL_LESS_THAN,
	PQL_BETWEEN,
	PQL_EQUALS,
	PQL_ONE_OF,
	PQL_STARTS_WITH,
	PQL_UNDER,
	PQL_CONTAINS,
	PQL_MATCHES,
	PQL_EXISTS,
	PQL_IN_LIST
} PqlOp;

/* One comparison. Which fields are set depends on op. */
typedef struct PqlTest
{
	PqlOp op;
	double low;
	double high;
	bool exists;
	int nchoices; /* equals, one_of, starts_with, under, contains: any of these */
	PqlValue *choices;
	text *pattern;    /* matches */
	const char *list; /* in_list */
} PqlTest;

/* Entries of named lists: as far as they matter for one subject, or all of them, to be looked up.
 */
typedef struct PqlLists
{
	PqlValue object; /* {"list": ["entry", …]} or PQL_ABSENT */
	/* instead of object, when not NULL; unknown: there is no such list */
	PqlTruth (*look_up)(const void *data, const char *list, const char *value, int length);
	const void *data;
} PqlLists;

/* The root of a jsonb, read in place. Detoasts when it must; not an object: PQL_ABSENT. */
extern PqlValue pql_value_root(struct varlena *jsonb);

/* Any jsonb: what it is when it is a scalar. */
extern PqlValue pql_value_of_jsonb(struct varlena *jsonb);

/* Members of an object, and one of them. */
extern int pql_value_members(const PqlValue *object);
extern PqlValue pql_value_member(const PqlValue *object, int i, PqlValue *key);

/* The value under a key of an object; PQL_ABSENT when there is none. */
extern PqlValue pql_value_get(const PqlValue *object, const char *key, int length);

/* The same; a dotted key also reaches into nested objects, where no key is spelt so. */
extern PqlValue pql_value_path(const PqlValue *object, const char *key, int length);

/* Elements of an array. */
extern int pql_value_count(const PqlValue *array);
extern PqlValue pql_value_element(const PqlValue *array, int i);

/* A number, or a string that spells one. */
extern bool pql_value_number(const PqlValue *value, double *number);

/* What the value reads as: strings bare, numbers without trailing zeros. palloc'd unless a string.
 */
extern const char *pql_value_text(const PqlValue *value, int *length);

/*
 * An instant from an ISO 8601 string such as 2026-11-02T09:30:00.25+01, infinity or -infinity
 * (PQL_NEVER, PQL_ALWAYS). Without an offset it is UTC. False when it is not one.
 */
extern bool pql_value_instant(const PqlValue *value, int64 *instant);

extern PqlTruth pql_test(const PqlTest *test, const PqlValue *value, const PqlLists *lists);
extern PqlTruth pql_test_number(const PqlTest *test, double number);

/*
 * Our own pinned hash of a string of bytes: part of the storage format of evidence, so it never
 * changes. The server's hash functions promise nothing of the kind.
 */
extern uint64 pql_hash(const char *data, int length);

#endif
