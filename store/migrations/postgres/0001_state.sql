-- Times are microseconds since 1970, 0 is none. Lists are texts with a NUL between them. What may hold any byte is BYTEA.
CREATE TABLE users (
	name TEXT COLLATE "C" NOT NULL PRIMARY KEY,
	hash TEXT NOT NULL,
	member_of BYTEA NOT NULL,
	disabled BOOLEAN NOT NULL,
	created BIGINT NOT NULL,
	changed BIGINT NOT NULL
);

CREATE TABLE sessions (
	digest BYTEA NOT NULL PRIMARY KEY,
	subject TEXT COLLATE "C" NOT NULL,
	member_of BYTEA NOT NULL,
	method TEXT NOT NULL,
	created BIGINT NOT NULL,
	seen BIGINT NOT NULL,
	expires BIGINT NOT NULL
);
CREATE INDEX sessions_subject ON sessions (subject);
CREATE INDEX sessions_expires ON sessions (expires);

CREATE TABLE tokens (
	id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
	digest BYTEA NOT NULL,
	subject TEXT COLLATE "C" NOT NULL,
	member_of BYTEA NOT NULL,
	label TEXT NOT NULL,
	rights BYTEA NOT NULL,
	only_on BYTEA NOT NULL,
	created BIGINT NOT NULL,
	expires BIGINT NOT NULL,
	used BIGINT NOT NULL,
	revoked BOOLEAN NOT NULL
);
CREATE INDEX tokens_subject ON tokens (subject);

CREATE TABLE links (
	key_id TEXT COLLATE "C" NOT NULL,
	id TEXT COLLATE "C" NOT NULL,
	issuer TEXT COLLATE "C" NOT NULL,
	path BYTEA NOT NULL,
	dir BOOLEAN NOT NULL,
	meant_for TEXT NOT NULL,
	created BIGINT NOT NULL,
	expires BIGINT NOT NULL,
	uses BIGINT NOT NULL,
	used BIGINT NOT NULL,
	hash TEXT NOT NULL,
	revoked BOOLEAN NOT NULL,
	PRIMARY KEY (key_id, id)
);
CREATE INDEX links_issuer ON links (issuer);
CREATE INDEX links_expires ON links (expires);
CREATE INDEX links_revoked ON links (expires) WHERE revoked;

-- Who used a link, as a SHA-256, and since when: for as long as they may go on with it.
CREATE TABLE link_uses (
	key_id TEXT COLLATE "C" NOT NULL,
	id TEXT COLLATE "C" NOT NULL,
	who BYTEA NOT NULL,
	since BIGINT NOT NULL,
	PRIMARY KEY (key_id, id, who)
);
CREATE INDEX link_uses_since ON link_uses (since);

-- Failed attempts, by the SHA-256 of what they are counted by: people type passwords where names belong.
CREATE TABLE failures (
	who BYTEA NOT NULL PRIMARY KEY,
	count BIGINT NOT NULL,
	last BIGINT NOT NULL
);
CREATE INDEX failures_last ON failures (last);

-- Replicas ask these whether something changed.
CREATE TABLE generations (
	topic TEXT COLLATE "C" NOT NULL PRIMARY KEY,
	n BIGINT NOT NULL
);
INSERT INTO generations (topic, n) VALUES ('users', 1), ('sessions', 1), ('tokens', 1), ('links', 1);
