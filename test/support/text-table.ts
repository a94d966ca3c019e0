// Test cases as a table that reads like one: a line a case, its cells between bars.

/** The rows below the first line, which names the columns; empty lines and those with # are skipped. */
export function readTable(text: string): readonly (readonly string[])[] {
  const lines = text.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'));
  const [heads = [], ...rows] = lines.map((line) => line.split(' | ').map((cell) => cell.trim()));
  for (const row of rows) {
    if (row.length !== heads.length)
      throw new Error(`not ${heads.length} cells: ${row.join(' | ')}`);
  }
  return rows.map((row) => row.map(expand));
}

/** The words of a cell; one in double quotes is read as JSON, so that it may hold anything. */
export function wordsOf(cell: string): readonly string[] {
  return (cell.match(/"(?:[^"\\]|\\.)*"|\S+/g) ?? []).map((word) =>
    word.startsWith('"') ? (JSON.parse(word) as string) : word,
  );
}

/** `<300>` stands for 300 letters. */
function expand(cell: string): string {
  return cell.replace(/<(\d+)>/g, (_match, count: string) => 'x'.repeat(Number(count)));
}
