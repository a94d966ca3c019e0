// docs/errors.md: the facts come from the catalog, the sentence about when it happens is written
// there by hand and kept. A new code gets an empty one, which a guard test refuses.
import { ERRORS, type ErrorCode } from '../src/base/error-catalog.ts';
import type { ErrorSpec } from '../src/base/error-spec.ts';

const HEAD = `# Errors

<!-- Headings, facts and hints come from src/base/error-catalog.ts by \`npm run gen\`. The first
     paragraph of each section is written here by hand. -->

Every failure has a code that never changes. The API answers with \`application/problem+json\`
(\`code\`, \`detail\`, \`hint\`); the command line prints the same, as
\`{"code", "message", "hint", "details"}\` with \`--json\`, and ends with the exit status below.
`;

/** The page for the codes there are, with the sentences of the page as it stands. */
export function renderErrorReference(page: string): string {
  const meanings = readMeanings(page);
  const sections = Object.entries<ErrorSpec>(ERRORS).map(([code, spec]) => {
    const again =
      spec.retry === 'later' ? 'may succeed later unchanged' : 'will not succeed unchanged';
    const facts = `HTTP ${spec.http} · exit status ${spec.exit} · ${again}`;
    const meaning = meanings.get(code) ?? '';
    return `## ${code}\n\n${meaning}\n\n${facts}\n\nWhat to do: ${spec.hint}\n`;
  });
  return [HEAD, ...sections].join('\n');
}

/** Codes that the page has no sentence about. */
export function findUnexplained(page: string): readonly ErrorCode[] {
  const meanings = readMeanings(page);
  const codes = Object.keys(ERRORS) as ErrorCode[];
  return codes.filter((code) => (meanings.get(code) ?? '') === '');
}

function readMeanings(page: string): ReadonlyMap<string, string> {
  const sections = page.split(/^## /m).slice(1);
  return new Map(
    sections.map((section) => {
      const [code = '', ...paragraphs] = section.split('\n\n');
      const end = paragraphs.findIndex((paragraph) => paragraph.startsWith('HTTP '));
      return [code.trim(), paragraphs.slice(0, Math.max(end, 0)).join('\n\n').trim()];
    }),
  );
}
