/* SPDX-License-Identifier: Apache-2.0 */

/*
 * print_sql.c: counter, log, view, triggers and role.
 *
 * A statement's changes are written by a trigger for the statement; they get
 * their number at commit, by a deferred trigger.  The counter's row is locked
 * from there to the end of the commit: numbers have no gaps and are in the
 * order of commits, also for readers of a standby, and nobody waits for it
 * while holding locks that others want.
 */

#include "print_sql.h"

#include <string.h>

/* Printed with @name@, @table@, @func@, @host@, @entry@ and @where@ in it. */
typedef struct words {
    const follow_table *table;
    const char *name, *where;
} words;

static const char setup[] =
    "-- Hosts @name@ of the table @table@, for hostmap follow.\n"
    "-- Read it, then apply it as the owner of the table: psql -1 -f FILE.\n"
    "BEGIN;\n"
    "CREATE SCHEMA IF NOT EXISTS switchboard;\n"
    "CREATE TABLE IF NOT EXISTS switchboard.@name@_counter (\n"
    "    one boolean PRIMARY KEY DEFAULT true CHECK (one),\n"
    "    seq bigint NOT NULL) WITH (fillfactor = 10);\n"
    "CREATE TABLE IF NOT EXISTS switchboard.@name@_log (\n"
    "    seq bigint PRIMARY KEY, tx bigint NOT NULL,\n"
    "    at timestamptz NOT NULL DEFAULT clock_timestamp(),\n"
    "    hosts text[] NOT NULL, entries text[] NOT NULL);\n"
    "CREATE TABLE IF NOT EXISTS switchboard.@name@_pending (\n"
    "    hosts text[] NOT NULL, entries text[] NOT NULL);\n"
    "CREATE TABLE IF NOT EXISTS switchboard.@name@_sources (\n"
    "    source text PRIMARY KEY, definition text NOT NULL);\n"
    "INSERT INTO switchboard.@name@_counter (seq) VALUES (1)\n"
    "    ON CONFLICT DO NOTHING;\n"
    "INSERT INTO switchboard.@name@_log (seq, tx, hosts, entries)\n"
    "    SELECT 1, txid_current(), '{}', '{}'\n"
    "    WHERE NOT EXISTS (SELECT FROM switchboard.@name@_log);\n"
    "\n"
    "-- at commit: the number\n"
    "CREATE OR REPLACE FUNCTION switchboard.@name@_number()\n"
    "RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER\n"
    "SET search_path = pg_catalog, pg_temp AS $switchboard$\n"
    "DECLARE n bigint;\n"
    "BEGIN\n"
    "    UPDATE switchboard.@name@_counter SET seq = seq + 1\n"
    "        RETURNING seq INTO n;\n"
    "    INSERT INTO switchboard.@name@_log (seq, tx, hosts, entries)\n"
    "        VALUES (n, txid_current(), NEW.hosts, NEW.entries);\n"
    "    DELETE FROM switchboard.@name@_pending WHERE ctid = NEW.ctid;\n"
    "    RETURN NULL;\n"
    "END $switchboard$;\n"
    "DROP TRIGGER IF EXISTS number ON switchboard.@name@_pending;\n"
    "CREATE CONSTRAINT TRIGGER number AFTER INSERT\n"
    "    ON switchboard.@name@_pending DEFERRABLE INITIALLY DEFERRED\n"
    "    FOR EACH ROW EXECUTE FUNCTION switchboard.@name@_number();\n"
    "\n"
    "-- after a statement: what it changed\n"
    "CREATE OR REPLACE FUNCTION switchboard.@func@()\n"
    "RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER\n"
    "SET search_path = public, pg_temp AS $switchboard$\n"
    "DECLARE h text[]; e text[];\n"
    "BEGIN\n"
    "    IF TG_OP = 'INSERT' THEN\n"
    "        SELECT array_agg(host), array_agg(entry) INTO h, e FROM (\n"
    "            SELECT (@host@)::text AS host, (@entry@)::text AS entry\n"
    "            FROM new_rows WHERE (@where@)) n\n"
    "        WHERE host IS NOT NULL AND entry IS NOT NULL;\n"
    "    ELSIF TG_OP = 'UPDATE' THEN\n"
    "        WITH o AS MATERIALIZED (\n"
    "            SELECT (@host@)::text AS host, (@entry@)::text AS entry\n"
    "            FROM old_rows WHERE (@where@)),\n"
    "        n AS MATERIALIZED (\n"
    "            SELECT (@host@)::text AS host, (@entry@)::text AS entry\n"
    "            FROM new_rows WHERE (@where@)),\n"
    "        c AS (\n"
    "            SELECT host, NULL AS entry FROM o WHERE host IS NOT NULL\n"
    "            AND entry IS NOT NULL AND NOT EXISTS (SELECT FROM n\n"
    "                WHERE n.host = o.host AND n.entry IS NOT NULL)\n"
    "            UNION ALL\n"
    "            SELECT host, entry FROM n WHERE host IS NOT NULL\n"
    "            AND entry IS NOT NULL AND NOT EXISTS (SELECT FROM o\n"
    "                WHERE o.host = n.host AND o.entry = n.entry))\n"
    "        SELECT array_agg(host), array_agg(entry) INTO h, e FROM c;\n"
    "    ELSIF TG_OP = 'DELETE' THEN\n"
    "        SELECT array_agg(host), array_agg(NULL::text) INTO h, e FROM (\n"
    "            SELECT (@host@)::text AS host, (@entry@)::text AS entry\n"
    "            FROM old_rows WHERE (@where@)) o\n"
    "        WHERE host IS NOT NULL AND entry IS NOT NULL;\n"
    "    ELSE\n"
    "        SELECT array_agg(host), array_agg(NULL::text) INTO h, e FROM (\n"
    "            SELECT (@host@)::text AS host, (@entry@)::text AS entry\n"
    "            FROM @table@ WHERE (@where@)) o\n"
    "        WHERE host IS NOT NULL AND entry IS NOT NULL;\n"
    "    END IF;\n"
    "    IF h IS NOT NULL THEN\n"
    "        INSERT INTO switchboard.@name@_pending VALUES (h, e);\n"
    "    END IF;\n"
    "    RETURN NULL;\n"
    "END $switchboard$;\n"
    "DROP TRIGGER IF EXISTS switchboard_@name@_insert ON @table@;\n"
    "DROP TRIGGER IF EXISTS switchboard_@name@_update ON @table@;\n"
    "DROP TRIGGER IF EXISTS switchboard_@name@_delete ON @table@;\n"
    "DROP TRIGGER IF EXISTS switchboard_@name@_truncate ON @table@;\n"
    "CREATE TRIGGER switchboard_@name@_insert AFTER INSERT ON @table@\n"
    "    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT\n"
    "    EXECUTE FUNCTION switchboard.@func@();\n"
    "CREATE TRIGGER switchboard_@name@_update AFTER UPDATE ON @table@\n"
    "    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows\n"
    "    FOR EACH STATEMENT EXECUTE FUNCTION switchboard.@func@();\n"
    "CREATE TRIGGER switchboard_@name@_delete AFTER DELETE ON @table@\n"
    "    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT\n"
    "    EXECUTE FUNCTION switchboard.@func@();\n"
    "CREATE TRIGGER switchboard_@name@_truncate BEFORE TRUNCATE ON @table@\n"
    "    FOR EACH STATEMENT EXECUTE FUNCTION switchboard.@func@();\n"
    "\n"
    "-- all hosts, of this table and of others with this name\n"
    "INSERT INTO switchboard.@name@_sources VALUES ('@table@',\n"
    "    $switchboard$SELECT host, entry FROM (SELECT (@host@)::text AS host,\n"
    "    (@entry@)::text AS entry FROM @table@ WHERE (@where@)) s\n"
    "    WHERE host IS NOT NULL AND entry IS NOT NULL$switchboard$)\n"
    "    ON CONFLICT (source) DO UPDATE SET definition = "
    "EXCLUDED.definition;\n"
    "DO $switchboard$ BEGIN\n"
    "    EXECUTE (SELECT 'CREATE OR REPLACE VIEW switchboard.@name@_entries "
    "AS '\n"
    "        || string_agg(definition, ' UNION ALL ' ORDER BY source)\n"
    "        FROM switchboard.@name@_sources);\n"
    "END $switchboard$;\n"
    "-- existing followers learn of the existing rows\n"
    "INSERT INTO switchboard.@name@_pending\n"
    "    SELECT array_agg(host), array_agg(entry) FROM (\n"
    "        SELECT (@host@)::text AS host, (@entry@)::text AS entry\n"
    "        FROM @table@ WHERE (@where@)) s\n"
    "    WHERE host IS NOT NULL AND entry IS NOT NULL\n"
    "    HAVING count(*) > 0;\n"
    "\n"
    "-- the followers' role; its password: \\password switchboard_follow\n"
    "DO $switchboard$ BEGIN\n"
    "    CREATE ROLE switchboard_follow LOGIN;\n"
    "EXCEPTION WHEN duplicate_object THEN NULL;\n"
    "END $switchboard$;\n"
    "REVOKE ALL ON ALL TABLES IN SCHEMA switchboard FROM PUBLIC;\n"
    "GRANT USAGE ON SCHEMA switchboard TO switchboard_follow;\n"
    "GRANT SELECT ON switchboard.@name@_log, switchboard.@name@_entries\n"
    "    TO switchboard_follow;\n"
    "COMMIT;\n"
    "\n"
    "-- each night: a follower that was away for longer takes a snapshot\n"
    "-- DELETE FROM switchboard.@name@_log\n"
    "--     WHERE at < now() - '7 days'::interval\n"
    "--     AND seq < (SELECT seq FROM switchboard.@name@_counter);\n";

