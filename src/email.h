/*
 * email.h: what an e-mail address says of a person and a company.
 */
#ifndef PQL_EMAIL_H
#define PQL_EMAIL_H

/* personal, disposable or work; NULL when it is no address. Reads pql.email_domain as it is for
 * the active snapshot, as the current user. */
extern const char *pql_email_kind_of(const char *email, int length);

#endif
