/*
 * similarity.h: how alike two words are.
 */
#ifndef PQL_SIMILARITY_H
#define PQL_SIMILARITY_H

#include "mb/pg_wchar.h"

/* Of longer words what is beyond is not looked at. */
#define PQL_MOST_LETTERS 64

typedef struct PqlWord
{
	int n;
	pg_wchar letter[FLEXIBLE_ARRAY_MEMBER];
} PqlWord;

/* A text's characters; palloc'd. */
extern PqlWord *pql_word(const char *text, int bytes);

/* Jaro-Winkler similarity, 0 to 1: 1 for the same, 0 when no letters agree or one word is empty. */
extern float8 pql_jaro_winkler_of(const PqlWord *a, const PqlWord *b);

/* Does at most one insertion, deletion, change, or swap of neighbours lie between them? */
extern bool pql_one_edit(const PqlWord *a, const PqlWord *b);

#endif
