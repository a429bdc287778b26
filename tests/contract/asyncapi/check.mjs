// Reads an AsyncAPI document from standard input and prints what its parser has to say, as JSON.
import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";

const { document, diagnostics } = await new Parser().parse(readFileSync(0, "utf8"));
const said = diagnostics.map(({ severity, path, message }) => ({ severity, path: path.join("."), message }));
console.log(JSON.stringify({ messages: document?.messages().length ?? 0, diagnostics: said }));
