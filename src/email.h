/*
 * email.h: what an e-mail address says of a person and a company.
 */
#ifndef PQL_EMAIL_H
#define PQL_EMAIL_H

/* What stands behind the last @, in lower case; NULL when it is no address. palloc'd. */
extern const char *pql_email_domain(const char *email, int length, int *domain_length);

/* The address without blanks around it, in lower case: as it came when it is so already. */
extern const char *pql_email_plain(const char *email, int length, int *plain_length);

#endif
