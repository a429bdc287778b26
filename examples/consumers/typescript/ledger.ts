// What this consumer makes of events, and how far it has come: both in one SQLite file, changed in one transaction.
//
// Here an event becomes a row. Put your own effect there; what matters is that it commits with the position.

import { DatabaseSync } from "node:sqlite";

export type Event = { position: number; id: string; type: string; data: Record<string, unknown> };

const TABLES = `
create table if not exists effects (
    number integer primary key, position integer not null unique, id text not null, type text not null
);
create table if not exists checkpoint (only_row integer primary key check (only_row = 1), position integer not null);
insert or ignore into checkpoint values (1, 0);
`;

export class Ledger {
  readonly #database: DatabaseSync;

  constructor(path: string) {
    this.#database = new DatabaseSync(path, { timeout: 10_000 });
    // A commit is on disk when it returns, so an event that was acknowledged is never needed again.
    this.#database.exec("pragma journal_mode = wal; pragma synchronous = full");
    this.#database.exec(TABLES);
  }

  /** Up to here every event meant for us has had its effect. */
  get position(): number {
    return this.#database.prepare("select position from checkpoint").get()!.position as number;
  }

  /** Give each event its effect once, however often it arrives. There was no other for us `upTo` there. */
  apply(events: Iterable<Event>, upTo = 0): void {
    this.#database.exec("begin immediate");
    try {
      let reached = this.position;
      for (const event of events) {
        if (event.position > reached) {
          this.#takeEffect(event);
          reached = event.position;
        }
      }
      this.#database.prepare("update checkpoint set position = ?").run(Math.max(reached, upTo));
      this.#database.exec("commit");
    } catch (error) {
      this.#database.exec("rollback");
      throw error;
    }
  }

  #takeEffect(event: Event): void {
    const insert = this.#database.prepare("insert into effects (position, id, type) values (?, ?, ?)");
    insert.run(event.position, event.id, event.type);
  }
}
