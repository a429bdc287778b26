// Fetches events from NATS JetStream, from the durable consumer that Milepost keeps for an API key.
//
// The stream holds the latest weeks only, and what was sent to a process that died comes again a minute later, behind
// newer events. So whatever is missing, the log itself is asked for it, over HTTP.
//
// Needs MILEPOST_NATS_URL, MILEPOST_PROJECTS_URL, MILEPOST_API_KEY and the path of its ledger.

import { type Consumer, jetstream, type JsMsg } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";

import { ask, forever } from "./asking.ts";
import { type Event, Ledger } from "./ledger.ts";

const STREAM = "PROJECTS";
// Integrations reach JetStream under this prefix.
const API = "$JS.milepost.API";
const FETCH = { max_messages: 200, expires: 5_000 };
const FILL_MILLISECONDS_MAX = 15_000;

const key = process.env.MILEPOST_API_KEY!;
const durable = key.split("_")[1]!;
const ledger = new Ledger(process.argv[2]!);

await forever(async () => {
  const inboxPrefix = `_INBOX_${durable}`;
  const connection = await connect({ servers: process.env.MILEPOST_NATS_URL!, token: key, inboxPrefix, reconnect: false });
  try {
    await consume(await jetstream(connection, { apiPrefix: API }).consumers.get(STREAM, durable));
  } finally {
    await connection.close();
  }
});

/** Until the connection fails or the key opens nothing any more. */
async function consume(consumer: Consumer): Promise<void> {
  const { delivered } = await consumer.info();
  await fill(delivered.stream_seq);
  let deliveries = delivered.consumer_seq;
  for (;;) {
    const messages: JsMsg[] = [];
    for await (const message of await consumer.fetch(FETCH)) messages.push(message);
    for (const { info } of messages) {
      // Deliveries are counted: what we did not get, somebody else got, or nobody.
      if (info.deliverySequence !== deliveries + 1) await fill(info.streamSequence - 1);
      deliveries = info.deliverySequence;
    }
    ledger.apply(messages.map((message) => message.json<Event>()));
    for (const message of messages) message.ack();
  }
}

/** Everything up to a position has had its effect, wherever it came from. */
async function fill(position: number): Promise<void> {
  while (ledger.position < position) {
    const signal = AbortSignal.timeout(FILL_MILLISECONDS_MAX);
    const answer = await ask(`/v1/events?after=${ledger.position}&limit=500`, {}, signal);
    const page = (await answer.json()) as { items: Event[]; next_after: number };
    ledger.apply(page.items, page.next_after);
  }
}
