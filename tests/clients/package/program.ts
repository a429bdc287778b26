// What both TypeScript programs are told by their environment, and how they say what they found.

declare const process: { env: Record<string, string | undefined>; exitCode: number };
declare const console: { log(text: string): void; error(text: unknown): void };

export function told(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set`);
  return value;
}

export function found<T>(answer: { data?: T; error?: unknown; response?: Response }): T {
  if (answer.data === undefined) throw new Error(`${answer.response?.status}: ${JSON.stringify(answer.error)}`);
  return answer.data;
}

export function header(answer: { response?: Response }, name: string): string {
  const value = answer.response?.headers.get(name);
  if (!value) throw new Error(`no header ${name}`);
  return value;
}

export function run(program: () => Promise<unknown>): void {
  program().then(
    (result) => console.log(JSON.stringify(result)),
    (error) => {
      console.error(error);
      process.exitCode = 1;
    },
  );
}
