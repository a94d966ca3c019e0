// Reads standby.yaml: its YAML, its shape, its sense. All that is wrong is told at once, as far as
// it can be known: without YAML there is no shape, without shape no sense.
import { toManifest } from './canonical.ts';
import type { TemplateFile } from './sense/agent.ts';
import { checkSense } from './sense.ts';
import {
  manifestInvalid,
  MAX_ISSUES,
  renderPath,
  sortIssues,
  type Finding,
  type ManifestIssue,
} from './issue.ts';
import type { Manifest } from './schema.ts';
import { checkShape } from './shape.ts';
import { checkStorable } from './storable.ts';
import { manifestSource, TEXT_PATTERNS } from './source.ts';
import { readYaml, type YamlText } from './yaml.ts';

export type ParsedManifest =
  | { readonly kind: 'valid'; readonly manifest: Manifest }
  /** In the order of the text, never empty. */
  | { readonly kind: 'invalid'; readonly issues: readonly ManifestIssue[] };

/**
 * The canonical manifest, or everything that is wrong with the text. With `files`, those of the
 * template's folder, the files that the manifest names are looked for among them.
 */
export function parseManifest(text: string, files?: readonly TemplateFile[]): ParsedManifest {
  const read = readYaml(text, TEXT_PATTERNS);
  if (read.kind === 'invalid') return { kind: 'invalid', issues: sortIssues(read.issues) };
  const { yaml } = read;
  const unstorable = checkStorable(yaml.value);
  if (unstorable.length > 0) return invalid(yaml, unstorable);
  const shaped = checkShape(manifestSource, yaml.value);
  if (shaped.kind === 'misfits') return invalid(yaml, shaped.findings);
  const manifest = toManifest(shaped.value);
  const findings = checkSense(manifest, files);
  return findings.length === 0 && yaml.issues.length === 0
    ? { kind: 'valid', manifest }
    : invalid(yaml, findings);
}

/** The same for who has no use for an invalid one: throws MANIFEST_INVALID with the issues. */
export function requireManifest(text: string, files: readonly TemplateFile[]): Manifest {
  const parsed = parseManifest(text, files);
  if (parsed.kind === 'invalid') throw manifestInvalid(parsed.issues);
  return parsed.manifest;
}

function invalid(yaml: YamlText, findings: readonly Finding[]): ParsedManifest {
  const placed = findings.slice(0, MAX_ISSUES).map((finding) => place(yaml, finding));
  const issues = [...yaml.issues, ...placed];
  return { kind: 'invalid', issues: sortIssues(issues) };
}

function place(yaml: YamlText, { code, message, hint, path, at }: Finding): ManifestIssue {
  return { code, message, hint, path: renderPath(path), ...yaml.locate(path, at) };
}
