// In place of `node:readline` in a build for the simulator.

/** The lines of a file that was opened by `createReadStream` of `fs.ts`. */
export async function* createInterface({ input }: { input: { readonly text: string } }): AsyncIterable<string> {
  const lines = input.text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  yield* lines;
}
