// Reads the event feed of Milepost over HTTP, page by page, and waits there for what happens next.
//
// Needs MILEPOST_PROJECTS_URL, MILEPOST_API_KEY and the path of its ledger.

import { ask, forever } from "./asking.ts";
import { type Event, Ledger } from "./ledger.ts";

const WAIT_SECONDS = 5;

const ledger = new Ledger(process.argv[2]!);

await forever(async () => {
  const signal = AbortSignal.timeout((WAIT_SECONDS + 10) * 1_000);
  const answer = await ask(`/v1/events?after=${ledger.position}&limit=500`, { prefer: `wait=${WAIT_SECONDS}` }, signal);
  const page = (await answer.json()) as { items: Event[]; next_after: number };
  ledger.apply(page.items, page.next_after);
});
