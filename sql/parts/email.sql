-- E-mail: whose address is a person's own, and whose a company's.

CREATE TABLE pql.email_domain (
	domain text PRIMARY KEY,
	kind text NOT NULL CHECK (kind IN ('personal', 'disposable')),
	source text NOT NULL DEFAULT 'own'
);
COMMENT ON TABLE pql.email_domain IS 'Domains whose addresses never tell a company. Add your own; everything else is work.';
COMMENT ON COLUMN pql.email_domain.kind IS 'personal: a mailbox provider for private people. disposable: addresses to throw away.';
COMMENT ON COLUMN pql.email_domain.source IS 'reviewed: a short list that came with pql. own: added here.';
SELECT pg_catalog.pg_extension_config_dump('pql.email_domain', 'WHERE source <> ''reviewed''');

INSERT INTO pql.email_domain (domain, kind, source)
SELECT d, 'personal', 'reviewed' FROM unnest(ARRAY[
	'gmail.com', 'googlemail.com', 'outlook.com', 'hotmail.com', 'hotmail.co.uk', 'hotmail.fr', 'hotmail.de',
	'live.com', 'live.co.uk', 'msn.com', 'yahoo.com', 'yahoo.co.uk', 'yahoo.co.in', 'yahoo.de', 'yahoo.fr',
	'yahoo.co.jp', 'ymail.com', 'rocketmail.com', 'aol.com', 'icloud.com', 'me.com', 'mac.com',
	'proton.me', 'protonmail.com', 'pm.me', 'gmx.de', 'gmx.net', 'gmx.com', 'gmx.at', 'gmx.ch', 'web.de',
	't-online.de', 'freenet.de', 'mail.ru', 'yandex.ru', 'yandex.com', 'qq.com', '163.com', '126.com',
	'naver.com', 'daum.net', 'hanmail.net', 'orange.fr', 'wanadoo.fr', 'free.fr', 'laposte.net', 'libero.it',
	'virgilio.it', 'btinternet.com', 'sky.com', 'comcast.net', 'verizon.net', 'att.net', 'sbcglobal.net',
	'fastmail.com', 'hey.com', 'zoho.com', 'mail.com', 'tutanota.com', 'rediffmail.com', 'uol.com.br',
	'bol.com.br', 'seznam.cz', 'wp.pl', 'o2.pl', 'interia.pl', 'bluewin.ch', 'telenet.be', 'ziggo.nl']) d
UNION ALL
SELECT d, 'disposable', 'reviewed' FROM unnest(ARRAY[
	'mailinator.com', 'guerrillamail.com', '10minutemail.com', 'yopmail.com', 'trashmail.com',
	'temp-mail.org', 'sharklasers.com', 'dispostable.com', 'getnada.com', 'maildrop.cc']) d;

CREATE FUNCTION pql.email_host(email text) RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pql_email_host';
COMMENT ON FUNCTION pql.email_host(text) IS 'What stands behind the last @, in lower case; NULL when it is no address.';

CREATE FUNCTION pql.email_kind(email text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT CASE WHEN pql.email_host(email) IS NOT NULL THEN
		coalesce((SELECT d.kind FROM pql.email_domain d WHERE d.domain = pql.email_host(email)), 'work') END;
END;
COMMENT ON FUNCTION pql.email_kind(text) IS 'personal, disposable or work, by the domain; NULL when it is no address.';
