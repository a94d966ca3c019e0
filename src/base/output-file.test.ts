import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openOutput, shortenOutput } from './output-file.ts';

let folder: string;
let file: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'standby-output-'));
  file = path.join(folder, 'output.log');
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('an output file', () => {
  it('is begun anew under a program that goes on writing, its newest part kept beside it', () => {
    const output = openOutput(file);
    writeSync(output, 'old, newest');
    shortenOutput(file, 6);
    expect(readFileSync(`${file}.old`, 'utf8')).toBe('newest');
    writeSync(output, 'more');
    expect(readFileSync(file, 'utf8')).toBe('more');
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('is left alone while it is short, and when it is not there', () => {
    shortenOutput(file, 6);
    writeFileSync(file, 'short');
    shortenOutput(file, 6);
    expect(readFileSync(file, 'utf8')).toBe('short');
  });

  it('is begun anew even when nothing can be kept', () => {
    writeFileSync(file, 'too long');
    mkdirSync(`${file}.old`);
    shortenOutput(file, 6);
    expect(readFileSync(file, 'utf8')).toBe('');
  });
});