static const char take_away[] =
    "-- Takes away what hostmap follow --print-sql made for @table@.\n"
    "BEGIN;\n"
    "DROP TRIGGER IF EXISTS switchboard_@name@_insert ON @table@;\n"
    "DROP TRIGGER IF EXISTS switchboard_@name@_update ON @table@;\n"
    "DROP TRIGGER IF EXISTS switchboard_@name@_delete ON @table@;\n"
    "DROP TRIGGER IF EXISTS switchboard_@name@_truncate ON @table@;\n"
    "DROP FUNCTION IF EXISTS switchboard.@func@();\n"
    "DROP TABLE IF EXISTS switchboard.@name@_sources CASCADE;\n"
    "DROP VIEW IF EXISTS switchboard.@name@_entries;\n"
    "DROP TABLE IF EXISTS switchboard.@name@_pending;\n"
    "DROP FUNCTION IF EXISTS switchboard.@name@_number();\n"
    "DROP TABLE IF EXISTS switchboard.@name@_log;\n"
    "DROP TABLE IF EXISTS switchboard.@name@_counter;\n"
    "COMMIT;\n"
    "-- of the other tables of this name only the triggers and functions are\n"
    "-- left: print for each of them, or print their SQL again.  The role:\n"
    "-- DROP OWNED BY switchboard_follow; DROP ROLE switchboard_follow;\n";

