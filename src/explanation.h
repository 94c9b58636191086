/*
 * explanation.h: a verdict in words that add up: every signal with its value, threshold and points,
 * what excludes, the cheapest next steps, and one line for people in a hurry.
 */
#ifndef PQL_EXPLANATION_H
#define PQL_EXPLANATION_H

#include "lib/stringinfo.h"

#include "verdict.h"

/*
 * Appends the explanation, a JSON object, to out. The verdict was judged with detail.
 *
 * live: also tell numbers that drift with as_of while the verdict stays (days of silence, counts of
 * the last days). Without them an explanation stays true until next_change_at.
 */
extern void pql_explain_verdict(const PqlModel *model, const PqlEvidence *evidence,
								const PqlProfile *profile, const PqlVerdict *verdict, int64 as_of,
								bool live, StringInfo out);

#endif
