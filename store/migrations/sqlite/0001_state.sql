-- Times are microseconds since 1970, 0 is none. Lists are texts with a NUL between them. What may hold any byte is BLOB.
CREATE TABLE users (
	name TEXT NOT NULL PRIMARY KEY,
	hash TEXT NOT NULL,
	member_of BLOB NOT NULL,
	disabled INTEGER NOT NULL,
	created INTEGER NOT NULL,
	changed INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
	digest BLOB NOT NULL PRIMARY KEY,
	subject TEXT NOT NULL,
	member_of BLOB NOT NULL,
	method TEXT NOT NULL,
	created INTEGER NOT NULL,
	seen INTEGER NOT NULL,
	expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_subject ON sessions (subject);
CREATE INDEX sessions_expires ON sessions (expires);

CREATE TABLE tokens (
	id TEXT NOT NULL PRIMARY KEY,
	digest BLOB NOT NULL,
	subject TEXT NOT NULL,
	member_of BLOB NOT NULL,
	label TEXT NOT NULL,
	rights BLOB NOT NULL,
	only_on BLOB NOT NULL,
	created INTEGER NOT NULL,
	expires INTEGER NOT NULL,
	used INTEGER NOT NULL,
	revoked INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX tokens_subject ON tokens (subject);

CREATE TABLE links (
	key_id TEXT NOT NULL,
	id TEXT NOT NULL,
	issuer TEXT NOT NULL,
	path BLOB NOT NULL,
	dir INTEGER NOT NULL,
	meant_for TEXT NOT NULL,
	created INTEGER NOT NULL,
	expires INTEGER NOT NULL,
	uses INTEGER NOT NULL,
	used INTEGER NOT NULL,
	hash TEXT NOT NULL,
	revoked INTEGER NOT NULL,
	PRIMARY KEY (key_id, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX links_issuer ON links (issuer);
CREATE INDEX links_expires ON links (expires);
CREATE INDEX links_revoked ON links (expires) WHERE revoked;

-- Who used a link, as a SHA-256, and since when: for as long as they may go on with it.
CREATE TABLE link_uses (
	key_id TEXT NOT NULL,
	id TEXT NOT NULL,
	who BLOB NOT NULL,
	since INTEGER NOT NULL,
	PRIMARY KEY (key_id, id, who)
) STRICT, WITHOUT ROWID;
CREATE INDEX link_uses_since ON link_uses (since);

-- Failed attempts, by the SHA-256 of what they are counted by: people type passwords where names belong.
CREATE TABLE failures (
	who BLOB NOT NULL PRIMARY KEY,
	count INTEGER NOT NULL,
	last INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX failures_last ON failures (last);

-- Replicas ask these whether something changed.
CREATE TABLE generations (
	topic TEXT NOT NULL PRIMARY KEY,
	n INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO generations (topic, n) VALUES ('users', 1), ('sessions', 1), ('tokens', 1), ('links', 1);