static void print_str(FILE *to, hostmap_str text)
{
    fwrite(text.ptr, 1, text.len, to);
}

/* @return the length of the word with its signs; 0: it is none of ours */
static size_t print_word(FILE *to, const words *w, const char *at)
{
    if (strncmp(at, "@name@", 6) == 0) {
        fputs(w->name, to);
        return 6;
    }
    if (strncmp(at, "@table@", 7) == 0) {
        print_str(to, w->table->table);
        return 7;
    }
    if (strncmp(at, "@func@", 6) == 0) {
        fprintf(to, "%s_of_", w->name);
        print_str(to, w->table->name);
        return 6;
    }
    if (strncmp(at, "@host@", 6) == 0) {
        print_str(to, w->table->host);
        return 6;
    }
    if (strncmp(at, "@entry@", 7) == 0) {
        print_str(to, w->table->entry);
        return 7;
    }
    if (strncmp(at, "@where@", 7) == 0) {
        fputs(w->where, to);
        return 7;
    }

    return 0;
}

static void print_all(FILE *to, const words *w, const char *text)
{
    while (*text) {
        size_t len = *text == '@' ? print_word(to, w, text) : 0;

        if (len == 0) {
            putc(*text, to);
            len = 1;
        }
        text += len;
    }
}

void follow_print_sql(FILE *to, const follow_table *table, const char *name,
                      const char *where)
{
    words w = { table, name, where ? where : "true" };

    print_all(to, &w, setup);
}

void follow_print_remove(FILE *to, const follow_table *table,
                         const char *name)
{
    words w = { table, name, "true" };

    print_all(to, &w, take_away);
}
