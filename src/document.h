/*
 * document.h: a JSON document as a tree that remembers how it was written, and the list of what is
 * wrong with it. Models are read from it.
 */
#ifndef PQL_DOCUMENT_H
#define PQL_DOCUMENT_H

#include "nodes/pg_list.h"
#include "utils/jsonb.h"

#define PQL_DOCUMENT_MAX_BYTES (1024 * 1024)
#define PQL_DOCUMENT_MAX_DEPTH 32

typedef enum PqlJsonKind
{
	PQL_JSON_NULL,
	PQL_JSON_BOOL,
	PQL_JSON_NUMBER,
	PQL_JSON_STRING,
	PQL_JSON_ARRAY,
	PQL_JSON_OBJECT
} PqlJsonKind;

typedef struct PqlJson
{
	PqlJsonKind kind;
	bool truth;    /* bool */
	double number; /* number */
	char *string;  /* string: its characters; number: as written */
	int n;         /* array, object: entries */
	int size;
	char **keys; /* object */
	struct PqlJson **items;
} PqlJson;

typedef struct PqlProblem
{
	char *path;    /* $.signals[2].at_least */
	char *message; /* what is wrong, naming the value */
	char *detail;  /* why, or NULL */
	char *hint;    /* the mend, or NULL */
	int sqlstate;
} PqlProblem;

typedef struct PqlProblems
{
	List *list; /* of PqlProblem, in the order of the document */
} PqlProblems;

/* Parses text; on a syntax error notes the problem and returns NULL. Duplicate keys are problems.
 */
extern PqlJson *pql_document_parse(const char *text, int length, PqlProblems *problems);

/* The same tree from a jsonb (whose arrays keep their order and whose keys are unique already). */
extern PqlJson *pql_document_from_jsonb(Jsonb *jsonb, PqlProblems *problems);

/* Canonical text: two blanks of indentation, short objects on one line. */
extern char *pql_document_text(const PqlJson *json);

extern PqlJson *pql_json_get(const PqlJson *object, const char *key);
extern const char *pql_json_kind_name(const PqlJson *json);
/* The value on one line, shortened to what an error message can carry. */
extern char *pql_json_brief(const PqlJson *json);

extern void pql_problem(PqlProblems *problems, const char *path, char *message, char *detail,
						char *hint);

/* Raises the first problem as an ERROR that says how many more there are; returns when there is
 * none. */
extern void pql_problems_raise(const PqlProblems *problems);

/* The word of the list nearest to a misspelt one, or NULL when none is near. */
extern const char *pql_nearest(const char *word, const char *const *words, int n);
/* "Did you mean …?", or the whole list of what would be allowed. */
extern char *pql_suggest(const char *word, const char *const *words, int n);

#endif
