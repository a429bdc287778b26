// Follows the event stream of Milepost (server-sent events), and resumes it where it was after every interruption.
//
// Needs MILEPOST_PROJECTS_URL, MILEPOST_API_KEY and the path of its ledger.

import { setTimeout as pause } from "node:timers/promises";

import { ask, forever, PAUSE_MILLISECONDS } from "./asking.ts";
import { type Event, Ledger } from "./ledger.ts";

// A ping comes every 15 seconds at most: twice that without a byte, and the connection is dead.
const SILENCE_MILLISECONDS_MAX = 30_000;

const ledger = new Ledger(process.argv[2]!);

await forever(async () => {
  const silence = new AbortController();
  let alarm = setTimeout(() => silence.abort(), SILENCE_MILLISECONDS_MAX);
  try {
    const headers = { accept: "text/event-stream", "last-event-id": String(ledger.position) };
    const answer = await ask("/v1/events/stream", headers, silence.signal);
    let unread = "";
    for await (const text of answer.body!.pipeThrough(new TextDecoderStream())) {
      clearTimeout(alarm);
      alarm = setTimeout(() => silence.abort(), SILENCE_MILLISECONDS_MAX);
      const frames = (unread + text).split("\n\n");
      unread = frames.pop()!;
      for (const frame of frames) take(frame);
    }
  } finally {
    clearTimeout(alarm);
  }
  await pause(PAUSE_MILLISECONDS);
});

function take(frame: string): void {
  const fields = new Map(frame.split("\n").map((line) => [line.split(":", 1)[0], line.replace(/^[^:]*: ?/, "")]));
  const position = Number(fields.get("id"));
  if (!fields.has("id")) return;
  // A frame with a name of its own is no event: `ping` and `end` tell how far we have come.
  const events: Event[] = fields.has("event") ? [] : [JSON.parse(fields.get("data")!)];
  ledger.apply(events, position);
}
