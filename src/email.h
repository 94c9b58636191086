/*
 * email.h: what an e-mail address says of a person and a company.
 */
#ifndef PQL_EMAIL_H
#define PQL_EMAIL_H

/* A domain is 253 characters at most; with its end, and a byte to spare. */
#define PQL_HOST_SIZE 255

/*
 * What stands behind the last @ in its one form: lower case, A-labels, no dot at the end. The
 * length; 0 when that is no domain.
 */
extern int pql_email_host_of(const char *email, int length, char *host);

/* personal, disposable or work; NULL when it is no address. Reads pql.email_domain as it is for
 * the active snapshot, as the current user. */
extern const char *pql_email_kind_of(const char *email, int length);

/* The address without blanks around it, in lower case: as it came when it is so already. */
extern const char *pql_email_plain(const char *email, int length, int *plain_length);

/* What stands before the last @, in lower case; NULL when there is none. palloc'd. */
extern const char *pql_email_local_of(const char *email, int length, int *local_length);

/* pql.normal_email; NULL when it is no address of one mailbox. palloc'd. */
extern const char *pql_email_normal(const char *email, int length, int *normal_length);

#endif
