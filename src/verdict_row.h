/*
 * verdict_row.h: verdicts as values of SQL, the columns of pql.verdict.
 */
#ifndef PQL_VERDICT_ROW_H
#define PQL_VERDICT_ROW_H

#include "verdict.h"

#define PQL_VERDICT_COLUMNS 9
#define PQL_VERDICT_EXPLANATION 8

/* A model's names as values of SQL, made once; and the last arrays made of them, for populations
 * have few combinations. */
typedef struct PqlVerdictWords PqlVerdictWords;

/* Memory is from the current context, now and later. */
extern PqlVerdictWords *pql_verdict_words(const PqlModel *model);
extern const PqlModel *pql_verdict_words_model(const PqlVerdictWords *words);

/* All columns but the explanation, which is set to NULL. Arrays live until the next call. */
extern void pql_verdict_values(PqlVerdictWords *words, const PqlVerdict *verdict, Datum *values,
							   bool *nulls);

/* The explanation as jsonb. live: with numbers that drift with as_of. */
extern Datum pql_verdict_explained(const PqlModel *model, const PqlEvidence *evidence,
								   const PqlProfile *profile, const PqlVerdict *verdict,
								   int64 as_of, bool live);

#endif
