// How Milepost is asked over HTTP, and which of its answers are final.

import { setTimeout as pause } from "node:timers/promises";

export const PAUSE_MILLISECONDS = 1_000;
// What asking again does not mend: the key is wrong or was revoked, or the position belongs to another log.
const FINAL = [401, 403, 404, 422];

/** The answer, once it is a good one; throws if the connection fails, ends the program if there never will be one. */
export async function ask(path: string, headers: Record<string, string>, signal: AbortSignal): Promise<Response> {
  const authorization = `Bearer ${process.env.MILEPOST_API_KEY}`;
  const url = `${process.env.MILEPOST_PROJECTS_URL}${path}`;
  const answer = await fetch(url, { headers: { ...headers, authorization }, signal });
  if (answer.ok) return answer;
  const said = await answer.text();
  if (FINAL.includes(answer.status)) {
    console.error(`${answer.status}: ${said}`);
    process.exit(1);
  }
  await pause(1_000 * Number(answer.headers.get("retry-after") ?? 0));
  throw new Error(`${answer.status}: ${said}`);
}

/** Do it again and again, with a pause after each failure. */
export async function forever(work: () => Promise<void>): Promise<never> {
  for (;;) {
    try {
      await work();
    } catch (error) {
      console.error(String(error));
      await pause(PAUSE_MILLISECONDS);
    }
  }
}
